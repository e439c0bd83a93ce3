package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// HitKey is the hash that makes a hit unique.
type HitKey struct{ High, Low int64 }

// Hit is one raw occurrence.
type Hit struct {
	Key        HitKey
	AlertNo    int64
	FileID     int64
	Record     int64
	ExternalID string
	Time       int64
}

// KnownHits returns which of the keys are stored already.
func KnownHits(ctx context.Context, db bun.IDB, id tenant.ID, keys []HitKey) (map[HitKey]bool, error) {
	known := map[HitKey]bool{}
	err := inChunks(keys, func(part []HitKey) error {
		var b strings.Builder
		b.WriteString("SELECT hash_high, hash_low FROM alert_hits WHERE tenant_id = ? AND hash_high IN (")
		for i, k := range part {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatInt(k.High, 10))
		}
		b.WriteByte(')')
		rows, err := db.QueryContext(ctx, b.String(), id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k HitKey
			if err := rows.Scan(&k.High, &k.Low); err != nil {
				return err
			}
			known[k] = true
		}
		return rows.Err()
	})
	return known, err
}

// InsertHits stores hits that are known to be new.
func InsertHits(ctx context.Context, tx bun.Tx, id tenant.ID, hits []Hit) error {
	const columns = "INSERT INTO alert_hits (tenant_id, hash_high, hash_low, alert_no, file_id, record, external_id, time) VALUES "
	return inChunks(hits, func(part []Hit) error {
		var b strings.Builder
		b.Grow(len(part) * 100)
		b.WriteString(columns)
		pg := tx.Dialect().Name() == dialect.PG
		args := make([]any, 1, len(part)+1)
		args[0] = string(id)
		for i, h := range part {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("($1,")
			for _, n := range [...]int64{h.Key.High, h.Key.Low, h.AlertNo, h.FileID, h.Record} {
				b.WriteString(strconv.FormatInt(n, 10))
				b.WriteByte(',')
			}
			if h.ExternalID == "" {
				b.WriteString("'',")
			} else {
				args = append(args, h.ExternalID)
				b.WriteByte('$')
				b.WriteString(strconv.Itoa(len(args)))
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatInt(h.Time, 10))
			b.WriteByte(')')
		}
		query := b.String()
		if !pg {
			query = strings.ReplaceAll(query, "$", "?")
		}
		_, err := tx.Tx.ExecContext(ctx, query, args...)
		return err
	})
}

// FileIDs returns the number of each path, giving numbers to new ones.
func FileIDs(ctx context.Context, db bun.IDB, id tenant.ID, paths []string) (map[string]int64, error) {
	type file struct {
		bun.BaseModel `bun:"table:hit_files"`
		TenantID      tenant.ID
		ID            int64
		Path          string
	}
	out := map[string]int64{}
	err := inChunks(paths, func(part []string) error {
		var rows []file
		if err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND path IN (?)", id, bun.List(part)).Scan(ctx); err != nil {
			return err
		}
		for _, r := range rows {
			out[r.Path] = r.ID
		}
		var fresh []file
		for _, p := range part {
			if _, ok := out[p]; !ok {
				fresh = append(fresh, file{TenantID: id, Path: p})
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		first, err := state.Reserve(ctx, db, id, "hit_file", int64(len(fresh)))
		if err != nil {
			return err
		}
		for i := range fresh {
			fresh[i].ID = first + int64(i)
			out[fresh[i].Path] = fresh[i].ID
		}
		_, err = db.NewInsert().Model(&fresh).Exec(ctx)
		return err
	})
	return out, err
}

// HitRow is a hit with the names that lists show.
type HitRow struct {
	AlertID    string
	IncidentID int64
	Path       string
	Record     int64
	ExternalID string
	Time       int64
}

// Hits calls fn for the hits of one alert, or of all with alert "", oldest alert and hit first, at most limit (0: all).
func Hits(ctx context.Context, db bun.IDB, id tenant.ID, alert string, limit int, fn func(HitRow) error) error {
	var alerts []numbered
	q := db.NewSelect().Model((*Alert)(nil)).Column("id", "no", "incident_id").Where("tenant_id = ?", id)
	if alert != "" {
		q = q.Where("id = ?", alert)
	} else {
		q = q.Order("no")
	}
	if err := q.Scan(ctx, &alerts); err != nil {
		return err
	}
	for len(alerts) > 0 {
		n := min(chunk, len(alerts))
		if err := hitsOf(ctx, db, id, alerts[:n], limit, fn); err != nil {
			return err
		}
		alerts = alerts[n:]
	}
	return nil
}

// numbered is an alert as its hits refer to it.
type numbered struct {
	ID         string
	No         int64
	IncidentID int64
}

// hitsOf walks the hits of a run of alerts in order.
func hitsOf(ctx context.Context, db bun.IDB, id tenant.ID, alerts []numbered, limit int, fn func(HitRow) error) error {
	q := db.NewSelect().TableExpr("alert_hits AS h").Join("LEFT JOIN hit_files AS f ON f.tenant_id = h.tenant_id AND f.id = h.file_id").
		ColumnExpr("h.alert_no, COALESCE(f.path, ''), h.record, h.external_id, h.time").
		Where("h.tenant_id = ? AND h.alert_no >= ? AND h.alert_no <= ?", id, alerts[0].No, alerts[len(alerts)-1].No).OrderExpr("h.alert_no, h.time, h.record, h.external_id")
	if limit > 0 {
		q = q.Limit(int64(limit))
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	k := 0
	for rows.Next() {
		var h HitRow
		var no int64
		if err := rows.Scan(&no, &h.Path, &h.Record, &h.ExternalID, &h.Time); err != nil {
			return err
		}
		for k < len(alerts)-1 && alerts[k].No < no {
			k++
		}
		if alerts[k].No != no {
			continue
		}
		h.AlertID, h.IncidentID = alerts[k].ID, alerts[k].IncidentID
		if err := fn(h); err != nil {
			return err
		}
	}
	return rows.Err()
}
