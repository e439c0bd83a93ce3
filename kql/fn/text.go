package fn

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxText bounds the text one call may build; longer results are null, as a value of that size is in the language.
const maxText = 64 << 20

func textFunctions() map[string]impl {
	return map[string]impl{
		"strcat": func(c *call) any {
			var b strings.Builder
			for i := range c.args {
				b.WriteString(c.str(i))
			}
			return b.String()
		},
		"strcat_delim": func(c *call) any {
			parts := make([]string, 0, len(c.args))
			for i := 1; i < len(c.args); i++ {
				parts = append(parts, c.str(i))
			}
			return strings.Join(parts, c.str(0))
		},
		"strcat_array": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return ""
			}
			parts := make([]string, len(l))
			for i, e := range l {
				parts[i] = treeText(e)
			}
			return strings.Join(parts, c.str(1))
		},
		"strlen":      func(c *call) any { return int64(utf8.RuneCountInString(c.str(0))) },
		"string_size": func(c *call) any { return int64(len(c.str(0))) },
		"strcmp":      func(c *call) any { return int64(strings.Compare(c.str(0), c.str(1))) },
		"strrep": func(c *call) any {
			s, n, d := c.str(0), min(max(c.longOr(1, 0), 0), 1024), c.str(2)
			if n*int64(len(s)+len(d)) > maxText {
				return fmtLimit("text")
			}
			parts := make([]string, n)
			for i := range parts {
				parts[i] = s
			}
			return strings.Join(parts, d)
		},
		"tolower": func(c *call) any { return strings.ToLower(c.str(0)) },
		"toupper": func(c *call) any { return strings.ToUpper(c.str(0)) },
		"reverse": func(c *call) any {
			r := []rune(c.str(0))
			for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
				r[i], r[j] = r[j], r[i]
			}
			return string(r)
		},
		"substring": substring,
		"indexof":   indexOf,
		"split":     split,
		"replace_string": func(c *call) any {
			if c.str(1) == "" {
				return c.str(0)
			}
			return strings.ReplaceAll(c.str(0), c.str(1), c.str(2))
		},
		"replace_strings": replaceStrings,
		"translate":       translate,
		"countof":         countOf,
		"repeat": func(c *call) any {
			n := c.longOr(1, -1)
			if n < 0 {
				return nil
			}
			if n > maxArray {
				return fmtLimit("array")
			}
			out := make([]any, n)
			v := c.dyn(0)
			for i := range out {
				out[i] = v
			}
			return tree{out}
		},
		"isascii": func(c *call) any {
			for _, b := range []byte(c.str(0)) {
				if b >= utf8.RuneSelf {
					return false
				}
			}
			return true
		},
		"isutf8":      func(c *call) any { return utf8.ValidString(c.str(0)) },
		"make_string": fromCodePoints, "unicode_codepoints_to_string": fromCodePoints,
		"to_utf8": codePoints, "unicode_codepoints_from_string": codePoints,
		"format_bytes": formatBytes,
		"tohex":        toHex,
	}
}

func substring(c *call) any {
	r := []rune(c.str(0))
	n := int64(len(r))
	start := c.longOr(1, 0)
	if start < 0 {
		start = max(n+start, 0)
	}
	if start >= n {
		return ""
	}
	end := n
	if !c.null(2) {
		length := c.longOr(2, 0)
		if length >= 0 && length < n-start {
			end = start + length
		}
	}
	return string(r[start:end])
}

// indexOf(source, lookup [, start [, length [, occurrence]]]) counts characters from zero; -1 when there is none.
func indexOf(c *call) any {
	if c.null(0) || c.null(1) {
		return nil
	}
	r, p := []rune(c.str(0)), []rune(c.str(1))
	n := int64(len(r))
	start := c.longOr(2, 0)
	if start < 0 {
		start = max(n+start, 0)
	}
	end := n
	if length := c.longOr(3, -1); length >= 0 && start <= n && length < n-start {
		end = start + length
	}
	nth := c.longOr(4, 1)
	if nth < 1 || start > n {
		return int64(-1)
	}
	for i := start; i+int64(len(p)) <= end; i++ {
		if string(r[i:i+int64(len(p))]) == string(p) {
			if nth--; nth == 0 {
				return i
			}
		}
	}
	return int64(-1)
}

func split(c *call) any {
	s, d := c.str(0), c.str(1)
	var parts []string
	if d == "" {
		parts = []string{s}
	} else {
		parts = strings.Split(s, d)
	}
	if !c.null(2) {
		i := c.longOr(2, 0)
		if i < 0 || i >= int64(len(parts)) {
			return nil
		}
		parts = parts[i : i+1]
	}
	return tree{strs(parts)}
}

func strs(parts []string) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}

func replaceStrings(c *call) any {
	s := c.str(0)
	from, ok := c.list(1)
	if !ok {
		return s
	}
	to, one := c.dyn(2), ""
	list, many := to.([]any)
	if !many {
		one = treeText(to)
	}
	for i, f := range from {
		with := one
		if many {
			if i >= len(list) {
				break
			}
			with = treeText(list[i])
		}
		if p := treeText(f); p != "" {
			s = strings.ReplaceAll(s, p, with)
		}
	}
	return s
}

// translate(from, to, text) replaces characters; a short `to` repeats its last character, an empty one removes.
func translate(c *call) any {
	from, to := []rune(c.str(0)), []rune(c.str(1))
	m := map[rune]rune{}
	for i, r := range from {
		switch {
		case len(to) == 0:
			m[r] = -1
		case i < len(to):
			m[r] = to[i]
		default:
			m[r] = to[len(to)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if x, ok := m[r]; ok {
			return x
		}
		return r
	}, c.str(2))
}

// countOf counts plain matches with overlap and regular expression matches without.
func countOf(c *call) any {
	s, p := c.str(0), c.str(1)
	if c.n() > 2 && strings.EqualFold(c.str(2), "regex") {
		re, err := c.lib.regex.get(p)
		if err != nil {
			return err
		}
		return int64(len(re.FindAllStringIndex(s, -1)))
	}
	if p == "" {
		return int64(0)
	}
	n := int64(0)
	for {
		i := strings.Index(s, p)
		if i < 0 {
			return n
		}
		n++
		s = s[i+1:]
	}
}

func fromCodePoints(c *call) any {
	var b strings.Builder
	for _, v := range c.operands(0) {
		if n, ok := v.(int64); ok && n >= 0 && n <= utf8.MaxRune {
			b.WriteRune(rune(n))
		}
	}
	return b.String()
}

func codePoints(c *call) any {
	out := []any{}
	for _, r := range c.str(0) {
		out = append(out, int64(r))
	}
	return tree{out}
}

func formatBytes(c *call) any {
	v, ok := c.real(0)
	if !ok {
		return ""
	}
	units := []string{"Bytes", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	precision := int(min(max(c.longOr(1, 0), 0), 15))
	unit := -1
	if c.n() > 2 {
		for i, u := range units {
			if strings.EqualFold(u, c.str(2)) {
				unit = i
			}
		}
	}
	i := 0
	for ; i < len(units)-1; i++ {
		if unit >= 0 && i == unit || unit < 0 && v < 1024 && v > -1024 {
			break
		}
		v /= 1024
	}
	s := strconv.FormatFloat(v, 'f', precision, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + " " + units[i]
}

func toHex(c *call) any {
	n, ok := c.long(0)
	if !ok {
		return ""
	}
	var s string
	if c.arg(0).T == plan.Int {
		s = strconv.FormatUint(uint64(uint32(n)), 16)
	} else {
		s = strconv.FormatUint(uint64(n), 16)
	}
	if width := c.longOr(1, 0); width > int64(len(s)) && width <= 1024 {
		s = strings.Repeat("0", int(width)-len(s)) + s
	}
	return s
}
