package reader

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// recorder is a Sink that writes down what it is given.
type recorder struct {
	got   []string // "file|number|data" and "file|number|!code"
	files []string
	stop  error
}

func (r *recorder) Begin(f *File) error { r.files = append(r.files, f.Path); return nil }
func (r *recorder) End(*File) error     { return nil }
func (r *recorder) Record(rec *normalise.Record) error {
	r.got = append(r.got, fmt.Sprintf("%s|%d|%s", filepath.Base(rec.File), rec.Number, rec.Data))
	return r.stop
}

func (r *recorder) Refuse(file string, number int64, code, message string) {
	r.got = append(r.got, fmt.Sprintf("%s|%d|!%s", filepath.Base(file), number, code))
}

func walkFile(t *testing.T, name string, data []byte, opt Options) []string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	var r recorder
	if err := Walk(t.Context(), []string{path}, opt, &r); err != nil {
		t.Fatal(err)
	}
	return r.got
}

func gz(data string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(data))
	_ = w.Close()
	return b.Bytes()
}

func zst(data string) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll([]byte(data), nil)
}

func tarOf(members ...string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i+1 < len(members); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: members[i], Mode: 0o644, Size: int64(len(members[i+1])), Typeflag: tar.TypeReg})
		_, _ = w.Write([]byte(members[i+1]))
	}
	_ = w.Close()
	return b.String()
}

func zipOf(members ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(members); i += 2 {
		f, _ := w.Create(members[i])
		_, _ = f.Write([]byte(members[i+1]))
	}
	_ = w.Close()
	return b.String()
}

func TestFormats(t *testing.T) {
	mail := "Received: from a by b; Mon, 3 Mar 2031 10:00:00 +0000\nFrom: ann@one.example\nTo: bob@two.example\nSubject: hello\n\nbody\n"
	cases := []struct {
		name, data string
		want       []string
	}{
		{"lines of JSON", "{\"a\":1}\n\n  {\"a\":2}\r\n{\"a\":3", []string{`1|{"a":1}`, `3|  {"a":2}`, `4|{"a":3`}},
		{"a broken first line", "{\"a\":1,\"b\n{\"a\":2}\n", []string{`1|{"a":1,"b`, `2|{"a":2}`}},
		{"one object over lines", "{\n \"a\": {\"b\": \"}\"}\n}\n", []string{"1|{\n \"a\": {\"b\": \"}\"}\n}"}},
		{"an array", `[{"a":1},{"b":[1,{"c":2}]}, 7]`, []string{`1|{"a":1}`, `2|{"b":[1,{"c":2}]}`, `3|!invalid`}},
		{"an empty array", "[]", nil},
		{"a pretty array", "[\n  {\"a\": 1\n  },\n  {\"a\":2}\n]\n", []string{"1|{\"a\": 1\n  }", `2|{"a":2}`}},
		{"an array without an end", `[{"a":1},{"a":`, []string{`1|{"a":1}`, `2|!truncated`}},
		{"envelope records", `{"records":[{"a":1},{"a":2}],"next":{"x":[1]}}` + "\n" + `{"records": [{"a":3}]}`, []string{`1|{"a":1}`, `2|{"a":2}`, `3|{"a":3}`}},
		{"envelope Records", "{\"Records\": [\n{\"eventName\":\"X\"}]}", []string{`1|{"eventName":"X"}`}},
		{"envelope value", `{"@odata.context":"https://x/y","value":[{"a":1}],"@odata.nextLink":"z"}`, []string{`1|{"a":1}`}},
		{"records that is no envelope", `{"records":5}`, []string{`1|{"records":5}`}},
		{"text", "one\n\ntwo\xff\n", []string{"1|one", "3|two\uFFFD"}},
		{"bracketed text", "[2031-01-01] x\n[2031-01-02] y\n", []string{"1|[2031-01-01] x", "2|[2031-01-02] y"}},
		{"event XML", "<?xml version=\"1.0\"?>\n<Events><Event xmlns='a'><System/>\n</Event><EventX/><Event>2</Event><Event a='1'>", []string{
			"1|<Event xmlns='a'><System/>\n</Event>", "2|<Event>2</Event>", "3|!truncated",
		}},
		{"a message", mail, []string{"1|" + mail}},
		{
			"a mailbox", "From ann@one.example Mon Mar  3 10:00:00 2031\n" + mail + ">From the start\n\nFrom bob Mon Mar  3 11:00:00 2031\nSubject: two\nTo: x@y.example\n\nFrom here on\n",
			[]string{"1|" + mail + "From the start\n\n", "2|Subject: two\nTo: x@y.example\n\nFrom here on\n"},
		},
		{"CSV", "Time,User Name,Note\n2031-01-01,ann,\"a \"\"b\"\"\nc\"\n2031-01-02,bob\n2031-01-03,,x,y\n", []string{
			`2|{"Time":"2031-01-01","User Name":"ann","Note":"a \"b\"\nc"}`, `4|{"Time":"2031-01-02","User Name":"bob"}`, `5|{"Time":"2031-01-03","Note":"x","_4":"y"}`,
		}},
		{"CSV without an end", "A,B\n1,\"x\n", []string{`2|!truncated`}},
		{"Zeek", "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tid.orig_h\tn\tok\ttags\tu\n#types\ttime\taddr\tcount\tbool\tset[string]\tstring\n" +
			"1.5\t192.0.2.1\t7\tT\ta,b\t-\n#close\tx\n", []string{`8|{"_path":"conn","ts":1.5,"id.orig_h":"192.0.2.1","n":7,"ok":true,"tags":["a","b"]}`}},
		{"W3C", "#Software: X\n#Fields: date cs-uri sc(a)\n2031-01-01 /x \"p q\"\n", []string{`3|{"date":"2031-01-01","cs-uri":"/x","sc(a)":"p q"}`}},
		{"auditd", "type=SYSCALL msg=audit(1.1:5): a\ntype=PATH msg=audit(1.1:5): b\ntype=CWD msg=audit(1.1:6): c\n", []string{
			"1|type=SYSCALL msg=audit(1.1:5): a\ntype=PATH msg=audit(1.1:5): b", "3|type=CWD msg=audit(1.1:6): c",
		}},
		{"UTF-8 mark", "\xef\xbb\xbf{\"a\":1}\n", []string{`1|{"a":1}`}},
		{"UTF-16", utf16le("{\"a\":\"\u00e9\"}\r\n"), []string{`1|{"a":"` + "\u00e9" + `"}`}},
		{"binary", "\x7fELF\x02\x01\x00\x00\x00\x00", []string{"0|!unsupported"}},
		{"empty", "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := walkFile(t, "f", []byte(c.data), Options{})
			var want []string
			for _, w := range c.want {
				want = append(want, "f|"+w)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestArchives(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		want []string
	}{
		{"gzip", gz("{\"a\":1}\n"), []string{`f|1|{"a":1}`}},
		{"gzip of two parts", append(gz("one\n"), gz("two\n")...), []string{"f|1|one", "f|2|two"}},
		{"zstd", zst("one\n"), []string{"f|1|one"}},
		{"tar", []byte(tarOf("x", "one\n", "y", "two\n")), []string{"f#x|1|one", "f#y|1|two"}},
		{"tar.gz", gz(tarOf("x", "one\n")), []string{"f#x|1|one"}},
		{"zip", []byte(zipOf("x", "one\n", "d/", "", "y.gz", string(gz("two\n")))), []string{"f#x|1|one", "f#y.gz|1|two"}},
		{"zip in tar.gz", gz(tarOf("in.zip", zipOf("x", "one\n"))), []string{"f#in.zip#x|1|one"}},
		{"bad member between good ones", gz(tarOf("x", "one\n", "bad", "\x00\x01\x02", "y", "two\n")), []string{"f#x|1|one", "f#bad|0|!unsupported", "f#y|1|two"}},
		{"names that climb", []byte(tarOf("up\n", "one\n")), []string{"f#up\uFFFD|1|one"}},
		{"7z", []byte("7z\xbc\xaf\x27\x1crest"), []string{"f|0|!unsupported"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, walkFile(t, "f", c.data, Options{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClimbingNamesAreOnlyText(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tar")
	if err := os.WriteFile(path, []byte(tarOf("../../evil", "one\n", "/abs", "two\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err := Walk(t.Context(), []string{path}, Options{}, &funcSink{record: func(r *normalise.Record) error { seen[r.File] = true; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if !seen[path+"#../../evil"] || !seen[path+"#/abs"] {
		t.Errorf("members seen: %v", seen)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("something was written: %v", entries)
	}
}

type funcSink struct {
	record func(*normalise.Record) error
	refuse func(file string, number int64, code, message string)
}

func (f *funcSink) Begin(*File) error { return nil }
func (f *funcSink) End(*File) error   { return nil }
func (f *funcSink) Record(r *normalise.Record) error {
	if f.record == nil {
		return nil
	}
	return f.record(r)
}

func (f *funcSink) Refuse(file string, number int64, code, message string) {
	if f.refuse != nil {
		f.refuse(file, number, code, message)
	}
}

func TestTruncatedGzipKeepsWhatWasRead(t *testing.T) {
	var text strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&text, "{\"n\":%d,\"x\":\"%x\"}\n", i, i*7919)
	}
	whole := gz(text.String())
	got := walkFile(t, "f.gz", whole[:len(whole)/2], Options{})
	if len(got) < 1000 {
		t.Fatalf("only %d records kept", len(got))
	}
	for i, g := range got[:len(got)-1] {
		if !strings.HasPrefix(g, fmt.Sprintf(`f.gz|%d|{"n":%d,`, i+1, i)) || !strings.HasSuffix(g, "}") {
			t.Fatalf("record %d is %q", i, g)
		}
	}
	if last := got[len(got)-1]; last != fmt.Sprintf("f.gz|%d|!truncated", len(got)) {
		t.Errorf("the end is %q", last)
	}
}

func TestLongRecords(t *testing.T) {
	long := strings.Repeat("x", 5000)
	opt := Options{MaxRecord: 1000, MaxMessage: 1000}
	cases := map[string]string{
		"lines":  "one\n" + long + "\nthree\n",
		"values": `[{"a":1},{"a":"` + long + `"},{"a":3}]`,
		"XML":    "<Event>1</Event><Event>" + long + "<a>" + long + "</a></Event>\n<Event>3</Event>",
		"CSV":    "A,B\n1,\"" + long + "\n" + long + "\"\n3,3\n",
		"mbox": "From a Mon Mar  3 10:00:00 2031\nTo: a\n\n1\n\nFrom a Mon Mar  3 10:00:00 2031\nTo: a\n\n" + long + "\n\n" +
			"From a Mon Mar  3 10:00:00 2031\nTo: a\n\n3\n",
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			got := walkFile(t, "f", []byte(data), opt)
			refused, kept := 0, 0
			for _, g := range got {
				if strings.HasSuffix(g, "|!too_large") {
					refused++
				} else if strings.Contains(g, "!") {
					t.Errorf("unexpected %s", g)
				} else {
					kept++
				}
			}
			if refused != 1 || kept != len(got)-1 || kept == 0 || !strings.Contains(got[len(got)-1], "3") {
				t.Errorf("%d refused, %d kept: %.200q", refused, kept, got)
			}
		})
	}
}

func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\n", 1<<20)
	codes := func(data []byte, opt Options) string { return strings.Join(walkFile(t, "f", data, opt), " ") }
	if got := codes(gz(zeros), Options{MaxExpansion: 1000}); !strings.Contains(got, "f|0|!limit") && !strings.Contains(got, "!limit") {
		t.Errorf("absolute bound: %q", got)
	}
	nested := "one\n"
	for range 8 {
		nested = string(gz(nested))
	}
	if got := codes([]byte(nested), Options{}); got != "f|0|!limit" {
		t.Errorf("depth: %q", got)
	}
	if got := codes([]byte(tarOf("a", "1", "b", "2", "c", "3")), Options{MaxMembers: 2}); got != "f#a|1|1 f#b|1|2 f|0|!limit" {
		t.Errorf("members: %q", got)
	}
	big := make([]byte, 0, 64)
	big = append(big, gz("a\n"+strings.Repeat("x", 3<<20))...)
	if got := codes(big, Options{MaxRatio: 100, ratioFloor: 1 << 20}); !strings.Contains(got, "!limit") {
		t.Errorf("ratio: %q", got)
	}
}

// Archives that claim much, hold little, and are nested in each other end within the bounds, with a code.
func TestHostileArchives(t *testing.T) {
	limited := func(name string, data []byte, opt Options) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := walkFile(t, "f", data, opt)
		runtime.ReadMemStats(&after)
		if len(got) == 0 || !strings.Contains(got[len(got)-1], "!") {
			t.Errorf("%s: no refusal: %.300q", name, got)
		}
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 300*mib {
			t.Errorf("%s: the heap grew by %d MiB", name, grown/mib)
		}
	}
	zeros := make([]byte, 64*mib)
	limited("gzip of zeros", gz(string(zeros)), Options{MaxExpansion: 16 * mib})
	limited("zstd of zeros", zst(string(zeros)), Options{MaxExpansion: 16 * mib})
	// A zstd frame that wants a window of 2 GiB.
	limited("a huge zstd window", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00}, Options{})
	var many bytes.Buffer
	z := zip.NewWriter(&many)
	for i := range 60_000 {
		if _, err := z.Create(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	limited("a zip of many members", many.Bytes(), Options{MaxMembers: 1000})
	limited("a zip with a long list", many.Bytes(), Options{MaxMembers: 10})
	var endless bytes.Buffer
	w := tar.NewWriter(&endless)
	for i := range 3000 {
		if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("n/", 200) + fmt.Sprint(i), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
	}
	limited("a tar of names", endless.Bytes(), Options{MaxMembers: 1000})
	nested := []byte("x\n")
	for range 20 {
		nested = []byte(zipOf("inner.zip", string(nested)))
	}
	limited("a zip in a zip in a zip", nested, Options{})
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	write := func(name, data string) {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(outside, []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	write("b/two", "2\n")
	write("a", "1\n")
	write("c", "3\n")
	for from, to := range map[string]string{"b/link": outside, "b/again": filepath.Join(dir, "a")} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip("no symbolic links here")
		}
	}
	var r recorder
	if err := Walk(t.Context(), []string{dir}, Options{}, &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a|1|1", "link|0|!unsupported", "two|1|2", "c|1|3"}, r.got); diff != "" {
		t.Error(diff)
	}
	r = recorder{}
	if err := Walk(t.Context(), []string{dir, filepath.Join(dir, "missing")}, Options{}, &r); fault.CodeOf(err) != fault.NotFound || len(r.got) != 0 {
		t.Errorf("a missing path: %v, after %q", err, r.got)
	}
}

func TestIdentityAndStdin(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, p := range []string{a, b} {
		if err := os.WriteFile(p, []byte("one\ntwo\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	sink := &identitySink{ids: &ids}
	if err := Walk(t.Context(), []string{a, b, Stdin}, Options{Stdin: strings.NewReader("three\n")}, sink); err != nil {
		t.Fatal(err)
	}
	if len(ids) != 3 || ids[0] != ids[1] || !strings.HasPrefix(ids[0], "sha256:") || ids[2] != "" {
		t.Errorf("identities: %q", ids)
	}
	if sink.records != 5 || sink.consumed != 8+8+6 {
		t.Errorf("%d records, %d bytes", sink.records, sink.consumed)
	}
	if err := Walk(t.Context(), []string{a}, Options{HashBelow: 1}, sink); err != nil || !strings.HasPrefix(ids[3], "file:"+a) {
		t.Errorf("identity of a huge file: %q, %v", ids[3], err)
	}
}

type identitySink struct {
	funcSink
	ids      *[]string
	records  int
	consumed int64
}

func (s *identitySink) Begin(f *File) error            { *s.ids = append(*s.ids, f.Identity); return nil }
func (s *identitySink) Record(*normalise.Record) error { s.records++; return nil }
func (s *identitySink) End(f *File) error              { s.consumed += f.Consumed(); return nil }

func TestSinkErrorAndCancellationStop(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.tar")
	if err := os.WriteFile(path, []byte(tarOf("x", "one\ntwo\n", "y", "three\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	r := recorder{stop: full}
	if err := Walk(t.Context(), []string{path}, Options{}, &r); !errors.Is(err, full) || len(r.got) != 1 {
		t.Errorf("%v after %q", err, r.got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Walk(ctx, []string{path}, Options{}, &funcSink{record: func(*normalise.Record) error { n++; cancel(); return nil }})
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%v after %d records", err, n)
	}
}

func TestDetector(t *testing.T) {
	calls := map[string]int{}
	probe := func(name, mark string, score int) Probe {
		return Probe{name, func(data []byte) int {
			calls[name]++
			if bytes.Contains(data, []byte(mark)) {
				return score
			}
			return 0
		}}
	}
	probes := []Probe{probe("weak", "e", 10), probe("red", "red", 90), probe("blue", "blue", 90)}
	d := NewDetector(probes)
	var got []string
	for _, s := range []string{"red", "red", "blue", "e", "x", "red"} {
		got = append(got, d.Family([]byte(s)))
	}
	if diff := cmp.Diff([]string{"red", "red", "blue", "weak", Auto, "red"}, got); diff != "" {
		t.Error(diff)
	}
	if Detect(probes, []byte("blue")) != "blue" || Detect(probes, []byte("x")) != "" {
		t.Error("Detect chose wrong")
	}
	if calls["blue"] >= calls["red"] {
		t.Errorf("the sure family was not asked alone: %v", calls)
	}
}

func TestSplitJSON(t *testing.T) {
	var got []string
	err := SplitJSON([]byte("{\"a\":1}\nnonsense\n[{\"a\":2}] {\"records\":[{\"a\":3}]}"), 100,
		func(n int64, d []byte) error { got = append(got, fmt.Sprintf("%d %s", n, d)); return nil },
		func(n int64, code, _ string) { got = append(got, fmt.Sprintf("%d !%s", n, code)) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`1 {"a":1}`, `2 !invalid`, `3 {"a":2}`, `4 {"a":3}`}, got); diff != "" {
		t.Error(diff)
	}
}
