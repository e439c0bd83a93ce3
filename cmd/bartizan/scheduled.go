package main

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// hunter answers the queries of KQL rules from the lakes.
type hunter struct{ lakes lake.Engine }

// Hunt implements custom.Hunter.
func (h hunter) Hunt(ctx context.Context, id tenant.ID, q custom.Question) (*custom.Answer, error) {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	result, err := lake.Run(ctx, store, lake.Query{Text: q.Query, Now: q.Now, From: q.From, To: q.To, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	a := &custom.Answer{Rows: result.Rows, Truncated: result.Stats.Truncated}
	for _, c := range result.Schema {
		a.Columns = append(a.Columns, c.Name)
	}
	return a, nil
}

// lateHits counts what scheduled rules found after an import.
type lateHits struct{ hits, alerts, incidents int64 }

// runScheduled runs the KQL rules once over the imported range.
func (n *node) runScheduled(ctx context.Context, id tenant.ID, from, to time.Time) (lateHits, error) {
	var late lateHits
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		return late, err
	}
	report, err := n.rules.RunRange(ctx, id, hunter{n.lakes}, from, to, func(ctx context.Context, found []incident.Detection) error {
		accepted, err := n.acceptLate(ctx, store, found)
		late.hits += int64(len(found))
		late.alerts += int64(accepted.NewAlerts)
		late.incidents += int64(accepted.NewIncidents)
		return err
	})
	for rule, why := range report.Failed {
		n.log.Warn("a scheduled rule could not run", "rule", rule, "error", why)
	}
	return late, err
}
