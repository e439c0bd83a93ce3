package sqlgen

import "github.com/bartizan-sec/bartizan/kql/plan"

// Dialect says how an engine spells what engines spell differently.
type Dialect interface {
	// Type is the SQL type that holds values of t.
	Type(t plan.Type) string
	// Literal is a value of type t (bool, int64, float64, string or nil), typed and escaped. It is the only way values reach SQL.
	Literal(t plan.Type, v any) string
	// Ident is an identifier, quoted.
	Ident(name string) string
	// Call is a scalar function or operator.
	Call(g *Emitter, c *plan.Call) string
	// Predicate is a call used as a condition, where null and false are the same; "" leaves it to Call.
	Predicate(g *Emitter, c *plan.Call) string
	// Convert gives sql, of type from, as a value of type to.
	Convert(g *Emitter, sql string, from, to plan.Type) string
	// Aggregate is an aggregate call; order is the text for ORDER BY inside it, "" when rows have none.
	Aggregate(g *Emitter, a *plan.Agg, order string) string
	// Together is one aggregate that yields a row's columns packed as one value: the row with the greatest (or least) ordering value, or any row.
	Together(g *Emitter, fun string, by plan.Expr, fields []Field) string
	// Unpack takes the field at a position out of what Together gives.
	Unpack(sql, field string, at int) string
	// FirstPer keeps one row per distinct value of keys, the first of the order ("" for any).
	FirstPer(keys []string, items []string, from, order string) string
	// Semi is a semi or anti join of two FROM items.
	Semi(left, right, on string, anti bool) string
	// Elements is a list of a dynamic value's elements (for an array), single-slot bags (for a bag) or the value itself; null gives one null.
	Elements(g *Emitter, sql string, bagAsArray bool) string
	// Unnest are the items of a SELECT that make a row for each element of the lists, in parallel, short ones padded with null. The elements get the
	// names, and pos is their position from 0.
	Unnest(pos string, lists, names []string) []string
	// Cut keeps the first n elements of a list.
	Cut(list, n string) string
	// Stored is a stored column as a value of type t.
	Stored(name string, t plan.Type) string
	// Values is a FROM item of rows with cells in SQL.
	Values(cols []plan.Column, rows [][]string) string
	// Quotient is the division of whole numbers.
	Quotient(a, b string) string
	// Lower is a text in lower case.
	Lower(sql string) string
	// Traits say what forms the engine wants.
	Traits() Traits
	// Counter is a FROM item with one column h0 holding 0..n-1; n is SQL.
	Counter(n string, constant bool) string
	// Sample is a clause after FROM that keeps n rows at random.
	Sample(n string) string
}

// Traits are an engine's likes.
type Traits struct {
	// Numbered aggregates take the order of rows as one number rather than as a list of sort terms.
	Numbered bool
	// Ranked says that arg_max is best found by ranking rows, rather than by an aggregate.
	Ranked bool
	// Calls says that functions in Go can be called from SQL.
	Calls bool
	// Flat says that a SELECT had better read a stored table itself than a subquery over it.
	Flat bool
	// Inlines says that a named subquery is computed once for each use, and there is no way to have it computed once.
	Inlines bool
	// Mixed says that keys of different numeric types can be compared in a join.
	Mixed bool
	// Lookups says that a join keeps its right side in memory, and that a test for membership is cheaper than a semi or anti join.
	Lookups bool
}

// Field is a part of a packed row.
type Field struct {
	Name string
	SQL  string
	Type plan.Type
}
