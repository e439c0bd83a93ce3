package clickhouse

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// This file moves as much as can be said below what cannot, so that few rows and columns travel. Plans here are copies and may be changed.

// splitFilter puts the conditions that the server can say below those it cannot.
func (r *runner) splitFilter(x *plan.Filter) {
	if r.canSay(x) {
		return
	}
	var said, rest []plan.Expr
	for _, e := range conjuncts(x.Pred) {
		if !windowed(e) && r.sayExpr(x.Input, e) {
			said = append(said, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(said) == 0 || len(rest) == 0 {
		return
	}
	for _, e := range rest {
		if windowed(e) {
			return // the rows that windows look at must all be there
		}
	}
	x.Input = &plan.Filter{Input: x.Input, Pred: conjunction(said)}
	x.Pred = conjunction(rest)
	delete(r.said, x)
}

func conjuncts(e plan.Expr) []plan.Expr {
	if c, ok := e.(*plan.Call); ok && c.Func == "and" {
		var out []plan.Expr
		for _, a := range c.Args {
			out = append(out, conjuncts(a)...)
		}
		return out
	}
	return []plan.Expr{e}
}

func conjunction(list []plan.Expr) plan.Expr {
	if len(list) == 1 {
		return list[0]
	}
	return &plan.Call{Func: "and", Args: list, T: plan.Bool}
}

func windowed(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) {
		_, ok := e.(*plan.Window)
		found = found || ok
	})
	return found
}

// splitProject computes what the server can say, whole columns and parts of expressions, below what it cannot, and leaves out columns that nothing uses.
func (r *runner) splitProject(x *plan.Project) {
	if r.canSay(x) {
		return
	}
	for _, it := range x.Items {
		if windowed(it.Expr) {
			return
		}
	}
	s := r.newBelow(x.Input)
	items := make([]plan.Named, len(x.Items))
	for i, it := range x.Items {
		items[i] = plan.Named{Column: it.Column, Expr: s.lower(it.Expr)}
	}
	x.Items = items
	x.Input = s.project()
	delete(r.said, x)
}

// splitAggregate computes the arguments below where the aggregate itself cannot be said.
func (r *runner) splitAggregate(x *plan.Aggregate) {
	if r.canSay(x) {
		return
	}
	for _, e := range plan.Exprs(x) {
		if windowed(e) {
			return
		}
	}
	s := r.newBelow(x.Input)
	for i := range x.Keys {
		x.Keys[i].Expr = s.lower(x.Keys[i].Expr)
	}
	for i := range x.Aggs {
		for k, e := range x.Aggs[i].Args {
			if _, constant := e.(*plan.Const); !constant {
				x.Aggs[i].Args[k] = s.lower(e)
			}
		}
	}
	x.Input = s.project()
	delete(r.said, x)
}

// below gathers the columns of a projection that the server computes.
type below struct {
	r     *runner
	input plan.Node
	items []plan.Named
	have  map[plan.ColumnID]bool
}

func (r *runner) newBelow(input plan.Node) *below {
	return &below{r: r, input: input, have: map[plan.ColumnID]bool{}}
}

func (s *below) column(ref *plan.ColRef) plan.Expr {
	if !s.have[ref.ID] {
		s.have[ref.ID] = true
		s.items = append(s.items, plan.Named{Column: plan.Column{ID: ref.ID, Type: ref.T}, Expr: ref})
	}
	return ref
}

// lower replaces the largest parts of an expression that can be said by columns of the projection.
func (s *below) lower(e plan.Expr) plan.Expr {
	switch x := e.(type) {
	case nil:
		return nil
	case *plan.Const:
		return x
	case *plan.ColRef:
		return s.column(x)
	}
	if e.Type() != plan.Unknown && usesColumns(e) && !volatile(e) && s.r.sayExpr(s.input, e) {
		s.r.lastID++
		id := s.r.lastID
		s.items = append(s.items, plan.Named{Column: plan.Column{ID: id, Type: e.Type()}, Expr: e})
		return &plan.ColRef{ID: id, T: e.Type()}
	}
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = s.lower(a)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.Call:
		return &plan.Call{Func: x.Func, Args: list(x.Args), T: x.T}
	case *plan.Case:
		y := &plan.Case{Whens: list(x.Whens), Thens: list(x.Thens), T: x.T}
		if x.Else != nil {
			y.Else = s.lower(x.Else)
		}
		return y
	case *plan.InQuery:
		return &plan.InQuery{Func: x.Func, X: s.lower(x.X), Input: x.Input}
	}
	return e
}

// project is the projection, or the input where it would be empty.
func (s *below) project() plan.Node {
	if len(s.items) == 0 {
		return s.input
	}
	return &plan.Project{Input: s.input, Items: s.items}
}

func usesColumns(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) {
		_, ok := e.(*plan.ColRef)
		found = found || ok
	})
	return found
}

func volatile(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) {
		c, ok := e.(*plan.Call)
		found = found || ok && (c.Func == "rand" || c.Func == "new_guid")
	})
	return found
}

// sinkLimit puts a limit below projections, so that no more rows travel than the query shows: take of a projection is a projection of take, and a sort by
// columns that a projection only passes on may come before it.
func (r *runner) sinkLimit(x *plan.Limit) {
	// limit(project(y)) becomes limit(project(limit(y))); the outer one stays, it does no harm.
	switch in := x.Input.(type) {
	case *plan.Project:
		if r.canSay(in) || anyWindow(in) {
			return
		}
		in.Input = &plan.Limit{Input: in.Input, N: x.N}
	case *plan.Sort:
		p, ok := in.Input.(*plan.Project)
		if !ok || r.canSay(p) || anyWindow(p) {
			return
		}
		passed := map[plan.ColumnID]plan.Expr{}
		for _, it := range p.Items {
			if ref, ok := it.Expr.(*plan.ColRef); ok {
				passed[it.Column.ID] = ref
			}
		}
		keys := make([]plan.SortKey, len(in.Keys))
		for i, k := range in.Keys {
			ref, ok := k.Expr.(*plan.ColRef)
			if !ok || passed[ref.ID] == nil {
				return
			}
			k.Expr = passed[ref.ID]
			keys[i] = k
		}
		p.Input = &plan.Limit{Input: &plan.Sort{Input: p.Input, Keys: keys}, N: x.N}
	}
}

func anyWindow(p *plan.Project) bool {
	for _, it := range p.Items {
		if windowed(it.Expr) || volatile(it.Expr) {
			return true
		}
	}
	return false
}

// maxTerms bounds the values of a subquery that are written into the statement.
const maxTerms = 10_000

// resolve computes the subqueries of a node whose values the server must be told as constants, and single values that it cannot compute.
func (r *runner) resolve(ctx context.Context, n plan.Node) error {
	if r.explain != nil {
		return nil
	}
	var err error
	swap := func(e plan.Expr) plan.Expr {
		return mapExpr(e, func(e plan.Expr) plan.Expr {
			if err != nil {
				return e
			}
			var out plan.Expr
			switch x := e.(type) {
			case *plan.Call:
				out, err = r.list(ctx, x)
			case *plan.InQuery:
				out, err = r.terms(ctx, x)
			case *plan.Scalar:
				out, err = r.scalar(ctx, x)
			}
			if out == nil || err != nil {
				return e
			}
			return out
		})
	}
	switch x := n.(type) {
	case *plan.Filter:
		x.Pred = swap(x.Pred)
	case *plan.Project:
		for i := range x.Items {
			x.Items[i].Expr = swap(x.Items[i].Expr)
		}
	}
	delete(r.said, n)
	return err
}

// list writes out the arrays that a membership test gets from toscalar().
func (r *runner) list(ctx context.Context, x *plan.Call) (plan.Expr, error) {
	switch x.Func {
	case "in", "!in", "in~", "!in~", "has_any", "!has_any", "has_all":
	default:
		return nil, nil
	}
	t := x.Args[0].Type()
	if t == plan.Dynamic || t == plan.Decimal {
		return nil, nil
	}
	out, changed := &plan.Call{Func: x.Func, Args: x.Args[:1:1], T: x.T}, false
	for _, a := range x.Args[1:] {
		items, err := r.items(ctx, a, t)
		if err != nil {
			return nil, err
		}
		if items == nil {
			out.Args = append(out.Args, a)
			continue
		}
		changed = true
		out.Args = append(out.Args, items...)
	}
	if !changed || len(out.Args) > maxTerms {
		return nil, nil
	}
	return out, nil
}

// items are the elements of an array that depends on no row, as constants of type t; nil where it is something else.
func (r *runner) items(ctx context.Context, e plan.Expr, t plan.Type) ([]plan.Expr, error) {
	if e.Type() != plan.Dynamic || usesColumns(e) || windowed(e) {
		return nil, nil
	}
	var err error
	e = mapExpr(e, func(e plan.Expr) plan.Expr {
		x, ok := e.(*plan.Scalar)
		if !ok || err != nil {
			return e
		}
		var value plan.Expr
		if value, err = r.value(ctx, x); err == nil {
			return value
		}
		return e
	})
	if err != nil || !fn.Constant(e) {
		return nil, err
	}
	v, err := fn.New(fn.Options{Now: r.opt.Now}).Eval(e, nil)
	if err != nil {
		return nil, err
	}
	text, _ := v.V.(string)
	var elements []json.RawMessage
	if text != "" && json.Unmarshal([]byte(text), &elements) != nil {
		elements = []json.RawMessage{json.RawMessage(text)}
	}
	out := []plan.Expr{}
	for _, el := range elements {
		if c := fn.Convert(fn.Value{T: plan.Dynamic, V: string(el)}, t); c.V != nil && string(el) != "null" {
			out = append(out, &plan.Const{T: t, Value: c.V})
		}
	}
	return out, nil
}

// terms are the values of the subquery of has_any or has_all as constants.
func (r *runner) terms(ctx context.Context, x *plan.InQuery) (plan.Expr, error) {
	if x.Func != "has_any" && x.Func != "has_all" && x.Func != "!has_any" {
		return nil, nil
	}
	cols := x.Input.Columns()
	if len(cols) == 0 || cols[0].Type == plan.Dynamic {
		return nil, nil
	}
	c := cols[0]
	values := &plan.Limit{
		Input: &plan.Aggregate{Input: x.Input, Keys: []plan.Named{{Column: c, Expr: &plan.ColRef{ID: c.ID, T: c.Type}}}}, N: &plan.Const{T: plan.Long, Value: int64(maxTerms + 1)},
	}
	if err := r.hold(ctx, values); err != nil {
		return nil, err
	}
	args := []plan.Expr{x.X}
	err := r.compute(ctx, values, 0, func(row []any) error {
		args = append(args, &plan.Const{T: c.Type, Value: row[0]})
		return nil
	})
	if err != nil || len(args) > maxTerms {
		return nil, err
	}
	return &plan.Call{Func: x.Func, Args: args, T: plan.Bool}, nil
}

// scalar is the value of toscalar() where the server cannot compute it.
func (r *runner) scalar(ctx context.Context, x *plan.Scalar) (plan.Expr, error) {
	w, err := r.place(ctx, x.Input)
	if err != nil || w.server {
		return nil, err
	}
	return r.value(ctx, x)
}

// value is the value of toscalar().
func (r *runner) value(ctx context.Context, x *plan.Scalar) (plan.Expr, error) {
	cols := x.Input.Columns()
	if len(cols) == 0 {
		return x, nil
	}
	w, err := r.place(ctx, x.Input)
	if err != nil {
		return nil, err
	}
	out := &plan.Const{T: x.T}
	if x.T == plan.String {
		out.Value = ""
	}
	first := &plan.Project{Input: x.Input, Items: []plan.Named{{Column: plan.Column{ID: r.nextID(), Type: x.T}, Expr: &plan.ColRef{ID: cols[0].ID, T: cols[0].Type}}}}
	take := func(row []any) error {
		out.Value = row[0]
		return errStop
	}
	if w.server {
		var q sqlgen.Query
		if q, err = r.generate(first, 1); err == nil {
			err = r.serve(ctx, first, q, take)
		}
	} else {
		err = r.compute(ctx, first, 1, take)
	}
	if errors.Is(err, errStop) {
		err = nil
	}
	return out, err
}

func (r *runner) nextID() plan.ColumnID {
	r.lastID++
	return r.lastID
}
