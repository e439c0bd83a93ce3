// Package store keeps rule objects and the runs of scheduled rules in the state database.
package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Rule is one row of rules. Techniques, Tags and Issue are JSON.
type Rule struct {
	bun.BaseModel `bun:"table:rules"`

	TenantID    tenant.ID `bun:"tenant_id,pk"`
	ID          string    `bun:"id,pk"`
	Kind        string
	Title       string
	Description string
	Level       string
	Severity    string
	Category    string
	Techniques  string
	Tags        string
	Status      string
	Author      string
	Logsource   string
	Origin      string
	Path        string
	Source      string
	Issue       string
	Enabled     int16
	EnabledSet  int16  // a person decided, so an import leaves Enabled alone
	Search      string // lower-case text that a search looks in
	Created     state.Time
	Changed     state.Time
}

// Run is one row of rule_runs: how far a scheduled rule has looked.
type Run struct {
	bun.BaseModel `bun:"table:rule_runs"`

	TenantID   tenant.ID  `bun:"tenant_id,pk"`
	RuleID     string     `bun:"rule_id,pk"`
	Covered    state.Time // events up to here have been looked at
	Finished   state.Time // when the last run ended, by the clock
	ResultRows int64
	Detections int64
	Truncated  int16
	Error      string
}

// Query selects rules; empty parts select all. Texts within a list are alternatives.
type Query struct {
	Kinds      []string
	Severities []string
	Origins    []string
	Enabled    *bool
	Search     string // lower case
	Top, Skip  int    // Top 0 means everything
	Brief      bool   // leave Source out
}

// Find returns a page of rules by title and the number of all that fit.
func Find(ctx context.Context, db bun.IDB, id tenant.ID, q Query) ([]*Rule, int64, error) {
	where := func(s *bun.SelectQuery) *bun.SelectQuery {
		s = s.Where("tenant_id = ?", id)
		for _, f := range [...]struct {
			column string
			values []string
		}{{"kind", q.Kinds}, {"severity", q.Severities}, {"origin", q.Origins}} {
			if len(f.values) > 0 {
				s = s.Where("? IN (?)", bun.Ident(f.column), bun.List(f.values))
			}
		}
		if q.Enabled != nil {
			s = s.Where("enabled = ?", number(*q.Enabled))
		}
		if q.Search != "" {
			s = s.Where("search LIKE ? ESCAPE '!'", "%"+escapeLike(q.Search)+"%")
		}
		return s
	}
	count, err := where(db.NewSelect().Model((*Rule)(nil))).Count(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []*Rule
	page := where(db.NewSelect().Model(&rows)).Order("title", "id")
	if q.Brief {
		page = page.ExcludeColumn("source")
	}
	if q.Top > 0 {
		page = page.Limit(int64(q.Top)).Offset(int64(q.Skip))
	}
	return rows, int64(count), page.Scan(ctx)
}

// Get returns one rule, nil when there is none.
func Get(ctx context.Context, db bun.IDB, id tenant.ID, rule string) (*Rule, error) {
	row := new(Rule)
	err := db.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, rule).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return row, err
}

// Stamp is what Put compares: the text of a rule and what a person decided about it.
type Stamp struct {
	ID         string
	Source     string
	Origin     string
	Path       string
	Issue      string
	Enabled    int16
	EnabledSet int16
}

// Stamps returns the stamps of all rules by id.
func Stamps(ctx context.Context, db bun.IDB, id tenant.ID) (map[string]Stamp, error) {
	var rows []Stamp
	err := db.NewSelect().TableExpr("rules").Column("id", "source", "origin", "path", "issue", "enabled", "enabled_set").Where("tenant_id = ?", id).Scan(ctx, &rows)
	out := make(map[string]Stamp, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, err
}

// Put writes rules, replacing those with the same id but keeping when they came first.
func Put(ctx context.Context, db bun.IDB, rows []*Rule) error {
	const chunk = 200
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		part := rows[:n]
		_, err := db.NewInsert().Model(&part).On("CONFLICT (tenant_id, id) DO UPDATE").
			Set("kind = EXCLUDED.kind, title = EXCLUDED.title, description = EXCLUDED.description, level = EXCLUDED.level, severity = EXCLUDED.severity").
			Set("category = EXCLUDED.category, techniques = EXCLUDED.techniques, tags = EXCLUDED.tags, status = EXCLUDED.status, author = EXCLUDED.author").
			Set("logsource = EXCLUDED.logsource, origin = EXCLUDED.origin, path = EXCLUDED.path, source = EXCLUDED.source, issue = EXCLUDED.issue").
			Set("enabled = EXCLUDED.enabled, enabled_set = EXCLUDED.enabled_set, search = EXCLUDED.search, changed = EXCLUDED.changed").
			Exec(ctx)
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// SetEnabled switches a rule as a person's decision and reports whether it exists.
func SetEnabled(ctx context.Context, db bun.IDB, id tenant.ID, rule string, enabled bool, at state.Time) (bool, error) {
	res, err := db.NewUpdate().Model((*Rule)(nil)).Set("enabled = ?", number(enabled)).Set("enabled_set = 1").Set("changed = ?", at).
		Where("tenant_id = ? AND id = ?", id, rule).Exec(ctx)
	return affected(res, err)
}

// Delete removes a rule and its run, and reports whether it existed.
func Delete(ctx context.Context, db bun.IDB, id tenant.ID, rule string) (bool, error) {
	if _, err := db.NewDelete().Model((*Run)(nil)).Where("tenant_id = ? AND rule_id = ?", id, rule).Exec(ctx); err != nil {
		return false, err
	}
	res, err := db.NewDelete().Model((*Rule)(nil)).Where("tenant_id = ? AND id = ?", id, rule).Exec(ctx)
	return affected(res, err)
}

// Runs returns the runs of scheduled rules by rule.
func Runs(ctx context.Context, db bun.IDB, id tenant.ID) (map[string]*Run, error) {
	var rows []*Run
	err := db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Scan(ctx)
	out := make(map[string]*Run, len(rows))
	for _, r := range rows {
		out[r.RuleID] = r
	}
	return out, err
}

// PutRun writes the outcome of a run.
func PutRun(ctx context.Context, db bun.IDB, run *Run) error {
	_, err := db.NewInsert().Model(run).On("CONFLICT (tenant_id, rule_id) DO UPDATE").
		Set("covered = EXCLUDED.covered, finished = EXCLUDED.finished, result_rows = EXCLUDED.result_rows, detections = EXCLUDED.detections").
		Set("truncated = EXCLUDED.truncated, error = EXCLUDED.error").Exec(ctx)
	return err
}

// PutLateWindows remembers windows, by their ends, that the rule has to look at again.
func PutLateWindows(ctx context.Context, db bun.IDB, id tenant.ID, rule string, ends []time.Time) error {
	for _, end := range ends {
		_, err := db.NewRaw("INSERT INTO late_windows (tenant_id, rule_id, until) VALUES (?, ?, ?) ON CONFLICT (tenant_id, rule_id, until) DO NOTHING", id, rule, state.At(end)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// LateWindows returns the ends of the windows that the rule has to look at again, the latest first.
func LateWindows(ctx context.Context, db bun.IDB, id tenant.ID, rule string, most int) ([]time.Time, error) {
	var rows []struct {
		Until state.Time `bun:"until"`
	}
	if err := db.NewRaw("SELECT until FROM late_windows WHERE tenant_id = ? AND rule_id = ? ORDER BY until DESC LIMIT ?", id, rule, most).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	out := make([]time.Time, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.Until.Time)
	}
	return out, nil
}

// DropLateWindow forgets a window that was looked at.
func DropLateWindow(ctx context.Context, db bun.IDB, id tenant.ID, rule string, end time.Time) error {
	_, err := db.NewRaw("DELETE FROM late_windows WHERE tenant_id = ? AND rule_id = ? AND until = ?", id, rule, state.At(end)).Exec(ctx)
	return err
}

// ForgetLateWindows forgets the windows that ended before the time.
func ForgetLateWindows(ctx context.Context, db bun.IDB, id tenant.ID, rule string, before time.Time) error {
	_, err := db.NewRaw("DELETE FROM late_windows WHERE tenant_id = ? AND rule_id = ? AND until < ?", id, rule, state.At(before)).Exec(ctx)
	return err
}

func affected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func number(b bool) int16 {
	if b {
		return 1
	}
	return 0
}

func escapeLike(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '%' || c == '_' || c == '!' {
			out = append(out, '!')
		}
		out = append(out, s[i])
	}
	return string(out)
}
