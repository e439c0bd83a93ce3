package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
)

// hunts answers the API's queries from the lakes within the configured bounds.
type hunts struct {
	lakes lake.Engine
	cfg   config.Hunt

	mu    sync.Mutex // guards slots
	slots map[tenant.ID]*semaphore.Weighted
}

func newHunts(s *server) *hunts {
	return &hunts{lakes: s.lakes, cfg: s.cfg.Hunt, slots: map[tenant.ID]*semaphore.Weighted{}}
}

// slotsOf bounds the tenant's queries, so that no tenant waits for another's.
func (h *hunts) slotsOf(id tenant.ID) *semaphore.Weighted {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.slots[id]
	if s == nil {
		s = semaphore.NewWeighted(int64(max(1, h.cfg.Concurrency)))
		h.slots[id] = s
	}
	return s
}

// Hunt implements api.Hunter. A query waits for its turn for as long as it may run.
func (h *hunts) Hunt(ctx context.Context, q api.Hunt) (*api.HuntAnswer, error) {
	store, err := h.lakes.Open(ctx, q.Tenant)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if q.Now != "" {
		if now, err = lake.ParseTime(q.Now); err != nil {
			return nil, err
		}
	}
	query := lake.Query{Text: q.Query, Now: now, Limit: q.Limit, Bytes: int64(h.cfg.Bytes), Timeout: h.cfg.Timeout, Visible: q.Visible} //nolint:gosec // config bounds it
	if query.Limit <= 0 || query.Limit > h.cfg.Rows {
		query.Limit = h.cfg.Rows
	}
	if q.Timespan != "" {
		if query.From, query.To, err = lake.ParseTimespan(q.Timespan, now); err != nil {
			return nil, err
		}
	}
	turn, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	slots := h.slotsOf(q.Tenant)
	if err := slots.Acquire(turn, 1); err != nil {
		return nil, fault.Newf(fault.Busy, "%d queries run already; try again", h.cfg.Concurrency).On("hunt.concurrency")
	}
	defer slots.Release(1)
	result, err := lake.Run(ctx, store, query)
	if err != nil {
		return nil, err
	}
	a := &api.HuntAnswer{Rows: result.Rows, Stats: api.HuntStats{
		Rows: int(result.Stats.Rows), MS: float64(result.Stats.MS), Truncated: result.Stats.Truncated, Partial: result.Stats.Partial, Limits: result.Stats.Limits,
	}}
	for _, c := range result.Schema {
		a.Schema = append(a.Schema, api.HuntColumn{Name: c.Name, Type: c.Type})
	}
	if r := result.Render; r != nil {
		a.Render = renderOf(r)
	}
	return a, nil
}

// Check implements api.Hunter.
func (h *hunts) Check(_ context.Context, q api.Hunt) ([]api.HuntDiagnostic, error) {
	var out []api.HuntDiagnostic
	for _, d := range lake.Check(q.Query, time.Now(), q.Visible) {
		out = append(out, api.HuntDiagnostic{
			Code: d.Code, Message: d.Message, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn, Severity: d.Severity, Hint: d.Hint,
		})
	}
	return out, nil
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
	return &api.HuntRender{Kind: r.Chart, Title: r.Properties["title"], XColumn: r.Properties["xcolumn"], YColumns: list("ycolumns"), Series: list("series")}
}
