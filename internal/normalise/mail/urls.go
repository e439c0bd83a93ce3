package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Bounds on links: a message beyond them keeps its true count in UrlCount.
const (
	maxURLs      = 2000
	maxURLLength = 8192
)

// link is one distinct address in a message.
type link struct {
	url, domain, location string
}

// links gathers the addresses of a message in order of appearance, each once.
type links struct {
	list  []link
	seen  map[string]bool
	extra int // distinct ones beyond the bound
}

// add takes an address as written: it is cleaned, taken out of the wrappers of mail gateways, and dropped when it leads nowhere.
func (l *links) add(raw, location string) {
	u, domain := canonicalURL(raw)
	if u == "" {
		return
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if l.seen[u] {
		return
	}
	if len(l.list) >= maxURLs {
		if len(l.seen) < 20*maxURLs {
			l.seen[u] = true
			l.extra++
		}
		return
	}
	l.seen[u] = true
	l.list = append(l.list, link{u, domain, location})
}

func (l *links) count() int { return len(l.list) + l.extra }

// canonicalURL cleans an address the way a browser reads it and returns it with its host in lower case, "" for one without a host.
func canonicalURL(raw string) (u, domain string) {
	if scheme, _ := splitScheme(strings.TrimLeftFunc(raw[:min(len(raw), 64)], func(r rune) bool { return r <= ' ' })); scheme == "" && len(raw) > 64 && !strings.ContainsAny(raw[:12], "\t\r\n") {
		return "", "" // data: and the like, of any length
	}
	raw = raw[:min(len(raw), maxURLLength)]
	for range 4 { // wrappers may be nested
		s := strings.Map(func(r rune) rune {
			switch {
			case r == '\n' || r == '\r' || r == '\t':
				return -1
			case r < ' ':
				return -1
			}
			return r
		}, strings.ToValidUTF8(raw, "\uFFFD"))
		s = strings.TrimSpace(s)
		if s == "" {
			return "", ""
		}
		scheme, rest := splitScheme(s)
		if scheme == "" {
			return "", ""
		}
		rest = strings.TrimLeft(strings.ReplaceAll(head(rest), `\`, "/"), "/") + tail(rest)
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		host := rest[:end]
		host = host[strings.LastIndexByte(host, '@')+1:]
		bare := host
		if i := strings.LastIndexByte(bare, ':'); i >= 0 && !strings.HasSuffix(bare, "]") {
			bare = bare[:i]
		}
		bare = strings.TrimRight(strings.ToLower(bare), ".")
		if unescaped, err := url.PathUnescape(bare); err == nil {
			bare = unescaped
		}
		if bare == "" || strings.ContainsAny(bare, " <>\"'{}|^`") || !strings.ContainsAny(bare, ".:") && bare != "localhost" && !allDigits(bare) {
			return "", ""
		}
		full := scheme + "://" + rest[:end-len(host)] + strings.ToLower(host) + rest[end:]
		inner := unwrap(bare, full)
		if inner == "" {
			return full, strings.Trim(bare, "[]")
		}
		raw = inner
	}
	return "", ""
}

// head and tail split the authority, where backslashes count as slashes, from the rest.
func head(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

func tail(s string) string { return s[len(head(s)):] }

func splitScheme(s string) (scheme, rest string) {
	lower := strings.ToLower(s[:min(len(s), 12)])
	for _, p := range []struct{ prefix, scheme string }{
		{"https:", "https"}, {"http:", "http"}, {"ftp:", "ftp"}, {"hxxps:", "https"}, {"hxxp:", "http"}, {"//", "https"}, {`\\`, "https"},
	} {
		if strings.HasPrefix(lower, p.prefix) {
			rest = strings.TrimLeft(s[len(p.prefix):], "/\\")
			return p.scheme, rest
		}
	}
	if strings.HasPrefix(lower, "www.") {
		return "http", s
	}
	return "", ""
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// unwrap returns the address behind a gateway's rewritten link, "" when it is none.
func unwrap(host, full string) string {
	switch {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"):
		return query(full, "url")
	case host == "urldefense.proofpoint.com" && strings.Contains(full, "/v1/"):
		return query(full, "u")
	case host == "urldefense.proofpoint.com" && strings.Contains(full, "/v2/"):
		u := query(full, "u")
		u = strings.NewReplacer("-", "%", "_", "/").Replace(u)
		if out, err := url.PathUnescape(u); err == nil {
			return out
		}
	case host == "urldefense.com" || host == "urldefense.us" || host == "urldefense.proofpoint.com":
		return unwrapV3(full)
	}
	return ""
}

func query(full, name string) string {
	_, q, ok := strings.Cut(full, "?")
	if !ok {
		return ""
	}
	q, _, _ = strings.Cut(q, "#")
	q = strings.ReplaceAll(q, "&amp;", "&")
	for _, pair := range strings.Split(q, "&") {
		if k, v, _ := strings.Cut(pair, "="); strings.EqualFold(k, name) {
			if out, err := url.QueryUnescape(v); err == nil {
				return out
			}
		}
	}
	return ""
}

// runLengths maps the character after "**" to how many replaced bytes stand there (URL Defense v3).
const runLengths = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// unwrapV3 reads "/v3/__URL__;BYTES!…": each "*" of URL stands for the next byte of BYTES, "**X" for a run of them.
func unwrapV3(full string) string {
	_, s, ok := strings.Cut(full, "/v3/__")
	if !ok {
		return ""
	}
	end := strings.LastIndex(s, "__;")
	if end < 0 {
		return ""
	}
	u, enc := s[:end], s[end+3:]
	enc, _, _ = strings.Cut(enc, "!")
	enc, _, _ = strings.Cut(enc, "$")
	bytes, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(enc, "="))
	if err != nil {
		return ""
	}
	if !strings.Contains(u, "://") { // the gateway may have folded one slash away
		u = strings.Replace(u, ":/", "://", 1)
	}
	var b strings.Builder
	for i := 0; i < len(u); i++ {
		if u[i] != '*' {
			b.WriteByte(u[i])
			continue
		}
		n := 1
		if i+2 < len(u) && u[i+1] == '*' {
			n = strings.IndexByte(runLengths, u[i+2]) + 2
			i += 2
		}
		n = min(n, len(bytes))
		b.Write(bytes[:n])
		bytes = bytes[n:]
	}
	return b.String()
}

// textURLs finds addresses in plain text, also those in angle brackets that are broken over lines.
func textURLs(s, location string, out *links) {
	lower := strings.ToLower(s)
	if len(lower) != len(s) { // letters whose lower case has another length
		lower = asciiLower(s)
	}
	for i := 0; i < len(lower); {
		n := strings.IndexAny(lower[i:], "hfw")
		if n < 0 {
			return
		}
		i += n
		start := i
		if i > 0 && wordByte(lower[i-1]) || !startsURL(lower[i:]) {
			i++
			continue
		}
		var raw string
		if start > 0 && s[start-1] == '<' {
			if end := strings.IndexAny(s[start:min(len(s), start+maxURLLength)], "<>"); end > 0 && s[start+end] == '>' {
				raw, i = strings.Join(strings.Fields(s[start:start+end]), ""), start+end
			}
		}
		if raw == "" {
			end := start
			for end < len(s) && end-start < maxURLLength && !urlEnd(s[end]) {
				end++
			}
			raw, i = trimURL(s[start:end]), max(end, start+1)
		}
		out.add(raw, location)
	}
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return string(b)
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

func startsURL(s string) bool {
	for _, p := range [...]string{"http://", "https://", "hxxp://", "hxxps://", "ftp://"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return strings.HasPrefix(s, "www.") && len(s) > 4 && wordByte(s[4]) && s[4] != '.'
}

func urlEnd(c byte) bool {
	return c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' || c == '`' || c == '{' || c == '}' || c == '|' || c == '^'
}

// trimURL drops the punctuation of the sentence around an address.
func trimURL(s string) string {
	for s != "" {
		switch c := s[len(s)-1]; {
		case strings.IndexByte(".,;:!?'*_", c) >= 0:
		case c == ')' && strings.Count(s, ")") > strings.Count(s, "("):
		case c == ']' && strings.Count(s, "]") > strings.Count(s, "["):
		default:
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}

// page is what an HTML body holds beside its links.
type page struct {
	text     strings.Builder
	forms    bool
	password bool
	mismatch []string // hosts that a link's text shows while it leads elsewhere
	refresh  bool
	scripts  bool
}

// linkAttributes are the attributes that hold an address.
var linkAttributes = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "background": true, "poster": true, "data": true, "xlink:href": true}

// maxPageText bounds the text kept of a body.
const maxPageText = 64 << 10

// htmlURLs finds the addresses in HTML and reads its visible text. It never fails: what cannot be parsed ends the scan.
func htmlURLs(src []byte, location string, out *links) *page {
	p := &page{}
	z := html.NewTokenizer(bytes.NewReader(src))
	base := ""
	skip := ""   // inside <style> or <script>
	anchor := "" // host of the open <a>
	var shown strings.Builder
	closeAnchor := func() {
		if anchor != "" {
			p.compare(anchor, shown.String())
		}
		anchor = ""
		shown.Reset()
	}
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				textURLs(string(z.Raw()), location, out)
			}
			closeAnchor()
			return p
		case html.TextToken:
			t := z.Text()
			if skip != "" {
				if skip == "script" {
					textURLs(string(t), location, out)
				}
				continue
			}
			s := html.UnescapeString(string(t))
			textURLs(s, location, out)
			if p.text.Len() < maxPageText {
				p.text.WriteString(s)
			}
			if anchor != "" && shown.Len() < 2048 {
				shown.WriteString(s)
			}
		case html.CommentToken:
			continue
		case html.EndTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "style", "script":
				skip = ""
			case "a":
				closeAnchor()
			case "p", "div", "tr", "table", "li", "h1", "h2", "h3", "td":
				p.space()
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			switch tag {
			case "style", "script", "noscript":
				if tag != "noscript" {
					skip = tag
				}
				p.scripts = p.scripts || tag == "script"
			case "form":
				p.forms = true
			case "br", "p", "div", "tr", "li", "td":
				p.space()
			case "a":
				closeAnchor()
			}
			var content, equiv string
			for n := 0; more && n < 200; n++ {
				var key, val []byte
				key, val, more = z.TagAttr()
				k, v := string(key), string(val)
				switch {
				case linkAttributes[k]:
					v = strings.TrimSpace(v)
					if tag == "base" && k == "href" {
						base = v
						continue
					}
					if base != "" && !strings.Contains(v, ":") && !strings.HasPrefix(v, "//") && !strings.HasPrefix(v, "#") {
						v = resolve(base, v)
					}
					out.add(v, location)
					if tag == "a" && k == "href" {
						_, anchor = canonicalURL(v)
					}
				case k == "srcset":
					for _, c := range strings.Split(v, ",") {
						if f := strings.Fields(c); len(f) > 0 {
							out.add(f[0], location)
						}
					}
				case k == "style":
					styleURLs(v, location, out)
				case k == "content":
					content = v
				case k == "http-equiv":
					equiv = v
				case k == "type" && tag == "input" && strings.EqualFold(v, "password"):
					p.password = true
				}
			}
			if tag == "meta" && strings.EqualFold(equiv, "refresh") {
				if i := strings.Index(strings.ToLower(content), "url="); i >= 0 {
					p.refresh = true
					out.add(strings.Trim(content[i+4:], `'" `), location)
				}
			}
		}
	}
}

func (p *page) space() {
	if p.text.Len() < maxPageText {
		p.text.WriteByte(' ')
	}
}

// compare notes a link whose text is an address on another host than the one it leads to.
func (p *page) compare(host, shown string) {
	shown = strings.TrimSpace(shown)
	if !startsURL(strings.ToLower(shown)) || len(p.mismatch) >= 50 {
		return
	}
	if f := strings.Fields(shown); len(f) > 0 {
		if _, said := canonicalURL(f[0]); said != "" && registered(said) != registered(host) {
			p.mismatch = append(p.mismatch, said)
		}
	}
}

func resolve(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return u.String()
}

func styleURLs(style, location string, out *links) {
	for n := 0; n < 20; n++ {
		i := strings.Index(strings.ToLower(style), "url(")
		if i < 0 {
			return
		}
		style = style[i+4:]
		end := strings.IndexByte(style, ')')
		if end < 0 {
			return
		}
		out.add(strings.Trim(style[:end], `'" `), location)
		style = style[end:]
	}
}
