package network

import (
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// zeekLogs are the logs by name.
var zeekLogs = map[string]bool{
	"conn": true, "dns": true, "http": true, "ssl": true, "ssh": true, "ftp": true, "smtp": true, "kerberos": true, "ntlm": true, "dce_rpc": true,
	"smb_files": true, "smb_mapping": true, "smb_cmd": true, "files": true, "x509": true, "notice": true, "weird": true, "rdp": true, "dhcp": true, "pe": true, "dpd": true,
	"software": true, "tunnel": true, "known_hosts": true, "known_services": true, "ldap": true, "ldap_search": true, "sip": true, "snmp": true, "socks": true, "syslog": true,
	"radius": true, "mysql": true, "ntp": true, "intel": true, "irc": true, "rfb": true, "modbus": true, "dnp3": true, "stats": true, "capture_loss": true, "loaded_scripts": true,
	"packet_filter": true, "reporter": true, "signatures": true, "traceroute": true, "arp": true, "ocsp": true, "known_certs": true,
}

// signs tell a log that does not name itself by a member that only it has.
var signs = []struct{ member, log string }{
	{"conn_state", "conn"},
	{"qtype_name", "dns"},
	{"call_id", "sip"},
	{"request_path", "sip"},
	{"nick", "irc"},
	{"addl", "irc"},
	{"stratum", "ntp"},
	{"fc_request", "dnp3"},
	{"tunnel_type", "tunnel"},
	{"bound.host", "socks"},
	{"connect_info", "radius"},
	{"seen.indicator", "intel"},
	{"failure_reason", "dpd"},
	{"status_code", "http"},
	{"user_agent", "http"},
	{"validation_status", "ssl"},
	{"ssl_history", "ssl"},
	{"server_name", "ssl"},
	{"auth_success", "ssh"},
	{"hassh", "ssh"},
	{"share_type", "smb_mapping"},
	{"named_pipe", "dce_rpc"},
	{"request_type", "kerberos"},
	{"ntlm", "ntlm"},
	{"domainname", "ntlm"},
	{"server_tree_name", "ntlm"},
	{"mailfrom", "smtp"},
	{"trans_depth", "smtp"},
	{"note", "notice"},
	{"fuid", "files"},
	{"certificate.serial", "x509"},
	{"reply_code", "ftp"},
	{"command", "ftp"},
	{"cookie", "rdp"},
	{"query", "dns"},
}

// member finds a member in the three ways in which exports write a dotted name.
func member(v *fastjson.Value, name string) string {
	if s := cloudapp.Text(v, name); s != "" {
		return s
	}
	if strings.Contains(name, ".") {
		if s := cloudapp.Text(v, strings.ReplaceAll(name, ".", "_")); s != "" {
			return s
		}
		return cloudapp.Text(v, strings.Split(name, ".")...)
	}
	return ""
}

func zeek(rec *normalise.Record, v *fastjson.Value, out *normalise.Batch) {
	log := cloudapp.First(v, "_path", "@stream")
	if log == "" {
		log = logName(rec.File)
	}
	for i := 0; log == "" && i < len(signs); i++ {
		if v.Exists(signs[i].member) {
			log = signs[i].log
		}
	}
	f := flow{
		time: cloudapp.Time(v, "ts", "_write_ts", "@timestamp"), source: normalise.CleanIP(member(v, "id.orig_h")), target: normalise.CleanIP(member(v, "id.resp_h")),
		sport: member(v, "id.orig_p"), dport: member(v, "id.resp_p"), protocol: cloudapp.Text(v, "proto"), id: cloudapp.Text(v, "uid"),
	}
	if local := cloudapp.Text(v, "local_orig"); local != "" {
		f.sourceIsLocal, f.sourceLocalKnown = local == "true" || local == "T", true
	}
	var rows []*schema.Row
	switch log {
	case "conn":
		rows = append(rows, f.conn(rec, v))
	case "http", "ssl", "dns", "ssh", "ftp", "smtp", "rdp":
		rows = append(rows, f.inspected(rec, v, log))
	case "kerberos", "ntlm":
		rows = append(rows, f.logon(v, log))
	case "dce_rpc":
		if r := f.rpc(v); r != nil {
			rows = append(rows, r)
		}
	case "ldap_search":
		rows = append(rows, f.ldap(v))
	case "smb_files":
		if r := f.smb(rec, v); r != nil {
			rows = append(rows, r)
		}
	case "notice", "signatures", "intel":
		rows = append(rows, f.recognised(rec, v, log))
	case "dhcp":
		rows = append(rows, lease(rec, v, f.time)...)
	}
	fields := cloudapp.Flat(v)
	for _, name := range []string{"id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"} {
		cloudapp.Add(&fields, name, member(v, name))
	}
	sources := []normalise.Logsource{{Product: "zeek", Service: log}}
	switch log {
	case "dns":
		cloudapp.Add(&fields, "record_type", cloudapp.Text(v, "qtype_name"))
		cloudapp.AddList(&fields, "answer", texts(v.Get("answers"))...)
		sources = append(sources, normalise.Logsource{Product: "zeek", Category: "dns", Service: log})
	case "http":
		cloudapp.Add(&fields, "c-uri", cloudapp.Text(v, "uri"))
		cloudapp.Add(&fields, "cs-uri", cloudapp.Text(v, "uri"))
		stem, query, _ := strings.Cut(cloudapp.Text(v, "uri"), "?")
		cloudapp.Add(&fields, "cs-uri-stem", stem)
		cloudapp.Add(&fields, "cs-uri-query", query)
		cloudapp.Add(&fields, "cs-method", cloudapp.Text(v, "method"))
		cloudapp.Add(&fields, "cs-host", cloudapp.Text(v, "host"))
		cloudapp.Add(&fields, "c-useragent", cloudapp.Text(v, "user_agent"))
		cloudapp.Add(&fields, "cs-user-agent", cloudapp.Text(v, "user_agent"))
		cloudapp.Add(&fields, "cs-referer", cloudapp.Text(v, "referrer"))
		cloudapp.Add(&fields, "sc-status", cloudapp.Text(v, "status_code"))
		sources = append(sources, normalise.Logsource{Product: "zeek", Category: "proxy", Service: log}, normalise.Logsource{Product: "zeek", Category: "webserver", Service: log})
	case "conn":
		cloudapp.Add(&fields, "src_ip", f.source)
		cloudapp.Add(&fields, "dst_ip", f.target)
		cloudapp.Add(&fields, "dst_port", f.dport)
		sources = append(sources, normalise.Logsource{Product: "zeek", Category: "firewall", Service: log})
	}
	emit(rec, out, "zeek-"+word(log), f.time, fields, rows, sources...)
}

func texts(v *fastjson.Value) []string {
	var out []string
	for _, m := range cloudapp.Elements(v) {
		out = append(out, normalise.JSONText(m))
	}
	return out
}

func (f *flow) additional(v *fastjson.Value, log string) string {
	var d normalise.Dynamic
	d.Text("Source", "zeek")
	d.Text("Log", log)
	n := 0
	cloudapp.Members(v, func(name string, m *fastjson.Value) {
		switch name {
		case "ts", "_path", "_write_ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p", "proto", "Source", "Log":
			return
		}
		if n++; n <= 200 && m.Type() != fastjson.TypeNull {
			d.Raw(name, normalise.JSON(m))
		}
	})
	return d.String()
}

// Connection states and what became of the connection.
var states = map[string]string{
	"SF": "ConnectionSuccess", "S1": "ConnectionSuccess", "S2": "ConnectionSuccess", "S3": "ConnectionSuccess", "RSTO": "ConnectionSuccess", "RSTR": "ConnectionSuccess",
	"S0": "ConnectionFailed", "REJ": "ConnectionFailed", "RSTOS0": "ConnectionFailed", "RSTRH": "ConnectionFailed", "SH": "ConnectionFailed", "SHR": "ConnectionFailed", "OTH": "ConnectionFound",
}

func (f *flow) conn(rec *normalise.Record, v *fastjson.Value) *schema.Row {
	action := states[cloudapp.Text(v, "conn_state")]
	if action == "" {
		action = "ConnectionFound"
	}
	f.orient()
	if f.inbound && action == "ConnectionSuccess" {
		action = "InboundConnectionAccepted"
	}
	r := f.row(rec, action)
	r.Set("AdditionalFields", f.additional(v, "conn"))
	return r
}

// inspections are the action types of application logs.
var inspections = map[string]string{
	"http": "HttpConnectionInspected", "ssl": "SslConnectionInspected", "dns": "DnsConnectionInspected", "ssh": "SshConnectionInspected",
	"ftp": "FtpConnectionInspected", "smtp": "SmtpConnectionInspected", "rdp": "RdpConnectionInspected",
}

func (f *flow) inspected(rec *normalise.Record, v *fastjson.Value, log string) *schema.Row {
	if f.protocol == "" {
		f.protocol = "tcp"
	}
	r := f.row(rec, inspections[log])
	switch log {
	case "http":
		host, uri := cloudapp.Text(v, "host"), cloudapp.Text(v, "uri")
		if host != "" && strings.HasPrefix(uri, "/") {
			uri = "http://" + host + uri
		}
		if uri == "" {
			uri = host
		}
		r.Set("RemoteUrl", uri)
	case "ssl":
		r.Set("RemoteUrl", cloudapp.Text(v, "server_name"))
	case "dns":
		r.Set("RemoteUrl", cloudapp.Text(v, "query"))
	}
	r.Set("AdditionalFields", f.additional(v, log))
	return r
}

// recognised renders what the sensor's own rules found: notices, signatures, and indicators seen.
func (f *flow) recognised(rec *normalise.Record, v *fastjson.Value, log string) *schema.Row {
	for _, end := range []struct {
		to    *string
		names []string
	}{{&f.source, []string{"src", "src_addr"}}, {&f.target, []string{"dst", "dst_addr"}}, {&f.dport, []string{"p", "dst_port"}}, {&f.sport, []string{"src_port"}}} {
		if s := cloudapp.First(v, end.names...); *end.to == "" {
			if *end.to = s; end.to == &f.source || end.to == &f.target {
				*end.to = normalise.CleanIP(s)
			}
		}
	}
	r := f.row(rec, "NetworkSignatureInspected")
	if log == "intel" && (cloudapp.Text(v, "seen.indicator_type") == "Intel::URL" || cloudapp.Text(v, "seen.indicator_type") == "Intel::DOMAIN") {
		r.Set("RemoteUrl", cloudapp.Text(v, "seen.indicator"))
	}
	r.Set("AdditionalFields", f.additional(v, log))
	return r
}

// lease renders that a device was given an address: a row of DeviceNetworkInfo and one of DeviceInfo with what the lease tells; what derives the snapshots
// completes them.
func lease(rec *normalise.Record, v *fastjson.Value, at time.Time) []*schema.Row {
	ip, mac := normalise.CleanIP(cloudapp.First(v, "assigned_addr", "assigned_ip")), cloudapp.Text(v, "mac")
	name := normalise.DeviceName(cloudapp.First(v, "client_fqdn", "host_name"))
	if domain := cloudapp.Text(v, "domain"); domain != "" && name != "" && !strings.Contains(name, ".") {
		name = normalise.DeviceName(name + "." + domain)
	}
	if ip == "" || name == "" {
		return nil
	}
	rows := []*schema.Row{schema.NewRow("DeviceInfo"), schema.NewRow("DeviceNetworkInfo")}
	for _, r := range rows {
		r.Set("Timestamp", at)
		r.Set("DeviceName", name)
		r.Set("DeviceId", normalise.DeviceID(rec.Tenant, name))
		r.Set("ReportId", max(at.UnixMicro(), 0)<<6|rec.Number&63)
		r.Set("OnboardingStatus", "Insufficient info")
	}
	var address normalise.Dynamic
	address.Text("IPAddress", ip)
	rows[1].Set("MacAddress", mac)
	rows[1].Set("IPAddresses", "["+address.String()+"]")
	rows[1].Set("IPv4Dhcp", normalise.CleanIP(cloudapp.First(v, "server_addr")))
	return rows
}

func (f *flow) identity(table, action, protocol string) *schema.Row {
	r := schema.NewRow(table)
	r.Set("Timestamp", f.time)
	r.Set("ActionType", action)
	r.Set("Application", "Active Directory")
	r.Set("Protocol", protocol)
	r.Set("IPAddress", f.source)
	if n, ok := normalise.Port(f.sport); ok {
		r.Set("Port", n)
	}
	r.Set("DestinationIPAddress", f.target)
	if n, ok := normalise.Port(f.dport); ok {
		r.Set("DestinationPort", n)
	}
	r.Set("ReportId", f.id)
	return r
}

func (f *flow) logon(v *fastjson.Value, log string) *schema.Row {
	ok := cloudapp.Text(v, "success")
	action := "LogonSuccess"
	if ok == "false" || ok == "F" {
		action = "LogonFailed"
	}
	r := f.identity("IdentityLogonEvents", action, map[string]string{"kerberos": "Kerberos", "ntlm": "Ntlm"}[log])
	r.Set("LogonType", "Credentials validation")
	if log == "kerberos" {
		name, realm, _ := strings.Cut(cloudapp.Text(v, "client"), "/")
		r.Set("AccountName", name)
		r.Set("AccountDomain", realm)
		r.Set("FailureReason", cloudapp.Text(v, "error_msg"))
		if cloudapp.Text(v, "request_type") == "TGS" {
			r.Set("LogonType", "Resource access")
		}
		r.Set("TargetDeviceName", cloudapp.Text(v, "service"))
	} else {
		r.Set("AccountName", cloudapp.Text(v, "username"))
		r.Set("AccountDomain", cloudapp.Text(v, "domainname"))
		r.Set("DeviceName", cloudapp.Text(v, "hostname"))
		r.Set("DestinationDeviceName", cloudapp.First(v, "server_dns_computer_name", "server_nb_computer_name"))
		if action == "LogonFailed" {
			r.Set("FailureReason", cloudapp.Text(v, "status"))
		}
	}
	r.Set("AdditionalFields", f.additional(v, log))
	return r
}

// rpc renders the remote calls that change or ask the directory.
func (f *flow) rpc(v *fastjson.Value) *schema.Row {
	operation := cloudapp.Text(v, "operation")
	var r *schema.Row
	switch strings.ToLower(cloudapp.Text(v, "endpoint")) {
	case "samr":
		r = f.identity("IdentityQueryEvents", "SAMR query", "Samr")
		r.Set("QueryType", operation)
	case "srvsvc":
		r = f.identity("IdentityDirectoryEvents", "SMB session", "Smb")
	case "svcctl":
		r = f.identity("IdentityDirectoryEvents", "Service creation", "Rpc")
	case "atsvc", "itaskschedulerservice":
		r = f.identity("IdentityDirectoryEvents", "Task scheduling", "Rpc")
	case "protected_storage", "lsarpc", "backupkey":
		r = f.identity("IdentityDirectoryEvents", "Private Data retrieval", "Rpc")
	case "drsuapi":
		if !strings.Contains(strings.ToLower(operation), "getncchanges") {
			return nil
		}
		r = f.identity("IdentityDirectoryEvents", "Directory Service replication", "Drsr")
	default:
		return nil
	}
	r.Set("AdditionalFields", f.additional(v, "dce_rpc"))
	return r
}

func (f *flow) ldap(v *fastjson.Value) *schema.Row {
	r := f.identity("IdentityQueryEvents", "LDAP query", "Ldap")
	r.Set("Query", cloudapp.Text(v, "filter"))
	r.Set("QueryTarget", cloudapp.Text(v, "base_object"))
	r.Set("QueryType", cloudapp.Text(v, "scope"))
	r.Set("AdditionalFields", f.additional(v, "ldap_search"))
	return r
}

// smb renders what a share's file went through; opening alone says nothing.
func (f *flow) smb(rec *normalise.Record, v *fastjson.Value) *schema.Row {
	action := map[string]string{"SMB::FILE_WRITE": "FileModified", "SMB::FILE_DELETE": "FileDeleted", "SMB::FILE_RENAME": "FileRenamed"}[cloudapp.Text(v, "action")]
	if action == "" {
		return nil
	}
	r := schema.NewRow("DeviceFileEvents")
	r.Set("Timestamp", f.time)
	r.Set("ActionType", action)
	share, name := cloudapp.Text(v, "path"), cloudapp.Text(v, "name")
	r.Set("FolderPath", strings.TrimRight(share, `\`)+`\`+name)
	r.Set("FileName", normalise.Leaf(name))
	r.Set("PreviousFileName", normalise.Leaf(cloudapp.Text(v, "prev_name")))
	r.Set("ShareName", share)
	r.Set("RequestProtocol", "SMB")
	r.Set("RequestSourceIP", f.source)
	if n, ok := normalise.Port(f.sport); ok {
		r.Set("RequestSourcePort", n)
	}
	r.Set("ReportId", max(f.time.UnixMicro(), 0)<<6|rec.Number&63)
	r.Set("AdditionalFields", f.additional(v, "smb_files"))
	return r
}

// suricata renders an event of Suricata's EVE log.
func suricata(rec *normalise.Record, v *fastjson.Value, out *normalise.Batch) {
	kind := cloudapp.Text(v, "event_type")
	f := flow{
		time: cloudapp.Time(v, "timestamp"), source: normalise.CleanIP(cloudapp.Text(v, "src_ip")), target: normalise.CleanIP(cloudapp.Text(v, "dest_ip")),
		sport: cloudapp.Text(v, "src_port"), dport: cloudapp.Text(v, "dest_port"), protocol: cloudapp.Text(v, "proto"), id: cloudapp.Text(v, "flow_id"),
	}
	action := map[string]string{
		"alert": "NetworkSignatureInspected", "flow": "ConnectionSuccess", "http": "HttpConnectionInspected", "tls": "SslConnectionInspected",
		"dns": "DnsConnectionInspected", "ssh": "SshConnectionInspected", "ftp": "FtpConnectionInspected", "smtp": "SmtpConnectionInspected",
	}[kind]
	var rows []*schema.Row
	if action != "" {
		r := f.row(rec, action)
		host, uri := cloudapp.Text(v, "http", "hostname"), cloudapp.Text(v, "http", "url")
		switch {
		case host != "" && strings.HasPrefix(uri, "/"):
			r.Set("RemoteUrl", "http://"+host+uri)
		case uri != "" || host != "":
			r.Set("RemoteUrl", cut(uri, host))
		case cloudapp.Text(v, "tls", "sni") != "":
			r.Set("RemoteUrl", cloudapp.Text(v, "tls", "sni"))
		default:
			r.Set("RemoteUrl", dnsName(v.Get("dns")))
		}
		var d normalise.Dynamic
		d.Text("Source", "suricata")
		for _, name := range []string{"event_type", "flow_id", "in_iface", "alert", "app_proto", "http", "tls", "dns", "ssh", "flow", "metadata", "community_id"} {
			if m := v.Get(name); m != nil && m.Type() != fastjson.TypeNull {
				d.Raw(name, normalise.JSON(m))
			}
		}
		r.Set("AdditionalFields", d.String())
		rows = append(rows, r)
	}
	fields := cloudapp.Flat(v)
	cloudapp.Add(&fields, "dst_ip", f.target)
	cloudapp.Add(&fields, "dst_port", f.dport)
	sources := []normalise.Logsource{{Product: "suricata", Service: word(kind)}}
	switch kind {
	case "dns":
		cloudapp.Add(&fields, "query", dnsName(v.Get("dns")))
		sources = append(sources, normalise.Logsource{Product: "suricata", Category: "dns"})
	case "http":
		h := v.Get("http")
		cloudapp.Add(&fields, "c-uri", cloudapp.Text(h, "url"))
		cloudapp.Add(&fields, "cs-uri", cloudapp.Text(h, "url"))
		cloudapp.Add(&fields, "cs-method", cloudapp.Text(h, "http_method"))
		cloudapp.Add(&fields, "cs-host", cloudapp.Text(h, "hostname"))
		cloudapp.Add(&fields, "c-useragent", cloudapp.Text(h, "http_user_agent"))
		cloudapp.Add(&fields, "sc-status", cloudapp.Text(h, "status"))
		sources = append(sources, normalise.Logsource{Product: "suricata", Category: "proxy"})
	}
	emit(rec, out, "suricata-"+word(kind), f.time, fields, rows, sources...)
}

func cut(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dnsName is the name that was asked for; version 2 of the format keeps queries in a list.
func dnsName(d *fastjson.Value) string {
	if name := cloudapp.Text(d, "rrname"); name != "" {
		return name
	}
	if d == nil {
		return ""
	}
	for _, list := range []string{"query", "queries"} {
		for _, q := range d.GetArray(list) {
			return cloudapp.Text(q, "rrname")
		}
	}
	return ""
}

// unixTime reads the seconds with a fraction of Squid.
func unixTime(s string) time.Time {
	t, _ := normalise.ParseTime(s)
	return t
}
