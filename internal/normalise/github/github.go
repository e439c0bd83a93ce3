// Package github turns records of the GitHub audit log into CloudAppEvents.
package github

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "github"

const application = "GitHub"

// Family normalises audit records. It is used by one goroutine.
type Family struct{ parser fastjson.Parser }

// New returns the family.
func New() *Family { return &Family{} }

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

// Probe rates how sure it is that data is an audit record.
func Probe(data []byte) int {
	has := func(s string) bool { return bytes.Contains(data, []byte(s)) }
	switch {
	case len(data) == 0 || data[0] != '{' || !has(`"action"`) || !has(`"actor"`):
		return 0
	case has(`"_document_id"`) || has(`"actor_ip"`) && (has(`"org"`) || has(`"business"`) || has(`"repo"`)):
		return 90
	case (has(`"org"`) || has(`"repo"`)) && (has(`"@timestamp"`) || has(`"created_at"`)):
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
	v, raw := cloudapp.Unwrap(v, cloudapp.Raw(rec.Data), cloudapp.Has("action"))
	action := cloudapp.Text(v, "action")
	if action == "" {
		return fault.Newf(fault.Invalid, "github: the record has no action")
	}
	a := cloudapp.Activity{
		Time: cloudapp.Time(v, "@timestamp", "created_at", "timestamp"), Action: action, Application: application, Raw: raw,
		ReportID: cloudapp.First(v, "_document_id", "request_id"), AccountID: cloudapp.Text(v, "actor_id"), AccountName: cloudapp.Text(v, "actor"), AccountType: "Regular",
		IP: normalise.CleanIP(cloudapp.Text(v, "actor_ip")), UserAgent: cloudapp.Text(v, "user_agent"), CountryCode: cloudapp.Text(v, "actor_location", "country_code"),
	}
	if cloudapp.Truth(cloudapp.Text(v, "actor_is_bot")) || strings.HasSuffix(a.AccountName, "[bot]") {
		a.AccountType = "Application"
	}
	a.OSPlatform = cloudapp.Platform(a.UserAgent)
	for _, o := range []struct{ name, kind string }{{"repo", "Repository"}, {"user", "User"}, {"team", "Team"}, {"org", "Organization"}, {"business", "Enterprise"}, {"name", "Object"}} {
		name := cloudapp.Text(v, o.name)
		if name == "" {
			continue
		}
		if a.ObjectName == "" {
			a.ObjectName, a.ObjectType, a.ObjectID = name, o.kind, cloudapp.Text(v, o.name+"_id")
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: o.kind, Role: "Target object", Name: name, ID: cloudapp.Text(v, o.name+"_id")})
	}
	a.Admin = admin(action)
	switch {
	case strings.HasSuffix(action, ".destroy"), strings.Contains(action, "delete"):
		a.Type = "Delete"
	case action == "git.clone", action == "git.fetch", strings.Contains(action, "download"):
		a.Type = "Download"
	case action == "git.push":
		a.Type = "Upload"
	case a.Admin:
		a.Type = "Admin"
	}
	a.Additional.Text("OperationType", cloudapp.Text(v, "operation_type"))
	a.Additional.Text("ProgrammaticAccessType", cloudapp.Text(v, "programmatic_access_type"))
	a.Additional.Text("Organization", cloudapp.Text(v, "org"))
	a.Additional.Text("TransportProtocol", cloudapp.Text(v, "transport_protocol_name"))
	rows := []*schema.Row{a.Row()}
	out.Rows = append(out.Rows, rows...)
	out.Events = append(out.Events, &normalise.Event{
		Tenant: rec.Tenant, Time: a.Time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: []normalise.Logsource{{Product: "github", Service: "audit"}},
		Fields: cloudapp.Flat(v), Rows: rows, Raw: rec.Data,
	})
	return nil
}

// admin tells the actions that change who may do what, or how the organisation protects itself.
func admin(action string) bool {
	group, what, _ := strings.Cut(action, ".")
	switch group {
	case "business", "enterprise", "org_credential_authorization", "protected_branch", "role", "sso", "ip_allow_list", "ip_allow_list_entry", "oauth_application", "hook",
		"secret_scanning", "repository_secret_scanning", "dependabot_alerts", "integration_installation":
		return true
	case "org", "repo", "team":
		return strings.HasPrefix(what, "add") || strings.HasPrefix(what, "remove") || strings.HasPrefix(what, "update") || strings.HasPrefix(what, "disable") ||
			strings.HasPrefix(what, "enable") || what == "access" || what == "transfer"
	}
	return false
}

var _ normalise.Family = (*Family)(nil)
