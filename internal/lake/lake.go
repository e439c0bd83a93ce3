// Package lake stores hunting rows and answers queries over them. Two engines stand behind one interface: DuckDB (embedded, one file per tenant) and
// ClickHouse (cluster). A writer commits rows and the source position in one transaction, so a crash neither loses nor doubles a row.
package lake

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql/engine"
)

// Store is one tenant's lake. A Store without a tenant cannot be made.
type Store interface {
	Tenant() tenant.ID
	// Append writes rows and moves the positions in one transaction. Rows of a batch whose position was already passed must not be given again.
	Append(ctx context.Context, rows []*schema.Row, positions map[string]int64) error
	// Position returns how far the named source was written, 0 when it never was.
	Position(ctx context.Context, source string) (int64, error)
	// Session opens a session for one query over the tenant's rows; it is closed after the query.
	Session(ctx context.Context) (engine.Session, error)
	// Counts returns rows per table, tables without rows left out.
	Counts(ctx context.Context) (map[string]int64, error)
	// Retain deletes rows of the table that happened and arrived before the time, and returns how many: old logs that were imported today stay.
	Retain(ctx context.Context, table string, before time.Time) (int64, error)
	// DeleteLab removes the rows that an evaluation lab run made; "" removes those of all runs.
	DeleteLab(ctx context.Context, run string) (int64, error)
	// CustomTables returns the custom tables there are, by name. Append makes them, and their columns, for rows of schema.NewCustom tables; Counts, Retain
	// and DeleteLab know them.
	CustomTables(ctx context.Context) ([]*schema.Table, error)
	// DropCustom removes a custom table with its rows.
	DropCustom(ctx context.Context, table string) error
	Close() error
}

// Engine opens tenants' stores.
type Engine interface {
	// Open returns the tenant's store, creating it with all hunting tables when it does not exist. Opening twice returns the same store.
	Open(ctx context.Context, id tenant.ID) (Store, error)
	Close() error
}
