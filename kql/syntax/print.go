package syntax

import "strings"

// Text lays a query out: a statement to a line, an operator to a line, subqueries indented. Comments stay, each on a line of its own before what it
// stood before. Reading the result gives the same tree.
func Text(q *Query) string {
	p := &printer{comments: q.Comments}
	for i, s := range q.Statements {
		if i > 0 {
			p.line()
		}
		p.flush(s.Pos().Start)
		p.statement(s)
		if i < len(q.Statements)-1 {
			p.b.WriteByte(';')
		}
	}
	if len(p.comments) > 0 {
		if p.b.Len() > 0 {
			p.line()
		}
		p.flush(1 << 62)
	}
	return strings.TrimRight(p.b.String(), "\n ") + "\n"
}

// ExprText prints one expression on as few lines as it needs.
func ExprText(x Expr) string {
	p := &printer{}
	p.expr(x)
	return p.b.String()
}

type printer struct {
	b        strings.Builder
	indent   int
	comments []Comment
}

func (p *printer) line() {
	p.b.WriteByte('\n')
	for range p.indent {
		p.b.WriteString("    ")
	}
}

// flush writes the comments that stand before an offset; the printer is at the beginning of a line before and after.
func (p *printer) flush(before int) {
	for len(p.comments) > 0 && p.comments[0].Start < before {
		p.b.WriteString(p.comments[0].Text)
		p.comments = p.comments[1:]
		p.line()
	}
}

// skip drops the comments inside of a node that is printed as it was written.
func (p *printer) skip(at Span) {
	if len(p.comments) == 0 || p.comments[0].Start >= at.End {
		return
	}
	var rest []Comment
	for _, c := range p.comments {
		if c.Start < at.Start || c.Start >= at.End {
			rest = append(rest, c)
		}
	}
	if len(rest) < len(p.comments) {
		p.comments = rest
	}
}

func (p *printer) w(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

func (p *printer) statement(s Statement) {
	switch s := s.(type) {
	case *Let:
		p.w("let ", ident(s.Name), " =")
		if pipe, ok := s.Value.(*Pipeline); ok {
			p.indent++
			p.line()
			p.flush(pipe.Start)
			p.pipeline(pipe)
			p.indent--
			return
		}
		p.w(" ")
		p.expr(s.Value)
	case *Set:
		p.w("set ", s.Name)
		if s.Value != nil {
			p.w(" = ")
			p.expr(s.Value)
		}
	case *Alias:
		p.w("alias database ", ident(s.Name), " = ")
		p.expr(s.Value)
	case *Restrict:
		p.w("restrict access to (")
		p.exprs(s.To)
		p.w(")")
	case *DeclareParams:
		p.w("declare query_parameters(")
		p.params(s.Params)
		p.w(")")
	case *DeclarePattern:
		p.w("declare pattern ", ident(s.Name), " ", s.Text)
		p.skip(s.Span)
	case *ExprStatement:
		p.expr(s.X)
	}
}

// ident writes a name so that it reads back as one.
func ident(n *Name) string {
	if n == nil {
		return ""
	}
	if !n.Quoted {
		return n.Text
	}
	return "[" + quoted(n.Text) + "]"
}

// Quote writes a text as a string literal.
func Quote(s string) string { return quoted(s) }

func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (p *printer) params(list []Param) {
	for i, a := range list {
		if i > 0 {
			p.w(", ")
		}
		p.w(ident(a.Name), ":")
		switch {
		case a.Any:
			p.w("(*)")
		case a.Tabular:
			p.w("(")
			p.columns(a.Table)
			p.w(")")
		default:
			p.w(a.Type)
		}
		if a.Default != nil {
			p.w(" = ")
			p.expr(a.Default)
		}
	}
}

func (p *printer) columns(list []ColumnDecl) {
	for i, c := range list {
		if i > 0 {
			p.w(", ")
		}
		if c.Name == "*" && c.Type == "" {
			p.w("*")
			continue
		}
		p.w(columnName(c.Name), ":", c.Type)
	}
}

// columnName quotes a declared name where it is not a plain word.
func columnName(s string) string {
	tokens, comments := Tokens(s)
	if len(tokens) == 2 && tokens[0].Kind == Ident && tokens[0].Text == s && len(comments) == 0 {
		return s
	}
	return "[" + quoted(s) + "]"
}

func (p *printer) exprs(list []Expr) {
	for i, x := range list {
		if i > 0 {
			p.w(", ")
		}
		p.expr(x)
	}
}

func (p *printer) props(list []Property) {
	for _, pr := range list {
		p.w(pr.Name, "=")
		p.expr(pr.Value)
		p.w(" ")
	}
}

func (p *printer) with(list []Property) {
	if len(list) == 0 {
		return
	}
	p.w(" with (")
	for i, pr := range list {
		if i > 0 {
			p.w(", ")
		}
		p.w(pr.Name, "=")
		p.expr(pr.Value)
	}
	p.w(")")
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *Name:
		p.w(ident(x))
	case *Wildcard:
		p.w(x.Pattern)
	case *Literal:
		p.w(x.Raw)
		if x.Kind != LitString {
			p.skip(x.Span)
		}
	case *Unary:
		p.w(x.Op)
		if u, ok := x.X.(*Unary); ok && u.Op == x.Op {
			p.w(" ")
		}
		p.expr(x.X)
	case *Binary:
		p.binary(x)
	case *Between:
		p.expr(x.X)
		if x.Not {
			p.w(" !between (")
		} else {
			p.w(" between (")
		}
		p.expr(x.Lo)
		p.w(" .. ")
		p.expr(x.Hi)
		p.w(")")
	case *In:
		p.expr(x.X)
		p.w(" ", x.Op, " (")
		p.exprs(x.List)
		p.w(")")
	case *Call:
		if x.Name.Text == "entity_group" && !x.Name.Quoted {
			p.w("entity_group [")
			p.exprs(x.Args)
			p.w("]")
			return
		}
		p.w(ident(x.Name), "(")
		p.exprs(x.Args)
		p.w(")")
	case *Path:
		p.expr(x.X)
		p.w(".")
		p.expr(x.Name)
	case *Index:
		p.expr(x.X)
		p.w("[")
		p.expr(x.Index)
		p.w("]")
	case *Paren:
		if pipe, ok := x.X.(*Pipeline); ok {
			p.block(pipe)
			return
		}
		p.w("(")
		p.expr(x.X)
		p.w(")")
	case *Named:
		p.names(x)
		p.expr(x.X)
	case *Ordered:
		p.expr(x.X)
		if x.Order != "" {
			p.w(" ", x.Order)
		}
		if x.Nulls != "" {
			p.w(" nulls ", x.Nulls)
		}
	case *Typed:
		p.expr(x.X)
		switch {
		case x.Default != nil:
			p.w(" default=")
			p.expr(x.Default)
		case x.Type != "":
			p.w(" to typeof(", x.Type, ")")
		}
	case *TypeOf:
		p.w("typeof(")
		if x.Columns != nil {
			p.columns(x.Columns)
		} else {
			p.w(x.Type)
		}
		p.w(")")
	case *Lambda:
		p.lambda(x)
	case *DataTable:
		p.w("datatable (")
		p.columns(x.Columns)
		p.w(")")
		p.with(x.Props)
		p.rows(x)
	case *External:
		if x.Inline != "" {
			p.w(x.Inline)
			p.skip(x.Span)
			return
		}
		p.w("externaldata (")
		p.columns(x.Columns)
		p.w(") [")
		p.exprs(x.URIs)
		p.w("]")
		p.with(x.Props)
	case *NameList:
		p.exprs(x.Items)
	case *Pipeline:
		p.pipeline(x)
	}
}

func (p *printer) names(x *Named) {
	if x.Tuple {
		p.w("(")
	}
	for i, n := range x.Names {
		if i > 0 {
			p.w(", ")
		}
		p.w(ident(n))
	}
	if x.Tuple {
		p.w(")")
	}
	p.w(" = ")
}

// binary prints chains of one operator without recursion into the left side.
func (p *printer) binary(x *Binary) {
	var spine []*Binary
	var left Expr = x
	for {
		y, ok := left.(*Binary)
		if !ok {
			break
		}
		spine = append(spine, y)
		left = y.L
	}
	p.expr(left)
	for i := len(spine) - 1; i >= 0; i-- {
		op := spine[i].Op
		if op == ":" {
			p.w(":")
		} else {
			p.w(" ", op, " ")
		}
		p.expr(spine[i].R)
	}
}

// rows prints the values of a datatable, a row to a line.
func (p *printer) rows(x *DataTable) {
	n := max(len(x.Columns), 1)
	if len(x.Values) == 0 {
		p.w(" []")
		return
	}
	p.w(" [")
	p.indent++
	for i, v := range x.Values {
		if i%n == 0 {
			p.line()
		} else {
			p.w(" ")
		}
		p.expr(v)
		if i < len(x.Values)-1 {
			p.w(",")
		}
	}
	p.indent--
	p.line()
	p.w("]")
}

func (p *printer) lambda(x *Lambda) {
	if x.View {
		p.w("view ")
	}
	p.w("(")
	p.params(x.Params)
	p.w(") {")
	p.indent++
	p.body(x.Body)
	p.indent--
	p.line()
	p.w("}")
}

func (p *printer) body(list []Statement) {
	for i, s := range list {
		p.line()
		p.flush(s.Pos().Start)
		p.statement(s)
		if i < len(list)-1 {
			p.w(";")
		}
	}
}

// block prints a subquery in parentheses: on one line when it has no more than one operator.
func (p *printer) block(x *Pipeline) {
	p.w("(")
	if x.Source != nil && len(x.Ops) == 0 || x.Source == nil && len(x.Ops) == 1 {
		p.pipeline(x)
		p.w(")")
		return
	}
	p.indent++
	p.line()
	p.flush(x.Start)
	p.pipeline(x)
	p.indent--
	p.line()
	p.w(")")
}

func (p *printer) pipeline(x *Pipeline) {
	if x.Source != nil {
		p.expr(x.Source)
	}
	for i, op := range x.Ops {
		if x.Source != nil || i > 0 {
			p.line()
			p.flush(op.Pos().Start)
			p.w("| ")
		}
		p.operator(op)
	}
}
