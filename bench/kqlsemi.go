package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
)

const (
	semiKeys   = 10_000_000
	semiMemory = "4GB" // what the engine may use, a quarter of what it takes by default on 16 GB
)

// semiJoin joins ten million different keys with as many others, half of which are the same, within a bound on the engine's memory.
func (b *bench) semiJoin(ctx context.Context) error {
	dir := b.path("semi")
	if err := os.MkdirAll(dir+"/lake", 0o700); err != nil {
		return err
	}
	l, err := openLake(ctx, dir)
	if err != nil {
		return err
	}
	defer l.close()
	key := `"SHA256" VARCHAR, "Timestamp" BIGINT`
	made := func(table string, from int) string {
		return fmt.Sprintf(`CREATE TABLE %s (%s); INSERT INTO %s SELECT md5(CAST(i AS VARCHAR)), %d + i FROM range(%d, %d) AS r(i)`, table, key, table, schema.Ticks(huntNow.Add(-48*time.Hour)), from, from+semiKeys)
	}
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range []string{made("DeviceProcessEvents", 0), made("DeviceFileEvents", semiKeys/2), "CHECKPOINT", "SET memory_limit = '" + semiMemory + "'"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	const question = `DeviceProcessEvents | join kind=leftsemi (DeviceFileEvents) on SHA256 | count`
	program, err := kql.Compile(question, lake.Catalog(schema.Load(), nil), kql.Options{Now: huntNow})
	if err != nil {
		return err
	}
	session := kqlduckdb.Session(conn)
	var found any
	done := make(chan struct{})
	peak := watchMemory(ctx, l.db, done)
	start := time.Now()
	_, err = session.Run(ctx, program.Root, engine.Options{Now: fn.Ticks(huntNow)}, func(row []any) error {
		found = row[0]
		return nil
	})
	took := time.Since(start)
	close(done)
	most := <-peak
	if err != nil {
		return err
	}
	if found != int64(semiKeys/2) {
		return fmt.Errorf("a semi-join of %d keys found %v", semiKeys, found)
	}
	print("kql_semijoin_10m_ms", float64(took.Milliseconds()), "ms")
	start = time.Now()
	var n int64
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM DeviceProcessEvents WHERE SHA256 IN (SELECT SHA256 FROM DeviceFileEvents)").Scan(&n); err != nil {
		return err
	}
	print("kql_semijoin_10m_ms.yardstick.hand_written_sql", float64(time.Since(start).Milliseconds()), "ms")
	print("kql_semijoin_10m_memory_mb", most/1e6, "MB")
	print("kql_semijoin_10m_memory_mb.yardstick.limit", 4e9/1e6, "MB")
	return nil
}

// watchMemory gives the greatest memory that the engine held until done is closed.
func watchMemory(ctx context.Context, db *sql.DB, done <-chan struct{}) <-chan float64 {
	out := make(chan float64, 1)
	go func() {
		var most float64
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				out <- most
				return
			case <-tick.C:
			}
			var text string
			if db.QueryRowContext(ctx, "SELECT CAST(sum(memory_usage_bytes) AS VARCHAR) FROM duckdb_memory()").Scan(&text) == nil {
				if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
					most = max(most, n)
				}
			}
		}
	}()
	return out
}
