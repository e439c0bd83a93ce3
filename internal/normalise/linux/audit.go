package linux

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// maxLines and maxArguments bound one audit event.
const (
	maxLines     = 500
	maxArguments = 4096
)

// part is one line of an audit event.
type part struct {
	kind   string
	names  []string
	values map[string]string
	raw    string
}

func (p *part) get(name string) string {
	if p == nil {
		return ""
	}
	return p.values[name]
}

func (p *part) add(name, value string) {
	if _, twice := p.values[name]; twice || len(p.names) > maxArguments {
		return
	}
	p.names = append(p.names, name)
	p.values[name] = value
}

// audit is an event of the audit system: all lines with one time and serial.
type audit struct {
	at     timeSource
	serial string
	node   string
	parts  []*part
}

func (a *audit) first(kind string) *part {
	for _, p := range a.parts {
		if p.kind == kind {
			return p
		}
	}
	return nil
}

// printed is the stamp as ausearch -i prints it, in the locale of most systems and without a zone.
var printed = regexp.MustCompile(`msg=audit\((\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2})\.(\d{1,9}):(\d+)\)\s*:?\s*`)

var stamp = regexp.MustCompile(`msg=audit\((\d{1,12})\.(\d{1,9}):(\d+)\)\s*:?\s*`)

func parseAudit(s string) (*audit, bool) {
	a := &audit{}
	for _, text := range strings.Split(s, "\n") {
		text = strings.TrimSuffix(text, "\r")
		m := stamp.FindStringSubmatchIndex(text)
		readable := m == nil
		if readable {
			m = printed.FindStringSubmatchIndex(text)
		}
		if m == nil || len(a.parts) == maxLines {
			continue
		}
		p := &part{values: map[string]string{}, raw: text}
		for _, f := range strings.Fields(text[:m[0]]) {
			switch name, value, _ := strings.Cut(f, "="); name {
			case "type":
				p.kind = value
			case "node":
				a.node = value
			}
		}
		if a.serial == "" {
			fraction, _ := strconv.ParseInt((text[m[4]:m[5]] + "000000000")[:9], 10, 64)
			if readable {
				t, err := time.Parse("01/02/2006 15:04:05", text[m[2]:m[3]])
				if err != nil {
					continue
				}
				a.at.time = t.Add(time.Duration(fraction))
			} else {
				seconds, _ := strconv.ParseInt(text[m[2]:m[3]], 10, 64)
				a.at.time = time.Unix(seconds, fraction).UTC()
			}
			a.serial = text[m[6]:m[7]]
		}
		body, enriched, _ := strings.Cut(text[m[1]:], "\x1d")
		if title, ok := strings.CutPrefix(body, "proctitle="); ok && readable {
			p.add("proctitle", strings.TrimSpace(title))
		} else {
			pairs(body, p)
		}
		pairs(enriched, p)
		a.parts = append(a.parts, p)
	}
	return a, len(a.parts) > 0
}

// pairs reads "name=value" pairs; values may be quoted, and the pairs of user space stand inside msg='…'.
func pairs(s string, p *part) {
	for s != "" {
		s = strings.TrimLeft(s, " ,")
		eq := strings.IndexByte(s, '=')
		if eq < 0 {
			return
		}
		name := s[strings.LastIndexByte(s[:eq], ' ')+1 : eq]
		s = s[eq+1:]
		var value string
		switch {
		case strings.HasPrefix(s, "'"):
			end := strings.LastIndexByte(s, '\'')
			if end == 0 {
				end = len(s)
			}
			inner := s[1:end]
			s = s[min(end+1, len(s)):]
			if name == "msg" {
				pairs(inner, p)
				continue
			}
			value = inner
		case strings.HasPrefix(s, `"`):
			value, s, _ = strings.Cut(s[1:], `"`)
		default:
			value, s, _ = strings.Cut(s, " ")
			if coded(p.kind, name) {
				value = unhex(value)
			}
		}
		if name != "" && len(name) <= 64 {
			p.add(name, value)
		}
	}
}

// coded are the fields that the kernel writes in hexadecimal when they hold blanks or odd bytes.
func coded(kind, name string) bool {
	switch name {
	case "exe", "comm", "name", "cwd", "proctitle", "acct", "cmd", "data", "key", "path", "dir", "old-disk", "new-disk":
		return true
	}
	return kind == "EXECVE" && len(name) >= 2 && name[0] == 'a' && name[1] >= '0' && name[1] <= '9'
}

func unhex(s string) string {
	if len(s) < 2 || len(s)%2 == 1 {
		return s
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'F') {
			return s
		}
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return s
	}
	text := strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " ")
	if !utf8.ValidString(text) {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return text
}

// syscalls names the calls that have a mapping, by architecture and number.
var syscalls = map[string]map[string]string{
	"c000003e": {
		"59": "execve", "322": "execveat", "42": "connect", "43": "accept", "288": "accept4", "49": "bind", "101": "ptrace", "175": "init_module", "313": "finit_module",
		"82": "rename", "264": "renameat", "316": "renameat2", "87": "unlink", "263": "unlinkat", "84": "rmdir", "2": "open", "257": "openat", "85": "creat", "76": "truncate",
		"90": "chmod", "268": "fchmodat", "92": "chown", "105": "setuid", "62": "kill", "57": "fork", "56": "clone", "44": "sendto", "41": "socket",
	},
	"c00000b7": {
		"221": "execve", "281": "execveat", "203": "connect", "202": "accept", "242": "accept4", "200": "bind", "117": "ptrace", "105": "init_module", "273": "finit_module",
		"38": "renameat", "276": "renameat2", "35": "unlinkat", "56": "openat", "45": "truncate", "53": "fchmodat", "198": "socket",
	},
	"40000003": {
		"11": "execve", "358": "execveat", "102": "socketcall", "362": "connect", "26": "ptrace", "128": "init_module", "350": "finit_module", "38": "rename",
		"10": "unlink", "5": "open", "295": "openat", "15": "chmod",
	},
}

func (a *audit) syscall() string {
	p := a.first("SYSCALL")
	if p == nil {
		return ""
	}
	if name := p.get("SYSCALL"); name != "" {
		return name
	}
	if name := syscalls[p.get("arch")][p.get("syscall")]; name != "" {
		return name
	}
	if n := p.get("syscall"); n != "" && (n[0] < '0' || n[0] > '9') {
		return n
	}
	return ""
}

func (f *Family) auditEvent(rec *normalise.Record, s string, out *normalise.Batch) error {
	a, ok := parseAudit(s)
	if !ok {
		return fault.Newf(fault.Invalid, "linux: the record is no audit event")
	}
	if a.node == "" {
		a.node = rec.Host
	}
	rows := a.rows(rec)
	for _, r := range rows {
		f.lineage(r, "auditd")
	}
	out.Rows = append(out.Rows, rows...)
	if len(rows) == 0 {
		kind := a.parts[0].kind
		if a.first("SYSCALL") != nil {
			kind = "SYSCALL"
		}
		out.Unmapped = Name + "/auditd/" + kindName(kind)
	}
	call := a.syscall()
	for _, p := range a.parts {
		var fields normalise.Fields
		fields.Add("type", p.kind)
		for _, n := range p.names {
			cloudapp.Add(&fields, n, p.values[n])
		}
		if p.kind == "SYSCALL" {
			cloudapp.Add(&fields, "SYSCALL", call)
		}
		cloudapp.Add(&fields, "node", a.node)
		fields.Add("message", p.raw)
		out.Events = append(out.Events, event(rec, a.at, fields, rows, logsource("", "auditd")))
	}
	if shared, category := a.shared(call); category != "" {
		out.Events = append(out.Events, event(rec, a.at, shared, rows, logsource(category, "")))
	}
	return nil
}

// kindName keeps hostile type names out of the counts.
func kindName(s string) string {
	if len(s) > 40 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' }) || s == "" {
		return "unknown"
	}
	return s
}

// commandLine joins the arguments of an EXECVE, quoting those that need it; without one the process title stands in.
func (a *audit) commandLine() string {
	p := a.first("EXECVE")
	if p == nil {
		return a.first("PROCTITLE").get("proctitle")
	}
	n, err := strconv.Atoi(p.get("argc"))
	if err != nil || n < 0 || n > maxArguments {
		n = maxArguments
	}
	var b strings.Builder
	for i := range n {
		arg, ok := p.values["a"+strconv.Itoa(i)]
		if !ok {
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if arg == "" || strings.ContainsAny(arg, " \t\"'") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		b.WriteString(arg)
	}
	return b.String()
}

// user names an account: the enriched name, else "root" for 0, else the number.
func user(p *part, field string) string {
	if name := p.get(strings.ToUpper(field)); name != "" && name != "unset" {
		return name
	}
	switch id := p.get(field); id {
	case "0":
		return "root"
	case "4294967295", "-1", "unset":
		return ""
	default:
		return id
	}
}

func setID(r *schema.Row, column, s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		r.Set(column, n)
	}
}

// doer sets the process that made the call.
func (a *audit) doer(r *schema.Row) {
	p := a.first("SYSCALL")
	if p == nil {
		p = a.parts[0]
	}
	exe := p.get("exe")
	r.Set("InitiatingProcessFolderPath", exe)
	r.Set("InitiatingProcessFileName", normalise.Leaf(exe))
	setID(r, "InitiatingProcessId", p.get("pid"))
	setID(r, "InitiatingProcessParentId", p.get("ppid"))
	r.Set("InitiatingProcessAccountName", user(p, "uid"))
	if a.first("PROCTITLE") != nil {
		r.Set("InitiatingProcessCommandLine", a.first("PROCTITLE").get("proctitle"))
	}
}

func (a *audit) additional() string {
	var d normalise.Dynamic
	d.Text("Source", "auditd")
	d.Text("Serial", a.serial)
	p := a.first("SYSCALL")
	if p == nil {
		p = a.parts[0]
	}
	d.Text("Type", a.parts[0].kind)
	d.Text("Syscall", a.syscall())
	for _, name := range []string{"auid", "euid", "ses", "tty", "key", "comm", "success", "exit", "subj", "op", "res", "terminal", "grp", "cmd", "unit"} {
		if v := p.get(name); v != "(null)" {
			d.Text(name, v)
		}
	}
	if login := user(p, "auid"); login != "" && login != p.get("auid") {
		d.Text("LoginUser", login)
	}
	if strings.HasSuffix(a.parts[0].kind, "_GROUP") || a.parts[0].kind == "GRP_MGMT" {
		d.Text("GroupName", account(a.parts[0]))
	}
	d.Text("cwd", a.first("CWD").get("cwd"))
	return d.String()
}

func (a *audit) rows(rec *normalise.Record) []*schema.Row {
	ok := a.first("SYSCALL").get("success") != "no"
	switch call := a.syscall(); call {
	case "execve", "execveat":
		if ok {
			return []*schema.Row{a.process(rec)}
		}
	case "connect", "accept", "accept4":
		if r := a.connection(rec, call); r != nil {
			return []*schema.Row{r}
		}
	case "init_module", "finit_module":
		r := a.deviceEvent(rec, "DriverLoad")
		r.Set("FolderPath", a.path("NORMAL"))
		r.Set("FileName", normalise.Leaf(a.path("NORMAL")))
		return []*schema.Row{r}
	case "ptrace":
		return []*schema.Row{a.deviceEvent(rec, "PTraceDetected")}
	case "":
	default:
		if ok {
			if rows := a.files(rec, call); rows != nil {
				return rows
			}
		}
	}
	p := a.parts[0]
	switch p.kind {
	case "USER_LOGIN", "USER_AUTH":
		return []*schema.Row{a.logon(rec, p)}
	case "USER_LOGOUT", "USER_END":
		if p.get("res") == "failed" || account(p) == "" || strings.HasSuffix(p.get("exe"), "/sudo") || strings.Contains(p.get("exe"), "cron") || strings.HasSuffix(p.get("exe"), "systemd") {
			return nil // only the end of what is a sign-in
		}
		r := a.deviceEvent(rec, "Logoff")
		r.Set("AccountName", account(p))
		return []*schema.Row{r}
	case "USER_CMD":
		return a.command(rec, p)
	case "CONFIG_CHANGE":
		return []*schema.Row{a.deviceEvent(rec, "AuditPolicyModification")}
	}
	if action := accountActions[p.kind]; action != "" {
		if group := p.get("grp"); group != "" && p.kind == "USER_MGMT" {
			switch op := p.get("op"); {
			case strings.Contains(op, "add") && strings.Contains(op, "group"):
				action = "UserAccountAddedToLocalGroup"
			case (strings.Contains(op, "delet") || strings.Contains(op, "remov")) && strings.Contains(op, "group"):
				action = "UserAccountRemovedFromLocalGroup"
			}
		}
		r := a.deviceEvent(rec, action)
		r.Set("AccountName", account(p))
		return []*schema.Row{r}
	}
	return nil
}

// accountActions name what the tools for accounts report.
var accountActions = map[string]string{
	"ADD_USER": "UserAccountCreated", "DEL_USER": "UserAccountDeleted", "USER_CHAUTHTOK": "UserAccountModified", "USER_MGMT": "UserAccountModified", "ACCT_LOCK": "UserAccountModified",
	"ACCT_UNLOCK": "UserAccountModified", "CHUSER_ID": "UserAccountModified", "ADD_GROUP": "SecurityGroupCreated", "DEL_GROUP": "SecurityGroupDeleted", "GRP_MGMT": "SecurityGroupModified",
	"CHGRP_ID": "SecurityGroupModified",
}

// command renders a command that sudo ran, or refused to run, for somebody.
func (a *audit) command(rec *normalise.Record, p *part) []*schema.Row {
	text := p.get("cmd")
	if text == "" {
		return nil
	}
	table, action := "DeviceProcessEvents", "ProcessCreated"
	if p.get("res") == "failed" || p.get("res") == "0" {
		table, action = "DeviceEvents", "ElevationDenied"
	}
	r := row(rec, table, action, a.node, a.at)
	path, _, _ := strings.Cut(text, " ")
	r.Set("FolderPath", path)
	r.Set("FileName", normalise.Leaf(path))
	r.Set("ProcessCommandLine", text)
	r.Set("InitiatingProcessAccountName", user(p, "auid"))
	r.Set("InitiatingProcessFileName", normalise.Leaf(p.get("exe")))
	r.Set("InitiatingProcessFolderPath", p.get("exe"))
	setID(r, "InitiatingProcessId", p.get("pid"))
	r.Set("AdditionalFields", a.additional())
	return []*schema.Row{r}
}

func account(p *part) string {
	if name := p.get("acct"); name != "" && name != "?" {
		return name
	}
	return user(p, "id")
}

func (a *audit) deviceEvent(rec *normalise.Record, action string) *schema.Row {
	r := row(rec, "DeviceEvents", action, a.node, a.at)
	a.doer(r)
	if len(a.parts) > 0 {
		r.Set("RemoteIP", normalise.CleanIP(a.parts[0].get("addr")))
	}
	r.Set("AdditionalFields", a.additional())
	return r
}

func (a *audit) process(rec *normalise.Record) *schema.Row {
	p := a.first("SYSCALL")
	r := row(rec, "DeviceProcessEvents", "ProcessCreated", a.node, a.at)
	exe := p.get("exe")
	r.Set("FolderPath", exe)
	r.Set("FileName", normalise.Leaf(exe))
	setID(r, "ProcessId", p.get("pid"))
	r.Set("ProcessCommandLine", a.commandLine())
	r.Set("ProcessCreationTime", a.at.time)
	r.Set("AccountName", user(p, "uid"))
	setID(r, "InitiatingProcessId", p.get("ppid"))
	r.Set("AdditionalFields", a.additional())
	return r
}

// connection renders connect and accept; local sockets are not on the network.
func (a *audit) connection(rec *normalise.Record, call string) *schema.Row {
	addr, ok := address(a.first("SOCKADDR"))
	if !ok {
		return nil
	}
	action := "ConnectionSuccess"
	p := a.first("SYSCALL")
	switch {
	case call != "connect":
		action = "InboundConnectionAccepted"
	case p.get("success") == "no" && p.get("exit") != "-115" && p.get("exit") != "EINPROGRESS": // a connection that is still being made is no failure
		action = "ConnectionFailed"
	}
	r := row(rec, "DeviceNetworkEvents", action, a.node, a.at)
	a.doer(r)
	ip := addr.Addr().Unmap().String()
	r.Set("RemoteIP", ip)
	r.Set("RemoteIPType", normalise.IPType(ip))
	r.Set("RemotePort", int(addr.Port()))
	r.Set("AdditionalFields", a.additional())
	return r
}

// address decodes a SOCKADDR of IPv4 or IPv6.
func address(p *part) (netip.AddrPort, bool) {
	if ip, err := netip.ParseAddr(p.get("laddr")); err == nil { // as ausearch -i prints it
		if port, err := strconv.ParseUint(p.get("lport"), 10, 16); err == nil {
			return netip.AddrPortFrom(ip, uint16(port)), true
		}
	}
	b, err := hex.DecodeString(p.get("saddr"))
	if err != nil || len(b) < 8 {
		return netip.AddrPort{}, false
	}
	port := uint16(b[2])<<8 | uint16(b[3])
	switch family := int(b[0]) | int(b[1])<<8; {
	case family == 2:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port), true
	case family == 10 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port), true
	}
	return netip.AddrPort{}, false
}

// path returns the name of the first PATH with that nametype, made absolute by the working directory.
func (a *audit) path(nametype string) string {
	for _, p := range a.parts {
		if p.kind == "PATH" && p.get("nametype") == nametype {
			return a.absolute(p.get("name"))
		}
	}
	return ""
}

func (a *audit) absolute(name string) string {
	if name == "" || name == "(null)" || strings.HasPrefix(name, "/") {
		return strings.TrimSuffix(name, "(null)")
	}
	if cwd := a.first("CWD").get("cwd"); cwd != "" {
		return strings.TrimSuffix(cwd, "/") + "/" + strings.TrimPrefix(name, "./")
	}
	return name
}

// files renders what a call created, deleted, renamed or changed.
func (a *audit) files(rec *normalise.Record, call string) []*schema.Row {
	created, deleted := a.path("CREATE"), a.path("DELETE")
	file := func(action, name string) *schema.Row {
		r := row(rec, "DeviceFileEvents", action, a.node, a.at)
		a.doer(r)
		r.Set("FolderPath", name)
		r.Set("FileName", normalise.Leaf(name))
		r.Set("AdditionalFields", a.additional())
		return r
	}
	switch {
	case strings.HasPrefix(call, "rename") && created != "" && deleted != "":
		r := file("FileRenamed", created)
		r.Set("PreviousFolderPath", deleted)
		r.Set("PreviousFileName", normalise.Leaf(deleted))
		return []*schema.Row{r}
	case created != "":
		return []*schema.Row{file("FileCreated", created)}
	case deleted != "":
		return []*schema.Row{file("FileDeleted", deleted)}
	case call == "truncate" || strings.Contains(call, "chmod") || strings.Contains(call, "chown"):
		if name := a.path("NORMAL"); name != "" {
			return []*schema.Row{file("FileModified", name)}
		}
	}
	return nil
}

func (a *audit) logon(rec *normalise.Record, p *part) *schema.Row {
	action := "LogonFailed"
	if res := p.get("res"); res == "success" || res == "1" {
		action = "LogonSuccess"
	}
	r := row(rec, "DeviceLogonEvents", action, a.node, a.at)
	r.Set("AccountName", account(p))
	exe := p.get("exe")
	kind := "Interactive"
	if strings.HasSuffix(exe, "sshd") {
		kind = "RemoteInteractive"
	}
	r.Set("LogonType", kind)
	ip := normalise.CleanIP(p.get("addr"))
	r.Set("RemoteIP", ip)
	r.Set("RemoteIPType", normalise.IPType(ip))
	if host := p.get("hostname"); ip == "" && host != "?" {
		r.Set("RemoteDeviceName", host)
	}
	a.doer(r)
	if action == "LogonFailed" {
		r.Set("FailureReason", "BadCredentials")
	}
	r.Set("AdditionalFields", a.additional())
	return r
}

// shared is the event under the names that rules for processes, connections and files of all systems use, with their category.
func (a *audit) shared(call string) (normalise.Fields, string) {
	var f normalise.Fields
	p := a.first("SYSCALL")
	add := func(name, value string) { cloudapp.Add(&f, name, value) }
	add("Image", p.get("exe"))
	add("User", user(p, "uid"))
	add("ProcessId", p.get("pid"))
	switch call {
	case "execve", "execveat":
		if p.get("success") == "no" {
			return nil, ""
		}
		add("CommandLine", a.commandLine())
		add("CurrentDirectory", a.first("CWD").get("cwd"))
		add("ParentProcessId", p.get("ppid"))
		add("LogonId", p.get("ses"))
		return f, "process_creation"
	case "connect", "accept", "accept4":
		addr, ok := address(a.first("SOCKADDR"))
		if !ok {
			return nil, ""
		}
		add("DestinationIp", addr.Addr().Unmap().String())
		add("DestinationPort", strconv.Itoa(int(addr.Port())))
		add("Initiated", strconv.FormatBool(call == "connect"))
		return f, "network_connection"
	}
	if name := a.path("CREATE"); name != "" && p != nil {
		add("TargetFilename", name)
		return f, "file_event"
	}
	return nil, ""
}
