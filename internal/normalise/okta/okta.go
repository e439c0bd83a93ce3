// Package okta turns records of the Okta system log into CloudAppEvents, and sign-ins into IdentityLogonEvents too.
package okta

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
const Name = "okta"

const application = "Okta"

// Family normalises system log records. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a system log record.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{' || !has(`"eventType"`) || !has(`"actor"`):
		return 0
	case has(`"published"`) && (has(`"displayMessage"`) || has(`"legacyEventType"`) || has(`"outcome"`)):
		return 95
	case has(`"alternateId"`) && has(`"outcome"`):
		return 80
	}
	return 0
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	v, raw := cloudapp.Unwrap(v, cloudapp.Raw(rec.Data), cloudapp.Has("eventType"))
	kind := cloudapp.Text(v, "eventType")
	if kind == "" {
		return fault.Newf(fault.Invalid, "okta: the record has no eventType")
	}
	when := cloudapp.Time(v, "published", "@timestamp")
	rows := []*schema.Row{activity(v, kind, when, raw)}
	if kind == "user.session.start" || strings.HasPrefix(kind, "user.authentication.") {
		rows = append(rows, logon(v, when))
	}
	out.Rows = append(out.Rows, rows...)
	out.Events = append(out.Events, &normalise.Event{
		Tenant: rec.Tenant, Time: when, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: []normalise.Logsource{{Product: "okta", Service: "okta"}},
		Fields: cloudapp.Flat(v), Rows: rows, Raw: rec.Data,
	})
	return nil
}

// location reads the country and city of the client. The table wants a country code, which the log does not always have.
func location(v *fastjson.Value) (country, city string) {
	g := v.Get("client", "geographicalContext")
	return cloudapp.Text(g, "country"), cloudapp.Text(g, "city")
}

func activity(v *fastjson.Value, kind string, when time.Time, raw string) *schema.Row {
	actor, client := v.Get("actor"), v.Get("client")
	country, city := location(v)
	a := cloudapp.Activity{
		Time: when, Action: kind, Application: application, Raw: raw, ReportID: cloudapp.Text(v, "uuid"), AccountID: cloudapp.Text(actor, "alternateId"),
		AccountObjectID: cloudapp.Text(actor, "id"), AccountName: cloudapp.First(actor, "displayName", "alternateId"), AccountType: cloudapp.Text(actor, "type"),
		IP: normalise.CleanIP(cloudapp.Text(client, "ipAddress")), UserAgent: cloudapp.Text(client, "userAgent", "rawUserAgent"), CountryCode: country, City: city,
		ISP: cloudapp.Text(v, "securityContext", "isp"), Proxy: cloudapp.Truth(cloudapp.Text(v, "securityContext", "isProxy")), DeviceType: cloudapp.Text(client, "device"),
	}
	a.OSPlatform = cloudapp.Platform(cloudapp.Text(client, "userAgent", "os"))
	for i, t := range v.GetArray("target") {
		if i == 50 {
			break
		}
		name, id, typ := cloudapp.First(t, "displayName", "alternateId"), cloudapp.Text(t, "id"), cloudapp.Text(t, "type")
		if i == 0 {
			a.ObjectName, a.ObjectID, a.ObjectType = name, id, typ
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: typ, Role: "Target object", Name: name, ID: id})
	}
	if a.AccountID != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: a.AccountType, Role: "Actor", Name: a.AccountName, ID: a.AccountObjectID})
	}
	switch {
	case kind == "user.session.start", strings.HasPrefix(kind, "user.authentication."):
		a.Type = "LogOn"
	case strings.Contains(kind, ".delete"):
		a.Type = "Delete"
	case strings.HasPrefix(kind, "policy."), strings.HasPrefix(kind, "system."), strings.Contains(kind, "privilege"), strings.HasPrefix(kind, "application.lifecycle"),
		strings.HasPrefix(kind, "zone."), strings.HasPrefix(kind, "iam."):
		a.Type, a.Admin = "Admin", true
	}
	a.Additional.Text("DisplayMessage", cloudapp.Text(v, "displayMessage"))
	a.Additional.Text("Outcome", cloudapp.Text(v, "outcome", "result"))
	a.Additional.Text("Reason", cloudapp.Text(v, "outcome", "reason"))
	a.Additional.Text("Severity", cloudapp.Text(v, "severity"))
	debug := v.Get("debugContext", "debugData")
	a.Additional.Text("Risk", cloudapp.Text(debug, "risk"))
	a.Additional.Text("Behaviors", cloudapp.Text(debug, "behaviors"))
	a.Additional.Text("RequestUri", cloudapp.Text(debug, "requestUri"))
	a.Additional.Text("ThreatSuspected", cloudapp.Text(debug, "threatSuspected"))
	a.Additional.Text("SessionId", cloudapp.Text(v, "authenticationContext", "externalSessionId"))
	return a.Row()
}

// failureReasons name outcomes in the words of IdentityLogonEvents.
var failureReasons = map[string]string{"INVALID_CREDENTIALS": "WrongPassword", "VERIFICATION_ERROR": "UnknownUser", "LOCKED_OUT": "AccountLocked", "PASSWORD_EXPIRED": "PasswordExpired"}

func logon(v *fastjson.Value, when time.Time) *schema.Row {
	row := schema.NewRow("IdentityLogonEvents")
	row.Set("Timestamp", when)
	row.Set("ActionType", "LogonSuccess")
	if result := cloudapp.Text(v, "outcome", "result"); result == "FAILURE" || result == "DENY" {
		row.Set("ActionType", "LogonFailed")
		reason := cloudapp.Text(v, "outcome", "reason")
		if named := failureReasons[reason]; named != "" {
			reason = named
		}
		row.Set("FailureReason", reason)
	}
	country, city := location(v)
	row.Set("Application", application)
	row.Set("Protocol", cloudapp.Text(v, "authenticationContext", "credentialType"))
	actor := v.Get("actor")
	domain, name, upn := normalise.SplitAccount(cloudapp.Text(actor, "alternateId"))
	row.Set("AccountName", name)
	row.Set("AccountDomain", domain)
	row.Set("AccountUpn", upn)
	row.Set("AccountObjectId", cloudapp.Text(actor, "id"))
	row.Set("AccountDisplayName", cloudapp.Text(actor, "displayName"))
	row.Set("IPAddress", normalise.CleanIP(cloudapp.Text(v, "client", "ipAddress")))
	row.Set("Location", country)
	row.Set("ISP", cloudapp.Text(v, "securityContext", "isp"))
	row.Set("DeviceType", cloudapp.Text(v, "client", "device"))
	row.Set("OSPlatform", cloudapp.Platform(cloudapp.Text(v, "client", "userAgent", "os")))
	row.Set("ReportId", cloudapp.Text(v, "uuid"))
	var d normalise.Dynamic
	d.Text("EventType", cloudapp.Text(v, "eventType"))
	d.Text("City", city)
	d.Text("UserAgent", cloudapp.Text(v, "client", "userAgent", "rawUserAgent"))
	row.Set("AdditionalFields", d.String())
	return row
}

var _ normalise.Family = (*Family)(nil)
