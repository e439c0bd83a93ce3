package kqltest_test

import (
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/kqltest"
	"github.com/bartizan-sec/bartizan/kql/row"
)

// rowQueries are whole row-by-row queries; the expressions of agreeExpressions are tried beside them.
var rowQueries = []string{
	"source | where i > 0 | extend z = i * 2, s = toupper(s) | where z < 100 | project id, z, s",
	"source | parse s with a \",\" b | project id, a, b",
	"source | parse kind=relaxed s with * \".\" n:long \".\" rest | project id, n, rest",
	"source | parse-where s with a \".\" n:long * | project id, a, n",
	"source | parse kind=regex flags=i s with @\"^(?:[A-Z]):.\" p @\".exe\" * | project id, p",
	"source | extend F = split(s, \",\") | project id, first = tostring(F[0]), n = array_length(F)",
	"let k = 2; let twice = (x:long) { x * k }; source | project id, v = twice(l)",
	"source | project-away s, t | project-rename w = i | project id, w, l, r, b",
	"source | where not(b) or isnull(b) | project id, d, e, u, y, g",
	"source | where b | extend c = case(i > 10, \"big\", i < 0, \"negative\", \"small\") | where c != \"small\" | project id, c",
	"source | extend y2 = bag_pack(\"k\", s, \"n\", i) | project id, y2, k = y2.k",
	"source | where s has \"power\" or s matches regex @\"^\\d+$\" | project id, s",
	"source | extend q = extract_all(@\"(\\w+)\", s) | project id, q, z = tostring(q[0])",
	"source | parse-kv s as (k:string, n:long) with (pair_delimiter=\",\", kv_delimiter=\":\") | project id, k, n",
	"source | where i in (1, 5, 7) and s !in (\"abc\") | project id",
	"source | extend a = 1 | extend a = a + 1, b2 = a | project id, a, b2",
}

// A program of package row gives what the engine gives.
func TestRowsAgreeWithEngine(t *testing.T) {
	e := newScript(t, engines(t)["duckdb"](t))
	e.load(kqltest.Table{Name: "V", Source: agreeTable})
	base, err := e.compile("V")
	if err != nil {
		t.Fatal(err)
	}
	source, err := e.rows(base.Root)
	if err != nil {
		t.Fatal(err)
	}
	var fields []row.Field
	for _, c := range base.Columns {
		fields = append(fields, row.Field{Name: c.Name, Type: c.Type})
	}
	queries := append([]string(nil), rowQueries...)
	for _, x := range agreeExpressions {
		queries = append(queries, "source | project id, x = "+x)
	}
	for _, query := range queries {
		program, err := row.Compile(query, fields, row.Options{})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		p, err := e.compile(strings.Replace(query, "source", "V", 1))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		want, err := e.rows(p.Root)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		got := map[any][]any{}
		for _, r := range source {
			cells, ok, err := program.Run(r)
			if err != nil {
				t.Errorf("%s: %v", query, err)
			} else if ok {
				got[cells[0]] = cells
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, the engine gives %d", query, len(got), len(want))
		}
		for _, w := range want {
			g := got[w[0]]
			for i := range w {
				if len(g) != len(w) || !equal(g[i], w[i]) {
					t.Errorf("%s: %#v, the engine gives %#v", query, g, w)
					break
				}
			}
		}
	}
}
