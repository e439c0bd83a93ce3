package fn

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// regexCache keeps compiled patterns. It is emptied when full, so patterns made per row cannot fill memory.
type regexCache struct {
	mu sync.RWMutex
	m  map[string]*regexp.Regexp
}

const regexCacheSize = 1024

func (r *regexCache) get(p string) (*regexp.Regexp, error) {
	r.mu.RLock()
	re := r.m[p]
	r.mu.RUnlock()
	if re != nil {
		return re, nil
	}
	re, err := CompileRegex(p)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m) >= regexCacheSize || r.m == nil {
		r.m = make(map[string]*regexp.Regexp, 64)
	}
	r.m[p] = re
	return re, nil
}

// CompileRegex compiles a pattern of the language. It is RE2 syntax, and beyond that \uXXXX and (?<name>…).
func CompileRegex(p string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(re2Syntax(p))
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q is not valid: %s", shorten(p, 200), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

// re2Syntax rewrites what RE2 spells otherwise.
func re2Syntax(p string) string {
	if !strings.Contains(p, "(?<") && !strings.Contains(p, `\u`) {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			if p[i+1] == 'u' {
				if strings.HasPrefix(p[i+2:], "{") {
					b.WriteString(`\x`)
					i++
					continue
				}
				if i+6 <= len(p) {
					if _, err := strconv.ParseUint(p[i+2:i+6], 16, 32); err == nil {
						b.WriteString(`\x{` + p[i+2:i+6] + `}`)
						i += 5
						continue
					}
				}
			}
			b.WriteString(p[i : i+2])
			i++
		case strings.HasPrefix(p[i:], "(?<") && !strings.HasPrefix(p[i:], "(?<=") && !strings.HasPrefix(p[i:], "(?<!"):
			b.WriteString("(?P<")
			i += 2
		default:
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

func regexFunctions() map[string]impl {
	return map[string]impl{
		"matches regex": func(c *call) any {
			re, err := c.lib.regex.get(c.str(1))
			if err != nil {
				return err
			}
			return re.MatchString(c.str(0))
		},
		"extract":       extract,
		"extract_all":   extractAll,
		"replace_regex": replaceRegex,
		"indexof_regex": indexOfRegex,
		"regex_quote":   func(c *call) any { return regexp.QuoteMeta(c.str(0)) },
		"trim":          trimmer(true, true), "trim_start": trimmer(true, false), "trim_end": trimmer(false, true),
		"__parse": parseMatch,
	}
}

func extract(c *call) any {
	re, err := c.lib.regex.get(c.str(0))
	if err != nil {
		return err
	}
	g := c.longOr(1, 0)
	m := re.FindStringSubmatchIndex(c.str(2))
	if m == nil || g < 0 || 2*g+1 >= int64(len(m)) || m[2*g] < 0 {
		if c.t == plan.String {
			return ""
		}
		return nil
	}
	v := Value{T: plan.String, V: c.str(2)[m[2*g]:m[2*g+1]]}
	return Convert(v, c.t).V
}

// extract_all(regex [, groups], text): the matches of the one group, or per match an array of the groups.
func extractAll(c *call) any {
	re, err := c.lib.regex.get(c.str(0))
	if err != nil {
		return err
	}
	s := c.str(c.n() - 1)
	var groups []int
	if c.n() > 2 {
		l, _ := c.list(1)
		for _, e := range l {
			switch x := e.(type) {
			case int64:
				if x >= 0 && x <= int64(re.NumSubexp()) {
					groups = append(groups, int(x))
				}
			case string:
				if i := re.SubexpIndex(x); i >= 0 {
					groups = append(groups, i)
				}
			}
		}
	} else {
		for i := 1; i <= re.NumSubexp(); i++ {
			groups = append(groups, i)
		}
		if len(groups) == 0 {
			groups = []int{0}
		}
	}
	matches := re.FindAllStringSubmatch(s, -1)
	if matches == nil {
		return nil
	}
	out := make([]any, 0, len(matches))
	for _, m := range matches {
		if len(groups) == 1 {
			out = append(out, m[groups[0]])
			continue
		}
		row := make([]any, len(groups))
		for i, g := range groups {
			row[i] = m[g]
		}
		out = append(out, row)
	}
	return tree{out}
}

// goReplacement turns \1 into ${1} and keeps dollars as they are.
func goReplacement(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$':
			b.WriteString("$$")
		case s[i] == '\\' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			b.WriteString("${" + s[i+1:i+2] + "}")
			i++
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// replace_regex(text, regex, rewrite)
func replaceRegex(c *call) any {
	re, err := c.lib.regex.get(c.str(1))
	if err != nil {
		return err
	}
	return re.ReplaceAllString(c.str(0), goReplacement(c.str(2)))
}

// indexof_regex(text, regex [, start [, length [, occurrence]]]) counts characters from zero.
func indexOfRegex(c *call) any {
	re, err := c.lib.regex.get(c.str(1))
	if err != nil {
		return err
	}
	r := []rune(c.str(0))
	n := int64(len(r))
	start, length, nth := c.longOr(2, 0), c.longOr(3, -1), c.longOr(4, 1)
	if start < 0 {
		start = max(n+start, 0)
	}
	if start > n || nth < 1 {
		return int64(-1)
	}
	end := n
	if length >= 0 && length < n-start {
		end = start + length
	}
	s := string(r[start:end])
	m := re.FindAllStringIndex(s, int(min(nth, 1<<30)))
	if int64(len(m)) < nth {
		return int64(-1)
	}
	return start + int64(len([]rune(s[:m[nth-1][0]])))
}

// trimmer removes one match of the pattern at the start, the end, or both.
func trimmer(start, end bool) impl {
	return func(c *call) any {
		s := c.str(1)
		if start {
			re, err := c.lib.regex.get(`^(?:` + c.str(0) + `)`)
			if err != nil {
				return err
			}
			if m := re.FindStringIndex(s); m != nil {
				s = s[m[1]:]
			}
		}
		if end {
			re, err := c.lib.regex.get(`(?:` + c.str(0) + `)$`)
			if err != nil {
				return err
			}
			if m := re.FindStringIndex(s); m != nil {
				s = s[:m[0]]
			}
		}
		return s
	}
}

// __parse(text, regex) gives the groups of the first match as an array, null when there is none. The parse operators are built on it.
func parseMatch(c *call) any {
	re, err := c.lib.regex.get(c.str(1))
	if err != nil {
		return err
	}
	m := re.FindStringSubmatch(c.str(0))
	if m == nil {
		return nil
	}
	return tree{strs(m[1:])}
}
