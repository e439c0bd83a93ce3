package kqltest_test

import (
	"context"
	"database/sql"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/clickhouse"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
	"github.com/bartizan-sec/bartizan/kql/duckdb"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// store is where a script's tables are and its queries run.
type store interface {
	session(t testing.TB) engine.Session
	// create stores a table with physical column names and its rows.
	create(t testing.TB, name string, columns []plan.Column, physical []string, rows [][]any)
}

// duckStore is an embedded DuckDB.
type duckStore struct{ conn *sql.Conn }

func newDuckStore(t testing.TB) store {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := duckdb.Register(conn); err != nil {
		t.Fatal(err)
	}
	return &duckStore{conn}
}

func (s *duckStore) session(testing.TB) engine.Session { return duckdb.Session(s.conn) }

func (s *duckStore) create(t testing.TB, name string, columns []plan.Column, physical []string, rows [][]any) {
	t.Helper()
	d := sqlgen.DuckDB()
	exec := func(statement string) {
		if _, err := s.conn.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	defs := make([]string, len(columns))
	for i, c := range columns {
		defs[i] = d.Ident(physical[i]) + " " + d.Type(c.Type)
	}
	exec("CREATE OR REPLACE TABLE " + d.Ident(name) + " (" + strings.Join(defs, ", ") + ")")
	for _, row := range rows {
		exec("INSERT INTO " + d.Ident(name) + " VALUES (" + cells(d, columns, row) + ")")
	}
}

func cells(d sqlgen.Dialect, columns []plan.Column, row []any) string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = d.Literal(columns[i].Type, v)
	}
	return strings.Join(out, ", ")
}

// clickStore is a ClickHouse server, or several with every table spread over them by row.
type clickStore struct {
	shards []driver.Conn
	engine *clickhouse.Engine
}

func newClickStore(t testing.TB, server *clickhousetest.Server) store {
	t.Helper()
	s := &clickStore{}
	name := "kqltest_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	open := func(address, database string) driver.Conn {
		conn, err := ch.Open(&ch.Options{Addr: []string{address}, Auth: ch.Auth{Database: database}, DialTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	for _, shard := range server.Shards {
		admin := open(shard.TCP, "default")
		if err := admin.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = admin.Exec(context.Background(), "DROP DATABASE "+name) })
		s.shards = append(s.shards, open(shard.TCP, name))
	}
	scratch, err := clickhouse.OpenScratch(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = scratch.Close() })
	s.engine = clickhouse.New(s.shards[0], scratch)
	return s
}

func (s *clickStore) session(testing.TB) engine.Session {
	return s.engine.Session(clickhouse.Limits{})
}

func (s *clickStore) create(t testing.TB, name string, columns []plan.Column, physical []string, rows [][]any) {
	t.Helper()
	d := sqlgen.ClickHouse(true)
	ctx := context.Background()
	exec := func(conn driver.Conn, statement string) {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	defs := make([]string, len(columns))
	for i, c := range columns {
		kind := d.Type(c.Type)
		if kind == "Nullable(String)" {
			kind = "String"
		}
		defs[i] = d.Ident(physical[i]) + " " + kind
	}
	local := name
	if len(s.shards) > 1 {
		local = name + "_local"
	}
	for i, conn := range s.shards {
		exec(conn, "DROP TABLE IF EXISTS "+d.Ident(name))
		exec(conn, "CREATE OR REPLACE TABLE "+d.Ident(local)+" ("+strings.Join(defs, ", ")+") ENGINE = MergeTree ORDER BY tuple()")
		if len(s.shards) > 1 {
			exec(conn, "CREATE TABLE "+d.Ident(name)+" AS "+d.Ident(local)+" ENGINE = Distributed("+clickhousetest.Cluster+", currentDatabase(), "+d.Ident(local)+", rand())")
		}
		var lines []string
		for k, row := range rows {
			if k%len(s.shards) != i {
				continue
			}
			row = append([]any(nil), row...)
			for j, c := range columns {
				if row[j] == nil && d.Type(c.Type) == "Nullable(String)" {
					row[j] = ""
				}
			}
			lines = append(lines, "("+cells(d, columns, row)+")")
		}
		if len(lines) > 0 {
			exec(conn, "INSERT INTO "+d.Ident(local)+" SETTINGS async_insert = 0 VALUES "+strings.Join(lines, ", "))
		}
	}
}

// script is a store with the catalog of its tables.
type script struct {
	t      testing.TB
	store  store
	tables catalog
}

func newScript(t testing.TB, s store) *script { return &script{t: t, store: s, tables: catalog{}} }

// newEngine is a script over an empty DuckDB.
func newEngine(t testing.TB) *script { return newScript(t, newDuckStore(t)) }

type catalog map[string]*kql.Table

func (c catalog) Table(name string) *kql.Table { return c[name] }

func (c catalog) Names() []string {
	var out []string
	for n := range c {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func (e *script) compile(query string) (*kql.Program, error) {
	return kql.Compile(query, e.tables, kql.Options{Now: scriptNow, Probe: func(n plan.Node) ([][]any, error) { return e.rows(n) }})
}

func (e *script) rows(n plan.Node) ([][]any, error) {
	var rows [][]any
	_, err := e.store.session(e.t).Run(context.Background(), n, engine.Options{Now: fn.Ticks(scriptNow)}, func(row []any) error {
		rows = append(rows, append([]any(nil), row...))
		return nil
	})
	return rows, err
}

// engines are the stores that every script runs on.
func engines(t *testing.T) map[string]func(t testing.TB) store {
	two := sync.OnceValue(func() *clickhousetest.Server { return clickhousetest.Start(t, 2) })
	return map[string]func(t testing.TB) store{
		"duckdb":     newDuckStore,
		"clickhouse": func(t testing.TB) store { return newClickStore(t, clickhousetest.Shared(t)) },
		"shards": func(t testing.TB) store {
			clickhousetest.Shared(t) // skips where there is no server
			return newClickStore(t, two())
		},
	}
}
