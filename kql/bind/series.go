package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// makeSeries groups rows into bins of the axis here and leaves only the filling of gaps to the host.
func (b *binder) makeSeries(r *relation, op *syntax.MakeSeries, env *environment) *relation {
	free := &scope{env: env}
	row := &scope{env: env, rel: r}
	var from, to plan.Expr
	if op.From != nil {
		from = b.scalar(op.From, free)
	}
	if op.To != nil {
		to = b.scalar(op.To, free)
	}
	step := b.scalar(op.Step, free)
	axisExpr := op.Axis
	axisName := b.resultName(axisExpr, row, "Column1")
	if n, ok := axisExpr.(*syntax.Named); ok {
		axisExpr = n.X
	}
	axis := b.scalar(axisExpr, row)
	t := axis.Type()
	if numeric(t) {
		for _, e := range []plan.Expr{from, to, step} {
			if e != nil && numeric(e.Type()) {
				t = widest(t, e.Type())
			}
		}
		axis, step = b.convert(axis, t), b.convert(step, t)
		if from != nil {
			from = b.convert(from, t)
		}
		if to != nil {
			to = b.convert(to, t)
		}
	} else {
		if loose(t) {
			t = plan.DateTime
			axis = b.convert(axis, t)
		}
		step = b.convert(step, plan.TimeSpan)
		if from != nil && from.Type() != t {
			from = b.convert(from, t)
		}
		if to != nil && to.Type() != t {
			to = b.convert(to, t)
		}
	}
	in := r.node
	var bounds []plan.Expr
	if from != nil {
		bounds = append(bounds, &plan.Call{Func: ">=", Args: []plan.Expr{axis, from}, T: plan.Bool})
	}
	if to != nil {
		bounds = append(bounds, &plan.Call{Func: "<", Args: []plan.Expr{axis, to}, T: plan.Bool})
	}
	switch len(bounds) {
	case 1:
		in = &plan.Filter{Input: in, Pred: bounds[0]}
	case 2:
		in = &plan.Filter{Input: in, Pred: &plan.Call{Func: "and", Args: bounds, T: plan.Bool}}
	}
	bin := &plan.Call{Func: "bin", Args: []plan.Expr{axis, step}, T: t}
	if from != nil {
		bin = &plan.Call{Func: "bin_at", Args: []plan.Expr{axis, step, from}, T: t}
	}
	keys := &projection{}
	ag := &aggregator{keys: map[string]bool{}}
	for _, x := range op.By {
		b.item(keys, x, row, false, "")
	}
	n := &plan.Aggregate{Input: in, Keys: append([]plan.Named(nil), keys.items...)}
	axisCol := b.column(axisName, t)
	n.Keys = append(n.Keys, plan.Named{Column: axisCol, Expr: bin})
	params := &plan.MakeSeries{Axis: axisCol.ID, From: from, To: to, Step: step}
	if p := prop(op.Props, "kind"); p != nil {
		params.NonEmpty = b.propText(*p, env) == "nonempty"
	}
	out := &projection{}
	for _, f := range keys.fields {
		params.Keys = append(params.Keys, f.ID)
		c := b.column(f.Name, f.Type)
		out.add(field{Column: c}, nil)
	}
	sc := &scope{env: env, rel: r, aggs: ag}
	post := &projection{}
	for _, x := range op.Aggs {
		var def plan.Expr
		if ty, ok := x.(*syntax.Typed); ok {
			def = b.scalar(ty.Default, free)
			x = ty.X
		}
		before := len(post.fields)
		b.item(post, x, sc, false, "")
		for _, f := range post.fields[before:] {
			d := def
			if d == nil {
				d = zero(f.Type)
			}
			params.Series = append(params.Series, plan.Series{Column: f.ID, Default: b.convert(d, f.Type)})
			out.add(field{Column: b.column(out.unique(f.Name), plan.Dynamic)}, nil)
		}
	}
	n.Aggs = ag.aggs
	n.Input = in
	proj := &plan.Project{Input: n}
	for _, k := range n.Keys {
		proj.Items = append(proj.Items, plan.Named{Column: k.Column, Expr: ref(k.Column)})
	}
	proj.Items = append(proj.Items, post.items...)
	out.add(field{Column: b.column(out.unique(axisName), plan.Dynamic)}, nil)
	l := &plan.Local{Op: "make-series", Inputs: []plan.Node{proj}, Params: params}
	for _, f := range out.fields {
		l.Cols = append(l.Cols, f.Column)
	}
	return &relation{node: l, fields: out.fields}
}

// zero is the default of an empty bin.
func zero(t plan.Type) plan.Expr {
	switch t {
	case plan.Int, plan.Long:
		return &plan.Const{T: t, Value: int64(0)}
	case plan.Real:
		return &plan.Const{T: t, Value: float64(0)}
	case plan.Decimal:
		return &plan.Const{T: t, Value: "0"}
	}
	return null(t)
}
