package kql_test

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// verify checks that a plan is well formed: every reference is to a column that the node's inputs show, and lists that belong together have one length.
func verify(n plan.Node) error {
	v := &verifier{seen: map[any]bool{}}
	v.node(n, nil)
	return v.err
}

type verifier struct {
	seen map[any]bool
	err  error
}

func (v *verifier) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf(format, args...)
	}
}

type ids map[plan.ColumnID]plan.Type

func shown(nodes ...plan.Node) ids {
	out := ids{}
	for _, n := range nodes {
		for _, c := range n.Columns() {
			out[c.ID] = c.Type
		}
	}
	return out
}

// exprs checks expressions over the columns in sight.
func (v *verifier) exprs(at string, sight ids, list ...plan.Expr) {
	for _, e := range list {
		if e == nil {
			continue
		}
		plan.WalkExpr(e, func(e plan.Expr) {
			switch e := e.(type) {
			case nil:
				v.fail("%s: nil expression", at)
			case *plan.ColRef:
				if t, ok := sight[e.ID]; !ok {
					v.fail("%s: column %d is not in sight", at, e.ID)
				} else if t != e.T {
					v.fail("%s: column %d is a %s, referred to as a %s", at, e.ID, t, e.T)
				}
			case *plan.Scalar:
				v.node(e.Input, nil)
				if len(e.Input.Columns()) == 0 {
					v.fail("%s: scalar subquery without a column", at)
				}
			case *plan.InQuery:
				v.node(e.Input, nil)
				if len(e.Input.Columns()) != 1 {
					v.fail("%s: in-subquery with %d columns", at, len(e.Input.Columns()))
				}
			}
		})
	}
}

func (v *verifier) outputs(at string, sight ids, cols []plan.Column) {
	for _, c := range cols {
		if t, ok := sight[c.ID]; !ok || t != c.Type {
			v.fail("%s: output %s (%d) is not in sight", at, c.Name, c.ID)
		}
	}
}

func (v *verifier) node(n plan.Node, outer *plan.Outer) {
	if n == nil {
		v.fail("nil node")
		return
	}
	if v.seen[n] {
		return
	}
	v.seen[n] = true
	at := fmt.Sprintf("%T", n)
	for _, in := range plan.Inputs(n) {
		if in == nil {
			v.fail("%s: nil input", at)
			return
		}
	}
	distinct := map[plan.ColumnID]bool{}
	for _, c := range n.Columns() {
		if c.ID == 0 || distinct[c.ID] {
			v.fail("%s: column %s has id %d, which is not its own", at, c.Name, c.ID)
		}
		distinct[c.ID] = true
	}
	switch n := n.(type) {
	case *plan.Scan:
		if len(n.Cols) != len(n.Physical) || len(n.Cols) == 0 {
			v.fail("%s: %d columns, %d physical", at, len(n.Cols), len(n.Physical))
		}
	case *plan.Values:
		for _, row := range n.Rows {
			if len(row) != len(n.Cols) {
				v.fail("%s: row of %d cells for %d columns", at, len(row), len(n.Cols))
			}
			v.exprs(at, ids{}, row...)
		}
	case *plan.Join:
		sight := shown(n.Left, n.Right)
		v.node(n.Left, outer)
		v.node(n.Right, outer)
		v.exprs(at+" left key", shown(n.Left), n.LeftKeys...)
		v.exprs(at+" right key", shown(n.Right), n.RightKeys...)
		if len(n.LeftKeys) != len(n.RightKeys) {
			v.fail("%s: %d and %d keys", at, len(n.LeftKeys), len(n.RightKeys))
		}
		v.exprs(at, sight, n.On)
		for _, it := range n.Out {
			v.exprs(at, sight, it.Expr)
		}
	case *plan.Union:
		if len(n.Map) != len(n.Inputs) {
			v.fail("%s: %d maps for %d inputs", at, len(n.Map), len(n.Inputs))
			return
		}
		for i, in := range n.Inputs {
			v.node(in, outer)
			if len(n.Map[i]) != len(n.Cols) {
				v.fail("%s: %d cells for %d columns", at, len(n.Map[i]), len(n.Cols))
				return
			}
			v.exprs(at, shown(in), n.Map[i]...)
			for k, e := range n.Map[i] {
				if e.Type() != n.Cols[k].Type {
					v.fail("%s: column %s is a %s, input %d gives a %s", at, n.Cols[k].Name, n.Cols[k].Type, i, e.Type())
				}
			}
		}
	case *plan.Expand:
		v.node(n.Input, outer)
		sight := shown(n.Input)
		v.outputs(at+" keep", sight, n.Keep)
		inner := ids{}
		for _, c := range n.Keep {
			inner[c.ID] = c.Type
		}
		for _, it := range n.Items {
			v.exprs(at, sight, it.Expr)
			inner[it.Column.ID] = it.Column.Type
		}
		if n.Index.ID != 0 {
			inner[n.Index.ID] = n.Index.Type
		}
		if n.Apply != nil {
			v.outputs(at+" outer", inner, n.Outer.Cols)
			v.node(n.Apply, n.Outer)
			for id, t := range shown(n.Apply) {
				inner[id] = t
			}
		}
		v.outputs(at, inner, n.Out)
	case *plan.Outer:
		if n != outer {
			v.fail("%s: a leaf of another subplan", at)
		}
	case *plan.Shared:
		v.node(n.Inner, outer)
		if in := n.Inner.Columns(); len(in) != len(n.Cols) {
			v.fail("%s %s: %d columns over %d", at, n.Name, len(n.Cols), len(in))
		} else {
			for i := range in {
				if in[i].Type != n.Cols[i].Type {
					v.fail("%s %s: column %s is a %s over a %s", at, n.Name, n.Cols[i].Name, n.Cols[i].Type, in[i].Type)
				}
			}
		}
	case *plan.Local:
		for _, in := range n.Inputs {
			v.node(in, outer)
		}
		if p, ok := n.Params.(*plan.Partition); ok {
			v.node(p.Sub, p.Outer)
			if len(p.Outer.Cols) != len(n.Inputs[0].Columns()) {
				v.fail("%s: partition shows %d of %d columns", at, len(p.Outer.Cols), len(n.Inputs[0].Columns()))
			}
			if _, ok := shown(n.Inputs[0])[p.Key]; !ok {
				v.fail("%s: the key is not in sight", at)
			}
			if len(p.Sub.Columns()) != len(n.Cols) {
				v.fail("%s: %d columns of a subplan with %d", at, len(n.Cols), len(p.Sub.Columns()))
			}
		}
	default:
		sight := ids{}
		for _, in := range plan.Inputs(n) {
			v.node(in, outer)
			for id, t := range shown(in) {
				sight[id] = t
			}
		}
		v.exprs(at, sight, plan.Exprs(n)...)
		if f, ok := n.(*plan.Filter); ok && f.Pred.Type() != plan.Bool {
			v.fail("%s: the condition is a %s", at, f.Pred.Type())
		}
		if p, ok := n.(*plan.Project); ok {
			for _, it := range p.Items {
				if it.Expr.Type() != it.Column.Type {
					v.fail("%s: column %s is a %s, its expression a %s", at, it.Column.Name, it.Column.Type, it.Expr.Type())
				}
			}
		}
	}
}
