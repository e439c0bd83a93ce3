package winlog

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// accountActions names what account events are on a device and in the directory.
var accountActions = map[int]struct{ device, directory string }{
	4720: {"UserAccountCreated", "Security Principal created"},
	4722: {"UserAccountModified", "Account Disabled changed"},
	4723: {"PasswordChangeAttempt", "Account Password changed"},
	4724: {"PasswordChangeAttempt", "Account Password changed"},
	4725: {"UserAccountModified", "Account Disabled changed"},
	4726: {"UserAccountDeleted", "Security Principal deleted changed"},
	4738: {"UserAccountModified", ""},
	4740: {"UserAccountModified", "Account Locked changed"},
	4741: {"UserAccountCreated", "Device Account Created"},
	4742: {"UserAccountModified", ""},
	4743: {"UserAccountDeleted", "Security Principal deleted changed"},
	4767: {"UserAccountModified", "Account Locked changed"},
	4781: {"UserAccountModified", "Security Principal Sam Name changed"},
}

// accountChange maps events about one user or computer account.
func (w *worker) accountChange() {
	r := &w.rec
	actions := accountActions[r.eventID]
	row := w.newRow("DeviceEvents", actions.device)
	rows := []*schema.Row{row}
	switch r.eventID {
	case 4722:
		w.fromTo("AccountDisabled", "true", "false")
	case 4725:
		w.fromTo("AccountDisabled", "false", "true")
	case 4723:
		w.extra.Text("Method", "change")
	case 4724:
		w.extra.Text("Method", "reset")
	case 4740:
		w.fromTo("AccountLocked", "false", "true")
		put(row, "RemoteDeviceName", strings.ToLower(r.peek("TargetDomainName"))) // this event names the caller's computer there
	case 4767:
		w.fromTo("AccountLocked", "true", "false")
	case 4781:
		w.fromTo("SamName", r.peek("OldTargetUserName"), r.peek("NewTargetUserName"))
	}
	if r.eventID == 4781 {
		accountParts(row, "Account", r.peek("TargetDomainName"), r.peek("NewTargetUserName"), r.peek("TargetSid"))
	} else if r.eventID == 4740 {
		accountParts(row, "Account", "", r.peek("TargetUserName"), r.peek("TargetSid"))
	} else {
		w.peekTarget(row)
	}
	if w.dev.directory && !auditFailure(r) {
		if actions.directory != "" {
			rows = append(rows, w.directoryChange(actions.directory))
		} else {
			rows = append(rows, w.attributeChanges()...)
		}
	}
	w.subject(row)
	r.use("TargetUserName", "TargetSid", "TargetDomainName")
	w.finish(rows...)
	if w.dev.directory {
		w.identityInfo()
	}
}

// identityInfo adds what an account event of a domain controller says of the account itself.
func (w *worker) identityInfo() {
	r := &w.rec
	name := r.peek("TargetUserName")
	if r.eventID == 4781 {
		name = r.peek("NewTargetUserName")
	}
	if auditFailure(r) || name == "" || normalise.IsMachineAccount(name) {
		return
	}
	row := schema.NewRow("IdentityInfo")
	row.Set("Timestamp", w.ticks)
	row.Set("ReportId", strconv.FormatInt(w.report, 10))
	put(row, "AccountName", name)
	if r.eventID != 4740 { // which names the caller's computer there
		put(row, "AccountDomain", r.peek("TargetDomainName"))
	}
	put(row, "OnPremSid", normalise.CleanSID(r.peek("TargetSid")))
	put(row, "AccountUpn", r.peek("UserPrincipalName"))
	put(row, "AccountDisplayName", r.peek("DisplayName"))
	put(row, "Type", "User")
	put(row, "SourceSystem", "ActiveDirectory")
	switch r.eventID {
	case 4720:
		row.Set("CreatedDateTime", w.ticks)
	case 4722:
		row.Set("IsAccountEnabled", true)
	case 4725:
		row.Set("IsAccountEnabled", false)
	case 4726:
		row.Set("DeletedDateTime", w.ticks)
	}
	w.rows = append(w.rows, row)
}

func (w *worker) fromTo(what, from, to string) {
	w.extra.Text("FROM "+what, from)
	w.extra.Text("TO "+what, to)
}

func (w *worker) peekTarget(row *schema.Row) {
	r := &w.rec
	sid := r.peek("TargetSid")
	if sid == "" {
		sid = r.peek("TargetUserSid")
	}
	accountParts(row, "Account", r.peek("TargetDomainName"), r.peek("TargetUserName"), sid)
}

// directoryChange starts a directory row about the event's target account.
func (w *worker) directoryChange(action string) *schema.Row {
	r := &w.rec
	row := w.identityRow("IdentityDirectoryEvents", action)
	w.identityActor(row)
	target := r.peek("TargetUserName")
	if target == "" {
		target = r.peek("NewTargetUserName")
	}
	if normalise.IsMachineAccount(target) {
		put(row, "TargetDeviceName", strings.ToLower(strings.TrimSuffix(target, "$")))
	} else {
		put(row, "TargetAccountDisplayName", target)
	}
	put(row, "TargetAccountUpn", r.peek("UserPrincipalName"))
	if w.rec.eventID == 4740 {
		put(row, "DeviceName", strings.ToLower(r.peek("TargetDomainName")))
	}
	return row
}

// changedAttributes are the fields of 4738 and 4742 that hold a new value when it changed, and "-" when it did not.
var changedAttributes = [...]struct{ field, action string }{
	{"SamAccountName", "Security Principal Sam Name changed"},
	{"DisplayName", "Account Display Name changed"},
	{"UserPrincipalName", "Account Upn Name changed"},
	{"AccountExpires", "Account Expiry Time changed"},
	{"AllowedToDelegateTo", "Account Constrained Delegation SPNs changed"},
	{"SidHistory", "SidHistoryChanged"},
}

// attributeChanges makes one directory row for each attribute that an account change event says has changed.
func (w *worker) attributeChanges() []*schema.Row {
	r := &w.rec
	var rows []*schema.Row
	for _, a := range changedAttributes {
		if r.peek(a.field) != "" {
			rows = append(rows, w.directoryChange(a.action))
		}
	}
	before, ok1 := parseInt(r.peek("OldUacValue"))
	after, ok2 := parseInt(r.peek("NewUacValue"))
	if ok1 && ok2 {
		for _, u := range uacBits {
			if (before^after)&u.bit != 0 {
				rows = append(rows, w.directoryChange(u.action))
			}
		}
	}
	return rows
}

// groupMember maps a member's joining or leaving a group.
func (w *worker) groupMember() {
	r := &w.rec
	added := r.eventID == 4728 || r.eventID == 4732 || r.eventID == 4756
	local := r.eventID == 4732 || r.eventID == 4733
	group := r.peek("TargetUserName")
	action := "UserAccountRemovedFromLocalGroup"
	if added {
		action = "UserAccountAddedToLocalGroup"
	}
	if !local {
		action = strings.Replace(action, "LocalGroup", "GlobalGroup", 1)
	}
	row := w.newRow("DeviceEvents", action)
	member := r.peek("MemberName")
	accountParts(row, "Account", "", commonName(member), r.peek("MemberSid"))
	w.extra.Text("GroupName", group)
	w.extra.Text("GroupDomainName", r.peek("TargetDomainName"))
	w.extra.Text("GroupSid", r.peek("TargetSid"))
	if added {
		w.extra.Text("TO.GROUP", group)
	} else {
		w.extra.Text("FROM.GROUP", group)
	}
	w.extra.Text("ACTOR.ACCOUNT", r.peek("SubjectUserName"))
	rows := []*schema.Row{row}
	if w.dev.directory || !local {
		id := w.identityRow("IdentityDirectoryEvents", "Group Membership changed")
		w.identityActor(id)
		put(id, "TargetAccountDisplayName", commonName(member))
		w.extra.Text("TargetAccountSid", normalise.CleanSID(r.peek("MemberSid")))
		rows = append(rows, id)
	}
	w.subject(row)
	r.use("TargetUserName", "TargetDomainName", "TargetSid", "MemberSid")
	w.finish(rows...)
}

// commonName returns the CN of a distinguished name, or the name itself.
func commonName(dn string) string {
	if len(dn) < 3 || !strings.EqualFold(dn[:3], "CN=") {
		return dn
	}
	name := dn[3:]
	for i := 0; i < len(name); i++ {
		if name[i] == ',' && (i == 0 || name[i-1] != '\\') {
			return strings.ReplaceAll(name[:i], `\`, "")
		}
	}
	return name
}

// group maps the creation and deletion of groups.
func (w *worker) group() {
	r := &w.rec
	action := "SecurityGroupCreated"
	switch r.eventID {
	case 4730, 4734, 4758:
		action = "SecurityGroupDeleted"
	}
	row := w.newRow("DeviceEvents", action)
	w.extra.Text("GroupName", r.get("TargetUserName"))
	w.extra.Text("GroupDomainName", r.get("TargetDomainName"))
	w.extra.Text("GroupSid", r.get("TargetSid"))
	w.subject(row)
	w.finish(row)
}

// attributeActions names the directory action of an attribute of 5136.
var attributeActions = map[string]string{
	"member": "Group Membership changed", "userprincipalname": "Account Upn Name changed", "samaccountname": "Security Principal Sam Name changed",
	"displayname": "Account Display Name changed", "mail": "User Mail changed", "manager": "User Manager changed", "telephonenumber": "User Phone Number changed",
	"title": "User Title changed", "msds-supportedencryptiontypes": "Account Supported Encryption Types changed",
	"msds-allowedtodelegateto": "Account Constrained Delegation SPNs changed",
}

// directoryObject maps 5136 (an attribute changed), 5137 (created) and 5141 (deleted).
func (w *worker) directoryObject() {
	r := &w.rec
	device, directory := "DirectoryServiceObjectModified", "DirectoryAttributeChanged"
	attribute := r.peek("AttributeLDAPDisplayName")
	switch r.eventID {
	case 5137:
		device, directory = "DirectoryServiceObjectCreated", "DirectoryObjectCreated"
		switch r.peek("ObjectClass") {
		case "user", "group", "inetOrgPerson":
			directory = "Security Principal created"
		case "computer":
			directory = "Device Account Created"
		case "groupPolicyContainer":
			directory = "Group Policy was created"
		}
	case 5141:
		device, directory = "DirectoryServiceObjectDeleted", "DirectoryObjectDeleted"
		switch r.peek("ObjectClass") {
		case "user", "group", "computer", "inetOrgPerson":
			directory = "Security Principal deleted changed"
		}
	default:
		if a := attributeActions[strings.ToLower(attribute)]; a != "" {
			directory = a
		}
		w.extra.Text("Attribute", attribute)
		value, kind := r.peek("AttributeValue"), r.peek("OperationType")
		other := ""
		if kind == "%%14674" || kind == "%%14675" {
			other = w.dev.otherValue(r.peek("OpCorrelationID"), r.peek("ObjectDN"), attribute, kind, value)
		}
		switch kind {
		case "%%14674":
			w.extra.Text("FROM", other)
			w.extra.Text("TO", value)
		case "%%14675":
			w.extra.Text("FROM", value)
			w.extra.Text("TO", other)
		}
	}
	row := w.newRow("DeviceEvents", device)
	id := w.identityRow("IdentityDirectoryEvents", directory)
	w.identityActor(id)
	put(id, "Protocol", "Ldap")
	name := commonName(r.peek("ObjectDN"))
	if strings.EqualFold(r.peek("ObjectClass"), "computer") {
		put(id, "TargetDeviceName", strings.ToLower(name))
	} else {
		put(id, "TargetAccountDisplayName", name)
	}
	if strings.EqualFold(attribute, "userPrincipalName") {
		put(id, "TargetAccountUpn", r.peek("AttributeValue"))
	}
	w.subject(row)
	w.finish(row, id)
}
