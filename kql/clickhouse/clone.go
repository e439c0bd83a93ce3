package clickhouse

import "github.com/bartizan-sec/bartizan/kql/plan"

// cloner copies a plan, so that it may be changed. What several places share stays shared.
type cloner struct {
	nodes map[plan.Node]plan.Node
	last  plan.ColumnID // the greatest column id
}

func clone(n plan.Node) (plan.Node, plan.ColumnID) {
	c := &cloner{nodes: map[plan.Node]plan.Node{}}
	out := c.node(n)
	return out, c.last
}

func (c *cloner) columns(cols []plan.Column) {
	for _, col := range cols {
		c.last = max(c.last, col.ID)
	}
}

func (c *cloner) node(n plan.Node) plan.Node {
	if n == nil {
		return nil
	}
	if out, ok := c.nodes[n]; ok {
		return out
	}
	out := c.copy(n)
	c.nodes[n] = out
	c.columns(out.Columns())
	return out
}

func (c *cloner) copy(n plan.Node) plan.Node {
	switch x := n.(type) {
	case *plan.Scan:
		y := *x
		return &y
	case *plan.Values:
		y := *x
		return &y
	case *plan.Range:
		y := *x
		y.From, y.To, y.Step = c.expr(x.From), c.expr(x.To), c.expr(x.Step)
		return &y
	case *plan.External:
		y := *x
		return &y
	case *plan.Project:
		return &plan.Project{Input: c.node(x.Input), Items: c.named(x.Items)}
	case *plan.Filter:
		return &plan.Filter{Input: c.node(x.Input), Pred: c.expr(x.Pred)}
	case *plan.Aggregate:
		y := *x
		y.Input, y.Keys = c.node(x.Input), c.named(x.Keys)
		y.Aggs = append([]plan.Agg(nil), x.Aggs...)
		for i := range y.Aggs {
			y.Aggs[i].Args = c.exprs(y.Aggs[i].Args)
		}
		return &y
	case *plan.Sort:
		y := &plan.Sort{Input: c.node(x.Input), Keys: append([]plan.SortKey(nil), x.Keys...)}
		for i := range y.Keys {
			y.Keys[i].Expr = c.expr(y.Keys[i].Expr)
		}
		return y
	case *plan.Limit:
		return &plan.Limit{Input: c.node(x.Input), N: c.expr(x.N)}
	case *plan.Sample:
		return &plan.Sample{Input: c.node(x.Input), N: c.expr(x.N)}
	case *plan.Serialize:
		return &plan.Serialize{Input: c.node(x.Input)}
	case *plan.Join:
		y := *x
		y.Left, y.Right = c.node(x.Left), c.node(x.Right)
		y.LeftKeys, y.RightKeys, y.Out = c.exprs(x.LeftKeys), c.exprs(x.RightKeys), c.named(x.Out)
		if x.On != nil {
			y.On = c.expr(x.On)
		}
		return &y
	case *plan.Union:
		y := *x
		y.Inputs = make([]plan.Node, len(x.Inputs))
		y.Map = make([][]plan.Expr, len(x.Map))
		for i := range x.Inputs {
			y.Inputs[i] = c.node(x.Inputs[i])
			y.Map[i] = c.exprs(x.Map[i])
		}
		return &y
	case *plan.Expand:
		y := *x
		y.Input = c.node(x.Input)
		y.Items = append([]plan.ExpandItem(nil), x.Items...)
		for i := range y.Items {
			y.Items[i].Expr = c.expr(y.Items[i].Expr)
		}
		if x.Limit != nil {
			y.Limit = c.expr(x.Limit)
		}
		if x.Apply != nil {
			y.Apply = c.node(x.Apply)
		}
		if x.Outer != nil {
			c.columns(x.Outer.Cols)
		}
		return &y
	case *plan.Shared:
		y := *x
		y.Inner = c.node(x.Inner)
		return &y
	case *plan.Local:
		y := *x
		y.Inputs = make([]plan.Node, len(x.Inputs))
		for i := range x.Inputs {
			y.Inputs[i] = c.node(x.Inputs[i])
		}
		if p, ok := x.Params.(*plan.Partition); ok {
			q := *p
			q.Sub = c.node(p.Sub)
			if p.Outer != nil {
				c.columns(p.Outer.Cols)
			}
			y.Params = &q
		}
		return &y
	}
	return n // plan.Outer: what refers to it knows it by its address
}

func (c *cloner) named(items []plan.Named) []plan.Named {
	out := append([]plan.Named(nil), items...)
	for i := range out {
		out[i].Expr = c.expr(out[i].Expr)
	}
	return out
}

func (c *cloner) exprs(list []plan.Expr) []plan.Expr {
	if list == nil {
		return nil
	}
	out := make([]plan.Expr, len(list))
	for i, e := range list {
		out[i] = c.expr(e)
	}
	return out
}

func (c *cloner) expr(e plan.Expr) plan.Expr {
	return mapExpr(e, func(e plan.Expr) plan.Expr {
		switch x := e.(type) {
		case *plan.Scalar:
			return &plan.Scalar{Input: c.node(x.Input), T: x.T}
		case *plan.InQuery:
			return &plan.InQuery{Func: x.Func, X: x.X, Input: c.node(x.Input)}
		}
		return e
	})
}

// mapExpr rebuilds an expression from the inside out.
func mapExpr(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = mapExpr(a, f)
		}
		return out
	}
	switch x := e.(type) {
	case nil:
		return nil
	case *plan.Call:
		return f(&plan.Call{Func: x.Func, Args: list(x.Args), T: x.T})
	case *plan.Window:
		return f(&plan.Window{Func: x.Func, Args: list(x.Args), T: x.T})
	case *plan.Case:
		y := &plan.Case{Whens: list(x.Whens), Thens: list(x.Thens), T: x.T}
		if x.Else != nil {
			y.Else = mapExpr(x.Else, f)
		}
		return f(y)
	case *plan.InQuery:
		return f(&plan.InQuery{Func: x.Func, X: mapExpr(x.X, f), Input: x.Input})
	}
	return f(e)
}
