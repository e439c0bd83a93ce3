package duckdb

import (
	"context"
	"strconv"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// graph is a property graph in memory. Nodes are numbered in the order in which node tables, then edges name them.
type graph struct {
	nodeCols []plan.Column
	edgeCols []plan.Column
	keys     []fn.Value
	nodes    [][]any // properties, as nodeCols
	edges    []graphEdge
	out, in  [][]int // edge numbers per node
}

type graphEdge struct {
	from, to int
	props    []any
}

// isGraph says that the operator gives a graph rather than rows.
func isGraph(op string) bool {
	switch op {
	case "make-graph", "graph-mark-components", "graph-where-nodes", "graph-where-edges":
		return true
	}
	return false
}

// graph runs the operators that make rows of a graph.
func (r *runner) graph(ctx context.Context, lib *fn.Library, x *plan.Local) ([][]any, error) {
	g, err := r.build(ctx, lib, x.Inputs[0])
	if err != nil {
		return nil, err
	}
	switch p := x.Params.(type) {
	case *plan.GraphMatch:
		return matchGraph(ctx, lib, g, p, x.Op == "graph-shortest-paths", r.opt.Intermediate)
	case *plan.GraphToTable:
		return g.table(p), nil
	}
	return nil, &sqlgen.UnsupportedError{What: x.Op}
}

// build makes the graph that a node of the plan stands for.
func (r *runner) build(ctx context.Context, lib *fn.Library, n plan.Node) (*graph, error) {
	if s, ok := n.(*plan.Shared); ok {
		n = s.Inner
	}
	l, ok := n.(*plan.Local)
	if !ok {
		return nil, &sqlgen.UnsupportedError{What: "a graph operator over a table"}
	}
	if p, ok := l.Params.(*plan.Graph); ok {
		return r.makeGraph(ctx, l, p)
	}
	g, err := r.build(ctx, lib, l.Inputs[0])
	if err != nil {
		return nil, err
	}
	switch p := l.Params.(type) {
	case *plan.GraphMark:
		return g.mark(p), nil
	case *plan.GraphWhere:
		return g.where(lib, p, l.Op == "graph-where-edges")
	}
	return nil, &sqlgen.UnsupportedError{What: l.Op}
}

func (r *runner) makeGraph(ctx context.Context, l *plan.Local, p *plan.Graph) (*graph, error) {
	g := &graph{nodeCols: p.Nodes}
	at := map[string]int{}
	name := func(v fn.Value) string { return v.T.String() + ":" + fn.Text(v) }
	propAt := map[string]int{}
	for i, c := range p.Nodes {
		propAt[c.Name] = i
	}
	keyProp := -1
	add := func(key fn.Value) int {
		k := name(key)
		if i, ok := at[k]; ok {
			return i
		}
		i := len(g.nodes)
		at[k] = i
		props := make([]any, len(p.Nodes))
		for j, c := range p.Nodes {
			if c.Type == plan.String {
				props[j] = ""
			}
		}
		g.nodes, g.keys = append(g.nodes, props), append(g.keys, key)
		g.out, g.in = append(g.out, nil), append(g.in, nil)
		return i
	}
	for t, in := range l.Inputs[1:] {
		rows, err := r.rows(ctx, in)
		if err != nil {
			return nil, err
		}
		table := newTable(in.Columns(), rows)
		if t == 0 {
			if i, ok := table.index[p.NodeKeys[t]]; ok {
				keyProp = propAt[table.cols[i].Name]
			}
		}
		for _, row := range rows {
			key := table.value(row, p.NodeKeys[t])
			if key.Null() {
				continue
			}
			n := add(key)
			for i, c := range table.cols {
				if j, ok := propAt[c.Name]; ok && row[i] != nil {
					g.nodes[n][j] = fn.Convert(fn.Value{T: c.Type, V: row[i]}, p.Nodes[j].Type).V
				}
			}
		}
	}
	if p.NodeID.ID != 0 {
		keyProp = propAt[p.NodeID.Name]
	}
	rows, err := r.rows(ctx, l.Inputs[0])
	if err != nil {
		return nil, err
	}
	edges := newTable(l.Inputs[0].Columns(), rows)
	g.edgeCols = edges.cols
	end := func(row []any, id plan.ColumnID) (int, bool) {
		key := edges.value(row, id)
		if key.Null() {
			return 0, false
		}
		known := len(g.nodes)
		n := add(key)
		if n == known && keyProp >= 0 {
			g.nodes[n][keyProp] = fn.Convert(key, p.Nodes[keyProp].Type).V
		}
		return n, true
	}
	for _, row := range rows {
		from, ok1 := end(row, p.Source)
		to, ok2 := end(row, p.Target)
		if ok1 && ok2 {
			g.connect(graphEdge{from: from, to: to, props: row})
		}
	}
	return g, nil
}

func (g *graph) connect(e graphEdge) {
	n := len(g.edges)
	g.edges = append(g.edges, e)
	g.out[e.from] = append(g.out[e.from], n)
	g.in[e.to] = append(g.in[e.to], n)
}

// mark numbers the components in the order of their first nodes.
func (g *graph) mark(p *plan.GraphMark) *graph {
	component := make([]int64, len(g.nodes))
	for i := range component {
		component[i] = -1
	}
	next := int64(0)
	if p.Kind == "strong" {
		component, next = g.strong()
	}
	for start := range g.nodes {
		if component[start] >= 0 {
			continue
		}
		todo := []int{start}
		component[start] = next
		for len(todo) > 0 {
			n := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			visit := func(m int) {
				if component[m] < 0 {
					component[m] = next
					todo = append(todo, m)
				}
			}
			for _, e := range g.out[n] {
				visit(g.edges[e].to)
			}
			for _, e := range g.in[n] {
				visit(g.edges[e].from)
			}
		}
		next++
	}
	out := *g
	out.nodeCols = append(append([]plan.Column(nil), g.nodeCols...), p.Column)
	out.nodes = make([][]any, len(g.nodes))
	for i, props := range g.nodes {
		out.nodes[i] = append(append([]any(nil), props...), component[i])
	}
	return &out
}

// strong numbers strongly connected components (Kosaraju's two passes, without recursion).
func (g *graph) strong() ([]int64, int64) {
	n := len(g.nodes)
	seen := make([]bool, n)
	var finished []int
	for start := range n {
		if seen[start] {
			continue
		}
		type frame struct{ node, next int }
		stack := []frame{{node: start}}
		seen[start] = true
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.next < len(g.out[f.node]) {
				m := g.edges[g.out[f.node][f.next]].to
				f.next++
				if !seen[m] {
					seen[m] = true
					stack = append(stack, frame{node: m})
				}
				continue
			}
			finished = append(finished, f.node)
			stack = stack[:len(stack)-1]
		}
	}
	root := make([]int, n)
	for i := range root {
		root[i] = -1
	}
	for i := n - 1; i >= 0; i-- {
		if root[finished[i]] >= 0 {
			continue
		}
		todo := []int{finished[i]}
		root[finished[i]] = finished[i]
		for len(todo) > 0 {
			k := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, e := range g.in[k] {
				if m := g.edges[e].from; root[m] < 0 {
					root[m] = finished[i]
					todo = append(todo, m)
				}
			}
		}
	}
	number := map[int]int64{}
	out := make([]int64, n)
	for i := range out {
		id, ok := number[root[i]]
		if !ok {
			id = int64(len(number))
			number[root[i]] = id
		}
		out[i] = id
	}
	return out, int64(len(number))
}

// where keeps nodes (and the edges between them) or edges.
func (g *graph) where(lib *fn.Library, p *plan.GraphWhere, edges bool) (*graph, error) {
	holds := func(cols []plan.Column, props []any) (bool, error) {
		t := newTable(cols, nil)
		v, err := lib.Eval(p.Pred, t.env(props))
		b, _ := v.V.(bool)
		return b, err
	}
	out := &graph{nodeCols: g.nodeCols, edgeCols: g.edgeCols}
	renumbered := make([]int, len(g.nodes))
	for i, props := range g.nodes {
		renumbered[i] = -1
		if !edges {
			ok, err := holds(g.nodeCols, props)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		renumbered[i] = len(out.nodes)
		out.nodes, out.keys = append(out.nodes, props), append(out.keys, g.keys[i])
		out.out, out.in = append(out.out, nil), append(out.in, nil)
	}
	for _, e := range g.edges {
		if edges {
			ok, err := holds(g.edgeCols, e.props)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		if from, to := renumbered[e.from], renumbered[e.to]; from >= 0 && to >= 0 {
			out.connect(graphEdge{from: from, to: to, props: e.props})
		}
	}
	return out, nil
}

// table gives the nodes or the edges as rows, with the hashes asked for.
func (g *graph) table(p *plan.GraphToTable) [][]any {
	hash := func(n int) any {
		v, err := fn.New(fn.Options{}).Call("hash", plan.Long, []fn.Value{g.keys[n]})
		if err != nil {
			return nil
		}
		return v.V
	}
	var out [][]any
	if !p.Edges {
		for n, props := range g.nodes {
			row := append([]any(nil), props...)
			if p.NodeID.ID != 0 {
				row = append(row, hash(n))
			}
			out = append(out, row)
		}
		return out
	}
	for _, e := range g.edges {
		row := append([]any(nil), e.props...)
		if p.SourceID.ID != 0 {
			row = append(row, hash(e.from))
		}
		if p.TargetID.ID != 0 {
			row = append(row, hash(e.to))
		}
		out = append(out, row)
	}
	return out
}

func (g *graph) nodeName(n int) string {
	if s := fn.Text(g.keys[n]); s != "" {
		return s
	}
	return strconv.Itoa(n)
}
