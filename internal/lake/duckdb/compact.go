package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// A compaction writes the whole lake into a new file beside the old one and then takes its place (ADR 0013). It reads one snapshot of the old file; what is
// appended meanwhile is written into both files, first into the old one, which counts until the end. Rows come in order of time, row groups are full, and
// nothing is left of what was deleted.

// nextName is the name of the new file within the engine, which no tenant can have, and catalogNext as statements write it.
const (
	nextName    = "the next file"
	catalogNext = `"` + nextName + `"`
)

// chunkRows is about how many rows are sorted at a time.
const chunkRows = 1_000_000

// rewrite is a compaction under way.
type rewrite struct {
	own  string    // the name of the lake's file within the engine, as statements write it
	copy *sql.Conn // reads the snapshot and writes it
	rows *sql.Conn // writes what is appended meanwhile
	err  error     // why it has to be given up
}

var (
	errDeleted = fault.Newf(fault.Conflict, "rows were deleted while the lake was compacted; it is tried again later")
	errChanged = fault.Newf(fault.Conflict, "a table was made while the lake was compacted; it is tried again later")
	errClosed  = fault.Newf(fault.Unavailable, "the lake was closed while it was compacted")
	errBroken  = fault.Newf(fault.Unavailable, "the lake had to be opened again while it was compacted")
)

// giveUp has the rewrite end without effect. The caller holds the store's write.
func (r *rewrite) giveUp(why error) {
	if r != nil && r.err == nil {
		r.err = why
	}
}

// follow writes a batch that is committed into the new file, too. A failure there is the rewrite's, not the batch's. The caller holds write.
func (s *Store) follow(ctx context.Context, rows map[*schema.Table][]*schema.Row, positions map[string]int64, changed bool) {
	r := s.rewrite
	if r == nil || r.err != nil {
		return
	}
	if changed {
		r.giveUp(errChanged)
		return
	}
	ctx = context.WithoutCancel(ctx)
	_, err := r.rows.ExecContext(ctx, "BEGIN TRANSACTION")
	if err == nil {
		err = s.writeRows(ctx, r.rows, nextName, rows, positions)
		end := "COMMIT"
		if err != nil {
			end = "ROLLBACK"
		}
		_, ended := r.rows.ExecContext(ctx, end)
		err = errors.Join(err, ended)
	}
	if err != nil {
		r.giveUp(fmt.Errorf("writing beside: %w", err))
	}
}

// failed says why the rewrite was given up, if it was.
func (s *Store) failed(r *rewrite) error {
	s.write.Lock()
	defer s.write.Unlock()
	return r.err
}

// Compact implements lake.Store.
func (s *Store) Compact(ctx context.Context, report func(lake.Progress)) (out lake.Compaction, err error) {
	if !s.caring.TryLock() {
		return out, fault.Newf(fault.Busy, "the lake of tenant %s is being compacted already", s.id)
	}
	defer s.caring.Unlock()
	if report == nil {
		report = func(lake.Progress) {}
	}
	path := s.engine.Path(s.id)
	out.Before = fileBytes(path)
	r, waited, err := s.begin(ctx, path)
	out.Waited = waited
	if err != nil {
		return out, roomError(err)
	}
	defer func() {
		if err != nil {
			s.abandon(r, path)
			err = roomError(err)
		}
	}()
	if out.Rows, err = s.copyRows(ctx, r, report); err != nil {
		return out, err
	}
	if waited, err = s.checkpointNext(ctx, r); err != nil {
		return out, err
	}
	out.Waited = max(out.Waited, waited)
	waited, err = s.finish(ctx, r, path)
	out.Waited = max(out.Waited, waited)
	out.After = fileBytes(path)
	return out, err
}

// begin makes the new file, with the snapshot's tables and positions, and has appended rows follow into it from the snapshot on.
func (s *Store) begin(ctx context.Context, path string) (_ *rewrite, waited time.Duration, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	start := time.Now()
	if err := s.ready(ctx); err != nil {
		return nil, 0, err
	}
	if err := removeFiles(path + nextSuffix); err != nil {
		return nil, 0, err
	}
	r := &rewrite{}
	defer func() {
		if err != nil {
			s.release(r)
			err = errors.Join(err, removeFiles(path+nextSuffix))
		}
	}()
	if r.copy, err = s.db.Conn(ctx); err != nil {
		return nil, 0, err
	}
	if r.rows, err = s.db.Conn(ctx); err != nil {
		return nil, 0, err
	}
	ddl, err := s.definitions(ctx)
	if err != nil {
		return nil, 0, err
	}
	if err := r.copy.QueryRowContext(ctx, "SELECT current_database()").Scan(&r.own); err != nil {
		return nil, 0, err
	}
	r.own = quote(r.own)
	for _, q := range []string{
		"ATTACH " + literal(path+nextSuffix) + " AS " + catalogNext + " (STORAGE_VERSION " + literal(storageVersion) + ")",
		"USE " + catalogNext, ddl, "USE " + r.own,
		"INSERT INTO " + catalogNext + ".positions SELECT * FROM positions",
		"BEGIN TRANSACTION", "SELECT count(*) FROM positions", // the snapshot is taken by the first look
	} {
		if _, err := r.copy.ExecContext(ctx, q); err != nil {
			return nil, 0, err
		}
	}
	s.rewrite = r
	return r, time.Since(start), nil
}

// definitions are the statements that make the tables of the file, as this version makes them, in the stored order of their columns.
func (s *Store) definitions(ctx context.Context) (string, error) {
	type column struct{ name, kind, fallback, comment string }
	columns, comments, order := map[string][]column{}, map[string]string{}, []string{}
	rows, err := s.conn.QueryContext(ctx, `SELECT t.table_name, coalesce(t.comment, ''), c.column_name, c.data_type, coalesce(c.column_default, ''), coalesce(c.comment, '')
		FROM duckdb_tables() t JOIN duckdb_columns() c ON c.table_oid = t.table_oid AND c.database_oid = t.database_oid
		WHERE t.database_name = current_database() AND NOT t.internal AND t.table_name <> 'positions' ORDER BY t.table_name, c.column_index`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var table, comment string
		var c column
		if err := rows.Scan(&table, &comment, &c.name, &c.kind, &c.fallback, &c.comment); err != nil {
			return "", err
		}
		if columns[table] == nil {
			order = append(order, table)
		}
		columns[table], comments[table] = append(columns[table], c), comment
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	var ddl strings.Builder
	ddl.WriteString(createPositions)
	for _, name := range order {
		codec := map[string]string{}
		if t := s.table(name); t != nil {
			for _, c := range t.Stored() {
				codec[c.Physical] = compression(c)
			}
		}
		var defs, notes []string
		for _, c := range columns[name] {
			def := quote(c.name) + " " + c.kind
			if c.fallback != "" {
				def += " DEFAULT " + c.fallback
			}
			defs = append(defs, def+codec[c.name])
			if c.comment != "" {
				notes = append(notes, fmt.Sprintf("COMMENT ON COLUMN %s.%s IS %s;\n", quote(name), quote(c.name), literal(c.comment)))
			}
		}
		fmt.Fprintf(&ddl, "CREATE TABLE %s (%s);\n", quote(name), strings.Join(defs, ", "))
		if comments[name] != "" {
			fmt.Fprintf(&ddl, "COMMENT ON TABLE %s IS %s;\n", quote(name), literal(comments[name]))
		}
		ddl.WriteString(strings.Join(notes, ""))
	}
	return ddl.String(), nil
}

// copyRows writes the snapshot's rows into the new file, in order of time, in one transaction.
func (s *Store) copyRows(ctx context.Context, r *rewrite, report func(lake.Progress)) (int64, error) {
	type part struct {
		table *schema.Table
		rows  int64
	}
	var parts []part
	progress := lake.Progress{}
	for _, t := range s.storedTables() {
		var n int64
		if err := r.copy.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.Name)).Scan(&n); err != nil {
			return 0, err
		}
		if n > 0 {
			parts = append(parts, part{t, n})
			progress.Rows += n
		}
	}
	for _, p := range parts {
		conditions, err := chunks(ctx, r.copy, p.table, p.rows)
		if err != nil {
			return 0, err
		}
		for _, where := range conditions {
			if err := s.failed(r); err != nil {
				return 0, err
			}
			progress.Table = p.table.Name
			report(progress)
			statement := "INSERT INTO " + catalogNext + "." + quote(p.table.Name) + " SELECT * FROM " + quote(p.table.Name) + where
			if when := timeColumn(p.table); when != "" {
				statement += " ORDER BY " + when
			}
			res, err := r.copy.ExecContext(ctx, statement)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", p.table.Name, err)
			}
			n, err := res.RowsAffected()
			if err != nil {
				return 0, err
			}
			progress.Done += n
		}
	}
	report(progress)
	if progress.Done != progress.Rows {
		return 0, fmt.Errorf("%d of %d rows were written again", progress.Done, progress.Rows)
	}
	_, err := r.copy.ExecContext(ctx, "COMMIT")
	return progress.Done, err
}

// checkpointNext puts what is in the new file's log into the file, so that little is left for the exchange. The engine does that only while nobody writes to it.
func (s *Store) checkpointNext(ctx context.Context, r *rewrite) (time.Duration, error) {
	s.write.Lock()
	defer s.write.Unlock()
	start := time.Now()
	_, err := r.copy.ExecContext(ctx, "CHECKPOINT "+catalogNext)
	return time.Since(start), err
}

// timeColumn is the quoted name of the column that the table is ordered by, "" when it has none.
func timeColumn(t *schema.Table) string {
	if i := t.Column(t.TimeColumn); t.TimeColumn != "" && i >= 0 {
		return quote(t.Columns[i].Physical)
	}
	return ""
}

const minute = 60 * schema.TicksPerSecond

// chunks divides a table's rows by time into parts that are small enough to be sorted, as conditions.
func chunks(ctx context.Context, conn *sql.Conn, t *schema.Table, n int64) ([]string, error) {
	when := timeColumn(t)
	if when == "" || n <= chunkRows+chunkRows/2 {
		return []string{""}, nil
	}
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT %s // %d AS m, count(*) FROM %s WHERE %s IS NOT NULL GROUP BY m ORDER BY m", when, minute, quote(t.Name), when))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []string{" WHERE " + when + " IS NULL"}
	from, held, any := "", int64(0), false
	for rows.Next() {
		var m, count int64
		if err := rows.Scan(&m, &count); err != nil {
			return nil, err
		}
		any = true
		if held > 0 && held+count > chunkRows {
			bound := strconv.FormatInt(m*minute, 10)
			out = append(out, between(when, from, bound))
			from, held = bound, 0
		}
		held += count
	}
	if any {
		out = append(out, between(when, from, ""))
	}
	return out, rows.Err()
}

func between(when, from, to string) string {
	where := " WHERE " + when + " IS NOT NULL"
	if from != "" {
		where += " AND " + when + " >= " + from
	}
	if to != "" {
		where += " AND " + when + " < " + to
	}
	return where
}

// patience is how long those who come wait for queries that run, attempt by attempt.
var patience = [...]time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}

// finish puts the new file in the old one's place as soon as no query reads the old one.
func (s *Store) finish(ctx context.Context, r *rewrite, path string) (time.Duration, error) {
	for i, p := range patience {
		if i > 0 {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(2 * p): // let through who waited
			}
		}
		if err := s.failed(r); err != nil {
			return 0, err
		}
		if s.gate.close(ctx, p) {
			defer s.gate.open()
			return s.exchange(ctx, r, path)
		}
	}
	return 0, fault.Newf(fault.Busy, "queries ran all the time, so the compacted file of tenant %s could not take its place; it is tried again later", s.id)
}

// exchange checks the new file, puts it in place and opens it. The gate is shut. Appends wait meanwhile.
func (s *Store) exchange(ctx context.Context, r *rewrite, path string) (time.Duration, error) {
	s.write.Lock()
	defer s.write.Unlock()
	start := time.Now()
	if r.err != nil {
		return 0, r.err
	}
	if err := s.compare(ctx, r); err != nil {
		return 0, err
	}
	mark := "rewritten " + start.UTC().Format(time.RFC3339Nano)
	for _, q := range []string{"COMMENT ON TABLE " + catalogNext + ".positions IS " + literal(mark), "CHECKPOINT " + catalogNext} {
		if _, err := r.copy.ExecContext(ctx, q); err != nil {
			return 0, err
		}
	}
	if err := r.rows.Close(); err != nil {
		return 0, err
	}
	if _, err := r.copy.ExecContext(ctx, "DETACH "+catalogNext); err != nil {
		return 0, err
	}
	s.release(r)
	s.rewrite = nil
	ctx = context.WithoutCancel(ctx) // half of what follows must not happen
	if err := syncFile(path + nextSuffix); err != nil {
		return 0, err
	}
	_, err := s.conn.ExecContext(ctx, "CHECKPOINT")
	err = errors.Join(err, s.conn.Close(), s.db.Close())
	if err == nil && fileSize(path+".wal") > 0 {
		err = fmt.Errorf("the log of %s is not empty", path)
	}
	if err == nil {
		if err = putInPlace(path); err == nil {
			if err = s.openMarked(ctx, mark); err != nil {
				_ = s.db.Close()
				err = errors.Join(err, putBack(path))
			}
		}
	}
	if err != nil {
		s.broken.Store(true) // the old file is in its place; the next one to come opens it
		return time.Since(start), err
	}
	s.sizes.forget()
	return time.Since(start), removeFiles(path + oldSuffix)
}

// compare makes sure that the new file has what the old one has.
func (s *Store) compare(ctx context.Context, r *rewrite) error {
	for _, t := range s.storedTables() {
		var have, want int64
		name := quote(t.Name)
		if err := r.copy.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM "+catalogNext+"."+name+"), (SELECT count(*) FROM "+name+")").Scan(&have, &want); err != nil {
			return err
		}
		if have != want {
			return fmt.Errorf("table %s has %d rows instead of %d in the compacted file", t.Name, have, want)
		}
	}
	var differ int64
	err := r.copy.QueryRowContext(ctx, "SELECT count(*) FROM (FROM positions EXCEPT FROM "+catalogNext+".positions)").Scan(&differ)
	if err == nil && differ > 0 {
		err = fmt.Errorf("%d positions differ in the compacted file", differ)
	}
	return err
}

// openMarked opens the file and makes sure that it is the new one: while anybody holds on to the old one, the engine gives that.
func (s *Store) openMarked(ctx context.Context, mark string) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	var found sql.NullString
	err := s.conn.QueryRowContext(ctx, "SELECT comment FROM duckdb_tables() WHERE database_name = current_database() AND table_name = 'positions'").Scan(&found)
	if err == nil && found.String != mark {
		err = errors.Join(fmt.Errorf("the old file of tenant %s is still in use", s.id), s.conn.Close())
	}
	return err
}

// release lets go of the rewrite's connections and of the new file.
func (s *Store) release(r *rewrite) {
	ctx := context.Background()
	if r.rows != nil {
		_ = r.rows.Close() // twice does no harm
	}
	if r.copy != nil {
		_, _ = r.copy.ExecContext(ctx, "ROLLBACK")
		_, _ = r.copy.ExecContext(ctx, "USE "+r.own)
		_, _ = r.copy.ExecContext(ctx, "DETACH DATABASE IF EXISTS "+catalogNext)
		_ = r.copy.Close()
	}
}

// abandon ends a rewrite without effect.
func (s *Store) abandon(r *rewrite, path string) {
	s.write.Lock()
	defer s.write.Unlock()
	s.rewrite = nil
	s.release(r)
	_ = removeFiles(path + nextSuffix) // what is left is removed by the next opening
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// fileBytes is what a lake takes of the disk: the file and its log.
func fileBytes(path string) int64 { return fileSize(path) + fileSize(path+".wal") }
