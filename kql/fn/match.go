package fn

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func matchFunctions() map[string]impl {
	type test = func(s, p string) bool
	fold := func(t test) test {
		return func(s, p string) bool { return t(strings.ToLower(s), strings.ToLower(p)) }
	}
	hasAt := func(left, right bool) test { return func(s, p string) bool { return hasTerm(s, p, left, right) } }
	one := map[string]test{
		"contains": fold(strings.Contains), "contains_cs": strings.Contains,
		"startswith": fold(strings.HasPrefix), "startswith_cs": strings.HasPrefix,
		"endswith": fold(strings.HasSuffix), "endswith_cs": strings.HasSuffix,
		"has": fold(hasAt(true, true)), "has_cs": hasAt(true, true),
		"hasprefix": fold(hasAt(true, false)), "hasprefix_cs": hasAt(true, false),
		"hassuffix": fold(hasAt(false, true)), "hassuffix_cs": hasAt(false, true),
		"=~": func(s, p string) bool { return strings.EqualFold(s, p) },
	}
	m := map[string]impl{}
	for name, t := range one {
		m[name] = func(c *call) any { return t(c.str(0), c.str(1)) }
		no := "!" + name
		if name == "=~" {
			no = "!~"
		}
		m[no] = func(c *call) any { return !t(c.str(0), c.str(1)) }
	}
	m["has_any"] = func(c *call) any { return c.hasMany(false) }
	m["!has_any"] = func(c *call) any { return !c.hasMany(false) }
	m["has_all"] = func(c *call) any { return c.hasMany(true) }
	m["has_any_index"] = func(c *call) any {
		s := strings.ToLower(c.str(0))
		for i, p := range c.operands(1) {
			if hasTerm(s, strings.ToLower(treeText(p)), true, true) {
				return int64(i)
			}
		}
		return int64(-1)
	}
	m["in"] = func(c *call) any { return c.among(false) }
	m["!in"] = func(c *call) any { return !c.among(false) }
	m["in~"] = func(c *call) any { return c.among(true) }
	m["!in~"] = func(c *call) any { return !c.among(true) }
	return m
}

// operands are the arguments from i on; arrays count as their elements.
func (c *call) operands(i int) []any {
	var out []any
	for ; i < len(c.args); i++ {
		v := c.dyn(i)
		if l, ok := v.([]any); ok {
			out = append(out, l...)
			continue
		}
		out = append(out, v)
	}
	return out
}

func (c *call) hasMany(all bool) bool {
	if array, ok := c.arg(1).V.(string); ok && !all && len(c.args) == 2 && c.arg(1).T == plan.Dynamic {
		if x := c.lib.terms.get(array); x != nil {
			return x.in(c.str(0))
		}
	}
	s := strings.ToLower(c.str(0))
	for _, p := range c.operands(1) {
		if hasTerm(s, strings.ToLower(treeText(p)), true, true) != all {
			return !all
		}
	}
	return all
}

func (c *call) among(fold bool) bool {
	x := c.arg(0)
	if x.Null() {
		return false
	}
	for i := 1; i < len(c.args); i++ {
		a := c.arg(i)
		if a.T != plan.Dynamic {
			if c.sameScalar(x, a, fold) {
				return true
			}
			continue
		}
		l, ok := c.dyn(i).([]any)
		if !ok {
			l = []any{c.dyn(i)}
		}
		for _, e := range l {
			v := scalarOf(e)
			if x.T != plan.Dynamic && x.T != v.T {
				v = Convert(v, x.T)
			}
			if c.sameScalar(x, v, fold) {
				return true
			}
		}
	}
	return false
}

func (c *call) sameScalar(a, b Value, fold bool) bool {
	a, b = unwrap(a), unwrap(b)
	if a.Null() || b.Null() {
		return false
	}
	if fold {
		return strings.EqualFold(text(a), text(b))
	}
	n, ok := compare(a, b)
	return ok && n == 0
}

// hasTerm reports whether p occurs in s as whole terms: where p begins (or ends) with a letter or digit, none stands before (or after) it.
func hasTerm(s, p string, left, right bool) bool {
	if p == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(p)
	last, _ := utf8.DecodeLastRuneInString(p)
	left, right = left && termRune(first), right && termRune(last)
	for from := 0; ; {
		i := strings.Index(s[from:], p)
		if i < 0 {
			return false
		}
		i += from
		ok := true
		if left && i > 0 {
			r, _ := utf8.DecodeLastRuneInString(s[:i])
			ok = !termRune(r)
		}
		if end := i + len(p); ok && right && end < len(s) {
			r, _ := utf8.DecodeRuneInString(s[end:])
			ok = !termRune(r)
		}
		if ok {
			return true
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		from = i + n
	}
}

func termRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}
