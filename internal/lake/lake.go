// Package lake stores hunting rows and answers queries over them. Two engines stand behind one interface: DuckDB (embedded, one file per tenant) and
// ClickHouse (cluster). A writer commits rows and the source position in one transaction, so a crash neither loses nor doubles a row.
package lake

import (
	"context"
	"io"
	"time"

	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql/engine"
)

// Ahead is how far ahead of its arrival a row may say that it happened, in ticks, until that is taken for a wrong clock: the row ages from its arrival then, or
// it would stay for ever.
const Ahead = 24 * 60 * 60 * schema.TicksPerSecond

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
	// Retain deletes rows of the table that happened and arrived before the time, and returns how many: old logs that were imported today stay. Rows that
	// happened further ahead of their arrival than Ahead go by their arrival.
	Retain(ctx context.Context, table string, before time.Time) (int64, error)
	// DeleteLab removes the rows that an evaluation lab run made; "" removes those of all runs.
	DeleteLab(ctx context.Context, run string) (int64, error)
	// CustomTables returns the custom tables there are, by name. Append makes them, and their columns, for rows of schema.NewCustom tables; Counts, Retain
	// and DeleteLab know them.
	CustomTables(ctx context.Context) ([]*schema.Table, error)
	// DropCustom removes a custom table with its rows.
	DropCustom(ctx context.Context, table string) error
	// Stats tells how large the lake is, mostly from what the engine knows without reading rows.
	Stats(ctx context.Context) (*Inventory, error)
	// RetainBytes deletes the oldest rows of the table so that it takes no more bytes on disk than given, and returns how many. Their room comes back by and by.
	RetainBytes(ctx context.Context, table string, bytes int64) (int64, error)
	// Compact writes the lake anew so that it takes as little room as it can and queries read it fast. Rows can be appended and queried meanwhile; when some
	// are deleted meanwhile, it is given up without effect (conflict).
	Compact(ctx context.Context, report func(Progress)) (Compaction, error)
	// ExportParquet writes the rows as a Parquet file, as they come, and returns how many there were.
	ExportParquet(ctx context.Context, w io.Writer, x Export) (int64, error)
	Close() error
}

// Engine opens tenants' stores.
type Engine interface {
	// Open returns the tenant's store, creating it with all hunting tables when it does not exist. Opening twice returns the same store.
	Open(ctx context.Context, id tenant.ID) (Store, error)
	Close() error
}
