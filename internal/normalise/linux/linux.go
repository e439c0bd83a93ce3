// Package linux turns Linux logs into Device* tables: audit events (all lines of an event in one record, as the reader groups them), syslog lines of
// sshd, sudo, su, cron and account tools, and osquery results. Rules see audit events line by line under the audit's own field names, and process
// starts, connections and file changes under the names that rules for all systems share.
package linux

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Name is the family's id.
const Name = "linux"

// Family normalises Linux logs. It is used by one goroutine.
type Family struct {
	parser fastjson.Parser
	cache  *normalise.ProcessCache
	tenant tenant.ID // of the record in hand
}

// New returns the family. The processes that it sees go into the cache, which it may share with other families; without one, nothing is known of the process
// behind an event but what the event says.
func New(cache ...*normalise.ProcessCache) *Family {
	f := &Family{}
	if len(cache) > 0 {
		f.cache = cache[0]
	}
	return f
}

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a record of this family.
func Probe(data []byte) int {
	head := data[:min(len(data), 512)]
	switch {
	case len(head) == 0:
		return 0
	case head[0] == '{':
		if bytes.Contains(data, []byte(`"hostIdentifier"`)) && bytes.Contains(data, []byte(`"columns"`)) {
			return 90
		}
		return 0
	case bytes.Contains(head, []byte("msg=audit(")) && bytes.Contains(head, []byte("type=")):
		return 98
	}
	if l, ok := parseSyslog(string(firstLine(head)), nil); ok && l.program != "" {
		if services[l.program] != "" {
			return 90
		}
		return 55
	}
	return 0
}

func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i]
	}
	return b
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	f.tenant = rec.Tenant
	data := bytes.TrimSpace(rec.Data)
	switch {
	case len(data) == 0:
		return fault.Newf(fault.Invalid, "linux: the record is empty")
	case data[0] == '{':
		return f.osquery(rec, out)
	case bytes.Contains(firstLine(data), []byte("msg=audit(")):
		return f.auditEvent(rec, strings.ToValidUTF8(string(data), "\uFFFD"), out)
	}
	return syslogLine(rec, strings.ToValidUTF8(string(data), "\uFFFD"), out)
}

// row starts a row of a device table.
func row(rec *normalise.Record, table, action, host string, at timeSource) *schema.Row {
	r := schema.NewRow(table)
	name := normalise.DeviceName(host)
	r.Set("Timestamp", at.time)
	r.Set("DeviceName", name)
	r.Set("DeviceId", normalise.DeviceID(rec.Tenant, name))
	r.Set("ActionType", action)
	r.Set("ReportId", max(at.time.UnixMicro(), 0)<<6|rec.Number&63)
	return r
}

func event(rec *normalise.Record, at timeSource, fields normalise.Fields, rows []*schema.Row, sources ...normalise.Logsource) *normalise.Event {
	return &normalise.Event{Tenant: rec.Tenant, Time: at.time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: sources, Fields: fields, Rows: rows, Raw: rec.Data}
}

func logsource(category, service string) normalise.Logsource {
	return normalise.Logsource{Product: "linux", Category: category, Service: service}
}

var _ normalise.Family = (*Family)(nil)
