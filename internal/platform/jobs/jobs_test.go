package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/jobs"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

type greet struct {
	Name string `json:"name"`
}

func (greet) Kind() string { return "test.greet" }

type tick struct{}

func (tick) Kind() string { return "test.tick" }

func open(t *testing.T, location string) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(context.Background(), location, "test", 2, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func stop(t *testing.T, q *jobs.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestJobsSurviveARestart(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		ctx := context.Background()
		nothing := func(context.Context, greet) error { return nil }
		q := open(t, location)
		if err := jobs.Handle(q, nothing); err != nil {
			t.Fatal(err)
		}
		if err := jobs.Handle(q, nothing); err == nil {
			t.Error("a second handler of one kind was taken")
		}
		for i, want := range []bool{true, false} {
			added, err := q.Add(ctx, greet{"ann"}, jobs.Options{Unique: true})
			if err != nil || added != want {
				t.Fatalf("Add #%d = %v, %v; want %v", i, added, err, want)
			}
		}
		if added, err := q.Add(ctx, greet{"bob"}, jobs.Options{Unique: true}); !added || err != nil {
			t.Fatalf("Add of other arguments = %v, %v", added, err)
		}
		stop(t, q) // never started: the jobs wait in the database

		q = open(t, location)
		got := make(chan string, 10)
		if err := jobs.Handle(q, func(_ context.Context, a greet) error { got <- a.Name; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := q.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer stop(t, q)
		names := map[string]bool{<-got: true, <-got: true}
		if !names["ann"] || !names["bob"] {
			t.Errorf("worked off %v", names)
		}
	})
}

func TestPeriodicJobsAndRefusals(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		q := open(t, location)
		ticks := make(chan struct{}, 10)
		if err := jobs.Handle(q, func(context.Context, tick) error { ticks <- struct{}{}; return nil }); err != nil {
			t.Fatal(err)
		}
		var tries atomic.Int32
		tried := make(chan struct{}, 10)
		if err := jobs.Handle(q, func(context.Context, greet) error {
			tries.Add(1)
			tried <- struct{}{}
			return fault.Newf(fault.Invalid, "no such thing")
		}); err != nil {
			t.Fatal(err)
		}
		if err := q.Every(time.Hour, "tick", func() jobs.Args { return tick{} }); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Add(ctx, greet{"x"}, jobs.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := q.Start(ctx); err != nil {
			t.Fatal(err)
		}
		<-ticks
		<-tried
		stop(t, q)
		if n := tries.Load(); n != 1 {
			t.Errorf("a refused job was tried %d times", n)
		}
	})
}

func TestStopCancelsWhatDoesNotEnd(t *testing.T) {
	q := open(t, t.TempDir()+"/jobs.db")
	started := make(chan struct{})
	ended := make(chan error, 1)
	if err := jobs.Handle(q, func(ctx context.Context, _ tick) error {
		close(started)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Add(context.Background(), tick{}, jobs.Options{}); err != nil {
		t.Fatal(err)
	}
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the job ended with %v", err)
	}
}

// TestJobsOfADeadProcess leaves jobs as a process does that is killed while they run.
func TestJobsOfADeadProcess(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		named := func(id string) *jobs.Queue {
			q, err := jobs.Open(ctx, location, id, 2, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return q
		}
		begun, ends := make(chan string, 8), make(chan struct{})
		dead := named("dead")
		if err := jobs.Handle(dead, func(context.Context, greet) error { begun <- "dead"; <-ends; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := dead.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := dead.Add(ctx, greet{"ann"}, jobs.Options{Unique: true}); err != nil {
			t.Fatal(err)
		}
		<-begun
		next := named("next")
		if err := jobs.Handle(next, func(context.Context, greet) error { begun <- "next"; return nil }); err != nil {
			t.Fatal(err)
		}
		postgres := !strings.HasSuffix(location, ".db")
		if postgres { // where processes can live beside each other
			if err := next.Start(ctx, "dead"); err != nil {
				t.Fatal(err)
			}
			if n, err := next.Rescue(ctx, "dead"); err != nil || n != 0 {
				t.Errorf("of a living process %d jobs were taken, %v", n, err)
			}
			if n, err := next.Rescue(ctx); err != nil || n != 1 {
				t.Errorf("of a dead process %d jobs were taken, %v", n, err)
			}
		} else if err := next.Start(ctx); err != nil {
			t.Fatal(err)
		}
		select {
		case who := <-begun:
			if postgres && who != "next" && who != "dead" {
				t.Errorf("%q runs the job", who)
			}
		case <-time.After(30 * time.Second):
			t.Error("the job of a dead process does not run again")
		}
		close(ends)
		stop(t, next)
		stop(t, dead)
	})
}
