package sqlgen

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// boundary is a character that is part of no term.
const boundary = `[^\p{L}\p{N}]`

func (d *clickhouse) strings() {
	type test func(g *Emitter, x plan.Expr, p string) string
	both := func(name string, t test) {
		for _, no := range []bool{false, true} {
			op := name
			if no {
				op = "!" + name
				if name == "=~" {
					op = "!~"
				}
			}
			d.call[op] = func(g *Emitter, c *plan.Call) string {
				var s string
				if p, ok := constText(c.Args[1]); ok {
					s = t(g, c.Args[0], p)
				} else {
					s = d.variable(g, name, c)
				}
				if no {
					return "(NOT " + s + ")"
				}
				return s
			}
		}
	}
	both("contains_cs", func(g *Emitter, x plan.Expr, p string) string {
		return "(position(" + g.Text(x) + ", " + chQuote(p) + ") > 0)"
	})
	both("contains", func(g *Emitter, x plan.Expr, p string) string { return "(" + d.somewhere(g.Text(x), p) + ")" })
	both("startswith_cs", func(g *Emitter, x plan.Expr, p string) string {
		return "startsWith(" + g.Text(x) + ", " + chQuote(p) + ")"
	})
	both("endswith_cs", func(g *Emitter, x plan.Expr, p string) string {
		return "endsWith(" + g.Text(x) + ", " + chQuote(p) + ")"
	})
	both("startswith", func(g *Emitter, x plan.Expr, p string) string {
		if ascii(p) {
			return "(lower(substring(" + g.Text(x) + ", 1, " + itoa(len(p)) + ")) = " + chQuote(strings.ToLower(p)) + ")"
		}
		return "startsWith(" + d.Lower(g.Text(x)) + ", " + chQuote(strings.ToLower(p)) + ")"
	})
	both("endswith", func(g *Emitter, x plan.Expr, p string) string {
		if ascii(p) {
			return "(lower(right(" + g.Text(x) + ", " + itoa(len(p)) + ")) = " + chQuote(strings.ToLower(p)) + ")"
		}
		return "endsWith(" + d.Lower(g.Text(x)) + ", " + chQuote(strings.ToLower(p)) + ")"
	})
	both("=~", func(g *Emitter, x plan.Expr, p string) string {
		if ascii(p) {
			return "(lower(" + g.Text(x) + ") = " + chQuote(strings.ToLower(p)) + ")"
		}
		return "(" + d.Lower(g.Text(x)) + " = " + chQuote(strings.ToLower(p)) + ")"
	})
	for name, sides := range map[string][2]bool{"has": {true, true}, "hasprefix": {true, false}, "hassuffix": {false, true}} {
		both(name, func(g *Emitter, x plan.Expr, p string) string {
			return d.terms(g, x, []string{p}, true, sides[0], sides[1])
		})
		both(name+"_cs", func(g *Emitter, x plan.Expr, p string) string {
			return d.terms(g, x, []string{p}, false, sides[0], sides[1])
		})
	}
	d.call["has_any"] = func(g *Emitter, c *plan.Call) string { return d.hasMany(g, c, false) }
	d.call["has_all"] = func(g *Emitter, c *plan.Call) string { return d.hasMany(g, c, true) }
	d.call["!has_any"] = func(g *Emitter, c *plan.Call) string { return "(NOT " + d.hasMany(g, c, false) + ")" }
	d.call["tolower"] = wrap("lowerUTF8")
	d.call["toupper"] = func(g *Emitter, c *plan.Call) string {
		return d.let(g, g.Text(c.Args[0]), func(s string) string {
			// Characters that become several, as ß does, stay.
			return "if(lengthUTF8(" + s + ") = length(" + s + "), upper(" + s + "), arrayStringConcat(arrayMap(e -> if(lengthUTF8(upperUTF8(e)) = 1, upperUTF8(e), e), ngrams(" + s + ", 1))))"
		})
	}
	d.call["strlen"] = func(g *Emitter, c *plan.Call) string { return "toInt64(lengthUTF8(" + g.Text(c.Args[0]) + "))" }
	d.call["string_size"] = func(g *Emitter, c *plan.Call) string { return "toInt64(length(" + g.Text(c.Args[0]) + "))" }
	d.call["strcat"] = func(g *Emitter, c *plan.Call) string { return d.concat(g, c.Args, "") }
	d.call["strcat_delim"] = func(g *Emitter, c *plan.Call) string { return d.concat(g, c.Args[1:], g.Text(c.Args[0])) }
	d.call["substring"] = d.substring
	d.call["indexof"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) > 2 {
			return ""
		}
		return "(toInt64(positionUTF8(" + g.Text(c.Args[0]) + ", " + g.Text(c.Args[1]) + ")) - 1)"
	}
	d.call["replace_string"] = func(g *Emitter, c *plan.Call) string {
		p, ok := constText(c.Args[1])
		if !ok {
			return ""
		}
		if p == "" {
			return g.Text(c.Args[0])
		}
		with, ok := constText(c.Args[2])
		if !ok {
			return ""
		}
		return "replaceAll(" + g.Text(c.Args[0]) + ", " + chQuote(p) + ", " + chQuote(with) + ")"
	}
	d.call["split"] = func(g *Emitter, c *plan.Call) string {
		list := d.splitList(g, c)
		if list == "" {
			return ""
		}
		if len(c.Args) == 2 {
			return "toJSONString(" + list + ")"
		}
		n, ok := constLong(c.Args[2])
		if t := c.Args[2].Type(); !ok && (t == plan.Long || t == plan.Int) {
			at := g.As(c.Args[2], plan.Long)
			return "if(" + at + " BETWEEN 0 AND length(" + list + ") - 1, toJSONString([arrayElement(" + list + ", toInt64(ifNull(" + at + ", 0)) + 1)]), if(" + at + " IS NULL, toJSONString(" + list + "), NULL))"
		}
		if !ok || n < 0 {
			return ""
		}
		return "if(length(" + list + ") > " + itoa(int(n)) + ", toJSONString([arrayElement(" + list + ", " + itoa(int(n)+1) + ")]), NULL)"
	}
	d.call["reverse"] = func(g *Emitter, c *plan.Call) string { return "reverseUTF8(" + g.Text(c.Args[0]) + ")" }
	d.call["isascii"] = func(g *Emitter, c *plan.Call) string {
		s := g.Text(c.Args[0])
		return "(lengthUTF8(" + s + ") = length(" + s + "))"
	}
	d.call["strrep"] = func(g *Emitter, c *plan.Call) string {
		n, ok := constLong(c.Args[1])
		if !ok || n < 0 || n > 1024 || len(c.Args) > 2 {
			return ""
		}
		return "repeat(" + g.Text(c.Args[0]) + ", " + itoa(int(n)) + ")"
	}
	for name, f := range map[string]string{"hash_md5": "MD5", "hash_sha1": "SHA1", "hash_sha256": "SHA256"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if c.Args[0].Type() != plan.String || len(c.Args) != 1 {
				return ""
			}
			return "lower(hex(" + f + "(" + g.Expr(c.Args[0]) + ")))"
		}
	}
	d.call["base64_encode_tostring"] = func(g *Emitter, c *plan.Call) string { return "base64Encode(" + g.Text(c.Args[0]) + ")" }
}

func (d *clickhouse) concat(g *Emitter, args []plan.Expr, between string) string {
	parts := []string{"''"}
	for i, a := range args {
		if i > 0 && between != "" {
			parts = append(parts, between)
		}
		parts = append(parts, g.Text(a))
	}
	return "concat(" + strings.Join(append(parts, "''"), ", ") + ")"
}

// somewhere is a test for a text anywhere in s, not minding case.
func (d *clickhouse) somewhere(s, p string) string {
	if ascii(p) {
		return "positionCaseInsensitive(" + s + ", " + chQuote(p) + ") > 0"
	}
	return "position(" + d.Lower(s) + ", " + chQuote(strings.ToLower(p)) + ") > 0"
}

// variable is a string test whose right side is no constant.
func (d *clickhouse) variable(g *Emitter, name string, c *plan.Call) string {
	x, y := g.Text(c.Args[0]), g.Text(c.Args[1])
	base, cs := strings.CutSuffix(name, "_cs")
	if !cs {
		x, y = d.Lower(x), d.Lower(y)
	}
	switch base {
	case "contains":
		return "(position(" + x + ", " + y + ") > 0)"
	case "startswith":
		return "startsWith(" + x + ", " + y + ")"
	case "endswith":
		return "endsWith(" + x + ", " + y + ")"
	case "=~":
		return "(" + x + " = " + y + ")"
	}
	// Where the phrase begins or ends with a letter or digit, none may stand beside it.
	before, after := "''", "''"
	if base != "hassuffix" {
		before = "if(match(" + y + ", " + chQuote(`^[\p{L}\p{N}]`) + "), " + chQuote(`(?:^|`+boundary+`)`) + ", '')"
	}
	if base != "hasprefix" {
		after = "if(match(" + y + ", " + chQuote(`[\p{L}\p{N}]$`) + "), " + chQuote(`(?:$|`+boundary+`)`) + ", '')"
	}
	return "(position(" + x + ", " + y + ") > 0 AND match(" + x + ", concat('(?s)', " + before + ", regexpQuoteMeta(" + y + "), " + after + ")))"
}

// maxTokens is up to how many words are looked for as tokens one by one.
const maxTokens = 6

// chAlternatives bounds the words of one search; the server takes at most 255.
const chAlternatives = 60

// terms is the whole-term test for any of the words: the cheap search for the text anywhere, and where that hits, the look at what stands before and after.
func (d *clickhouse) terms(g *Emitter, x plan.Expr, words []string, fold, left, right bool) string {
	s := g.Text(x)
	var plain, other []string
	for _, w := range words {
		switch {
		case w == "":
			return "true"
		case ascii(w):
			plain = append(plain, w)
		default:
			other = append(other, w)
		}
	}
	var tests []string
	for from := 0; from < len(plain); from += chAlternatives {
		tests = append(tests, d.asciiTerms(s, plain[from:min(from+chAlternatives, len(plain))], fold, left, right))
	}
	for from := 0; from < len(other); from += chAlternatives {
		part := other[from:min(from+chAlternatives, len(other))]
		hay := s
		if fold {
			hay = d.Lower(s)
			lowered := make([]string, len(part))
			for i, w := range part {
				lowered[i] = strings.ToLower(w)
			}
			part = lowered
		}
		tests = append(tests, "multiSearchAny("+hay+", ["+quotedList(part)+"]) AND match("+hay+", "+chQuote(termPattern("(?s)", part, left, right))+")")
	}
	return "(" + strings.Join(tests, " OR ") + ")"
}

func (d *clickhouse) asciiTerms(s string, words []string, fold, left, right bool) string {
	flags, f := "(?s)", ""
	if fold {
		flags, f = "(?si)", "CaseInsensitive"
	}
	var quick string
	if len(words) == 1 {
		quick = "position" + f + "(" + s + ", " + chQuote(words[0]) + ") > 0"
	} else {
		quick = "multiSearchAny" + f + "(" + s + ", [" + quotedList(words) + "])"
	}
	pattern := termPattern(flags, words, left, right)
	if pattern == "" {
		return quick
	}
	// The short classes of ASCII decide it for texts of ASCII, and what they refuse the classes of all letters refuse too.
	// The long classes are made only where a text needs them, which takes a pattern that is no constant.
	ascii := "length(" + s + ") = lengthUTF8(" + s + ")"
	exact := "(match(" + s + ", " + chQuote(strings.ReplaceAll(pattern, boundary, "[^a-zA-Z0-9]")) + ") AND (" + ascii + " OR match(" + s + ", if(" + ascii + ", '', " + chQuote(pattern) + "))))"
	// Most texts that have the word have it as a token of the engine too; only the others need the expression.
	if left && right && len(words) <= maxTokens {
		var tokens []string
		for _, w := range words {
			if token(w) {
				tokens = append(tokens, "hasToken"+f+"("+s+", "+chQuote(w)+")")
			}
		}
		exact = "(" + strings.Join(append(tokens, exact), " OR ") + ")"
	}
	return quick + " AND " + exact
}

func quotedList(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = chQuote(w)
	}
	return strings.Join(out, ", ")
}

// token says that a word is letters and digits of ASCII only.
func token(w string) bool {
	for _, r := range w {
		if r >= utf8.RuneSelf || !termRune(r) {
			return false
		}
	}
	return w != ""
}

// termPattern is the expression for any of the words as a whole term, "" when no word has an end that needs a look.
func termPattern(flags string, words []string, left, right bool) string {
	// Words are grouped by which of their ends need a boundary.
	var groups [4][]string
	for _, w := range words {
		first, _ := utf8.DecodeRuneInString(w)
		last, _ := utf8.DecodeLastRuneInString(w)
		k := 0
		if left && termRune(first) {
			k |= 1
		}
		if right && termRune(last) {
			k |= 2
		}
		groups[k] = append(groups[k], regexp.QuoteMeta(w))
	}
	if len(groups[0]) == len(words) {
		return ""
	}
	var parts []string
	for k, list := range groups {
		if len(list) == 0 {
			continue
		}
		p := "(?:" + strings.Join(list, "|") + ")"
		if k&1 != 0 {
			p = "(?:^|" + boundary + ")" + p
		}
		if k&2 != 0 {
			p += "(?:$|" + boundary + ")"
		}
		parts = append(parts, p)
	}
	return flags + strings.Join(parts, "|")
}

// hasMany is has_any and has_all.
func (d *clickhouse) hasMany(g *Emitter, c *plan.Call, all bool) string {
	var words []string
	for _, a := range c.Args[1:] {
		w, ok := constText(a)
		if k, isConst := a.(*plan.Const); isConst && a.Type() == plan.Dynamic {
			list, ok := constStrings(k)
			if !ok {
				return g.Unsupported("a list of terms that are no strings")
			}
			words = append(words, list...)
			continue
		}
		if !ok {
			return g.Unsupported("a list of terms that is no constant")
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		if all {
			return "true"
		}
		return "false"
	}
	if !all {
		return d.terms(g, c.Args[0], words, true, true, true)
	}
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = d.terms(g, c.Args[0], []string{w}, true, true, true)
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

func (d *clickhouse) substring(g *Emitter, c *plan.Call) string {
	s := g.Text(c.Args[0])
	from := ""
	if start, ok := constLong(c.Args[1]); ok && start >= 0 {
		from = itoa(int(start) + 1)
	} else if t := c.Args[1].Type(); t == plan.Long || t == plan.Int {
		from = d.let(g, "ifNull("+g.As(c.Args[1], plan.Long)+", 0)", func(n string) string {
			return "(if(" + n + " < 0, greatest(toInt64(lengthUTF8(" + s + ")) + " + n + ", 0), least(" + n + ", 2147483647)) + 1)"
		})
	} else {
		return ""
	}
	if len(c.Args) == 2 {
		return "substringUTF8(" + s + ", " + from + ")"
	}
	if n, ok := constLong(c.Args[2]); ok {
		if n < 0 {
			return "substringUTF8(" + s + ", " + from + ")"
		}
		return "substringUTF8(" + s + ", " + from + ", " + itoa(int(n)) + ")"
	}
	if t := c.Args[2].Type(); t != plan.Long && t != plan.Int {
		return ""
	}
	n := "ifNull(" + g.As(c.Args[2], plan.Long) + ", -1)"
	return d.let(g, n, func(n string) string {
		return "substringUTF8(" + s + ", " + from + ", if(" + n + " < 0, 2147483647, least(" + n + ", 2147483647)))"
	})
}

// splitList is split(text, delimiter) as an array of the engine.
func (d *clickhouse) splitList(g *Emitter, c *plan.Call) string {
	p, ok := constText(c.Args[1])
	if !ok {
		return ""
	}
	if p == "" {
		return "[" + g.Text(c.Args[0]) + "]"
	}
	return "splitByString(" + chQuote(p) + ", " + g.Text(c.Args[0]) + ")"
}
