package linux

import (
	"regexp"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

var (
	pamOpened   = regexp.MustCompile(`session opened for user ([^\s(]+)(?:\(uid=\d+\))?(?: by ([^\s(]*)\(uid=(\d+)\))?`)
	pamClosed   = regexp.MustCompile(`session closed for user (\S+)`)
	pamPassword = regexp.MustCompile(`password changed for (\S+)`)
	pamUser     = regexp.MustCompile(`\buser=(\S+)`)
	pamBy       = regexp.MustCompile(`\b(?:ruser|logname)=([^\s;]+)`)
	cronCommand = regexp.MustCompile(`^\((\S+)\) CMD \(\s*(.*?)\s*\)$`)
	doasRan     = regexp.MustCompile(`^(?:\(?)(\S+?)\)? ran command (.*?) as (\S+)(?: from (\S+))?$`)
	doasDenied  = regexp.MustCompile(`^(?:command not permitted|failed (?:command|auth)) for (\S+?):?(?: (.*))?$`)
	sudoFailed  = regexp.MustCompile(`^\s*(\S+) : (\d+ incorrect password attempts?|command not allowed|user NOT in sudoers|user NOT authorized on host|.*?not allowed to run.*?) ; .*?\bUSER=(\S+) ;.*?\bCOMMAND=(.*)$`)
	loginFailed = regexp.MustCompile(`^FAILED LOGIN (?:SESSION )?(?:\(?\d+\)? )?(?:on|FROM) '?(\S+?)'? FOR '?([^',]*)'?`)
	ftpLogin    = regexp.MustCompile(`\[([^\]]+)\] (OK|FAIL) LOGIN: Client "([^"]+)"`)
	notAllowed  = regexp.MustCompile(`^User (\S+) from (\S+) not allowed because`)
	cameFrom    = regexp.MustCompile(`^(?:connection from ([0-9A-Fa-f.:]+) |START: (\S+) (?:pid=\d+ )?from=([0-9A-Fa-f.:]+))`)

	intoGroup = []*regexp.Regexp{
		regexp.MustCompile(`^add '([^']+)' to (?:shadow )?group '([^']+)'`),
		regexp.MustCompile(`^user (\S+) added by \S+ to group (\S+)`),
	}
	outOfGroup = []*regexp.Regexp{
		regexp.MustCompile(`^(?:delete|remove) '([^']+)' from (?:shadow )?group '([^']+)'`),
		regexp.MustCompile(`^user (\S+) removed by \S+ from group (\S+)`),
	}
	groupRemoved = regexp.MustCompile(`^(?:group '([^']+)' removed|removed group '([^']+)'|delete group '([^']+)')`)
	userChanged  = regexp.MustCompile(`^(?:change user '([^']+)'|(?:lock|unlock) user '([^']+)'|changed password expiry for (\S+)|password for '?(\S+?)'? changed)`)
)

// interactive are the programs whose PAM sessions are the only word of a sign-in; sshd says it itself, and cron signs nobody in.
var interactive = map[string]string{
	"su": "Interactive", "su-l": "Interactive", "login": "Interactive", "gdm-password": "Interactive", "gdm": "Interactive", "lightdm": "Interactive", "sddm": "Interactive", "kdm": "Interactive",
	"xrdp-sesman": "RemoteInteractive", "cockpit-session": "RemoteInteractive", "runuser": "Interactive", "rlogin": "RemoteInteractive", "remote": "RemoteInteractive",
}

// pam renders what the authentication modules say under a program's name.
func (l *line) pam(rec *normalise.Record) []*schema.Row {
	_, detail, modern := strings.Cut(l.message, "): ")
	if !strings.HasPrefix(l.message, "pam_") {
		detail, modern = l.message, false
	}
	switch {
	case strings.HasPrefix(detail, "session opened"):
		m := pamOpened.FindStringSubmatch(detail)
		kind := interactive[l.program]
		if m == nil || kind == "" {
			return nil
		}
		r := l.logon(rec, "LogonSuccess", m[1], "", "", l.program, "")
		r.Set("LogonType", kind)
		r.Set("InitiatingProcessAccountName", by(m[2], m[3]))
		return []*schema.Row{r}
	case strings.HasPrefix(detail, "session closed"):
		m := pamClosed.FindStringSubmatch(detail)
		if m == nil || services[l.program] == "cron" || l.program == "sudo" {
			return nil
		}
		r := l.event(rec, "Logoff")
		r.Set("AccountName", m[1])
		return []*schema.Row{r}
	case strings.HasPrefix(detail, "password changed"):
		if m := pamPassword.FindStringSubmatch(detail); m != nil {
			r := l.event(rec, "UserAccountModified")
			r.Set("AccountName", m[1])
			return []*schema.Row{r}
		}
	case strings.HasPrefix(detail, "authentication failure") && interactive[l.program] != "" && (modern || detail == l.message):
		m := pamUser.FindStringSubmatch(detail)
		if m == nil {
			return nil
		}
		host := ""
		if h := pamFailed.FindStringSubmatch(detail); h != nil {
			host = h[1]
		}
		r := l.logon(rec, "LogonFailed", m[1], host, "", l.program, "BadCredentials")
		r.Set("LogonType", interactive[l.program])
		if b := pamBy.FindStringSubmatch(detail); b != nil {
			r.Set("InitiatingProcessAccountName", b[1])
		}
		return []*schema.Row{r}
	}
	return nil
}

func by(name, uid string) string {
	if name == "" && uid == "0" {
		return "root"
	}
	return name
}

// event starts a row of DeviceEvents whose process is the program of the line.
func (l *line) event(rec *normalise.Record, action string) *schema.Row {
	r := row(rec, "DeviceEvents", action, l.host, l.at)
	r.Set("InitiatingProcessFileName", l.program)
	if l.pid > 0 {
		r.Set("InitiatingProcessId", l.pid)
	}
	r.Set("AdditionalFields", l.additional())
	return r
}

// ran renders a command that a program started for somebody; its process id is not told.
func (l *line) ran(rec *normalise.Record, command, as, who string) []*schema.Row {
	r := row(rec, "DeviceProcessEvents", "ProcessCreated", l.host, l.at)
	path, _, _ := strings.Cut(command, " ")
	r.Set("FolderPath", path)
	r.Set("FileName", normalise.Leaf(path))
	r.Set("ProcessCommandLine", command)
	r.Set("AccountName", as)
	r.Set("InitiatingProcessFileName", l.program)
	r.Set("InitiatingProcessAccountName", who)
	if l.pid > 0 {
		r.Set("InitiatingProcessId", l.pid)
	}
	r.Set("AdditionalFields", l.additional())
	return []*schema.Row{r}
}

// cron renders the commands that cron starts.
func (l *line) cron(rec *normalise.Record) []*schema.Row {
	if m := cronCommand.FindStringSubmatch(l.message); m != nil {
		return l.ran(rec, m[2], m[1], "root")
	}
	return nil
}

func (l *line) doas(rec *normalise.Record) []*schema.Row {
	if m := doasRan.FindStringSubmatch(l.message); m != nil {
		return l.ran(rec, m[2], m[3], m[1])
	}
	if m := doasDenied.FindStringSubmatch(l.message); m != nil {
		if strings.HasPrefix(l.message, "failed auth") {
			r := l.logon(rec, "LogonFailed", m[1], "", "", "doas", "WrongPassword")
			r.Set("LogonType", "Interactive")
			return []*schema.Row{r}
		}
		return l.denied(rec, m[1], m[2])
	}
	return nil
}

// denied renders a command that somebody was not allowed to run as another.
func (l *line) denied(rec *normalise.Record, who, command string) []*schema.Row {
	r := l.event(rec, "ElevationDenied")
	r.Set("InitiatingProcessAccountName", who)
	r.Set("ProcessCommandLine", command)
	path, _, _ := strings.Cut(command, " ")
	r.Set("FolderPath", path)
	r.Set("FileName", normalise.Leaf(path))
	return []*schema.Row{r}
}

// refusedSudo renders what sudo did not do: passwords that were wrong are a failed sign-in, the rest a denied command.
func (l *line) refusedSudo(rec *normalise.Record) []*schema.Row {
	m := sudoFailed.FindStringSubmatch(l.message)
	if m == nil {
		return nil
	}
	if strings.Contains(m[2], "incorrect password") {
		r := l.logon(rec, "LogonFailed", m[1], "", "", "sudo", "WrongPassword")
		r.Set("LogonType", "Interactive")
		r.Set("InitiatingProcessAccountName", m[1])
		return []*schema.Row{r}
	}
	return l.denied(rec, m[1], m[4])
}

// membership renders changes of groups and accounts by usermod, gpasswd and their like.
func (l *line) membership(rec *normalise.Record) []*schema.Row {
	for _, g := range []struct {
		action string
		shapes []*regexp.Regexp
	}{{"UserAccountAddedToLocalGroup", intoGroup}, {"UserAccountRemovedFromLocalGroup", outOfGroup}} {
		for _, shape := range g.shapes {
			if m := shape.FindStringSubmatch(l.message); m != nil {
				if strings.Contains(l.message, "shadow group") { // told twice
					return nil
				}
				r := l.event(rec, g.action)
				r.Set("AccountName", m[1])
				r.Set("AdditionalFields", l.group(m[2]))
				return []*schema.Row{r}
			}
		}
	}
	for _, c := range []struct {
		action string
		shape  *regexp.Regexp
	}{{"SecurityGroupDeleted", groupRemoved}, {"UserAccountModified", userChanged}} {
		if m := c.shape.FindStringSubmatch(l.message); m != nil {
			r := l.event(rec, c.action)
			r.Set("AccountName", strings.Join(m[1:], ""))
			if c.action == "SecurityGroupDeleted" {
				r.Set("AdditionalFields", l.group(strings.Join(m[1:], "")))
			}
			return []*schema.Row{r}
		}
	}
	return nil
}

// login renders failed sign-ins at a terminal.
func (l *line) login(rec *normalise.Record) []*schema.Row {
	m := loginFailed.FindStringSubmatch(l.message)
	if m == nil {
		return nil
	}
	host := m[1]
	if strings.HasPrefix(host, "/dev/") || strings.HasPrefix(host, "tty") {
		host = ""
	}
	r := l.logon(rec, "LogonFailed", m[2], host, "", "login", "BadCredentials")
	r.Set("LogonType", "Interactive")
	return []*schema.Row{r}
}

func (l *line) ftp(rec *normalise.Record) []*schema.Row {
	m := ftpLogin.FindStringSubmatch(l.message)
	if m == nil {
		return nil
	}
	action, reason := "LogonSuccess", ""
	if m[2] == "FAIL" {
		action, reason = "LogonFailed", "BadCredentials"
	}
	r := l.logon(rec, action, m[1], m[3], "", "ftp", reason)
	r.Set("LogonType", "Network")
	return []*schema.Row{r}
}

// arrival renders the notices of network services that somebody connected.
func (l *line) arrival(rec *normalise.Record) []*schema.Row {
	m := cameFrom.FindStringSubmatch(l.message)
	if m == nil {
		return nil
	}
	ip := normalise.CleanIP(m[1] + m[3])
	if ip == "" {
		return nil
	}
	r := row(rec, "DeviceNetworkEvents", "InboundConnectionAccepted", l.host, l.at)
	r.Set("RemoteIP", ip)
	r.Set("RemoteIPType", normalise.IPType(ip))
	r.Set("Protocol", "Tcp")
	r.Set("InitiatingProcessFileName", l.program)
	if l.pid > 0 {
		r.Set("InitiatingProcessId", l.pid)
	}
	r.Set("AdditionalFields", l.additional())
	return []*schema.Row{r}
}
