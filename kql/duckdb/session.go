package duckdb

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Session returns conn as an engine's session. Closing it closes conn.
func Session(conn *sql.Conn) engine.Session { return &session{conn} }

type session struct{ conn *sql.Conn }

// Run implements engine.Session.
func (s *session) Run(ctx context.Context, root plan.Node, opt engine.Options, f func(row []any) error) (engine.Stats, error) {
	return Run(ctx, s.conn, root, opt, f)
}

// Close implements engine.Session.
func (s *session) Close() error { return s.conn.Close() }

// Explain implements engine.Session.
func (s *session) Explain(ctx context.Context, root plan.Node, opt engine.Options) (engine.Explanation, error) {
	return ExplainOver(ctx, s.conn, root, nil, opt)
}

// ExplainOver says how RunOver would evaluate the plan.
func ExplainOver(ctx context.Context, conn *sql.Conn, root plan.Node, stored map[plan.Node]Stored, opt engine.Options) (engine.Explanation, error) {
	const name = "duckdb"
	out := engine.Explanation{Engine: name, Steps: []engine.Step{}}
	r := &runner{conn: conn, opt: opt, dialect: sqlgen.DuckDB(), local: map[plan.Node]string{}, ordered: map[plan.Node]bool{}}
	r.use(stored)
	say := func(n plan.Node, limit int64) error {
		empty, err := r.emptyTables(ctx, n)
		if err != nil {
			return err
		}
		q, err := sqlgen.Generate(n, r.dialect, sqlgen.Options{Now: opt.Now, Limit: limit, Local: r.local, Ordered: r.ordered, Empty: empty})
		if err == nil {
			out.Steps = append(out.Steps, engine.Step{Where: name, What: plan.Outline(n), SQL: q.SQL})
		}
		return err
	}
	for i, n := range hostNodes(root, r.local) {
		if l, ok := n.(*plan.Local); ok {
			if isGraph(l.Op) {
				continue
			}
			for _, in := range l.Inputs {
				if _, graph := in.(*plan.Local); graph {
					continue
				}
				if err := say(in, 0); err != nil {
					return out, err
				}
			}
		}
		out.Steps = append(out.Steps, engine.Step{Where: "host", What: plan.Outline(n)})
		r.local[n], r.ordered[n] = "kql_local_"+strconv.Itoa(i+1), true
	}
	return out, say(root, opt.Limit)
}
