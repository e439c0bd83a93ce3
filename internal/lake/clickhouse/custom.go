package clickhouse

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// customs are the custom tables as this process last saw them. Others may make more: the definitions stand with the tables of the first shard, as comments.
type customs struct {
	mu   sync.Mutex
	set  *schema.Customs
	read time.Time // zero: look again before using it
}

// customAge is how long another process may not see a new custom table.
const customAge = 2 * time.Second

// CustomTables implements lake.Store.
func (s *Store) CustomTables(ctx context.Context) ([]*schema.Table, error) {
	set, err := s.customSet(ctx, customAge)
	return set.Tables(), unavailable(s.database, err)
}

// customSet returns the definitions, not older than the given age.
func (s *Store) customSet(ctx context.Context, age time.Duration) (*schema.Customs, error) {
	s.customs.mu.Lock()
	set, read := s.customs.set, s.customs.read
	s.customs.mu.Unlock()
	if set != nil && age > 0 && !read.IsZero() && time.Since(read) < age {
		return set, nil
	}
	now := time.Now()
	set, err := readCustoms(ctx, s.home(), s.local)
	if err != nil {
		return nil, err
	}
	s.customs.mu.Lock()
	s.customs.set, s.customs.read = set, now
	s.customs.mu.Unlock()
	return set, nil
}

func (s *Store) forgetCustoms() {
	s.customs.mu.Lock()
	s.customs.read = time.Time{}
	s.customs.mu.Unlock()
}

// allTables lists the built-in tables and the custom ones that this process knows.
func (s *Store) allTables() []*schema.Table {
	s.customs.mu.Lock()
	set := s.customs.set
	s.customs.mu.Unlock()
	built := schema.Load().Tables()
	return append(built[:len(built):len(built)], set.Tables()...)
}

func readCustoms(ctx context.Context, conn driver.Conn, database string) (*schema.Customs, error) {
	const ours = "startsWith(comment, '{\"bartizanCustom\":')"
	tables, err := conn.Query(ctx, "SELECT name, comment FROM system.tables WHERE database = "+text(database)+" AND "+ours)
	if err != nil {
		return nil, err
	}
	defer tables.Close()
	notes := map[string]string{}
	for tables.Next() {
		var name, note string
		if err := tables.Scan(&name, &note); err != nil {
			return nil, err
		}
		notes[name] = note
	}
	if err := tables.Err(); err != nil || len(notes) == 0 {
		return schema.NewCustoms(), err
	}
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT table, name, comment FROM system.columns WHERE database = %s AND name != %s AND table IN (SELECT name FROM system.tables WHERE database = %s AND %s) ORDER BY table, position",
		text(database), text(batchColumn), text(database), ours))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	stored := map[string][]schema.StoredColumn{}
	for rows.Next() {
		var table, name, note string
		if err := rows.Scan(&table, &name, &note); err != nil {
			return nil, err
		}
		stored[table] = append(stored[table], schema.StoredColumn{Physical: name, Note: note})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var out []*schema.Table
	for name, note := range notes {
		t, err := schema.ReadCustom(name, note, stored[name])
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "%w", err)
		}
		if t != nil && schema.Load().Table(name) == nil {
			out = append(out, t)
		}
	}
	return schema.NewCustoms(out...), nil
}

// fit makes the tables and columns that rows need and lays the rows out for them. Making them is no part of the batch: what stays without rows when the batch
// breaks off does no harm, since what the lake has is what is defined.
func (s *Store) fit(ctx context.Context, rows []*schema.Row) ([]*schema.Row, error) {
	custom := false
	for _, r := range rows {
		custom = custom || r.Table.Custom
	}
	if !custom {
		return rows, nil
	}
	for try, age := 0, time.Hour; ; try, age = try+1, 0 {
		set, err := s.customSet(ctx, age)
		if err != nil {
			return nil, err
		}
		fitted, next, changes := set.Fit(rows, time.Now())
		if len(changes) == 0 {
			return fitted, nil
		}
		if try == 0 {
			continue // with definitions as they are now
		}
		if try > 3 {
			return nil, fault.Newf(fault.Busy, "the custom tables of the lake %s are being changed by another process", s.database)
		}
		if err := s.change(ctx, next, changes); err != nil {
			return nil, err
		}
	}
}

// change makes tables and columns on every shard.
func (s *Store) change(ctx context.Context, next *schema.Customs, changes []schema.Change) error {
	var tables []*schema.Table
	for _, c := range changes {
		tables = append(tables, next.Table(c.Table.Name))
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, shard := range s.shards {
		g.Go(func() error { return s.align(ctx, shard, tables) })
	}
	return g.Wait()
}

// align brings a shard's custom tables up to their definitions.
func (s *Store) align(ctx context.Context, shard driver.Conn, tables []*schema.Table) error {
	if len(tables) == 0 {
		return nil
	}
	stored, err := columns(ctx, shard, s.local)
	if err != nil {
		return err
	}
	shown := stored
	if s.spread() {
		if shown, err = columns(ctx, shard, s.database); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := s.prepareTable(ctx, shard, t, stored[t.Name], shown[t.Name]); err != nil {
			return err
		}
	}
	return nil
}

// prepareCustoms makes the custom tables that the first shard has on all of them.
func (s *Store) prepareCustoms(ctx context.Context) error {
	set, err := s.customSet(ctx, 0)
	if err != nil {
		return err
	}
	for _, shard := range s.shards {
		if err := s.align(ctx, shard, set.Tables()); err != nil {
			return err
		}
	}
	return nil
}

// plan lays rows of a table out, nil when the table is not known.
func (s *Store) plan(t *schema.Table) layout {
	if t.Custom {
		return layoutOf(t)
	}
	return s.plans[t]
}

// DropCustom implements lake.Store.
func (s *Store) DropCustom(ctx context.Context, table string) error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed {
		return fault.Newf(fault.Unavailable, "the lake of tenant %s is closed", s.id)
	}
	set, err := s.customSet(ctx, 0)
	if err != nil {
		return unavailable(s.database, err)
	}
	if set.Table(table) == nil {
		return fault.Newf(fault.NotFound, "there is no custom table %q", table)
	}
	defer s.forgetCustoms()
	for i := len(s.shards) - 1; i >= 0; i-- { // the first, which has the definitions, is the last
		for _, database := range []string{s.database, s.local} {
			if err := exec(ctx, s.shards[i], fmt.Sprintf("DROP TABLE IF EXISTS %s.%s SYNC", ident(database), ident(table))); err != nil {
				return unavailable(s.database, err)
			}
			if !s.spread() {
				break
			}
		}
	}
	return nil
}
