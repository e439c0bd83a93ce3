package sigma_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// The naive evaluator works on a rule's YAML and one event, one rule at a time, with nothing shared: every string test becomes a regular expression.

type naiveRule struct {
	ID        string                    `yaml:"id"`
	Title     string                    `yaml:"title"`
	Logsource map[string]string         `yaml:"logsource"`
	Detection map[string]map[string]any `yaml:"-"`
	Condition string                    `yaml:"-"`
}

func (r *naiveRule) yaml(t *rapid.T) string {
	det := map[string]any{"condition": r.Condition}
	for k, v := range r.Detection {
		det[k] = v
	}
	out, err := yaml.Marshal(map[string]any{"id": r.ID, "title": r.Title, "logsource": r.Logsource, "detection": det})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func wildcard(value, modifiers string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && i+1 < len(value) && strings.IndexByte(`*?\`, value[i+1]) >= 0:
			i++
			b.WriteString(regexp.QuoteMeta(value[i : i+1]))
		case c == '*':
			b.WriteString("(?s:.*)")
		case c == '?':
			b.WriteString("(?s:.)")
		default:
			b.WriteString(regexp.QuoteMeta(value[i : i+1]))
		}
	}
	expr := b.String()
	has := func(m string) bool { return slices.Contains(strings.Split(modifiers, "|"), m) }
	if !has("contains") && !has("startswith") {
		expr += "$"
	}
	if !has("contains") && !has("endswith") {
		expr = "^" + expr
	}
	if !has("cased") {
		expr = "(?i)" + expr
	}
	return expr
}

func naiveValue(ev *normalise.Event, field, modifiers string, value any) bool {
	have, present := ev.Fields.Get(field)
	var texts []string
	switch {
	case !present || have.Kind == normalise.Null:
	case have.Kind == normalise.List:
		for _, m := range have.List {
			texts = append(texts, m.Text)
		}
	default:
		texts = []string{have.Text}
	}
	if modifiers == "exists" {
		return present == value.(bool)
	}
	if value == nil {
		return len(texts) == 0
	}
	if field == "" {
		for _, f := range ev.Fields {
			switch f.Value.Kind {
			case normalise.Null:
			case normalise.List:
				for _, m := range f.Value.List {
					texts = append(texts, m.Text)
				}
			default:
				texts = append(texts, f.Value.Text)
			}
		}
	}
	expr := fmt.Sprint(value)
	if modifiers != "re" {
		expr = wildcard(expr, modifiers)
	}
	re := regexp.MustCompile(expr)
	return slices.ContainsFunc(texts, re.MatchString)
}

func (r *naiveRule) selection(name string, ev *normalise.Event) bool {
	for key, value := range r.Detection[name] {
		field, modifiers, _ := strings.Cut(key, "|")
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		every := strings.HasSuffix(modifiers, "all")
		modifiers = strings.TrimSuffix(strings.TrimSuffix(modifiers, "all"), "|")
		n := 0
		for _, v := range values {
			if naiveValue(ev, field, modifiers, v) {
				n++
			}
		}
		if n == 0 || every && n < len(values) {
			return false
		}
	}
	return true
}

// matches evaluates conditions of the fixed forms that drawRule makes.
func (r *naiveRule) matches(ev *normalise.Event) bool {
	fits := slices.ContainsFunc(ev.Logsources, func(l normalise.Logsource) bool {
		return (r.Logsource["product"] == "" || r.Logsource["product"] == l.Product) && (r.Logsource["category"] == "" || r.Logsource["category"] == l.Category) &&
			(r.Logsource["service"] == "" || r.Logsource["service"] == l.Service)
	})
	if !fits {
		return false
	}
	a, b, c := r.selection("sel_a", ev), r.selection("sel_b", ev), r.selection("filter", ev)
	switch r.Condition {
	case "sel_a":
		return a
	case "not filter":
		return !c
	case "sel_a and not filter":
		return a && !c
	case "1 of sel_* and not filter":
		return (a || b) && !c
	case "all of sel_*":
		return a && b
	case "1 of them":
		return a || b || c
	case "sel_a or sel_b and filter":
		return a || b && c
	case "(sel_a or sel_b) and filter":
		return (a || b) && c
	case "not (sel_a or not sel_b)":
		return !a && b
	case "not 1 of sel_*":
		return !(a || b)
	}
	panic(r.Condition)
}

var (
	fieldNames = []string{"Image", "CommandLine", "EventID", "Hashes"}
	words      = []string{"a", "b", "ab", "abc", "A", `\`, "x.exe", "*", "?", "Ab*", "", " ", "ä", "Ä", "kK", "ss", "s", "-", "1", "abcabc"}
)

func drawText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 4).Draw(t, label), "")
}

func drawValue(t *rapid.T, modifiers string) any {
	switch {
	case modifiers == "exists":
		return rapid.Bool().Draw(t, "exists")
	case modifiers == "re":
		return rapid.SampledFrom([]string{
			"a", "abc", "(?i)ABC", "ab|ca", "^a.*c$", "(abc|x\\.exe)+", "[ab]{2,3}", "(?i)s{2}", "a(bc)?", "(?:abc){0,2}x",
			"a.?b[ck]", "(?i)k{2}[a-c]", "[ab]{8,}", "(?:a|ab)(?:c|x\\.)", "(?i)(a|b)?s(c|$)", "^[^\\n]{9}", "\\bab?c\\b", "ä+|b.*c.*a",
		}).Draw(t, "regex")
	case modifiers == "" && rapid.IntRange(0, 9).Draw(t, "null") == 0:
		return nil
	case modifiers == "" && rapid.IntRange(0, 9).Draw(t, "number") == 0:
		return rapid.IntRange(1, 3).Draw(t, "n")
	}
	return drawText(t, "value")
}

func drawSelection(t *rapid.T) map[string]any {
	out := map[string]any{}
	for range rapid.IntRange(1, 2).Draw(t, "items") {
		field := rapid.SampledFrom(fieldNames).Draw(t, "field")
		modifiers := rapid.SampledFrom([]string{"", "contains", "startswith", "endswith", "contains|all", "re", "exists", "cased", "contains|cased"}).Draw(t, "modifiers")
		if rapid.IntRange(0, 5).Draw(t, "keyword") == 0 {
			field, modifiers = "", rapid.SampledFrom([]string{"contains", "contains|all"}).Draw(t, "keyword modifiers")
		}
		key := field
		if modifiers != "" {
			key += "|" + modifiers
		}
		if modifiers == "exists" || rapid.Bool().Draw(t, "single") {
			out[key] = drawValue(t, modifiers)
			continue
		}
		values := []any{}
		for range rapid.IntRange(1, 3).Draw(t, "values") {
			values = append(values, drawValue(t, modifiers))
		}
		out[key] = values
	}
	return out
}

func drawRule(t *rapid.T, i int) *naiveRule {
	r := &naiveRule{ID: fmt.Sprint("rule-", i), Title: fmt.Sprint("Rule ", i), Logsource: map[string]string{}}
	r.Logsource["product"] = rapid.SampledFrom([]string{"windows", "linux"}).Draw(t, "product")
	if c := rapid.SampledFrom([]string{"", "process_creation", "image_load"}).Draw(t, "category"); c != "" {
		r.Logsource["category"] = c
	}
	r.Detection = map[string]map[string]any{"sel_a": drawSelection(t), "sel_b": drawSelection(t), "filter": drawSelection(t)}
	r.Condition = rapid.SampledFrom([]string{
		"sel_a", "not filter", "sel_a and not filter", "1 of sel_* and not filter", "all of sel_*", "1 of them",
		"sel_a or sel_b and filter", "(sel_a or sel_b) and filter", "not (sel_a or not sel_b)", "not 1 of sel_*",
	}).Draw(t, "condition")
	return r
}

func drawEvent(t *rapid.T) *normalise.Event {
	ev := &normalise.Event{}
	sources := []normalise.Logsource{{Product: "windows", Category: "process_creation", Service: "sysmon"}, {Product: "windows", Category: "image_load"}, {Product: "linux"}}
	ev.Logsources = rapid.SliceOfNDistinct(rapid.SampledFrom(sources), 1, 2, func(l normalise.Logsource) normalise.Logsource { return l }).Draw(t, "logsources")
	for _, name := range fieldNames {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
		case 1:
			ev.Fields = append(ev.Fields, normalise.Field{Name: name})
		case 2:
			v := normalise.Value{Kind: normalise.List}
			for range rapid.IntRange(0, 2).Draw(t, "members") {
				v.List = append(v.List, normalise.Value{Kind: normalise.String, Text: drawText(t, "member")})
			}
			ev.Fields = append(ev.Fields, normalise.Field{Name: name, Value: v})
		default:
			ev.Fields.Add(name, drawText(t, "text"))
		}
	}
	return ev
}

// TestSetAgreesWithNaive holds the compiled set to the one-rule-at-a-time reading of the same rules.
func TestSetAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			naive []*naiveRule
			rules []*sigma.Rule
		)
		for i := range rapid.IntRange(1, 12).Draw(t, "rules") {
			r := drawRule(t, i)
			text := r.yaml(t)
			got, issues := sigma.Parse("rule.yml", []byte(text), sigma.Options{})
			if len(issues) > 0 {
				t.Fatalf("%v\n%s", issues, text)
			}
			naive, rules = append(naive, r), append(rules, got...)
		}
		set, issues := sigma.Compile(rules)
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		for range 5 {
			ev := drawEvent(t)
			var want, got []string
			for _, r := range naive {
				if r.matches(ev) {
					want = append(want, r.ID)
				}
			}
			for _, m := range set.Match(ev, nil) {
				got = append(got, m.Rule.ID)
			}
			if !slices.Equal(want, got) {
				for i, r := range naive {
					if slices.Contains(want, r.ID) != slices.Contains(got, r.ID) {
						t.Logf("%s (naive %v):\n%s", r.ID, slices.Contains(want, r.ID), naive[i].yaml(t))
					}
				}
				t.Fatalf("event %+v: set says %v, naive %v", ev, got, want)
			}
		}
	})
}
