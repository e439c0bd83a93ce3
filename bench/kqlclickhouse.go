package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// onClickHouse measures the hunting shapes on a ClickHouse server that holds the same rows in the tables of the product. BARTIZAN_BENCH_CLICKHOUSE names
// a running server (HOST:PORT,http://HOST:PORT, user default without password) that keeps the rows; without it a server is started and ended.
func (b *bench) onClickHouse(ctx context.Context) error {
	l, err := b.hunting(ctx)
	if err != nil {
		return err
	}
	native, web, given := strings.Cut(b.settings["CLICKHOUSE"], ",")
	if !given {
		server, stop, err := clickhousetest.Run()
		if err != nil {
			return err
		}
		if server == nil {
			fmt.Fprintln(os.Stderr, "bench: ClickHouse's library is not installed (scripts/setup.sh clickhouse); hunting is measured on DuckDB only")
			return nil
		}
		defer stop()
		native, web = server.Shards[0].TCP, server.Shards[0].HTTP
	}
	engine, err := clickhouse.New("clickhouse://default@"+native, clickhouse.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	store, err := engine.Open(ctx, "default")
	if err != nil {
		return err
	}
	c := &clickHouse{http: web}
	start := time.Now()
	for _, p := range parts {
		if err := c.load(ctx, l, b.path("rows.parquet"), p.table); err != nil {
			return fmt.Errorf("%s: %w", p.table, err)
		}
	}
	if err := c.do(ctx, "SYSTEM STOP MERGES", nil); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: ClickHouse has the rows after %.0f s\n", time.Since(start).Seconds())
	db := ch.OpenDB(&ch.Options{Addr: []string{native}, Auth: ch.Auth{Database: clickHouseDatabase}})
	defer db.Close()
	session, err := store.Session(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	race := &contest{db: db, session: session, hand: func(s shape) string { return s.clickhouse }, used: func() time.Duration { return processTime() + c.used(ctx) }, pairs: 5, only: b.settings["SHAPE"]}
	results, err := race.run(ctx, shapes)
	if err != nil {
		return err
	}
	printRatios("kql_clickhouse", results)
	return nil
}

const clickHouseDatabase = "bartizan_default"

// clickHouse is the server over HTTP.
type clickHouse struct{ http string }

// do runs a statement; its data, if any, are the body.
func (c *clickHouse) do(ctx context.Context, statement string, data io.Reader) error {
	_, err := c.ask(ctx, statement, data)
	return err
}

func (c *clickHouse) ask(ctx context.Context, statement string, data io.Reader) (string, error) {
	address := c.http + "/?" + url.Values{"database": {clickHouseDatabase}, "query": {statement}, "async_insert": {"0"}, "max_threads": {"2"}, "max_insert_threads": {"1"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, data)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.500s", resp.Status, text)
	}
	return string(text), err
}

// used is the CPU time that queries have used on the server.
func (c *clickHouse) used(ctx context.Context) time.Duration {
	text, err := c.ask(ctx, "SELECT sum(value) FROM system.events WHERE event IN ('UserTimeMicroseconds', 'SystemTimeMicroseconds')", nil)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Duration(n) * time.Microsecond
}

// load copies a table's rows, in portions that the server has memory for.
func (c *clickHouse) load(ctx context.Context, l *huntLake, file, table string) error {
	var last sql.NullInt64
	if err := l.db.QueryRowContext(ctx, "SELECT max(rowid) FROM "+table).Scan(&last); err != nil || !last.Valid {
		return err
	}
	var names []string
	for _, col := range schema.Load().Table(table).Stored() {
		names = append(names, `"`+col.Physical+`"`)
	}
	have, err := c.ask(ctx, "SELECT count() = "+strconv.FormatInt(l.tables[table], 10)+" FROM "+table, nil)
	if err != nil || strings.TrimSpace(have) == "1" {
		return err
	}
	if err := c.do(ctx, "TRUNCATE TABLE "+table, nil); err != nil {
		return err
	}
	const portion = 250_000
	for from := int64(0); from <= last.Int64; from += portion {
		copyOut := fmt.Sprintf("COPY (SELECT %s FROM %s WHERE rowid >= %d AND rowid < %d) TO '%s' (FORMAT parquet, COMPRESSION uncompressed)", strings.Join(names, ", "), table, from, from+portion, file)
		if _, err := l.db.ExecContext(ctx, copyOut); err != nil {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		err = c.do(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") FORMAT Parquet", f)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return os.Remove(file)
}
