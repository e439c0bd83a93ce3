package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

const ingestRecords = 300_000

// ingest imports generated Sysmon records with the shipped rules (and public ones when BARTIZAN_TEST_RULES names a folder), and beside it appends the
// same rows to a bare lake.
func (b *bench) ingest(ctx context.Context) error {
	e := newEvents()
	file := b.path("events.jsonl")
	if err := writeLines(file, ingestRecords, e.record); err != nil {
		return err
	}
	args := []string{"import", "--data", b.path("ingest"), "--json"}
	if rules := os.Getenv("BARTIZAN_TEST_RULES"); rules != "" {
		args = append(args, "--rules", rules)
	}
	out, memory, err := peak(ctx, append(args, file)...)
	if err != nil {
		return err
	}
	var report struct {
		Records int64
		Seconds float64
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return err
	}
	print("ingest_events_per_second", float64(report.Records)/report.Seconds, "records/s")
	print("ingest_peak_memory_mb", memory, "MB")
	info, err := os.Stat(b.path("ingest", "lake", "default.duckdb"))
	if err != nil {
		return err
	}
	print("lake_bytes_per_event", float64(info.Size())/float64(report.Records), "bytes")
	return b.appender(ctx)
}

// appender is the yardstick: the same rows, mapped beforehand, written by the lake alone.
func (b *bench) appender(ctx context.Context) error {
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
