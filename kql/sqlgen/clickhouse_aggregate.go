package sqlgen

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Aggregate implements Dialect.
func (d *clickhouse) Aggregate(g *Emitter, a *plan.Agg, order string) string {
	c := splitAggregate(g, a)
	c.order = order
	f := d.agg[c.name]
	if f == nil {
		return g.Unsupported("the aggregate %s()", a.Func)
	}
	return f(g, c)
}

func (d *clickhouse) aggregates() map[string]func(g *Emitter, a *aggCall) string {
	text := func(a *aggCall, s string) string {
		if a.Column.Type == plan.String {
			return "ifNull(" + s + ", '')"
		}
		return s
	}
	extremum := func(f string) func(g *Emitter, a *aggCall) string {
		return func(g *Emitter, a *aggCall) string {
			switch a.Column.Type {
			case plan.Decimal, plan.Dynamic, plan.Bool:
				return g.Unsupported("%s() of a %s", f, a.Column.Type)
			}
			return text(a, f+"("+d.nullable(g, a.args[0], a.Column.Type)+")"+a.filter)
		}
	}
	anyOf := func(g *Emitter, a *aggCall) string {
		return text(a, "any("+d.nullable(g, a.args[0], a.Column.Type)+")"+a.filter)
	}
	spread := func(f string) func(g *Emitter, a *aggCall) string {
		return func(g *Emitter, a *aggCall) string {
			x := "toNullable(" + d.numeric(g, a.args[0]) + ")"
			one := ""
			if strings.HasSuffix(f, "SampStable") {
				one = "count(" + x + ")" + a.filter + " < 2 OR "
			}
			s := f + "(toFloat64(" + x + "))" + a.filter
			return "if(" + one + s + " IS NULL, toFloat64(0), " + s + ")"
		}
	}
	pair := func(f string) func(g *Emitter, a *aggCall) string {
		return func(g *Emitter, a *aggCall) string {
			x, y := "toNullable(toFloat64("+d.numeric(g, a.args[0])+"))", "toNullable(toFloat64("+d.numeric(g, a.args[1])+"))"
			s := f + "(" + x + ", " + y + ")" + a.filter
			return "ifNull(if(isNaN(" + s + "), toFloat64(0), " + s + "), toFloat64(0))"
		}
	}
	bits := func(f string) func(g *Emitter, a *aggCall) string {
		return func(g *Emitter, a *aggCall) string {
			return f + "(" + d.nullable(g, a.args[0], a.Column.Type) + ")" + a.filter
		}
	}
	m := map[string]func(g *Emitter, a *aggCall) string{
		"count": func(g *Emitter, a *aggCall) string {
			if a.name == a.Func && len(a.args) > 0 && a.args[0].Type() == plan.Bool && a.filter == "" {
				return "toInt64(countIf(ifNull(" + g.Pred(a.args[0]) + ", false)))"
			}
			return "toInt64(count()" + a.filter + ")"
		},
		"dcount": func(g *Emitter, a *aggCall) string {
			return "toInt64(uniqExact(" + g.Expr(a.args[0]) + ")" + a.filter + ")"
		},
		"sum": d.sum,
		"avg": func(g *Emitter, a *aggCall) string {
			switch t := a.Column.Type; t {
			case plan.Decimal:
				return g.Unsupported("avg() of a decimal")
			case plan.DateTime, plan.TimeSpan:
				x := d.nullable(g, a.args[0], t)
				return "toInt64(round(sum(toInt128(" + x + "))" + a.filter + " / nullIf(count(" + x + ")" + a.filter + ", 0)))"
			}
			return "avg(toNullable(toFloat64(" + d.numeric(g, a.args[0]) + ")))" + a.filter
		},
		"min": extremum("min"), "max": extremum("max"),
		"take_any": anyOf, "passthrough": anyOf,
		"make_list": func(g *Emitter, a *aggCall) string { return d.list(g, a, false) },
		"make_list_with_nulls": func(g *Emitter, a *aggCall) string {
			return d.list(g, a, true)
		},
		"make_set":       d.set,
		"percentile":     d.percentile,
		"binary_all_and": bits("groupBitAnd"), "binary_all_or": bits("groupBitOr"), "binary_all_xor": bits("groupBitXor"),
		"covariance": pair("covarSampStable"), "covariancep": pair("covarPopStable"),
		"stdev": spread("stddevSampStable"), "stdevp": spread("stddevPopStable"), "variance": spread("varSampStable"), "variancep": spread("varPopStable"),
	}
	m["count_distinct"] = m["dcount"]
	m["arg_max"], m["arg_min"] = d.best, d.best
	return m
}

// nullable is an argument of type t such that an aggregate over no rows is null.
func (d *clickhouse) nullable(g *Emitter, e plan.Expr, t plan.Type) string {
	s := g.As(e, t)
	if t == plan.String {
		return s
	}
	return "toNullable(" + s + ")"
}

func (d *clickhouse) numeric(g *Emitter, e plan.Expr) string {
	switch e.Type() {
	case plan.Dynamic, plan.String:
		return g.As(e, plan.Real)
	case plan.Decimal:
		return g.Unsupported("an aggregate of decimals")
	case plan.Bool:
		return g.As(e, plan.Long)
	}
	return g.Expr(e)
}

func (d *clickhouse) sum(g *Emitter, a *aggCall) string {
	switch a.Column.Type {
	case plan.Decimal:
		return g.Unsupported("sum() of a decimal")
	case plan.Real:
		return "ifNull(sum(toNullable(toFloat64(" + d.numeric(g, a.args[0]) + ")))" + a.filter + ", toFloat64(0))"
	case plan.Dynamic, plan.Unknown:
		return d.toText(g, "ifNull(sum("+d.nullable(g, a.args[0], plan.Real)+")"+a.filter+", toFloat64(0))", plan.Real)
	}
	e := a.args[0]
	if e.Type() == plan.Int || e.Type() == plan.Bool {
		return "ifNull(sum(toNullable(toInt64(" + d.numeric(g, e) + ")))" + a.filter + ", toInt64(0))"
	}
	x := d.numeric(g, e)
	if e.Type() == plan.Dynamic || e.Type() == plan.String {
		x = g.As(e, plan.Long)
	}
	return "accurateCastOrNull(ifNull(sum(toInt128(toNullable(" + x + ")))" + a.filter + ", toInt128(0)), 'Int64')"
}

// limit is the greatest number of elements, "" for none.
func (d *clickhouse) limit(a *aggCall) string {
	if len(a.args) > 1 {
		if n, ok := constLong(a.args[1]); ok && n > 0 && n < 1<<20 {
			return strconv.FormatInt(n, 10)
		}
	}
	return ""
}

// members says how a group's values become the parts of a JSON array: the SQL of a value, and how a list of them becomes JSON.
func (d *clickhouse) members(g *Emitter, e plan.Expr) (string, func(list string) string) {
	switch e.Type() {
	case plan.String, plan.Int, plan.Long, plan.GUID:
		return g.Expr(e), func(list string) string { return "toJSONString(" + list + ")" }
	}
	return g.As(e, plan.Dynamic), func(list string) string {
		return "concat('[', arrayStringConcat(arrayMap(e -> ifNull(e, 'null'), " + list + "), ','), ']')"
	}
}

func (d *clickhouse) list(g *Emitter, a *aggCall, nulls bool) string {
	e := a.args[0]
	s, text := d.members(g, e)
	limit := d.limit(a)
	cond := a.where
	if !nulls && !g.NotNull(e) {
		cond = and(cond, s+" IS NOT NULL")
	}
	value := "tuple(" + s + ")"
	at := "1"
	if a.order != "" {
		value, at = "tuple("+a.order+", "+s+")", "2"
	}
	f := "groupArray"
	if limit != "" && a.order == "" {
		f += "(" + limit + ")"
	}
	list := f + "(" + value + ")" + filterOf(cond)
	if a.order != "" {
		list = "arraySort(e -> tupleElement(e, 1), " + list + ")"
		if limit != "" {
			list = "arraySlice(" + list + ", 1, " + limit + ")"
		}
	}
	return text("arrayMap(e -> tupleElement(e, " + at + "), " + list + ")")
}

func (d *clickhouse) set(g *Emitter, a *aggCall) string {
	e := a.args[0]
	if e.Type() == plan.Dynamic {
		// The elements of arrays are the members.
		f := "groupUniqArrayArray"
		if limit := d.limit(a); limit != "" {
			f += "(" + limit + ")"
		}
		elements := d.let(g, "ifNull("+g.Expr(e)+", 'null')", func(s string) string {
			return "arrayFilter(e -> e <> 'null', if(startsWith(" + s + ", '['), JSONExtractArrayRaw(" + s + "), [" + s + "]))"
		})
		return "concat('[', arrayStringConcat(" + f + "(" + elements + ")" + a.filter + ", ','), ']')"
	}
	s, text := d.members(g, e)
	f := "groupUniqArray"
	if limit := d.limit(a); limit != "" {
		f += "(" + limit + ")"
	}
	return text(f + "(" + s + ")" + a.filter)
}

// percentile is by nearest rank, so the result is a value of the group.
func (d *clickhouse) percentile(g *Emitter, a *aggCall) string {
	p, ok := constReal(a.args[1])
	t := a.args[0].Type()
	if !ok || p < 0 || p > 100 {
		return g.Unsupported("a percentile that is not a constant from 0 to 100")
	}
	switch t {
	case plan.Int, plan.Long, plan.Real, plan.DateTime, plan.TimeSpan:
		// The engine takes the value at floor(level × n), counted from 0; nearest rank is at ceil(level × n) - 1. A level that is a hair lower gives that.
		level := max(0, p/100-1e-12)
		s := "quantileExact(" + strconv.FormatFloat(level, 'f', -1, 64) + ")(" + d.nullable(g, a.args[0], t) + ")" + a.filter
		return d.Convert(g, s, t, a.Column.Type)
	}
	return g.Unsupported("a percentile of a %s", t)
}

// Together implements Dialect. Rows without an ordering value come last, and are taken where there is no other.
func (d *clickhouse) Together(g *Emitter, fun string, by plan.Expr, fields []Field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.SQL
		if f.Type != plan.String {
			parts[i] = "toNullable(" + f.SQL + ")"
		}
	}
	row := "tuple(" + strings.Join(parts, ", ") + ")"
	if fun == "take_any" {
		return "any(" + row + ")"
	}
	return bestOf(fun) + "(" + row + ", " + d.ordering(g, fun, by) + ")"
}

func bestOf(fun string) string {
	if fun == "arg_min" {
		return "argMin"
	}
	return "argMax"
}

// ordering is what arg_max and arg_min order by, with something beyond all values for null.
func (d *clickhouse) ordering(g *Emitter, fun string, by plan.Expr) string {
	s := g.Expr(by)
	if g.NotNull(by) {
		return s
	}
	least := fun == "arg_max"
	switch t := by.Type(); t {
	case plan.Long, plan.DateTime, plan.TimeSpan:
		return "ifNull(" + s + ", toInt64(" + pick(least, "-9223372036854775808", "9223372036854775807") + "))"
	case plan.Int, plan.Bool:
		return "ifNull(toInt64(" + s + "), toInt64(" + pick(least, "-9223372036854775808", "9223372036854775807") + "))"
	case plan.Real, plan.Dynamic, plan.Decimal:
		return "ifNull(" + g.As(by, plan.Real) + ", toFloat64(" + pick(least, "-inf", "inf") + "))"
	}
	return "ifNull(" + s + ", '')"
}

// separates implements separater: an aggregate of each column is cheaper than one of rows, which the server moves value by value. The aggregates see the
// same rows in the same order and keep the first of equals, so they agree on the row.
func (d *clickhouse) separates(packs []*pack, unpacked map[plan.ColumnID]*pack) []*pack {
	var rest []*pack
	for _, p := range packs {
		if p.by == nil {
			rest = append(rest, p)
			continue
		}
		for _, a := range p.aggs {
			delete(unpacked, a.Column.ID)
		}
	}
	return rest
}

// best is one column of arg_max or arg_min. The engine leaves out rows whose value is null, here they count like others.
func (d *clickhouse) best(g *Emitter, a *aggCall) string {
	by, value := a.args[0], a.args[len(a.args)-1]
	if x, ok := by.(*plan.ColRef); ok && by.Type() == a.Column.Type {
		if y, ok := value.(*plan.ColRef); ok && x.ID == y.ID {
			switch by.Type() {
			case plan.DateTime, plan.TimeSpan, plan.Long, plan.Int:
				return strings.TrimPrefix(a.name, "arg_") + "(" + d.nullable(g, by, by.Type()) + ")"
			}
		}
	}
	f, order := bestOf(a.name), d.ordering(g, a.name, by)
	s := g.As(value, a.Column.Type)
	switch a.Column.Type {
	case plan.String:
		return f + "(" + s + ", " + order + ")"
	case plan.Dynamic, plan.GUID, plan.Decimal: // never without a character
		return "nullIf(" + f + "(ifNull(" + s + ", ''), " + order + "), '')"
	}
	s = "toNullable(" + s + ")"
	return "if(" + f + "(isNull(" + s + "), " + order + "), NULL, " + f + "(assumeNotNull(" + s + "), " + order + "))"
}
