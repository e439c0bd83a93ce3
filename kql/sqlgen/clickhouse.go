package sqlgen

import (
	"math"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// clickhouse is the dialect of ClickHouse 25 and later. It has no functions of ours: what it cannot say with the meaning the language gives it, it
// refuses, and the caller computes that part elsewhere (see kql/clickhouse). The statements need the settings of ClickHouseSettings.
type clickhouse struct {
	call   map[string]func(g *Emitter, c *plan.Call) string
	pred   map[string]func(g *Emitter, c *plan.Call) string
	agg    map[string]func(g *Emitter, a *aggCall) string
	legacy bool
}

// ClickHouse returns the dialect of ClickHouse. With materialize false the server knows no materialised table expressions; plans that need one are
// refused.
func ClickHouse(materialize bool) Dialect {
	d := &clickhouse{call: map[string]func(*Emitter, *plan.Call) string{}, pred: map[string]func(*Emitter, *plan.Call) string{}, legacy: !materialize}
	d.operators()
	d.strings()
	d.patterns()
	d.dynamics()
	d.times()
	d.numbers()
	d.agg = d.aggregates()
	return d
}

// ClickHouseSettings are what statements of the dialect rely on.
func ClickHouseSettings() map[string]any {
	return map[string]any{
		"join_use_nulls": 1, "cast_keep_nullable": 1, "prefer_column_name_to_alias": 1, "enable_positional_arguments": 0, "transform_null_in": 0,
		"output_format_json_escape_forward_slashes": 0, "output_format_json_quote_64bit_integers": 0, "output_format_json_quote_denormals": 0,
		"aggregate_functions_null_for_empty": 0, "empty_result_for_aggregation_by_empty_set": 0, "group_by_use_nulls": 0,
		"distributed_product_mode": "global", "short_circuit_function_evaluation": "enable", "joined_subquery_requires_alias": 0,
		"max_query_size": 64 << 20, "max_ast_elements": 4_000_000, "max_expanded_ast_elements": 4_000_000, "max_ast_depth": 20_000, "max_parser_depth": 20_000,
		"max_parser_backtracks": 0, "max_subquery_depth": 20_000, "allow_experimental_analyzer": 1, "regexp_max_matches_per_row": 1_000_000,
	}
}

// Type implements Dialect.
func (d *clickhouse) Type(t plan.Type) string {
	switch t {
	case plan.Bool:
		return "Nullable(Bool)"
	case plan.Int:
		return "Nullable(Int32)"
	case plan.Long, plan.DateTime, plan.TimeSpan:
		return "Nullable(Int64)"
	case plan.Real:
		return "Nullable(Float64)"
	case plan.String:
		return "String"
	}
	return "Nullable(String)"
}

// Literal implements Dialect.
func (d *clickhouse) Literal(t plan.Type, v any) string {
	switch x := v.(type) {
	case nil:
		if t == plan.String {
			return "''"
		}
		return "CAST(NULL AS " + d.Type(t) + ")"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		switch {
		case t == plan.Real:
			return chReal(float64(x))
		case t == plan.Int:
			return "toInt32(" + strconv.FormatInt(x, 10) + ")"
		}
		return "toInt64(" + strconv.FormatInt(x, 10) + ")"
	case float64:
		return chReal(x)
	case string:
		return chQuote(x)
	}
	return "NULL"
}

func chReal(f float64) string {
	switch {
	case math.IsNaN(f):
		return "toFloat64(nan)"
	case math.IsInf(f, 1):
		return "toFloat64(inf)"
	case math.IsInf(f, -1):
		return "toFloat64(-inf)"
	case f == 0 && math.Signbit(f):
		return "(-toFloat64(0))"
	}
	return "toFloat64(" + strconv.FormatFloat(f, 'e', -1, 64) + ")"
}

// chQuote is a text as a string literal of ClickHouse, where a backslash begins an escape. It is the one place where text becomes SQL.
func chQuote(s string) string {
	return "'" + chEscape.Replace(strings.ToValidUTF8(s, "\ufffd")) + "'"
}

var chEscape = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

var chEscapeIdent = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", "")

// Ident implements Dialect.
func (d *clickhouse) Ident(name string) string {
	return `"` + chEscapeIdent.Replace(strings.ToValidUTF8(name, "\ufffd")) + `"`
}

// Call implements Dialect.
func (d *clickhouse) Call(g *Emitter, c *plan.Call) string {
	if f := d.call[c.Func]; f != nil {
		if s := f(g, c); s != "" {
			return s
		}
	}
	return g.Unsupported("the function %s()", c.Func)
}

// Predicate implements Dialect.
func (d *clickhouse) Predicate(g *Emitter, c *plan.Call) string {
	if f := d.pred[c.Func]; f != nil {
		return f(g, c)
	}
	return ""
}

// Unpack implements Dialect.
func (d *clickhouse) Unpack(s, _ string, at int) string {
	return "tupleElement(" + s + ", " + itoa(at+1) + ")"
}

// FirstPer implements Dialect.
func (d *clickhouse) FirstPer(keys, items []string, from, order string) string {
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	sql := "SELECT " + strings.Join(items, ", ") + " FROM " + from
	if order != "" {
		sql += " ORDER BY " + order
	}
	if len(keys) == 0 {
		return sql + " LIMIT 1"
	}
	return sql + " LIMIT 1 BY " + strings.Join(keys, ", ")
}

// Semi implements Dialect.
func (d *clickhouse) Semi(left, right, on string, anti bool) string {
	kind := " LEFT SEMI JOIN "
	if anti {
		kind = " LEFT ANTI JOIN "
	}
	return left + kind + right + " ON " + on
}

// Elements implements Dialect.
func (d *clickhouse) Elements(g *Emitter, s string, bagAsArray bool) string {
	open, shut, colon := "'{'", "'}'", "':'"
	if bagAsArray {
		open, shut, colon = "'['", "']'", "','"
	}
	return d.let(g, s, func(s string) string {
		return "CAST(multiIf(" + s + " IS NULL, [CAST(NULL AS Nullable(String))], JSONType(ifNull(" + s + ", '')) = 'Array', arrayMap(e -> toNullable(e), JSONExtractArrayRaw(ifNull(" + s +
			", ''))), JSONType(ifNull(" + s + ", '')) = 'Object', arrayMap(e -> toNullable(concat(" + open + ", toJSONString(e.1), " + colon + ", e.2, " + shut +
			")), JSONExtractKeysAndValuesRaw(ifNull(" + s + ", ''))), [toNullable(" + s + ")]) AS Array(Nullable(String)))"
	})
}

// Unnest implements Dialect.
func (d *clickhouse) Unnest(pos string, lists, names []string) []string {
	lens := make([]string, len(lists))
	for i, l := range lists {
		lens[i] = "length(" + l + ")"
	}
	n := lens[0]
	if len(lens) > 1 {
		n = "greatest(" + strings.Join(lens, ", ") + ")"
	}
	parts := []string{"range(" + n + ")"}
	for _, l := range lists {
		if len(lists) > 1 {
			l = "arrayResize(" + l + ", " + n + ", 'null')"
		}
		parts = append(parts, l)
	}
	row := pos + "r"
	items := []string{"toInt64(tupleElement(" + row + ", 1)) AS " + pos, "arrayJoin(arrayZip(" + strings.Join(parts, ", ") + ")) AS " + row}
	for i, name := range names {
		items = append(items, "tupleElement("+row+", "+itoa(i+2)+") AS "+name)
	}
	return items
}

// each makes a row for each element of one list.
func (d *clickhouse) each(list, name string) string { return "arrayJoin(" + list + ") AS " + name }

// elementsAt implements lister. The document is only there where it has no array with something in it: choosing between lists is expensive, joining them
// is not.
func (d *clickhouse) elementsAt(g *Emitter, e plan.Expr) *elements {
	c, ok := g.defined(e).(*plan.Call)
	if !ok || c.Func != "index" || d.element(g, c, "") != "" {
		return nil
	}
	p, ok := d.path(g, c)
	if !ok || len(p.base) > inlineText {
		return nil
	}
	for _, s := range p.steps {
		if s.array || !strings.HasPrefix(s.sql, "'") { // a key that is a column may not be there any more
			return nil
		}
	}
	all := "JSONExtractArrayRaw(" + p.args() + ")"
	return &elements{
		all: all, document: "if(empty(" + all + "), " + p.base + ", '')",
		list: func(all, document string, bagAsArray bool) string {
			p.base = document
			open, shut, colon := "'{'", "'}'", "':'"
			if bagAsArray {
				open, shut, colon = "'['", "']'", "','"
			}
			raw, kind := "JSONExtractRaw("+p.args()+")", "JSONType("+p.args()+")"
			return "arrayConcat(" + all + ", multiIf(notEmpty(" + all + "), emptyArrayString(), " + raw + " = '', ['null'], " + kind + " = 'Array', emptyArrayString(), " + kind +
				" = 'Object', arrayMap(e -> concat(" + open + ", toJSONString(e.1), " + colon + ", e.2, " + shut + "), JSONExtractKeysAndValuesRaw(" + p.args() + ")), " + kind +
				" = 'Double' AND match(" + raw + ", '^-?[0-9]+$'), [concat(" + raw + ", '.0')], [" + raw + "]))"
		},
	}
}

// Cut implements Dialect.
func (d *clickhouse) Cut(list, n string) string { return "arraySlice(" + list + ", 1, " + n + ")" }

// Stored implements Dialect. Stored text columns of other types than string have "" for null.
func (d *clickhouse) Stored(name string, t plan.Type) string {
	switch t {
	case plan.Dynamic, plan.GUID, plan.Decimal:
		return "nullIf(toString(" + d.Ident(name) + "), '')"
	}
	return d.Ident(name)
}

// Values implements Dialect.
func (d *clickhouse) Values(cols []plan.Column, rows [][]string) string {
	defs, lines := make([]string, len(cols)), make([]string, len(rows))
	for i, c := range cols {
		defs[i] = col(c.ID) + " " + d.Type(c.Type)
	}
	for i, row := range rows {
		lines[i] = "(" + strings.Join(row, ", ") + ")"
	}
	return "values(" + chQuote(strings.Join(defs, ", ")) + ", " + strings.Join(lines, ",\n") + ")"
}

// Quotient implements Dialect.
func (d *clickhouse) Quotient(a, b string) string { return "intDivOrNull(" + a + ", " + b + ")" }

// Lower implements Dialect.
func (d *clickhouse) Lower(s string) string { return "lowerUTF8(" + s + ")" }

// Traits implements Dialect.
func (d *clickhouse) Traits() Traits {
	return Traits{Numbered: true, Flat: true, Inlines: d.legacy, Lookups: true}
}

// Counter implements Dialect.
func (d *clickhouse) Counter(n string, constant bool) string {
	if constant {
		return "(SELECT toInt64(number) AS h0 FROM numbers(toUInt64(greatest(0, ifNull(" + n + ", 0)))))"
	}
	return "(SELECT arrayJoin(range(toUInt64(greatest(0, ifNull(" + n + ", 0))))) AS h0)"
}

// Sample implements Dialect.
func (d *clickhouse) Sample(n string) string { return "ORDER BY rand() LIMIT " + n }

// inlineText is how long SQL may be to be written more than once.
const inlineText = 300

// let uses the value of sql several times in one expression without writing it, and computing it, several times.
func (d *clickhouse) let(g *Emitter, sql string, f func(v string) string) string {
	if len(sql) <= inlineText {
		return f(sql)
	}
	v := g.newHidden() + "v"
	return "arrayElement(arrayMap(" + v + " -> " + f(v) + ", [" + sql + "]), 1)"
}
