package sigma

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestNeedsHoldForMatches draws texts that match an expression: each must have what the expression is said to need.
func TestNeedsHoldForMatches(t *testing.T) {
	for _, source := range []string{
		`abc`, `(?i)aBc[ks]`, `a|bc|d`, `(ab|cd)+x?`, `x{3}y{2,4}`, `\s[a-f0-9]{16}\s`, `[A-Za-z0-9+/]{20,}={0,2}`, `\\[a-z]{1,8}\.[a-z]{1,3}\.[ "']{1}`,
		`cmd.{0,5}(?:/c|/r).+(?:\$\{?input\}?|noexit).+"`, `(?i)(set).*&&\s?set.*(environment|invoke|\$?\{?input).*&&`, `"(\{\d\}){2,}"\s*-f`,
		`(?i)\$\{` + "`?e`?n`?v`?" + `\}`, `\+.*\+.*\+`, `^$`, `^a?$`, `(a?b?c?)`, `(?i)(?:^ab|c$|(?s:d.e)|f[a-z]+)`, `ä[bc]ö`, `(?i)ſtraße|kK`, `.{12}`, `(?s).{9}x`, `[^\n]{10}`, `(?:[a-z]` + "`" + `[a-z]){4}`, `a{0}b`, `[[:punct:]]{8}`,
		`(?i)\b(sc(\.exe)?\s+(stop|delete)|net1?(\.exe)?\s+stop)\s+"?(sense|wscsvc)\b`,
	} {
		needs, re := needsOf(source), regexp.MustCompile(source)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.StringMatching(source).Draw(t, "text")
			text = rapid.SampledFrom([]string{"", "x ", "Ä"}).Draw(t, "before") + text + rapid.SampledFrom([]string{"", "\n", " y"}).Draw(t, "after")
			if re.MatchString(text) && !needs.met(text, appendFold(nil, text)) {
				t.Fatalf("%s matches %q, which lacks %+v", source, text, needs)
			}
			p := &Predicate{kind: testRegex, source: source, regex: branches(source)}
			other := rapid.StringMatching(`[a-z0-9 .+"/&-]{0,30}`).Draw(t, "other")
			for _, s := range []string{text, other} {
				if got, want := p.matchRegex(s, appendFold(nil, s)), re.MatchString(s); got != want {
					t.Fatalf("%s in branches matches %q: %v, as a whole: %v", source, s, got, want)
				}
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	for source, want := range map[string]string{
		`(?i)foo(bar|baz)`:             "foobar",
		`a.*longest.*b`:                "longest",
		`\.[ "']$`:                     ". ",
		`cmd.+(?:\$\{?in\}?|noexit).+`: "cmd",
		`x?y*`:                         "",
	} {
		n := needsOf(source)
		got := ""
		if len(n.literals) > 0 {
			got = n.literals[0][0]
		}
		if got != want {
			t.Errorf("%s needs %q first, want %q (%v)", source, got, want, n.literals)
		}
	}
	if n := needsOf(`\s[0-9a-f]{64}`); len(n.runs) != 1 || n.met(" 0123456789abcdef", []byte(" 0123456789abcdef")) {
		t.Errorf("a long run is not asked for: %+v", n)
	}
}
