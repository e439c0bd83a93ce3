package clickhouse_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// leasedAt is the engine of a process that has the lease with the number that epoch holds.
func leasedAt(t testing.TB, address string, epoch *atomic.Int64) lake.Engine {
	t.Helper()
	e, err := clickhouse.New(address, clickhouse.Options{Threads: 2, Memory: 1 << 30, Claim: func(context.Context, tenant.ID, int64) (int64, error) {
		if n := epoch.Load(); n > 0 {
			return n, nil
		}
		return 0, fault.Newf(fault.Conflict, "this process has no lease")
	}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func number(n int64) *atomic.Int64 {
	var v atomic.Int64
	v.Store(n)
	return &v
}

// TestLeases hands a lake from process to process.
func TestLeases(t *testing.T) {
	ctx := context.Background()
	server := clickhousetest.Shared(t)
	name := newName()
	where := address(name, server.Shards[0].TCP)
	none, first, second := number(0), number(7), number(8)
	reader := laketest.Open(t, leasedAt(t, where, none), "default")
	one, two := laketest.Open(t, leasedAt(t, where, first), "default"), laketest.Open(t, leasedAt(t, where, second), "default")
	if err := reader.Append(ctx, processes(0, 1), nil); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a process without lease writes: %v", err)
	}
	if err := one.Append(ctx, processes(0, 10), map[string]int64{"s": 10}); err != nil {
		t.Fatal(err)
	}
	// What a writer leaves that dies between rows and commit goes when the next one claims, and not when somebody opens the lake to read.
	ask(t, server.Shards[0], "INSERT INTO "+name+"_default.DeviceProcessEvents (RecordNumber, _batch) SELECT number + 10, bitShiftLeft(7::Int64, 32) + 999 FROM numbers(5)")
	again := laketest.Open(t, leasedAt(t, where, none), "default")
	if counts, err := again.Counts(ctx); err != nil || counts["DeviceProcessEvents"] != 15 {
		t.Errorf("after opening to read: %v, %v", counts, err)
	}
	if err := two.Append(ctx, processes(10, 10), map[string]int64{"s": 20}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := one.Append(ctx, processes(20, 10), map[string]int64{"s": 30}); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("the earlier writer writes: %v", err)
		}
	}
	exactly(t, server.Shards[0], name+"_default.DeviceProcessEvents", "20")
	if p, err := reader.Position(ctx, "s"); err != nil || p != 20 {
		t.Errorf("Position = %d, %v", p, err)
	}
	first.Store(9) // the lease comes back
	if err := one.Append(ctx, processes(20, 10), map[string]int64{"s": 30}); err != nil {
		t.Fatal(err)
	}
	if err := two.Append(ctx, processes(30, 10), map[string]int64{"s": 40}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("the writer that was overtaken: %v", err)
	}
	exactly(t, server.Shards[0], name+"_default.DeviceProcessEvents", "30")
	if _, err := reader.DeleteLab(ctx, ""); err != nil {
		t.Errorf("deleting takes no lease: %v", err)
	}
}

// TestSleepers stops a writer after any byte that it sends, lets another take over and write, and wakes the first.
func TestSleepers(t *testing.T) {
	ctx := context.Background()
	server := clickhousetest.Start(t, 2)
	const rounds = 14
	stopped := 0
	where := address("sleepers", server.Addresses()...)
	epoch := int64(0)
	total := 0
	for round := range rounds {
		lines := []*sleepy{newSleepy(t, server.Shards[0].TCP), newSleepy(t, server.Shards[1].TCP)}
		epoch++
		asleep := laketest.Open(t, leasedAt(t, address("sleepers", lines[0].address, lines[1].address), number(epoch)), "default")
		if err := asleep.Append(ctx, processes(total, 20), map[string]int64{"s": int64(total + 20)}); err != nil {
			t.Fatal(err)
		}
		total += 20
		// Prepared statements of a batch are some hundred bytes each, the rows some more.
		after := int64(rand.IntN(2500)) //nolint:gosec // a moment of a test
		for _, l := range lines {
			l.sleepAfter(after)
		}
		done := make(chan error, 1)
		go func() {
			done <- asleep.Append(ctx, processes(total, 40), map[string]int64{"s": int64(total + 40)})
		}()
		select {
		case err := <-done: // it slept too late
			if err != nil {
				t.Fatal(err)
			}
			done <- nil
		case <-time.After(300 * time.Millisecond):
			stopped++
		}
		epoch++
		awake := laketest.Open(t, leasedAt(t, where, number(epoch)), "default")
		// Claims, and gives the position.
		if err := awake.Append(ctx, nil, nil); err != nil {
			t.Fatal(err)
		}
		position, err := awake.Position(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		total = int(position)
		if err := awake.Append(ctx, processes(total, 30), map[string]int64{"s": int64(total + 30)}); err != nil {
			t.Fatal(err)
		}
		total += 30
		for _, l := range lines {
			l.wake()
		}
		err = <-done
		if got := ask(t, server.Shards[0], "SELECT count() = uniqExact(RecordNumber) AND max(RecordNumber) + 1 = count() FROM sleepers_default.DeviceProcessEvents"); got != "1" {
			t.Fatalf("round %d, asleep after %d bytes, %v: rows %s", round, after, err, ask(t, server.Shards[0], "SELECT count(), uniqExact(RecordNumber), max(RecordNumber) FROM sleepers_default.DeviceProcessEvents"))
		}
		_ = asleep.Close()
		_ = awake.Close()
	}
	t.Logf("%d of %d writers slept in their batch", stopped, rounds)
	if stopped < rounds/4 {
		t.Errorf("only %d of %d writers slept in their batch", stopped, rounds)
	}
}

// sleepy forwards connections, and holds back what clients send after so many bytes until it is woken.
type sleepy struct {
	address string

	mu     sync.Mutex
	left   int64 // -1: no end
	awake  chan struct{}
	closed sync.Once
}

func newSleepy(t *testing.T, to string) *sleepy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &sleepy{address: listener.Addr().String(), left: -1, awake: make(chan struct{})}
	t.Cleanup(func() { _ = listener.Close(); l.wake() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			go func() { _, _ = io.Copy(from, server); _ = from.Close() }()
			go func() { l.forward(server, from); _ = server.Close() }()
		}
	}()
	return l
}

func (l *sleepy) sleepAfter(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = n
}

func (l *sleepy) wake() { l.closed.Do(func() { close(l.awake) }) }

func (l *sleepy) forward(to io.Writer, from io.Reader) {
	buffer := make([]byte, 256)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		sleeps := l.left >= 0 && int64(n) > l.left
		if l.left >= 0 {
			l.left = max(0, l.left-int64(n))
		}
		l.mu.Unlock()
		if sleeps {
			<-l.awake
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
