package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// ValueKind says which filter a row of incident_values serves.
type ValueKind int16

// The kinds of values an incident is found by.
const (
	ServiceSource ValueKind = iota + 1
	DetectionSource
	Category
	Tag
	SystemTag
	Technique
)

// Value is one filter value of an incident.
type Value struct {
	bun.BaseModel `bun:"table:incident_values,alias:iv"`

	TenantID   tenant.ID `bun:",pk"`
	Kind       ValueKind `bun:",pk"`
	Value      string    `bun:",pk"`
	IncidentID int64     `bun:",pk"`
}

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
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND id IN (?)", id, bun.In(part)).Scan(ctx)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// IncidentNames returns the names of incidents.
func IncidentNames(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64) (map[int64]string, error) {
	out := map[int64]string{}
	err := inChunks(incidents, func(part []int64) error {
		var rows []struct {
			ID   int64
			Name string
		}
		err := db.NewSelect().Model((*Incident)(nil)).Column("id", "name").Where("tenant_id = ? AND id IN (?)", id, bun.In(part)).Scan(ctx, &rows)
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

// SetValues replaces the filter values of an incident, writing only differences.
func SetValues(ctx context.Context, db bun.IDB, id tenant.ID, incident int64, values []Value) error {
	var old []Value
	if err := db.NewSelect().Model(&old).Where("tenant_id = ? AND incident_id = ?", id, incident).Scan(ctx); err != nil {
		return err
	}
	type key struct {
		kind  ValueKind
		value string
	}
	want := map[key]bool{}
	for _, v := range values {
		want[key{v.Kind, v.Value}] = true
	}
	for _, v := range old {
		k := key{v.Kind, v.Value}
		if want[k] {
			delete(want, k)
			continue
		}
		if _, err := db.NewDelete().Model(&v).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	fresh := make([]Value, 0, len(want))
	for k := range want {
		fresh = append(fresh, Value{TenantID: id, Kind: k.kind, Value: k.value, IncidentID: incident})
	}
	return insert(ctx, db, fresh, "")
}

// InsertValues adds the filter values of new incidents.
func InsertValues(ctx context.Context, db bun.IDB, rows []Value) error {
	return insert(ctx, db, rows, "")
}

// DeleteIncidents removes incidents with their values and log.
func DeleteIncidents(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64, names []string) error {
	return inChunks(incidents, func(part []int64) error {
		for _, table := range []string{"incident_values", "incident_edges"} {
			if _, err := db.NewDelete().TableExpr(table).Where("tenant_id = ? AND incident_id IN (?)", id, bun.In(part)).Exec(ctx); err != nil {
				return err
			}
		}
		if _, err := db.NewDelete().TableExpr("incidents").Where("tenant_id = ? AND id IN (?)", id, bun.In(part)).Exec(ctx); err != nil {
			return err
		}
		return inChunks(names, func(n []string) error {
			_, err := db.NewDelete().TableExpr("activities").Where("tenant_id = ? AND target_type = 'incident' AND target_id IN (?)", id, bun.In(n)).Exec(ctx)
			return err
		})
	})
}

// DeleteAlerts removes alerts with everything that hangs on them.
func DeleteAlerts(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) error {
	return inChunks(alerts, func(part []string) error {
		in := bun.In(part)
		if _, err := db.NewDelete().TableExpr("alert_hits").
			Where("tenant_id = ? AND alert_no IN (SELECT no FROM alerts WHERE tenant_id = ? AND id IN (?))", id, id, in).Exec(ctx); err != nil {
			return err
		}
		for _, table := range []string{"alert_evidence", "alert_entities", "alert_unlinks", "incident_edges"} {
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
