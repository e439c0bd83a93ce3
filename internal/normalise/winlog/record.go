package winlog

import (
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// dialect is the form in which a Windows event was written down.
type dialect uint8

const (
	dialectUnknown dialect = iota
	dialectNXLog           // one level, EventTime in the host's local time
	dialectExport          // one level, TimeCreated as a script exported it
	dialectBeats6          // event_id, log_name, event_data
	dialectBeats           // winlog.event_data
	dialectEVTX            // {"Event":{"System":…}}
	dialectXML             // <Event>…</Event>
	dialectAzure           // row of SecurityEvent, Event or WindowsEvent
)

// record is one decoded event: what every event has (System), and the provider's own data. It is reused between records.
type record struct {
	dialect  dialect
	provider string
	channel  string
	computer string
	eventID  int
	time     time.Time
	// localTime says that time was written without a trustworthy zone and may need the device's learned offset.
	localTime bool

	recordID  string
	version   string
	level     string
	task      string
	opcode    string
	keywords  string
	processID string // of the writing process (System/Execution)
	threadID  string
	userID    string // System/Security
	activity  string
	message   string
	// sigma is the channel's service as rules name it, "" for none; see logsource.go.
	sigma string

	data []datum

	text  strings.Builder // backs every string of the record that came out of the parser
	names *interner
}

// datum is one field of the provider's data.
type datum struct {
	name string
	normalise.Value
	used bool // a mapped column holds it already
}

func (r *record) reset() {
	data, names := r.data[:0], r.names
	*r = record{data: data, names: names}
}

// keep copies b into the record's text and returns it as a string; one allocation serves all strings of a record.
func (r *record) keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	start := r.text.Len()
	r.text.Write(b)
	s := r.text.String()[start:]
	if !validASCII(s) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

func validASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// add appends a data field. A name that is present already gathers its values in a list.
func (r *record) add(name string, v normalise.Value) {
	for i := range r.data {
		d := &r.data[i]
		if d.name != name {
			continue
		}
		if d.Kind != normalise.List {
			d.Value = normalise.Value{Kind: normalise.List, List: []normalise.Value{d.Value}}
		}
		if v.Kind == normalise.List {
			d.List = append(d.List, v.List...)
		} else {
			d.List = append(d.List, v)
		}
		return
	}
	if len(r.data) >= maxData {
		return
	}
	r.data = append(r.data, datum{name: name, Value: v})
}

// maxData bounds the fields of one record; real events stay below 100.
const maxData = 512

func (r *record) addText(name, text string) {
	r.add(name, normalise.Value{Kind: normalise.String, Text: text})
}

func (r *record) find(name string) *datum {
	for i := range r.data {
		if r.data[i].name == name {
			return &r.data[i]
		}
	}
	return nil
}

// peek returns a data field's text without marking it used; "-" counts as absent.
func (r *record) peek(name string) string {
	if d := r.find(name); d != nil && d.Text != "-" {
		return d.Text
	}
	return ""
}

// get returns a data field's text and marks it used, so that it does not show up in AdditionalFields.
func (r *record) get(name string) string {
	d := r.find(name)
	if d == nil {
		return ""
	}
	d.used = true
	if d.Text == "-" {
		return ""
	}
	return d.Text
}

// first returns the first named field that has a value and marks all of them used.
func (r *record) first(names ...string) string {
	out := ""
	for _, n := range names {
		if v := r.get(n); out == "" {
			out = v
		}
	}
	return out
}

// use marks fields used.
func (r *record) use(names ...string) {
	for _, n := range names {
		if d := r.find(n); d != nil {
			d.used = true
		}
	}
}

// integer reads a data field as an unsigned number, decimal or 0x….
func (r *record) integer(name string) (int64, bool) { return parseInt(r.get(name)) }

func parseInt(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false
	}
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		n, err := strconv.ParseUint(s[2:], 16, 64)
		return int64(n), err == nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// interner keeps one copy of each field name. It is bounded: names beyond that are copied each time.
type interner struct{ names map[string]string }

const (
	maxNames   = 4096
	maxNameLen = 128
)

func newInterner() *interner { return &interner{names: make(map[string]string, 256)} }

func (n *interner) name(b []byte) string {
	if s, ok := n.names[string(b)]; ok {
		return s
	}
	if len(b) > maxNameLen {
		b = b[:maxNameLen]
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	if len(n.names) < maxNames {
		n.names[s] = s
	}
	return s
}
