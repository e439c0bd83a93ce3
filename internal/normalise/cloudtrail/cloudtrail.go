// Package cloudtrail turns AWS CloudTrail records into CloudAppEvents, and console sign-ins into IdentityLogonEvents too.
package cloudtrail

import (
	"bytes"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "cloudtrail"

// application is AWS as CloudAppEvents names it.
const (
	application   = "Amazon Web Services"
	applicationID = 11599
)

// Family normalises CloudTrail records. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a CloudTrail record.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{' || !has(`"eventSource"`) || !has(`"eventName"`):
		return 0
	case has(`"userIdentity"`) || has(`"awsRegion"`):
		return 95
	}
	return 0
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	v, raw := cloudapp.Unwrap(v, cloudapp.Raw(rec.Data), cloudapp.Has("eventName"))
	action := cloudapp.Text(v, "eventName")
	if action == "" {
		return fault.Newf(fault.Invalid, "cloudtrail: the record has no eventName")
	}
	when := cloudapp.Time(v, "eventTime", "@timestamp", "p_event_time")
	rows := []*schema.Row{activity(v, action, when, raw)}
	if action == "ConsoleLogin" {
		rows = append(rows, logon(v, when))
	}
	out.Rows = append(out.Rows, rows...)
	out.Events = append(out.Events, &normalise.Event{
		Tenant: rec.Tenant, Time: when, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: []normalise.Logsource{{Product: "aws", Service: "cloudtrail"}},
		Fields: cloudapp.Flat(v), Rows: rows, Raw: rec.Data,
	})
	return nil
}

// adminSources are services whose changes are administration of the account itself.
var adminSources = map[string]bool{
	"iam.amazonaws.com": true, "cloudtrail.amazonaws.com": true, "organizations.amazonaws.com": true, "sso.amazonaws.com": true,
	"account.amazonaws.com": true, "config.amazonaws.com": true, "guardduty.amazonaws.com": true, "kms.amazonaws.com": true, "securityhub.amazonaws.com": true,
}

// nameParameters are the request parameters that name what a call is about.
var nameParameters = []string{
	"bucketName", "userName", "roleName", "groupName", "policyName", "policyArn", "functionName", "instanceId", "name", "keyId", "secretId",
	"trailName", "detectorId", "groupId", "snapshotId", "volumeId", "dBInstanceIdentifier", "stackName", "roleArn", "accessKeyId", "resourceArn",
}

func activity(v *fastjson.Value, action string, when time.Time, raw string) *schema.Row {
	source := cloudapp.Text(v, "eventSource")
	who := v.Get("userIdentity")
	readOnly := cloudapp.Text(v, "readOnly")
	a := cloudapp.Activity{
		Time: when, Action: action, Application: application, ApplicationID: applicationID, Raw: raw, ReportID: cloudapp.Text(v, "eventID"),
		AccountID: cloudapp.First(who, "principalId", "accountId"), AccountName: account(who), AccountType: cloudapp.Text(who, "type"),
		IP: normalise.CleanIP(cloudapp.Text(v, "sourceIPAddress")), UserAgent: cloudapp.Text(v, "userAgent"), Admin: readOnly == "false" && adminSources[source],
		Impersonated: cloudapp.Text(who, "type") == "AssumedRole",
	}
	a.OSPlatform = cloudapp.Platform(a.UserAgent)
	if arn := cloudapp.Text(who, "arn"); arn != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "User", Role: "Actor", Name: a.AccountName, ID: arn})
	}
	for i, r := range v.GetArray("resources") {
		if i == 50 {
			break
		}
		arn := cloudapp.First(r, "ARN", "arn")
		if a.ObjectID == "" {
			a.ObjectID, a.ObjectName, a.ObjectType = arn, leaf(arn), cloudapp.Text(r, "type")
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: cloudapp.Text(r, "type"), Role: "Target object", Name: leaf(arn), ID: arn})
	}
	parameters := v.Get("requestParameters")
	n := 0
	cloudapp.Members(parameters, func(name string, m *fastjson.Value) {
		if n++; n <= 50 {
			a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Structured object", Role: "Parameter", Name: name, Value: cut(normalise.JSONText(m))})
		}
	})
	if a.ObjectName == "" && parameters != nil {
		a.ObjectName = cloudapp.First(parameters, nameParameters...)
		a.ObjectID = a.ObjectName
	}
	switch lower := strings.ToLower(action); {
	case action == "ConsoleLogin", strings.HasPrefix(lower, "assumerole"), lower == "getsessiontoken":
		a.Type = "LogOn"
	case strings.HasPrefix(lower, "delete"), strings.HasPrefix(lower, "terminate"):
		a.Type = "Delete"
	case lower == "getobject":
		a.Type = "Download"
	case lower == "putobject":
		a.Type = "Upload"
	case a.Admin:
		a.Type = "Admin"
	}
	a.Additional.Text("EventSource", source)
	a.Additional.Text("AwsRegion", cloudapp.Text(v, "awsRegion"))
	a.Additional.Text("ErrorCode", cloudapp.Text(v, "errorCode"))
	a.Additional.Text("ErrorMessage", cut(cloudapp.Text(v, "errorMessage")))
	a.Additional.Text("ReadOnly", readOnly)
	a.Additional.Text("EventType", cloudapp.Text(v, "eventType"))
	a.Additional.Text("RecipientAccountId", cloudapp.Text(v, "recipientAccountId"))
	a.Additional.Text("AccessKeyId", cloudapp.Text(who, "accessKeyId"))
	return a.Row()
}

// account is the name of who called: a user, the role that was assumed, or a service.
func account(who *fastjson.Value) string {
	if name := cloudapp.First(who, "userName"); name != "" {
		return name
	}
	if arn := cloudapp.Text(who, "arn"); arn != "" {
		if i := strings.Index(arn, ":assumed-role/"); i >= 0 {
			return arn[i+len(":assumed-role/"):]
		}
		return leaf(arn)
	}
	return cloudapp.First(who, "invokedBy", "principalId", "type")
}

func leaf(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 4000)], "") }

func logon(v *fastjson.Value, when time.Time) *schema.Row {
	row := schema.NewRow("IdentityLogonEvents")
	row.Set("Timestamp", when)
	result := cloudapp.Text(v, "responseElements", "ConsoleLogin")
	row.Set("ActionType", "LogonSuccess")
	if !strings.EqualFold(result, "Success") {
		row.Set("ActionType", "LogonFailed")
		reason := cloudapp.Text(v, "errorMessage")
		if strings.Contains(reason, "No username found") {
			reason = "UnknownUser"
		} else if strings.Contains(reason, "Failed authentication") {
			reason = "WrongPassword"
		}
		row.Set("FailureReason", reason)
	}
	row.Set("Application", application)
	row.Set("LogonType", "Interactive")
	_, name, upn := normalise.SplitAccount(account(v.Get("userIdentity")))
	row.Set("AccountName", name)
	row.Set("AccountUpn", upn)
	row.Set("AccountDisplayName", account(v.Get("userIdentity")))
	row.Set("IPAddress", normalise.CleanIP(cloudapp.Text(v, "sourceIPAddress")))
	row.Set("OSPlatform", cloudapp.Platform(cloudapp.Text(v, "userAgent")))
	row.Set("ReportId", cloudapp.Text(v, "eventID"))
	var d normalise.Dynamic
	d.Text("MFAUsed", cloudapp.Text(v, "additionalEventData", "MFAUsed"))
	d.Text("AccountId", cloudapp.Text(v, "userIdentity", "accountId"))
	d.Text("UserAgent", cloudapp.Text(v, "userAgent"))
	d.Text("AwsRegion", cloudapp.Text(v, "awsRegion"))
	row.Set("AdditionalFields", d.String())
	return row
}

var _ normalise.Family = (*Family)(nil)
