package bind

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// aggregator collects the aggregate calls of one summarize.
type aggregator struct {
	aggs []plan.Agg
	keys map[string]bool // names of the grouping columns, left out of `*`
	star bool            // some aggregate returns all columns
}

// named is an output of an expression that gives several.
type named struct {
	name string // suggestion, may be empty
	expr plan.Expr
}

// aggregate binds an aggregate call that stands inside an expression: the first of its results.
func (b *binder) aggregate(f *function, x *syntax.Call, sc *scope) plan.Expr {
	outs := b.aggregateOutputs(f, x, sc)
	if len(outs) == 0 {
		return null(plan.Unknown)
	}
	return outs[0].expr
}

// aggregateOutputs binds an aggregate call to its results, one for all but arg_max, arg_min, take_any, any, percentiles.
func (b *binder) aggregateOutputs(f *function, x *syntax.Call, sc *scope) []named {
	// arguments are over the input's rows
	row := *sc
	row.aggs = nil
	row.window = sc.window
	switch f.name {
	case "arg_max", "arg_min", "argmax", "argmin":
		return b.argExtreme(f, x, &row, sc)
	case "take_any", "any":
		return b.takeAny(f, x, &row, sc)
	case "percentile", "percentiles", "percentilew", "percentilesw", "percentiles_array", "percentilesw_array":
		return b.percentiles(f, x, &row, sc)
	}
	if f.name == "count" && len(x.Args) == 1 {
		if w, ok := x.Args[0].(*syntax.Wildcard); ok && w.Pattern == "*" {
			return []named{{b.callName(x, sc), b.agg(sc, "count", plan.Long, nil)}}
		}
	}
	args := b.args(x, &row)
	if f.name == "count" && len(args) == 1 && args[0].Type() != plan.Bool && !loose(args[0].Type()) { // counts rows, whatever the value
		args = nil
	}
	sig := b.choose(f, x, args)
	if sig == nil {
		return nil
	}
	t := b.returns(f, sig, x, args)
	args = b.adapt(sig, args)
	name := f.canonical
	switch {
	case name == "count" && len(args) == 1:
		name = "countif"
	case name == "sum" || name == "sumif":
		args[0] = b.convert(args[0], t)
	case strings.HasPrefix(name, "avg") && (t == plan.Real || t == plan.Decimal):
		args[0] = b.convert(args[0], t)
	case strings.HasPrefix(name, "stdev"), strings.HasPrefix(name, "variance"):
		if numeric(args[0].Type()) {
			args[0] = b.convert(args[0], plan.Real)
		}
	}
	return []named{{b.callName(x, sc), b.agg(sc, name, t, args)}}
}

// agg adds an aggregate and returns a reference to its column.
func (b *binder) agg(sc *scope, fn string, t plan.Type, args []plan.Expr) plan.Expr {
	c := b.column("", t)
	sc.aggs.aggs = append(sc.aggs.aggs, plan.Agg{Column: c, Func: fn, Args: args})
	return ref(c)
}

func (b *binder) argExtreme(f *function, x *syntax.Call, row, sc *scope) []named {
	if len(x.Args) == 0 {
		b.errorf(x.Pos(), CodeType, strings.Join(f.text, " or "), "%s() needs an argument", f.name)
		return nil
	}
	fn := f.canonical
	old := f.name == "argmax" || f.name == "argmin"
	by := b.scalar(unnamed(x.Args[0]), row)
	first := b.impliedName(x.Args[0], row)
	if first == "" {
		first = strings.TrimPrefix(f.canonical, "arg_") + "_"
	}
	prefix := ""
	if old {
		prefix = strings.TrimPrefix(f.name, "arg") + "_" + first
		first = prefix
	}
	outs := []named{{first, b.agg(sc, fn, by.Type(), []plan.Expr{by, by})}}
	shown := map[string]bool{}
	if n, ok := unnamed(x.Args[0]).(*syntax.Name); ok {
		shown[n.Text] = true
	}
	for _, a := range x.Args[1:] {
		if w, ok := a.(*syntax.Wildcard); ok {
			if row.rel == nil {
				continue
			}
			sc.aggs.star = true
			for _, c := range row.rel.columns() {
				if shown[c.Name] || sc.aggs.keys[c.Name] || !matchPattern(w.Pattern, c.Name) {
					continue
				}
				shown[c.Name] = true
				name := c.Name
				if old {
					name = prefix + "_" + name
				}
				outs = append(outs, named{name, b.agg(sc, fn, c.Type, []plan.Expr{by, ref(c)})})
			}
			continue
		}
		if n, ok := unnamed(a).(*syntax.Name); ok && a != syntax.Expr(n) {
			shown[n.Text] = true
		}
		v := b.scalar(unnamed(a), row)
		name := b.impliedName(a, row)
		if old && name != "" {
			name = prefix + "_" + name
		}
		outs = append(outs, named{name, b.agg(sc, fn, v.Type(), []plan.Expr{by, v})})
	}
	return outs
}

// unnamed takes the name off an argument: arg_max(Timestamp, Newest = Name).
func unnamed(x syntax.Expr) syntax.Expr {
	if n, ok := x.(*syntax.Named); ok && len(n.Names) == 1 {
		return n.X
	}
	return x
}

func (b *binder) takeAny(f *function, x *syntax.Call, row, sc *scope) []named {
	if len(x.Args) == 0 {
		b.errorf(x.Pos(), CodeType, strings.Join(f.text, " or "), "%s() needs an argument", f.name)
		return nil
	}
	prefix := ""
	if f.name == "any" {
		prefix = "any_"
	}
	var outs []named
	for _, a := range x.Args {
		if w, ok := a.(*syntax.Wildcard); ok {
			if row.rel == nil {
				continue
			}
			sc.aggs.star = true
			for _, c := range row.rel.columns() {
				if !sc.aggs.keys[c.Name] && matchPattern(w.Pattern, c.Name) {
					outs = append(outs, named{prefix + c.Name, b.agg(sc, "take_any", c.Type, []plan.Expr{ref(c)})})
				}
			}
			continue
		}
		v := b.scalar(a, row)
		outs = append(outs, named{prefix + b.impliedName(a, row), b.agg(sc, "take_any", v.Type(), []plan.Expr{v})})
	}
	return outs
}

func (b *binder) percentiles(f *function, x *syntax.Call, row, sc *scope) []named {
	args := b.args(x, row)
	sig := b.choose(f, x, args)
	if sig == nil {
		return nil
	}
	values := 1
	fn := "percentile"
	if strings.HasPrefix(f.name, "percentilew") || strings.HasPrefix(f.name, "percentilesw") {
		values, fn = 2, "percentilew"
		args[1] = b.convert(args[1], plan.Long)
	}
	v := args[0]
	t := v.Type()
	if loose(t) {
		t = plan.Real
		v = b.convert(v, t)
		args[0] = v
	}
	base := b.impliedName(x.Args[0], row)
	if strings.HasSuffix(f.name, "_array") {
		list := args[values:]
		arr := list[0]
		if arr.Type() != plan.Dynamic || len(list) > 1 {
			arr = &plan.Call{Func: "pack_array", Args: list, T: plan.Dynamic}
		}
		return []named{{"percentiles_" + base, b.agg(sc, fn+"s_array", plan.Dynamic, append(append([]plan.Expr(nil), args[:values]...), arr))}}
	}
	var outs []named
	for i, p := range args[values:] {
		name := ""
		if c := constant(p); c != nil {
			switch v := c.Value.(type) {
			case int64:
				name = strconv.FormatInt(v, 10)
			case float64:
				name = strings.ReplaceAll(strconv.FormatFloat(v, 'f', -1, 64), ".", "_")
			}
		} else {
			b.errorf(x.Args[values+i].Pos(), CodeType, "", "a percentile must be a constant number")
			continue
		}
		a := append(append([]plan.Expr(nil), args[:values]...), b.convert(p, plan.Real))
		outs = append(outs, named{"percentile_" + base + "_" + name, b.agg(sc, fn, t, a)})
	}
	return outs
}

// outputs gives the names and types of a function with several results, nil for other functions.
func (b *binder) outputs(name string, x *syntax.Call, sc *scope) []output {
	base := ""
	if len(x.Args) > 0 {
		base = b.impliedName(x.Args[0], sc)
	}
	list := func(names string, types ...plan.Type) []output {
		var out []output
		for i, n := range strings.Fields(names) {
			out = append(out, output{name: name + "_" + base + "_" + n, t: types[min(i, len(types)-1)]})
		}
		return out
	}
	r, l, d := plan.Real, plan.Long, plan.Dynamic
	switch name {
	case "series_fit_line":
		return list("rsquare slope variance rvariance interception line_fit", r, r, r, r, r, d)
	case "series_fit_2lines":
		return list("rsquare split_idx variance rvariance line_fit right_rsquare right_slope right_interception right_variance right_rvariance left_rsquare left_slope left_interception left_variance left_rvariance",
			r, l, r, r, d, r, r, r, r, r, r, r, r, r, r)
	case "series_stats":
		return list("min min_idx max max_idx avg stdev variance", r, l, r, l, r, r, r)
	case "series_decompose":
		return list("baseline seasonal trend residual", d)
	case "series_decompose_anomalies":
		return list("ad_flag ad_score baseline", d)
	case "series_decompose_forecast":
		return list("baseline seasonal trend residual", d) // the language calls the forecast baseline
	case "series_periods_detect":
		return list("periods scores", d)
	case "series_periods_validate":
		return list("periods scores", d)
	case "series_fit_poly":
		return list("rsquare coefficients variance rvariance poly_fit", r, d, r, r, d)
	case "series_fft", "series_ifft":
		return list("real imag", d)
	case "array_sort_asc", "array_sort_desc":
		var out []output
		for i, a := range x.Args {
			if i == 0 || sc != nil && !isBoolLiteral(a) {
				name := b.impliedName(a, sc)
				if name == "" {
					name = "array" + itoa(len(out))
				}
				out = append(out, output{name: name + "_sorted", t: d})
			}
		}
		return out
	}
	return nil
}

func isBoolLiteral(x syntax.Expr) bool {
	l, ok := x.(*syntax.Literal)
	return ok && l.Kind == syntax.LitBool
}

type output struct {
	name string
	t    plan.Type
}

// pick takes result i of a call of a function with several results.
func (b *binder) pick(f *function, args []plan.Expr, i int, t plan.Type) plan.Expr {
	c := &plan.Call{Func: f.canonical, Args: args, T: plan.Dynamic}
	item := &plan.Call{Func: "index", Args: []plan.Expr{c, &plan.Const{T: plan.Long, Value: int64(i)}}, T: plan.Dynamic}
	return b.convert(item, t)
}

// result1 is pick for the functions that give several results only for several arguments.
func (b *binder) result1(f *function, args []plan.Expr, i int, t plan.Type, n int) plan.Expr {
	if n == 1 {
		return &plan.Call{Func: f.canonical, Args: args, T: t}
	}
	return b.pick(f, args, i, t)
}

// several binds an expression that may give several columns; ok is false for one that gives a single value.
func (b *binder) several(x syntax.Expr, sc *scope) (outs []named, ok bool) {
	c, isCall := x.(*syntax.Call)
	if !isCall {
		return nil, false
	}
	if v := sc.env.lookup(c.Name.Text); v != nil && v.lambda != nil {
		return nil, false
	}
	if sc.aggs != nil {
		if f := b.functions.aggregate[c.Name.Text]; f != nil {
			return b.aggregateOutputs(f, c, sc), true
		}
	}
	f := b.functions.scalar[c.Name.Text]
	if f == nil {
		return nil, false
	}
	list := b.outputs(f.name, c, sc)
	if list == nil {
		return nil, false
	}
	args := b.matchArgs(f, c, b.args(c, sc))
	if args == nil {
		args = []plan.Expr{}
	}
	for i, o := range list {
		outs = append(outs, named{o.name, b.result1(f, args, i, o.t, len(list))})
	}
	return outs, true
}
