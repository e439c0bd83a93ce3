package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

// noMail reads security data, but no mail.
const noMail = "complianceAdministrator"

func decoded[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestFunctionsOfATenant(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		rules := &fakeRules{rules: map[string]*detect.Rule{"k1": {ID: "k1", Title: "Uses it", Kind: detect.KQL, Source: "query: |\n  Shared ()\n  | take 1"}}}
		h := open1(t, location, func(d *Deps) { d.Rules = rules })
		ann, bob := h.person("default", "ann", access.SecurityReader), h.person("default", "bob", access.SecurityOperator)
		zoe, mailless := h.person("t2", "zoe", access.GlobalAdministrator), h.person("default", "mo", noMail)

		body := map[string]any{"name": "Shared", "folder": "a//b", "body": "DeviceEvents | where ActionType == kind", "shared": true, "parameters": []map[string]any{{"name": "kind", "type": "string", "default": "x"}}}
		f := decoded[hunting.Function](t, ann.must("POST", "/api/hunting/functions", body, 201))
		if f.Kind != "shared" || !f.Mine || !f.Tabular || f.Folder != "a/b" || f.Parameters[0].Default != `"x"` || cmp.Diff([]string{"DeviceEvents"}, f.Tables) != "" {
			t.Errorf("%+v", f)
		}
		private := decoded[hunting.Function](t, ann.must("POST", "/api/hunting/functions", map[string]any{"name": "Private", "body": "EmailEvents | count"}, 201))

		p := ann.refused("POST", "/api/hunting/functions", map[string]any{"name": "Bad", "body": "DeviceEvents\n| where Nope > 1"}, 422, "name")
		if p.Error.Target != "body" || p.Error.Details["line"] != 2.0 || p.Error.Details["column"] != 9.0 {
			t.Errorf("%+v", p.Error)
		}
		mailless.refused("POST", "/api/hunting/functions", map[string]any{"name": "Mail", "body": "EmailEvents"}, 422, "name")
		if ann.refused("POST", "/api/hunting/functions", map[string]any{"name": "tolower", "body": "print 1"}, 400, fault.Invalid); ann.last == nil {
			t.Error("no answer")
		}

		// What others, and other tenants, can do with them.
		path, hidden := "/api/hunting/functions/"+f.ID, "/api/hunting/functions/"+private.ID
		bob.refused("GET", hidden, nil, 404, fault.NotFound)
		bob.refused("PUT", hidden, body, 404, fault.NotFound)
		bob.refused("DELETE", hidden+"?force=true", nil, 404, fault.NotFound)
		bob.refused("PUT", path, body, 403, fault.Permission)
		mailless.refused("DELETE", path+"?force=true", nil, 403, fault.Permission)
		for _, p := range []string{path, hidden} {
			zoe.refused("GET", p, nil, 404, fault.NotFound)
			zoe.refused("PUT", p, body, 404, fault.NotFound)
			zoe.refused("DELETE", p+"?force=true", nil, 404, fault.NotFound)
			zoe.refused("DELETE", p+"?force=true", nil, 403, fault.Permission, "X-Tenant", "default")
		}
		names := func(b *browser) string {
			out := ""
			for _, f := range decoded[struct{ Value []hunting.Function }](t, b.must("GET", "/api/hunting/functions", nil, 200)).Value {
				if f.Kind != "builtin" {
					out += f.Name + " "
				}
			}
			return out
		}
		for who, want := range map[*browser]string{ann: "Private Shared ", bob: "Shared ", zoe: ""} {
			if got := names(who); got != want {
				t.Errorf("%q is listed, want %q", got, want)
			}
		}

		// Queries get what they may call.
		for _, c := range []struct {
			who  *browser
			want string
		}{{ann, "Private Shared "}, {bob, "Shared "}, {zoe, ""}} {
			h.hunter.mu.Lock()
			h.hunter.asked = nil
			h.hunter.mu.Unlock()
			c.who.must("POST", "/api/hunting/run", map[string]any{"query": "Shared() | union Private()"}, 200)
			h.hunter.mu.Lock()
			got := ""
			for _, f := range h.hunter.asked[0].Functions {
				got += f.Name + " "
			}
			h.hunter.mu.Unlock()
			if got != c.want {
				t.Errorf("a query may call %q, want %q", got, c.want)
			}
		}

		// A rule uses it: it may not grow, and goes only by force.
		if v := decoded[FunctionView](t, bob.must("GET", path, nil, 200)); len(v.UsedBy) != 1 || v.UsedBy[0].Kind != "rule" || v.UsedBy[0].Name != "Uses it" {
			t.Errorf("used by %+v", v.UsedBy)
		}
		body["body"] = "union DeviceEvents, EmailEvents"
		if p := ann.refused("PUT", path, body, 409, fault.Conflict); !strings.Contains(p.Error.Message, "EmailEvents") {
			t.Errorf("%+v", p.Error)
		}
		body["body"] = "DeviceEvents | take 1"
		ann.must("PUT", path, body, 200)
		bob.refused("DELETE", path, nil, 409, fault.Conflict)
		bob.must("DELETE", path+"?force=true", nil, 204)

		client, _ := h.token("default", access.ScopeRead, access.ScopeWrite)
		client.refused("POST", "/api/hunting/functions", body, 403, fault.Permission)
	})
}

func TestCommunityOfATenant(t *testing.T) {
	h := open2(t)
	ann, reader, zoe := h.person("default", "ann", access.SecurityOperator), h.person("default", "rea", access.SecurityReader), h.person("t2", "zoe", access.GlobalAdministrator)
	body := map[string]any{"source": "set", "files": []hunting.File{
		{Path: "a/one.kql", Text: "// about it\nDeviceInfo | take 1"}, {Path: "b.yaml", Text: "query: ["}, {Path: "c.yml", Text: "name: C\nquery: |\n  Custom_CL | take 1\n"},
	}}
	reader.refused("POST", "/api/hunting/community", body, 403, fault.Permission)
	reader.refused("DELETE", "/api/hunting/community?source=set", nil, 403, fault.Permission)
	r := decoded[hunting.ImportReport](t, ann.must("POST", "/api/hunting/community", body, 200))
	if r.Added != 2 || r.Runnable != 1 || len(r.Refused) != 1 || r.Refused[0].Path != "b.yaml" || r.Refused[0].Line == 0 {
		t.Errorf("%+v", r)
	}
	page := decoded[Page[hunting.CommunityQuery]](t, reader.must("GET", "/api/hunting/community?search=ABOUT%20deviceinfo", nil, 200))
	if len(page.Value) != 1 || *page.Count != 1 || page.Value[0].Folder != "a" || page.Value[0].Query != "" {
		t.Fatalf("%+v", page)
	}
	path := "/api/hunting/community/" + page.Value[0].ID
	if q := decoded[hunting.CommunityQuery](t, reader.must("GET", path, nil, 200)); q.Query != "// about it\nDeviceInfo | take 1" {
		t.Errorf("%+v", q)
	}
	if page := decoded[Page[hunting.CommunityQuery]](t, reader.must("GET", "/api/hunting/community?runnable=true&$top=1", nil, 200)); *page.Count != 1 {
		t.Errorf("%+v", page)
	}
	zoe.refused("GET", path, nil, 404, fault.NotFound)
	zoe.refused("DELETE", "/api/hunting/community?source=set", nil, 404, fault.NotFound)
	if page := decoded[Page[hunting.CommunityQuery]](t, zoe.must("GET", "/api/hunting/community", nil, 200)); len(page.Value) != 0 {
		t.Errorf("another tenant sees %+v", page)
	}
	ann.refused("POST", "/api/hunting/community", map[string]any{"source": " ", "files": []hunting.File{}}, 400, fault.Invalid)
	ann.must("DELETE", "/api/hunting/community?source=set", nil, 200)
	ann.refused("GET", path, nil, 404, fault.NotFound)

	// Favourites are everybody's own.
	ann.must("PUT", "/api/hunting/favorites/table/DeviceInfo", nil, 204)
	ann.must("PUT", "/api/hunting/favorites/table/DeviceInfo", nil, 204)
	ann.refused("PUT", "/api/hunting/favorites/user/x", nil, 422, fault.Invalid)
	for who, want := range map[*browser]int{ann: 1, reader: 0, zoe: 0} {
		if got := decoded[struct{ Value []hunting.Favorite }](t, who.must("GET", "/api/hunting/favorites", nil, 200)); len(got.Value) != want {
			t.Errorf("%+v", got)
		}
	}
	ann.must("DELETE", "/api/hunting/favorites/table/DeviceInfo", nil, 204)
}

func TestUsageReport(t *testing.T) {
	h := open2(t)
	ann, other, zoe := h.person("default", "ann", access.SecurityReader), h.person("default", "mo", noMail), h.person("t2", "zoe", access.GlobalAdministrator)
	hunter, _ := h.token("default", access.ScopeHunt)
	ann.must("POST", "/api/hunting/run", map[string]any{"query": "print 'ann'", "timespan": "P7D"}, 200)
	other.must("POST", "/api/hunting/run", map[string]any{"query": "print 'mo'"}, 200)
	hunter.must("POST", "/api/hunting/run", map[string]any{"query": "print 'token'"}, 200)
	zoe.must("POST", "/api/hunting/run", map[string]any{"query": "print 'zoe'"}, 200)
	for who, want := range map[*browser]string{ann: "print 'token' print 'mo' print 'ann' ", other: "print 'mo' ", hunter: "print 'token' ", zoe: "print 'zoe' "} {
		page := decoded[Page[hunting.Run]](t, who.must("GET", "/api/hunting/usage", nil, 200))
		got := ""
		for _, r := range page.Value {
			got += r.Query + " "
		}
		if got != want || int(*page.Count) != len(page.Value) {
			t.Errorf("sees %q of %d, want %q", got, *page.Count, want)
		}
	}
	page := decoded[Page[hunting.Run]](t, ann.must("GET", "/api/hunting/usage?interface=portal&user=AN&state=completed&from=2020-01-01T00:00:00Z&orderby=ms:desc", nil, 200))
	if len(page.Value) != 1 || page.Value[0].Timespan != "P7D" || page.Value[0].Interface != hunting.Portal || page.Value[0].Grade == "" {
		t.Errorf("%+v", page.Value)
	}
	sums := decoded[struct{ Value []hunting.UsageHour }](t, ann.must("GET", "/api/hunting/usage/summary?from=2020-01-01T00:00:00Z", nil, 200))
	if len(sums.Value) != 2 || sums.Value[0].Interface != hunting.API || sums.Value[1].Runs != 2 {
		t.Errorf("%+v", sums.Value)
	}
	if sums := decoded[struct{ Value []hunting.UsageHour }](t, other.must("GET", "/api/hunting/usage/summary", nil, 200)); len(sums.Value) != 1 || sums.Value[0].Runs != 1 {
		t.Errorf("%+v", sums.Value)
	}
	ann.refused("GET", "/api/hunting/usage?orderby=query:desc", nil, 400, fault.Invalid)
	zoe.refused("GET", "/api/hunting/usage", nil, 403, fault.Permission, "X-Tenant", "default")
}

func TestLinkToIncident(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open1(t, location, nil)
		ann, reader, zoe := h.person("default", "ann", access.SecurityOperator), h.person("default", "rea", access.SecurityReader), h.person("t2", "zoe", access.GlobalAdministrator)
		mailless := h.person("default", "mo", noMail)
		body := func(query string, incidentID any, rows ...[]any) map[string]any {
			return map[string]any{
				"incidentId": incidentID, "query": query, "timespan": "P1D", "columns": []map[string]string{{"name": "RecipientEmailAddress", "type": "string"}, {"name": "N", "type": "long"}}, "rows": rows,
				"alert":    map[string]any{"title": "Phish", "severity": "High", "category": "InitialAccess", "mitreTechniques": []string{"T1566"}},
				"entities": []map[string]string{{"role": "impacted", "type": "mailbox", "column": "RecipientEmailAddress"}},
			}
		}
		rows := [][]any{{"a@corp.example", 1}, {"b@corp.example", 2}, {"A@corp.example", 3}, {"c@corp.example", 4}}
		made := decoded[LinkedAnswer](t, ann.must("POST", "/api/hunting/link", body("EmailEvents | take 4", nil, rows...), 200))
		if made.IncidentID == 0 || len(made.AlertIDs) != 3 {
			t.Fatalf("three recipients give %+v", made)
		}
		alert := decoded[incident.Alert](t, ann.must("GET", "/api/alerts/"+made.AlertIDs[0], nil, 200))
		if alert.DetectionSource != "manual" || alert.ServiceSource != "email" || alert.HitCount != 2 || alert.IncidentID != made.IncidentID || len(alert.Mailboxes) != 1 {
			t.Errorf("%+v", alert)
		}
		got := decoded[AlertResults](t, reader.must("GET", "/api/alerts/"+made.AlertIDs[0]+"/results", nil, 200))
		if len(got.Rows) != 2 || string(got.Rows[1][1]) != "3" || got.Columns[1].Name != "N" || got.Query != "EmailEvents | take 4" {
			t.Errorf("%+v", got)
		}

		// Who may not.
		reader.refused("POST", "/api/hunting/link", body("EmailEvents", nil, rows...), 403, fault.Permission)
		mailless.refused("POST", "/api/hunting/link", body("EmailEvents", nil, rows...), 403, fault.Permission)
		mailless.refused("POST", "/api/hunting/link", body("search 'x'", nil, rows...), 403, fault.Permission)
		mailless.refused("GET", "/api/alerts/"+made.AlertIDs[0]+"/results", nil, 403, fault.Permission)
		zoe.refused("GET", "/api/alerts/"+made.AlertIDs[0]+"/results", nil, 404, fault.NotFound)
		zoe.refused("POST", "/api/hunting/link", body("print 1", made.IncidentID, rows...), 404, fault.NotFound)
		zoe.refused("POST", "/api/hunting/link", body("print 1", made.IncidentID, rows...), 403, fault.Permission, "X-Tenant", "default")
		client, _ := h.token("default", access.ScopeRead, access.ScopeHunt)
		client.refused("POST", "/api/hunting/link", body("EmailEvents", nil, rows...), 403, fault.Permission)
		// A function does not hide what it reads.
		ann.must("POST", "/api/hunting/functions", map[string]any{"name": "Mail", "body": "EmailEvents", "shared": true}, 201)
		mailless.refused("POST", "/api/hunting/link", body("Mail() | take 1", nil, rows...), 403, fault.Permission)

		// What does not fit.
		ann.refused("POST", "/api/hunting/link", body("EmailEvents", 999, rows...), 404, fault.NotFound)
		var many [][]any
		for i := range 1001 {
			many = append(many, []any{fmt.Sprintf("u%d@corp.example", i), i})
		}
		ann.refused("POST", "/api/hunting/link", body("EmailEvents", nil, many...), 422, fault.Limit)
		ann.refused("POST", "/api/hunting/link", body("EmailEvents", nil, many[:101]...), 422, fault.Limit)
		ann.refused("POST", "/api/hunting/link", body("EmailEvents", nil), 422, fault.Invalid)
		if list := decoded[Page[incident.Alert]](t, ann.must("GET", "/api/alerts?$count=true", nil, 200)); *list.Count != 3 {
			t.Errorf("%d alerts after refused links", *list.Count)
		}

		// Into an incident that is there, and out again.
		again := decoded[LinkedAnswer](t, ann.must("POST", "/api/hunting/link", body("DeviceEvents", made.IncidentID, []any{"d@corp.example", 5}), 200))
		if again.IncidentID != made.IncidentID || len(again.AlertIDs) != 1 {
			t.Errorf("%+v", again)
		}
		if moved := decoded[Moved](t, ann.must("POST", "/api/alerts/"+again.AlertIDs[0]+"/unlink", map[string]any{}, 200)); moved.IncidentID == made.IncidentID {
			t.Errorf("%+v", moved)
		}
	})
}
