package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
	"github.com/bartizan-sec/bartizan/kql/engine"
)

// Store is one tenant's lake file.
type Store struct {
	id     tenant.ID
	engine *Engine
	db     *sql.DB

	write  sync.Mutex // held by the one writer; guards conn, plans and writer
	conn   *sql.Conn
	plans  map[*schema.Table]*writePlan
	writer writer
	closed bool

	customs atomic.Pointer[schema.Customs] // changed under write only

	gate    gate     // everybody passes it who uses db without holding write; db is exchanged by who holds write and has shut it
	rewrite *rewrite // under way, see compact.go; guarded by write
	caring  sync.Mutex
	broken  atomic.Bool // the engine has given the file up; it has to be opened again
	sizes   sizes
	trouble atomic.Pointer[error] // of the last append, nil when it went well
}

// writePlan is how rows of one table are laid out for the appender.
type writePlan struct {
	cells []int // position in Row.Values per stored column
	types []schema.Type
}

var _ lake.Store = (*Store)(nil)

// Tenant implements lake.Store.
func (s *Store) Tenant() tenant.ID { return s.id }

// Session implements lake.Store.
func (s *Store) Session(ctx context.Context) (engine.Session, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		s.gate.leave()
		return nil, fault.Newf(fault.Unavailable, "the lake is not ready: %w", err)
	}
	return &session{Session: kqlduckdb.Session(conn), store: s}, nil
}

// Append implements lake.Store.
func (s *Store) Append(ctx context.Context, rows []*schema.Row, positions map[string]int64) (err error) {
	s.write.Lock()
	defer s.write.Unlock()
	defer func() { s.noteTrouble(err) }()
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := exec(s.conn, "BEGIN TRANSACTION"); err != nil {
		return s.failure(fmt.Errorf("lake: %w", err))
	}
	defer func() {
		if err != nil {
			err = s.failure(errors.Join(err, exec(s.conn, "ROLLBACK")))
		}
	}()
	rows, customs, changes := s.customs.Load().Fit(rows, time.Now())
	if err := s.change(ctx, changes); err != nil {
		return err
	}
	byTable := map[*schema.Table][]*schema.Row{}
	for _, r := range rows {
		byTable[r.Table] = append(byTable[r.Table], r)
	}
	if err := s.writeRows(ctx, s.conn, "", byTable, positions); err != nil {
		return err
	}
	if err := exec(s.conn, "COMMIT"); err != nil {
		return fmt.Errorf("lake: commit: %w", err)
	}
	s.customs.Store(customs)
	s.follow(ctx, byTable, positions, len(changes) > 0)
	return nil
}

// writeRows writes a batch within a transaction of the connection into the file that catalog names, "" for the lake's own.
func (s *Store) writeRows(ctx context.Context, conn *sql.Conn, catalog string, rows map[*schema.Table][]*schema.Row, positions map[string]int64) error {
	for table, group := range rows {
		if err := s.appendTable(conn, catalog, table, group); err != nil {
			return err
		}
	}
	into := "positions"
	if catalog != "" {
		into = quote(catalog) + ".positions"
	}
	for source, position := range positions {
		if _, err := conn.ExecContext(ctx, "INSERT INTO "+into+" VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET position = excluded.position", source, position); err != nil {
			return fmt.Errorf("lake: position of %s: %w", source, err)
		}
	}
	return nil
}

func (s *Store) appendTable(conn *sql.Conn, catalog string, table *schema.Table, rows []*schema.Row) error {
	plan := s.plans[table]
	if table.Custom {
		plan = customPlan(table)
	}
	if plan == nil {
		return fmt.Errorf("lake: table %s is not part of the schema", table.Name)
	}
	err := native(conn, func(c mapping.Connection) error { return s.writer.append(c, catalog, table, plan, rows) })
	if err != nil {
		return fmt.Errorf("lake: %s: %w", table.Name, err)
	}
	return nil
}

// Position implements lake.Store.
func (s *Store) Position(ctx context.Context, source string) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	var position int64
	err := s.db.QueryRowContext(ctx, "SELECT position FROM positions WHERE source = ?", source).Scan(&position)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return position, s.failure(err)
}

// Counts implements lake.Store.
func (s *Store) Counts(ctx context.Context) (map[string]int64, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	out := map[string]int64{}
	for _, t := range s.allTables() {
		var n int64
		if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.Name)).Scan(&n); err != nil {
			return nil, s.failure(fmt.Errorf("lake: counting %s: %w", t.Name, err))
		}
		if n > 0 {
			out[t.Name] = n
		}
	}
	return out, nil
}

// Retain implements lake.Store.
func (s *Store) Retain(ctx context.Context, table string, before time.Time) (int64, error) {
	t := s.table(table)
	if t == nil {
		return 0, fault.Newf(fault.NotFound, "there is no hunting table %q", table)
	}
	if t.TimeColumn == "" {
		return 0, fault.Newf(fault.Invalid, "table %s has no time column to age by", table)
	}
	when := quote(t.Columns[t.Column(t.TimeColumn)].Physical)
	ticks := schema.Ticks(before)
	// Several statements, so that what row groups say of their times serves the first.
	n, err := s.delete(ctx, "DELETE FROM "+quote(table)+" WHERE "+when+" < ? AND coalesce(IngestTime, "+when+") < ?", ticks, ticks)
	if err != nil {
		return n, err
	}
	timeless, err := s.delete(ctx, "DELETE FROM "+quote(table)+" WHERE "+when+" IS NULL AND IngestTime < ?", ticks)
	if n += timeless; err != nil {
		return n, err
	}
	ahead, err := s.delete(ctx, "DELETE FROM "+quote(table)+" WHERE "+when+" >= ? AND IngestTime < ? AND "+when+" - IngestTime > ?", ticks, ticks, lake.Ahead)
	return n + ahead, err
}

// DeleteLab implements lake.Store.
func (s *Store) DeleteLab(ctx context.Context, run string) (int64, error) {
	var total int64
	for _, t := range s.allTables() {
		var n int64
		var err error
		if run == "" {
			n, err = s.delete(ctx, "DELETE FROM "+quote(t.Name)+" WHERE LabScenario <> ''")
		} else {
			n, err = s.delete(ctx, "DELETE FROM "+quote(t.Name)+" WHERE LabScenario = ?", run)
		}
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (s *Store) delete(ctx context.Context, statement string, args ...any) (int64, error) {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	res, err := s.conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, s.failure(fmt.Errorf("lake: %w", err))
	}
	n, err := res.RowsAffected()
	if n > 0 {
		s.rewrite.giveUp(errDeleted)
	}
	return n, err
}

// Checkpoint writes the log into the file, so that a copy of the file is complete.
func (s *Store) Checkpoint(ctx context.Context) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, "CHECKPOINT")
	return s.failure(err)
}

// Close ends the store; later calls fail. It waits for a running Append, and ends a rewrite.
func (s *Store) Close() error {
	s.write.Lock()
	if s.closed {
		s.write.Unlock()
		return nil
	}
	s.closed = true
	s.rewrite.giveUp(errClosed)
	s.write.Unlock()
	s.caring.Lock() // a rewrite has let go of the file
	defer s.caring.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	s.engine.mu.Lock()
	delete(s.engine.open, s.id)
	s.engine.mu.Unlock()
	return errors.Join(s.conn.Close(), s.db.Close())
}
