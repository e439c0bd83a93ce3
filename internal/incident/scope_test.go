package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// mixed makes one incident of an endpoint alert on a workstation, one on a server, and a mail alert, all about one person, and puts the server into a group.
func (f *fixture) mixed() incident.Incident {
	f.Helper()
	mail := f.hit("Phish delivered", noon, user("anna"), incident.Evidence{Type: "mailbox", Mailbox: "anna@corp.example"})
	mail.ServiceSource = "email"
	server := f.hit("Secret on the server", noon.Add(2*time.Minute), device("srv-9"), user("anna"))
	server.Severity = incident.High
	f.accept(f.hit("Script on the workstation", noon.Add(time.Minute), device("pc-1"), user("anna")), server, mail)
	var ids []string
	for _, a := range f.alerts() {
		ids = append(ids, a.ID)
	}
	in, err := f.MoveAlerts(ctx, "default", anna, ids, 0, "")
	if err != nil {
		f.Fatal(err)
	}
	f.group("device:srv-9", "servers")
	return *in
}

// group puts a device into a device group.
func (f *fixture) group(entity, group string) {
	f.Helper()
	db, err := state.Open(ctx, f.location)
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	if _, err := db.NewRaw("INSERT INTO devices (tenant_id, entity, device_id, name, domain, os, tags, group_id, first_seen, last_seen) VALUES ('default', ?, '', ?, '', '', '[]', ?, 0, 0)"+
		" ON CONFLICT (tenant_id, entity) DO UPDATE SET group_id = EXCLUDED.group_id", entity, entity, group).Exec(ctx); err != nil {
		f.Fatal(err)
	}
	if _, err := state.Reserve(ctx, db, "default", store.ScopeCounter, 1); err != nil {
		f.Fatal(err)
	}
}

// everythingSaid is all that a scope says about an incident and the alerts, as text.
func everythingSaid(f *fixture, s *incident.Scope, number int64) string {
	f.Helper()
	var b strings.Builder
	say := func(what any, err error) {
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			f.Fatal(err)
		}
		fmt.Fprintf(&b, "%+v\n", what)
	}
	in, err := s.Incident(ctx, "default", number)
	if err == nil {
		say(*in, nil)
	}
	list, err := s.Incidents(ctx, "default", incident.Query{Full: true, Count: true})
	say(list, err)
	alerts, err := s.Alerts(ctx, "default", incident.Query{Full: true, Count: true})
	say(alerts, err)
	for _, read := range []func() (any, error){
		func() (any, error) { return s.IncidentFacets(ctx, "default", incident.Query{}) },
		func() (any, error) { return s.AlertFacets(ctx, "default", incident.Query{}) },
		func() (any, error) { return s.IncidentDevices(ctx, "default", number, 0, 0) },
		func() (any, error) { return s.IncidentUsers(ctx, "default", number, 0, 0) },
		func() (any, error) { return s.IncidentMailboxes(ctx, "default", number, 0, 0) },
		func() (any, error) { return s.IncidentEvidence(ctx, "default", number, 0, 0) },
		func() (any, error) { return s.IncidentActivities(ctx, "default", number, 0, 0) },
		func() (any, error) { return s.SearchEntities(ctx, "default", "srv", 10) },
		func() (any, error) { return s.SearchEntities(ctx, "default", "anna", 10) },
		func() (any, error) {
			g, err := s.IncidentGraph(ctx, "default", number)
			if err != nil {
				return nil, err
			}
			return *g, nil
		},
	} {
		say(read())
	}
	return b.String()
}

// around is the part of a text where a word stands.
func around(text, word string) string {
	i := strings.Index(strings.ToLower(text), strings.ToLower(word))
	return text[max(i-80, 0):min(i+80, len(text))]
}

func TestScopesHide(t *testing.T) {
	each(t, func(f *fixture) {
		in := f.mixed()
		whole, err := f.Incident(ctx, "default", in.ID)
		if err != nil || whole.AlertCount != 3 || whole.Severity != incident.High {
			t.Fatalf("the incident is %+v, %v", whole, err)
		}
		see := func(w access.Workloads, groups ...string) access.View {
			return access.View{Workloads: w, Groups: groups}
		}
		all := access.AllWorkloads
		for _, c := range []struct {
			name   string
			view   access.View
			alerts int
			hidden []string // texts that must not appear anywhere
			shown  string
		}{
			{"endpoints of everybody", see(access.Endpoint), 2, []string{"Phish", "mailbox:anna"}, "Script on"},
			{"mail", see(access.Email), 1, []string{"Script on", "Secret", "srv-9", "pc-1"}, "Phish"},
			{"all but servers", see(all, access.Ungrouped), 2, []string{"Secret", "srv-9"}, "Phish"},
			{"servers and mail", see(all, "servers"), 2, []string{"Script on", "pc-1"}, "Secret"},
			{"endpoints that are not servers", see(access.Endpoint, access.Ungrouped), 1, []string{"Secret", "srv-9", "Phish", "mailbox:anna"}, "Script on"},
			{"clouds", see(access.CloudApps), 0, []string{"Secret", "srv-9", "Phish", "Script on", "anna"}, ""},
			{"nothing", access.View{}, 0, []string{"Secret", "srv-9", "Phish", "Script on", "anna"}, ""},
		} {
			s := f.For(c.view, c.view)
			said := everythingSaid(f, s, in.ID)
			for _, h := range c.hidden {
				if strings.Contains(strings.ToLower(said), strings.ToLower(h)) {
					t.Errorf("%s: %q is shown: %s", c.name, h, around(said, h))
				}
			}
			if !strings.Contains(said, c.shown) {
				t.Errorf("%s: %q is not shown", c.name, c.shown)
			}
			got, err := s.Incident(ctx, "default", in.ID)
			if c.alerts == 0 {
				wantCode(t, err, fault.NotFound, "")
				continue
			}
			if err != nil || got.AlertCount != c.alerts || len(got.AlertIDs) != c.alerts {
				t.Errorf("%s: the incident has %+v, %v; want %d alerts", c.name, got, err, c.alerts)
			}
			// Somebody who does not manage all of it changes none of it.
			_, err = s.UpdateIncident(ctx, "default", anna, in.ID, incident.Patch{Comment: ptr("mine")})
			wantCode(t, err, fault.Permission, string(access.AlertsManage))
			for _, a := range whole.AlertIDs {
				_, err := s.UpdateAlert(ctx, "default", anna, a, incident.Patch{Tags: ptr([]string{c.name})})
				seen := false
				for _, x := range got.AlertIDs {
					seen = seen || x == a
				}
				if seen != (err == nil) {
					t.Errorf("%s: alert %s, seen %v, changes with %v", c.name, a, seen, err)
				}
				if !seen {
					wantCode(t, err, fault.NotFound, "")
					if _, err := s.MoveAlerts(ctx, "default", anna, []string{a}, 0, ""); err == nil {
						t.Errorf("%s: an alert that is not seen was moved", c.name)
					}
					if _, err := s.Alert(ctx, "default", a); fault.CodeOf(err) != fault.NotFound {
						t.Errorf("%s: alert %s answers %v", c.name, a, err)
					}
				}
			}
			if _, err := s.UnlinkAlert(ctx, "default", anna, got.AlertIDs[0], ""); err != nil && c.alerts > 1 {
				t.Logf("%s: unlink: %v", c.name, err)
			} else if err == nil {
				if _, err := f.MoveAlerts(ctx, "default", anna, []string{got.AlertIDs[0]}, in.ID, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// A view changes as soon as a device changes its group, and a queue that is narrowed follows new and removed alerts.
func TestScopesFollow(t *testing.T) {
	each(t, func(f *fixture) {
		in := f.mixed()
		servers := f.For(access.View{Workloads: access.Endpoint, Groups: []string{"servers"}}, access.View{})
		count := func() int64 {
			p, err := servers.Incidents(ctx, "default", incident.Query{Count: true, Top: 10})
			if err != nil {
				t.Fatal(err)
			}
			return p.Count
		}
		if n := count(); n != 1 {
			t.Fatalf("%d incidents of servers, want 1", n)
		}
		f.group("device:srv-9", "elsewhere")
		if n := count(); n != 0 {
			t.Errorf("%d incidents after the server left its group, want 0", n)
		}
		f.group("device:pc-1", "servers")
		if n := count(); n != 1 {
			t.Errorf("%d incidents after the workstation came, want 1", n)
		}
		f.group("device:pc-5", "servers")
		f.accept(f.hit("Another", noon.Add(90*time.Hour), device("pc-5")))
		if n := count(); n != 2 {
			t.Errorf("%d incidents after a new alert, want 2", n)
		}
		if shown, err := servers.Shows(ctx, "default", "incident", fmt.Sprint(in.ID)); err != nil || !shown {
			t.Errorf("a change of incident %d is shown: %v, %v", in.ID, shown, err)
		}
		mail := f.For(access.View{Workloads: access.Email}, access.View{})
		if shown, err := mail.Shows(ctx, "default", "incident", fmt.Sprint(in.ID+1)); err != nil || shown {
			t.Errorf("a change of an incident of endpoints is shown to those of mail: %v, %v", shown, err)
		}
	})
}
