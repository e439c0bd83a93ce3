package fn

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func convertFunctions() map[string]impl {
	to := func(t plan.Type) impl {
		return func(c *call) any { return Convert(c.arg(0), t).V }
	}
	return map[string]impl{
		"tostring": func(c *call) any { return text(c.arg(0)) },
		"tobool":   to(plan.Bool), "toboolean": to(plan.Bool),
		"toint": to(plan.Int), "tolong": to(plan.Long),
		"toreal": to(plan.Real), "todouble": to(plan.Real), "todecimal": to(plan.Decimal),
		"todatetime": to(plan.DateTime), "totimespan": to(plan.TimeSpan), "toguid": to(plan.GUID),
		"parse_json": parseJSONCall, "todynamic": parseJSONCall,
		"dynamic_to_json": func(c *call) any {
			if c.null(0) {
				return ""
			}
			s, _ := encode(sortedTree(c.dyn(0))).(string)
			return s
		},
		"__dynamic": func(c *call) any { return tree{treeOf(c.arg(0))} },
		"gettype": func(c *call) any {
			if c.arg(0).T != plan.Dynamic {
				if c.arg(0).V == nil && c.arg(0).T == plan.Unknown {
					return "null"
				}
				return c.arg(0).T.String()
			}
			return treeType(c.dyn(0))
		},
		"isnull":     func(c *call) any { return c.nullValue(0) },
		"isnotnull":  func(c *call) any { return !c.nullValue(0) },
		"isempty":    func(c *call) any { return c.empty(0) },
		"isnotempty": func(c *call) any { return !c.empty(0) },
	}
}

func (c *call) nullValue(i int) bool {
	return c.null(i) || (c.args[i].T == plan.Dynamic && c.dyn(i) == nil)
}

func (c *call) empty(i int) bool {
	a := c.arg(i)
	switch a.T {
	case plan.String:
		return a.V == nil || a.V == ""
	case plan.Dynamic:
		v := c.dyn(i)
		return v == nil || v == ""
	}
	return a.V == nil
}

func parseJSONCall(c *call) any {
	a := c.arg(0)
	if a.V == nil {
		return nil
	}
	if a.T == plan.Dynamic {
		// A dynamic that holds a string is parsed again.
		if s, ok := c.dyn(0).(string); ok {
			return tree{parseText(s)}
		}
		return a.V
	}
	if a.T != plan.String {
		return tree{treeOf(a)}
	}
	return tree{parseText(a.V.(string))}
}

// parseText reads text as JSON; other text is a string value and blank text is null.
func parseText(s string) any {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return decode(s)
}

func treeType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "long"
	case float64:
		return "double"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "dictionary"
}

// Convert gives v as a value of type t by the rules of the to<type> functions: null where it cannot be done, "" for strings.
func Convert(v Value, t plan.Type) Value {
	out := Value{T: t}
	if t == plan.String {
		out.V = text(v)
		return out
	}
	if v.V == nil {
		return out
	}
	if v.T == t {
		return v
	}
	if v.T == plan.Dynamic {
		return Convert(scalarOf(decode(v.V.(string))), t)
	}
	switch t {
	case plan.Bool:
		out.V = toBool(v)
	case plan.Int:
		if n, ok := toLong(v).(int64); ok && n >= math.MinInt32 && n <= math.MaxInt32 {
			out.V = n
		}
	case plan.Long:
		out.V = toLong(v)
	case plan.Real:
		out.V = toReal(v)
	case plan.Decimal:
		out.V = toDecimal(v)
	case plan.DateTime:
		out.V = toDateTime(v)
	case plan.TimeSpan:
		out.V = toTimeSpan(v)
	case plan.GUID:
		if s, ok := v.V.(string); ok {
			out.V = toGUID(s)
		}
	case plan.Dynamic:
		out.V = encode(treeOf(v))
	default:
		out.V = v.V
	}
	return out
}

// scalarOf gives a tree's scalar its KQL type; arrays and bags stay dynamic and convert to nothing but text.
func scalarOf(v any) Value {
	switch x := v.(type) {
	case []any, *bag:
		return Value{T: plan.Unknown, V: x}
	default:
		return Value{T: kindOf(x), V: x}
	}
}

func toBool(v Value) any {
	switch x := v.V.(type) {
	case bool:
		return x
	case int64:
		return x != 0
	case float64:
		return x != 0
	case string:
		switch strings.ToLower(strings.TrimSpace(x)) {
		case "true":
			return true
		case "false":
			return false
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64); err == nil {
			return n != 0
		}
	}
	return nil
}

func realToLong(f float64) any {
	if math.IsNaN(f) || f >= 9.3e18 || f <= -9.3e18 {
		return nil
	}
	return int64(f)
}

func toLong(v Value) any {
	switch x := v.V.(type) {
	case bool:
		if x {
			return int64(1)
		}
		return int64(0)
	case int64:
		return x
	case float64:
		return realToLong(x)
	case string:
		s := strings.TrimSpace(x)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
			if n, err := strconv.ParseUint(h, 16, 64); err == nil {
				return int64(n)
			}
			return nil
		}
		if looksReal(s) {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return realToLong(f)
			}
		}
	}
	return nil
}

// looksReal keeps out what ParseFloat takes and KQL does not: hexadecimal, underscores, "inf".
func looksReal(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '+', c == '-':
		case (c == 'e' || c == 'E') && i > 0:
		default:
			return false
		}
	}
	return true
}

func toReal(v Value) any {
	switch x := v.V.(type) {
	case bool:
		if x {
			return 1.0
		}
		return 0.0
	case int64:
		return float64(x)
	case float64:
		return x
	case string:
		s := strings.TrimSpace(x)
		switch strings.ToLower(s) {
		case "nan":
			return math.NaN()
		case "inf", "+inf", "infinity", "+infinity":
			return math.Inf(1)
		case "-inf", "-infinity":
			return math.Inf(-1)
		}
		if looksReal(s) {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return f
			}
		}
		if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
			if n, err := strconv.ParseUint(h, 16, 64); err == nil {
				return float64(int64(n))
			}
		}
	}
	return nil
}

// decimalDigits is how many digits behind the point a division of decimals keeps.
const decimalDigits = 28

func toDecimal(v Value) any {
	switch x := v.V.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return strconv.FormatFloat(x, 'f', -1, 64)
	case string:
		if r, ok := ratOf(x); ok {
			return formatDecimal(r)
		}
	}
	return nil
}

func ratOf(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if !looksReal(s) || len(s) > 400 {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 400 || e < -400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

func formatDecimal(r *big.Rat) string {
	s := r.FloatString(decimalDigits)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

func toDateTime(v Value) any {
	switch x := v.V.(type) {
	case string:
		if t, ok := ParseDateTime(x); ok {
			return t
		}
	case int64:
		if x >= 0 && x <= maxTicks {
			return x
		}
	case float64:
		if x >= 0 && x <= float64(maxTicks) {
			return int64(x)
		}
	}
	return nil
}

func toTimeSpan(v Value) any {
	switch x := v.V.(type) {
	case string:
		if t, ok := ParseTimeSpan(x); ok {
			return t
		}
	case int64:
		if v.T == plan.DateTime {
			return nil
		}
		return x
	case float64:
		return realToLong(x)
	}
	return nil
}

var guidShape = sync1(func() *regexp.Regexp {
	return regexp.MustCompile(`^[{(]?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})[})]?$`)
})

func toGUID(s string) any {
	m := guidShape().FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return nil
	}
	return strings.ToLower(strings.Join(m[1:], "-"))
}

// text is tostring().
func text(v Value) string {
	if v.V == nil {
		return ""
	}
	switch v.T {
	case plan.DateTime:
		if n, ok := v.V.(int64); ok {
			return FormatDateTime(n)
		}
	case plan.TimeSpan:
		if n, ok := v.V.(int64); ok {
			return FormatTimeSpan(n)
		}
	case plan.Dynamic:
		if s, ok := v.V.(string); ok {
			return treeText(decode(s))
		}
	}
	switch x := v.V.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return formatReal(x)
	}
	return treeText(v.V)
}

// treeText is tostring() of a dynamic value: a string without quotes, anything else as JSON, null as "".
func treeText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	}
	return string(appendJSON(nil, v))
}
