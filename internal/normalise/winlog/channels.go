package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// channels maps the logs beside Sysmon, Security, PowerShell and Defender, by service and event id.
func (w *worker) channels() (note string) {
	r := &w.rec
	switch w.kind {
	case kindSystem:
		return w.systemLog()
	case kindWMI:
		w.wmi()
		return ""
	case kindTasks:
		w.tasks()
		return ""
	case kindPowerShellClassic:
		w.classicPowerShell()
		return ""
	}
	switch r.service() {
	case "dns-client":
		w.dnsClient()
	case "applocker":
		w.appLocker()
	case "ntlm":
		w.ntlmAudit()
	case "terminalservices-localsessionmanager":
		w.terminalSession()
	case "bits-client":
		w.bits()
	case "codeintegrity-operational":
		w.codeIntegrity()
	case "firewall-as":
		switch r.eventID {
		case 2004, 2071, 2097:
			w.firewallRule("FirewallRuleAdded")
		case 2005, 2073, 2099:
			w.firewallRule("FirewallRuleModified")
		case 2006, 2052:
			w.firewallRule("FirewallRuleDeleted")
		case 2033, 2059:
			w.firewallRule("FirewallRulesDeleted")
		}
	case "dns-server", "security-mitigations":
		// rules only
	default:
		switch {
		case strings.EqualFold(r.channel, "Directory Service"):
			w.directoryService()
		case r.eventID == 1149 && strings.EqualFold(r.channel, "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational"):
			w.terminalUser()
		}
	}
	return ""
}

func (w *worker) systemLog() (note string) {
	r := &w.rec
	switch {
	case r.eventID == 7045:
		return w.serviceInstalled("ImagePath")
	case r.eventID == 104 && strings.EqualFold(r.provider, "Microsoft-Windows-Eventlog"):
		row := w.newRow("DeviceEvents", "EventLogCleared")
		w.subject(row)
		w.finish(row)
	case r.eventID == 7040 && r.provider == "Service Control Manager":
		row := w.newRow("DeviceEvents", "ServiceModified")
		put(row, "InitiatingProcessAccountSid", normalise.CleanSID(r.userID))
		w.extra.Text("ServiceName", r.peek("param4"))
		w.extra.Text("DisplayName", r.get("param1"))
		w.extra.Text("FROM StartType", r.get("param2"))
		w.extra.Text("TO StartType", r.get("param3"))
		w.finish(row)
	}
	return ""
}

func (w *worker) wmi() {
	r := &w.rec
	if r.eventID != 5861 && r.eventID != 5859 && r.eventID != 5860 {
		return
	}
	action := "WmiBindEventFilterToConsumer"
	if r.eventID != 5861 {
		action = "WmiFilterEvent"
	}
	row := w.newRow("DeviceEvents", action)
	user := r.first("User", "ClientUser")
	account(row, "Account", user)
	account(row, "InitiatingProcessAccount", user)
	put(row, "InitiatingProcessAccountSid", normalise.CleanSID(r.userID))
	if id, ok := r.integer("ProcessID"); ok {
		w.initiator(row, actorRef{id: id, has: id != 0})
	}
	w.extra.Text("Filter", r.get("ESS"))
	w.extra.Text("Consumer", r.get("CONSUMER"))
	if len(r.data) == 0 && r.message != "" {
		w.extra.Text("Description", r.message)
	}
	w.finish(row)
}

func (w *worker) tasks() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 106:
		action = "ScheduledTaskCreated"
	case 140:
		action = "ScheduledTaskUpdated"
	case 141:
		action = "ScheduledTaskDeleted"
	case 142:
		action = "ScheduledTaskDisabled"
	case 129, 200:
		action = "ScheduledTaskStarted"
	case 201:
		action = "ScheduledTaskCompleted"
	default:
		return
	}
	row := w.newRow("DeviceEvents", action)
	user := r.first("UserContext", "UserName")
	if sid := normalise.CleanSID(user); sid != "" {
		put(row, "AccountSid", sid)
	} else {
		account(row, "Account", user)
	}
	command := r.first("ActionName", "Path")
	file(row, command)
	if id, ok := r.integer("ProcessID"); ok {
		putInt(row, "ProcessId", id)
	}
	if id, ok := r.integer("EnginePID"); ok {
		w.initiator(row, actorRef{id: id, has: id != 0})
	}
	w.finish(row)
}

func (w *worker) dnsClient() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 3006, 3010:
		action = "DnsQueryRequest"
	case 3008, 3011, 3020:
		action = "DnsQueryResponse"
	default:
		return
	}
	row := w.newRow("DeviceEvents", action)
	name := r.get("QueryName")
	put(row, "RemoteUrl", name)
	w.extra.Text("DnsQueryString", name)
	if status, ok := r.integer("QueryStatus"); ok {
		w.extra.Int("DnsQueryStatus", status)
	}
	if results := r.get("QueryResults"); results != "" {
		w.extra.Raw("DnsQueryResult", dnsResults(results))
	}
	if id, ok := parseInt(r.processID); ok {
		w.initiator(row, actorRef{id: id, has: id != 0})
	}
	w.finish(row)
}

// appLockerActions names AppLocker's verdicts.
var appLockerActions = map[int]string{
	8003: "AppControlExecutableAudited", 8004: "AppControlExecutableBlocked", 8006: "AppControlScriptAudited", 8007: "AppControlScriptBlocked",
	8021: "AppControlPackagedAppAudited", 8022: "AppControlPackagedAppBlocked", 8024: "AppControlAppInstallationAudited", 8025: "AppControlAppInstallationBlocked",
}

func (w *worker) appLocker() {
	r := &w.rec
	action := appLockerActions[r.eventID]
	if action == "" {
		return
	}
	row := w.newRow("DeviceEvents", action)
	file(row, r.first("FullFilePath", "FilePath"))
	put(row, "AccountSid", normalise.CleanSID(r.get("TargetUser")))
	put(row, "SHA256", normalise.ParseHashes(r.get("FileHash")).SHA256)
	if id, ok := r.integer("TargetProcessId"); ok {
		putInt(row, "ProcessId", id)
	}
	w.finish(row)
}

// ntlmAudit maps the NTLM log of a domain controller: 8004 names the server that an account used NTLM against.
func (w *worker) ntlmAudit() {
	r := &w.rec
	if r.eventID != 8004 {
		return
	}
	w.dev.directory = true
	row := w.identityRow("IdentityLogonEvents", "LogonSuccess")
	put(row, "Protocol", "Ntlm")
	put(row, "LogonType", "Resource access")
	accountParts(row, "Account", r.get("DomainName"), r.get("UserName"), "")
	put(row, "DeviceName", strings.ToLower(r.get("WorkstationName")))
	put(row, "TargetDeviceName", strings.ToLower(r.get("SChannelName")))
	w.finish(row)
}

func (w *worker) terminalSession() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 21, 22, 25:
		action = "RemoteDesktopConnection"
	case 23, 24:
		action = "RemoteDesktopDisconnection"
	default:
		return
	}
	row := w.newRow("DeviceEvents", action)
	account(row, "Account", r.get("User"))
	w.remote(row, r.get("Address"))
	w.finish(row)
}

// terminalUser maps 1149: remote desktop has accepted a user, before the session exists.
func (w *worker) terminalUser() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "RemoteDesktopConnection")
	accountParts(row, "Account", r.get("Param2"), r.get("Param1"), "")
	w.remote(row, r.get("Param3"))
	w.finish(row)
}

func (w *worker) bits() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 3:
		action = "BitsJobCreated"
	case 59, 60, 61:
		action = "BitsTransfer"
	default:
		return
	}
	row := w.newRow("DeviceEvents", action)
	account(row, "Account", r.first("jobOwner", "User"))
	put(row, "RemoteUrl", r.first("url", "RemoteName"))
	path := r.first("LocalName", "processPath")
	file(row, path)
	if id, ok := r.integer("processId"); ok {
		w.initiator(row, actorRef{id: id, has: id != 0})
	}
	w.finish(row)
}

func (w *worker) codeIntegrity() {
	r := &w.rec
	action := ""
	switch r.eventID {
	case 3033, 3076:
		action = "AppControlCodeIntegrityImageAudited"
	case 3077:
		action = "AppControlCodeIntegrityPolicyBlocked"
	case 3023, 3036:
		action = "AppControlCodeIntegrityDriverRevoked"
	default:
		return
	}
	row := w.newRow("DeviceEvents", action)
	file(row, r.first("FileNameBuffer", "File Name", "FileName"))
	path := r.first("ProcessNameBuffer", "Process Name", "ProcessName")
	w.initiator(row, actorRef{path: path})
	w.finish(row)
}

// directoryService maps a domain controller's own log: LDAP searches and unsigned binds.
func (w *worker) directoryService() {
	r := &w.rec
	values := r.unnamed()
	at := func(i int) string {
		if i < len(values) {
			return values[i]
		}
		return ""
	}
	switch r.eventID {
	case 1644:
		row := w.identityRow("IdentityQueryEvents", "LDAP query")
		put(row, "Protocol", "Ldap")
		put(row, "QueryTarget", at(0))
		put(row, "Query", at(1))
		ip, port := normalise.CleanIPPort(at(4))
		put(row, "IPAddress", ip)
		if port > 0 {
			putInt(row, "Port", int64(port))
		}
		put(row, "QueryType", queryType(at(1)))
		domain, name, _ := normalise.SplitAccount(at(16))
		accountParts(row, "Account", domain, name, "")
		w.finish(row)
	case 2889:
		row := w.identityRow("IdentityLogonEvents", "LogonSuccess")
		put(row, "Protocol", "Ldap")
		put(row, "LogonType", "LDAP cleartext")
		ip, port := normalise.CleanIPPort(at(0))
		put(row, "IPAddress", ip)
		if port > 0 {
			putInt(row, "Port", int64(port))
		}
		domain, name, _ := normalise.SplitAccount(at(1))
		accountParts(row, "Account", domain, name, "")
		w.finish(row)
	}
}

// unnamed returns the values of Data elements without names.
func (r *record) unnamed() []string {
	d := r.find("Data")
	if d == nil {
		return nil
	}
	if d.Kind != normalise.List {
		return []string{d.Text}
	}
	out := make([]string, len(d.List))
	for i, v := range d.List {
		out[i] = v.Text
	}
	return out
}

// queryType says what an LDAP filter looks for.
func queryType(filter string) string {
	f := strings.ToLower(filter)
	switch {
	case strings.Contains(f, "objectclass=group"), strings.Contains(f, "objectcategory=group"):
		return "QueryGroup"
	case strings.Contains(f, "objectclass=computer"), strings.Contains(f, "objectcategory=computer"):
		return "QueryComputer"
	case strings.Contains(f, "samaccountname="), strings.Contains(f, "objectsid="):
		return "QueryUser"
	case strings.Contains(f, "objectclass=user"), strings.Contains(f, "objectcategory=person"), strings.Contains(f, "samaccounttype=805306368"):
		return "EnumerateUsers"
	}
	return ""
}
