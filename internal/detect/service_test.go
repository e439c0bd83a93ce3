package detect_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const (
	sigmaRule = `title: Tool Of Doom
id: 11111111-0000-0000-0000-000000000001
status: experimental
level: critical
tags: [attack.execution, attack.credential-access, attack.t1003.001]
falsepositives: [Backup software]
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: '\doom.exe'}
  condition: s
`
	kqlRule = `id: test-kql
title: Many files
severity: medium
category: credential-access
techniques: [T1003]
workload: endpoint
frequency: 1h
lookback: 2h
impactedEntities: {device: DeviceName, user: AccountName}
alert: {title: "Many files on {DeviceName} by {Nobody}"}
query: DeviceFileEvents
`
)

// folder writes files below a new folder and returns it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func processEvent(image string) *normalise.Event {
	ev := &normalise.Event{
		Tenant: tenant.Default, Time: time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC), File: "a.evtx", Number: 7,
		Logsources: []normalise.Logsource{{Product: "windows", Category: "process_creation", Service: "sysmon"}},
	}
	ev.Fields.Add("Image", image)
	row := schema.NewRow("DeviceProcessEvents")
	row.Set("DeviceName", "pc1.corp.example")
	row.Set("FolderPath", image)
	row.Set("FileName", filepath.Base(image))
	row.Set("ProcessId", 42)
	row.Set("SHA256", "aa")
	row.Set("AccountName", "anna")
	row.Set("InitiatingProcessFileName", "cmd.exe")
	row.Set("InitiatingProcessId", 41)
	ev.Rows = []*schema.Row{row}
	return ev
}

func withService(t *testing.T, opt detect.Options, fn func(ctx context.Context, t *testing.T, s *detect.Service, again func() *detect.Service)) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		again := func() *detect.Service { return detect.New(db, opt) }
		fn(ctx, t, again(), again)
	})
}

func TestImport(t *testing.T) {
	withService(t, detect.Options{}, func(ctx context.Context, t *testing.T, s *detect.Service, again func() *detect.Service) {
		other := func(id, extra string) string {
			return "title: R " + id + "\nid: " + id + "\nlevel: high\n" + extra + "logsource: {product: windows}\ndetection:\n  s: {F: x}\n  condition: s\n"
		}
		dir := folder(t, map[string]string{
			"rules/a.yml":                   sigmaRule,
			"rules/b.yaml":                  kqlRule,
			"deprecated/a.yml":              sigmaRule,
			"deprecated/old.yml":            other("old", ""),
			"rules-threat-hunting/hunt.yml": other("hunt", ""),
			"rules/broken.yml":              "title: [",
			"rules/count.yml":               "title: C\nid: count\nlogsource: {product: windows}\ndetection:\n  s: {F: x}\n  condition: s | count() > 5\n",
			"rules/notes.txt":               "not a rule",
			".git/x.yml":                    other("hidden", ""),
		})
		report, err := s.Import(ctx, tenant.Default, dir)
		if err != nil {
			t.Fatal(err)
		}
		if report.Files != 7 || report.Rules != 5 || report.Added != 5 || report.Enabled != 3 || report.IssueCount["syntax"] != 1 || report.IssueCount["unsupported"] != 1 || report.IssueCount["invalid"] != 1 {
			t.Errorf("report %+v", report)
		}
		for _, c := range []struct {
			id       string
			severity incident.Severity
			enabled  bool
		}{
			{"11111111-0000-0000-0000-000000000001", incident.High, true},
			{"test-kql", incident.Medium, true},
			{"old", incident.High, false},
			{"hunt", incident.Low, true},
			{"count", incident.Medium, false},
		} {
			r, err := s.Get(ctx, tenant.Default, c.id)
			if err != nil || r.Severity != c.severity || r.Enabled != c.enabled {
				t.Errorf("%s: %+v, %v", c.id, r, err)
			}
		}
		if err := s.SetEnabled(ctx, tenant.Default, "count", true); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("enabling a rule that cannot run: %v", err)
		}
		if err := s.SetEnabled(ctx, tenant.Default, "hunt", false); err != nil {
			t.Fatal(err)
		}
		// Again, from a fresh start: nothing changes, and the person's decision stays.
		second, err := again().Import(ctx, tenant.Default, dir)
		if err != nil || second.Added != 0 || second.Changed != 0 || second.Unchanged != 5 {
			t.Errorf("second import %+v, %v", second, err)
		}
		if r, _ := s.Get(ctx, tenant.Default, "hunt"); r.Enabled {
			t.Error("the import switched a rule on again")
		}
		if _, err := s.Get(ctx, "other", "hunt"); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("another tenant sees the rule: %v", err)
		}
		page, count, err := s.List(ctx, tenant.Default, detect.Query{Search: "T1003.001", Top: 10})
		if err != nil || count != 1 || len(page) != 1 || page[0].Source != "" || page[0].Path != "set/rules/a.yml" {
			t.Errorf("search: %d %+v %v", count, page, err)
		}
	})
}

func TestDetector(t *testing.T) {
	content := fstest.MapFS{"endpoint/x.yml": {Data: []byte(sigmaRule)}}
	withService(t, detect.Options{Content: content}, func(ctx context.Context, t *testing.T, s *detect.Service, _ func() *detect.Service) {
		d, err := s.Detector(ctx, tenant.Default)
		if err != nil {
			t.Fatal(err)
		}
		found := d.Evaluate([]*normalise.Event{processEvent(`C:\x\DOOM.exe`), processEvent(`C:\x\other.exe`)})
		if len(found) != 1 {
			t.Fatalf("%d detections", len(found))
		}
		got := found[0]
		if got.Severity != incident.High || got.Category != "CredentialAccess" || !slices.Equal(got.Techniques, []string{"T1003.001"}) || got.ServiceSource != "endpoint" ||
			got.DetectionSource != "edr" || got.Hit.File != "a.evtx" || got.Hit.Record != 7 || len(got.Matched) != 1 || got.FoldKey == "" {
			t.Errorf("detection %+v", got)
		}
		kinds := map[string]incident.Role{}
		for _, e := range got.Evidence {
			kinds[e.Type+":"+e.FileName+e.HostName+e.AccountName] = e.Roles[0]
		}
		for want, role := range map[string]incident.Role{
			"device:pc1.corp.example": incident.Attacked, "user:anna": incident.Contextual, "process:cmd.exepc1.corp.example": incident.Source,
		} {
			if kinds[want] != role {
				t.Errorf("evidence %q has role %q, want %q; all: %v", want, kinds[want], role, kinds)
			}
		}
		if err := s.SetEnabled(ctx, tenant.Default, got.RuleID, false); err != nil {
			t.Fatal(err)
		}
		if again := d.Evaluate([]*normalise.Event{processEvent(`C:\x\DOOM.exe`)}); len(again) != 0 {
			t.Error("a rule that was switched off still fires")
		}
		if err := s.Delete(ctx, tenant.Default, got.RuleID); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("deleting a shipped rule: %v", err)
		}
		user, err := s.Create(ctx, tenant.Default, detect.Sigma, "title: Mine\nid: mine\nlogsource: {product: windows}\ndetection:\n  s: {Image|endswith: other.exe}\n  condition: s\n")
		if err != nil || user.Origin != detect.User {
			t.Fatalf("create: %+v, %v", user, err)
		}
		if found := d.Evaluate([]*normalise.Event{processEvent(`C:\x\other.exe`)}); len(found) != 1 || found[0].DetectionSource != "customDetection" {
			t.Errorf("the new rule does not fire at once: %v", found)
		}
		if _, err := s.Create(ctx, tenant.Default, "", "title: Again\nid: mine\nlogsource: {product: windows}\ndetection:\n  s: {F: x}\n  condition: s\n"); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("creating a rule with a taken id: %v", err)
		}
		if err := s.Delete(ctx, tenant.Default, "mine"); err != nil {
			t.Fatal(err)
		}
		if found := d.Evaluate([]*normalise.Event{processEvent(`C:\x\other.exe`)}); len(found) != 0 {
			t.Error("the deleted rule still fires")
		}
	})
}

// lakeOf answers every question with the same rows, which is all that the schedule needs to know.
type lakeOf struct {
	rows  [][]any
	asked []custom.Question
	fail  error
}

func (l *lakeOf) Hunt(_ context.Context, _ tenant.ID, q custom.Question) (*custom.Answer, error) {
	l.asked = append(l.asked, q)
	return &custom.Answer{Columns: []string{"Timestamp", "DeviceName", "AccountName", "ReportId"}, Rows: l.rows}, l.fail
}

func TestSchedule(t *testing.T) {
	var now time.Time
	content := fstest.MapFS{"endpoint/x.yml": {Data: []byte(kqlRule)}}
	opt := detect.Options{Content: content, Now: func() time.Time { return now }}
	withService(t, opt, func(ctx context.Context, t *testing.T, s *detect.Service, _ func() *detect.Service) {
		now = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
		at := now.Add(-time.Hour)
		lake := &lakeOf{rows: [][]any{{at, "pc1", "anna", int64(1)}, {at, "pc1", "anna", int64(1)}, {at, "pc2", `CORP\bob`, int64(1)}}}
		var got []incident.Detection
		accept := func(_ context.Context, found []incident.Detection) error { got = append(got, found...); return nil }
		run := func() detect.ScheduleReport {
			t.Helper()
			r, err := s.RunDue(ctx, tenant.Default, lake, accept)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := run(); r.Ran != 1 || r.Detections != 2 || len(got) != 2 {
			t.Fatalf("first run %+v, %d detections", r, len(got))
		}
		if q := lake.asked[0]; !q.From.Equal(now.Add(-2*time.Hour)) || !q.To.Equal(now) {
			t.Errorf("first run asked for %v..%v", q.From, q.To)
		}
		d := got[0]
		if d.Title != "Many files on pc1 by {Nobody}" || d.Category != "CredentialAccess" || d.Severity != incident.Medium || !d.Time.Equal(at) || d.Hit.ExternalID == got[1].Hit.ExternalID {
			t.Errorf("detection %+v", d)
		}
		now = now.Add(30 * time.Minute)
		if r := run(); r.Ran != 0 {
			t.Error("ran before its time")
		}
		now = now.Add(40 * time.Minute)
		if r := run(); r.Ran != 1 || got[2].Hit.ExternalID != d.Hit.ExternalID {
			t.Errorf("an overlapping run gives the same row another id")
		}
		// After a day's standstill the gap is looked at, too; a failing run does not count as having looked.
		covered := now
		now = now.Add(24 * time.Hour)
		lake.fail = fault.Newf(fault.Limit, "too much")
		if r := run(); len(r.Failed) != 1 {
			t.Errorf("failed run: %+v", r)
		}
		if r, _ := s.Get(ctx, tenant.Default, "test-kql"); r.LastRun == nil || r.LastRun.Error != "too much" {
			t.Errorf("the failure is not kept: %+v", r.LastRun)
		}
		lake.fail = nil
		now = now.Add(2 * time.Hour)
		run()
		if q := lake.asked[len(lake.asked)-1]; !q.From.Equal(covered) {
			t.Errorf("after the standstill the run starts at %v, want %v", q.From, covered)
		}
		// An import of old records looks at their time, and does not disturb the schedule.
		old := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, err := s.RunRange(ctx, tenant.Default, lake, old, old.Add(time.Hour), accept); err != nil {
			t.Fatal(err)
		}
		if q := lake.asked[len(lake.asked)-1]; !q.From.Equal(old) || !q.Now.Equal(q.To) {
			t.Errorf("range run asked for %+v", q)
		}
		if r, _ := s.Get(ctx, tenant.Default, "test-kql"); !r.LastRun.Covered.Equal(now) {
			t.Errorf("the range run moved the covered time to %v", r.LastRun.Covered)
		}
		now = now.Add(50 * time.Minute)
		if _, err := s.RunRange(ctx, tenant.Default, lake, old, old.Add(time.Hour), accept); err != nil {
			t.Fatal(err)
		}
		now = now.Add(11 * time.Minute)
		if r := run(); r.Ran != 1 {
			t.Error("a range run put off the schedule")
		}
	})
}

// stretched answers with the rows of the stretch that is asked for.
type stretched struct {
	rows  []time.Time
	asked []custom.Question
}

func (l *stretched) Hunt(_ context.Context, _ tenant.ID, q custom.Question) (*custom.Answer, error) {
	l.asked = append(l.asked, q)
	a := &custom.Answer{Columns: []string{"Timestamp", "DeviceName", "AccountName"}}
	for _, at := range l.rows {
		if !at.Before(q.From) && at.Before(q.To) {
			a.Rows = append(a.Rows, []any{at, "pc1", "anna"})
		}
	}
	return a, nil
}

// What arrives after the window of a scheduled rule is looked at all the same, once.
func TestScheduleSeesLateRecords(t *testing.T) {
	start := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	now := start
	type arrival struct{ event, at time.Time }
	var arrivals []arrival
	opt := detect.Options{
		Content: fstest.MapFS{"endpoint/x.yml": {Data: []byte(kqlRule)}}, Now: func() time.Time { return now },
		Arrivals: func(_ context.Context, id tenant.ID, since, from, to time.Time) (out []time.Time, _ error) {
			for _, a := range arrivals {
				if id == tenant.Default && a.at.After(since) && !a.event.Before(from.Truncate(detect.ArrivalStretch)) && a.event.Before(to) {
					out = append(out, a.event.Truncate(detect.ArrivalStretch))
				}
			}
			return out, nil
		},
	}
	withService(t, opt, func(ctx context.Context, t *testing.T, s *detect.Service, again func() *detect.Service) {
		now, arrivals = start, nil
		lake := &stretched{}
		hits := map[string]int{}
		accept := func(_ context.Context, found []incident.Detection) error {
			for _, d := range found {
				hits[d.Hit.ExternalID]++
			}
			return nil
		}
		run := func() int {
			t.Helper()
			before := len(lake.asked)
			if r, err := again().RunDue(ctx, tenant.Default, lake, accept); err != nil || r.Ran != 1 || len(r.Failed) > 0 {
				t.Fatalf("%+v %v", r, err)
			}
			return len(lake.asked) - before
		}
		add := func(event time.Time) {
			lake.rows = append(lake.rows, event)
			arrivals = append(arrivals, arrival{event, now.Add(-time.Minute)})
		}
		run()
		now = now.Add(time.Hour)
		if n := run(); n != 1 {
			t.Errorf("%d questions without late records", n)
		}
		// The lookback is 2 h: a day late is a day late, ten minutes over it moves the window.
		now = now.Add(30 * time.Minute)
		add(now.Add(-26 * time.Hour))
		now = now.Add(30 * time.Minute)
		if n := run(); n < 3 || n > 4 || len(hits) != 1 {
			t.Errorf("a day late: %d questions, hits %v", n, hits)
		}
		for _, q := range lake.asked[2:] {
			if q.To.Sub(q.From) != 2*time.Hour {
				t.Errorf("a window of %s", q.To.Sub(q.From))
			}
			if !q.Now.Equal(q.To) {
				t.Errorf("now() is %v at the end %v", q.Now, q.To)
			}
		}
		now = now.Add(time.Hour)
		add(now.Add(-2*time.Hour - 10*time.Minute))
		if n := run(); n != 1 || len(hits) != 2 {
			t.Errorf("just missed: %d questions, hits %v", n, hits)
		}
		now = now.Add(time.Hour)
		add(now.Add(-8 * 24 * time.Hour)) // beyond the bound
		if n := run(); n != 1 || len(hits) != 2 {
			t.Errorf("beyond the bound: %d questions, hits %v", n, hits)
		}
		// A week's backlog is worked off in several runs, across restarts.
		now = now.Add(time.Hour)
		for i := range 80 {
			add(now.Add(-4*time.Hour - time.Duration(i)*2*time.Hour))
		}
		if n := run(); n != 49 {
			t.Errorf("a backlog: %d questions at once", n)
		}
		for range 4 {
			now = now.Add(time.Hour)
			run()
		}
		if n := len(hits); n != 82 {
			t.Errorf("%d findings of 82", n)
		}
		now = now.Add(time.Hour)
		if n := run(); n != 1 {
			t.Errorf("%d questions after the backlog", n)
		}
	})
}

// A rule that an import has shown old records has not yet looked at the present.
func TestScheduleAfterRange(t *testing.T) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	opt := detect.Options{Content: fstest.MapFS{"endpoint/x.yml": {Data: []byte(kqlRule)}}, Now: func() time.Time { return now }}
	withService(t, opt, func(ctx context.Context, t *testing.T, s *detect.Service, _ func() *detect.Service) {
		lake := &lakeOf{}
		accept := func(context.Context, []incident.Detection) error { return nil }
		old := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, err := s.RunRange(ctx, tenant.Default, lake, old, old.Add(time.Hour), accept); err != nil {
			t.Fatal(err)
		}
		if r, err := s.RunDue(ctx, tenant.Default, lake, accept); err != nil || r.Ran != 1 {
			t.Errorf("the first scheduled run waits for the range run: %+v, %v", r, err)
		}
	})
}
