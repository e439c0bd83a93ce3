package sqlgen

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (d *duck) strings() {
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
				p, ok := constText(c.Args[1])
				if !ok {
					return d.variable(g, name, no, c)
				}
				s := t(g, c.Args[0], p)
				if no {
					return "(NOT " + s + ")"
				}
				return s
			}
		}
	}
	both("contains_cs", func(g *Emitter, x plan.Expr, p string) string { return "contains(" + g.Text(x) + ", " + quote(p) + ")" })
	both("contains", func(g *Emitter, x plan.Expr, p string) string { return found(g.Text(x), p) })
	both("startswith_cs", func(g *Emitter, x plan.Expr, p string) string {
		return "starts_with(" + g.Text(x) + ", " + quote(p) + ")"
	})
	both("endswith_cs", func(g *Emitter, x plan.Expr, p string) string {
		return "ends_with(" + g.Text(x) + ", " + quote(p) + ")"
	})
	both("startswith", func(g *Emitter, x plan.Expr, p string) string {
		s := g.Text(x)
		short := "starts_with(lower(" + s + "), " + quote(strings.ToLower(p)) + ")"
		if plainPattern(p) {
			short = s + " ILIKE " + quote(p+"%")
		}
		return byLength(s, p, short, "^"+folded(p))
	})
	both("endswith", func(g *Emitter, x plan.Expr, p string) string {
		s := g.Text(x)
		return byLength(s, p, "ends_with(lower("+s+"), "+quote(strings.ToLower(p))+")", folded(p)+"$")
	})
	both("=~", func(g *Emitter, x plan.Expr, p string) string {
		s := g.Text(x)
		if ascii(p) && !computed(s) {
			// A text of another length is another text.
			return "(strlen(" + s + ") = " + itoa(len(p)) + " AND lower(" + s + ") = " + quote(strings.ToLower(p)) + ")"
		}
		return "(lower(" + s + ") = " + quote(strings.ToLower(p)) + ")"
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
	d.call["matches regex"] = func(g *Emitter, c *plan.Call) string {
		re, ok := g.pattern(c.Args[1])
		if !ok {
			return ""
		}
		return "regexp_matches(" + g.Text(c.Args[0]) + ", " + quote(re.String()) + ")"
	}
	d.call["extract"] = d.extract
	d.call["replace_regex"] = func(g *Emitter, c *plan.Call) string {
		re, ok := g.pattern(c.Args[1])
		with, okw := constText(c.Args[2])
		if !ok || !okw || !plainRewrite(with, re.NumSubexp()) {
			return ""
		}
		return "regexp_replace(" + g.Text(c.Args[0]) + ", " + quote(re.String()) + ", " + quote(with) + ", 'g')"
	}
	d.call["replace_string"] = func(g *Emitter, c *plan.Call) string {
		if p, ok := constText(c.Args[1]); !ok || p == "" {
			return ""
		}
		return "replace(" + g.Text(c.Args[0]) + ", " + g.Text(c.Args[1]) + ", " + g.Text(c.Args[2]) + ")"
	}
	d.call["tolower"] = wrap("lower")
	d.call["toupper"] = wrap("upper")
	d.call["strlen"] = func(g *Emitter, c *plan.Call) string { return "length(" + g.Text(c.Args[0]) + ")" }
	d.call["string_size"] = func(g *Emitter, c *plan.Call) string { return "strlen(" + g.Text(c.Args[0]) + ")" }
	d.call["strcat"] = func(g *Emitter, c *plan.Call) string {
		parts := make([]string, len(c.Args))
		for i, a := range c.Args {
			parts[i] = g.Text(a)
		}
		return "(" + strings.Join(parts, " || ") + ")"
	}
	d.call["substring"] = func(g *Emitter, c *plan.Call) string {
		start, ok := constLong(c.Args[1])
		if !ok || start < 0 {
			return ""
		}
		if len(c.Args) == 2 {
			return "substring(" + g.Text(c.Args[0]) + ", " + itoa(int(start)+1) + ")"
		}
		n, ok := constLong(c.Args[2])
		if !ok || n < 0 {
			return ""
		}
		return "substring(" + g.Text(c.Args[0]) + ", " + itoa(int(start)+1) + ", " + itoa(int(n)) + ")"
	}
	d.call["indexof"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) > 2 {
			return ""
		}
		if p, ok := constText(c.Args[1]); !ok || p == "" {
			return ""
		}
		return "(strpos(" + g.Text(c.Args[0]) + ", " + g.Text(c.Args[1]) + ") - 1)"
	}
	d.call["split"] = func(g *Emitter, c *plan.Call) string {
		if p, ok := constText(c.Args[1]); !ok || p == "" || len(c.Args) > 2 {
			return ""
		}
		return "CAST(to_json(string_split(" + g.Text(c.Args[0]) + ", " + g.Text(c.Args[1]) + ")) AS VARCHAR)"
	}
}

func wrap(f string) func(*Emitter, *plan.Call) string {
	return func(g *Emitter, c *plan.Call) string { return f + "(" + g.Text(c.Args[0]) + ")" }
}

// longText is the length in bytes from which the engine's regular expressions beat lower(), which reads every text twice. Below it lower() is the
// faster one, and for columns that the engine keeps as a dictionary it is computed once for each different value.
const longText = 160

// byLength chooses between two forms of a test by the length of the text; p is what the test looks for. A text that is computed is computed once.
func byLength(s, p, short, pattern string) string {
	if !ascii(p) {
		return "(" + short + ")"
	}
	if computed(s) {
		return "regexp_matches(" + s + ", " + quote("(?s)"+pattern) + ")"
	}
	return "CASE WHEN strlen(" + s + ") < " + itoa(longText) + " THEN " + short + " ELSE regexp_matches(" + s + ", " + quote("(?s)"+pattern) + ") END"
}

// computed says that naming the value twice computes it twice.
func computed(s string) bool { return strings.Contains(s, "(") }

// found tests whether a text holds p in any letter case.
func found(s, p string) string {
	return byLength(s, p, "contains(lower("+s+"), "+quote(strings.ToLower(p))+")", folded(p))
}

// folded is an ASCII text as a pattern that ignores letter case. Outside of ASCII no letter counts as one of it, as the long s does with the flag i; that
// also lets the engine search for the pattern's beginning rather than try it everywhere.
func folded(p string) string {
	var b strings.Builder
	b.WriteString("(?:")
	for i := range len(p) {
		switch c := p[i] | 0x20; {
		case c >= 'a' && c <= 'z':
			b.WriteString("[" + strings.ToUpper(string(c)) + string(c) + "]")
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	return b.String() + ")"
}

// variable is a string test whose right side is no constant.
func (d *duck) variable(g *Emitter, name string, no bool, c *plan.Call) string {
	x, y := g.Text(c.Args[0]), g.Text(c.Args[1])
	s := ""
	switch name {
	case "contains_cs":
		s = "contains(" + x + ", " + y + ")"
	case "contains":
		s = "contains(lower(" + x + "), lower(" + y + "))"
	case "startswith_cs":
		s = "starts_with(" + x + ", " + y + ")"
	case "startswith":
		s = "starts_with(lower(" + x + "), lower(" + y + "))"
	case "endswith_cs":
		s = "ends_with(" + x + ", " + y + ")"
	case "endswith":
		s = "ends_with(lower(" + x + "), lower(" + y + "))"
	case "=~":
		s = "(lower(" + x + ") = lower(" + y + "))"
	default:
		s = d.udfSQL(name, plan.Bool, []plan.Type{plan.String, plan.String}, []string{x, y})
		if !strings.HasSuffix(name, "_cs") {
			s = "CASE WHEN contains(lower(" + x + "), lower(" + y + ")) THEN " + s + " ELSE false END"
		}
	}
	if no {
		return "(NOT " + s + ")"
	}
	return s
}

func constText(e plan.Expr) (string, bool) {
	c, ok := e.(*plan.Const)
	if !ok {
		return "", false
	}
	s, _ := fn.Convert(fn.Value{T: c.T, V: constant(c)}, plan.String).V.(string)
	return s, true
}

func constLong(e plan.Expr) (int64, bool) {
	c, ok := e.(*plan.Const)
	if !ok {
		return 0, false
	}
	n, ok := constant(c).(int64)
	return n, ok && n < 1<<31 && n > -(1<<31)
}

func foldText(c *plan.Const) *plan.Const {
	s, _ := constText(c)
	return &plan.Const{T: plan.String, Value: strings.ToLower(s)}
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plainPattern says that a text has nothing that LIKE reads as a wildcard.
func plainPattern(s string) bool { return ascii(s) && !strings.ContainsAny(s, "%_\x00") }

// plainRewrite says that a replacement means the same to the engine: \0..\9 for existing groups and nothing else behind a backslash.
func plainRewrite(s string, groups int) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if i >= len(s) || s[i] < '0' || s[i] > '9' || int(s[i]-'0') > groups {
			return false
		}
	}
	return true
}

// pattern is a constant regular expression, checked.
func (g *Emitter) pattern(e plan.Expr) (*regexp.Regexp, bool) {
	p, ok := constText(e)
	if !ok {
		return nil, false
	}
	re, err := fn.CompileRegex(p)
	if err != nil {
		g.Fail(&EvalError{Err: err})
		return nil, false
	}
	return re, true
}

// notTerm is a character that surely ends a term. What is beyond ASCII is left to the function in Go: the engine takes milliseconds to compile a class
// of all letters.
const notTerm = "[\\x00-/:-@\\[-`{-\\x7f]"

// maxAlternatives bounds the words of one regular expression, whose size the engine limits.
const maxAlternatives = 64

// terms is the whole-term test for any of the words: first the cheap search for the text anywhere, then, where that hits, the look at what stands before
// and after it.
func (d *duck) terms(g *Emitter, x plan.Expr, words []string, fold, left, right bool) string {
	if len(words) > maxAlternatives {
		var parts []string
		for from := 0; from < len(words); from += maxAlternatives {
			parts = append(parts, d.terms(g, x, words[from:min(from+maxAlternatives, len(words))], fold, left, right))
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	}
	s := g.Text(x)
	flags := "(?s)"
	if fold {
		flags = "(?si)"
	}
	bare := make([]string, 0, len(words))
	// Words are grouped by which of their ends need a boundary.
	var groups [4][]string
	for _, w := range words {
		if w == "" {
			return "true"
		}
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
		if fold {
			w = strings.ToLower(w)
		}
		bare = append(bare, w)
	}
	quick := d.anyOf(s, bare, fold)
	if len(groups[0]) == len(words) {
		return "(" + quick + ")"
	}
	var bounded []string
	for k, list := range groups {
		if len(list) == 0 {
			continue
		}
		p := strings.Join(list, "|")
		if len(list) > 1 {
			p = "(?:" + p + ")"
		}
		if k&1 != 0 {
			p = "(?:^|" + notTerm + ")" + p
		}
		if k&2 != 0 {
			p += "(?:$|" + notTerm + ")"
		}
		bounded = append(bounded, p)
	}
	exact := "regexp_matches(" + s + ", " + quote(flags+strings.Join(bounded, "|")) + ")"
	// CASE keeps the costly parts to the rows that come to them; AND and OR would compute them for all.
	return "CASE WHEN " + quick + " THEN CASE WHEN " + exact + " THEN true WHEN strlen(" + s + ") <> length(" + s + ") THEN " +
		d.termsInGo(s, words, fold, left, right) + " ELSE false END ELSE false END"
}

// anyOf tests whether a text holds any of the words, which are in lower case when letter case does not matter.
func (d *duck) anyOf(s string, words []string, fold bool) string {
	parts := make([]string, len(words))
	if len(words) <= 2 {
		for i, w := range words {
			if fold {
				parts[i] = found(s, w)
			} else {
				parts[i] = "contains(" + s + ", " + quote(w) + ")"
			}
		}
		return strings.Join(parts, " OR ")
	}
	hay := s
	for i, w := range words {
		switch {
		case fold && ascii(w):
			parts[i] = folded(w)
		default:
			parts[i] = regexp.QuoteMeta(w)
		}
		if fold && !ascii(w) {
			hay = "lower(" + s + ")"
		}
	}
	return "regexp_matches(" + hay + ", " + quote("(?s)"+strings.Join(parts, "|")) + ")"
}

// termsInGo is the whole-term test by the function in Go.
func (d *duck) termsInGo(s string, words []string, fold, left, right bool) string {
	name := "has"
	switch {
	case left && !right:
		name = "hasprefix"
	case right && !left:
		name = "hassuffix"
	case len(words) > 1:
		name = "has_any"
	}
	if !fold {
		name += "_cs"
	}
	if len(words) == 1 || name == "has_any" {
		types, args := []plan.Type{plan.String}, []string{s}
		for _, w := range words {
			types, args = append(types, plan.String), append(args, quote(w))
		}
		return d.udfSQL(name, plan.Bool, types, args)
	}
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = d.udfSQL(name, plan.Bool, []plan.Type{plan.String, plan.String}, []string{s, quote(w)})
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func termRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// hasMany is has_any and has_all.
func (d *duck) hasMany(g *Emitter, c *plan.Call, all bool) string {
	var words []string
	for _, a := range c.Args[1:] {
		w, ok := constText(a)
		if !ok || a.Type() == plan.Dynamic {
			name := "has_any"
			if all {
				name = "has_all"
			}
			x := &sqlExpr{sql: g.Text(c.Args[0]), t: plan.String}
			return d.udf(g, name, plan.Bool, append([]plan.Expr{x}, c.Args[1:]...))
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

func (d *duck) extract(g *Emitter, c *plan.Call) string {
	re, ok := g.pattern(c.Args[0])
	n, okn := constLong(c.Args[1])
	if !ok || !okn || n < 0 || len(c.Args) < 3 {
		return ""
	}
	if n > int64(re.NumSubexp()) {
		return g.d.Literal(c.T, nullFor(c.T))
	}
	s := "regexp_extract(" + g.Text(c.Args[2]) + ", " + quote(re.String()) + ", " + itoa(int(n)) + ")"
	if c.T == plan.String {
		return s
	}
	return g.d.Convert(g, s, plan.String, c.T)
}
