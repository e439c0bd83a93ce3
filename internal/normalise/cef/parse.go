package cef

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Bounds of one message.
const (
	maxHeader = 1024 // bytes of a carrier's header before the message
	maxPairs  = 1000
	maxKey    = 128
)

// message is one CEF or LEEF message.
type message struct {
	leef                       bool
	vendor, product, version   string
	id, name, severity         string
	keys                       []string
	values                     map[string]string
	labelled                   []pair // values under the names their labels give them
	carrierHost                string
	carrierTime                time.Time
	carrierYearless, timeGiven bool
	at                         time.Time
	text                       string
	class                      class
}

type pair struct{ key, value string }

// first returns the first value that is not empty among the keys.
func (m *message) first(keys ...string) string {
	for _, k := range keys {
		if v := normalise.CleanText(m.values[k]); v != "" {
			return v
		}
	}
	return ""
}

func (m *message) add(key, value string) {
	if _, twice := m.values[key]; twice || len(m.keys) >= maxPairs {
		return
	}
	m.keys = append(m.keys, key)
	m.values[key] = value
}

// marker finds where the message begins, -1 if nowhere: "CEF:" or "LEEF:" and a version, at the start or after a carrier's header.
func marker(data []byte) int {
	head := data[:min(len(data), maxHeader)]
	for from := 0; ; {
		i := bytes.Index(head[from:], []byte("EF:"))
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + 3
		start := -1
		switch {
		case at >= 1 && head[at-1] == 'C':
			start = at - 1
		case at >= 2 && string(head[at-2:at]) == "LE":
			start = at - 2
		}
		if start < 0 || start > 0 && letter(head[start-1]) {
			continue
		}
		rest := bytes.TrimLeft(head[from:], " ")
		if len(rest) > 1 && rest[0] >= '0' && rest[0] <= '9' && bytes.IndexByte(rest[:min(len(rest), 8)], '|') > 0 {
			return start
		}
	}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

func parse(s string) (*message, bool) {
	at := marker([]byte(s[:min(len(s), maxHeader)]))
	if at < 0 {
		return nil, false
	}
	m := &message{values: map[string]string{}, text: s}
	m.carrier(s[:at])
	body := s[at:]
	m.leef = body[0] == 'L'
	_, body, _ = strings.Cut(body, ":")
	version, body, ok := strings.Cut(strings.TrimLeft(body, " "), "|")
	if !ok {
		return nil, false
	}
	want := 6
	if m.leef {
		want = 4
	}
	header := make([]string, 0, 6)
	for len(header) < want {
		part, rest, found := headerField(body)
		header = append(header, part)
		body = rest
		if !found {
			break
		}
	}
	if len(header) < 4 {
		return nil, false
	}
	m.vendor, m.product, m.version, m.id = header[0], header[1], header[2], header[3]
	if m.leef {
		m.leefExtension(version, body)
		m.name = m.first("eventName", "name", "cat")
		m.severity = m.first("sev", "severity")
	} else {
		if len(header) > 4 {
			m.name = header[4]
		}
		if len(header) > 5 {
			m.severity = strings.TrimSpace(header[5])
		}
		m.spaced(body, true)
	}
	m.label()
	return m, true
}

// headerField cuts the next field of a header; a bar or backslash in it has a backslash before it.
func headerField(s string) (field, rest string, found bool) {
	if bar := strings.IndexAny(s, `|\`); bar < 0 || s[bar] == '|' {
		field, rest, found = strings.Cut(s, "|")
		return strings.TrimSpace(field), rest, found
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '|' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '|':
			return strings.TrimSpace(b.String()), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return strings.TrimSpace(b.String()), "", false
}

// spaced reads "key=value key=value", where values may hold blanks: a value ends where the next key begins. An equals sign inside a value has a backslash
// before it, or no key could end there ("http://host/?a=b").
func (m *message) spaced(s string, escapes bool) {
	key, begin := "", 0 // of the value being read
	blank := 0          // where the last word began, -1 inside a word that holds an equals sign
	quoted := false
	pairs := 0 // beyond maxPairs the rest belongs to the last value
	put := func(end int) {
		if key != "" {
			m.add(key, clean(s[begin:end], escapes))
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"' && key != "" && i == begin && pairs < maxPairs:
			quoted = closes(s[i+1:])
		case c == '"' && quoted && (i+1 == len(s) || space(s[i+1])):
			quoted = false
		case space(c):
			blank = i + 1
		case c == '=' && !quoted && blank >= 0 && pairs < maxPairs && isKey(s[blank:i]):
			pairs++
			put(blank)
			key, begin = s[blank:i], i+1
			blank = -1
		}
	}
	put(len(s))
}

// closes reports whether a quoted value ends soon: behind a quote there is a blank or nothing.
func closes(s string) bool {
	s = s[:min(len(s), 4096)]
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return false
		}
		if s = s[i+1:]; s == "" || space(s[0]) {
			return true
		}
	}
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isKey(s string) bool {
	if s == "" || len(s) > maxKey {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case letter(c), c == '_', c == '.', c == '-', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

// clean strips the blanks and quotes around a value and undoes its escapes. A value in which a backslash stands before anything else comes from a sender
// that does not escape (paths), and stays as it is.
func clean(s string, escapes bool) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	if !escapes || strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return s
		}
		switch s[i] {
		case '=', '\\', '|', '"':
			b.WriteByte(s[i])
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		default:
			return s
		}
	}
	return b.String()
}

// leefExtension reads the attributes of LEEF: tab-separated, in version 2 by the character that stands in one more field of the header. Some senders of
// version 1 put blanks.
func (m *message) leefExtension(version, body string) {
	delimiter := "\t"
	if !strings.HasPrefix(version, "1") {
		if field, rest, ok := strings.Cut(body, "|"); ok && len(field) <= 8 && !strings.Contains(strings.TrimSuffix(field, "="), "=") {
			body = rest
			if d := separator(field); d != "" {
				delimiter = d
			}
		}
	}
	if !strings.Contains(body, delimiter) && strings.Count(body, "=") > 1 {
		switch {
		case strings.Contains(body, "\t"):
			delimiter = "\t"
		case strings.Contains(body, "|"):
			delimiter = "|"
		default:
			m.spaced(body, false)
			return
		}
	}
	for part := range strings.SplitSeq(body, delimiter) {
		key, value, ok := strings.Cut(part, "=")
		if key = strings.TrimSpace(key); ok && isKey(key) {
			m.add(key, clean(value, false))
		}
	}
}

// separator reads the delimiter field of LEEF 2: a character, or its code as x09, 0x09 or \x09.
func separator(s string) string {
	if len(s) == 1 {
		return s
	}
	code := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(s, `\`), "0"), "x")
	if n, err := strconv.ParseUint(code, 16, 8); err == nil && n > 0 && len(s) > 1 && strings.Contains(s, "x") {
		return string(rune(n))
	}
	if s == `\t` {
		return "\t"
	}
	return s
}

// label gives values the names that labels beside them tell: cs1=… cs1Label=Rule Name. A value that is itself "name=value" free text keeps its key.
func (m *message) label() {
	taken := map[string]bool{}
	for _, k := range m.keys {
		base, ok := strings.CutSuffix(k, "Label")
		if !ok || base == "" {
			continue
		}
		value, present := m.values[base]
		name := compact(m.values[k])
		if !present || name == "" || taken[name] {
			continue
		}
		taken[name] = true
		m.labelled = append(m.labelled, pair{name, value})
	}
}

// labelledAs returns the value whose label reads like one of the names, without regard to case, blanks and marks.
func (m *message) labelledAs(names ...string) string {
	for _, name := range names {
		for _, p := range m.labelled {
			if v := normalise.CleanText(p.value); v != "" && strings.EqualFold(p.key, name) {
				return v
			}
		}
	}
	return ""
}

// compact turns a label into a name: its letters and digits.
func compact(s string) string {
	if len(s) > maxKey {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 && letter(byte(r)) {
			return r
		}
		return -1
	}, s)
}
