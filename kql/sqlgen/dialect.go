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
	// Unpack takes a field out of what Together gives.
	Unpack(sql, field string) string
	// FirstPer keeps one row per distinct value of keys.
	FirstPer(keys []string, items []string, from string) string
	// Semi is a semi or anti join of two FROM items.
	Semi(left, right, on string, anti bool) string
	// Elements is a list of a dynamic value's elements (for an array), single-slot bags (for a bag) or the value itself; null gives one null.
	Elements(g *Emitter, sql string, bagAsArray bool) string
	// Unnest makes a row for each element of a list inside a SELECT list; several in one SELECT run in parallel, short ones padded with null.
	Unnest(list string) string
	// Positions is a list 0..n-1 with n the length of the longest of the lists.
	Positions(lists []string) string
	// Cut keeps the first n elements of a list.
	Cut(list, n string) string
	// Counter is a FROM item with one column h0 holding 0..n-1; n is SQL.
	Counter(n string, constant bool) string
	// Sample is a clause after FROM that keeps n rows at random.
	Sample(n string) string
}

// Field is a part of a packed row.
type Field struct {
	Name string
	SQL  string
}
