package mail

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// Bounds of the header block; what lies beyond them is left to the body.
const (
	maxHeaders     = 2000
	maxHeaderValue = 64 << 10
	maxAddresses   = 2000
)

// field is one header as it stands in the message, unfolded; name is in lower case.
type field struct{ name, value string }

// headers are the fields of a message, topmost first.
type headers []field

// splitMessage reads the header block and returns it with the body. It takes what looks like headers and never fails.
func splitMessage(data []byte) (headers, []byte) {
	var h headers
	for len(data) > 0 && len(h) < maxHeaders {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return h, rest
		}
		switch {
		case (line[0] == ' ' || line[0] == '\t') && len(h) > 0:
			last := &h[len(h)-1]
			if len(last.value)+len(line) <= maxHeaderValue {
				last.value += " " + text(bytes.TrimSpace(line))
			}
		case nameLength(line) > 0:
			n := nameLength(line)
			value := line[n+1:]
			if len(value) > maxHeaderValue {
				value = value[:maxHeaderValue]
			}
			h = append(h, field{strings.ToLower(strings.TrimRight(string(line[:n]), " \t")), text(bytes.TrimSpace(value))})
		case len(h) == 0 && bytes.HasPrefix(line, []byte("From ")):
		case len(h) == 0 && len(bytes.TrimSpace(line)) == 0:
		default:
			return h, data // the body begins without the empty line before it
		}
		data = rest
	}
	return h, data
}

// nameLength returns the length of a header name in front of its colon, 0 when the line is no header.
func nameLength(line []byte) int {
	n := bytes.IndexByte(line, ':')
	if n <= 0 || n > 200 {
		return 0
	}
	for _, c := range bytes.TrimRight(line[:n], " \t") {
		if c <= ' ' || c >= 0x7f {
			return 0
		}
	}
	return n
}

// text makes header bytes UTF-8: bytes that are not are taken for Windows-1252, as mail clients do.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if r, err := charset.NewReaderLabel("windows-1252", bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return string(out)
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// first returns the topmost value of the named header.
func (h headers) first(name string) string {
	for i := range h {
		if h[i].name == name {
			return h[i].value
		}
	}
	return ""
}

// all returns the values of the named header, topmost first.
func (h headers) all(name string) []string {
	var out []string
	for i := range h {
		if h[i].name == name {
			out = append(out, h[i].value)
		}
	}
	return out
}

// decode resolves encoded words (RFC 2047), also broken ones that stand without blanks between them.
func decode(s string) string {
	if !strings.Contains(s, "=?") {
		return clean(s)
	}
	d := mime.WordDecoder{CharsetReader: charset.NewReaderLabel}
	out, err := d.DecodeHeader(s)
	if err != nil {
		var b strings.Builder
		for s != "" {
			start := strings.Index(s, "=?")
			if start < 0 {
				break
			}
			end := wordEnd(s[start:])
			if end < 0 {
				break
			}
			b.WriteString(s[:start])
			if w, err := d.Decode(s[start : start+end]); err == nil {
				b.WriteString(w)
			} else {
				b.WriteString(s[start : start+end])
			}
			s = s[start+end:]
		}
		out = b.String() + s
	}
	return clean(out)
}

// wordEnd returns the length of the encoded word at the start of s, -1 when it has no end.
func wordEnd(s string) int {
	i := 2
	for range 2 {
		n := strings.IndexByte(s[i:], '?')
		if n < 0 {
			return -1
		}
		i += n + 1
	}
	n := strings.Index(s[i:], "?=")
	if n < 0 {
		return -1
	}
	return i + n + 2
}

// clean drops control characters and invalid UTF-8.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
}

// address is a mailbox of an address header.
type address struct{ name, mailbox string }

func (a address) domain() string {
	if i := strings.LastIndexByte(a.mailbox, '@'); i >= 0 {
		return strings.ToLower(a.mailbox[i+1:])
	}
	return ""
}

// addresses reads an address list as leniently as mail clients do: groups, comments, missing quotes and encoded words are understood, and what has no
// mailbox gives only a name.
func addresses(s string) []address {
	var out []address
	name := "" // a display name that a comma without quotes cut off
	for _, part := range splitList(s) {
		if len(out) >= maxAddresses {
			break
		}
		a := oneAddress(part)
		switch {
		case a.mailbox == "" && a.name != "":
			if len(name) < 1000 {
				name = strings.TrimSpace(name + " " + a.name)
			}
			continue
		case a.mailbox == "":
			continue
		case name != "" && strings.Contains(part, "<"):
			a.name, name = strings.TrimSpace(name+" "+a.name), ""
		}
		out = append(out, a)
	}
	if len(out) == 0 && name != "" {
		out = append(out, address{name: name})
	}
	return out
}

// splitList cuts at commas and semicolons outside quotes, brackets and comments; a group's name is dropped.
func splitList(s string) []string {
	var out []string
	quoted, angle, at, depth, start := false, false, false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(' && !angle:
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == '@':
			at = true
		case c == ':' && !angle && !at:
			start = i + 1
		case (c == ',' || c == ';') && !angle:
			out = append(out, s[start:i])
			start, at = i+1, false
		}
	}
	return append(out, s[start:])
}

func oneAddress(s string) address {
	s = strings.TrimSpace(s)
	if s == "" {
		return address{}
	}
	if open := strings.LastIndexByte(s, '<'); open >= 0 {
		box, _, _ := strings.Cut(s[open+1:], ">")
		return address{displayName(s[:open]), mailbox(box)}
	}
	name := ""
	if open := strings.IndexByte(s, '('); open > 0 { // box (Name)
		name = strings.TrimSuffix(strings.TrimSpace(s[open+1:]), ")")
		s = strings.TrimSpace(s[:open])
	}
	if decoded := decode(s); strings.Contains(decoded, "@") {
		for _, word := range strings.Fields(decoded) {
			if strings.Contains(word, "@") {
				return address{decode(name), mailbox(word)}
			}
		}
	}
	return address{name: displayName(s)}
}

func displayName(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' {
		s = strings.TrimSuffix(s[1:], `"`)
		s = strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `"`), `\\`, `\`)
	}
	return strings.Trim(decode(s), `"' `)
}

func mailbox(s string) string {
	s = strings.Trim(clean(s), "<>\"' ")
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.HasPrefix(s, "@") { // source route
		s = s[i+1:]
	}
	s = strings.TrimPrefix(s, "mailto:")
	i := strings.LastIndexByte(s, '@')
	if i <= 0 || i == len(s)-1 || len(s) > 320 {
		return ""
	}
	return s[:i+1] + strings.ToLower(strings.TrimRight(s[i+1:], "."))
}

// dateLayouts are the forms beside RFC 5322 that occur.
var dateLayouts = [...]string{
	"Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04 -0700",
	"Mon Jan 2 15:04:05 2006 -0700", "Mon Jan 2 15:04:05 2006", "Mon, 2 Jan 06 15:04:05 -0700", "Mon, 2 Jan 06 15:04:05 MST", "2006-01-02 15:04:05 -0700",
	"Mon, 2 Jan 2006 15:04:05", time.RFC3339, "Monday, 2 Jan 2006 15:04:05 -0700", "Mon 2 Jan 2006 15:04:05 -0700", "Mon, Jan 2 2006 15:04:05 -0700",
}

// date reads the time of a Date or Received header; times before mail existed or far ahead are refused.
func date(s string) time.Time {
	if i := strings.IndexByte(s, '('); i > 0 {
		s = s[:i]
	}
	s = strings.Join(strings.Fields(s), " ")
	if s == "" || len(s) > 100 {
		return time.Time{}
	}
	t, err := mail.ParseDate(s)
	for i := 0; err != nil && i < len(dateLayouts); i++ {
		t, err = time.Parse(dateLayouts[i], s)
	}
	if err != nil || t.Year() < 1980 || t.Year() > 2100 {
		return time.Time{}
	}
	return t.UTC()
}

// received is one hop of the trace, as far as it can be read.
type received struct {
	time   time.Time
	ip     string // of the host that handed the message over
	helo   string
	by     string
	target string // "for <address>"
}
