package winlog

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// decodeBeats reads what current Beats and Elastic agents write.
func decodeBeats(root *fastjson.Value, r *record) error {
	r.dialect = dialectBeats
	w := root.Get("winlog")
	r.provider = r.str(w.Get("provider_name"))
	r.channel = r.str(w.Get("channel"))
	r.computer = r.str(w.Get("computer_name"))
	if r.computer == "" {
		r.computer = r.str(root.Get("host", "name"))
	}
	id := w.Get("event_id")
	if id == nil {
		id = root.Get("event", "code")
	}
	r.eventID = r.number(id)
	r.recordID = r.str(w.Get("record_id"))
	r.version = r.str(w.Get("version"))
	r.activity = r.str(w.Get("activity_id"))
	r.processID = r.str(w.Get("process", "pid"))
	r.threadID = r.str(w.Get("process", "thread", "id"))
	r.userID = r.str(w.Get("user", "identifier"))
	r.level = levelOfName(r.str(root.Get("log", "level")))
	r.message = r.str(root.Get("message"))
	if k := w.Get("keywords"); k != nil {
		r.keywords = keywordText(k)
	}
	r.eventData(w.Get("event_data"))
	if u := w.Get("user_data"); u != nil {
		r.userData(u, 1)
	}
	r.readMoved(root)
	r.time, _ = normalise.ParseTime(normalise.JSONText(root.Get("@timestamp")))
	return nil
}

// decodeBeats6 reads the form of Winlogbeat before version 7.
func decodeBeats6(root *fastjson.Value, r *record) error {
	r.dialect = dialectBeats6
	r.provider = r.str(root.Get("source_name"))
	r.channel = r.str(root.Get("log_name"))
	r.computer = r.str(root.Get("computer_name"))
	if r.computer == "" {
		if r.computer = r.str(root.Get("host", "name")); r.computer == "" {
			r.computer = r.str(root.Get("beat", "hostname"))
		}
	}
	r.eventID = r.number(root.Get("event_id"))
	r.recordID = r.str(root.Get("record_number"))
	r.version = r.str(root.Get("version"))
	r.activity = r.str(root.Get("activity_id"))
	r.processID = r.str(root.Get("process_id"))
	r.threadID = r.str(root.Get("thread_id"))
	r.userID = r.str(root.Get("user", "identifier"))
	r.level = levelOfName(r.str(root.Get("level")))
	r.message = r.str(root.Get("message"))
	if k := root.Get("keywords"); k != nil {
		r.keywords = keywordText(k)
	}
	r.eventData(root.Get("event_data"))
	if u := root.Get("user_data"); u != nil {
		r.userData(u, 1)
	}
	at := root.Get("@timestamp")
	if at == nil {
		at = root.Get("@event_create_date")
	}
	r.time, _ = normalise.ParseTime(normalise.JSONText(at))
	return nil
}

// keywordText reads the names of keywords; the two that every audit event has one of become Windows' mask.
func keywordText(v *fastjson.Value) string {
	parts := []string{normalise.JSONText(v)}
	if list, err := v.Array(); err == nil {
		parts = parts[:0]
		for _, k := range list {
			parts = append(parts, normalise.JSONText(k))
		}
	}
	for _, p := range parts {
		switch p {
		case "Audit Success":
			return "0x8020000000000000"
		case "Audit Failure":
			return "0x8010000000000000"
		}
	}
	return strings.Join(parts, ",")
}

func levelOfName(s string) string {
	switch strings.ToLower(s) {
	case "critical":
		return "1"
	case "error":
		return "2"
	case "warning":
		return "3"
	case "information":
		return "4"
	case "verbose":
		return "5"
	}
	return s
}

// decodeEVTX reads the JSON shape of an event's XML. Attributes stand under "#attributes" (or as "@Name", "Name"), text under "#text"
// (or "Value"); EventData is an object by name, or the list of its Data elements.
func decodeEVTX(event *fastjson.Object, r *record) error {
	r.dialect = dialectEVTX
	system := event.Get("System")
	if system == nil || system.Type() != fastjson.TypeObject {
		return fault.Newf(fault.Invalid, "the event has no System part")
	}
	r.provider = r.str(attribute(system.Get("Provider"), "Name"))
	r.eventID = r.number(content(system.Get("EventID")))
	r.version = r.str(content(system.Get("Version")))
	r.level = r.str(content(system.Get("Level")))
	r.task = r.str(content(system.Get("Task")))
	r.opcode = r.str(content(system.Get("Opcode")))
	r.keywords = r.str(content(system.Get("Keywords")))
	r.recordID = r.str(content(system.Get("EventRecordID")))
	r.channel = r.str(content(system.Get("Channel")))
	r.computer = r.str(content(system.Get("Computer")))
	r.processID = r.str(attribute(system.Get("Execution"), "ProcessID"))
	r.threadID = r.str(attribute(system.Get("Execution"), "ThreadID"))
	r.userID = r.str(attribute(system.Get("Security"), "UserID"))
	r.activity = r.str(attribute(system.Get("Correlation"), "ActivityID"))
	r.time, _ = normalise.ParseTime(normalise.JSONText(attribute(system.Get("TimeCreated"), "SystemTime")))
	if d := event.Get("EventData"); d != nil {
		r.eventData(d)
	}
	if u := event.Get("UserData"); u != nil {
		r.userData(u, 0)
	}
	if p := event.Get("ProcessingErrorData"); p != nil {
		r.userData(p, 1)
	}
	if m := event.Get("RenderingInfo"); m != nil && m.Type() == fastjson.TypeObject {
		r.message = r.str(content(m.Get("Message")))
	}
	return nil
}

// attribute returns an element's XML attribute in any of the ways JSON converters write it.
func attribute(element *fastjson.Value, name string) *fastjson.Value {
	if element == nil {
		return nil
	}
	if element.Type() != fastjson.TypeObject {
		return nil
	}
	for _, in := range [...]string{"#attributes", "@attributes", "attributes", "$"} {
		if a := element.Get(in); a != nil {
			return a.Get(name)
		}
	}
	if v := element.Get("@" + name); v != nil {
		return v
	}
	return element.Get(name)
}

// content returns an element's text.
func content(element *fastjson.Value) *fastjson.Value {
	if element == nil || element.Type() != fastjson.TypeObject {
		return element
	}
	for _, in := range [...]string{"#text", "Value", "_", "text"} {
		if v := element.Get(in); v != nil {
			return v
		}
	}
	return nil
}

// eventData reads EventData: an object by field name, a list of Data elements, or a text that holds either as JSON or XML.
func (r *record) eventData(v *fastjson.Value) {
	if v == nil {
		return
	}
	switch v.Type() {
	case fastjson.TypeObject:
		o, _ := v.Object()
		o.Visit(func(key []byte, m *fastjson.Value) {
			switch string(key) {
			case "#attributes", "@attributes", "@xmlns", "xmlns":
				return
			case "Data":
				r.dataElements(m)
				return
			}
			r.add(r.names.name(key), r.fieldValue(r.names.name(key), m))
		})
	case fastjson.TypeArray:
		r.dataElements(v)
	case fastjson.TypeString:
		if text := r.str(v); text != "" {
			r.addText("Data", text)
		}
	}
}

// dataElements reads Data elements: named ones become fields, the others gather under "Data".
func (r *record) dataElements(v *fastjson.Value) {
	members, err := v.Array()
	if err != nil {
		members = []*fastjson.Value{v}
	}
	for _, m := range members {
		if m.Type() == fastjson.TypeArray {
			r.dataElements(m)
			continue
		}
		text := m
		if m.Type() == fastjson.TypeObject {
			text = content(m)
			if name := attribute(m, "Name"); name != nil && name.Type() == fastjson.TypeString {
				b, _ := name.StringBytes()
				n := r.names.name(b)
				if text == nil {
					r.add(n, normalise.Value{Kind: normalise.Null})
				} else {
					r.add(n, r.fieldValue(n, text))
				}
				continue
			}
			if text == nil {
				continue
			}
		}
		if text.Type() != fastjson.TypeNull {
			r.add("Data", r.value(text))
		}
	}
}

// fieldValue is value with converters' bare GUIDs put back into the braces that Windows writes.
func (r *record) fieldValue(name string, v *fastjson.Value) normalise.Value {
	if v.Type() == fastjson.TypeObject {
		if c := content(v); c != nil {
			v = c
		}
	}
	out := r.value(v)
	if out.Kind == normalise.String && len(out.Text) == 36 && isBareGUID(out.Text) && guidField(name) {
		out.Text = "{" + out.Text + "}"
	}
	return out
}

func guidField(name string) bool {
	return strings.HasSuffix(name, "Guid") || strings.HasSuffix(name, "GUID") || name == "TransactionId"
}

func isBareGUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '-' && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// userData reads UserData: the provider's own element (level 0) and its members, which become fields under their leaf names; what lies
// deeper is named with dots.
func (r *record) userData(v *fastjson.Value, level int) {
	o, err := v.Object()
	if err != nil {
		return
	}
	o.Visit(func(key []byte, m *fastjson.Value) {
		switch k := string(key); {
		case k == "#attributes" || k == "@attributes" || k == "xmlns" || strings.HasPrefix(k, "@xmlns"):
			return
		case level == 0 && m.Type() == fastjson.TypeObject:
			r.userData(m, 1)
			return
		}
		name := r.names.name(key)
		if m.Type() == fastjson.TypeObject && content(m) == nil {
			r.nested(name, m, 0)
			return
		}
		r.add(name, r.fieldValue(name, m))
	})
}

func (r *record) nested(prefix string, v *fastjson.Value, depth int) {
	var f normalise.Fields
	normalise.Flatten(&f, prefix, v)
	for _, x := range f {
		if !strings.Contains(x.Name, "#attributes.xmlns") {
			r.add(strings.ReplaceAll(x.Name, "#attributes.", ""), x.Value)
		}
	}
}
