package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// InsertAlerts adds alerts.
func InsertAlerts(ctx context.Context, db bun.IDB, rows []*Alert) error {
	return insert(ctx, db, rows, "")
}

// UpdateAlerts writes all columns of existing alerts back.
func UpdateAlerts(ctx context.Context, db bun.IDB, rows []*Alert) error {
	for _, r := range rows {
		if _, err := db.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// UpdateActivity writes what repeats change in alerts: hits, times, habits, assets.
func UpdateActivity(ctx context.Context, db bun.IDB, rows []*Alert) error {
	for _, r := range rows {
		_, err := db.NewUpdate().Model(r).Column("severity", "updated", "first_activity", "last_activity", "hit_count", "pulses", "summary", "search", "techniques").WherePK().Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// Place is where an alert stands.
type Place struct {
	ID         string
	IncidentID int64
	Status     int16
	Lab        string
}

// Places returns the incident and status of alerts.
func Places(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) (map[string]Place, error) {
	out := map[string]Place{}
	err := inChunks(alerts, func(part []string) error {
		var rows []Place
		err := db.NewSelect().Model((*Alert)(nil)).Column("id", "incident_id", "status", "lab").Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Scan(ctx, &rows)
		for _, r := range rows {
			out[r.ID] = r
		}
		return err
	})
	return out, err
}

// FindAlert returns an alert, nil when there is none.
func FindAlert(ctx context.Context, db bun.IDB, id tenant.ID, alert string) (*Alert, error) {
	row := new(Alert)
	return none(row, db.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, alert).Scan(ctx))
}

// AlertsByID returns the alerts that exist, in no order.
func AlertsByID(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) ([]*Alert, error) {
	var out []*Alert
	err := inChunks(alerts, func(part []string) error {
		var rows []*Alert
		if err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Scan(ctx); err != nil {
			return err
		}
		out = append(out, rows...)
		return nil
	})
	return out, err
}

// AlertsOf returns those of the alerts of incidents that are seen, oldest first.
func AlertsOf(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, incidents []int64) ([]*Alert, error) {
	var out []*Alert
	err := inChunks(incidents, func(part []int64) error {
		var rows []*Alert
		if err := v.where(db.NewSelect().Model(&rows).Where("a.tenant_id = ? AND incident_id IN (?)", id, bun.List(part))).Order("first_activity", "no").Scan(ctx); err != nil {
			return err
		}
		out = append(out, rows...)
		return nil
	})
	return out, err
}

// OpenFolds returns the unresolved alerts with any of the fold hashes, oldest first.
func OpenFolds(ctx context.Context, db bun.IDB, id tenant.ID, folds []int64) ([]*Alert, error) {
	var out []*Alert
	err := inChunks(folds, func(part []int64) error {
		var rows []*Alert
		// The state is tested here: named in the query, it would make SQLite walk all open alerts instead of the folds.
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND fold IN (?)", id, bun.List(part)).Scan(ctx)
		for _, r := range rows {
			if r.Status < 2 {
				out = append(out, r)
			}
		}
		slices.SortFunc(out, func(a, b *Alert) int { return cmp.Compare(a.No, b.No) })
		return err
	})
	return out, err
}

// RecentAlerts returns the latest alerts by number, at most limit, oldest first.
func RecentAlerts(ctx context.Context, db bun.IDB, id tenant.ID, limit int64) ([]*Alert, error) {
	var rows []*Alert
	err := db.NewSelect().Model(&rows).Column("tenant_id", "id", "no", "incident_id", "rule_id", "title", "severity", "category", "techniques", "service_source", "status",
		"first_activity", "last_activity", "hit_count", "fold", "pulses").
		Where("tenant_id = ?", id).Order("no DESC").Limit(limit).Scan(ctx)
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows, err
}

// SetIncident moves alerts to an incident, with their edges.
func SetIncident(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string, incident, updated int64) error {
	return inChunks(alerts, func(part []string) error {
		if _, err := db.NewUpdate().Model((*Alert)(nil)).Set("incident_id = ?, updated = ?", incident, updated).
			Where("tenant_id = ? AND id IN (?)", id, bun.List(part)).Exec(ctx); err != nil {
			return err
		}
		_, err := db.NewUpdate().Model((*Edge)(nil)).Set("incident_id = ?", incident).Where("tenant_id = ? AND alert_id IN (?)", id, bun.List(part)).Exec(ctx)
		return err
	})
}

// Members returns the alerts of incidents with their incident.
func Members(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64) (map[string]int64, error) {
	out := map[string]int64{}
	err := inChunks(incidents, func(part []int64) error {
		var rows []Place
		err := db.NewSelect().Model((*Alert)(nil)).Column("id", "incident_id", "status", "lab").Where("tenant_id = ? AND incident_id IN (?)", id, bun.List(part)).Scan(ctx, &rows)
		for _, r := range rows {
			out[r.ID] = r.IncidentID
		}
		return err
	})
	return out, err
}

// MemberList returns those of the alerts of incidents that are seen, oldest first.
func MemberList(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, incidents []int64) ([]Place, error) {
	var out []Place
	err := inChunks(incidents, func(part []int64) error {
		var rows []Place
		err := v.where(db.NewSelect().Model((*Alert)(nil)).Column("id", "incident_id", "status", "lab").Where("a.tenant_id = ? AND incident_id IN (?)", id, bun.List(part))).
			Order("first_activity", "no").Scan(ctx, &rows)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// InsertEvidence adds pieces of evidence.
func InsertEvidence(ctx context.Context, db bun.IDB, rows []*Evidence) error {
	return insert(ctx, db, rows, "CONFLICT (tenant_id, alert_id, n) DO NOTHING")
}

// EvidenceOf returns the evidence of alerts, by alert and number.
func EvidenceOf(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) ([]*Evidence, error) {
	var out []*Evidence
	err := inChunks(alerts, func(part []string) error {
		var rows []*Evidence
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND alert_id IN (?)", id, bun.List(part)).Order("alert_id", "n").Scan(ctx)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// EvidenceCounts returns how many pieces of evidence alerts have.
func EvidenceCounts(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) (map[string]int64, error) {
	out := map[string]int64{}
	err := inChunks(alerts, func(part []string) error {
		var rows []struct {
			AlertID string
			N       int64
		}
		err := db.NewSelect().Model((*Evidence)(nil)).Column("alert_id").ColumnExpr("count(*) AS n").
			Where("tenant_id = ? AND alert_id IN (?)", id, bun.List(part)).Group("alert_id").Scan(ctx, &rows)
		for _, r := range rows {
			out[r.AlertID] = r.N
		}
		return err
	})
	return out, err
}

// InsertEdges adds joins; one that exists already stays as it is.
func InsertEdges(ctx context.Context, db bun.IDB, rows []*Edge) error {
	return insert(ctx, db, rows, "CONFLICT (tenant_id, alert_id, to_alert_id, kind, entity) DO NOTHING")
}

// EdgesOf returns the joins of incidents, strongest first.
func EdgesOf(ctx context.Context, db bun.IDB, id tenant.ID, incidents []int64) ([]*Edge, error) {
	var out []*Edge
	err := inChunks(incidents, func(part []int64) error {
		var rows []*Edge
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND incident_id IN (?)", id, bun.List(part)).
			Order("weight DESC", "alert_id", "to_alert_id", "kind", "entity").Scan(ctx)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// EdgesOfAlerts returns the joins at either end of which one of the alerts stands.
func EdgesOfAlerts(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) ([]*Edge, error) {
	var out []*Edge
	err := inChunks(alerts, func(part []string) error {
		var rows []*Edge
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND alert_id IN (?)", id, bun.List(part)).
			UnionAll(db.NewSelect().Model((*Edge)(nil)).Where("tenant_id = ? AND to_alert_id IN (?) AND alert_id NOT IN (?)", id, bun.List(part), bun.List(part))).
			Scan(ctx, &rows)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// DeleteCrossEdges removes the joins of alerts whose other end stands in another incident.
func DeleteCrossEdges(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) error {
	return inChunks(alerts, func(part []string) error {
		_, err := db.NewDelete().Model((*Edge)(nil)).Where("ed.tenant_id = ? AND (ed.alert_id IN (?) OR ed.to_alert_id IN (?))", id, bun.List(part), bun.List(part)).
			Where("(SELECT a.incident_id FROM alerts AS a WHERE a.tenant_id = ed.tenant_id AND a.id = ed.alert_id) <> (SELECT a.incident_id FROM alerts AS a WHERE a.tenant_id = ed.tenant_id AND a.id = ed.to_alert_id)").Exec(ctx)
		return err
	})
}

// InsertUnlinks remembers pairs that were taken apart.
func InsertUnlinks(ctx context.Context, db bun.IDB, rows []*Unlink) error {
	return insert(ctx, db, rows, "CONFLICT (tenant_id, alert_id, other_id) DO NOTHING")
}

// DeleteUnlinks forgets the pairs between alerts and others, when a person joins them again.
func DeleteUnlinks(ctx context.Context, db bun.IDB, id tenant.ID, alerts, others []string) error {
	return inChunks(alerts, func(a []string) error {
		return inChunks(others, func(o []string) error {
			_, err := db.NewDelete().Model((*Unlink)(nil)).Where("tenant_id = ?", id).
				Where("(alert_id IN (?) AND other_id IN (?)) OR (other_id IN (?) AND alert_id IN (?))", bun.List(a), bun.List(o), bun.List(a), bun.List(o)).Exec(ctx)
			return err
		})
	})
}

// AllUnlinks returns every pair of a tenant that was taken apart.
func AllUnlinks(ctx context.Context, db bun.IDB, id tenant.ID) ([]*Unlink, error) {
	var rows []*Unlink
	err := db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Scan(ctx)
	return rows, err
}
