package mail

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// maxListText bounds To and Cc, as the reference does.
const maxListText = 5000

// logsource is how rules address messages.
var logsource = []normalise.Logsource{{Product: "mail", Category: "email", Service: "message"}}

// rows appends a row per recipient, per attachment and recipient, and per link.
func (m *message) rows(f *Family, out []*schema.Row) []*schema.Row {
	recipients := m.recipients
	if len(recipients) == 0 {
		recipients = []string{""}
	}
	extra := m.additional()
	for _, box := range recipients {
		out = append(out, m.eventRow(f, box, extra))
	}
	left := maxRows
	for i, a := range m.content.attachments {
		for _, box := range recipients {
			if left <= 0 {
				break
			}
			left--
			r := m.row("EmailAttachmentInfo", m.reportID(box, i+1))
			r.Set("SenderFromAddress", m.from.mailbox)
			r.Set("SenderDisplayName", m.from.name)
			r.Set("RecipientEmailAddress", box)
			r.Set("FileName", a.name)
			r.Set("FileType", a.kind)
			r.Set("FileExtension", a.extension)
			r.Set("SHA256", a.sha256)
			r.Set("FileSize", a.size)
			if m.verdict.threat == "Malware" {
				r.Set("ThreatTypes", "Malware")
			}
			if a.nested {
				r.Set("AdditionalFields", `{"FromAttachedMessage":true}`)
			}
			out = append(out, r)
		}
	}
	for i, l := range m.content.links.list {
		r := m.row("EmailUrlInfo", m.networkID+"-u"+strconv.Itoa(i+1))
		r.Set("Url", l.url)
		r.Set("UrlDomain", l.domain)
		r.Set("UrlLocation", l.location)
		out = append(out, r)
	}
	return out
}

func (m *message) reportID(recipient string, n int) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.ToLower(recipient)))
	return m.networkID + "-" + strconv.FormatUint(h.Sum64(), 10) + "-" + strconv.Itoa(n)
}

func (m *message) eventRow(f *Family, recipient, extra string) *schema.Row {
	r := m.row("EmailEvents", m.reportID(recipient, 0))
	r.Set("InternetMessageId", m.id)
	r.Set("SenderMailFromAddress", m.mailFrom)
	r.Set("SenderMailFromDomain", address{mailbox: m.mailFrom}.domain())
	r.Set("SenderFromAddress", m.from.mailbox)
	r.Set("SenderFromDomain", m.from.domain())
	r.Set("SenderDisplayName", m.from.name)
	if strings.Contains(m.ip, ":") {
		r.Set("SenderIPv6", m.ip)
	} else {
		r.Set("SenderIPv4", m.ip)
	}
	domain := address{mailbox: recipient}.domain()
	r.Set("RecipientEmailAddress", recipient)
	r.Set("RecipientDomain", domain)
	r.Set("Subject", m.subject)
	r.Set("EmailDirection", m.direction(f, domain))
	r.Set("AuthenticationDetails", m.authenticationDetails())
	r.Set("AttachmentCount", len(m.content.attachments)+m.content.more)
	r.Set("UrlCount", m.content.links.count())
	r.Set("EmailSize", m.size)
	r.Set("EmailLanguage", m.language)
	r.Set("To", list(m.to))
	r.Set("Cc", list(m.cc))
	v := m.verdict
	r.Set("DeliveryAction", v.action)
	r.Set("DeliveryLocation", v.location)
	r.Set("LatestDeliveryAction", v.action)
	r.Set("LatestDeliveryLocation", v.location)
	r.Set("EmailAction", v.emailAction)
	r.Set("ThreatTypes", v.threat)
	if v.threat != "" {
		var d normalise.Dynamic
		d.Raw(v.threat, string(append(normalise.AppendJSONString([]byte{'['}, v.technology), ']')))
		r.Set("DetectionMethods", d.String())
		if v.confidence != "" {
			var c normalise.Dynamic
			c.Text(v.threat, v.confidence)
			r.Set("ConfidenceLevel", c.String())
		}
	}
	if n, err := strconv.Atoi(v.bcl); err == nil && n >= 0 && n <= 9 {
		r.Set("BulkComplaintLevel", n)
	}
	r.Set("OrgLevelAction", v.orgAction)
	r.Set("UserLevelAction", v.userAction)
	r.Set("AdditionalFields", extra)
	return r
}

// authenticationDetails renders the checks in the words of the reference table; a check that nobody made is left out.
func (m *message) authenticationDetails() string {
	var d normalise.Dynamic
	d.Text("SPF", m.auth.spf)
	d.Text("DKIM", m.auth.dkim)
	d.Text("DMARC", m.auth.dmarc)
	d.Text("CompAuth", m.auth.compAuth)
	return d.String()
}

func list(addresses []address) string {
	b := []byte{'['}
	for _, a := range addresses {
		if a.mailbox == "" {
			continue
		}
		if len(b)+len(a.mailbox) > maxListText {
			break
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = normalise.AppendJSONString(b, a.mailbox)
	}
	if len(b) == 1 {
		return ""
	}
	return string(append(b, ']'))
}

// additional gathers what has no column.
func (m *message) additional() string {
	var d normalise.Dynamic
	h := m.headers
	if len(m.replyTo) > 0 {
		d.Text("ReplyTo", m.replyTo[0].mailbox)
		d.Text("ReplyToDisplayName", m.replyTo[0].name)
	}
	d.Text("Sender", m.sender.mailbox)
	d.Text("XMailer", cut(decode(first(h.first("x-mailer"), h.first("user-agent"))), 500))
	d.Text("OriginatingIP", normalise.CleanIP(strings.Trim(h.first("x-originating-ip"), "[] ")))
	d.Text("AuthenticationSource", m.auth.source)
	d.Text("DkimDomain", m.auth.dkimDomain)
	d.Text("DmarcAction", m.auth.action)
	d.Text("CompAuthReason", m.auth.compAuthReason)
	d.Text("SCL", m.verdict.scl)
	d.Text("Category", m.verdict.category)
	d.Text("Country", m.report["ctry"])
	d.Text("ListId", cut(decode(h.first("list-id")), 500))
	d.Text("InReplyTo", cut(clean(h.first("in-reply-to")), 998))
	if t := date(h.first("date")); !t.IsZero() {
		d.Text("HeaderDate", t.Format("2006-01-02T15:04:05Z"))
	}
	if m.timeSource != "Received" {
		d.Text("TimeSource", m.timeSource)
	}
	if len(m.trace) > 0 {
		d.Int("Hops", int64(len(m.trace)))
	}
	c := m.content
	if len(c.notes) > 0 {
		d.Text("Broken", strings.Join(c.notes, "; "))
	}
	count := func(name string, n int) {
		if n > 0 {
			d.Int(name, int64(n))
		}
	}
	count("RecipientsLeftOut", m.moreRecipients)
	count("AttachmentsLeftOut", c.more)
	count("AttachmentRowsLeftOut", max(0, len(c.attachments)*max(1, len(m.recipients))-maxRows))
	count("UrlsLeftOut", c.links.extra)
	return d.String()
}

// event is the view of the message for rules.
func (m *message) event(rec *normalise.Record, rows []*schema.Row) *normalise.Event {
	var f normalise.Fields
	add := func(name, value string) {
		if value != "" {
			f.Add(name, value)
		}
	}
	number := func(name string, n int) {
		f = append(f, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.Number, Text: strconv.Itoa(n)}})
	}
	truth := func(name string, b bool) {
		f = append(f, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.Bool, Text: strconv.FormatBool(b)}})
	}
	add("From", m.from.mailbox)
	add("FromDomain", m.from.domain())
	add("FromName", m.from.name)
	add("Sender", m.sender.mailbox)
	add("ReturnPath", m.mailFrom)
	add("ReturnPathDomain", address{mailbox: m.mailFrom}.domain())
	if len(m.replyTo) > 0 {
		add("ReplyTo", m.replyTo[0].mailbox)
		add("ReplyToDomain", m.replyTo[0].domain())
		truth("ReplyToDiffers", m.replyTo[0].domain() != "" && registered(m.replyTo[0].domain()) != registered(m.from.domain()))
	}
	texts(&f, "To", boxes(m.to))
	texts(&f, "Cc", boxes(m.cc))
	texts(&f, "Recipient", m.recipients)
	add("Subject", m.subject)
	add("MessageId", m.id)
	add("NetworkMessageId", m.networkID)
	add("SenderIP", m.ip)
	if len(m.trace) > 0 {
		add("Helo", m.trace[len(m.trace)-1].helo)
	}
	add("Mailer", cut(decode(first(m.headers.first("x-mailer"), m.headers.first("user-agent"))), 500))
	add("SPF", first(m.auth.spf, "none"))
	add("DKIM", first(m.auth.dkim, "none"))
	add("DMARC", first(m.auth.dmarc, "none"))
	add("CompAuth", m.auth.compAuth)
	truth("AuthChecked", m.auth.source != "")
	add("AuthResults", strings.Join(m.headers.all("authentication-results"), "\n"))
	add("DeliveryAction", m.verdict.action)
	add("ThreatTypes", m.verdict.threat)
	m.contentFields(&f, number, truth)
	return &normalise.Event{Tenant: rec.Tenant, Time: m.time, File: rec.File, Number: rec.Number, Lab: rec.Lab, Logsources: logsource, Fields: f, Rows: rows, Raw: rec.Data}
}

func (m *message) contentFields(f *normalise.Fields, number func(string, int), truth func(string, bool)) {
	c := m.content
	var urls, domains, locations []string
	for _, l := range c.links.list {
		urls, locations = append(urls, l.url), append(locations, l.location)
		domains = append(domains, l.domain)
	}
	texts(f, "Url", urls)
	texts(f, "UrlDomain", distinct(domains))
	texts(f, "UrlLocation", distinct(locations))
	number("UrlCount", c.links.count())
	var names, exts, kinds, sums []string
	for _, a := range c.attachments {
		names, exts = append(names, a.name), append(exts, a.extension)
		kinds, sums = append(kinds, a.kind), append(sums, a.sha256)
	}
	texts(f, "AttachmentName", names)
	texts(f, "AttachmentExtension", distinct(exts))
	texts(f, "AttachmentType", distinct(kinds))
	texts(f, "AttachmentSHA256", sums)
	number("AttachmentCount", len(c.attachments)+c.more)
	var mismatch []string
	form, password, refresh := false, false, false
	for _, p := range c.pages {
		mismatch = append(mismatch, p.mismatch...)
		form, password, refresh = form || p.forms, password || p.password, refresh || p.refresh
	}
	texts(f, "LinkTextDomain", distinct(mismatch)) // hosts that link texts show while the links lead elsewhere
	truth("LinkMismatch", len(mismatch) > 0)
	truth("HtmlForm", form)
	truth("HtmlPasswordField", password)
	truth("HtmlRefresh", refresh)
	truth("Html", c.html)
	if s := c.visible(); s != "" {
		f.Add("Body", cut(s, maxPageText))
	}
}

func texts(f *normalise.Fields, name string, list []string) {
	var members []normalise.Value
	for _, s := range list {
		if s != "" {
			members = append(members, normalise.Value{Kind: normalise.String, Text: s})
		}
	}
	if members != nil {
		*f = append(*f, normalise.Field{Name: name, Value: normalise.Value{Kind: normalise.List, List: members}})
	}
}

func boxes(list []address) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.mailbox)
	}
	return out
}

func distinct(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
