package duckdb

import "github.com/bartizan-sec/bartizan/kql/plan"

// Stored is a table that holds the rows of a node: a column c<id> for each column that is used, and h0 that numbers the rows.
type Stored struct {
	Table string
	// Ordered says that the order of the rows counts.
	Ordered bool
}

func (r *runner) use(stored map[plan.Node]Stored) {
	for n, s := range stored {
		r.local[n], r.ordered[n] = s.Table, s.Ordered
	}
}
