package sqlgen

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// aggCall is an aggregate with its …if predicate taken off.
type aggCall struct {
	*plan.Agg
	name   string
	args   []plan.Expr
	filter string // " FILTER (WHERE …)" or ""
	where  string // the condition alone
	order  string // " ORDER BY …" or ""
}

// Aggregate implements Dialect.
func (d *duck) Aggregate(g *Emitter, a *plan.Agg, order string) string {
	c := splitAggregate(g, a)
	if order != "" {
		c.order = " ORDER BY " + order
	}
	f := d.agg[c.name]
	if f == nil {
		return g.Unsupported("the aggregate %s()", a.Func)
	}
	return f(g, c)
}

// splitAggregate takes the predicate of an …if aggregate off.
func splitAggregate(g *Emitter, a *plan.Agg) *aggCall {
	c := &aggCall{Agg: a, name: a.Func, args: a.Args}
	if base, ok := conditional(a.Func); ok && len(a.Args) > 0 {
		c.name = base
		at := len(a.Args) - 1
		switch base {
		case "dcount", "hll", "take_any", "make_bag", "make_list", "make_set", "count_distinct", "percentile":
			for i, e := range a.Args {
				if i > 0 && e.Type() == plan.Bool {
					at = i
				}
			}
		}
		c.where = g.Pred(a.Args[at])
		c.filter = " FILTER (WHERE " + c.where + ")"
		c.args = append(append([]plan.Expr(nil), a.Args[:at]...), a.Args[at+1:]...)
	}
	return c
}

func conditional(name string) (string, bool) {
	if base, ok := strings.CutSuffix(name, "_if"); ok {
		return base, true
	}
	return strings.CutSuffix(name, "if")
}

func (d *duck) aggregates() map[string]func(g *Emitter, a *aggCall) string {
	m := map[string]func(g *Emitter, a *aggCall) string{
		"count": func(g *Emitter, a *aggCall) string {
			if a.name == a.Func && len(a.args) > 0 && a.args[0].Type() == plan.Bool && a.filter == "" {
				return "count(*) FILTER (WHERE " + g.Pred(a.args[0]) + ")"
			}
			return "count(*)" + a.filter
		},
		"dcount": func(g *Emitter, a *aggCall) string { return "count(DISTINCT " + g.Expr(a.args[0]) + ")" + a.filter },
		"sum":    d.sum,
		"avg": func(g *Emitter, a *aggCall) string {
			t := a.Column.Type
			if t == plan.Decimal {
				return d.decimalSum(g, a, true)
			}
			s := "avg(" + d.numeric(g, a.args[0]) + ")" + a.filter
			if t == plan.DateTime || t == plan.TimeSpan {
				return "CAST(" + s + " AS BIGINT)"
			}
			return s
		},
		"min": d.extremum("min"), "max": d.extremum("max"),
		"take_any": func(g *Emitter, a *aggCall) string {
			return d.emptyText(a, "first("+g.As(a.args[0], a.Column.Type)+")"+a.filter)
		},
		"passthrough": func(g *Emitter, a *aggCall) string {
			return d.emptyText(a, "first("+g.As(a.args[0], a.Column.Type)+")"+a.filter)
		},
		"make_list": func(g *Emitter, a *aggCall) string { return d.list(g, a, false) },
		"make_list_with_nulls": func(g *Emitter, a *aggCall) string {
			a.name = "make_list"
			return d.list(g, a, true)
		},
		"make_set": d.set,
		"make_bag": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_make_bag", plan.Dynamic, d.array(g, a, g.As(a.args[0], plan.Dynamic), false))
		},
		"buildschema": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_buildschema", plan.Dynamic, d.array(g, a, g.As(a.args[0], plan.Dynamic), false))
		},
		"hll": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_hll", plan.Dynamic, d.distinctArray(g, a))
		},
		"hll_merge": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_hll_merge", plan.Dynamic, d.array(g, a, g.Expr(a.args[0]), false))
		},
		"tdigest": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_tdigest", plan.Dynamic, d.weighted(g, a, 1))
		},
		"tdigest_merge": func(g *Emitter, a *aggCall) string {
			return d.over(g, a, "agg_tdigest_merge", plan.Dynamic, d.array(g, a, g.Expr(a.args[0]), false))
		},
		"percentile": d.percentile, "percentilew": d.percentileWeighted,
		"percentiles_array": func(g *Emitter, a *aggCall) string { return d.percentiles(g, a, 1) }, "percentilesw_array": func(g *Emitter, a *aggCall) string { return d.percentiles(g, a, 2) },
		"binary_all_and": d.bits("bit_and"), "binary_all_or": d.bits("bit_or"), "binary_all_xor": d.bits("bit_xor"),
		"covariance": d.pair("covar_samp"), "covariancep": d.pair("covar_pop"),
	}
	m["percentilews_array"] = m["percentilesw_array"]
	m["count_distinct"] = m["dcount"]
	m["arg_max"], m["arg_min"] = d.best, d.best
	m["merge_tdigest"] = m["tdigest_merge"]
	for name, f := range map[string]string{"stdev": "stddev_samp", "stdevp": "stddev_pop", "variance": "var_samp", "variancep": "var_pop"} {
		m[name] = func(g *Emitter, a *aggCall) string {
			return "coalesce(" + f + "(" + d.numeric(g, a.args[0]) + ")" + a.filter + ", 0)"
		}
	}
	return m
}

// numeric is an argument as something SQL can add up.
func (d *duck) numeric(g *Emitter, e plan.Expr) string {
	switch e.Type() {
	case plan.Dynamic, plan.String, plan.Decimal:
		return g.As(e, plan.Real)
	case plan.Bool:
		return g.As(e, plan.Long)
	}
	return g.Expr(e)
}

func (d *duck) emptyText(a *aggCall, s string) string {
	if a.Column.Type == plan.String {
		return "coalesce(" + s + ", '')"
	}
	return s
}

func (d *duck) sum(g *Emitter, a *aggCall) string {
	t := a.Column.Type
	switch t {
	case plan.Decimal:
		return d.decimalSum(g, a, false)
	case plan.Real:
		return "coalesce(sum(" + d.numeric(g, a.args[0]) + ")" + a.filter + ", 0)"
	case plan.Dynamic, plan.Unknown:
		return "CAST(coalesce(sum(" + g.As(a.args[0], plan.Real) + ")" + a.filter + ", 0) AS VARCHAR)"
	}
	e := a.args[0]
	s := d.numeric(g, e)
	if e.Type() == plan.Dynamic {
		s = g.As(e, plan.Long)
	}
	return "TRY_CAST(coalesce(sum(" + s + ")" + a.filter + ", 0) AS BIGINT)"
}

func (d *duck) decimalSum(g *Emitter, a *aggCall, mean bool) string {
	sum := d.over(g, a, "agg_sum_decimal", plan.Decimal, d.array(g, a, "CAST(to_json("+g.As(a.args[0], plan.Decimal)+") AS VARCHAR)", false))
	if !mean {
		return sum
	}
	n := "CAST(count(" + g.Expr(a.args[0]) + ")" + a.filter + " AS VARCHAR)"
	return d.udfSQL("/", plan.Decimal, []plan.Type{plan.Decimal, plan.Decimal}, []string{sum, n})
}

func (d *duck) extremum(f string) func(g *Emitter, a *aggCall) string {
	return func(g *Emitter, a *aggCall) string {
		e := a.args[0]
		s := g.As(e, a.Column.Type)
		switch a.Column.Type {
		case plan.Decimal, plan.Dynamic:
			by := "CAST(" + g.d.Convert(g, s, a.Column.Type, plan.Real) + " AS DOUBLE)"
			return "arg_" + f + "(" + s + ", " + by + ")" + a.filter
		}
		return d.emptyText(a, f+"("+s+")"+a.filter)
	}
}

func (d *duck) bits(f string) func(g *Emitter, a *aggCall) string {
	return func(g *Emitter, a *aggCall) string { return f + "(" + g.As(a.args[0], a.Column.Type) + ")" + a.filter }
}

func (d *duck) pair(f string) func(g *Emitter, a *aggCall) string {
	return func(g *Emitter, a *aggCall) string {
		return "coalesce(" + f + "(" + d.numeric(g, a.args[0]) + ", " + d.numeric(g, a.args[1]) + ")" + a.filter + ", 0)"
	}
}

// array is a JSON array of the group's values, given as JSON text each; nulls are left out or kept.
func (d *duck) array(g *Emitter, a *aggCall, element string, nulls bool) string {
	filter := a.filter
	if nulls {
		element = "coalesce(" + element + ", 'null')"
	}
	return "'[' || coalesce(string_agg(" + element + ", ','" + a.order + ")" + filter + ", '') || ']'"
}

func (d *duck) distinctArray(g *Emitter, a *aggCall) string {
	return "'[' || coalesce(string_agg(DISTINCT " + g.As(a.args[0], plan.Dynamic) + ", ',')" + a.filter + ", '') || ']'"
}

// over applies a function in Go to the array.
func (d *duck) over(g *Emitter, a *aggCall, f string, t plan.Type, array string, more ...plan.Expr) string {
	types, args := []plan.Type{plan.Dynamic}, []string{array}
	for _, e := range more {
		types, args = append(types, e.Type()), append(args, g.Expr(e))
	}
	return d.udfSQL(f, t, types, args)
}

// weighted is an array of [value, weight] with the weight taken from the argument at i, or of plain values.
func (d *duck) weighted(g *Emitter, a *aggCall, i int) string {
	v := g.As(a.args[0], plan.Dynamic)
	if i >= len(a.args) {
		return d.array(g, a, v, false)
	}
	return d.array(g, a, "'[' || "+v+" || ',' || "+g.As(a.args[i], plan.Dynamic)+" || ']'", false)
}

// limit is the greatest number of elements, "" for the default.
func (d *duck) limit(a *aggCall) string {
	if len(a.args) > 1 {
		if n, ok := constLong(a.args[1]); ok && n >= 0 && n < 1<<20 {
			return strconv.FormatInt(n, 10)
		}
	}
	return ""
}

func (d *duck) list(g *Emitter, a *aggCall, nulls bool) string {
	e := a.args[0]
	limit := d.limit(a)
	switch e.Type() {
	case plan.String, plan.Int, plan.Long, plan.Bool, plan.GUID:
		cond := a.where
		s := g.Expr(e)
		if !nulls && !g.NotNull(e) {
			cond = and(cond, s+" IS NOT NULL")
		}
		list := "list(" + s + a.order + ")" + filterOf(cond)
		if limit != "" {
			list = "list_slice(" + list + ", 1, " + limit + ")"
		}
		return "coalesce(CAST(to_json(" + list + ") AS VARCHAR), '[]')"
	}
	el := g.As(e, plan.Dynamic)
	if limit != "" {
		list := "list(" + el + a.order + ")" + filterOf(and(a.where, el+" IS NOT NULL"))
		return "'[' || coalesce(array_to_string(list_slice(" + list + ", 1, " + limit + "), ','), '') || ']'"
	}
	return d.array(g, a, el, nulls)
}

func (d *duck) set(g *Emitter, a *aggCall) string {
	e := a.args[0]
	limit := d.limit(a)
	switch e.Type() {
	case plan.String, plan.Int, plan.Long, plan.Bool, plan.GUID:
		cond := a.where
		s := g.Expr(e)
		if !g.NotNull(e) {
			cond = and(cond, s+" IS NOT NULL")
		}
		list := "list(DISTINCT " + s + ")" + filterOf(cond)
		if limit != "" {
			list = "list_slice(" + list + ", 1, " + limit + ")"
		}
		return "coalesce(CAST(to_json(" + list + ") AS VARCHAR), '[]')"
	case plan.Dynamic:
		// The elements of arrays are the members.
		n := plan.Expr(&plan.Const{T: plan.Long, Value: int64(1 << 20)})
		if limit != "" {
			n = a.args[1]
		}
		array := "'[' || coalesce(string_agg(DISTINCT " + g.Expr(e) + ", ',')" + a.filter + ", '') || ']'"
		return d.over(g, a, "agg_make_set", plan.Dynamic, array, n)
	}
	el := g.As(e, plan.Dynamic)
	list := "list(DISTINCT " + el + ")" + filterOf(and(a.where, el+" IS NOT NULL"))
	if limit != "" {
		list = "list_slice(" + list + ", 1, " + limit + ")"
	}
	return "'[' || coalesce(array_to_string(" + list + ", ','), '') || ']'"
}

func and(a, b string) string {
	if a == "" {
		return b
	}
	return a + " AND " + b
}

func filterOf(cond string) string {
	if cond == "" {
		return ""
	}
	return " FILTER (WHERE " + cond + ")"
}

// percentile is by nearest rank, so the result is a value of the group.
func (d *duck) percentile(g *Emitter, a *aggCall) string {
	p, ok := constReal(a.args[1])
	t := a.args[0].Type()
	if !ok || p < 0 || p > 100 {
		return g.Unsupported("a percentile that is not a constant from 0 to 100")
	}
	switch t {
	case plan.Int, plan.Long, plan.Real, plan.DateTime, plan.TimeSpan:
		s := "quantile_disc(" + g.Expr(a.args[0]) + ", " + realLiteral(p/100) + ")" + a.filter
		return g.d.Convert(g, s, t, a.Column.Type)
	}
	return d.over(g, a, "agg_percentilew", a.Column.Type, d.weighted(g, a, 1<<10), a.args[1])
}

func (d *duck) percentileWeighted(g *Emitter, a *aggCall) string {
	out := d.over(g, a, "agg_percentilew", d.plainType(a.args[0].Type()), d.weighted(g, a, 1), a.args[2])
	return g.d.Convert(g, out, d.plainType(a.args[0].Type()), a.Column.Type)
}

// plainType is the type a value has inside a dynamic.
func (d *duck) plainType(t plan.Type) plan.Type { return t }

func (d *duck) percentiles(g *Emitter, a *aggCall, at int) string {
	weight := 1
	if at == 1 {
		weight = 1 << 10
	}
	return d.over(g, a, "agg_percentiles_array", plan.Dynamic, d.weighted(g, a, weight), a.args[at:]...)
}

func constReal(e plan.Expr) (float64, bool) {
	c, ok := e.(*plan.Const)
	if !ok {
		return 0, false
	}
	switch x := constant(c).(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// maxSeparate is up to how many columns of one row are cheaper as an aggregate each than packed into one value for every row.
const maxSeparate = 6

// separates implements separater. The aggregates see the same rows in the same order and keep the first of equals, so they agree on the row.
func (d *duck) separates(packs []*pack, unpacked map[plan.ColumnID]*pack) []*pack {
	var rest []*pack
	for _, p := range packs {
		if p.by == nil || len(p.aggs) > maxSeparate {
			rest = append(rest, p)
			continue
		}
		for _, a := range p.aggs {
			delete(unpacked, a.Column.ID)
		}
	}
	return rest
}

// best is one column of arg_max or arg_min.
func (d *duck) best(g *Emitter, a *aggCall) string {
	by, value := a.args[0], a.args[len(a.args)-1]
	if x, ok := by.(*plan.ColRef); ok && by.Type() == a.Column.Type {
		if y, ok := value.(*plan.ColRef); ok && x.ID == y.ID {
			switch by.Type() {
			case plan.DateTime, plan.TimeSpan, plan.Long, plan.Int:
				return strings.TrimPrefix(a.Func, "arg_") + "(" + g.Expr(by) + ")"
			}
		}
	}
	// Nulls are values like others here.
	return d.emptyText(a, a.Func+"_null("+g.As(value, a.Column.Type)+", "+d.ordering(g, a.Func, by)+")")
}

// Together implements Dialect. Rows without an ordering value come last, and are taken where there is no other.
func (d *duck) Together(g *Emitter, fun string, by plan.Expr, fields []Field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = quote(f.Name) + ": " + f.SQL
	}
	row := "{" + strings.Join(parts, ", ") + "}"
	if fun == "take_any" {
		return "first(" + row + ")"
	}
	return fun + "(" + row + ", " + d.ordering(g, fun, by) + ")"
}

// ordering is what arg_max and arg_min order by, with something beyond all values for null.
func (d *duck) ordering(g *Emitter, fun string, by plan.Expr) string {
	s := g.Expr(by)
	if !g.NotNull(by) {
		least := fun == "arg_max"
		switch by.Type() {
		case plan.Long, plan.DateTime, plan.TimeSpan:
			s = "coalesce(" + s + ", CAST(" + pick(least, "'-9223372036854775808'", "'9223372036854775807'") + " AS BIGINT))"
		case plan.Int:
			s = "coalesce(CAST(" + s + " AS BIGINT), " + pick(least, "-9223372036854775807", "9223372036854775807") + ")"
		case plan.Real:
			s = "coalesce(" + s + ", CAST(" + pick(least, "'-infinity'", "'infinity'") + " AS DOUBLE))"
		case plan.Bool:
			s = "coalesce(CAST(" + s + " AS INTEGER), " + pick(least, "-1", "2") + ")"
		case plan.Dynamic, plan.Decimal:
			s = "coalesce(" + g.d.Convert(g, s, by.Type(), plan.Real) + ", CAST(" + pick(least, "'-infinity'", "'infinity'") + " AS DOUBLE))"
		default:
			s = "coalesce(" + s + ", '')"
		}
	}
	return s
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
