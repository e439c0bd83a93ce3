package clickhouse_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// exactly checks that the rows 0 to n-1 are each there once.
func exactly(t *testing.T, shard *clickhousetest.Shard, table, n string) {
	t.Helper()
	if got := ask(t, shard, "SELECT concat(count(), ' ', uniqExact(RecordNumber), ' ', max(RecordNumber) + 1) FROM "+table); got != n+" "+n+" "+n {
		t.Errorf("rows, distinct rows and end are %s, want %s of each", got, n)
	}
}

// TestBreakBeforeCommit takes the positions table away, so that a batch is written and cannot be committed.
func TestBreakBeforeCommit(t *testing.T) {
	ctx := context.Background()
	server := clickhousetest.Start(t, 2)
	where := address("broken", server.Addresses()...)
	s := laketest.Open(t, engineAt(t, where), "default")
	if err := s.Append(ctx, processes(0, 100), map[string]int64{"s": 100}); err != nil {
		t.Fatal(err)
	}
	home := server.Shards[0]
	// The constraint refuses the commit; reading goes on.
	ask(t, home, "ALTER TABLE broken_default._positions ADD CONSTRAINT never CHECK _batch < 2")
	for range 2 {
		if err := s.Append(ctx, processes(100, 50), map[string]int64{"s": 150}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("a commit that is refused: %v", err)
		}
		exactly(t, home, "broken_default.DeviceProcessEvents", "100")
	}
	if p, err := s.Position(ctx, "s"); err != nil || p != 100 {
		t.Errorf("Position = %d, %v", p, err)
	}

	// Without the table the rows cannot even be removed; that is made good by the next batch, and by whoever opens the store.
	ask(t, home, "RENAME TABLE broken_default._positions TO broken_default.away")
	if err := s.Append(ctx, processes(100, 50), map[string]int64{"s": 150}); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a commit without table: %v", err)
	}
	ask(t, home, "RENAME TABLE broken_default.away TO broken_default._positions")
	ask(t, home, "ALTER TABLE broken_default._positions DROP CONSTRAINT never")
	if err := s.Append(ctx, processes(100, 100), map[string]int64{"s": 200}); err != nil {
		t.Fatal(err)
	}
	exactly(t, home, "broken_default.DeviceProcessEvents", "200")
	if p, err := s.Position(ctx, "s"); err != nil || p != 200 {
		t.Errorf("Position = %d, %v", p, err)
	}

	// What a process leaves that dies between rows and commit: rows of a batch that is not committed.
	for _, shard := range server.Shards {
		ask(t, shard, "INSERT INTO broken_default_shard.DeviceProcessEvents (RecordNumber, _batch) SELECT number + 200, 999 FROM numbers(10)")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = laketest.Open(t, engineAt(t, where), "default")
	exactly(t, home, "broken_default.DeviceProcessEvents", "200")
	if err := s.Append(ctx, processes(200, 10), map[string]int64{"s": 210}); err != nil {
		t.Fatal(err)
	}
	exactly(t, home, "broken_default.DeviceProcessEvents", "210")
}

// pump writes the rows up to n as a reader of a source does: in batches of changing size, and after an error from the position that the lake has. It
// returns how often that was.
func pump(t *testing.T, s lake.Store, n int, deadline time.Time) (errors int) {
	t.Helper()
	ctx := context.Background()
	position := int64(-1)
	for time.Now().Before(deadline) {
		if position < 0 {
			p, err := s.Position(ctx, "s")
			if err != nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			position = p
		}
		if position >= int64(n) {
			return errors
		}
		size := min(1+rand.IntN(200), n-int(position)) //nolint:gosec // sizes of test batches
		rows := processes(int(position), size)
		if err := s.Append(ctx, rows, map[string]int64{"s": position + int64(size)}); err != nil {
			errors++
			position = -1
			continue
		}
		position += int64(size)
	}
	t.Fatalf("not done in time: position %d after %d errors", position, errors)
	return errors
}

// TestKilledServer kills a shard again and again while rows are written.
func TestKilledServer(t *testing.T) {
	server := clickhousetest.Start(t, 2)
	s := laketest.Open(t, engineAt(t, address("killed", server.Addresses()...)), "default")
	const total, label = 3000, "3000"
	done := make(chan int)
	go func() { done <- pump(t, s, total, time.Now().Add(2*time.Minute)) }()
	kills := 0
	for running := true; running; {
		select {
		case errors := <-done:
			t.Logf("%d kills, %d failed batches", kills, errors)
			if errors == 0 {
				t.Error("no kill came into a batch")
			}
			running = false
		case <-time.After(time.Duration(50+rand.IntN(300)) * time.Millisecond): //nolint:gosec // moments of a test
			if kills < 4 {
				shard := server.Shards[kills%2]
				if err := shard.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := shard.Restart(); err != nil {
					t.Fatal(err)
				}
				kills++
			}
		}
	}
	exactly(t, server.Shards[0], "killed_default.DeviceProcessEvents", label)
}

// TestLostConnections puts a line between that breaks at any byte, so that commits succeed without an answer.
func TestLostConnections(t *testing.T) {
	server := clickhousetest.Start(t, 1)
	shard := server.Shards[0]
	line := newLine(t, shard.TCP)
	s := laketest.Open(t, engineAt(t, address("lost", line.address)), "default")
	line.breaks(true)
	done := make(chan int)
	go func() { done <- pump(t, s, 2000, time.Now().Add(2*time.Minute)) }()
	ends := 0
	for running := true; running; {
		select {
		case <-shard.Ended():
			ends++
			// What the ended process held may take it a moment to let go.
			var err error
			for range 5 {
				if err = shard.Restart(); err == nil {
					break
				}
				time.Sleep(time.Second)
			}
			if err != nil {
				t.Fatal(err)
			}
		case errors := <-done:
			t.Logf("%d failed batches; the server ended %d times", errors, ends)
			if errors == 0 {
				t.Error("the line never broke in a batch")
			}
			running = false
		}
	}
	line.breaks(false)
	exactly(t, shard, "lost_default.DeviceProcessEvents", "2000")
}

// line forwards connections, and breaks them after some bytes when it is told to.
type line struct {
	address string
	to      string

	mu       sync.Mutex
	breaking bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	l := &line{address: listener.Addr().String(), to: to}
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go l.forward(from)
		}
	}()
	return l
}

func (l *line) breaks(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breaking = yes
}

func (l *line) forward(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	for _, c := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			l.carry(c[1], c[0])
			ended <- struct{}{}
		}()
	}
	<-ended
}

func (l *line) carry(to io.Writer, from io.Reader) {
	left := 1000 + rand.IntN(100_000) //nolint:gosec // moments of a test
	buffer := make([]byte, 512)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		l.mu.Lock()
		breaking := l.breaking
		l.mu.Unlock()
		if left -= n; err != nil || breaking && left < 0 {
			return
		}
	}
}

// TestTwoWriters lets two servers write one lake.
func TestTwoWriters(t *testing.T) {
	ctx := context.Background()
	where := address(newName(), clickhousetest.Shared(t).Shards[0].TCP)
	one, two := laketest.Open(t, engineAt(t, where), "default"), laketest.Open(t, engineAt(t, where), "default")
	if err := one.Append(ctx, processes(0, 1), map[string]int64{"s": 1}); err != nil {
		t.Fatal(err)
	}
	if err := two.Append(ctx, processes(0, 1), map[string]int64{"s": 1}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("the second writer: %v", err)
	}
	if err := one.Append(ctx, processes(1, 1), map[string]int64{"s": 2}); err != nil {
		t.Errorf("the first writer, after the second was refused: %v", err)
	}
}
