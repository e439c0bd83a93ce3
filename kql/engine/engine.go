// Package engine says what the packages that run plans have in common, whatever database they run them on: the options of a run, its figures, its
// errors, and Session, which is how callers reach an engine without knowing which it is.
package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Options are what a run depends on beside the plan.
type Options struct {
	// Now is the query's time in ticks.
	Now int64
	// Limit bounds the rows given, 0 for no bound.
	Limit int64
	// Large says that the result may be larger than memory: it is laid out on disk first and read in parts.
	Large bool
	// Intermediate bounds the rows that an operator computed in Go may read or make, 0 for the default.
	Intermediate int64
	// External fetches the rows of externaldata. nil refuses.
	External func(ctx context.Context, x *plan.External) ([][]any, error)
}

// DefaultIntermediate is the bound of Options.Intermediate when that is 0.
const DefaultIntermediate = 2_000_000

// Stats say what a run did.
type Stats struct {
	Rows      int64
	Truncated bool // the limit cut the result
	// CPU is the processor time that the run took: what the engine counted for its operators over all threads, and what the host added. A run that ended
	// early has it too.
	CPU time.Duration
	// Scanned is the number of stored rows that were read, 0 where the engine does not say.
	Scanned int64
}

// Session evaluates plans over stored tables. It serves one query at a time.
type Session interface {
	// Run evaluates the plan and gives each row to f in the Go types of KQL values (see package fn). The row slice is reused. An error of f ends the run
	// and comes back as it is.
	Run(ctx context.Context, root plan.Node, opt Options, f func(row []any) error) (Stats, error)
	// Explain says how Run would evaluate the plan, without reading rows of stored tables.
	Explain(ctx context.Context, root plan.Node, opt Options) (Explanation, error)
	Close() error
}

// Explanation is how a plan runs: the statements in order of execution, the last giving the result.
type Explanation struct {
	Engine string `json:"engine"` // "duckdb", "clickhouse"
	Steps  []Step `json:"steps"`
}

// Step is one statement of an evaluation.
type Step struct {
	// Where is the engine that runs it, or "host" for an operator computed in Go.
	Where string `json:"where"`
	// What names the operators it covers, or the operator computed in Go.
	What string `json:"what"`
	// SQL is the statement, empty on the host.
	SQL string `json:"sql,omitempty"`
}

// OutboundError says that externaldata was refused.
type OutboundError struct {
	URIs []string
	Why  string // empty: the address is not on the list
}

func (e *OutboundError) Error() string {
	if len(e.URIs) > 0 && e.Why != "" {
		return fmt.Sprintf("externaldata may not read %s: %s", e.URIs[0], e.Why)
	}
	if len(e.URIs) == 0 {
		return "externaldata is not allowed: no outside address may be read"
	}
	return fmt.Sprintf("externaldata may not read %s: the address is not on the list of allowed hosts", e.URIs[0])
}

// Error is a failure of the database. SQL is for logs, never for users.
type Error struct {
	SQL string
	Err error
	// Memory says that the query needed more memory than it may use.
	Memory bool
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
