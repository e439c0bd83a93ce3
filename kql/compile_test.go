package kql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

var clock = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func testTables() tables {
	table := func(name string, cols ...string) *kql.Table {
		t := &kql.Table{Name: name}
		for _, c := range cols {
			n, ty, _ := strings.Cut(c, ":")
			hidden := strings.HasPrefix(n, "-")
			n = strings.TrimPrefix(n, "-")
			t.Columns = append(t.Columns, kql.TableColumn{Name: n, Type: typeNamed(ty), Hidden: hidden})
			if n == "Time" {
				t.TimeColumn = n
			}
		}
		return t
	}
	return tables{
		"Logons":    table("Logons", "Time:datetime", "User:string", "Device:string", "Port:int", "Bytes:long", "Risk:real", "Ok:bool", "Detail:dynamic", "Raw:string", "-Origin:string"),
		"Processes": table("Processes", "Time:datetime", "Device:string", "File:string", "Line:string", "Id:long", "Port:long", "Detail:string", "-Origin:string"),
		"Devices":   table("Devices", "Device:string", "Owner:string", "Tags:dynamic"),
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct{ name, query, want string }{
		{"table", "Devices", "Device:string Owner:string Tags:dynamic"},
		{"hidden columns stay hidden", "Logons | extend a = Origin | project-away Time, User, Device, Port, Bytes, Risk, Ok, Detail, Raw", "a:string"},
		{"hidden column projected", "Logons | project Origin", "Origin:string"},
		{"where keeps", "Devices | where Owner == 'x' and Tags has 'y'", "Device:string Owner:string Tags:dynamic"},
		{"extend replaces in place", "Devices | extend Owner = 1, New = Tags.a", "Device:string Owner:long Tags:dynamic New:dynamic"},
		{"project names", "Logons | project Port + 1, tolower(User), tostring(Detail.a.b), Detail['c'], strlen(User), User", "Column1:long Column2:string Detail_a_b:string Detail_c:dynamic strlen_User:long User:string"},
		{"print names", "print 1, x = 2, 3.5, now()", "print_0:long x:long print_2:real print_3:datetime"},
		{
			"aggregate names", "Logons | summarize count(), sum(Port), avg(Bytes), dcount(User), min(Time), make_set(Device), countif(Ok), percentile(Bytes, 95), take_any(Raw), any(Raw)",
			"count_:long sum_Port:long avg_Bytes:real dcount_User:long min_Time:datetime set_Device:dynamic countif_Ok:long percentile_Bytes_95:long Raw:string any_Raw:string",
		},
		{"group names", "Logons | summarize n = count() by bin(Time, 1h), User, tolower(Device), d = tostring(Detail.x)", "Time:datetime User:string Column1:string d:string n:long"},
		{"aggregate inside expression", "Logons | summarize x = round(sum(Bytes) / count(), 2), y = strcat(max(User), '!')", "x:long y:string"},
		{"arg_max star", "Logons | summarize arg_max(Time, *) by User", "User:string Time:datetime Device:string Port:int Bytes:long Risk:real Ok:bool Detail:dynamic Raw:string"},
		{"arg_max some", "Logons | summarize (a, b) = arg_max(Time, Device), arg_min(Time, Port) by User", "User:string a:datetime b:string Time:datetime Port:int"},
		{"percentiles", "Logons | summarize percentiles(Bytes, 5, 99.9)", "percentile_Bytes_5:long percentile_Bytes_99_9:long"},
		{"count", "Logons | count", "Count:long"},
		{"distinct", "Logons | distinct User, Device", "User:string Device:string"},
		{"join suffixes", "Devices | join kind=inner (Devices | extend Owner1 = 1) on Device", "Device:string Owner:string Tags:dynamic Device1:string Owner2:string Tags1:dynamic Owner1:long"},
		{"join on two names", "Logons | project User, Device | join kind=leftouter (Devices) on $left.Device == $right.Device and $left.User == $right.Owner", "User:string Device:string Device1:string Owner:string Tags:dynamic"},
		{"semi and anti", "Logons | project User, Device | join kind=leftanti Devices on Device | join kind=rightsemi Devices on Device", "Device:string Owner:string Tags:dynamic"},
		{"hidden gives way in joins", "Devices | join kind=inner (Logons | project Device, Origin) on Device | project-away Tags", "Device:string Owner:string Device1:string Origin:string"},
		{"lookup", "Logons | project User, Device | lookup Devices on Device", "User:string Device:string Owner:string Tags:dynamic"},
		{"union", "Devices | union (Logons | project Device, Port)", "Device:string Owner:string Tags:dynamic Port:int"},
		{"union of types", "union (Logons | project Port, Detail), (Processes | project Port, Detail)", "Port_int:int Port_long:long Detail_dynamic:dynamic Detail_string:string"},
		{"union inner", "union kind=inner Devices, (Logons | project Device, Port)", "Device:string"},
		{"union source", "union withsource=Src Devices, (Logons | project Port)", "Src:string Device:string Owner:string Tags:dynamic Port:int"},
		{"mv-expand", "Devices | mv-expand with_itemindex=i Tags to typeof(string), x = pack_array(1, 2)", "Device:string Owner:string Tags:string x:dynamic i:long"},
		{"mv-apply", "Devices | mv-apply t = Tags to typeof(string) on (where t != '' | summarize n = count(), l = make_list(t))", "Device:string Owner:string Tags:dynamic n:long l:dynamic"},
		{"parse", "Processes | parse Line with * 'a=' a:long ' b=' b ' ' * | project a, b", "a:long b:string"},
		{"parse-kv", "Processes | parse-kv Line as (u:string, n:int) with (pair_delimiter=' ', kv_delimiter='=') | project u, n", "u:string n:int"},
		{"top", "Logons | top 3 by Bytes | project Bytes", "Bytes:long"},
		{"sort and number", "Logons | sort by Time asc | extend n = row_number(), gap = Time - prev(Time) | project n, gap", "n:long gap:timespan"},
		{"range", "range x from 1 to 10 step 1 | extend y = x * 1.0", "x:long y:real"},
		{"range of times", "range t from ago(1d) to now() step 1h", "t:datetime"},
		{"datatable", "datatable (a:long, b:string) [1, 'x', 2, 'y'] | where b in ('x')", "a:long b:string"},
		{"let scalar, table, function", "let n = 5; let T = Logons | where Port > n; let f = (t:(*), k:string = 'u') { t | extend K = k }; T | invoke f() | project K, Port", "K:string Port:int"},
		{"scalar function", "let f = (a:long, b:real = 2.0) { a * b }; print x = f(2), y = f(b = 1.5, a = 3)", "x:real y:real"},
		{"view in union", "let A = view () { print x = 1 }; let B = view () { print x = 2, y = 3 }; union A, B", "x:long y:long"},
		{"toscalar", "let m = toscalar(Logons | summarize max(Time)); Logons | where Time > m - 1h | project Time, m", "Time:datetime m:datetime"},
		{"in subquery", "Logons | where Device in ((Devices | where Owner == 'x' | project Device)) | project Device", "Device:string"},
		{"case", "print x = case(1 > 2, 1, 2.5), y = iff(true, 'a', 'b'), z = coalesce(long(null), 1)", "x:real y:string z:long"},
		{"time arithmetic", "print a = now() - ago(1d), b = now() + 1h, c = 1d / 1h, d = 2 * 1h, e = 1h / 2, f = datetime(2020-01-01) - 1d", "a:timespan b:datetime c:real d:timespan e:timespan f:datetime"},
		{"promotion", "print a = int(1) + int(2), b = 1 + 1.5, c = 5 / 2, d = 5 % 3.0, e = int(1) + 2", "a:int b:real c:long d:real e:long"},
		{"column_ifexists", "Devices | project a = column_ifexists('Owner', ''), column_ifexists('Missing', 0)", "a:string Column1:long"},
		{"getschema", "Devices | getschema", "ColumnName:string ColumnOrdinal:long DataType:string ColumnType:string"},
		{"make-series", "Logons | make-series n = count(), avg(Bytes) default=0 on Time from ago(1d) to now() step 1h by User", "User:string n:dynamic avg_Bytes:dynamic Time:dynamic"},
		{"series functions", "print s = dynamic([1, 2]) | extend (a, b) = series_stats(s) | extend series_fit_line(s) | project-away s, series_fit_line_s_rsquare, series_fit_line_s_v*, series_fit_line_s_r*, series_fit_line_s_i*", "a:real b:long series_stats_s_max:real series_stats_s_max_idx:long series_stats_s_avg:real series_stats_s_stdev:real series_stats_s_variance:real series_fit_line_s_slope:real series_fit_line_s_line_fit:dynamic"},
		{"search", "search in (Devices) 'x'", "$table:string Device:string Owner:string Tags:dynamic"},
		{"find", "find in (Devices, Processes) where Device == 'x'", "source_:string Device:string pack_:dynamic"},
		{"project operators", "Devices | project-rename Name = Device | project-reorder Tags, *", "Tags:dynamic Name:string Owner:string"},
		{"project-away patterns", "Logons | project-away *e, B*, R*, Port | project-keep O*, U*", "User:string Ok:bool"},
		{"as", "Devices | as D | join kind=inner (D | project Device, x = 1) on Device | project Owner, x", "Owner:string x:long"},
		{"partition", "Logons | partition by User (top 1 by Time | project Device, Time)", "Device:string Time:datetime"},
		{"scan", "Logons | sort by Time asc | scan declare (n:long = 0) with (step s: true => n = s.n + 1;) | project n", "n:long"},
		{"top-nested", "Logons | top-nested 2 of User by count(), top-nested 1 of Device by c = max(Bytes)", "User:string aggregated_User:long Device:string c:long"},
		{"top-hitters", "Logons | top-hitters 2 of User", "User:string approximate_count_User:long"},
		{"sample-distinct", "Logons | sample-distinct 3 of User", "User:string"},
		{"reduce", "Processes | reduce by Line", "Pattern:string Count:long Representative:string"},
		{"evaluate pivot without data", "Logons | evaluate pivot(User, count(), Device)", "Device:string"},
		{"evaluate bag_unpack with schema", "Logons | project User, Detail | evaluate bag_unpack(Detail) : (*, a:string, b:long)", "User:string a:string b:long"},
		{"unknown member columns", "Logons | project User, Detail | evaluate bag_unpack(Detail) | where City == 'x' | project User, City", "User:string City:unknown"},
		{"ip lookup", "Devices | evaluate ipv4_lookup((datatable (net:string, site:string) []), Owner, net)", "Device:string Owner:string Tags:dynamic net:string site:string"},
		{"file profile", "Logons | project SHA1 = Raw | invoke FileProfile(SHA1) | project SHA1, GlobalPrevalence, Signer, IsExecutable", "SHA1:string GlobalPrevalence:int Signer:string IsExecutable:bool"},
		{"externaldata", "externaldata (a:string, b:int) ['https://host/x.csv'] with (format='csv') | where b > 1", "a:string b:int"},
		{"several statements", "print a = 1; print b = 2", "b:long"},
		{"graph", "let E = datatable (a:string, b:string, w:long) ['x', 'y', 1]; let N = datatable (n:string, k:long) ['x', 1]; E | make-graph a --> b with N on n | graph-match (p)-[e*1..3]->(q) where p.n == 'x' project p.k, e.w, last = q.n", "p_k:long e_w:dynamic last:string"},
		{"extend without a name takes the column's place", "Logons | project Time, Port | extend tostring(Time), tolong(Port)", "Time:string Port:long"},
		{"print numbers its columns", "let v = 5; print v, abs(v), x = v", "print_0:long print_1:long x:long"},
		{"names of elements", "Logons | project Detail[0], Detail['a'], Detail[Port], Detail.a[Port].b, Detail[-1]", "Detail_0:dynamic Detail_a:dynamic Detail_:dynamic Detail_a__b:dynamic Detail_1:dynamic"},
		{"arg_max with names and without", "Logons | project Time, Port, User | summarize arg_max(Time, P = Port, *) by User", "User:string Time:datetime P:int"},
		{"arg_max of an expression", "Logons | summarize arg_max(Port + 1, User)", "max_:long User:string"},
		{"a star leaves keys out, whatever their names", "Logons | project Time, Port, User | summarize arg_max(Time, *) by U = User", "U:string Time:datetime Port:int"},
		{"a star keeps what keys are computed of", "Logons | project Time, Port | summarize arg_max(Time, *) by bin(Port, 10)", "Port:long Time:datetime Port1:int"},
		{"more results than names", "Logons | summarize (a, b) = percentiles(Bytes, 5, 50, 95)", "a:long b:long percentile_Bytes_95:long"},
		{"keys of one name", "Logons | summarize count() by bin(Port, 10), Port", "Port:long Port1:int count_:long"},
		{"sorted arrays", "Logons | project array_sort_asc(Detail), x = array_sort_asc(Detail), array_sort_desc(dynamic([1]))", "Detail_sorted:dynamic x:dynamic array0_sorted:dynamic"},
		{"dynamic numbers take the other's type", "Logons | project a = Detail + 1, b = 1.0 * Detail.x, c = Port - Detail.y", "a:long b:real c:int"},
		{"mv-apply moves its column", "Devices | mv-apply Tags on (extend n = 1)", "Device:string Owner:string Tags:dynamic n:long"},
		{"mv-apply keeps a name in its place", "Devices | mv-apply Owner = Tags on (project Owner)", "Device:string Owner:dynamic Tags:dynamic"},
		{"pattern", "declare pattern p = (k:string)[m:string] { ('a').['b'] = { print x = 1 } ; ('a').['c'] = { print y = 2.5 } }; p('a').c", "y:real"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := kql.Compile(c.query, testTables(), kql.Options{Now: clock})
			if err != nil {
				t.Fatalf("%s\n%v (%s)", c.query, err, err.(*kql.Error).Hint)
			}
			if got := strings.TrimSpace(header(p.Columns)); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.query, got, c.want)
			}
			for _, r := range p.Results {
				if err := verify(r.Root); err != nil {
					t.Errorf("%s\nthe plan is not well formed: %v", c.query, err)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ query, code, at, message, hint string }{
		{"Logon | take 1", "name", "1:1-1:6", "no table `Logon`", "`Logons`"},
		{"Logons\n| where Uzer == 'x'", "name", "2:9-2:13", "no column `Uzer`", "`User`"},
		{"Logons | where user == 'x'", "name", "1:16-1:20", "no column `user`", "`User`"},
		{"Logons | extend x = tolowr(User)", "name", "1:21-1:27", "no function `tolowr`", "`tolower`"},
		{"Logons | where count() > 1", "type", "1:16-1:21", "aggregate", "summarize"},
		{"Logons | where User > 1 + 'x'", "type", "1:23-1:30", "`+` cannot be applied", "strcat"},
		{"Logons | summarize sum(User)", "type", "1:24-1:28", "argument 1 of sum()", "sum("},
		{"Logons | extend x = substring(User)", "type", "1:21-1:36", "does not take 1 argument", "substring("},
		{"Logons | where User", "type", "1:16-1:20", "condition", ""},
		{"Logons | extend x = Raw.member", "type", "1:21-1:31", "string has no members", "parse_json"},
		{"Logons | join Devices on Owner", "name", "1:26-1:31", "left side", ""},
		{"Logons | join kind=outer Devices on Device", "name", "1:15-1:25", "kind of join", ""},
		{"Logons | join Devices", "syntax", "1:22-1:22", "expected `on`", "$left"},
		{"Logons | extend n = row_number()", "type", "1:21-1:33", "defined order", "sort by"},
		{"Logons | where Ok = true", "syntax", "1:16-1:25", "not a condition", "=="},
		{"Logons where Ok", "syntax", "1:8-1:13", "unexpected `where`", "|"},
		{"Logons | slect User", "syntax", "1:10-1:15", "unknown operator", ""},
		{"Logons | select User", "syntax", "1:10-1:16", "unknown operator", "project"},
		{"Logons | where User == \"x", "syntax", "1:24-1:26", "not closed", ""},
		{"Logons | where (Ok", "syntax", "1:19-1:19", "expected `)`", ""},
		{"Logons | where Time > datetime(yesterday)", "syntax", "1:23-1:42", "not a datetime literal", "todatetime"},
		{"let x = 1", "syntax", "1:1-1:10", "no tabular statement", ""},
		{"", "syntax", "1:1-1:1", "empty", ""},
		{"print x = toscalar(1, 2)", "type", "1:11-1:25", "one table", ""},
		{"datatable (a:long, b:long) [1, 2, 3]", "type", "1:1-1:37", "cannot hold 3 values", ""},
		{"datatable (a:lung) [1]", "syntax", "1:14-1:18", "unknown type `lung`", ""},
		{"Logons | evaluate python(typeof(*), 'x')", "unsupported", "1:19-1:41", "python()", ""},
		{"Logons | evaluate pivott(User)", "name", "1:19-1:25", "no plugin", "`pivot`"},
		{"cluster('c').database('d').Logons2", "name", "1:28-1:35", "no table `Logons2`", "`Logons`"},
		{"let f = (a:long) { a }; print f()", "type", "1:31-1:34", "needs a value for `a`", ""},
		{"let f = () { f() }; print f()", "name", "", "no function `f`", ""},
		{"print x = iff(true, 1, 'a')", "type", "1:11-1:28", "different types", "tostring"},
		{"Logons | mv-expand Raw", "type", "1:20-1:23", "only dynamic", "parse_json"},
		{"Logons | sort by Time | count | extend x = prev(Count)", "type", "1:44-1:55", "defined order", ""},
		{"let f = (n:long) { toscalar(Devices | where Owner == tostring(n) | count) }; Logons | extend x = f(Bytes)", "type", "1:63-1:64", "depends on the row", "join"},
		{".show tables", "syntax", "1:1-1:2", "management", ""},
	} {
		_, err := kql.Compile(c.query, testTables(), kql.Options{Now: clock})
		var e *kql.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", c.query)
			continue
		}
		at := fmt.Sprintf("%d:%d-%d:%d", e.Line, e.Column, e.EndLine, e.EndColumn)
		if e.Code != c.code || c.at != "" && at != c.at || !strings.Contains(e.Message, c.message) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s\n got %s %s %s (%s)\nwant %s %s %s (%s)", c.query, e.Code, at, e.Message, e.Hint, c.code, c.at, c.message, c.hint)
		}
	}
}

func TestCheckReportsEverything(t *testing.T) {
	got := kql.Check("Logons\n| where Uzer == 1\n| extend x = nofunc(Bytes)\n| project y = Devyce", testTables(), kql.Options{Now: clock})
	var lines []int
	for _, d := range got {
		lines = append(lines, d.Line)
	}
	if fmt.Sprint(lines) != "[2 3 4]" {
		t.Errorf("complaints at lines %v: %v", lines, got)
	}
	got = kql.Check("Logons | where ( | extend | project User | where )", testTables(), kql.Options{Now: clock})
	if len(got) < 2 {
		t.Errorf("the parser gave up after %v", got)
	}
	got = kql.Check("Logons | where Port == '443' | render timechart", testTables(), kql.Options{Now: clock})
	if len(got) != 1 || got[0].Severity != kql.SeverityWarning {
		t.Errorf("mixed comparison: %v", got)
	}
}

// nodes lists the kinds of nodes of a plan from the root down its first inputs.
func find[T plan.Node](root plan.Node) (found []T) {
	plan.Walk(root, func(n plan.Node) {
		if x, ok := n.(T); ok {
			found = append(found, x)
		}
	})
	return found
}

func compile(t *testing.T, query string, opt kql.Options) *kql.Program {
	t.Helper()
	if opt.Now.IsZero() {
		opt.Now = clock
	}
	p, err := kql.Compile(query, testTables(), opt)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if err := verify(p.Root); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return p
}

func TestOnlyNeededColumnsAreRead(t *testing.T) {
	for query, want := range map[string]string{
		"Logons | where Ok | summarize count() by User":                 "User Ok",
		"Logons | extend x = Bytes * 2 | where x > 5 | project User, x": "User Bytes",
		"Logons | count": "Time",
		"Logons | summarize arg_max(Time, *) by User | project User, Device":                                         "Time User Device",
		"Logons | join kind=inner (Logons | project User, Port) on User | project Device":                            "User Device|User",
		"union (Logons | project User, Port), (Logons | extend Port = int(1) | project Device, Port) | project Port": "Port|Time",
		"Logons | mv-apply d = Detail on (where d.x == 1 | project y = d.z) | project User, y":                       "User Detail",
		"let T = Logons | where Ok; T | project User | join kind=inner (T | project User, Port) on User":             "User Port Ok",
		"Logons | sort by Time | extend n = row_number(), p = prev(Port) | project n":                                "Time",
	} {
		var got []string
		for _, s := range find[*plan.Scan](compile(t, query, kql.Options{}).Root) {
			var cols []string
			for _, c := range s.Cols {
				cols = append(cols, c.Name)
			}
			got = append(got, strings.Join(cols, " "))
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%s\nreads %s, want %s", query, g, want)
		}
	}
}

func TestDefaultTimeRange(t *testing.T) {
	opt := kql.Options{From: clock.Add(-time.Hour), To: clock}
	for query, want := range map[string]int{
		"Logons | count":                                       1,
		"Logons | where Time > ago(1d) | count":                0,
		"Logons | extend t = Time | where t > ago(1d) | count": 0,
		"Logons | where User == 'x' | join kind=inner (Processes | where Time > ago(2d)) on Device": 1,
		"union Logons, Processes | where Time > ago(1d)":                                            0,
		"Devices | count": 0,
		"let T = Logons; T | where Time between (ago(1d) .. now()) | count":       0,
		"let m = toscalar(Logons | summarize max(Bytes)); Devices | extend m = m": 1,
	} {
		bounds := 0
		for _, f := range find[*plan.Filter](compile(t, query, opt).Root) {
			if s, ok := f.Input.(*plan.Scan); ok && strings.Contains(fmt.Sprint(describeExpr(f.Pred)), ">=") && s.TimeColumn != 0 {
				bounds++
			}
		}
		if bounds != want {
			t.Errorf("%s: %d scans are bounded, want %d", query, bounds, want)
		}
	}
}

// describeExpr writes an expression in prefix form.
func describeExpr(e plan.Expr) string {
	switch e := e.(type) {
	case *plan.Const:
		return fmt.Sprint(e.Value)
	case *plan.ColRef:
		return fmt.Sprintf("#%d", e.ID)
	case *plan.Call:
		var args []string
		for _, a := range e.Args {
			args = append(args, describeExpr(a))
		}
		return e.Func + "(" + strings.Join(args, ", ") + ")"
	}
	return fmt.Sprintf("%T", e)
}

func TestSharedTables(t *testing.T) {
	once := compile(t, "let T = Logons | where Ok; T | count", kql.Options{})
	if n := len(find[*plan.Shared](once.Root)); n != 0 {
		t.Errorf("a table that is used once is shared %d times", n)
	}
	twice := compile(t, "let T = Logons | where Ok; union (T | project User), (T | project Device)", kql.Options{})
	uses := find[*plan.Shared](twice.Root)
	if len(uses) != 2 || uses[0].Name != uses[1].Name || uses[0].Cols[0].ID == uses[1].Cols[0].ID || uses[0].Materialize {
		t.Errorf("uses of a shared table: %+v", uses)
	}
	if m := find[*plan.Shared](compile(t, "let T = materialize(Logons | where Ok); T | count", kql.Options{}).Root); len(m) == 0 || !m[len(m)-1].Materialize {
		t.Errorf("materialize is lost: %+v", m)
	}
}

func TestConstantsAreFolded(t *testing.T) {
	p := compile(t, "let d = 2d; Logons | where Time > now() - d * 2 and Port in (dynamic([1, 2])) and User in~ (dynamic(['a', 'b']))", kql.Options{})
	pred := describeExpr(find[*plan.Filter](p.Root)[0].Pred)
	for _, want := range []string{">(#1, 639037296000000000)", "in(#4, 1, 2)", ", 1, 2)", ", a, b)"} {
		if !strings.Contains(pred, want) {
			t.Errorf("%s lacks %s", pred, want)
		}
	}
}

func TestConversionsAreExplicit(t *testing.T) {
	for query, want := range map[string]string{
		"Logons | where Port > 1.5":                 ">(toreal(#4), 1.5)",
		"Logons | where Detail.x == 'y'":            "==(tostring(index(#8, x)), y)",
		"Logons | where Detail.x == 5":              "==(toreal(index(#8, x)), 5)",
		"Logons | where Port == '443'":              "==(#4, 443)",
		"Logons | where Port has '44'":              "has(tostring(#4), 44)",
		"Logons | where Detail has_any ('a', 'b')":  "has_any(tostring(#8), a, b)",
		"Logons | where Ok == 1":                    "==(tolong(#7), 1)",
		"Logons | where Raw == 5":                   "==(#9, tostring(5))",
		"Logons | where isnotempty(Raw) or not(Ok)": "or(isnotempty(#9), not(#7))",
	} {
		if got := describeExpr(find[*plan.Filter](compile(t, query, kql.Options{}).Root)[0].Pred); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestProbeDecidesColumns(t *testing.T) {
	probed := 0
	opt := kql.Options{Now: clock, Probe: func(n plan.Node) ([][]any, error) {
		probed++
		if err := verify(n); err != nil {
			t.Error(err)
		}
		if len(n.Columns()) == 1 {
			return [][]any{{"x"}, {"y"}, {"x y"}}, nil
		}
		return [][]any{{"City", "string"}, {"Count", "long"}, {"Count", "real"}, {"Mixed", "long"}, {"Mixed", "string"}, {"User", "string"}}, nil
	}}
	p := compile(t, "Logons | project User, Detail | evaluate bag_unpack(Detail, columnsConflict='keep_source')", opt)
	if got := header(p.Columns); got != "User:string City:string Count:real Mixed:dynamic " {
		t.Error(got)
	}
	p = compile(t, "Logons | evaluate pivot(User, sum(Bytes), Device) | project Device, x, ['x y']", opt)
	if got := header(p.Columns); got != "Device:string x:long x y:long " {
		t.Error(got)
	}
	if _, err := kql.Compile("Logons | project User, Detail | evaluate bag_unpack(Detail)", testTables(), opt); err == nil || !strings.Contains(err.Error(), "`User`") {
		t.Errorf("a conflict of columns: %v", err)
	}
	if probed != 3 {
		t.Errorf("%d probes", probed)
	}
}

func TestResultsRenderAndOutbound(t *testing.T) {
	p := compile(t, "Logons | summarize count() by User | render piechart with (title='Users', ycolumns=count_)", kql.Options{})
	if p.Render == nil || p.Render.Chart != "piechart" || p.Render.Properties["title"] != "Users" || p.Render.Properties["ycolumns"] != "count_" {
		t.Errorf("%+v", p.Render)
	}
	p = compile(t, "print a = 1; Logons | fork (take 1) b=(count)", kql.Options{})
	var names []string
	for _, r := range p.Results {
		names = append(names, r.Name+":"+header(r.Columns))
	}
	if len(names) != 3 || !strings.HasPrefix(names[2], "b:Count:long") {
		t.Errorf("%q", names)
	}
	p = compile(t, "let x = externaldata (a:string) [@'https://h/a', 'https://h/b']; Logons | where User in (x)", kql.Options{})
	if fmt.Sprint(p.Outbound) != "[https://h/a https://h/b]" {
		t.Errorf("%v", p.Outbound)
	}
}

func TestHostileQueries(t *testing.T) {
	double := "let a0 = Logons | project User;"
	call := "let f0 = (x:long) { x + x };"
	lets := ""
	for i := 1; i < 40; i++ {
		lets += fmt.Sprintf("let a%d = a%d + a%d + rand();", i, i-1, i-1)
		double += fmt.Sprintf("let a%d = union a%d, a%d;", i, i-1, i-1)
		call += fmt.Sprintf("let f%d = (x:long) { f%d(x) + f%d(x) };", i, i-1, i-1)
	}
	for name, query := range map[string]string{
		"parentheses":    "print " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000),
		"brackets":       "print dynamic(" + strings.Repeat("[", 100_000),
		"calls":          "print " + strings.Repeat("abs(", 10_000) + "1" + strings.Repeat(")", 10_000),
		"signs":          "print " + strings.Repeat("- ", 200_000) + "1",
		"subqueries":     strings.Repeat("union (", 5_000) + "Logons" + strings.Repeat(")", 5_000),
		"functions":      strings.Repeat("let f = () {", 3_000),
		"members":        "Logons | project Detail" + strings.Repeat(".a", 100_000),
		"doubling calls": call + "print f39(1)",
		"doubling":       double + "a30 | count",
		"terms":          "Logons | where User == 'a'" + strings.Repeat(" or User == 'b'", 10_000),
		"texts":          "print s = User" + strings.Repeat(" | extend s = strcat(s, s)", 40),
		"texts of rows":  "Logons | extend s = User" + strings.Repeat(" | extend s = strcat(s, s)", 40),
		"bags":           "Logons | extend s = Detail" + strings.Repeat(" | extend s = bag_pack('a', s, 'b', s)", 40),
		"stages":         "Logons" + strings.Repeat(" | extend User = strcat(User, 'x')", 3_000),
		"rows":           "range x from 1 to 1000000000000 step 1",
		"lets":           "let a0 = strlen('x');" + lets + "print a39",
		"long":           "print '" + strings.Repeat("x", 2<<20) + "'",
	} {
		begin := time.Now()
		if _, err := kql.Compile(query, testTables(), kql.Options{Now: clock}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	// long but flat queries are fine, and so are tables that refer to each other often
	for name, query := range map[string]string{
		"many terms":  "Logons | where User == 'a'" + strings.Repeat(" or User == 'b'", 4_000),
		"many values": "Logons | where User in ('a'" + strings.Repeat(", 'b'", 20_000) + ")",
		"many stages": "Logons" + strings.Repeat(" | where Ok", 500),
		"doubling":    double + "a8 | count",
	} {
		if _, err := kql.Compile(query, testTables(), kql.Options{Now: clock}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompletionLists(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range kql.Functions() {
		seen[f.Kind+" "+f.Name] = true
		if len(f.Signatures) == 0 || !strings.HasPrefix(f.Signatures[0], f.Name+"(") {
			t.Errorf("%s: %v", f.Name, f.Signatures)
		}
	}
	for _, want := range []string{"scalar strcat", "aggregate count", "plugin pivot", "table FileProfile"} {
		if !seen[want] {
			t.Errorf("%s is missing", want)
		}
	}
	for _, o := range kql.Operators() {
		if !strings.HasPrefix(o.Syntax, o.Name) || o.Summary == "" {
			t.Errorf("%+v", o)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, q := range []string{
		"Logons | where User has 'x' | summarize count() by bin(Time, 1h)", "let f = (t:(*)) { t | take 1 }; Logons | invoke f()",
		"Devices | mv-apply x = Tags on (where x.a == 1) | join kind=inner (Logons) on Device", "search 'x' | project-away T*",
		"Logons | sort by Time | extend n = row_number() | parse Raw with 'a' b:long *", "union withsource=s * | evaluate pivot(User)",
		"Logons | make-series avg(Bytes) on Time step 1h | partition by User (top 1 by Time)", "print dynamic({'a': [1, 2.5]}).a[0]",
	} {
		f.Add(q)
	}
	catalog := testTables()
	f.Fuzz(func(t *testing.T, query string) {
		begin := time.Now()
		p, err := kql.Compile(query, catalog, kql.Options{Now: clock, From: clock.Add(-time.Hour)})
		if d := time.Since(begin); d > 10*time.Second {
			t.Fatalf("%q took %v", query, d)
		}
		if err != nil {
			return
		}
		for _, r := range p.Results {
			if err := verify(r.Root); err != nil {
				t.Fatalf("%q: the plan is not well formed: %v", query, err)
			}
		}
	})
}
