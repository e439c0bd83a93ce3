package bus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Message is one record as it was published.
type Message struct {
	Tenant   tenant.ID
	Source   string
	Sequence uint64
	Received time.Time // when the bus kept it
	Header   map[string]string
	Data     []byte
}

// Reader reads a tenant's records in order of sequence. It belongs to one goroutine.
type Reader struct {
	tenant   tenant.ID
	messages jetstream.MessagesContext
}

// readAhead is how many bytes the reader asks the server for beyond what was taken: one largest message.
const readAhead = MaxMessage

// Consume starts reading at the record with sequence from (the committed position plus one), or at the oldest that is kept when that is newer. It goes on over
// records that are yet to come until Close.
//
// A bus that ends before the committed position is not the one the lake was filled from (it was lost, or another one was configured): its next records would
// be taken for ones that were read. When it is empty it goes on after the position; when it holds records Consume fails with fault.Conflict.
func (b *Bus) Consume(ctx context.Context, id tenant.ID, from uint64) (*Reader, error) {
	st, err := b.Status(ctx, id)
	if err != nil {
		return nil, err
	}
	if st.Last+1 < from {
		if st.Messages > 0 {
			return nil, fault.Newf(fault.Conflict, "the lake of tenant %s has message %d, but the bus ends at %d: they do not belong together; restore both from one backup", id, from-1, st.Last)
		}
		b.opts.Log.Warn("the bus is empty and goes on after the lake's position", "tenant", id, "position", from-1)
		if err := b.Restore(ctx, id, from); err != nil {
			return nil, err
		}
	}
	s, err := b.stream(ctx, id)
	if err != nil {
		return nil, err
	}
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
	})
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	messages, err := cons.Messages(jetstream.PullMaxBytes(readAhead))
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	return &Reader{tenant: id, messages: messages}, nil
}

// Next waits until there is a record, then returns up to max records (at least one, together about maxBytes) that are there without further waiting. It returns
// none, and no error, when wait passes without a record, and the context's error when it ends.
func (r *Reader) Next(ctx context.Context, max, maxBytes int, wait time.Duration) ([]Message, error) {
	first, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var out []Message
	for size := 0; len(out) < max && (size == 0 || size < maxBytes); {
		msg, err := r.messages.Next(jetstream.NextContext(first))
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return out, ctx.Err()
			case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
				return out, nil
			case errors.Is(err, jetstream.ErrMsgIteratorClosed):
				return out, fault.Newf(fault.Unavailable, "the bus is closed")
			}
			return out, fault.Newf(fault.Unavailable, "reading the bus: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return out, fault.Newf(fault.Unavailable, "reading the bus: %w", err)
		}
		out = append(out, r.message(msg, meta))
		size += len(msg.Data()) + 1
		if meta.NumPending == 0 {
			break
		}
	}
	return out, nil
}

func (r *Reader) message(msg jetstream.Msg, meta *jetstream.MsgMetadata) Message {
	m := Message{Tenant: r.tenant, Sequence: meta.Sequence.Stream, Received: meta.Timestamp.UTC(), Data: msg.Data(), Header: map[string]string{}}
	m.Source = strings.TrimPrefix(msg.Subject(), "t."+string(r.tenant)+".ingest.")
	for k, v := range msg.Headers() {
		if len(v) > 0 && !strings.HasPrefix(k, "Nats-") {
			m.Header[k] = v[0]
		}
	}
	return m
}

// Close ends the reading. A Next that is waiting returns.
func (r *Reader) Close() { r.messages.Stop() }
