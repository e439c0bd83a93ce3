package cloudapp

import (
	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// wrappers are the members under which shippers and event buses put a record.
var wrappers = []string{"detail", "event", "Event", "message", "_raw", "raw", "record"}

// Unwrap returns the record that v holds, and its JSON text: v itself when known says that it is one, else what stands in one of the members that
// shippers use (EventBridge's detail, a collector's event, a message with JSON in it), else v. raw is v's own text.
func Unwrap(v *fastjson.Value, raw string, known func(*fastjson.Value) bool) (*fastjson.Value, string) {
	if known(v) {
		return v, raw
	}
	for _, name := range wrappers {
		if inner := Unpack(v.Get(name)); inner != nil && inner.Type() == fastjson.TypeObject && known(inner) {
			return inner, normalise.JSON(inner)
		}
	}
	return v, raw
}

// Has returns a test for a record by one of its members.
func Has(member string) func(*fastjson.Value) bool {
	return func(v *fastjson.Value) bool { return Text(v, member) != "" }
}
