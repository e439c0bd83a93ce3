package incident_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

var (
	ctx  = context.Background()
	noon = time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)
	anna = incident.Actor{Name: "anna", Kind: incident.ByUser}
)

// fixture is a service on a fresh database.
type fixture struct {
	*testing.T
	*incident.Service
	location string
	record   int64
	heard    []incident.Change
}

func (f *fixture) Publish(_ context.Context, changes []incident.Change) {
	f.heard = append(f.heard, changes...)
}

func each(t *testing.T, fn func(f *fixture)) {
	statetest.Each(t, func(t *testing.T, location string) {
		f := &fixture{T: t, location: location}
		f.open(incident.Options{})
		fn(f)
	})
}

// open (re)opens the service, as a restart does.
func (f *fixture) open(o incident.Options) {
	f.Helper()
	db, err := state.Open(ctx, f.location)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if o.Publisher == nil {
		o.Publisher = f
	}
	f.Service = incident.New(db, o)
}

// hit is a detection with a record number of its own.
func (f *fixture) hit(rule string, at time.Time, evidence ...incident.Evidence) incident.Detection {
	f.record++
	return incident.Detection{
		Tenant: "default", RuleID: rule, Title: rule, Severity: incident.Medium, Category: "Execution", ServiceSource: "endpoint", DetectionSource: "edr", Time: at,
		Evidence: evidence, Hit: incident.Hit{File: "log.jsonl", Record: f.record, Time: at},
	}
}

func (f *fixture) accept(list ...incident.Detection) incident.Result {
	f.Helper()
	r, err := f.Accept(ctx, list)
	if err != nil {
		f.Fatal(err)
	}
	return r
}

func (f *fixture) alerts() []incident.Alert {
	f.Helper()
	p, err := f.Alerts(ctx, "default", incident.Query{Full: true, OrderBy: "firstActivity:asc"})
	if err != nil {
		f.Fatal(err)
	}
	return p.Value
}

func (f *fixture) incidents() []incident.Incident {
	f.Helper()
	p, err := f.Incidents(ctx, "default", incident.Query{Full: true, OrderBy: "id:asc"})
	if err != nil {
		f.Fatal(err)
	}
	return p.Value
}

func device(name string) incident.Evidence {
	return incident.Evidence{Type: "device", HostName: name}
}

func user(name string) incident.Evidence {
	return incident.Evidence{Type: "user", AccountDomain: "CORP", AccountName: name}
}

func TestRepeatsFold(t *testing.T) {
	each(t, func(f *fixture) {
		var list []incident.Detection
		for i := range 50 {
			list = append(list, f.hit("r", noon.Add(time.Duration(i)*10*time.Minute), device("pc-7")))
		}
		list = append(list, f.hit("r", noon.Add(40*time.Hour), device("pc-7")), f.hit("r", noon, device("pc-8")), f.hit("q", noon, device("pc-7")))
		r := f.accept(list...)
		if r.Hits != 53 || len(r.AlertsCreated) != 4 {
			t.Fatalf("result %+v, want 53 hits in 4 alerts", r)
		}
		counts := map[int64]int{}
		for _, a := range f.alerts() {
			counts[a.HitCount]++
		}
		if diff := cmp.Diff(map[int64]int{50: 1, 1: 3}, counts); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFoldOutOfOrder(t *testing.T) {
	each(t, func(f *fixture) {
		for _, hours := range []int{10, 2, 20, 5} {
			f.accept(f.hit("r", noon.Add(time.Duration(hours)*time.Hour), device("pc-7")))
		}
		list := f.alerts()
		if len(list) != 1 || !list[0].FirstActivity.Equal(noon.Add(2*time.Hour)) || !list[0].LastActivity.Equal(noon.Add(20*time.Hour)) {
			t.Errorf("alerts %+v, want one from 2 h to 20 h", list)
		}
	})
}

func TestReplayIsHarmless(t *testing.T) {
	each(t, func(f *fixture) {
		var list []incident.Detection
		for i := range 30 {
			list = append(list, f.hit(fmt.Sprint("r", i%7), noon.Add(time.Duration(i)*time.Minute), device(fmt.Sprint("pc-", i%3)), user(fmt.Sprint("u", i%2))))
		}
		f.accept(list[:20]...)
		first := f.accept(list[:20]...)
		if first.Hits != 0 || first.Replayed != 20 || len(first.AlertsCreated) != 0 {
			t.Errorf("replay gave %+v", first)
		}
		if len(first.AlertsUpdated) == 0 {
			t.Error("replay did not name the alerts it had opened")
		}
		f.open(incident.Options{}) // a restart
		f.accept(list[10:]...)
		total := int64(0)
		for _, a := range f.alerts() {
			total += a.HitCount
		}
		seen := 0
		if err := f.Hits(ctx, "default", "", func(incident.HitRecord) error { seen++; return nil }); err != nil {
			t.Fatal(err)
		}
		if total != 30 || seen != 30 {
			t.Errorf("%d hits counted, %d stored, want 30", total, seen)
		}
	})
}

func TestRestartGoesOnFolding(t *testing.T) {
	each(t, func(f *fixture) {
		f.accept(f.hit("r", noon, device("pc-7")))
		f.open(incident.Options{})
		f.accept(f.hit("r", noon.Add(time.Hour), device("pc-7"), user("anna")), f.hit("q", noon.Add(61*time.Minute), device("pc-7")))
		list := f.alerts()
		if len(list) != 3 {
			t.Fatalf("%d alerts, want 3: a user makes another fold", len(list))
		}
		f.accept(f.hit("r", noon.Add(2*time.Hour), device("pc-7")))
		if list = f.alerts(); len(list) != 3 || list[0].HitCount != 2 {
			t.Errorf("after the restart the repeat opened another alert: %d alerts, %d hits", len(list), list[0].HitCount)
		}
	})
}

func TestResolvedAlertTakesNoRepeats(t *testing.T) {
	each(t, func(f *fixture) {
		f.accept(f.hit("r", noon, device("pc-7")))
		id := f.alerts()[0].ID
		done := incident.StatusResolved
		if _, err := f.UpdateAlert(ctx, "default", anna, id, incident.Patch{Status: &done}); err != nil {
			t.Fatal(err)
		}
		f.accept(f.hit("r", noon.Add(time.Minute), device("pc-7")))
		if n := len(f.alerts()); n != 2 {
			t.Errorf("%d alerts, want a new one beside the resolved", n)
		}
	})
}

func TestFailedBatchLeavesNothing(t *testing.T) {
	each(t, func(f *fixture) {
		bad := f.hit("", noon, device("pc-7"))
		bad.RuleID = ""
		if _, err := f.Accept(ctx, []incident.Detection{f.hit("r", noon, device("pc-7")), bad}); err == nil {
			t.Fatal("a detection without a rule was taken")
		}
		if n := len(f.alerts()); n != 0 {
			t.Errorf("%d alerts of a failed batch", n)
		}
		f.accept(f.hit("r", noon, device("pc-7")))
		if n := len(f.alerts()); n != 1 {
			t.Errorf("%d alerts, want 1", n)
		}
	})
}

func TestHostileDetection(t *testing.T) {
	each(t, func(f *fixture) {
		d := f.hit("r\x00\xff", time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC), device("pc\x00-7"), incident.Evidence{Type: "process", CommandLine: string(make([]byte, 100_000)), ProcessID: 4})
		for range 500 {
			d.Evidence = append(d.Evidence, incident.Evidence{Type: "file", FileName: "x", SHA256: fmt.Sprintf("%064x", f.record)})
			f.record++
		}
		e := f.hit("r", time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), device("pc-7"))
		f.accept(d, e)
		list := f.alerts()
		if len(list) != 2 || len(list[1].Evidence) > 60 {
			t.Errorf("%d alerts", len(list))
		}
	})
}

func TestPublishesAfterCommit(t *testing.T) {
	each(t, func(f *fixture) {
		f.accept(f.hit("r", noon, device("pc-7")))
		got := map[string]int{}
		for _, c := range f.heard {
			got[c.Kind+" "+c.Change]++
		}
		if diff := cmp.Diff(map[string]int{"alert created": 1, "incident created": 1}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTenantsAreApart(t *testing.T) {
	location := filepath.Join(t.TempDir(), "state.db")
	f := &fixture{T: t, location: location}
	f.open(incident.Options{})
	a, b := f.hit("r", noon, device("pc-7")), f.hit("q", noon, device("pc-7"))
	b.Tenant = "other"
	f.accept(a, b)
	if n := len(f.alerts()); n != 1 {
		t.Errorf("the default tenant shows %d alerts, want 1", n)
	}
	p, err := f.Incidents(ctx, "other", incident.Query{Full: true})
	if err != nil || len(p.Value) != 1 || p.Value[0].ID != 1 || len(p.Value[0].AlertIDs) != 1 {
		t.Errorf("the other tenant: %+v, %v", p, err)
	}
}

// Batches, changes and lists at the same time neither lose hits nor show a state that is not there.
func TestConcurrentUse(t *testing.T) {
	each(t, func(f *fixture) {
		f.open(incident.Options{Publisher: silent{}})
		var wg sync.WaitGroup
		for g := range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := range 10 {
					at := noon.Add(time.Duration(i) * time.Minute)
					d := incident.Detection{
						Tenant: "default", RuleID: fmt.Sprint("r", i), Time: at, Severity: incident.Low,
						Hit: incident.Hit{File: fmt.Sprint("f", g), Record: int64(i + 1), Time: at}, Evidence: []incident.Evidence{device(fmt.Sprint("pc-", g)), user("anna")},
					}
					if _, err := f.Accept(ctx, []incident.Detection{d}); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		wg.Add(2)
		go func() {
			defer wg.Done()
			for i := range 20 {
				p, err := f.Incidents(ctx, "default", incident.Query{Top: 5, Count: true})
				if err != nil {
					t.Error(err)
				}
				if len(p.Value) > 0 {
					comment := fmt.Sprint("look ", i)
					if _, err := f.UpdateIncident(ctx, "default", anna, p.Value[0].ID, incident.Patch{Comment: &comment}); err != nil {
						t.Error(err)
					}
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range 20 {
				if _, err := f.IncidentFacets(ctx, "default", incident.Query{}); err != nil {
					t.Error(err)
				}
			}
		}()
		wg.Wait()
		hits, members := int64(0), 0
		for _, a := range f.alerts() {
			hits += a.HitCount
		}
		for _, in := range f.incidents() {
			members += in.AlertCount
			if in.AlertCount != len(in.AlertIDs) {
				t.Errorf("incident %d says %d alerts and has %d", in.ID, in.AlertCount, len(in.AlertIDs))
			}
		}
		if hits != 30 || members != len(f.alerts()) {
			t.Errorf("%d hits in %d of %d alerts, want 30 and all", hits, members, len(f.alerts()))
		}
	})
}

type silent struct{}

func (silent) Publish(context.Context, []incident.Change) {}
