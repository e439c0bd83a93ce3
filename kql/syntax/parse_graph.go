package syntax

func (p *parser) graphOperator(name string, start int) Operator {
	switch name {
	case "make-graph":
		return p.makeGraph(start)
	case "graph-match", "graph-shortest-paths":
		op := &GraphMatch{Shortest: name == "graph-shortest-paths", Props: p.props("cycles", "output")}
		op.Patterns = itemsOf(p, p.graphPattern)
		if p.acceptWord("where") {
			op.Where = p.expr()
		}
		if p.acceptWord("project") {
			op.Project = itemsOf(p, p.named)
		}
		op.Span = p.from(start)
		return op
	case "graph-to-table":
		op := &GraphToTable{}
		op.Outputs = itemsOf(p, func() GraphOutput {
			at := p.start()
			o := GraphOutput{}
			if t := p.tok(); p.acceptWord("nodes", "edges") {
				o.What = t.Text
			} else {
				p.fail("expected `nodes` or `edges`", "")
			}
			if p.acceptWord("as") {
				o.As = p.name()
			}
			o.Props = p.props("with_node_id", "with_edge_id", "with_source_id", "with_target_id")
			o.Span = p.from(at)
			return o
		})
		op.Span = p.from(start)
		return op
	case "graph-mark-components":
		op := &GraphMark{Props: p.props("kind", "with_component_id")}
		op.Span = p.from(start)
		return op
	case "graph-where-nodes", "graph-where-edges":
		op := &GraphWhere{Edges: name == "graph-where-edges", Pred: p.expr()}
		op.Span = p.from(start)
		return op
	}
	p.fail("operator "+quoteToken(name)+" cannot stand here", "")
	return nil
}

func (p *parser) makeGraph(start int) Operator {
	op := &MakeGraph{Props: p.props()}
	op.Source = p.name()
	p.expectOp("-")
	p.expectOp("-")
	p.expectOp(">")
	op.Target = p.name()
	if p.isWord("with_node_id") {
		p.at++
		p.expectOp("=")
		op.NodeID = p.name()
	}
	if p.acceptWord("with") {
		op.Tables = itemsOf(p, func() GraphTable {
			t := GraphTable{Table: p.tableRef()}
			p.expectWord("on")
			t.On = p.name()
			return t
		})
	}
	if p.isWord("with_node_id") {
		p.at++
		p.expectOp("=")
		op.NodeID = p.name()
	}
	if p.isWord("partitioned") && p.ahead(1).Text == "-" && p.ahead(2).Text == "by" {
		p.at += 3
		op.PartitionedBy = p.name()
		op.Sub = p.contextual()
	}
	op.Span = p.from(start)
	return op
}

// graphPattern reads (a)-[e*1..3]->(b)<--(c) and the like.
func (p *parser) graphPattern() []GraphElement {
	out := []GraphElement{p.graphNode()}
	for !p.halted && (p.isOp("-") || p.isOp("<")) {
		out = append(out, p.graphEdge(), p.graphNode())
	}
	return out
}

func (p *parser) graphNode() GraphElement {
	at := p.start()
	n := GraphElement{}
	p.expectOp("(")
	if !p.isOp(")") {
		n.Name = p.name()
	}
	p.expectOp(")")
	n.Span = p.from(at)
	return n
}

func (p *parser) graphEdge() GraphElement {
	at := p.start()
	left := p.acceptOp("<")
	e := GraphElement{Direction: '-'}
	p.expectOp("-")
	if p.acceptOp("[") {
		if p.tok().Kind == Ident {
			t := p.next() // not name(): `e*1..3` is a range, and ['x'] cannot come here
			e.Name = &Name{Span: Span{t.Start, t.End}, Text: t.Text}
		}
		if p.acceptOp("*") {
			e.Ranged = true
			e.Min = p.sum()
			p.expectOp("..")
			e.Max = p.sum()
		}
		p.expectOp("]")
	}
	p.expectOp("-")
	right := p.acceptOp(">")
	switch {
	case left && right:
		p.fail("an edge cannot point both ways", "")
	case left:
		e.Direction = '<'
	case right:
		e.Direction = '>'
	}
	e.Span = p.from(at)
	return e
}
