package main

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

// yardsticks writes the rows of the same records with nothing around.
func (b *bench) yardsticks(ctx context.Context) error {
	const n = 100_000
	e := newEvents()
	family := winlog.New(normalise.NewProcessCache(100_000))
	var out normalise.Batch
	for i := range n {
		rec := &normalise.Record{Tenant: "default", Source: "winlog", Number: int64(i + 1), Received: e.start, Data: e.record(i)}
		if err := family.Normalise(rec, &out); err != nil {
			return err
		}
		out.Events = out.Events[:0]
	}
	engine, err := duckdb.New(b.path("bare"), duckdb.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	store, err := engine.Open(ctx, "default")
	if err != nil {
		return err
	}
	start := time.Now()
	for rows := out.Rows; len(rows) > 0; {
		part := rows[:min(20_000, len(rows))]
		if err := store.Append(ctx, part, nil); err != nil {
			return err
		}
		rows = rows[len(part):]
	}
	print("ingest_events_per_second.yardstick.duckdb_appender", n/time.Since(start).Seconds(), "records/s")
	return nil
}
