package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Fingerprint tells one state of a tenant's rules from another.
type Fingerprint struct{ Rules, Enabled, Changed int64 }

// Mark returns the fingerprint of the tenant's rules.
func Mark(ctx context.Context, db bun.IDB, id tenant.ID) (Fingerprint, error) {
	var f Fingerprint
	// The remainder keeps the sum of microseconds below 2^63; every change of a rule changes it.
	err := db.NewRaw("SELECT count(*), CAST(coalesce(sum(enabled), 0) AS BIGINT), CAST(coalesce(sum(changed % 1000000007), 0) AS BIGINT) FROM rules WHERE tenant_id = ?", id).
		Scan(ctx, &f.Rules, &f.Enabled, &f.Changed)
	return f, err
}
