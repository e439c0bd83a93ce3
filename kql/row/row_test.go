package row

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

var fields = []Field{{"Text", plan.String}, {"N", plan.Long}, {"D", plan.Dynamic}}

func TestRun(t *testing.T) {
	p, err := Compile(`source | where N > 1 | parse Text with Who " from " Where | project Who, Where, Deep = toint(D.a.b), Other = tostring(other)`, fields, Options{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Who", "Where", "other"}, p.Names()); diff != "" {
		t.Error(diff)
	}
	if !p.Uses("other") || !p.Uses("Text") || p.Uses("nothing") || p.Uses("Who") {
		t.Error("Uses is wrong")
	}
	got, ok, err := p.Run([]any{"mira from gw", int64(2), `{"a":{"b":7}}`, nil, nil, `"x"`})
	if diff := cmp.Diff([]any{"mira", "gw", int64(7), "x"}, got); diff != "" || !ok || err != nil {
		t.Error(diff, ok, err)
	}
	if _, ok, err := p.Run([]any{"a", int64(1), nil}); ok || err != nil {
		t.Error("a row that the filter leaves out came through", err)
	}
	got, ok, err = p.Run([]any{nil, int64(5)}) // missing cells are null
	if diff := cmp.Diff([]any{"", "", nil, ""}, got); diff != "" || !ok || err != nil {
		t.Error(diff, ok, err)
	}
}

func TestRefusals(t *testing.T) {
	for query, want := range map[string]string{
		"source | summarize count()":                    "unsupported 1:10",
		"source\n| where N >\n ago(1d)":                 "unsupported 3:2",
		"source\n| extend X = now()":                    "unsupported 2:14",
		"source | extend X = rand()":                    "unsupported 1:21",
		"source | extend X = toscalar(source | take 1)": "unsupported",
		"source | where N in ((source | project N))":    "unsupported",
		"source | extend X = nope(1)":                   "name 1:21",
		"source | extend X = Text +":                    "syntax",
		"source | project Missing":                      "name 1:18",
		"other":                                         "name",
		"source | join source on N":                     "unsupported",
		"print x = 1":                                   "unsupported",
		"source | extend X = prev(N)":                   "",
		"datatable(a:long)[1]":                          "unsupported",
		"externaldata(a:string)['http://x']":            "unsupported",
		"declare query_parameters(a:long = 1); source":  "unsupported",
		"":               "syntax",
		"source; source": "",
		"source | where " + strings.Repeat("N == 1 or ", 300) + "true": "ok",
	} {
		_, err := Compile(query, fields, Options{})
		if want == "ok" {
			if err != nil {
				t.Errorf("%.60s: %v", query, err)
			}
			continue
		}
		var e *kql.Error
		if !errors.As(err, &e) {
			if want != "" || err == nil && !strings.Contains(query, ";") {
				t.Errorf("%.60q: %v", query, err)
			}
			continue
		}
		place := e.Code + " " + strings.SplitN(e.Error(), ": ", 2)[0]
		if !strings.HasPrefix(place, want) || e.Message == "" {
			t.Errorf("%.60q: %s: %s", query, place, e.Message)
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	p, err := Compile(`source | extend a = strcat(Text, Text, Text, Text) | extend b = strcat(a, a, a, a) | project c = strcat(b, b, b, b)`, fields, Options{Work: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Run([]any{"short"}); err != nil {
		t.Error(err)
	}
	var limit *fn.LimitError
	if _, _, err := p.Run([]any{strings.Repeat("x", 1<<19)}); !errors.As(err, &limit) {
		t.Errorf("no bound: %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`source | where N > 1 | project tolower(Text)`, `source | parse Text with a ":" b:long * | extend c = D[a]`, `source | extend x = split(Text, ",")[N]`, `source | where Text matches regex "("`} {
		f.Add(s, "a:1,b", int64(3))
	}
	f.Fuzz(func(t *testing.T, query, text string, n int64) {
		if len(query) > 2000 {
			return
		}
		p, err := Compile(query, fields, Options{Open: true, Work: 1 << 20})
		if err != nil {
			var e *kql.Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("an error without code or place: %v", err)
			}
			return
		}
		cells, ok, err := p.Run([]any{text, n, `{"a":[1,"x"]}`})
		if err == nil && ok && len(cells) != len(p.Columns()) {
			t.Fatalf("%d cells for %d columns", len(cells), len(p.Columns()))
		}
	})
}
