package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// maxDepth is how many operators may stand on top of each other, and how many calls inside of each other, once everything is inlined.
const maxDepth = 1500

// fewShared tables cannot refer to each other so often that a query becomes too large.
const fewShared = 8

// checkDepth complains about plans that are too deep to be turned into a statement.
func (b *binder) checkDepth(p *Program) {
	if b.nodes+b.exprs < maxDepth && len(b.shared) < fewShared { // there are not even so many
		return
	}
	d := &depths{nodes: map[plan.Node]int{}, exprs: map[plan.Expr]int{}, sizes: map[plan.Node]int{}, shared: map[string]int{}}
	for _, r := range p.Results {
		if d.expanded(r.Root) > maxNodes {
			b.within(syntax.Span{}, maxNodes+1, maxNodes)
			return
		}
		if d.node(r.Root, 0) > maxDepth {
			b.errorf(syntax.Span{}, CodeLimit, "use fewer operators in a row, or fewer functions inside of each other", "the query is too deep once its functions and tables are expanded")
			return
		}
	}
}

// expanded counts the operators of a plan with those of its tables wherever these are referred to: engines inline what is not materialized.
func (d *depths) expanded(n plan.Node) int {
	if n == nil {
		return 0
	}
	if k, ok := d.sizes[n]; ok {
		return k
	}
	d.sizes[n] = 1
	total := 1
	if s, ok := n.(*plan.Shared); ok {
		inner, known := d.shared[s.Name]
		if !known {
			inner = d.expanded(s.Inner)
			d.shared[s.Name] = inner
		}
		if !s.Materialize {
			total += inner
		}
	} else {
		for _, in := range plan.Inputs(n) {
			total += d.expanded(in)
		}
	}
	for _, e := range plan.Exprs(n) {
		plan.WalkExpr(e, func(e plan.Expr) {
			switch x := e.(type) {
			case *plan.Scalar:
				total += d.expanded(x.Input)
			case *plan.InQuery:
				total += d.expanded(x.Input)
			}
		})
	}
	total = min(total, maxNodes+1)
	d.sizes[n] = total
	return total
}

// depths measures how deep plans and expressions are. at is the depth around, so that the walk itself stays bounded.
type depths struct {
	nodes  map[plan.Node]int
	exprs  map[plan.Expr]int
	sizes  map[plan.Node]int
	shared map[string]int
}

func (d *depths) node(n plan.Node, at int) int {
	if n == nil || at > maxDepth {
		return at
	}
	if k, ok := d.nodes[n]; ok {
		return k
	}
	most := 0
	for _, in := range plan.Inputs(n) {
		most = max(most, d.node(in, at+1))
	}
	for _, e := range plan.Exprs(n) {
		most = max(most, d.expr(e, at))
	}
	d.nodes[n] = most + 1
	if at+1 > maxDepth {
		return at + 1
	}
	return most + 1
}

func (d *depths) expr(e plan.Expr, at int) int {
	if at > maxDepth {
		return at
	}
	var below []plan.Expr
	most := 0
	switch x := e.(type) {
	case *plan.Call:
		below = x.Args
	case *plan.Window:
		below = x.Args
	case *plan.Case:
		below = append(append(append([]plan.Expr(nil), x.Whens...), x.Thens...), x.Else)
	case *plan.Scalar:
		return d.node(x.Input, at+1) + 1
	case *plan.InQuery:
		below = []plan.Expr{x.X}
		most = d.node(x.Input, at+1)
	default:
		return 0
	}
	if k, ok := d.exprs[e]; ok {
		return k
	}
	for _, a := range below {
		most = max(most, d.expr(a, at+1))
	}
	d.exprs[e] = most + 1
	return most + 1
}
