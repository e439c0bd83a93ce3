package linux

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// timeSource is an event's time; guessed says that the record left out the year and the one of its arrival was taken.
type timeSource struct {
	time    time.Time
	guessed bool
}

// line is a syslog line taken apart.
type line struct {
	at                     timeSource
	host, program, message string
	pid                    int64
	priority               int
	filter                 packet
	filtered               bool // by the packet filter, whose words are in filter
}

var (
	bsdLine = regexp.MustCompile(`^([A-Z][a-z]{2}\s+\d{1,2} \d{2}:\d{2}:\d{2})(?:\.\d+)? (?:(\S+) )?([A-Za-z0-9_./-]+(?:\([^)]*\))?)(?:\[(\d+)\])?: (.*)$`)
	isoLine = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?) (\S+) ([A-Za-z0-9_./-]+(?:\([^)]*\))?)(?:\[(\d+)\])?: (.*)$`)
	newLine = regexp.MustCompile(`^1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|\[.*?\](?: |$))\s*(.*)$`)
)

// parseSyslog reads RFC 5424, RFC 3164 and the ISO-dated lines of rsyslog. received supplies the year that RFC 3164 leaves out.
func parseSyslog(s string, received *time.Time) (line, bool) {
	var l line
	l.priority = -1
	if strings.HasPrefix(s, "<") {
		if end := strings.IndexByte(s, '>'); end > 1 && end <= 4 {
			if n, err := strconv.Atoi(s[1:end]); err == nil {
				l.priority, s = n, s[end+1:]
			}
		}
	}
	i := strings.IndexByte(s, '\n')
	rest := ""
	if i >= 0 {
		s, rest = s[:i], s[i:]
	}
	if m := newLine.FindStringSubmatch(s); m != nil {
		t, ok := normalise.ParseTime(m[1])
		if !ok && m[1] != "-" {
			return l, false
		}
		l.at.time, l.host, l.program, l.message = t, m[2], dash(m[3]), m[6]+rest
		l.pid, _ = strconv.ParseInt(m[4], 10, 64)
		return l, true
	}
	if m := isoLine.FindStringSubmatch(s); m != nil {
		t, ok := normalise.ParseTime(m[1])
		if !ok {
			return l, false
		}
		l.at.time, l.host, l.program, l.message = t, m[2], m[3], m[5]+rest
		l.pid, _ = strconv.ParseInt(m[4], 10, 64)
		l.program = tag(l.program)
		return l, true
	}
	m := bsdLine.FindStringSubmatch(s)
	if m == nil {
		return l, false
	}
	t, err := time.Parse("Jan 2 15:04:05", strings.Join(strings.Fields(m[1]), " "))
	if err != nil {
		return l, false
	}
	if received != nil { // the latest such day that is not after the arrival
		t = time.Date(received.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		if t.After(received.Add(24 * time.Hour)) {
			t = t.AddDate(-1, 0, 0)
		}
	}
	l.at = timeSource{t, true}
	l.host, l.program, l.message = m[2], tag(m[3]), m[5]+rest
	l.pid, _ = strconv.ParseInt(m[4], 10, 64)
	return l, true
}

func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// tag strips what some systems add to a program's name: a path, "(pam_unix)".
func tag(s string) string {
	s, _, _ = strings.Cut(s, "(")
	return s[strings.LastIndexByte(s, '/')+1:]
}

// services are the programs that rules address by name.
var services = map[string]string{
	"sshd": "sshd", "sshd-session": "sshd", "sudo": "sudo", "su": "auth", "login": "auth", "gdm-password": "auth", "systemd-logind": "auth", "polkitd": "auth", "pkexec": "auth",
	"useradd": "auth", "userdel": "auth", "usermod": "auth", "groupadd": "auth", "groupdel": "auth", "groupmod": "auth", "gpasswd": "auth", "passwd": "auth", "chpasswd": "auth", "chage": "auth",
	"doas": "auth", "su-l": "auth", "gdm": "auth", "lightdm": "auth", "sddm": "auth", "xrdp-sesman": "auth", "runuser": "auth", "CRON": "cron", "cron": "cron", "crond": "cron", "crontab": "cron",
	"clamd": "clamav", "freshclam": "clamav", "clamscan": "clamav", "vsftpd": "vsftpd", "guacd": "guacamole", "kernel": "syslog", "named": "syslog", "systemd": "syslog",
	"auditd": "auditd", "audispd": "auditd", "dhclient": "syslog", "rsyslogd": "syslog", "ftpd": "syslog", "xinetd": "syslog", "snmpd": "syslog",
}

func syslogLine(rec *normalise.Record, s string, out *normalise.Batch) error {
	received := rec.Received
	l, ok := parseSyslog(s, &received)
	if !ok {
		return fault.Newf(fault.Invalid, "linux: the line is no syslog line")
	}
	if l.at.time.IsZero() {
		l.at = timeSource{received, true}
	}
	if l.program == "kernel" || strings.Contains(l.message, " PROTO=") {
		l.filter, l.filtered = parsePacket(l.message)
	}
	rows := l.rows(rec)
	out.Rows = append(out.Rows, rows...)
	if len(rows) == 0 {
		service := services[l.program]
		if service == "" {
			service = "syslog"
		}
		out.Unmapped = Name + "/" + service
	}
	f := l.fields()
	sources := []normalise.Logsource{logsource("", "syslog")}
	if s := services[l.program]; s != "" && s != "syslog" {
		sources = append(sources, logsource("", s))
		if s == "sshd" || s == "sudo" {
			sources = append(sources, logsource("", "auth"))
		}
	}
	if l.filtered {
		l.filter.names(&f)
		sources = append(sources, logsource("firewall", ""), logsource("", "iptables"))
	}
	out.Events = append(out.Events, event(rec, l.at, f, rows, sources...))
	return nil
}

var sudoLine = regexp.MustCompile(`^\s*(\S+) : (?:.*?; )?TTY=(\S+) ; PWD=(.*?) ; USER=(\S+) ;(?: .*?;)* COMMAND=(.*)$`)

func (l *line) fields() normalise.Fields {
	var f normalise.Fields
	f.Add("message", l.message)
	cloudapp.Add(&f, "host", l.host)
	cloudapp.Add(&f, "program", l.program)
	if l.pid > 0 {
		f.Add("pid", strconv.FormatInt(l.pid, 10))
	}
	if l.program == "sudo" {
		if m := sudoLine.FindStringSubmatch(l.message); m != nil {
			for i, name := range []string{"user", "TTY", "PWD", "USER", "COMMAND"} {
				f.Add(name, m[i+1])
			}
		}
	}
	if kind, detail, ok := strings.Cut(l.message, ": "); ok && strings.HasPrefix(kind, "pam_") {
		what, pairs, _ := strings.Cut(detail, ";")
		cloudapp.Add(&f, "pam_message", what)
		for _, p := range strings.Fields(pairs) {
			if k, v, ok := strings.Cut(p, "="); ok {
				cloudapp.Add(&f, "pam_"+k, v)
			}
		}
	}
	return f
}

var (
	sshAccepted = regexp.MustCompile(`^Accepted (\S+) for (\S+) from (\S+) port (\d+)`)
	sshFailed   = regexp.MustCompile(`^Failed (\S+) for (invalid user )?(.*?) from (\S+) port (\d+)`)
	pamFailed   = regexp.MustCompile(`authentication failure; .*?\brhost=(\S*)(?:\s+user=(\S+))?`)
	userAdded   = regexp.MustCompile(`new user: name=([^,]+), UID=(\d+), GID=(\d+)`)
	userDeleted = regexp.MustCompile(`delete user '([^']+)'`)
	groupAdded  = regexp.MustCompile(`new group: name=([^,]+)`)
)

func (l *line) rows(rec *normalise.Record) []*schema.Row {
	if l.filtered {
		return l.packet(rec, l.filter)
	}
	if rows := l.pam(rec); rows != nil {
		return rows
	}
	switch l.program {
	case "sshd", "sshd-session":
		return l.ssh(rec)
	case "useradd", "userdel", "groupadd", "usermod", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chage", "adduser", "deluser":
		if rows := l.account(rec); rows != nil {
			return rows
		}
		return l.membership(rec)
	case "sudo":
		if rows := l.refusedSudo(rec); rows != nil {
			return rows
		}
		return l.sudo(rec)
	case "doas":
		return l.doas(rec)
	case "CRON", "cron", "crond":
		return l.cron(rec)
	case "login":
		return l.login(rec)
	case "vsftpd":
		return l.ftp(rec)
	case "ftpd", "xinetd", "in.telnetd":
		return l.arrival(rec)
	}
	return nil
}

func (l *line) logon(rec *normalise.Record, action, account, ip, port, protocol, reason string) *schema.Row {
	r := row(rec, "DeviceLogonEvents", action, l.host, l.at)
	r.Set("LogonType", "RemoteInteractive")
	r.Set("AccountName", account)
	r.Set("Protocol", protocol)
	r.Set("FailureReason", reason)
	clean := normalise.CleanIP(ip)
	r.Set("RemoteIP", clean)
	r.Set("RemoteIPType", normalise.IPType(clean))
	if clean == "" {
		r.Set("RemoteDeviceName", dash(ip))
	}
	if n, ok := normalise.Port(port); ok {
		r.Set("RemotePort", n)
	}
	r.Set("InitiatingProcessFileName", l.program)
	if l.pid > 0 {
		r.Set("InitiatingProcessId", l.pid)
	}
	r.Set("AdditionalFields", l.additional())
	return r
}

func (l *line) additional() string {
	var d normalise.Dynamic
	d.Text("Source", "syslog")
	d.Text("Message", l.message)
	if l.at.guessed {
		d.Bool("YearGuessed", true)
	}
	return d.String()
}

func (l *line) ssh(rec *normalise.Record) []*schema.Row {
	if m := sshAccepted.FindStringSubmatch(l.message); m != nil {
		return []*schema.Row{l.logon(rec, "LogonSuccess", m[2], m[3], m[4], "ssh/"+m[1], "")}
	}
	if m := sshFailed.FindStringSubmatch(l.message); m != nil {
		reason := "WrongPassword"
		if m[2] != "" {
			reason = "UnknownUser"
		} else if m[1] != "password" {
			reason = "BadCredentials"
		}
		return []*schema.Row{l.logon(rec, "LogonFailed", m[3], m[4], m[5], "ssh/"+m[1], reason)}
	}
	if m := notAllowed.FindStringSubmatch(l.message); m != nil {
		return []*schema.Row{l.logon(rec, "LogonFailed", m[1], m[2], "", "ssh", "LogonTypeNotGranted")}
	}
	// Old systems log only what PAM said, under the daemon's name.
	if m := pamFailed.FindStringSubmatch(l.message); m != nil && strings.HasPrefix(l.message, "authentication failure") {
		return []*schema.Row{l.logon(rec, "LogonFailed", m[2], m[1], "", "ssh", "BadCredentials")}
	}
	return nil
}

func (l *line) account(rec *normalise.Record) []*schema.Row {
	for _, c := range []struct {
		shape  *regexp.Regexp
		action string
	}{{userAdded, "UserAccountCreated"}, {userDeleted, "UserAccountDeleted"}, {groupAdded, "SecurityGroupCreated"}} {
		if m := c.shape.FindStringSubmatch(l.message); m != nil {
			r := row(rec, "DeviceEvents", c.action, l.host, l.at)
			r.Set("AccountName", m[1])
			r.Set("InitiatingProcessFileName", l.program)
			if l.pid > 0 {
				r.Set("InitiatingProcessId", l.pid)
			}
			r.Set("AdditionalFields", l.additional())
			if c.action == "SecurityGroupCreated" {
				r.Set("AdditionalFields", l.group(m[1]))
			}
			return []*schema.Row{r}
		}
	}
	return nil
}

// group is the rest of a line that tells of a group.
func (l *line) group(name string) string {
	var d normalise.Dynamic
	d.Text("Source", "syslog")
	d.Text("GroupName", name)
	d.Text("Message", l.message)
	if l.at.guessed {
		d.Bool("YearGuessed", true)
	}
	return d.String()
}

// sudo renders a command that was run as somebody else as a process start; sudo does not say its id.
func (l *line) sudo(rec *normalise.Record) []*schema.Row {
	m := sudoLine.FindStringSubmatch(l.message)
	if m == nil || strings.Contains(l.message, "command not allowed") || strings.Contains(l.message, "incorrect password") {
		return nil
	}
	r := row(rec, "DeviceProcessEvents", "ProcessCreated", l.host, l.at)
	path, _, _ := strings.Cut(m[5], " ")
	r.Set("FolderPath", path)
	r.Set("FileName", normalise.Leaf(path))
	r.Set("ProcessCommandLine", m[5])
	r.Set("AccountName", m[4])
	r.Set("InitiatingProcessFileName", "sudo")
	r.Set("InitiatingProcessAccountName", m[1])
	if l.pid > 0 {
		r.Set("InitiatingProcessId", l.pid)
	}
	r.Set("AdditionalFields", l.additional())
	return []*schema.Row{r}
}
