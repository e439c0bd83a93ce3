package simulate

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"sort"
	"strings"
)

// signIn emits a record as the directory's sign-in log API returns it.
func (g *generator) signIn(st *SignIn) {
	user := g.text(st.User)
	u := g.s.Cast.Users[user]
	or := func(a, b string) string {
		if a = g.text(a); a != "" {
			return a
		}
		return b
	}
	risk := or(st.Risk, "none")
	state := "none"
	if risk != "none" {
		state = "atRisk"
	}
	record := map[string]any{
		"id": g.guid("signin", len(g.out)), "createdDateTime": g.now.UTC().Format("2006-01-02T15:04:05Z"), "userDisplayName": u.Display, "userPrincipalName": g.upn(user),
		"userId": g.objectID(user), "appId": g.appID(or(st.App, "Office 365 Exchange Online")), "appDisplayName": or(st.App, "Office 365 Exchange Online"),
		"ipAddress": or(st.IP, u.IP), "clientAppUsed": or(st.Client, "Browser"), "userAgent": or(st.Agent, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
		"correlationId": g.guid("correlation", len(g.out)), "conditionalAccessStatus": "notApplied", "isInteractive": true, "riskDetail": "none",
		"riskLevelAggregated": risk, "riskLevelDuringSignIn": risk, "riskState": state, "riskEventTypes_v2": []string{}, "resourceDisplayName": or(st.Resource, "Office 365 Exchange Online"),
		"resourceId": g.appID(or(st.Resource, "Office 365 Exchange Online")), "authenticationRequirement": "singleFactorAuthentication", "tokenIssuerType": "AzureAD", "userType": "member",
		"status":       map[string]any{"errorCode": st.Error, "failureReason": g.text(st.Reason), "additionalDetails": nil},
		"deviceDetail": map[string]any{"deviceId": "", "displayName": "", "operatingSystem": "Windows10", "browser": "Chrome 131.0.0", "isCompliant": false, "isManaged": false, "trustType": ""},
		"location":     map[string]any{"city": or(st.City, u.City), "state": "", "countryOrRegion": or(st.Country, u.Country), "geoCoordinates": map[string]any{}},
	}
	g.emit("entra", record)
}

// audit emits a record as the unified audit log's management API returns it.
func (g *generator) audit(st *Audit) {
	user := g.text(st.User)
	ip := g.text(st.IP)
	if ip == "" {
		ip = g.s.Cast.Users[user].IP
	}
	record := map[string]any{
		"CreationTime": g.now.UTC().Format("2006-01-02T15:04:05"), "Id": g.guid("audit", len(g.out)), "Operation": g.text(st.Operation), "OrganizationId": g.guid("organisation", g.s.Cast.Domain),
		"RecordType": st.RecordType, "ResultStatus": "Succeeded", "UserKey": g.objectID(user), "UserType": 0, "Version": 1, "Workload": st.Workload,
		"ClientIP": ip, "UserId": g.upn(user), "ObjectId": g.text(st.Object),
	}
	if len(st.Parameters) > 0 {
		names := make([]string, 0, len(st.Parameters))
		for k := range st.Parameters {
			names = append(names, k)
		}
		sort.Strings(names)
		list := make([]map[string]string, 0, len(names))
		for _, k := range names {
			list = append(list, map[string]string{"Name": k, "Value": g.text(st.Parameters[k])})
		}
		record["Parameters"] = list
	}
	for k, v := range st.Extra {
		if s, ok := v.(string); ok {
			v = g.text(s)
		}
		record[k] = v
	}
	g.emit("m365", record)
}

func (g *generator) objectID(user string) string { return stableGUID("user:" + g.upn(user)) }

func (g *generator) appID(app string) string { return stableGUID("app:" + app) }

// mail emits a message with the headers that a receiving server adds.
func (g *generator) mail(st *Mail) {
	to := g.address(st.To)
	from := g.address(st.From)
	_, fromDomain, _ := strings.Cut(strings.Trim(addressOf(from), "<>"), "@")
	envelope := g.text(st.EnvelopeFrom)
	if envelope == "" {
		envelope = addressOf(from)
	}
	id := g.guid("mail", len(g.out))
	var b bytes.Buffer
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	mx := "mx1." + g.s.Cast.Domain
	head("Return-Path", "<"+envelope+">")
	head("Received", fmt.Sprintf("from mail.%s ([%s]) by %s with ESMTPS id %s for <%s>; %s", fromDomain, g.text(st.Sender), mx, id[:8], addressOf(to), g.now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")))
	head("Authentication-Results", fmt.Sprintf("%s; spf=%s smtp.mailfrom=%s; dkim=%s header.d=%s; dmarc=%s header.from=%s", mx, or(st.SPF, "pass"), envelope, or(st.DKIM, "pass"), fromDomain, or(st.DMARC, "pass"), fromDomain))
	head("Message-ID", "<"+id+"@"+fromDomain+">")
	head("Date", g.now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	head("From", from)
	head("To", to)
	if st.Cc != "" {
		head("Cc", g.address(st.Cc))
	}
	if st.ReplyTo != "" {
		head("Reply-To", g.address(st.ReplyTo))
	}
	head("Subject", mime.QEncoding.Encode("utf-8", g.text(st.Subject)))
	keys := make([]string, 0, len(st.ExtraHeaders))
	for k := range st.ExtraHeaders {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		head(k, g.text(st.ExtraHeaders[k]))
	}
	head("MIME-Version", "1.0")
	outer, inner := "outer"+id[:8], "inner"+id[:8]
	head("Content-Type", `multipart/mixed; boundary="`+outer+`"`)
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", outer, inner)
	part := func(kind, text string) {
		if text == "" {
			return
		}
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", inner, kind)
		w := quotedprintable.NewWriter(&b)
		if _, err := w.Write([]byte(g.text(text))); err != nil {
			g.fail("mail text: %w", err)
		}
		_ = w.Close() // writes to memory
		b.WriteString("\r\n")
	}
	part("text/plain", st.Text)
	part("text/html", st.HTML)
	fmt.Fprintf(&b, "--%s--\r\n", inner)
	for _, a := range st.Attachments {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s; name=\"%s\"\r\nContent-Disposition: attachment; filename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
			outer, or(a.Type, "application/octet-stream"), g.text(a.Name), g.text(a.Name), base64.StdEncoding.EncodeToString([]byte(g.text(a.Content))))
	}
	fmt.Fprintf(&b, "--%s--\r\n", outer)
	g.emit("mail", b.Bytes())
}

// address turns a cast user's name into an address; everything else is taken as written.
func (g *generator) address(s string) string {
	s = g.text(s)
	if u, ok := g.s.Cast.Users[s]; ok {
		return mime.QEncoding.Encode("utf-8", u.Display) + " <" + g.upn(s) + ">"
	}
	return s
}

func addressOf(s string) string {
	if i := strings.LastIndexByte(s, '<'); i >= 0 {
		return strings.Trim(s[i:], "<> ")
	}
	return s
}
