package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/hunting/budget"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
)

// hunts answers the API's queries from the lakes within the configured bounds.
type hunts struct {
	lakes    lake.Engine
	cfg      config.Hunt
	turns    *budget.Turns
	accounts *budget.Accounts
	*externals
}

func newHunts(s *server, e *externals) *hunts {
	return &hunts{
		lakes: s.lakes, cfg: s.cfg.Hunt, turns: budget.NewTurns(s.cfg.Hunt.Concurrency, s.cfg.Hunt.ConcurrencyPrincipal, s.cfg.Hunt.Queue),
		accounts: budget.New(s.db, time.Now), externals: e,
	}
}

// peopleLimits are the budgets of people and tokens, ruleLimits those of scheduled rules.
func peopleLimits(c config.Hunt) budget.Limits {
	return budget.Limits{Window: c.CPUWindow, Amount: c.CPUBudget, Warn: c.CPUWarn, Day: c.CPUDay}
}

func ruleLimits(c config.Hunt) budget.Limits {
	return budget.Limits{Window: c.CPUWindow, Amount: c.CPURules, Warn: 100}
}

// gather keeps the rows of a result.
type gather struct{ rows [][]any }

func (g *gather) Start(*api.HuntAnswer) error { return nil }

func (g *gather) Row(cells []any) error {
	g.rows = append(g.rows, append([]any(nil), cells...))
	return nil
}

// Hunt implements api.Hunter.
func (h *hunts) Hunt(ctx context.Context, q api.Hunt) (*api.HuntAnswer, error) {
	g := &gather{rows: [][]any{}}
	a, err := h.Stream(ctx, q, g)
	if a != nil {
		a.Rows = g.rows
	}
	return a, err
}

// Stream implements api.Hunter. A query waits for its turn.
func (h *hunts) Stream(ctx context.Context, q api.Hunt, out api.HuntSink) (*api.HuntAnswer, error) {
	store, query, err := h.query(ctx, q)
	if err != nil {
		return nil, err
	}
	ctx, done, err := h.enter(ctx, &q)
	if err != nil {
		return nil, err
	}
	defer done()
	start := func(r *lake.Result) error { return out.Start(answerOf(r)) }
	result, err := lake.Stream(ctx, store, query, start, out.Row)
	if result == nil {
		return nil, err
	}
	a := answerOf(result)
	used, kept := h.accounts.Spend(context.WithoutCancel(ctx), q.Tenant, q.Principal, peopleLimits(h.cfg), time.Duration(result.Stats.CPUMS)*time.Millisecond)
	if used.Warn {
		a.Stats.Limits = append(a.Stats.Limits, "hunt.cpu")
		a.Warnings = append(a.Warnings, api.HuntDiagnostic{
			Code: "limit", Message: used.Message(), Line: 1, Column: 1, EndLine: 1, EndColumn: 1, Severity: kql.SeverityWarning, Hint: "filter earlier, or over a shorter time",
		})
	}
	return a, errors.Join(err, kept)
}

// enter lets a query run when its principal has processor time left and its turn comes.
func (h *hunts) enter(ctx context.Context, q *api.Hunt) (context.Context, func(), error) {
	if q.Principal == "" {
		q.Principal = q.By
	}
	if q.ID == "" {
		q.ID = ulid.Make().String()
	}
	if err := h.accounts.Admit(ctx, q.Tenant, q.Principal, peopleLimits(h.cfg)); err != nil {
		return nil, nil, err
	}
	return h.turns.Enter(ctx, budget.Run{Tenant: q.Tenant, ID: q.ID, Principal: q.Principal, By: q.By, Interface: string(q.Interface), Query: q.Query})
}

// query is the lake's form of a query, with its bounds.
func (h *hunts) query(ctx context.Context, q api.Hunt) (lake.Store, lake.Query, error) {
	query := lake.Query{
		Text: q.Query, Now: time.Now(), Limit: q.Limit, Bytes: int64(h.cfg.Bytes), Timeout: h.cfg.Timeout, Visible: q.Visible, Rows: q.Rows, Functions: q.Functions, //nolint:gosec // config bounds it
		External: h.forTenant(q.Tenant),
	}
	store, err := h.lakes.Open(ctx, q.Tenant)
	if err != nil {
		return nil, query, err
	}
	if q.Now != "" {
		if query.Now, err = lake.ParseTime(q.Now); err != nil {
			return nil, query, err
		}
	}
	switch {
	case q.Export:
		query.Large, query.Bytes = true, -1
		if query.Limit <= 0 {
			query.Limit = -1
		}
	case query.Limit <= 0 || query.Limit > h.cfg.Rows:
		query.Limit = h.cfg.Rows
	}
	if q.Timespan != "" {
		query.From, query.To, err = lake.ParseTimespan(q.Timespan, query.Now)
	}
	return store, query, err
}

func answerOf(r *lake.Result) *api.HuntAnswer {
	a := &api.HuntAnswer{Rows: [][]any{}, Schema: columnsOf(r.Schema), Warnings: diagnosticsOf(r.Warnings), Stats: api.HuntStats{
		Rows: int(r.Stats.Rows), MS: float64(r.Stats.MS), CPUMS: r.Stats.CPUMS, Bytes: r.Stats.Bytes, Grade: string(r.Stats.Grade),
		Truncated: r.Stats.Truncated, Partial: r.Stats.Partial, Limits: r.Stats.Limits,
	}}
	if r.Render != nil {
		a.Render = renderOf(r.Render)
	}
	return a
}

func columnsOf(cols []lake.Column) []api.HuntColumn {
	out := make([]api.HuntColumn, len(cols))
	for i, c := range cols {
		out[i] = api.HuntColumn{Name: c.Name, Type: c.Type}
	}
	return out
}

func diagnosticsOf(list []kql.Diagnostic) []api.HuntDiagnostic {
	out := make([]api.HuntDiagnostic, len(list))
	for i, d := range list {
		out[i] = api.HuntDiagnostic{
			Code: d.Code, Message: d.Message, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn, Severity: d.Severity, Hint: d.Hint,
		}
	}
	return out
}

// Explain implements api.Hunter. It takes a turn and processor time like a run: columns that depend on the data are found by reading it.
func (h *hunts) Explain(ctx context.Context, q api.Hunt) (*api.HuntExplanation, error) {
	store, query, err := h.query(ctx, q)
	if err != nil {
		return nil, err
	}
	ctx, done, err := h.enter(ctx, &q)
	if err != nil {
		return nil, err
	}
	defer done()
	x, err := lake.Explain(ctx, store, query)
	if x != nil && x.CPU > 0 {
		_, kept := h.accounts.Spend(context.WithoutCancel(ctx), q.Tenant, q.Principal, peopleLimits(h.cfg), x.CPU)
		err = errors.Join(err, kept)
	}
	if err != nil {
		return nil, err
	}
	out := &api.HuntExplanation{Engine: x.Engine, Plan: x.Plan, Columns: columnsOf(x.Columns), Steps: []api.HuntStep{}, Warnings: diagnosticsOf(x.Warnings)}
	for _, s := range x.Steps {
		out.Steps = append(out.Steps, api.HuntStep{Where: s.Where, What: s.What, SQL: s.SQL})
	}
	return out, nil
}

// Running implements api.Hunter.
func (h *hunts) Running(id tenant.ID, principal string, everybody bool) []api.HuntRunning {
	var out []api.HuntRunning
	for _, r := range h.turns.List(id, principal, everybody) {
		out = append(out, api.HuntRunning{ID: r.ID, Started: r.Started, By: r.By, Interface: r.Interface, Query: r.Query, MS: time.Since(r.Started).Milliseconds()})
	}
	return out
}

// Cancel implements api.Hunter.
func (h *hunts) Cancel(id tenant.ID, principal string, everybody bool, run string) bool {
	return h.turns.Cancel(id, principal, everybody, run)
}

// Check implements api.Hunter.
func (h *hunts) Check(ctx context.Context, q api.Hunt) ([]api.HuntDiagnostic, error) {
	custom, err := h.CustomTables(ctx, q.Tenant)
	if err != nil {
		return nil, err
	}
	return diagnosticsOf(lake.Check(lake.Query{Text: q.Query, Now: time.Now(), Visible: q.Visible, Rows: q.Rows, Functions: q.Functions, Custom: custom})), nil
}

// CustomTables implements api.Customs.
func (h *hunts) CustomTables(ctx context.Context, id tenant.ID) ([]*schema.Table, error) {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return store.CustomTables(ctx)
}

// DropCustom implements api.Customs.
func (h *hunts) DropCustom(ctx context.Context, id tenant.ID, table string) error {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	return store.DropCustom(ctx, table)
}

// Counts implements api.Hunter.
func (h *hunts) Counts(ctx context.Context, id tenant.ID) (map[string]int64, error) {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return store.Counts(ctx)
}

func renderOf(r *kql.RenderHint) *api.HuntRender {
	list := func(name string) []string {
		var out []string
		for _, part := range strings.Split(r.Properties[name], ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
		return out
	}
	return &api.HuntRender{Kind: r.Chart, Title: r.Properties["title"], XColumn: r.Properties["xcolumn"], YColumns: list("ycolumns"), Series: list("series"), Properties: r.Properties}
}
