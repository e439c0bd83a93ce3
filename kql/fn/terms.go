package fn

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// termIndex finds out whether a text has any of many phrases as whole terms. Phrases are found by the first term they begin with, so a text costs one
// look-up per term however many phrases there are.
type termIndex struct {
	byTerm map[string][]string
	odd    []string // phrases that begin with something else than a letter or digit
	all    bool     // the empty phrase is among them
}

func newTermIndex(phrases []any) *termIndex {
	x := &termIndex{byTerm: make(map[string][]string, len(phrases))}
	for _, p := range phrases {
		s := strings.ToLower(treeText(p))
		if s == "" {
			x.all = true
			continue
		}
		if n := termLength(s); n > 0 {
			x.byTerm[s[:n]] = append(x.byTerm[s[:n]], s)
		} else {
			x.odd = append(x.odd, s)
		}
	}
	return x
}

// termLength is how many bytes of letters and digits s begins with.
func termLength(s string) int {
	for i, r := range s {
		if !termRune(r) {
			return i
		}
	}
	return len(s)
}

func (x *termIndex) in(s string) bool {
	if x.all {
		return true
	}
	s = strings.ToLower(s)
	for i := 0; i < len(s); {
		n := termLength(s[i:])
		if n == 0 {
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size
			continue
		}
		for _, p := range x.byTerm[s[i:i+n]] {
			if strings.HasPrefix(s[i:], p) && endsTerm(s, i+len(p), p) {
				return true
			}
		}
		i += n
	}
	for _, p := range x.odd {
		if hasTerm(s, p, true, true) {
			return true
		}
	}
	return false
}

// endsTerm says that p, which ends at end in s, is not followed by more of its last term.
func endsTerm(s string, end int, p string) bool {
	last, _ := utf8.DecodeLastRuneInString(p)
	if end >= len(s) || !termRune(last) {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s[end:])
	return !termRune(r)
}

// termCache keeps the indexes of the arrays that has_any was called with; it is emptied when full.
type termCache struct {
	mu sync.RWMutex
	m  map[string]*termIndex
}

const termCacheSize = 64

func (t *termCache) get(array string) *termIndex {
	t.mu.RLock()
	x := t.m[array]
	t.mu.RUnlock()
	if x != nil {
		return x
	}
	l, ok := decode(array).([]any)
	if !ok {
		return nil
	}
	x = newTermIndex(l)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil || len(t.m) >= termCacheSize {
		t.m = map[string]*termIndex{}
	}
	t.m[strings.Clone(array)] = x
	return x
}
