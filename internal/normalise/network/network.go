// Package network turns what network sensors saw into hunting tables: Zeek logs and Suricata events into DeviceNetworkEvents, Zeek's Kerberos, NTLM
// and RPC logs into the Identity tables, SMB files into DeviceFileEvents, what proxies (Squid, W3C logs) were asked for into DeviceNetworkEvents. Lines of web
// servers have no table; they are named, and rules of the category webserver see them.
package network

import (
	"bytes"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "network"

// Family normalises records of network sensors. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a record of this family.
func Probe(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	if data[0] != '{' {
		head := string(data[:min(len(data), 4096)])
		if accessLine.MatchString(head) || squidLine.MatchString(head) {
			return 90
		}
		return 0
	}
	switch {
	case has(`"cs-method"`) && (has(`"cs-uri-stem"`) || has(`"cs-uri-path"`) || has(`"cs-uri"`) || has(`"c-uri"`)) && (has(`"c-ip"`) || has(`"s-ip"`)):
		return 93
	case has(`"event_type"`) && has(`"src_ip"`) && (has(`"dest_ip"`) || has(`"flow_id"`)):
		return 95
	case has(`"_path"`) && (has(`"ts"`) || has(`"uid"`) || has(`"_write_ts"`)):
		return 95
	case has(`"id.orig_h"`) || has(`"id_orig_h"`):
		return 93
	case has(`"ts":`) && (has(`"fuid"`) || has(`"certificate.serial"`) || has(`"ts_delta"`)):
		return 80
	}
	return 0
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	data := bytes.TrimSpace(rec.Data)
	if len(data) == 0 {
		return fault.Newf(fault.Invalid, "network: the record is empty")
	}
	if data[0] != '{' {
		return access(rec, strings.ToValidUTF8(string(data), "\uFFFD"), out)
	}
	v, err := cloudapp.Object(&f.parser, Name, data)
	if err != nil {
		return err
	}
	if v.Exists("event_type") && v.Exists("src_ip") {
		suricata(rec, v, out)
		return nil
	}
	if v.Exists("cs-method") {
		return w3c(rec, v, out)
	}
	zeek(rec, v, out)
	return nil
}

// flow is the two ends of a connection.
type flow struct {
	time             time.Time
	source, target   string
	sport, dport     string
	protocol         string
	inbound          bool
	id               string
	sourceIsLocal    bool
	sourceLocalKnown bool
}

// orient decides which end is ours: what the sensor says, else the private one, else the one that began.
func (f *flow) orient() {
	s, serr := netip.ParseAddr(f.source)
	t, terr := netip.ParseAddr(f.target)
	switch {
	case f.sourceLocalKnown:
		f.inbound = !f.sourceIsLocal
	case serr == nil && terr == nil:
		f.inbound = !s.IsPrivate() && t.IsPrivate()
	}
}

// row starts a row of DeviceNetworkEvents. The process behind a connection is not seen on the network.
func (f *flow) row(rec *normalise.Record, action string) *schema.Row {
	f.orient()
	r := schema.NewRow("DeviceNetworkEvents")
	r.Set("Timestamp", f.time)
	r.Set("ActionType", action)
	local, remote, lport, rport := f.source, f.target, f.sport, f.dport
	if f.inbound {
		local, remote, lport, rport = f.target, f.source, f.dport, f.sport
	}
	r.Set("LocalIP", local)
	r.Set("LocalIPType", normalise.IPType(local))
	r.Set("RemoteIP", remote)
	r.Set("RemoteIPType", normalise.IPType(remote))
	if n, ok := normalise.Port(lport); ok {
		r.Set("LocalPort", n)
	}
	if n, ok := normalise.Port(rport); ok {
		r.Set("RemotePort", n)
	}
	r.Set("Protocol", protocol(f.protocol))
	r.Set("ReportId", max(f.time.UnixMicro(), 0)<<6|rec.Number&63)
	return r
}

func protocol(s string) string {
	switch s = strings.ToLower(s); s {
	case "tcp", "udp", "icmp":
		return strings.ToUpper(s[:1]) + s[1:]
	case "ipv6-icmp", "icmp6":
		return "Icmp"
	}
	return s
}

func emit(rec *normalise.Record, out *normalise.Batch, kind string, when time.Time, fields normalise.Fields, rows []*schema.Row, sources ...normalise.Logsource) {
	out.Rows = append(out.Rows, rows...)
	if len(rows) == 0 {
		out.Unmapped = Name + "/" + kind
	}
	out.Events = append(out.Events, &normalise.Event{Tenant: rec.Tenant, Time: when, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: sources, Fields: fields, Rows: rows, Raw: rec.Data})
}

// word keeps names out of records short and plain before they count something.
func word(s string) string {
	if len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) || s == "" {
		return "unknown"
	}
	return s
}

// logName guesses the log a row without "_path" belongs to by its file: conn.log, dns.2031-03-04.log.gz, HOST_conn.log.
func logName(file string) string {
	if i := strings.LastIndexByte(file, '#'); i >= 0 {
		file = file[i+1:]
	}
	name, _, _ := strings.Cut(path.Base(strings.ReplaceAll(file, `\`, "/")), ".")
	if i := strings.LastIndexAny(name, "- "); i >= 0 && !zeekLogs[name] {
		name = name[i+1:]
	}
	for !zeekLogs[name] {
		i := strings.IndexByte(name, '_')
		if i < 0 {
			return ""
		}
		name = name[i+1:]
	}
	return name
}

var _ normalise.Family = (*Family)(nil)
