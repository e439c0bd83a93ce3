package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Set is the mappings that apply to a tenant's records, in order: the first that takes a record has it. It does not change.
type Set struct{ mappings []*Mapping }

// NewSet returns the set of the mappings in that order.
func NewSet(mappings ...*Mapping) *Set { return &Set{mappings} }

// Map shows a record to the mappings after its family, whose rows and events are those of out from rows and events on. It reports whether one took the
// record; its rows stand in out then, in place of the family's. An error refuses the record: it names the mapping.
func (s *Set) Map(rec *normalise.Record, out *normalise.Batch, rows, events int) (bool, error) {
	if s == nil || len(rec.Data) > maxRecord {
		return false, nil
	}
	mapped := len(out.Rows) > rows
	var v *view
	for _, m := range s.mappings {
		if mapped && !m.Override || !mapped && out.Unmapped == "" && !m.Override || !m.takes(rec.Source) {
			continue
		}
		if v == nil {
			v = newView(rec, out, events)
		}
		cells, ok, err := m.program.Run(v.cells(m))
		if err != nil {
			return false, m.refuse(err)
		}
		if ok {
			m.apply(rec, v, cells, out, rows, events)
			return true, nil
		}
	}
	return false, nil
}

func (m *Mapping) refuse(err error) error {
	code := fault.Invalid
	var limit *fn.LimitError
	if errors.As(err, &limit) {
		code = fault.TooLarge
	}
	return fault.Newf(code, "mapping %s: %v", m.Name, err)
}

// apply makes the row and what rules see of it.
func (m *Mapping) apply(rec *normalise.Record, v *view, cells []any, out *normalise.Batch, rows, events int) {
	r := &schema.Row{Table: m.table, Values: make([]any, len(m.table.Columns))}
	at := v.time
	var extra normalise.Fields
	for i, o := range m.out {
		value := fn.Value{T: o.from, V: cells[i]}
		switch o.kind {
		case toTime:
			if n, ok := fn.Convert(value, plan.DateTime).V.(int64); ok {
				at = schema.TimeOf(n)
			}
		case toColumn:
			setCell(r, o.column, value)
		case toField:
			if f, ok := fieldOf(value); ok {
				extra = append(extra, normalise.Field{Name: o.field, Value: f})
			}
		}
	}
	if at.IsZero() {
		at = rec.Received
	}
	m.fill(r, rec, v, at)
	out.Rows = append(out.Rows[:rows], r)
	out.Unmapped = ""
	if len(out.Events) == events {
		out.Events = append(out.Events, &normalise.Event{Tenant: rec.Tenant, File: rec.File, Number: rec.Number, Lab: rec.Lab, Raw: rec.Data, Fields: v.fields()})
	}
	for _, ev := range out.Events[events:] {
		ev.Time, ev.Rows = at, []*schema.Row{r}
		if m.Logsource != (normalise.Logsource{}) {
			ev.Logsources = append(ev.Logsources[:len(ev.Logsources):len(ev.Logsources)], m.Logsource)
		}
		for _, f := range extra {
			ev.Fields = put(ev.Fields, f)
		}
	}
}

// put sets a field in a copy of the list's tail; lists of events are not shared.
func put(list normalise.Fields, f normalise.Field) normalise.Fields {
	for i := range list {
		if list[i].Name == f.Name {
			list[i].Value = f.Value
			return list
		}
	}
	return append(list, f)
}

func setCell(r *schema.Row, i int, v fn.Value) {
	if v.Null() {
		return
	}
	switch r.Table.Columns[i].Type {
	case schema.String:
		if s := fn.Text(v); s != "" {
			r.Values[i] = s
		}
	case schema.Bool:
		r.Values[i] = fn.Convert(v, plan.Bool).V
	case schema.Int:
		if n, ok := fn.Convert(v, plan.Int).V.(int64); ok {
			r.Values[i] = int32(n) //nolint:gosec // an int has 32 bits
		}
	case schema.Long:
		r.Values[i] = fn.Convert(v, plan.Long).V
	case schema.Real:
		r.Values[i] = fn.Convert(v, plan.Real).V
	case schema.DateTime:
		r.Values[i] = fn.Convert(v, plan.DateTime).V
	case schema.GUID:
		r.Values[i] = fn.Convert(v, plan.GUID).V
	default:
		if s, ok := v.V.(string); ok && (v.T == plan.Dynamic || v.T == plan.Unknown) {
			r.Values[i] = s
			return
		}
		r.Values[i] = fn.JSON(v)
	}
}

// fieldOf is a value as rules see it.
func fieldOf(v fn.Value) (normalise.Value, bool) {
	if v.Null() {
		return normalise.Value{}, false
	}
	if v.T == plan.Dynamic {
		if list, ok := fn.Elements(v); ok {
			out := normalise.Value{Kind: normalise.List}
			for _, e := range list {
				out.List = append(out.List, normalise.Value{Kind: normalise.String, Text: fn.Text(e)})
			}
			return out, true
		}
	}
	text := fn.Text(v)
	switch v.V.(type) {
	case bool:
		return normalise.Value{Kind: normalise.Bool, Text: text}, true
	case int64, float64:
		if v.T != plan.DateTime && v.T != plan.TimeSpan {
			return normalise.Value{Kind: normalise.Number, Text: text}, true
		}
	}
	return normalise.Value{Kind: normalise.String, Text: text}, text != ""
}

// maxKept bounds the text of a record that is kept in AdditionalFields when the mapping does not fill it.
const maxKept = 32 << 10

// fill sets what follows from the record and from other columns, where the mapping leaves it open.
func (m *Mapping) fill(r *schema.Row, rec *normalise.Record, v *view, at time.Time) {
	set := func(column string, value any) {
		if i := r.Table.Column(column); i >= 0 && r.Values[i] == nil {
			r.Set(column, value)
		}
	}
	set("Timestamp", at)
	if m.table.Custom {
		set("Computer", v.host)
		set("SourceKind", "mapping/"+m.Name)
		set("RawData", v.raw)
		return
	}
	if i := r.Table.Column("DeviceName"); i >= 0 {
		if r.Values[i] == nil {
			r.Set("DeviceName", normalise.DeviceName(v.host))
		}
		set("DeviceId", normalise.DeviceID(rec.Tenant, normalise.DeviceName(r.Text("DeviceName"))))
	}
	for _, side := range [...]string{"LocalIP", "RemoteIP"} {
		if r.Has(side + "Type") {
			set(side+"Type", normalise.IPType(r.Text(side)))
		}
	}
	if i := r.Table.Column("ReportId"); i >= 0 && r.Table.Columns[i].Type == schema.Long {
		set("ReportId", max(at.UnixMicro(), 0)<<6|rec.Number&63)
	}
	if r.Get("AdditionalFields") == nil {
		var d normalise.Dynamic
		d.Text("Mapping", m.Name)
		raw := v.raw
		if len(raw) > maxKept {
			raw = strings.ToValidUTF8(raw[:maxKept], "")
		}
		d.Text("RawData", raw)
		r.Set("AdditionalFields", d.String())
	}
}

// view is a record as expressions see it. It is made once for all mappings.
type view struct {
	rec     *normalise.Record
	kind    string
	event   *normalise.Event
	raw     string
	host    string
	time    time.Time
	object  *fastjson.Value // nil when the record is no JSON object
	base    []any
	record  string // what base has for Record, "" until it is needed
	members map[string]any
	parser  fastjson.Parser
}

func newView(rec *normalise.Record, out *normalise.Batch, events int) *view {
	v := &view{rec: rec, kind: out.Unmapped, members: map[string]any{}}
	if len(out.Events) > events {
		v.event = out.Events[events]
		v.time = v.event.Time
	}
	data := bytes.TrimSpace(rec.Data)
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	v.raw = string(data)
	if len(data) > 1 && data[0] == '{' && json.Valid(data) {
		if o, err := v.parser.ParseBytes(data); err == nil && o.Type() == fastjson.TypeObject {
			v.object = o
		}
	}
	v.host = first(v.text("host"), rec.Host, v.text("hostname"))
	message := first(v.text("message"), v.text("MESSAGE"), v.text("log"), v.raw)
	var when any
	if !v.time.IsZero() {
		when = schema.Ticks(v.time)
	}
	var received any
	if !rec.Received.IsZero() {
		received = schema.Ticks(rec.Received)
	}
	v.base = []any{v.raw, message, first(v.text("program"), v.text("SYSLOG_IDENTIFIER"), v.text("appname")), v.host, nil, rec.Source, v.kind, when, received, rec.File}
	return v
}

// recordField is where Record is among the fields.
const recordField = 4

// cells gives a mapping the values of the columns that it reads.
func (v *view) cells(m *Mapping) []any {
	names := m.program.Names()
	out := make([]any, len(v.base), len(v.base)+len(names))
	copy(out, v.base)
	if m.program.Uses("Record") {
		out[recordField] = v.whole()
	}
	for _, n := range names {
		if !m.program.Uses(n) {
			out = append(out, nil)
			continue
		}
		out = append(out, v.member(n))
	}
	return out
}

// whole is the record as an object: its own, or what the family read out of a text.
func (v *view) whole() any {
	if v.record == "" {
		if v.object != nil {
			v.record = normalise.JSON(v.object)
		} else {
			var d normalise.Dynamic
			for _, f := range v.fields() {
				d.Value(f.Name, f.Value)
			}
			if v.record = d.String(); v.record == "" {
				v.record = "{}"
			}
		}
	}
	return v.record
}

func (v *view) fields() normalise.Fields {
	if v.event == nil {
		return nil
	}
	return v.event.Fields
}

// member is the JSON text of a member of the record, else of a field that the family found.
func (v *view) member(name string) any {
	if known, ok := v.members[name]; ok {
		return known
	}
	var out any
	if v.object != nil {
		if m := v.object.Get(name); m != nil {
			if m.Type() != fastjson.TypeNull {
				out = normalise.JSON(m)
			}
			v.members[name] = out
			return out
		}
	}
	if f, ok := v.fields().Get(name); ok && f.Kind != normalise.Null {
		out = string(f.AppendJSON(nil))
	}
	v.members[name] = out
	return out
}

func (v *view) text(name string) string {
	if v.object != nil {
		if m := v.object.Get(name); m != nil && m.Type() == fastjson.TypeString {
			return normalise.JSONText(m)
		}
	}
	if f, ok := v.fields().Get(name); ok && f.Kind == normalise.String {
		return f.Text
	}
	return ""
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
