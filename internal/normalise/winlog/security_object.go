package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// handleRequest maps 4656: handles to lsass, and requests that were refused. The many others only precede a 4663.
func (w *worker) handleRequest() (note string) {
	r := &w.rec
	object := r.peek("ObjectName")
	isProcess := r.peek("ObjectType") == "Process"
	failed := auditFailure(r)
	if !failed && !(isProcess && strings.EqualFold(normalise.Leaf(object), "lsass.exe")) {
		return "handle"
	}
	action := "ObjectHandleRequested"
	if isProcess {
		action = "OpenProcessApiCall"
	}
	row := w.newRow("DeviceEvents", action)
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	file(row, r.get("ObjectName"))
	w.desiredAccess()
	w.finish(row)
	return ""
}

// auditFailure reports whether an audit event tells of a refused attempt (keyword bit 52).
func auditFailure(r *record) bool {
	n, ok := parseInt(r.keywords)
	return ok && n&(1<<52) != 0
}

func (w *worker) desiredAccess() {
	if mask, ok := parseInt(w.rec.peek("AccessMask")); ok {
		w.rec.use("AccessMask")
		w.extra.Int("DesiredAccess", mask)
	}
}

// objectAccess maps 4663 by the kind of object and what was done to it.
func (w *worker) objectAccess() (note string) {
	r := &w.rec
	mask, _ := parseInt(r.peek("AccessMask"))
	object := r.peek("ObjectName")
	var row *schema.Row
	switch r.peek("ObjectType") {
	case "File":
		switch {
		case mask&accessDelete != 0:
			row = w.newRow("DeviceFileEvents", "FileDeleted")
		case mask&(fileWrite|fileAppend) != 0:
			row = w.newRow("DeviceFileEvents", "FileModified")
		case mask&fileRead != 0:
			row = w.newRow("DeviceEvents", "SensitiveFileRead") // whoever set an audit entry for reading on a file tagged it
		default:
			return "file"
		}
		file(row, object)
	case "Key":
		key, _ := registryPath(object)
		switch {
		case mask&accessDelete != 0:
			row = w.newRow("DeviceRegistryEvents", "RegistryKeyDeleted")
		case mask&keyCreate != 0:
			row = w.newRow("DeviceRegistryEvents", "RegistryKeyCreated")
		case mask&keySetValue != 0:
			row = w.newRow("DeviceRegistryEvents", "RegistryKeyModified")
		default:
			return "key"
		}
		put(row, "RegistryKey", key)
	case "Process":
		if !strings.EqualFold(normalise.Leaf(object), "lsass.exe") {
			return "process"
		}
		row = w.newRow("DeviceEvents", "OpenProcessApiCall")
		file(row, object)
	default:
		return "object"
	}
	r.use("ObjectName")
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.desiredAccess()
	w.finish(row)
	return ""
}

// auditRegistryValue maps 4657: a registry value changed, with old and new data.
func (w *worker) auditRegistryValue() {
	r := &w.rec
	action := "RegistryValueSet"
	if r.peek("OperationType") == "%%1906" {
		action = "RegistryValueDeleted"
	}
	row := w.newRow("DeviceRegistryEvents", action)
	key, _ := registryPath(r.get("ObjectName"))
	put(row, "RegistryKey", key)
	put(row, "RegistryValueName", r.get("ObjectValueName"))
	put(row, "RegistryValueType", registryTypes[r.get("NewValueType")])
	put(row, "RegistryValueData", r.get("NewValue"))
	put(row, "PreviousRegistryValueData", r.get("OldValue"))
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.finish(row)
}

var registryTypes = map[string]string{
	"%%1872": "None", "%%1873": "String", "%%1874": "ExpandString", "%%1875": "Binary", "%%1876": "Dword", "%%1877": "DwordBigEndian", "%%1878": "Link",
	"%%1879": "MultiString", "%%1880": "ResourceList", "%%1883": "Qword",
}

// share maps 5140 and 5145: access to a share, and to one object on it.
func (w *worker) share() {
	r := &w.rec
	action := "NetworkShareAccessed"
	if r.eventID == 5145 {
		action = "NetworkShareObjectAccessChecked"
	}
	row := w.newRow("DeviceEvents", action)
	w.address(row)
	mask, _ := parseInt(r.peek("AccessMask"))
	share, object := r.peek("ShareName"), r.peek("RelativeTargetName")
	local := strings.TrimPrefix(r.peek("ShareLocalPath"), `\??\`)
	path := ""
	if local != "" && object != "" && object != `\` {
		path = strings.TrimSuffix(local, `\`) + `\` + strings.TrimPrefix(object, `\`)
		file(row, path)
	}
	rows := []*schema.Row{row}
	if r.eventID == 5145 && path != "" && !auditFailure(r) && mask&(fileWrite|fileAppend|accessDelete) != 0 {
		action := "FileModified"
		if mask&accessDelete != 0 && mask&(fileWrite|fileAppend) == 0 {
			action = "FileDeleted"
		}
		f := w.newRow("DeviceFileEvents", action)
		file(f, path)
		put(f, "RequestProtocol", "SMB")
		put(f, "RequestSourceIP", normalise.CleanIP(r.peek("IpAddress")))
		putPort(f, "RequestSourcePort", r.peek("IpPort"))
		put(f, "RequestAccountName", r.peek("SubjectUserName"))
		put(f, "RequestAccountDomain", r.peek("SubjectDomainName"))
		put(f, "RequestAccountSid", normalise.CleanSID(r.peek("SubjectUserSid")))
		put(f, "ShareName", share)
		rows = append(rows, f)
	}
	if r.eventID == 5145 && w.dev.directory && strings.HasSuffix(strings.ToUpper(share), `\IPC$`) {
		if id := w.pipeOnDirectory(strings.ToLower(object)); id != nil {
			rows = append(rows, id)
		}
	}
	w.subject(row)
	w.finish(rows...)
}

// pipeOnDirectory tells what use of a well-known pipe of a domain controller means.
func (w *worker) pipeOnDirectory(pipe string) *schema.Row {
	r := &w.rec
	var row *schema.Row
	switch pipe {
	case "samr":
		row = w.identityRow("IdentityQueryEvents", "SAMR query")
		put(row, "Protocol", "Samr")
	case "srvsvc":
		row = w.identityRow("IdentityDirectoryEvents", "SMB session")
		put(row, "Protocol", "Smb")
	case "svcctl":
		row = w.identityRow("IdentityDirectoryEvents", "Service creation")
		put(row, "Protocol", "Smb")
		w.extra.Text("Hint", "service control pipe opened")
	case "atsvc":
		row = w.identityRow("IdentityDirectoryEvents", "Task scheduling")
		put(row, "Protocol", "Smb")
		w.extra.Text("Hint", "task scheduler pipe opened")
	case "lsarpc", "protected_storage":
		row = w.identityRow("IdentityDirectoryEvents", "Private Data Retrieval")
		put(row, "Protocol", "Smb")
		w.extra.Text("Hint", pipe+" pipe opened")
	default:
		return nil
	}
	w.identityActor(row)
	put(row, "IPAddress", normalise.CleanIP(r.peek("IpAddress")))
	putPort(row, "Port", r.peek("IpPort"))
	put(row, "TargetDeviceName", w.dev.name)
	return row
}

func (w *worker) shareObject() {
	action := map[int]string{5142: "NetworkShareObjectAdded", 5143: "NetworkShareObjectModified", 5144: "NetworkShareObjectDeleted"}[w.rec.eventID]
	row := w.newRow("DeviceEvents", action)
	file(row, strings.TrimPrefix(w.rec.peek("ShareLocalPath"), `\??\`))
	w.subject(row)
	w.finish(row)
}
