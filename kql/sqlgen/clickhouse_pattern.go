package sqlgen

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// quotePattern is a regular expression as a literal. A dot does not match the end of a line unless the pattern says so; the engine has it the other way.
// Where no dot minds, nothing is said: the engine looks for the plain text of a pattern first, but only where the pattern begins without flags.
func quotePattern(re *regexp.Regexp) string { return chQuote(lineFlag(re) + re.String()) }

func lineFlag(re *regexp.Regexp) string {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err == nil && !stopsAtLines(tree) {
		return ""
	}
	return "(?-s)"
}

// stopsAtLines says that a pattern has a dot that does not match the end of a line.
func stopsAtLines(re *syntax.Regexp) bool {
	return re.Op == syntax.OpAnyCharNotNL || slices.ContainsFunc(re.Sub, stopsAtLines)
}

func (d *clickhouse) patterns() {
	d.call["matches regex"] = func(g *Emitter, c *plan.Call) string {
		re, ok := g.pattern(c.Args[1])
		if !ok {
			return ""
		}
		return "(match(" + g.Text(c.Args[0]) + ", " + quotePattern(re) + ") <> 0)"
	}
	d.call["extract"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) < 3 {
			return ""
		}
		re, ok := g.pattern(c.Args[0])
		n, okn := constLong(c.Args[1])
		if !ok || !okn || n < 0 {
			return ""
		}
		if n > int64(re.NumSubexp()) {
			return d.Literal(c.T, nullFor(c.T))
		}
		s := "regexpExtract(" + g.Text(c.Args[2]) + ", " + quotePattern(re) + ", " + itoa(int(n)) + ")"
		switch {
		case re.NumSubexp() == 0:
			s = "extract(" + g.Text(c.Args[2]) + ", " + chQuote(lineFlag(re)+"("+re.String()+")") + ")"
		case n == 1:
			s = "extract(" + g.Text(c.Args[2]) + ", " + quotePattern(re) + ")"
		}
		if c.T == plan.String {
			return s
		}
		return d.Convert(g, s, plan.String, c.T)
	}
	d.call["extract_all"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) != 2 {
			return ""
		}
		re, ok := g.pattern(c.Args[0])
		if !ok || re.NumSubexp() > 1 || re.MatchString("") {
			return ""
		}
		list := "extractAll(" + g.Text(c.Args[1]) + ", " + quotePattern(re) + ")"
		return "if(empty(" + list + "), NULL, toJSONString(" + list + "))"
	}
	d.call["replace_regex"] = func(g *Emitter, c *plan.Call) string {
		re, ok := g.pattern(c.Args[1])
		with, okw := constText(c.Args[2])
		if !ok || !okw || !plainRewrite(with, re.NumSubexp()) || re.MatchString("") {
			return ""
		}
		return "replaceRegexpAll(" + g.Text(c.Args[0]) + ", " + quotePattern(re) + ", " + chQuote(with) + ")"
	}
	for name, ends := range map[string][2]bool{"trim": {true, true}, "trim_start": {true, false}, "trim_end": {false, true}} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			re, ok := g.pattern(c.Args[0])
			if !ok {
				return ""
			}
			s := g.Text(c.Args[1])
			if ends[0] {
				s = "replaceRegexpOne(" + s + ", " + chQuote("(?-s)^(?:"+re.String()+")") + ", '')"
			}
			if ends[1] {
				s = "replaceRegexpOne(" + s + ", " + chQuote("(?-s)(?:"+re.String()+")$") + ", '')"
			}
			return s
		}
	}
	d.call["countof"] = func(g *Emitter, c *plan.Call) string {
		p, ok := constText(c.Args[1])
		if !ok {
			return ""
		}
		if len(c.Args) > 2 {
			kind, ok := constText(c.Args[2])
			if ok && strings.EqualFold(kind, "regex") {
				re, ok := g.pattern(c.Args[1])
				if !ok || re.MatchString("") {
					return ""
				}
				return "toInt64(countMatches(" + g.Text(c.Args[0]) + ", " + quotePattern(re) + "))"
			}
			if !ok {
				return ""
			}
		}
		if p == "" {
			return "toInt64(0)"
		}
		// Matches may overlap; the engine counts those that do not.
		for i := 1; i < len(p); i++ {
			if strings.HasPrefix(p, p[i:]) {
				return ""
			}
		}
		return "toInt64(countSubstrings(" + g.Text(c.Args[0]) + ", " + chQuote(p) + "))"
	}
	d.call["__parse"] = func(g *Emitter, c *plan.Call) string {
		list := d.groups(g, c)
		if list == "" {
			return ""
		}
		return "if(empty(" + list + "), NULL, toJSONString(" + list + "))"
	}
}

// groups are the groups of the first match as an array of the engine, empty where there is none.
func (d *clickhouse) groups(g *Emitter, c *plan.Call) string {
	re, ok := g.pattern(c.Args[1])
	if !ok || re.NumSubexp() == 0 || c.Args[0].Type() != plan.String {
		return ""
	}
	return "extractGroups(" + g.Text(c.Args[0]) + ", " + quotePattern(re) + ")"
}
