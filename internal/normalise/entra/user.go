package entra

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// userProperties are the properties of a user whose new value an audit record may tell, with the column of IdentityInfo that holds it.
var userProperties = map[string]string{
	"displayname": "AccountDisplayName", "givenname": "GivenName", "surname": "Surname", "department": "Department", "jobtitle": "JobTitle", "city": "City", "country": "Country", "state": "State",
	"companyname": "CompanyName", "employeeid": "EmployeeId", "mail": "EmailAddress", "telephonenumber": "Phone", "mobile": "Phone", "userprincipalname": "AccountUpn",
	"usertype": "TenantMembershipType", "streetaddress": "Address", "onpremisessecurityidentifier": "OnPremSid",
}

// users renders what a change of the directory says of the accounts it changed, as rows of IdentityInfo with the columns that it knows; what derives the
// snapshots completes them.
func (r *view) users(report string) []*schema.Row {
	action := strings.ToLower(r.activityName())
	if result := strings.ToLower(r.text("result")); result != "" && result != "success" || !strings.Contains(action, "user") && !strings.Contains(action, "account") {
		return nil
	}
	var rows []*schema.Row
	for i, t := range cloudapp.Elements(r.get("targetResources")) {
		id := strings.ToLower(cloudapp.Text(t, "id"))
		if i == 20 || !strings.EqualFold(cloudapp.Text(t, "type"), "User") || !cloudapp.GUID(id) {
			continue
		}
		row := schema.NewRow("IdentityInfo")
		row.Set("Timestamp", r.time)
		row.Set("ReportId", report)
		row.Set("AccountObjectId", id)
		row.Set("Type", "User")
		row.Set("SourceSystem", "AzureActiveDirectory")
		row.Set("AccountUpn", cloudapp.Text(t, "userPrincipalName"))
		if name := cloudapp.Text(t, "displayName"); !strings.Contains(name, "@") {
			row.Set("AccountDisplayName", name)
		}
		for j, p := range cloudapp.Elements(t.Get("modifiedProperties")) {
			if j == 100 {
				break
			}
			name, value := strings.ToLower(cloudapp.Text(p, "displayName")), newValue(p.Get("newValue"))
			if column := userProperties[name]; column != "" && value != "" {
				row.Set(column, value)
			}
			if name == "accountenabled" && value != "" {
				row.Set("IsAccountEnabled", cloudapp.Truth(value))
			}
		}
		switch {
		case action == "add user":
			row.Set("CreatedDateTime", r.time)
		case action == "delete user", action == "hard delete user":
			row.Set("DeletedDateTime", r.time)
		case action == "disable account":
			row.Set("IsAccountEnabled", false)
		case action == "enable account":
			row.Set("IsAccountEnabled", true)
		}
		if upn := row.Text("AccountUpn"); strings.Contains(upn, "@") {
			account, domain, _ := strings.Cut(upn, "@")
			row.Set("AccountName", account)
			row.Set("AccountDomain", domain)
		}
		rows = append(rows, row)
	}
	return rows
}

// newValue reads a changed property: a JSON text or a list of one, packed in a string.
func newValue(v *fastjson.Value) string {
	v = cloudapp.Unpack(v)
	if v == nil {
		return ""
	}
	if list, err := v.Array(); err == nil {
		if len(list) != 1 {
			return ""
		}
		v = list[0]
	}
	switch v.Type() {
	case fastjson.TypeObject, fastjson.TypeArray:
		return ""
	}
	return strings.Trim(normalise.JSONText(v), `"`)
}
