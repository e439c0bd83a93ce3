package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// find returns a built-in or custom table.
func (s *Store) find(ctx context.Context, name string) (*schema.Table, error) {
	if t := schema.Load().Table(name); t != nil {
		return t, nil
	}
	set, err := s.customSet(ctx, customAge)
	if err != nil {
		return nil, unavailable(s.database, err)
	}
	if t := set.Table(name); t != nil {
		return t, nil
	}
	return nil, fault.Newf(fault.NotFound, "there is no hunting table %q", name)
}

// room is what a table takes on one shard.
type room struct {
	rows  uint64 // with those that were deleted and are still stored
	bytes uint64
	parts uint64
}

// rooms gives what the tables of a shard take, as the server's list of parts says.
func (s *Store) rooms(ctx context.Context, shard driver.Conn) (tables map[string]room, total, free uint64, err error) {
	rows, err := shard.Query(ctx, "SELECT table, sumIf(rows, active), sumIf(bytes_on_disk, active), countIf(active), sum(bytes_on_disk), sumIf(bytes_on_disk, NOT active) FROM system.parts WHERE database = "+
		text(s.local)+" GROUP BY table")
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	tables = map[string]room{}
	for rows.Next() {
		var name string
		var r room
		var all, gone uint64
		if err := rows.Scan(&name, &r.rows, &r.bytes, &r.parts, &all, &gone); err != nil {
			return nil, 0, 0, err
		}
		tables[name] = r
		total += all
		free += gone
	}
	return tables, total, free, rows.Err()
}

// Stats implements lake.Store. Deleted rows keep their room until the servers merge the parts they are in.
func (s *Store) Stats(ctx context.Context) (*lake.Inventory, error) {
	out, err := s.inventory(ctx)
	return out, unavailable(s.database, err)
}

func (s *Store) inventory(ctx context.Context) (*lake.Inventory, error) {
	if _, err := s.customSet(ctx, customAge); err != nil {
		return nil, err
	}
	out := &lake.Inventory{Engine: "clickhouse"}
	found := map[string]*lake.TableStats{}
	for _, t := range s.allTables() {
		found[t.Name] = &lake.TableStats{Table: t.Name}
	}
	var stored, live, parts, filled uint64
	for _, shard := range s.shards {
		rooms, total, free, err := s.rooms(ctx, shard)
		if err != nil {
			return nil, err
		}
		out.FileBytes += int64(total) //nolint:gosec // sizes of disks
		out.FreeBytes += int64(free)  //nolint:gosec // as above
		var used []*schema.Table
		for _, t := range s.allTables() {
			if r := rooms[t.Name]; r.rows > 0 {
				used = append(used, t)
				found[t.Name].Bytes += int64(r.bytes) //nolint:gosec // as above
				stored, parts, filled = stored+r.rows, parts+r.parts, filled+1
			}
		}
		n, err := s.figures(ctx, shard, used, found)
		if err != nil {
			return nil, err
		}
		live += n
	}
	for _, t := range s.allTables() {
		out.Tables = append(out.Tables, *found[t.Name])
	}
	switch {
	case stored > live+live/4 && stored > worthRows:
		out.Worth = fmt.Sprintf("%d of %d stored rows are deleted", stored-live, stored)
	case parts > 64+16*filled:
		out.Worth = fmt.Sprintf("%d tables are in %d parts", filled, parts)
	}
	return out, nil
}

// worthRows is how many rows a lake must have before deleted ones are worth a compaction.
const worthRows = 100_000

// figures adds rows and times of the tables on a shard. The first and last hour come from the primary index; only these two are read for the times.
func (s *Store) figures(ctx context.Context, shard driver.Conn, tables []*schema.Table, into map[string]*lake.TableStats) (live uint64, err error) {
	each := make([]string, len(tables))
	for i, t := range tables {
		from := ident(s.local) + "." + ident(t.Name)
		oldest, newest := "NULL", "NULL"
		if when := timeColumn(t); when != "" {
			hours := fmt.Sprintf("intDiv(%s, %d)", when, hour)
			oldest = fmt.Sprintf("(SELECT min(%s) FROM %s WHERE %s = (SELECT min(%s) FROM %s))", when, from, hours, hours, from)
			newest = fmt.Sprintf("(SELECT max(%s) FROM %s WHERE %s = (SELECT max(%s) FROM %s))", when, from, hours, hours, from)
		}
		each[i] = fmt.Sprintf("SELECT %s, (SELECT count() FROM %s), CAST(%s AS Nullable(Int64)), CAST(%s AS Nullable(Int64)), CAST((SELECT max(`IngestTime`) FROM %s) AS Nullable(Int64))", text(t.Name), from, oldest, newest, from)
	}
	if len(each) == 0 {
		return 0, nil
	}
	rows, err := shard.Query(ctx, strings.Join(each, " UNION ALL "))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n *uint64
		var oldest, newest, last *int64
		if err := rows.Scan(&name, &n, &oldest, &newest, &last); err != nil {
			return 0, err
		}
		x := into[name]
		if n != nil {
			live += *n
			x.Rows += int64(*n) //nolint:gosec // rows of a table
		}
		if at := moment(oldest); !at.IsZero() && (x.Oldest.IsZero() || at.Before(x.Oldest)) {
			x.Oldest = at
		}
		if at := moment(newest); at.After(x.Newest) {
			x.Newest = at
		}
		if at := moment(last); at.After(x.LastIngest) {
			x.LastIngest = at
		}
	}
	return live, rows.Err()
}

func moment(ticks *int64) time.Time {
	if ticks == nil {
		return time.Time{}
	}
	return schema.TimeOf(*ticks)
}

// timeColumn is the quoted name of the column that the table is ordered by, "" when it has none.
func timeColumn(t *schema.Table) string {
	if i := t.Column(t.TimeColumn); t.TimeColumn != "" && i >= 0 {
		return ident(t.Columns[i].Physical)
	}
	return ""
}

// RetainBytes implements lake.Store. The limit counts for all shards together.
func (s *Store) RetainBytes(ctx context.Context, table string, limit int64) (int64, error) {
	t, err := s.find(ctx, table)
	if err != nil {
		return 0, err
	}
	when := timeColumn(t)
	if when == "" {
		return 0, fault.Newf(fault.Invalid, "table %s has no time column to age by", table)
	}
	var stored, bytes uint64
	for _, shard := range s.shards {
		rooms, _, _, err := s.rooms(ctx, shard)
		if err != nil {
			return 0, unavailable(s.database, err)
		}
		stored, bytes = stored+rooms[t.Name].rows, bytes+rooms[t.Name].bytes
	}
	var rows uint64
	from := ident(s.database) + "." + ident(t.Name)
	if err := s.home().QueryRow(ctx, "SELECT count() FROM "+from).Scan(&rows); err != nil {
		return 0, unavailable(s.database, err)
	}
	drop := lake.Excess(int64(rows), int64(stored), int64(bytes), limit) //nolint:gosec // sizes of disks
	if drop == 0 {
		return 0, nil
	}
	happened := fmt.Sprintf("if(ifNull(%s - `IngestTime`, 0) > %d, `IngestTime`, coalesce(%s, `IngestTime`, 0))", when, lake.Ahead, when)
	var second int64
	query := fmt.Sprintf("SELECT CAST(min(s) AS Int64) FROM (SELECT s, sum(n) OVER (ORDER BY s ROWS UNBOUNDED PRECEDING) AS total FROM (SELECT assumeNotNull(intDiv(%s, %d)) AS s, count() AS n FROM %s GROUP BY s)) WHERE total >= %d",
		happened, schema.TicksPerSecond, from, drop)
	if err := s.home().QueryRow(ctx, query).Scan(&second); err != nil {
		return 0, unavailable(s.database, err)
	}
	return s.delete(ctx, fmt.Sprintf("%s < %d", happened, (second+1)*schema.TicksPerSecond), []*schema.Table{t})
}

// largest is the size of a table's part on one shard beyond which it is not written anew as a whole: the servers merge as they see fit, and only deleted rows
// are taken out.
const largest = 50 << 30

// Compact implements lake.Store: the servers merge the parts of each table, which takes deleted rows out. They do so beside writers and queries.
func (s *Store) Compact(ctx context.Context, report func(lake.Progress)) (out lake.Compaction, err error) {
	if !s.caring.TryLock() {
		return out, fault.Newf(fault.Busy, "the lake of tenant %s is being compacted already", s.id)
	}
	defer s.caring.Unlock()
	if report == nil {
		report = func(lake.Progress) {}
	}
	if out.Before, _, err = s.active(ctx); err != nil {
		return out, unavailable(s.database, err)
	}
	_, rows, err := s.active(ctx)
	if err != nil {
		return out, unavailable(s.database, err)
	}
	progress := lake.Progress{Rows: rows}
	for i, shard := range s.shards {
		rooms, _, _, err := s.rooms(ctx, shard)
		if err != nil {
			return out, unavailable(s.database, err)
		}
		for _, t := range s.allTables() {
			r, ok := rooms[t.Name]
			if !ok {
				continue
			}
			progress.Table = t.Name
			report(progress)
			if err := s.merge(ctx, shard, t, r); err != nil {
				return out, unavailable(s.database, fmt.Errorf("host %s: %w", s.engine.at.hosts[i], err))
			}
			progress.Done += int64(r.rows) //nolint:gosec // rows of a table
		}
	}
	progress.Rows = progress.Done // merges of others may have come between
	report(progress)
	out.Rows = progress.Done
	out.After, _, err = s.active(ctx)
	return out, unavailable(s.database, err)
}

func (s *Store) merge(ctx context.Context, shard driver.Conn, t *schema.Table, r room) error {
	name := ident(s.local) + "." + ident(t.Name)
	if r.bytes > largest {
		return exec(ctx, shard, "OPTIMIZE TABLE "+name, "ALTER TABLE "+name+" APPLY DELETED MASK SETTINGS mutations_sync = 1")
	}
	return exec(ctx, shard, "OPTIMIZE TABLE "+name+" FINAL")
}

// active is what all tables take that count, without parts that the servers are about to remove.
func (s *Store) active(ctx context.Context) (bytes, rows int64, err error) {
	for _, shard := range s.shards {
		rooms, _, _, err := s.rooms(ctx, shard)
		if err != nil {
			return 0, 0, err
		}
		for _, r := range rooms {
			bytes += int64(r.bytes) //nolint:gosec // sizes of disks
			rows += int64(r.rows)   //nolint:gosec // as above
		}
	}
	return bytes, rows, nil
}
