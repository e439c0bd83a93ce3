package cef

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// class is what a message tells of.
type class uint8

const (
	other     class = iota
	firewall        // a connection that was let through or not
	signature       // an attack that a sensor recognised
	proxy           // a request to a web server
	malware         // a malicious file
	signIn          // somebody signed in or tried to
)

// Words by which the class is told, in lower case. They are looked for in the parts of a message that say what kind of event it is.
var (
	malwareWords   = []string{"virus", "malware", "trojan", "ransom", "worm", "spyware", "wildfire", "malicious file", "antimalware"}
	signatureWords = []string{"intrusion", "ips", "ids", "exploit", "attack", "threat", "vulnerability", "signature", "callback", "botnet", "anomaly", "utm", "waf", "appfw", "infection-match", "domain-match"}
	proxyWords     = []string{"proxy", "web security", "webfilter", "web filter", "url filter", "url", "urllog", "web gateway", "http request", "web access", "nssweblog", "secure web"}
	signInWords    = []string{"login", "logon", "log on", "log in", "logged in", "sign-in", "signin", "sign in", "authentication", "auth", "vpn user", "userid", "globalprotect", "radius", "tacacs"}
	signOutWords   = []string{"logout", "logoff", "log off", "log out", "logged out", "sign-out", "signed out"}
	failureWords   = []string{"fail", "denied", "deny", "reject", "invalid", "incorrect", "unsuccessful", "blocked", "locked", "not allowed", "unauthorized"}
)

// has reports whether a word stands in s: short ones as words of their own, longer ones as the beginning of one.
func has(s string, words []string) bool {
	for _, w := range words {
		for from := 0; ; {
			i := strings.Index(s[from:], w)
			if i < 0 {
				break
			}
			i += from
			if (i == 0 || !letter(s[i-1])) && (len(w) >= 4 || i+len(w) == len(s) || !letter(s[i+len(w)])) {
				return true
			}
			from = i + 1
		}
	}
	return false
}

// about is what says which kind of event it is: class id, name and categories, shortened.
func (m *message) about() string {
	var b strings.Builder
	for _, s := range []string{m.id, m.name, m.first("cat", "category"), m.first("type", "logType", "log_type"), m.first("subtype", "cs1Label"), m.first("product")} {
		b.WriteString(s[:min(len(s), 200)])
		b.WriteByte(' ')
	}
	return strings.ToLower(b.String())
}

// classify decides what the message tells of. What has no two ends, no address and no account is something else.
func (m *message) classify() class {
	about := m.about()
	maker := strings.ToLower(m.vendor + " " + m.product)
	ends := m.source() != "" && m.target() != ""
	ports := m.targetPort() != "" || m.first("proto", "protocol", "transport") != ""
	switch {
	case (has(about, malwareWords) || has(maker, []string{"antivirus", "anti-virus"})) && (m.path() != "" || m.hashes() != (normalise.Hashes{})) && !has(about, []string{"update"}):
		return malware
	case m.user() != "" && has(about, signInWords) && !has(about, signOutWords) && !(ends && ports && has(about, []string{"traffic"})):
		return signIn
	case m.url() != "" && looksLikeURL(m.url()) && (m.first("requestMethod", "method") != "" || has(about, proxyWords) || has(maker, proxyWords)) && !has(about, signatureWords):
		return proxy
	case (ends || m.source() != "" && m.url() != "") && (has(about, signatureWords) || has(about, malwareWords)):
		return signature
	case ends && (ports || m.verdict() != ""):
		return firewall
	}
	return other
}

func looksLikeURL(s string) bool {
	return strings.Contains(s, "://") || strings.HasPrefix(s, "/") || strings.IndexByte(s, '.') > 0 && !strings.ContainsAny(s, `\ `)
}

// verdict is "allowed" or "blocked", or "" when the message does not tell.
func (m *message) verdict() string {
	s := strings.ToLower(m.action())
	switch {
	case s == "":
		return ""
	case has(s, []string{"not blocked"}):
		return "allowed"
	case has(s, []string{
		"deny", "denied", "drop", "dropped", "block", "blocked", "reject", "rejected", "reset", "reset-both", "reset-client", "reset-server", "prevent", "prevented", "discard", "discarded",
		"block-url", "drop-all-packets", "drop-packet", "block-ip", "sinkhole", "refuse", "refused", "quarantine", "quarantined", "client-rst", "server-rst", "redirect", "block-continue", "denied by policy",
	}) &&
		!has(s, []string{"client-rst", "server-rst", "redirect"}):
		return "blocked"
	case has(s, []string{
		"allow", "allowed", "accept", "accepted", "permit", "permitted", "pass", "passed", "passthrough", "forward", "forwarded", "close", "closed", "start", "end", "established", "alert", "detect",
		"detected", "notified", "log", "logged", "monitor", "success", "timeout", "ip-conn", "client-rst", "server-rst", "redirect", "bypass", "trust", "tunnel", "opened",
	}):
		return "allowed"
	}
	return ""
}

func (m *message) logsources() []normalise.Logsource {
	vendor := strings.ToLower(m.vendor)
	out := []normalise.Logsource{{Product: vendor, Service: "cef"}}
	switch m.class {
	case firewall:
		out = append(out, normalise.Logsource{Category: "firewall"})
	case signature:
		out = append(out, normalise.Logsource{Category: "firewall"}, normalise.Logsource{Category: "ids"})
	case proxy:
		out = append(out, normalise.Logsource{Category: "proxy"})
	case malware:
		out = append(out, normalise.Logsource{Category: "antivirus"})
	case signIn:
		out = append(out, normalise.Logsource{Category: "authentication"})
	}
	return out
}

func (m *message) rows(rec *normalise.Record) []*schema.Row {
	m.class = m.classify()
	var row *schema.Row
	switch m.class {
	case firewall:
		action := "ConnectionSuccess"
		if m.verdict() == "blocked" {
			action = "ConnectionFailed"
		}
		row = m.network(rec, action)
	case signature:
		row = m.network(rec, "NetworkSignatureInspected")
	case proxy:
		row = m.network(rec, "HttpConnectionInspected")
	case malware:
		row = m.malware(rec)
	case signIn:
		row = m.signIn(rec)
	default:
		return nil
	}
	row.Set("AdditionalFields", m.additional())
	return []*schema.Row{row}
}

// inbound decides which end is ours: what the message says, else the private one, else the one that began.
func (m *message) inbound() bool {
	switch strings.ToLower(m.first("deviceDirection", "direction", "dir")) {
	case "inbound", "incoming":
		return true
	case "outbound", "outgoing", "1":
		return false
	}
	s, serr := netip.ParseAddr(m.source())
	t, terr := netip.ParseAddr(m.target())
	return serr == nil && terr == nil && !s.IsPrivate() && t.IsPrivate()
}

func (m *message) network(rec *normalise.Record, action string) *schema.Row {
	r := schema.NewRow("DeviceNetworkEvents")
	r.Set("Timestamp", m.at)
	local, remote, localPort, remotePort := m.source(), m.target(), m.sourcePort(), m.targetPort()
	host := m.first("shost", "sourceHostName", "identHostName")
	if m.inbound() {
		local, remote, localPort, remotePort = remote, local, remotePort, localPort
		host = m.first("dhost", "destinationHostName")
		if action == "ConnectionSuccess" {
			action = "InboundConnectionAccepted"
		}
	}
	r.Set("ActionType", action)
	if _, err := netip.ParseAddr(host); err != nil {
		m.device(rec, r, host)
	}
	r.Set("LocalIP", local)
	r.Set("LocalIPType", normalise.IPType(local))
	r.Set("RemoteIP", remote)
	r.Set("RemoteIPType", normalise.IPType(remote))
	if n, ok := normalise.Port(localPort); ok {
		r.Set("LocalPort", n)
	}
	if n, ok := normalise.Port(remotePort); ok {
		r.Set("RemotePort", n)
	}
	r.Set("Protocol", transport(m.first("proto", "protocol", "transport")))
	if u := m.url(); u != "" && looksLikeURL(u) {
		r.Set("RemoteUrl", u)
	} else if host := m.first("dhost", "destinationHostName"); !m.inbound() {
		r.Set("RemoteUrl", host)
	}
	domain, name, upn := m.account()
	r.Set("InitiatingProcessAccountDomain", domain)
	r.Set("InitiatingProcessAccountName", name)
	r.Set("InitiatingProcessAccountUpn", upn)
	r.Set("ReportId", report(rec, m))
	return r
}

func report(rec *normalise.Record, m *message) int64 {
	return max(m.at.UnixMicro(), 0)<<6 | rec.Number&63
}

func (m *message) device(rec *normalise.Record, r *schema.Row, host string) {
	name := normalise.DeviceName(host)
	r.Set("DeviceName", name)
	r.Set("DeviceId", normalise.DeviceID(rec.Tenant, name))
}

// account is the one at the source, else the one that the message is about.
func (m *message) account() (domain, name, upn string) {
	domain, name, upn = normalise.SplitAccount(m.user())
	if domain == "" {
		domain = m.first("sntdom", "dntdom", "domain")
	}
	return domain, name, upn
}

// transport names a protocol as the tables do; some products append the service ("udp/dns").
func transport(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), "/")
	switch s {
	case "tcp", "6":
		return "Tcp"
	case "udp", "17":
		return "Udp"
	case "icmp", "1", "ipv6-icmp", "icmpv6", "58":
		return "Icmp"
	}
	return s
}

func (m *message) malware(rec *normalise.Record) *schema.Row {
	r := schema.NewRow("DeviceEvents")
	r.Set("Timestamp", m.at)
	action := "AntivirusDetection"
	if m.verdict() == "blocked" || has(strings.ToLower(m.action()), []string{"clean", "cleaned", "delete", "deleted", "remove", "removed"}) {
		action = "AntivirusMalwareBlocked"
	}
	r.Set("ActionType", action)
	m.device(rec, r, m.first("dhost", "shost", "dvchost", "destinationHostName", "deviceHostName", "identHostName"))
	path := m.path()
	r.Set("FolderPath", path)
	r.Set("FileName", normalise.Leaf(path))
	h := m.hashes()
	r.Set("MD5", h.MD5)
	r.Set("SHA1", h.SHA1)
	r.Set("SHA256", h.SHA256)
	domain, name, _ := m.account()
	r.Set("AccountDomain", domain)
	r.Set("AccountName", name)
	r.Set("RemoteIP", m.source())
	if n, ok := normalise.Port(m.sourcePort()); ok {
		r.Set("RemotePort", n)
	}
	r.Set("LocalIP", m.target())
	if n, ok := normalise.Port(m.targetPort()); ok {
		r.Set("LocalPort", n)
	}
	r.Set("FileOriginUrl", m.url())
	r.Set("ReportId", report(rec, m))
	return r
}

// path is the file that the message is about.
func (m *message) path() string {
	p := m.first("filePath", "fname", "fileName", "file_path", "filename")
	if name := m.first("fname", "fileName"); name != "" && p != "" && !strings.HasSuffix(strings.ToLower(p), strings.ToLower(normalise.Leaf(name))) {
		p = strings.TrimRight(p, `\/`) + pathSeparator(p) + name
	}
	if p == "" {
		p = m.labelledAs("FilePath", "FileName", "InfectedFile", "File")
	}
	return p
}

func pathSeparator(p string) string {
	if strings.Contains(p, `\`) {
		return `\`
	}
	return "/"
}

func (m *message) hashes() normalise.Hashes {
	h := normalise.ParseHashes(m.first("fileHash", "fileHashSha256", "sha256", "hash"))
	for _, p := range []struct {
		to    *string
		names []string
	}{{&h.SHA256, []string{"SHA256", "FileSHA256", "sha256hash", "FileHashSHA256"}}, {&h.SHA1, []string{"SHA1", "FileSHA1", "FileHashSHA1"}}, {&h.MD5, []string{"MD5", "FileMD5", "FileHashMD5"}}} {
		if *p.to == "" {
			d := normalise.ParseHashes(m.labelledAs(p.names...))
			for _, v := range []string{d.MD5, d.SHA1, d.SHA256} {
				if v != "" {
					*p.to = v
				}
			}
		}
	}
	return h
}

// threat is the name of what was found.
func (m *message) threat() string {
	if v := m.first("virusName", "malwareName", "threatName", "virus", "attack"); v != "" {
		return v
	}
	if v := m.labelledAs("VirusName", "MalwareName", "ThreatName", "Threat", "Malware", "Virus", "MalwareFamily", "sname", "SignatureName", "VirusMalwareName"); v != "" {
		return v
	}
	return m.name
}

func (m *message) signIn(rec *normalise.Record) *schema.Row {
	r := schema.NewRow("IdentityLogonEvents")
	r.Set("Timestamp", m.at)
	action := "LogonSuccess"
	told := strings.ToLower(m.first("outcome", "act", "action", "disp", "result", "status") + " " + m.name + " " + m.id)
	if has(told, failureWords) {
		action = "LogonFailed"
		r.Set("FailureReason", m.first("reason", "failureReason", "msg"))
	}
	r.Set("ActionType", action)
	r.Set("Application", strings.TrimSpace(m.vendor+" "+m.product))
	r.Set("Protocol", m.first("app", "authMethod", "proto"))
	if strings.Contains(m.about(), "vpn") || strings.Contains(m.about(), "globalprotect") {
		r.Set("LogonType", "VPN connection")
	}
	domain, name, upn := m.account()
	if u := m.first("duser"); u != "" { // the account that signs in is the target where both are named
		if d, n, p := normalise.SplitAccount(u); n != "" {
			name, upn = n, p
			if d != "" {
				domain = d
			}
		}
	}
	r.Set("AccountDomain", domain)
	r.Set("AccountName", name)
	r.Set("AccountUpn", upn)
	r.Set("AccountDisplayName", m.user())
	r.Set("IPAddress", m.source())
	if n, ok := normalise.Port(m.sourcePort()); ok {
		r.Set("Port", n)
	}
	r.Set("DeviceName", normalise.DeviceName(m.first("shost", "identHostName", "sourceHostName")))
	r.Set("DestinationDeviceName", normalise.DeviceName(m.first("dhost", "dvchost", "destinationHostName")))
	r.Set("DestinationIPAddress", m.target())
	if n, ok := normalise.Port(m.targetPort()); ok {
		r.Set("DestinationPort", n)
	}
	r.Set("ReportId", strconv.FormatInt(report(rec, m), 10))
	return r
}

// additional keeps every value of the message.
func (m *message) additional() string {
	var d normalise.Dynamic
	d.Text("Source", map[bool]string{false: "cef", true: "leef"}[m.leef])
	d.Text("DeviceVendor", m.vendor)
	d.Text("DeviceProduct", m.product)
	d.Text("DeviceVersion", m.version)
	d.Text("DeviceEventClassID", m.id)
	d.Text("Activity", m.name)
	d.Text("LogSeverity", m.severity)
	d.Text("Action", m.verdict())
	if m.class == malware || m.class == signature {
		d.Text("ThreatName", m.threat())
	}
	if !m.timeGiven {
		d.Bool("TimeGuessed", true)
	}
	d.Text("Computer", m.carrierHost)
	for _, k := range m.keys {
		switch k {
		case "Source", "DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Activity", "LogSeverity", "Action", "ThreatName", "TimeGuessed", "Computer":
		default:
			d.Text(k, m.values[k])
		}
	}
	return d.String()
}

// hostOf is the host of a URL, else the name given beside it.
func hostOf(raw, fallback string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return fallback
}
