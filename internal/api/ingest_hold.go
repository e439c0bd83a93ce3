package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// Some shippers throw a delivery away that is refused as a whole, whatever the status says. For these a delivery waits, with the request open, until the parts
// that it needs are there again, for Deps.Hold at most.

// unknownSender has the places of deliveries that wait before it is known whose they are.
const unknownSender = ""

// patiently calls fn until it succeeds, fails for another reason than that something is away, or the time is over.
func patiently(ctx context.Context, until time.Time, fn func() error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := fn()
		if !away(err) || time.Now().Add(pause).After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func away(err error) bool {
	return err != nil && (fault.CodeOf(err) == fault.Unavailable || state.Away(err))
}

// admitHeld is admit for a delivery that may wait for the state database. Who cannot be known yet shares few places.
func (s *server) admitHeld(r *http.Request, op operation) (*call, error) {
	until := time.Now().Add(s.Hold)
	c, err := s.admit(r, op)
	if away(err) && s.Hold > 0 {
		if full := s.deliveries.enter(unknownSender); full != nil {
			return nil, full
		}
		defer s.deliveries.leave(unknownSender, 0)
		err = patiently(r.Context(), until, func() (err error) {
			c, err = s.admit(r, op)
			return err
		})
	}
	if c != nil {
		c.until = until
	}
	return c, err
}
