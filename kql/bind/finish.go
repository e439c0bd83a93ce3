package bind

import (
	"maps"
	"slices"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// finish applies the default time range, inlines tables that are used once, and leaves out columns that nothing needs.
func (b *binder) finish(p *Program) {
	roots := make([]plan.Node, len(p.Results))
	for i, r := range p.Results {
		roots[i] = r.Root
	}
	bounded := b.unbounded(roots)
	for i, root := range b.prune(roots, bounded) {
		p.Results[i].Root = ordered(root, p.Results[i].Columns)
	}
}

// standalone prunes a plan that is to run on its own; the query it comes from stays as it is.
func (b *binder) standalone(n plan.Node) plan.Node {
	roots := []plan.Node{n}
	return ordered(b.prune(roots, b.unbounded(roots))[0], n.Columns())
}

// prune rebuilds plans so that they carry only the columns that they need. The given plans are not changed.
func (b *binder) prune(roots []plan.Node, bounded map[*plan.Scan]bool) []plan.Node {
	pr := &pruner{
		b: b, uses: map[string]int{}, defs: map[string]*definition{}, seen: map[any]bool{}, bounded: bounded,
		outer: map[*plan.Outer]*outerUse{}, scalars: map[*plan.Scalar]*plan.Scalar{}, queries: map[*plan.InQuery]*plan.InQuery{},
	}
	for _, r := range roots {
		pr.count(r, false)
	}
	out := make([]plan.Node, len(roots))
	for i, r := range roots {
		out[i] = pr.all(r)
	}
	// Inner plans come after all their uses: registration is in the order of completion, and a plan uses only those completed before it.
	pruned := map[string]plan.Node{}
	for i := len(b.shared) - 1; i >= 0; i-- {
		name := b.shared[i].Name
		if d := pr.defs[name]; d != nil {
			pruned[name] = pr.node(d.inner, d.need)
		}
	}
	// A shared plan may itself show another one, whose columns are known only now: innermost first.
	for _, s := range b.shared {
		d, inner := pr.defs[s.Name], pruned[s.Name]
		if d == nil {
			continue
		}
		at := map[plan.ColumnID]int{}
		for k, c := range d.inner.Columns() {
			at[c.ID] = k
		}
		for _, u := range d.uses {
			u.node.Inner = inner
			u.node.Cols = nil
			for _, c := range inner.Columns() {
				u.node.Cols = append(u.node.Cols, u.all[at[c.ID]])
			}
		}
	}
	return out
}

// ordered makes sure that a root shows exactly the result's columns.
func ordered(n plan.Node, cols []plan.Column) plan.Node {
	have := n.Columns()
	same := len(have) == len(cols)
	for i := range have {
		same = same && have[i].ID == cols[i].ID && have[i].Name == cols[i].Name
	}
	if same {
		return n
	}
	p := &plan.Project{Input: n}
	for _, c := range cols {
		p.Items = append(p.Items, plan.Named{Column: c, Expr: ref(c)})
	}
	return p
}

// unbounded finds the stored tables on whose time column no filter of the query depends, when a default time range is to be applied.
func (b *binder) unbounded(roots []plan.Node) map[*plan.Scan]bool {
	if b.opt.From.IsZero() && b.opt.To.IsZero() {
		return nil
	}
	filtered := map[plan.ColumnID]bool{}
	var mark func(id plan.ColumnID)
	mark = func(id plan.ColumnID) {
		if !filtered[id] {
			filtered[id] = true
			for _, o := range b.origins[id] {
				mark(o)
			}
		}
	}
	for _, r := range roots {
		plan.Walk(r, func(n plan.Node) {
			if f, ok := n.(*plan.Filter); ok {
				plan.WalkExpr(f.Pred, func(e plan.Expr) {
					if c, ok := e.(*plan.ColRef); ok {
						mark(c.ID)
					}
				})
			}
		})
	}
	out := map[*plan.Scan]bool{}
	for _, s := range b.scans {
		if s.TimeColumn != 0 && !filtered[s.TimeColumn] {
			out[s] = true
		}
	}
	return out
}

// timeFilter bounds a scan by the default time range.
func (b *binder) timeFilter(input plan.Node, s *plan.Scan) plan.Node {
	col := &plan.ColRef{ID: s.TimeColumn, T: plan.DateTime}
	var terms []plan.Expr
	if !b.opt.From.IsZero() {
		terms = append(terms, &plan.Call{Func: ">=", T: plan.Bool, Args: []plan.Expr{col, &plan.Const{T: plan.DateTime, Value: syntax.Ticks(b.opt.From.UTC())}}})
	}
	if !b.opt.To.IsZero() {
		terms = append(terms, &plan.Call{Func: "<=", T: plan.Bool, Args: []plan.Expr{col, &plan.Const{T: plan.DateTime, Value: syntax.Ticks(b.opt.To.UTC())}}})
	}
	pred := terms[0]
	if len(terms) > 1 {
		pred = &plan.Call{Func: "and", T: plan.Bool, Args: terms}
	}
	return &plan.Filter{Input: input, Pred: pred}
}

// columnSet is a set of column ids.
type columnSet []uint64

func (s columnSet) add(id plan.ColumnID)      { s[id>>6] |= 1 << (id & 63) }
func (s columnSet) has(id plan.ColumnID) bool { return s[id>>6]&(1<<(id&63)) != 0 }

// definition is a shared plan with what its uses need of it.
type definition struct {
	inner plan.Node
	need  columnSet
	uses  []sharedUse
}

type sharedUse struct {
	node *plan.Shared
	all  []plan.Column // the columns of the use before pruning
}

// outerUse is what a subplan needs of its rows, and the leaf that takes the place of the given one.
type outerUse struct {
	node *plan.Outer
	need columnSet
	keep bool // part of it is shared: all columns stay
}

// pruner rebuilds plans with only the columns that are needed.
type pruner struct {
	b       *binder
	uses    map[string]int
	defs    map[string]*definition
	seen    map[any]bool
	outer   map[*plan.Outer]*outerUse
	scalars map[*plan.Scalar]*plan.Scalar
	queries map[*plan.InQuery]*plan.InQuery
	bounded map[*plan.Scan]bool
}

func (pr *pruner) none() columnSet { return make(columnSet, int(pr.b.lastID)/64+1) }

func (pr *pruner) outerOf(n *plan.Outer) *outerUse {
	u := pr.outer[n]
	if u == nil {
		u = &outerUse{node: &plan.Outer{Cols: n.Cols}, need: pr.none()}
		pr.outer[n] = u
	}
	return u
}

// count counts the uses of shared plans. inner says that the walk is inside of one.
func (pr *pruner) count(n plan.Node, inner bool) {
	switch n := n.(type) {
	case *plan.Shared:
		pr.uses[n.Name]++
		if pr.uses[n.Name] > 1 {
			return
		}
		inner = true
	case *plan.Outer:
		if inner {
			pr.outerOf(n).keep = true
		}
		return
	}
	for _, in := range plan.Inputs(n) {
		pr.count(in, inner)
	}
	for _, e := range plan.Exprs(n) {
		plan.WalkExpr(e, func(e plan.Expr) {
			switch e := e.(type) {
			case *plan.Scalar:
				if !pr.seen[e] {
					pr.seen[e] = true
					pr.count(e.Input, inner)
				}
			case *plan.InQuery:
				if !pr.seen[e] {
					pr.seen[e] = true
					pr.count(e.Input, inner)
				}
			}
		})
	}
}

// expr adds what an expression refers to and rebuilds it where it contains relations.
func (pr *pruner) expr(need columnSet, e plan.Expr) plan.Expr {
	switch x := e.(type) {
	case nil:
		return nil
	case *plan.ColRef:
		need.add(x.ID)
	case *plan.Scalar:
		if pr.scalars[x] == nil {
			c := &plan.Scalar{T: x.T}
			pr.scalars[x] = c
			c.Input = pr.all(x.Input)
		}
		return pr.scalars[x]
	case *plan.InQuery:
		v := pr.expr(need, x.X)
		if pr.queries[x] == nil {
			pr.queries[x] = &plan.InQuery{Func: x.Func, X: v, Input: pr.all(x.Input)}
		}
		return pr.queries[x]
	case *plan.Call:
		if args := pr.exprs(need, x.Args); args != nil {
			return &plan.Call{Func: x.Func, Args: args, T: x.T}
		}
	case *plan.Window:
		if args := pr.exprs(need, x.Args); args != nil {
			return &plan.Window{Func: x.Func, Args: args, T: x.T}
		}
	case *plan.Case:
		whens, thens, other := pr.exprs(need, x.Whens), pr.exprs(need, x.Thens), pr.expr(need, x.Else)
		if whens != nil || thens != nil || other != x.Else {
			return &plan.Case{Whens: or(whens, x.Whens), Thens: or(thens, x.Thens), Else: other, T: x.T}
		}
	}
	return e
}

func or(changed, given []plan.Expr) []plan.Expr {
	if changed != nil {
		return changed
	}
	return given
}

// exprs does so for a list; nil when nothing changed.
func (pr *pruner) exprs(need columnSet, list []plan.Expr) []plan.Expr {
	var out []plan.Expr
	for i, e := range list {
		x := pr.expr(need, e)
		if x != e && out == nil {
			out = append([]plan.Expr(nil), list...)
		}
		if out != nil {
			out[i] = x
		}
	}
	return out
}

func (pr *pruner) list(need columnSet, list []plan.Expr) []plan.Expr {
	return or(pr.exprs(need, list), list)
}

func (pr *pruner) items(need columnSet, items []plan.Named) []plan.Named {
	out := make([]plan.Named, len(items))
	for i, it := range items {
		out[i] = plan.Named{Column: it.Column, Expr: pr.expr(need, it.Expr)}
	}
	return out
}

// all prunes below a node whose columns are all needed.
func (pr *pruner) all(n plan.Node) plan.Node {
	need := pr.none()
	for _, c := range n.Columns() {
		need.add(c.ID)
	}
	return pr.node(n, need)
}

func clone(s columnSet) columnSet { return append(columnSet(nil), s...) }

// named keeps the items that are needed, at least one.
func kept(items []plan.Named, need columnSet) []plan.Named {
	out := make([]plan.Named, 0, len(items))
	for _, it := range items {
		if need.has(it.Column.ID) {
			out = append(out, it)
		}
	}
	if len(out) == 0 && len(items) > 0 {
		out = append(out, items[0])
	}
	return out
}

func (pr *pruner) node(n plan.Node, need columnSet) plan.Node {
	switch n := n.(type) {
	case *plan.Scan:
		return pr.scan(n, need)
	case *plan.Project:
		below := pr.none()
		items := pr.items(below, kept(n.Items, need))
		return &plan.Project{Input: pr.node(n.Input, below), Items: items}
	case *plan.Filter:
		below := clone(need)
		pred := pr.expr(below, n.Pred)
		return &plan.Filter{Input: pr.node(n.Input, below), Pred: pred}
	case *plan.Aggregate:
		return pr.aggregate(n, need)
	case *plan.Sort:
		below := clone(need)
		keys := append([]plan.SortKey(nil), n.Keys...)
		for i := range keys {
			keys[i].Expr = pr.expr(below, keys[i].Expr)
		}
		return &plan.Sort{Input: pr.node(n.Input, below), Keys: keys}
	case *plan.Limit:
		return &plan.Limit{Input: pr.node(n.Input, need), N: pr.expr(pr.none(), n.N)}
	case *plan.Sample:
		return &plan.Sample{Input: pr.node(n.Input, need), N: pr.expr(pr.none(), n.N)}
	case *plan.Serialize:
		return &plan.Serialize{Input: pr.node(n.Input, need)}
	case *plan.Join:
		j := *n
		below := pr.none()
		j.Out = pr.items(below, kept(n.Out, need))
		j.LeftKeys, j.RightKeys = pr.list(below, n.LeftKeys), pr.list(below, n.RightKeys)
		j.On = pr.expr(below, n.On)
		j.Left, j.Right = pr.node(n.Left, below), pr.node(n.Right, below)
		return &j
	case *plan.Union:
		return pr.union(n, need)
	case *plan.Expand:
		return pr.expand(n, need)
	case *plan.Outer:
		u := pr.outerOf(n)
		for i, w := range need {
			u.need[i] |= w
		}
		return u.node
	case *plan.Shared:
		return pr.sharedNode(n, need)
	case *plan.Local:
		return pr.local(n)
	case *plan.Values:
		v := &plan.Values{Cols: n.Cols, Rows: n.Rows}
		for i, row := range n.Rows {
			if cells := pr.exprs(pr.none(), row); cells != nil {
				if i == 0 || len(v.Rows) > 0 && &v.Rows[0] == &n.Rows[0] {
					v.Rows = append([][]plan.Expr(nil), n.Rows...)
				}
				v.Rows[i] = cells
			}
		}
		return v
	case *plan.Range:
		none := pr.none()
		return &plan.Range{Col: n.Col, From: pr.expr(none, n.From), To: pr.expr(none, n.To), Step: pr.expr(none, n.Step)}
	}
	return n
}

func (pr *pruner) scan(n *plan.Scan, need columnSet) plan.Node {
	s := &plan.Scan{Table: n.Table, TimeColumn: n.TimeColumn}
	bound := pr.bounded[n]
	only := pr.only(n)
	for i, c := range n.Cols {
		_, restricted := only[c.Name]
		if need.has(c.ID) || bound && c.ID == n.TimeColumn || restricted {
			s.Cols, s.Physical = append(s.Cols, c), append(s.Physical, n.Physical[i])
		}
	}
	if len(s.Cols) == 0 && len(n.Cols) > 0 {
		s.Cols, s.Physical = n.Cols[:1], n.Physical[:1]
	}
	var out plan.Node = s
	for _, name := range slices.Sorted(maps.Keys(only)) {
		out = &plan.Filter{Input: out, Pred: only[name]}
	}
	if bound {
		return pr.b.timeFilter(out, s)
	}
	return out
}

// only gives the conditions of Options.Only for a stored table by column name; the condition of a column that the table lacks is false.
func (pr *pruner) only(n *plan.Scan) map[string]plan.Expr {
	out := map[string]plan.Expr{}
	for name, value := range pr.b.opt.Only {
		out[name] = &plan.Const{T: plan.Bool, Value: false}
		for _, c := range n.Cols {
			if c.Name == name && c.Type == plan.String {
				out[name] = &plan.Call{Func: "==", T: plan.Bool, Args: []plan.Expr{ref(c), &plan.Const{T: plan.String, Value: value}}}
			}
		}
	}
	return out
}

func (pr *pruner) aggregate(n *plan.Aggregate, need columnSet) plan.Node {
	a := &plan.Aggregate{Hint: n.Hint}
	below := pr.none()
	a.Keys = pr.items(below, n.Keys)
	for _, g := range n.Aggs {
		if need.has(g.Column.ID) {
			a.Aggs = append(a.Aggs, g)
		}
	}
	if len(a.Aggs) == 0 && len(a.Keys) == 0 && len(n.Aggs) > 0 {
		a.Aggs = append(a.Aggs, n.Aggs[0])
	}
	for i := range a.Aggs {
		a.Aggs[i].Args = pr.list(below, a.Aggs[i].Args)
	}
	a.Input = pr.node(n.Input, below)
	return a
}

func (pr *pruner) union(n *plan.Union, need columnSet) plan.Node {
	u := &plan.Union{Map: make([][]plan.Expr, len(n.Inputs))}
	for k, c := range n.Cols {
		if !need.has(c.ID) && !(k == len(n.Cols)-1 && len(u.Cols) == 0) {
			continue
		}
		u.Cols = append(u.Cols, c)
		for i := range n.Inputs {
			u.Map[i] = append(u.Map[i], n.Map[i][k])
		}
	}
	for i, in := range n.Inputs {
		below := pr.none()
		u.Map[i] = pr.list(below, u.Map[i])
		u.Inputs = append(u.Inputs, pr.node(in, below))
	}
	return u
}

func (pr *pruner) expand(n *plan.Expand, need columnSet) plan.Node {
	e := *n
	e.Out, e.Keep, e.Items = nil, nil, nil
	for i, c := range n.Out {
		if need.has(c.ID) || i == len(n.Out)-1 && len(e.Out) == 0 {
			e.Out = append(e.Out, c)
		}
	}
	wanted := pr.none()
	for _, c := range e.Out {
		wanted.add(c.ID)
	}
	if n.Apply != nil {
		e.Apply = pr.node(n.Apply, wanted)
		u := pr.outerOf(n.Outer)
		e.Outer = u.node
		u.node.Cols = nil
		for _, c := range n.Outer.Cols {
			if u.keep || u.need.has(c.ID) {
				u.node.Cols = append(u.node.Cols, c)
				wanted.add(c.ID)
			}
		}
	}
	below := pr.none()
	for _, c := range n.Keep {
		if wanted.has(c.ID) {
			e.Keep = append(e.Keep, c)
			below.add(c.ID)
		}
	}
	for _, it := range n.Items {
		e.Items = append(e.Items, plan.ExpandItem{Column: it.Column, Expr: pr.expr(below, it.Expr)})
	}
	e.Limit = pr.expr(pr.none(), n.Limit)
	e.Input = pr.node(n.Input, below)
	return &e
}

func (pr *pruner) sharedNode(n *plan.Shared, need columnSet) plan.Node {
	inner := n.Inner.Columns()
	if pr.uses[n.Name] == 1 && !n.Materialize {
		below := pr.none()
		p := &plan.Project{}
		for i, c := range n.Cols {
			if need.has(c.ID) || i == len(n.Cols)-1 && len(p.Items) == 0 {
				p.Items = append(p.Items, plan.Named{Column: c, Expr: ref(inner[i])})
				below.add(inner[i].ID)
			}
		}
		p.Input = pr.node(n.Inner, below)
		if len(p.Items) == 0 {
			return p.Input
		}
		return p
	}
	d := pr.defs[n.Name]
	if d == nil {
		d = &definition{inner: n.Inner, need: pr.none()}
		pr.defs[n.Name] = d
	}
	for i, c := range n.Cols {
		if need.has(c.ID) {
			d.need.add(inner[i].ID)
		}
	}
	u := &plan.Shared{Name: n.Name, Inner: n.Inner, Cols: n.Cols, Materialize: n.Materialize}
	d.uses = append(d.uses, sharedUse{node: u, all: n.Cols})
	return u
}

// local keeps all columns of its inputs: the host needs rows as they are.
func (pr *pruner) local(n *plan.Local) plan.Node {
	l := *n
	l.Inputs = make([]plan.Node, len(n.Inputs))
	for i, in := range n.Inputs {
		l.Inputs[i] = pr.all(in)
	}
	none := pr.none()
	switch p := n.Params.(type) {
	case *plan.Partition:
		q := *p
		q.Sub = pr.all(p.Sub)
		u := pr.outerOf(p.Outer)
		q.Outer = u.node
		u.node.Cols = p.Outer.Cols
		l.Params = &q
	case *plan.MakeSeries:
		q := *p
		q.From, q.To, q.Step = pr.expr(none, p.From), pr.expr(none, p.To), pr.expr(none, p.Step)
		q.Series = append([]plan.Series(nil), p.Series...)
		for i := range q.Series {
			q.Series[i].Default = pr.expr(none, q.Series[i].Default)
		}
		l.Params = &q
	case *plan.Plugin:
		q := *p
		q.Args = pr.list(none, p.Args)
		l.Params = &q
	case *plan.ScanSteps:
		q := *p
		q.By = pr.list(none, p.By)
		q.Declared = pr.items(none, p.Declared)
		q.Steps = append([]plan.ScanStep(nil), p.Steps...)
		for i := range q.Steps {
			q.Steps[i].Cond = pr.expr(none, q.Steps[i].Cond)
			q.Steps[i].Set = pr.items(none, q.Steps[i].Set)
		}
		l.Params = &q
	case *plan.GraphMatch:
		q := *p
		q.Where = pr.expr(none, p.Where)
		q.Project = pr.items(none, p.Project)
		l.Params = &q
	}
	return &l
}
