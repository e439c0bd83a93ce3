package bus

import (
	"github.com/nats-io/nats.go"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Announce tells whoever listens now, in this process or another on the same bus, that something of the tenant changed: subject t.TENANT.changed.KIND. It is
// not kept.
func (b *Bus) Announce(id tenant.ID, kind string, data []byte) error {
	if !sourceShape.MatchString(kind) {
		return fault.Newf(fault.Invalid, "kind of change %q is not a name", kind)
	}
	if err := b.conn.Publish("t."+string(id)+".changed."+kind, data); err != nil {
		return fault.Newf(fault.Unavailable, "bus: %w", err)
	}
	return nil
}

// Listen calls fn, one call at a time, with every announcement of every tenant until stop is called.
func (b *Bus) Listen(fn func(data []byte)) (stop func(), err error) {
	sub, err := b.conn.Subscribe("t.*.changed.>", func(m *nats.Msg) { fn(m.Data) })
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "bus: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Connected reports whether the bus can be reached, as far as is known without asking.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }
