package syntax

import (
	"math"
	"strconv"
	"strings"
)

// literal reads a number, timespan or string literal at the present token.
func (p *parser) literal() Expr {
	t := p.next()
	at := Span{t.Start, t.End}
	switch t.Kind {
	case Number:
		if v, ok := parseLong(t.Text); ok {
			return &Literal{Span: at, Kind: LitLong, Value: v, Raw: t.Text}
		}
		p.at--
		p.fail("number "+quoteToken(t.Text)+" does not fit a long", "write decimal("+t.Text+") or real("+t.Text+")")
		return nil
	case Real:
		v, err := strconv.ParseFloat(t.Text, 64)
		if err != nil && !math.IsInf(v, 0) {
			p.at--
			p.fail("not a number: "+quoteToken(t.Text), "")
			return nil
		}
		return &Literal{Span: at, Kind: LitReal, Value: v, Raw: t.Text}
	case TimeSpan:
		v, ok := unitTimeSpan(t.Text)
		if !ok {
			p.at--
			p.fail("timespan "+quoteToken(t.Text)+" is out of range", "")
			return nil
		}
		return &Literal{Span: at, Kind: LitTimeSpan, Value: v, Raw: t.Text}
	}
	// adjacent string literals are one
	value, raw := t.Value, t.Text
	for p.tok().Kind == String {
		u := p.next()
		value += u.Value
		raw += " " + u.Text
		at.End = u.End
		if len(raw) > MaxLength {
			p.fail("string literal is too long", "")
			return nil
		}
	}
	return &Literal{Span: at, Kind: LitString, Value: value, Raw: raw}
}

func parseLong(text string) (int64, bool) {
	if len(text) > 2 && (text[1] == 'x' || text[1] == 'X') {
		v, err := strconv.ParseUint(text[2:], 16, 64)
		return int64(v), err == nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil && text == "9223372036854775808" { // the operand of a minus sign
		return math.MinInt64, true
	}
	return v, err == nil
}

// unitTimeSpan reads 1.5h and the like.
func unitTimeSpan(text string) (int64, bool) {
	i := strings.IndexFunc(text, func(r rune) bool { return isLetter(byte(r)) })
	if i <= 0 {
		return 0, false
	}
	unit, ok := timeUnit(text[i:])
	if !ok {
		return 0, false
	}
	scale := float64(unit)
	if unit == 0 {
		scale = 0.01
	} else if v, err := strconv.ParseInt(text[:i], 10, 64); err == nil {
		if v != 0 && unit > math.MaxInt64/max(v, -v) {
			return 0, false
		}
		return v * unit, true
	}
	v, err := strconv.ParseFloat(text[:i], 64)
	if err != nil || math.Abs(v*scale) >= math.MaxInt64 {
		return 0, false
	}
	return int64(math.Round(v * scale)), true
}

// rawLiteral says whether name(…) is a literal whose content is not an expression.
func rawLiteral(name string) bool {
	switch name {
	case "datetime", "date", "timespan", "time", "guid", "bool", "boolean", "int", "int32", "long", "int64", "real", "double", "decimal", "dynamic",
		"float", "uniqueid":
		return true
	}
	return false
}

// rawLiteral reads type(content).
func (p *parser) rawLiteral() Expr {
	name := p.next()
	open := p.at
	end := p.matching(open)
	if end < 0 {
		p.at = open
		p.fail("`(` is not closed", "")
		return nil
	}
	typ := CanonicalType(name.Text)
	content := strings.TrimSpace(p.src.Text[p.tokens[open].End:p.tokens[end].Start])
	at := Span{name.Start, p.tokens[end].End}
	lit := &Literal{Span: at, Raw: name.Text + "(" + content + ")"}
	if typ == "dynamic" {
		p.at = open + 1
		lit.Kind = LitDynamic
		var b strings.Builder
		if !p.isOp(")") {
			p.dynamic(&b)
			lit.Value = b.String()
		}
		if lit.Value == "null" || lit.Value == "" {
			lit.Value = nil
		}
		p.expectOp(")")
		lit.Span = p.from(name.Start)
		return lit
	}
	inner := content
	if end == open+2 && p.tokens[open+1].Kind == String {
		inner = strings.TrimSpace(p.tokens[open+1].Value)
	}
	kind, value, ok := TypedLiteral(typ, inner)
	lit.Kind, lit.Value = kind, value
	if !ok && (kind == LitDateTime || kind == LitTimeSpan) && p.tokens[open+1].Kind != Ident {
		lit.Bad = inner
	} else if !ok {
		p.at = end + 1
		hint := ""
		if p.tokens[open+1].Kind == Ident {
			hint = "to convert a value use to" + typ + "(…)"
		}
		p.failAt(at, "not a "+typ+" literal: "+quoteToken(content), hint)
		return nil
	}
	p.at = end + 1
	return lit
}

// TypedLiteral reads the content of type(content) for a canonical scalar type other than dynamic and string. An empty content and `null` are nulls.
func TypedLiteral(typ, content string) (LiteralKind, any, bool) {
	kinds := map[string]LiteralKind{"bool": LitBool, "int": LitInt, "long": LitLong, "real": LitReal, "decimal": LitDecimal, "datetime": LitDateTime, "timespan": LitTimeSpan, "guid": LitGUID}
	kind := kinds[typ]
	if content == "" || strings.EqualFold(content, "null") {
		return kind, nil, true
	}
	switch kind {
	case LitBool:
		switch strings.ToLower(content) {
		case "true":
			return kind, true, true
		case "false":
			return kind, false, true
		}
		if v, ok := signedLong(content); ok {
			return kind, v != 0, true
		}
	case LitInt:
		if v, ok := signedLong(content); ok && (v >= math.MinInt32 && v <= math.MaxInt32 || strings.HasPrefix(content, "0x") && v <= math.MaxUint32) {
			return kind, int64(int32(v)), true
		}
	case LitLong:
		if v, ok := signedLong(content); ok {
			return kind, v, true
		}
	case LitReal:
		switch strings.ToLower(content) {
		case "nan":
			return kind, math.NaN(), true
		case "+inf", "inf":
			return kind, math.Inf(1), true
		case "-inf":
			return kind, math.Inf(-1), true
		}
		if v, err := strconv.ParseFloat(content, 64); err == nil && !strings.ContainsAny(content, "xXpP_") {
			return kind, v, true
		}
	case LitDecimal:
		if v, err := strconv.ParseFloat(content, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) && !strings.ContainsAny(content, "xXpP_") {
			return kind, content, true
		}
	case LitDateTime:
		if v, ok := ParseDateTime(content); ok {
			return kind, v, true
		}
	case LitTimeSpan:
		if v, ok := ParseTimeSpan(content); ok {
			return kind, v, true
		}
	case LitGUID:
		if v, ok := ParseGUID(content); ok {
			return kind, v, true
		}
	}
	return kind, nil, false
}

func signedLong(s string) (int64, bool) {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		v, ok := parseLong(strings.TrimSpace(rest))
		return -v, ok
	}
	s = strings.TrimPrefix(s, "+")
	if s == "9223372036854775808" {
		return 0, false
	}
	return parseLong(s)
}

// ParseGUID reads a guid in its usual forms and returns it in lower case with hyphens.
func ParseGUID(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) >= 2 && (s[0] == '{' && s[len(s)-1] == '}' || s[0] == '(' && s[len(s)-1] == ')') {
		s = s[1 : len(s)-1]
	}
	digits := strings.ReplaceAll(s, "-", "")
	if len(digits) != 32 || len(s) != 32 && len(s) != 36 {
		return "", false
	}
	for i := range len(digits) {
		if !isHex(digits[i]) {
			return "", false
		}
	}
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:], true
}
