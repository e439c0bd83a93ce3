package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Writing is a transaction by undo. Every row carries the number of its batch. First the rows are written, table by table and shard by shard; then one
// block with the positions and the batch's number is inserted into the positions table, which is the commit: ClickHouse keeps a block whole or not at all.
// Rows with a higher number than the committed one belong to a batch that broke off; they are removed before anything else is written, and when the
// store is opened. Statements of such a batch that the server may still be working on are ended first, so that nothing arrives late.

// Append implements lake.Store.
func (s *Store) Append(ctx context.Context, rows []*schema.Row, positions map[string]int64) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.mine(ctx); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.alone(ctx); err != nil {
		return err
	}
	rows, err := s.fit(ctx, rows)
	if err != nil {
		return unavailable(s.database, err)
	}
	parts, err := s.parts(rows)
	if err != nil {
		return err
	}
	s.last++
	number := s.last
	err = s.insert(ctx, parts, number)
	if err == nil {
		err = s.commit(ctx, positions, number)
	}
	if err == nil {
		s.committed = number
		return nil
	}
	// The batch must end even when ctx is done. When the servers do not answer, the next call tries again.
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if undone := s.recover(undo); undone != nil {
		s.broken.Store(true)
		return unavailable(s.database, errors.Join(err, undone))
	}
	if s.committed == number {
		return nil // only the answer was lost
	}
	return unavailable(s.database, err)
}

// undoTime is how long a failed batch may hold up its error.
const undoTime = 30 * time.Second

// ready makes sure that no broken batch is left. The caller holds write.
func (s *Store) ready(ctx context.Context) error {
	if s.closed {
		return fault.Newf(fault.Unavailable, "the lake of tenant %s is closed", s.id)
	}
	if s.broken.Load() {
		return unavailable(s.database, s.recover(ctx))
	}
	return nil
}

// alone makes sure that nobody else has written since this store's last batch: two writers would undo each other's batches.
func (s *Store) alone(ctx context.Context) error {
	now, err := s.lastCommitted(ctx)
	if err != nil {
		return unavailable(s.database, err)
	}
	if now != s.committed {
		return fault.Newf(fault.Conflict, "the lake %s is written by another server, too: give each data folder a lake of its own, clickhouse://…/NAME", s.database)
	}
	return nil
}

// part is what one table of one shard gets of a batch.
type part struct {
	table *schema.Table
	rows  []*schema.Row
}

// parts puts the rows in order of shard and table.
func (s *Store) parts(rows []*schema.Row) ([][]*part, error) {
	out := make([][]*part, len(s.shards))
	at := make([]map[*schema.Table]*part, len(s.shards))
	for i, r := range rows {
		if !r.Table.Custom && s.plans[r.Table] == nil {
			return nil, fmt.Errorf("lake: table %s is not part of the schema", r.Table.Name)
		}
		shard := s.shardOf(r, i)
		if at[shard] == nil {
			at[shard] = map[*schema.Table]*part{}
		}
		p := at[shard][r.Table]
		if p == nil {
			p = &part{table: r.Table}
			at[shard][r.Table] = p
			out[shard] = append(out[shard], p)
		}
		p.rows = append(p.rows, r)
	}
	return out, nil
}

// shardOf keeps the rows of a device, or of what a table has instead of one, together.
func (s *Store) shardOf(r *schema.Row, i int) int {
	if !s.spread() {
		return 0
	}
	if c := group(r.Table); c >= 0 {
		if key, ok := r.Values[c].(string); ok && key != "" {
			h := fnv.New32a()
			_, _ = h.Write([]byte(key))
			return int(h.Sum32() % uint32(len(s.shards))) //nolint:gosec // a handful
		}
	}
	return i % len(s.shards)
}

func (s *Store) insert(ctx context.Context, parts [][]*part, number int64) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, shard := range parts {
		g.Go(func() error {
			for _, p := range shard {
				if err := s.insertPart(ctx, s.shards[i], p, number); err != nil {
					return fmt.Errorf("%s: %w", p.table.Name, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// statementPrefix begins the ids of the statements that write batches of any writer, ownPrefix those of this one's claim.
func (s *Store) statementPrefix() string { return "bartizan write " + s.database + " " }

func (s *Store) ownPrefix() string { return fmt.Sprintf("%s%d/", s.statementPrefix(), s.epoch) }

func (s *Store) insertPart(ctx context.Context, conn driver.Conn, p *part, number int64) error {
	fills := s.plan(p.table).used(p.rows)
	names := make([]string, 0, len(fills)+1)
	for _, f := range fills {
		names = append(names, ident(f.physical))
	}
	names = append(names, ident(batchColumn))
	named := ch.Context(ctx, ch.WithQueryID(fmt.Sprintf("%s%d %s", s.ownPrefix(), number, p.table.Name)))
	into, err := conn.PrepareBatch(named, fmt.Sprintf("INSERT INTO %s.%s (%s)", ident(s.local), ident(p.table.Name), strings.Join(names, ", ")))
	if err != nil {
		return err
	}
	defer into.Close()
	if err := s.fenced(ctx, conn); err != nil { // from here on the server knows the statement, and a later claim ends it
		return err
	}
	for i, f := range fills {
		values, err := f.values(p.rows)
		if err != nil {
			return err
		}
		if err := into.Column(i).Append(values); err != nil {
			return fmt.Errorf("column %s: %w", f.physical, err)
		}
	}
	numbers := make([]int64, len(p.rows))
	for i := range numbers {
		numbers[i] = number
	}
	if err := into.Column(len(fills)).Append(numbers); err != nil {
		return err
	}
	return into.Send()
}

// commit writes the positions and the batch's number in one block.
func (s *Store) commit(ctx context.Context, positions map[string]int64, number int64) error {
	named := ch.Context(ctx, ch.WithQueryID(fmt.Sprintf("%s%d commit", s.ownPrefix(), number)))
	into, err := s.home().PrepareBatch(named, fmt.Sprintf("INSERT INTO %s.%s", ident(s.database), ident(positionsTable)))
	if err != nil {
		return err
	}
	defer into.Close()
	if err := s.fenced(ctx, s.home()); err != nil {
		return err
	}
	for source, position := range positions {
		if err := into.Append(source, position, number); err != nil {
			return err
		}
	}
	if err := into.Append(committed, int64(0), number); err != nil {
		return err
	}
	return into.Send()
}

func (s *Store) lastCommitted(ctx context.Context) (int64, error) {
	var n int64
	err := s.home().QueryRow(ctx, fmt.Sprintf("SELECT max(%s) FROM %s.%s WHERE source = %s", ident(batchColumn), ident(s.database), ident(positionsTable), text(committed))).Scan(&n)
	return n, err
}

// recover removes what a broken batch of this writer left, and for a lake without leases what any left. The caller holds write.
func (s *Store) recover(ctx context.Context) error {
	if _, err := s.customSet(ctx, 0); err != nil { // another process may have dropped or made one
		return err
	}
	prefix := s.statementPrefix()
	if s.leased() {
		prefix = s.ownPrefix()
	}
	if err := s.end(ctx, "startsWith(query_id, "+text(prefix)+")"); err != nil {
		return err
	}
	if s.leased() {
		for _, shard := range s.shards {
			if err := s.fenced(ctx, shard); err != nil {
				return err // whoever has the lake now has cleaned up
			}
		}
	}
	return s.undo(ctx)
}

// undo removes the rows of batches that are not committed. In a leased lake it looks at numbers below the next claim only, so that it never takes away what a
// later writer is at, however late it comes.
func (s *Store) undo(ctx context.Context) error {
	number, err := s.lastCommitted(ctx)
	if err != nil {
		return err
	}
	condition := fmt.Sprintf("%s > %d", ident(batchColumn), number)
	if s.leased() {
		condition += fmt.Sprintf(" AND %s < %d", ident(batchColumn), firstOf(s.epoch+1))
	}
	for _, shard := range s.shards {
		if _, err := s.remove(ctx, shard, condition, nil); err != nil {
			return err
		}
	}
	s.committed, s.last = number, max(s.last, number)
	s.broken.Store(false)
	return nil
}

// remove deletes the rows that meet the condition from a shard's tables (nil: all) and returns how many there were.
func (s *Store) remove(ctx context.Context, shard driver.Conn, condition string, tables []*schema.Table) (int64, error) {
	if tables == nil {
		tables = append(s.allTables(), schema.House()...)
	}
	found, err := count(ctx, shard, s.local, condition, tables)
	if err != nil {
		return 0, err
	}
	var total int64
	for table, n := range found {
		if err := exec(ctx, shard, fmt.Sprintf("DELETE FROM %s.%s WHERE %s", ident(s.local), ident(table), condition)); err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// count returns rows per table that meet a condition, tables without any left out.
func count(ctx context.Context, conn driver.Conn, database, condition string, tables []*schema.Table) (map[string]int64, error) {
	each := make([]string, len(tables))
	for i, t := range tables {
		each[i] = fmt.Sprintf("SELECT %s AS name, count() AS n FROM %s.%s WHERE %s HAVING n > 0", text(t.Name), ident(database), ident(t.Name), condition)
	}
	rows, err := conn.Query(ctx, strings.Join(each, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n uint64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		out[name] = int64(n) //nolint:gosec // rows of a table
	}
	return out, rows.Err()
}
