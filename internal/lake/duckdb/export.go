package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// exportRows is how many stored rows are held at a time.
const exportRows = 20_480

// ExportParquet implements lake.Store. It reads one snapshot, part by part.
func (s *Store) ExportParquet(ctx context.Context, w io.Writer, x lake.Export) (int64, error) {
	t := s.table(x.Table)
	if t == nil {
		return 0, fault.Newf(fault.NotFound, "there is no hunting table %q", x.Table)
	}
	where, err := exportCondition(t, x)
	if err != nil {
		return 0, err
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return 0, s.failure(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return 0, s.failure(err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	var last sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT max(rowid) FROM "+quote(t.Name)).Scan(&last); err != nil {
		return 0, s.failure(err)
	}
	file, err := lake.NewParquet(w, t)
	if err != nil {
		return 0, err
	}
	var names []string
	for _, c := range t.Stored() {
		names = append(names, quote(c.Physical))
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE rowid >= ? AND rowid < ?%s", strings.Join(names, ", "), quote(t.Name), where)
	for from := int64(0); last.Valid && from <= last.Int64; from += exportRows {
		if err := exportPart(ctx, conn, query, from, file, values, into); err != nil {
			if sink := new(sinkError); errors.As(err, sink) {
				return file.Rows(), sink.error
			}
			return file.Rows(), s.failure(err)
		}
	}
	return file.Rows(), file.Close()
}

// sinkError is a failure of what the export is written to, not of the lake.
type sinkError struct{ error }

func exportPart(ctx context.Context, conn *sql.Conn, query string, from int64, file *lake.Parquet, values, into []any) error {
	rows, err := conn.QueryContext(ctx, query, from, from+exportRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := file.Row(values); err != nil {
			return sinkError{err}
		}
	}
	return rows.Err()
}

// exportCondition says which rows are asked for, beginning with AND.
func exportCondition(t *schema.Table, x lake.Export) (string, error) {
	where := ""
	when := timeColumn(t)
	if when == "" && (!x.From.IsZero() || !x.To.IsZero()) {
		return "", fault.Newf(fault.Invalid, "table %s has no time column; export it without a range of time", t.Name)
	}
	if !x.From.IsZero() {
		where += fmt.Sprintf(" AND %s >= %d", when, schema.Ticks(x.From))
	}
	if !x.To.IsZero() {
		where += fmt.Sprintf(" AND %s < %d", when, schema.Ticks(x.To))
	}
	if !x.Lab {
		where += " AND coalesce(LabScenario, '') = ''"
	}
	return where, nil
}
