package cluster_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/cluster"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func each(t *testing.T, fn func(t *testing.T, open func() *bun.DB)) {
	t.Helper()
	statetest.Each(t, func(t *testing.T, location string) {
		fn(t, func() *bun.DB {
			db, err := state.Open(context.Background(), location)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			return db
		})
	})
}

func try(t *testing.T, l *cluster.Leases, name string) *cluster.Lease {
	t.Helper()
	lease, err := l.Try(context.Background(), "t1", name)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestLeaseChangesHands(t *testing.T) {
	each(t, func(t *testing.T, open func() *bun.DB) {
		const ttl = 600 * time.Millisecond
		dbA := open()
		a, b := cluster.NewLeases(dbA, "a", ttl), cluster.NewLeases(open(), "b", ttl)
		first := try(t, a, "x")
		if first == nil || try(t, b, "x") != nil {
			t.Fatal("not exactly the first one has the lease")
		}
		other, err := b.Try(context.Background(), "t2", "x")
		if err != nil || other == nil {
			t.Fatalf("another tenant's lease: %v, %v", other, err)
		}
		other.Release()
		time.Sleep(2 * ttl) // it is renewed
		if try(t, b, "x") != nil || first.Lost.Err() != nil {
			t.Fatal("a lease that is renewed was taken")
		}
		if held, err := b.List(context.Background(), "x"); err != nil || len(held) != 1 || held[0].Holder != "a" || held[0].Epoch != first.Epoch() {
			t.Errorf("List = %+v, %v", held, err)
		}
		if err := first.Raise(context.Background(), 40); err != nil || first.Epoch() != 41 {
			t.Errorf("Raise: epoch %d, %v", first.Epoch(), err)
		}
		first.Release()
		second := try(t, b, "x")
		if second == nil || second.Epoch() <= first.Epoch() {
			t.Fatalf("a lease that was let go: %v", second)
		}
		// A holder that starts again has what it had.
		again := try(t, cluster.NewLeases(open(), "b", ttl), "x")
		if again == nil || again.Epoch() <= second.Epoch() {
			t.Fatalf("the same holder: %v", again)
		}
		select {
		case <-second.Lost.Done():
		case <-time.After(5 * time.Second):
			t.Error("who was overtaken does not notice")
		}
		if err := second.Raise(context.Background(), 1000); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("raising what was lost: %v", err)
		}
		second.Release() // does nothing
		if try(t, a, "x") != nil {
			t.Error("the loser let go what the next one holds")
		}
		again.Release()

		// A holder that cannot reach the database loses its lease by its own clock, before another can have it.
		third := try(t, a, "x")
		_ = dbA.Close()
		select {
		case <-third.Lost.Done():
		case <-time.After(5 * time.Second):
			t.Error("a lease that cannot be renewed is not lost")
		}
	})
}

// TestHoldExcludes counts in several processes at a time.
func TestHoldExcludes(t *testing.T) {
	each(t, func(t *testing.T, open func() *bun.DB) {
		var inside, most atomic.Int32
		var wg sync.WaitGroup
		for _, holder := range []string{"a", "b", "c"} {
			l := cluster.NewLeases(open(), holder, 2*time.Second)
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 4 {
					err := l.Hold(context.Background(), "t1", "x", func(ctx context.Context) error {
						most.Store(max(most.Load(), inside.Add(1)))
						time.Sleep(10 * time.Millisecond)
						inside.Add(-1)
						return ctx.Err()
					})
					if err != nil {
						t.Error(err)
					}
				}
			}()
		}
		wg.Wait()
		if most.Load() != 1 {
			t.Errorf("%d were inside at a time", most.Load())
		}
	})
}

func TestNodes(t *testing.T) {
	each(t, func(t *testing.T, open func() *bun.DB) {
		ctx := context.Background()
		a, err := cluster.Join(ctx, open(), cluster.Node{ID: "1", Name: "a", Roles: []string{"detect", "jobs"}, Version: "v", Address: "h:1"})
		if err != nil {
			t.Fatal(err)
		}
		db := open()
		if _, err := cluster.Join(ctx, db, cluster.Node{ID: "2", Name: "b", Roles: []string{"detect"}}); err != nil {
			t.Fatal(err)
		}
		nodes, err := a.Nodes(ctx)
		if err != nil || len(nodes) != 2 || !nodes[0].Alive || !nodes[0].Has("jobs") || nodes[1].Has("jobs") || time.Since(nodes[0].Seen).Abs() > time.Minute {
			t.Fatalf("Nodes = %+v, %v", nodes, err)
		}
		if n, err := a.Alive(ctx, "detect"); err != nil || n != 2 {
			t.Errorf("Alive = %d, %v", n, err)
		}
		if _, err := db.ExecContext(ctx, "UPDATE nodes SET seen = seen - 60000000 WHERE id = '2'"); err != nil {
			t.Fatal(err)
		}
		if n, err := a.Alive(ctx, "detect"); err != nil || n != 1 {
			t.Errorf("with one that is silent: Alive = %d, %v", n, err)
		}
		ends, cancel := context.WithCancel(ctx)
		cancel()
		a.Beat(ends, func(err error) { t.Error(err) })
		if nodes, err := a.Nodes(ctx); err != nil || len(nodes) != 1 {
			t.Errorf("after one has left: %+v, %v", nodes, err)
		}
	})
}
