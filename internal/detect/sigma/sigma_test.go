package sigma_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

var windows = []normalise.Logsource{{Product: "windows", Category: "process_creation", Service: "sysmon"}}

// one compiles a rule with the given detection block, indented by two.
func one(t *testing.T, detection string, opt sigma.Options) (*sigma.Set, []sigma.Issue) {
	t.Helper()
	text := "title: Test\nid: test-rule\nlogsource:\n  product: windows\ndetection:\n" + detection
	rules, issues := sigma.Parse("rule.yml", []byte(text), opt)
	set, more := sigma.Compile(rules)
	return set, append(issues, more...)
}

func event(pairs ...string) *normalise.Event {
	ev := &normalise.Event{Logsources: windows}
	for i := 0; i+1 < len(pairs); i += 2 {
		ev.Fields.Add(pairs[i], pairs[i+1])
	}
	return ev
}

func TestMeaning(t *testing.T) {
	null := &normalise.Event{Logsources: windows, Fields: normalise.Fields{{Name: "F"}}}
	list := &normalise.Event{Logsources: windows, Fields: normalise.Fields{{Name: "F", Value: normalise.Value{Kind: normalise.List, List: []normalise.Value{
		{Kind: normalise.String, Text: "one"}, {Kind: normalise.String, Text: "two"},
	}}}}}
	rawOnly := &normalise.Event{Logsources: windows, Raw: []byte("<13>sshd: Accepted password for root")}
	for _, c := range []struct {
		name, detection string
		yes, no         []*normalise.Event
	}{
		{"case does not matter", "  s: {F: PowerShell}\n  condition: s\n", []*normalise.Event{event("F", "POWERSHELL")}, []*normalise.Event{event("F", "powershell.exe"), event("G", "powershell")}},
		{"cased", "  s: {F|cased: PowerShell}\n  condition: s\n", []*normalise.Event{event("F", "PowerShell")}, []*normalise.Event{event("F", "powershell")}},
		{"wildcards", "  s: {F: 'C:\\*\\a?c.exe'}\n  condition: s\n", []*normalise.Event{event("F", `C:*\abc.exe`)}, []*normalise.Event{event("F", `C:\x\abc.exe`)}},
		{"escaped backslash before a wildcard", "  s: {F: 'C:\\\\*\\a?c.exe'}\n  condition: s\n", []*normalise.Event{event("F", `C:\x\y\abc.exe`)}, []*normalise.Event{event("F", `C:\x\ac.exe`)}},
		{"escaped wildcard", `  s: {F|contains: '\*x\?'}` + "\n  condition: s\n", []*normalise.Event{event("F", "a*x?b")}, []*normalise.Event{event("F", "aaxxb")}},
		{"list of values is or", "  s: {F: [a, b]}\n  condition: s\n", []*normalise.Event{event("F", "b")}, []*normalise.Event{event("F", "c")}},
		{"all", "  s: {F|contains|all: [a, b]}\n  condition: s\n", []*normalise.Event{event("F", "xbxa")}, []*normalise.Event{event("F", "xb")}},
		{"list of maps", "  s:\n    - F: a\n    - G: b\n      H: c\n  condition: s\n", []*normalise.Event{event("F", "a"), event("G", "b", "H", "c")}, []*normalise.Event{event("G", "b")}},
		{"absent field under not", "  s: {F: a}\n  filter: {G: b}\n  condition: s and not filter\n", []*normalise.Event{event("F", "a")}, []*normalise.Event{event("F", "a", "G", "b")}},
		{"null is absent or without value", "  s: {F: null}\n  condition: s\n", []*normalise.Event{event("G", "x"), null}, []*normalise.Event{event("F", ""), event("F", "x")}},
		{"empty is present and empty", "  s: {F: ''}\n  condition: s\n", []*normalise.Event{event("F", "")}, []*normalise.Event{event("G", "x"), null, event("F", "x")}},
		{"exists", "  s: {F|exists: true, G|exists: false}\n  condition: s\n", []*normalise.Event{event("F", "")}, []*normalise.Event{event("G", "x"), event("F", "1", "G", "2")}},
		{"number", "  s: {EventID: 4624}\n  condition: s\n", []*normalise.Event{event("EventID", "4624")}, []*normalise.Event{event("EventID", "46240")}},
		{"boolean", "  s: {Initiated: true}\n  condition: s\n", []*normalise.Event{event("Initiated", "True")}, []*normalise.Event{event("Initiated", "false")}},
		{"comparisons", "  s: {F|gte: 5, G|lt: 2.5}\n  condition: s\n", []*normalise.Event{event("F", "5", "G", "2"), event("F", "0x10", "G", "-1")}, []*normalise.Event{event("F", "4", "G", "2"), event("F", "x", "G", "2")}},
		{"parts of a time", "  s: {F|hour|gte: 22, F|month: 2}\n  condition: s\n", []*normalise.Event{event("F", "2024-02-03T23:00:00Z")}, []*normalise.Event{event("F", "2024-02-03 21:59:59.999"), event("F", "later")}},
		{"regular expression keeps case", "  s: {F|re: 'ab+c$'}\n  condition: s\n", []*normalise.Event{event("F", "xabbc")}, []*normalise.Event{event("F", "ABBC"), event("F", "abcd")}},
		{"regular expression flags", "  s: {F|re|i|s: '^a.+c$'}\n  condition: s\n", []*normalise.Event{event("F", "A\nC")}, []*normalise.Event{event("F", "ac")}},
		{"cidr", "  s: {F|cidr: [10.0.0.0/8, 'fe80::/10']}\n  condition: s\n", []*normalise.Event{event("F", "10.200.1.1"), event("F", "::ffff:10.1.1.1"), event("F", "fe80::1")}, []*normalise.Event{event("F", "11.0.0.1"), event("F", "-")}},
		{"windash", "  s: {F|contains|windash: ' -enc '}\n  condition: s\n", []*normalise.Event{event("F", "p /ENC x"), event("F", "p –enc x"), event("F", "p -enc x")}, []*normalise.Event{event("F", "p enc x"), event("F", "p +enc x")}},
		{"windash leaves inner dashes", "  s: {F|windash: '/a-b'}\n  condition: s\n", []*normalise.Event{event("F", "-a-b")}, []*normalise.Event{event("F", "-a/b")}},
		{"base64", "  s: {F|base64|contains: hello}\n  condition: s\n", []*normalise.Event{event("F", "x aGVsbG8= y")}, []*normalise.Event{event("F", "hello")}},
		{"base64offset of wide", "  s: {F|wide|base64offset|contains: IEX}\n  condition: s\n", []*normalise.Event{event("F", "SQBFAFgA"), event("F", "IABJAEUAWAA=")}, []*normalise.Event{event("F", "SUVY")}},
		{"fieldref", "  s: {F|fieldref: G}\n  condition: s\n", []*normalise.Event{event("F", "Ab", "G", "aB")}, []*normalise.Event{event("F", "a", "G", "b"), event("F", "a")}},
		{"fieldref endswith", "  s: {F|fieldref|endswith: G}\n  condition: s\n", []*normalise.Event{event("F", `C:\x.exe`, "G", "X.EXE")}, []*normalise.Event{event("F", "x.exe", "G", `C:\x.exe`)}},
		{"keywords", "  keywords:\n    - mimikatz\n    - 'sek*lsa'\n  condition: keywords\n", []*normalise.Event{event("Any", "run MimiKatz now"), event("F", "sekurlsa")}, []*normalise.Event{event("F", "x")}},
		{"all keywords", "  keywords:\n    '|all': [ssh, root]\n  condition: keywords\n", []*normalise.Event{rawOnly, event("A", "ssh", "B", "root")}, []*normalise.Event{event("A", "ssh")}},
		{"list values", "  s: {F: two}\n  condition: s\n", []*normalise.Event{list}, []*normalise.Event{event("F", "one")}},
		{"dotted names", "  s: {a.b.c: x}\n  condition: s\n", []*normalise.Event{event("a.b.c", "x")}, []*normalise.Event{event("c", "x")}},
		{"precedence", "  a: {F: a}\n  b: {F: b}\n  c: {G: c}\n  condition: a or b and not c\n", []*normalise.Event{event("F", "a", "G", "c"), event("F", "b")}, []*normalise.Event{event("F", "b", "G", "c")}},
		{"brackets", "  a: {F: a}\n  b: {F: b}\n  c: {G: c}\n  condition: (a or b) and c\n", []*normalise.Event{event("F", "a", "G", "c")}, []*normalise.Event{event("F", "a")}},
		{"1 of them leaves out underscores", "  _x: {F: a}\n  y: {F: b}\n  condition: 1 of them\n", []*normalise.Event{event("F", "b")}, []*normalise.Event{event("F", "a")}},
		{"all of pattern", "  s_a: {F: a}\n  s_b: {G: b}\n  o: {H: c}\n  condition: all of s_*\n", []*normalise.Event{event("F", "a", "G", "b")}, []*normalise.Event{event("F", "a", "H", "c")}},
		{"several conditions", "  a: {F: a}\n  b: {F: b}\n  condition:\n    - a\n    - b\n", []*normalise.Event{event("F", "a"), event("F", "b")}, []*normalise.Event{event("F", "c")}},
		{"neq", "  s: {F|neq: a}\n  condition: s\n", []*normalise.Event{event("F", "b")}, []*normalise.Event{event("F", "A")}},
		{"star is presence", "  s: {F: '*'}\n  condition: s\n", []*normalise.Event{event("F", "")}, []*normalise.Event{event("G", "x"), null}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, issues := one(t, c.detection, sigma.Options{})
			if len(issues) > 0 {
				t.Fatal(issues)
			}
			for _, ev := range c.yes {
				if got := set.Match(ev, nil); len(got) != 1 {
					t.Errorf("%+v should match", ev.Fields)
				}
			}
			for _, ev := range c.no {
				if got := set.Match(ev, nil); len(got) != 0 {
					t.Errorf("%+v should not match: %+v", ev.Fields, got[0].Fields)
				}
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	detection := "  s: {F|expand: 'adm-%admins%'}\n  condition: s\n"
	if _, issues := one(t, detection, sigma.Options{}); len(issues) != 1 || issues[0].Code != sigma.Placeholder || !strings.Contains(issues[0].Message, "%admins%") {
		t.Errorf("issues without a value: %v", issues)
	}
	set, issues := one(t, detection, sigma.Options{Placeholders: map[string][]string{"admins": {"kim", "lee"}}})
	if len(issues) > 0 || len(set.Match(event("F", "ADM-LEE"), nil)) != 1 || len(set.Match(event("F", "adm-x"), nil)) != 0 {
		t.Errorf("expansion does not match as configured: %v", issues)
	}
}

func TestLogsource(t *testing.T) {
	for _, c := range []struct {
		rule string
		fits bool
	}{
		{"{product: windows}", true},
		{"{category: process_creation}", true},
		{"{product: windows, category: process_creation}", true},
		{"{product: Windows, service: sysmon}", true},
		{"{product: linux, category: process_creation}", false},
		{"{product: windows, service: security}", false},
	} {
		rules, issues := sigma.Parse("r.yml", []byte("title: T\nid: x\nlogsource: "+c.rule+"\ndetection:\n  s: {F: a}\n  condition: s\n"), sigma.Options{})
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		set, _ := sigma.Compile(rules)
		if got := len(set.Match(event("F", "a"), nil)) == 1; got != c.fits {
			t.Errorf("%s fits: %v, want %v", c.rule, got, c.fits)
		}
	}
}

func TestExplanation(t *testing.T) {
	set, issues := one(t, "  img: {Image|endswith: ['\\a.exe', '\\b.exe']}\n  cmd: {CommandLine|contains: x}\n  filter: {User: root}\n  condition: img and (cmd or filter) and not filter\n", sigma.Options{})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	got := set.Match(event("Image", `C:\B.exe`, "CommandLine", "an x"), nil)
	if len(got) != 1 {
		t.Fatalf("%d matches", len(got))
	}
	var lines []string
	for _, f := range got[0].Fields {
		lines = append(lines, f.Field+"="+f.Value+" "+f.Match)
	}
	want := []string{`Image=C:\B.exe endswith \b.exe`, "CommandLine=an x contains x"}
	if !slices.Equal(lines, want) {
		t.Errorf("explanation %q, want %q", lines, want)
	}
}

func TestIssues(t *testing.T) {
	head := "title: T\nid: x\nlogsource: {product: windows}\n"
	for _, c := range []struct {
		name, text, code, contains string
		line                       int
	}{
		{"not YAML", "title: [a\nb: c\n", sigma.Syntax, "not valid YAML", 1},
		{"not a mapping", "- a\n", sigma.Syntax, "a rule is a mapping", 1},
		{"key twice", head + "title: U\n", sigma.Invalid, `"title" is given twice`, 1},
		{"no title", "id: x\nlogsource: {product: a}\n", sigma.Invalid, "no title", 1},
		{"no logsource", "title: T\n", sigma.Invalid, "no logsource", 1},
		{"no detection", head, sigma.Invalid, "no detection", 1},
		{"no condition", head + "detection:\n  s: {F: a}\n", sigma.Invalid, "no condition", 5},
		{"level", head + "level: bad\ndetection:\n  s: {F: a}\n  condition: s\n", sigma.Invalid, `level "bad"`, 4},
		{"unknown selection", head + "detection:\n  s: {F: a}\n  condition: s and t\n", sigma.Invalid, `no selection "t"`, 6},
		{"unknown modifier", head + "detection:\n  s:\n    F|sounds: a\n  condition: s\n", sigma.Unsupported, `"sounds"`, 6},
		{"modifiers together", head + "detection:\n  s: {F|re|contains: a}\n  condition: s\n", sigma.Invalid, "do not go together", 5},
		{"nested value", head + "detection:\n  s: {F: {G: a}}\n  condition: s\n", sigma.Invalid, "a mapping", 5},
		{"count", head + "detection:\n  s: {F: a}\n  condition: s | count() by G > 5\n", sigma.Unsupported, `aggregation "count"`, 6},
		{"near", head + "detection:\n  s: {F: a}\n  condition: s | near s\n", sigma.Unsupported, `aggregation "near"`, 6},
		{"timeframe", head + "detection:\n  s: {F: a}\n  timeframe: 5m\n  condition: s\n", sigma.Unsupported, "timeframe", 5},
		{"correlation", "title: T\ncorrelation: {type: event_count}\n", sigma.Unsupported, "correlation rules (event_count)", 1},
		{"bracket", head + "detection:\n  s: {F: a}\n  condition: (s\n", sigma.Invalid, "missing )", 6},
		{"regex", head + "detection:\n  s: {F|re: '(?=a)'}\n  condition: s\n", sigma.Unsupported, "regular expression", 5},
		{"cidr", head + "detection:\n  s: {F|cidr: 10.0.0.0/99}\n  condition: s\n", sigma.Invalid, "not a network", 5},
		{"alias bomb", "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]\n", sigma.Invalid, "YAML nodes", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, issues := sigma.Parse("some/rule.yml", []byte(c.text), sigma.Options{})
			if len(issues) != 1 || issues[0].Code != c.code || !strings.Contains(issues[0].Message, c.contains) || issues[0].Line != c.line || issues[0].Path != "some/rule.yml" {
				t.Errorf("issues %+v, want one %q with %q at line %d", issues, c.code, c.contains, c.line)
			}
			if set, _ := sigma.Compile(rules); set.Len() > 0 {
				t.Error("the rule was compiled all the same")
			}
		})
	}
}

func TestSeveralDocuments(t *testing.T) {
	rules, issues := sigma.Parse("r.yml", []byte(`action: global
title: Both
id: base
logsource: {product: windows}
detection:
  condition: s
---
id: first
detection:
  s: {F: a}
---
id: second
logsource: {service: sysmon}
detection:
  s: {F: b}
---
action: repeat
id: third
detection:
  s: {F: c}
`), sigma.Options{})
	if len(issues) > 0 || len(rules) != 3 {
		t.Fatalf("%d rules, issues %v", len(rules), issues)
	}
	set, _ := sigma.Compile(rules)
	for value, want := range map[string]string{"a": "first", "b": "second", "c": "third"} {
		got := set.Match(event("F", value), nil)
		if len(got) != 1 || got[0].Rule.ID != want || got[0].Rule.Title != "Both" {
			t.Errorf("value %s matched %v, want %s", value, got, want)
		}
	}
}

func TestSameID(t *testing.T) {
	text := "title: T\nid: x\nlogsource: {product: windows}\ndetection:\n  s: {F: a}\n  condition: s\n"
	a, _ := sigma.Parse("a.yml", []byte(text), sigma.Options{})
	b, _ := sigma.Parse("b.yml", []byte(text), sigma.Options{})
	set, issues := sigma.Compile(append(a, b...))
	if set.Len() != 1 || len(issues) != 1 || issues[0].Path != "b.yml" {
		t.Errorf("%d rules, issues %v", set.Len(), issues)
	}
}
