package sigma

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pattern is a string with wildcards: literal parts between runs of `*` (any text) and `?` (any one character).
type pattern []part

type partKind uint8

const (
	literal partKind = iota
	anyText          // *
	anyRune          // ?
)

type part struct {
	kind partKind
	text string // of literal
}

// parsePattern reads Sigma's string syntax: `*` and `?` are wildcards, a backslash before `*`, `?` or a backslash makes that one literal, any other
// backslash is itself.
func parsePattern(s string) pattern {
	var (
		out pattern
		lit strings.Builder
	)
	flush := func() {
		if lit.Len() > 0 {
			out = append(out, part{literal, lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '*' || s[i+1] == '?' || s[i+1] == '\\'):
			i++
			lit.WriteByte(s[i])
		case c == '*':
			flush()
			if n := len(out); n == 0 || out[n-1].kind != anyText {
				out = append(out, part{kind: anyText})
			}
		case c == '?':
			flush()
			out = append(out, part{kind: anyRune})
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return out
}

// plain returns the pattern of a string without wildcards.
func plain(s string) pattern {
	if s == "" {
		return nil
	}
	return pattern{{literal, s}}
}

// text returns the literal text of a pattern without wildcards, and whether it is one.
func (p pattern) text() (string, bool) {
	switch {
	case len(p) == 0:
		return "", true
	case len(p) == 1 && p[0].kind == literal:
		return p[0].text, true
	}
	return "", false
}

func (p pattern) openStart() pattern {
	if len(p) > 0 && p[0].kind == anyText {
		return p
	}
	return append(pattern{{kind: anyText}}, p...)
}

func (p pattern) openEnd() pattern {
	if len(p) > 0 && p[len(p)-1].kind == anyText {
		return p
	}
	return append(p[:len(p):len(p)], part{kind: anyText})
}

func (p pattern) fold() pattern {
	out := make(pattern, len(p))
	for i, x := range p {
		out[i] = part{x.kind, foldString(x.text)}
	}
	return out
}

// String is the pattern in Sigma's own spelling.
func (p pattern) String() string {
	var b strings.Builder
	for _, x := range p {
		switch x.kind {
		case anyText:
			b.WriteByte('*')
		case anyRune:
			b.WriteByte('?')
		default:
			for i := 0; i < len(x.text); i++ {
				if c := x.text[i]; c == '*' || c == '?' || c == '\\' {
					b.WriteByte('\\')
				}
				b.WriteByte(x.text[i])
			}
		}
	}
	return b.String()
}

// shape is how a pattern is tested when it is one of the common forms.
type shape uint8

const (
	glob     shape = iota // anything else
	exact                 // literal
	prefix                // literal*
	suffix                // *literal
	contains              // *literal*
	anything              // *
)

func (p pattern) shape() (shape, string) {
	switch {
	case len(p) == 0:
		return exact, ""
	case len(p) == 1 && p[0].kind == literal:
		return exact, p[0].text
	case len(p) == 1 && p[0].kind == anyText:
		return anything, ""
	case len(p) == 2 && p[0].kind == literal && p[1].kind == anyText:
		return prefix, p[0].text
	case len(p) == 2 && p[0].kind == anyText && p[1].kind == literal:
		return suffix, p[1].text
	case len(p) == 3 && p[0].kind == anyText && p[1].kind == literal && p[2].kind == anyText:
		return contains, p[1].text
	}
	return glob, ""
}

// match reports whether the whole of v fits the pattern. Both must be folded beforehand when case does not matter.
// Time is O(len(v) * len(p)): after a `*` only the last one is ever retried.
func (p pattern) match(v []byte) bool {
	i, at := 0, 0
	starPart, starAt := -1, 0
	for {
		if i == len(p) {
			if at == len(v) {
				return true
			}
		} else {
			switch x := p[i]; x.kind {
			case anyText:
				if i == len(p)-1 {
					return true
				}
				starPart, starAt = i, at
				i++
				continue
			case anyRune:
				if at < len(v) {
					_, n := utf8.DecodeRune(v[at:])
					at += n
					i++
					continue
				}
			default:
				if len(v)-at >= len(x.text) && string(v[at:at+len(x.text)]) == x.text {
					at += len(x.text)
					i++
					continue
				}
			}
		}
		if starPart < 0 || starAt >= len(v) {
			return false
		}
		starAt++
		if next := p[starPart+1]; next.kind == literal {
			skip := bytes.Index(v[starAt:], []byte(next.text))
			if skip < 0 {
				return false
			}
			starAt += skip
		} else {
			for starAt < len(v) && !utf8.RuneStart(v[starAt]) {
				starAt++
			}
		}
		at, i = starAt, starPart+1
	}
}

// foldString lowers letters; it is the one definition of "without case" for rules and records. Beside unicode.ToLower it takes the long s for an s,
// as the regular expressions' (?i) does.
func foldString(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 'ſ' {
			return 's'
		}
		return unicode.ToLower(r)
	}, s)
}

// appendFold appends the folded form of s to dst.
func appendFold(dst []byte, s string) []byte {
	start := len(dst)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(dst[:start], foldString(s)...)
		}
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
