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
	// Rows narrows the table to some of its rows; nil shows all.
	Rows *Rows
}

// Rows says which rows of a table exist for whoever asks. A query can neither see nor undo it: wherever the table is read, the other rows are not there.
type Rows struct {
	// Where is a condition over the table's columns, as after `where`. Rows for which it is not true are left out.
	Where string
	// Tables resolves the tables that the condition reads; those of the query's own catalog are not seen, and neither are their Rows.
	Tables func(name string) *Table
}

// rowsCatalog is what the condition of Rows sees.
type rowsCatalog struct{ rows *Rows }

func (c rowsCatalog) Names() []string { return nil }

func (c rowsCatalog) Table(name string) *Table {
	if c.rows.Tables == nil {
		return nil
	}
	return c.rows.Tables(name)
}

// TableColumn is one column of a stored table. Hidden columns resolve by name but are left out of `*`.
type TableColumn struct {
	Name     string
	Type     plan.Type
	Physical string
	Hidden   bool
}
