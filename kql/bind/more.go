package bind

import (
	"regexp"
	"strconv"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

// applyMore binds the operators that few queries use.
func (b *binder) applyMore(r *relation, op syntax.Operator, env *environment) *relation {
	switch op := op.(type) {
	case *syntax.MvExpand:
		return b.mvExpand(r, op, env)
	case *syntax.MvApply:
		return b.mvApply(r, op, env)
	case *syntax.ParseOp:
		return b.parse(r, op, env)
	case *syntax.ParseKV:
		return b.parseKV(r, op, env)
	case *syntax.Evaluate:
		return b.evaluate(r, op, env)
	case *syntax.Invoke:
		return b.invokeTable(r, op, env)
	case *syntax.MakeSeries:
		return b.makeSeries(r, op, env)
	case *syntax.TopHitters:
		return b.topHitters(r, op, env)
	case *syntax.TopNested:
		return b.topNested(r, op, env)
	case *syntax.Partition:
		return b.partition(r, op, env)
	case *syntax.Scan:
		return b.scanSteps(r, op, env)
	case *syntax.Reduce:
		return b.reduce(r, op, env)
	case *syntax.Fork:
		return b.fork(r, op, env)
	case *syntax.Facet:
		return b.facet(r, op, env)
	case *syntax.MakeGraph:
		return b.makeGraph(r, op, env)
	case *syntax.Print, *syntax.Range, *syntax.Find, *syntax.MacroExpand:
		b.errorf(op.Pos(), CodeSyntax, "", "this operator begins a query, it cannot follow a pipe")
		return b.broken()
	case *syntax.GraphMatch, *syntax.GraphToTable, *syntax.GraphMark, *syntax.GraphWhere:
		b.errorf(op.Pos(), CodeType, "put make-graph before it", "a graph is expected, not a table")
		return b.broken()
	}
	b.errorf(op.Pos(), CodeUnsupported, "", "this operator is not supported")
	return b.broken()
}

func (b *binder) invokeTable(r *relation, op *syntax.Invoke, env *environment) *relation {
	x := op.Call
	if p, ok := x.(*syntax.Path); ok && scoped(p.X, env) {
		x = p.Name
	}
	switch c := x.(type) {
	case *syntax.Call:
		return b.tableCall(c, env, r)
	case *syntax.Name:
		return b.tableCall(&syntax.Call{Span: c.Span, Name: c}, env, r)
	}
	b.errorf(op.Pos(), CodeSyntax, "", "invoke needs a function")
	return b.broken()
}

// topHitters is a count (or sum) per value, the largest first.
func (b *binder) topHitters(r *relation, op *syntax.TopHitters, env *environment) *relation {
	row := &scope{env: env, rel: r}
	keys := &projection{}
	b.item(keys, op.Of, row, false, "")
	name := "approximate_count_" + keys.fields[0].Name
	agg := plan.Agg{Func: "count", Column: b.column(name, plan.Long)}
	if op.By != nil {
		e := b.scalar(op.By, row)
		name = "approximate_sum_" + b.impliedName(op.By, row)
		t := e.Type()
		if t == plan.Int || loose(t) {
			t = plan.Long
		}
		agg = plan.Agg{Func: "sum", Args: []plan.Expr{b.convert(e, t)}, Column: b.column(name, t)}
	}
	n := &plan.Aggregate{Input: r.node, Keys: keys.items, Aggs: []plan.Agg{agg}}
	s := &plan.Sort{Input: n, Keys: []plan.SortKey{{Expr: ref(agg.Column), Desc: true}}}
	return &relation{node: &plan.Limit{Input: s, N: b.rowCount(op.N, env)}, fields: append(keys.fields, field{Column: agg.Column}), serial: true}
}

// projectFields makes a node that shows exactly the fields of a relation, hidden ones included.
func projectFields(r *relation) plan.Node { return &plan.Project{Input: r.node, Items: pass(r)} }

func (b *binder) scanSteps(r *relation, op *syntax.Scan, env *environment) *relation {
	if !r.serial {
		if len(op.Order) == 0 {
			b.errorf(op.Pos(), CodeType, "put `sort by` before it", "scan needs rows in a defined order")
		}
	}
	if len(op.Order) > 0 {
		r = b.sort(r, op.Order, env)
	}
	params := &plan.ScanSteps{}
	for _, x := range op.By {
		params.By = append(params.By, b.scalar(x, &scope{env: env, rel: r}))
	}
	fields := append([]field(nil), r.fields...)
	for _, d := range op.Declare {
		t, _ := typeOf(d.Type)
		var def plan.Expr = null(t)
		if d.Default != nil {
			def = b.convert(b.scalar(d.Default, &scope{env: env}), t)
		}
		c := b.column(d.Name.Text, t)
		params.Declared = append(params.Declared, plan.Named{Column: c, Expr: def})
		fields = append(fields, field{Column: c})
	}
	// each step's state shows the columns of its last row and the declared variables
	records := map[string]*relation{}
	states := make([][]plan.Column, len(op.Steps))
	for i, s := range op.Steps {
		rec := &relation{}
		for _, f := range fields {
			c := b.column(f.Name, f.Type)
			states[i] = append(states[i], c)
			rec.fields = append(rec.fields, field{Column: c})
		}
		records[s.Name.Text] = rec
	}
	row := &relation{node: r.node, fields: fields, serial: true}
	for i, s := range op.Steps {
		sc := &scope{env: env, rel: row, named: records}
		st := plan.ScanStep{Name: s.Name.Text, Optional: s.Optional, Output: s.Output, State: states[i]}
		if st.Output == "" {
			st.Output = "all"
		}
		st.Cond = b.logical(s.Cond, sc)
		for _, x := range s.Set {
			n, ok := x.(*syntax.Named)
			if !ok || len(n.Names) != 1 {
				b.errorf(x.Pos(), CodeSyntax, "", "an assignment to a declared variable is expected")
				continue
			}
			found := false
			if f := row.find(n.Names[0].Text); f != nil {
				found = true
				st.Set = append(st.Set, plan.Named{Column: f.Column, Expr: b.convert(b.scalar(n.X, sc), f.Type)})
			}
			if !found {
				b.errorf(n.Names[0].Pos(), CodeName, "declare it: `scan declare (name:type) with …`", "`%s` is not declared", n.Names[0].Text)
			}
		}
		params.Steps = append(params.Steps, st)
	}
	out := append([]field(nil), fields...)
	if p := prop(op.Props, "with_match_id"); p != nil {
		c := b.column(b.propText(*p, env), plan.Long)
		params.MatchID = c.ID
		out = append(out, field{Column: c})
	}
	l := &plan.Local{Op: "scan", Inputs: []plan.Node{projectFields(r)}, Params: params}
	for _, f := range out {
		l.Cols = append(l.Cols, f.Column)
	}
	return &relation{node: l, fields: out, serial: true}
}

func (b *binder) reduce(r *relation, op *syntax.Reduce, env *environment) *relation {
	p := &plan.Reduce{By: b.asText(b.scalar(op.By, &scope{env: env, rel: r})), Threshold: 0.1, Characters: ""}
	for _, w := range op.With {
		v := b.propText(w, env)
		switch w.Name {
		case "threshold":
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || f < 0 || f > 1 {
				b.errorf(w.Pos(), CodeType, "", "the threshold is a number from 0 to 1")
			}
			p.Threshold = f
		case "characters":
			p.Characters = v
		default:
			b.errorf(w.Pos(), CodeName, "", "reduce has no option `%s`", w.Name)
		}
	}
	l := &plan.Local{
		Op: "reduce", Inputs: []plan.Node{projectFields(r)}, Params: p,
		Cols: []plan.Column{b.column("Pattern", plan.String), b.column("Count", plan.Long), b.column("Representative", plan.String)},
	}
	out := &relation{node: l}
	for _, c := range l.Cols {
		out.fields = append(out.fields, field{Column: c})
	}
	return out
}

// fork gives several results; the first is also what a following operator sees.
func (b *binder) fork(r *relation, op *syntax.Fork, env *environment) *relation {
	use := b.share("fork", r, true)
	var first *relation
	var results []Result
	for i, br := range op.Branches {
		sub, ok := br.X.(*syntax.Pipeline)
		if !ok {
			continue
		}
		out := b.visible(b.pipeline(sub, env, use()))
		if first == nil {
			first = out
		}
		name := "fork_" + itoa(i)
		if len(br.Names) > 0 {
			name = br.Names[0].Text
		} else if out.source != "" {
			name = out.source
		}
		results = append(results, Result{Name: name, Root: out.node, Columns: out.columns()})
	}
	if first == nil {
		return b.broken()
	}
	b.branches = append(b.branches, results...)
	return first
}

// facet counts the values of each column, one result for each.
func (b *binder) facet(r *relation, op *syntax.Facet, env *environment) *relation {
	use := b.share("facet", r, true)
	var first *relation
	add := func(name string, out *relation) {
		if first == nil {
			first = out
		}
		b.branches = append(b.branches, Result{Name: name, Root: out.node, Columns: out.columns()})
	}
	for _, x := range op.By {
		in := use()
		keys := &projection{}
		b.item(keys, x, &scope{env: env, rel: in}, false, "")
		c := b.column("count_"+keys.fields[0].Name, plan.Long)
		add(keys.fields[0].Name, &relation{node: &plan.Aggregate{Input: in.node, Keys: keys.items, Aggs: []plan.Agg{{Column: c, Func: "count"}}}, fields: append(keys.fields, field{Column: c})})
	}
	if op.With != nil {
		add("facet_with", b.visible(b.pipeline(op.With, env, use())))
	}
	return first
}
