package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Sight narrows alerts to those that somebody sees. A nil Sight is all of them.
type Sight struct {
	Sources []string // service sources; nil: all
	Groups  []string // device groups; nil: all. An alert with devices shows when one of them is in a group; one without devices always
	None    string   // the group of devices that no group has taken
}

// where narrows a query on alerts with the alias a.
func (v *Sight) where(q *bun.SelectQuery) *bun.SelectQuery {
	if v == nil {
		return q
	}
	if v.Sources != nil {
		if len(v.Sources) == 0 {
			return q.Where("1 = 0")
		}
		q = q.Where("a.service_source IN (?)", bun.List(v.Sources))
	}
	if v.Groups == nil {
		return q
	}
	const devices = "SELECT 1 FROM alert_entities AS ve LEFT JOIN devices AS vd ON vd.tenant_id = ve.tenant_id AND vd.entity = ve.entity" +
		" WHERE ve.tenant_id = a.tenant_id AND ve.alert_id = a.id AND ve.entity LIKE 'device:%'"
	if len(v.Groups) == 0 {
		return q.Where("NOT EXISTS (" + devices + ")")
	}
	return q.Where("(NOT EXISTS ("+devices+") OR EXISTS ("+devices+" AND coalesce(vd.group_id, ?) IN (?)))", v.None, bun.List(v.Groups))
}

// Hidden returns those of the entities that are devices of groups that are not seen.
func Hidden(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, devices []string) (map[string]bool, error) {
	out := map[string]bool{}
	if v == nil || v.Groups == nil {
		return out, nil
	}
	for _, d := range devices {
		out[d] = true
	}
	seen := map[string]bool{}
	for _, g := range v.Groups {
		seen[g] = true
	}
	err := inChunks(devices, func(part []string) error {
		var rows []struct{ Entity, GroupID string }
		if err := db.NewSelect().TableExpr("devices").Column("entity", "group_id").Where("tenant_id = ? AND entity IN (?)", id, bun.List(part)).Scan(ctx, &rows); err != nil {
			return err
		}
		known := map[string]string{}
		for _, r := range rows {
			known[r.Entity] = r.GroupID
		}
		for _, d := range part {
			group, ok := known[d]
			if !ok {
				group = v.None
			}
			if seen[group] {
				delete(out, d)
			}
		}
		return nil
	})
	return out, err
}

// Seen returns those of the alerts that are seen, with their workload.
func Seen(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, alerts []string) (map[string]bool, error) {
	out := make(map[string]bool, len(alerts))
	err := inChunks(alerts, func(part []string) error {
		var rows []string
		err := v.where(db.NewSelect().TableExpr("alerts AS a").Column("a.id").Where("a.tenant_id = ? AND a.id IN (?)", id, bun.List(part))).Scan(ctx, &rows)
		for _, r := range rows {
			out[r] = true
		}
		return err
	})
	return out, err
}

// ScopeCounter is the sequence that counts changes of devices' groups.
const ScopeCounter = "deviceGroups"

// ScopeNumber rises whenever devices change their group.
func ScopeNumber(ctx context.Context, db bun.IDB, id tenant.ID) (int64, error) {
	var next []int64
	err := db.NewRaw("SELECT next FROM sequences WHERE tenant_id = ? AND name = ?", id, ScopeCounter).Scan(ctx, &next)
	if err != nil || len(next) == 0 {
		return 0, err
	}
	return next[0], nil
}
