package kql_test

import (
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql"
)

func TestHints(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"Logons | where User contains 'admin'", kql.HintContains},
		{"Logons | where User contains 'ad-min'", ""},
		{"Logons | where User contains 'adm'", ""},
		{"Logons | where User has 'exe'", kql.HintShortTerm},
		{"Logons | where User has 'a.long'", ""},
		{"Logons | where User has_any ('powershell', 'pw')", kql.HintShortTerm},
		{"search 'evil.example'", kql.HintUnscoped},
		{"search in (Logons) 'evil.example'", ""},
		{"Logons | search 'evil.example'", ""},
		{"union * | count", kql.HintUnscoped},
		{"find where Device == 'x'", kql.HintUnscoped},
		{"Logons | where User matches regex 'admin'", kql.HintRegex},
		{"Logons | where User matches regex 'adm.n'", ""},
		{"Logons | extend Host = extract('https?://([^/]+)', 1, User)", kql.HintRegex},
		{"Logons | where tolower(User) == 'admin'", kql.HintCase},
		{"Logons | where 'admin' != (toupper(User))", kql.HintCase},
		{"Logons | where User == tolower_('x')", "error"},
		{"Logons | join Devices on Device", kql.HintJoinKind},
		{"Logons | join kind=inner Devices on Device", ""},
		{"Logons | lookup Devices on Device", ""},
		{"Logons | summarize count() by User, Time | where Time > ago(1d)", kql.HintFilterFirst},
		{"Logons | summarize n = count() by User | where n > 5", ""},
		{"Logons | summarize count() by User | where User != 'x' and count_ > 1", ""},
		{"Logons | summarize Time = max(Time) by User | where Time > ago(1d)", ""},
		{"Logons | sort by Time | take 5", kql.HintTop},
		{"Logons | top 5 by Time", ""},
		{"Processes | project parse_json(Line).a, parse_json(Line).b, parse_json(Line).c, parse_json(Line).d", kql.HintParseOnce},
	} {
		var got []string
		for _, d := range kql.Check(c.query, testTables(), kql.Options{Now: clock}) {
			if d.Severity == kql.SeverityInfo {
				if d.Hint == "" || d.Message == "" || d.Line != 1 || d.EndColumn <= d.Column {
					t.Errorf("%s: %+v", c.query, d)
				}
				got = append(got, d.Code)
			} else if d.Severity == kql.SeverityError {
				got = append(got, "error")
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.query, g, c.want)
		}
	}
	for _, d := range compile(t, "Logons | where User contains 'admin'", kql.Options{}).Warnings {
		t.Errorf("Compile gives hints: %v", d)
	}
}
