package fn

import (
	"strings"
	"unicode"
)

// kvFunctions serve the parse-kv operator. The binder gives the options as a bag: pair_delimiter, kv_delimiter, quote, quotes, escape, greedy, regex, and
// keys, the names that are wanted.
func kvFunctions() map[string]impl {
	return map[string]impl{"__parse_kv": parseKV}
}

// __parse_kv(text, options) gives a bag with the text of each key found.
func parseKV(c *call) any {
	s := c.str(0)
	opts, _ := c.dyn(1).(*bag)
	if opts == nil {
		opts = newBag(0)
	}
	option := func(name string) string { return treeText(opts.vals[name]) }
	keys := map[string]bool{}
	want, _ := opts.vals["keys"].([]any)
	for _, k := range want {
		keys[treeText(k)] = true
	}
	out := newBag(len(keys))
	found := func(k, v string) {
		if _, has := out.get(k); keys[k] && !has {
			out.set(k, v)
		}
	}
	if p := option("regex"); p != "" {
		re, err := c.lib.regex.get(p)
		if err != nil {
			return err
		}
		for _, m := range re.FindAllStringSubmatch(s, -1) {
			if len(m) > 2 {
				found(m[1], m[2])
			}
		}
		return tree{out}
	}
	r := kvReader{s: s, pair: option("pair_delimiter"), kv: option("kv_delimiter"), escape: option("escape"), quotes: option("quote"), keys: keys}
	switch q := opts.vals["quotes"].(type) {
	case string:
		r.quotes = q
	case []any:
		r.quotes = ""
		for _, e := range q {
			r.quotes += treeText(e)
		}
	}
	if greedy, _ := opts.vals["greedy"].(bool); greedy || option("greedy") == "true" {
		r.greedy(found)
	} else {
		r.read(found)
	}
	return tree{out}
}

type kvReader struct {
	s, pair, kv, escape, quotes string
	i                           int
	keys                        map[string]bool
}

// delimiter is the length of the delimiter d at i: itself, or without one any run of characters that are no part of a word.
func (r *kvReader) delimiter(i int, d string, free func(rune) bool) int {
	if d != "" {
		if strings.HasPrefix(r.s[i:], d) {
			return len(d)
		}
		return 0
	}
	n := 0
	for _, c := range r.s[i:] {
		if !free(c) {
			break
		}
		n += len(string(c))
	}
	return n
}

func notWord(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }

func (r *kvReader) isPair(i int) int {
	return r.delimiter(i, r.pair, func(c rune) bool { return notWord(c) && !strings.ContainsRune(r.quotes, c) })
}

func (r *kvReader) isKV(i int) int {
	return r.delimiter(i, r.kv, func(c rune) bool { return notWord(c) && !strings.ContainsRune(r.quotes, c) })
}

// token reads a quoted or bare text up to a place where stop gives more than zero.
func (r *kvReader) token(stop func(i int) bool) string {
	var b strings.Builder
	var close byte
	if r.i < len(r.s) && r.quotes != "" && strings.IndexByte(r.quotes, r.s[r.i]) >= 0 {
		close = r.s[r.i]
		if len(r.quotes) == 2 && close == r.quotes[0] {
			close = r.quotes[1]
		}
		r.i++
	}
	for r.i < len(r.s) {
		if r.escape != "" && strings.HasPrefix(r.s[r.i:], r.escape) && r.i+len(r.escape) < len(r.s) {
			r.i += len(r.escape)
			b.WriteByte(r.s[r.i])
			r.i++
			continue
		}
		if close != 0 {
			if r.s[r.i] == close {
				r.i++
				return b.String()
			}
		} else if stop(r.i) {
			break
		}
		b.WriteByte(r.s[r.i])
		r.i++
	}
	return b.String()
}

func (r *kvReader) read(found func(k, v string)) {
	for r.i < len(r.s) {
		if n := r.isPair(r.i); n > 0 {
			r.i += n
			continue
		}
		k := r.token(func(i int) bool { return r.isKV(i) > 0 || r.isPair(i) > 0 })
		n := 0
		if r.i < len(r.s) {
			n = r.isKV(r.i)
		}
		if n == 0 {
			if r.i < len(r.s) && r.isPair(r.i) == 0 {
				r.i++
			}
			continue
		}
		r.i += n
		if r.kv == "" || r.pair != " " {
			for r.i < len(r.s) && r.s[r.i] == ' ' {
				r.i++
			}
		}
		v := r.token(func(i int) bool { return r.isPair(i) > 0 })
		found(strings.TrimSpace(k), v)
	}
}

// greedy lets a value run on until the next known key.
func (r *kvReader) greedy(found func(k, v string)) {
	type hit struct {
		k          string
		start, end int
	}
	var hits []hit
	for i := 0; i < len(r.s); i++ {
		if i > 0 && !strings.HasSuffix(r.s[:i], r.pair) {
			continue
		}
		for k := range r.keys {
			if strings.HasPrefix(r.s[i:], k+r.kv) {
				hits = append(hits, hit{k: k, start: i, end: i + len(k) + len(r.kv)})
			}
		}
	}
	for i, h := range hits {
		end := len(r.s)
		if i+1 < len(hits) {
			end = hits[i+1].start - len(r.pair)
		}
		if end >= h.end {
			found(h.k, r.s[h.end:end])
		}
	}
}
