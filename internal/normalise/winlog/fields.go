package winlog

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// field notes a value that the mapping worked out under a name that rules use; a name that the record has itself wins.
func (w *worker) field(name, text string) {
	if text != "" {
		w.fields = append(w.fields, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.String, Text: text}})
	}
}

// eventFields is the flat view for rules: System's values, the provider's data under its own names, and names that rules expect where the
// source says it otherwise. A name that System and the data share becomes a list of both.
func (w *worker) eventFields() normalise.Fields {
	r := &w.rec
	w.aliases()
	f := make(normalise.Fields, 0, len(r.data)+len(w.fields)+14)
	f = append(f, normalise.Field{Name: "EventID", Value: normalise.Value{Kind: normalise.Number, Text: strconv.Itoa(r.eventID)}})
	f = w.system(f, "Channel", r.channel)
	f = w.system(f, "Provider_Name", r.provider)
	f = w.system(f, "Computer", r.computer)
	f = w.system(f, "Level", r.level)
	f = w.system(f, "Keywords", r.keywords)
	f = w.system(f, "Task", r.task)
	f = w.system(f, "Opcode", r.opcode)
	f = w.system(f, "Version", r.version)
	f = w.system(f, "EventRecordID", r.recordID)
	f = w.system(f, "UserID", r.userID)
	f = w.system(f, "Message", r.message)
	systemEnd := len(f)
	for i := range r.data {
		d := &r.data[i]
		merged := false
		for j := range f[:systemEnd] {
			if f[j].Name == d.name {
				f[j].Value = bothOf(f[j].Value, d.Value)
				merged = true
				break
			}
		}
		if !merged {
			f = append(f, normalise.Field{Name: d.name, Value: d.Value})
		}
	}
	for _, x := range w.fields {
		if i := indexOf(f, x.Name); i < 0 {
			f = append(f, x)
		} else if f[i].Value.Kind == normalise.Null {
			f[i].Value = x.Value
		}
	}
	return f
}

func (w *worker) system(f normalise.Fields, name, text string) normalise.Fields {
	if text == "" {
		return f
	}
	return append(f, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.String, Text: text}})
}

func indexOf(f normalise.Fields, name string) int {
	for i := range f {
		if f[i].Name == name {
			return i
		}
	}
	return -1
}

func bothOf(a, b normalise.Value) normalise.Value {
	if a.Kind == b.Kind && a.Text == b.Text && a.Kind != normalise.List {
		return a
	}
	list := []normalise.Value{a}
	if b.Kind == normalise.List {
		list = append(list, b.List...)
	} else {
		list = append(list, b)
	}
	return normalise.Value{Kind: normalise.List, List: list}
}

// aliases adds the names of rules for what the record says under others.
func (w *worker) aliases() {
	r := &w.rec
	w.field("ComputerName", r.computer)
	switch w.kind {
	case kindSysmon:
		w.sysmonAliases()
	case kindSecurity:
		w.securityAliases()
	case kindPowerShellClassic:
		w.classicData()
	case kindDefender:
		w.defenderAliases()
	default:
		for i := range r.data {
			w.joinedName(&r.data[i])
		}
		if r.eventID == 1000 && r.provider == "Application Error" {
			w.applicationError()
		}
	}
	w.actorAliases()
}

func (w *worker) sysmonAliases() {
	r := &w.rec
	if hashes := r.peek("Hashes"); hashes != "" {
		w.hashFields(hashes)
	} else if hash := r.peek("Hash"); hash != "" {
		w.hashFields(hash)
	}
	switch r.eventID {
	case 12, 13, 14:
		w.registryAlias("TargetObject")
		w.registryAlias("NewName")
		w.field("EventType", w.registryEventType())
	case 10:
		// Sysmon writes these two in capitals here and not elsewhere.
		w.field("SourceProcessGuid", r.peek("SourceProcessGUID"))
		w.field("TargetProcessGuid", r.peek("TargetProcessGUID"))
	}
}

func (w *worker) hashFields(s string) {
	h := normalise.ParseHashes(s)
	w.field("md5", h.MD5)
	w.field("sha1", h.SHA1)
	w.field("sha256", h.SHA256)
	w.field("Imphash", h.ImpHash)
}

// registryAlias puts the short canonical form beside a registry path that is written otherwise.
func (w *worker) registryAlias(name string) {
	d := w.rec.find(name)
	if d == nil || d.Kind != normalise.String {
		return
	}
	if _, short := registryPath(d.Text); short != d.Text {
		canonical := d.Value
		canonical.Text = short
		d.Value = bothOf(canonical, d.Value)
	}
}

func (w *worker) securityAliases() {
	r := &w.rec
	w.accessNames("AccessList")
	switch r.eventID {
	case 4688, 4689:
		w.field("Image", r.peek("NewProcessName"))
		w.field("Image", r.peek("ProcessName"))
		w.field("ParentImage", r.peek("ParentProcessName"))
		w.field("User", joinAccount(r.peek("SubjectDomainName"), r.peek("SubjectUserName")))
		w.field("LogonId", r.peek("SubjectLogonId"))
		w.field("IntegrityLevel", integrityOf(r.peek("MandatoryLabel")))
		if id, ok := parseInt(r.peek("ProcessId")); ok && r.eventID == 4688 {
			w.field("ParentProcessId", strconv.FormatInt(id, 10))
		}
	case 4657, 4663, 4656, 4660:
		w.field("Image", r.peek("ProcessName"))
		w.field("User", joinAccount(r.peek("SubjectDomainName"), r.peek("SubjectUserName")))
		object := r.peek("ObjectName")
		switch {
		case r.eventID == 4657:
			_, short := registryPath(object)
			w.field("TargetObject", short+`\`+r.peek("ObjectValueName"))
			w.field("Details", r.peek("NewValue"))
			w.field("EventType", "SetValue")
		case r.peek("ObjectType") == "Key":
			_, short := registryPath(object)
			w.field("TargetObject", short)
		case r.peek("ObjectType") == "File":
			w.field("TargetFilename", object)
			w.field("FileName", object)
		}
	case 5156, 5157:
		w.pathField("Image", r.peek("Application"))
		outbound := r.peek("Direction") != "%%14592"
		w.field("Initiated", strconv.FormatBool(outbound))
		local, localPort, remote, remotePort := "SourceAddress", "SourcePort", "DestAddress", "DestPort"
		if outbound {
			w.field("SourceIp", r.peek(local))
			w.field("DestinationIp", r.peek(remote))
			w.field("DestinationPort", r.peek(remotePort))
		} else { // audit events name the local side first, Sysmon the side that began
			w.field("SourceIp", r.peek(remote))
			w.field("DestinationIp", r.peek(local))
			w.field("DestinationPort", r.peek(localPort))
		}
	}
}

// accessNames puts the names of access rights beside their message codes: rules use either.
func (w *worker) accessNames(field string) {
	d := w.rec.find(field)
	if d == nil || d.Kind != normalise.String || !strings.Contains(d.Text, "%%") {
		return
	}
	var names []string
	for _, code := range strings.Fields(d.Text) {
		if name := accessRights[code]; name != "" {
			names = append(names, name)
		}
	}
	if names != nil {
		d.Value = bothOf(d.Value, normalise.Value{Kind: normalise.String, Text: strings.Join(names, "\n")})
	}
}

// pathField notes a path. A kernel path of the volume that Windows runs from is given with a drive letter too, because rules are written so.
func (w *worker) pathField(name, path string) {
	const volume = `\device\harddiskvolume`
	if len(path) > len(volume) && strings.EqualFold(path[:len(volume)], volume) {
		rest := strings.TrimLeft(path[len(volume):], "0123456789")
		if lower := strings.ToLower(rest); strings.HasPrefix(lower, `\windows\`) || strings.HasPrefix(lower, `\program files`) || strings.HasPrefix(lower, `\users\`) || strings.HasPrefix(lower, `\programdata\`) {
			v := bothOf(normalise.Value{Kind: normalise.String, Text: "C:" + rest}, normalise.Value{Kind: normalise.String, Text: path})
			w.fields = append(w.fields, normalise.Field{Name: name, Value: v})
			return
		}
	}
	w.field(name, path)
}

// applicationError names the unnamed values of the crash event, as its newer form does.
func (w *worker) applicationError() {
	values := w.rec.unnamed()
	for i, name := range [...]string{"AppName", "AppVersion", "AppTimeStamp", "ModuleName", "ModuleVersion", "ModuleTimeStamp", "ExceptionCode", "FaultingOffset"} {
		if i < len(values) {
			w.field(name, values[i])
		}
	}
}

// classicData gives the classic PowerShell log its one Data field, which collectors split into param1… or keep only in the message.
func (w *worker) classicData() {
	r := &w.rec
	if r.find("Data") != nil {
		return
	}
	var list []normalise.Value
	for _, name := range [...]string{"param1", "param2", "param3"} {
		if text := r.peek(name); text != "" {
			list = append(list, normalise.Value{Kind: normalise.String, Text: text})
		}
	}
	switch {
	case len(list) > 0:
		w.fields = append(w.fields, normalise.Field{Name: "Data", Value: normalise.Value{Kind: normalise.List, List: list}})
	case r.message != "":
		w.field("Data", r.message)
	}
}

// defenderAliases adds Defender's field names without blanks, and those of the antivirus category.
func (w *worker) defenderAliases() {
	r := &w.rec
	for i := range r.data {
		w.joinedName(&r.data[i])
	}
	w.field("Feature_Name", r.peek("Feature Name"))
	w.field("Signature", r.peek("Threat Name"))
	w.field("Filename", r.peek("Path"))
}

// joinedName adds a field under its name without blanks: rules cannot write "Process Name" and expect ProcessName.
func (w *worker) joinedName(d *datum) {
	if strings.Contains(d.name, " ") && d.Kind != normalise.List {
		w.field(strings.ReplaceAll(d.name, " ", ""), d.Text)
	}
}

// actorAliases adds what the process cache knows of the process behind an event, which the event itself does not say.
func (w *worker) actorAliases() {
	p := w.actor
	if p == nil {
		return
	}
	switch w.kind {
	case kindSysmon:
		switch w.rec.eventID {
		case 1:
			// The actor is the parent.
			w.field("ParentCommandLine", p.CommandLine)
			w.field("GrandParentImage", p.ParentPath)
			w.field("ParentOfParentImage", p.ParentPath)
			w.field("ParentIntegrityLevel", p.Integrity)
			return
		case 8, 10:
			w.field("SourceCommandLine", p.CommandLine)
			w.field("SourceParentImage", p.ParentPath)
			w.field("SourceUser", joinAccount(p.AccountDomain, p.AccountName))
			return
		}
	case kindSecurity:
		if w.rec.eventID == 4688 {
			w.field("ParentCommandLine", p.CommandLine)
			w.field("ParentImage", p.Path)
			w.field("GrandParentImage", p.ParentPath)
			w.field("ParentOfParentImage", p.ParentPath)
			return
		}
	default:
		return
	}
	w.field("CommandLine", p.CommandLine)
	w.field("ParentImage", p.ParentPath)
	w.field("IntegrityLevel", p.Integrity)
	w.field("User", joinAccount(p.AccountDomain, p.AccountName))
}

func joinAccount(domain, name string) string {
	switch {
	case name == "":
		return ""
	case domain == "":
		return name
	}
	return domain + `\` + name
}
