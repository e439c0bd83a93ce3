package syntax

// rareOperator reads the operators that few queries use.
func (p *parser) rareOperator(name string, start int) Operator {
	switch name {
	case "getschema", "consume", "execute_and_cache":
		op := &Simple{Name: name, Props: p.props("*")}
		op.Span = p.from(start)
		return op
	case "assert-schema":
		op := &AssertSchema{}
		p.expectOp("(")
		op.Columns = p.columnDecls(")")
		p.expectOp(")")
		op.Span = p.from(start)
		return op
	case "reduce":
		op := &Reduce{Props: p.props("kind")}
		p.expectWord("by")
		op.By = p.named()
		if p.acceptWord("with") {
			op.With = itemsOf(p, p.property)
		}
		op.Span = p.from(start)
		return op
	case "scan":
		return p.scan(start)
	case "partition", "__partitionby":
		return p.partition(start)
	case "fork":
		return p.fork(start)
	case "facet":
		p.expectWord("by")
		op := &Facet{By: itemsOf(p, p.unary)}
		if p.acceptWord("with") {
			if p.isOp("(") {
				op.With = p.contextual()
			} else {
				at := p.start()
				op.With = &Pipeline{}
				if sub := p.operator(); sub != nil {
					op.With.Ops = []Operator{sub}
				}
				op.With.Span = p.from(at)
			}
		}
		op.Span = p.from(start)
		return op
	case "find":
		return p.find(start)
	case "search":
		return p.search(start)
	case "make-series":
		return p.makeSeries(start)
	case "macro-expand":
		op := &MacroExpand{Props: p.props("isfuzzy", "kind", "force_remote")}
		op.Group = p.tableRef()
		p.expectWord("as")
		op.Name = p.name()
		p.expectOp("(")
		op.Body = p.statements(true)
		p.expectOp(")")
		op.Span = p.from(start)
		return op
	}
	return p.graphOperator(name, start)
}

// topNested reads the clauses; the first name is consumed already.
func (p *parser) topNested(start int) Operator {
	op := &TopNested{}
	for {
		at := p.start()
		c := TopNestedClause{}
		if !p.isWord("of") {
			c.N = p.expr()
		}
		p.expectWord("of")
		c.Of = p.named()
		if p.isWord("with") && p.ahead(1).Text == "others" {
			p.at += 2
			p.expectOp("=")
			c.Others = p.expr()
		}
		p.expectWord("by")
		c.By = p.ordered()
		c.Span = p.from(at)
		op.Clauses = append(op.Clauses, c)
		if p.halted || !p.isOp(",") {
			break
		}
		p.at++
		name, n := p.operatorName()
		if name != "top-nested" {
			p.fail("expected `top-nested`", "")
			break
		}
		p.at += n
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) scan(start int) Operator {
	op := &Scan{Props: p.props("with_match_id", "kind")}
	if p.isWord("order") && p.ahead(1).Text == "by" {
		p.at += 2
		op.Order = itemsOf(p, p.ordered)
	}
	if p.isWord("partition") && p.ahead(1).Text == "by" {
		p.at += 2
		op.By = itemsOf(p, p.unary)
	}
	if p.acceptWord("declare") {
		p.expectOp("(")
		op.Declare = p.params()
		p.expectOp(")")
	}
	p.expectWord("with")
	p.expectOp("(")
	for p.isWord("step") {
		at := p.start()
		p.at++
		s := ScanStep{Name: p.name()}
		s.Optional = p.acceptWord("optional")
		if p.acceptWord("output") {
			p.expectOp("=")
			if t := p.tok(); p.acceptWord("all", "last", "none") {
				s.Output = t.Text
			} else {
				p.fail("expected `all`, `last` or `none`", "")
			}
		}
		p.expectOp(":")
		s.Cond = p.expr()
		if p.acceptOp("=>") {
			s.Set = itemsOf(p, p.named)
		}
		s.Span = p.from(at)
		if p.halted {
			break
		}
		op.Steps = append(op.Steps, s)
		if !p.acceptOp(";") {
			break
		}
	}
	p.expectOp(")")
	op.Span = p.from(start)
	return op
}

func (p *parser) partition(start int) Operator {
	op := &Partition{Props: p.props("kind")}
	p.acceptWord("by")
	op.By = p.unaryName()
	op.Props = append(op.Props, p.props()...)
	switch {
	case p.isWord("in") && p.ahead(1).Text == "(":
		p.at++
		fallthrough
	case p.isOp("("):
		op.Sub = p.contextual()
	case p.acceptOp("{"):
		if p.enter() {
			op.Sub = p.pipeline()
		}
		p.leave()
		p.expectOp("}")
	default:
		p.fail("expected a subquery in parentheses", "")
	}
	op.Span = p.from(start)
	return op
}

// unaryName reads a column without taking the parenthesis after it for a call.
func (p *parser) unaryName() Expr {
	start := p.start()
	n := p.name()
	if n == nil {
		return nil
	}
	var x Expr = n
	for p.isOp(".") && p.ahead(1).Kind == Ident {
		p.at++
		x = &Path{X: x, Name: p.name(), Span: p.from(start)}
	}
	return x
}

func (p *parser) fork(start int) Operator {
	op := &Fork{}
	for p.isOp("(") || p.tok().Kind == Ident && p.ahead(1).Text == "=" {
		at := p.start()
		b := Named{}
		if p.tok().Kind == Ident {
			b.Names = []*Name{p.name()}
			p.expectOp("=")
		}
		b.X = p.contextual()
		b.Span = p.from(at)
		op.Branches = append(op.Branches, b)
		if p.halted {
			break
		}
	}
	if len(op.Branches) == 0 {
		p.fail("expected subqueries in parentheses", "")
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) find(start int) Operator {
	op := &Find{Props: p.props("withsource", "with_source", "kind", "datascope", "isfuzzy")}
	if p.isWord("in") && p.ahead(1).Text == "(" {
		p.at += 2
		op.In = p.list(")", p.tableRef)
		p.expectOp(")")
	}
	op.Props = append(op.Props, p.props("withsource", "with_source", "kind", "datascope", "isfuzzy")...)
	p.acceptWord("where")
	op.Pred = p.expr()
	for !p.halted {
		name, n := p.operatorName()
		switch {
		case name == "project-smart":
			p.at += n
			op.Smart = true
		case name == "project":
			p.at += n
			op.Project = itemsOf(p, func() Expr {
				at := p.start()
				if p.isWord("pack") && p.ahead(1).Text == "(" {
					return p.pattern(p.unary)
				}
				x := p.pattern(p.unary)
				if p.acceptOp(":") {
					return &Typed{X: x, Type: p.typeName(), Span: p.from(at)}
				}
				return x
			})
		case name == "project-away":
			p.at += n
			op.Away = itemsOf(p, p.columnRef)
		default:
			op.Span = p.from(start)
			return op
		}
	}
	op.Span = p.from(start)
	return op
}

func (p *parser) search(start int) Operator {
	op := &Search{Props: p.props("kind", "isfuzzy")}
	if p.isWord("in") && p.ahead(1).Text == "(" {
		p.at += 2
		op.In = p.list(")", p.tableRef)
		p.expectOp(")")
	}
	op.Props = append(op.Props, p.props("kind", "isfuzzy")...)
	op.Pred = p.expr()
	op.Span = p.from(start)
	return op
}

func (p *parser) makeSeries(start int) Operator {
	op := &MakeSeries{Props: p.props("kind")}
	op.Aggs = itemsOf(p, func() Expr {
		at := p.start()
		x := p.named()
		if p.acceptWord("default") {
			p.expectOp("=")
			return &Typed{X: x, Default: p.expr(), Span: p.from(at)}
		}
		return x
	})
	p.expectWord("on")
	at := p.start()
	if n := p.namePrefix(); n != nil {
		n.X = p.relation()
		n.Span = p.from(at)
		op.Axis = n
	} else {
		op.Axis = p.relation() // not an expression: `in` begins the range
	}
	if p.isWord("in") && p.ahead(1).Text == "range" || p.isOp("in") {
		p.at++
		p.expectWord("range")
		p.expectOp("(")
		op.From = p.expr()
		p.expectOp(",")
		op.To = p.expr()
		p.expectOp(",")
		op.Step = p.expr()
		p.expectOp(")")
	} else {
		if p.acceptWord("from") {
			op.From = p.expr()
		}
		if p.acceptWord("to") {
			op.To = p.expr()
		}
		p.expectWord("step")
		op.Step = p.expr()
	}
	if p.acceptWord("by") {
		op.By = itemsOf(p, p.named)
	}
	op.Span = p.from(start)
	return op
}
