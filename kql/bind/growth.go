package bind

import (
	"math/bits"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Texts and arrays that are put together from themselves double with every step: forty steps make a text of a terabyte out of one byte. Engines learn
// that when memory is gone, so such queries are refused before they run.
const (
	maxGrowth    = 1 << 16 // how often a stored value may occur in a computed one
	maxConstant  = 1 << 22 // bytes that constants may add up to; an engine holds thousands of rows at a time
	fewDoublings = 12      // calls that together enlarge a value by no more than 2^12 are not looked at
	repeating    = 10      // doublings of the longest repetition of a text
)

// grows says whether a function puts its arguments together.
func grows(name string) bool {
	switch name {
	case "strcat", "strcat_delim", "pack_array", "bag_pack", "array_concat", "bag_merge", "set_union", "strcat_array", "zip", "replace_string", "replace_regex", "replace_strings",
		"translate", "bag_set_key":
		return true
	}
	return false
}

// doublings bounds, in powers of two, by how much a call enlarges the largest of its arguments.
func doublings(name string, args []plan.Expr) int {
	switch {
	case name == "strrep" || name == "repeat":
		return repeating
	case !grows(name):
		return 0
	}
	n := bits.Len(uint(len(args)))
	for _, a := range args {
		if by := replacement(a); by > 0 && replaces(name) {
			n = max(n, bits.Len(uint(by)))
		}
	}
	return n
}

func replaces(name string) bool {
	switch name {
	case "replace_string", "replace_regex", "replace_strings", "translate", "strcat_delim", "strcat_array":
		return true
	}
	return false
}

// size bounds a value: how often a stored value occurs in it, and the bytes of constants beside.
type size struct{ stored, constant float64 }

func (s size) plus(t size) size { return size{s.stored + t.stored, s.constant + t.constant} }

func (s size) most(t size) size { return size{max(s.stored, t.stored), max(s.constant, t.constant)} }

func (s size) times(n float64) size { return size{s.stored * n, s.constant * n} }

// grower computes sizes of columns, inner plans first.
type grower struct {
	columns map[plan.ColumnID]size
	seen    map[any]bool
	known   map[plan.Expr]size // of calls, which lets may refer to many times
	largest size
}

// checkGrowth complains about values that may grow out of all proportion.
func (b *binder) checkGrowth(p *Program) {
	if b.doublings <= fewDoublings {
		return
	}
	g := &grower{columns: map[plan.ColumnID]size{}, seen: map[any]bool{}, known: map[plan.Expr]size{}}
	for _, r := range p.Results {
		g.node(r.Root)
	}
	if g.largest.stored > maxGrowth || g.largest.constant > maxConstant {
		b.errorf(syntax.Span{}, CodeLimit, "put values together fewer times", "a text or array that the query builds may be larger than any limit")
	}
}

func (g *grower) node(n plan.Node) {
	if n == nil || g.seen[n] {
		return
	}
	g.seen[n] = true
	for _, in := range plan.Inputs(n) {
		g.node(in)
	}
	set := func(items []plan.Named) {
		for _, it := range items {
			if it.Expr != nil {
				g.columns[it.Column.ID] = g.expr(it.Expr)
			}
		}
	}
	switch n := n.(type) {
	case *plan.Project:
		set(n.Items)
	case *plan.Join:
		set(n.Out)
	case *plan.Aggregate:
		set(n.Keys)
		for _, a := range n.Aggs {
			s := size{stored: 1}
			for _, x := range a.Args {
				s = s.most(g.expr(x))
			}
			g.columns[a.Column.ID] = s
		}
	case *plan.Shared:
		inner := n.Inner.Columns()
		for i, c := range n.Cols {
			if i < len(inner) {
				g.columns[c.ID] = g.column(inner[i].ID)
			}
		}
	case *plan.Union:
		for k, c := range n.Cols {
			var s size
			for i := range n.Inputs {
				s = s.most(g.expr(n.Map[i][k]))
			}
			g.columns[c.ID] = s
		}
	case *plan.Expand:
		for _, it := range n.Items {
			g.columns[it.Column.ID] = g.expr(it.Expr)
		}
	default:
		for _, e := range plan.Exprs(n) {
			g.expr(e)
		}
	}
}

func (g *grower) column(id plan.ColumnID) size {
	if s, ok := g.columns[id]; ok {
		return s
	}
	return size{stored: 1}
}

func (g *grower) expr(e plan.Expr) size {
	if s, ok := g.known[e]; ok {
		return s
	}
	s := g.value(e)
	g.largest = g.largest.most(s)
	switch e.(type) {
	case *plan.Call, *plan.Case:
		g.known[e] = s
	}
	return s
}

func (g *grower) value(e plan.Expr) size {
	switch x := e.(type) {
	case *plan.Const:
		if s, ok := x.Value.(string); ok {
			return size{constant: float64(len(s))}
		}
		return size{constant: 8}
	case *plan.ColRef:
		return g.column(x.ID)
	case *plan.Scalar:
		g.node(x.Input)
		if cols := x.Input.Columns(); len(cols) > 0 {
			return g.column(cols[0].ID)
		}
	case *plan.Case:
		var s size
		for _, t := range x.Thens {
			s = s.most(g.expr(t))
		}
		if x.Else != nil {
			s = s.most(g.expr(x.Else))
		}
		return s
	case *plan.Call:
		return g.call(x)
	}
	return size{stored: 1}
}

func (g *grower) call(x *plan.Call) size {
	args := make([]size, len(x.Args))
	var sum, most size
	for i, a := range x.Args {
		args[i] = g.expr(a)
		sum, most = sum.plus(args[i]), most.most(args[i])
	}
	if t := x.T; t != plan.String && t != plan.Dynamic && t != plan.Unknown {
		return size{stored: 1}
	}
	switch x.Func {
	case "replace_string", "replace_regex", "translate": // text, what, by what
		if len(args) == 3 {
			if by := x.Args[2]; replacement(by) >= 0 {
				return args[0].times(max(1, replacement(by)/max(1, replacement(x.Args[1]))))
			}
			return args[0].times(1 + args[2].stored + args[2].constant)
		}
	case "strrep", "repeat":
		if n := constant(at2(x.Args, 1)); n != nil {
			if k, ok := n.Value.(int64); ok && k > 1 && k <= maxGrowth {
				return args[0].times(float64(k))
			}
		}
		return most
	case "index", "substring", "trim", "trim_start", "trim_end", "extract", "array_slice":
		return most
	}
	if grows(x.Func) {
		return sum
	}
	return most
}

func at2(list []plan.Expr, i int) plan.Expr {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// replacement is the length of a constant text, -1 of anything else.
func replacement(e plan.Expr) float64 {
	if c := constant(e); c != nil {
		if s, ok := c.Value.(string); ok {
			return float64(len(s))
		}
	}
	return -1
}
