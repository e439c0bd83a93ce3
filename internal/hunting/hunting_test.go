package hunting_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func open(t *testing.T, location string) *hunting.Service {
	t.Helper()
	db, err := state.Open(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return hunting.New(db)
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

func TestHistoryIsBoundedAndPrivate(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 205 {
			r := hunting.Run{Time: at.Add(time.Duration(i) * time.Second), Query: fmt.Sprint("q", i), Rows: int64(i), State: "done"}
			if err := s.Remember(ctx, "t1", ann, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Remember(ctx, "t1", bob, hunting.Run{Time: at, Query: "bob's", State: "failed", Error: strings.Repeat("é", 2000)}); err != nil {
			t.Fatal(err)
		}
		runs, n, err := s.History(ctx, "t1", ann, 3, 0)
		if err != nil || n != 200 || len(runs) != 3 || runs[0].Query != "q204" || runs[0].Rows != 204 || !runs[0].Time.Equal(at.Add(204*time.Second)) {
			t.Errorf("ann's history: %+v of %d, %v", runs, n, err)
		}
		if runs, n, err := s.History(ctx, "t1", bob, 10, 0); err != nil || n != 1 || runs[0].State != "failed" {
			t.Errorf("bob's history: %+v of %d, %v", runs, n, err)
		}
	})
}
