package bus

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Published returns the ids, among those of the tenant's records after the sequence number, that begin with prefix: what an earlier PublishAll brought to the
// bus whose end nobody saw. It reads the records' headers only.
func (b *Bus) Published(ctx context.Context, id tenant.ID, after uint64, prefix string) (map[string]bool, error) {
	out := map[string]bool{}
	s, err := b.stream(ctx, id)
	if err != nil {
		return nil, err
	}
	info, err := s.Info(ctx)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	last := info.State.LastSeq
	if info.State.Msgs == 0 || last <= after {
		return out, nil
	}
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, HeadersOnly: true})
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	for {
		messages, err := cons.Fetch(500, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
		}
		some := false
		for m := range messages.Messages() {
			some = true
			if name := m.Headers().Get(jetstream.MsgIDHeader); strings.HasPrefix(name, prefix) && name != "" {
				out[name] = true
			}
			meta, err := m.Metadata()
			if err != nil {
				return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
			}
			if meta.Sequence.Stream >= last {
				return out, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case messages.Error() != nil:
			return nil, fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, messages.Error())
		case !some:
			info, err := s.Info(ctx)
			if err != nil || info.State.FirstSeq > last { // trimmed while we looked
				return out, err
			}
		}
	}
}
