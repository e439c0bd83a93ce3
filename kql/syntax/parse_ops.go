package syntax

// operator reads the operator that begins here; nil after an error at its name.
func (p *parser) operator() Operator {
	if !p.enter() {
		p.leave()
		return nil
	}
	defer p.leave()
	name, n := p.operatorName()
	start := p.start()
	if n == 0 {
		if t := p.tok(); t.Kind == Ident {
			p.fail("unknown operator "+quoteToken(t.Text), suggest(t.Text))
		} else {
			p.fail("expected an operator", "")
		}
		return nil
	}
	p.at += n
	op := p.operatorBody(name, start)
	if op == nil {
		return nil
	}
	return op
}

func suggest(word string) string {
	switch word {
	case "select":
		return "use `project`"
	case "group":
		return "use `summarize … by`"
	case "from":
		return "a query begins with the name of its table"
	case "having":
		return "use `where` after `summarize`"
	case "orderby":
		return "write `order by`"
	case "let", "set":
		return "statements end with `;` and are not piped"
	}
	return ""
}

func (p *parser) operatorBody(name string, start int) Operator {
	switch name {
	case "where", "filter":
		op := &Where{Props: p.props(), Pred: p.named()}
		op.Span = p.from(start)
		return op
	case "extend", "serialize":
		op := &Extend{Serialize: name == "serialize"}
		p.props()
		if !op.Serialize || !p.atEnd() {
			op.Items = itemsOf(p, p.named)
		}
		op.Span = p.from(start)
		return op
	case "project", "project-by-names", "project-rename":
		op := &Project{Kind: name}
		if !p.atEnd() {
			op.Items = itemsOf(p, p.named)
		}
		op.Span = p.from(start)
		return op
	case "project-away", "project-keep", "project-smart":
		op := &Project{Kind: name, Items: itemsOf(p, p.columnRef)}
		op.Span = p.from(start)
		return op
	case "project-reorder":
		op := &Project{Kind: name}
		op.Items = itemsOf(p, func() Expr { return p.pattern(p.ordered) })
		op.Span = p.from(start)
		return op
	case "summarize":
		return p.summarize(start)
	case "distinct":
		op := &Distinct{Props: p.props()}
		op.Items = itemsOf(p, func() Expr {
			if p.isOp("*") {
				return p.wildcard()
			}
			return p.named()
		})
		op.Span = p.from(start)
		return op
	case "join", "lookup":
		return p.join(start, name == "lookup")
	case "union":
		op := &Union{Props: p.props("kind", "withsource", "with_source", "isfuzzy")}
		op.Tables = itemsOf(p, p.tableRef)
		op.Props = append(op.Props, p.props("kind", "withsource", "with_source", "isfuzzy")...)
		op.Span = p.from(start)
		return op
	case "sort", "order":
		op := &Sort{Props: p.props()}
		p.expectWord("by")
		op.Keys = itemsOf(p, p.ordered)
		op.Span = p.from(start)
		return op
	case "top":
		op := &Top{Props: p.props(), N: p.expr()}
		p.expectWord("by")
		op.Keys = itemsOf(p, p.ordered)
		op.Span = p.from(start)
		return op
	case "top-nested":
		return p.topNested(start)
	case "top-hitters":
		op := &TopHitters{N: p.expr()}
		p.expectWord("of")
		op.Of = p.named()
		if p.acceptWord("by") {
			op.By = p.named()
		}
		op.Span = p.from(start)
		return op
	case "take", "limit":
		op := &Take{Props: p.props(), N: p.expr()}
		op.Span = p.from(start)
		return op
	case "sample", "sample-distinct":
		op := &Sample{N: p.expr()}
		if name == "sample-distinct" {
			p.expectWord("of")
			op.Of = p.named()
		}
		op.Span = p.from(start)
		return op
	case "count":
		op := &Count{}
		if p.acceptWord("as") {
			op.As = p.name()
		}
		op.Span = p.from(start)
		return op
	case "as":
		op := &As{Props: p.props()}
		op.Name = p.name()
		op.Span = p.from(start)
		return op
	case "mv-expand", "mvexpand":
		op := &MvExpand{Props: p.props("bagexpansion", "kind", "with_itemindex")}
		op.Items = itemsOf(p, p.expandItem)
		if p.acceptWord("limit") {
			op.Limit = p.expr()
		}
		op.Span = p.from(start)
		return op
	case "mv-apply", "mvapply":
		op := &MvApply{Props: p.props("bagexpansion", "kind", "with_itemindex")}
		op.Items = itemsOf(p, p.expandItem)
		if p.acceptWord("limit") {
			op.Limit = p.expr()
		}
		p.expectWord("on")
		op.On = p.contextual()
		op.Span = p.from(start)
		return op
	case "parse", "parse-where":
		return p.parse(start, name == "parse-where")
	case "parse-kv":
		op := &ParseKV{X: p.prefix()}
		p.expectWord("as")
		p.expectOp("(")
		op.Columns = p.columnDecls(")")
		p.expectOp(")")
		op.Props = p.with()
		op.Span = p.from(start)
		return op
	case "print":
		op := &Print{Items: itemsOf(p, p.named)}
		op.Span = p.from(start)
		return op
	case "range":
		op := &Range{Name: p.name()}
		p.expectWord("from")
		op.From = p.expr()
		p.expectWord("to")
		op.To = p.expr()
		p.expectWord("step")
		op.Step = p.expr()
		op.Span = p.from(start)
		return op
	case "evaluate":
		return p.evaluate(start)
	case "invoke":
		op := &Invoke{Call: p.unary()}
		op.Span = p.from(start)
		return op
	case "render":
		op := &Render{}
		if t := p.tok(); t.Kind == Ident {
			op.Chart = p.next().Text
		} else {
			p.fail("expected a kind of chart", "")
		}
		for p.tok().Kind == Ident && p.ahead(1).Text == "=" && p.tok().Text != "with" {
			op.Props = append(op.Props, p.property())
			p.acceptOp(",")
		}
		op.Props = append(op.Props, p.renderWith()...)
		op.Span = p.from(start)
		return op
	}
	return p.rareOperator(name, start)
}

// atEnd says whether the operator ends here.
func (p *parser) atEnd() bool {
	t := p.tok()
	return t.Kind == EOF || t.Kind == Op && (t.Text == "|" || t.Text == ";" || t.Text == ")" || t.Text == "}")
}

func (p *parser) summarize(start int) Operator {
	op := &Summarize{Props: p.props()}
	if !p.isWord("by") && !p.atEnd() {
		op.Aggs = itemsOf(p, p.named)
	}
	if p.acceptWord("by") {
		op.HasBy = true
		if !p.atEnd() {
			op.By = itemsOf(p, p.named)
		}
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) join(start int, lookup bool) Operator {
	op := &Join{Lookup: lookup, Props: p.props("kind", "withsource", "isfuzzy")}
	op.Right = p.tableRef()
	switch {
	case p.acceptWord("on"):
		op.On = itemsOf(p, p.expr)
	case !lookup && p.acceptWord("where"):
		op.Where = p.expr()
	default:
		p.fail("expected `on`", "name the columns to match: `on Column` or `on $left.A == $right.B`")
	}
	op.Span = p.from(start)
	return op
}

// expandItem reads `[name =] x [to typeof(type)]`.
func (p *parser) expandItem() Expr {
	start := p.start()
	x := p.named()
	if !p.acceptWord("to") {
		return x
	}
	t := &Typed{X: x}
	p.expectWord("typeof")
	p.expectOp("(")
	t.Type = p.typeName()
	p.expectOp(")")
	t.Span = p.from(start)
	return t
}

func (p *parser) parse(start int, where bool) Operator {
	op := &ParseOp{Where: where, Props: p.props("kind", "flags")}
	op.X = p.prefix()
	p.expectWord("with")
	for !p.atEnd() {
		at := p.start()
		part := ParsePart{}
		t := p.tok()
		switch {
		case p.acceptOp("*"):
			part.Star = true
		case t.Kind == String:
			part.Text, _ = p.literal().(*Literal)
		default:
			part.Name = p.name()
			if p.acceptOp(":") {
				part.Type = p.typeName()
			}
		}
		part.Span = p.from(at)
		if p.halted {
			break
		}
		op.Pattern = append(op.Pattern, part)
	}
	if len(op.Pattern) == 0 {
		p.fail("expected a pattern after `with`", "")
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) evaluate(start int) Operator {
	op := &Evaluate{Props: p.props()}
	name := p.name()
	if name != nil && p.isOp("(") {
		op.Call, _ = p.call(name).(*Call)
	} else {
		p.fail("expected a plugin and its arguments in parentheses", "")
	}
	if p.acceptOp(":") {
		p.expectOp("(")
		op.Columns = p.columnDecls(")")
		p.expectOp(")")
	}
	op.Span = p.from(start)
	return op
}

// renderWith reads with(…), in which a value may be a list of columns without parentheses.
func (p *parser) renderWith() []Property {
	if !p.isWord("with") || p.ahead(1).Text != "(" {
		return nil
	}
	p.at += 2
	var out []Property
	for !p.isOp(")") && p.tok().Kind != EOF {
		pr := p.property()
		another := func() bool { return p.isOp(",") && p.ahead(2).Text != "=" && p.ahead(1).Text != ")" }
		if another() {
			l := &NameList{Items: []Expr{pr.Value}}
			for another() {
				p.at++
				l.Items = append(l.Items, p.propValue())
			}
			l.Span = p.from(pr.Value.Pos().Start)
			pr.Value, pr.Span = l, p.from(pr.Start)
		}
		out = append(out, pr)
		if p.halted || !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	return out
}
