package normalise

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// Bounds of flattening. A record beyond them keeps its remainder as JSON text under the name reached so far, so nothing is lost.
const (
	maxFlattenDepth  = 12
	maxFlattenFields = 2000
)

// Flatten appends v's members to dst: nested objects become dotted names, arrays of scalars become List values, and an array that holds
// objects becomes a List per dotted name ("resources.ARN") beside the names of its members. prefix is "" at the top. Texts do not refer to
// the parser's memory.
func Flatten(dst *Fields, prefix string, v *fastjson.Value) { flatten(dst, prefix, v, 0) }

func flatten(dst *Fields, name string, v *fastjson.Value, depth int) {
	switch v.Type() {
	case fastjson.TypeObject:
		if depth >= maxFlattenDepth || len(*dst) >= maxFlattenFields {
			dst.merge(name, Value{Kind: String, Text: JSON(v)})
			return
		}
		o, _ := v.Object()
		o.Visit(func(key []byte, member *fastjson.Value) {
			n := string(key)
			if name != "" {
				n = name + "." + n
			}
			flatten(dst, n, member, depth+1)
		})
	case fastjson.TypeArray:
		flattenArray(dst, name, v, depth)
	default:
		dst.merge(name, Scalar(v))
	}
}

func flattenArray(dst *Fields, name string, v *fastjson.Value, depth int) {
	members, _ := v.Array()
	var scalars []Value
	for _, m := range members {
		switch m.Type() {
		case fastjson.TypeObject:
			// Members of several objects gather under one name as a list.
			flatten(dst, name, m, depth+1)
		case fastjson.TypeArray:
			scalars = append(scalars, Value{Kind: String, Text: JSON(m)})
		default:
			scalars = append(scalars, Scalar(m))
		}
	}
	if len(scalars) > 0 || len(members) == 0 {
		dst.merge(name, Value{Kind: List, List: scalars})
	}
}

// merge adds a value under a name; a name that is present already becomes a list of all its values.
func (f *Fields) merge(name string, v Value) {
	for i := range *f {
		if (*f)[i].Name != name {
			continue
		}
		old := &(*f)[i].Value
		if old.Kind != List {
			*old = Value{Kind: List, List: []Value{*old}}
		}
		if v.Kind == List {
			old.List = append(old.List, v.List...)
		} else {
			old.List = append(old.List, v)
		}
		return
	}
	*f = append(*f, Field{Name: name, Value: v})
}

// Scalar turns a JSON scalar into a Value; objects and arrays become their JSON text.
func Scalar(v *fastjson.Value) Value {
	switch v.Type() {
	case fastjson.TypeNull:
		return Value{Kind: Null}
	case fastjson.TypeString:
		return Value{Kind: String, Text: JSONText(v)}
	case fastjson.TypeNumber:
		text := JSONText(v)
		if !isNumber(text) {
			return Value{Kind: String, Text: text}
		}
		return Value{Kind: Number, Text: text}
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return Value{Kind: Bool, Text: JSONText(v)}
	}
	return Value{Kind: String, Text: JSON(v)}
}

// isNumber checks JSON's number grammar; the parser lets NaN, Infinity and worse pass.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := skipDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	if s = s[whole:]; strings.HasPrefix(s, ".") {
		n := skipDigits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := skipDigits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

func skipDigits(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// JSONText returns the text of a JSON value: the string itself, a number as written, true or false, "" for null and for an absent (nil)
// value, and JSON for objects and arrays. Invalid UTF-8 is replaced.
func JSONText(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return ""
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return strings.ToValidUTF8(string(b), "\uFFFD")
	case fastjson.TypeTrue:
		return "true"
	case fastjson.TypeFalse:
		return "false"
	}
	if t := v.Type(); t == fastjson.TypeObject || t == fastjson.TypeArray {
		return JSON(v)
	}
	return string(v.MarshalTo(nil))
}

// AppendJSONString appends s as a JSON string literal. Invalid UTF-8 is replaced.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	const hex = "0123456789abcdef"
	for _, r := range s { // an invalid byte arrives as U+FFFD
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// Dynamic builds the JSON text of a dynamic cell (AdditionalFields) member by member; the zero value is an empty object.
type Dynamic struct{ buf []byte }

func (d *Dynamic) key(name string) {
	if len(d.buf) == 0 {
		d.buf = append(d.buf, '{')
	} else {
		d.buf = append(d.buf, ',')
	}
	d.buf = AppendJSONString(d.buf, name)
	d.buf = append(d.buf, ':')
}

// Text adds a string member; an empty string is left out.
func (d *Dynamic) Text(name, value string) {
	if value != "" {
		d.key(name)
		d.buf = AppendJSONString(d.buf, value)
	}
}

// Int adds a number.
func (d *Dynamic) Int(name string, n int64) {
	d.key(name)
	d.buf = strconv.AppendInt(d.buf, n, 10)
}

// Bool adds a truth value.
func (d *Dynamic) Bool(name string, b bool) {
	d.key(name)
	d.buf = strconv.AppendBool(d.buf, b)
}

// Raw adds a member whose value is JSON already.
func (d *Dynamic) Raw(name, json string) {
	d.key(name)
	d.buf = append(d.buf, json...)
}

// Value adds a field value in its JSON type.
func (d *Dynamic) Value(name string, v Value) {
	d.key(name)
	d.buf = v.AppendJSON(d.buf)
}

// Reset empties d and keeps its memory.
func (d *Dynamic) Reset() { d.buf = d.buf[:0] }

// String returns the JSON text, "" when nothing was added.
func (d *Dynamic) String() string {
	if len(d.buf) == 0 {
		return ""
	}
	return string(append(d.buf, '}'))
}

// AppendJSON appends v as JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case Number, Bool:
		return append(dst, v.Text...)
	case List:
		dst = append(dst, '[')
		for i, m := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.AppendJSON(dst)
		}
		return append(dst, ']')
	}
	return AppendJSONString(dst, v.Text)
}
