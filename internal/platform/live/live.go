// Package live tells open portals that something changed. Areas publish changes; each subscriber gets those of its tenant in order. A subscriber that does not
// keep up loses changes and is told so once, so that it can read its lists again; publishers never wait.
package live

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Change says that a thing of a tenant changed.
type Change struct {
	Tenant tenant.ID `json:"tenant"`
	Kind   string    `json:"kind"`   // incident, alert, ingest, lab, rule, …
	ID     string    `json:"id"`     // of the thing
	Change string    `json:"change"` // created, updated, merged, deleted; Lost when changes were dropped
	Time   time.Time `json:"time"`
}

// Lost is the change of a message that stands for those a slow subscriber missed.
const Lost = "lost"

// Bus carries changes between the processes of one installation; platform/bus does.
type Bus interface {
	Announce(id tenant.ID, kind string, data []byte) error
	Listen(fn func(data []byte)) (stop func(), err error)
}

// Hub hands changes to subscribers.
type Hub struct {
	bus  Bus
	log  *slog.Logger
	stop func()

	mu     sync.Mutex
	subs   map[*Subscription]struct{}
	closed bool
}

// New returns a hub that hears everything announced on the bus.
func New(bus Bus, log *slog.Logger) (*Hub, error) {
	h := &Hub{bus: bus, log: log, subs: map[*Subscription]struct{}{}}
	stop, err := bus.Listen(h.hear)
	if err != nil {
		return nil, err
	}
	h.stop = stop
	return h, nil
}

// Publish announces a change. A zero time becomes now. It never blocks; a failure is logged, since a lost hint harms nobody.
func (h *Hub) Publish(c Change) {
	if c.Time.IsZero() {
		c.Time = time.Now().UTC()
	}
	data, err := json.Marshal(c)
	if err == nil {
		err = h.bus.Announce(c.Tenant, c.Kind, data)
	}
	if err != nil {
		h.log.Warn("a change was not announced", "kind", c.Kind, "id", c.ID, "error", err)
	}
}

func (h *Hub) hear(data []byte) {
	var c Change
	if err := json.Unmarshal(data, &c); err != nil {
		h.log.Warn("an announcement is not a change", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if s.tenant == c.Tenant {
			s.offer(c)
		}
	}
}

const (
	buffered       = 256  // changes a subscriber may lag behind
	maxSubscribers = 4096 // open event streams of one process
)

// Subscription is one listener. Read Changes until it is closed by Close or by the hub.
type Subscription struct {
	Changes <-chan Change

	hub    *Hub
	tenant tenant.ID
	ch     chan Change
	lost   bool
}

// offer is called with the hub's lock. The last place of the buffer is for the message that says changes were lost.
func (s *Subscription) offer(c Change) {
	if len(s.ch) < cap(s.ch)-1 {
		s.lost = false
		s.ch <- c
		return
	}
	if !s.lost {
		s.lost = true
		select {
		case s.ch <- Change{Tenant: c.Tenant, Kind: c.Kind, Change: Lost, Time: c.Time}:
		default:
			s.lost = false // the reader had not yet come to the last such message, which covers this change too
		}
	}
}

// Subscribe listens to a tenant's changes from now on. Too many listeners are fault.Busy.
func (h *Hub) Subscribe(id tenant.ID) (*Subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fault.Newf(fault.Unavailable, "the server is stopping")
	}
	if len(h.subs) >= maxSubscribers {
		return nil, fault.Newf(fault.Busy, "more than %d event streams are open", maxSubscribers)
	}
	ch := make(chan Change, buffered)
	s := &Subscription{Changes: ch, hub: h, tenant: id, ch: ch}
	h.subs[s] = struct{}{}
	return s, nil
}

// Close ends the subscription and closes Changes.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if _, ok := s.hub.subs[s]; ok {
		delete(s.hub.subs, s)
		close(s.ch)
	}
}

// Subscribers returns how many listen.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Close ends all subscriptions, so that open event streams end, and takes no new ones.
func (h *Hub) Close() {
	h.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subs {
		delete(h.subs, s)
		close(s.ch)
	}
}
