package winlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

func scriptRecord(host, block string, number, total, minute int, text string) string {
	return fmt.Sprintf(`{"Channel":"Microsoft-Windows-PowerShell/Operational","SourceName":"Microsoft-Windows-PowerShell","Hostname":%q,"EventID":4104,"TimeCreated":"2031-01-01T10:%02d:00Z","ScriptBlockId":%q,"MessageNumber":"%d","MessageTotal":"%d","ScriptBlockText":%q}`,
		host, minute, block, number, total, text)
}

func scriptsOf(rows []*schema.Row) (out []string) {
	for _, r := range rows {
		if r.Text("ActionType") == "ScriptContent" {
			out = append(out, r.Text("AdditionalFields"))
		}
	}
	return out
}

func TestScriptParts(t *testing.T) {
	f := newFeed(t)
	if b := f.send(scriptRecord("a.example", "one", 2, 2, 0, " world")); len(scriptsOf(b.Rows)) != 0 || row(b, "DeviceEvents").Text("ActionType") != "ScriptContentPart" {
		t.Errorf("a part alone gives %v", b.Rows)
	}
	f.send(scriptRecord("b.example", "one", 1, 2, 0, "another device"))
	got := scriptsOf(f.send(scriptRecord("a.example", "one", 1, 2, 1, "hello")).Rows)
	if len(got) != 1 || !strings.Contains(got[0], `"ScriptContent":"hello world"`) || strings.Contains(got[0], "Incomplete") {
		t.Errorf("all parts give %q", got)
	}
	if got := scriptsOf(f.send(scriptRecord("b.example", "two", 1, 1, 5, "short")).Rows); len(got) != 1 {
		t.Errorf("after five minutes %q", got)
	}
	got = scriptsOf(f.send(scriptRecord("b.example", "three", 1, 1, 20, "short")).Rows)
	if len(got) != 2 || !strings.Contains(got[0], `"ScriptContent":"another device"`) || !strings.Contains(got[0], `"Incomplete":true`) {
		t.Errorf("after twenty minutes %q", got)
	}
	if got := scriptsOf(f.send(scriptRecord("b.example", "three", 1, 1, 40, "short")).Rows); len(got) != 1 {
		t.Errorf("a script is written twice: %q", got)
	}
}

func TestScriptPartsAreBounded(t *testing.T) {
	f := newFeed(t)
	whole := 0
	for i := range 3000 {
		whole += len(scriptsOf(f.send(scriptRecord("a.example", fmt.Sprint(i), 1, 3, 0, "x")).Rows))
	}
	if whole < 1900 {
		t.Errorf("of 3000 unfinished scripts %d were given up", whole)
	}
	for _, parts := range [][2]int{{0, 2}, {3, 2}, {-1, 5}, {1, 1 << 30}} {
		f.send(scriptRecord("a.example", "odd", parts[0], parts[1], 0, "x"))
	}
}

func TestDirectoryChangesArePaired(t *testing.T) {
	f := newFeed(t)
	change := func(kind, value string) string {
		return row(f.send(fmt.Sprintf(`{"Channel":"Security","SourceName":"Microsoft-Windows-Security-Auditing","Hostname":"dc.example","EventID":5136,"TimeCreated":"2031-01-01T10:00:00Z","OpCorrelationID":"{1}","ObjectDN":"CN=Ann,DC=example","ObjectClass":"user","AttributeLDAPDisplayName":"title","AttributeValue":%q,"OperationType":%q}`, value, kind)), "IdentityDirectoryEvents").Text("AdditionalFields")
	}
	if s := change("%%14675", "Clerk"); !strings.Contains(s, `"FROM":"Clerk"`) || strings.Contains(s, `"TO"`) {
		t.Error(s)
	}
	if s := change("%%14674", "Director"); !strings.Contains(s, `"FROM":"Clerk"`) || !strings.Contains(s, `"TO":"Director"`) {
		t.Error(s)
	}
}
