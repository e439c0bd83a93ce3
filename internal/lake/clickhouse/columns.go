package clickhouse

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// layout is how rows of one table are laid out as columns.
type layout []fill

// fill takes one column out of rows.
type fill struct {
	cell     int // position in Row.Values
	physical string
	kind     schema.Type
}

func layoutOf(t *schema.Table) layout {
	var out layout
	for i, c := range t.Columns {
		if c.AliasOf == "" {
			out = append(out, fill{i, c.Physical, c.Type})
		}
	}
	return out
}

// used are the columns that one of the rows has a value for; the server fills the others.
func (l layout) used(rows []*schema.Row) []fill {
	out := make([]fill, 0, len(l))
	for _, f := range l {
		for _, r := range rows {
			if r.Values[f.cell] != nil {
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// values is the column of the rows in the form that the client takes.
func (f fill) values(rows []*schema.Row) (any, error) {
	switch f.kind {
	case schema.String:
		out := make([]string, len(rows))
		for i, r := range rows {
			switch v := r.Values[f.cell].(type) {
			case nil:
			case string:
				out[i] = v
			default:
				return nil, f.wrong(v)
			}
		}
		return out, nil
	case schema.Bool:
		return pointers[bool](f, rows)
	case schema.Int:
		return pointers[int32](f, rows)
	case schema.Long, schema.DateTime:
		return pointers[int64](f, rows)
	case schema.Real:
		return pointers[float64](f, rows)
	}
	return pointers[string](f, rows)
}

// pointers is a column whose nulls are nil.
func pointers[T any](f fill, rows []*schema.Row) ([]*T, error) {
	out := make([]*T, len(rows))
	held := make([]T, len(rows))
	for i, r := range rows {
		switch v := r.Values[f.cell].(type) {
		case nil:
		case T:
			held[i] = v
			out[i] = &held[i]
		default:
			return nil, f.wrong(v)
		}
	}
	return out, nil
}

func (f fill) wrong(v any) error {
	return fmt.Errorf("column %s of type %s cannot hold a %T", f.physical, f.kind, v)
}
