package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// duck is the dialect of DuckDB with the functions of kql/duckdb registered. Functions that have no good SQL become calls of those.
type duck struct {
	call map[string]func(g *Emitter, c *plan.Call) string
	pred map[string]func(g *Emitter, c *plan.Call) string
	agg  map[string]func(g *Emitter, a *aggCall) string
}

// DuckDB returns the dialect of DuckDB.
func DuckDB() Dialect {
	d := &duck{call: map[string]func(*Emitter, *plan.Call) string{}, pred: map[string]func(*Emitter, *plan.Call) string{}}
	d.operators()
	d.strings()
	d.dynamics()
	d.times()
	d.agg = d.aggregates()
	return d
}

// Type implements Dialect.
func (d *duck) Type(t plan.Type) string {
	switch t {
	case plan.Bool:
		return "BOOLEAN"
	case plan.Int:
		return "INTEGER"
	case plan.Long, plan.DateTime, plan.TimeSpan:
		return "BIGINT"
	case plan.Real:
		return "DOUBLE"
	}
	return "VARCHAR"
}

// Literal implements Dialect.
func (d *duck) Literal(t plan.Type, v any) string { return duckLiteral(d.Type(t), t, v) }

// Ident implements Dialect.
func (d *duck) Ident(name string) string { return quoteIdent(name) }

// Call implements Dialect.
func (d *duck) Call(g *Emitter, c *plan.Call) string {
	if f := d.call[c.Func]; f != nil {
		if s := f(g, c); s != "" {
			return s
		}
	}
	if !fn.Has(c.Func) {
		return g.Unsupported("the function %s()", c.Func)
	}
	return d.udf(g, c.Func, c.T, c.Args)
}

// Predicate implements Dialect.
func (d *duck) Predicate(g *Emitter, c *plan.Call) string {
	if f := d.pred[c.Func]; f != nil {
		return f(g, c)
	}
	return ""
}

// udf calls the function in Go.
func (d *duck) udf(g *Emitter, name string, t plan.Type, args []plan.Expr) string {
	sqls := make([]string, len(args))
	types := make([]plan.Type, len(args))
	for i, a := range args {
		sqls[i], types[i] = g.Expr(a), a.Type()
	}
	return d.udfSQL(name, t, types, sqls)
}

func (d *duck) udfSQL(name string, t plan.Type, types []plan.Type, args []string) string {
	var f string
	switch t {
	case plan.Bool:
		f = "kql_bool"
	case plan.Int:
		f = "kql_int"
	case plan.Long, plan.DateTime, plan.TimeSpan:
		f = "kql_long"
	case plan.Real:
		f = "kql_real"
	default:
		f = "kql_text"
	}
	if name == "rand" || name == "new_guid" {
		f += "_each"
	}
	names := make([]string, len(types))
	for i, x := range types {
		names[i] = x.String()
	}
	key := quote(name + "|" + t.String() + "|" + strings.Join(names, ","))
	return f + "(" + strings.Join(append([]string{key}, args...), ", ") + ")"
}

// Convert implements Dialect.
func (d *duck) Convert(g *Emitter, s string, from, to plan.Type) string {
	if from == to || to == plan.Unknown {
		return s
	}
	fallback := func() string { return d.udfSQL("to"+to.String(), to, []plan.Type{from}, []string{s}) }
	if from == plan.Unknown {
		if to == plan.String {
			return "coalesce(CAST(" + s + " AS VARCHAR), '')"
		}
		return "TRY_CAST(" + s + " AS " + d.Type(to) + ")"
	}
	switch to {
	case plan.String:
		switch from {
		case plan.Int, plan.Long:
			return "coalesce(CAST(" + s + " AS VARCHAR), '')"
		case plan.Bool:
			return "coalesce(CAST(" + s + " AS VARCHAR), '')"
		case plan.GUID, plan.Decimal:
			return "coalesce(" + s + ", '')"
		case plan.Dynamic:
			return "coalesce(json_extract_string(" + s + ", '$'), '')"
		}
		return d.udfSQL("tostring", to, []plan.Type{from}, []string{s})
	case plan.Dynamic:
		switch from {
		case plan.String:
			return "CAST(to_json(" + s + ") AS VARCHAR)"
		case plan.Int, plan.Long, plan.Bool:
			return "CAST(" + s + " AS VARCHAR)"
		case plan.GUID:
			return "CAST(to_json(" + s + ") AS VARCHAR)"
		}
		return d.udfSQL("__dynamic", to, []plan.Type{from}, []string{s})
	case plan.Long, plan.Int, plan.Real, plan.DateTime, plan.TimeSpan:
		switch from {
		case plan.Int, plan.Long:
			if to == plan.Int {
				return "TRY_CAST(" + s + " AS INTEGER)"
			}
			if to == plan.DateTime {
				return fallback()
			}
			return "CAST(" + s + " AS " + d.Type(to) + ")"
		case plan.Real:
			return "TRY_CAST(trunc(" + s + ") AS " + d.Type(to) + ")"
		case plan.Bool:
			if to == plan.Long || to == plan.Int || to == plan.Real {
				return "CAST(" + s + " AS " + d.Type(to) + ")"
			}
		case plan.DateTime, plan.TimeSpan:
			if to == plan.Long {
				return s
			}
			if to == plan.Real {
				return "CAST(" + s + " AS DOUBLE)"
			}
		}
	case plan.Bool:
		if from == plan.Int || from == plan.Long || from == plan.Real {
			return "(" + s + " <> 0)"
		}
	}
	return fallback()
}

// Unpack implements Dialect.
func (d *duck) Unpack(s, field string, _ int) string {
	return "struct_extract(" + s + ", " + quote(field) + ")"
}

// FirstPer implements Dialect.
func (d *duck) FirstPer(keys, items []string, from, order string) string {
	if order != "" {
		from += " ORDER BY " + order
	}
	if len(keys) == 0 {
		return "SELECT " + strings.Join(append(items, "1 AS h0")[:max(len(items), 1)], ", ") + " FROM " + from + " LIMIT 1"
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	return "SELECT DISTINCT ON (" + strings.Join(keys, ", ") + ") " + strings.Join(items, ", ") + " FROM " + from
}

// Semi implements Dialect.
func (d *duck) Semi(left, right, on string, anti bool) string {
	kind := " SEMI JOIN "
	if anti {
		kind = " ANTI JOIN "
	}
	return left + kind + right + " ON " + on
}

// Elements implements Dialect.
func (d *duck) Elements(g *Emitter, s string, bagAsArray bool) string {
	bag := "'bag'"
	if bagAsArray {
		bag = "'array'"
	}
	return "CASE WHEN " + s + " IS NULL THEN [CAST(NULL AS VARCHAR)] WHEN starts_with(" + s + ", '[') THEN CAST(json_extract(" + s + ", '$[*]') AS VARCHAR[]) " +
		"ELSE CAST(json_extract(kql_text('__elements|dynamic|dynamic,string', " + s + ", " + bag + "), '$[*]') AS VARCHAR[]) END"
}

// Unnest implements Dialect.
func (d *duck) Unnest(pos string, lists, names []string) []string {
	items := make([]string, 0, len(lists)+1)
	items = append(items, "unnest("+d.positions(lists)+") AS "+pos)
	for i, list := range lists {
		items = append(items, "unnest("+list+") AS "+names[i])
	}
	return items
}

// Stored implements Dialect.
func (d *duck) Stored(name string, _ plan.Type) string { return d.Ident(name) }

// Values implements Dialect.
func (d *duck) Values(cols []plan.Column, rows [][]string) string {
	names, lines := make([]string, len(cols)), make([]string, len(rows))
	for i, c := range cols {
		names[i] = col(c.ID)
	}
	for i, row := range rows {
		lines[i] = strings.Join(row, ", ")
	}
	return "(VALUES (" + strings.Join(lines, "),\n(") + ")) AS v(" + strings.Join(names, ", ") + ")"
}

// Quotient implements Dialect.
func (d *duck) Quotient(a, b string) string { return a + " // " + b }

// Lower implements Dialect.
func (d *duck) Lower(s string) string { return "lower(" + s + ")" }

// Traits implements Dialect.
func (d *duck) Traits() Traits { return Traits{Ranked: true, Calls: true, Mixed: true} }

// positions is a list 0..n-1 with n the length of the longest of the lists.
func (d *duck) positions(lists []string) string {
	lens := make([]string, len(lists))
	for i, l := range lists {
		lens[i] = "len(" + l + ")"
	}
	if len(lens) == 1 {
		return "range(" + lens[0] + ")"
	}
	return "range(greatest(" + strings.Join(lens, ", ") + "))"
}

// Cut implements Dialect.
func (d *duck) Cut(list, n string) string { return "list_slice(" + list + ", 1, " + n + ")" }

// Counter implements Dialect.
func (d *duck) Counter(n string, constant bool) string {
	if constant {
		return "(SELECT range AS h0 FROM range(" + n + "))"
	}
	return "(SELECT unnest(range(" + n + ")) AS h0)"
}

// Sample implements Dialect.
func (d *duck) Sample(n string) string { return "ORDER BY random() LIMIT " + n }
