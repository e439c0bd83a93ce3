package kql

import "github.com/bartizan-sec/bartizan/kql/bind"

// Function describes a function of the language to an editor. Kind is "scalar", "aggregate", "plugin" or "table"; Instead names the successor of an
// obsolete function.
type Function = bind.Function

// Functions lists the functions by name.
func Functions() []Function { return bind.Functions() }

// Operator describes a tabular operator to an editor.
type Operator struct {
	Name    string `json:"name"`
	Syntax  string `json:"syntax"`
	Summary string `json:"summary"`
	// Source says that a query may begin with it.
	Source bool `json:"source,omitempty"`
}

// Operators lists the tabular operators, the common ones first.
func Operators() []Operator {
	return []Operator{
		{Name: "where", Syntax: "where Condition", Summary: "Keep the rows for which a condition holds"},
		{Name: "extend", Syntax: "extend Name = Expression, …", Summary: "Add or replace columns"},
		{Name: "project", Syntax: "project Name = Expression, …", Summary: "Choose, rename and compute columns"},
		{Name: "summarize", Syntax: "summarize Name = Aggregate, … by Key, …", Summary: "Group rows and aggregate each group"},
		{Name: "join", Syntax: "join kind=inner (Table) on Key", Summary: "Match rows with those of another table"},
		{Name: "union", Syntax: "union Table, …", Summary: "Append the rows of other tables", Source: true},
		{Name: "sort by", Syntax: "sort by Column desc, …", Summary: "Order rows; descending unless said otherwise"},
		{Name: "top", Syntax: "top Count by Column desc", Summary: "The first rows in an order"},
		{Name: "take", Syntax: "take Count", Summary: "Any so many rows"},
		{Name: "distinct", Syntax: "distinct Column, …", Summary: "Distinct combinations of values"},
		{Name: "count", Syntax: "count", Summary: "The number of rows"},
		{Name: "mv-expand", Syntax: "mv-expand Column to typeof(string)", Summary: "A row for each element of an array"},
		{Name: "mv-apply", Syntax: "mv-apply Name = Column to typeof(string) on (Subquery)", Summary: "A subquery over the elements of each row's array"},
		{Name: "parse", Syntax: "parse Column with * 'text' Name:type *", Summary: "Take columns out of a text by a pattern"},
		{Name: "parse-where", Syntax: "parse-where Column with * 'text' Name:type *", Summary: "Parse, and drop rows that do not match"},
		{Name: "parse-kv", Syntax: "parse-kv Column as (Name:type, …) with (pair_delimiter=' ', kv_delimiter='=')", Summary: "Take key-value pairs out of a text"},
		{Name: "lookup", Syntax: "lookup kind=leftouter (Table) on Key", Summary: "Add the columns of a dimension table"},
		{Name: "project-away", Syntax: "project-away Column*, …", Summary: "Drop columns"},
		{Name: "project-keep", Syntax: "project-keep Column*, …", Summary: "Keep only these columns, in their present order"},
		{Name: "project-rename", Syntax: "project-rename New = Old, …", Summary: "Rename columns"},
		{Name: "project-reorder", Syntax: "project-reorder Column, …", Summary: "Put columns first"},
		{Name: "make-series", Syntax: "make-series Name = Aggregate default=0 on Timestamp from Start to End step 1h by Key", Summary: "Aggregates over time as arrays, gaps filled"},
		{Name: "evaluate", Syntax: "evaluate Plugin(Arguments)", Summary: "Run a plugin", Source: true},
		{Name: "invoke", Syntax: "invoke Function(Arguments)", Summary: "Call a function with the rows as its first argument"},
		{Name: "render", Syntax: "render timechart", Summary: "Ask for a chart"},
		{Name: "serialize", Syntax: "serialize Name = row_number()", Summary: "Fix the order of rows for functions of neighbouring rows"},
		{Name: "as", Syntax: "as Name", Summary: "Name the rows so far"},
		{Name: "sample", Syntax: "sample Count", Summary: "Some rows at random"},
		{Name: "sample-distinct", Syntax: "sample-distinct Count of Column", Summary: "Some distinct values"},
		{Name: "top-nested", Syntax: "top-nested Count of Column by Aggregate, …", Summary: "The top values level by level"},
		{Name: "top-hitters", Syntax: "top-hitters Count of Column", Summary: "The most frequent values"},
		{Name: "partition", Syntax: "partition by Column (Subquery)", Summary: "A subquery for each value of a column"},
		{Name: "scan", Syntax: "scan declare (Name:type) with (step Name: Condition => Name = Expression;)", Summary: "Match sequences of rows"},
		{Name: "reduce", Syntax: "reduce by Column", Summary: "Group similar texts by pattern"},
		{Name: "fork", Syntax: "fork (Subquery) (Subquery)", Summary: "Several subqueries over the same rows"},
		{Name: "facet", Syntax: "facet by Column, …", Summary: "The values of each column with their counts"},
		{Name: "getschema", Syntax: "getschema", Summary: "The columns and their types"},
		{Name: "search", Syntax: "search in (Table, …) \"text\"", Summary: "Rows with a word in any column", Source: true},
		{Name: "find", Syntax: "find in (Table, …) where Condition", Summary: "Rows of several tables", Source: true},
		{Name: "print", Syntax: "print Name = Expression, …", Summary: "One row of computed values", Source: true},
		{Name: "range", Syntax: "range Name from Start to End step Step", Summary: "A column of evenly spaced values", Source: true},
		{Name: "make-graph", Syntax: "make-graph Source --> Target with Table on Key", Summary: "Read rows as the edges of a graph"},
		{Name: "graph-match", Syntax: "graph-match (a)-[e]->(b) where Condition project Column, …", Summary: "Find patterns in a graph"},
		{Name: "graph-shortest-paths", Syntax: "graph-shortest-paths (a)-[e*1..5]->(b) project Column, …", Summary: "Find shortest paths in a graph"},
		{Name: "graph-to-table", Syntax: "graph-to-table nodes", Summary: "The nodes or edges of a graph as rows"},
	}
}
