// Package syslog listens for syslog messages over UDP, TCP and TLS (RFC 5424, RFC 3164; framing of RFC 6587) and hands them to the receiver. The protocol
// knows no acknowledgement: what a TCP sender has written and the bus has not kept when the program dies is lost, so senders that must lose nothing use one
// of the HTTP receivers. While the bus is full, TCP connections are not read (the sender's queue fills) and UDP messages are dropped and counted.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Taker keeps decoded records; ingest.Receiver does.
type Taker interface {
	Take(ctx context.Context, d ingest.Delivery, records []dialect.Record) (ingest.Taken, error)
}

// Config says where to listen; empty addresses do not.
type Config struct {
	UDP, TCP, TLS string
	Certificate   *tls.Config // for TLS
	Tenant        tenant.ID   // whose the messages are
	Connections   int         // most TCP connections at a time, and as many TLS connections
	PerPeer       int         // most of them from one address; 0: a quarter of Connections, and at least 8
	Taker         Taker
	Log           *slog.Logger
	// Dropped is told of UDP messages that were dropped because the queue was full; may be nil.
	Dropped func(n int64)
}

const (
	batchRecords = 500
	batchBytes   = 2 << 20
	batchDelay   = 100 * time.Millisecond // how long a UDP message waits for company
	queued       = 20_000                 // UDP messages that wait
	udpBuffer    = 8 << 20
	maxDatagram  = 64 << 10
	queuedOfPeer = queued / 2 // …, of one peer
	idle         = time.Hour  // a connection that is silent this long is closed
	handshake    = 10 * time.Second
	messageTime  = time.Minute // a message that has begun has to end
)

// Server listens until Close.
type Server struct {
	cfg     Config
	close   context.CancelFunc
	ctx     context.Context // of everything the server does
	wg      sync.WaitGroup
	dropped atomic.Int64

	mu      sync.Mutex // guards what follows
	open    map[io.Closer]bool
	peers   map[string]int // connections of each
	waiting map[string]int // datagrams of each that are queued
	addrs   []net.Addr
}

// Start opens the listeners of the configuration. Close ends them.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.Connections <= 0 {
		cfg.Connections = 1000
	}
	if cfg.PerPeer <= 0 {
		cfg.PerPeer = max(8, cfg.Connections/4)
	}
	s := &Server{cfg: cfg, open: map[io.Closer]bool{}, peers: map[string]int{}, waiting: map[string]int{}}
	s.ctx, s.close = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	var lc net.ListenConfig
	if cfg.UDP != "" {
		c, err := lc.ListenPacket(ctx, "udp", cfg.UDP)
		if err != nil {
			return nil, fmt.Errorf("syslog over UDP on %s: %w", cfg.UDP, err)
		}
		if u, ok := c.(*net.UDPConn); ok {
			_ = u.SetReadBuffer(udpBuffer) // as much of it as the system allows
		}
		s.listen(c.LocalAddr(), c, func() { s.packets(c) })
	}
	for _, l := range []struct {
		name, address string
		secure        bool
	}{{"TCP", cfg.TCP, false}, {"TLS", cfg.TLS, true}} {
		if l.address == "" {
			continue
		}
		c, err := lc.Listen(ctx, "tcp", l.address)
		if err != nil {
			return nil, fmt.Errorf("syslog over %s on %s: %w", l.name, l.address, err)
		}
		if l.secure {
			if cfg.Certificate == nil {
				_ = c.Close()
				return nil, errors.New("syslog over TLS needs a certificate (tls.cert, tls.key)")
			}
			c = tls.NewListener(c, cfg.Certificate)
		}
		s.listen(c.Addr(), c, func() { s.accept(c) })
	}
	return s, nil
}

// Addrs are the addresses that are listened on: UDP, TCP, TLS, as far as they are on.
func (s *Server) Addrs() []net.Addr { return s.addrs }

// Close ends the listeners and connections and returns when what was read is kept or given up.
func (s *Server) Close() {
	s.mu.Lock()
	s.close()
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) listen(addr net.Addr, c io.Closer, run func()) {
	s.addrs = append(s.addrs, addr)
	s.track(c)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		run()
	}()
}

// track remembers what Close has to close; false when the server is closing already.
func (s *Server) track(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		_ = c.Close()
		return false
	}
	s.open[c] = true
	return true
}

func (s *Server) forget(c io.Closer) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	_ = c.Close()
}

// accept serves a listener. Each has places of its own, so that those who can reach the open one cannot keep out those who come by TLS.
func (s *Server) accept(l net.Listener) {
	slots := make(chan struct{}, s.cfg.Connections)
	for {
		select {
		case slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		c, err := l.Accept()
		if err != nil {
			<-slots
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Log.Warn("a syslog connection was not accepted", "error", err)
			s.pause(100 * time.Millisecond)
			continue
		}
		host := peer(c.RemoteAddr())
		if !s.enter(host) {
			_ = c.Close()
			<-slots
			s.cfg.Log.Warn("a syslog connection was closed: its peer has as many as it may", "peer", host, "connections", s.cfg.PerPeer)
			continue
		}
		if !s.track(c) {
			<-slots
			return
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			defer func() { <-slots }()
			defer s.leave(host)
			defer s.forget(c)
			if err := s.stream(c); err != nil && s.ctx.Err() == nil {
				s.cfg.Log.Warn("a syslog connection ended", "peer", c.RemoteAddr(), "error", err)
			}
		}()
	}
}

// enter counts a connection of a peer, unless it has as many as it may.
func (s *Server) enter(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[host] >= s.cfg.PerPeer {
		return false
	}
	s.peers[host]++
	return true
}

func (s *Server) leave(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[host]--; s.peers[host] <= 0 {
		delete(s.peers, host)
	}
}

// stream reads one connection. What has arrived is kept as soon as the next message would have to be waited for.
func (s *Server) stream(c net.Conn) error {
	host := peer(c.RemoteAddr())
	if secure, ok := c.(*tls.Conn); ok {
		ctx, cancel := context.WithTimeout(s.ctx, handshake)
		err := secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	// A connection may be silent for long between messages, but not within one.
	frames := dialect.NewFrames(c)
	frames.Begun = func() { _ = c.SetReadDeadline(time.Now().Add(messageTime)) }
	var batch []dialect.Record
	size := 0
	for {
		_ = c.SetReadDeadline(time.Now().Add(idle))
		m, err := frames.Next()
		if len(m) > 0 {
			batch, size = append(batch, dialect.Record{Data: m, Host: host}), size+len(m)
		}
		if len(batch) > 0 && (err != nil || !frames.Buffered() || len(batch) >= batchRecords || size >= batchBytes) {
			if kept := s.keep(host, batch); kept != nil {
				return kept
			}
			batch, size = nil, 0
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

// keep hands a batch over, again and again while the bus is full or away.
func (s *Server) keep(host string, batch []dialect.Record) error {
	sender := ingest.Sender{Kind: ingest.SenderSyslog, ID: host, Name: host, Address: host}
	pause := 200 * time.Millisecond
	for {
		// The batch may end even while the server stops.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 20*time.Second)
		_, err := s.cfg.Taker.Take(ctx, ingest.Delivery{Tenant: s.cfg.Tenant, Sender: sender}, batch)
		cancel()
		if err == nil {
			return nil
		}
		if code := fault.CodeOf(err); code != fault.Unavailable && code != fault.Busy || !s.pause(pause) {
			return err
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// pause waits, and reports whether the server goes on.
func (s *Server) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.ctx.Done():
		return false
	}
}

// packets reads datagrams into a bounded queue and keeps them in batches.
func (s *Server) packets(c net.PacketConn) {
	queue := make(chan dialect.Record, queued)
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.drain(queue)
	}()
	defer close(queue)
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Log.Warn("a syslog datagram was not read", "error", err)
			s.pause(100 * time.Millisecond)
			continue
		}
		if n == 0 {
			continue
		}
		select {
		case s.room(queue, from) <- dialect.Record{Data: append([]byte(nil), buf[:n]...), Host: peer(from), Peer: peer(from)}:
		default:
			s.dropped.Add(1)
		}
	}
}

// room is the queue while the peer may put something into it, otherwise nothing that can be written to: one who floods loses what is theirs first.
func (s *Server) room(queue chan dialect.Record, from net.Addr) chan<- dialect.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := peer(from)
	if s.waiting[host] >= queuedOfPeer || len(queue) == cap(queue) {
		return nil
	}
	s.waiting[host]++
	return queue
}

// taken notes that datagrams left the queue.
func (s *Server) taken(batch []dialect.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range batch {
		if s.waiting[r.Peer]--; s.waiting[r.Peer] <= 0 {
			delete(s.waiting, r.Peer)
		}
	}
}

func (s *Server) drain(queue <-chan dialect.Record) {
	for first := range queue {
		batch := []dialect.Record{first}
		timer := time.NewTimer(batchDelay)
	gather:
		for len(batch) < batchRecords {
			select {
			case m, ok := <-queue:
				if !ok {
					break gather
				}
				batch = append(batch, m)
			case <-timer.C:
				break gather
			}
		}
		timer.Stop()
		s.taken(batch)
		if err := s.keep("", batch); err != nil {
			s.dropped.Add(int64(len(batch)))
			s.cfg.Log.Error("syslog datagrams were not kept", "messages", len(batch), "error", err)
		}
		if n := s.dropped.Swap(0); n > 0 {
			s.cfg.Log.Warn("syslog datagrams were dropped: the bus is slower than they come", "messages", n)
			if s.cfg.Dropped != nil {
				s.cfg.Dropped(n)
			}
		}
	}
}

func peer(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	return host
}
