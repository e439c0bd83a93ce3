package sigma

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"
)

// raw is one value of a rule as it is written.
type raw struct {
	kind rawKind
	text string
	line int
}

type rawKind uint8

const (
	rawString rawKind = iota
	rawNumber
	rawBool
	rawNull
)

// mods is the set of modifiers on a field, checked for order and meaning.
type mods struct {
	contains, starts, ends    bool
	all, cased, neg           bool
	re                        bool
	reFlags                   string
	cidr, exists, ref, expand bool
	windash                   bool
	encode                    []string // base64, base64offset, utf16le, utf16be, utf16 in order
	compare                   compareOp
	part                      timePart
	words                     string // as written, for messages
}

type compareOp uint8

const (
	noCompare compareOp = iota
	greater
	greaterEqual
	less
	lessEqual
)

type timePart uint8

const (
	noPart timePart = iota
	minute
	hour
	day
	week
	month
	year
)

func parseModifiers(names []string) (mods, error) {
	m := mods{words: strings.Join(names, "|")}
	for _, name := range names {
		switch name {
		case "contains":
			m.contains = true
		case "startswith":
			m.starts = true
		case "endswith":
			m.ends = true
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "neq":
			m.neg = true
		case "re":
			m.re = true
		case "i", "m", "s", "ignorecase", "multiline", "dotall":
			if !m.re {
				return m, condErrorf(Invalid, "modifier %q must follow re", name)
			}
			flag := map[string]string{"ignorecase": "i", "multiline": "m", "dotall": "s"}[name]
			if flag == "" {
				flag = name
			}
			m.reFlags += flag
		case "cidr":
			m.cidr = true
		case "exists":
			m.exists = true
		case "fieldref":
			m.ref = true
		case "expand":
			m.expand = true
		case "windash":
			m.windash = true
		case "base64", "base64offset", "utf16le", "utf16be", "utf16":
			m.encode = append(m.encode, name)
		case "wide":
			m.encode = append(m.encode, "utf16le")
		case "gt":
			m.compare = greater
		case "gte":
			m.compare = greaterEqual
		case "lt":
			m.compare = less
		case "lte":
			m.compare = lessEqual
		case "minute":
			m.part = minute
		case "hour":
			m.part = hour
		case "day":
			m.part = day
		case "week":
			m.part = week
		case "month":
			m.part = month
		case "year":
			m.part = year
		case "":
			return m, condErrorf(Invalid, "empty modifier")
		default:
			return m, condErrorf(Unsupported, "modifier %q is not known", name)
		}
	}
	return m, m.check()
}

func (m *mods) check() error {
	kinds := 0
	for _, on := range []bool{m.re, m.cidr, m.exists, m.ref, m.compare != noCompare || m.part != noPart} {
		if on {
			kinds++
		}
	}
	stringy := m.contains || m.starts || m.ends
	if kinds > 1 || kinds == 1 && stringy && !m.ref || kinds == 1 && (len(m.encode) > 0 || m.windash) {
		return condErrorf(Invalid, "modifiers %q do not go together", m.words)
	}
	for i, e := range m.encode {
		if strings.HasPrefix(e, "base64") && i != len(m.encode)-1 {
			return condErrorf(Invalid, "modifiers %q: nothing can be encoded after base64", m.words)
		}
	}
	if n := len(m.encode); n > 0 && !strings.HasPrefix(m.encode[n-1], "base64") {
		return condErrorf(Invalid, "modifiers %q: an UTF-16 form must be followed by base64 or base64offset", m.words)
	}
	return nil
}

// compileValue turns one value into a test expression under the modifiers.
func (m *mods) compileValue(field string, v raw, opt *Options) (*Expr, error) {
	switch {
	case m.exists:
		want, err := strconv.ParseBool(v.text)
		if err != nil || v.kind == rawNull {
			return nil, condErrorf(Invalid, "exists takes true or false, not %q", v.text)
		}
		e := test(&Predicate{Field: field, kind: testExists})
		if !want {
			e = negate(e)
		}
		return e, nil
	case v.kind == rawNull:
		if m.words != "" && m.words != "all" && m.words != "neq" {
			return nil, condErrorf(Invalid, "null cannot be used with %q", m.words)
		}
		return test(&Predicate{Field: field, kind: testNull}), nil
	case m.ref:
		p := &Predicate{Field: field, kind: testRef, other: v.text, refShape: m.shape(), cased: m.cased}
		return test(p), nil
	case m.cidr:
		net, err := parseCIDR(v.text)
		if err != nil {
			return nil, err
		}
		return test(&Predicate{Field: field, kind: testCIDR, network: net}), nil
	case m.compare != noCompare || m.part != noPart:
		n, err := strconv.ParseFloat(v.text, 64)
		if err != nil {
			return nil, condErrorf(Invalid, "%q takes a number, not %q", m.words, v.text)
		}
		return test(&Predicate{Field: field, kind: testNumber, compare: m.compare, part: m.part, number: n}), nil
	}
	texts := []string{v.text}
	if m.expand {
		var err error
		if texts, err = expandPlaceholders(v.text, opt); err != nil {
			return nil, err
		}
	}
	var alternatives []*Expr
	for _, text := range texts {
		if m.re {
			p, err := regexTest(field, text, m.reFlags)
			if err != nil {
				return nil, err
			}
			alternatives = append(alternatives, test(p))
			continue
		}
		patterns, err := m.patterns(text, v.kind)
		if err != nil {
			return nil, err
		}
		for _, p := range patterns {
			alternatives = append(alternatives, test(stringTest(field, p, m.cased)))
		}
	}
	return some(alternatives...), nil
}

func (m *mods) shape() shape {
	switch {
	case m.contains:
		return contains
	case m.starts:
		return prefix
	case m.ends:
		return suffix
	}
	return exact
}

// patterns gives the spellings of one value.
func (m *mods) patterns(text string, kind rawKind) ([]pattern, error) {
	base := []pattern{parsePattern(text)}
	if kind != rawString {
		base[0] = plain(text)
	}
	if m.windash {
		var err error
		if base, err = dashForms(base[0]); err != nil {
			return nil, err
		}
	}
	if len(m.encode) > 0 {
		lit, ok := base[0].text()
		if !ok {
			return nil, condErrorf(Invalid, "a value with wildcards cannot be encoded: %q", text)
		}
		base = base[:0]
		for _, s := range encodeValue(lit, m.encode) {
			base = append(base, plain(s))
		}
	}
	for i, p := range base {
		if m.contains || m.ends {
			p = p.openStart()
		}
		if m.contains || m.starts {
			p = p.openEnd()
		}
		base[i] = p
	}
	return base, nil
}

// dashes are the characters Windows programs and people put before an option.
var dashes = [...]string{"-", "/", "–", "—", "―"}

// dashForms gives every spelling of the option dashes in p. A dash starts an option when no word character stands before it and one follows.
func dashForms(p pattern) ([]pattern, error) {
	forms := []pattern{nil}
	add := func(x part) {
		for i := range forms {
			forms[i] = append(forms[i][:len(forms[i]):len(forms[i])], x)
		}
	}
	for _, x := range p {
		if x.kind != literal {
			add(x)
			continue
		}
		from := 0
		for i := 0; i < len(x.text); i++ {
			if c := x.text[i]; c != '-' && c != '/' || i > 0 && wordByte(x.text[i-1]) || i+1 >= len(x.text) || !wordByte(x.text[i+1]) {
				continue
			}
			if len(forms)*len(dashes) > maxDashForms {
				return nil, condErrorf(Unsupported, "windash: %q has too many dashes", p.String())
			}
			next := make([]pattern, 0, len(forms)*len(dashes))
			for _, f := range forms {
				for _, d := range dashes {
					next = append(next, append(f[:len(f):len(f)], part{literal, x.text[from:i] + d}))
				}
			}
			forms, from = next, i+1
		}
		if from < len(x.text) {
			add(part{literal, x.text[from:]})
		}
	}
	for i, f := range forms {
		forms[i] = mergeLiterals(f)
	}
	return forms, nil
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func mergeLiterals(p pattern) pattern {
	out := make(pattern, 0, len(p))
	for _, x := range p {
		if n := len(out); n > 0 && x.kind == literal && out[n-1].kind == literal {
			out[n-1].text += x.text
			continue
		}
		out = append(out, x)
	}
	return out
}

func encodeValue(text string, steps []string) []string {
	data := []byte(text)
	for _, step := range steps {
		switch step {
		case "utf16le":
			data = utf16Bytes(string(data), binary.LittleEndian)
		case "utf16be":
			data = utf16Bytes(string(data), binary.BigEndian)
		case "utf16":
			data = append([]byte{0xff, 0xfe}, utf16Bytes(string(data), binary.LittleEndian)...)
		case "base64":
			return []string{base64.StdEncoding.EncodeToString(data)}
		case "base64offset":
			return base64Offsets(data)
		}
	}
	return []string{string(data)}
}

func utf16Bytes(s string, order binary.ByteOrder) []byte {
	units := utf16.Encode([]rune(s))
	out := make([]byte, 2*len(units))
	for i, u := range units {
		order.PutUint16(out[2*i:], u)
	}
	return out
}

// base64Offsets gives the three texts of which one occurs in the base64 form of any data that holds the bytes: characters that also depend on
// neighbouring bytes are cut off at both ends.
func base64Offsets(data []byte) []string {
	out := make([]string, 0, 3)
	for shift := range 3 {
		padded := append(make([]byte, shift), data...)
		enc := base64.RawStdEncoding.EncodeToString(padded)
		start := [3]int{0, 2, 3}[shift]
		end := len(padded) * 8 / 6 // characters that are made of these bytes alone
		if start < end {
			out = append(out, enc[start:end])
		}
	}
	return out
}

func parseCIDR(s string) (netip.Prefix, error) {
	if net, err := netip.ParsePrefix(strings.TrimSpace(s)); err == nil {
		return net.Masked(), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil {
		return netip.Prefix{}, condErrorf(Invalid, "cidr: %q is not a network", s)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func regexTest(field, text, flags string) (*Predicate, error) {
	if len(text) > 8<<10 {
		return nil, condErrorf(Invalid, "regular expression of %d characters is too long", len(text))
	}
	source := text
	if flags != "" {
		source = "(?" + flags + ")" + text
	}
	if _, err := regexp.Compile(source); err != nil {
		code := Invalid
		var bad *syntax.Error
		if errors.As(err, &bad) && (bad.Code == syntax.ErrInvalidPerlOp || bad.Code == syntax.ErrInvalidEscape || bad.Code == syntax.ErrInvalidRepeatSize) {
			code = Unsupported
		}
		return nil, condErrorf(code, "regular expression %q: %v", text, err)
	}
	return &Predicate{Field: field, kind: testRegex, source: source, regex: branches(source)}, nil
}

func stringTest(field string, p pattern, cased bool) *Predicate {
	if !cased {
		p = p.fold()
	}
	q := &Predicate{Field: field, kind: testString, pattern: p, cased: cased}
	q.shape, q.literal = p.shape()
	return q
}

// expandPlaceholders gives the texts of a value in which %name% stands for each configured value.
func expandPlaceholders(text string, opt *Options) ([]string, error) {
	out := []string{""}
	for rest := text; rest != ""; {
		start := strings.IndexByte(rest, '%')
		end := -1
		if start >= 0 {
			end = strings.IndexByte(rest[start+1:], '%')
		}
		if end < 0 {
			for i := range out {
				out[i] += rest
			}
			break
		}
		name := rest[start+1 : start+1+end]
		values, ok := opt.Placeholders[name]
		if !ok || len(values) == 0 {
			return nil, condErrorf(Placeholder, "placeholder %%%s%% has no values configured", name)
		}
		if len(out)*len(values) > maxValues {
			return nil, condErrorf(Invalid, "placeholders of %q give more than %d values", text, maxValues)
		}
		next := make([]string, 0, len(out)*len(values))
		for _, o := range out {
			for _, v := range values {
				next = append(next, fmt.Sprint(o, rest[:start], v))
			}
		}
		out, rest = next, rest[start+1+end+1:]
	}
	return out, nil
}
