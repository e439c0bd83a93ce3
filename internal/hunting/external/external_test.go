package external

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

func columns(types ...plan.Type) []plan.Column {
	var out []plan.Column
	for i, t := range types {
		out = append(out, plan.Column{ID: plan.ColumnID(i + 1), Name: string(rune('a' + i)), Type: t})
	}
	return out
}

func TestDecode(t *testing.T) {
	pack := func(w func(io.Writer) io.WriteCloser, text string) string {
		var b bytes.Buffer
		z := w(&b)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		z.Close()
		return b.String()
	}
	zipped := func(names ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range names {
			w, err := z.Create(n)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(n, "/") {
				_, _ = w.Write([]byte("1\tx\n"))
			}
		}
		z.Close()
		return b.String()
	}
	two := columns(plan.Long, plan.String)
	for name, c := range map[string]struct {
		file, text, format string
		cols               []plan.Column
		props              map[string]string
		want               string
	}{
		"csv":                      {"l.csv", "1,x\r\n2,\"y \"\"z\"\"\"\n", "", two, nil, `[[1 x] [2 y "z"]]`},
		"a header":                 {"l.csv", "a,b\n1,x\n", "csv", two, map[string]string{"ignoreFirstRecord": "true"}, "[[1 x]]"},
		"a byte order mark":        {"l.csv", "\xef\xbb\xbf1,x\n", "", two, nil, "[[1 x]]"},
		"short and wide rows":      {"l.csv", "1\n2,x,more\n", "", two, nil, "[[1 ] [2 x]]"},
		"what is no such value":    {"l.csv", "one,x\n", "", two, nil, "[[<nil> x]]"},
		"tab-separated":            {"l.tsv", "1\t\"x\n", "", two, nil, `[[1 "x]]`},
		"tab-separated, escaped":   {"l", "1\tx\\ty\n", "tsve", two, nil, "[[1 x\ty]]"},
		"pipes":                    {"l", "1|x\n", "psv", two, nil, "[[1 x]]"},
		"semicolons":               {"l", "1;x\n", "scsv", two, nil, "[[1 x]]"},
		"lines":                    {"l.txt", "a,b\nc", "", columns(plan.String), nil, "[[a,b] [c]]"},
		"the whole":                {"l", "a\nb", "raw", columns(plan.String), nil, "[[a\nb]]"},
		"JSON lines, by name":      {"l.jsonl", "{\"b\":\"x\",\"a\":1}\n{\"c\":2}\n", "", two, nil, "[[1 x] [<nil> ]]"},
		"a JSON array":             {"l.json", `[{"a":1,"b":{"k":1}}, {"a":"2","b":null}]`, "", two, nil, `[[1 {"k":1}] [2 ]]`},
		"JSON over several lines":  {"l", "{\n\"a\":\n1}{\"a\":2}", "multijson", columns(plan.Long), nil, "[[1] [2]]"},
		"other types":              {"l.json", `{"a":true,"b":"2024-01-01","c":1.5,"d":[1],"e":"1.02:00:00"}`, "", columns(plan.Bool, plan.DateTime, plan.Real, plan.Dynamic, plan.TimeSpan), nil, "[[true 638396640000000000 1.5 [1] 936000000000]]"},
		"a dynamic text":           {"l.csv", "x,{}\n", "", columns(plan.Dynamic, plan.Dynamic), nil, `[["x" {}]]`},
		"gzip":                     {"l.csv.gz", pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, "1,x\n"), "", two, nil, "[[1 x]]"},
		"the first file of an zip": {"l.zip", zipped("dir/", "dir/l.tsv", "other.csv"), "", two, nil, "[[1 x]]"},
		"nothing":                  {"l.csv", "", "", two, nil, "[]"},
	} {
		text, file, err := unpack([]byte(c.text), c.file, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rows, err := decode(context.Background(), text, formatOf(c.format, file), &plan.External{Cols: c.cols, Props: c.props}, 100)
		if got := fmt.Sprint(rows); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		text, format string
		code         fault.Code
	}{
		"too many rows":       {strings.Repeat("x\n", 101), "txt", fault.Limit},
		"an unknown format":   {"x", "parquet", "unsupported"},
		"JSON that ends":      {`{"a":`, "json", "runtime"},
		"an array that ends":  {`[{"a":1}`, "json", "runtime"},
		"lines that are text": {"x y", "json", "runtime"},
	} {
		if _, err := decode(context.Background(), []byte(c.text), c.format, &plan.External{Cols: columns(plan.String)}, 100); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	bomb := pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, strings.Repeat("0", 1<<20))
	if _, _, err := unpack([]byte(bomb), "l.gz", 1000); fault.CodeOf(err) != fault.Limit {
		t.Errorf("a file that grows: %v", err)
	}
	if _, _, err := unpack([]byte("\x1f\x8bxx"), "l.gz", 1000); fault.CodeOf(err) != "runtime" {
		t.Errorf("a broken archive: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, format := range []string{"csv", "tsv", "tsve", "psv", "scsv", "sohsv", "txt", "raw", "json", "multijson", ""} {
		f.Add([]byte("a,b\n\"c\"\t{\"a\":1}\n[1]"), format, "x.csv.gz")
	}
	f.Add([]byte("\x1f\x8b\x08\x00"), "", "x.gz")
	f.Add([]byte("PK\x03\x04"), "", "x.zip")
	types := columns(plan.String, plan.Long, plan.DateTime, plan.Dynamic, plan.Bool, plan.Real, plan.TimeSpan, plan.GUID, plan.Decimal, plan.Int)
	f.Fuzz(func(t *testing.T, raw []byte, format, name string) {
		text, name, err := unpack(raw, name, 1<<16)
		if err != nil {
			return
		}
		rows, err := decode(context.Background(), text, formatOf(format, name), &plan.External{Cols: types}, 1000)
		if err != nil && fault.CodeOf(err) == fault.Internal {
			t.Fatalf("an error without a code: %v", err)
		}
		for _, r := range rows {
			if len(r) != len(types) {
				t.Fatalf("a row of %d cells", len(r))
			}
			for i, v := range r {
				switch v.(type) {
				case nil, bool, int64, float64, string:
				default:
					t.Fatalf("column %d is a %T", i, v)
				}
			}
		}
	})
}

func TestAllow(t *testing.T) {
	r, err := New(Options{Hosts: []string{"lists.example.org", "*.cdn.example", "http://plain.example", "10.0.0.5:8443", "http://files.local:8080"}, Bytes: 1000, Rows: 10, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]bool{
		"https://lists.example.org/a.csv": true, "https://LISTS.example.org./a.csv": true, "https://lists.example.org:443/a": true, "https://a.cdn.example/x": true,
		"http://plain.example/x": true, "https://plain.example/x": true, "https://10.0.0.5:8443/x": true, "http://files.local:8080/x": true, "tenant://lists/a.csv": true,
		"http://lists.example.org/a.csv": false, "https://lists.example.org:8443/a": false, "https://lists.example.org.evil.example/": false, "https://cdn.example/": false,
		"https://evilcdn.example/": false, "https://user:pw@lists.example.org/": false, "file:///etc/passwd": false, "gopher://lists.example.org/": false, "https://10.0.0.5/": false,
		"http://10.0.0.5:8443/": false, "https:lists.example.org": false, "//lists.example.org/x": false, "": false, "https://": false, "https://lists.example.org@evil.example/": false,
		"tenant://": false, "tenant://../x": false, "tenant://a/../../b": false, "tenant://a%2F..%2Fb": false, "tenant://.hidden": false, "https://[::1]/": false, "https://127.0.0.1/": false,
	} {
		if err := r.Allow(uri); (err == nil) != want {
			t.Errorf("Allow(%q) = %v", uri, err)
		}
	}
	off, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var refused *engine.OutboundError
	if err := off.Allow("https://lists.example.org/"); !errors.As(err, &refused) {
		t.Errorf("without a list: %v", err)
	}
	for _, bad := range []string{"", "a b", "https://x/y", "user@host", "*.x:80", "host:", "*"} {
		if _, err := New(Options{Hosts: []string{bad}}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("the host %q is taken: %v", bad, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for a, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "10.1.1.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd00::1": false, "ff02::1": false,
		"::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:db8::1": false, "2001::1": false,
	} {
		if got := outbound.Public(netip.MustParseAddr(a)); got != want {
			t.Errorf("Public(%s) = %v", a, got)
		}
	}
	if outbound.Public(netip.MustParseAddr("::ffff:127.0.0.1").Unmap()) {
		t.Error("a mapped loopback address is public")
	}
}

// A name that stands for an inner address, at once or when it is asked a second time, leads nowhere; nor does a redirect.
func TestFetchStaysOutside(t *testing.T) {
	asked := 0
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://elsewhere.example/x", http.StatusFound)
		case "/around":
			http.Redirect(w, r, "/around", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/big":
			_, _ = w.Write(bytes.Repeat([]byte("x\n"), 10_000))
		case "/slow":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte("1,x\n"))
		}
	}))
	defer inner.Close()
	host := strings.TrimPrefix(inner.URL, "http://")
	port := host[strings.LastIndex(host, ":")+1:]
	answers := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	r, err := New(Options{
		Hosts: []string{"http://" + host, "http://inner.example", "http://rebind.example"}, Bytes: 10_000, Rows: 100, Timeout: 500 * time.Millisecond,
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return answers, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(uri string) ([][]any, error) {
		return r.Fetch(context.Background(), &plan.External{Cols: columns(plan.Long, plan.String), URIs: []string{uri}, Format: "csv"}, nil)
	}
	if rows, err := fetch(inner.URL + "/list.csv"); err != nil || fmt.Sprint(rows) != "[[1 x]]" {
		t.Fatalf("a listed host and port: %v, %v", rows, err)
	}
	asked = 0
	for name, uri := range map[string]string{
		"a name that stands for an inner address": "http://inner.example/x", "inner address, other port": "http://127.0.0.1/x", "a name with the port": "http://inner.example:" + port + "/x",
	} {
		var refused *engine.OutboundError
		if rows, err := fetch(uri); !errors.As(err, &refused) || asked != 0 {
			t.Errorf("%s: %v, %v (%d requests)", name, rows, err, asked)
		}
	}
	for name, uri := range map[string]string{"a redirect away": "/away", "a redirect in a circle": "/around", "a redirect inside": "/inside", "an error": "/missing", "one that does not end": "/slow"} {
		var refused *engine.OutboundError
		if rows, err := fetch(inner.URL + uri); !errors.As(err, &refused) {
			t.Errorf("%s: %v, %v", name, rows, err)
		}
	}
	if _, err := fetch(inner.URL + "/big"); fault.CodeOf(err) != fault.Limit {
		t.Errorf("one that is large: %v", err)
	}
	// The address that was checked is the one that is dialled: a second question to the name server is never asked.
	questions := 0
	r.opt.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		if questions++; questions > 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
	}
	if _, err := fetch("http://rebind.example/x"); err == nil || questions != 1 {
		t.Errorf("%v after %d questions", err, questions)
	}
}

func TestFetchFiles(t *testing.T) {
	r, err := New(Options{Bytes: 1000, Rows: 3, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	files := func(_ context.Context, name string) (io.ReadCloser, error) {
		if name != "lists/a.csv" {
			return nil, fault.Newf(fault.NotFound, "no")
		}
		return io.NopCloser(strings.NewReader("1,x\n2,y\n")), nil
	}
	fetch := func(files Files, uris ...string) ([][]any, error) {
		return r.Fetch(context.Background(), &plan.External{Cols: columns(plan.Long, plan.String), URIs: uris}, files)
	}
	if rows, err := fetch(files, "tenant://lists/a.csv"); err != nil || fmt.Sprint(rows) != "[[1 x] [2 y]]" {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := fetch(files, "tenant://lists/a.csv", "tenant://lists/a.csv"); fault.CodeOf(err) != fault.Limit {
		t.Errorf("rows of all addresses together: %v", err)
	}
	var refused *engine.OutboundError
	if _, err := fetch(files, "tenant://b.csv"); !errors.As(err, &refused) {
		t.Errorf("a file that there is not: %v", err)
	}
	if _, err := fetch(nil, "tenant://lists/a.csv"); !errors.As(err, &refused) {
		t.Errorf("without files: %v", err)
	}
}
