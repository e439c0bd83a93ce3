package syntax

// Tabular operators. Props are the parameters written after the operator's name (kind=, hint.x=, withsource=, …).
type (
	// Where is where or filter.
	Where struct {
		Span
		Props []Property
		Pred  Expr
	}
	// Extend adds or replaces columns; Serialize is serialize, with or without columns.
	Extend struct {
		Span
		Items     []Expr
		Serialize bool
	}
	// Project is project and its kin; Kind is "project", "project-away", "project-keep", "project-rename", "project-reorder", "project-by-names".
	Project struct {
		Span
		Kind  string
		Items []Expr
	}
	// Summarize is summarize; HasBy tells `summarize by` from none.
	Summarize struct {
		Span
		Props []Property
		Aggs  []Expr
		By    []Expr
		HasBy bool
	}
	// Distinct is distinct.
	Distinct struct {
		Span
		Props []Property
		Items []Expr
	}
	// Join is join and lookup. Where holds the predicate of `join ... where`.
	Join struct {
		Span
		Lookup bool
		Props  []Property
		Right  Expr
		On     []Expr
		Where  Expr
	}
	// Union is union, as source or after a pipe.
	Union struct {
		Span
		Props  []Property
		Tables []Expr
	}
	// Sort is sort or order.
	Sort struct {
		Span
		Props []Property
		Keys  []Expr
	}
	// Top is top.
	Top struct {
		Span
		Props []Property
		N     Expr
		Keys  []Expr
	}
	// TopNested is a list of top-nested clauses.
	TopNested struct {
		Span
		Clauses []TopNestedClause
	}
	// TopHitters is top-hitters; By may be nil.
	TopHitters struct {
		Span
		N, Of, By Expr
	}
	// Take is take or limit.
	Take struct {
		Span
		Props []Property
		N     Expr
	}
	// Sample is sample, or sample-distinct when Of is set.
	Sample struct {
		Span
		N, Of Expr
	}
	// Count is count; As names the column where `count as x` is written.
	Count struct {
		Span
		As *Name
	}
	// As names the rows so far.
	As struct {
		Span
		Props []Property
		Name  *Name
	}
	// MvExpand is mv-expand.
	MvExpand struct {
		Span
		Props []Property
		Items []Expr
		Limit Expr
	}
	// MvApply is mv-apply.
	MvApply struct {
		Span
		Props []Property
		Items []Expr
		Limit Expr
		On    *Pipeline
	}
	// ParseOp is parse and parse-where.
	ParseOp struct {
		Span
		Where   bool
		Props   []Property
		X       Expr
		Pattern []ParsePart
	}
	// ParseKV is parse-kv.
	ParseKV struct {
		Span
		X       Expr
		Columns []ColumnDecl
		Props   []Property
	}
	// Print is print.
	Print struct {
		Span
		Items []Expr
	}
	// Range is range.
	Range struct {
		Span
		Name           *Name
		From, To, Step Expr
	}
	// Evaluate calls a plugin. Columns is the declared schema after a colon.
	Evaluate struct {
		Span
		Props   []Property
		Call    *Call
		Columns []ColumnDecl
	}
	// Invoke calls a function with the rows as its first argument.
	Invoke struct {
		Span
		Call Expr // *Call, possibly below a *Path
	}
	// Render is a hint for a chart.
	Render struct {
		Span
		Chart string
		Props []Property
	}
	// Reduce is reduce.
	Reduce struct {
		Span
		Props []Property
		By    Expr
		With  []Property
	}
	// Scan is scan.
	Scan struct {
		Span
		Props   []Property
		Order   []Expr
		By      []Expr
		Declare []Param
		Steps   []ScanStep
	}
	// Partition is partition (and __partitionby).
	Partition struct {
		Span
		Props []Property
		By    Expr
		Sub   Expr
	}
	// Fork runs several subqueries over the same rows.
	Fork struct {
		Span
		Branches []Named
	}
	// Facet is facet; With may be nil.
	Facet struct {
		Span
		By   []Expr
		With *Pipeline
	}
	// Find is find.
	Find struct {
		Span
		Props   []Property
		In      []Expr
		Pred    Expr
		Project []Expr
		Smart   bool
		Away    []Expr
	}
	// Search is search, as source or after a pipe.
	Search struct {
		Span
		Props []Property
		In    []Expr
		Pred  Expr
	}
	// MakeSeries is make-series.
	MakeSeries struct {
		Span
		Props          []Property
		Aggs           []Expr
		Axis           Expr
		From, To, Step Expr
		By             []Expr
	}
	// MakeGraph builds a graph from edges.
	MakeGraph struct {
		Span
		Props          []Property
		Source, Target *Name
		Tables         []GraphTable
		NodeID         *Name
		PartitionedBy  *Name
		Sub            *Pipeline
	}
	// GraphMatch is graph-match, or graph-shortest-paths when Shortest is set.
	GraphMatch struct {
		Span
		Shortest bool
		Props    []Property
		Patterns [][]GraphElement
		Where    Expr
		Project  []Expr
	}
	// GraphToTable is graph-to-table.
	GraphToTable struct {
		Span
		Outputs []GraphOutput
	}
	// GraphMark is graph-mark-components.
	GraphMark struct {
		Span
		Props []Property
	}
	// GraphWhere is graph-where-nodes or graph-where-edges.
	GraphWhere struct {
		Span
		Edges bool
		Pred  Expr
	}
	// Simple is an operator without parts of interest: getschema, consume, execute_and_cache.
	Simple struct {
		Span
		Name  string
		Props []Property
	}
	// AssertSchema is assert-schema.
	AssertSchema struct {
		Span
		Columns []ColumnDecl
	}
	// MacroExpand is macro-expand.
	MacroExpand struct {
		Span
		Props []Property
		Group Expr
		Name  *Name
		Body  []Statement
	}
)

// TopNestedClause is one level of top-nested.
type TopNestedClause struct {
	Span
	N      Expr
	Of     Expr
	Others Expr
	By     Expr
}

// ParsePart is a piece of a parse pattern: a star, a literal text or a column.
type ParsePart struct {
	Span
	Star bool
	Text *Literal
	Name *Name
	Type string
}

// ScanStep is a step of scan.
type ScanStep struct {
	Span
	Name     *Name
	Optional bool
	Output   string
	Cond     Expr
	Set      []Expr
}

// GraphTable is a table of nodes with its key column.
type GraphTable struct {
	Table Expr
	On    *Name
}

// GraphElement is a node or an edge of a graph pattern. Direction is 0 for a node, '>' , '<' or '-' for an edge. Name may be nil.
type GraphElement struct {
	Span
	Direction byte
	Name      *Name
	Ranged    bool
	Min, Max  Expr
}

// GraphOutput is one table of graph-to-table.
type GraphOutput struct {
	Span
	What  string // nodes or edges
	As    *Name
	Props []Property
}

func (*Where) operator()        {}
func (*Extend) operator()       {}
func (*Project) operator()      {}
func (*Summarize) operator()    {}
func (*Distinct) operator()     {}
func (*Join) operator()         {}
func (*Union) operator()        {}
func (*Sort) operator()         {}
func (*Top) operator()          {}
func (*TopNested) operator()    {}
func (*TopHitters) operator()   {}
func (*Take) operator()         {}
func (*Sample) operator()       {}
func (*Count) operator()        {}
func (*As) operator()           {}
func (*MvExpand) operator()     {}
func (*MvApply) operator()      {}
func (*ParseOp) operator()      {}
func (*ParseKV) operator()      {}
func (*Print) operator()        {}
func (*Range) operator()        {}
func (*Evaluate) operator()     {}
func (*Invoke) operator()       {}
func (*Render) operator()       {}
func (*Reduce) operator()       {}
func (*Scan) operator()         {}
func (*Partition) operator()    {}
func (*Fork) operator()         {}
func (*Facet) operator()        {}
func (*Find) operator()         {}
func (*Search) operator()       {}
func (*MakeSeries) operator()   {}
func (*MakeGraph) operator()    {}
func (*GraphMatch) operator()   {}
func (*GraphToTable) operator() {}
func (*GraphMark) operator()    {}
func (*GraphWhere) operator()   {}
func (*Simple) operator()       {}
func (*AssertSchema) operator() {}
func (*MacroExpand) operator()  {}
