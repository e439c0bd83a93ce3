package schema

import (
	"fmt"
	"time"
)

// Row is one row on its way to a hunting table. Values are aligned with Table.Columns; nil means null ("" for strings).
// Cell types: bool; int32 for int; int64 for long; float64; string (also guid, lower case); int64 Ticks for datetime;
// JSON text as string for dynamic.
type Row struct {
	Table  *Table
	Values []any
}

// NewRow returns an empty row of the named built-in table. An unknown table is a defect of the caller and panics.
func NewRow(table string) *Row {
	t := Load().Table(table)
	if t == nil {
		panic("schema: no table " + table)
	}
	return &Row{Table: t, Values: make([]any, len(t.Columns))}
}

// Set stores v in the named column. It panics on a column the table does not have: mappings are tested row by row, so a slip fails its golden test.
// time.Time is stored as ticks; a zero time, an empty string and nil leave the cell null.
func (r *Row) Set(column string, v any) {
	i := r.Table.Column(column)
	if i < 0 {
		panic(fmt.Sprintf("schema: table %s has no column %s", r.Table.Name, column))
	}
	switch x := v.(type) {
	case time.Time:
		if x.IsZero() {
			return
		}
		v = Ticks(x)
	case string:
		if x == "" {
			return
		}
	case int:
		if r.Table.Columns[i].Type == Int {
			v = int32(x)
		} else {
			v = int64(x)
		}
	case int64:
		if r.Table.Columns[i].Type == Int {
			v = int32(x)
		}
	}
	r.Values[i] = v
}

// Has reports whether the table has the column.
func (r *Row) Has(column string) bool { return r.Table.Column(column) >= 0 }

// Get returns the cell of the named column, nil when it is null or the table has no such column.
func (r *Row) Get(column string) any {
	if i := r.Table.Column(column); i >= 0 {
		return r.Values[i]
	}
	return nil
}

// Text returns the cell as a string, "" when it is null or not a string.
func (r *Row) Text(column string) string {
	s, _ := r.Get(column).(string)
	return s
}

// TicksPerSecond is the resolution of KQL time: 100 ns.
const TicksPerSecond = 10_000_000

// unixEpochTicks is 1970-01-01 in ticks since 0001-01-01 (62,135,596,800 s).
const unixEpochTicks = 62_135_596_800 * TicksPerSecond

// Ticks returns t as 100 ns ticks since 0001-01-01T00:00:00Z, the lake's form of a datetime.
func Ticks(t time.Time) int64 {
	return t.Unix()*TicksPerSecond + int64(t.Nanosecond()/100) + unixEpochTicks
}

// TimeOf is the inverse of Ticks, in UTC.
func TimeOf(ticks int64) time.Time {
	ticks -= unixEpochTicks
	sec := ticks / TicksPerSecond
	rest := ticks % TicksPerSecond
	if rest < 0 {
		sec--
		rest += TicksPerSecond
	}
	return time.Unix(sec, rest*100).UTC()
}
