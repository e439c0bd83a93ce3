package syntax

// expr reads an expression without pipes: or, and, equality and lists, order, sum, product, string operators, prefix and postfix, from weak to strong.
func (p *parser) expr() Expr {
	if !p.enter() {
		p.leave()
		return nil
	}
	defer p.leave()
	return p.chain(p.and, "or")
}

func (p *parser) and() Expr { return p.chain(p.equality, "and") }

// chain reads left-associative word operators.
func (p *parser) chain(operand func() Expr, word string) Expr {
	start := p.start()
	x := operand()
	for n := 0; p.isWord(word); n++ {
		if n >= maxChain {
			p.fail("too many terms in one expression", "use `in (…)` or a datatable")
			return x
		}
		op := p.next()
		r := operand()
		x = &Binary{Span: p.from(start), Op: word, OpAt: Span{op.Start, op.End}, L: x, R: r}
	}
	return x
}

// symbols reads left-associative operators for which is gives true.
func (p *parser) symbols(operand func() Expr, is func(t *Token) bool) Expr {
	start := p.start()
	x := operand()
	for n := 0; is(p.tok()); n++ {
		if n >= maxChain {
			p.fail("too many terms in one expression", "")
			return x
		}
		op := p.next()
		if op.Text == "matches" {
			p.expectWord("regex")
			op.Text = "matches regex"
			op.End = p.end()
		}
		r := operand()
		if op.Text == "<>" {
			op.Text = "!="
		}
		x = &Binary{Span: p.from(start), Op: op.Text, OpAt: Span{op.Start, op.End}, L: x, R: r}
	}
	return x
}

func (p *parser) equality() Expr {
	start := p.start()
	x := p.relation()
	for n := 0; n < maxChain; n++ {
		t := p.tok()
		at := Span{t.Start, t.End}
		switch {
		case t.Kind == Op && (t.Text == "==" || t.Text == "!=" || t.Text == "<>"):
			op := t.Text
			if op == "<>" {
				op = "!="
			}
			p.at++
			r := p.relation()
			x = &Binary{Span: p.from(start), Op: op, OpAt: at, L: x, R: r}
		case (t.Kind == Ident || t.Kind == Op) && listOperator(t.Text):
			p.at++
			in := &In{Op: t.Text, OpAt: at, X: x}
			if p.acceptOp("(") {
				in.List = p.list(")", p.argument)
				p.expectOp(")")
			} else { // has_any with a name needs no parentheses
				in.List = []Expr{p.prefix()}
			}
			in.Span = p.from(start)
			x = in
		case t.Kind == Ident && t.Text == "between" || t.Kind == Op && t.Text == "!between":
			p.at++
			b := &Between{Not: t.Text == "!between", X: x}
			p.expectOp("(")
			b.Lo = p.expr()
			p.expectOp("..")
			b.Hi = p.expr()
			p.expectOp(")")
			b.Span = p.from(start)
			x = b
		default:
			return x
		}
	}
	p.fail("too many terms in one expression", "")
	return x
}

func listOperator(w string) bool {
	switch w {
	case "in", "!in", "in~", "!in~", "has_any", "has_all":
		return true
	}
	return false
}

func (p *parser) relation() Expr {
	return p.symbols(p.sum, func(t *Token) bool {
		return t.Kind == Op && (t.Text == "<" || t.Text == ">" || t.Text == "<=" || t.Text == ">=")
	})
}

func (p *parser) sum() Expr {
	return p.symbols(p.product, func(t *Token) bool { return t.Kind == Op && (t.Text == "+" || t.Text == "-") })
}

func (p *parser) product() Expr {
	return p.symbols(p.stringOp, func(t *Token) bool {
		return t.Kind == Op && (t.Text == "*" || t.Text == "/" || t.Text == "%")
	})
}

func (p *parser) stringOp() Expr {
	return p.symbols(p.prefix, func(t *Token) bool {
		return (t.Kind == Ident || t.Kind == Op) && StringOperator(t.Text) && !(t.Text == "matches" && p.ahead(1).Text != "regex")
	})
}

// StringOperator says whether a word or symbol is a binary operator on strings ("matches" stands for "matches regex").
func StringOperator(w string) bool {
	switch w {
	case "=~", "!~", ":", "has", "!has", "has_cs", "!has_cs", "hasprefix", "!hasprefix", "hasprefix_cs", "!hasprefix_cs", "hassuffix", "!hassuffix",
		"hassuffix_cs", "!hassuffix_cs", "contains", "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs",
		"!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs", "matches", "like", "notlike", "like_cs", "notlike_cs",
		"notcontains", "notcontains_cs", "containscs", "startswithcs", "endswithcs":
		return true
	}
	return false
}

// prefix reads a sign and what it stands before.
func (p *parser) prefix() Expr {
	if t := p.tok(); t.Kind == Op && (t.Text == "-" || t.Text == "+") {
		if !p.enter() {
			p.leave()
			return nil
		}
		defer p.leave()
		start := p.start()
		p.at++
		x := p.prefix()
		return &Unary{Span: p.from(start), Op: t.Text, X: x}
	}
	return p.unary()
}

// unary reads a primary expression and the accesses after it.
func (p *parser) unary() Expr {
	start := p.start()
	x := p.primary()
	for n := 0; n < maxChain; n++ {
		switch {
		case p.isOp(".") && (p.ahead(1).Kind == Ident || p.ahead(1).Kind == Op && p.ahead(1).Text == "*"):
			p.at++
			path := &Path{X: x}
			if p.wildcardAhead() {
				path.Name = p.wildcard()
			} else if name := p.name(); p.isOp("(") && p.adjacent(0) {
				path.Name = p.call(name)
			} else {
				path.Name = name
			}
			path.Span = p.from(start)
			x = path
		case p.isOp(".") && p.ahead(1).Kind == Op && p.ahead(1).Text == "[":
			p.at += 2
			i := p.expr()
			p.expectOp("]")
			x = &Index{Span: p.from(start), X: x, Index: i}
		case p.isOp(".") && p.ahead(1).Kind == String: // a."b" is read as a["b"]
			p.at++
			i := p.literal()
			x = &Index{Span: p.from(start), X: x, Index: i}
		case p.isOp("["):
			p.at++
			i := p.expr()
			p.expectOp("]")
			x = &Index{Span: p.from(start), X: x, Index: i}
		default:
			return x
		}
	}
	p.fail("too many terms in one expression", "")
	return x
}

func (p *parser) primary() Expr {
	t := p.tok()
	start := t.Start
	switch t.Kind {
	case Number, Real, TimeSpan, String:
		return p.literal()
	case Ident:
		next := p.ahead(1)
		if next.Kind == Op && next.Text == "(" {
			if x := p.special(t.Text); x != nil || p.halted {
				return x
			}
			return p.call(p.name())
		}
		if next.Kind == Op && next.Text == "[" && t.Text == "entity_group" {
			p.at += 2
			c := &Call{Name: &Name{Span: Span{start, t.End}, Text: t.Text}, Args: p.list("]", p.argument)}
			p.expectOp("]")
			c.Span = p.from(start)
			return c
		}
		if t.Text == "inline_external_table" {
			return p.inlineExternal()
		}
		switch t.Text {
		case "true", "false", "True", "False", "TRUE", "FALSE":
			p.at++
			return &Literal{Span: Span{start, t.End}, Kind: LitBool, Value: t.Text[0] == 't' || t.Text[0] == 'T', Raw: t.Text}
		case "null":
			p.at++
			return &Literal{Span: Span{start, t.End}, Kind: LitDynamic, Raw: t.Text}
		}
		if p.wildcardAhead() {
			return p.wildcard()
		}
		return p.name()
	case Op:
		switch t.Text {
		case "(":
			return p.paren()
		case "[":
			if p.ahead(1).Kind == String && p.ahead(2).Text == "]" {
				return p.name()
			}
		case "*":
			return p.wildcard()
		}
	}
	p.fail("expected an expression", "")
	return nil
}

func (p *parser) paren() Expr {
	saved := p.inPatterns
	p.inPatterns = false
	defer func() { p.inPatterns = saved }()
	start := p.start()
	p.at++
	x := p.pipeline()
	p.expectOp(")")
	return &Paren{Span: p.from(start), X: x}
}

// special reads forms that look like calls but have a grammar of their own; nil when name is not one of them.
func (p *parser) special(name string) Expr {
	switch name {
	case "datatable":
		return p.dataTable()
	case "externaldata", "external_data":
		return p.external()
	case "inline_external_table":
		return p.inlineExternal()
	case "typeof":
		start := p.start()
		p.at += 2
		x := &TypeOf{}
		if p.isOp("*") || p.ahead(1).Kind == Op && p.ahead(1).Text == ":" {
			x.Columns = p.columnDecls(")")
		} else {
			x.Type = p.typeName()
		}
		p.expectOp(")")
		x.Span = p.from(start)
		return x
	}
	if rawLiteral(name) {
		return p.rawLiteral()
	}
	return nil
}

// call reads the arguments of a call of name.
func (p *parser) call(name *Name) Expr {
	if !p.enter() {
		p.leave()
		return nil
	}
	defer p.leave()
	saved := p.inPatterns
	p.inPatterns = false
	defer func() { p.inPatterns = saved }()
	start := name.Start
	p.expectOp("(")
	c := &Call{Name: name}
	c.Args = p.list(")", p.argument)
	p.expectOp(")")
	c.Span = p.from(start)
	return c
}

// argument reads an argument: an expression, possibly named, possibly tabular.
func (p *parser) argument() Expr {
	if p.isOp("*") && p.ahead(1).Kind == Op && (p.ahead(1).Text == ")" || p.ahead(1).Text == ",") {
		return p.wildcard()
	}
	start := p.start()
	if n := p.namePrefix(); n != nil {
		n.X = p.pipeline()
		n.Span = p.from(start)
		return n
	}
	return p.pipeline()
}

// named reads an expression with an optional name or tuple of names before it.
func (p *parser) named() Expr {
	start := p.start()
	if n := p.namePrefix(); n != nil {
		n.X = p.expr()
		n.Span = p.from(start)
		return n
	}
	return p.expr()
}

// namePrefix reads `name =` or `(a, b) =` if that is what comes.
func (p *parser) namePrefix() *Named {
	t := p.tok()
	isEq := func(i int) bool { n := p.ahead(i); return n.Kind == Op && n.Text == "=" }
	switch {
	case t.Kind == Ident && isEq(1), t.Kind == Op && t.Text == "[" && p.ahead(1).Kind == String && isEq(3):
		n := &Named{Names: []*Name{p.name()}}
		p.expectOp("=")
		return n
	case t.Kind == Op && t.Text == "(":
		i := 1
		for p.ahead(i).Kind == Ident || p.ahead(i).Kind == String || p.ahead(i).Kind == Op && (p.ahead(i).Text == "," || p.ahead(i).Text == "[" || p.ahead(i).Text == "]") {
			i++
		}
		if p.ahead(i).Kind == Op && p.ahead(i).Text == ")" && isEq(i+1) {
			p.at++
			n := &Named{Tuple: true, Names: listOf(p, ")", p.name)}
			p.expectOp(")")
			p.expectOp("=")
			return n
		}
	}
	return nil
}

// wildcardAhead says whether a name pattern comes: words and stars without blanks between, with at least one star.
func (p *parser) wildcardAhead() bool {
	for i := 0; ; i++ {
		t := p.ahead(i)
		if i > 0 && !p.adjacent(i) {
			return false
		}
		switch {
		case t.Kind == Op && t.Text == "*":
			if i == 0 {
				return true
			}
			// a*b is a product unless something other than an operand follows
			n := p.ahead(i + 1)
			if n.Kind == Ident || n.Kind == Number {
				return p.patterns()
			}
			return !(n.Kind == Op && (n.Text == "(" || n.Text == "-" || n.Text == "[")) && n.Kind != Real && n.Kind != TimeSpan && n.Kind != String
		case t.Kind == Ident || t.Kind == Number && i > 0:
		default:
			return false
		}
	}
}

// patterns says whether the parser is in a place where A*B must be a name pattern.
func (p *parser) patterns() bool { return p.inPatterns }

// wildcard reads a name pattern.
func (p *parser) wildcard() Expr {
	start := p.start()
	for {
		t := p.tok()
		ok := t.Kind == Ident || t.Kind == Number || t.Kind == Op && t.Text == "*"
		if !ok || p.start() != start && !p.adjacent(0) {
			break
		}
		if t.Kind != Op && p.start() > start && !p.inPatterns {
			break
		}
		p.at++
	}
	at := p.from(start)
	return &Wildcard{Span: at, Pattern: p.src.Text[at.Start:at.End]}
}

// pattern reads a column or table reference in which stars are patterns.
func (p *parser) pattern(read func() Expr) Expr {
	saved := p.inPatterns
	p.inPatterns = true
	x := read()
	p.inPatterns = saved
	return x
}

// ordered reads an expression with asc, desc and nulls first/last.
func (p *parser) ordered() Expr {
	start := p.start()
	x := p.named()
	o := &Ordered{X: x}
	t := p.tok()
	switch {
	case p.acceptWord("asc", "desc"):
		o.Order = t.Text
	case p.isWord("granny") && p.ahead(1).Text == "-" && (p.ahead(2).Text == "asc" || p.ahead(2).Text == "desc"):
		o.Order = "granny-" + p.ahead(2).Text
		p.at += 3
	}
	if p.acceptWord("nulls") {
		t := p.tok()
		if p.acceptWord("first", "last") {
			o.Nulls = t.Text
		} else {
			p.fail("expected `first` or `last`", "")
		}
	}
	if o.Order == "" && o.Nulls == "" {
		return x
	}
	o.Span = p.from(start)
	return o
}
