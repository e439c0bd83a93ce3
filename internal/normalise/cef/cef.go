// Package cef reads the two event formats that firewalls, proxies, sensors and many other products share: ArcSight's Common Event Format (CEF) and
// QRadar's Log Event Extended Format (LEEF), bare or behind a syslog header.
//
// A message is taken apart (parse.go), its time is read (clock.go), its extension gets the names that both formats and the products agree on (names.go),
// and what it tells decides the table (classify.go): a connection, an inspected request or a signature is a row of DeviceNetworkEvents, a sign-in one of
// IdentityLogonEvents, found malware one of DeviceEvents. Everything else has no table of its own and is counted as CommonSecurityLog. Rules of the
// categories firewall, proxy and antivirus see all of it. No message raises an alert by itself: rules decide that (docs/sources.md).
package cef

import (
	"bytes"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Name is the family's id.
const Name = "cef"

// Family normalises CEF and LEEF messages. It keeps nothing between records.
type Family struct{}

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is one CEF or LEEF message.
func Probe(data []byte) int {
	if len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		return 0
	}
	if at := marker(data); at >= 0 && bytes.Count(data[at:min(len(data), at+4096)], []byte("|")) >= 4 {
		return 97
	}
	return 0
}

// Normalise implements normalise.Family.
func (*Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	data := bytes.TrimSpace(rec.Data)
	if len(data) == 0 {
		return fault.Newf(fault.Invalid, "cef: the record is empty")
	}
	if n := len(data) - 1; n > 0 && data[0] == '"' && data[n] == '"' { // a line of an export, quoted as a whole
		data = data[1:n]
	}
	m, ok := parse(strings.ToValidUTF8(string(data), "\uFFFD"))
	if !ok {
		return fault.Newf(fault.Invalid, "cef: the record is no CEF or LEEF message: its header needs a version, vendor, product, product version and event id between bars")
	}
	m.readTime(rec)
	rows := m.rows(rec)
	out.Rows = append(out.Rows, rows...)
	if len(rows) == 0 {
		out.Unmapped = Name + "/CommonSecurityLog"
	}
	out.Events = append(out.Events, &normalise.Event{
		Tenant: rec.Tenant, Time: m.at, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: m.logsources(), Fields: m.fields(), Rows: rows, Raw: rec.Data,
	})
	return nil
}

var _ normalise.Family = (*Family)(nil)
