package evidence

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
)

const suspicious = "Suspicious"

// device takes the entities of a Device* row.
func (b *Builder) device(c Cells, table string) {
	b.host(c, incident.Attacked)
	actor := b.initiating(c)
	switch table {
	case "DeviceProcessEvents":
		process := b.created(c)
		actor.roles = []incident.Role{incident.Source}
		b.process(process, incident.SuspiciousRole)
		b.process(actor)
		b.image(c, "", incident.SuspiciousRole)
	case "DeviceLogonEvents":
		b.account(c, "", incident.Attacked)
		b.address(c.Text("RemoteIP"), incident.Source)
		b.otherHost(c.Text("RemoteDeviceName"), incident.Source)
		b.process(actor)
	case "DeviceNetworkEvents":
		b.process(actor, incident.SuspiciousRole)
		b.network(c)
	case "DeviceFileEvents":
		b.process(actor, incident.SuspiciousRole)
		role := incident.Edited
		if strings.HasPrefix(c.Text("ActionType"), "FileCreated") {
			role = incident.Created
		}
		b.file(c, "", role)
		b.address(c.Text("RequestSourceIP"), incident.Source)
		b.user(incident.Evidence{AccountName: c.Text("RequestAccountName"), AccountDomain: c.Text("RequestAccountDomain"), AccountSID: c.Text("RequestAccountSid")}, incident.Source)
		b.link(c.Text("FileOriginUrl"), incident.Source)
	case "DeviceImageLoadEvents":
		b.process(actor, incident.SuspiciousRole)
		b.file(c, "", incident.Loaded)
	case "DeviceRegistryEvents":
		b.process(actor, incident.SuspiciousRole)
		b.put(incident.Evidence{
			Type: "registry", Verdict: suspicious, RegistryKey: c.Text("RegistryKey"), RegistryValueName: c.Text("RegistryValueName"), RegistryValueData: c.Text("RegistryValueData"),
		}, incident.Edited)
	default:
		b.deviceEvent(c, actor)
	}
	b.account(c, "InitiatingProcess", incident.Contextual)
	if table == "DeviceProcessEvents" {
		b.account(c, "", incident.Contextual)
	}
}

// deviceEvent takes the entities of DeviceEvents, whose columns mean different things by action.
func (b *Builder) deviceEvent(c Cells, actor process) {
	action := c.Text("ActionType")
	switch action {
	case "ServiceInstalled":
		b.named("service", extra(c, "ServiceName"), incident.Created)
		b.file(c, "", incident.SuspiciousRole)
	case "ScheduledTaskCreated", "ScheduledTaskUpdated", "ScheduledTaskDeleted", "ScheduledTaskEnabled", "ScheduledTaskDisabled":
		b.named("scheduledTask", extra(c, "TaskName"), incident.Created)
	case "CreateRemoteThreadApiCall", "OpenProcessApiCall", "QueueUserApcRemoteApiCall", "ProcessTampering":
		target := b.created(c)
		target.ProcessGUID = first(c.Text("ProcessUniqueId"), extra(c, "TargetProcessGuid"))
		target.ParentProcessID, target.ParentProcessGUID, target.ParentFileName, target.ParentCommandLine = 0, "", "", ""
		b.process(actor, incident.SuspiciousRole)
		b.process(target, incident.Attacked)
		b.account(c, "", incident.Contextual)
		return
	case "DriverLoad":
		b.file(c, "", incident.Loaded)
	case "UserAccountAddedToLocalGroup", "UserAccountRemovedFromLocalGroup":
		b.named("securityGroup", extra(c, "GroupName"), incident.Edited)
	default:
		b.file(c, "", incident.SuspiciousRole)
	}
	b.process(actor, incident.SuspiciousRole)
	role := incident.Contextual
	if strings.HasPrefix(action, "UserAccount") {
		role = incident.Edited
	}
	b.account(c, "", role)
	b.network(c)
	if c.Text("RegistryKey") != "" {
		b.put(incident.Evidence{
			Type: "registry", RegistryKey: c.Text("RegistryKey"), RegistryValueName: c.Text("RegistryValueName"), RegistryValueData: c.Text("RegistryValueData"),
		}, incident.Edited)
	}
}

func (b *Builder) mail(c Cells, table string) {
	recipient := c.Text("RecipientEmailAddress")
	if id := c.Text("NetworkMessageId"); id != "" && (table == "EmailEvents" || table == "EmailPostDeliveryEvents") {
		b.put(incident.Evidence{
			Type: "mailMessage", Verdict: suspicious, NetworkMessageID: id, InternetMessageID: c.Text("InternetMessageId"),
			Sender: first(c.Text("SenderFromAddress"), c.Text("SenderMailFromAddress")), Recipient: recipient, Subject: c.Text("Subject"),
		}, incident.SuspiciousRole)
	}
	if strings.Contains(recipient, "@") && table != "EmailUrlInfo" {
		b.mailbox(recipient, incident.Attacked)
		b.user(incident.Evidence{AccountUPN: recipient, AccountID: c.Text("RecipientObjectId")}, incident.Destination)
	}
	b.address(first(c.Text("SenderIPv4"), c.Text("SenderIPv6")), incident.Source)
	switch table {
	case "EmailAttachmentInfo":
		b.put(incident.Evidence{Type: "file", Verdict: suspicious, FileName: c.Text("FileName"), SHA256: c.Text("SHA256")}, incident.SuspiciousRole)
	case "EmailUrlInfo":
		b.link(c.Text("Url"), incident.SuspiciousRole)
	}
}

func (b *Builder) click(c Cells) {
	b.link(c.Text("Url"), incident.SuspiciousRole)
	b.user(incident.Evidence{AccountUPN: c.Text("AccountUpn")}, incident.Attacked)
	b.address(c.Text("IPAddress"), incident.Contextual)
	b.put(incident.Evidence{Type: "mailMessage", NetworkMessageID: c.Text("NetworkMessageId")}, incident.Source)
}

func (b *Builder) cloud(c Cells) {
	u := incident.Evidence{AccountID: c.Text("AccountObjectId"), DisplayName: c.Text("AccountDisplayName")}
	for _, name := range [...]string{u.DisplayName, c.Text("AccountId")} {
		if u.AccountUPN == "" && strings.Contains(name, "@") {
			u.AccountUPN = name
		}
	}
	b.user(u, incident.Compromised)
	b.address(c.Text("IPAddress"), incident.Source)
	app := c.Text("Application")
	b.put(incident.Evidence{Type: "cloudApp", Application: app}, incident.Contextual)
	if strings.Contains(app, "Exchange") {
		for _, name := range [...]string{c.Text("ObjectId"), u.AccountUPN} {
			if strings.Contains(name, "@") && !strings.ContainsAny(name, `\/ <`) {
				b.mailbox(name, incident.Edited)
				return
			}
		}
		return
	}
	if name := c.Text("ObjectName"); name != "" {
		b.named("resource", name, incident.Edited)
	}
}

func (b *Builder) signIn(c Cells) {
	b.user(incident.Evidence{AccountUPN: c.Text("AccountUpn"), AccountID: c.Text("AccountObjectId"), DisplayName: c.Text("AccountDisplayName")}, incident.Attacked)
	b.address(c.Text("IPAddress"), incident.Source)
	b.put(incident.Evidence{Type: "cloudApp", Application: c.Text("Application"), ApplicationID: c.Text("ApplicationId")}, incident.Destination)
	b.otherHost(c.Text("DeviceName"), incident.Source)
	if name := c.Text("ServicePrincipalName"); name != "" {
		b.put(incident.Evidence{Type: "cloudApp", Application: name, ApplicationID: c.Text("ServicePrincipalId")}, incident.Source)
	}
}

func (b *Builder) identity(c Cells, table string) {
	role := incident.Source
	if table == "IdentityLogonEvents" {
		role = incident.Attacked
	}
	b.account(c, "", role)
	b.otherHost(c.Text("DeviceName"), incident.Source)
	b.otherHost(first(c.Text("TargetDeviceName"), c.Text("DestinationDeviceName")), incident.Destination)
	b.address(c.Text("IPAddress"), incident.Source)
	if table != "IdentityLogonEvents" {
		b.user(incident.Evidence{AccountUPN: c.Text("TargetAccountUpn"), DisplayName: c.Text("TargetAccountDisplayName")}, incident.Edited)
	}
}

// query takes the entities of a query's row by the names of its columns.
func (b *Builder) query(c Cells) {
	b.host(c, incident.Attacked)
	b.account(c, "", incident.Contextual)
	b.account(c, "InitiatingProcess", incident.Contextual)
	if c.Text("ProcessCommandLine") != "" {
		b.process(b.created(c), incident.SuspiciousRole)
	} else {
		b.file(c, "", incident.SuspiciousRole)
	}
	b.process(b.initiating(c), incident.SuspiciousRole)
	b.network(c)
	b.address(c.Text("IPAddress"), incident.Source)
	b.mail(c, "EmailEvents")
	b.link(c.Text("Url"), incident.SuspiciousRole)
	if key := c.Text("RegistryKey"); key != "" {
		b.put(incident.Evidence{Type: "registry", RegistryKey: key, RegistryValueName: c.Text("RegistryValueName"), RegistryValueData: c.Text("RegistryValueData")}, incident.Edited)
	}
	b.put(incident.Evidence{Type: "cloudApp", Application: c.Text("Application")}, incident.Contextual)
}

func (b *Builder) host(c Cells, role incident.Role) {
	b.put(incident.Evidence{Type: "device", DeviceID: c.Text("DeviceId"), HostName: c.Text("DeviceName"), OSPlatform: c.Text("OSPlatform")}, role)
}

func (b *Builder) otherHost(name string, role incident.Role) {
	name = strings.Trim(name, `\`)
	if name != "" && name != "-" && !strings.EqualFold(name, "localhost") {
		b.put(incident.Evidence{Type: "device", HostName: name}, role)
	}
}

// account takes the account in the columns that begin with prefix.
func (b *Builder) account(c Cells, prefix string, role incident.Role) {
	b.user(incident.Evidence{
		AccountName: c.Text(prefix + "AccountName"), AccountDomain: c.Text(prefix + "AccountDomain"), AccountSID: c.Text(prefix + "AccountSid"),
		AccountUPN: c.Text(prefix + "AccountUpn"), AccountID: c.Text(prefix + "AccountObjectId"), DisplayName: c.Text(prefix + "AccountDisplayName"),
	}, role)
}

func (b *Builder) user(u incident.Evidence, role incident.Role) {
	u.Type = "user"
	b.put(u, role)
}

func (b *Builder) address(ip string, role incident.Role) {
	if ip != "" && ip != "-" {
		b.put(incident.Evidence{Type: "ip", Address: ip}, role)
	}
}

func (b *Builder) mailbox(address string, role incident.Role) {
	b.put(incident.Evidence{Type: "mailbox", Mailbox: strings.ToLower(address)}, role)
}

func (b *Builder) named(kind, name string, role incident.Role) {
	b.put(incident.Evidence{Type: kind, Name: name}, role)
}

// link takes a URL or a bare host name.
func (b *Builder) link(text string, role incident.Role) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	e := incident.Evidence{Type: "url"}
	rest := text
	if _, after, ok := strings.Cut(text, "://"); ok {
		e.URL, rest = text, after
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		e.URL, rest = text, rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	e.Domain = strings.ToLower(strings.TrimSuffix(rest, "."))
	if host, _, ok := strings.Cut(e.Domain, ":"); ok && !strings.HasPrefix(e.Domain, "[") {
		e.Domain = host
	}
	b.put(e, role)
}

func (b *Builder) network(c Cells) {
	role := incident.Destination
	if strings.HasPrefix(c.Text("ActionType"), "Inbound") {
		role = incident.Source
	}
	b.address(c.Text("RemoteIP"), role)
	b.link(c.Text("RemoteUrl"), role)
	b.otherHost(c.Text("RemoteDeviceName"), role)
}

// file takes the file in FileName, FolderPath and the hash columns, which begin with prefix.
func (b *Builder) file(c Cells, prefix string, role incident.Role) {
	name, path := c.Text(prefix+"FileName"), c.Text(prefix+"FolderPath")
	if name == "" && path == "" {
		return
	}
	b.put(incident.Evidence{
		Type: "file", Verdict: suspicious, FileName: name, FolderPath: path, SHA1: c.Text(prefix + "SHA1"), SHA256: c.Text(prefix + "SHA256"), MD5: c.Text(prefix + "MD5"),
	}, role)
}

// image takes the program file of a process when it has a hash: without one it says no more than the process itself.
func (b *Builder) image(c Cells, prefix string, role incident.Role) {
	if c.Text(prefix+"SHA256")+c.Text(prefix+"SHA1")+c.Text(prefix+"MD5") != "" {
		b.file(c, prefix, role)
	}
}

// process is a process with the roles it has whatever the table.
type process struct {
	incident.Evidence
	roles []incident.Role
}

func (b *Builder) process(p process, roles ...incident.Role) {
	if p.FileName == "" && p.CommandLine == "" && p.ProcessID == 0 {
		return
	}
	for _, r := range roles {
		if r == incident.SuspiciousRole {
			p.Verdict = suspicious
		}
	}
	b.put(p.Evidence, append(append([]incident.Role(nil), p.roles...), roles...)...)
}

// created is the process that the row is about.
func (b *Builder) created(c Cells) process {
	return process{Evidence: incident.Evidence{
		Type: "process", FileName: c.Text("FileName"), FolderPath: c.Text("FolderPath"), SHA1: c.Text("SHA1"), SHA256: c.Text("SHA256"), MD5: c.Text("MD5"),
		ProcessID: c.Int("ProcessId"), CommandLine: c.Text("ProcessCommandLine"), ProcessCreated: moment(c.Time("ProcessCreationTime")), ProcessGUID: first(c.Text("ProcessUniqueId"), extra(c, "ProcessGuid")),
		ParentProcessID: c.Int("InitiatingProcessId"), ParentProcessGUID: first(c.Text("InitiatingProcessUniqueId"), extra(c, "ParentProcessGuid")), ParentFileName: c.Text("InitiatingProcessFileName"),
		ParentCommandLine: c.Text("InitiatingProcessCommandLine"), DeviceID: c.Text("DeviceId"), HostName: c.Text("DeviceName"),
		AccountName: c.Text("AccountName"), AccountDomain: c.Text("AccountDomain"),
	}}
}

// initiating is the process that acted.
func (b *Builder) initiating(c Cells) process {
	const p = "InitiatingProcess"
	guid := first(c.Text("InitiatingProcessUniqueId"), extra(c, "InitiatingProcessGuid"), extra(c, "ParentProcessGuid"))
	if guid == "" && c.Table() != "DeviceProcessEvents" {
		guid = first(extra(c, "SourceProcessGuid"), extra(c, "ProcessGuid"))
	}
	return process{Evidence: incident.Evidence{
		Type: "process", FileName: c.Text(p + "FileName"), FolderPath: c.Text(p + "FolderPath"), SHA1: c.Text(p + "SHA1"), SHA256: c.Text(p + "SHA256"), MD5: c.Text(p + "MD5"),
		ProcessID: c.Int(p + "Id"), CommandLine: c.Text(p + "CommandLine"), ProcessCreated: moment(c.Time(p + "CreationTime")), ProcessGUID: guid,
		ParentProcessID: c.Int(p + "ParentId"), ParentFileName: c.Text(p + "ParentFileName"), DeviceID: c.Text("DeviceId"), HostName: c.Text("DeviceName"),
		AccountName: c.Text(p + "AccountName"), AccountDomain: c.Text(p + "AccountDomain"),
	}}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// extra reads one text of AdditionalFields.
func extra(c Cells, name string) string {
	text := c.Text("AdditionalFields")
	if text == "" || !strings.Contains(text, `"`+name+`"`) {
		return ""
	}
	var fields map[string]any
	if json.Unmarshal([]byte(text), &fields) != nil {
		return ""
	}
	return TextOf(fields[name])
}
