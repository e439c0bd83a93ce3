package fn

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A dynamic value in memory is a tree of nil, bool, int64, float64, string, []any and *bag.

// bag is a property bag; the order of its keys is kept as written.
type bag struct {
	keys []string
	vals map[string]any
}

func newBag(n int) *bag { return &bag{keys: make([]string, 0, n), vals: make(map[string]any, n)} }

func (b *bag) set(k string, v any) {
	if _, ok := b.vals[k]; !ok {
		b.keys = append(b.keys, k)
	}
	b.vals[k] = v
}

func (b *bag) get(k string) (any, bool) {
	v, ok := b.vals[k]
	return v, ok
}

func (b *bag) drop(k string) {
	if _, ok := b.vals[k]; !ok {
		return
	}
	delete(b.vals, k)
	for i, x := range b.keys {
		if x == k {
			b.keys = append(b.keys[:i:i], b.keys[i+1:]...)
			return
		}
	}
}

// maxDepth bounds the nesting of JSON that is read as such; deeper text stays a string.
const maxDepth = 512

// decode reads stored JSON text. Text that is no JSON is a string value, as parse_json has it.
func decode(s string) any {
	v, ok := parseJSON(s)
	if !ok {
		return s
	}
	return v
}

// parseJSON reads one JSON value and reports whether all of s was one.
func parseJSON(s string) (any, bool) {
	r := jsonReader{s: s}
	v, ok := r.value(0)
	if !ok {
		return nil, false
	}
	r.space()
	if r.i != len(s) {
		return nil, false
	}
	return v, true
}

type jsonReader struct {
	s string
	i int
}

func (r *jsonReader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

func (r *jsonReader) value(depth int) (any, bool) {
	r.space()
	if r.i >= len(r.s) || depth > maxDepth {
		return nil, false
	}
	switch c := r.s[r.i]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		return r.text()
	case c == 't':
		return true, r.word("true")
	case c == 'f':
		return false, r.word("false")
	case c == 'n':
		return nil, r.word("null")
	case c == '-' || (c >= '0' && c <= '9'):
		return r.number()
	}
	return nil, false
}

func (r *jsonReader) word(w string) bool {
	if !strings.HasPrefix(r.s[r.i:], w) {
		return false
	}
	r.i += len(w)
	return true
}

func (r *jsonReader) number() (any, bool) {
	start := r.i
	r.i++
	whole := true
loop:
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c >= '0' && c <= '9':
		case c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-':
			whole = false
		default:
			break loop
		}
		r.i++
	}
	t := r.s[start:r.i]
	if digits := strings.TrimPrefix(t, "-"); digits == "" || (len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
		return nil, false
	}
	if whole {
		if n, err := strconv.ParseInt(t, 10, 64); err == nil {
			return n, true
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, false
	}
	return f, true
}

func (r *jsonReader) text() (any, bool) {
	r.i++
	start := r.i
	for r.i < len(r.s) && r.s[r.i] != '"' && r.s[r.i] != '\\' && r.s[r.i] >= 0x20 {
		r.i++
	}
	if r.i < len(r.s) && r.s[r.i] == '"' {
		t := r.s[start:r.i]
		r.i++
		return t, true
	}
	var b strings.Builder
	b.WriteString(r.s[start:r.i])
	for r.i < len(r.s) {
		switch c := r.s[r.i]; c {
		case '"':
			r.i++
			return b.String(), true
		case '\\':
			if !r.escape(&b) {
				return nil, false
			}
		default:
			b.WriteByte(c)
			r.i++
		}
	}
	return nil, false
}

func (r *jsonReader) escape(b *strings.Builder) bool {
	if r.i+1 >= len(r.s) {
		return false
	}
	c := r.s[r.i+1]
	r.i += 2
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case '"', '\\', '/':
		b.WriteByte(c)
	case 'u':
		v, ok := r.hex4()
		if !ok {
			return false
		}
		x := rune(v)
		if utf16.IsSurrogate(x) && strings.HasPrefix(r.s[r.i:], `\u`) {
			save := r.i
			r.i += 2
			if low, ok := r.hex4(); ok {
				if full := utf16.DecodeRune(x, rune(low)); full != utf8.RuneError {
					b.WriteRune(full)
					return true
				}
			}
			r.i = save
		}
		b.WriteRune(x)
	default:
		return false
	}
	return true
}

func (r *jsonReader) hex4() (uint64, bool) {
	if r.i+4 > len(r.s) {
		return 0, false
	}
	v, err := strconv.ParseUint(r.s[r.i:r.i+4], 16, 32)
	if err != nil {
		return 0, false
	}
	r.i += 4
	return v, true
}

func (r *jsonReader) array(depth int) (any, bool) {
	r.i++
	out := []any{}
	r.space()
	if r.i < len(r.s) && r.s[r.i] == ']' {
		r.i++
		return out, true
	}
	for {
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		out = append(out, v)
		r.space()
		if r.i >= len(r.s) {
			return nil, false
		}
		switch r.s[r.i] {
		case ',':
			r.i++
		case ']':
			r.i++
			return out, true
		default:
			return nil, false
		}
	}
}

func (r *jsonReader) object(depth int) (any, bool) {
	r.i++
	out := newBag(4)
	r.space()
	if r.i < len(r.s) && r.s[r.i] == '}' {
		r.i++
		return out, true
	}
	for {
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != '"' {
			return nil, false
		}
		k, ok := r.text()
		if !ok {
			return nil, false
		}
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != ':' {
			return nil, false
		}
		r.i++
		v, ok := r.value(depth + 1)
		if !ok {
			return nil, false
		}
		out.set(k.(string), v)
		r.space()
		if r.i >= len(r.s) {
			return nil, false
		}
		switch r.s[r.i] {
		case ',':
			r.i++
		case '}':
			r.i++
			return out, true
		default:
			return nil, false
		}
	}
}

// encode writes a tree as compact JSON text; nil at the top is the null value itself.
func encode(v any) any {
	if v == nil {
		return nil
	}
	return string(appendJSON(nil, v))
}

func appendJSON(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case int:
		return strconv.AppendInt(b, int64(x), 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return appendJSONString(b, formatReal(x))
		}
		return append(b, formatReal(x)...)
	case string:
		return appendJSONString(b, x)
	case []any:
		b = append(b, '[')
		for i, e := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case *bag:
		b = append(b, '{')
		for i, k := range x.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, k)
			b = append(b, ':')
			b = appendJSON(b, x.vals[k])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// formatReal writes a real as KQL does: the shortest text that reads back, always recognisable as a real.
func formatReal(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	if a := math.Abs(f); a >= 1e-5 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// sameTree compares two trees; a long equals the real of the same value.
func sameTree(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameTree(x[i], y[i]) {
				return false
			}
		}
		return true
	case *bag:
		y, ok := b.(*bag)
		if !ok || len(x.keys) != len(y.keys) {
			return false
		}
		for k, v := range x.vals {
			w, ok := y.vals[k]
			if !ok || !sameTree(v, w) {
				return false
			}
		}
		return true
	case int64:
		switch y := b.(type) {
		case int64:
			return x == y
		case float64:
			return float64(x) == y
		}
		return false
	case float64:
		switch y := b.(type) {
		case int64:
			return x == float64(y)
		case float64:
			return x == y
		}
		return false
	}
	return a == b
}

// treeKey is a text that is equal for equal trees of scalars, arrays and bags written in the same order.
func treeKey(v any) string {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1e15 {
		v = int64(f)
	}
	return string(appendJSON(nil, v))
}
