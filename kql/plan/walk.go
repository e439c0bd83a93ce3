package plan

// Inputs lists the relations that a node reads, the subplan of mv-apply and of partition included, those inside of expressions not.
func Inputs(n Node) []Node {
	switch n := n.(type) {
	case *Project:
		return []Node{n.Input}
	case *Filter:
		return []Node{n.Input}
	case *Aggregate:
		return []Node{n.Input}
	case *Sort:
		return []Node{n.Input}
	case *Limit:
		return []Node{n.Input}
	case *Sample:
		return []Node{n.Input}
	case *Serialize:
		return []Node{n.Input}
	case *Shared:
		return []Node{n.Inner}
	case *Join:
		return []Node{n.Left, n.Right}
	case *Union:
		return n.Inputs
	case *Expand:
		if n.Apply != nil {
			return []Node{n.Input, n.Apply}
		}
		return []Node{n.Input}
	case *Local:
		if p, ok := n.Params.(*Partition); ok {
			return append(append([]Node(nil), n.Inputs...), p.Sub)
		}
		return n.Inputs
	}
	return nil
}

// Exprs lists the expressions of a node itself.
func Exprs(n Node) []Expr {
	var out []Expr
	named := func(items []Named) {
		for _, it := range items {
			out = append(out, it.Expr)
		}
	}
	switch n := n.(type) {
	case *Values:
		for _, row := range n.Rows {
			out = append(out, row...)
		}
	case *Range:
		out = append(out, n.From, n.To, n.Step)
	case *Project:
		named(n.Items)
	case *Filter:
		out = append(out, n.Pred)
	case *Aggregate:
		named(n.Keys)
		for _, a := range n.Aggs {
			out = append(out, a.Args...)
		}
	case *Sort:
		for _, k := range n.Keys {
			out = append(out, k.Expr)
		}
	case *Limit:
		out = append(out, n.N)
	case *Sample:
		out = append(out, n.N)
	case *Join:
		out = append(append(out, n.LeftKeys...), n.RightKeys...)
		if n.On != nil {
			out = append(out, n.On)
		}
		named(n.Out)
	case *Union:
		for _, m := range n.Map {
			out = append(out, m...)
		}
	case *Expand:
		for _, it := range n.Items {
			out = append(out, it.Expr)
		}
		if n.Limit != nil {
			out = append(out, n.Limit)
		}
	case *Local:
		out = paramExprs(n.Params)
	}
	return out
}

func paramExprs(params any) []Expr {
	var out []Expr
	add := func(list ...Expr) {
		for _, e := range list {
			if e != nil {
				out = append(out, e)
			}
		}
	}
	named := func(items []Named) {
		for _, it := range items {
			add(it.Expr)
		}
	}
	switch p := params.(type) {
	case *MakeSeries:
		add(p.From, p.To, p.Step)
		for _, s := range p.Series {
			add(s.Default)
		}
	case *ScanSteps:
		add(p.By...)
		named(p.Declared)
		for _, s := range p.Steps {
			add(s.Cond)
			named(s.Set)
		}
	case *Reduce:
		add(p.By)
	case *Plugin:
		add(p.Args...)
	case *GraphMatch:
		add(p.Where)
		named(p.Project)
		for _, path := range p.Patterns {
			for _, e := range path {
				add(e.Min, e.Max)
			}
		}
	case *GraphWhere:
		add(p.Pred)
	}
	return out
}

// WalkExpr calls visit for an expression and all below it, not entering relations.
func WalkExpr(e Expr, visit func(Expr)) {
	if e == nil {
		return
	}
	visit(e)
	switch e := e.(type) {
	case *Call:
		for _, a := range e.Args {
			WalkExpr(a, visit)
		}
	case *Case:
		for _, a := range e.Whens {
			WalkExpr(a, visit)
		}
		for _, a := range e.Thens {
			WalkExpr(a, visit)
		}
		WalkExpr(e.Else, visit)
	case *InQuery:
		WalkExpr(e.X, visit)
	case *Window:
		for _, a := range e.Args {
			WalkExpr(a, visit)
		}
	}
}

// Walk calls visit for a node and all relations below it, those inside of expressions included. A subplan that several nodes share is visited once.
func Walk(n Node, visit func(Node)) {
	seen := map[any]bool{}
	var walk func(Node)
	walk = func(n Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		visit(n)
		for _, in := range Inputs(n) {
			walk(in)
		}
		for _, e := range Exprs(n) {
			WalkExpr(e, func(e Expr) {
				switch e := e.(type) {
				case *Scalar:
					walk(e.Input)
				case *InQuery:
					walk(e.Input)
				}
			})
		}
	}
	walk(n)
}
