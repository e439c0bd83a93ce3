package main

import (
	"context"
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// alerts is the incident service as a pipeline of the store's tenant sees it: what is new comes back as hunting rows.
func (n *node) alerts(store lake.Store) ingest.Alerts { return acceptor{n.incidents, store} }

type acceptor struct {
	incidents *incident.Service
	store     lake.Store
}

func (a acceptor) Accept(ctx context.Context, found []incident.Detection) (ingest.Accepted, error) {
	result, err := a.incidents.Accept(ctx, found)
	if err != nil {
		return ingest.Accepted{}, err
	}
	out := ingest.Accepted{NewHits: result.Hits, NewAlerts: len(result.AlertsCreated), NewIncidents: len(result.IncidentsCreated) - result.Merged}
	out.Rows, err = a.missing(ctx, distinct(append(result.AlertsCreated, result.AlertsUpdated...)))
	return out, err
}

// distinct names each alert once: one that a large batch created and updated stands in both lists, and would get its rows twice.
func distinct(alerts []string) []string {
	slices.Sort(alerts)
	return slices.Compact(alerts)
}

// missing gives the hunting rows of the alerts that the lake does not have. It asks the lake itself, so it is right after a crash, too.
func (a acceptor) missing(ctx context.Context, alerts []string) ([]*schema.Row, error) {
	const part = 500
	var out []*schema.Row
	for ; len(alerts) > 0; alerts = alerts[min(part, len(alerts)):] {
		ids := alerts[:min(part, len(alerts))]
		written, err := a.written(ctx, ids)
		if err != nil {
			return nil, err
		}
		rows, err := a.incidents.MissingRows(ctx, a.store.Tenant(), ids, written)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func (a acceptor) written(ctx context.Context, alerts []string) (map[string]incident.Written, error) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(alerts)), ", ")
	args := make([]any, 0, 2*len(alerts))
	for range 2 {
		for _, id := range alerts {
			args = append(args, id)
		}
	}
	rows, err := a.store.DB().QueryContext(ctx, `SELECT AlertId, sum(info)::BIGINT, sum(evidence)::BIGINT FROM (
		SELECT AlertId, 1 AS info, 0 AS evidence FROM AlertInfo WHERE AlertId IN (`+marks+`)
		UNION ALL SELECT AlertId, 0, 1 FROM AlertEvidence WHERE AlertId IN (`+marks+`)) GROUP BY AlertId`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]incident.Written{}
	for rows.Next() {
		var id string
		var info, evidence int
		if err := rows.Scan(&id, &info, &evidence); err != nil {
			return nil, err
		}
		out[id] = incident.Written{Info: info > 0, Evidence: evidence}
	}
	return out, rows.Err()
}

// acceptLate accepts what scheduled rules found; its hunting rows have no source position to go with.
func (n *node) acceptLate(ctx context.Context, store lake.Store, found []incident.Detection) (ingest.Accepted, error) {
	accepted, err := n.alerts(store).Accept(ctx, found)
	if err != nil || len(accepted.Rows) == 0 {
		return accepted, err
	}
	return accepted, store.Append(ctx, accepted.Rows, nil)
}

// repairLimit is how many of the newest alerts are looked at: more than one batch can have created between two commits.
const repairLimit = 50_000

// repairAlertRows writes the hunting rows of alerts that were stored just before a crash kept the lake from committing: the state database is ahead by at
// most one batch.
func (n *node) repairAlertRows(ctx context.Context, store lake.Store) error {
	page, err := n.incidents.Alerts(ctx, store.Tenant(), incident.Query{OrderBy: "createdTime:desc", Top: repairLimit})
	if err != nil || len(page.Value) == 0 {
		return err
	}
	ids := make([]string, len(page.Value))
	for i := range page.Value {
		ids[i] = page.Value[i].ID
	}
	rows, err := acceptor{n.incidents, store}.missing(ctx, ids)
	if err != nil || len(rows) == 0 {
		return err
	}
	return store.Append(ctx, rows, nil)
}
