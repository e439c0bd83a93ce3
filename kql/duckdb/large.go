package duckdb

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// largePart is how many rows of a large result are read at a time.
const largePart = 50_000

// queryLarge is query for results that may not fit into memory: the engine lays the rows out in a temporary table, which it moves to disk as it needs to,
// and they are read in parts. The driver would otherwise hold the whole result.
func (r *runner) queryLarge(ctx context.Context, n plan.Node, limit int64, f func([]any) error) error {
	empty, err := r.emptyTables(ctx, n)
	if err != nil {
		return err
	}
	opt := sqlgen.Options{Now: r.opt.Now, Local: r.local, Ordered: r.ordered, Empty: empty}
	if limit > 0 {
		opt.Limit = limit + 1
	}
	q, err := sqlgen.Generate(n, r.dialect, opt)
	if err != nil {
		return err
	}
	if len(q.Columns) == 0 {
		return r.each(ctx, q, f)
	}
	r.serial++
	name := "kql_large_" + strconv.Itoa(r.serial)
	names := make([]string, len(q.Columns))
	for i := range names {
		names[i] = "v" + strconv.Itoa(i)
	}
	list := strings.Join(names, ", ")
	statement := fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT row_number() OVER () - 1 AS n, %s FROM (%s) AS t(%s)", name, list, q.SQL, list)
	r.tables = append(r.tables, name)
	done := r.meter.enter()
	_, err = r.conn.ExecContext(ctx, statement)
	done(err)
	if err != nil {
		return engineError(err, statement)
	}
	for from := 0; ; from += largePart {
		part := sqlgen.Query{Columns: q.Columns, SQL: fmt.Sprintf("SELECT %s FROM %s WHERE n >= %d AND n < %d ORDER BY n", list, name, from, from+largePart)}
		rows := 0
		err := r.each(ctx, part, func(row []any) error {
			rows++
			return f(row)
		})
		if err != nil || rows < largePart {
			return err
		}
	}
}
