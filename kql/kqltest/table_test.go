package kqltest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

var update = flag.Bool("update", false, "write docs/kql-engines.md")

// sampleColumns is a column of each type, which the samples of functions use.
var sampleColumns = map[string]plan.Type{
	"s": plan.String, "t": plan.String, "i": plan.Int, "l": plan.Long, "r": plan.Real, "b": plan.Bool, "d": plan.DateTime, "u": plan.TimeSpan, "y": plan.Dynamic, "g": plan.GUID,
	"m": plan.Decimal,
}

// samples are arguments for a parameter of a kind: columns, then constants.
var samples = map[string][2][]string{
	"string": {{"s"}, {`"ab"`}}, "string or dynamic": {{"s", "y"}, {`"ab"`}}, "string or array": {{"s"}, {`"ab"`}}, "any": {{"s", "l", "y", "d", "r"}, {`"ab"`, "2"}},
	"integer": {{"l"}, {"2"}}, "number": {{"l", "r"}, {"2"}}, "number or bool": {{"l", "r"}, {"2"}}, "number or time": {{"l", "r", "d", "u"}, {"2"}},
	"array": {{"y"}, {`dynamic(["a", "b"])`}}, "integer or array": {{"y", "l"}, {`dynamic([1, 2])`}}, "bag": {{"y"}, {`dynamic({"a": 1})`}},
	"dynamic": {{"y"}, {`dynamic(["a", "b"])`}}, "bool": {{"b"}, {"true"}}, "datetime": {{"d"}, {"datetime(2026-01-01)"}}, "timespan": {{"u"}, {"1h"}}, "real": {{"r"}, {"2.5"}}, "long": {{"l"}, {"2"}},
	"int": {{"i"}, {"int(2)"}}, "decimal": {{"m"}, {"decimal(2)"}}, "guid": {{"g"}, {"guid(null)"}}, "type": {nil, {"typeof(long)"}},
}

// calls are samples for functions whose arguments have a language of their own.
var calls = map[string][]string{
	"datetime_part": {`datetime_part("year", d)`, `datetime_part("hour", d)`}, "datetime_diff": {`datetime_diff("day", d, d)`, `datetime_diff("month", d, d)`},
	"datetime_add": {`datetime_add("day", 1, d)`, `datetime_add("month", 1, d)`}, "format_datetime": {`format_datetime(d, "yyyy-MM-dd HH:mm:ss")`, `format_datetime(d, "FF")`},
	"extract": {`extract("a(b)", 1, s)`, `extract("a(b)", 1, s, typeof(long))`}, "extract_json": {`extract_json("$.a.b", s)`, `extract_json("$.a[0]", s)`},
	"extractjson": {`extractjson("$.a.b", s)`}, "bin": {"bin(d, 1h)", "bin(l, 5)", "bin(r, 0.5)", "bin(u, 1h)"}, "floor": {"floor(d, 1h)", "floor(l, 5)"}, "iff": {"iff(b, l, 2)"}, "iif": {"iif(b, l, 2)"},
	"case": {`case(b, "x", l > 2, "y", "z")`}, "bag_pack": {`bag_pack("a", s, "b", l)`}, "pack": {`pack("a", s)`}, "ipv4_is_in_range": {`ipv4_is_in_range(s, "10.0.0.0/8")`, "ipv4_is_in_range(s, t)"},
	"ipv4_is_in_any_range": {`ipv4_is_in_any_range(s, "10.0.0.0/8", "192.168.0.0/16")`, "ipv4_is_in_any_range(s, y)"}, "now": {"now()"}, "ago": {"ago(1h)"}, "percentile": {"percentile(l, 95)", "percentile(y, 95)"},
	"percentiles": {"percentiles(l, 5, 95)"}, "split": {`split(s, ",")`, "split(s, t)"}, "round": {"round(r)", "round(r, 2)"}, "countof": {`countof(s, "a")`, "countof(s, t)"},
	"unixtime_seconds_todatetime": {"unixtime_seconds_todatetime(l)"}, "unixtime_milliseconds_todatetime": {"unixtime_milliseconds_todatetime(l)"},
	"unixtime_microseconds_todatetime": {"unixtime_microseconds_todatetime(l)"}, "set_has_element": {`set_has_element(y, "a")`, "set_has_element(y, l)"}, "make_list": {"make_list(s)", "make_list(l)", "make_list(y)"},
	"make_set": {"make_set(s)", "make_set(l)", "make_set(y)"}, "replace_regex": {`replace_regex(s, "a(b)", "\\1")`, "replace_regex(s, t, s)"}, "trim": {`trim(" +", s)`}, "trim_start": {`trim_start(" +", s)`},
	"trim_end": {`trim_end(" +", s)`}, "extract_all": {`extract_all("a(b)", s)`, `extract_all("(a)(b)", s)`}, "dcount": {"dcount(s)", "dcount(l)"}, "arg_max": {"arg_max(l, s, y)"}, "arg_min": {"arg_min(l, s)"},
}

// operatorSamples are expressions with each operator.
var operatorSamples = map[string][]string{
	"== !=": {"s == t", "l != 2", "y.a == 1", "y.a == \"x\""}, "< <= > >=": {"l < 2", "d > datetime(2026-01-01)", "s < t"}, "+ - * / %": {"l + 2", "l * l", "r / 2", "l % 5", "d - d", "u * 2"},
	"and or not": {"b and l > 2", "not(b)"}, "between": {"l between (1 .. 2)"}, "in !in": {`s in ("a", "b")`, "l in (1, 2)", `y in (1, 2)`}, "in~ !in~": {`s in~ ("a", "b")`}, "=~ !~": {`s =~ "a"`, "s =~ t"},
	"has !has": {`s has "a"`, `s has "a.b"`, "s has t"}, "has_cs": {`s has_cs "a"`}, "has_any has_all": {`s has_any ("a", "b")`, "s has_any (y)"}, "hasprefix hassuffix": {`s hasprefix "a"`},
	"contains": {`s contains "a"`, "s contains t"}, "startswith endswith": {`s startswith "a"`, `s endswith_cs "a"`}, "matches regex": {`s matches regex "a+b"`, "s matches regex t"},
	"y.a y[0]": {"y.a", "y[0]", "tostring(y.a.b)", "toint(y.a)"},
}

// tabularSamples are queries with each tabular operator.
var tabularSamples = map[string]string{
	"where": "V | where l > 2", "extend": "V | extend x = l + 1", "project": "V | project s, x = l", "summarize": "V | summarize count() by s", "join": "V | join kind=inner (V) on s", "union": "union V, V",
	"sort by": "V | sort by l", "top": "V | top 3 by l", "take": "V | take 3", "distinct": "V | distinct s", "count": "V | count", "mv-expand": "V | mv-expand y to typeof(string)",
	"mv-apply": "V | mv-apply e = y to typeof(string) on (where e != 'a')", "parse": `V | parse s with * "a=" x:long " " *`, "parse-where": `V | parse-where s with * "a=" x:long " " *`,
	"parse-kv": `V | parse-kv s as (a:string) with (pair_delimiter=" ", kv_delimiter="=")`, "lookup": "V | lookup kind=leftouter (V | project s, x = l) on s", "project-away": "V | project-away s",
	"project-keep": "V | project-keep s", "project-rename": "V | project-rename x = s", "project-reorder": "V | project-reorder l",
	"make-series": "V | make-series count() on d from datetime(2026-01-01) to datetime(2026-01-02) step 1h", "evaluate": "V | evaluate autocluster()", "invoke": "let f = (T:(*)) { T | count }; V | invoke f()",
	"render": "V | summarize count() by s | render piechart", "serialize": "V | serialize x = row_number()", "as": "V | as W", "sample": "V | sample 3", "sample-distinct": "V | sample-distinct 3 of s",
	"top-nested": "V | top-nested 2 of s by count()", "top-hitters": "V | top-hitters 2 of s", "partition": "V | partition hint.strategy=native by s (top 1 by l)", "scan": "V | sort by d asc | scan with (step a: true;)",
	"reduce": "V | reduce by s", "fork": "V | fork (count) (take 1)", "facet": "V | facet by s", "getschema": "V | getschema", "search": `search in (V) "a"`, "find": "find in (V) where l > 2", "print": "print 1",
	"range": "range x from 1 to 3 step 1", "make-graph": "V | make-graph s --> t | graph-to-table nodes", "graph-match": "V | make-graph s --> t | graph-match (a)-[e]->(b) project a = e.l",
	"graph-shortest-paths": "V | make-graph s --> t | graph-shortest-paths (a)-[e*1..3]->(b) project x = 1", "graph-to-table": "V | make-graph s --> t | graph-to-table edges",
}

// differences are results that are not the same on both engines. Each has a reason in how the engine reads or writes values.
var differences = [][2]string{
	{"dynamic values with reals", "ClickHouse writes a whole real inside an extracted array or bag without its point: `dynamic({\"a\": [2.0]}).a` is `[2]`. A real extracted by itself keeps it."},
	{"`=~`, `contains`, `has` and kin", "A needle of ASCII letters does not match the Kelvin sign and other letters outside ASCII that have an ASCII letter as lower case."},
	{"`tolower()`", "ClickHouse follows the full mapping of Unicode (`İ` becomes two characters), Go the simple one."},
	{"`make_list()` without an order", "The order is that of reading: over shards it may change from run to run. After `sort by` it is the same everywhere."},
	{"`take`, `take_any()`, `sample`, ties of `top` and `arg_max()`", "Which rows are taken is not defined by the language, and differs."},
	{"bags with a name twice", "ClickHouse takes the first value, the host the last."},
	{"`stdev()`, `variance()`, `avg()` of reals", "The last digits depend on the order of addition."},
}

// verdict says how an engine computes the samples of something.
type verdict struct{ sql, other int }

func (v verdict) text(other string) string {
	switch {
	case v.sql+v.other == 0:
		return "–"
	case v.other == 0:
		return "SQL"
	case v.sql == 0:
		return other
	}
	return "SQL, " + other
}

type tally struct{ duck, click verdict }

func (e *tableOf) count(t *tally, query string) bool {
	p, err := kql.Compile(query, e.catalog, kql.Options{Now: scriptNow})
	if err != nil {
		return false
	}
	roots := []plan.Node{p.Root}
	for _, r := range p.Results {
		roots = append(roots, r.Root)
	}
	for _, root := range roots {
		opt := sqlgen.Options{Now: fn.Ticks(scriptNow)}
		q, err := sqlgen.Generate(root, e.duck, opt)
		inGo := err != nil || strings.Contains(q.SQL, "kql_")
		if inGo {
			t.duck.other++
		}
		if !inGo || strings.Contains(q.SQL, "CASE WHEN") { // SQL, with a function in Go for the odd row
			t.duck.sql++
		}
		if _, err := sqlgen.Generate(root, e.click, opt); err == nil {
			t.click.sql++
		} else {
			t.click.other++
		}
	}
	return true
}

// tableOf makes the table.
type tableOf struct {
	catalog     catalog
	duck, click sqlgen.Dialect
}

var parameters = regexp.MustCompile(`(\[?)[A-Za-z_0-9]+(…?): ([a-z ]+)`)

// sampleCalls are calls of a function by its signatures: columns for the first argument and constants for the others, then columns for all.
func sampleCalls(f kql.Function) []string {
	if c := calls[f.Name]; c != nil {
		return c
	}
	var out []string
	for _, sig := range f.Signatures {
		from, to := strings.Index(sig, "("), strings.Index(sig, ")")
		if from < 0 || to < from {
			continue
		}
		var kinds []string
		for _, m := range parameters.FindAllStringSubmatch(sig[from:to], -1) {
			if m[1] == "" {
				kinds = append(kinds, m[3])
				if m[2] != "" {
					kinds = append(kinds, m[3])
				}
			}
		}
		if len(kinds) == 0 {
			out = append(out, f.Name+"()")
			continue
		}
		firsts := samples[kinds[0]][0]
		if len(firsts) == 0 {
			firsts = samples[kinds[0]][1]
		}
		for _, first := range firsts {
			for _, constants := range []int{1, 0} {
				args := []string{first}
				for _, k := range kinds[1:] {
					list := samples[k][constants]
					if len(list) == 0 {
						list = samples[k][1]
					}
					if len(list) > 0 {
						args = append(args, list[0])
					}
				}
				out = append(out, f.Name+"("+strings.Join(args, ", ")+")")
			}
		}
	}
	return out
}

// TestEngines holds docs/kql-engines.md to what the dialects say; -update writes it.
func TestEngines(t *testing.T) {
	v := &kql.Table{Name: "V"}
	names := make([]string, 0, len(sampleColumns))
	for name := range sampleColumns {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v.Columns = append(v.Columns, kql.TableColumn{Name: name, Type: sampleColumns[name]})
	}
	e := &tableOf{catalog: catalog{"V": v}, duck: sqlgen.DuckDB(), click: sqlgen.ClickHouse(true)}
	var b strings.Builder
	b.WriteString(`# What runs where

A query becomes SQL as far as the engine can say it with the meaning that the language gives it. What DuckDB's SQL lacks, it calls in Go while it runs. What
ClickHouse's SQL lacks is computed by the host: the parts below it run in the server, their rows come over, and an embedded DuckDB does the rest. So every
query runs on both; the table says what travels.

"SQL" is said in SQL; "Go" is a function in Go that DuckDB calls; "host" is computed outside of the server. Two of them: it depends on the arguments (most
often on whether a pattern, a unit or a list is a constant).

This page is made by ` + "`go test ./kql/kqltest -run Engines -update`" + `.

## Differences in results

| what | how |
|---|---|
`)
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s |\n", d[0], d[1])
	}
	head := func(title, what string) {
		fmt.Fprintf(&b, "\n## %s\n\n| %s | DuckDB | ClickHouse |\n|---|---|---|\n", title, what)
	}
	row := func(name string, x tally) {
		if x == (tally{}) {
			return // not to be called this way: it names the store's own things, or is refused
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(name, "|", `\|`), x.duck.text("Go"), x.click.text("host"))
	}

	head("Tabular operators", "operator")
	for _, op := range kql.Operators() {
		var x tally
		if !e.count(&x, tabularSamples[op.Name]) {
			t.Errorf("no sample that compiles for the operator %s", op.Name)
		}
		row(op.Name, x)
	}
	head("Operators of expressions", "operator")
	for _, name := range sorted(operatorSamples) {
		var x tally
		for _, s := range operatorSamples[name] {
			if !e.count(&x, "V | project x = "+s) {
				t.Errorf("the sample %s does not compile", s)
			}
		}
		row(name, x)
	}
	head("Aggregates", "aggregate")
	scalars, unknown := map[string]tally{}, 0
	for _, f := range kql.Functions() {
		switch f.Kind {
		case "aggregate":
			var x tally
			for _, s := range sampleCalls(f) {
				e.count(&x, "V | summarize "+s+" by s")
			}
			row(f.Name, x)
		case "scalar":
			var x tally
			for _, s := range sampleCalls(f) {
				if !e.count(&x, "V | project x = "+s) {
					e.count(&x, "V | serialize x = "+s)
				}
			}
			scalars[f.Name] = x
			if x == (tally{}) {
				unknown++
			}
		}
	}
	head("Functions", "function")
	for _, name := range sorted(scalars) {
		row(name, scalars[name])
	}
	if most := len(scalars) / 6; unknown > most {
		t.Errorf("%d of %d functions have no sample that compiles", unknown, len(scalars))
	}

	path := filepath.Join("..", "..", "docs", "kql-engines.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s is not what the dialects say: go test ./kql/kqltest -run Engines -update (%v)", path, err)
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
