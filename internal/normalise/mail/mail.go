// Package mail turns raw mail messages (RFC 5322, as .eml files, mbox members or gateway copies) into EmailEvents (a row per recipient),
// EmailAttachmentInfo and EmailUrlInfo, and into one event for rules with logsource category "email".
//
// Nothing in a message is trusted to be well formed, and only headers that the receiving system wrote last are believed about sender checks and
// delivery: see authentication and verdict.
package mail

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Name is the family's id.
const Name = "mail"

// maxMessage bounds a message; larger ones are refused.
const maxMessage = 64 << 20

// maxRows bounds the rows of one message; what is left out is counted in AdditionalFields.
const maxRows = 20_000

// Family normalises mail messages. It keeps no state.
type Family struct {
	domains map[string]bool // the organisation's own domains, lower case
}

// New returns the family. domains are the organisation's own, if known; they decide about EmailDirection.
func New(domains ...string) *Family {
	f := &Family{domains: map[string]bool{}}
	for _, d := range domains {
		f.domains[strings.ToLower(d)] = true
	}
	return f
}

// Name implements normalise.Family.
func (*Family) Name() string { return Name }

var probeHeader = regexp.MustCompile(`(?im)^(from|to|subject|date|received|message-id|mime-version|return-path|content-type|dkim-signature|authentication-results|delivered-to|reply-to|x-mailer|cc):`)

// Probe rates how sure it is that data is a mail message.
func Probe(data []byte) int {
	head := data[:min(len(data), 16<<10)]
	if len(head) == 0 || head[0] == '{' || head[0] == '[' || nameLength(head[:max(0, bytes.IndexByte(head, '\n'))]) == 0 && !bytes.HasPrefix(head, []byte("From ")) {
		return 0
	}
	seen := map[string]bool{}
	for _, m := range probeHeader.FindAllSubmatch(head, 60) {
		seen[strings.ToLower(string(m[1]))] = true
	}
	switch {
	case len(seen) >= 4:
		return 95
	case len(seen) >= 2:
		return 80
	case len(seen) == 1:
		return 45
	}
	return 0
}

// message is everything read out of one record.
type message struct {
	headers    headers
	content    *content
	auth       results
	report     map[string]string
	verdict    verdict
	trace      []received
	size       int
	time       time.Time
	timeSource string

	id, networkID   string
	from, sender    address
	replyTo, to, cc []address
	mailFrom, ip    string
	subject         string
	recipients      []string
	moreRecipients  int
	language        string
}

// Normalise implements normalise.Family.
func (f *Family) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	if len(rec.Data) > maxMessage {
		return fault.Newf(fault.TooLarge, "mail: the message has %d bytes, more than %d", len(rec.Data), maxMessage)
	}
	m, err := read(rec)
	if err != nil {
		return err
	}
	start := len(out.Rows)
	out.Rows = m.rows(f, out.Rows)
	out.Events = append(out.Events, m.event(rec, out.Rows[start:]))
	return nil
}

func read(rec *normalise.Record) (*message, error) {
	h, body := splitMessage(rec.Data)
	if len(h) == 0 {
		return nil, fault.Newf(fault.Invalid, "mail: no header field at the beginning; not a mail message")
	}
	m := &message{headers: h, size: len(rec.Data)}
	m.auth = authentication(h)
	m.report = report(h.first("x-forefront-antispam-report"))
	m.trace = hops(h)
	m.when(rec)
	m.subject = decode(h.first("subject"))
	if list := addresses(h.first("from")); len(list) > 0 {
		m.from = list[0]
	}
	if list := addresses(h.first("sender")); len(list) > 0 {
		m.sender = list[0]
	}
	m.replyTo = addresses(h.first("reply-to"))
	m.to, m.cc = joined(h, "to"), joined(h, "cc")
	m.mailFrom = envelopeSender(h, m.auth)
	m.ip = senderIP(h, m.auth, m.report, m.trace)
	m.id = messageID(h.first("message-id"))
	m.envelopeRecipients()
	m.content = readContent(rec.Data, body)
	textURLs(m.subject, "Subject", &m.content.links)
	m.networkID = networkID(h, body)
	m.verdict = judge(h, m.report)
	m.language = strings.ToLower(first(m.report["lang"], firstWord(h.first("content-language"))))
	return m, nil
}

// when takes the time of delivery: that of the last hop, else the message's own date. A message without either has only the time it reached us.
func (m *message) when(rec *normalise.Record) {
	for _, r := range m.trace {
		if !r.time.IsZero() {
			m.time, m.timeSource = r.time, "Received"
			return
		}
	}
	if t := date(m.headers.first("date")); !t.IsZero() {
		m.time, m.timeSource = t, "Date"
		return
	}
	m.time, m.timeSource = rec.Received, "import"
}

func joined(h headers, name string) []address {
	var out []address
	for _, v := range h.all(name) {
		out = append(out, addresses(v)...)
	}
	return out[:min(len(out), maxAddresses)]
}

func envelopeSender(h headers, auth results) string {
	for _, name := range []string{"return-path", "x-envelope-from", "envelope-from", "x-envelope-sender"} {
		if list := addresses(h.first(name)); len(list) > 0 && list[0].mailbox != "" {
			return list[0].mailbox
		}
	}
	return mailbox(auth.mailFrom)
}

// envelopeRecipients lists whom this copy was delivered to: the mailbox that the last delivery named, else everyone the headers address.
func (m *message) envelopeRecipients() {
	seen := map[string]bool{}
	add := func(box string) {
		key := strings.ToLower(box)
		if box == "" || seen[key] {
			return
		}
		if len(m.recipients) >= maxAddresses {
			m.moreRecipients++
			return
		}
		seen[key] = true
		m.recipients = append(m.recipients, box)
	}
	for _, name := range []string{"delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "x-delivered-to"} {
		for _, a := range addresses(m.headers.first(name)) {
			add(a.mailbox)
		}
		if len(m.recipients) > 0 {
			return
		}
	}
	for _, list := range [][]address{m.to, m.cc, joined(m.headers, "bcc")} {
		for _, a := range list {
			add(a.mailbox)
		}
	}
	for _, r := range m.trace {
		if len(m.recipients) == 0 {
			add(r.target)
		}
	}
}

func messageID(s string) string {
	s = clean(s)
	if open := strings.IndexByte(s, '<'); open >= 0 {
		if end := strings.IndexByte(s[open:], '>'); end > 0 {
			return s[open : open+end+1]
		}
	}
	if s != "" {
		return "<" + cut(s, 998) + ">"
	}
	return ""
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// networkID names the message for joins over tables: Exchange's own id, which its other records carry too, else a hash of what is the same in all copies.
func networkID(h headers, body []byte) string {
	if v := h.first("x-ms-exchange-organization-network-message-id"); guid.MatchString(v) {
		return strings.ToLower(v)
	}
	sum := sha256.New()
	for _, name := range []string{"message-id", "date", "from", "to", "cc", "subject"} {
		fmt.Fprintf(sum, "%s\x00", h.first(name))
	}
	sum.Write(bytes.TrimSpace(body))
	b := sum.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80 // UUID version 8
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func firstWord(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), ",")
	if len(s) > 12 {
		return ""
	}
	return s
}

// direction tells whether a copy came from outside. A sender that only claims to be one of us is still outside.
func (m *message) direction(f *Family, recipientDomain string) string {
	h := m.headers
	way := strings.ToLower(h.first("x-ms-exchange-organization-messagedirectionality"))
	internal := strings.EqualFold(h.first("x-ms-exchange-organization-authas"), "Internal")
	if way != "" || internal {
		switch {
		case way == "incoming" && !internal:
			return "Inbound"
		case m.from.domain() == recipientDomain || f.domains[recipientDomain]:
			return "Intra-org"
		}
		return "Outbound"
	}
	if len(f.domains) > 0 && f.domains[m.from.domain()] && !m.fromOutside() {
		if f.domains[recipientDomain] {
			return "Intra-org"
		}
		return "Outbound"
	}
	return "Inbound"
}

// fromOutside reports whether a public address handed the message over.
func (m *message) fromOutside() bool { return public(m.ip) }

var _ normalise.Family = (*Family)(nil)

// row starts a row of the message with what all tables share.
func (m *message) row(table, reportID string) *schema.Row {
	r := schema.NewRow(table)
	r.Set("Timestamp", m.time)
	r.Set("NetworkMessageId", m.networkID)
	r.Set("ReportId", reportID)
	return r
}
