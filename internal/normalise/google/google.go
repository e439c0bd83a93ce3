// Package google turns Google Workspace activity reports and Google Cloud audit logs into CloudAppEvents, and Workspace sign-ins into
// IdentityLogonEvents too. A report holds several events; each becomes a row of its own.
package google

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "google"

// Applications as CloudAppEvents names them.
const (
	workspace = "Google Workspace"
	cloud     = "Google Cloud Platform"
)

// maxEvents bounds the rows of one report.
const maxEvents = 500

// Family normalises reports and audit logs. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is a record of this family.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{':
		return 0
	case has(`admin#reports#activity`):
		return 98
	case has(`"protoPayload"`) && (has(`"methodName"`) || has(`"serviceName"`)):
		return 95
	case has(`"applicationName"`) && has(`"actor"`) && (has(`"events"`) || has(`"name"`)):
		return 85
	}
	return 0
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	v, raw := cloudapp.Unwrap(v, cloudapp.Raw(rec.Data), func(v *fastjson.Value) bool { return v.Exists("protoPayload") || v.Exists("id", "applicationName") })
	if payload := v.Get("protoPayload"); payload != nil && payload.Type() == fastjson.TypeObject {
		audit(v, payload, rec, raw, out)
		return nil
	}
	report(v, rec, raw, out)
	return nil
}

// report renders a Workspace activity: a row for each of its events. Collectors split reports, so an event may also stand at the top.
func report(v *fastjson.Value, rec *normalise.Record, raw string, out *normalise.Batch) {
	before := len(out.Events)
	events := v.GetArray("events")
	if one := v.Get("events"); one != nil && one.Type() == fastjson.TypeObject {
		events = []*fastjson.Value{one}
	}
	if len(events) == 0 {
		events = []*fastjson.Value{v}
	}
	for i, e := range events {
		if i == maxEvents {
			break
		}
		if e.Type() != fastjson.TypeObject {
			continue
		}
		reported(v, e, i, rec, raw, out)
	}
	if len(out.Events) == before {
		out.Unmapped = Name + "/empty"
	}
}

func reported(v, e *fastjson.Value, i int, rec *normalise.Record, raw string, out *normalise.Batch) {
	actor, id := v.Get("actor"), v.Get("id")
	app := cloudapp.Text(id, "applicationName")
	action := cloudapp.First(e, "name", "type")
	a := cloudapp.Activity{
		Time: cloudapp.Time(id, "time"), Action: action, Application: workspace, Raw: raw, AccountObjectID: cloudapp.Text(actor, "profileId"), AccountID: cloudapp.Text(actor, "email"),
		AccountName: cloudapp.First(actor, "email", "key", "profileId"), AccountType: cloudapp.Text(actor, "callerType"), IP: normalise.CleanIP(cloudapp.Text(v, "ipAddress")),
		CountryCode: cloudapp.Text(v, "networkInfo", "regionCode"), Admin: app == "admin", ReportID: cloudapp.Text(id, "uniqueQualifier"),
	}
	if a.Time.IsZero() {
		a.Time = cloudapp.Time(v, "time", "p_event_time")
	}
	if a.ReportID != "" && i > 0 {
		a.ReportID += "-" + strconv.Itoa(i)
	}
	if app != "" {
		a.Application += " (" + app + ")"
	}
	parameters := named(e.Get("parameters"))
	for _, p := range parameters {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Structured object", Role: "Parameter", Name: p.name, Value: p.value})
		switch strings.ToLower(p.name) {
		case "doc_title", "group_email", "user_email", "app_name", "target_user":
			if a.ObjectName == "" {
				a.ObjectName = p.value
			}
		case "doc_id", "client_id":
			a.ObjectID = p.value
		case "doc_type":
			a.ObjectType = p.value
		}
	}
	switch lower := strings.ToLower(action); {
	case app == "login":
		a.Type = "LogOn"
	case strings.Contains(lower, "download"):
		a.Type = "Download"
	case strings.Contains(lower, "upload"):
		a.Type = "Upload"
	case strings.Contains(lower, "delete"), strings.Contains(lower, "trash"):
		a.Type = "Delete"
	case strings.Contains(lower, "acl"), strings.Contains(lower, "visibility"), strings.Contains(lower, "share"):
		a.Type = "Share"
	case a.Admin:
		a.Type = "Admin"
	}
	rows := []*schema.Row{a.Row()}
	if app == "login" && (strings.HasPrefix(action, "login_success") || strings.HasPrefix(action, "login_failure")) {
		rows = append(rows, logon(&a, parameters))
	}
	f := cloudapp.Flat(v)
	cloudapp.Add(&f, "eventName", action)
	cloudapp.Add(&f, "eventService", app+".googleapis.com")
	cloudapp.Add(&f, "applicationName", app)
	for _, p := range parameters {
		cloudapp.Add(&f, p.name, p.value)
		cloudapp.Add(&f, strings.ToLower(p.name), p.value)
	}
	out.Rows = append(out.Rows, rows...)
	out.Events = append(out.Events, &normalise.Event{
		Tenant: rec.Tenant, Time: a.Time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: []normalise.Logsource{{Product: "gcp", Service: "google_workspace." + app}},
		Fields: f, Rows: rows, Raw: rec.Data,
	})
}

type parameter struct{ name, value string }

// named reads Google's parameter lists: the value stands under a name for its type.
func named(list *fastjson.Value) []parameter {
	var out []parameter
	for i, p := range cloudapp.Elements(list) {
		if i == 100 {
			break
		}
		name := cloudapp.Text(p, "name")
		value := cloudapp.First(p, "value", "intValue", "boolValue", "multiValue", "multiStrValue", "messageValue", "multiIntValue")
		if name != "" {
			out = append(out, parameter{name, value})
		}
	}
	if out == nil { // some collectors turn the list into an object
		cloudapp.Members(list, func(name string, m *fastjson.Value) {
			if len(out) < 100 && name != "" {
				out = append(out, parameter{name, normalise.JSONText(m)})
			}
		})
	}
	return out
}

func logon(a *cloudapp.Activity, parameters []parameter) *schema.Row {
	row := schema.NewRow("IdentityLogonEvents")
	row.Set("Timestamp", a.Time)
	row.Set("ActionType", "LogonSuccess")
	var d normalise.Dynamic
	for _, p := range parameters {
		d.Text(p.name, p.value)
		if p.name == "login_type" {
			row.Set("Protocol", p.value)
		}
	}
	if strings.HasPrefix(a.Action, "login_failure") {
		row.Set("ActionType", "LogonFailed")
		row.Set("FailureReason", "BadCredentials")
	}
	domain, name, upn := normalise.SplitAccount(a.AccountID)
	row.Set("Application", workspace)
	row.Set("AccountName", name)
	row.Set("AccountDomain", domain)
	row.Set("AccountUpn", upn)
	row.Set("AccountObjectId", a.AccountObjectID)
	row.Set("IPAddress", a.IP)
	row.Set("Location", a.CountryCode)
	row.Set("ReportId", a.ReportID)
	row.Set("AdditionalFields", d.String())
	return row
}

// audit renders a record of Cloud Audit Logs. Workspace writes its admin and login events there too, under their own service names.
func audit(v, payload *fastjson.Value, rec *normalise.Record, raw string, out *normalise.Batch) {
	service, method := cloudapp.Text(payload, "serviceName"), cloudapp.Text(payload, "methodName")
	action := method
	var names []string
	var parameters []parameter
	for _, e := range cloudapp.Elements(payload.Get("metadata", "event")) {
		names = append(names, cloudapp.Text(e, "eventName"))
		parameters = append(parameters, named(e.Get("parameter"))...)
	}
	if action == "" && len(names) > 0 {
		action = names[0]
	}
	who := payload.Get("authenticationInfo")
	a := cloudapp.Activity{
		Time: cloudapp.Time(v, "timestamp", "receiveTimestamp", "p_event_time"), Action: action, Application: cloud, Raw: raw, ReportID: cloudapp.Text(v, "insertId"),
		AccountID: cloudapp.Text(who, "principalEmail"), AccountName: cloudapp.First(who, "principalEmail", "principalSubject"), AccountType: "Regular",
		IP: normalise.CleanIP(cloudapp.Text(payload, "requestMetadata", "callerIp")), UserAgent: cloudapp.Text(payload, "requestMetadata", "callerSuppliedUserAgent"),
		ObjectName: leaf(cloudapp.Text(payload, "resourceName")), ObjectID: cloudapp.Text(payload, "resourceName"), ObjectType: cloudapp.Text(v, "resource", "type"),
	}
	if strings.HasSuffix(a.AccountID, ".gserviceaccount.com") {
		a.AccountType = "Application"
	}
	a.OSPlatform = cloudapp.Platform(a.UserAgent)
	a.Admin = strings.Contains(cloudapp.Text(v, "logName"), "cloudaudit.googleapis.com%2Factivity")
	switch lower := strings.ToLower(method[strings.LastIndexByte(method, '.')+1:]); {
	case strings.HasPrefix(lower, "delete"), strings.HasPrefix(lower, "destroy"):
		a.Type = "Delete"
	case service == "login.googleapis.com":
		a.Type = "LogOn"
	case a.Admin:
		a.Type = "Admin"
	}
	if a.ObjectID != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: a.ObjectType, Role: "Target object", Name: a.ObjectName, ID: a.ObjectID})
	}
	for i, z := range cloudapp.Elements(payload.Get("authorizationInfo")) {
		if i == 20 {
			break
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Permission", Role: "Parameter", Name: cloudapp.Text(z, "permission"), ID: cloudapp.Text(z, "resource"), Value: cloudapp.Text(z, "granted")})
	}
	a.Additional.Text("ServiceName", service)
	a.Additional.Text("MethodName", method)
	a.Additional.Text("StatusCode", cloudapp.Text(payload, "status", "code"))
	a.Additional.Text("StatusMessage", cloudapp.Text(payload, "status", "message"))
	a.Additional.Text("ProjectId", cloudapp.Text(v, "resource", "labels", "project_id"))
	a.Additional.Text("LogName", cloudapp.Text(v, "logName"))
	rows := []*schema.Row{a.Row()}
	f := cloudapp.Flat(v)
	cloudapp.Nested(&f, "protoPayload", payload)
	var data normalise.Fields
	normalise.Flatten(&data, "data", v)
	for _, field := range data {
		if _, taken := f.Get(field.Name); !taken && len(f) < 4000 {
			f = append(f, field)
		}
	}
	cloudapp.Add(&f, "gcp.audit.method_name", method)
	cloudapp.Add(&f, "gcp.audit.service_name", service)
	cloudapp.Add(&f, "eventService", service)
	cloudapp.AddList(&f, "eventName", append(names, method[strings.LastIndexByte(method, '.')+1:])...)
	for _, p := range parameters {
		cloudapp.Add(&f, strings.ToLower(p.name), p.value)
	}
	sources := []normalise.Logsource{{Product: "gcp", Service: "gcp.audit"}}
	switch service {
	case "admin.googleapis.com":
		sources = append(sources, normalise.Logsource{Product: "gcp", Service: "google_workspace.admin"})
	case "login.googleapis.com":
		sources = append(sources, normalise.Logsource{Product: "gcp", Service: "google_workspace.login"})
	}
	out.Rows = append(out.Rows, rows...)
	out.Events = append(out.Events, &normalise.Event{Tenant: rec.Tenant, Time: a.Time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: sources, Fields: f, Rows: rows, Raw: rec.Data})
}

func leaf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

var _ normalise.Family = (*Family)(nil)
