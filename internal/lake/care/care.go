// Package care looks after the tenants' lakes: how long rows are kept, table by table, and that files stay compact. It keeps the rules and what the last
// compaction did in the state database; the work itself is done by the lake's engine.
//
//	c := care.New(db, care.Options{Lakes: lakes, Default: settings.Retention})
//	report, err := c.Report(ctx, id)
//	err = c.Retain(ctx, id)
//	err = c.Compact(ctx, id)
package care

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options are what a Service depends on.
type Options struct {
	Lakes lake.Engine
	// Default is how long a tenant's rows are kept where a table has no rule of its own.
	Default func(ctx context.Context, id tenant.ID) (time.Duration, error)
	Log     *slog.Logger
}

// Service looks after lakes.
type Service struct {
	db *bun.DB
	o  Options
}

// New returns the service.
func New(db *bun.DB, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{db: db, o: o}
}

// Rule bounds what a table keeps. Zero is no bound of its own: for Days the tenant's default counts, for Bytes none.
type Rule struct {
	Days  int64
	Bytes int64
}

// The bounds of rules.
const (
	maxDays  = 3650
	minBytes = 1 << 20
)

type ruleRow struct {
	bun.BaseModel `bun:"table:lake_retention"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Table         string     `bun:"table_name,pk"`
	Days          int64      `bun:"days"`
	Bytes         int64      `bun:"bytes"`
	Changed       state.Time `bun:"changed"`
	ChangedBy     string     `bun:"changed_by"`
}

// Rules returns the tenant's rules by table.
func (s *Service) Rules(ctx context.Context, id tenant.ID) (map[string]Rule, error) {
	var rows []ruleRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Scan(ctx); err != nil {
		return nil, err
	}
	out := make(map[string]Rule, len(rows))
	for _, r := range rows {
		out[r.Table] = Rule{r.Days, r.Bytes}
	}
	return out, nil
}

// SetRule bounds a table of the tenant's lake.
func (s *Service) SetRule(ctx context.Context, id tenant.ID, by, table string, rule Rule) error {
	t, err := s.table(ctx, id, table)
	if err != nil {
		return err
	}
	switch {
	case t.TimeColumn == "":
		return fault.Newf(fault.Invalid, "rows of %s have no time; they are kept until they are replaced", table).On("table")
	case rule.Days < 0 || rule.Days > maxDays:
		return fault.Newf(fault.Invalid, "%d is not a number of days from 1 to %d", rule.Days, maxDays).On("days")
	case rule.Bytes != 0 && rule.Bytes < minBytes:
		return fault.Newf(fault.Invalid, "a table can be bounded to %d bytes (1 MiB) or more", minBytes).On("bytes")
	case rule == Rule{}:
		return fault.Newf(fault.Invalid, "give days or bytes; to go back to the tenant's default, reset the table").On("days")
	}
	r := &ruleRow{Tenant: id, Table: table, Days: rule.Days, Bytes: rule.Bytes, Changed: state.At(time.Now()), ChangedBy: by}
	_, err = s.db.NewInsert().Model(r).On("CONFLICT (tenant_id, table_name) DO UPDATE").Set("days = EXCLUDED.days").Set("bytes = EXCLUDED.bytes").
		Set("changed = EXCLUDED.changed").Set("changed_by = EXCLUDED.changed_by").Exec(ctx)
	return err
}

// ResetRule takes a table's rule away.
func (s *Service) ResetRule(ctx context.Context, id tenant.ID, table string) error {
	if _, err := s.table(ctx, id, table); err != nil {
		return err
	}
	_, err := s.db.NewDelete().Model((*ruleRow)(nil)).Where("tenant_id = ? AND table_name = ?", id, table).Exec(ctx)
	return err
}

// table finds a table of the tenant's lake.
func (s *Service) table(ctx context.Context, id tenant.ID, name string) (*schema.Table, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return Table(ctx, store, name)
}

// Table finds a table of a lake by its name, built-in or custom.
func Table(ctx context.Context, store lake.Store, name string) (*schema.Table, error) {
	if t := schema.Load().Table(name); t != nil {
		return t, nil
	}
	customs, err := store.CustomTables(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range customs {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, fault.Newf(fault.NotFound, "there is no hunting table %q", name).On("table")
}

// Tables lists the tables of a lake, built-in ones first.
func Tables(ctx context.Context, store lake.Store) ([]*schema.Table, error) {
	customs, err := store.CustomTables(ctx)
	built := schema.Load().Tables()
	return append(built[:len(built):len(built)], customs...), err
}

// Report is a lake with its rules.
type Report struct {
	Inventory *lake.Inventory
	Tables    []TableReport
	Default   time.Duration
}

// TableReport is a table with what it has and keeps.
type TableReport struct {
	*schema.Table
	lake.TableStats
	Rule Rule
	// Own says that the rule is the table's own, not the tenant's default.
	Own bool
}

// Report says how large the tenant's lake is and what it keeps.
func (s *Service) Report(ctx context.Context, id tenant.ID) (*Report, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	inventory, err := store.Stats(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := s.Rules(ctx, id)
	if err != nil {
		return nil, err
	}
	keep, err := s.o.Default(ctx, id)
	if err != nil {
		return nil, err
	}
	tables, err := Tables(ctx, store)
	if err != nil {
		return nil, err
	}
	stats := map[string]lake.TableStats{}
	for _, x := range inventory.Tables {
		stats[x.Table] = x
	}
	out := &Report{Inventory: inventory, Default: keep}
	for _, t := range tables {
		rule, own := rules[t.Name]
		if rule.Days == 0 {
			rule.Days = int64(keep / (24 * time.Hour))
		}
		if t.TimeColumn == "" {
			rule = Rule{}
		}
		out.Tables = append(out.Tables, TableReport{Table: t, TableStats: stats[t.Name], Rule: rule, Own: own})
	}
	return out, nil
}

// Retain deletes what the tenant's rules say must go. One table's trouble does not keep the others.
func (s *Service) Retain(ctx context.Context, id tenant.ID) error {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	keep, err := s.o.Default(ctx, id)
	if err != nil {
		return err
	}
	rules, err := s.Rules(ctx, id)
	if err != nil {
		return err
	}
	tables, err := Tables(ctx, store)
	if err != nil {
		return err
	}
	if c, err := s.Compaction(ctx, id); err != nil || c.State == Running {
		return err // deleting would undo its work; the next round deletes
	}
	now := time.Now()
	var all error
	for _, t := range tables {
		if t.TimeColumn == "" {
			continue
		}
		rule, age := rules[t.Name], keep
		if rule.Days > 0 {
			age = time.Duration(rule.Days) * 24 * time.Hour
		}
		if age > 0 {
			n, err := store.Retain(ctx, t.Name, now.Add(-age))
			all = errors.Join(all, err)
			if n > 0 {
				s.o.Log.Info("retention", "tenant", id, "table", t.Name, "rows", n, "before", now.Add(-age))
			}
		}
		if rule.Bytes > 0 {
			n, err := store.RetainBytes(ctx, t.Name, rule.Bytes)
			all = errors.Join(all, err)
			if n > 0 {
				s.o.Log.Info("retention by size", "tenant", id, "table", t.Name, "rows", n, "bytes", rule.Bytes)
			}
		}
	}
	return all
}

// Compaction is what is known of a tenant's last compaction.
type Compaction struct {
	State         string // never, waiting, running, done, failed
	Started       time.Time
	Ended         time.Time
	Before, After int64 // bytes on disk
	Done, Rows    int64
	Message       string
}

// The states of compactions.
const (
	Never   = "never"
	Waiting = "waiting"
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

type compactionRow struct {
	bun.BaseModel `bun:"table:lake_compactions"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	State         string     `bun:"state"`
	Started       state.Time `bun:"started"`
	Ended         state.Time `bun:"ended"`
	Before        int64      `bun:"bytes_before"`
	After         int64      `bun:"bytes_after"`
	Done          int64      `bun:"done_rows"`
	Rows          int64      `bun:"all_rows"`
	Message       string     `bun:"message"`
}

// Compaction tells what the tenant's last compaction did, or does.
func (s *Service) Compaction(ctx context.Context, id tenant.ID) (Compaction, error) {
	r := new(compactionRow)
	err := s.db.NewSelect().Model(r).Where("tenant_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Compaction{State: Never}, nil
	}
	c := Compaction{r.State, r.Started.Time, r.Ended.Time, r.Before, r.After, r.Done, r.Rows, r.Message}
	if c.State == Running && time.Since(c.Started) > longest {
		c.State, c.Message = Failed, "the program ended while the lake was compacted; the lake is as it was"
	}
	return c, err
}

// longest is how long a compaction runs before it is taken for one whose process has ended.
const longest = 90 * time.Minute

// Note keeps what is known of the tenant's compaction.
func (s *Service) Note(ctx context.Context, id tenant.ID, c Compaction) error {
	r := &compactionRow{
		Tenant: id, State: c.State, Started: state.At(c.Started), Ended: state.At(c.Ended), Before: c.Before, After: c.After, Done: c.Done, Rows: c.Rows, Message: c.Message,
	}
	_, err := s.db.NewInsert().Model(r).On("CONFLICT (tenant_id) DO UPDATE").Set("state = EXCLUDED.state").Set("started = EXCLUDED.started").Set("ended = EXCLUDED.ended").
		Set("bytes_before = EXCLUDED.bytes_before").Set("bytes_after = EXCLUDED.bytes_after").Set("done_rows = EXCLUDED.done_rows").Set("all_rows = EXCLUDED.all_rows").
		Set("message = EXCLUDED.message").Exec(ctx)
	return err
}

// noteEvery is how often a running compaction says how far it is.
const noteEvery = 2 * time.Second

// Compact compacts the tenant's lake and keeps what it did.
func (s *Service) Compact(ctx context.Context, id tenant.ID) (Compaction, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return Compaction{}, err
	}
	c := Compaction{State: Running, Started: time.Now()}
	if err := s.Note(ctx, id, c); err != nil {
		return c, err
	}
	noted := time.Now()
	did, err := store.Compact(ctx, func(p lake.Progress) {
		c.Done, c.Rows, c.Message = p.Done, p.Rows, p.Table
		if time.Since(noted) > noteEvery {
			noted = time.Now()
			if err := s.Note(ctx, id, c); err != nil {
				s.o.Log.Warn("the progress of a compaction was not kept", "tenant", id, "error", err)
			}
		}
	})
	c.State, c.Ended, c.Before, c.After, c.Message = Done, time.Now(), did.Before, did.After, ""
	if err != nil {
		c.State, c.Message = Failed, err.Error()
	}
	s.o.Log.Info("compaction", "tenant", id, "rows", did.Rows, "before", c.Before, "after", c.After, "took", c.Ended.Sub(c.Started).Round(time.Millisecond), "held up", did.Waited.Round(time.Millisecond), "error", err)
	return c, errors.Join(err, s.Note(context.WithoutCancel(ctx), id, c))
}

// Worth says why a compaction of the tenant's lake would be worth while, "" when it would not.
func (s *Service) Worth(ctx context.Context, id tenant.ID) (string, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return "", err
	}
	inventory, err := store.Stats(ctx)
	if err != nil {
		return "", err
	}
	return inventory.Worth, nil
}

// Tables lists the tables of the tenant's lake.
func (s *Service) Tables(ctx context.Context, id tenant.ID) ([]*schema.Table, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return Tables(ctx, store)
}

// Export writes a part of a table of the tenant's lake as a Parquet file.
func (s *Service) Export(ctx context.Context, id tenant.ID, w io.Writer, x lake.Export) (int64, error) {
	store, err := s.o.Lakes.Open(ctx, id)
	if err != nil {
		return 0, err
	}
	return store.ExportParquet(ctx, w, x)
}
