package duckdb

import (
	"context"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxGraphSteps bounds the search of one graph-match.
const maxGraphSteps = 20_000_000

// matcher finds the matches of a pattern by trying elements one after the other.
type matcher struct {
	ctx   context.Context
	lib   *fn.Library
	g     *graph
	p     *plan.GraphMatch
	steps int
	limit int64

	elements []plan.GraphElement // all paths in a row
	breaks   map[int]bool        // elements that begin a path
	variable []int               // element -> variable
	byName   map[string]int
	least    []int64 // bounds of edges of variable length
	most     []int64
	conds    []condition // checked once their last variable is bound
	owner    map[plan.ColumnID]int
	nodes    []int   // variable -> node, -1 unbound
	paths    [][]int // variable -> edges
	onPath   map[int]bool
	usedEdge map[int]bool
	found    func() (bool, error)
}

// condition is a part of the where clause and the last element that it looks at.
type condition struct {
	expr plan.Expr
	last int
}

func matchGraph(ctx context.Context, lib *fn.Library, g *graph, p *plan.GraphMatch, shortest bool, limit int64) ([][]any, error) {
	m := &matcher{ctx: ctx, lib: lib, g: g, p: p, limit: limit, breaks: map[int]bool{}, byName: map[string]int{}, owner: map[plan.ColumnID]int{}, onPath: map[int]bool{}, usedEdge: map[int]bool{}}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	var out [][]any
	keep := func() (bool, error) {
		row := make([]any, len(p.Project))
		for i, it := range p.Project {
			v, err := m.eval(it.Expr)
			if err != nil {
				return false, err
			}
			row[i] = fn.Convert(v, it.Column.Type).V
		}
		if int64(len(out)) >= limit {
			return false, &fn.LimitError{What: "number of matches"}
		}
		out = append(out, row)
		return true, nil
	}
	if !shortest {
		m.found = keep
		return out0(&out, m.try(0))
	}
	// One length after the other: a pair of ends is done with the first length that reaches it.
	ranged := -1
	for i, e := range m.elements {
		if e.Ranged {
			ranged = i
		}
	}
	if ranged < 0 {
		m.found = keep
		return out0(&out, m.try(0))
	}
	done := map[[2]int]int64{}
	lo, hi := m.least[ranged], m.most[ranged]
	for length := lo; length <= hi; length++ {
		m.least[ranged], m.most[ranged] = length, length
		m.found = func() (bool, error) {
			pair := [2]int{m.nodes[m.variable[0]], m.nodes[m.variable[len(m.elements)-1]]}
			if at, ok := done[pair]; ok && (at < length || p.Output != "all") {
				return true, nil
			}
			done[pair] = length
			return keep()
		}
		if err := m.try(0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func out0(out *[][]any, err error) ([][]any, error) { return *out, err }

func (m *matcher) prepare() error {
	for _, path := range m.p.Patterns {
		m.breaks[len(m.elements)] = true
		for _, e := range path {
			i := len(m.elements)
			m.elements = append(m.elements, e)
			v, known := m.byName[e.Name]
			if !known || e.Name == "" {
				v = i
				if e.Name != "" {
					m.byName[e.Name] = i
				}
			}
			m.variable = append(m.variable, v)
			for _, c := range e.Columns {
				if _, ok := m.owner[c.ID]; !ok {
					m.owner[c.ID] = v
				}
			}
			lo, hi := int64(1), int64(1)
			if e.Ranged {
				for k, x := range []plan.Expr{e.Min, e.Max} {
					val, err := m.lib.Eval(x, nil)
					if err != nil {
						return err
					}
					n, _ := val.V.(int64)
					if k == 0 {
						lo = n
					} else {
						hi = n
					}
				}
			}
			m.least, m.most = append(m.least, lo), append(m.most, hi)
		}
	}
	m.nodes, m.paths = make([]int, len(m.elements)), make([][]int, len(m.elements))
	for i := range m.nodes {
		m.nodes[i] = -1
	}
	m.split(m.p.Where)
	return nil
}

// split takes the where clause apart, so that each part prunes as early as it can.
func (m *matcher) split(e plan.Expr) {
	if e == nil {
		return
	}
	if c, ok := e.(*plan.Call); ok && c.Func == "and" {
		for _, a := range c.Args {
			m.split(a)
		}
		return
	}
	last := 0
	plan.WalkExpr(e, func(e plan.Expr) {
		switch x := e.(type) {
		case *plan.ColRef:
			last = max(last, m.owner[x.ID])
		case *plan.Call:
			if name, ok := elementOf(x); ok {
				// What stands inside looks at the steps of the path, not at the node whose columns it borrows.
				last = max(last, m.byName[name])
				if strings.HasPrefix(x.Func, "__graph_") {
					last = len(m.elements) - 1
				}
			}
		}
	})
	m.conds = append(m.conds, condition{expr: e, last: last})
}

func elementOf(c *plan.Call) (string, bool) {
	switch c.Func {
	case "__graph_map", "__graph_all", "__graph_any", "node_degree_in", "node_degree_out", "node_id":
		if len(c.Args) > 0 {
			if k, ok := c.Args[0].(*plan.Const); ok {
				s, _ := k.Value.(string)
				return strings.TrimPrefix(s, "inner_nodes "), true
			}
		}
	}
	return "", false
}

// try binds the element at i and those after it.
func (m *matcher) try(i int) error {
	m.steps++
	if m.steps%1024 == 0 && m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	if m.steps > maxGraphSteps {
		return &fn.LimitError{What: "search for the pattern"}
	}
	if i == len(m.elements) {
		_, err := m.found()
		return err
	}
	v := m.variable[i]
	if m.breaks[i] {
		if n := m.nodes[v]; n >= 0 {
			return m.try(i + 1)
		}
		for n := range m.g.nodes {
			if err := m.bindNode(i, v, n); err != nil {
				return err
			}
		}
		return nil
	}
	// An edge: walk from the node before it, then bind the node behind it.
	from := m.nodes[m.variable[i-1]]
	return m.walk(i, from, nil)
}

// bindNode binds a node and goes on behind it.
func (m *matcher) bindNode(i, v, n int) error {
	if m.p.Cycles == "none" && m.onPath[n] {
		return nil
	}
	m.nodes[v] = n
	m.onPath[n] = true
	ok, err := m.holds(v)
	if err == nil && ok {
		err = m.try(i + 1)
	}
	m.nodes[v] = -1
	delete(m.onPath, n)
	return err
}

// walk extends the edges of element i, which have come as far as node at.
func (m *matcher) walk(i, at int, edges []int) error {
	m.steps++
	if m.steps > maxGraphSteps {
		return &fn.LimitError{What: "search for the pattern"}
	}
	if m.steps%1024 == 0 && m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	if int64(len(edges)) >= m.least[i] {
		if err := m.arrive(i, at, edges); err != nil {
			return err
		}
	}
	if int64(len(edges)) >= m.most[i] {
		return nil
	}
	step := func(e, to int) error {
		if m.p.Cycles != "all" && m.usedEdge[e] {
			return nil
		}
		// Nodes inside of a path of variable length count for cycles too.
		inner := int64(len(edges)+1) < m.most[i]
		if m.p.Cycles == "none" && m.onPath[to] && inner && m.nodes[m.variable[i+1]] != to {
			return nil
		}
		marked := false
		if m.p.Cycles == "none" && !m.onPath[to] && inner {
			m.onPath[to], marked = true, true
		}
		m.usedEdge[e] = true
		err := m.walkMarked(i, to, append(edges[:len(edges):len(edges)], e), marked)
		delete(m.usedEdge, e)
		if marked {
			delete(m.onPath, to)
		}
		return err
	}
	dir := m.elements[i].Direction
	if dir != '<' {
		for _, e := range m.g.out[at] {
			if err := step(e, m.g.edges[e].to); err != nil {
				return err
			}
		}
	}
	if dir != '>' {
		for _, e := range m.g.in[at] {
			if dir == '-' && m.g.edges[e].from == m.g.edges[e].to {
				continue
			}
			if err := step(e, m.g.edges[e].from); err != nil {
				return err
			}
		}
	}
	return nil
}

// walkMarked lets the end of a path be the node that the walk itself has just marked.
func (m *matcher) walkMarked(i, at int, edges []int, marked bool) error {
	if !marked || int64(len(edges)) < m.least[i] {
		return m.walk(i, at, edges)
	}
	delete(m.onPath, at)
	if err := m.arrive(i, at, edges); err != nil {
		return err
	}
	m.onPath[at] = true
	least := m.least[i]
	m.least[i] = int64(len(edges)) + 1
	err := m.walk(i, at, edges)
	m.least[i] = least
	return err
}

// arrive binds the edges of element i and the node behind them.
func (m *matcher) arrive(i, at int, edges []int) error {
	v := m.variable[i]
	m.paths[v] = edges
	defer func() { m.paths[v] = nil }()
	ok, err := m.holds(v)
	if err != nil || !ok {
		return err
	}
	next := m.variable[i+1]
	if n := m.nodes[next]; n >= 0 {
		if n != at {
			return nil
		}
		return m.try(i + 2)
	}
	return m.bindNode(i+1, next, at)
}

// holds checks the conditions that the variable completes.
func (m *matcher) holds(v int) (bool, error) {
	for _, c := range m.conds {
		if c.last != v {
			continue
		}
		x, err := m.eval(c.expr)
		if err != nil {
			return false, err
		}
		if b, _ := x.V.(bool); !b {
			return false, nil
		}
	}
	return true, nil
}

// Column implements fn.Env: a property of a node or an edge; of an edge of variable length the array over its steps.
func (m *matcher) Column(id plan.ColumnID) (any, bool) {
	v, ok := m.owner[id]
	if !ok {
		return nil, false
	}
	e := m.elements[v]
	for i, c := range e.Columns {
		if c.ID != id {
			continue
		}
		if e.Direction == 0 {
			if m.nodes[v] < 0 {
				return nil, true
			}
			return m.g.nodes[m.nodes[v]][i], true
		}
		if !e.Ranged {
			if len(m.paths[v]) == 0 {
				return nil, true
			}
			return m.g.edges[m.paths[v][0]].props[i], true
		}
		steps := make([]fn.Value, len(m.paths[v]))
		for k, edge := range m.paths[v] {
			steps[k] = fn.Value{T: m.g.edgeCols[i].Type, V: m.g.edges[edge].props[i]}
		}
		return fn.Array(steps), true
	}
	return nil, false
}

// eval computes an expression over the match.
func (m *matcher) eval(e plan.Expr) (fn.Value, error) {
	x, err := m.resolve(e)
	if err != nil {
		return fn.Value{}, err
	}
	return m.lib.Eval(x, m)
}

// resolve replaces the functions of graphs by what they give for the match.
func (m *matcher) resolve(e plan.Expr) (plan.Expr, error) {
	list := func(in []plan.Expr) ([]plan.Expr, error) {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			x, err := m.resolve(a)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	}
	switch x := e.(type) {
	case *plan.Call:
		if name, ok := elementOf(x); ok {
			return m.graphCall(x, name)
		}
		args, err := list(x.Args)
		return &plan.Call{Func: x.Func, Args: args, T: x.T}, err
	case *plan.Case:
		whens, err1 := list(x.Whens)
		thens, err2 := list(x.Thens)
		if err1 != nil || err2 != nil {
			return nil, err1
		}
		c := &plan.Case{Whens: whens, Thens: thens, Else: x.Else, T: x.T}
		if x.Else != nil {
			other, err := m.resolve(x.Else)
			if err != nil {
				return nil, err
			}
			c.Else = other
		}
		return c, nil
	}
	return e, nil
}

func (m *matcher) graphCall(x *plan.Call, name string) (plan.Expr, error) {
	v, ok := m.byName[name]
	if !ok {
		return &plan.Const{T: x.T}, nil
	}
	switch x.Func {
	case "node_degree_in":
		return &plan.Const{T: plan.Long, Value: int64(len(m.g.in[m.nodes[v]]))}, nil
	case "node_degree_out":
		return &plan.Const{T: plan.Long, Value: int64(len(m.g.out[m.nodes[v]]))}, nil
	case "node_id":
		return &plan.Const{T: plan.String, Value: m.g.nodeName(m.nodes[v])}, nil
	}
	kind, _ := x.Args[0].(*plan.Const).Value.(string)
	var values []fn.Value
	all, any := true, false
	for _, s := range m.stepsOf(v, kind != name) {
		val, err := m.lib.Eval(m.atNode(x.Args[1], s.node), s.env)
		if err != nil {
			return nil, err
		}
		b, _ := val.V.(bool)
		all, any = all && b, any || b
		if val.T == plan.Dynamic || val.T == plan.Unknown {
			val.T = plan.Dynamic
		}
		values = append(values, val)
	}
	switch x.Func {
	case "__graph_all":
		return &plan.Const{T: plan.Bool, Value: all}, nil
	case "__graph_any":
		return &plan.Const{T: plan.Bool, Value: any}, nil
	}
	return &plan.Const{T: plan.Dynamic, Value: fn.Array(values)}, nil
}

// atNode replaces the functions that ask for the node of a step, which have no argument: node_degree_in(), node_degree_out(), node_id().
func (m *matcher) atNode(e plan.Expr, node int) plan.Expr {
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = m.atNode(a, node)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.Call:
		if len(x.Args) > 0 {
			return &plan.Call{Func: x.Func, Args: list(x.Args), T: x.T}
		}
		if node < 0 {
			return e
		}
		switch x.Func {
		case "node_degree_in":
			return &plan.Const{T: x.T, Value: int64(len(m.g.in[node]))}
		case "node_degree_out":
			return &plan.Const{T: x.T, Value: int64(len(m.g.out[node]))}
		case "node_id":
			return &plan.Const{T: x.T, Value: m.g.nodeName(node)}
		}
	case *plan.Case:
		c := &plan.Case{Whens: list(x.Whens), Thens: list(x.Thens), T: x.T}
		if x.Else != nil {
			c.Else = m.atNode(x.Else, node)
		}
		return c
	}
	return e
}

// pathStep is an edge of a path, or a node between two edges (-1 for an edge).
type pathStep struct {
	env  fn.Env
	node int
}

// stepsOf gives a step per edge of a path, or per node between its edges.
func (m *matcher) stepsOf(v int, inner bool) []pathStep {
	var out []pathStep
	at := -1
	if v > 0 {
		at = m.nodes[m.variable[v-1]]
	}
	for k, n := range m.paths[v] {
		e := m.g.edges[n]
		if inner {
			if at == e.from {
				at = e.to
			} else {
				at = e.from
			}
			if k == len(m.paths[v])-1 {
				break
			}
			index := map[plan.ColumnID]int{}
			for _, el := range m.elements {
				if el.Direction == 0 {
					for i, c := range el.Columns {
						index[c.ID] = i
					}
				}
			}
			out = append(out, pathStep{env: fn.Row{Index: index, Cells: m.g.nodes[at]}, node: at})
			continue
		}
		index := map[plan.ColumnID]int{}
		cells := make([]any, len(e.props))
		for i, c := range m.elements[v].Columns {
			index[c.ID] = i
			cells[i] = e.props[i]
			if c.Type == plan.Dynamic && m.g.edgeCols[i].Type != plan.Dynamic {
				cells[i] = fn.Convert(fn.Value{T: m.g.edgeCols[i].Type, V: e.props[i]}, plan.Dynamic).V
			}
		}
		out = append(out, pathStep{env: fn.Row{Index: index, Cells: cells}, node: -1})
	}
	return out
}
