// Package clickhouse runs compiled KQL on ClickHouse. ClickHouse has none of our functions, so a plan is split: the largest parts that its SQL can say with
// the meaning the language gives them run in the server, their rows come into an embedded DuckDB, and that computes the rest. A plan that the server can
// say as a whole streams straight from it.
//
//	scratch, err := clickhouse.OpenScratch(dir)            // one for the process
//	e := clickhouse.New(conn, scratch)                     // one for each database
//	s := e.Session(clickhouse.Limits{Memory: 4 << 30})     // one for each query
//	stats, err := s.Run(ctx, program.Root, options, f)
//
// Stored tables have the types of sqlgen.ClickHouse: Bool, Int32, Int64 (long, and datetime and timespan as ticks), Float64, all Nullable, and String, where
// an empty dynamic or guid is null. They may be Distributed tables.
package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Limits bound what one query may take in the server; 0 is the server's own bound.
type Limits struct {
	Memory  int64
	Time    time.Duration
	Threads int
}

// Engine runs queries over the tables of one database.
type Engine struct {
	conn    driver.Conn
	scratch *Scratch

	mu       sync.Mutex
	settings ch.Settings // those the server knows, nil until asked
	dialect  sqlgen.Dialect
}

// New returns an engine for the tables that conn sees. Closing conn and scratch stays with the caller.
func New(conn driver.Conn, scratch *Scratch) *Engine { return &Engine{conn: conn, scratch: scratch} }

// Session returns a session for one query at a time.
func (e *Engine) Session(limits Limits) engine.Session { return &session{engine: e, limits: limits} }

// prepare asks the server once what it knows. Settings that it does not know are not sent to it.
func (e *Engine) prepare(ctx context.Context) (ch.Settings, sqlgen.Dialect, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settings != nil {
		return e.settings, e.dialect, nil
	}
	const materialize = "enable_materialized_cte"
	wanted := sqlgen.ClickHouseSettings()
	wanted[materialize] = 1
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	rows, err := e.conn.Query(ctx, "SELECT name FROM system.settings WHERE name IN (?)", names)
	if err != nil {
		return nil, nil, &engine.Error{Err: err}
	}
	defer rows.Close()
	settings := ch.Settings{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, nil, &engine.Error{Err: err}
		}
		settings[name] = wanted[name]
	}
	if err := rows.Err(); err != nil {
		return nil, nil, &engine.Error{Err: err}
	}
	_, ok := settings[materialize]
	e.settings, e.dialect = settings, sqlgen.ClickHouse(ok)
	return e.settings, e.dialect, nil
}

type session struct {
	engine *Engine
	limits Limits
}

// Close implements engine.Session.
func (s *session) Close() error { return nil }

func (s *session) runner(ctx context.Context, opt engine.Options) (*runner, error) {
	known, dialect, err := s.engine.prepare(ctx)
	if err != nil {
		return nil, err
	}
	settings := maps.Clone(known)
	if s.limits.Memory > 0 {
		settings["max_memory_usage"] = s.limits.Memory
	}
	if s.limits.Time > 0 {
		settings["max_execution_time"] = int64((s.limits.Time + time.Second - 1) / time.Second)
	}
	if s.limits.Threads > 0 {
		settings["max_threads"] = s.limits.Threads
	}
	if opt.Intermediate == 0 {
		opt.Intermediate = engine.DefaultIntermediate
	}
	return &runner{
		conn: s.engine.conn, scratch: s.engine.scratch, opt: opt, dialect: dialect, settings: settings,
		held: map[plan.Node]held{}, sent: map[plan.Node]*upload{}, said: map[plan.Node]bool{}, named: map[string]plan.Node{},
	}, nil
}

// Run implements engine.Session.
func (s *session) Run(ctx context.Context, root plan.Node, opt engine.Options, f func(row []any) error) (engine.Stats, error) {
	r, err := s.runner(ctx, opt)
	if err != nil {
		return engine.Stats{}, err
	}
	defer r.close(ctx)
	err = r.run(ctx, root, func(row []any) error {
		if opt.Limit > 0 && r.stats.Rows >= opt.Limit {
			r.stats.Truncated = true
			return errStop
		}
		r.stats.Rows++
		return f(row)
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	r.stats.CPU += time.Duration(r.cpu.Load()) * time.Microsecond
	r.stats.Scanned += r.read.Load()
	return r.stats, err
}

// Explain implements engine.Session.
func (s *session) Explain(ctx context.Context, root plan.Node, opt engine.Options) (engine.Explanation, error) {
	out := engine.Explanation{Engine: "clickhouse", Steps: []engine.Step{}}
	r, err := s.runner(ctx, opt)
	if err != nil {
		return out, err
	}
	defer r.close(ctx)
	r.explain = &out
	return out, r.run(ctx, root, nil)
}

var errStop = errors.New("enough rows")

// Codes of the server's errors.
const (
	codeMemory    = 241
	codeTime      = 159
	codeRows      = 158
	codeBytes     = 307
	codeCancelled = 394
)

// failure is a server's error as the caller gets to see it.
func failure(ctx context.Context, err error, sql string) error {
	if err == nil {
		return nil
	}
	var x *ch.Exception
	if !errors.As(err, &x) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &engine.Error{SQL: sql, Err: err}
	}
	switch x.Code {
	case codeMemory:
		return &engine.Error{SQL: sql, Err: fmt.Errorf("the query needed more memory than it may use"), Memory: true}
	case codeTime:
		return &fn.LimitError{What: "time of the query"}
	case codeRows, codeBytes:
		return &fn.LimitError{What: "amount of data that the query reads"}
	case codeCancelled:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return &engine.Error{SQL: sql, Err: err}
}
