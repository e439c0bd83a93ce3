package sqlgen

import (
	"math"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// quote is a text as a string literal of standard SQL. It is the one place where text becomes SQL. A zero byte cannot stand in a statement, so text
// with one is put together from its parts.
func quote(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if !strings.Contains(s, "\x00") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	parts := strings.Split(s, "\x00")
	for i, p := range parts {
		parts[i] = "'" + strings.ReplaceAll(p, "'", "''") + "'"
	}
	return "(" + strings.Join(parts, " || chr(0) || ") + ")"
}

// quoteIdent is a name as a quoted identifier.
func quoteIdent(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// duckLiteral writes a value with its type, so that overloads and set operations see the type the plan has.
func duckLiteral(typeName string, t plan.Type, v any) string {
	switch x := v.(type) {
	case nil:
		if t == plan.String {
			return "''"
		}
		if t == plan.Unknown {
			return "NULL"
		}
		return "CAST(NULL AS " + typeName + ")"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		switch t {
		case plan.Real:
			return realLiteral(float64(x))
		case plan.Int:
			if x >= 0 {
				return strconv.FormatInt(x, 10)
			}
			return "(" + strconv.FormatInt(x, 10) + ")"
		}
		if x == math.MinInt64 {
			return "CAST('-9223372036854775808' AS BIGINT)"
		}
		return "CAST(" + strconv.FormatInt(x, 10) + " AS BIGINT)"
	case float64:
		return realLiteral(x)
	case string:
		return quote(x)
	}
	return "NULL"
}

func realLiteral(f float64) string {
	switch {
	case math.IsNaN(f):
		return "CAST('nan' AS DOUBLE)"
	case math.IsInf(f, 1):
		return "CAST('infinity' AS DOUBLE)"
	case math.IsInf(f, -1):
		return "CAST('-infinity' AS DOUBLE)"
	}
	return "CAST(" + strconv.FormatFloat(f, 'e', -1, 64) + " AS DOUBLE)"
}
