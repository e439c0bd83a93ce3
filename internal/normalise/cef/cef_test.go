package cef

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

func TestGolden(t *testing.T) {
	goldentest.Run(t, "testdata", func() normalise.Family { return New() })
}

func TestProbe(t *testing.T) {
	for in, want := range map[string]bool{
		"CEF:0|a|b|c|d|e|5|":                                        true,
		"<13>Mar  4 10:00:00 host CEF:0|a|b|c|d|e|5|x=y":            true,
		"LEEF:2.0|a|b|c|d|^|x=y":                                    true,
		"<13>1 2031-03-04T10:00:00Z h a - - - LEEF:1.0|a|b|c|d|x=y": true,
		"the word CEF: is not enough | | | |":                       false,
		"MYCEF:0|a|b|c|d|e|5|":                                      false,
		`{"message":"CEF:0|a|b|c|d|e|5|"}`:                          false,
		"CEF:":                                                      false,
		"":                                                          false,
	} {
		if got := Probe([]byte(in)) >= 50; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestExtension(t *testing.T) {
	for in, want := range map[string]map[string]string{
		`a=1 b=two words c=`:             {"a": "1", "b": "two words", "c": ""},
		`a=x\=y b=p\|q`:                  {"a": "x=y", "b": "p|q"},
		`a=http://h/?q=1&r=2 b=3`:        {"a": "http://h/?q=1&r=2", "b": "3"},
		`a=CN=one,O=two b=3`:             {"a": "CN=one,O=two", "b": "3"},
		`a="quoted x=1 text" b=3`:        {"a": "quoted x=1 text", "b": "3"},
		`a="never closed x=1 b=3`:        {"a": `"never closed`, "x": "1", "b": "3"},
		`a=C:\\Dir\\f.exe b=D:\New\read`: {"a": `C:\Dir\f.exe`, "b": `D:\New\read`},
		`a=line\nnext`:                   {"a": "line\nnext"},
		`a=line\n`:                       {"a": "line\n"},
		`a=1 a=2`:                        {"a": "1"},
		`=x y`:                           {},
		"a=1\nb=2\tc=3":                  {"a": "1", "b": "2", "c": "3"},
	} {
		m := &message{values: map[string]string{}}
		m.spaced(in, true)
		if diff := cmp.Diff(want, m.values); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct{ value, format, zone, want string }{
		{"1930213237000", "", "", "2031-03-02T10:20:37Z"},
		{"Mar 04 2031 10:20:39", "", "", "2031-03-04T10:20:39Z"},
		{"Mar 04 2031 10:20:39.5 CEST", "", "", "2031-03-04T08:20:39.5Z"},
		{"Mar 04 2031 10:20:39", "", "-05:00", "2031-03-04T15:20:39Z"},
		{"Mar 04 2031 10:20:39", "", "Nowhere/Town", "2031-03-04T10:20:39Z"},
		{"04/03/31 10-20", "dd/MM/yy HH-mm", "", "2031-03-04T10:20:00Z"},
		{"2031-03-04T10:20:39+02:00", "yyyy-MM-dd'T'HH:mm:ssXXX", "", "2031-03-04T08:20:39Z"},
	} {
		m := &message{values: map[string]string{}}
		got, _, ok := m.oneTime(c.value, c.format, c.zone)
		if !ok || got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s %s %s: %v %v, want %s", c.value, c.format, c.zone, got, ok, c.want)
		}
	}
}

// A web application firewall tells of the client's port, the server's address is sip then; products name the time in fields of their own; exports quote lines.
func TestEndsAndTimes(t *testing.T) {
	for in, want := range map[string]map[string]any{
		`CEF:0|Nets|Shield|1|1|Normal|0|src=203.0.113.5 cpt=45111 sip=198.51.100.7 spt=443 request=shop.example/ requestMethod=GET act=REQ_PASSED start=1930213237000`: {
			"LocalIP": "203.0.113.5", "LocalPort": int32(45111), "RemoteIP": "198.51.100.7", "RemotePort": int32(443), "Timestamp": "2031-03-02T10:20:37Z",
		},
		`CEF:0|Nets|Shield|1|1|deny|0|src=10.0.0.5 spt=45111 dst=198.51.100.7 dpt=443 proto=tcp act=deny event_timestamp=2031-03-02T10:20:37+00:00`: {
			"LocalPort": int32(45111), "RemotePort": int32(443), "Timestamp": "2031-03-02T10:20:37Z",
		},
		`"CEF:0|Nets|Shield|1|1|deny|0|src=10.0.0.5 dst=198.51.100.7 proto=tcp act=deny NetsEventTime=2031-03-02T10:20:37.000Z"`: {"Timestamp": "2031-03-02T10:20:37Z"},
	} {
		var out normalise.Batch
		if err := New().Normalise(&normalise.Record{Data: []byte(in), Received: time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC)}, &out); err != nil || len(out.Rows) != 1 {
			t.Errorf("%s: %d rows, %v", in, len(out.Rows), err)
			continue
		}
		for column, value := range want {
			got := out.Rows[0].Get(column)
			if column == "Timestamp" {
				got = schema.TimeOf(got.(int64)).Format(time.RFC3339)
			}
			if got != value {
				t.Errorf("%s: %s is %v, want %v", in, column, got, value)
			}
		}
	}
}

// TestHostileSizes holds reading to a time that grows with the length: a second is some hundred times what a megabyte takes.
func TestHostileSizes(t *testing.T) {
	for name, body := range map[string]string{
		"equals": strings.Repeat("=", 1<<20), "keys": strings.Repeat("a=b ", 1<<18), "one key": "a=" + strings.Repeat("x ", 1<<19),
		"backslashes": "a=" + strings.Repeat(`\`, 1<<20), "quotes": strings.Repeat(`a="b `, 1<<17), "labels": strings.Repeat("aLabel=b ", 1<<16), "words": strings.Repeat("x", 1<<20),
	} {
		for _, head := range []string{"CEF:0|a|b|c|d|e|5|", "LEEF:1.0|a|b|c|d|", "LEEF:2.0|a|b|c|d|=|"} {
			var out normalise.Batch
			start := time.Now()
			if err := New().Normalise(&normalise.Record{Data: []byte(head + body)}, &out); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s after %s took %v", name, head, d)
			}
		}
	}
}

func FuzzNormalise(f *testing.F) {
	seeds, err := os.ReadFile(filepath.Join("testdata", "messages.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	goldentest.Seed(f, seeds)
	family := New()
	f.Fuzz(func(t *testing.T, data []byte) { goldentest.Check(t, family, data) })
}
