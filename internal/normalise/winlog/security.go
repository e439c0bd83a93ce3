package winlog

import (
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// security maps the Security audit log. It returns a note for records that deliberately give no row.
func (w *worker) security() (note string) {
	switch r := &w.rec; r.eventID {
	case 4624, 4625:
		w.logon()
	case 4634, 4647:
		w.logoff()
	case 4648:
		w.explicitLogon()
	case 4672:
		w.privileges()
	case 4768, 4769, 4770, 4771:
		return w.kerberos()
	case 4776:
		w.ntlm()
	case 4778, 4779:
		w.remoteDesktop()
	case 4688:
		return w.auditProcess()
	case 4689:
		w.auditProcessEnd()
	case 4656:
		return w.handleRequest()
	case 4657:
		w.auditRegistryValue()
	case 4661:
		return w.samHandle()
	case 4662:
		w.directoryOperation()
	case 4663:
		return w.objectAccess()
	case 4697:
		return w.serviceInstalled("ServiceFileName")
	case 4698, 4699, 4700, 4701, 4702:
		w.scheduledTask()
	case 4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740, 4767, 4781, 4741, 4742, 4743:
		w.accountChange()
	case 4728, 4729, 4732, 4733, 4756, 4757:
		w.groupMember()
	case 4727, 4730, 4731, 4734, 4754, 4758:
		w.group()
	case 5136, 5137, 5141:
		w.directoryObject()
	case 5140, 5145:
		w.share()
	case 5142, 5143, 5144:
		w.shareObject()
	case 5156, 5157, 5154, 5158:
		return w.filteringPlatform()
	case 1102:
		w.simple("SecurityLogCleared")
	case 4719:
		w.simple("AuditPolicyModification")
	case 4794:
		w.simple("DirectoryRestorePasswordAttempt")
	case 5025:
		w.simple("FirewallServiceStopped")
	case 5031:
		w.firewallBlockedApp()
	case 6416:
		w.simple("PnpDeviceConnected")
	case 6419, 6420, 6421, 6422, 6424:
		w.simple(map[int]string{6419: "PnpDeviceDisableRequested", 6420: "PnpDeviceDisabled", 6421: "PnpDeviceEnableRequested", 6422: "PnpDeviceEnabled", 6424: "PnpDeviceAllowed"}[r.eventID])
	case 6423:
		w.simple("PnpDeviceBlocked")
	case 4797:
		w.simple("AccountCheckedForBlankPassword")
	case 4703:
		w.simple("ProcessPrimaryTokenModified")
	case 4616:
		w.simple("SystemTimeChanged")
	case 4670:
		w.permissions()
	case 4704:
		w.simple("UserRightAssigned")
	case 4705:
		w.simple("UserRightRemoved")
	case 4717:
		w.simple("LogonRightsSettingEnabled")
	case 4718:
		w.simple("LogonRightsSettingRemoved")
	case 4798, 4799:
		w.enumeration()
	case 4946, 4947, 4948:
		w.firewallRule(map[int]string{4946: "FirewallRuleAdded", 4947: "FirewallRuleModified", 4948: "FirewallRuleDeleted"}[r.eventID])
	}
	return ""
}

// simple maps an event to a DeviceEvents row with its actor, target account and process.
func (w *worker) simple(action string) *schema.Row {
	row := w.newRow("DeviceEvents", action)
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.target(row)
	w.finish(row)
	return row
}

// subject puts who acted into the InitiatingProcessAccount* columns.
func (w *worker) subject(row *schema.Row) {
	r := &w.rec
	accountParts(row, "InitiatingProcessAccount", r.get("SubjectDomainName"), r.get("SubjectUserName"), r.get("SubjectUserSid"))
	if id, ok := parseInt(r.peek("SubjectLogonId")); ok {
		r.use("SubjectLogonId")
		if row.Has("InitiatingProcessLogonId") {
			putInt(row, "InitiatingProcessLogonId", id)
		} else {
			w.extra.Int("SubjectLogonId", id)
		}
	}
}

// target puts who was acted upon into the Account* columns.
func (w *worker) target(row *schema.Row) {
	r := &w.rec
	accountParts(row, "Account", r.first("TargetDomainName", "TargetDomain"), r.get("TargetUserName"), r.first("TargetUserSid", "TargetSid"))
}

// process fills the initiating process from a pair of fields. Audit events of the kernel name the process as 0x0 and "-".
func (w *worker) process(row *schema.Row, idField, pathField string) {
	r := &w.rec
	id, has := r.integer(idField)
	w.initiator(row, actorRef{id: id, has: has && id != 0, path: r.get(pathField)})
}

// address puts IpAddress and IpPort into the remote columns.
func (w *worker) address(row *schema.Row) {
	r := &w.rec
	w.remote(row, r.get("IpAddress"))
	putPort(row, "RemotePort", r.get("IpPort"))
}

func (w *worker) logon() {
	r := &w.rec
	action := "LogonSuccess"
	if r.eventID == 4625 {
		action = "LogonFailed"
	}
	row := w.newRow("DeviceLogonEvents", action)
	s := session{
		domain: r.get("TargetDomainName"), name: r.get("TargetUserName"), sid: normalise.CleanSID(r.get("TargetUserSid")),
		ip: normalise.CleanIP(r.peek("IpAddress")), workstation: r.get("WorkstationName"),
	}
	s.port, _ = normalise.Port(r.peek("IpPort"))
	accountParts(row, "Account", s.domain, s.name, s.sid)
	logon := w.logonID(row, "LogonId", "TargetLogonId")
	kind, _ := r.integer("LogonType")
	put(row, "LogonType", logonTypes[kind])
	w.address(row)
	put(row, "RemoteDeviceName", strings.ToLower(s.workstation))
	protocol := r.get("AuthenticationPackageName")
	if lm := r.get("LmPackageName"); lm != "" {
		protocol = lm
	}
	protocol = strings.TrimSpace(protocol)
	put(row, "Protocol", protocol)
	if r.eventID == 4625 {
		put(row, "FailureReason", failureReason(r.peek("Status"), r.peek("SubStatus")))
	} else {
		// The special-privileges event may stand before or after this one; the elevated token tells the same.
		known, _ := w.dev.session(logon)
		s.admin = known.admin || r.peek("ElevatedToken") == "%%1842"
		row.Set("IsLocalAdmin", s.admin)
		w.dev.rememberSession(logon, s.clone())
	}
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	rows := []*schema.Row{row}
	if label := identityLogonTypes[kind]; label != "" && w.dev.directory {
		id := w.identityRow("IdentityLogonEvents", action)
		put(id, "LogonType", label)
		put(id, "Protocol", identityProtocol(protocol))
		put(id, "FailureReason", row.Text("FailureReason"))
		accountParts(id, "Account", s.domain, s.name, s.sid)
		put(id, "IPAddress", s.ip)
		if s.port > 0 {
			putInt(id, "Port", int64(s.port))
		}
		put(id, "DeviceName", strings.ToLower(s.workstation))
		rows = append(rows, id)
	}
	w.finish(rows...)
}

// clone detaches a session from the record's text, so that remembering it does not keep the whole record.
func (s session) clone() session {
	s.domain, s.name, s.sid = strings.Clone(s.domain), strings.Clone(s.name), strings.Clone(s.sid)
	s.ip, s.workstation = strings.Clone(s.ip), strings.Clone(s.workstation)
	return s
}

func (w *worker) logoff() {
	row := w.newRow("DeviceEvents", "Logoff")
	w.target(row)
	w.logonID(row, "LogonId", "TargetLogonId")
	if kind, ok := w.rec.integer("LogonType"); ok {
		w.extra.Text("LogonType", logonTypes[kind])
	}
	w.finish(row)
}

func (w *worker) explicitLogon() {
	r := &w.rec
	row := w.newRow("DeviceLogonEvents", "LogonAttempted")
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.target(row)
	if server := r.get("TargetServerName"); !strings.EqualFold(server, "localhost") {
		put(row, "RemoteDeviceName", strings.ToLower(server))
	}
	w.address(row)
	w.finish(row)
}

func (w *worker) privileges() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "SpecialPrivilegesAssigned")
	if logon, ok := parseInt(r.peek("SubjectLogonId")); ok {
		putInt(row, "LogonId", logon)
		s, _ := w.dev.session(logon)
		s.admin = true
		w.dev.rememberSession(logon, s)
	}
	accountParts(row, "Account", r.peek("SubjectDomainName"), r.peek("SubjectUserName"), r.peek("SubjectUserSid"))
	w.subject(row)
	w.extra.Text("PrivilegeList", strings.Join(strings.Fields(r.get("PrivilegeList")), " "))
	w.finish(row)
}

func (w *worker) remoteDesktop() {
	r := &w.rec
	action := "RemoteDesktopConnection"
	if r.eventID == 4779 {
		action = "RemoteDesktopDisconnection"
	}
	row := w.newRow("DeviceEvents", action)
	accountParts(row, "Account", r.get("AccountDomain"), r.get("AccountName"), "")
	w.logonID(row, "LogonId", "LogonID")
	w.remote(row, r.get("ClientAddress"))
	put(row, "RemoteDeviceName", strings.ToLower(r.get("ClientName")))
	w.finish(row)
}

// enumeration maps 4798 and 4799: a process listed the groups of a user, or the members of a group.
func (w *worker) enumeration() {
	r := &w.rec
	action := "UserGroupsEnumerated"
	if r.eventID == 4799 {
		action = "LocalGroupMembersEnumerated"
	}
	row := w.newRow("DeviceEvents", action)
	w.process(row, "CallerProcessId", "CallerProcessName")
	w.subject(row)
	if r.eventID == 4798 {
		w.target(row)
	} else {
		w.extra.Text("GroupName", r.get("TargetUserName"))
		w.extra.Text("GroupDomainName", r.get("TargetDomainName"))
		w.extra.Text("GroupSid", r.get("TargetSid"))
	}
	w.finish(row)
}

// permissions maps 4670: the permissions of an object were changed.
func (w *worker) permissions() {
	r := &w.rec
	row := w.newRow("DeviceEvents", "ObjectPermissionsChanged")
	object := r.get("ObjectName")
	if r.peek("ObjectType") == "Key" {
		key, _ := registryPath(object)
		put(row, "RegistryKey", key)
	} else {
		file(row, object)
	}
	w.process(row, "ProcessId", "ProcessName")
	w.subject(row)
	w.finish(row)
}

// firewallRule maps a change of the firewall's rules, from the audit log or from the firewall's own.
func (w *worker) firewallRule(action string) {
	r := &w.rec
	row := w.newRow("DeviceEvents", action)
	file(row, r.get("ApplicationPath"))
	w.initiator(row, actorRef{path: r.get("ModifyingApplication")})
	put(row, "InitiatingProcessAccountSid", normalise.CleanSID(r.get("ModifyingUser")))
	w.finish(row)
}

// firewallBlockedApp maps a notice that an application was kept from listening.
func (w *worker) firewallBlockedApp() {
	row := w.newRow("DeviceEvents", "FirewallInboundConnectionToAppBlocked")
	file(row, w.rec.get("Application"))
	w.finish(row)
}

func (w *worker) filteringPlatform() (note string) {
	r := &w.rec
	outbound := r.get("Direction") != "%%14592"
	var row *schema.Row
	switch r.eventID {
	case 5156:
		action := "ConnectionSuccess"
		if !outbound {
			action = "InboundConnectionAccepted"
		}
		row = w.newRow("DeviceNetworkEvents", action)
	case 5154:
		row = w.newRow("DeviceNetworkEvents", "ListeningConnectionCreated")
	case 5157:
		action := "FirewallOutboundConnectionBlocked"
		if !outbound {
			action = "FirewallInboundConnectionBlocked"
		}
		row = w.newRow("DeviceEvents", action)
	default:
		return "bind" // 5158: a local port was bound; 5154 and 5156 tell what came of it
	}
	id, has := r.first2("ProcessID", "ProcessId")
	w.initiator(row, actorRef{id: id, has: has, path: r.get("Application")})
	put(row, "Protocol", protocolName(r.get("Protocol")))
	local, remote := normalise.CleanIP(r.get("SourceAddress")), normalise.CleanIP(r.get("DestAddress"))
	w.endpoints(row, local, r.get("SourcePort"), remote, r.get("DestPort"))
	w.finish(row)
	return ""
}

func (r *record) first2(a, b string) (int64, bool) {
	n, ok := r.integer(a)
	if m, okB := r.integer(b); !ok {
		return m, okB
	}
	return n, ok
}

func protocolName(number string) string {
	switch number {
	case "6":
		return "Tcp"
	case "17":
		return "Udp"
	case "1":
		return "Icmp"
	case "58":
		return "Icmp6"
	}
	return number
}
