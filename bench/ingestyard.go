package main

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	engine "github.com/duckdb/duckdb-go/v2"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

const (
	yardRecords = 100_000
	yardRows    = 20_000 // in one insert
)

// yardsticks writes the rows of the same records, mapped beforehand, into the same tables with nothing around: with the appender of DuckDB's Go driver, row by
// row, a transaction for every yardRows rows; and as lines of JSON over HTTP into ClickHouse.
func (b *bench) yardsticks(ctx context.Context) error {
	e := newEvents()
	family := winlog.New(normalise.NewProcessCache(100_000))
	var out normalise.Batch
	for i := range yardRecords {
		rec := &normalise.Record{Tenant: "default", Source: "winlog", Number: int64(i + 1), Received: e.start, Data: e.record(i)}
		if err := family.Normalise(rec, &out); err != nil {
			return err
		}
		out.Events = out.Events[:0]
	}
	var batches []map[*schema.Table][]*schema.Row
	for rows := out.Rows; len(rows) > 0; rows = rows[min(yardRows, len(rows)):] {
		batch := map[*schema.Table][]*schema.Row{}
		for _, row := range rows[:min(yardRows, len(rows))] {
			batch[row.Table] = append(batch[row.Table], row)
		}
		batches = append(batches, batch)
	}
	took, err := b.appender(ctx, batches)
	if err != nil {
		return err
	}
	print("ingest_events_per_second.yardstick.duckdb_appender", yardRecords/took.Seconds(), "records/s")
	return b.insertJSON(ctx, batches)
}

// makeTables makes the product's tables and lets go of them.
func makeTables(ctx context.Context, e lake.Engine) error {
	_, err := e.Open(ctx, "default")
	return errors.Join(err, e.Close())
}

func (b *bench) appender(ctx context.Context, batches []map[*schema.Table][]*schema.Row) (time.Duration, error) {
	lakes, err := duckdb.New(b.path("bare"), duckdb.Options{})
	if err != nil {
		return 0, err
	}
	if err := makeTables(ctx, lakes); err != nil {
		return 0, err
	}
	db, err := sql.Open("duckdb", filepath.Join(b.path("bare"), "default.duckdb"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	start := time.Now()
	for _, batch := range batches {
		if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
			return 0, err
		}
		for table, rows := range batch {
			if err := conn.Raw(func(raw any) error { return appendRows(raw.(driver.Conn), table, rows) }); err != nil {
				return 0, fmt.Errorf("%s: %w", table.Name, err)
			}
		}
		if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

func appendRows(conn driver.Conn, table *schema.Table, rows []*schema.Row) error {
	a, err := engine.NewAppenderFromConn(conn, "", table.Name)
	if err != nil {
		return err
	}
	var cells []driver.Value
	for _, row := range rows {
		cells = cells[:0]
		for i, c := range table.Columns {
			if c.AliasOf != "" {
				continue
			}
			v := row.Values[i]
			if v == nil && c.Type == schema.String {
				v = ""
			}
			cells = append(cells, v)
		}
		if err := a.AppendRow(cells...); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	return a.Close()
}

// insertJSON inserts the rows into a ClickHouse server that is started for it, or into the one that BARTIZAN_BENCH_CLICKHOUSE names.
func (b *bench) insertJSON(ctx context.Context, batches []map[*schema.Table][]*schema.Row) error {
	server, stop, err := clickhousetest.Run()
	if err != nil {
		return err
	}
	if server == nil {
		fmt.Fprintln(os.Stderr, "bench: ClickHouse's library is not installed (scripts/setup.sh clickhouse); ingest has no yardstick of it")
		return nil
	}
	defer stop()
	lakes, err := clickhouse.New("clickhouse://default@"+server.Shards[0].TCP, clickhouse.Options{})
	if err != nil {
		return err
	}
	if err := makeTables(ctx, lakes); err != nil {
		return err
	}
	type insert struct {
		table string
		body  []byte
	}
	var inserts []insert
	for _, batch := range batches {
		for table, rows := range batch {
			body, err := jsonRows(table, rows)
			if err != nil {
				return err
			}
			inserts = append(inserts, insert{table.Name, body})
		}
	}
	c := &clickHouse{http: server.Shards[0].HTTP}
	start := time.Now()
	for _, in := range inserts {
		if err := c.do(ctx, "INSERT INTO "+in.table+" FORMAT JSONEachRow", bytes.NewReader(in.body)); err != nil {
			return fmt.Errorf("%s: %w", in.table, err)
		}
	}
	print("ingest_events_per_second.yardstick.clickhouse_json", yardRecords/time.Since(start).Seconds(), "records/s")
	return nil
}

// jsonRows writes rows as lines of JSON, without the cells that are null.
func jsonRows(table *schema.Table, rows []*schema.Row) ([]byte, error) {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for _, row := range rows {
		cells := map[string]any{}
		for i, c := range table.Columns {
			if v := row.Values[i]; v != nil && c.AliasOf == "" {
				cells[c.Physical] = v
			}
		}
		if err := lines.Encode(cells); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
