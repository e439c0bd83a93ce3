// Package bind resolves the names of a query and types its expressions: it turns the tree of package syntax into the relational plan, with the result
// columns named and typed as the language defines.
package bind

import "github.com/bartizan-sec/bartizan/kql/plan"

// Catalog tells the binder which tables exist. Names are case-sensitive.
type Catalog interface {
	// Table returns the named table, or nil.
	Table(name string) *Table
	// Names lists all tables, sorted; wildcards, search and find use it.
	Names() []string
}

// Table describes a stored table to the binder.
type Table struct {
	Name    string
	Columns []TableColumn
	// TimeColumn is the column a default time range bounds, empty when the table has none.
	TimeColumn string
}

// TableColumn is one column of a stored table. Hidden columns resolve by name but are left out of `*`.
type TableColumn struct {
	Name     string
	Type     plan.Type
	Physical string
	Hidden   bool
}
