package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Restore makes the tenant's stream anew, so that the next record gets the sequence number first: one more than the position that the restored lake holds.
// A tenant that has a stream with records is fault.Conflict.
func (b *Bus) Restore(ctx context.Context, id tenant.ID, first uint64) error {
	st, err := b.Status(ctx, id)
	if err != nil {
		return err
	}
	if st.Messages > 0 {
		return fault.Newf(fault.Conflict, "the bus already holds records of tenant %s", id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cfg := b.streamConfig(id)
	cfg.FirstSeq = max(first, 1)
	if err := b.js.DeleteStream(ctx, cfg.Name); err != nil {
		return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	delete(b.streams, id)
	s, err := b.js.CreateStream(ctx, cfg)
	if err != nil {
		return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	b.streams[id] = s
	return nil
}

func (b *Bus) streamConfig(id tenant.ID) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName(id), Description: "records of tenant " + string(id) + " on their way to the lake",
		Subjects: []string{"t." + string(id) + ".ingest.>"},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxBytes: maxBytes(b.opts.MaxBytes), MaxMsgs: -1, AllowDirect: true,
	}
}
