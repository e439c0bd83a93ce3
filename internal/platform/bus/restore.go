package bus

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Restore makes the tenant's stream anew, so that the next record gets the sequence number first: one more than the position that the restored lake holds.
// A tenant that has a stream with records is fault.Conflict.
func (b *Bus) Restore(ctx context.Context, id tenant.ID, first uint64) error {
	if _, err := tenant.Parse(string(id)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	cfg := b.streamConfig(id)
	cfg.FirstSeq = max(first, 1)
	old, err := b.js.Stream(ctx, cfg.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
	case err != nil:
		return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	case old.CachedInfo().State.Msgs > 0:
		return fault.Newf(fault.Conflict, "the bus already holds records of tenant %s", id)
	default:
		if err := b.js.DeleteStream(ctx, cfg.Name); err != nil {
			return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
		}
	}
	delete(b.streams, id)
	s, err := b.create(ctx, cfg)
	if err != nil {
		return fault.Newf(fault.Unavailable, "bus stream of tenant %s: %w", id, err)
	}
	b.streams[id] = s
	return nil
}

// createTries bounds how often a stream is made anew.
const createTries = 10

// create makes a stream. The server removes the folder of a deleted stream in the background, and cannot make one of the same name meanwhile.
func (b *Bus) create(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	for try := 1; ; try++ {
		s, err := b.js.CreateStream(ctx, cfg)
		var api *jetstream.APIError
		if err == nil || try == createTries || !errors.As(err, &api) || api.Code != http.StatusInternalServerError {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		}
	}
}

// Repeats is how long a stream remembers the ids of records.
const Repeats = 30 * time.Minute

func (b *Bus) streamConfig(id tenant.ID) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName(id), Description: "records of tenant " + string(id) + " on their way to the lake",
		Subjects: []string{"t." + string(id) + ".ingest.>"},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxBytes: maxBytes(b.opts.MaxBytes), MaxMsgs: -1, AllowDirect: true, Duplicates: Repeats,
	}
}
