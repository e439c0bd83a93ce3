package main

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// huntRows is how many rows the hunting shapes run over; BARTIZAN_BENCH_ROWS says another number.
const huntRows = 20_500_000

// kql measures compiling, and the run time of hunting shapes against hand-written SQL on the same engine and the same rows.
func (b *bench) kql(ctx context.Context) error {
	if err := compileTimes(); err != nil {
		return err
	}
	l, err := b.hunting(ctx)
	if err != nil {
		return err
	}
	print("kql_rows", float64(l.rows), "rows")
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	session := kqlduckdb.Session(conn)
	defer session.Close()
	c := &contest{db: l.db, session: session, hand: func(s shape) string { return s.duckdb }, used: processTime, pairs: 5, only: b.settings["SHAPE"]}
	results, err := c.run(ctx, shapes)
	if err != nil {
		return err
	}
	printRatios("kql", results)
	if c.only != "" {
		return nil
	}
	return b.semiJoin(ctx)
}

// hunting is the lake with the rows, made when it is first asked for.
func (b *bench) hunting(ctx context.Context) (*huntLake, error) {
	if b.lake != nil {
		return b.lake, nil
	}
	total := huntRows
	if s := b.settings["ROWS"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			return nil, fmt.Errorf("BARTIZAN_BENCH_ROWS: %q is not a number of rows", s)
		}
		total = n
	}
	l, err := b.huntingLake(ctx, total)
	b.lake = l
	return l, err
}

func compileTimes() error {
	catalog := lake.Catalog(schema.Load(), nil)
	var took []time.Duration
	for range 20 {
		for _, s := range shapes {
			start := time.Now()
			if _, err := kql.Compile(s.kql, catalog, kql.Options{Now: start}); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			took = append(took, time.Since(start))
		}
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	print("kql_compile_median_ms", percentile(took, 0.5), "ms")
	print("kql_compile_p99_ms", percentile(took, 0.99), "ms")
	return nil
}
