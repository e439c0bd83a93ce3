package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

var monday = time.Date(2024, 5, 6, 9, 0, 0, 0, time.UTC)

// raise gives the server n alerts on devices that have nothing to do with each other.
func (h *house) raise(n int) {
	h.t.Helper()
	var found []incident.Detection
	for i := range n {
		found = append(found, incident.Detection{
			Tenant: "default", RuleID: fmt.Sprint("rule-", i), Title: fmt.Sprint("Odd thing ", i), Severity: incident.High, Category: "Execution", ServiceSource: "endpoint",
			DetectionSource: "edr", Time: monday.Add(time.Duration(i) * 48 * time.Hour), Hit: incident.Hit{File: "f", Record: int64(i + 1)},
			Evidence: []incident.Evidence{{Type: "device", HostName: fmt.Sprintf("pc-%d.example", i), Roles: []incident.Role{incident.Attacked}}},
		})
	}
	if _, err := h.server.Incidents.Accept(context.Background(), found); err != nil {
		h.t.Fatal(err)
	}
}

func decode[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

func TestWorkingOnIncidents(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open1(t, location, nil)
		h.raise(5)
		b := h.person("default", "ann", access.SecurityOperator)
		list := decode[Page[incident.Incident]](t, b.must("GET", "/api/incidents?$count=true&$top=2&orderby=lastActivity:desc", nil, 200))
		if len(list.Value) != 2 || list.Count == nil || *list.Count != 5 || !strings.Contains(list.NextLink, "orderby=lastActivity%3Adesc") {
			t.Fatalf("list %+v", list)
		}
		rest := decode[Page[incident.Incident]](t, b.must("GET", list.NextLink, nil, 200))
		if len(rest.Value) != 2 || rest.Value[0].ID == list.Value[1].ID {
			t.Errorf("next page %+v", rest)
		}
		one, two := list.Value[0].ID, list.Value[1].ID
		path := fmt.Sprintf("/api/incidents/%d", one)
		changed := decode[incident.Incident](t, b.must("PATCH", path, map[string]any{"status": "InProgress", "assignedTo": "ann", "tags": []string{"vip"}, "comment": "looking"}, 200))
		if changed.Status != incident.StatusInProgress || changed.AssignedTo != "ann" || len(changed.Tags) != 1 || len(changed.Comments) != 1 || changed.Comments[0].CreatedBy != "ann" {
			t.Errorf("changed %+v", changed)
		}
		b.refused("PATCH", path, map[string]any{"status": "Gone"}, 400, fault.Invalid)
		b.refused("PATCH", "/api/incidents/99999", map[string]any{"status": "Resolved"}, 404, fault.NotFound)
		b.must("POST", path+"/comments", map[string]any{"comment": "<script>alert(1)</script>"}, 200)
		log := decode[Page[incident.Activity]](t, b.must("GET", path+"/activities", nil, 200))
		if log.Count == nil || int(*log.Count) != len(log.Value) || len(log.Value) < 4 {
			t.Errorf("log %+v", log)
		}
		if f := decode[Facets](t, b.must("GET", "/api/incidents/facets", nil, 200)); f["status"]["InProgress"] != 1 || f["severity"]["High"] != 5 {
			t.Errorf("facets %+v", f)
		}
		bulk := decode[BulkAnswer](t, b.must("POST", "/api/incidents/bulk", map[string]any{"ids": []any{one, fmt.Sprint(two), 99999}, "patch": map[string]any{"status": "Resolved"}}, 200))
		if bulk.Updated != 2 || len(bulk.Failed) != 1 || bulk.Failed[0].ID != "99999" || bulk.Failed[0].Error.Code != fault.NotFound {
			t.Errorf("bulk %+v", bulk)
		}
		if got := decode[Page[incident.Incident]](t, b.must("GET", "/api/incidents?status=Resolved&status=InProgress&$count=true", nil, 200)); *got.Count != 2 {
			t.Errorf("resolved ones: %+v", got)
		}

		three, four := rest.Value[0].ID, rest.Value[1].ID
		merged := decode[incident.Incident](t, b.must("POST", fmt.Sprintf("/api/incidents/%d/merge", three), map[string]any{"intoId": fmt.Sprint(four), "comment": "same"}, 200))
		if merged.ID != four || merged.AlertCount != 2 {
			t.Errorf("merged %+v", merged)
		}
		if moved := decode[incident.Incident](t, b.must("GET", fmt.Sprintf("/api/incidents/%d", three), nil, 200)); moved.RedirectIncidentID == nil || *moved.RedirectIncidentID != four {
			t.Errorf("the merged incident answers %+v", moved)
		}
		for _, part := range []string{"alerts", "devices", "users", "mailboxes", "evidence", "investigations"} {
			page := decode[Page[json.RawMessage]](t, b.must("GET", fmt.Sprintf("/api/incidents/%d/%s", four, part), nil, 200))
			want := map[string]int{"alerts": 2, "devices": 2, "evidence": 2}[part]
			if len(page.Value) != want || page.Count == nil || int(*page.Count) != want {
				t.Errorf("%s: %d of %v; want %d", part, len(page.Value), page.Count, want)
			}
		}
		if g := decode[incident.Graph](t, b.must("GET", fmt.Sprintf("/api/incidents/%d/graph", four), nil, 200)); len(g.Nodes) != 4 {
			t.Errorf("graph %+v", g)
		}
		b.refused("GET", "/api/incidents/99999/devices", nil, 404, fault.NotFound)

		alerts := decode[Page[incident.Alert]](t, b.must("GET", fmt.Sprintf("/api/alerts?incidentId=%d", four), nil, 200)).Value
		if len(alerts) != 2 {
			t.Fatalf("alerts %+v", alerts)
		}
		split := decode[Moved](t, b.must("POST", "/api/alerts/"+alerts[0].ID+"/unlink", map[string]any{"comment": "not related"}, 200))
		if split.IncidentID == four || split.Incident == nil {
			t.Errorf("unlinked into %+v", split)
		}
		back := decode[Moved](t, b.must("POST", "/api/alerts/move", map[string]any{"alertIds": []string{alerts[0].ID}, "incidentId": four, "comment": "after all"}, 200))
		fresh := decode[Moved](t, b.must("POST", "/api/alerts/move", map[string]any{"alertIds": []string{alerts[0].ID}, "incidentId": nil}, 200))
		if back.IncidentID != four || fresh.IncidentID == four {
			t.Errorf("moved back %d, then to %d", back.IncidentID, fresh.IncidentID)
		}
		full := decode[incident.Alert](t, b.must("GET", "/api/alerts/"+alerts[0].ID, nil, 200))
		if len(full.Evidence) != 1 || len(full.Hits) != 1 {
			t.Errorf("alert %+v", full)
		}
		b.must("PATCH", "/api/alerts/"+alerts[0].ID, map[string]any{"status": "Resolved", "classification": "FalsePositive"}, 200)
		hits := decode[Page[EntityHit]](t, b.must("GET", "/api/entities/search?q=pc-3", nil, 200)).Value
		kinds := map[string]bool{}
		for _, e := range hits {
			kinds[e.Kind] = true
			if !strings.HasPrefix(e.URL, "/") || e.Label == "" {
				t.Errorf("hit %+v", e)
			}
		}
		if !kinds["device"] || !kinds["incident"] {
			t.Errorf("search finds %+v", hits)
		}

		reader := h.person("default", "rita", access.SecurityReader)
		reader.must("GET", path, nil, 200)
		reader.refused("PATCH", path, map[string]any{"status": "Active"}, 403, fault.Permission)
		if r := decode[RuleView](t, reader.must("GET", "/api/rules/r1", nil, 200)); r.AlertCount == nil || *r.AlertCount != 0 {
			t.Errorf("rule %+v", r)
		}
		if names := decode[Page[Assignee]](t, b.must("GET", "/api/assignees", nil, 200)).Value; len(names) != 2 || names[0].Name != "ann" {
			t.Errorf("assignees %+v", names)
		}
	})
}
