package kqltest_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/kqltest"
)

const (
	visibleRows = `  "pc-1", "tab one a=4", 4, 4, 1.5, true, datetime(2026-01-01T01:00), 2h, dynamic(["a", "b"]), guid(00000000-0000-0000-0000-000000000001), decimal(1),
  "pc-2", "tab two a=7", 7, 7, 2.5, false, datetime(2026-01-01T02:00), 3h, dynamic(["c"]), guid(00000000-0000-0000-0000-000000000002), decimal(2),
`
	hiddenRows = `  "srv-1", "secret a=9", 9, 9, 9.5, true, datetime(2026-01-01T03:00), 9h, dynamic(["secret"]), guid(00000000-0000-0000-0000-000000000009), decimal(9),
  "srv-2", "secret b=9", 8, 8, 8.5, true, datetime(2026-01-01T04:00), 8h, dynamic(["secret"]), guid(00000000-0000-0000-0000-000000000008), decimal(8),
`
	rowsTable = " (s:string, t:string, i:int, l:long, r:real, b:bool, d:datetime, u:timespan, y:dynamic, g:guid, m:decimal) [\n"
)

// narrowed is an engine with a table V that has rows for everybody and rows for others; plain is one whose V has the first only.
func narrowed(t *testing.T, open func(t testing.TB) store) (narrow, plain *script) {
	t.Helper()
	load := func(s store, tables string) *script {
		parsed, err := kqltest.Parse(strings.NewReader(tables))
		if err != nil {
			t.Fatal(err)
		}
		e := newScript(t, s)
		for _, table := range parsed.Tables {
			e.load(table)
		}
		return e
	}
	narrow = load(open(t), "table V"+rowsTable+visibleRows+hiddenRows+"]\ntable Members (Device:string, Group:string) [\n  \"pc-1\", \"all\",\n  \"pc-2\", \"all\",\n  \"srv-1\", \"servers\",\n]\n")
	plain = load(open(t), "table V"+rowsTable+visibleRows+"]\n")
	members := narrow.tables["Members"]
	delete(narrow.tables, "Members") // a query does not see it; the condition does
	v := *narrow.tables["V"]
	v.Rows = &kql.Rows{
		Where: `s in ((Members | where Group in ("all") | project Device))`,
		Tables: func(name string) *kql.Table {
			if name == "Members" {
				return members
			}
			return nil
		},
	}
	narrow.tables["V"] = &v
	return narrow, plain
}

// outcome is a result that can be compared: rows without an order of their own are sorted.
func outcome(e *script, query string) string {
	columns, rows, err := e.run(query)
	if err != nil {
		return "error " + err.Error()
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			return err.Error()
		}
		lines[i] = string(text)
	}
	slices.SortFunc(lines, cmp.Compare[string])
	head, _ := json.Marshal(columns)
	return string(head) + "\n" + strings.Join(lines, "\n")
}

// TestRowsOfOthersAreNotThere runs queries with each operator, and some that try to get around, over a table that is narrowed and over one that never had the
// other rows: the results are the same.
func TestRowsOfOthersAreNotThere(t *testing.T) {
	queries := slices.Sorted(maps.Values(tabularSamples))
	queries = slices.DeleteFunc(queries, func(q string) bool {
		return strings.Contains(q, "sample") || strings.Contains(q, "take") || strings.Contains(q, "fork")
	})
	queries = append(queries,
		"V | count", "union * | where s startswith 'srv' | project s", "union withsource=w V* | project w, s", "search 'secret' | project s", "find where s has 'srv' project s", "find 'secret'",
		"print n = toscalar(V | count)", "let f = () { V | where l > 7 }; f | project s", "let W = materialize(V); union W, W | summarize count()", "V | join kind=rightouter (V | where s startswith 'srv') on s | project s1",
		"V | join kind=fullouter V on $left.s == $right.t | project s, s1", "V | where s !in ((V | project s)) | project s", "database('x').V | project s", "table('V') | project s", "restrict access to (V); V | project s",
		"V | summarize arg_max(l, *)", "V | top 1 by l desc | project s", "V | summarize n = make_set(s) | project array_sort_asc(n)", "V | getschema | project ColumnName", "V | sort by l desc | extend p = prev(s) | project p",
		"V | where true or s == 'srv-1' | project s", "V | evaluate bag_unpack(bag_pack('k', s)) | summarize count()", "let Members = datatable(Device:string, Group:string) ['srv-1', 'all']; V | project s",
		"let T = datatable(Device:string)['srv-1']; V | where s in (T) | project s", "Members | count", "V | as T | join kind=inner (T) on s | project s",
	)
	for name, open := range engines(t) {
		t.Run(name, func(t *testing.T) {
			narrow, plain := narrowed(t, open)
			for _, q := range queries {
				got, want := outcome(narrow, q), outcome(plain, q)
				if got != want {
					t.Errorf("%s\ngives %s\nwant  %s", q, got, want)
				}
				if strings.Contains(got, "srv-") || strings.Contains(got, "secret") {
					t.Errorf("%s shows rows of others: %s", q, got)
				}
			}
			if got := outcome(plain, "V | count"); !strings.Contains(got, "[2]") {
				t.Errorf("the table itself has %s", got)
			}
		})
	}
}

// A condition that cannot be used hides everything.
func TestUnusableRowsHideAll(t *testing.T) {
	for _, where := range []string{"", "s ==", "nobody == 1", "Members | count", "s", "s in ((Members | project Device))", "true) | where (true", "true); print (1"} {
		narrow, _ := narrowed(t, newDuckStore)
		narrow.tables["V"].Rows = &kql.Rows{Where: where}
		if got := outcome(narrow, "V | count"); !strings.Contains(got, "[0]") {
			t.Errorf("%q shows %s", where, got)
		}
	}
}
