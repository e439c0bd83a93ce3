package normalise

import "github.com/valyala/fastjson"

// JSON renders v as compact JSON text, "null" for nil. The parser's own writer quotes text the way Go source does, which is no JSON for control and
// private characters and for invalid UTF-8; here those are escaped or replaced.
func JSON(v *fastjson.Value) string { return string(appendValue(nil, v)) }

func appendValue(dst []byte, v *fastjson.Value) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	switch v.Type() {
	case fastjson.TypeObject:
		dst = append(dst, '{')
		o, _ := v.Object()
		empty := true
		o.Visit(func(key []byte, member *fastjson.Value) {
			if !empty {
				dst = append(dst, ',')
			}
			empty = false
			dst = AppendJSONString(dst, string(key))
			dst = append(dst, ':')
			dst = appendValue(dst, member)
		})
		return append(dst, '}')
	case fastjson.TypeArray:
		dst = append(dst, '[')
		for i, member := range v.GetArray() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, member)
		}
		return append(dst, ']')
	case fastjson.TypeString:
		return AppendJSONString(dst, string(v.GetStringBytes()))
	case fastjson.TypeNumber:
		text := string(v.MarshalTo(nil))
		if !isNumber(text) {
			return AppendJSONString(dst, text)
		}
		return append(dst, text...)
	case fastjson.TypeTrue:
		return append(dst, "true"...)
	case fastjson.TypeFalse:
		return append(dst, "false"...)
	}
	return append(dst, "null"...)
}
