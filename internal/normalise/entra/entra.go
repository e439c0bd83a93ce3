// Package entra turns Entra ID sign-ins into EntraIdSignInEvents, AADSignInEventsBeta and IdentityLogonEvents, directory changes into CloudAppEvents,
// Azure control plane activity into CloudAuditEvents and Graph requests into GraphAPIAuditEvents. It reads the three shapes in which they come: the
// objects of the Graph API, the records of diagnostic settings (values under "properties"), and rows of Azure Monitor tables (names in PascalCase).
package entra

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "entra"

// Family normalises directory and control plane logs. It is used by one goroutine.
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
	case has(`"createdDateTime"`) && has(`"appId"`) && (has(`"userPrincipalName"`) || has(`"servicePrincipalId"`)):
		return 92
	case has(`"activityDateTime"`) && has(`"activityDisplayName"`), has(`"ActivityDateTime"`) && has(`"ActivityDisplayName"`):
		return 92
	case has(`"riskEventType"`) && has(`"riskState"`):
		return 85
	case has(`"resourceId"`) && has(`"operationName"`) && has(`"category"`) && (has(`"properties"`) || has(`"correlationId"`) || has(`"identity"`)):
		return 80
	case has(`"Microsoft.aadiam`) || has(`"Type":"SigninLogs"`) || has(`"Type":"AuditLogs"`):
		return 90
	case has(`"OperationNameValue"`) || has(`"Type":"AzureActivity"`):
		return 88
	case has(`"eventDataId"`) && has(`"operationName"`) && has(`"caller"`):
		return 85
	}
	return 0
}

// kind is what a record tells of.
type kind int

const (
	kindOther kind = iota
	kindSignIn
	kindSpnSignIn
	kindAudit
	kindActivity
	kindRisk
	kindGraph
)

// view reads a record by the names of the Graph API, whichever shape it has.
type view struct {
	top, props *fastjson.Value // props is nil or what stands under "properties"
	category   string
	kind       kind
	time       time.Time
}

// Normalise implements normalise.Family. An envelope with a list of records becomes the rows of all of them.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	v, err := cloudapp.Object(&f.parser, Name, rec.Data)
	if err != nil {
		return err
	}
	if list := v.Get("records"); list != nil && list.Type() == fastjson.TypeArray {
		before := len(out.Events)
		for _, r := range list.GetArray() {
			if r.Type() == fastjson.TypeObject {
				one(r, rec, normalise.JSON(r), out)
			}
		}
		if len(out.Events) == before {
			out.Unmapped = "entra/empty"
		}
		return nil
	}
	one(v, rec, cloudapp.Raw(rec.Data), out)
	return nil
}

func one(v *fastjson.Value, rec *normalise.Record, raw string, out *normalise.Batch) {
	v, raw = cloudapp.Unwrap(v, raw, func(v *fastjson.Value) bool { return see(v).kind != kindOther })
	r := see(v)
	start := len(out.Rows)
	switch r.kind {
	case kindSignIn:
		out.Rows = append(out.Rows, r.signIn("EntraIdSignInEvents"), r.signIn("AADSignInEventsBeta"))
		if r.interactive() {
			out.Rows = append(out.Rows, r.logon())
		}
	case kindSpnSignIn:
		out.Rows = append(out.Rows, r.spnSignIn("EntraIdSpnSignInEvents"), r.spnSignIn("AADSpnSignInEventsBeta"))
	case kindAudit:
		out.Rows = append(out.Rows, r.audit(raw))
	case kindActivity:
		out.Rows = append(out.Rows, r.activity(raw))
	case kindGraph:
		out.Rows = append(out.Rows, r.graph())
	case kindRisk:
		out.Rows = append(out.Rows, r.risk(raw))
	default:
		category := r.category
		if category == "" {
			category = "unknown"
		}
		out.Unmapped = Name + "/" + category
	}
	out.Events = append(out.Events, r.event(rec, out.Rows[start:]))
	if r.kind == kindAudit {
		out.Rows = append(out.Rows, r.users(r.firstText("id", "correlationId"))...)
	}
}

// see finds out the shape and kind of a record.
func see(v *fastjson.Value) *view {
	r := &view{top: v}
	if p := cloudapp.Unpack(v.Get("properties")); p != nil && p.Type() == fastjson.TypeObject {
		r.props = p
	}
	r.category = cloudapp.First(v, "category", "Category")
	table := cloudapp.Text(v, "Type")
	switch {
	case strings.Contains(table, "ServicePrincipalSignIn"), strings.Contains(table, "ManagedIdentitySignIn"),
		r.category == "ServicePrincipalSignInLogs", r.category == "ManagedIdentitySignInLogs":
		r.kind = kindSpnSignIn
	case strings.HasSuffix(strings.ToLower(table), "signinlogs"), strings.HasSuffix(strings.ToLower(r.category), "signinlogs"):
		r.kind = kindSignIn
	case table == "AuditLogs", r.category == "AuditLogs", r.text("activityDisplayName") != "" && r.text("activityDateTime") != "":
		r.kind = kindAudit
	case r.text("riskEventType") != "", r.category == "UserRiskEvents", r.category == "RiskyUsers", r.category == "ServicePrincipalRiskEvents":
		r.kind = kindRisk
	case r.category == "MicrosoftGraphActivityLogs", table == "MicrosoftGraphActivityLogs":
		r.kind = kindGraph
	case r.text("createdDateTime") != "" && r.text("appId") != "":
		r.kind = kindSignIn
		if r.text("userPrincipalName") == "" && r.text("servicePrincipalId") != "" {
			r.kind = kindSpnSignIn
		}
	case r.controlPlane():
		r.kind = kindActivity
	}
	for _, name := range []string{"createdDateTime", "activityDateTime", "eventTimestamp", "detectedDateTime"} {
		if t, ok := normalise.ParseTime(r.text(name)); ok {
			r.time = t
			return r
		}
	}
	r.time = cloudapp.Time(v, "time", "Timestamp", "TimeGenerated", "timeGenerated")
	return r
}

// controlPlane reports whether the record is one of Azure's activity log.
func (r *view) controlPlane() bool {
	if cloudapp.First(r.top, "OperationNameValue", "eventDataId") != "" {
		return true
	}
	id := strings.ToLower(r.text("resourceId"))
	return r.text("operationName") != "" && (strings.HasPrefix(id, "/subscriptions/") || strings.HasPrefix(id, "/providers/") || strings.Contains(id, "microsoft.management"))
}

// get finds a member by its Graph name: under properties, at the top, in camelCase or PascalCase; packed values are unpacked.
func (r *view) get(name string) *fastjson.Value {
	upper := pascal(name)
	for _, o := range [...]*fastjson.Value{r.props, r.top} {
		if o == nil {
			continue
		}
		for _, n := range [...]string{name, upper} {
			if v := o.Get(n); v != nil && v.Type() != fastjson.TypeNull {
				return cloudapp.Unpack(v)
			}
		}
	}
	return nil
}

// text returns the text of a member; deeper levels are given by their own names.
func (r *view) text(name string, deeper ...string) string {
	v := r.get(name)
	if v != nil && len(deeper) > 0 {
		v = v.Get(deeper...)
	}
	return normalise.JSONText(v)
}

// firstText returns the first text among several members.
func (r *view) firstText(names ...string) string {
	for _, n := range names {
		if s := r.text(n); s != "" {
			return s
		}
	}
	return ""
}

// json returns a member as JSON text; an empty list or object counts as nothing.
func (r *view) json(name string) string {
	v := r.get(name)
	if v == nil {
		return ""
	}
	if v.Type() == fastjson.TypeString {
		return normalise.JSONText(v)
	}
	if s := normalise.JSON(v); s != "[]" && s != "{}" {
		return s
	}
	return ""
}

func pascal(name string) string {
	c, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(c)) + name[n:]
}

func camel(name string) string {
	if len(name) > 1 && unicode.IsUpper(rune(name[1])) { // IPAddress, AADTenantId
		if name == "IPAddress" {
			return "ipAddress"
		}
		return name
	}
	c, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(c)) + name[n:]
}

var _ normalise.Family = (*Family)(nil)

// activity renders a record of the Azure activity log.
func (r *view) activity(raw string) *schema.Row {
	row := schema.NewRow("CloudAuditEvents")
	row.Set("Timestamp", r.time)
	row.Set("ReportId", r.firstText("eventDataId", "EventDataId", "correlationId"))
	row.Set("DataSource", "Azure")
	op := cloudapp.Text(r.top, "OperationNameValue")
	if op == "" {
		op = r.operation()
	}
	row.Set("ActionType", lastSegment(op))
	row.Set("OperationName", op)
	row.Set("ResourceId", r.firstText("resourceId", "_ResourceId", "resourceUri"))
	row.Set("IPAddress", r.ip())
	row.Set("UserAgent", r.text("userAgent"))
	row.Set("RawEventData", raw)
	var d normalise.Dynamic
	d.Text("Category", r.category)
	d.Text("Caller", r.caller())
	d.Text("ResultType", r.firstText("resultType", "activityStatusValue", "status"))
	d.Text("ResultSignature", r.firstText("resultSignature", "activitySubstatusValue"))
	d.Text("CorrelationId", r.text("correlationId"))
	row.Set("AdditionalFields", d.String())
	return row
}

// operation is the operation's name; the event API wraps it in an object.
func (r *view) operation() string {
	if v := r.get("operationName"); v != nil && v.Type() == fastjson.TypeObject {
		return cloudapp.Text(v, "value")
	}
	return r.text("operationName")
}

// caller is who asked: the account's name, or the application's id.
func (r *view) caller() string {
	if s := r.text("caller"); s != "" {
		return s
	}
	claims := r.get("claims")
	if identity := r.get("identity"); identity != nil && identity.Type() == fastjson.TypeObject {
		claims = cloudapp.Unpack(identity.Get("claims"))
	}
	for _, name := range []string{
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
		"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "name", "appid",
	} {
		if s := cloudapp.Text(claims, name); s != "" {
			return s
		}
	}
	return ""
}

func (r *view) ip() string {
	for _, name := range []string{"ipAddress", "IPAddress", "callerIpAddress", "CallerIPAddress"} {
		if ip := normalise.CleanIP(r.text(name)); ip != "" {
			return ip
		}
	}
	return ""
}

func lastSegment(op string) string {
	parts := strings.Split(op, "/")
	if len(parts) < 2 {
		return op
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

// graph renders a request to the Graph API.
func (r *view) graph() *schema.Row {
	row := schema.NewRow("GraphAPIAuditEvents")
	row.Set("Timestamp", r.time)
	row.Set("TimeGenerated", r.time)
	for column, name := range map[string]string{
		"IdentityProvider": "identityProvider", "ApiVersion": "apiVersion", "ApplicationId": "appId", "ClientRequestId": "clientRequestId", "OperationId": "operationId",
		"Location": "location", "RequestDuration": "durationMs", "RequestMethod": "requestMethod", "ResponseStatusCode": "responseStatusCode", "Scopes": "scopes",
		"RequestUri": "requestUri", "UniqueTokenIdentifier": "signInActivityId", "RequestId": "requestId", "ServicePrincipalId": "servicePrincipalId", "TenantId": "tenantId",
	} {
		row.Set(column, r.text(name))
	}
	row.Set("AccountObjectId", r.firstText("UserPrincipalObjectID", "userId"))
	row.Set("IpAddress", r.ip())
	row.Set("EntityType", map[bool]string{true: "servicePrincipal", false: "user"}[r.text("userId") == ""])
	if n, ok := whole(r.text("responseSizeBytes")); ok {
		row.Set("ResponseSize", n)
	}
	row.Set("ReportId", r.firstText("requestId", "correlationId"))
	row.Set("TargetWorkload", "Microsoft Graph")
	row.Set("Type", "GraphAPIAuditEvents")
	row.Set("SourceSystem", "Azure AD")
	return row
}
