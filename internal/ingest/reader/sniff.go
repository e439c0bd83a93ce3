package reader

import (
	"bytes"
	"regexp"
	"strings"
)

type textKind int

const (
	textLines textKind = iota
	textBinary
	textJSONLines
	textJSONValues
	textEventXML
	textMbox
	textMessage
	textZeek
	textW3C
	textCSV
	textAudit
)

// sniffText names the format of a text by its beginning.
func sniffText(head []byte) textKind {
	body := bytes.TrimLeft(head, " \t\r\n\x1e")
	has := func(p string) bool { return bytes.HasPrefix(body, []byte(p)) }
	switch {
	case len(body) == 0:
		return textLines
	case body[0] == '{':
		return sniffObject(body)
	case body[0] == '[':
		if rest := bytes.TrimLeft(body[1:], " \t\r\n"); len(rest) == 0 || rest[0] == '{' || rest[0] == ']' && len(body) < 64 {
			return textJSONValues
		}
	case has("<?xml"), has("<Event>"), has("<Event "), has("<Events>"), has("<Events "):
		if bytes.Contains(body, []byte("<Event")) {
			return textEventXML
		}
	case mboxFrom.Match(firstLine(body)) && headerLine(secondLine(body)):
		return textMbox
	case has("#separator ") || has("#fields\t"):
		return textZeek
	case bytes.Contains(head, []byte("#Fields: ")) && (has("#Software:") || has("#Version:") || has("#Fields:") || has("#Date:")):
		return textW3C
	case bytes.HasPrefix(body, []byte("type=")) && AuditKey(firstLine(body)) != nil, has("node=") && AuditKey(firstLine(body)) != nil:
		return textAudit
	}
	if binary(head) {
		return textBinary
	}
	if isMessage(body) {
		return textMessage
	}
	if csvDelimiter(body) != 0 {
		return textCSV
	}
	return textLines
}

// sniffObject tells one object per line from objects over many lines and from envelopes.
func sniffObject(body []byte) textKind {
	if envelopeArray(body) > 0 {
		return textJSONValues
	}
	line, whole := cutLine(body)
	line = bytes.TrimRight(line, " \t")
	if !whole || line[len(line)-1] == '}' {
		return textJSONLines
	}
	// A first line that is broken off does not make its file a pretty-printed one.
	next := bytes.TrimLeft(body[min(len(line), len(body)):], " \t\r\n")
	if bytes.HasPrefix(next, []byte(`{"`)) && len(line) > 1 {
		return textJSONLines
	}
	return textJSONValues
}

// cutLine returns the first line without its end, and whether the end was in sight.
func cutLine(b []byte) ([]byte, bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return trimEOL(b[:i+1]), true
	}
	return b, len(b) < headBytes
}

func firstLine(b []byte) []byte {
	l, _ := cutLine(b)
	return l
}

func secondLine(b []byte) []byte {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil
	}
	return firstLine(b[i+1:])
}

// binary looks for bytes that no text has.
func binary(head []byte) bool {
	if len(head) > 4096 {
		head = head[:4096]
	}
	odd := 0
	for _, c := range head {
		if c == 0 {
			return true
		}
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b && c != 0x1d && c != 0x1e && c != '\f' {
			odd++
		}
	}
	return odd*20 > len(head)
}

var (
	mboxFrom = regexp.MustCompile(`^>?From \S+.* \d{2}:\d{2}(:\d{2})?.* \d{4}`)
	header   = regexp.MustCompile(`^[!-9;-~]{1,100}:`)
)

func headerLine(line []byte) bool { return header.Match(line) || mboxFrom.Match(line) }

// mailHeaders are header names of which a message carries at least two before its body.
var mailHeaders = map[string]bool{
	"from": true, "to": true, "subject": true, "date": true, "received": true, "message-id": true, "mime-version": true, "return-path": true,
	"delivered-to": true, "content-type": true, "cc": true, "reply-to": true, "sender": true, "authentication-results": true,
	"dkim-signature": true, "arc-seal": true, "arc-message-signature": true, "arc-authentication-results": true, "received-spf": true, "x-originating-ip": true,
	"content-transfer-encoding": true, "x-mailer": true, "domainkey-signature": true, "importance": true, "in-reply-to": true, "references": true,
}

// isMessage recognises the header block of a mail message: two known headers, or one when nothing but headers stands before the first empty line.
func isMessage(body []byte) bool {
	known, lines, clean := map[string]bool{}, 0, false
	for len(body) > 0 && lines < 400 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		line, body = bytes.TrimSuffix(line, []byte("\r")), rest
		lines++
		if len(line) == 0 {
			clean = true
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if lines == 1 {
				return false
			}
			continue
		}
		m := header.Find(line)
		if m == nil {
			if lines == 1 && bytes.HasPrefix(line, []byte("From ")) {
				continue
			}
			break
		}
		if name := strings.ToLower(string(m[:len(m)-1])); mailHeaders[name] {
			known[name] = true
		} else if lines == 1 && !strings.HasPrefix(name, "x-") && !strings.Contains(name, "-") {
			return false
		}
	}
	return len(known) >= 2 || clean && len(known) == 1
}
