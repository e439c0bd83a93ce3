package evidence

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// rowCells reads a hunting row.
type rowCells struct{ row *schema.Row }

func (r rowCells) Table() string             { return r.row.Table.Name }
func (r rowCells) Text(column string) string { return r.row.Text(column) }

func (r rowCells) Int(column string) int64 {
	switch v := r.row.Get(column).(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	}
	return 0
}

func (r rowCells) Time(column string) time.Time {
	i := r.row.Table.Column(column)
	if i < 0 || r.row.Table.Columns[i].Type != schema.DateTime {
		return time.Time{}
	}
	if ticks, ok := r.row.Values[i].(int64); ok {
		return schema.TimeOf(ticks)
	}
	return time.Time{}
}

// Result is one row of a query result.
type Result struct {
	Columns map[string]int // position by name
	Values  []any
}

// Table is always "": a result's columns say what it holds.
func (r Result) Table() string { return "" }

func (r Result) value(column string) any {
	if i, ok := r.Columns[column]; ok && i < len(r.Values) {
		return r.Values[i]
	}
	return nil
}

// Text returns the cell as text; times are RFC 3339, dynamic values JSON.
func (r Result) Text(column string) string { return TextOf(r.value(column)) }

// TextOf is the text of any cell value.
func TextOf(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case json.RawMessage:
		return string(x)
	case map[string]any, []any:
		if b, err := json.Marshal(x); err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(v)
}

// Int returns the cell as a whole number, 0 when it is none.
func (r Result) Int(column string) int64 {
	switch x := r.value(column).(type) {
	case int32:
		return int64(x)
	case int64:
		return x
	case int:
		return int64(x)
	case float64:
		if math.Abs(x) < 1<<53 {
			return int64(x)
		}
	case string:
		n, _ := strconv.ParseInt(x, 0, 64)
		return n
	case json.Number:
		n, _ := x.Int64()
		return n
	}
	return 0
}

// Time returns the cell as a time, zero when it is none.
func (r Result) Time(column string) time.Time {
	switch x := r.value(column).(type) {
	case time.Time:
		return x.UTC()
	case string:
		if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
