package budget_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/hunting/budget"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func TestAccounts(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		now := time.Date(2026, 3, 1, 10, 7, 0, 0, time.UTC)
		clock := func() time.Time { return now }
		limits := budget.Limits{Window: 15 * time.Minute, Amount: 100 * time.Second, Warn: 10, Day: 250 * time.Second}
		a := budget.New(db, clock)
		spend := func(who string, seconds int) budget.State {
			t.Helper()
			s, err := a.Spend(ctx, "t1", who, limits, time.Duration(seconds)*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		refused := func(who, setting string, after int) {
			t.Helper()
			err := a.Admit(ctx, "t1", who, limits)
			var e *fault.Error
			if !errors.As(err, &e) || e.Code != fault.Busy || e.Target != setting || fmt.Sprint(e.Details["retryAfter"]) != fmt.Sprint(after) {
				t.Errorf("Admit(%s) = %+v, want %s after %d s", who, err, setting, after)
			}
		}
		admitted := func(id, who string) {
			t.Helper()
			if err := a.Admit(ctx, "t1", who, limits); err != nil {
				t.Errorf("Admit(%s) = %v", who, err)
			}
		}
		if s := spend("ann", 9); s.Warn || s.Percent() != 9 {
			t.Errorf("9 %%: %+v", s)
		}
		if s := spend("ann", 2); !s.Warn || !s.Ends.Equal(time.Date(2026, 3, 1, 10, 15, 0, 0, time.UTC)) {
			t.Errorf("11 %%: %+v", s)
		}
		admitted("t1", "ann")
		spend("ann", 90)
		refused("ann", "hunt.cpu-budget", 8*60)
		admitted("t1", "bob")
		admitted("t1", budget.Rules)
		if err := a.Admit(ctx, "t2", "ann", limits); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		a = budget.New(db, clock) // a restart
		refused("ann", "hunt.cpu-budget", 8*60)
		now = now.Add(9 * time.Minute)
		admitted("t1", "ann")
		spend("ann", 99)
		now = now.Add(15 * time.Minute)
		spend("ann", 60)
		refused("ann", "hunt.cpu-day", int(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Sub(now).Seconds()))
		now = now.Add(14 * time.Hour)
		admitted("t1", "ann")
	})
}

func TestTurns(t *testing.T) {
	ctx := context.Background()
	turns := budget.NewTurns(3, 2, 50*time.Millisecond)
	enter := func(who, id string) (context.Context, func(), error) {
		return turns.Enter(ctx, budget.Run{Tenant: "t1", Principal: who, ID: id})
	}
	must := func(who, id string) (context.Context, func()) {
		t.Helper()
		c, done, err := enter(who, id)
		if err != nil {
			t.Fatal(err)
		}
		return c, done
	}
	a1, endA1 := must("ann", "1")
	_, endA2 := must("ann", "2")
	if _, _, err := enter("ann", "1"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("an id twice: %v", err)
	}
	if _, _, err := enter("ann", "3"); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a third of one person: %v", err)
	}
	b1, endB1 := must("bob", "1")
	if _, _, err := enter("cid", "1"); fault.CodeOf(err) != fault.Busy {
		t.Errorf("a fourth of the tenant: %v", err)
	}
	if _, done, err := turns.Enter(ctx, budget.Run{Tenant: "t2", Principal: "ann", ID: "1"}); err != nil {
		t.Errorf("another tenant: %v", err)
	} else {
		done()
	}
	if n, all := len(turns.List("t1", "ann", false)), len(turns.List("t1", "ann", true)); n != 2 || all != 3 {
		t.Errorf("ann sees %d of her own, %d of all", n, all)
	}
	if turns.Cancel("t1", "cid", false, "1") || turns.Cancel("t2", "cid", true, "1") {
		t.Error("somebody cancelled the run of another")
	}
	if !turns.Cancel("t1", "ann", false, "1") || a1.Err() == nil || !errors.Is(context.Cause(a1), budget.ErrCancelled) || b1.Err() != nil {
		t.Error("cancelling one's own run")
	}
	if !turns.Cancel("t1", "cid", true, "1") || b1.Err() == nil {
		t.Error("cancelling anybody's run")
	}
	endA1()
	endA2()
	endB1()
	if left := turns.List("t1", "", true); len(left) != 0 {
		t.Errorf("left over: %+v", left)
	}
	_, end := must("ann", "1")
	_, end2 := must("ann", "2")
	got := make(chan error)
	go func() {
		_, done, err := enter("ann", "3")
		if err == nil {
			done()
		}
		got <- err
	}()
	end()
	if err := <-got; err != nil {
		t.Errorf("a run did not get the turn of one that ended: %v", err)
	}
	end2()
}

// Runs that end at the same time are all counted, each on its principal's account.
func TestAccountsAtOnce(t *testing.T) {
	ctx := context.Background()
	db, err := state.Open(ctx, t.TempDir()+"/state.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	limits := budget.Limits{Window: 24 * time.Hour, Amount: time.Hour}
	clock := func() time.Time { return time.Date(2026, 3, 1, 10, 7, 0, 0, time.UTC) }
	a := budget.New(db, clock)
	var all sync.WaitGroup
	for _, who := range []string{"ann", "ben"} {
		for range 10 {
			all.Go(func() {
				if _, err := a.Spend(ctx, "t1", who, limits, time.Second); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, who := range []string{"ann", "ben"} {
		// A new one reads what the other one kept.
		if s, err := budget.New(db, clock).Spend(ctx, "t1", who, limits, 0); err != nil || s.Used != 10*time.Second {
			t.Errorf("%s used %v, %v", who, s.Used, err)
		}
	}
}
