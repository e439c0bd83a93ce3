package syntax

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dynamic reads the content of a dynamic literal and writes it as JSON: JSON itself, also with single quotes, verbatim strings, bare keys and nested
// literals of other types (a datetime becomes its text).
func (p *parser) dynamic(b *strings.Builder) {
	if !p.enter() {
		p.leave()
		return
	}
	defer p.leave()
	t := p.tok()
	switch t.Kind {
	case String:
		WriteJSONString(b, p.literal().(*Literal).Value.(string))
		return
	case Number, Real:
		p.at++
		writeNumber(b, t.Text)
		return
	case TimeSpan:
		p.at++
		v, _ := unitTimeSpan(t.Text)
		WriteJSONString(b, FormatTimeSpan(v))
		return
	case Op:
		switch t.Text {
		case "-", "+":
			p.at++
			n := p.tok()
			if t.Text == "-" && (n.Kind == Number || n.Kind == Real) {
				b.WriteByte('-')
			}
			if n.Kind == Number || n.Kind == Real {
				p.dynamic(b)
				return
			}
		case "{":
			p.bag(b)
			return
		case "[":
			p.at++
			b.WriteByte('[')
			for n := 0; !p.isOp("]") && p.tok().Kind != EOF; n++ {
				if n > 0 {
					b.WriteByte(',')
				}
				p.dynamic(b)
				if p.halted || !p.acceptOp(",") {
					break
				}
			}
			b.WriteByte(']')
			p.expectOp("]")
			return
		}
	case Ident:
		switch strings.ToLower(t.Text) {
		case "true", "false", "null":
			p.at++
			b.WriteString(strings.ToLower(t.Text))
			return
		}
		if rawLiteral(t.Text) && p.ahead(1).Kind == Op && p.ahead(1).Text == "(" {
			if l, ok := p.rawLiteral().(*Literal); ok && l != nil {
				writeLiteral(b, l)
			}
			return
		}
	}
	p.fail("expected a value in the dynamic literal", "dynamic(…) takes JSON, not an expression; use pack_array or bag_pack to build a value")
}

func (p *parser) bag(b *strings.Builder) {
	p.at++
	b.WriteByte('{')
	for n := 0; !p.isOp("}") && p.tok().Kind != EOF; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		t := p.tok()
		switch t.Kind {
		case String:
			p.at++
			WriteJSONString(b, t.Value)
		case Ident:
			p.at++
			WriteJSONString(b, t.Text)
		default:
			p.fail("expected a key", "")
		}
		p.expectOp(":")
		b.WriteByte(':')
		p.dynamic(b)
		if p.halted || !p.acceptOp(",") {
			break
		}
	}
	b.WriteByte('}')
	p.expectOp("}")
}

// writeNumber writes a number in JSON's form: no leading zeros, no bare point.
func writeNumber(b *strings.Builder, text string) {
	if v, ok := parseLong(text); ok {
		b.WriteString(strconv.FormatInt(v, 10))
		return
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		b.WriteString("null")
		return
	}
	if json.Valid([]byte(text)) {
		b.WriteString(text)
		return
	}
	b.WriteString(FormatReal(v))
}

// FormatReal writes a finite number as JSON that reads back as a real.
func FormatReal(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".eE") {
		s += ".0"
	}
	return s
}

func writeLiteral(b *strings.Builder, l *Literal) {
	switch v := l.Value.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		switch l.Kind {
		case LitDateTime:
			WriteJSONString(b, FormatDateTime(v))
		case LitTimeSpan:
			WriteJSONString(b, FormatTimeSpan(v))
		default:
			b.WriteString(strconv.FormatInt(v, 10))
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.WriteString("null")
		} else {
			b.WriteString(FormatReal(v))
		}
	case string:
		if l.Kind == LitDynamic {
			b.WriteString(v)
		} else {
			WriteJSONString(b, v)
		}
	}
}

// WriteJSONString writes s as a JSON string, leaving characters beyond ASCII as they are.
func WriteJSONString(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c == '\n':
				b.WriteString(`\n`)
			case c == '\r':
				b.WriteString(`\r`)
			case c == '\t':
				b.WriteString(`\t`)
			case c < 0x20:
				b.WriteString(`\u00`)
				b.WriteByte(hex[c>>4])
				b.WriteByte(hex[c&15])
			default:
				b.WriteByte(c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += n
	}
	b.WriteByte('"')
}
