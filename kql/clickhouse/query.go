package clickhouse

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// runner executes one plan.
type runner struct {
	conn     driver.Conn
	scratch  *Scratch
	host     *host // the connection to the scratch database, once needed
	opt      engine.Options
	dialect  sqlgen.Dialect
	settings ch.Settings
	stats    engine.Stats
	cpu      atomic.Int64 // microseconds in the server
	read     atomic.Int64 // rows read in the server
	serial   int
	lastID   plan.ColumnID

	held  map[plan.Node]held    // rows in the scratch database
	sent  map[plan.Node]*upload // rows that go with each statement that reads them
	said  map[plan.Node]bool    // whether the server can say a node, given its inputs
	named map[string]plan.Node  // the inner plan that stands for a shared name

	empty   map[string]bool     // tables without rows, known when a union is wide
	explain *engine.Explanation // when set, nothing runs
}

// upload is a table that travels with statements.
type upload struct {
	name  string
	table *ext.Table
}

func (r *runner) newName(kind string) string {
	r.serial++
	return "kql_" + kind + "_" + strconv.Itoa(r.serial)
}

// generate gives the statement for a plan, with what was uploaded.
func (r *runner) generate(n plan.Node, limit int64) (sqlgen.Query, error) {
	opt := sqlgen.Options{Now: r.opt.Now, Limit: limit, Local: map[plan.Node]string{}, Ordered: map[plan.Node]bool{}, Empty: r.empty}
	for n, u := range r.sent {
		opt.Local[n], opt.Ordered[n] = u.name, true
	}
	return sqlgen.Generate(n, r.dialect, opt)
}

// wideUnion is how many inputs a union has when it pays to know which tables are empty: a search of all tables reads few that are not.
const wideUnion = 8

// findEmpty finds the tables without rows where the plan has a wide union. Counting the rows of a table reads none of them.
func (r *runner) findEmpty(ctx context.Context, n plan.Node) error {
	wide := false
	tables := map[string]bool{}
	plan.Walk(n, func(n plan.Node) {
		switch x := n.(type) {
		case *plan.Union:
			wide = wide || len(x.Inputs) >= wideUnion
		case *plan.Scan:
			tables[x.Table] = true
		}
	})
	if !wide {
		return nil
	}
	var parts []string
	for t := range tables {
		parts = append(parts, "SELECT "+r.dialect.Literal(plan.String, t)+" AS name, count() AS n FROM "+r.dialect.Ident(t))
	}
	statement := "SELECT name FROM (" + strings.Join(parts, " UNION ALL ") + ") WHERE n = 0"
	rows, err := r.conn.Query(ch.Context(ctx, ch.WithSettings(r.settings)), statement)
	if err != nil {
		return failure(ctx, err, statement)
	}
	defer rows.Close()
	r.empty = map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return failure(ctx, err, statement)
		}
		r.empty[name] = true
	}
	return failure(ctx, rows.Err(), statement)
}

// query runs a statement in the server and gives each row to f.
func (r *runner) query(ctx context.Context, q sqlgen.Query, f func(row []any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	id := uuid.NewString()
	options := []ch.QueryOption{
		ch.WithQueryID(id), ch.WithSettings(r.settings),
		ch.WithProgress(func(p *ch.Progress) { r.read.Add(int64(p.Rows)) }),
		ch.WithProfileEvents(func(events []ch.ProfileEvent) {
			for _, e := range events {
				if e.Name == "UserTimeMicroseconds" || e.Name == "SystemTimeMicroseconds" {
					r.cpu.Add(e.Value)
				}
			}
		}),
	}
	for _, u := range r.sent {
		if u.table != nil {
			options = append(options, ch.WithExternalTable(u.table))
		}
	}
	rows, err := r.conn.Query(ch.Context(ctx, options...), q.SQL)
	if err != nil {
		if ctx.Err() != nil {
			r.kill(ctx, id)
		}
		return failure(ctx, err, q.SQL)
	}
	complete := false
	defer func() {
		cancel()
		_ = rows.Close()
		if !complete {
			r.kill(ctx, id)
		}
	}()
	types := rows.ColumnTypes()
	targets := make([]any, len(types))
	values := make([]reflect.Value, len(types))
	for i, t := range types {
		v := reflect.New(t.ScanType())
		targets[i], values[i] = v.Interface(), v.Elem()
	}
	cells := make([]any, len(q.Columns))
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return failure(ctx, err, q.SQL)
		}
		for i, c := range q.Columns {
			cells[i] = cellOf(values[i], c.Type)
		}
		if err := f(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return failure(ctx, err, q.SQL)
	}
	complete = true
	return ctx.Err()
}

// killTime is how long the request to end a query may take.
const killTime = 5 * time.Second

// kill ends a query in the server. Closing the connection does that too, but only once the server notices.
func (r *runner) kill(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTime)
	defer cancel()
	_ = r.conn.Exec(ctx, "KILL QUERY WHERE query_id = ? ASYNC", id)
}

// cellOf brings a value of the driver to the Go type of a KQL value of type t.
func cellOf(v reflect.Value, t plan.Type) any {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			if t == plan.String {
				return ""
			}
			return nil
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return whole(v.Int(), t)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return whole(int64(v.Uint()), t)
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.String:
		s := v.String()
		if t == plan.Dynamic && s == "null" {
			return nil
		}
		return s
	}
	return nil
}

func whole(n int64, t plan.Type) any {
	switch t {
	case plan.Bool:
		return n != 0
	case plan.Real:
		return float64(n)
	}
	return n
}
