package kqltest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/kqltest"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// agreeTable has values of every type that tend to be treated wrongly.
const agreeTable = `(id:long, s:string, t:string, i:int, l:long, r:real, b:bool, d:datetime, e:datetime, u:timespan, y:dynamic, g:guid) [
	1, "abc", "ABC", 1, 10, 1.5, true, datetime(2026-01-15 13:47:11.1234567), datetime(2025-12-31 23:59:59), 1h, dynamic({"a": 1, "b": "x", "c": [1, 2.0, null], "s": "12"}), guid(74be27de-1e4e-49d9-b579-fe0b331d3642),
	2, "", "", int(null), long(null), real(null), bool(null), datetime(null), datetime(null), timespan(null), dynamic(null), guid(null),
	3, "C:\\Windows\\power_shell.exe -enc", "power", -7, -7, -2.5, false, datetime(0001-01-01), datetime(2026-01-15), -90m, dynamic([1, "two", 3.5, null, true, [4]]), guid(00000000-0000-0000-0000-000000000000),
	4, "ÄÖ ärger naïve", "ärger", 0, 0, 0.0, true, datetime(9999-12-31 23:59:59.9999999), datetime(1970-01-01), 0s, dynamic("text"), guid(null),
	5, "12", " 12 ", 2147483647, 9223372036854775807, 1e300, false, datetime(2024-02-29 00:00), datetime(2023-02-28), 1d, dynamic(5), guid(null),
	6, "12.7", "-3", -2147483648, -9223372036854775807, real(nan), true, datetime(2026-03-01), datetime(2026-02-01), 1tick, dynamic({"a": "q\"uote", "b": {"c": null}}), guid(null),
	7, "a,b,,c", ",", 5, 3, real(+inf), bool(null), datetime(2026-01-11), datetime(2026-01-12), 36500d, dynamic(true), guid(null),
	8, "{\"k\":\"v\",\"n\":5}", "0x1F", 7, 100, 2.9999, true, datetime(2000-01-01), datetime(1999-12-31), 5m, dynamic(3.25), guid(null),
	9, "10.1.2.3", "10.0.0.0/8", 100, 64, -0.0, false, datetime(1601-01-01), datetime(2026-01-01 12:00), 12h, dynamic([]), guid(null),
	10, "%_\\'\"; --", "%_", 3, 2, 3.0, true, datetime(2026-12-31), datetime(2026-12-30), -1d, dynamic({}), guid(null),
]`

var agreeExpressions = []string{
	`s contains t`, `s contains "power"`, `s contains "ÄR"`, `s !contains "a"`, `s contains_cs "a"`, `s has t`, `s has "power"`, `s has "ärger"`, `s !has "enc"`, `s has_cs "shell"`, `s hasprefix "sh"`, `s hassuffix "er"`,
	`s startswith t`, `s startswith "c:\\win"`, `s startswith "%_"`, `s startswith "ä"`, `s endswith "ENC"`, `s endswith_cs "enc"`, `s =~ t`, `s =~ "abc"`, `s =~ "%_\\'\"; --"`, `s !~ "ABC"`,
	`s == t`, `s != t`, `s < t`, `s in ("abc", "12")`, `s !in ("abc", "12")`, `s in~ ("ABC", "x")`, `s has_any ("enc", "b", "x1", "x2")`, `s has_any ("enc")`, `s has_all ("enc", "windows")`, `s matches regex "[0-9]+"`,
	`l in (10, 0)`, `l !in (10, 0)`, `i in (1, 2)`, `r in (1.5, 3.0)`, `d in (datetime(2026-01-11))`,
	`i == 1`, `i != 1`, `i == l`, `i != l`, `l > i`, `l >= 10`, `b == true`, `b != false`, `d == e`, `d < e`, `d != e`, `u > 1h`, `r > 1`, `r == 0.0`, `g == guid(74be27de-1e4e-49d9-b579-fe0b331d3642)`, `g != guid(74be27de-1e4e-49d9-b579-fe0b331d3642)`,
	`b and i > 0`, `b or i > 0`, `not(b)`, `not(i == 1)`, `i between (0 .. 5)`, `l !between (0 .. 50)`, `d between (datetime(2026-01-01) .. datetime(2026-12-31))`,
	`i + 1`, `i - 1`, `i * 2`, `i / 2`, `i % 3`, `i / 0`, `l / 3`, `l % 5`, `r + 1`, `r * 2`, `r / 2`, `r / 0`, `l - 1`, `-i`, `-l`, `-r`, `l + l`, `l * i`, `l - i`, `abs(i)`, `abs(r)`,
	`d - e`, `d + 1h`, `d - 1h`, `u + 1h`, `u * 2`, `u / 2`, `u / 1h`, `u * 1.5`,
	`bin(l, 5)`, `bin(i, 3)`, `bin(r, 0.5)`, `bin(d, 1h)`, `bin(d, 1d)`, `bin(u, 1h)`, `floor(l, 7)`, `startofday(d)`, `startofweek(d)`, `startofmonth(d)`, `endofday(d)`, `dayofweek(d)`, `hourofday(d)`, `getyear(d)`, `datetime_diff("day", d, e)`,
	`datetime_diff("hour", d, e)`, `datetime_diff("minute", d, e)`, `datetime_diff("month", d, e)`, `unixtime_seconds_todatetime(l)`, `unixtime_milliseconds_todatetime(l)`, `format_datetime(d, "yyyy-MM-dd HH:mm:ss.fffffff")`,
	`tostring(i)`, `tostring(l)`, `tostring(r)`, `tostring(b)`, `tostring(d)`, `tostring(u)`, `tostring(y)`, `tostring(g)`, `tolong(s)`, `tolong(t)`, `toint(s)`, `toint(t)`, `toreal(s)`, `tobool(i)`, `tolong(r)`, `toint(l)`, `tolong(b)`, `toreal(i)`, `tolong(d)`, `tolong(u)`,
	`isempty(s)`, `isnotempty(s)`, `isnull(i)`, `isnotnull(i)`, `isnull(s)`, `isnull(y)`, `isempty(y)`, `isnotempty(y)`, `isnull(y.a)`, `isempty(y.a)`, `coalesce(i, 7)`, `coalesce(s, t, "z")`, `coalesce(d, e)`,
	`iff(b, 1, 2)`, `case(i > 0, "p", i < 0, "n", "z")`, `max_of(i, 3)`, `min_of(l, 3)`, `max_of(d, e)`,
	`y.a`, `y.b.c`, `y.c[1]`, `y[0]`, `y[1]`, `y[-1]`, `y["b"]`, `tostring(y.a)`, `tostring(y.b)`, `tostring(y[1])`, `tolong(y.a)`, `toint(y.s)`, `toreal(y[2])`, `tolong(y)`, `toreal(y)`, `tobool(y)`, `y.a == 1`, `y.b == "x"`, `y.a > 0`, `y == 5`,
	`array_length(y)`, `parse_json(s).k`, `tostring(parse_json(s).k)`, `toint(parse_json(s).n)`, `parse_json(s)`, `gettype(parse_json(s))`, `extract_json("$.k", s)`, `set_has_element(dynamic(["abc", "12"]), s)`,
	`strcat(s, "-", i, "-", r, "-", b)`, `strlen(s)`, `string_size(s)`, `tolower(s)`, `toupper(s)`, `substring(s, 1, 3)`, `substring(s, 2)`, `indexof(s, "b")`, `split(s, ",")`, `split(s, ",")[1]`, `tostring(split(s, "\\")[-1])`, `array_length(split(s, ","))`,
	`replace_string(s, "a", "X")`, `replace_regex(s, "([a-z])[0-9]?", "<\\1>")`, `extract("([a-z]+)", 1, s)`, `extract("([0-9]+)", 1, s, typeof(long))`, `trim(" +", t)`, `reverse(s)`, `pack_array(s, i, r, b, d, u, y)`, `bag_pack("s", s, "i", i, "d", d)`,
	`ipv4_is_in_range(s, t)`, `ipv4_is_private(s)`, `hash_md5(s)`, `base64_encode_tostring(s)`,
}

// What the SQL computes and what the functions in Go compute is the same, for every value and null.
func TestSQLAgreesWithGo(t *testing.T) {
	stores := engines(t)
	for _, name := range []string{"duckdb", "clickhouse"} {
		t.Run(name, func(t *testing.T) { agree(t, newScript(t, stores[name](t))) })
	}
}

func agree(t *testing.T, e *script) {
	e.load(kqltest.Table{Name: "V", Source: agreeTable})
	lib := fn.New(fn.Options{Now: fn.Ticks(scriptNow)})
	base, err := e.compile("V")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.rows(base.Root)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, c := range base.Columns {
		at[c.Name] = i
	}
	for _, x := range agreeExpressions {
		p, err := e.compile("V | project id, x = " + x)
		if err != nil {
			t.Errorf("%s: %v", x, err)
			continue
		}
		got, err := e.rows(p.Root)
		if err != nil {
			t.Errorf("%s: %v", x, err)
			continue
		}
		expr, index := projected(p.Root, at)
		if expr == nil {
			t.Errorf("%s: no projection found", x)
			continue
		}
		want := map[any]any{}
		for _, row := range rows {
			v, err := lib.Eval(expr, fn.Row{Index: index, Cells: row})
			if err != nil {
				t.Errorf("%s: %v", x, err)
				break
			}
			want[row[0]] = v.V
		}
		for _, row := range got {
			if !equal(row[1], want[row[0]]) {
				t.Errorf("%s: row %v: SQL gives %#v, Go %#v", x, row[0], row[1], want[row[0]])
			}
		}
		if len(got) != len(rows) {
			t.Errorf("%s: %d rows", x, len(got))
		}
	}
}

// projected finds the expression of column x, and where the scan's columns are among the rows of the table.
func projected(root plan.Node, at map[string]int) (plan.Expr, map[plan.ColumnID]int) {
	var expr plan.Expr
	index := map[plan.ColumnID]int{}
	plan.Walk(root, func(n plan.Node) {
		switch n := n.(type) {
		case *plan.Project:
			for _, it := range n.Items {
				if it.Column.Name == "x" {
					expr = it.Expr
				}
			}
		case *plan.Scan:
			for _, c := range n.Cols {
				index[c.ID] = at[c.Name]
			}
		}
	})
	return expr, index
}

func equal(a, b any) bool {
	f, ok1 := a.(float64)
	g, ok2 := b.(float64)
	if ok1 && ok2 {
		return f == g || math.IsNaN(f) && math.IsNaN(g) || math.Abs(f-g) <= 1e-12*math.Max(math.Abs(f), math.Abs(g))
	}
	return fmt.Sprintf("%T%v", a, a) == fmt.Sprintf("%T%v", b, b)
}
