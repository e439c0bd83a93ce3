package sigma

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"sort"
	"unicode/utf8"
)

// trigger is a literal whose presence in a field is necessary for some test; shape says where in the value it must stand.
type trigger struct {
	field   string
	shape   shape // exact, prefix, suffix or contains
	literal string
}

// triggers gives literals of which at least one must be found for p to hold; none when p can hold without any.
func (p *Predicate) triggers() []trigger {
	switch p.kind {
	case testString:
		lit, at := p.literal, p.shape
		if at == glob {
			lit, at = p.pattern.longest(), contains
		}
		if p.cased {
			lit = foldString(lit)
		}
		if lit == "" {
			return nil
		}
		return []trigger{{p.Field, at, lit}}
	case testRegex:
		const least = 2 // a single character occurs everywhere
		var out []trigger
		for i := range p.regex {
			sets := p.regex[i].needs.literals
			if len(sets) == 0 || shortest(sets[0]) < least {
				return nil
			}
			for _, l := range sets[0] {
				out = append(out, trigger{p.Field, contains, l})
			}
		}
		return out
	}
	return nil
}

func (p pattern) longest() string {
	best := ""
	for _, x := range p {
		if len(x.text) > len(best) {
			best = x.text
		}
	}
	return best
}

// branch is one of the alternatives that a regular expression consists of.
type branch struct {
	needs needs
	re    *regexp.Regexp
}

// matchRegex reports whether one of the branches matches; folded is the text without case.
func (p *Predicate) matchRegex(text string, folded []byte) bool {
	for i := range p.regex {
		if b := &p.regex[i]; b.needs.met(text, folded) && b.re.MatchString(text) {
			return true
		}
	}
	return false
}

// branches compiles an expression that is known to be right. Where it is a choice as a whole, its alternatives are taken apart, since each alone needs
// more of a text than all together.
func branches(source string) []branch {
	whole := []branch{{needsOf(source), regexp.MustCompile(source)}}
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return whole
	}
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpAlternate || len(re.Sub) > maxAlternatives {
		return whole
	}
	out := make([]branch, 0, len(re.Sub))
	for _, sub := range re.Sub {
		text := sub.String() // carries its own flags
		one, err := regexp.Compile(text)
		if err != nil {
			return whole
		}
		out = append(out, branch{needsOf(text), one})
	}
	return out
}

// needs is what every text that a regular expression matches has. It is checked before the expression itself, which takes a hundred times as long.
type needs struct {
	literals [][]string // of each set the folded text holds a member; the most telling set first
	runs     []run
}

// run is a stretch of at least n bytes of a class.
type run struct {
	class *[256]bool
	n     int
}

const (
	maxAlternatives = 64 // members of a set
	maxClass        = 10 // members of a character class that is spelled out
	maxCopies       = 4  // of a repeated part that is spelled out
	minRun          = 8
	maxNeeds        = 12
)

// needsOf reads the needs out of an expression.
func needsOf(source string) needs {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return needs{}
	}
	var n needs
	n.add(re)
	sort.SliceStable(n.literals, func(i, j int) bool { return shortest(n.literals[i]) > shortest(n.literals[j]) })
	if len(n.literals) > maxNeeds {
		n.literals = n.literals[:maxNeeds]
	}
	return n
}

// met reports whether a text has all of n.
func (n *needs) met(text string, folded []byte) bool {
	for _, set := range n.literals {
		found := false
		for _, l := range set {
			if bytes.Contains(folded, stringBytes(l)) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	for _, r := range n.runs {
		if !r.in(text) {
			return false
		}
	}
	return true
}

func (r run) in(text string) bool {
	have := 0
	for i := 0; i < len(text); i++ {
		if !r.class[text[i]] {
			have = 0
		} else if have++; have == r.n {
			return true
		}
	}
	return false
}

// add takes the needs of a part that every match goes through.
func (n *needs) add(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpConcat:
		n.addConcat(re.Sub)
	case syntax.OpCapture, syntax.OpPlus:
		n.add(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			if re.Min >= minRun {
				n.addRun(re.Sub[0], re.Min)
			}
			n.add(re.Sub[0])
		}
	default:
		if set, ok := spell(re); ok {
			n.addSet(set)
		} else if re.Op == syntax.OpLiteral {
			n.addSet([]string{longestASCII(re.Rune)})
		} else if re.Op == syntax.OpAlternate {
			n.addAlternate(re.Sub)
		}
	}
}

// addConcat spells out neighbours together, as far as they can be.
func (n *needs) addConcat(subs []*syntax.Regexp) {
	current := []string{""}
	for _, sub := range subs {
		set, ok := spell(sub)
		if ok {
			if both := product(current, set); both != nil {
				current = both
				continue
			}
		}
		n.addSet(current)
		current = []string{""}
		if ok {
			current = set
		} else {
			n.add(sub)
		}
	}
	n.addSet(current)
}

// addAlternate joins the most telling set of each alternative; a match goes through one of them.
func (n *needs) addAlternate(subs []*syntax.Regexp) {
	var all []string
	for _, sub := range subs {
		var one needs
		one.add(sub)
		best := -1
		for i := range one.literals {
			if best < 0 || shortest(one.literals[i]) > shortest(one.literals[best]) {
				best = i
			}
		}
		if best < 0 || len(all)+len(one.literals[best]) > maxAlternatives {
			return
		}
		all = append(all, one.literals[best]...)
	}
	n.addSet(all)
}

func (n *needs) addSet(set []string) {
	if len(set) > 0 && shortest(set) > 0 {
		n.literals = append(n.literals, set)
	}
}

// addRun notes that at least count characters of a class stand side by side. Bytes beyond ASCII count as members, since they can be part of one.
func (n *needs) addRun(re *syntax.Regexp, count int) {
	class := new([256]bool)
	for c := range class {
		class[c] = c >= utf8.RuneSelf
	}
	switch re.Op {
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1] && r < utf8.RuneSelf; r++ {
				class[r] = true
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		for c := range class {
			class[c] = c != '\n' || re.Op == syntax.OpAnyChar
		}
	default:
		return
	}
	n.runs = append(n.runs, run{class, count})
}

// spell lists all texts that a part matches, folded, when they are few and ASCII.
func spell(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}, true
	case syntax.OpLiteral:
		text := foldString(string(re.Rune))
		return []string{text}, isASCII(text)
	case syntax.OpCharClass:
		var set []string
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				text := foldString(string(r))
				if !isASCII(text) || len(set) == 2*maxClass {
					return nil, false
				}
				set = append(set, text)
			}
		}
		set = unique(set)
		return set, len(set) <= maxClass
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpQuest:
		set, ok := spell(re.Sub[0])
		return unique(append([]string{""}, set...)), ok && len(set) < maxClass
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			set, ok := spell(sub)
			if !ok || len(all)+len(set) > maxAlternatives {
				return nil, false
			}
			all = append(all, set...)
		}
		return unique(all), true
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			set, ok := spell(sub)
			if !ok {
				return nil, false
			}
			if all = product(all, set); all == nil {
				return nil, false
			}
		}
		return all, true
	case syntax.OpRepeat:
		if re.Min != re.Max || re.Min > maxCopies {
			return nil, false
		}
		set, ok := spell(re.Sub[0])
		all := []string{""}
		for range re.Min {
			if !ok || all == nil {
				return nil, false
			}
			all = product(all, set)
		}
		return all, all != nil
	}
	return nil, false
}

// product joins each of a with each of b; nil when they are too many.
func product(a, b []string) []string {
	if len(a)*len(b) > maxAlternatives {
		return nil
	}
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return unique(out)
}

func unique(set []string) []string {
	seen := make(map[string]bool, len(set))
	out := set[:0:0]
	for _, s := range set {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func shortest(set []string) int {
	n := len(set[0])
	for _, l := range set[1:] {
		n = min(n, len(l))
	}
	return n
}

// longestASCII gives the longest run of ASCII in a literal, lowered. Other runes fold in more ways than one and are left out.
func longestASCII(runes []rune) string {
	best, from := "", -1
	for i := 0; i <= len(runes); i++ {
		if i < len(runes) && runes[i] < utf8.RuneSelf {
			if from < 0 {
				from = i
			}
			continue
		}
		if from >= 0 && i-from > len(best) {
			best = foldString(string(runes[from:i]))
		}
		from = -1
	}
	return best
}
