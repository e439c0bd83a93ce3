package snapshot

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// identity is what records have told of an account that people use.
type identity struct {
	info          *schema.Row // of IdentityInfo
	providers     []string    // the systems that know the account, as in SourceSystem
	latest        int64
	pace          pace
	dirty, urgent bool
}

// keys under which an identity is known. Names of domains have a short and a long form; the first label joins them.
func keys(row *schema.Row) []string {
	var out []string
	add := func(kind, v string) {
		if v != "" && len(v) <= maxText {
			out = append(out, kind+strings.ToLower(v))
		}
	}
	add("o:", row.Text("AccountObjectId"))
	add("s:", row.Text("OnPremSid"))
	if upn := row.Text("AccountUpn"); strings.Contains(upn, "@") {
		add("u:", upn)
	}
	if name, domain := row.Text("AccountName"), row.Text("AccountDomain"); name != "" && domain != "" {
		short, _, _ := strings.Cut(domain, ".")
		add("n:", short+`\`+name)
	}
	return out
}

// takeIdentity merges a row into the identity that one of its keys names. It returns nil for a row without a key.
func (d *Deriver) takeIdentity(row *schema.Row, at int64) *identity {
	names := keys(row)
	if len(names) == 0 || at == 0 {
		return nil
	}
	var id *identity
	for _, k := range names {
		if found, ok := d.identities.get(k); ok && found.mayBe(row) {
			id = found
			break
		}
	}
	if id == nil {
		id = &identity{info: schema.NewRow("IdentityInfo"), dirty: true, urgent: true}
	}
	older := at < id.latest-deviceEvery
	id.latest = max(id.latest, at)
	// A sign-in writes names in any case; the first spelling stays.
	for _, c := range []string{"AccountUpn", "AccountName", "AccountDomain", "EmailAddress"} {
		have, v := id.info.Text(c), row.Text(c)
		if have != "" && (strings.EqualFold(have, v) || c == "AccountDomain" && len(v) < len(have)) {
			row.Set(c, have)
		}
	}
	if p := row.Text("SourceSystem"); p != "" && !slices.Contains(id.providers, p) && len(id.providers) < 8 {
		id.providers = append(id.providers, p)
		id.dirty, id.urgent = true, true
	}
	if first := id.info.Text("SourceSystem"); first != "" {
		row.Set("SourceSystem", first)
	}
	for _, p := range texts(row.Text("SourceProviders")) { // a row of an earlier run
		if !slices.Contains(id.providers, p) && len(id.providers) < 8 {
			id.providers = append(id.providers, p)
		}
	}
	if merge(id.info, row, older) {
		id.dirty, id.urgent = true, true
	}
	for _, k := range append(names, keys(id.info)...) {
		if have, ok := d.identities.get(k); !ok || have != id {
			d.identities.put(strings.Clone(k), id)
		}
	}
	return id
}

// mayBe reports whether no id of the row speaks against the identity: names are given again, ids are not.
func (id *identity) mayBe(row *schema.Row) bool {
	for _, c := range []string{"AccountObjectId", "OnPremSid"} {
		if have, v := id.info.Text(c), row.Text(c); have != "" && v != "" && !strings.EqualFold(have, v) {
			return false
		}
	}
	return true
}

// signIn learns from a sign-in that succeeded; failed ones name accounts that need not exist.
func (d *Deriver) signIn(row *schema.Row, at int64) {
	fact := schema.NewRow("IdentityInfo")
	fact.Set("Type", "User")
	switch row.Table.Name {
	case "EntraIdSignInEvents":
		if code, ok := row.Get("ErrorCode").(int32); !ok || code != 0 || row.Text("AccountObjectId") == "" {
			return
		}
		fact.Set("SourceSystem", "AzureActiveDirectory")
		fact.Set("IsAccountEnabled", true)
		switch guest := row.Get("IsGuestUser"); guest {
		case true:
			fact.Set("TenantMembershipType", "Guest")
		case false:
			fact.Set("TenantMembershipType", "Member")
		}
	default:
		if row.Text("ActionType") != "LogonSuccess" || normalise.IsMachineAccount(row.Text("AccountName")) {
			return
		}
		fact.Set("AccountName", row.Text("AccountName"))
		switch app := row.Text("Application"); app {
		case "Active Directory":
			if row.Text("AccountDomain") == "NT AUTHORITY" || row.Text("AccountName") == "ANONYMOUS LOGON" {
				return
			}
			fact.Set("SourceSystem", "ActiveDirectory")
			fact.Set("AccountDomain", row.Text("AccountDomain"))
			fact.Set("OnPremSid", domainSID(row.Text("AccountSid")))
			if fact.Text("OnPremSid") == "" && fact.Text("AccountDomain") == "" {
				return
			}
		case "Okta", "Google Workspace", "Amazon Web Services":
			fact.Set("SourceSystem", app)
		default:
			if row.Text("AccountObjectId") == "" && row.Text("AccountUpn") == "" {
				return
			}
		}
	}
	fact.Set("AccountObjectId", row.Text("AccountObjectId"))
	fact.Set("AccountUpn", row.Text("AccountUpn"))
	if name := row.Text("AccountDisplayName"); !strings.ContainsAny(name, `@\`) && name != row.Text("AccountName") {
		fact.Set("AccountDisplayName", name)
	}
	if upn := row.Text("AccountUpn"); fact.Text("AccountName") == "" && strings.Contains(upn, "@") {
		name, domain, _ := strings.Cut(upn, "@")
		fact.Set("AccountName", name)
		fact.Set("AccountDomain", domain)
	}
	if id := d.takeIdentity(fact, at); id != nil {
		d.writeIdentity(id, at)
	}
}

// domainAccount learns from the logon of an account of a domain on a device.
func (d *Deriver) domainAccount(dev *device, rec *normalise.Record, row *schema.Row, at int64) {
	sid, domain, name := domainSID(row.Text("AccountSid")), row.Text("AccountDomain"), row.Text("AccountName")
	short, _, _ := strings.Cut(dev.name, ".")
	if rec.Source != "winlog" || sid == "" || domain == "" || name == "" || normalise.IsMachineAccount(name) || strings.EqualFold(domain, short) {
		return
	}
	fact := schema.NewRow("IdentityInfo")
	fact.Set("Type", "User")
	fact.Set("SourceSystem", "ActiveDirectory")
	fact.Set("AccountName", name)
	fact.Set("AccountDomain", domain)
	fact.Set("OnPremSid", sid)
	if id := d.takeIdentity(fact, at); id != nil {
		d.writeIdentity(id, at)
	}
}

// domainSID is a SID that a domain or a computer has given out, "" for well-known ones.
func domainSID(sid string) string {
	if strings.HasPrefix(sid, "S-1-5-21-") {
		return sid
	}
	return ""
}

// writeIdentity writes the rows of an identity that are due: what is known of the person, and of the account at the system that knows it.
func (d *Deriver) writeIdentity(id *identity, at int64) {
	gap := int64(accountEvery)
	switch {
	case id.urgent:
		gap = 0
	case id.dirty:
		gap = settle
	}
	if gap != 0 && !id.pace.due(at, gap) {
		return
	}
	id.pace.mark(at)
	id.dirty, id.urgent = false, false
	row := copyOf(id.info)
	row.Set("Timestamp", at)
	row.Set("ReportId", strconv.FormatInt(d.reportID(at), 10))
	row.Set("SourceProviders", list(id.providers))
	d.out = append(d.out, row)
	for _, p := range id.providers {
		d.out = append(d.out, account(row, p))
	}
}

// list renders texts as a JSON array, "" when there is none.
func list(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	buf := []byte{'['}
	for i, s := range texts {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = normalise.AppendJSONString(buf, s)
	}
	return string(append(buf, ']'))
}

// texts reads a JSON array of texts.
func texts(s string) []string {
	var out []string
	if s == "" || json.Unmarshal([]byte(s), &out) != nil {
		return nil
	}
	return out
}

// account renders the account that one provider has for an identity.
func account(info *schema.Row, provider string) *schema.Row {
	row := schema.NewRow("IdentityAccountInfo")
	for to, from := range map[string]string{
		"ReportId": "ReportId", "DisplayName": "AccountDisplayName", "AccountUpn": "AccountUpn", "EmailAddress": "EmailAddress", "Type": "Type", "GivenName": "GivenName", "Surname": "Surname",
		"Department": "Department", "JobTitle": "JobTitle", "City": "City", "Country": "Country", "Phone": "Phone", "Manager": "Manager", "Sid": "OnPremSid",
		"TenantMembershipType": "TenantMembershipType", "TenantId": "TenantId", "EmployeeId": "EmployeeId", "Address": "Address",
	} {
		row.Set(to, info.Text(from))
	}
	for _, c := range []string{"Timestamp", "CreatedDateTime", "DeletedDateTime"} {
		if v := info.Get(c); v != nil {
			row.Set(c, v)
		}
	}
	key := firstText(info, "AccountObjectId", "OnPremSid", "AccountUpn")
	if key == "" {
		key = info.Text("AccountDomain") + `\` + info.Text("AccountName")
	}
	own := key
	if provider == "ActiveDirectory" {
		if sid := info.Text("OnPremSid"); sid != "" {
			own = sid
		}
	}
	row.Set("SourceProvider", provider)
	row.Set("SourceProviderAccountId", own)
	row.Set("AccountId", own)
	row.Set("IdentityId", key)
	row.Set("IsPrimary", own == key)
	switch info.Get("IsAccountEnabled") {
	case true:
		row.Set("AccountStatus", "Enabled")
	case false:
		row.Set("AccountStatus", "Disabled")
	}
	if info.Get("DeletedDateTime") != nil {
		row.Set("AccountStatus", "Deleted")
	}
	return row
}

func firstText(row *schema.Row, columns ...string) string {
	for _, c := range columns {
		if v := row.Text(c); v != "" {
			return v
		}
	}
	return ""
}
