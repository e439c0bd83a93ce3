// Package m365 turns records of the Microsoft 365 unified audit log into CloudAppEvents, sign-ins into IdentityLogonEvents too, threat mail into the
// email tables and link clicks into UrlClickEvents. It reads records as the management API gives them, rows of an audit search export (the record in
// the text of AuditData) and OfficeActivity rows.
package m365

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "m365"

// Family normalises audit records. It is used by one goroutine.
type Family struct{ parser, inner fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is an audit record.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{':
		return 0
	case has(`"AuditData"`) && (has(`"Operations"`) || has(`"RecordType"`)):
		return 95
	case has(`"OfficeWorkload"`) && has(`"Operation"`):
		return 95
	case has(`"Workload"`) && has(`"Operation"`) && (has(`"RecordType"`) || has(`"CreationTime"`)):
		return 95
	case has(`"RecordType"`) && has(`"Operation"`) && has(`"OrganizationId"`):
		return 85
	}
	return 0
}

// record is one audit record with the names of the management API, whatever it came as.
type record struct {
	v         *fastjson.Value
	raw       string
	time      time.Time
	operation string
	workload  string
	kind      int
	user      string
	id        string
	ip        string
	objectID  string
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	v, raw := cloudapp.Unwrap(v, cloudapp.Raw(rec.Data), func(v *fastjson.Value) bool { return v.Exists("AuditData") || v.Exists("Operation") })
	if data := v.Get("AuditData"); data != nil { // a row of an export
		inner := data
		if text := data.GetStringBytes(); text != nil {
			if inner, err = cloudapp.Object(&f.inner, Name, text); err != nil {
				return fault.Newf(fault.Invalid, "m365: AuditData of the export is not a JSON object")
			}
			raw = cloudapp.Raw(text)
		} else {
			raw = normalise.JSON(data)
		}
		v = inner
	}
	r := read(v)
	r.raw = raw
	if r.operation == "" {
		return fault.Newf(fault.Invalid, "m365: the record has no Operation")
	}
	start := len(out.Rows)
	out.Rows = append(out.Rows, r.activity())
	switch r.kind {
	case recordSTSLogon:
		out.Rows = append(out.Rows, r.logon())
	case recordThreatMail:
		out.Rows = r.mail(out.Rows)
	case recordURLClick:
		out.Rows = append(out.Rows, r.click())
	}
	out.Events = append(out.Events, r.event(rec, out.Rows[start:]))
	return nil
}

func read(v *fastjson.Value) *record {
	r := &record{v: v}
	r.time = cloudapp.Time(v, "CreationTime", "CreationDate", "Start_Time", "TimeGenerated")
	r.operation = cloudapp.First(v, "Operation", "Operations")
	r.workload = cloudapp.First(v, "Workload", "OfficeWorkload")
	r.kind = recordType(cloudapp.Text(v, "RecordType"))
	r.user = cloudapp.First(v, "UserId", "UserId_", "UserIds")
	r.id = cloudapp.First(v, "Id", "OfficeId", "SourceRecordId")
	for _, name := range []string{"ClientIP", "ClientIPAddress", "Client_IPAddress", "ActorIpAddress", "UserIp"} {
		if r.ip = normalise.CleanIP(cloudapp.Text(v, name)); r.ip != "" {
			break
		}
	}
	r.objectID = cloudapp.First(v, "ObjectId", "OfficeObjectId")
	return r
}

// Record types with a mapping of their own.
const (
	recordExchangeAdmin = 1
	recordSTSLogon      = 15
	recordThreatMail    = 28
	recordAlert         = 40
	recordURLClick      = 41
)

// recordNames are the record types that tables and exports write as words.
var recordNames = map[string]int{
	"ExchangeAdmin": recordExchangeAdmin, "ExchangeItem": 2, "ExchangeItemGroup": 3, "SharePoint": 4, "SharePointFileOperation": 6, "OneDrive": 7,
	"AzureActiveDirectory": 8, "AzureActiveDirectoryAccountLogon": 9, "SharePointSharingOperation": 14, "AzureActiveDirectoryStsLogon": recordSTSLogon,
	"SecurityComplianceCenterEOPCmdlet": 18, "MicrosoftTeams": 25, "ThreatIntelligence": recordThreatMail, "SharePointListOperation": 36,
	"SecurityComplianceAlerts": recordAlert, "ThreatIntelligenceUrl": recordURLClick, "ExchangeItemAggregated": 50,
}

func recordType(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return recordNames[s]
}

// application is how the tables name a workload.
type application struct {
	name string
	id   int
}

var applications = map[string]application{
	"Exchange": {"Microsoft Exchange Online", 20893}, "SharePoint": {"Microsoft SharePoint Online", 20892}, "OneDrive": {"Microsoft OneDrive for Business", 15600},
	"MicrosoftTeams": {"Microsoft Teams", 28375}, "PowerBI": {"Microsoft Power BI", 0}, "SkypeForBusiness": {"Skype for Business", 0}, "Yammer": {"Microsoft Yammer", 0},
	"MicrosoftForms": {"Microsoft Forms", 0}, "PowerApps": {"Microsoft Power Apps", 0}, "MicrosoftFlow": {"Microsoft Power Automate", 0},
}

// suite is the application of workloads without one of their own: the directory, the security center.
var suite = application{"Office 365", 11161}

func (r *record) application() application {
	if a, ok := applications[r.workload]; ok {
		return a
	}
	return suite
}

// userTypes are the numbers of UserType.
var userTypes = map[string]string{"0": "Regular", "1": "Reserved", "2": "Admin", "3": "DcAdmin", "4": "System", "5": "Application", "6": "ServicePrincipal", "7": "CustomPolicy", "8": "SystemPolicy"}

func (r *record) accountType() string {
	t := cloudapp.Text(r.v, "UserType")
	if name, ok := userTypes[t]; ok {
		return name
	}
	return t
}

// actorID returns the directory id of who acted.
func (r *record) actorID() string {
	for _, a := range cloudapp.Elements(r.v.Get("Actor")) {
		if id := cloudapp.Text(a, "ID"); cloudapp.GUID(id) {
			return strings.ToLower(id)
		}
	}
	for _, name := range []string{"UserObjectId", "UserKey"} {
		if id := cloudapp.Text(r.v, name); cloudapp.GUID(id) {
			return strings.ToLower(id)
		}
	}
	return ""
}

// named finds Value of the entry with that Name in a list of name and value pairs.
func (r *record) named(list, name string) string {
	for _, p := range cloudapp.Elements(r.v.Get(list)) {
		if strings.EqualFold(cloudapp.Text(p, "Name"), name) {
			return cloudapp.First(p, "Value", "NewValue")
		}
	}
	return ""
}

func (r *record) userAgent() string {
	if ua := cloudapp.First(r.v, "UserAgent", "BrowserName"); ua != "" {
		return ua
	}
	if ua := r.named("ExtendedProperties", "UserAgent"); ua != "" {
		return ua
	}
	return cloudapp.Text(r.v, "ClientInfoString")
}

func (r *record) activity() *schema.Row {
	app := r.application()
	account := r.accountType()
	a := cloudapp.Activity{
		Time: r.time, Action: r.operation, Application: app.name, ApplicationID: app.id, AccountObjectID: r.actorID(), AccountID: r.user, AccountName: r.user,
		AccountType: account, Admin: account == "Admin" || account == "DcAdmin", External: strings.Contains(strings.ToUpper(r.user), "#EXT#"), IP: r.ip,
		UserAgent: r.userAgent(), ObjectID: r.objectID, ReportID: r.id, Raw: r.raw, Type: activityType(r),
	}
	a.OSPlatform = cloudapp.Platform(a.UserAgent)
	file := cloudapp.First(r.v, "SourceFileName", "SourceFileName_")
	a.ObjectName = file
	if a.ObjectName == "" {
		a.ObjectName = leaf(r.objectID)
	}
	a.ObjectType = cloudapp.First(r.v, "ItemType", "ObjectType")
	if file != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "File", Role: "Target object", Name: file, ID: r.objectID})
	} else if r.objectID != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Object", Role: "Target object", Name: a.ObjectName, ID: r.objectID})
	}
	if r.user != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "User", Role: "Actor", Name: r.user, ID: a.AccountObjectID})
	}
	for i, p := range cloudapp.Elements(r.v.Get("Parameters")) {
		if i == 200 {
			break
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Structured object", Role: "Parameter", Name: cloudapp.Text(p, "Name"), Value: cloudapp.Text(p, "Value")})
	}
	for i, t := range cloudapp.Elements(r.v.Get("Target")) {
		if id := cloudapp.Text(t, "ID"); id != "" && i < 50 {
			a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Object", Role: "Target object", ID: id})
		}
	}
	if id := cloudapp.Text(r.v, "ApplicationId"); cloudapp.GUID(id) {
		a.OAuthAppID = strings.ToLower(id)
	}
	a.Additional.Text("Workload", r.workload)
	a.Additional.Int("RecordType", int64(r.kind))
	a.Additional.Text("ResultStatus", cloudapp.Text(r.v, "ResultStatus"))
	a.Additional.Text("MailboxOwnerUPN", cloudapp.Text(r.v, "MailboxOwnerUPN"))
	a.Additional.Text("SessionId", cloudapp.Text(r.v, "SessionId"))
	return a.Row()
}

// leaf is the last part of an object's id. A trailing backslash escapes a dot in Exchange's names and is no separator.
func leaf(id string) string {
	if i := strings.LastIndexByte(id, '/'); i >= 0 && i < len(id)-1 {
		return strings.ReplaceAll(id[i+1:], `\`, "")
	}
	return normalise.Leaf(id)
}

// activityType groups operations.
func activityType(r *record) string {
	op := strings.ToLower(r.operation)
	for _, g := range []struct{ sign, name string }{
		{"inboxrule", "Rule"},
		{"transportrule", "Rule"},
		{"sweeprule", "Rule"},
		{"download", "Download"},
		{"syncdownloaded", "Download"},
		{"upload", "Upload"},
		{"sharing", "Share"},
		{"share", "Share"},
		{"anonymouslink", "Share"},
		{"securelink", "Share"},
		{"delete", "Delete"},
		{"recycle", "Delete"},
		{"userloggedin", "LogOn"},
		{"userloginfailed", "LogOn"},
		{"mailboxlogin", "LogOn"},
	} {
		if strings.Contains(op, g.sign) {
			return g.name
		}
	}
	if t := r.accountType(); r.kind == recordExchangeAdmin || r.kind == 8 || r.kind == 18 || t == "Admin" || t == "DcAdmin" {
		return "Admin"
	}
	return ""
}

// interruptions are sign-in errors that ask for more (second factor, consent, keep signed in) after the password was right.
var interruptions = map[string]bool{"50058": true, "50072": true, "50074": true, "50076": true, "50079": true, "50097": true, "50125": true, "50129": true, "50140": true, "50199": true, "65001": true, "16000": true, "16001": true, "16003": true}

// failureReasons name the common sign-in errors in the words of IdentityLogonEvents.
var failureReasons = map[string]string{"50126": "WrongPassword", "50034": "UnknownUser", "50053": "AccountLocked", "50057": "AccountDisabled", "50055": "PasswordExpired", "53003": "BlockedByConditionalAccess", "50158": "ExternalChallenge"}

func (r *record) logon() *schema.Row {
	row := schema.NewRow("IdentityLogonEvents")
	row.Set("Timestamp", r.time)
	code, said := cloudapp.Text(r.v, "ErrorNumber"), cloudapp.Text(r.v, "LogonError")
	failed := (said != "" || code != "" && code != "0" || strings.EqualFold(r.operation, "UserLoginFailed")) && !interruptions[code]
	action := "LogonSuccess"
	if failed {
		action = "LogonFailed"
		reason := failureReasons[code]
		if reason == "" {
			reason = said
		}
		row.Set("FailureReason", reason)
	}
	row.Set("ActionType", action)
	row.Set("Application", "Microsoft 365")
	domain, name, upn := normalise.SplitAccount(r.user)
	row.Set("AccountName", name)
	row.Set("AccountDomain", domain)
	row.Set("AccountUpn", upn)
	row.Set("AccountObjectId", r.actorID())
	row.Set("IPAddress", r.ip)
	ua := r.userAgent()
	row.Set("OSPlatform", cloudapp.Platform(ua))
	row.Set("Protocol", r.named("ExtendedProperties", "RequestType"))
	row.Set("ReportId", r.id)
	var d normalise.Dynamic
	d.Text("UserAgent", ua)
	d.Text("ErrorCode", code)
	d.Text("LogonError", said)
	d.Text("ApplicationId", cloudapp.Text(r.v, "ApplicationId"))
	d.Text("ResultStatusDetail", r.named("ExtendedProperties", "ResultStatusDetail"))
	row.Set("AdditionalFields", d.String())
	return row
}
