package syntax

import "strings"

// operators that begin after a pipe, each with whether it may also be a source of rows.
func operatorKind(name string) (known, source bool) {
	switch name {
	case "where", "filter", "extend", "project", "project-away", "project-keep", "project-rename", "project-reorder", "project-by-names", "project-smart",
		"summarize", "distinct", "join", "lookup", "sort", "order", "top", "top-nested", "top-hitters", "take", "limit", "sample",
		"sample-distinct", "count", "as", "mv-expand", "mvexpand", "mv-apply", "mvapply", "parse", "parse-where", "parse-kv", "invoke", "render",
		"reduce", "serialize", "scan", "partition", "__partitionby", "fork", "facet", "make-series", "make-graph", "graph-match",
		"graph-shortest-paths", "graph-to-table", "graph-mark-components", "graph-where-nodes", "graph-where-edges", "getschema", "consume",
		"assert-schema", "execute_and_cache":
		return true, false
	case "union", "evaluate", "find", "search", "print", "range", "macro-expand":
		return true, true
	}
	return false, false
}

// tabular says whether a word can begin an operator, for hints.
func tabular(word string) bool {
	known, _ := operatorKind(word)
	return known || word == "project" || word == "mv" || word == "graph" || word == "make"
}

// operatorName returns the operator that begins at the present token and the number of tokens of its name.
func (p *parser) operatorName() (string, int) {
	t := p.tok()
	if t.Kind != Ident {
		return "", 0
	}
	name, n := t.Text, 1
	best, bestN := "", 0
	if known, _ := operatorKind(name); known {
		best, bestN = name, 1
	}
	for i := 0; i < 3; i++ {
		dash, word := p.ahead(n), p.ahead(n+1)
		if dash.Kind != Op || dash.Text != "-" || word.Kind != Ident || !p.adjacent(n) || !p.adjacent(n+1) {
			break
		}
		name += "-" + word.Text
		n += 2
		if known, _ := operatorKind(name); known {
			best, bestN = name, n
		}
	}
	return best, bestN
}

// pipeline reads an expression and the operators after it.
func (p *parser) pipeline() Expr {
	if !p.enter() {
		p.leave()
		return nil
	}
	defer p.leave()
	start := p.start()
	pipe := &Pipeline{}
	if p.sourceOperator() {
		from := p.at
		if op := p.operator(); op != nil {
			pipe.Ops = append(pipe.Ops, op)
		}
		p.resync(from)
	} else {
		from := p.at
		pipe.Source = p.expr()
		p.props("datascope")
		if p.halted {
			p.resync(from)
			if !p.isOp("|") {
				return pipe.Source
			}
		}
		if !p.isOp("|") {
			return pipe.Source
		}
	}
	p.pipes(pipe)
	pipe.Span = p.from(start)
	return pipe
}

// pipes reads `| operator` as often as it comes.
func (p *parser) pipes(pipe *Pipeline) {
	for p.acceptOp("|") {
		for p.acceptOp("|") { // an empty stage
		}
		from := p.at
		if op := p.operator(); op != nil {
			pipe.Ops = append(pipe.Ops, op)
		}
		p.resync(from)
	}
}

// sourceOperator says whether an operator that brings its own rows begins here.
func (p *parser) sourceOperator() bool {
	name, n := p.operatorName()
	if _, source := operatorKind(name); !source {
		return false
	}
	next := p.ahead(n)
	switch name {
	case "range":
		return next.Kind == Ident || next.Kind == Op && next.Text == "["
	case "union", "find", "search", "print":
		return next.Kind != EOF && !(next.Kind == Op && (next.Text == "|" || next.Text == ";" || next.Text == "." || next.Text == "==" || next.Text == "=" || next.Text == ")" || next.Text == ","))
	}
	return next.Kind == Ident
}

// contextual reads a subquery whose rows come from around it: `( operator | operator … )`, parentheses consumed.
func (p *parser) contextual() *Pipeline {
	p.expectOp("(")
	start := p.start()
	pipe := &Pipeline{}
	if !p.enter() {
		p.leave()
		return pipe
	}
	defer p.leave()
	if name, _ := p.operatorName(); name != "" {
		from := p.at
		if op := p.operator(); op != nil {
			pipe.Ops = append(pipe.Ops, op)
		}
		p.resync(from)
		p.pipes(pipe)
	} else if !p.isOp(")") {
		if inner, ok := p.pipeline().(*Pipeline); ok {
			pipe = inner
		} else {
			p.fail("expected an operator", "")
		}
	}
	pipe.Span = p.from(start)
	p.expectOp(")")
	return pipe
}

// props reads parameters: hint.* always, others when named in allowed.
func (p *parser) props(allowed ...string) []Property {
	var out []Property
	for {
		t := p.tok()
		if t.Kind != Ident {
			return out
		}
		n := 1
		if t.Text == "hint" && p.ahead(1).Text == "." {
			for p.ahead(n).Text == "." && p.ahead(n+1).Kind == Ident {
				n += 2
			}
		} else {
			ok := strings.HasPrefix(t.Text, "hint") && t.Text == "hint"
			for _, a := range allowed {
				ok = ok || a == t.Text || a == "*"
			}
			if !ok {
				return out
			}
		}
		if eq := p.ahead(n); eq.Kind != Op || eq.Text != "=" {
			return out
		}
		start := p.start()
		pr := Property{Name: p.dotted()}
		p.expectOp("=")
		pr.Value = p.propValue()
		pr.Span = p.from(start)
		out = append(out, pr)
	}
}

// propValue reads a literal, a name or a list in parentheses.
func (p *parser) propValue() Expr {
	if p.isOp("(") {
		return p.paren()
	}
	if p.tok().Kind == Ident && p.ahead(1).Text == "-" && p.adjacent(1) && p.adjacent(2) { // granny-asc and other words with a hyphen
		start := p.start()
		var b strings.Builder
		for p.tok().Kind == Ident || p.isOp("-") {
			if b.Len() > 0 && !p.adjacent(0) {
				break
			}
			b.WriteString(p.next().Text)
		}
		return &Name{Span: p.from(start), Text: b.String()}
	}
	if p.tok().Kind == Ident && !rawLiteral(p.tok().Text) { // a name, even before a parenthesis
		return p.pattern(func() Expr {
			if p.wildcardAhead() {
				return p.wildcard()
			}
			return p.unaryName()
		})
	}
	return p.pattern(p.prefix)
}

// with reads `with (name=value, …)` where it comes.
func (p *parser) with() []Property {
	if !p.isWord("with") || p.ahead(1).Text != "(" {
		return nil
	}
	p.at++
	p.expectOp("(")
	out := listOf(p, ")", p.property)
	p.expectOp(")")
	return out
}

func (p *parser) property() Property {
	start := p.start()
	pr := Property{}
	if p.tok().Kind == String {
		pr.Name = p.next().Value
	} else {
		pr.Name = p.dotted()
	}
	p.expectOp("=")
	if p.tok().Kind == Ident && p.ahead(1).Text == "(" && p.adjacent(1) {
		pr.Value = p.prefix()
	} else {
		pr.Value = p.propValue()
	}
	pr.Span = p.from(start)
	return pr
}

func (p *parser) dataTable() Expr {
	start := p.start()
	p.at++
	d := &DataTable{Props: p.props()}
	p.expectOp("(")
	d.Columns = p.columnDecls(")")
	p.expectOp(")")
	d.Props = append(d.Props, p.with()...)
	p.expectOp("[")
	d.Values = p.list("]", p.expr)
	p.expectOp("]")
	d.Span = p.from(start)
	return d
}

func (p *parser) external() Expr {
	start := p.start()
	p.at++
	d := &External{}
	p.expectOp("(")
	d.Columns = p.columnDecls(")")
	p.expectOp(")")
	d.Props = p.props()
	p.expectOp("[")
	d.URIs = p.list("]", p.expr)
	p.expectOp("]")
	d.Props = append(d.Props, p.with()...)
	d.Span = p.from(start)
	return d
}

// tableRef reads a table, a pattern of tables, a call, or a subquery in parentheses.
func (p *parser) tableRef() Expr { return p.pattern(p.unary) }

// columnRef reads a column or a pattern of columns.
func (p *parser) columnRef() Expr { return p.pattern(p.unary) }

// inlineExternal reads inline_external_table, of which only the extent matters here.
func (p *parser) inlineExternal() Expr {
	start := p.start()
	p.at++
	lists := 0
	for p.tok().Kind != EOF {
		if p.isOp("(") {
			i := p.matching(p.at)
			if i < 0 {
				p.fail("`(` is not closed", "")
				return nil
			}
			p.at = i + 1
			lists++
		} else if p.tok().Kind == Ident || p.isOp("=") || p.tok().Kind == String {
			p.at++
		} else {
			break
		}
	}
	if lists == 0 {
		p.fail("expected the addresses in parentheses", "")
		return nil
	}
	at := p.from(start)
	return &External{Span: at, Inline: p.src.Text[at.Start:at.End]}
}
