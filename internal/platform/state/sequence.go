package state

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Reserve takes n consecutive numbers of a tenant's named sequence and returns the first (sequences start at 1).
func Reserve(ctx context.Context, db bun.IDB, id tenant.ID, name string, n int64) (int64, error) {
	var next int64
	err := db.NewRaw(`INSERT INTO sequences (tenant_id, name, next) VALUES (?, ?, ?)
		ON CONFLICT (tenant_id, name) DO UPDATE SET next = sequences.next + ? RETURNING next`, id, name, n+1, n).Scan(ctx, &next)
	if err != nil {
		return 0, err
	}
	return next - n, nil
}
