package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Store is one tenant's database.
type Store struct {
	id       tenant.ID
	engine   *Engine
	database string        // what queries see: the tables themselves, or with several shards what puts them together
	local    string        // the database of a shard's own tables; the same as database when there is one shard
	shards   []driver.Conn // for writing and keeping house; the first has the positions
	plans    map[*schema.Table]layout

	write     sync.Mutex // held by the one writer; guards what follows
	last      int64      // the highest batch number given
	committed int64
	epoch     int64 // of the claim, see fence.go
	claimed   bool
	closed    bool
	broken    atomic.Bool // a batch broke off and may have left rows

	caring sync.Mutex // held by who compacts

	reading sync.Mutex // guards what follows
	readers []reader   // one for each host, opened when it is needed
	turn    int        // of the hosts, for queries
	ended   bool

	customs customs
}

var _ lake.Store = (*Store)(nil)

// writeConnections is how many connections per shard write and keep house.
const writeConnections = 4

func (e *Engine) openStore(ctx context.Context, id tenant.ID, database string) (_ *Store, err error) {
	s := &Store{id: id, engine: e, database: database, local: database, plans: map[*schema.Table]layout{}, readers: make([]reader, len(e.at.hosts))}
	if len(e.at.hosts) > 1 {
		s.local = database + "_shard"
	}
	defer func() {
		if err != nil {
			s.disconnect()
		}
	}()
	// Skip indexes are made when parts are merged: the small parts of fresh rows are sooner read whole.
	settings := ch.Settings{"async_insert": 0, "materialize_skip_indexes_on_insert": 0}
	for _, host := range e.at.hosts {
		conn, err := e.dial(host, "", writeConnections, settings)
		if err != nil {
			return nil, err
		}
		s.shards = append(s.shards, conn)
	}
	catalog := schema.Load()
	if err := s.prepare(ctx, catalog); err != nil {
		return nil, unavailable(database, err)
	}
	if err := s.prepareCustoms(ctx); err != nil {
		return nil, unavailable(database, err)
	}
	for _, t := range append(catalog.Tables(), schema.House()...) {
		s.plans[t] = layoutOf(t)
	}
	s.write.Lock()
	defer s.write.Unlock()
	if s.leased() {
		return s, nil // it becomes a writer when it first writes
	}
	if s.epoch, err = s.fence(ctx, s.home()); err != nil {
		return nil, unavailable(database, err)
	}
	if err := s.recover(ctx); err != nil {
		return nil, unavailable(database, err)
	}
	return s, nil
}

// spread says that rows are spread over several shards.
func (s *Store) spread() bool { return len(s.engine.at.hosts) > 1 }

// home is the shard that has the positions.
func (s *Store) home() driver.Conn { return s.shards[0] }

// Tenant implements lake.Store.
func (s *Store) Tenant() tenant.ID { return s.id }

// Position implements lake.Store.
func (s *Store) Position(ctx context.Context, source string) (int64, error) {
	if s.broken.Load() { // the batch that broke off is perhaps committed
		s.write.Lock()
		err := s.ready(ctx)
		s.write.Unlock()
		if err != nil {
			return 0, err
		}
	}
	var position int64
	query := fmt.Sprintf("SELECT argMax(position, %s) FROM %s.%s WHERE source = %s", ident(batchColumn), ident(s.database), ident(positionsTable), text(source))
	err := s.home().QueryRow(ctx, query).Scan(&position)
	return position, unavailable(s.database, err)
}

// Counts implements lake.Store.
func (s *Store) Counts(ctx context.Context) (map[string]int64, error) {
	if _, err := s.customSet(ctx, customAge); err != nil {
		return nil, unavailable(s.database, err)
	}
	out, err := count(ctx, s.home(), s.database, "1", s.allTables())
	return out, unavailable(s.database, err)
}

// Retain implements lake.Store.
func (s *Store) Retain(ctx context.Context, table string, before time.Time) (int64, error) {
	t := schema.Load().Table(table)
	if t == nil {
		set, err := s.customSet(ctx, customAge)
		if err != nil {
			return 0, unavailable(s.database, err)
		}
		t = set.Table(table)
	}
	if t == nil {
		return 0, fault.Newf(fault.NotFound, "there is no hunting table %q", table)
	}
	if t.TimeColumn == "" {
		return 0, fault.Newf(fault.Invalid, "table %s has no time column to age by", table)
	}
	when := ident(t.Columns[t.Column(t.TimeColumn)].Physical)
	ticks := schema.Ticks(before)
	// Several conditions, so that the index serves the first.
	n, err := s.delete(ctx, fmt.Sprintf("%s < %d AND coalesce(`IngestTime`, %s) < %d", when, ticks, when, ticks), []*schema.Table{t})
	if err != nil {
		return n, err
	}
	timeless, err := s.delete(ctx, fmt.Sprintf("%s IS NULL AND `IngestTime` < %d", when, ticks), []*schema.Table{t})
	if n += timeless; err != nil {
		return n, err
	}
	ahead, err := s.delete(ctx, fmt.Sprintf("%s >= %d AND `IngestTime` < %d AND %s - `IngestTime` > %d", when, ticks, ticks, when, lake.Ahead), []*schema.Table{t})
	return n + ahead, err
}

// DeleteLab implements lake.Store.
func (s *Store) DeleteLab(ctx context.Context, run string) (int64, error) {
	if run == "" {
		return s.delete(ctx, "`LabScenario` <> ''", nil)
	}
	return s.delete(ctx, "`LabScenario` = "+text(run), nil)
}

func (s *Store) delete(ctx context.Context, condition string, tables []*schema.Table) (int64, error) {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	var total int64
	for _, shard := range s.shards {
		n, err := s.remove(ctx, shard, condition, tables)
		total += n
		if err != nil {
			return total, unavailable(s.database, err)
		}
	}
	return total, nil
}

// Close ends the store; later calls fail. It waits for a running Append.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.engine.mu.Lock()
	delete(s.engine.open, s.id)
	s.engine.mu.Unlock()
	return s.disconnect()
}

func (s *Store) disconnect() error {
	var all error
	for _, shard := range s.shards {
		all = errors.Join(all, shard.Close())
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	s.ended = true
	for _, r := range s.readers {
		if r.conn != nil {
			all = errors.Join(all, r.conn.Close())
		}
	}
	return all
}
