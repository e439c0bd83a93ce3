package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// InsertAlertEntities adds to the inverted index.
func InsertAlertEntities(ctx context.Context, db bun.IDB, rows []*AlertEntity) error {
	return insert(ctx, db, rows, "CONFLICT (tenant_id, entity, alert_id) DO NOTHING")
}

// AlertEntitiesOf returns the index entries of alerts.
func AlertEntitiesOf(ctx context.Context, db bun.IDB, id tenant.ID, alerts []string) ([]*AlertEntity, error) {
	var out []*AlertEntity
	err := inChunks(alerts, func(part []string) error {
		var rows []*AlertEntity
		err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND alert_id IN (?)", id, bun.List(part)).Scan(ctx)
		out = append(out, rows...)
		return err
	})
	return out, err
}

// UpsertEntities records that entities were seen.
func UpsertEntities(ctx context.Context, db bun.IDB, rows []*Entity) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		part := rows[:n]
		rows = rows[n:]
		_, err := db.NewInsert().Model(&part).On("CONFLICT (tenant_id, entity) DO UPDATE").
			Set("name = CASE WHEN length(EXCLUDED.name) > length(en.name) THEN EXCLUDED.name ELSE en.name END").
			Set("search = CASE WHEN length(EXCLUDED.name) > length(en.name) THEN EXCLUDED.search ELSE en.search END").
			Set("first_seen = CASE WHEN EXCLUDED.first_seen < en.first_seen THEN EXCLUDED.first_seen ELSE en.first_seen END").
			Set("last_seen = CASE WHEN EXCLUDED.last_seen > en.last_seen THEN EXCLUDED.last_seen ELSE en.last_seen END").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// EntitiesByKey returns the named entities that are known.
func EntitiesByKey(ctx context.Context, db bun.IDB, id tenant.ID, keys []string) (map[string]*Entity, error) {
	out := map[string]*Entity{}
	err := inChunks(keys, func(part []string) error {
		var rows []*Entity
		if err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND entity IN (?)", id, bun.List(part)).Scan(ctx); err != nil {
			return err
		}
		for _, r := range rows {
			out[r.Entity] = r
		}
		return nil
	})
	return out, err
}

// SearchEntities finds those of the entities of alerts that are seen by part of their name or key, latest first.
func SearchEntities(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, text string, top int) ([]*Entity, error) {
	var rows []*Entity
	q := db.NewSelect().Model(&rows).Where("en.tenant_id = ? AND en.search LIKE ? ESCAPE '!'", id, like(text))
	if v != nil {
		alerts := v.where(db.NewSelect().TableExpr("alert_entities AS ae").ColumnExpr("1").
			Join("JOIN alerts AS a ON a.tenant_id = ae.tenant_id AND a.id = ae.alert_id").Where("ae.tenant_id = en.tenant_id AND ae.entity = en.entity"))
		q = q.Where("EXISTS (?)", alerts)
		if v.Groups != nil {
			q = q.Where("(en.kind <> 'device' OR coalesce((SELECT vd.group_id FROM devices AS vd WHERE vd.tenant_id = en.tenant_id AND vd.entity = en.entity), ?) IN (?))", v.None, bun.List(v.Groups))
		}
	}
	err := q.Order("last_seen DESC", "entity").Limit(int64(top)).Scan(ctx)
	return rows, err
}

// AlertCounts returns how many of the alerts that are seen name each entity.
func AlertCounts(ctx context.Context, db bun.IDB, id tenant.ID, v *Sight, keys []string) (map[string]int, error) {
	out := map[string]int{}
	err := inChunks(keys, func(part []string) error {
		var rows []struct {
			Entity string
			N      int
		}
		q := db.NewSelect().Model((*AlertEntity)(nil)).Column("ae.entity").ColumnExpr("count(*) AS n").Where("ae.tenant_id = ? AND ae.entity IN (?)", id, bun.List(part))
		if v != nil {
			q = v.where(q.Join("JOIN alerts AS a ON a.tenant_id = ae.tenant_id AND a.id = ae.alert_id"))
		}
		err := q.Group("ae.entity").Scan(ctx, &rows)
		for _, r := range rows {
			out[r.Entity] = r.N
		}
		return err
	})
	return out, err
}

// Aliases returns all learned aliases of a tenant.
func Aliases(ctx context.Context, db bun.IDB, id tenant.ID) ([]*Alias, error) {
	var rows []*Alias
	err := db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Scan(ctx)
	return rows, err
}

// PutAliases stores learned aliases.
func PutAliases(ctx context.Context, db bun.IDB, rows []*Alias) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		part := rows[:n]
		rows = rows[n:]
		if _, err := db.NewInsert().Model(&part).On("CONFLICT (tenant_id, alias) DO UPDATE").Set("entity = EXCLUDED.entity").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Rekey replaces an entity's key by the one it was found to be the same as.
func Rekey(ctx context.Context, db bun.IDB, id tenant.ID, from, to string) error {
	steps := []struct {
		query string
		args  []any
	}{
		{"DELETE FROM alert_entities WHERE tenant_id = ? AND entity = ? AND alert_id IN (SELECT alert_id FROM alert_entities WHERE tenant_id = ? AND entity = ?)", []any{id, from, id, to}},
		{"UPDATE alert_entities SET entity = ? WHERE tenant_id = ? AND entity = ?", []any{to, id, from}},
		{"UPDATE alert_evidence SET entity = ? WHERE tenant_id = ? AND entity = ?", []any{to, id, from}},
		{"DELETE FROM entities WHERE tenant_id = ? AND entity = ? AND EXISTS (SELECT 1 FROM entities WHERE tenant_id = ? AND entity = ?)", []any{id, from, id, to}},
		{"UPDATE entities SET entity = ? WHERE tenant_id = ? AND entity = ?", []any{to, id, from}},
		{"DELETE FROM devices WHERE tenant_id = ? AND entity = ? AND EXISTS (SELECT 1 FROM devices WHERE tenant_id = ? AND entity = ?)", []any{id, from, id, to}},
		{"UPDATE devices SET entity = ? WHERE tenant_id = ? AND entity = ?", []any{to, id, from}},
	}
	for _, s := range steps {
		if _, err := db.NewRaw(s.query, s.args...).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
