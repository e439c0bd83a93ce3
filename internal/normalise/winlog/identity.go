package winlog

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// identityRow starts a row of an Identity* table: what a domain controller saw.
func (w *worker) identityRow(table, action string) *schema.Row {
	row := schema.NewRow(table)
	row.Set("Timestamp", w.ticks)
	row.Set("ActionType", action)
	row.Set("Application", "Active Directory")
	row.Set("DestinationDeviceName", w.dev.name)
	row.Set("ReportId", strconv.FormatInt(w.report, 10))
	return row
}

// identityActor puts the event's subject, and where its session came from, into the actor columns of an Identity* row.
func (w *worker) identityActor(row *schema.Row) {
	r := &w.rec
	accountParts(row, "Account", r.peek("SubjectDomainName"), r.peek("SubjectUserName"), r.peek("SubjectUserSid"))
	put(row, "AccountDisplayName", r.peek("SubjectUserName"))
	logon, _ := parseInt(r.peek("SubjectLogonId"))
	if s, ok := w.dev.session(logon); ok {
		put(row, "IPAddress", s.ip)
		if s.port > 0 {
			putInt(row, "Port", int64(s.port))
		}
		put(row, "DeviceName", strings.ToLower(s.workstation))
	}
}

func identityProtocol(p string) string {
	switch {
	case strings.EqualFold(p, "Kerberos"):
		return "Kerberos"
	case strings.HasPrefix(strings.ToUpper(p), "NTLM"), strings.EqualFold(p, "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"):
		return "Ntlm"
	}
	return p
}

// kerberos maps ticket events: 4768 and 4771 authenticate an account, 4769 and 4770 give access to a service.
func (w *worker) kerberos() (note string) {
	r := &w.rec
	status, known := parseInt(r.peek("Status"))
	if r.eventID == 4771 && !known {
		status = -1
	}
	if status == preauthRequired {
		return "preauthentication required"
	}
	action := "LogonSuccess"
	if r.eventID == 4771 || known && status != 0 {
		action = "LogonFailed"
	}
	row := w.identityRow("IdentityLogonEvents", action)
	put(row, "Protocol", "Kerberos")
	if action == "LogonFailed" {
		put(row, "FailureReason", kerberosReason(status, r.peek("Status")))
	}
	accountParts(row, "Account", r.get("TargetDomainName"), r.get("TargetUserName"), r.first("TargetSid", "TargetUserSid"))
	put(row, "AccountDisplayName", row.Text("AccountName"))
	put(row, "IPAddress", normalise.CleanIP(r.get("IpAddress")))
	putPort(row, "Port", r.get("IpPort"))
	w.extra.Text("TicketEncryption", encryptionTypes[strings.ToLower(r.peek("TicketEncryptionType"))])
	switch r.eventID {
	case 4768, 4771:
		put(row, "LogonType", "Credentials validation")
	default:
		put(row, "LogonType", "Resource access")
		if r.peek("TransmittedServices") != "" {
			put(row, "LogonType", "Delegated resource access")
		}
		service := r.get("ServiceName")
		if strings.HasSuffix(service, "$") {
			put(row, "TargetDeviceName", strings.ToLower(strings.TrimSuffix(service, "$")))
		} else {
			w.extra.Text("Spns", service)
		}
		if r.eventID == 4770 {
			w.extra.Bool("Renewal", true)
		}
	}
	w.finish(row)
	return ""
}

// ntlm maps 4776: an account was checked by NTLM. On a member host it is a local account, and the row belongs to the device.
func (w *worker) ntlm() {
	r := &w.rec
	status, _ := parseInt(r.peek("Status"))
	failed := status != 0 || auditFailure(r)
	action := "LogonSuccess"
	if failed {
		action = "LogonFailed"
	}
	workstation := strings.ToLower(strings.TrimLeft(r.get("Workstation"), `\`))
	domain, name, upn := normalise.SplitAccount(r.get("TargetUserName"))
	if !w.dev.directory {
		if failed {
			action = "LogonFailed"
		} else {
			action = "LogonAttempted" // the session itself is told by 4624
		}
		row := w.newRow("DeviceLogonEvents", action)
		accountParts(row, "Account", domain, name, "")
		put(row, "Protocol", "NTLM")
		put(row, "RemoteDeviceName", workstation)
		put(row, "LogonType", "Network")
		if failed {
			put(row, "FailureReason", failureReason(r.peek("Status"), ""))
		}
		w.finish(row)
		return
	}
	row := w.identityRow("IdentityLogonEvents", action)
	put(row, "Protocol", "Ntlm")
	put(row, "LogonType", "Credentials validation")
	put(row, "AccountDomain", domain)
	put(row, "AccountName", name)
	put(row, "AccountUpn", upn)
	put(row, "AccountDisplayName", name)
	put(row, "DeviceName", workstation)
	if failed {
		put(row, "FailureReason", failureReason(r.peek("Status"), ""))
	}
	w.finish(row)
}

// samHandle maps 4661 on the account database of a domain: somebody looks up users or groups. Local databases are left out.
func (w *worker) samHandle() (note string) {
	r := &w.rec
	if name := strings.ToUpper(r.peek("ObjectName")); strings.HasPrefix(name, "DC=") || strings.Contains(name, ",DC=") {
		w.dev.directory = true
	}
	if !w.dev.directory {
		return "local account database"
	}
	row := w.identityRow("IdentityQueryEvents", "SAMR query")
	put(row, "Protocol", "Samr")
	w.identityActor(row)
	put(row, "QueryTarget", r.peek("ObjectName"))
	switch r.peek("ObjectType") {
	case "SAM_USER":
		put(row, "QueryType", "QueryUser")
	case "SAM_GROUP", "SAM_ALIAS":
		put(row, "QueryType", "QueryGroup")
	case "SAM_DOMAIN":
		put(row, "QueryType", "EnumerateUsers")
	}
	put(row, "TargetDeviceName", w.dev.name)
	w.finish(row)
	return ""
}

// directoryOperation maps 4662: an operation on a directory object.
func (w *worker) directoryOperation() {
	r := &w.rec
	properties := strings.ToLower(r.peek("Properties"))
	mask, _ := parseInt(r.peek("AccessMask"))
	object := strings.TrimPrefix(r.peek("ObjectName"), "%")
	var row *schema.Row
	switch {
	case containsAny(properties, replicationRights[:]):
		row = w.identityRow("IdentityDirectoryEvents", "Directory Service replication")
		put(row, "Protocol", "Drsr")
		put(row, "TargetDeviceName", w.dev.name)
	case mask == 0x10:
		row = w.identityRow("IdentityQueryEvents", "LDAP query")
		put(row, "Protocol", "Ldap")
		put(row, "QueryTarget", object)
	default:
		row = w.identityRow("IdentityDirectoryEvents", "DirectoryObjectOperation")
	}
	w.identityActor(row)
	w.extra.Text("ObjectDN", object)
	w.finish(row)
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
