package kqltest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/duckdb"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// resident is the memory of the process in MiB as the system counts it, 0 where it does not tell.
func resident() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			n, _ := strconv.Atoi(strings.Fields(string(rest))[0])
			return n / 1024
		}
	}
	return 0
}

// TestHostileQueriesEnd runs queries that would fill memory or never end: each ends within its time, with an error of a known kind or a result, and the
// process stays small.
func TestHostileQueriesEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	const limit, patience, memory = 3 * time.Second, 25 * time.Second, 4096
	e := newEngine(t)
	conn := engineConn(t)
	cross := "range a from 1 to 1000000 step 1 | extend k = 1 | join kind=inner (range b from 1 to 1000000 step 1 | extend k = 1) on k"
	grid := "range a from 1 to 50 step 1 | extend k = 1 | join kind=inner (range b from 1 to 50 step 1 | extend k = 1) on k | project a, b | make-graph a --> b with_node_id=n"
	for name, query := range map[string]string{
		"cross join":      cross + " | count",
		"cross list":      cross + " | summarize make_list(a)",
		"set":             "range x from 1 to 50000000 step 1 | summarize make_set(x, 100000000)",
		"expansion":       "print a = range(1, 100000, 1) | mv-expand a | extend b = range(1, 100000, 1) | mv-expand b | summarize count() by tolong(b)",
		"long text":       "print strlen(strrep(strrep('aaaaaaaaaa', 10000), 10000))",
		"wide text":       "print x = strrep('aaaaaaaaaaaaaaaaaaaa', 1024)" + strings.Repeat(" | extend x = strcat(x, x, x, x, x, x, x, x, x, x)", 5) + " | project strlen(x)",
		"array":           "print a = range(1, 1000000, 1) | extend b = array_concat(a, a, a, a, a, a, a, a) | project array_length(b)",
		"deep JSON":       "print parse_json(strrep('[', 1000000))",
		"pattern":         "print strrep('a', 1000000) matches regex '(a*)*(a*)*(a|b|ab)*c'",
		"counted pattern": "print 'a' matches regex '((a{1000}){1000}){1000}'",
		"walks":           grid + " | graph-match cycles=all (x)-[e*1..9]->(y) project x.n",
		"shortest":        grid + " | graph-shortest-paths output=all (x)-[e*1..100]->(y) project x.n",
		"partitions":      "range x from 1 to 100000 step 1 | partition by x (count)",
		"bins":            "print t = now() | make-series count() on t from datetime(0001-01-01) to datetime(9999-01-01) step 1tick",
		"series":          "range x from 1 to 20000 step 1 | make-series count() on x from 1 to 100000 step 1 by k = x",
		"cells":           "print geo_polygon_to_s2cells(dynamic({'type':'Polygon','coordinates':[[[0,0],[90,0],[90,80],[0,80],[0,0]]]}), 30)",
		"baskets":         "range x from 1 to 20000 step 1 | extend a=x%2, b=x%3, c=x%5, d=x%7, e=x%11, f=x%13, g=x%17, h=x%19, i=x%23, j=x%29 | evaluate basket(0.00001, '~', 20)",
		"columns":         "range x from 1 to 10000 step 1 | extend k = tostring(x) | evaluate pivot(k)",
	} {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		rows := 0
		err := func() error {
			run := func(n plan.Node, f func([]any) error) error {
				_, err := duckdb.Run(ctx, conn, n, engine.Options{Now: fn.Ticks(scriptNow), Limit: 1000}, f)
				return err
			}
			p, err := kql.Compile(query, e.tables, kql.Options{Now: scriptNow, Probe: func(n plan.Node) ([][]any, error) {
				var out [][]any
				return out, run(n, func(row []any) error { out = append(out, append([]any(nil), row...)); return nil })
			}})
			if err != nil {
				return err
			}
			return run(p.Root, func([]any) error { rows++; return nil })
		}()
		cancel()
		took := time.Since(begin)
		var compile *kql.Error
		var bound *fn.LimitError
		var failed *engine.Error
		var evaluated *sqlgen.EvalError
		if err != nil && !errors.As(err, &compile) && !errors.As(err, &bound) && !errors.As(err, &failed) && !errors.As(err, &evaluated) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: an error of no known kind: %v", name, err)
		}
		if took > patience {
			t.Errorf("%s: took %v", name, took)
		}
		if used := resident(); used > memory {
			t.Errorf("%s: the process has %d MiB", name, used)
		}
		t.Logf("%-16s %6.1fs %5d MiB, %d rows, %v", name, took.Seconds(), resident(), rows, firstLine(err))
	}
}

func firstLine(err error) string {
	if err == nil {
		return "no error"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// engineConn is a connection to a small DuckDB.
func engineConn(t *testing.T) *sql.Conn {
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
	if _, err := conn.ExecContext(context.Background(), "SET memory_limit = '512MB'"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Plugins that make many rows of few are stopped by the bound of an operator's rows.
func TestPluginsMakeBoundedRows(t *testing.T) {
	e := newEngine(t)
	conn := engineConn(t)
	many := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = strconv.Itoa(i + 1)
		}
		return "dynamic([" + strings.Join(list, ", ") + "])"
	}
	for name, query := range map[string]string{
		"new_activity_metrics":       "range x from 0 to 3999 step 1 | extend k = tostring(x) | evaluate new_activity_metrics(k, x, 0, 3999, 2, k)",
		"funnel_sequence_completion": "range x from 0 to 999 step 1 | extend who = 'a', s = '1' | evaluate funnel_sequence_completion(who, x, 0, 1000, 1, s, " + many(50) + ", " + many(50) + ")",
	} {
		p, err := kql.Compile(query, e.tables, kql.Options{Now: scriptNow})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows := 0
		_, err = duckdb.Run(context.Background(), conn, p.Root, engine.Options{Now: fn.Ticks(scriptNow), Limit: 10}, func([]any) error { rows++; return nil })
		var bound *fn.LimitError
		if !errors.As(err, &bound) {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
	}
}
