// Package kql is an implementation of the Kusto Query Language: it parses and binds queries against a catalog of tables and turns them into SQL.
//
//	program, diagnostics := kql.Compile(text, catalog, kql.Options{})
//
// The stages are packages of their own: syntax (text to tree with positions), bind (names and types), plan (relational form), sqlgen (one dialect per
// engine). kqltest holds the script corpus that defines the language as implemented here.
package kql

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
