// Package plan is the relational form of a bound query: every name is resolved to a column id, every expression carries its KQL type. It is what the
// SQL dialects of kql/sqlgen are generated from. Column ids are unique within a program, so engines that compare identifiers without case, and outputs
// with duplicate names, need no care: names only matter in the result's header.
package plan

// Type is a KQL scalar type.
type Type uint8

// The scalar types. Unknown is the type of a bare null.
const (
	Unknown Type = iota
	Bool
	Int
	Long
	Real
	Decimal
	String
	DateTime
	TimeSpan
	Dynamic
	GUID
)

var typeNames = [...]string{"unknown", "bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "dynamic", "guid"}

func (t Type) String() string { return typeNames[t] }

// ColumnID identifies a column within one program.
type ColumnID int

// Column is an output column of a node.
type Column struct {
	ID   ColumnID
	Name string
	Type Type
}

// Node is a relation. Columns are its outputs, in order.
type Node interface {
	Columns() []Column
}

// Expr is a scalar expression of one type.
type Expr interface {
	Type() Type
}

// Named is an expression and the column it becomes.
type Named struct {
	Column Column
	Expr   Expr
}

// Scan reads a stored table. Physical[i] is the stored name of Cols[i]; only columns that the query needs are listed after pruning.
type Scan struct {
	Table    string
	Cols     []Column
	Physical []string
	// TimeColumn is the id of the column a time range bounds, 0 when there is none.
	TimeColumn ColumnID
}

// Values is a literal table (datatable, print, empty tables). Cells are Const.
type Values struct {
	Cols []Column
	Rows [][]Expr
}

// Range is the `range` operator.
type Range struct {
	Col            Column
	From, To, Step Expr
}

// External is externaldata: rows of files that the host fetches (or refuses) before the query runs.
type External struct {
	Cols   []Column
	URIs   []string
	Format string
	Props  map[string]string
}

// Project computes exactly Items; project, extend and their kin all become it.
type Project struct {
	Input Node
	Items []Named
}

// Filter keeps rows whose predicate is true.
type Filter struct {
	Input Node
	Pred  Expr
}

// Aggregate is summarize, distinct (no Aggs) and count. With no Keys and no input rows it still returns one row.
type Aggregate struct {
	Input Node
	Keys  []Named
	Aggs  []Agg
	// Hint carries hint.strategy and the like.
	Hint map[string]string
}

// Agg is one aggregate call: Func is the canonical lower-case name ("make_set", "dcount", "percentile", "arg_max"). An aggregate that yields several
// columns (arg_max with more arguments, percentiles) is bound to one Agg per output column, Func and Args telling which
// (arg_max: Args[0] the ordering, Args[1] the value to return).
type Agg struct {
	Column Column
	Func   string
	Args   []Expr
}

// SortKey is one ordering term.
type SortKey struct {
	Expr       Expr
	Desc       bool
	NullsFirst bool
}

// Sort orders rows and marks the output serialized.
type Sort struct {
	Input Node
	Keys  []SortKey
}

// Limit is take; together with Sort it is top.
type Limit struct {
	Input Node
	N     Expr
}

// Sample is sample and sample-distinct (after a distinct).
type Sample struct {
	Input Node
	N     Expr
}

// JoinKind is the flavour of a join.
type JoinKind uint8

// Join kinds. LeftSemi and LeftAnti have right twins.
const (
	InnerUnique JoinKind = iota
	Inner
	LeftOuter
	RightOuter
	FullOuter
	LeftSemi
	RightSemi
	LeftAnti
	RightAnti
)

// Join pairs rows whose key expressions are equal. Left and Right keep their own column ids; Out lists which of them the join shows, in order, renamed
// where names collide (Key1). lookup becomes a Join with the right keys dropped from Out.
type Join struct {
	Kind        JoinKind
	Left, Right Node
	LeftKeys    []Expr
	RightKeys   []Expr
	// On, where it is not nil, must hold beside the keys for two rows to match (ipv4_lookup and ipv6_lookup; there may be no keys then). Added for them.
	On  Expr
	Out []Named // each a ColRef of Left or Right
}

// Union appends inputs. Cols are its outputs; Map[i][j] is the expression over input i that gives column j (a typed null where it has none).
type Union struct {
	Inputs []Node
	Cols   []Column
	Map    [][]Expr
}

// Expand is mv-expand (Apply nil) and mv-apply.
type Expand struct {
	Input Node
	Items []ExpandItem
	// Index receives with_itemindex, ID 0 when absent.
	Index Column
	Limit Expr
	// Bag is "bag" or "array" (bagexpansion).
	Bag string
	// Keep lists the columns of Input that pass through.
	Keep []Column
	// Apply is the subquery of mv-apply over the columns Keep, Items and Index of each group of expanded rows, run per input row; its leaf is an Outer
	// node. nil for mv-expand.
	Apply Node
	Outer *Outer
	Out   []Column
}

// ExpandItem is one array or bag to expand.
type ExpandItem struct {
	Column Column
	Expr   Expr
}

// Outer is the leaf of a subquery that runs per row or per partition (mv-apply, partition, toscalar in a row context).
type Outer struct {
	Cols []Column
}

// Serialize numbers rows in their present order; window calls (row_number, prev, next, row_cumsum, …) appear only above it.
type Serialize struct {
	Input Node
}

// Shared is a subplan used more than once (let with materialize, as, or a tabular let that is referenced twice). Equal Name means equal rows.
// Each use has its own output ids: Cols[i] shows Inner.Columns()[i].
type Shared struct {
	Name  string
	Inner Node
	Cols  []Column
	// Materialize says that the query asked for one evaluation (materialize, as, or a value that a second evaluation could change).
	Materialize bool
}

// Local is an operator that the host computes over its inputs' rows rather than the engine: scan, partition, make-series, reduce, plugins of evaluate,
// graph operators. Op is the canonical name, Params its bound parameters (op-specific types documented beside each op in this package).
type Local struct {
	Op     string
	Inputs []Node
	Params any
	Cols   []Column
}

// Const is a literal. Value is bool, int64 (int, long, timespan and datetime as ticks), float64, string (string, guid, decimal, dynamic as JSON) or nil.
type Const struct {
	T     Type
	Value any
}

// ColRef refers to a column of the node below.
type ColRef struct {
	ID ColumnID
	T  Type
}

// Call is a function or operator by canonical lower-case name. Operators: "+ - * / % == != < <= > >= =~ !~ and or not neg", string operators by their own
// names ("has", "!has_cs", "contains", "startswith", "matches regex", "has_any", "in", "!in~", "between", …), "index" (dynamic[expr] and a.b),
// conversions "tostring", "tolong", …; implicit numeric promotion is made explicit with "to<type>".
//
// Synonyms are folded: parsejson, todynamic and toobject are "parse_json"; pack is "bag_pack"; todouble is "toreal"; replace is "replace_regex" with its
// order of arguments; iff, iif and case are Case. More forms:
//   - "in" and its kin take the value, then the items. An item of type dynamic stands for each element of the array it holds (constant arrays are
//     written out as items by the binder). has_any and has_all likewise.
//   - "between" and "!between" take value, low, high.
//   - "__dynamic"(x) is a scalar as a dynamic value: a string stays a JSON string, it is not parsed.
//   - "__parse"(text, pattern) gives the groups of a regular expression (RE2, constant) as a dynamic array of strings, null where it does not match.
//   - "__parse_kv"(text, options) gives a dynamic bag of strings; options is a constant bag with keys pair_delimiter, kv_delimiter, quote, quotes
//     (open and close), escape, greedy, and keys: the wanted names.
//   - functions with several results (series_stats, series_fit_line, array_sort_asc of more than one array, …) return a dynamic array of them.
//   - aggregates "percentile" take value and percentile (0..100), one Agg for each; "percentiles_array" value and a list; "take_any" value;
//     an …if aggregate has the predicate as its last argument ("dcountif" value, predicate, accuracy excepted).
type Call struct {
	Func string
	Args []Expr
	T    Type
}

// Case is case(), iff() and coalesce-like forms after binding: the first When that is true gives its Then.
type Case struct {
	Whens []Expr
	Thens []Expr
	Else  Expr
	T     Type
}

// Scalar is toscalar(): the first cell of the relation, null when it is empty.
type Scalar struct {
	Input Node
	T     Type
}

// InQuery is `x in (tabular)` and its kin; Func is the operator name ("in", "!in", "in~", "!in~", "has_any", "has_all").
type InQuery struct {
	Func  string
	X     Expr
	Input Node
}

// Window is a function of serialized rows: row_number, prev, next, row_cumsum, row_rank_dense, row_rank_min, row_window_session.
type Window struct {
	Func string
	Args []Expr
	T    Type
}
