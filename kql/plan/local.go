package plan

// This file holds the parameters of Local nodes, one type for each Op. Expressions in them refer to columns of the node's inputs.

// MakeSeries (Op "make-series") fills the gaps of a series. Its one input is grouped already: a row for each group and bin, with columns
// Keys, Axis (the start of the bin) and one per series. Rows outside From..To are filtered out already.
// Outputs: the keys, then each series as a dynamic array, then the axis as a dynamic array.
type MakeSeries struct {
	Keys   []ColumnID
	Axis   ColumnID
	Series []Series
	// From and To bound the axis (To is exclusive); nil means the least and the greatest bin of all groups. Step is a number or a timespan.
	From, To, Step Expr
	// NonEmpty gives one row of defaults when there is no input row (kind=nonempty).
	NonEmpty bool
}

// Series is one aggregate of make-series; Default fills empty bins.
type Series struct {
	Column  ColumnID
	Default Expr
}

// Partition (Op "partition") runs Sub once for each distinct value of Key over the rows with that value and appends the results. Outer is the leaf of
// Sub; it shows the input's columns under ids of its own (Outer.Cols[i] shows input column i).
type Partition struct {
	Key   ColumnID
	Sub   Node
	Outer *Outer
}

// ScanSteps (Op "scan") walks the rows in their order and matches them against steps. Expressions see the input's columns by their own ids, the state
// of step k by the ids in Steps[k].State (State[i] shows input column i or, past those, declared variable i-len(input)).
// Outputs: the input's columns, the declared variables, and the match id where asked for.
type ScanSteps struct {
	By       []Expr  // rows that differ in these are matched apart, in order of appearance
	Declared []Named // Expr is the default
	MatchID  ColumnID
	Steps    []ScanStep
}

// ScanStep is a step of scan. Output is "all", "last" or "none". Set[i].Column is a declared variable or a column of the input,
// whose value it replaces in the output row.
type ScanStep struct {
	Name     string
	Optional bool
	Output   string
	Cond     Expr
	Set      []Named
	State    []Column
}

// Reduce (Op "reduce") groups strings by pattern. Outputs: Pattern, Count, Representative.
type Reduce struct {
	By         Expr
	Threshold  float64
	Characters string
}

// Plugin is a call of an `evaluate` plugin that no relational form exists for; Op is "evaluate NAME". Args are bound over the input's columns; for an
// argument that is a table, Args holds nil and Inputs[1] and on are those tables in order.
type Plugin struct {
	Name string
	Args []Expr
	// Columns are the columns of the input that the plugin itself looks at (autocluster, basket, diffpatterns).
	Columns []ColumnID
	// Conditions is the number of conditions among the arguments (sequence_detect), or 1 where an optional argument is there (new_activity_metrics).
	Conditions int
	// Part tells which of several results is wanted, from 0 (funnel_sequence).
	Part int
}

// Graph (Op "make-graph") holds edges (Inputs[0]) and node tables (Inputs[1:], key column NodeKeys[i]). Source and Target are columns of the edges.
// It is only ever an input of the graph operators below.
type Graph struct {
	Source, Target ColumnID
	NodeKeys       []ColumnID
	// NodeID names the node column made when there is no node table.
	NodeID Column
	// Nodes are the properties that a node shows: the union of the node tables' columns, by name.
	Nodes []Column
}

// GraphMatch (Op "graph-match" and "graph-shortest-paths") finds paths in the graph that is Inputs[0]. Expressions refer to the columns listed in the
// pattern's elements. Cycles is "unique_edges", "all" or "none"; Output is "any" or "all" (shortest paths only).
type GraphMatch struct {
	Patterns [][]GraphElement
	Where    Expr
	Project  []Named
	Cycles   string
	Output   string
}

// GraphElement is a node (Direction 0) or an edge ('>', '<', '-') of a pattern. Columns are its properties; for an edge of variable length each is a
// dynamic array over the steps. Min and Max bound the length.
type GraphElement struct {
	Name      string
	Direction byte
	Ranged    bool
	Min, Max  Expr
	Columns   []Column
}

// GraphToTable (Op "graph-to-table") gives back the nodes or edges. IDs are the extra columns of hashes, ID 0 where not asked for.
type GraphToTable struct {
	Edges                      bool
	NodeID, SourceID, TargetID Column
}

// GraphMark (Op "graph-mark-components") adds the component column to the nodes. Kind is "weak" or "strong".
type GraphMark struct {
	Kind   string
	Column Column
}

// GraphWhere (Op "graph-where-nodes", "graph-where-edges") keeps nodes or edges.
type GraphWhere struct {
	Pred Expr
}
