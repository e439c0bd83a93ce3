package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// BusPosition is the name under which the lake keeps how far the bus was read.
const BusPosition = "bus"

// sequenceShift leaves room for the records of one message below its sequence in Record.Number.
const sequenceShift = 20

// idle is how long records wait for more to come.
const idle = 250 * time.Millisecond

// Consumer moves one tenant's records from the bus into the lake, starting where the lake says the last commit ended.
type Consumer struct {
	Bus    *bus.Bus
	Config Config // of the pipelines it makes
	Keep   time.Duration
	Log    *slog.Logger
}

// Run works until ctx ends. After an error it starts again at the committed position, with growing pauses of up to 30 s.
func (c *Consumer) Run(ctx context.Context) {
	pause := time.Second
	for ctx.Err() == nil {
		start := time.Now()
		err := c.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > time.Minute {
			pause = time.Second
		}
		c.Log.Error("reading the bus stopped; it starts again at the committed position", "tenant", c.Config.Store.Tenant(), "error", err, "pause", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

func (c *Consumer) run(ctx context.Context) (err error) {
	id := c.Config.Store.Tenant()
	position, err := c.Config.Store.Position(ctx, BusPosition)
	if err != nil {
		return err
	}
	r, err := c.Bus.Consume(ctx, id, uint64(position)+1) //nolint:gosec // positions are not negative
	if err != nil {
		return err
	}
	defer r.Close()
	// The pipeline gets to finish what it has even when ctx ends: Close flushes.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c.Config.Lag.restart()
	p := NewPipeline(work, c.Config)
	defer func() {
		_, closing := p.Close(work)
		err = errors.Join(err, closing)
	}()
	trimmed, grouped := time.Now(), time.Now()
	for {
		messages, err := r.Next(ctx, 64, 8<<20, idle)
		for i := range messages {
			if err := add(work, p, id, &messages[i]); err != nil {
				return err
			}
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		// A trickle of messages must not wait until there are enough of them.
		if err := p.Push(work, idle); err != nil {
			return err
		}
		if len(messages) == 0 {
			due := false
			if c.Config.Devices != nil && time.Since(grouped) > time.Second {
				grouped = time.Now()
				due = c.Config.Devices.Due(work)
			}
			if p.Pending() || due {
				if err := p.Flush(work); err != nil {
					return err
				}
			}
		}
		if time.Since(trimmed) > 30*time.Second {
			trimmed = time.Now()
			position, err := c.Config.Store.Position(ctx, BusPosition)
			if err == nil && position > 0 {
				err = c.Bus.Trim(ctx, id, uint64(position), c.Keep)
			}
			if err != nil && ctx.Err() == nil {
				c.Log.Warn("the bus could not be trimmed", "tenant", id, "error", err)
			}
		}
	}
}

func add(ctx context.Context, p *Pipeline, id tenant.ID, m *bus.Message) error {
	received := m.Received
	if t, err := time.Parse(time.RFC3339Nano, m.Header[headerReceived]); err == nil {
		received = t
	}
	number := int64(m.Sequence) << sequenceShift //nolint:gosec // sequences stay far below 2^43
	var records []*normalise.Record
	damaged := frames(m.Data, func(data []byte) error {
		records = append(records, &normalise.Record{Tenant: id, Source: m.Source, File: m.Header[headerFile], Host: m.Header[headerHost], Number: number, Received: received, Lab: m.Header[headerLab], Data: data})
		number++
		return nil
	})
	if damaged != nil {
		p.Refuse(Refusal{Source: m.Source, File: m.Header[headerFile], Host: m.Header[headerHost], Lab: m.Header[headerLab], Number: number, Code: string(codeOf(damaged)), Message: damaged.Error(), Data: m.Data, Time: received})
	}
	return p.Add(ctx, Position{Source: BusPosition, Value: int64(m.Sequence)}, records...) //nolint:gosec // as above
}
