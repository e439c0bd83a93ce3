package syntax

import "strings"

func (p *printer) operator(op Operator) {
	switch op := op.(type) {
	case *Where:
		p.w("where ")
		p.props(op.Props)
		p.expr(op.Pred)
	case *Extend:
		if op.Serialize {
			p.w("serialize")
			if len(op.Items) == 0 {
				return
			}
			p.w(" ")
		} else {
			p.w("extend ")
		}
		p.exprs(op.Items)
	case *Project:
		p.w(op.Kind)
		if len(op.Items) > 0 {
			p.w(" ")
			p.exprs(op.Items)
		}
	case *Summarize:
		p.w("summarize ")
		p.props(op.Props)
		p.exprs(op.Aggs)
		if op.HasBy {
			if len(op.Aggs) > 0 {
				p.w(" ")
			}
			p.w("by ")
			p.exprs(op.By)
		}
	case *Distinct:
		p.w("distinct ")
		p.props(op.Props)
		p.exprs(op.Items)
	case *Join:
		if op.Lookup {
			p.w("lookup ")
		} else {
			p.w("join ")
		}
		p.props(op.Props)
		p.expr(op.Right)
		if op.Where != nil {
			p.w(" where ")
			p.expr(op.Where)
			return
		}
		p.w(" on ")
		p.exprs(op.On)
	case *Union:
		p.w("union ")
		p.props(op.Props)
		p.exprs(op.Tables)
	case *Sort:
		p.w("sort ")
		p.props(op.Props)
		p.w("by ")
		p.exprs(op.Keys)
	case *Top:
		p.w("top ")
		p.props(op.Props)
		p.expr(op.N)
		p.w(" by ")
		p.exprs(op.Keys)
	case *Take:
		p.w("take ")
		p.props(op.Props)
		p.expr(op.N)
	case *Sample:
		if op.Of != nil {
			p.w("sample-distinct ")
			p.expr(op.N)
			p.w(" of ")
			p.expr(op.Of)
			return
		}
		p.w("sample ")
		p.expr(op.N)
	case *Count:
		p.w("count")
		if op.As != nil {
			p.w(" as ", ident(op.As))
		}
	case *As:
		p.w("as ")
		p.props(op.Props)
		p.w(ident(op.Name))
	case *MvExpand:
		p.w("mv-expand ")
		p.expand(op.Props, op.Items, op.Limit)
	case *MvApply:
		p.w("mv-apply ")
		p.expand(op.Props, op.Items, op.Limit)
		p.w(" on ")
		p.block(op.On)
	case *ParseOp:
		p.parsePattern(op)
	case *ParseKV:
		p.w("parse-kv ")
		p.expr(op.X)
		p.w(" as (")
		p.columns(op.Columns)
		p.w(")")
		p.with(op.Props)
	case *Print:
		p.w("print ")
		p.exprs(op.Items)
	case *Range:
		p.w("range ", ident(op.Name), " from ")
		p.expr(op.From)
		p.w(" to ")
		p.expr(op.To)
		p.w(" step ")
		p.expr(op.Step)
	case *Evaluate:
		p.w("evaluate ")
		p.props(op.Props)
		p.expr(op.Call)
		if op.Columns != nil {
			p.w(" : (")
			p.columns(op.Columns)
			p.w(")")
		}
	case *Invoke:
		p.w("invoke ")
		p.expr(op.Call)
	case *Render:
		p.w("render ", op.Chart)
		p.with(op.Props)
	case *Search:
		p.w("search ")
		p.props(op.Props)
		p.tables(op.In)
		p.expr(op.Pred)
	default:
		p.rare(op)
	}
}

func (p *printer) tables(in []Expr) {
	if in != nil {
		p.w("in (")
		p.exprs(in)
		p.w(") ")
	}
}

func (p *printer) expand(props []Property, items []Expr, limit Expr) {
	p.props(props)
	p.exprs(items)
	if limit != nil {
		p.w(" limit ")
		p.expr(limit)
	}
}

func (p *printer) parsePattern(op *ParseOp) {
	if op.Where {
		p.w("parse-where ")
	} else {
		p.w("parse ")
	}
	p.props(op.Props)
	p.expr(op.X)
	p.w(" with")
	for _, part := range op.Pattern {
		p.w(" ")
		switch {
		case part.Star:
			p.w("*")
		case part.Text != nil:
			p.w(part.Text.Raw)
		case part.Name != nil:
			p.w(ident(part.Name))
			if part.Type != "" {
				p.w(":", part.Type)
			}
		}
	}
}

func (p *printer) rare(op Operator) {
	switch op := op.(type) {
	case *TopNested:
		for i, c := range op.Clauses {
			if i > 0 {
				p.w(",")
				p.line()
				p.w("  ")
			}
			p.w("top-nested ")
			if c.N != nil {
				p.expr(c.N)
				p.w(" ")
			}
			p.w("of ")
			p.expr(c.Of)
			if c.Others != nil {
				p.w(" with others=")
				p.expr(c.Others)
			}
			p.w(" by ")
			p.expr(c.By)
		}
	case *TopHitters:
		p.w("top-hitters ")
		p.expr(op.N)
		p.w(" of ")
		p.expr(op.Of)
		if op.By != nil {
			p.w(" by ")
			p.expr(op.By)
		}
	case *Reduce:
		p.w("reduce ")
		p.props(op.Props)
		p.w("by ")
		p.expr(op.By)
		for i, w := range op.With {
			if i == 0 {
				p.w(" with ")
			} else {
				p.w(", ")
			}
			p.w(w.Name, "=")
			p.expr(w.Value)
		}
	case *Scan:
		p.scan(op)
	case *Partition:
		p.w("partition ")
		p.props(op.Props)
		p.w("by ")
		p.expr(op.By)
		p.w(" ")
		if pipe, ok := op.Sub.(*Pipeline); ok && (pipe.Source == nil || !braces(op)) {
			p.block(pipe)
			return
		}
		p.w("{ ")
		p.expr(op.Sub)
		p.w(" }")
	case *Fork:
		p.w("fork")
		for _, b := range op.Branches {
			p.w(" ")
			if len(b.Names) > 0 {
				p.w(ident(b.Names[0]), "=")
			}
			if pipe, ok := b.X.(*Pipeline); ok {
				p.block(pipe)
			}
		}
	case *Facet:
		p.w("facet by ")
		p.exprs(op.By)
		if op.With != nil {
			p.w(" with ")
			p.block(op.With)
		}
	case *Find:
		p.w("find ")
		p.props(op.Props)
		p.tables(op.In)
		p.w("where ")
		p.expr(op.Pred)
		if op.Smart {
			p.w(" project-smart")
		}
		if op.Project != nil {
			p.w(" project ")
			for i, x := range op.Project {
				if i > 0 {
					p.w(", ")
				}
				if t, ok := x.(*Typed); ok {
					p.expr(t.X)
					p.w(":", t.Type)
					continue
				}
				p.expr(x)
			}
		}
		if op.Away != nil {
			p.w(" project-away ")
			p.exprs(op.Away)
		}
	case *MakeSeries:
		p.w("make-series ")
		p.props(op.Props)
		p.exprs(op.Aggs)
		p.w(" on ")
		p.expr(op.Axis)
		if op.From != nil {
			p.w(" from ")
			p.expr(op.From)
		}
		if op.To != nil {
			p.w(" to ")
			p.expr(op.To)
		}
		p.w(" step ")
		p.expr(op.Step)
		if op.By != nil {
			p.w(" by ")
			p.exprs(op.By)
		}
	case *Simple:
		p.w(op.Name)
		if len(op.Props) > 0 {
			p.w(" ")
			p.props(op.Props)
		}
	case *AssertSchema:
		p.w("assert-schema (")
		p.columns(op.Columns)
		p.w(")")
	case *MacroExpand:
		p.w("macro-expand ")
		p.props(op.Props)
		p.expr(op.Group)
		p.w(" as ", ident(op.Name), " (")
		p.indent++
		p.body(op.Body)
		p.indent--
		p.line()
		p.w(")")
	default:
		p.graph(op)
	}
}

// braces says whether a partition's subquery stood in braces: it then has a source of its own.
func braces(op *Partition) bool {
	pipe, ok := op.Sub.(*Pipeline)
	return !ok || pipe.Source != nil
}

func (p *printer) scan(op *Scan) {
	p.w("scan ")
	p.props(op.Props)
	if op.Order != nil {
		p.w("order by ")
		p.exprs(op.Order)
		p.w(" ")
	}
	if op.By != nil {
		p.w("partition by ")
		p.exprs(op.By)
		p.w(" ")
	}
	if op.Declare != nil {
		p.w("declare (")
		p.params(op.Declare)
		p.w(") ")
	}
	p.w("with (")
	p.indent++
	for _, s := range op.Steps {
		p.line()
		p.w("step ", ident(s.Name))
		if s.Optional {
			p.w(" optional")
		}
		if s.Output != "" {
			p.w(" output=", s.Output)
		}
		p.w(": ")
		p.expr(s.Cond)
		if s.Set != nil {
			p.w(" => ")
			p.exprs(s.Set)
		}
		p.w(";")
	}
	p.indent--
	p.line()
	p.w(")")
}

func (p *printer) graph(op Operator) {
	switch op := op.(type) {
	case *MakeGraph:
		p.w("make-graph ")
		p.props(op.Props)
		p.w(ident(op.Source), " --> ", ident(op.Target))
		for i, t := range op.Tables {
			if i == 0 {
				p.w(" with ")
			} else {
				p.w(", ")
			}
			p.expr(t.Table)
			p.w(" on ", ident(t.On))
		}
		if op.NodeID != nil {
			p.w(" with_node_id=", ident(op.NodeID))
		}
		if op.PartitionedBy != nil {
			p.w(" partitioned-by ", ident(op.PartitionedBy), " ")
			p.block(op.Sub)
		}
	case *GraphMatch:
		if op.Shortest {
			p.w("graph-shortest-paths ")
		} else {
			p.w("graph-match ")
		}
		p.props(op.Props)
		for i, path := range op.Patterns {
			if i > 0 {
				p.w(", ")
			}
			for _, e := range path {
				p.element(e)
			}
		}
		if op.Where != nil {
			p.line()
			p.w("  where ")
			p.expr(op.Where)
		}
		if op.Project != nil {
			p.line()
			p.w("  project ")
			p.exprs(op.Project)
		}
	case *GraphToTable:
		p.w("graph-to-table ")
		for i, o := range op.Outputs {
			if i > 0 {
				p.w(", ")
			}
			p.w(o.What)
			if o.As != nil {
				p.w(" as ", ident(o.As))
			}
			if len(o.Props) > 0 {
				p.w(" ")
				p.props(o.Props)
			}
		}
	case *GraphMark:
		p.w("graph-mark-components ")
		p.props(op.Props)
	case *GraphWhere:
		if op.Edges {
			p.w("graph-where-edges ")
		} else {
			p.w("graph-where-nodes ")
		}
		p.expr(op.Pred)
	}
}

func (p *printer) element(e GraphElement) {
	if e.Direction == 0 {
		p.w("(", ident(e.Name), ")")
		return
	}
	var inner strings.Builder
	if e.Name != nil {
		inner.WriteString(e.Name.Text)
	}
	if e.Ranged {
		inner.WriteString("*" + ExprText(e.Min) + ".." + ExprText(e.Max))
	}
	if e.Direction == '<' {
		p.w("<")
	}
	if inner.Len() > 0 {
		p.w("-[", inner.String(), "]-")
	} else {
		p.w("--")
	}
	if e.Direction == '>' {
		p.w(">")
	}
}
