package setting_test

import (
	"context"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/setting"
)

func TestSettings(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := setting.New(db, 30*24*time.Hour)
		for _, value := range []string{"Europe/Berlin", "Asia/Tokyo"} {
			if got, err := s.Set(ctx, "t1", "ann", setting.Zone, value); err != nil || got.Value != value || !got.Changed {
				t.Fatalf("Set = %+v, %v", got, err)
			}
		}
		if _, err := s.Set(ctx, "t1", "ann", setting.RetentionDays, "7"); err != nil {
			t.Fatal(err)
		}
		one, _ := s.Get(ctx, "t1", setting.Zone)
		two, _ := s.Get(ctx, "t2", setting.Zone)
		if one != "Asia/Tokyo" || two != "UTC" {
			t.Errorf("zones are %q and %q", one, two)
		}
		if d, err := s.Retention(ctx, "t1"); err != nil || d != 7*24*time.Hour {
			t.Errorf("retention of t1 is %v, %v", d, err)
		}
		if d, err := s.Retention(ctx, "t2"); err != nil || d != 30*24*time.Hour {
			t.Errorf("retention of t2 is %v, %v", d, err)
		}
		if list, err := s.List(ctx, "t1"); err != nil || len(list) != 2 || list[0].Value != "Asia/Tokyo" || list[1].Default != "30" {
			t.Errorf("list is %+v, %v", list, err)
		}
		for name, values := range map[string][]string{
			setting.Zone:          {"", "Local", "Mars/Olympus", "../../etc/passwd", "\xff"},
			setting.RetentionDays: {"0", "-1", "3651", "7 ", "1e3", ""},
		} {
			for _, v := range values {
				if _, err := s.Set(ctx, "t1", "ann", name, v); fault.CodeOf(err) != fault.Invalid {
					t.Errorf("%s = %q: %v; want invalid", name, v, err)
				}
			}
		}
		if _, err := s.Set(ctx, "t1", "ann", "no.such", "x"); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("a name that does not exist: %v", err)
		}
	})
}
