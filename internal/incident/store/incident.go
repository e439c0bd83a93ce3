package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// InsertIncidents adds incidents.
func InsertIncidents(ctx context.Context, db bun.IDB, rows []*Incident) error {
	return insert(ctx, db, rows, "")
}

// UpdateIncident writes all columns of an existing incident back.
func UpdateIncident(ctx context.Context, db bun.IDB, row *Incident) error {
	_, err := db.NewUpdate().Model(row).WherePK().Exec(ctx)
	return err
}

// FindIncident returns an incident, nil when there is none.
func FindIncident(ctx context.Context, db bun.IDB, id tenant.ID, incident int64) (*Incident, error) {
	row := new(Incident)
	return none(row, db.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, incident).Scan(ctx))
}

// IncidentsByID returns the incidents that exist, in no order.
func IncidentsByID(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64) ([]*Incident, error) {
	var out []*Incident
	err := inChunks(incidents, func(part []int64) error {
		var rows []*Incident
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Scan(ctx)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// AllIncidents calls fn for every incident changed at or after a time.
func AllIncidents(ctx context.Context, db bun.IDB, id tenant.ID, since int64, fn func(*Incident) error) error {
	rows, err := db.NewSelect().Model((*Incident)(nil)).Where("tenant_id = ? AND updated >= ?", id, since).Rows(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r := new(Incident)
		if err := rows.Scan(&r.TenantID, &r.ID, &r.RedirectID, &r.Name, &r.NameCustom, &r.Severity, &r.SeverityCustom, &r.Status, &r.Classification, &r.Determination, &r.AssignedTo,
			&r.ResolvingComment, &r.InvestigationState, &r.Created, &r.Updated, &r.FirstActivity, &r.LastActivity, &r.AlertCount, &r.ActiveAlertCount, &r.DeviceCount, &r.UserCount,
			&r.MailboxCount, &r.Lab, &r.AtBound, &r.Summary, &r.Search); err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// CountIncidents returns how many incidents there are.
func CountIncidents(ctx context.Context, db bun.IDB, id tenant.ID) (int, error) {
	n, err := db.NewSelect().Model((*Incident)(nil)).Where("tenant_id = ?", id).Count(ctx)
	return int(n), err
}

// IncidentsWith returns the incident of each alert that is seen and names an entity. (DISTINCT would make SQLite walk all alerts in the order of incidents.)
func IncidentsWith(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, entity string) ([]int64, error) {
	var out []int64
	err := v.where(db.NewSelect().TableExpr("alerts AS a").Column("incident_id").
		Where("a.tenant_id = ? AND a.id IN (SELECT alert_id FROM alert_entities WHERE tenant_id = ? AND entity = ?)", id, id, entity)).Scan(ctx, &out)
	return out, err
}

// changeCounter is the sequence that counts transactions which changed incidents.
const changeCounter = "incident_change"

// CountChange counts a transaction that changed incidents and returns its number.
func CountChange(ctx context.Context, db bun.IDB, id tenant.ID) (int64, error) {
	return state.Reserve(ctx, db, id, changeCounter, 1)
}

// Changes returns the number of the last transaction that changed incidents.
func Changes(ctx context.Context, db bun.IDB, id tenant.ID) (int64, error) {
	var next []int64
	err := db.NewRaw("SELECT next FROM sequences WHERE tenant_id = ? AND name = ?", id, changeCounter).Scan(ctx, &next)
	if err != nil || len(next) == 0 {
		return 0, err
	}
	return next[0] - 1, nil
}

// IncidentNames returns the names of incidents.
func IncidentNames(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64) (map[int64]string, error) {
	out := map[int64]string{}
	err := inChunks(incidents, func(part []int64) error {
		var rows []struct {
			ID   int64
			Name string
		}
		err := db.NewSelect().Model((*Incident)(nil)).Column("id", "name").Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Scan(ctx, &rows)
		for _, r := range rows {
			out[r.ID] = r.Name
		}
		return err
	})
	return out, err
}

// RedirectsTo returns the numbers of the incidents that redirect to one.
func RedirectsTo(ctx context.Context, db bun.IDB, id tenant.ID, incident int64) ([]int64, error) {
	var out []int64
	err := db.NewSelect().Model((*Incident)(nil)).Column("id").Where("tenant_id = ? AND redirect_id = ?", id, incident).Scan(ctx, &out)
	return out, err
}

// MoveIncident moves the alerts and edges of an incident to another and lets everything that redirected to it redirect there.
func MoveIncident(ctx context.Context, db bun.IDB, id tenant.ID, from, into, now int64) error {
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"UPDATE alerts SET incident_id = ?, updated = ? WHERE tenant_id = ? AND incident_id = ?", []any{into, now, id, from}},
		{"UPDATE incident_edges SET incident_id = ? WHERE tenant_id = ? AND incident_id = ?", []any{into, id, from}},
		{"UPDATE incidents SET redirect_id = ? WHERE tenant_id = ? AND status = 3 AND redirect_id = ?", []any{into, id, from}},
	} {
		if _, err := db.NewRaw(step.query, step.args...).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// DeleteIncidents removes incidents with their joins and log.
func DeleteIncidents(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64, names []string) error {
	return inChunks(incidents, func(part []int64) error {
		if _, err := db.NewDelete().TableExpr("incident_edges").Where("tenant_id = ? AND incident_id IN (?)", id, bun.List(part)).Exec(ctx); err != nil {
			return err
		}
		if _, err := db.NewDelete().TableExpr("incidents").Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Exec(ctx); err != nil {
			return err
		}
		return inChunks(names, func(n []string) error {
			_, err := db.NewDelete().TableExpr("activities").Where("tenant_id = ? AND target_type = 'incident' AND target_id IN (?)", id, bun.List(n)).Exec(ctx)
			return err
		})
	})
}

// DeleteAlerts removes alerts with everything that hangs on them.
func DeleteAlerts(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) error {
	return inChunks(alerts, func(part []string) error {
		in := bun.List(part)
		if _, err := db.NewDelete().TableExpr("alert_hits").
			Where("tenant_id = ? AND alert_no IN (SELECT no FROM alerts WHERE tenant_id = ? AND id IN (?))", id, id, in).Exec(ctx); err != nil {
			return err
		}
		for _, table := range []string{"alert_evidence", "alert_entities", "alert_results", "alert_unlinks", "incident_edges"} {
			if _, err := db.NewDelete().TableExpr(table).Where("tenant_id = ? AND alert_id IN (?)", id, in).Exec(ctx); err != nil {
				return err
			}
		}
		if _, err := db.NewDelete().TableExpr("incident_edges").Where("tenant_id = ? AND to_alert_id IN (?)", id, in).Exec(ctx); err != nil {
			return err
		}
		if _, err := db.NewDelete().TableExpr("alert_unlinks").Where("tenant_id = ? AND other_id IN (?)", id, in).Exec(ctx); err != nil {
			return err
		}
		if _, err := db.NewDelete().TableExpr("activities").Where("tenant_id = ? AND target_type = 'alert' AND target_id IN (?)", id, in).Exec(ctx); err != nil {
			return err
		}
		_, err := db.NewDelete().TableExpr("alerts").Where("tenant_id = ? AND id IN (?)", id, in).Exec(ctx)
		return err
	})
}

// LabAlerts returns the alerts of evaluation lab runs.
func LabAlerts(ctx context.Context, db bun.IDB, id tenant.ID) ([]*Alert, error) {
	var rows []*Alert
	err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND lab <> ''", id).Scan(ctx)
	return rows, err
}
