package winlog

import (
	"encoding/xml"
	"html"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// auditProcess maps event 4688. Where Sysmon told of the same process already, its row stands and this event adds none.
func (w *worker) auditProcess() (note string) {
	r := &w.rec
	id, _ := r.integer("NewProcessId")
	parentID, hasParent := r.integer("ProcessId")
	p := normalise.Process{
		Tenant: w.tenant, Device: w.dev.id, ID: id, Path: r.get("NewProcessName"), Created: w.ticks, CommandLine: r.get("CommandLine"),
		Integrity: integrityOf(r.peek("MandatoryLabel")), TokenElevation: elevationOf(r.peek("TokenElevationType")),
		ParentID: parentID, ParentPath: r.get("ParentProcessName"), Source: "security",
	}
	domain, name, sid, logonField := "SubjectDomainName", "SubjectUserName", "SubjectUserSid", "SubjectLogonId"
	if r.peek("TargetUserName") != "" {
		domain, name, sid = "TargetDomainName", "TargetUserName", "TargetUserSid"
	}
	if logon, ok := parseInt(r.peek("TargetLogonId")); ok && logon != 0 {
		logonField = "TargetLogonId"
	}
	p.AccountDomain, p.AccountName, p.AccountSID = r.peek(domain), r.peek(name), normalise.CleanSID(r.peek(sid))
	p.LogonID, _ = parseInt(r.peek(logonField))

	if twin, ok := w.family.cache.Near(w.tenant, w.dev.id, id, w.ticks); ok && twin.Source == "sysmon" && sameLeaf(twin.Path, p.Path) {
		twin.TokenElevation = p.TokenElevation
		if twin.AccountSID == "" {
			twin.AccountSID = p.AccountSID
		}
		w.family.cache.Add(twin)
		w.told, note = true, "duplicate of sysmon 1"
	}

	row := w.newRow("DeviceProcessEvents", "ProcessCreated")
	file(row, p.Path)
	putInt(row, "ProcessId", id)
	putTicks(row, "ProcessCreationTime", w.ticks)
	put(row, "ProcessCommandLine", p.CommandLine)
	put(row, "ProcessIntegrityLevel", p.Integrity)
	put(row, "ProcessTokenElevation", p.TokenElevation)
	r.use("MandatoryLabel", "TokenElevationType", domain, name, sid, "TargetLogonId", "TargetUserName", "TargetUserSid", "TargetDomainName")
	accountParts(row, "Account", p.AccountDomain, p.AccountName, p.AccountSID)
	if p.LogonID != 0 {
		putInt(row, "LogonId", p.LogonID)
	}
	w.subject(row)
	w.initiator(row, actorRef{id: parentID, has: hasParent, path: p.ParentPath})
	if w.actor != nil {
		p.ParentCreated = w.actor.Created
		p.ParentGUID = w.actor.GUID
	}
	w.finish(row)
	if !w.told {
		w.family.cache.Add(p)
	}
	return note
}

func (w *worker) auditProcessEnd() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "ProcessTerminated")
	id, _ := parseInt(r.peek("ProcessId"))
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.family.cache.End(w.tenant, w.dev.id, "", id, w.ticks)
	w.finish(row)
}

// serviceInstalled maps 4697 and System 7045, which tell of the same; the second gives no row. pathField holds the service's command line.
func (w *worker) serviceInstalled(pathField string) (note string) {
	r := &w.rec
	if w.dev.toldAlready(r.peek("ServiceName"), r.eventID, w.ticks) {
		w.told, note = true, "duplicate"
	}
	row := w.newRow("DeviceEvents", "ServiceInstalled")
	command := r.get(pathField)
	file(row, executableOf(command))
	put(row, "ProcessCommandLine", command)
	w.subject(row)
	if w.rec.userID != "" {
		put(row, "InitiatingProcessAccountSid", normalise.CleanSID(w.rec.userID))
	}
	if w.dev.directory {
		id := w.identityRow("IdentityDirectoryEvents", "Service creation")
		w.identityActor(id)
		put(id, "TargetDeviceName", w.dev.name)
		w.finish(row, id)
		return note
	}
	w.finish(row)
	return note
}

// executableOf returns the program of a command line: the quoted part, or everything to the first known program ending, or the first word.
func executableOf(command string) string {
	command = strings.TrimSpace(command)
	if strings.HasPrefix(command, `"`) {
		if end := strings.IndexByte(command[1:], '"'); end > 0 {
			return command[1 : 1+end]
		}
		return strings.Trim(command, `"`)
	}
	lower := strings.ToLower(command)
	for _, ending := range [...]string{".exe", ".sys", ".cmd", ".bat", ".dll", ".com"} {
		if i := strings.Index(lower, ending); i > 0 {
			end := i + len(ending)
			if end == len(lower) || lower[end] == ' ' || lower[end] == '\t' {
				return command[:min(end, len(command))]
			}
		}
	}
	first, _, _ := strings.Cut(command, " ")
	return first
}

var taskActions = map[int]string{
	4698: "ScheduledTaskCreated", 4699: "ScheduledTaskDeleted", 4700: "ScheduledTaskEnabled", 4701: "ScheduledTaskDisabled", 4702: "ScheduledTaskUpdated",
}

func (w *worker) scheduledTask() {
	r := &w.rec
	row := w.newRow("DeviceEvents", taskActions[r.eventID])
	w.subject(row)
	if id, ok := r.integer("ClientProcessId"); ok {
		w.initiator(row, actorRef{id: id, has: id != 0})
	}
	content := r.peek("TaskContent")
	if content == "" {
		content = r.peek("TaskContentNew")
	}
	command, arguments := taskCommand(content)
	file(row, command)
	put(row, "ProcessCommandLine", strings.TrimSpace(command+" "+arguments))
	if w.dev.directory && r.eventID == 4698 && !strings.HasSuffix(r.peek("SubjectUserName"), "$") && r.peek("RpcCallClientLocality") == "0" {
		id := w.identityRow("IdentityDirectoryEvents", "Task scheduling")
		w.identityActor(id)
		put(id, "TargetDeviceName", w.dev.name)
		w.finish(row, id)
		return
	}
	w.finish(row)
}

// taskCommand reads the first Exec action of a task definition. Definitions that are not well-formed give what stands before the fault.
func taskCommand(content string) (command, arguments string) {
	i := strings.Index(content, "<Exec")
	if i < 0 {
		if i = strings.Index(content, "&lt;Exec"); i < 0 {
			return "", ""
		}
		content = html.UnescapeString(content)
		if i = strings.Index(content, "<Exec"); i < 0 {
			return "", ""
		}
	}
	dec := xml.NewDecoder(strings.NewReader(content[i:]))
	dec.Strict = false
	element := ""
	for {
		tok, err := dec.RawToken()
		if err != nil {
			return strings.TrimSpace(command), strings.TrimSpace(arguments)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			element = t.Name.Local
		case xml.CharData:
			switch element {
			case "Command":
				command += string(t)
			case "Arguments":
				arguments += string(t)
			}
		case xml.EndElement:
			if t.Name.Local == "Exec" {
				return strings.TrimSpace(command), strings.TrimSpace(arguments)
			}
			element = ""
		}
	}
}
