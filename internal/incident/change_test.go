package incident_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// pair makes two incidents of one alert each, on two devices days apart.
func (f *fixture) pair() (a, b incident.Incident) {
	f.Helper()
	f.accept(f.hit("alpha", noon, device("pc-1")), f.hit("beta", noon.Add(60*time.Hour), device("pc-2")))
	list := f.incidents()
	if len(list) != 2 {
		f.Fatalf("%d incidents, want 2", len(list))
	}
	return list[0], list[1]
}

func ptr[T any](v T) *T { return &v }

func wantCode(t *testing.T, err error, code fault.Code, target string) {
	t.Helper()
	var e *fault.Error
	if fault.CodeOf(err) != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	if target != "" {
		if !errors.As(err, &e) || e.Target != target {
			t.Errorf("error %v names %q, want %q", err, e.Target, target)
		}
	}
}

func TestUpdateIncident(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		got, err := f.UpdateIncident(ctx, "default", anna, a.ID, incident.Patch{
			Status: ptr(incident.StatusResolved), AssignedTo: ptr("bo"), Classification: ptr("TruePositive"), Determination: ptr("Phishing"),
			Tags: ptr([]string{"vip", " vip", "q2"}), Severity: ptr(incident.High), Name: ptr("Case 7"), Comment: ptr("done"), ResolvingComment: ptr("cleaned"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != incident.StatusResolved || got.AssignedTo != "bo" || got.Determination != "Phishing" || !slices.Equal(got.Tags, []string{"vip", "q2"}) ||
			got.Severity != incident.High || !got.SeverityOverridden || got.Name != "Case 7" || got.ActiveAlertCount != 0 || got.ResolvingComment != "cleaned" {
			t.Errorf("incident %+v", got)
		}
		alert, err := f.Alert(ctx, "default", got.AlertIDs[0])
		if err != nil || alert.Status != incident.StatusResolved || alert.AssignedTo != "bo" || alert.ResolvedTime == nil {
			t.Errorf("the cascade left the alert as %+v, %v", alert, err)
		}
		log, err := f.IncidentActivities(ctx, "default", a.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		types := map[string]int{}
		for _, x := range log.Value {
			types[x.Type]++
		}
		for _, want := range []string{"created", "status", "assignedTo", "classification", "tags", "severity", "name", "comment", "resolvingComment"} {
			if types[want] != 1 {
				t.Errorf("the log has %d entries of type %s, want 1", types[want], want)
			}
		}
		if len(got.Comments) != 1 || got.Comments[0].CreatedBy != "anna" {
			t.Errorf("comments %+v", got.Comments)
		}
		p, err := f.Incidents(ctx, "default", incident.Query{Tag: []string{"q2"}, Count: true, Top: 10})
		if err != nil || p.Count != 1 || len(p.Value) != 1 {
			t.Errorf("by tag: %+v, %v", p, err)
		}
	})
}

func TestPatchRefusals(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		for _, c := range []struct {
			name   string
			patch  incident.Patch
			target string
		}{
			{"pair outside the table", incident.Patch{Classification: ptr("FalsePositive"), Determination: ptr("Phishing")}, "determination"},
			{"no such class", incident.Patch{Classification: ptr("Maybe")}, "classification"},
			{"redirected by hand", incident.Patch{Status: ptr(incident.StatusRedirected)}, "status"},
			{"no such status", incident.Patch{Status: ptr(incident.Status("Closed"))}, "status"},
			{"no such severity", incident.Patch{Severity: ptr(incident.Severity("Awful"))}, "severity"},
			{"empty name", incident.Patch{Name: ptr("  ")}, "name"},
			{"empty comment", incident.Patch{Comment: ptr("")}, "comment"},
			{"endless comment", incident.Patch{Comment: ptr(strings.Repeat("x", 30_001))}, "comment"},
		} {
			_, err := f.UpdateIncident(ctx, "default", anna, a.ID, c.patch)
			wantCode(t, err, fault.Invalid, c.target)
		}
		_, err := f.UpdateIncident(ctx, "default", anna, 999, incident.Patch{Comment: ptr("x")})
		wantCode(t, err, fault.NotFound, "")
		if got, _ := f.Incident(ctx, "default", a.ID); got.Classification != "Unknown" || len(got.Comments) != 0 {
			t.Errorf("a refused patch changed the incident: %+v", got)
		}
		if _, err := f.UpdateAlert(ctx, "default", anna, a.AlertIDs[0], incident.Patch{Tags: ptr([]string{"VIP & <co>", "x_y"})}); err != nil {
			t.Fatal(err)
		}
		for tag, want := range map[string]int{"VIP & <co>": 1, "x_y": 1, "xzy": 0, "VIP": 0} {
			if p, err := f.Alerts(ctx, "default", incident.Query{Tag: []string{tag}}); err != nil || len(p.Value) != want {
				t.Errorf("alerts tagged %q: %d, %v; want %d", tag, len(p.Value), err, want)
			}
		}
		r, err := f.UpdateIncidents(ctx, "default", anna, []int64{a.ID, 999}, incident.Patch{Status: ptr(incident.StatusInProgress)})
		if err != nil || r.Updated != 1 || len(r.Failed) != 1 || r.Failed[0].ID != "999" {
			t.Errorf("bulk %+v, %v", r, err)
		}
	})
}

func TestMergeRedirects(t *testing.T) {
	each(t, func(f *fixture) {
		f.accept(f.hit("a", noon, device("pc-1")), f.hit("b", noon.Add(60*time.Hour), device("pc-2")), f.hit("c", noon.Add(120*time.Hour), device("pc-3")))
		list := f.incidents()
		if len(list) != 3 {
			t.Fatalf("%d incidents", len(list))
		}
		a, b, c := list[0].ID, list[1].ID, list[2].ID
		if _, err := f.UpdateIncident(ctx, "default", anna, a, incident.Patch{Tags: ptr([]string{"from-a"}), Comment: ptr("seen")}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.MergeIncidents(ctx, "default", anna, a, b, "same case"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.MergeIncidents(ctx, "default", anna, b, c, ""); err != nil {
			t.Fatal(err)
		}
		got, err := f.Incident(ctx, "default", a)
		if err != nil || got.ID != c || got.RedirectIncidentID == nil || *got.RedirectIncidentID != c || got.AlertCount != 3 || !slices.Equal(got.Tags, []string{"from-a"}) || len(got.Comments) != 1 {
			t.Errorf("the first incident answers %+v, %v; want the data of %d", got, err, c)
		}
		if n := len(f.incidents()); n != 1 {
			t.Errorf("%d incidents in the queue, want 1", n)
		}
		gone, err := f.Incidents(ctx, "default", incident.Query{Status: []string{"Redirected"}})
		if err != nil || len(gone.Value) != 2 || *gone.Value[0].RedirectIncidentID != c || *gone.Value[1].RedirectIncidentID != c {
			t.Errorf("redirected: %+v, %v", gone, err)
		}
		p, err := f.Alerts(ctx, "default", incident.Query{IncidentID: a})
		if err != nil || len(p.Value) != 3 {
			t.Errorf("alerts of the redirected id: %d, %v", len(p.Value), err)
		}
		_, err = f.MergeIncidents(ctx, "default", anna, a, c, "")
		wantCode(t, err, fault.Conflict, "")
	})
}

func TestMergeRefusals(t *testing.T) {
	for _, c := range []struct {
		field string
		a, b  incident.Patch
	}{
		{"assignedTo", incident.Patch{AssignedTo: ptr("x")}, incident.Patch{AssignedTo: ptr("y")}},
		{"classification", incident.Patch{Classification: ptr("TruePositive"), Determination: ptr("Other")}, incident.Patch{Classification: ptr("FalsePositive"), Determination: ptr("Other")}},
		{"determination", incident.Patch{Classification: ptr("TruePositive"), Determination: ptr("Other")}, incident.Patch{Classification: ptr("TruePositive"), Determination: ptr("Malware")}},
		{"status", incident.Patch{Status: ptr(incident.StatusResolved)}, incident.Patch{}},
	} {
		t.Run(c.field, func(t *testing.T) {
			each(t, func(f *fixture) {
				a, b := f.pair()
				for _, x := range []struct {
					id int64
					p  incident.Patch
				}{{a.ID, c.a}, {b.ID, c.b}} {
					if _, err := f.UpdateIncident(ctx, "default", anna, x.id, x.p); err != nil {
						t.Fatal(err)
					}
				}
				_, err := f.MergeIncidents(ctx, "default", anna, a.ID, b.ID, "")
				wantCode(t, err, fault.Conflict, c.field)
			})
		})
	}
}

func TestMoveAlerts(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		got, err := f.MoveAlerts(ctx, "default", anna, a.AlertIDs, b.ID, "belongs here")
		if err != nil || got.ID != b.ID || got.AlertCount != 2 || got.DeviceCount != 2 {
			t.Fatalf("moved into %+v, %v", got, err)
		}
		if back, err := f.Incident(ctx, "default", a.ID); err != nil || back.ID != b.ID {
			t.Errorf("the emptied incident answers %+v, %v; want a redirect", back, err)
		}
		fresh, err := f.MoveAlerts(ctx, "default", anna, a.AlertIDs, 0, "")
		if err != nil || fresh.ID == b.ID || fresh.AlertCount != 1 {
			t.Fatalf("a new incident: %+v, %v", fresh, err)
		}
		alert, err := f.Alert(ctx, "default", a.AlertIDs[0])
		if err != nil || alert.IncidentID != fresh.ID || !slices.Contains(alert.LinkReasons, "ManualAssociation") {
			t.Errorf("the alert: %+v, %v", alert, err)
		}
		_, err = f.MoveAlerts(ctx, "default", anna, []string{"nope"}, b.ID, "")
		wantCode(t, err, fault.NotFound, "")
		_, err = f.MoveAlerts(ctx, "default", anna, nil, b.ID, "")
		wantCode(t, err, fault.Invalid, "alertIds")
	})
}

// joined accepts alerts that correlation puts into one incident.
func (f *fixture) joined(n int) incident.Incident {
	f.Helper()
	var list []incident.Detection
	for i := range n {
		list = append(list, f.hit(fmt.Sprint("rule-", i), noon.Add(time.Duration(i)*time.Minute), device("pc-7"), user("anna")))
	}
	f.accept(list...)
	all := f.incidents()
	if len(all) != 1 || all[0].AlertCount != n {
		f.Fatalf("incidents %+v, want one of %d alerts", all, n)
	}
	return all[0]
}

func TestUnlinkIsRemembered(t *testing.T) {
	each(t, func(f *fixture) {
		in := f.joined(4)
		if len(in.Joins) == 0 || in.Joins[0].Text == "" {
			t.Fatal("the incident does not say why its alerts were joined")
		}
		out := in.AlertIDs[1]
		own, err := f.UnlinkAlert(ctx, "default", anna, out, "not the same")
		if err != nil || own.AlertCount != 1 || own.ID == in.ID {
			t.Fatalf("unlinked into %+v, %v", own, err)
		}
		rest, err := f.Incident(ctx, "default", in.ID)
		if err != nil || rest.AlertCount != 3 {
			t.Fatalf("what is left: %+v, %v", rest, err)
		}
		for _, j := range rest.Joins {
			if j.AlertID == out || j.ToAlertID == out {
				t.Errorf("a join to the unlinked alert is left: %+v", j)
			}
		}
		f.open(incident.Options{}) // the memory outlives a restart
		f.accept(f.hit("rule-9", noon.Add(5*time.Minute), device("pc-7"), user("anna")))
		list := f.incidents()
		if len(list) != 2 {
			t.Errorf("a later alert joined what a person took apart: %d incidents", len(list))
		}
		_, err = f.UnlinkAlert(ctx, "default", anna, out, "")
		if fault.CodeOf(err) != fault.Conflict && err != nil {
			t.Errorf("unlinking a lone alert: %v", err)
		}
		// A person may put it back.
		if _, err := f.MoveAlerts(ctx, "default", anna, []string{out}, in.ID, ""); err != nil {
			t.Fatal(err)
		}
	})
}

func TestResolvedIncidentTakesNoAlerts(t *testing.T) {
	each(t, func(f *fixture) {
		in := f.joined(3)
		if _, err := f.UpdateIncident(ctx, "default", anna, in.ID, incident.Patch{Status: ptr(incident.StatusResolved)}); err != nil {
			t.Fatal(err)
		}
		f.accept(f.hit("rule-9", noon.Add(5*time.Minute), device("pc-7"), user("anna")))
		got, err := f.Incident(ctx, "default", in.ID)
		if err != nil || got.AlertCount != 3 || got.Status != incident.StatusResolved || len(f.incidents()) != 2 {
			t.Errorf("the resolved incident is now %+v, %v", got, err)
		}
	})
}

func TestGrowthBoundIsSaid(t *testing.T) {
	each(t, func(f *fixture) {
		f.open(incident.Options{MaxAlerts: 5})
		for i := range 12 {
			f.accept(f.hit(fmt.Sprint("rule-", i), noon.Add(time.Duration(i)*time.Minute), device("pc-7"), user("anna")))
		}
		list := f.incidents()
		if len(list) < 3 || !list[0].Full {
			t.Fatalf("%d incidents, the first %+v", len(list), list[0])
		}
		for _, in := range list {
			if in.AlertCount > 5 {
				t.Errorf("incident %d has %d alerts over the bound", in.ID, in.AlertCount)
			}
		}
		log, err := f.IncidentActivities(ctx, "default", list[0].ID, 0, 0)
		if err != nil || !slices.ContainsFunc(log.Value, func(a incident.Activity) bool { return a.Type == "growthBound" }) {
			t.Errorf("the log does not say that the incident stopped growing: %+v, %v", log, err)
		}
	})
}

func TestLabStaysApartAndGoes(t *testing.T) {
	each(t, func(f *fixture) {
		f.accept(f.hit("real", noon, device("pc-7"), user("anna")))
		lab := f.hit("lab", noon.Add(time.Minute), device("pc-7"), user("anna"))
		lab.Lab = "run-1"
		f.accept(lab)
		if n := len(f.incidents()); n != 2 {
			t.Fatalf("%d incidents, want lab and real apart", n)
		}
		only := true
		p, err := f.Incidents(ctx, "default", incident.Query{Lab: &only})
		if err != nil || len(p.Value) != 1 || !p.Value[0].Lab {
			t.Errorf("lab incidents %+v, %v", p, err)
		}
		r, err := f.RemoveLab(ctx, "default")
		if err != nil || r.Alerts != 1 || r.Incidents != 1 {
			t.Errorf("removed %+v, %v", r, err)
		}
		if list := f.alerts(); len(list) != 1 || list[0].RuleID != "real" {
			t.Errorf("left %+v", list)
		}
	})
}

func TestTabs(t *testing.T) {
	each(t, func(f *fixture) {
		d := f.hit("mail", noon, incident.Evidence{Type: "mailMessage", NetworkMessageID: "m-1", Subject: "Invoice", Recipient: "anna@corp.example", Sender: "x@evil.example"},
			incident.Evidence{Type: "mailbox", Mailbox: "anna@corp.example"}, incident.Evidence{Type: "url", URL: "http://evil.example/a"})
		d.ServiceSource, d.Category = "email", "InitialAccess"
		g := f.hit("run", noon.Add(3*time.Minute), device("pc-7"), incident.Evidence{Type: "user", AccountUPN: "anna@corp.example", AccountDomain: "CORP", AccountName: "anna"},
			incident.Evidence{Type: "process", ProcessGUID: "{0b1c}", FileName: "a.exe", FolderPath: `C:\Users\anna\a.exe`, SHA256: strings.Repeat("ab", 32), CommandLine: "a.exe -x"})
		f.accept(d, g)
		list := f.incidents()
		if len(list) != 1 {
			t.Fatalf("a click after a phish: %d incidents, want 1", len(list))
		}
		in := list[0]
		if in.DeviceCount != 1 || in.UserCount != 1 || in.MailboxCount != 1 || len(in.ServiceSources) != 2 || !strings.HasPrefix(in.Name, "Multi-stage incident involving Initial access & Execution") {
			t.Errorf("incident %+v", in)
		}
		users, err := f.IncidentUsers(ctx, "default", in.ID, 10, 0)
		if err != nil || users.Count != 1 || users.Value[0].Key != "user:anna@corp.example" || users.Value[0].Facts.AccountDomain != "CORP" {
			t.Errorf("users %+v, %v", users, err)
		}
		boxes, err := f.IncidentMailboxes(ctx, "default", in.ID, 10, 0)
		if err != nil || boxes.Count != 1 || boxes.Value[0].Key != "mailbox:anna@corp.example" {
			t.Errorf("mailboxes %+v, %v", boxes, err)
		}
		evidence, err := f.IncidentEvidence(ctx, "default", in.ID, 2, 1)
		if err != nil || evidence.Count != 6 || len(evidence.Value) != 2 {
			t.Errorf("evidence %+v, %v", evidence, err)
		}
		g2, err := f.IncidentGraph(ctx, "default", in.ID)
		if err != nil || len(g2.Nodes) < 7 || len(g2.Edges) < 6 {
			t.Errorf("graph %+v, %v", g2, err)
		}
		found, err := f.SearchEntities(ctx, "default", "ANNA", 10)
		if err != nil || len(found) < 2 {
			t.Errorf("search %+v, %v", found, err)
		}
		byEntity, err := f.Incidents(ctx, "default", incident.Query{Entity: "user:anna@corp.example"})
		if err != nil || len(byEntity.Value) != 1 {
			t.Errorf("by entity %+v, %v", byEntity, err)
		}
		facets, err := f.IncidentFacets(ctx, "default", incident.Query{ServiceSource: []string{"email"}, Severity: []string{"Medium"}})
		if err != nil || len(facets["serviceSource"]) != 2 || len(facets["severity"]) != 1 || facets["severity"][0].Value != "Medium" {
			t.Errorf("facets %+v, %v", facets, err)
		}
	})
}

func TestListFilters(t *testing.T) {
	each(t, func(f *fixture) {
		for i := range 9 {
			d := f.hit(fmt.Sprint("rule ", i), noon.Add(time.Duration(i)*100*time.Hour), device(fmt.Sprint("host_", i)))
			d.Severity = incident.SeverityOf(i % 3)
			if i%2 == 0 {
				d.Category, d.ServiceSource, d.DetectionSource = "Impact", "identity", "identity"
			}
			f.accept(d)
		}
		for _, c := range []struct {
			name string
			q    incident.Query
			want int64
		}{
			{"all", incident.Query{}, 9},
			{"severities", incident.Query{Severity: []string{"low", "Medium"}}, 6},
			{"status", incident.Query{Status: []string{"Active"}}, 9},
			{"none resolved", incident.Query{Status: []string{"Resolved"}}, 0},
			{"category", incident.Query{Category: []string{"Impact"}}, 5},
			{"source", incident.Query{ServiceSource: []string{"endpoint"}}, 4},
			{"two fields", incident.Query{ServiceSource: []string{"endpoint"}, Severity: []string{"Low"}}, 2},
			{"time", incident.Query{From: noon.Add(250 * time.Hour), To: noon.Add(600 * time.Hour)}, 4},
			{"name", incident.Query{Search: "RULE 3"}, 1},
			{"asset with a wildcard", incident.Query{Search: "host_4"}, 1},
			{"nothing by wildcard", incident.Query{Search: "host%"}, 0},
			{"quote", incident.Query{Search: `'; DROP TABLE alerts; --`}, 0},
			{"device", incident.Query{Entity: "device:host_2"}, 1},
		} {
			c.q.Top, c.q.Count = 2, true
			p, err := f.Incidents(ctx, "default", c.q)
			if err != nil || p.Count != c.want || int64(len(p.Value)) != min(c.want, 2) {
				t.Errorf("incidents %s: count %d, %d on the page, %v; want %d", c.name, p.Count, len(p.Value), err, c.want)
			}
			a, err := f.Alerts(ctx, "default", c.q)
			if err != nil || a.Count != c.want {
				t.Errorf("alerts %s: count %d, %v; want %d", c.name, a.Count, err, c.want)
			}
		}
		facets, err := f.AlertFacets(ctx, "default", incident.Query{Severity: []string{"Low"}, ServiceSource: []string{"endpoint"}})
		if err != nil || fmt.Sprint(facets["severity"]) != "[{Low 2} {Informational 1} {Medium 1}]" || fmt.Sprint(facets["serviceSource"]) != "[{endpoint 2} {identity 1}]" ||
			fmt.Sprint(facets["category"]) != "[{Execution 2}]" {
			t.Errorf("alert facets %v, %v", facets, err)
		}
		seen := map[int64]bool{}
		for skip := 0; skip < 9; skip += 2 {
			p, err := f.Incidents(ctx, "default", incident.Query{Top: 2, Skip: skip, OrderBy: "severity:desc"})
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range p.Value {
				seen[in.ID] = true
			}
		}
		if len(seen) != 9 {
			t.Errorf("paging showed %d of 9", len(seen))
		}
		_, err = f.Incidents(ctx, "default", incident.Query{OrderBy: "name; DROP TABLE incidents"})
		wantCode(t, err, fault.Invalid, "orderby")
		_, err = f.Alerts(ctx, "default", incident.Query{Severity: []string{"x"}})
		wantCode(t, err, fault.Invalid, "severity")
	})
}

// A second process on the same database sees what the first did, and the other way round.
func TestTwoProcesses(t *testing.T) {
	each(t, func(f *fixture) {
		other := &fixture{T: f.T, location: f.location, record: 1000}
		other.open(incident.Options{})
		f.accept(f.hit("a", noon, device("pc-1")))
		if n := len(other.incidents()); n != 1 {
			t.Fatalf("the other process sees %d incidents, want 1", n)
		}
		other.accept(other.hit("b", noon.Add(90*time.Hour), device("pc-2")))
		if n := len(f.incidents()); n != 2 {
			t.Fatalf("the first process sees %d incidents, want 2", n)
		}
		lab := other.hit("c", noon.Add(190*time.Hour), device("pc-3"))
		lab.Lab = "run"
		other.accept(lab)
		if n := len(f.incidents()); n != 3 {
			t.Fatalf("%d incidents, want 3", n)
		}
		if _, err := other.RemoveLab(ctx, "default"); err != nil {
			t.Fatal(err)
		}
		if n := len(f.incidents()); n != 2 {
			t.Errorf("the first process still sees %d incidents after the other removed the lab's, want 2", n)
		}
		if _, err := f.UpdateIncident(ctx, "default", anna, 1, incident.Patch{Name: ptr("Mine")}); err != nil {
			t.Fatal(err)
		}
		if list := other.incidents(); list[0].Name != "Mine" {
			t.Errorf("the other process sees the name %q", list[0].Name)
		}
	})
}
