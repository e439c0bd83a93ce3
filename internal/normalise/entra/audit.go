package entra

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// adminCategories are the directory's categories that only administrators' work falls into.
var adminCategories = map[string]bool{
	"RoleManagement": true, "Policy": true, "ApplicationManagement": true, "DirectoryManagement": true, "Authorization": true,
	"AdministrativeUnit": true, "KeyManagement": true, "PermissionManagement": true,
}

// application is the name under which the directory's own activities stand in CloudAppEvents.
const application = "Microsoft Entra ID"

func (r *view) activityName() string {
	return strings.TrimSpace(r.firstText("activityDisplayName", "operationName"))
}

// auditCategory is the directory's category; at the top of a diagnostic record the same name holds the log's.
func (r *view) auditCategory() string {
	if r.props != nil {
		if c := cloudapp.Text(r.props, "category"); c != "" {
			return c
		}
	}
	return r.category
}

// actor is who made a change: a user or an application.
type actor struct {
	objectID, id, name, kind, ip string
}

func (r *view) actor() actor {
	who := r.get("initiatedBy")
	a := actor{
		objectID: strings.ToLower(cloudapp.Text(who, "user", "id")), id: cloudapp.Text(who, "user", "userPrincipalName"), name: cloudapp.Text(who, "user", "displayName"),
		kind: "Regular", ip: normalise.CleanIP(cloudapp.Text(who, "user", "ipAddress")),
	}
	if a.objectID == "" && a.id == "" {
		a = actor{objectID: strings.ToLower(cloudapp.Text(who, "app", "servicePrincipalId")), id: cloudapp.Text(who, "app", "appId"), name: cloudapp.Text(who, "app", "displayName"), kind: "Application"}
	}
	if a.name == "" {
		a.name = a.id
	}
	if a.name == "" {
		if identity := r.get("identity"); identity != nil && identity.Type() == fastjson.TypeString {
			a.name = normalise.JSONText(identity)
		}
	}
	if a.ip == "" {
		a.ip = r.ip()
	}
	return a
}

// audit renders a change in the directory.
func (r *view) audit(raw string) *schema.Row {
	who := r.actor()
	category := r.auditCategory()
	a := cloudapp.Activity{
		Time: r.time, Action: r.activityName(), Application: application, Raw: raw, Type: "Admin", AccountObjectID: who.objectID, AccountID: who.id, AccountName: who.name,
		AccountType: who.kind, IP: who.ip, Admin: adminCategories[category], UserAgent: r.detail("User-Agent"), External: strings.Contains(strings.ToUpper(who.id), "#EXT#"),
		ReportID: r.firstText("id", "correlationId"),
	}
	if a.UserAgent == "" {
		a.UserAgent = r.text("userAgent")
	}
	if who.kind == "Application" {
		a.OAuthAppID = who.id
	}
	if who.name != "" {
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: who.kind, Role: "Actor", Name: who.name, ID: who.objectID})
	}
	for i, t := range cloudapp.Elements(r.get("targetResources")) {
		if i == 50 {
			break
		}
		name := cloudapp.First(t, "displayName", "userPrincipalName")
		id, kind := cloudapp.Text(t, "id"), cloudapp.Text(t, "type")
		if i == 0 {
			a.ObjectName, a.ObjectType, a.ObjectID = name, kind, id
		}
		a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: kind, Role: "Target object", Name: name, ID: id})
		for j, p := range cloudapp.Elements(t.Get("modifiedProperties")) {
			if j == 100 {
				break
			}
			a.Objects = append(a.Objects, cloudapp.ActivityObject{Type: "Structured object", Role: "Parameter", Name: cloudapp.Text(p, "displayName"), Value: cloudapp.Text(p, "newValue")})
		}
	}
	a.Additional.Text("Category", category)
	a.Additional.Text("Result", r.text("result"))
	a.Additional.Text("ResultReason", r.text("resultReason"))
	a.Additional.Text("LoggedByService", r.text("loggedByService"))
	a.Additional.Text("CorrelationId", r.text("correlationId"))
	return a.Row()
}

// detail returns the value of an additional detail.
func (r *view) detail(key string) string {
	for _, d := range cloudapp.Elements(r.get("additionalDetails")) {
		if strings.EqualFold(cloudapp.Text(d, "key"), key) {
			return cloudapp.Text(d, "value")
		}
	}
	return ""
}

// risk renders a risk detection of the directory: an activity of the account, since it has no table of its own.
func (r *view) risk(raw string) *schema.Row {
	a := cloudapp.Activity{
		Time: r.time, Action: "RiskDetection", Application: application, Raw: raw, AccountObjectID: strings.ToLower(r.text("userId")), AccountID: r.text("userPrincipalName"),
		AccountName: r.firstText("userDisplayName", "userPrincipalName"), AccountType: "Regular", IP: r.ip(), CountryCode: r.location("countryOrRegion"), City: r.location("city"),
		ObjectName: r.text("riskEventType"), ObjectType: "Risk", ReportID: r.firstText("id", "correlationId"), Type: "Risk",
	}
	for _, name := range []string{"riskEventType", "riskLevel", "riskState", "riskDetail", "source", "detectionTimingType", "activity", "correlationId"} {
		a.Additional.Text(pascal(name), r.text(name))
	}
	return a.Row()
}
