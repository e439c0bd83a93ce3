package trial_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/detect/trial"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/entra"
	"github.com/bartizan-sec/bartizan/internal/normalise/m365"
	"github.com/bartizan-sec/bartizan/internal/normalise/mail"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

func families() map[string]normalise.Family {
	return map[string]normalise.Family{
		winlog.Name: winlog.New(normalise.NewProcessCache(1000)), mail.Name: mail.New(), m365.Name: m365.New(), entra.Name: entra.New(),
	}
}

// TestShippedDetections runs the tests of the shipped Sigma rules; those of KQL rules need a lake and run with the command line's tests.
func TestShippedDetections(t *testing.T) {
	bench := trial.Bench{Families: families}
	results, err := bench.Run(context.Background(), content.Detections())
	if err != nil {
		t.Fatal(err)
	}
	rules, tests := map[string]bool{}, 0
	for _, r := range results {
		rules[r.Rule] = true
		if r.Test != "" && !r.Skipped {
			tests++
		}
		if !r.OK {
			t.Errorf("%s: %s: %s", r.File, r.Test, r.Message)
		}
	}
	t.Logf("%d rules, %d tests", len(rules), tests)
	if len(rules) < 40 {
		t.Errorf("%d rules are shipped, want 40 or more", len(rules))
	}
}

// TestBadContent makes sure that each kind of mistake is found.
func TestBadContent(t *testing.T) {
	good := `title: Good
id: good
level: high
author: Somebody
description: A description that says what the behaviour is and why.
recommended: Do something.
tags: [attack.execution, attack.t1059]
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: '\bad.exe'}
  condition: s
tests:
  - name: fires
    match: true
    family: winlog
    records:
      - {EventTime: "{T}", Hostname: pc1, Channel: Microsoft-Windows-Sysmon/Operational, SourceName: Microsoft-Windows-Sysmon, EventID: 1, Image: 'C:\x\bad.exe', ProcessId: 5}
  - name: does not
    match: false
    family: winlog
    records:
      - {repeat: 3, every: 1m, record: {EventTime: "{T}", Hostname: pc1, Channel: Microsoft-Windows-Sysmon/Operational, SourceName: Microsoft-Windows-Sysmon, EventID: 1, Image: 'C:\x\good{N}.exe', ProcessId: 5}}
`
	for _, c := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"missed", strings.Replace(good, `C:\x\bad.exe`, `C:\x\other.exe`, 1), "must fire"},
		{"false alarm", strings.Replace(good, `good{N}`, `bad`, 1), "must not fire"},
		{"no negative test", good[:strings.Index(good, "  - name: does not")], "must not match"},
		{"id", strings.Replace(good, "id: good", "id: other", 1), "not the file's name"},
		{"tag", strings.Replace(good, "attack.t1059", "attack.T1", 1), "neither a tactic nor a technique"},
		{"family", strings.ReplaceAll(good, "family: winlog", "family: nowhere"), "no family"},
		{"not a rule", "tests: []\n", "no title"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := (&trial.Bench{Families: families}).Run(context.Background(), fstest.MapFS{"endpoint/good.yml": {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			var messages []string
			for _, r := range results {
				if !r.OK {
					messages = append(messages, r.Message)
				}
			}
			all := strings.Join(messages, "\n")
			if c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("messages %q, want %q", all, c.want)
			}
		})
	}
}
