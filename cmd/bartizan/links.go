package main

import (
	"context"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// links makes alerts by hand: through the incident service like all alerts, with their hunting rows.
type links struct{ n *node }

// Link implements api.Linker. Alerts whose hunting rows could not be written get them at the next start, as after a crash.
func (l links) Link(ctx context.Context, scope *incident.Scope, id tenant.ID, by incident.Actor, into int64, src incident.LinkSource, list []incident.Linked) (int64, []string, error) {
	number, alerts, err := scope.Link(ctx, id, by, into, src, list)
	if err != nil {
		return 0, nil, err
	}
	if err := l.write(context.WithoutCancel(ctx), id, alerts); err != nil {
		l.n.log.Error("the hunting rows of linked alerts were not written", "tenant", id, "error", err)
	}
	return number, alerts, nil
}

func (l links) write(ctx context.Context, id tenant.ID, alerts []string) error {
	store, err := l.n.lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	return l.n.writeLate(ctx, store, distinct(append([]string(nil), alerts...)))
}
