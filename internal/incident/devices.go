package incident

import (
	"context"
	"sort"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// ScopeCounter is the sequence that counts changes of devices' groups: narrowed queues are made anew when it rises.
const ScopeCounter = store.ScopeCounter

// DeviceName is what a source calls a device.
type DeviceName struct{ ID, Host string }

// DeviceKeys returns the canonical key of each device, the one that alerts about it have, and remembers the names.
func (s *Service) DeviceKeys(ctx context.Context, id tenant.ID, devices []DeviceName) ([]string, error) {
	out := make([]string, len(devices))
	err := s.change(ctx, id, func(tx bun.Tx, w *working) error {
		if err := w.load(ctx, tx); err != nil {
			return err
		}
		for i, d := range devices {
			out[i] = string(w.resolver.Device(d.ID, d.Host))
		}
		if err := w.keepNames(ctx, tx); err != nil {
			return err
		}
		for i := range out {
			out[i] = string(w.resolver.Canonical(entity.Key(out[i])))
		}
		return nil
	})
	return out, err
}

// keepNames stores what the resolver has learned, and gives everything about a thing that turned out to be another the other's key.
func (w *working) keepNames(ctx context.Context, tx bun.Tx) error {
	aliases, rekeyed := w.resolver.Changes()
	learned := make([]*store.Alias, 0, len(aliases))
	for a, k := range aliases {
		learned = append(learned, &store.Alias{TenantID: w.tenant, Alias: cut(a, 1000), Entity: string(k)})
	}
	sort.Slice(learned, func(i, j int) bool { return learned[i].Alias < learned[j].Alias })
	if err := store.PutAliases(ctx, tx, learned); err != nil {
		return err
	}
	for from, to := range rekeyed {
		if err := store.Rekey(ctx, tx, w.tenant, string(from), string(w.resolver.Canonical(to))); err != nil {
			return err
		}
		w.engine.Rekey(string(from), string(to))
	}
	return nil
}
