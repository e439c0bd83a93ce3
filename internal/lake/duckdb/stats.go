package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Numbers of rows and the first and last times come from what the file says of its row groups, as long as no rows were deleted; the sizes come from its
// list of segments, which is long in a large lake and therefore kept for a while.

// sizes are what is known of the tables' room on disk.
type sizes struct {
	mu     sync.Mutex
	at     time.Time
	blocks map[string]room
}

// room is what a table takes.
type room struct {
	bytes  int64
	rows   int64 // with those that were deleted and are still stored
	groups int64
}

// sizesAge is how long sizes are not looked up again.
const sizesAge = time.Minute

func (z *sizes) forget() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.at = time.Time{}
}

// Stats implements lake.Store.
func (s *Store) Stats(ctx context.Context) (*lake.Inventory, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	out := &lake.Inventory{Engine: "duckdb", FileBytes: fileBytes(s.engine.Path(s.id))}
	rooms, err := s.rooms(ctx)
	if err != nil {
		return nil, s.failure(err)
	}
	var blockSize, free int64
	var layout string
	err = s.db.QueryRowContext(ctx, `SELECT block_size, free_blocks, (SELECT coalesce(tags['storage_version'], '') FROM duckdb_databases() WHERE database_name = current_database())
		FROM pragma_database_size() WHERE database_name = current_database()`).Scan(&blockSize, &free, &layout)
	if err != nil {
		return nil, s.failure(err)
	}
	out.FreeBytes = blockSize * free
	var stored, live, groups, filled int64
	for _, t := range s.allTables() {
		x, err := s.tableStats(ctx, t)
		if err != nil {
			return nil, s.failure(fmt.Errorf("lake: table %s: %w", t.Name, err))
		}
		r := rooms[t.Name]
		x.Bytes = r.bytes
		out.Tables = append(out.Tables, x)
		stored += r.rows
		live += min(r.rows, x.Rows)
		if r.groups > 1 {
			groups += r.groups
			filled += (r.rows + groupRows - 1) / groupRows
		}
	}
	out.Worth = worth(out, layout, stored, live, groups, filled)
	return out, nil
}

// groupRows is how many rows a full row group has.
const groupRows = 122_880

// Bounds beyond which a compaction is worth while.
const (
	worthBytes  = 64 << 20
	worthGroups = 32
)

// worth says why a compaction is worth while.
func worth(s *lake.Inventory, layout string, stored, live, groups, filled int64) string {
	switch {
	case s.FileBytes < worthBytes:
		return ""
	case layout != storageVersion+"+":
		return "the file has the layout of an older version"
	case s.FreeBytes > s.FileBytes*3/10:
		return fmt.Sprintf("%d of %d MiB of the file hold nothing", s.FreeBytes>>20, s.FileBytes>>20)
	case stored > 0 && stored-live > stored/4:
		return fmt.Sprintf("%d of %d stored rows are deleted", stored-live, stored)
	case groups > worthGroups && groups > 2*filled:
		return fmt.Sprintf("%d row groups hold what %d could", groups, filled)
	}
	return ""
}

func (s *Store) tableStats(ctx context.Context, t *schema.Table) (lake.TableStats, error) {
	out := lake.TableStats{Table: t.Name}
	when := timeColumn(t)
	if when == "" {
		when = "NULL::BIGINT"
	}
	var oldest, newest, last sql.NullInt64
	err := s.db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*), min(%s), max(%s), max(IngestTime) FROM %s", when, when, quote(t.Name))).Scan(&out.Rows, &oldest, &newest, &last)
	for from, to := range map[*sql.NullInt64]*time.Time{&oldest: &out.Oldest, &newest: &out.Newest, &last: &out.LastIngest} {
		if from.Valid {
			*to = schema.TimeOf(from.Int64)
		}
	}
	return out, err
}

// rooms gives what each table takes, as it was at most sizesAge ago.
func (s *Store) rooms(ctx context.Context) (map[string]room, error) {
	s.sizes.mu.Lock()
	defer s.sizes.mu.Unlock()
	if time.Since(s.sizes.at) < sizesAge {
		return s.sizes.blocks, nil
	}
	var blockSize int64
	if err := s.db.QueryRowContext(ctx, "SELECT block_size FROM pragma_database_size() WHERE database_name = current_database()").Scan(&blockSize); err != nil {
		return nil, err
	}
	out := map[string]room{}
	for _, t := range s.allTables() {
		r, err := s.room(ctx, t, blockSize)
		if err != nil {
			return nil, fmt.Errorf("lake: table %s: %w", t.Name, err)
		}
		out[t.Name] = r
	}
	s.sizes.blocks, s.sizes.at = out, time.Now()
	return out, nil
}

// room counts the blocks that hold segments of the table. Tables do not share blocks.
func (s *Store) room(ctx context.Context, t *schema.Table, blockSize int64) (room, error) {
	var blocks, rows, groups sql.NullInt64
	err := s.db.QueryRowContext(ctx, `WITH segments AS MATERIALIZED (SELECT row_group_id, column_id, column_path, "count", persistent, block_id, additional_block_ids FROM pragma_storage_info(?))
		SELECT (SELECT count(DISTINCT id) FROM (SELECT block_id AS id FROM segments WHERE persistent AND block_id >= 0 UNION ALL SELECT unnest(additional_block_ids) FROM segments WHERE persistent)),
			(SELECT sum("count") FROM segments WHERE column_id = 0 AND column_path = '[0]'), (SELECT count(DISTINCT row_group_id) FROM segments)`, quote(t.Name)).Scan(&blocks, &rows, &groups)
	return room{bytes: blocks.Int64 * blockSize, rows: rows.Int64, groups: groups.Int64}, err
}

// RetainBytes implements lake.Store.
func (s *Store) RetainBytes(ctx context.Context, table string, limit int64) (int64, error) {
	t := s.table(table)
	if t == nil {
		return 0, fault.Newf(fault.NotFound, "there is no hunting table %q", table)
	}
	when := timeColumn(t)
	if when == "" {
		return 0, fault.Newf(fault.Invalid, "table %s has no time column to age by", table)
	}
	cutoff, ok, err := s.cutoff(ctx, t, when, limit)
	if err != nil || !ok {
		return 0, err
	}
	n, err := s.delete(ctx, "DELETE FROM "+quote(table)+" WHERE "+moment(when)+" < ?", cutoff)
	s.sizes.forget()
	return n, err
}

// moment is when a row happened, or arrived if it does not say or names a time far ahead.
func moment(when string) string {
	return fmt.Sprintf("CASE WHEN %s - IngestTime > %d THEN IngestTime ELSE coalesce(%s, IngestTime, 0) END", when, lake.Ahead, when)
}

// cutoff finds the time before which rows have to go so that the rest takes no more than the limit. ok is false when nothing has to.
func (s *Store) cutoff(ctx context.Context, t *schema.Table, when string, limit int64) (at int64, ok bool, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, false, err
	}
	defer s.gate.leave()
	rooms, err := s.rooms(ctx)
	if err != nil {
		return 0, false, s.failure(err)
	}
	var rows int64
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.Name)).Scan(&rows); err != nil {
		return 0, false, s.failure(err)
	}
	r := rooms[t.Name]
	drop := lake.Excess(rows, r.rows, r.bytes, limit)
	if drop == 0 {
		return 0, false, nil
	}
	// The first second up to whose end there are as many rows as have to go.
	err = s.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT min(s) + 1 FROM (SELECT s, sum(n) OVER (ORDER BY s) AS total FROM (SELECT %s // %d AS s, count(*) AS n FROM %s GROUP BY s)) WHERE total >= ?`,
		moment(when), schema.TicksPerSecond, quote(t.Name)), drop).Scan(&at)
	return at * schema.TicksPerSecond, err == nil, s.failure(err)
}
