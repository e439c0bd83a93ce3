package mail

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// results are the sender checks that the receiving system wrote into the message.
type results struct {
	spf, dkim, dmarc, compAuth string
	compAuthReason, action     string
	mailFrom, helo             string // smtp.mailfrom, smtp.helo
	spfIP                      string
	dkimDomain, headerFrom     string
	source                     string // which header they were read from
}

// authentication reads the checks. Only what the last receiving system wrote counts: the topmost Authentication-Results and those below it of the same
// server, for a sender may put such headers into the message itself. Without any, the last ARC seal's copy is used, then Received-SPF.
func authentication(h headers) results {
	var r results
	server, seen := "", false
	for i := range h {
		if h[i].name != "authentication-results" {
			continue
		}
		id, list := parseResults(h[i].value)
		if seen && id != server {
			break
		}
		server, seen = id, true
		r.take(list)
		r.source = "Authentication-Results"
	}
	if !seen {
		if v, ok := lastSeal(h); ok {
			_, list := parseResults(v)
			r.take(list)
			r.source = "ARC-Authentication-Results"
		}
	}
	if v := h.first("received-spf"); v != "" {
		word, rest, _ := strings.Cut(v, " ")
		if r.spf == "" {
			r.spf = normal(word)
			if r.source == "" {
				r.source = "Received-SPF"
			}
		}
		for _, p := range properties(rest) {
			switch p.name {
			case "client-ip":
				r.spfIP = first(r.spfIP, normalise.CleanIP(p.value))
			case "envelope-from":
				r.mailFrom = first(r.mailFrom, p.value)
			case "helo":
				r.helo = first(r.helo, p.value)
			}
		}
		if m := spfSender.FindStringSubmatch(v); m != nil {
			r.mailFrom = first(r.mailFrom, m[1])
		}
		if m := spfClient.FindStringSubmatch(v); m != nil {
			r.spfIP = first(r.spfIP, normalise.CleanIP(m[1]))
		}
	}
	return r
}

var (
	spfSender = regexp.MustCompile(`domain of (?:transitioning )?(\S+@\S+) (?:does not )?designate`)
	spfClient = regexp.MustCompile(`designate[sd]? ([0-9A-Fa-f.:]{3,45}) as`)
	spfSaid   = regexp.MustCompile(`(?i)sender ip is\s+\[?([0-9A-Fa-f.:]{3,45})`)
)

// lastSeal returns the ARC-Authentication-Results of the highest instance.
func lastSeal(h headers) (string, bool) {
	best, value := 0, ""
	for i := range h {
		if h[i].name != "arc-authentication-results" {
			continue
		}
		head, rest, _ := strings.Cut(h[i].value, ";")
		n := 0
		for _, c := range strings.TrimPrefix(strings.ReplaceAll(head, " ", ""), "i=") {
			if c < '0' || c > '9' || n > 1000 {
				break
			}
			n = n*10 + int(c-'0')
		}
		if n > best {
			best, value = n, rest
		}
	}
	return value, best > 0
}

type property struct{ name, value string }

// result is one "method=result" with its properties.
type result struct {
	method, value, comment string
	properties             []property
}

// parseResults reads an Authentication-Results value. The server's name may be missing, as Exchange leaves it out.
func parseResults(v string) (server string, list []result) {
	for i, part := range splitSemicolons(v) {
		bare, comment := stripComments(part)
		bare = strings.TrimSpace(bare)
		if bare == "" {
			continue
		}
		head, rest, _ := strings.Cut(bare, " ")
		method, value, ok := strings.Cut(head, "=")
		if !ok {
			if i == 0 {
				server = strings.ToLower(head)
			}
			continue
		}
		method, _, _ = strings.Cut(method, "/")
		if len(list) < 100 {
			list = append(list, result{strings.ToLower(strings.TrimSpace(method)), normal(value), comment, properties(rest)})
		}
	}
	return server, list
}

func (r *results) take(list []result) {
	for _, m := range list {
		switch m.method {
		case "spf":
			if r.spf == "" {
				r.spf = m.value
			}
			if s := spfSaid.FindStringSubmatch(m.comment); s != nil {
				r.spfIP = first(r.spfIP, normalise.CleanIP(s[1]))
			} else if s := spfClient.FindStringSubmatch(m.comment); s != nil {
				r.spfIP = first(r.spfIP, normalise.CleanIP(s[1]))
			}
		case "dkim":
			if r.dkim == "" || r.dkim != "pass" && m.value == "pass" { // one good signature is enough
				r.dkim = m.value
				r.dkimDomain = ""
			}
		case "dmarc":
			if r.dmarc == "" {
				r.dmarc = m.value
			}
		case "compauth":
			if r.compAuth == "" {
				r.compAuth = m.value
			}
		}
		for _, p := range m.properties {
			switch p.name {
			case "smtp.mailfrom", "smtp.mail":
				r.mailFrom = first(r.mailFrom, p.value)
			case "smtp.helo":
				r.helo = first(r.helo, p.value)
			case "header.d", "header.i":
				if m.method == "dkim" && m.value == r.dkim && r.dkimDomain == "" && !strings.EqualFold(p.value, "none") {
					r.dkimDomain = strings.ToLower(p.value[strings.LastIndexByte(p.value, '@')+1:])
				}
			case "header.from":
				r.headerFrom = first(r.headerFrom, strings.ToLower(p.value))
			case "action":
				r.action = first(r.action, p.value)
			case "reason":
				if m.method == "compauth" {
					r.compAuthReason = first(r.compAuthReason, p.value)
				}
			}
		}
	}
}

// normal brings a result word to its RFC 8601 form.
func normal(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), `";,:`))
	switch s {
	case "hardfail", "hard_fail":
		return "fail"
	case "error", "timeout":
		return "temperror"
	}
	if len(s) > 30 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' }) {
		return ""
	}
	return s
}

// properties reads "name=value" pairs; values may be quoted.
func properties(s string) []property {
	var out []property
	for s != "" && len(out) < 50 {
		eq := strings.IndexByte(s, '=')
		if eq < 0 {
			break
		}
		name := s[strings.LastIndexAny(s[:eq], " ;\t")+1 : eq]
		s = strings.TrimLeft(s[eq+1:], " ")
		var value string
		if strings.HasPrefix(s, `"`) {
			value, s, _ = strings.Cut(s[1:], `"`)
		} else {
			end := strings.IndexAny(s, " ;\t")
			if end < 0 {
				end = len(s)
			}
			value, s = s[:end], s[end:]
		}
		out = append(out, property{strings.ToLower(name), strings.Trim(value, "<>")})
	}
	return out
}

func splitSemicolons(s string) []string {
	var out []string
	quoted, depth, start := false, 0, 0
	for i := 0; i < len(s) && len(out) < 200; i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ';' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// stripComments returns s without its comments, and their text.
func stripComments(s string) (bare, comments string) {
	if !strings.Contains(s, "(") {
		return s, ""
	}
	var b, c strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')' && depth > 0:
			if depth--; depth == 0 {
				c.WriteByte(' ')
			}
		case depth > 0:
			c.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), c.String()
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var (
	receivedIP  = regexp.MustCompile(`\[(?:IPv6:)?([0-9A-Fa-f.:]{3,45})\]|\(([0-9A-Fa-f.:]{3,45})\)`)
	receivedFor = regexp.MustCompile(`(?i)\sfor\s+<?([^\s<>;]+@[^\s<>;]+)`)
)

// hops reads the Received headers, newest first.
func hops(h headers) []received {
	var out []received
	for _, v := range h.all("received") {
		if len(out) == 100 {
			break
		}
		var r received
		route := v
		if i := strings.LastIndexByte(v, ';'); i >= 0 {
			r.time, route = date(v[i+1:]), v[:i]
		}
		from, rest, ok := strings.Cut(route, " by ")
		if !ok {
			from, rest = "", route
		}
		if host, ok := strings.CutPrefix(from, "from "); ok {
			r.helo, _, _ = strings.Cut(host, " ")
			if m := receivedIP.FindStringSubmatch(from); m != nil {
				r.ip = normalise.CleanIP(m[1] + m[2])
			}
			if r.ip == "" {
				r.ip = normalise.CleanIP(r.helo)
			}
		}
		r.by, _, _ = strings.Cut(rest, " ")
		if m := receivedFor.FindStringSubmatch(route); m != nil {
			r.target = mailbox(m[1])
		}
		out = append(out, r)
	}
	return out
}

// senderIP returns the address from which the message entered the receiving organisation.
func senderIP(h headers, auth results, report map[string]string, trace []received) string {
	if ip := normalise.CleanIP(report["cip"]); public(ip) {
		return ip
	}
	if public(auth.spfIP) {
		return auth.spfIP
	}
	if ip := normalise.CleanIP(h.first("x-sender-ip")); public(ip) {
		return ip
	}
	for _, r := range trace {
		if public(r.ip) {
			return r.ip
		}
	}
	for _, name := range []string{"x-originating-ip", "x-sender-ip"} {
		if ip := normalise.CleanIP(strings.Trim(h.first(name), "[] ")); ip != "" {
			return ip
		}
	}
	if auth.spfIP != "" {
		return auth.spfIP
	}
	for _, r := range trace {
		if r.ip != "" && r.ip != "127.0.0.1" && r.ip != "::1" {
			return r.ip
		}
	}
	return ""
}

func public(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate()
}

// report reads the ";"-separated name:value pairs of an Exchange anti-spam header; names become lower case.
func report(v string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(v, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(part), ":"); ok && len(out) < 100 {
			out[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	return out
}
