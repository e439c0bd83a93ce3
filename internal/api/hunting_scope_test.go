package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Who reads one workload sees its tables and no others; tables over all workloads are for those who read all.
func TestTablesFollowWorkloads(t *testing.T) {
	h := open2(t)
	tables := func(role string) []string {
		t.Helper()
		var got struct{ Tables []HuntTable }
		if err := json.Unmarshal(h.person("default", "p-"+strings.ToLower(role), role).must("GET", "/api/hunting/schema", nil, 200), &got); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, table := range got.Tables {
			names = append(names, table.Name)
		}
		return names
	}
	mail := tables("exchangeAdministrator")
	for _, name := range []string{"EmailEvents", "UrlClickEvents"} {
		if !slices.Contains(mail, name) {
			t.Errorf("an administrator of mail lacks %s", name)
		}
	}
	for _, name := range mail {
		if w := schema.Load().Table(name).Workload; w != "Email & collaboration" && name != alertInfo && name != alertEvidence {
			t.Errorf("an administrator of mail sees %s of %s", name, w)
		}
	}
	if slices.Contains(mail, "MessageContents") {
		t.Error("an administrator of mail sees what messages say")
	}
	all := tables(access.GlobalAdministrator)
	for _, table := range schema.Load().Tables() {
		if !slices.Contains(all, table.Name) && table.Name != "MessageContents" {
			t.Errorf("an administrator of everything lacks %s of %s", table.Name, table.Workload)
		}
	}
}
