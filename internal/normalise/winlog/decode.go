package winlog

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// maxRecord bounds one record. Windows itself stops at 64 kB of binary XML per event; rendered forms are a few times larger.
const maxRecord = 16 << 20

// decode reads data, in whichever dialect it is, into r.
func decode(p *fastjson.Parser, data []byte, r *record) error {
	r.reset()
	if len(data) > maxRecord {
		return fault.Newf(fault.TooLarge, "a Windows event of %d bytes is over the limit of %d", len(data), maxRecord)
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return fault.Newf(fault.Invalid, "the record is empty")
	}
	r.text.Grow(len(data))
	if data[0] == '<' {
		return decodeXML(data, r)
	}
	v, err := p.ParseBytes(data)
	if err != nil {
		return fault.Newf(fault.Invalid, "the record is not JSON: %s", clip(err.Error(), 200))
	}
	root, err := v.Object()
	if err != nil {
		return fault.Newf(fault.Invalid, "the record is a JSON %s, not an object", v.Type())
	}
	switch shapeOf(root) {
	case dialectEVTX:
		event := root
		if e := v.GetObject("Event"); e != nil {
			event = e
		}
		err = decodeEVTX(event, r)
	case dialectBeats:
		err = decodeBeats(v, r)
	case dialectBeats6:
		err = decodeBeats6(v, r)
	case dialectAzure:
		err = decodeAzure(p, root, r)
	case dialectNXLog:
		err = decodeNXLog(root, r)
	case dialectExport:
		err = decodeExport(root, r)
	default:
		return fault.Newf(fault.Invalid, "the record is not a Windows event: it has none of the field sets of a known dialect")
	}
	if err != nil {
		return err
	}
	return r.check()
}

// check refuses what cannot be placed: no event id.
func (r *record) check() error {
	if r.eventID <= 0 && r.provider == "" && r.channel == "" {
		return fault.Newf(fault.Invalid, "the record names no event id")
	}
	return nil
}

// shapeOf tells the dialect from the keys of the outermost object.
func shapeOf(root *fastjson.Object) dialect {
	if e := root.Get("Event"); e != nil && e.Type() == fastjson.TypeObject {
		return dialectEVTX
	}
	if w := root.Get("winlog"); w != nil && w.Type() == fastjson.TypeObject {
		return dialectBeats
	}
	if s := root.Get("System"); s != nil && s.Type() == fastjson.TypeObject {
		return dialectEVTX
	}
	if has(root, "event_id") && (has(root, "log_name") || has(root, "event_data") || has(root, "source_name")) {
		return dialectBeats6
	}
	if !has(root, "EventID") {
		return dialectUnknown
	}
	if has(root, "EventTime") && (has(root, "Hostname") || has(root, "HOSTNAME") || has(root, "SourceName")) {
		return dialectNXLog
	}
	if has(root, "TimeGenerated") && (has(root, "Computer") || has(root, "EventSourceName") || has(root, "Source")) {
		return dialectAzure
	}
	if has(root, "TimeCreated") || has(root, "@timestamp") || has(root, "Channel") || has(root, "SourceName") || has(root, "Computer") || has(root, "Hostname") {
		return dialectExport
	}
	return dialectUnknown
}

func has(o *fastjson.Object, key string) bool { return o.Get(key) != nil }

// value copies a JSON value into the record. Objects and nested arrays keep their JSON text.
func (r *record) value(v *fastjson.Value) normalise.Value {
	switch v.Type() {
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return normalise.Value{Kind: normalise.String, Text: r.keep(b)}
	case fastjson.TypeArray:
		members, _ := v.Array()
		list := make([]normalise.Value, 0, len(members))
		for _, m := range members {
			list = append(list, normalise.Scalar(m))
		}
		return normalise.Value{Kind: normalise.List, List: list}
	}
	return normalise.Scalar(v)
}

// str returns a JSON string's or number's text as part of the record.
func (r *record) str(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	if v.Type() == fastjson.TypeString {
		b, _ := v.StringBytes()
		return r.keep(b)
	}
	return normalise.JSONText(v)
}

func (r *record) number(v *fastjson.Value) int {
	if v == nil {
		return 0
	}
	if v.Type() == fastjson.TypeNumber {
		n, _ := v.Int()
		return n
	}
	n, _ := parseInt(normalise.JSONText(v))
	if n < 0 || n > 1<<31 {
		return 0
	}
	return int(n)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
