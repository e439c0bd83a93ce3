package sigma

import (
	"regexp/syntax"
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
		re, err := syntax.Parse(p.source, syntax.Perl)
		if err != nil {
			return nil
		}
		lits := required(re.Simplify())
		out := make([]trigger, 0, len(lits))
		for _, l := range lits {
			out = append(out, trigger{p.Field, contains, l})
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

const (
	minRequired = 3  // shorter literals of a regular expression occur everywhere
	maxRequired = 32 // alternatives kept for one regular expression
)

// required gives folded ASCII literals of which at least one occurs (without case) in every text that re matches; none when it cannot say.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return longestASCII(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			lits := required(sub)
			if len(lits) == 0 || len(out)+len(lits) > maxRequired {
				return nil
			}
			out = append(out, lits...)
		}
		return out
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if lits := required(sub); len(lits) > 0 && (best == nil || shortest(lits) > shortest(best)) {
				best = lits
			}
		}
		return best
	}
	return nil
}

func shortest(lits []string) int {
	n := len(lits[0])
	for _, l := range lits[1:] {
		n = min(n, len(l))
	}
	return n
}

// longestASCII gives the longest run of ASCII in a literal, lowered, when it is long enough to be worth looking for. Other runes fold in more ways
// than one and are left out.
func longestASCII(runes []rune) []string {
	best, from := "", -1
	for i := 0; i <= len(runes); i++ {
		if i < len(runes) && runes[i] < 0x80 {
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
	if len(best) < minRequired {
		return nil
	}
	return []string{best}
}
