package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// AppendActivities writes log entries in order and numbers them.
func AppendActivities(ctx context.Context, db bun.IDB, id tenant.ID, rows []*Activity) error {
	if len(rows) == 0 {
		return nil
	}
	first, err := state.Reserve(ctx, db, id, "activity", int64(len(rows)))
	if err != nil {
		return err
	}
	for i, r := range rows {
		r.TenantID, r.No = id, first+int64(i)
	}
	return insert(ctx, db, rows, "")
}

// Activities returns a page of the log of a target, newest first, and its length. kind "" means all types.
func Activities(ctx context.Context, db bun.IDB, id tenant.ID, targetType, targetID, kind string, top, skip int) ([]*Activity, int64, error) {
	q := func() *bun.SelectQuery {
		q := db.NewSelect().Model((*Activity)(nil)).Where("tenant_id = ? AND target_type = ? AND target_id = ?", id, targetType, targetID)
		if kind != "" {
			q = q.Where("type = ?", kind)
		}
		return q
	}
	count, err := q().Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []*Activity
	page := q().Order("time DESC", "no DESC")
	if top > 0 {
		page = page.Limit(int64(top)).Offset(int64(skip))
	}
	return rows, int64(count), page.Scan(ctx, &rows)
}

// CopyActivities returns the log of one target as entries of another, oldest first, marked with the incident they came from. They are not written.
func CopyActivities(ctx context.Context, db bun.IDB, id tenant.ID, targetType, from, into string, origin int64) ([]*Activity, error) {
	var rows []*Activity
	err := db.NewSelect().Model(&rows).Where("tenant_id = ? AND target_type = ? AND target_id = ?", id, targetType, from).Order("no").Scan(ctx)
	for _, r := range rows {
		r.TargetID = into
		if r.MergedFrom == 0 {
			r.MergedFrom = origin
		}
	}
	return rows, err
}
