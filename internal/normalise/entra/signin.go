package entra

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudapp"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// The numbers that the hunting tables use for the Graph API's words.
var (
	riskLevels  = map[string]int{"hidden": 0, "none": 1, "low": 10, "medium": 50, "high": 100}
	riskStates  = map[string]int{"none": 0, "confirmedsafe": 1, "remediated": 2, "dismissed": 3, "atrisk": 4, "confirmedcompromised": 5}
	riskDetails = map[string]int{
		"none": 0, "admingeneratedtemporarypassword": 1, "userperformedsecuredpasswordchange": 2, "userperformedsecuredpasswordreset": 3,
		"adminconfirmedsigninsafe": 4, "aiconfirmedsigninsafe": 5, "userpassedmfadrivenbyriskbasedpolicy": 6, "admindismissedallriskforuser": 7,
		"adminconfirmedsignincompromised": 8, "hidden": 9,
	}
	accessStatus = map[string]int{"success": 0, "failure": 1, "notapplied": 2}
	issuers      = map[string]int{"azuread": 0, "adfederationservices": 1, "adfs": 1}
)

func whole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// errorCode is the sign-in's result, 0 for success.
func (r *view) errorCode() (int64, bool) {
	if n, ok := whole(r.text("status", "errorCode")); ok {
		return n, true
	}
	return whole(r.text("resultType"))
}

func setNumber(row *schema.Row, column, word string, words map[string]int) {
	if n, ok := words[strings.ToLower(word)]; ok && word != "" {
		row.Set(column, n)
	}
}

// setFlag stores a truth value in one of the int columns, and leaves it out when the record has none.
func setFlag(row *schema.Row, column, word string) {
	switch strings.ToLower(word) {
	case "true":
		row.Set(column, 1)
	case "false":
		row.Set(column, 0)
	}
}

func (r *view) location(part string) string {
	for _, name := range []string{"location", "locationDetails"} {
		if v := r.get(name); v != nil && v.Type() == fastjson.TypeObject {
			return cloudapp.Text(v, part)
		}
	}
	if part == "countryOrRegion" {
		return r.text("location")
	}
	return ""
}

func (r *view) coordinate(part string) string {
	for _, name := range []string{"location", "locationDetails"} {
		if v := r.get(name); v != nil && v.Type() == fastjson.TypeObject {
			return cloudapp.Text(v, "geoCoordinates", part)
		}
	}
	return ""
}

// logonType is the list of sign-in kinds as JSON text.
func (r *view) logonType() string {
	if s := r.json("signInEventTypes"); s != "" {
		return s
	}
	if strings.HasPrefix(r.category, "NonInteractive") || strings.EqualFold(r.text("isInteractive"), "false") {
		return `["nonInteractiveUser"]`
	}
	return `["interactiveUser"]`
}

// external tells whether the account belongs to another tenant: 1, 0, or -1 when the record does not say.
func (r *view) external() int {
	home, resource := r.text("homeTenantId"), r.text("resourceTenantId")
	switch access := r.text("crossTenantAccessType"); {
	case access != "" && !strings.EqualFold(access, "none"):
		return 1
	case home != "" && resource != "" && home != resource:
		return 1
	case access != "" || home != "" && resource != "":
		return 0
	}
	return -1
}

func (r *view) signIn(table string) *schema.Row {
	row := schema.NewRow(table)
	r.shared(row)
	row.Set("LogonType", r.logonType())
	row.Set("SessionId", r.firstText("sessionId", "uniqueTokenIdentifier"))
	row.Set("AccountDisplayName", r.firstText("userDisplayName", "identity"))
	row.Set("AccountObjectId", strings.ToLower(r.text("userId")))
	row.Set("AccountUpn", r.text("userPrincipalName"))
	row.Set("IsExternalUser", r.external())
	row.Set("IsGuestUser", strings.EqualFold(r.text("userType"), "guest"))
	row.Set("AlternateSignInName", r.firstText("signInIdentifier", "alternateSignInName"))
	row.Set("DeviceName", r.text("deviceDetail", "displayName"))
	row.Set("EntraIdDeviceId", r.text("deviceDetail", "deviceId"))
	row.Set("OSPlatform", r.text("deviceDetail", "operatingSystem"))
	row.Set("DeviceTrustType", r.text("deviceDetail", "trustType"))
	setFlag(row, "IsManaged", r.text("deviceDetail", "isManaged"))
	setFlag(row, "IsCompliant", r.text("deviceDetail", "isCompliant"))
	row.Set("AuthenticationProcessingDetails", r.json("authenticationProcessingDetails"))
	row.Set("AuthenticationRequirement", r.text("authenticationRequirement"))
	setNumber(row, "RiskLevelAggregated", r.text("riskLevelAggregated"), riskLevels)
	setNumber(row, "RiskLevelDuringSignIn", r.text("riskLevelDuringSignIn"), riskLevels)
	risk := r.json("riskEventTypes_v2")
	if risk == "" || risk == "[]" {
		risk = r.json("riskEventTypes")
	}
	if risk != "[]" {
		row.Set("RiskEventTypes", risk)
	}
	setNumber(row, "RiskState", r.text("riskState"), riskStates)
	row.Set("UserAgent", r.text("userAgent"))
	row.Set("ClientAppUsed", r.text("clientAppUsed"))
	row.Set("Browser", r.text("deviceDetail", "browser"))
	policies := r.json("appliedConditionalAccessPolicies")
	if policies == "" {
		policies = r.json("conditionalAccessPolicies")
	}
	row.Set("ConditionalAccessPolicies", policies)
	setNumber(row, "ConditionalAccessStatus", r.text("conditionalAccessStatus"), accessStatus)
	row.Set("NetworkLocationDetails", r.json("networkLocationDetails"))
	row.Set("EndpointCall", r.text("endpointCall"))
	issuer := r.text("tokenIssuerType")
	if table == "AADSignInEventsBeta" {
		row.Set("AadDeviceId", r.text("deviceDetail", "deviceId"))
		setNumber(row, "TokenIssuerType", issuer, issuers)
		setNumber(row, "RiskDetails", r.text("riskDetail"), riskDetails)
		return row
	}
	row.Set("TokenIssuerType", issuer)
	r.tableColumns(row, table)
	return row
}

// shared sets what the sign-ins of users and of applications have in common.
func (r *view) shared(row *schema.Row) {
	row.Set("Timestamp", r.time)
	row.Set("Application", r.text("appDisplayName"))
	row.Set("ApplicationId", r.text("appId"))
	if code, ok := r.errorCode(); ok {
		row.Set("ErrorCode", code)
	}
	row.Set("CorrelationId", r.text("correlationId"))
	row.Set("ResourceDisplayName", r.text("resourceDisplayName"))
	resource := r.text("resourceIdentity")
	if resource == "" {
		resource = r.resourceID()
	}
	row.Set("ResourceId", resource)
	row.Set("ResourceTenantId", r.text("resourceTenantId"))
	row.Set("IPAddress", r.ip())
	row.Set("Country", r.location("countryOrRegion"))
	row.Set("State", r.location("state"))
	row.Set("City", r.location("city"))
	row.Set("Latitude", r.coordinate("latitude"))
	row.Set("Longitude", r.coordinate("longitude"))
	id := r.firstText("id", "originalRequestId")
	row.Set("RequestId", id)
	row.Set("ReportId", id)
}

// resourceID is the id of the application signed in to. At the top of a diagnostic record the same name holds the log's own resource path.
func (r *view) resourceID() string {
	id := r.text("resourceId")
	if strings.HasPrefix(id, "/") {
		return ""
	}
	return id
}

func (r *view) tableColumns(row *schema.Row, table string) {
	row.Set("TenantId", r.firstText("tenantId", "AADTenantId"))
	row.Set("Type", table)
	row.Set("SourceSystem", "Azure AD")
	row.Set("TimeGenerated", r.time)
	row.Set("UniqueTokenId", r.text("uniqueTokenIdentifier"))
}

func (r *view) spnSignIn(table string) *schema.Row {
	row := schema.NewRow(table)
	r.shared(row)
	if row.Text("Application") == "" {
		row.Set("Application", r.text("servicePrincipalName"))
	}
	row.Set("IsManagedIdentity", r.category == "ManagedIdentitySignInLogs" || strings.Contains(cloudapp.Text(r.top, "Type"), "ManagedIdentity"))
	row.Set("ServicePrincipalName", r.text("servicePrincipalName"))
	row.Set("ServicePrincipalId", r.text("servicePrincipalId"))
	if table == "EntraIdSpnSignInEvents" {
		row.Set("SessionId", r.text("sessionId"))
		row.Set("UserAgent", r.text("userAgent"))
		r.tableColumns(row, table)
	}
	return row
}

// legacyClients cannot show a sign-in page, so their sign-ins count as logons even when they are not marked interactive.
var legacyClients = []string{"imap", "pop", "smtp", "mapi", "activesync", "exchange web services", "autodiscover", "other clients", "exchange online powershell", "offline address book", "reporting web services"}

// interactive reports whether the sign-in is a logon in the sense of IdentityLogonEvents.
func (r *view) interactive() bool {
	client := strings.ToLower(r.text("clientAppUsed"))
	for _, c := range legacyClients {
		if strings.Contains(client, c) {
			return true
		}
	}
	return strings.Contains(r.logonType(), `"interactiveUser"`)
}

// failureReasons name error codes in the words of IdentityLogonEvents.
var failureReasons = map[int64]string{
	50126: "WrongPassword", 50034: "UnknownUser", 50053: "AccountLocked", 50057: "AccountDisabled", 50055: "PasswordExpired",
	50144: "PasswordExpired", 53003: "BlockedByConditionalAccess", 50105: "NotAssigned", 500121: "MfaDenied", 50158: "ExternalChallenge",
}

// interruptions ask for more after the password was right; they are no failures.
var interruptions = map[int64]bool{
	50058: true, 50072: true, 50074: true, 50076: true, 50079: true, 50097: true, 50125: true, 50129: true, 50140: true, 50199: true,
	65001: true, 16000: true, 16001: true, 16003: true, 50127: true,
}

func (r *view) logon() *schema.Row {
	row := schema.NewRow("IdentityLogonEvents")
	row.Set("Timestamp", r.time)
	code, known := r.errorCode()
	row.Set("ActionType", "LogonSuccess")
	if known && code != 0 && !interruptions[code] {
		row.Set("ActionType", "LogonFailed")
		reason := failureReasons[code]
		if reason == "" {
			if reason = r.text("status", "failureReason"); reason == "" {
				reason = r.text("resultDescription")
			}
		}
		row.Set("FailureReason", reason)
	}
	row.Set("Application", r.text("appDisplayName"))
	row.Set("LogonType", "Interactive")
	row.Set("Protocol", r.text("clientAppUsed"))
	domain, name, upn := normalise.SplitAccount(r.text("userPrincipalName"))
	row.Set("AccountName", name)
	row.Set("AccountDomain", domain)
	row.Set("AccountUpn", upn)
	row.Set("AccountObjectId", strings.ToLower(r.text("userId")))
	row.Set("AccountDisplayName", r.firstText("userDisplayName", "identity"))
	row.Set("DeviceName", r.text("deviceDetail", "displayName"))
	row.Set("OSPlatform", r.text("deviceDetail", "operatingSystem"))
	row.Set("IPAddress", r.ip())
	row.Set("Location", r.location("countryOrRegion"))
	row.Set("ReportId", r.firstText("id", "originalRequestId"))
	var d normalise.Dynamic
	if known {
		d.Int("ErrorCode", code)
	}
	d.Text("City", r.location("city"))
	d.Text("UserAgent", r.text("userAgent"))
	d.Text("ResourceDisplayName", r.text("resourceDisplayName"))
	d.Text("AuthenticationRequirement", r.text("authenticationRequirement"))
	d.Text("RiskLevelDuringSignIn", r.text("riskLevelDuringSignIn"))
	d.Text("CorrelationId", r.text("correlationId"))
	row.Set("AdditionalFields", d.String())
	return row
}
