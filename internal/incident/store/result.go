package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Result is the part of a query's result that an alert was made of by hand. Columns and Rows are JSON.
type Result struct {
	bun.BaseModel `bun:"table:alert_results"`
	TenantID      tenant.ID `bun:"tenant_id,pk"`
	AlertID       string    `bun:"alert_id,pk"`
	Query         string    `bun:"query"`
	Timespan      string    `bun:"timespan"`
	Tables        string    `bun:"tables"`
	Columns       string    `bun:"result_columns"`
	Rows          string    `bun:"result_rows"`
	Created       int64     `bun:"created"`
}

// InsertResults adds the results of alerts.
func InsertResults(ctx context.Context, db bun.IDB, rows []*Result) error {
	return insert(ctx, db, rows, "")
}

// FindResult returns the result that an alert was made of, nil when it was not.
func FindResult(ctx context.Context, db bun.IDB, id tenant.ID, alert string) (*Result, error) {
	row := new(Result)
	return none(row, db.NewSelect().Model(row).Where("tenant_id = ? AND alert_id = ?", id, alert).Scan(ctx))
}
