package main

import (
	"context"
	"math"
	"slices"
	"strconv"
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

// written says which hunting rows of the alerts the lake has.
func (a acceptor) written(ctx context.Context, alerts []string) (map[string]incident.Written, error) {
	quoted := make([]string, len(alerts))
	for i, id := range alerts {
		quoted[i] = strconv.Quote(id)
	}
	result, err := everything(ctx, a.store, `let wanted = dynamic([`+strings.Join(quoted, ", ")+`]);
		union (AlertInfo | where AlertId in (wanted) | project AlertId, Info = 1, Evidence = 0), (AlertEvidence | where AlertId in (wanted) | project AlertId, Info = 0, Evidence = 1)
		| summarize sum(Info), sum(Evidence) by AlertId`)
	if err != nil {
		return nil, err
	}
	out := map[string]incident.Written{}
	for _, row := range result {
		id, _ := row[0].(string)
		info, _ := row[1].(int64)
		evidence, _ := row[2].(int64)
		out[id] = incident.Written{Info: info > 0, Evidence: int(evidence)}
	}
	return out, nil
}

// everything gives all rows of a query of the product's own.
func everything(ctx context.Context, store lake.Store, query string) ([][]any, error) {
	result, err := lake.Run(ctx, store, lake.Query{Text: query, Limit: -1, Bytes: math.MaxInt64})
	if err != nil {
		return nil, err
	}
	return result.Rows, nil
}

// acceptLate accepts what scheduled rules found; its hunting rows have no source position to go with.
func (n *node) acceptLate(ctx context.Context, store lake.Store, found []incident.Detection) (ingest.Accepted, error) {
	result, err := n.incidents.Accept(ctx, found)
	if err != nil {
		return ingest.Accepted{}, err
	}
	out := ingest.Accepted{NewHits: result.Hits, NewAlerts: len(result.AlertsCreated), NewIncidents: len(result.IncidentsCreated) - result.Merged}
	return out, n.writeLate(ctx, store, distinct(append(result.AlertsCreated, result.AlertsUpdated...)))
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
