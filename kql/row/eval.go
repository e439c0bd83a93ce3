package row

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// frame is one run.
type frame struct {
	cells []any
	lib   *fn.Library
	left  int // bytes that values may still add up to
}

// spend counts a value that was made.
func (f *frame) spend(v any) error {
	if s, ok := v.(string); ok {
		f.left -= len(s)
	}
	f.left -= 16
	if f.left < 0 {
		return &fn.LimitError{What: "work for one row"}
	}
	return nil
}

type expr interface {
	eval(f *frame) (fn.Value, error)
}

type (
	constExpr struct{ v fn.Value }
	slotExpr  struct {
		slot int
		t    plan.Type
	}
	callExpr struct {
		name string
		t    plan.Type
		args []expr
	}
	caseExpr struct {
		whens, thens []expr
		other        expr // nil: null
		t            plan.Type
	}
)

func (e constExpr) eval(*frame) (fn.Value, error) { return e.v, nil }

func (e slotExpr) eval(f *frame) (fn.Value, error) {
	v := f.cells[e.slot]
	if v == nil && e.t == plan.String {
		v = ""
	}
	return fn.Value{T: e.t, V: v}, nil
}

func (e *callExpr) eval(f *frame) (fn.Value, error) {
	args := make([]fn.Value, len(e.args))
	for i, a := range e.args {
		v, err := a.eval(f)
		if err != nil {
			return v, err
		}
		// What decides an `and` or an `or` spares the rest.
		if b, ok := v.V.(bool); ok && (e.name == "and" && !b || e.name == "or" && b) {
			return fn.Value{T: plan.Bool, V: b}, nil
		}
		args[i] = v
	}
	v, err := f.lib.Call(e.name, e.t, args)
	if err != nil {
		return v, err
	}
	return v, f.spend(v.V)
}

func (e *caseExpr) eval(f *frame) (fn.Value, error) {
	for i, w := range e.whens {
		v, err := w.eval(f)
		if err != nil {
			return v, err
		}
		if b, _ := v.V.(bool); b {
			return e.as(e.thens[i], f)
		}
	}
	if e.other == nil {
		return fn.Convert(fn.Value{T: e.t}, e.t), nil
	}
	return e.as(e.other, f)
}

func (e *caseExpr) as(x expr, f *frame) (fn.Value, error) {
	v, err := x.eval(f)
	if err != nil {
		return v, err
	}
	return fn.Convert(v, e.t), nil
}

// compiler turns a plan into steps.
type compiler struct {
	p     *Program
	at    map[plan.ColumnID]int // slots
	field map[string]int
}

func (c *compiler) node(n plan.Node) error {
	switch n := n.(type) {
	case *plan.Scan:
		for i, col := range n.Cols {
			field, ok := c.field[n.Physical[i]]
			if !ok {
				return fmt.Errorf("there is no column %s", n.Physical[i])
			}
			c.at[col.ID] = c.slot()
			c.p.take = append(c.p.take, field)
			c.p.used[n.Physical[i]] = true
		}
		return nil
	case *plan.Filter:
		if err := c.node(n.Input); err != nil {
			return err
		}
		pred, err := c.expr(n.Pred)
		if err != nil {
			return err
		}
		c.p.steps = append(c.p.steps, step{pred: pred})
		return nil
	case *plan.Project:
		if err := c.node(n.Input); err != nil {
			return err
		}
		var s step
		at := make(map[plan.ColumnID]int, len(n.Items))
		for _, it := range n.Items {
			if r, ok := it.Expr.(*plan.ColRef); ok {
				slot, known := c.at[r.ID]
				if !known {
					return fmt.Errorf("the column %s cannot be computed from one row", it.Column.Name)
				}
				at[it.Column.ID] = slot
				continue
			}
			e, err := c.expr(it.Expr)
			if err != nil {
				return err
			}
			at[it.Column.ID] = c.slot()
			s.exprs, s.target = append(s.exprs, e), append(s.target, at[it.Column.ID])
		}
		c.at = at
		if s.exprs != nil {
			c.p.steps = append(c.p.steps, s)
		}
		return nil
	}
	return fmt.Errorf("the query looks at more than one row")
}

func (c *compiler) slot() int {
	c.p.slots++
	return c.p.slots - 1
}

func (c *compiler) list(in []plan.Expr) ([]expr, error) {
	out := make([]expr, len(in))
	for i, x := range in {
		var err error
		if out[i], err = c.expr(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *compiler) expr(e plan.Expr) (expr, error) {
	if fn.Constant(e) {
		v, err := c.p.lib.Eval(e, nil)
		if err != nil {
			return nil, err
		}
		return constExpr{fn.Value{T: e.Type(), V: v.V}}, nil
	}
	switch x := e.(type) {
	case *plan.ColRef:
		slot, ok := c.at[x.ID]
		if !ok {
			return nil, fmt.Errorf("a column of another row is used")
		}
		return slotExpr{slot, x.T}, nil
	case *plan.Call:
		if !fn.Has(x.Func) {
			return nil, fmt.Errorf("the function %s cannot be computed for one row", x.Func)
		}
		args, err := c.list(x.Args)
		if err != nil {
			return nil, err
		}
		return &callExpr{x.Func, x.T, args}, nil
	case *plan.Case:
		whens, err := c.list(x.Whens)
		if err != nil {
			return nil, err
		}
		thens, err := c.list(x.Thens)
		if err != nil {
			return nil, err
		}
		out := &caseExpr{whens: whens, thens: thens, t: x.T}
		if x.Else != nil {
			if out.other, err = c.expr(x.Else); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("a subquery or a function of several rows cannot be computed for one row")
}
