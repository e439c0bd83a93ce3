// Package bus keeps source records between the receiver that acknowledged them and the lake that has not yet written them, and carries live
// announcements. It is NATS JetStream: a server inside this process that writes to the data folder and listens nowhere, or an external one by URL.
//
// Each tenant has one stream, ingest_TENANT, with the subjects t.TENANT.ingest.SOURCE. Publish returns when the record is synced to disk. Sequence numbers
// rise by one per record and start at 1; the reader's position belongs to the lake, which commits it together with the rows, so the bus keeps no consumer
// state. Trim forgets what the lake has. A full stream refuses new records (fault.Unavailable) and never drops old ones.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options say where the bus lives and how much it holds.
type Options struct {
	URL      string // external server; empty: embedded in Dir
	Dir      string // folder of the embedded server's store
	MaxBytes uint64 // per tenant
	// Room is asked before records are kept; its error refuses them. nil: there always is. It is for a bus that shares a disk with what has to go on.
	Room func() error
	Log  *slog.Logger
}

// MaxMessage is the largest record, headers included, that the embedded bus takes. An external server has its own limit, see Bus.MaxMessage.
const MaxMessage = 64 << 20

// Bus is a connection to the bus. It is safe for concurrent use.
type Bus struct {
	opts   Options
	inside *inside // nil when external
	conn   *nats.Conn
	js     jetstream.JetStream

	mu      sync.Mutex
	streams map[tenant.ID]jetstream.Stream
	holds   int // backups in progress; Trim waits for later while there are any
}

// Open starts the embedded bus, or connects to the external one.
func Open(ctx context.Context, opts Options) (*Bus, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{opts: opts, streams: map[tenant.ID]jetstream.Stream{}}
	url := opts.URL
	connect := []nats.Option{nats.Name("bartizan"), nats.MaxReconnects(-1), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		opts.Log.Warn("bus", "error", err)
	})}
	if url == "" {
		b.inside = &inside{dir: opts.Dir, log: opts.Log, room: opts.Room, closing: make(chan struct{})}
		if err := b.inside.start(); err != nil {
			return nil, err
		}
		connect = append(connect, nats.InProcessServer(b.inside), nats.ReconnectWait(50*time.Millisecond))
	}
	var err error
	if b.conn, err = nats.Connect(url, connect...); err != nil {
		b.Close()
		return nil, fault.Newf(fault.Unavailable, "bus %s is not reachable: %w", redact(url), err)
	}
	if b.js, err = jetstream.New(b.conn, jetstream.WithPublishAsyncTimeout(ackTime)); err != nil {
		b.Close()
		return nil, fault.Newf(fault.Unavailable, "bus: %w", err)
	}
	if _, err := b.js.AccountInfo(ctx); err != nil {
		b.Close()
		return nil, fault.Newf(fault.Unavailable, "bus %s has no JetStream: %w", redact(url), err)
	}
	return b, nil
}

var userinfo = regexp.MustCompile(`//[^/@]*@`)

func redact(url string) string { return userinfo.ReplaceAllString(url, "//…@") }

// Close ends the connection, and the embedded server after it has written everything down.
func (b *Bus) Close() {
	if b.conn != nil {
		b.conn.Close()
	}
	if b.inside != nil {
		b.inside.close()
	}
}

// MaxMessage returns the largest record, headers included, that Publish takes.
func (b *Bus) MaxMessage() int64 { return b.conn.MaxPayload() }

// Ready reports whether records can be published now.
func (b *Bus) Ready(ctx context.Context) error {
	if b.damaged() {
		return errDamaged()
	}
	if !b.conn.IsConnected() {
		return fault.Newf(fault.Unavailable, "bus is not connected")
	}
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return fault.Newf(fault.Unavailable, "bus: %w", err)
	}
	return nil
}

func (b *Bus) stream(ctx context.Context, id tenant.ID) (jetstream.Stream, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.streams[id]; ok {
		return s, nil
	}
	s, err := b.js.Stream(ctx, streamName(id))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = b.js.CreateStream(ctx, b.streamConfig(id))
	} else if cfg := b.streamConfig(id); err == nil && (s.CachedInfo().Config.MaxBytes != cfg.MaxBytes || s.CachedInfo().Config.Duplicates != cfg.Duplicates) {
		want := cfg
		cfg = s.CachedInfo().Config // as it is, with the first sequence number it was made with
		cfg.MaxBytes, cfg.Duplicates = want.MaxBytes, want.Duplicates
		s, err = b.js.UpdateStream(ctx, cfg)
	}
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	b.streams[id] = s
	return s, nil
}

func streamName(id tenant.ID) string { return "ingest_" + string(id) }

func maxBytes(n uint64) int64 {
	if n == 0 || n > 1<<62 {
		return -1
	}
	return int64(n)
}

var sourceShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Publish keeps one record and returns its sequence number once it is synced to disk. source is the name of a family or "auto". Header values must not hold
// line breaks. Errors: fault.TooLarge over MaxMessage, fault.Unavailable when the stream is full or the bus is down.
func (b *Bus) Publish(ctx context.Context, id tenant.ID, source string, header map[string]string, data []byte) (uint64, error) {
	msg, err := message(id, source, header, data)
	if err != nil {
		return 0, err
	}
	if _, err := b.stream(ctx, id); err != nil {
		return 0, err
	}
	ack, err := b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(streamName(id)))
	if err != nil {
		return 0, publishError(err)
	}
	return ack.Sequence, nil
}

// ackTime is how long an external bus may take to keep a record before its sender is told to try again.
const ackTime = 30 * time.Second

// Outgoing is one record of a PublishAll. A record with an ID that the tenant's stream has kept lately (see Repeats) is not kept again.
type Outgoing struct {
	ID     string
	Source string
	Header map[string]string
	Data   []byte
}

// PublishAll keeps the records in order and returns when the last one is synced: the first return is how many of them, counted from the start, are certain
// to be kept. Syncs are one per record, so many small records are better packed into few messages.
func (b *Bus) PublishAll(ctx context.Context, id tenant.ID, records []Outgoing) (int, error) {
	if b.opts.Room != nil {
		if err := b.opts.Room(); err != nil {
			return 0, err
		}
	}
	if _, err := b.stream(ctx, id); err != nil {
		return 0, err
	}
	if b.damaged() {
		return 0, errDamaged()
	}
	if !b.conn.IsConnected() { // records would wait in this process for the bus to come back
		return 0, fault.Newf(fault.Unavailable, "the bus is not connected")
	}
	futures := make([]jetstream.PubAckFuture, 0, len(records))
	var stopped error
	for _, r := range records {
		msg, err := message(id, r.Source, r.Header, r.Data)
		if err != nil {
			stopped = err
			break
		}
		options := []jetstream.PublishOpt{jetstream.WithExpectStream(streamName(id)), jetstream.WithStallWait(10 * time.Second)}
		if r.ID != "" {
			options = append(options, jetstream.WithMsgID(r.ID))
		}
		f, err := b.js.PublishMsgAsync(msg, options...)
		if err != nil {
			stopped = publishError(err)
			break
		}
		futures = append(futures, f)
	}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < len(futures); {
		f := futures[i]
		select {
		case <-tick.C:
			if b.damaged() {
				return i, errDamaged()
			}
			continue
		case <-f.Ok():
		case err := <-f.Err():
			return i, publishError(err)
		case <-ctx.Done():
			return i, ctx.Err()
		}
		i++
	}
	return len(futures), stopped
}

func message(id tenant.ID, source string, header map[string]string, data []byte) (*nats.Msg, error) {
	if !sourceShape.MatchString(source) {
		return nil, fault.Newf(fault.Invalid, "source %q is not a name of letters, digits, - and _", source).On("source")
	}
	msg := nats.NewMsg("t." + string(id) + ".ingest." + source)
	msg.Data = data
	for k, v := range header {
		if strings.ContainsAny(v, "\r\n") || strings.ContainsAny(k, "\r\n: ") || k == "" {
			return nil, fault.Newf(fault.Invalid, "bus header %q cannot be carried", k)
		}
		msg.Header.Set(k, v)
	}
	return msg, nil
}

func publishError(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, nats.ErrMaxPayload):
		return fault.Newf(fault.TooLarge, "the record is larger than the bus takes: %w", err)
	case errors.As(err, &api) && strings.Contains(api.Description, "maximum bytes exceeded"):
		return fault.Newf(fault.Unavailable, "the bus is full (bus.max-bytes); the lake has to catch up before more records are taken: %w", err)
	}
	return fault.Newf(fault.Unavailable, "the bus did not keep the record: %w", err)
}

// Status describes a tenant's stream.
type Status struct {
	Messages uint64    `json:"messages"`
	Bytes    uint64    `json:"bytes"`
	MaxBytes int64     `json:"maxBytes"` // -1: no limit
	First    uint64    `json:"first"`    // sequence of the oldest record that is kept
	Last     uint64    `json:"last"`     // sequence of the newest record ever kept
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

// Status returns what the tenant's stream holds.
func (b *Bus) Status(ctx context.Context, id tenant.ID) (Status, error) {
	s, err := b.stream(ctx, id)
	if err != nil {
		return Status{}, err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return Status{}, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	st := info.State
	return Status{
		Messages: st.Msgs, Bytes: st.Bytes, MaxBytes: info.Config.MaxBytes, First: st.FirstSeq, Last: st.LastSeq,
		Oldest: st.FirstTime.UTC(), Newest: st.LastTime.UTC(),
	}, nil
}

// Trim forgets the tenant's records up to and including sequence upTo that are older than keep. Give it positions that the lake has committed, never others.
func (b *Bus) Trim(ctx context.Context, id tenant.ID, upTo uint64, keep time.Duration) error {
	b.mu.Lock()
	held := b.holds > 0
	b.mu.Unlock()
	if held || upTo == 0 {
		return nil
	}
	s, err := b.stream(ctx, id)
	if err != nil {
		return err
	}
	end, err := b.lastOlderThan(ctx, s, upTo, time.Now().Add(-keep))
	if err != nil || end == 0 {
		return err
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(end+1)); err != nil {
		return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	return nil
}

// lastOlderThan returns the greatest sequence <= upTo whose record was kept before the time, 0 when there is none. Times rise with sequences.
func (b *Bus) lastOlderThan(ctx context.Context, s jetstream.Stream, upTo uint64, before time.Time) (uint64, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return 0, err
	}
	low, high := info.State.FirstSeq, min(upTo, info.State.LastSeq)
	if info.State.Msgs == 0 || high < low {
		return 0, nil
	}
	var found uint64
	for low <= high {
		mid := low + (high-low)/2
		msg, err := s.GetMsg(ctx, mid)
		if err != nil {
			return 0, fmt.Errorf("bus record %d: %w", mid, err)
		}
		if msg.Time.Before(before) {
			found, low = mid, mid+1
		} else {
			high = mid - 1
		}
	}
	return found, nil
}

// Hold keeps Trim from forgetting anything until the returned function is called; a backup needs the records that its copy of the lake lacks.
func (b *Bus) Hold() (release func()) {
	b.mu.Lock()
	b.holds++
	b.mu.Unlock()
	return sync.OnceFunc(func() {
		b.mu.Lock()
		b.holds--
		b.mu.Unlock()
	})
}
