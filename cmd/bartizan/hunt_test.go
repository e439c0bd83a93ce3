package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// One query's error or defect costs its own line only, and lines come in order.
func TestBatch(t *testing.T) {
	answer := func(_ context.Context, q huntRequest, s sink) error {
		switch q.query {
		case "panic":
			panic("broken")
		case "error":
			return &fault.Error{Code: "name", Message: "there is no table", Details: map[string]any{"line": 1, "column": 2}}
		case "outbound":
			return &fault.Error{Code: lake.CodeOutbound, Message: "no", Details: map[string]any{"schema": []lake.Column{{Name: "a", Type: "string"}}}}
		}
		if err := s.start([]lake.Column{{Name: "x", Type: "long"}}); err != nil {
			return err
		}
		if q.query == "rows" {
			if err := s.row([]any{int64(7)}); err != nil {
				return err
			}
		}
		return s.end(lake.Stats{MS: 3})
	}
	in := strings.Join([]string{
		`{"id":"a","query":"rows"}`, `{"id":2,"query":"panic"}`, ``, `not json`, `{"id":"c","query":"error"}`, `{"id":"d","query":"outbound"}`, `{"id":"e","query":"none"}`,
	}, "\n")
	var out bytes.Buffer
	if err := runBatch(context.Background(), strings.NewReader(in), &out, answer); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		`{"id":"a","schema":[{"name":"x","type":"long"}],"rows":[[7]],"ms":3,"truncated":false}`,
		`{"id":2,"error":{"code":"internal","message":"the query met a defect: broken"}}`,
		`{"id":null,"error":{"code":"invalid",`,
		`{"id":"c","error":{"code":"name","message":"there is no table","line":1,"column":2}}`,
		`{"id":"d","schema":[{"name":"a","type":"string"}],"error":{"code":"outbound","message":"no"}}`,
		`{"id":"e","schema":[{"name":"x","type":"long"}],"rows":[],"ms":3,"truncated":false}`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("line %d is %s, not %s", i+1, lines[i], want[i])
		}
	}
}

func TestPrinters(t *testing.T) {
	cols := []lake.Column{{Name: "a", Type: "long"}, {Name: "b", Type: "dynamic"}, {Name: "a", Type: "string"}}
	rows := [][]any{{int64(1), json.RawMessage(`{"k":1}`), "x\x1b[31m"}, {nil, nil, ""}}
	for format, want := range map[string]string{
		"csv":    "a,b,a\n1,\"{\"\"k\"\":1}\",x\x1b[31m\n,,\n",
		"ndjson": "{\"a\":1,\"b\":{\"k\":1},\"a1\":\"x\\u001b[31m\"}\n{\"a\":null,\"b\":null,\"a1\":\"\"}\n",
		"json":   `{"schema":[{"name":"a","type":"long"},{"name":"b","type":"dynamic"},{"name":"a","type":"string"}],"results":[{"a":1,"b":{"k":1}},{"a":null,"b":null}],"rows":[[1,{"k":1},"x\u001b[31m"],[null,null,""]],"stats":{"rows":2,"ms":5,"cpuMs":4,"bytes":0,"grade":"Low","truncated":false,"partial":false,"limits":[]}}` + "\n",
		"table":  "a  b        a\n-  -        -\n1  {\"k\":1}  x [31m\n            \n2 rows in 5 ms\n",
	} {
		var out bytes.Buffer
		p := newPrinter(&out, format, true)
		if err := p.start(cols); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := p.row(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.end(lake.Stats{Rows: 2, MS: 5, CPUMS: 4, Grade: lake.Low, Limits: []string{}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

// Over a server, longs keep all their digits, errors their place, and an answer that breaks off is an error.
func TestHuntServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Query, Timespan, Now, Format string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		const head = `{"id":"1","schema":[{"name":"n","type":"long"},{"name":"d","type":"dynamic"},{"name":"s","type":"string"}]}` + "\n"
		const rows = `{"rows":[[9223372036854775807,{"a":1.0},"x"]]}` + "\n" + `{"rows":[[null,true,""]]}` + "\n"
		switch {
		case r.URL.Path == "/api/hunting/export" && body.Format == "csv":
			w.Header().Set("Trailer", "X-Bartizan-Truncated")
			_, _ = w.Write([]byte("n\n1\n"))
			w.Header().Set("X-Bartizan-Truncated", "hunt.rows")
		case r.URL.Path != "/api/hunting/run" || r.Header.Get("Accept") != "application/x-ndjson":
			w.WriteHeader(http.StatusBadRequest)
		case body.Query == "bad":
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"error":{"code":"name","message":"there is no table ` + "`bad`" + `","details":{"line":1,"column":1}}}`))
		case body.Query == "late":
			_, _ = w.Write([]byte(head + rows + `{"error":{"code":"limit","message":"too long"}}` + "\n"))
		case body.Query == "short":
			_, _ = w.Write([]byte(head + rows))
		default:
			_, _ = w.Write([]byte(head + rows + `{"stats":{"rows":2,"ms":1,"truncated":false,"partial":false,"limits":[]},"warnings":[]}` + "\n"))
		}
	}))
	defer server.Close()
	f := &huntFlags{targetFlags: targetFlags{server: server.URL, token: "secret", tenant: "default"}}
	target, err := f.target(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer target.close()
	var out bytes.Buffer
	ask := func(query, format string) error {
		out.Reset()
		return withPlace(target.answer(context.Background(), huntRequest{query: query, timeout: time.Minute}, newPrinter(&out, format, false)))
	}
	if err := ask("good", "ndjson"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("{\"n\":9223372036854775807,\"d\":{\"a\":1.0},\"s\":\"x\"}\n{\"n\":null,\"d\":true,\"s\":\"\"}\n", out.String()); diff != "" {
		t.Error(diff)
	}
	if err := ask("bad", "csv"); fault.CodeOf(err) != "name" || err.Error() != "line 1, column 1: there is no table `bad`" {
		t.Errorf("%v", err)
	}
	if err := ask("late", "csv"); fault.CodeOf(err) != fault.Limit {
		t.Errorf("a failure after rows: %v", err)
	}
	if err := ask("short", "csv"); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("an answer without an end: %v", err)
	}
	out.Reset()
	if cut, err := target.export(context.Background(), huntRequest{query: "T", limit: 1, timeout: time.Minute}, export.CSV, &out); err != nil || !cut || out.String() != "n\n1\n" {
		t.Errorf("export: %v, %v, %q", cut, err, out.String())
	}
}

func TestShellReads(t *testing.T) {
	for text, want := range map[string]bool{
		"DeviceEvents | count\n": false, "DeviceEvents | count;\n": true, "let a = 1;\n": false, "let a = 1;\nprint a;\n": true, "let f = (x:long) { x };": false,
		"DeviceEvents | where (;": true, ";": false,
	} {
		if got := complete(text); got != want {
			t.Errorf("complete(%q) = %v", text, got)
		}
	}
}

func TestShellCompletes(t *testing.T) {
	c := newCompleter([]huntTable{
		{Name: "DeviceEvents", Columns: []lake.Column{{Name: "DeviceId"}, {Name: "ActionType"}}}, {Name: "DeviceInfo", Columns: []lake.Column{{Name: "OSPlatform"}}},
	})
	for _, x := range []struct{ before, line, want string }{
		{"", "Dev", "[iceEvents  iceInfo ]"},
		{"", "DeviceEvents | summ", "[arize ]"},
		{"", "DeviceEvents | where Acti", "[onType ]"},
		{"DeviceInfo\n", "| where OSP", "[latform ]"},
		{"", "DeviceEvents | where OSP", "[]"},
		{"", "DeviceEvents | where isnotem", "[pty ]"},
		{"", ".sch", "[ema ]"},
		{"", ".schema DeviceI", "[nfo ]"},
		{"", ".format ndj", "[son ]"},
	} {
		c.before = x.before
		got, n := c.Do([]rune(x.line), len([]rune(x.line)))
		var texts []string
		for _, g := range got {
			texts = append(texts, string(g))
		}
		if s := fmt.Sprint(texts); s != x.want || n == 0 {
			t.Errorf("%q: %s (%d), want %s", x.line, s, n, x.want)
		}
	}
}

// keeper is a target that keeps queries while its context lasts.
type keeper struct {
	huntTarget
	kept []string
}

func (k *keeper) save(ctx context.Context, name, query string) error {
	if ctx.Err() == nil {
		k.kept = append(k.kept, name+": "+query)
	}
	return ctx.Err()
}

// The first Ctrl+C ends the program's context with the query that it stops, and the shell still works.
func TestShellAfterAnInterrupt(t *testing.T) {
	var out bytes.Buffer
	k := &keeper{}
	s := &shell{flags: &huntFlags{}, target: k, out: &out, errs: &out, words: newCompleter(nil), last: "print 1"}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s.command(ctx, []string{".save", "mine"}) || len(k.kept) != 1 || k.kept[0] != "mine: print 1" {
		t.Errorf("kept %v: %s", k.kept, out.String())
	}
}
