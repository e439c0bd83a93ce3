package main

import (
	"context"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// alerts is the incident service as a pipeline of the tenant sees it: what is new comes back as hunting rows.
func (n *node) alerts(id tenant.ID) ingest.Alerts { return acceptor{n.incidents, id} }

type acceptor struct {
	incidents *incident.Service
	tenant    tenant.ID
}

func (a acceptor) Accept(ctx context.Context, found []incident.Detection) (ingest.Accepted, error) {
	result, err := a.incidents.Accept(ctx, found)
	if err != nil {
		return ingest.Accepted{}, err
	}
	out := ingest.Accepted{NewAlerts: len(result.AlertsCreated), NewIncidents: len(result.IncidentsCreated) - result.Merged}
	for _, alert := range result.AlertsCreated {
		full, err := a.incidents.Alert(ctx, a.tenant, alert)
		if err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, alertRows(full)...)
	}
	return out, nil
}

// alertRows are the hunting rows of an alert; those of lab alerts go when lab data goes.
func alertRows(a *incident.Alert) []*schema.Row {
	rows := incident.HuntingRows(a)
	for _, row := range rows {
		row.Set("IngestTime", a.CreatedTime)
		if a.Lab {
			row.Set("LabScenario", "alerts")
		}
	}
	return rows
}

// acceptLate accepts what scheduled rules found; its hunting rows have no source position to go with.
func (n *node) acceptLate(ctx context.Context, store lake.Store, found []incident.Detection) (ingest.Accepted, error) {
	accepted, err := n.alerts(store.Tenant()).Accept(ctx, found)
	if err != nil || len(accepted.Rows) == 0 {
		return accepted, err
	}
	return accepted, store.Append(ctx, accepted.Rows, nil)
}

// repairLimit is how many of the newest alerts are looked at: more than one batch can have created between two commits.
const repairLimit = 5000

// repairAlertRows writes the hunting rows of alerts that were stored just before a crash kept the lake from committing: the state database is ahead by at
// most one batch.
func (n *node) repairAlertRows(ctx context.Context, store lake.Store) error {
	page, err := n.incidents.Alerts(ctx, store.Tenant(), incident.Query{OrderBy: "createdTime:desc", Top: repairLimit})
	if err != nil || len(page.Value) == 0 {
		return err
	}
	rows, err := store.DB().QueryContext(ctx, "SELECT AlertId FROM AlertInfo")
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var alert string
		if err := rows.Scan(&alert); err != nil {
			return err
		}
		known[alert] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i := range page.Value {
		if known[page.Value[i].ID] {
			continue
		}
		full, err := n.incidents.Alert(ctx, store.Tenant(), page.Value[i].ID)
		if err != nil {
			return err
		}
		if err := store.Append(ctx, alertRows(full), nil); err != nil {
			return err
		}
	}
	return nil
}
