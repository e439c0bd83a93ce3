package syntax

import "strings"

// Limits of what the parser accepts; beyond them a query is refused rather than read.
const (
	MaxLength = 1 << 20 // bytes of a query
	maxDepth  = 250     // nested parentheses, subqueries, calls
	maxChain  = 20_000  // terms of one chain of binary operators
	maxErrors = 50
)

type parser struct {
	src    *Source
	tokens []Token
	at     int
	halted bool // an error was met: the parser sees EOF until the next point of recovery
	depth  int
	// inPatterns: a star between words belongs to a name pattern (project-away, union, …), not to a product.
	inPatterns bool
	diags      []Diagnostic
}

// Parse reads a query. The tree holds what was understood; diagnostics are in order of place.
func Parse(text string) (*Query, []Diagnostic) {
	src := NewSource(text)
	q := &Query{Source: src}
	if len(text) > MaxLength {
		return q, []Diagnostic{{Span: Span{0, 1}, Message: "the query is longer than 1 MiB"}}
	}
	tokens, comments := Tokens(text)
	q.Comments = comments
	p := &parser{src: src, tokens: tokens}
	q.Statements = p.statements(false)
	return q, p.diags
}

var eof = Token{Kind: EOF}

func (p *parser) tok() *Token {
	if p.halted {
		return &eof
	}
	return &p.tokens[p.at]
}

// ahead returns the token n places on.
func (p *parser) ahead(n int) *Token {
	if p.halted || p.at+n >= len(p.tokens) {
		return &eof
	}
	return &p.tokens[p.at+n]
}

func (p *parser) next() Token {
	t := *p.tok()
	if t.Kind != EOF {
		p.at++
	}
	return t
}

// start is the offset where the next node begins, end the offset where the last token ended.
func (p *parser) start() int { return p.tokens[p.at].Start }

func (p *parser) end() int {
	if p.at == 0 {
		return 0
	}
	return p.tokens[p.at-1].End
}

func (p *parser) from(start int) Span { return Span{start, max(start, p.end())} }

func (p *parser) isOp(text string) bool { t := p.tok(); return t.Kind == Op && t.Text == text }

func (p *parser) isWord(words ...string) bool {
	t := p.tok()
	if t.Kind != Ident {
		return false
	}
	for _, w := range words {
		if t.Text == w {
			return true
		}
	}
	return false
}

func (p *parser) acceptOp(text string) bool {
	if p.isOp(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) acceptWord(words ...string) bool {
	if p.isWord(words...) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expectOp(text string) {
	if !p.acceptOp(text) {
		p.fail("expected `"+text+"`", "")
	}
}

func (p *parser) expectWord(word string) {
	if !p.acceptWord(word) {
		p.fail("expected `"+word+"`", "")
	}
}

// adjacent says that the token n places on follows its predecessor without a blank.
func (p *parser) adjacent(n int) bool {
	if p.halted || p.at+n >= len(p.tokens) || p.at+n < 1 {
		return false
	}
	return p.tokens[p.at+n].Start == p.tokens[p.at+n-1].End
}

// fail reports an error at the present token and makes the parser see the end of input until it recovers.
func (p *parser) fail(message, hint string) {
	if p.halted {
		return
	}
	t := p.tokens[p.at]
	if t.Kind == Bad {
		message, hint = t.Value, ""
		if t.Value == "unexpected character" {
			message = "unexpected character " + quoteToken(t.Text)
		}
	} else if strings.HasPrefix(message, "expected") {
		if t.Kind == EOF {
			message += ", found the end of the query"
		} else {
			message += ", found " + quoteToken(t.Text)
		}
	}
	p.failAt(Span{t.Start, max(t.End, t.Start)}, message, hint)
}

func (p *parser) failAt(at Span, message, hint string) {
	if p.halted {
		return
	}
	if len(p.diags) < maxErrors {
		p.diags = append(p.diags, Diagnostic{Span: at, Message: message, Hint: hint})
	}
	p.halted = true
}

func quoteToken(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return "`" + s + "`"
}

// resync ends a halt: it skips to the next pipe or semicolon outside the brackets opened since from, or to a bracket that closes one opened before.
func (p *parser) resync(from int) {
	if !p.halted {
		return
	}
	p.halted = false
	depth := 0
	for i := from; i < p.at; i++ {
		depth += bracket(&p.tokens[i])
	}
	depth = max(depth, 0)
	for p.tokens[p.at].Kind != EOF {
		t := &p.tokens[p.at]
		b := bracket(t)
		if depth == 0 && (b < 0 || t.Kind == Op && (t.Text == "|" || t.Text == ";")) {
			return
		}
		depth = max(0, depth+b)
		p.at++
	}
}

func bracket(t *Token) int {
	if t.Kind == Op && len(t.Text) == 1 {
		switch t.Text[0] {
		case '(', '[', '{':
			return 1
		case ')', ']', '}':
			return -1
		}
	}
	return 0
}

// enter bounds recursion; every call is paired with leave.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail("the query is nested too deeply", "split it with let statements")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// statements reads statements up to the end of the text, or to a closing brace inside a function body.
func (p *parser) statements(body bool) []Statement {
	var out []Statement
	for {
		for p.acceptOp(";") {
		}
		if t := p.tok(); t.Kind == EOF || body && p.isOp("}") || body && p.isOp(")") {
			return out
		}
		from := p.at
		s := p.statement()
		if s != nil {
			out = append(out, s)
		}
		if !p.halted && p.tok().Kind != EOF && !p.isOp(";") && !(body && (p.isOp("}") || p.isOp(")"))) {
			p.unexpected()
		}
		if p.halted {
			p.resync(from)
			if !body || !p.isOp("}") && !p.isOp(")") {
				for p.tok().Kind != EOF && !p.isOp(";") && !(body && (p.isOp("}") || p.isOp(")"))) {
					p.at++
				}
			}
		}
	}
}

// unexpected reports a token that cannot continue a finished expression.
func (p *parser) unexpected() {
	t := p.tok()
	switch {
	case t.Kind == Ident && tabular(t.Text):
		p.fail("unexpected "+quoteToken(t.Text), "a `|` is missing before the operator")
	case t.Kind == Ident && isStatementWord(t.Text):
		p.fail("unexpected "+quoteToken(t.Text), "a `;` is missing before the statement")
	case t.Kind == Op && t.Text == "=":
		p.fail("unexpected `=`", "comparison is written `==`, or `=~` to ignore letter case")
	default:
		p.fail("unexpected "+quoteToken(t.Text), "")
	}
}

func isStatementWord(w string) bool {
	switch w {
	case "let", "set", "declare", "alias", "restrict":
		return true
	}
	return false
}

func (p *parser) statement() Statement {
	start := p.start()
	second := p.ahead(1)
	named := second.Kind == Ident || second.Kind == Op && second.Text == "["
	switch {
	case p.isWord("let") && named:
		p.at++
		s := &Let{Name: p.name()}
		p.expectOp("=")
		s.Value = p.letValue()
		s.Span = p.from(start)
		if p.halted && (s.Name == nil || s.Value == nil) {
			return nil
		}
		return s
	case p.isWord("set") && named:
		p.at++
		s := &Set{Name: p.dotted()}
		if p.acceptOp("=") {
			s.Value = p.unary()
		}
		s.Span = p.from(start)
		return s
	case p.isWord("alias") && named:
		p.at++
		p.expectWord("database")
		s := &Alias{Name: p.name()}
		p.expectOp("=")
		s.Value = p.unary()
		s.Span = p.from(start)
		return s
	case p.isWord("restrict") && second.Kind == Ident && second.Text == "access":
		p.at += 2
		p.expectWord("to")
		s := &Restrict{}
		p.expectOp("(")
		s.To = p.list(")", p.tableRef)
		p.expectOp(")")
		s.Span = p.from(start)
		return s
	case p.isWord("declare") && second.Kind == Ident:
		p.at++
		return p.declare(start)
	case p.isOp("."):
		p.fail("management commands are not queries", "")
		return nil
	}
	x := p.pipeline()
	if x == nil {
		return nil
	}
	return &ExprStatement{Span: p.from(start), X: x}
}

func (p *parser) declare(start int) Statement {
	if p.acceptWord("query_parameters") {
		s := &DeclareParams{}
		p.expectOp("(")
		s.Params = p.params()
		p.expectOp(")")
		s.Span = p.from(start)
		return s
	}
	p.expectWord("pattern")
	s := &DeclarePattern{Name: p.name()}
	body := p.start()
	if p.acceptOp("=") {
		p.expectOp("(")
		s.Params = p.params()
		p.expectOp(")")
		if p.acceptOp("[") {
			s.Path = p.paramsTo("]")
			p.expectOp("]")
		}
		p.expectOp("{")
		for p.isOp("(") {
			s.Cases = append(s.Cases, p.patternCase())
			for p.acceptOp(";") {
			}
		}
		p.expectOp("}")
	}
	s.Span = p.from(start)
	if s.End > body {
		s.Text = p.src.Text[body:s.End]
	}
	return s
}

func (p *parser) patternCase() PatternCase {
	start := p.start()
	c := PatternCase{}
	p.expectOp("(")
	c.Args = p.list(")", p.expr)
	p.expectOp(")")
	if p.acceptOp(".") {
		p.expectOp("[")
		c.Path = p.expr()
		p.expectOp("]")
	}
	p.expectOp("=")
	at := p.start()
	p.expectOp("{")
	c.Body = &Lambda{}
	if p.enter() {
		c.Body.Body = p.statements(true)
	}
	p.leave()
	p.expectOp("}")
	c.Body.Span = p.from(at)
	c.Span = p.from(start)
	return c
}

// letValue reads what a let statement may name: a function or an expression.
func (p *parser) letValue() Expr {
	start := p.start()
	view := p.isWord("view") && p.ahead(1).Kind == Op && p.ahead(1).Text == "("
	if view || p.isOp("(") {
		open := p.at
		if view {
			open++
		}
		if end := p.matching(open); end > 0 && end+1 < len(p.tokens) && p.tokens[end+1].Kind == Op && p.tokens[end+1].Text == "{" {
			p.at = open
			l := &Lambda{View: view}
			p.expectOp("(")
			l.Params = p.params()
			p.expectOp(")")
			p.expectOp("{")
			if p.enter() {
				l.Body = p.statements(true)
			}
			p.leave()
			p.expectOp("}")
			l.Span = p.from(start)
			return l
		}
	}
	if p.isOp("{") { // a function without parameters may leave the parentheses out
		p.at++
		l := &Lambda{}
		if p.enter() {
			l.Body = p.statements(true)
		}
		p.leave()
		p.expectOp("}")
		l.Span = p.from(start)
		return l
	}
	return p.pipeline()
}

// matching returns the index of the token that closes the bracket at token i, or -1.
func (p *parser) matching(i int) int {
	depth := 0
	for ; i < len(p.tokens); i++ {
		depth += bracket(&p.tokens[i])
		if depth == 0 {
			return i
		}
	}
	return -1
}

// params reads declared parameters up to the closing parenthesis.
func (p *parser) params() []Param { return p.paramsTo(")") }

func (p *parser) paramsTo(closing string) []Param {
	return listOf(p, closing, func() Param {
		start := p.start()
		a := Param{Name: p.name()}
		p.expectOp(":")
		if p.acceptOp("(") {
			a.Tabular = true
			if p.acceptOp("*") {
				a.Any = true
			} else {
				a.Table = p.columnDecls(")")
			}
			p.expectOp(")")
		} else {
			a.Type = p.typeName()
		}
		if p.acceptOp("=") {
			a.Default = p.expr()
		}
		a.Span = p.from(start)
		return a
	})
}

// listOf reads items separated by commas until the closing token, which is not consumed. A trailing comma is allowed.
func listOf[T any](p *parser, closing string, item func() T) []T {
	var out []T
	for !p.isOp(closing) && p.tok().Kind != EOF {
		out = append(out, item())
		if p.halted || !p.acceptOp(",") {
			break
		}
	}
	return out
}

// itemsOf reads at least one item, separated by commas.
func itemsOf[T any](p *parser, item func() T) []T {
	out := []T{item()}
	for !p.halted && p.acceptOp(",") {
		out = append(out, item())
	}
	return out
}

func (p *parser) list(closing string, item func() Expr) []Expr { return listOf(p, closing, item) }

func (p *parser) columnDecls(closing string) []ColumnDecl {
	return listOf(p, closing, func() ColumnDecl {
		start := p.start()
		if p.acceptOp("*") {
			return ColumnDecl{Span: p.from(start), Name: "*"}
		}
		c := ColumnDecl{}
		if n := p.name(); n != nil {
			c.Name = n.Text
		}
		p.expectOp(":")
		c.Type = p.typeName()
		c.Span = p.from(start)
		return c
	})
}

// name reads an identifier or ['name'].
func (p *parser) name() *Name {
	t := p.tok()
	start := t.Start
	switch {
	case t.Kind == Ident:
		p.at++
		return &Name{Span: Span{start, t.End}, Text: t.Text}
	case t.Kind == Op && t.Text == "[" && p.ahead(1).Kind == String && p.ahead(2).Kind == Op && p.ahead(2).Text == "]":
		v := p.ahead(1).Value
		p.at += 3
		return &Name{Span: p.from(start), Text: v, Quoted: true}
	}
	p.fail("expected a name", "")
	return nil
}

// dotted reads a.b.c as text.
func (p *parser) dotted() string {
	var b strings.Builder
	for {
		t := p.tok()
		if t.Kind != Ident {
			p.fail("expected a name", "")
			return b.String()
		}
		b.WriteString(t.Text)
		p.at++
		if !p.isOp(".") {
			return b.String()
		}
		p.at++
		b.WriteByte('.')
	}
}

// typeName reads a scalar type's name.
func (p *parser) typeName() string {
	t := p.tok()
	if t.Kind != Ident {
		p.fail("expected a type", "types are bool, int, long, real, decimal, string, datetime, timespan, dynamic, guid")
		return ""
	}
	if CanonicalType(t.Text) == "" {
		p.fail("unknown type "+quoteToken(t.Text), "types are bool, int, long, real, decimal, string, datetime, timespan, dynamic, guid")
		return ""
	}
	p.at++
	return t.Text
}

// CanonicalType returns the name by which a scalar type is known (double is real), or "" for an unknown one.
func CanonicalType(name string) string {
	switch name {
	case "bool", "boolean", "int", "long", "real", "decimal", "string", "datetime", "timespan", "dynamic", "guid":
		if name == "boolean" {
			return "bool"
		}
		return name
	}
	switch strings.ToLower(name) {
	case "bool", "boolean":
		return "bool"
	case "int", "int32", "uint32", "int16", "uint16", "int8", "uint8":
		return "int"
	case "long", "int64", "ulong", "uint", "uint64":
		return "long"
	case "real", "double", "float":
		return "real"
	case "decimal":
		return "decimal"
	case "string":
		return "string"
	case "datetime", "date":
		return "datetime"
	case "timespan", "time":
		return "timespan"
	case "dynamic":
		return "dynamic"
	case "guid", "uniqueid", "uuid":
		return "guid"
	}
	return ""
}
