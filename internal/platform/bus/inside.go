package bus

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// inside is the embedded server. A stream of it that could not write once, on a full disk, takes nothing more until the server is started again: that is done as
// soon as there is room.
type inside struct {
	dir  string
	log  *slog.Logger
	room func() error

	damaged atomic.Bool
	closing chan struct{}
	mending sync.WaitGroup

	mu     sync.Mutex // guards server
	server *server.Server
}

const startTimeout = 30 * time.Second

func (in *inside) start() error {
	s, err := server.NewServer(&server.Options{
		ServerName: "bartizan", DontListen: true, NoSigs: true, NoSystemAccount: true,
		JetStream: true, StoreDir: in.dir, SyncAlways: true,
		MaxPayload: MaxMessage, MaxPending: 2 * MaxMessage,
		// Streams bound themselves. A limit here would be reserved once per tenant and refuse the second one on a small disk.
		JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 256 << 20,
	})
	if err != nil {
		return fault.Newf(fault.Unavailable, "bus in %s: %w", in.dir, err)
	}
	s.SetLoggerV2(serverLog{in.log.With("part", "bus"), in.damage}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Shutdown()
		s.WaitForShutdown()
		return fault.Newf(fault.Unavailable, "bus in %s did not start within %s", in.dir, startTimeout)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.server = s
	return nil
}

// InProcessConn connects the client to the server as it is now.
func (in *inside) InProcessConn() (net.Conn, error) {
	in.mu.Lock()
	s := in.server
	in.mu.Unlock()
	return s.InProcessConn()
}

func (in *inside) close() {
	close(in.closing)
	in.mending.Wait()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.server.Shutdown()
	in.server.WaitForShutdown()
}

// damage is told that a stream could not write. It is called by the server's own goroutines.
func (in *inside) damage() {
	select {
	case <-in.closing:
		return
	default:
	}
	if in.damaged.CompareAndSwap(false, true) {
		in.mending.Add(1)
		go in.mend()
	}
}

// mend waits until the disk can be written and starts the server again.
func (in *inside) mend() {
	defer in.mending.Done()
	for {
		select {
		case <-in.closing:
			return
		case <-time.After(300 * time.Millisecond):
		}
		if !in.writable() {
			continue
		}
		in.mu.Lock()
		in.server.Shutdown()
		in.server.WaitForShutdown()
		in.mu.Unlock()
		if err := in.start(); err != nil {
			in.log.Error("the bus could not be started again", "error", err)
			continue
		}
		in.damaged.Store(false)
		in.log.Warn("the bus could not write, and was started again")
		return
	}
}

// writable reports whether as much can be written as a few messages need.
func (in *inside) writable() bool {
	if in.room != nil && in.room() != nil {
		return false
	}
	path := filepath.Join(in.dir, "room")
	defer os.Remove(path)
	return os.WriteFile(path, make([]byte, 8<<20), 0o600) == nil
}

// damaged reports that the embedded server waits for room on its disk.
func (b *Bus) damaged() bool { return b.inside != nil && b.inside.damaged.Load() }

func errDamaged() error {
	return fault.Newf(fault.Unavailable, "the bus cannot write to its disk; records are taken again when there is room")
}

// serverLog gives the embedded server's lines to slog; its start-up chatter goes to debug.
type serverLog struct {
	log    *slog.Logger
	damage func()
}

func (l serverLog) Noticef(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l serverLog) Warnf(f string, v ...any) {
	if strings.HasPrefix(f, "Maximum payloads over") {
		return // large mails are why; the limit is ours and meant
	}
	l.log.Warn(fmt.Sprintf(f, v...))
}
func (l serverLog) Fatalf(f string, v ...any) { l.log.Error(fmt.Sprintf(f, v...)) }
func (l serverLog) Errorf(f string, v ...any) {
	text := fmt.Sprintf(f, v...)
	l.log.Error(text)
	if strings.Contains(strings.ToLower(text), "critical write error") {
		l.damage()
	}
}
func (l serverLog) Debugf(f string, v ...any) { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l serverLog) Tracef(string, ...any)     {}
