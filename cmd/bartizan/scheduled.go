package main

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// hunter answers the queries of KQL rules from the lakes: over real data, or over what one lab run generated, never over both.
type hunter struct {
	lakes lake.Engine
	lab   string
}

// Hunt implements custom.Hunter.
func (h hunter) Hunt(ctx context.Context, id tenant.ID, q custom.Question) (*custom.Answer, error) {
	store, err := h.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	result, err := lake.Run(ctx, store, lake.Query{Text: q.Query, Now: q.Now, From: q.From, To: q.To, Limit: q.Limit, Only: map[string]string{"LabScenario": h.lab}})
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

// runScheduled runs the KQL rules once over a range of real data (lab empty) or of a lab run, whose label the alerts get.
func (n *node) runScheduled(ctx context.Context, id tenant.ID, lab string, from, to time.Time) (lateHits, error) {
	var late lateHits
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		return late, err
	}
	report, err := n.rules.RunRange(ctx, id, hunter{n.lakes, lab}, from, to, func(ctx context.Context, found []incident.Detection) error {
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
