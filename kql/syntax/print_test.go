package syntax_test

import (
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// samples touch every form of the grammar; they are the seeds of the fuzz target too.
var samples = []string{
	"T",
	"T | where a == 1 and (b != 'x' or not(c)) | take 5",
	"T | where a has 'x' and b !has_cs 'y' and c matches regex @'^a\\d+$' and d in~ ('a', \"b\") and e !in (1, 2) and f has_any (list)",
	"T | where t between (ago(1d) .. now()) and x !between (1 .. 5)",
	"T | where * has 'x' or * == 5",
	"T | extend a = -b + +c * 2 / 3 % 4, ['odd name'] = tostring(d.e['f'][0].g), (p, q) = series_stats(s)",
	"T | project a, b = c, ['x y'] | project-away A*, b | project-keep *c | project-rename z = y | project-reorder b, *, a asc, c* granny-desc",
	"T | project-by-names 'a', dynamic(['b'])",
	"T | summarize hint.strategy=shuffle count(), x = dcount(y, 2), arg_max(t, *) by bin(t, 1h), k = tolower(z)",
	"T | summarize by a, b | distinct a | distinct *",
	"T | join kind=leftouter hint.remote=auto (U | where a > 1) on a, $left.b == $right.c and $left.d == $right.d",
	"T | join U on a | lookup kind=inner (V) on a",
	"union kind=outer withsource=src isfuzzy=true A, B*, (C | take 1), database('d').T*",
	"T | union (U), V",
	"T | sort by a asc nulls first, b desc, c | order by d | top 3 by a desc nulls last",
	"T | top-nested 2 of a with others='x' by sum(b), top-nested of c by max(1) desc",
	"T | top-hitters 3 of a by b | sample 4 | sample-distinct 5 of c | limit 6",
	"T | count | as X",
	"T | mv-expand bagexpansion=array with_itemindex=i a, b = c to typeof(long) limit 10",
	"T | mv-apply x = a to typeof(string) on (where x != '' | summarize n = count())",
	"T | parse kind=regex flags=Ui a with * 'x=' x:long ', y=' y * | parse-where b with p ':' q:datetime",
	"T | parse-kv a as (k:string, ['v w']:long) with (pair_delimiter=' ', kv_delimiter='=', quote='\"')",
	"datatable (a:int, ['b c']:string, d:dynamic) [1, 'x', dynamic({'a': [1, 2.5, null, true], b: datetime(2020-01-01)}), 2, \"y\\\"z\", dynamic(null)]",
	"externaldata (a:string) [@'https://host/file.csv', h'https://host/b'] with (format='csv', ignoreFirstRecord=true)",
	"print 1, x = 1.5e3, 0x1F, 1d, 2.5h, 10ms, 1tick, true, datetime(2020-01-01 10:00), time(1.02:03:04.5), guid(74be27de-1e4e-49d9-b579-fe0b331d3642), long(null), decimal(1.25), int(-3), real(nan)",
	"print 'a' 'b' @\"c\"\"d\" h'secret' ```multi\nline```",
	"range x from 1 to 10 step 2",
	"T | evaluate hint.distribution=single bag_unpack(b, 'p_') : (a:string, *)",
	"T | invoke f(1, x = 'y') | render timechart with (title='t', ycolumns=a, b, xcolumn=c)",
	"T | reduce by a with threshold=0.2, characters='-'",
	"T | serialize n = row_number(1, prev(a) != a) | serialize",
	"T | sort by t asc | scan with_match_id=m declare (s:long = 0, e:string) with (step s1 output=none: a == 1 => s = 5; step s2 optional: b > s1.s;)",
	"T | partition hint.strategy=native by a (top 1 by b | extend c = 1)",
	"T | partition by a { U | where b == toscalar(V) }",
	"T | fork x=(where a | take 1) (count)",
	"T | facet by a, b with (where c | take 5)",
	"find withsource=s in (A, B*) where a == 'x' and 'y' project a, b:string, pack(*)",
	"search kind=case_sensitive in (A, B) 'x' and (a:'y*' or not('z'))",
	"search *",
	"T | make-series kind=nonempty n = count() default=0, avg(x) on t from ago(1d) to now() step 1h by a, b",
	"T | make-series count() on t in range(ago(1d), now(), 1h)",
	"E | make-graph a --> b with N on id, M on id2 | graph-match cycles=none (x)-[e*1..3]->(y)<--(z)--(w) where x.a == 'b' project p = x.a, q = e.c",
	"E | make-graph a --> b with_node_id=n | graph-shortest-paths output=all (x)-[e*1..5]-(y) project l = array_length(e)",
	"E | make-graph a --> b | graph-mark-components kind=weak with_component_id=c | graph-to-table nodes as N with_node_id=i, edges",
	"E | make-graph a --> b | graph-where-nodes x > 1 | graph-where-edges y == 'z' | graph-to-table edges",
	"T | getschema | consume decodeblocks=true | assert-schema (a:long, b:string)",
	"let a = 5; let T1 = materialize(T | where x == a); let f = (t:(*), u:(k:string), n:long = 3) { let y = n + 1; t | where z == y }; T1 | invoke f(U)",
	"let v = view () { T | take 1 }; let g = () { now() }; v | where t > g()",
	"set querytrace; set query_now = datetime(2020-01-01); declare query_parameters(a:long = 5, b:string); T | where x == a",
	"T | where a in (U | project b) or a in ((V)) or toscalar(W | count) > 3",
	"// first\nT // second\n// third\n| where a == 1 // fourth\n| take 5\n// last",
	"T | join kind=inner (\n  // inside\n  U | where a\n  // more\n  | take 1) on k",
	"macro-expand isfuzzy=true entity_group [cluster('a').database('b'), c] as X (X.T | take 1)",
	"alias database d = cluster('c').database('d'); restrict access to (a, b*); T",
	"T | extend x = case(a > 1, 'x', 'y')[0], y = iff(isempty(b), dynamic([]), c) | where $left.a == 1",
	"declare pattern p; declare pattern q = (a:string)[b:string] { ('x').['y'] = { T | take 1 }; // c\n ('z').['w'] = { let n = 1; print n } }; q('x').y",
	"database('d').T | where x.y.z[-1] == 2h | project typeof(long)",
}

func TestRoundTrip(t *testing.T) {
	for _, text := range samples {
		q, diags := syntax.Parse(text)
		if len(diags) > 0 {
			t.Errorf("%s\n%v", text, diags)
			continue
		}
		checkRoundTrip(t, q)
	}
}

// checkRoundTrip says that the printed query reads back as the same query: printing that again changes nothing, and no token is lost.
func checkRoundTrip(t *testing.T, q *syntax.Query) {
	t.Helper()
	once := syntax.Text(q)
	again, diags := syntax.Parse(once)
	if len(diags) > 0 {
		t.Errorf("%s\nprints as\n%s\nwhich does not parse: %v", q.Source.Text, once, diags)
		return
	}
	if twice := syntax.Text(again); twice != once {
		t.Errorf("%s\nprints as\n%s\nand then as\n%s", q.Source.Text, once, twice)
	}
	if a, b := content(q.Source.Text), content(once); a != b {
		t.Errorf("tokens differ:\n%s\n%s", a, b)
	}
}

// content lists what a printer must neither lose nor add: literals, names and comments, without the words that it may spell differently.
func content(text string) string {
	tokens, comments := syntax.Tokens(text)
	var b strings.Builder
	for _, t := range tokens {
		switch t.Kind {
		case syntax.Ident:
			switch t.Text {
			case "order", "sort", "limit", "take", "filter", "where", "mvexpand", "mv", "expand", "mvapply", "apply", "by", "with", "from", "to", "step", "in", "range":
				continue
			}
			b.WriteString(t.Text + " ")
		case syntax.String:
			b.WriteString(t.Value + " ")
		case syntax.Number, syntax.Real, syntax.TimeSpan:
			b.WriteString(t.Text + " ")
		}
	}
	for _, c := range comments {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

func TestCorpusRoundTrip(t *testing.T) {
	for _, name := range []string{"doc_examples.jsonl", "doc_parse_only.jsonl", "hunting_m365d.jsonl", "hunting_sentinel.jsonl"} {
		for id, text := range corpusQueries(t, name) {
			q, diags := syntax.Parse(text)
			if len(diags) > 0 {
				continue // TestCorpusParses reports it
			}
			once := syntax.Text(q)
			again, diags := syntax.Parse(once)
			if len(diags) > 0 {
				line, _ := again.Source.Position(diags[0].Start)
				t.Errorf("%s prints as a text that does not parse: %v: %s", id, diags[0], strings.Split(once, "\n")[line-1])
				continue
			}
			if twice := syntax.Text(again); twice != once {
				t.Errorf("%s prints differently the second time", id)
			}
		}
	}
}

func TestLayout(t *testing.T) {
	q, _ := syntax.Parse("let x=5;DeviceEvents|where A==x and B in('a','b')|join kind=inner(U|where C|take 3)on D|summarize count()by bin(T,1h)")
	want := `let x = 5;
DeviceEvents
| where A == x and B in ('a', 'b')
| join kind=inner (
    U
    | where C
    | take 3
) on D
| summarize count() by bin(T, 1h)
`
	if got := syntax.Text(q); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Add("((((((((((")
	f.Add("let f = (x:long) { x + ")
	f.Add("T | where a == \"unclosed")
	f.Fuzz(func(t *testing.T, text string) {
		q, diags := syntax.Parse(text)
		if len(diags) > 0 {
			return
		}
		once := syntax.Text(q)
		again, diags := syntax.Parse(once)
		if len(diags) > 0 {
			t.Fatalf("%q prints as %q, which does not parse: %v", text, once, diags)
		}
		if twice := syntax.Text(again); twice != once {
			t.Fatalf("%q prints as %q, then as %q", text, once, twice)
		}
	})
}
