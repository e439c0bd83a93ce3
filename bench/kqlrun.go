package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
)

// contest runs shapes on one engine, ours and the hand-written statement in turn.
type contest struct {
	db      *sql.DB
	session engine.Session
	// hand is the statement of a shape.
	hand func(s shape) string
	// used is the CPU time that the engine and this process have used.
	used  func() time.Duration
	pairs int
	only  string // a part of the names of the shapes to run
}

// result is what a shape came to: medians over the pairs.
type result struct {
	name       string
	rows       int
	ours, hand time.Duration
	cpu        float64 // ratio of CPU times
}

func (r result) ratio() float64 { return float64(r.ours) / float64(r.hand) }

// printRatios writes the ratio of each shape, and geometric mean and worst under the prefix.
func printRatios(prefix string, results []result) {
	if len(results) == 0 {
		return
	}
	var sum, sumCPU, worst float64
	for _, r := range results {
		print(prefix+"_ratio."+r.name, r.ratio(), "ratio")
		print(prefix+"_ms."+r.name, float64(r.ours.Microseconds())/1000, "ms")
		print(prefix+"_ms."+r.name+".yardstick.hand_written_sql", float64(r.hand.Microseconds())/1000, "ms")
		sum += math.Log(r.ratio())
		sumCPU += math.Log(r.cpu)
		worst = max(worst, r.ratio())
	}
	n := float64(len(results))
	print(prefix+"_shapes", n, "shapes")
	print(prefix+"_ratio_geomean", math.Exp(sum/n), "ratio")
	print(prefix+"_ratio_geomean.yardstick.hand_written_sql", 1, "ratio")
	print(prefix+"_ratio_worst", worst, "ratio")
	print(prefix+"_ratio_worst.yardstick.hand_written_sql", 1, "ratio")
	print(prefix+"_cpu_ratio_geomean", math.Exp(sumCPU/n), "ratio")
}

// run measures the shapes. Both sides must give the same rows; one that does not ends the bench.
func (c *contest) run(ctx context.Context, list []shape) ([]result, error) {
	var out []result
	for _, s := range list {
		if !strings.Contains(s.name, c.only) {
			continue
		}
		r, err := c.shape(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		out = append(out, r)
		fmt.Fprintf(os.Stderr, "bench: %-22s %6d rows %9.1f ms, hand-written %9.1f ms, ratio %.2f (CPU %.2f)\n", r.name, r.rows, float64(r.ours.Microseconds())/1000,
			float64(r.hand.Microseconds())/1000, r.ratio(), r.cpu)
	}
	return out, nil
}

func (c *contest) shape(ctx context.Context, s shape) (result, error) {
	statement := fill(c.hand(s))
	mine, err := c.ours(ctx, s.kql)
	if err != nil {
		return result{}, err
	}
	theirs, err := c.theirs(ctx, statement)
	if err != nil {
		return result{}, fmt.Errorf("%w in %s", err, statement)
	}
	if a, b := digest(mine), digest(theirs); a != b {
		return result{}, fmt.Errorf("%d rows of the query and %d rows of the statement differ%s", len(mine), len(theirs), difference(mine, theirs))
	}
	var a, b, ca, cb []time.Duration
	for i := range c.pairs {
		measure := func(f func() error, wall, cpu *[]time.Duration) error {
			used, start := c.used(), time.Now()
			err := f()
			*wall = append(*wall, time.Since(start))
			*cpu = append(*cpu, c.used()-used)
			return err
		}
		first := func() error { return measure(func() error { _, err := c.ours(ctx, s.kql); return err }, &a, &ca) }
		second := func() error { return measure(func() error { _, err := c.theirs(ctx, statement); return err }, &b, &cb) }
		if i%2 == 1 {
			first, second = second, first
		}
		if err := first(); err != nil {
			return result{}, err
		}
		if err := second(); err != nil {
			return result{}, err
		}
	}
	return result{name: s.name, rows: len(mine), ours: median(a), hand: median(b), cpu: float64(max(1, median(ca))) / float64(max(1, median(cb)))}, nil
}

// ours compiles and runs the query, as a run of the hunting page does, and takes its rows.
func (c *contest) ours(ctx context.Context, text string) ([][]any, error) {
	program, err := kql.Compile(text, lake.Catalog(schema.Load(), nil), kql.Options{Now: huntNow})
	if err != nil {
		return nil, err
	}
	var rows [][]any
	_, err = c.session.Run(ctx, program.Root, engine.Options{Now: fn.Ticks(huntNow)}, func(row []any) error {
		rows = append(rows, slices.Clone(row))
		return nil
	})
	return rows, err
}

// theirs runs a statement and takes its rows.
func (c *contest) theirs(ctx context.Context, statement string) ([][]any, error) {
	rows, err := c.db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]any
	into := make([]any, len(names))
	for rows.Next() {
		row := make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

var placeholder = regexp.MustCompile(`\{(\d+)d\}|\{columns:(\w+)\}`)

// fill puts times and lists of columns into a statement.
func fill(statement string) string {
	return placeholder.ReplaceAllStringFunc(statement, func(s string) string {
		m := placeholder.FindStringSubmatch(s)
		if m[2] != "" {
			var names []string
			for _, c := range schema.Load().Table(m[2]).Columns {
				if !c.Hidden {
					names = append(names, `"`+c.Physical+`"`)
				}
			}
			return strings.Join(names, ", ")
		}
		days, _ := strconv.Atoi(m[1])
		return strconv.FormatInt(schema.Ticks(huntNow.Add(-time.Duration(days)*24*time.Hour)), 10)
	})
}

// digest is the same for the same rows in any order. Values are compared as what they mean, not in an engine's type: an array as its elements in any order.
func digest(rows [][]any) string {
	lines := lines(rows)
	sum := sha256.New()
	for _, l := range lines {
		_, _ = sum.Write([]byte(l + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func lines(rows [][]any) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		var cells []string
		for _, v := range row {
			cells = append(cells, plain(v)...)
		}
		out[i] = strings.Join(cells, "\x1f")
	}
	sort.Strings(out)
	return out
}

// plain are the texts of a value: those of the elements in order of their text where it is an array.
func plain(v any) []string {
	switch x := v.(type) {
	case nil:
		return []string{""}
	case float64:
		return []string{strconv.FormatFloat(x, 'g', 9, 64)}
	case float32:
		return plain(float64(x))
	case []byte:
		return plain(string(x))
	case string:
		var list []any
		if strings.HasPrefix(x, "[") && json.Unmarshal([]byte(x), &list) == nil {
			return plain(list)
		}
		return []string{x}
	case []any:
		var all []string
		for _, e := range x {
			all = append(all, plain(e)...)
		}
		sort.Strings(all)
		return all
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return []string{""}
		}
		return plain(r.Elem().Interface())
	case reflect.Slice:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = r.Index(i).Interface()
		}
		return plain(list)
	}
	return []string{fmt.Sprint(v)}
}

// difference shows the first row that only one side has.
func difference(a, b [][]any) string {
	x, y := lines(a), lines(b)
	for i := range max(len(x), len(y)) {
		switch {
		case i >= len(x):
			return fmt.Sprintf("; only the statement has %.300q", y[i])
		case i >= len(y):
			return fmt.Sprintf("; only the query has %.300q", x[i])
		case x[i] != y[i]:
			return fmt.Sprintf("; %.300q and %.300q", x[i], y[i])
		}
	}
	return ""
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// processTime is the CPU time of this process.
func processTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
