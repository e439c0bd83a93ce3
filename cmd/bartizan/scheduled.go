package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/hunting/budget"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// hunter answers the queries of KQL rules from the lakes: over real data, or over what one lab run generated, never over both. Runs are kept for the query
// resources report where there is one.
type hunter struct {
	lakes   lake.Engine
	lab     string
	queries *hunting.Service // nil: no functions, and nothing is kept
	log     *slog.Logger

	outside  *externals       // nil: externaldata reads nothing
	accounts *budget.Accounts // nil: processor time is not bounded
	limits   budget.Limits
}

func (n *node) hunter(lab string) hunter {
	return hunter{lakes: n.lakes, lab: lab, queries: n.queries, log: n.log}
}

// scheduledHunter is that of the server's schedule: it reads what externaldata may read and keeps to the budget of rules. Its outside is to be closed.
func (s *server) scheduledHunter() (hunter, error) {
	h := s.hunter("")
	h.accounts, h.limits = budget.New(s.db, time.Now), ruleLimits(s.cfg.Hunt)
	var err error
	h.outside, err = openExternals(s.cfg.Hunt, s.dir.Blobs())
	return h, err
}

// run is lake.Run within the budget of rules.
func (h hunter) run(ctx context.Context, id tenant.ID, store lake.Store, q lake.Query) (*lake.Result, error) {
	if h.outside != nil {
		q.External = h.outside.forTenant(id)
	}
	if h.accounts == nil {
		return lake.Run(ctx, store, q)
	}
	if err := h.accounts.Admit(ctx, id, budget.Rules, h.limits); err != nil {
		return nil, err
	}
	result, err := lake.Run(ctx, store, q)
	if result != nil {
		_, kept := h.accounts.Spend(context.WithoutCancel(ctx), id, budget.Rules, h.limits, time.Duration(result.Stats.CPUMS)*time.Millisecond)
		err = errors.Join(err, kept)
	}
	return result, err
}

// Hunt implements custom.Hunter.
func (h hunter) Hunt(ctx context.Context, id tenant.ID, q custom.Question) (*custom.Answer, error) {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	query := lake.Query{Text: q.Query, Now: q.Now, From: q.From, To: q.To, Limit: q.Limit, Only: map[string]string{"LabScenario": h.lab}}
	if h.queries == nil {
		result, err := h.run(ctx, id, store, query)
		return ruleAnswer(result), err
	}
	if query.Functions, err = h.queries.Functions(ctx, id, hunting.Owner{}, q.Query); err != nil {
		return nil, err
	}
	start := time.Now()
	result, err := h.run(ctx, id, store, query)
	run := runOf(hunting.Rule, q.Query, q.From.Format(time.RFC3339)+"/"+q.To.Format(time.RFC3339), start, result, err)
	if kept := h.queries.Remember(context.WithoutCancel(ctx), id, hunting.Owner{ID: "rule:" + q.Rule, Name: q.Title}, run); kept != nil {
		h.log.Warn("the run of a rule was not kept", "rule", q.Rule, "error", kept)
	}
	return ruleAnswer(result), err
}

func ruleAnswer(result *lake.Result) *custom.Answer {
	if result == nil {
		return nil
	}
	a := &custom.Answer{Rows: result.Rows, Truncated: result.Stats.Truncated}
	for _, c := range result.Schema {
		a.Columns = append(a.Columns, c.Name)
	}
	return a
}

// lateHits counts what scheduled rules found after an import.
type lateHits struct{ hits, alerts, incidents int64 }

// runScheduled runs the KQL rules once over a range of real data (lab empty) or of a lab run, whose label the alerts get.
func (n *node) runScheduled(ctx context.Context, id tenant.ID, lab string, from, to time.Time) (lateHits, error) {
	var late lateHits
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		return late, err
	}
	report, err := n.rules.RunRange(ctx, id, n.hunter(lab), from, to, func(ctx context.Context, found []incident.Detection) error {
		for i := range found {
			found[i].Lab = lab
		}
		accepted, err := n.acceptLate(ctx, store, found)
		late.hits += int64(accepted.NewHits)
		late.alerts += int64(accepted.NewAlerts)
		late.incidents += int64(accepted.NewIncidents)
		return err
	})
	for rule, why := range report.Failed {
		n.log.Warn("a scheduled rule could not run", "rule", rule, "error", why)
	}
	return late, err
}
