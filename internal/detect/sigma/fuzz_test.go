package sigma_test

import (
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
)

// FuzzRule holds the reading, compiling and matching of any file to: no panic, and every rule that cannot be used has an issue.
func FuzzRule(f *testing.F) {
	f.Add("title: T\nid: x\nlogsource: {product: windows}\ndetection:\n  s: {F|contains|windash: ' -enc '}\n  k: [a, 'b*c']\n  condition: s or 1 of k*\n")
	f.Add("title: T\nlogsource: {category: process_creation}\ndetection:\n  s:\n    - F|re: '(?i)abc|de+'\n    - F|base64offset|contains: x\n      G|cidr: 10.0.0.0/8\n  condition: not s\n")
	f.Add("action: global\ntitle: T\n---\nid: &a b\ndetection: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		rules, issues := sigma.Parse("f.yml", []byte(text), sigma.Options{Placeholders: map[string][]string{"p": {"v"}}})
		unusable := 0
		for _, r := range rules {
			if r.Where == nil {
				unusable++
			}
		}
		if unusable > len(issues) {
			t.Fatalf("%d rules without a condition, %d issues", unusable, len(issues))
		}
		set, _ := sigma.Compile(rules)
		ev := event("F", text, "G", "10.1.2.3", "CommandLine", "a -enc b")
		for _, m := range set.Match(ev, nil) {
			for _, fm := range m.Fields {
				if len([]rune(fm.Value)) > 1000 {
					t.Fatalf("value of %d characters", len(fm.Value))
				}
			}
		}
	})
}

// FuzzCondition holds any text as a condition to: a rule that matches or not, or an issue.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{"a and not b", "1 of them", "all of a*", "(a or b) and not (a and b)", "a | count() > 5", "not not a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, condition string) {
		quoted := "'" + strings.NewReplacer("'", "''", "\n", " ", "\r", " ").Replace(condition) + "'"
		rules, issues := sigma.Parse("f.yml", []byte("title: T\nid: x\nlogsource: {product: windows}\ndetection:\n  a: {F: x}\n  b: {G: y}\n  condition: "+quoted+"\n"), sigma.Options{})
		set, _ := sigma.Compile(rules)
		if (set.Len() == 1) == (len(issues) > 0) {
			t.Fatalf("%d rules, issues %v", set.Len(), issues)
		}
		set.Match(event("F", "x"), nil)
	})
}
