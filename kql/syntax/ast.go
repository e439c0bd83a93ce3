package syntax

// Node is any part of the tree.
type Node interface{ Pos() Span }

// Expr is a scalar or tabular expression; the grammar does not tell them apart, the binder does.
type Expr interface {
	Node
	expr()
}

// Operator is a tabular operator: what stands between two pipes.
type Operator interface {
	Node
	operator()
}

// Statement is one of the statements separated by semicolons.
type Statement interface {
	Node
	statement()
}

// Query is a whole text.
type Query struct {
	Source     *Source
	Statements []Statement
	Comments   []Comment
}

// Statements.
type (
	// Let names an expression, a function (Value is a *Lambda) or a tabular expression.
	Let struct {
		Span
		Name  *Name
		Value Expr
	}
	// Set is a query option; Value is nil when only the name is given.
	Set struct {
		Span
		Name  string
		Value Expr
	}
	// Alias is `alias database Name = expr`.
	Alias struct {
		Span
		Name  *Name
		Value Expr
	}
	// Restrict is `restrict access to (names)`.
	Restrict struct {
		Span
		To []Expr
	}
	// DeclareParams is `declare query_parameters(...)`.
	DeclareParams struct {
		Span
		Params []Param
	}
	// DeclarePattern is `declare pattern Name = (params)[path] { cases }`. Text is what follows the name, as it was written.
	DeclarePattern struct {
		Span
		Name   *Name
		Text   string
		Params []Param
		Path   []Param // none or one
		Cases  []PatternCase
	}
	// ExprStatement is a query proper.
	ExprStatement struct {
		Span
		X Expr
	}
)

// PatternCase is what a pattern stands for when it is called with certain constants: `("a").["b"] = { statements }`.
type PatternCase struct {
	Span
	Args []Expr
	Path Expr // nil when the pattern has no path
	Body *Lambda
}

// Param is a declared parameter of a function or query. Type is a scalar type's name, empty for a tabular one; Table holds the latter's columns,
// Any says `(*)`.
type Param struct {
	Span
	Name    *Name
	Type    string
	Tabular bool
	Any     bool
	Table   []ColumnDecl
	Default Expr
}

// ColumnDecl is `name:type`.
type ColumnDecl struct {
	Span
	Name string
	Type string
}

// Property is `name=value` after an operator's name or in with(...). Value is a literal, a name, a wildcard or a list.
type Property struct {
	Span
	Name  string
	Value Expr
}

// LiteralKind is the kind of a literal.
type LiteralKind uint8

// Literal kinds.
const (
	LitBool LiteralKind = iota
	LitInt
	LitLong
	LitReal
	LitDecimal
	LitString
	LitDateTime
	LitTimeSpan
	LitGUID
	LitDynamic
)

// Expressions.
type (
	// Name is an identifier; Quoted says it was written ['so'].
	Name struct {
		Span
		Text   string
		Quoted bool
	}
	// Wildcard is a name pattern: `Device*`, or `*` alone (a star argument).
	Wildcard struct {
		Span
		Pattern string
	}
	// Literal is a constant. Value is bool, int64 (int, long, ticks of datetime since year 1 and of timespan), float64, string (string, guid, decimal,
	// dynamic as JSON) or nil for a typed null. Raw is the source text. Bad says that the content of a datetime or
	// timespan literal was not understood: it may still be a time of the present day, or a placeholder.
	Literal struct {
		Span
		Kind  LiteralKind
		Value any
		Raw   string
		Bad   string
	}
	// Unary is -x or +x.
	Unary struct {
		Span
		Op string
		X  Expr
	}
	// Binary is any operator with two sides, `and` and `or` and the string operators included.
	Binary struct {
		Span
		Op   string
		OpAt Span
		L, R Expr
	}
	// Between is `x between (lo .. hi)` or its negation.
	Between struct {
		Span
		Not    bool
		X      Expr
		Lo, Hi Expr
	}
	// In is `x in (list)` and its kin: in, !in, in~, !in~, has_any, has_all.
	In struct {
		Span
		Op   string
		OpAt Span
		X    Expr
		List []Expr
	}
	// Call is a function call.
	Call struct {
		Span
		Name *Name
		Args []Expr
	}
	// Path is `x.name`.
	Path struct {
		Span
		X    Expr
		Name Expr // *Name, *Wildcard or *Call
	}
	// Index is `x[index]`.
	Index struct {
		Span
		X, Index Expr
	}
	// Paren is a parenthesised expression.
	Paren struct {
		Span
		X Expr
	}
	// Named is `name = x` or `(a, b) = x`.
	Named struct {
		Span
		Names []*Name
		Tuple bool
		X     Expr
	}
	// Ordered is `x asc nulls first`; Order and Nulls are empty when not written.
	Ordered struct {
		Span
		X     Expr
		Order string
		Nulls string
	}
	// Typed is `x to typeof(type)` in mv-expand and mv-apply, or `x default = y` in make-series (Default set).
	Typed struct {
		Span
		X       Expr
		Type    string
		Default Expr
	}
	// TypeOf is typeof(type) or typeof(columns); Columns may contain a declaration named "*".
	TypeOf struct {
		Span
		Type    string
		Columns []ColumnDecl
	}
	// Lambda is a function of a let statement. View says it was declared `view ()`.
	Lambda struct {
		Span
		Params []Param
		View   bool
		Body   []Statement // the last one is an *ExprStatement
	}
	// DataTable is an inline table.
	DataTable struct {
		Span
		Columns []ColumnDecl
		Props   []Property
		Values  []Expr
	}
	// External is externaldata.
	External struct {
		Span
		Columns []ColumnDecl
		URIs    []Expr
		Props   []Property
		// Inline is the text of an inline_external_table, which is kept as it is.
		Inline string
	}
	// NameList is a list of columns as the value of a property of render.
	NameList struct {
		Span
		Items []Expr
	}
	// Pipeline is a source and the operators applied to it. Source is nil where the first operator is its own source (print, range, union, …) or takes
	// its rows from the context (in mv-apply, partition, fork, facet).
	Pipeline struct {
		Span
		Source Expr
		Ops    []Operator
	}
)

func (*Name) expr()      {}
func (*Wildcard) expr()  {}
func (*Literal) expr()   {}
func (*Unary) expr()     {}
func (*Binary) expr()    {}
func (*Between) expr()   {}
func (*In) expr()        {}
func (*Call) expr()      {}
func (*Path) expr()      {}
func (*Index) expr()     {}
func (*Paren) expr()     {}
func (*Named) expr()     {}
func (*Ordered) expr()   {}
func (*Typed) expr()     {}
func (*TypeOf) expr()    {}
func (*Lambda) expr()    {}
func (*DataTable) expr() {}
func (*External) expr()  {}
func (*NameList) expr()  {}
func (*Pipeline) expr()  {}

func (*Let) statement()            {}
func (*Set) statement()            {}
func (*Alias) statement()          {}
func (*Restrict) statement()       {}
func (*DeclareParams) statement()  {}
func (*DeclarePattern) statement() {}
func (*ExprStatement) statement()  {}
