package evtx_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/ingest/evtx"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// outcome is what reading a file gave.
type outcome struct {
	records map[int64]string
	order   []int64
	refused []string
	err     error
}

func read(t testing.TB, file []byte) outcome {
	t.Helper()
	o := outcome{records: map[int64]string{}}
	o.err = evtx.Read(bytes.NewReader(file), int64(len(file)), func(n int64, record []byte) error {
		if !json.Valid(record) {
			t.Fatalf("record %d is not JSON: %s", n, record)
		}
		if _, twice := o.records[n]; twice {
			t.Fatalf("record number %d twice", n)
		}
		o.records[n] = string(record)
		o.order = append(o.order, n)
		return nil
	}, func(n int64, code, message string) {
		if code == "" || message == "" {
			t.Fatalf("refusal without code or message: %q %q", code, message)
		}
		o.refused = append(o.refused, fmt.Sprintf("%d %s: %s", n, code, message))
	})
	return o
}

// eventTemplate is an event with six values: id, computer, process id, image, elevated, extra element.
func eventTemplate() *template {
	return &template{root: xmlNode{name: "Event", attrs: [][2]string{{"xmlns", "http://schemas.example/event"}}, children: []xmlNode{
		el("System",
			xmlNode{name: "Provider", attrs: [][2]string{{"Name", "Acme-Sensor"}, {"Guid", "%5"}}},
			el("EventID", sub(0)),
			xmlNode{name: "TimeCreated", attrs: [][2]string{{"SystemTime", "%4"}}},
			el("Computer", sub(1)),
			xmlNode{name: "Security", attrs: [][2]string{{"UserID", "%6"}}},
		),
		el("EventData", data("ProcessId", sub(2)), data("Image", sub(3)), data("Elevated", sub(7)), data("Status", sub(8)), data("Nothing", sub(9)), data("Words", sub(10))),
	}}}
}

var (
	when  = val{0x11, binary.LittleEndian.AppendUint64(nil, 133_500_000_001_234_567)}
	guid  = val{0x0f, []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}}
	sid   = val{0x13, []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}}
	null  = val{0x00, nil}
	words = val{0x81, append(utf16le("one\x00zwei\x00"), 0, 0)}
)

func event(b *builder, t *template, id uint16, image string) int {
	return b.record(func() {
		b.use(t, u16val(id), str("ws1.example"), hex64(0x1a2c), str(image), when, guid, sid, boolVal(1), hex32(0xc000006d), null, words)
	})
}

const wantFirst = `{"Event":{"System":{"Provider":{"#attributes":{"Name":"Acme-Sensor","Guid":"{00112233-4455-6677-8899-aabbccddeeff}"}},"EventID":4711,` +
	`"TimeCreated":{"#attributes":{"SystemTime":"2024-01-17T21:20:00.1234567Z"}},"Computer":"ws1.example","Security":{"#attributes":{"UserID":"S-1-5-32-544"}}},` +
	`"EventData":{"ProcessId":"0x1a2c","Image":"C:\\ä\"😀.exe","Elevated":true,"Status":"0xc000006d","Nothing":null,"Words":["one","zwei"]}}}`

func TestReadRendersValuesLikeWindows(t *testing.T) {
	b := newBuilder()
	tpl := eventTemplate()
	event(b, tpl, 4711, `C:\ä"😀.exe`)
	event(b, tpl, 4712, `C:\b.exe`)
	o := read(t, b.file())
	if o.err != nil || len(o.refused) > 0 {
		t.Fatal(o.err, o.refused)
	}
	if diff := cmp.Diff(wantFirst, o.records[1]); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(o.records[2], `"EventID":4712`) || !strings.Contains(o.records[2], `C:\\b.exe`) {
		t.Errorf("second record, by the template of the first: %s", o.records[2])
	}
}

func TestReadInlineRecords(t *testing.T) {
	for _, dependency := range []bool{true, false} {
		b := newBuilder()
		b.record(func() {
			b.fragment(el("Event",
				el("System", xmlNode{name: "Provider", attrs: [][2]string{{"Name", "Acme"}}}, el("EventID", txt("7")), el("Channel", txt("Forwarded"))),
				el("EventData", data("A", txt("x & y")), data("A", txt("again")), el("Data", txt("unnamed")), el("Data", txt("second"))),
				el("UserData", el("Own", el("Leaf", txt("1")), el("Leaf", txt("2"))))), dependency)
		})
		o := read(t, b.file())
		want := `{"Event":{"System":{"Provider":{"#attributes":{"Name":"Acme"}},"EventID":"7","Channel":"Forwarded"},` +
			`"EventData":{"A":["x & y","again"],"Data":["unnamed","second"]},"UserData":{"Own":{"Leaf":["1","2"]}}}}`
		if o.err != nil || o.records[1] != want {
			t.Errorf("dependency ids %v: %v %v\ngot  %s\nwant %s", dependency, o.err, o.refused, o.records[1], want)
		}
	}
}

func TestReadNestedFragment(t *testing.T) {
	b := newBuilder()
	// The inner fragment is written where the value data will stand, so its own offsets are right.
	outer := &template{root: el("Event", el("UserData", sub(0)))}
	b.record(func() {
		b.use(outer, val{0x21, nil})
		// Replace the empty value by a fragment that follows: size in the descriptor, data behind it.
		at := b.pos() - 1 - 4
		b.chunk = b.chunk[:b.pos()-1]
		from := b.pos()
		b.fragment(el("Inner", el("Code", txt("5"))), true)
		binary.LittleEndian.PutUint16(b.chunk[at:], uint16(b.pos()-from))
		b.u8(0)
	})
	o := read(t, b.file())
	if want := `{"Event":{"UserData":{"Inner":{"Code":"5"}}}}`; o.records[1] != want {
		t.Errorf("got %s, refused %v", o.records[1], o.refused)
	}
}

// threeChunks returns a file of three chunks with four records each the offset of the second record of the middle chunk in the
// file, and that of the last record of the last chunk in its chunk.
func threeChunks() (file []byte, second, third int) {
	b := newBuilder()
	for c := range 3 {
		tpl := eventTemplate()
		for i := range 4 {
			at := event(b, tpl, uint16(100*c+i), "C:\\x.exe")
			if c == 1 && i == 1 {
				second = 4096 + 64<<10 + at
			}
			if c == 2 && i == 3 {
				third = at
			}
		}
		b.endChunk()
	}
	return b.file(), second, third
}

func TestReadSurvivesDamage(t *testing.T) {
	whole, second, third := threeChunks()
	middle := 4096 + 64<<10
	for _, c := range []struct {
		name    string
		damage  func(f []byte) []byte
		records int
		refused int
	}{
		{"whole", func(f []byte) []byte { return f }, 12, 0},
		{"wrong checksums", func(f []byte) []byte {
			copy(f[124:], "\xde\xad\xbe\xef")
			copy(f[middle+52:], "\xde\xad\xbe\xef")
			copy(f[middle+124:], "\xde\xad\xbe\xef")
			return f
		}, 12, 0},
		{"cut inside the last chunk's records", func(f []byte) []byte { return f[:4096+2*(64<<10)+third-100] }, 10, 1},
		{"cut inside a chunk header", func(f []byte) []byte { return f[:middle+100] }, 4, 1},
		{"cut inside the file header", func(f []byte) []byte { return f[:100] }, 0, 0},
		{"chunk header lost", func(f []byte) []byte { clear(f[middle : middle+8]); f[middle] = 'X'; return f }, 12, 1},
		{"chunk zeroed", func(f []byte) []byte { clear(f[middle : middle+64<<10]); return f }, 8, 0},
		{"record mark lost", func(f []byte) []byte { clear(f[second : second+4]); return f }, 11, 1},
		{"record size wrong", func(f []byte) []byte { binary.LittleEndian.PutUint32(f[second+4:], 0xfffffff0); return f }, 11, 1},
		{"record body overwritten", func(f []byte) []byte {
			for i := 24; i < 60; i++ {
				f[second+i] = 0xee
			}
			return f
		}, 11, 1},
		{"free space forgotten", func(f []byte) []byte { binary.LittleEndian.PutUint32(f[middle+48:], 512+200); return f }, 12, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := read(t, c.damage(bytes.Clone(whole)))
			if o.err != nil {
				t.Fatal(o.err)
			}
			if len(o.records) != c.records || len(o.refused) != c.refused {
				t.Errorf("%d records, refused %v; want %d and %d", len(o.records), o.refused, c.records, c.refused)
			}
		})
	}
}

func TestReadOrdersChunksByRecordID(t *testing.T) {
	whole, _, _ := threeChunks()
	const size = 64 << 10
	wrapped := append([]byte(nil), whole[:4096]...)
	wrapped = append(wrapped, whole[4096+2*size:]...)
	wrapped = append(wrapped, whole[4096:4096+2*size]...)
	o := read(t, wrapped)
	if len(o.order) != 12 || !strings.Contains(o.records[1], `"EventID":0,`) || !strings.Contains(o.records[12], `"EventID":203`) {
		t.Errorf("first %s, last %s", o.records[1], o.records[12])
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	for _, text := range []string{"", "MZ", strings.Repeat("no event log ", 1000)} {
		if o := read(t, []byte(text)); fault.CodeOf(o.err) != fault.Invalid {
			t.Errorf("%.20q: %v", text, o.err)
		}
	}
}

func TestReadStopsWhenToldTo(t *testing.T) {
	whole, _, _ := threeChunks()
	stop := errors.New("enough")
	n := 0
	err := evtx.Read(bytes.NewReader(whole), int64(len(whole)), func(int64, []byte) error {
		if n++; n == 5 {
			return stop
		}
		return nil
	}, func(int64, string, string) {})
	if !errors.Is(err, stop) || n != 5 {
		t.Errorf("%v after %d records", err, n)
	}
}

// TestReadBoundsExpansion gives a template that repeats its value many times, nested by values that are binary XML again.
func TestReadBoundsExpansion(t *testing.T) {
	b := newBuilder()
	root := el("Event")
	for range 400 {
		root.children = append(root.children, el("D", sub(0)))
	}
	tpl := &template{root: root}
	b.record(func() { b.use(tpl, str(strings.Repeat("A", 20_000))) })
	start := time.Now()
	o := read(t, b.file())
	if len(o.refused) != 1 || time.Since(start) > 5*time.Second {
		t.Errorf("%d records, refused %v in %s", len(o.records), o.refused, time.Since(start))
	}
}

// FuzzRead wants -fuzzminimizetime=20x: inputs are kilobytes long, and shrinking them would take the time otherwise.
func FuzzRead(f *testing.F) {
	whole, _, _ := threeChunks()
	f.Add(whole[:4096+4096])
	b := newBuilder()
	event(b, eventTemplate(), 1, "x")
	small := b.file()
	f.Add(small[:4096+2048])
	f.Add(small[4096 : 4096+2048])
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<20 {
			return
		}
		read(t, file)
	})
}

func BenchmarkRead(b *testing.B) {
	log := newBuilder()
	records := 0
	for range 16 {
		tpl := eventTemplate()
		for log.pos() < 60<<10 {
			event(log, tpl, 1, `C:\Program Files\Acme\agent.exe`)
			records++
		}
		log.endChunk()
	}
	file := log.file()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		err := evtx.Read(bytes.NewReader(file), int64(len(file)), func(int64, []byte) error { return nil }, func(_ int64, _, m string) { b.Fatal(m) })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
}

// TestTwins compares records with the JSON that the publisher of public detection tests made of the same files.
func TestTwins(t *testing.T) {
	archive := filepath.Join("..", "..", "..", "..", "shared", "data", "sigma", "sigma-regression.tar.gz")
	members := untar(t, archive)
	compared := 0
	for name, log := range members {
		if !strings.HasSuffix(name, ".evtx") {
			continue
		}
		twin := map[string]any{}
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(members[strings.TrimSuffix(name, ".evtx")+".json"], []byte("\xef\xbb\xbf"))))
		o := read(t, log)
		if o.err != nil || len(o.refused) > 0 {
			t.Errorf("%s: %v %v", name, o.err, o.refused)
		}
		mine := map[string]map[string]any{}
		for _, r := range o.records {
			var v struct {
				Event struct {
					System    struct{ EventRecordID json.Number }
					EventData map[string]any
				}
			}
			if err := json.Unmarshal([]byte(r), &v); err != nil {
				continue // an event without named data
			}
			mine[v.Event.System.EventRecordID.String()] = v.Event.EventData
		}
		for {
			clear(twin)
			if err := dec.Decode(&twin); err == io.EOF || err != nil {
				break
			}
			e, _ := twin["Event"].(map[string]any)
			system, _ := e["System"].(map[string]any)
			want, _ := e["EventData"].(map[string]any)
			got := mine[fmt.Sprint(int64(system["EventRecordID"].(float64)))]
			for field, v := range want {
				if w, g := plain(v), plain(got[field]); w != g {
					t.Errorf("%s: %s is %q, want %q", name, field, g, w)
				}
			}
			compared++
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
	t.Logf("%d records compared", compared)
}

// plain reduces a value to what both sides agree on: GUIDs with or without braces and in either case.
func plain(v any) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		raw, _ := json.Marshal(v)
		s = string(raw)
	}
	if s = strings.ToLower(strings.TrimSpace(s)); len(s) == 38 && s[0] == '{' {
		s = s[1:37]
	}
	return s
}

// TestPublicLogs reads every public event log at hand: no panic, records beside refusals.
func TestPublicLogs(t *testing.T) {
	archives, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "data", "endpoint", "*.tar.gz"))
	files, records, refused := 0, 0, 0
	for _, a := range archives {
		if !strings.Contains(a, "evtx") && !strings.Contains(a, "whole-host") {
			continue
		}
		for name, log := range untar(t, a) {
			if !strings.HasSuffix(name, ".evtx") {
				continue
			}
			o := read(t, log)
			if o.err != nil {
				t.Errorf("%s: %v", name, o.err)
			}
			files, records, refused = files+1, records+len(o.records), refused+len(o.refused)
		}
	}
	if files == 0 {
		t.Skip("no public event logs")
	}
	t.Logf("%d files, %d records, %d refused", files, records, refused)
	if records < 1000 || refused*100 > records {
		t.Errorf("%d records, %d refused", records, refused)
	}
}

func untar(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no public sample data: %v", err)
	}
	defer f.Close()
	return members(t, f)
}
