package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// makeGraph binds edges and nodes; the relation it gives is only good for graph operators.
func (b *binder) makeGraph(r *relation, op *syntax.MakeGraph, env *environment) *relation {
	if op.PartitionedBy != nil {
		return b.graphPerKey(r, op, env)
	}
	g := &plan.Graph{}
	edges := b.visible(r)
	end := func(n *syntax.Name) plan.Column {
		if f := edges.find(n.Text); f != nil {
			return f.Column
		}
		b.unknownColumn(n, edges)
		return plan.Column{}
	}
	source, target := end(op.Source), end(op.Target)
	g.Source, g.Target = source.ID, target.ID
	l := &plan.Local{Op: "make-graph", Inputs: []plan.Node{projectFields(edges)}, Params: g}
	out := &relation{node: l, graph: g, edges: edges.columns()}
	seen := map[string]bool{}
	addNode := func(c plan.Column) {
		if !seen[c.Name] {
			seen[c.Name] = true
			g.Nodes = append(g.Nodes, b.column(c.Name, c.Type))
		}
	}
	for _, t := range op.Tables {
		nodes := b.visible(b.table(t.Table, env))
		l.Inputs = append(l.Inputs, projectFields(nodes))
		if f := nodes.find(t.On.Text); f != nil {
			g.NodeKeys = append(g.NodeKeys, f.ID)
		} else {
			b.unknownColumn(t.On, nodes)
			g.NodeKeys = append(g.NodeKeys, 0)
		}
		for _, c := range nodes.columns() {
			addNode(c)
		}
	}
	if len(op.Tables) == 0 {
		name := "node_id"
		if op.NodeID != nil {
			name = op.NodeID.Text
		}
		g.NodeID = b.column(name, source.Type)
		g.Nodes = append(g.Nodes, g.NodeID)
	}
	out.nodes = g.Nodes
	return out
}

// graphPerKey makes a graph of each value of a column and runs the subquery over it. Tables of nodes show the nodes with that value.
func (b *binder) graphPerKey(r *relation, op *syntax.MakeGraph, env *environment) *relation {
	edges := b.visible(r)
	name := op.PartitionedBy.Text
	key := edges.find(name)
	if key == nil || op.Sub == nil {
		b.unknownColumn(op.PartitionedBy, edges)
		return b.broken()
	}
	return b.perKey(edges, key.ID, func(rows *relation, value plan.Expr) *relation {
		one := *op
		one.PartitionedBy, one.Sub, one.Tables = nil, nil, nil
		inner := &environment{parent: env}
		for i, t := range op.Tables {
			nodes := b.visible(b.table(t.Table, env))
			f := nodes.find(name)
			if f == nil {
				b.unknownColumn(op.PartitionedBy, nodes)
				continue
			}
			same := &plan.Filter{Input: nodes.node, Pred: &plan.Call{Func: "==", T: plan.Bool, Args: []plan.Expr{ref(f.Column), b.convert(value, f.Type)}}}
			part := nodes.with(same, nodes.fields)
			as := "$nodes" + itoa(i)
			inner.define(as, &variable{table: func() *relation { return part }})
			one.Tables = append(one.Tables, syntax.GraphTable{Table: &syntax.Name{Span: t.On.Pos(), Text: as}, On: t.On})
		}
		return b.pipeline(op.Sub, env, b.makeGraph(rows, &one, inner))
	})
}

// applyGraph binds an operator over a graph.
func (b *binder) applyGraph(r *relation, op syntax.Operator, env *environment) *relation {
	switch op := op.(type) {
	case *syntax.GraphMatch:
		return b.graphMatch(r, op, env)
	case *syntax.GraphToTable:
		return b.graphToTable(r, op, env)
	case *syntax.GraphMark:
		c := b.column("ComponentId", plan.Long)
		kind := "weak"
		for _, p := range op.Props {
			switch p.Name {
			case "kind":
				kind = b.propText(p, env)
			case "with_component_id":
				c.Name = b.propText(p, env)
			}
		}
		out := *r
		out.nodes = append(append([]plan.Column(nil), r.nodes...), c)
		out.node = &plan.Local{Op: "graph-mark-components", Inputs: []plan.Node{r.node}, Params: &plan.GraphMark{Kind: kind, Column: c}}
		return &out
	case *syntax.GraphWhere:
		cols, name := r.nodes, "graph-where-nodes"
		if op.Edges {
			cols, name = r.edges, "graph-where-edges"
		}
		rec := &relation{}
		for _, c := range cols {
			rec.fields = append(rec.fields, field{Column: c})
		}
		out := *r
		out.node = &plan.Local{Op: name, Inputs: []plan.Node{r.node}, Params: &plan.GraphWhere{Pred: b.logical(op.Pred, &scope{env: env, rel: rec, named: map[string]*relation{}})}}
		return &out
	case *syntax.As:
		return r
	}
	b.errorf(op.Pos(), CodeType, "use graph-match or graph-to-table", "this operator needs a table, not a graph")
	return b.broken()
}

func (b *binder) graphMatch(r *relation, op *syntax.GraphMatch, env *environment) *relation {
	m := &plan.GraphMatch{Cycles: "unique_edges", Output: "any"}
	for _, p := range op.Props {
		switch p.Name {
		case "cycles":
			m.Cycles = b.propText(p, env)
		case "output":
			m.Output = b.propText(p, env)
		}
	}
	records := map[string]*relation{}
	first := map[string]*plan.GraphElement{}
	for _, path := range op.Patterns {
		var out []plan.GraphElement
		for _, e := range path {
			el := plan.GraphElement{Direction: e.Direction, Ranged: e.Ranged}
			if e.Name != nil {
				el.Name = e.Name.Text
			}
			if seen := first[el.Name]; seen != nil && el.Name != "" {
				el.Columns = seen.Columns
				out = append(out, el)
				continue
			}
			if e.Ranged {
				el.Min, el.Max = b.convert(b.scalar(e.Min, &scope{env: env}), plan.Long), b.convert(b.scalar(e.Max, &scope{env: env}), plan.Long)
			}
			cols := r.nodes
			if e.Direction != 0 {
				cols = r.edges
			}
			rec := &relation{}
			for _, c := range cols {
				t := c.Type
				if e.Ranged {
					t = plan.Dynamic
				}
				nc := b.column(c.Name, t)
				el.Columns = append(el.Columns, nc)
				rec.fields = append(rec.fields, field{Column: nc})
			}
			if el.Name != "" {
				records[el.Name] = rec
				copied := el
				first[el.Name] = &copied
			}
			out = append(out, el)
		}
		m.Patterns = append(m.Patterns, out)
	}
	sc := &scope{env: env, rel: &relation{}, named: records}
	if op.Where != nil {
		m.Where = b.logical(op.Where, sc)
	}
	p := &projection{}
	for _, x := range op.Project {
		b.item(p, x, sc, false, "")
	}
	if len(op.Project) == 0 {
		for _, path := range m.Patterns {
			for _, e := range path {
				if e.Name == "" {
					continue
				}
				for _, c := range e.Columns {
					b.put(p, e.Name+"_"+c.Name, ref(c), false)
				}
			}
		}
	}
	m.Project = p.items
	name := "graph-match"
	if op.Shortest {
		name = "graph-shortest-paths"
	}
	l := &plan.Local{Op: name, Inputs: []plan.Node{r.node}, Params: m}
	for _, f := range p.fields {
		l.Cols = append(l.Cols, f.Column)
	}
	return &relation{node: l, fields: p.fields}
}

func (b *binder) graphToTable(r *relation, op *syntax.GraphToTable, env *environment) *relation {
	var first *relation
	for i, o := range op.Outputs {
		t := &plan.GraphToTable{Edges: o.What == "edges"}
		cols := r.nodes
		if t.Edges {
			cols = r.edges
		}
		l := &plan.Local{Op: "graph-to-table", Inputs: []plan.Node{r.node}, Params: t}
		out := &relation{node: l}
		add := func(name string, typ plan.Type) plan.Column {
			c := b.column(name, typ)
			l.Cols = append(l.Cols, c)
			out.fields = append(out.fields, field{Column: c})
			return c
		}
		for _, c := range cols {
			add(c.Name, c.Type)
		}
		for _, p := range o.Props {
			name := b.propText(p, env)
			switch p.Name {
			case "with_node_id":
				t.NodeID = add(name, plan.Long)
			case "with_source_id":
				t.SourceID = add(name, plan.Long)
			case "with_target_id":
				t.TargetID = add(name, plan.Long)
			}
		}
		name := o.What
		if o.As != nil {
			name = o.As.Text
			env.define(name, &variable{table: b.share(name, out, true)})
		}
		if len(op.Outputs) > 1 {
			b.branches = append(b.branches, Result{Name: name, Root: l, Columns: out.columns()})
		}
		if i == 0 {
			first = out
		}
	}
	return first
}

// graphFunction binds the functions of graph patterns: all, any, map, inner_nodes, node_degree_in, … Their expressions look at the properties of the
// nodes or edges along a path.
func (b *binder) graphFunction(f *function, x *syntax.Call, sc *scope) (plan.Expr, bool) {
	switch f.name {
	case "all", "any", "map":
		if len(x.Args) != 2 {
			return nil, false
		}
		rec, kind := b.pathRecord(x.Args[0], sc)
		if rec == nil {
			return nil, false
		}
		// inside, a property is that of one step: its column holds the array over all steps, and the call evaluates per step
		inner := *sc
		inner.rel = rec
		e := b.scalar(x.Args[1], &inner)
		t := plan.Bool
		if f.name == "map" {
			t = plan.Dynamic
		} else {
			e = b.asBool(x.Args[1], e)
		}
		return &plan.Call{Func: "__graph_" + f.name, Args: []plan.Expr{&plan.Const{T: plan.String, Value: kind}, e}, T: t}, true
	case "inner_nodes":
		return nil, false
	case "node_degree_in", "node_degree_out":
		return &plan.Call{Func: f.name, Args: b.elementName(x), T: plan.Long}, true
	case "labels": // only stored graphs have labels
		return &plan.Const{T: plan.Dynamic, Value: "[]"}, true
	case "node_id":
		return &plan.Call{Func: f.name, Args: b.elementName(x), T: plan.String}, true
	}
	return nil, false
}

func (b *binder) elementName(x *syntax.Call) []plan.Expr {
	if len(x.Args) == 1 {
		if n, ok := x.Args[0].(*syntax.Name); ok {
			return []plan.Expr{&plan.Const{T: plan.String, Value: n.Text}}
		}
	}
	return nil
}

// pathRecord resolves the first argument of all, any and map: an edge, or inner_nodes of one. kind is the element's name, "inner_nodes " before it for
// nodes.
func (b *binder) pathRecord(x syntax.Expr, sc *scope) (*relation, string) {
	switch x := x.(type) {
	case *syntax.Name:
		return sc.named[x.Text], x.Text
	case *syntax.Call:
		if x.Name.Text == "inner_nodes" && len(x.Args) == 1 {
			if n, ok := x.Args[0].(*syntax.Name); ok && sc.named[n.Text] != nil {
				for _, rec := range sc.named {
					if rec != sc.named[n.Text] {
						return rec, "inner_nodes " + n.Text
					}
				}
			}
		}
	}
	return nil, ""
}
