package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Ready implements api.System.
func (s *server) Ready(ctx context.Context) error {
	return errors.Join(s.db.PingContext(ctx), s.bus.Ready(ctx))
}

// Health implements api.System.
func (s *server) Health(ctx context.Context, id tenant.ID) api.Health {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var h api.Health
	h.Components = append(h.Components, api.Component("state database", string(s.db.Dialect().Name().String()), s.db.PingContext(ctx)))
	h.Components = append(h.Components, api.Component("bus", "", s.bus.Ready(ctx)))
	h.Nodes = s.nodes(ctx)
	h.Components = append(h.Components, s.diskHealth())
	position, err := s.lakeHealth(ctx, id)
	h.Components = append(h.Components, api.Component("lake", s.lakeName(), err))
	if status, err := s.bus.Status(ctx, id); err == nil {
		q := api.HealthQueue{Name: "records on their way into the lake", Waiting: max(0, int64(status.Last)-position), Bytes: int64(status.Bytes), MaxBytes: status.MaxBytes} //nolint:gosec // far below 2^63
		if q.Waiting > 0 && !status.Oldest.IsZero() {
			q.Age = time.Since(status.Oldest).Seconds()
		}
		h.Queues = append(h.Queues, q)
	}
	jobs, err := s.jobs.Status(ctx)
	h.Components = append(h.Components, api.Component("jobs", fmt.Sprintf("%d running", jobs.Running), err))
	if err == nil {
		h.Queues = append(h.Queues, api.HealthQueue{Name: "background jobs", Waiting: int64(jobs.Waiting), Failed: int64(jobs.Retrying)})
	}
	return h
}

// lakeHealth asks the tenant's lake how far it is. While its tables are made, that is not waited for.
func (s *server) lakeHealth(ctx context.Context, id tenant.ID) (position int64, err error) {
	const patience = time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.Newf(fault.Unavailable, "the lake does not answer within %s; it is being prepared or very busy", patience))
	defer cancel()
	store, err := s.lakes.Open(ctx, id)
	if err == nil {
		position, err = store.Position(ctx, ingest.BusPosition)
	}
	if err != nil && ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if writer, ok := store.(interface{ Trouble() error }); ok && err == nil {
		err = writer.Trouble() // records wait on the bus meanwhile
	}
	return position, err
}

// Backups implements api.System.
func (s *server) Backups() string { return s.dir.Backups() }
