package entra

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// event is the record for rules. Public rules name the same value in three ways, as the Graph API does (camelCase), as Azure Monitor tables do
// (PascalCase) and as diagnostic settings do ("properties." before it), so each value is there under all three.
func (r *view) event(rec *normalise.Record, rows []*schema.Row) *normalise.Event {
	var f normalise.Fields
	body := r.top
	if r.props != nil {
		body = r.props
	}
	cloudapp.Members(body, func(name string, m *fastjson.Value) {
		low := camel(name)
		for _, n := range []string{low, pascal(low), "properties." + low} {
			put(&f, n, m)
		}
		if name != low && name != pascal(low) {
			put(&f, name, m)
		}
	})
	if r.props != nil {
		cloudapp.Members(r.top, func(name string, m *fastjson.Value) {
			if name == "properties" {
				return
			}
			low := camel(name)
			put(&f, low, m)
			put(&f, pascal(low), m)
		})
	}
	switch r.kind {
	case kindSignIn, kindSpnSignIn:
		r.signInFields(&f)
	case kindAudit:
		r.auditFields(&f)
	case kindActivity:
		r.activityFields(&f)
	}
	return &normalise.Event{Tenant: rec.Tenant, Time: r.time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: r.logsources(), Fields: f, Rows: rows, Raw: rec.Data}
}

// put adds a member unless its name is taken, with the parts of what is nested or packed in it.
func put(f *normalise.Fields, name string, m *fastjson.Value) {
	if _, taken := f.Get(name); taken {
		return
	}
	normalise.Flatten(f, name, m)
	cloudapp.Nested(f, name, m)
}

func (r *view) logsources() []normalise.Logsource {
	azure := func(services ...string) []normalise.Logsource {
		var list []normalise.Logsource
		for _, s := range services {
			list = append(list, normalise.Logsource{Product: "azure", Service: s})
		}
		return list
	}
	switch r.kind {
	case kindSignIn, kindSpnSignIn:
		return azure("signinlogs")
	case kindAudit:
		return azure("auditlogs")
	case kindActivity:
		return azure("activitylogs")
	case kindRisk:
		return azure("riskdetection", "pim")
	case kindGraph:
		return azure("microsoftgraphactivitylogs")
	}
	return azure(strings.ToLower(r.category))
}

// set replaces or adds a text; the result of a sign-in is an object in the record and a word in rules.
func set(f *normalise.Fields, name string, texts ...string) {
	for i := range *f {
		if (*f)[i].Name == name {
			*f = append((*f)[:i], (*f)[i+1:]...)
			break
		}
	}
	cloudapp.AddList(f, name, texts...)
}

func (r *view) signInFields(f *normalise.Fields) {
	code, known := r.errorCode()
	details, reason := r.text("status", "additionalDetails"), r.text("status", "failureReason")
	word := "Success"
	if known && code != 0 {
		word = "Failure"
	}
	var codeText string
	if known {
		codeText = r.text("status", "errorCode")
		if codeText == "" {
			codeText = r.text("resultType")
		}
	}
	set(f, "Status", word, details, reason)
	set(f, "status", word, details, reason)
	for _, name := range []string{"ResultType", "resultType"} {
		cloudapp.Add(f, name, codeText)
	}
	set(f, "ResultDescription", r.text("resultDescription"), reason, details, word)
	set(f, "Resultdescription", r.text("resultDescription"), reason, details)
	if known {
		*f = append(*f, normalise.Field{Name: "ErrorCode", Value: normalise.Value{Kind: normalise.String, Text: codeText}})
	}
	country := r.location("countryOrRegion")
	set(f, "location", country)
	set(f, "Location", country)
	cloudapp.Add(f, "Country", country)
	cloudapp.Add(f, "City", r.location("city"))
	for _, part := range []string{"trustType", "isCompliant", "deviceId"} {
		v := r.text("deviceDetail", part)
		name := "DeviceDetail." + part
		if part == "trustType" {
			name = "DeviceDetail.trusttype"
		}
		if _, taken := f.Get(name); !taken {
			f.Add(name, v) // "" is what rules for unknown devices ask for
		}
	}
	if v := r.get("networkLocationDetails"); v != nil && v.Type() == fastjson.TypeArray && len(v.GetArray()) == 0 {
		set(f, "NetworkLocationDetails", "[]")
	}
	cloudapp.Add(f, "ClientApp", r.text("clientAppUsed"))
	cloudapp.Add(f, "Username", r.text("userPrincipalName"))
	cloudapp.Add(f, "ActivityDetails", "Sign-ins")
	cloudapp.Add(f, "callerIpAddress", r.ip())
	switch strings.ToLower(r.text("authenticationProtocol")) {
	case "devicecode":
		cloudapp.Add(f, "properties.message", "Device Code")
	case "ropc":
		cloudapp.Add(f, "properties.message", "ROPC")
	}
}

func (r *view) auditFields(f *normalise.Fields) {
	name, result, reason := r.activityName(), r.text("result"), r.text("resultReason")
	for _, n := range []string{"operationName", "OperationName"} {
		set(f, n, name, strings.TrimSpace(r.text("operationName")))
	}
	for _, n := range []string{"properties.message", "ActivityDisplayName", "activityDisplayName", "ActivityType", "activityType"} {
		set(f, n, name)
	}
	category := r.auditCategory()
	set(f, "Category", category, r.category)
	set(f, "category", category, r.category)
	set(f, "Status", result, reason)
	cloudapp.Add(f, "failure_status_reason", reason)
	who := r.actor()
	set(f, "Initiatedby", who.id, who.name)
	set(f, "Initiatied.By", who.id, who.name)
	var targets, names, values []string
	for _, t := range cloudapp.Elements(r.get("targetResources")) {
		targets = append(targets, cloudapp.Text(t, "displayName"), cloudapp.Text(t, "userPrincipalName"))
		for _, p := range cloudapp.Elements(t.Get("modifiedProperties")) {
			if len(names) == 200 {
				break
			}
			n, v := cloudapp.Text(p, "displayName"), cloudapp.Text(p, "newValue")
			names, values = append(names, n), append(values, v)
			cloudapp.Add(f, n, strings.Trim(v, `"`))
		}
	}
	cloudapp.AddList(f, "Target", targets...)
	cloudapp.AddList(f, "TargetResources.ModifiedProperties.DisplayName", names...)
	cloudapp.AddList(f, "TargetResources.ModifiedProperties.NewValue", values...)
	for _, d := range cloudapp.Elements(r.get("additionalDetails")) {
		if key := cloudapp.Text(d, "key"); key != "" {
			cloudapp.Add(f, "additionalDetails."+camel(key), cloudapp.Text(d, "value"))
		}
	}
}

func (r *view) activityFields(f *normalise.Fields) {
	op := cloudapp.Text(r.top, "OperationNameValue")
	if op == "" {
		op = r.operation()
	}
	for _, n := range []string{"operationName", "OperationName", "OperationNameValue", "properties.message"} {
		set(f, n, op)
	}
	cloudapp.Add(f, "CategoryValue", r.category)
	if parts := strings.SplitN(op, "/", 2); len(parts) == 2 {
		cloudapp.Add(f, "ResourceProviderValue", parts[0])
	}
	cloudapp.Add(f, "Caller", r.caller())
}
