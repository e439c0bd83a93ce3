package clickhouse

import (
	"context"
	"fmt"
	"io"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// ExportParquet implements lake.Store. It reads the server's answer block by block.
func (s *Store) ExportParquet(ctx context.Context, w io.Writer, x lake.Export) (int64, error) {
	t, err := s.find(ctx, x.Table)
	if err != nil {
		return 0, err
	}
	condition, when := "1", timeColumn(t)
	if when == "" && (!x.From.IsZero() || !x.To.IsZero()) {
		return 0, fault.Newf(fault.Invalid, "table %s has no time column; export it without a range of time", t.Name)
	}
	if !x.From.IsZero() {
		condition += fmt.Sprintf(" AND %s >= %d", when, schema.Ticks(x.From))
	}
	if !x.To.IsZero() {
		condition += fmt.Sprintf(" AND %s < %d", when, schema.Ticks(x.To))
	}
	if !x.Lab {
		condition += " AND `LabScenario` = ''"
	}
	file, err := lake.NewParquet(w, t)
	if err != nil {
		return 0, err
	}
	if err := s.scan(ctx, t, condition, file.Row); err != nil {
		return file.Rows(), err
	}
	return file.Rows(), file.Close()
}

// scan gives the rows of a table that meet the condition, with their stored columns in the forms of schema.Row. Errors of f come back as they are.
func (s *Store) scan(ctx context.Context, t *schema.Table, condition string, f func(values []any) error) error {
	stored := t.Stored()
	names := make([]string, len(stored))
	into := make([]any, len(stored))
	values := make([]any, len(stored))
	for i, c := range stored {
		names[i] = ident(c.Physical)
		into[i] = target(c.Type)
	}
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"max_block_size": 8192}))
	rows, err := s.home().Query(ctx, fmt.Sprintf("SELECT %s FROM %s.%s WHERE %s", strings.Join(names, ", "), ident(s.database), ident(t.Name), condition))
	if err != nil {
		return unavailable(s.database, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return unavailable(s.database, err)
		}
		for i := range values {
			values[i] = value(into[i])
		}
		if err := f(values); err != nil {
			return err
		}
	}
	return unavailable(s.database, rows.Err())
}

// target is what the client puts a value of the type into.
func target(t schema.Type) any {
	switch t {
	case schema.String:
		return new(string)
	case schema.Bool:
		return new(*bool)
	case schema.Int:
		return new(*int32)
	case schema.Long, schema.DateTime:
		return new(*int64)
	case schema.Real:
		return new(*float64)
	}
	return new(*string)
}

// value takes the value out of a target.
func value(target any) any {
	switch x := target.(type) {
	case *string:
		return *x
	case **bool:
		return held(*x)
	case **int32:
		return held(*x)
	case **int64:
		return held(*x)
	case **float64:
		return held(*x)
	case **string:
		return held(*x)
	}
	return nil
}

func held[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
