package hunting_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func open(t testing.TB, location string) *hunting.Service {
	t.Helper()
	db, err := state.Open(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return hunting.New(db, hunting.Options{})
}

func TestSavedQueries(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		own, err := s.Save(ctx, "t1", ann, hunting.Draft{Name: " mine ", Query: "DeviceEvents"})
		if err != nil || own.Name != "mine" || !own.Mine {
			t.Fatalf("Save = %+v, %v", own, err)
		}
		shared, err := s.Save(ctx, "t1", ann, hunting.Draft{Name: "ours", Folder: "team", Query: "EmailEvents", Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		list, n, err := s.Saved(ctx, "t1", bob, 10, 0)
		if err != nil || n != 1 || len(list) != 1 || list[0].Name != "ours" || list[0].Mine || list[0].Owner != "ann" {
			t.Errorf("bob sees %+v of %d, %v", list, n, err)
		}
		if list, _, _ := s.Saved(ctx, "t2", ann, 10, 0); len(list) != 0 {
			t.Errorf("tenant t2 sees %+v", list)
		}
		d := hunting.Draft{Name: "new", Query: "x"}
		for what, c := range map[string]struct {
			err  error
			want fault.Code
		}{
			"another's private query": {s.Delete(ctx, "t1", bob, own.ID), fault.NotFound},
			"another's shared query":  {s.Delete(ctx, "t1", bob, shared.ID), fault.Permission},
			"by another tenant":       {s.Delete(ctx, "t2", ann, own.ID), fault.NotFound},
			"replace another's":       {second(s.Replace(ctx, "t1", bob, shared.ID, d)), fault.Permission},
			"name taken":              {second(s.Save(ctx, "t1", ann, hunting.Draft{Name: "mine", Query: "x"})), fault.Conflict},
			"replace with taken name": {second(s.Replace(ctx, "t1", ann, shared.ID, hunting.Draft{Name: "mine", Query: "x"})), fault.Conflict},
			"no name":                 {second(s.Save(ctx, "t1", ann, hunting.Draft{Query: "x"})), fault.Invalid},
			"no query":                {second(s.Save(ctx, "t1", ann, hunting.Draft{Name: "x", Query: " \n"})), fault.Invalid},
			"not text":                {second(s.Save(ctx, "t1", ann, hunting.Draft{Name: "x", Query: "a\x00\xff"})), fault.Invalid},
			"too long":                {second(s.Save(ctx, "t1", ann, hunting.Draft{Name: "x", Query: strings.Repeat("x", hunting.MaxQuery+1)})), fault.TooLarge},
		} {
			if fault.CodeOf(c.err) != c.want {
				t.Errorf("%s: %v; want %s", what, c.err, c.want)
			}
		}
		if q, err := s.Replace(ctx, "t1", ann, own.ID, d); err != nil || q.Name != "new" || q.Query != "x" {
			t.Errorf("Replace = %+v, %v", q, err)
		}
		if err := s.Delete(ctx, "t1", ann, own.ID); err != nil {
			t.Error(err)
		}
	})
}

func second(_ *hunting.SavedQuery, err error) error { return err }

func TestSavedQueriesCountTheirRuns(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		shared, err := s.Save(ctx, "t1", ann, hunting.Draft{Name: "ours", Folder: " /team//mail/ ", Description: " what for ", Query: "print 1", Shared: true})
		if err != nil || shared.Folder != "team/mail" || shared.Description != "what for" {
			t.Fatalf("%+v, %v", shared, err)
		}
		if _, err := s.Save(ctx, "t1", bob, hunting.Draft{Name: "secret", Query: "print 1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(ctx, "t2", ann, hunting.Draft{Name: "elsewhere", Query: "print 1", Shared: true}); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Hour).Truncate(time.Second)
		for _, by := range []hunting.Owner{ann, bob} {
			if err := s.Remember(ctx, "t1", by, hunting.Run{Time: at, Query: "  print 1\n"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Remember(ctx, "t1", hunting.Owner{ID: "rule:r"}, hunting.Run{Time: at, Query: "print 1", Interface: hunting.Rule}); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int64{}
		for _, id := range []tenant.ID{"t1", "t2"} {
			for _, by := range []hunting.Owner{ann, bob} {
				list, _, err := s.Saved(ctx, id, by, 10, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, q := range list {
					counts[q.Name] = q.RunCount
					if q.RunCount > 0 && !q.LastRun.Equal(at) {
						t.Errorf("%s ran last at %v", q.Name, q.LastRun)
					}
				}
			}
		}
		if diff := cmp.Diff(map[string]int64{"ours": 2, "secret": 1, "elsewhere": 0}, counts); diff != "" {
			t.Error(diff)
		}
		// Another text is another query.
		q, err := s.Replace(ctx, "t1", ann, shared.ID, hunting.Draft{Name: "ours", Folder: "moved", Query: "print 2", Shared: true})
		if err != nil || q.RunCount != 0 || q.LastRun != nil || q.Folder != "moved" {
			t.Errorf("%+v, %v", q, err)
		}
	})
}

func TestHistoryIsBoundedAndPrivate(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		at := time.Now().Add(-time.Hour).Truncate(time.Second)
		for i := range 35 {
			r := hunting.Run{Time: at.Add(time.Duration(i) * time.Second), Query: fmt.Sprint("q", i), Rows: int64(i), Timespan: "P1D", CPUMS: 12, Grade: "Low"}
			if err := s.Remember(ctx, "t1", ann, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range []hunting.Run{
			{Time: at, Query: "bob's", State: hunting.Failed, Error: strings.Repeat("é", 2000)},
			{Time: time.Now().Add(-29 * 24 * time.Hour), Query: "long ago"},
			{Time: at, Query: "not text \xff"},
			{Time: at, Query: " "},
		} {
			if err := s.Remember(ctx, "t1", bob, r); err != nil {
				t.Fatal(err)
			}
		}
		runs, n, err := s.History(ctx, "t1", ann, 3, 0)
		if err != nil || n != 30 || len(runs) != 3 || runs[0].Query != "q34" || runs[0].Rows != 34 || !runs[0].Time.Equal(at.Add(34*time.Second)) ||
			runs[0].State != hunting.Completed || runs[0].Timespan != "P1D" || runs[0].CPUMS != 12 || runs[0].Grade != "Low" {
			t.Errorf("ann's history: %+v of %d, %v", runs, n, err)
		}
		if runs, _, err := s.History(ctx, "t1", ann, 50, 28); err != nil || len(runs) != 2 || runs[1].Query != "q5" {
			t.Errorf("the end of ann's history: %+v, %v", runs, err)
		}
		if runs, n, err := s.History(ctx, "t1", bob, 10, 0); err != nil || n != 1 || runs[0].State != hunting.Failed {
			t.Errorf("bob's history: %+v of %d, %v", runs, n, err)
		}
		if runs, _, _ := s.History(ctx, "t2", ann, 10, 0); len(runs) != 0 {
			t.Errorf("tenant t2 sees %+v", runs)
		}
	})
}

func TestUsage(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		hour := time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Hour)
		record := func(owner, name string, i hunting.Interface, minutes int, cpu int64, st hunting.RunState) hunting.Record {
			return hunting.Record{
				Owner: hunting.Owner{ID: owner, Name: name},
				Run:   hunting.Run{Time: hour.Add(time.Duration(minutes) * time.Minute), Interface: i, Query: "print " + name, CPUMS: cpu, State: st},
			}
		}
		if err := s.RememberAll(ctx, "t1", []hunting.Record{
			record("1", "ann", hunting.Portal, 1, 10, hunting.Completed), record("1", "ann", hunting.Portal, 59, 30, hunting.Failed),
			record("2", "bob_", hunting.API, 2, 500, hunting.Throttled), record("rule:x", "A rule", hunting.Rule, 61, 7, hunting.Completed),
			record("3", "old", hunting.Portal, -40*24*60, 1, hunting.Completed),
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Remember(ctx, "t2", hunting.Owner{ID: "1", Name: "ann"}, hunting.Run{Query: "print other"}); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			q    hunting.UsageQuery
			want string
		}{
			"newest first":  {hunting.UsageQuery{}, "A rule ann bob_ ann old "},
			"costliest":     {hunting.UsageQuery{OrderBy: "cpuMs:desc", From: hour}, "bob_ ann ann A rule "},
			"one's own":     {hunting.UsageQuery{Only: "1"}, "ann ann "},
			"by interface":  {hunting.UsageQuery{Interfaces: []string{"rule", "api"}}, "A rule bob_ "},
			"by state":      {hunting.UsageQuery{States: []string{"failed"}}, "ann "},
			"by name":       {hunting.UsageQuery{User: "B_"}, "bob_ "},
			"within a time": {hunting.UsageQuery{From: hour, To: hour.Add(time.Hour)}, "ann bob_ ann "},
		} {
			c.q.Top = 10
			runs, n, err := s.Usage(ctx, "t1", c.q)
			got := ""
			for _, r := range runs {
				got += r.User + " "
			}
			if err != nil || got != c.want || int(n) != len(runs) {
				t.Errorf("%s: %q of %d, %v; want %q", name, got, n, err, c.want)
			}
		}
		if _, _, err := s.Usage(ctx, "t1", hunting.UsageQuery{OrderBy: "query; DROP TABLE query_runs"}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("a column that there is not: %v", err)
		}
		sums, err := s.UsageSummary(ctx, "t1", hunting.UsageQuery{From: hour})
		want := []hunting.UsageHour{
			{Time: hour, Interface: hunting.API, Runs: 1, CPUMS: 500, PeakCPUMS: 500},
			{Time: hour, Interface: hunting.Portal, Runs: 2, CPUMS: 40, PeakCPUMS: 30},
			{Time: hour.Add(time.Hour), Interface: hunting.Rule, Runs: 1, CPUMS: 7, PeakCPUMS: 7},
		}
		if diff := cmp.Diff(want, sums); err != nil || diff != "" {
			t.Error(err, diff)
		}
		if err := s.Forget(ctx, "t1"); err != nil {
			t.Fatal(err)
		}
		if _, n, _ := s.Usage(ctx, "t1", hunting.UsageQuery{Top: 10}); n != 4 {
			t.Errorf("%d runs are left", n)
		}
		if _, n, _ := s.Usage(ctx, "t2", hunting.UsageQuery{Top: 10}); n != 1 {
			t.Errorf("another tenant has %d runs", n)
		}
	})
}
