package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
)

const (
	heartbeat = 20 * time.Second // keeps proxies from closing a quiet stream
	recheck   = time.Minute      // how long a stream outlives the right to it
)

// registerEvents serves the stream of changes as server-sent events: event is the kind of thing, data {"id","change","time"}. The change "lost" says that
// changes were dropped because the client was slow, so it has to read its lists again.
func (s *server) registerEvents() {
	s.handleRaw(operation{
		method: http.MethodGet, path: "/api/events", id: "streamEvents", summary: "What changes, as server-sent events", tag: "events", door: byPermission,
		permission: access.DataRead, scope: access.ScopeRead,
	}, func(o *huma.Operation) {
		o.Responses["200"] = &huma.Response{Description: "events incident, alert, ingest, lab, rule", Content: map[string]*huma.MediaType{"text/event-stream": {}}}
	}, s.streamEvents)
}

func (s *server) streamEvents(w http.ResponseWriter, r *http.Request, c *call) error {
	sub, err := s.Live.Subscribe(c.tenant)
	if err != nil {
		return err
	}
	defer sub.Close()
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if _, err := fmt.Fprint(w, "retry: 3000\n\n"); err != nil {
		return nil //nolint:nilerr // the client has gone
	}
	if err := rc.Flush(); err != nil {
		return fault.Newf(fault.Unavailable, "this connection cannot carry a stream: %w", err)
	}
	beat, check := time.NewTicker(heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer check.Stop()
	var ends <-chan time.Time
	if c.who.Kind == access.KindUser {
		timer := time.NewTimer(time.Until(s.Access.SessionExpires(r.Context())))
		defer timer.Stop()
		ends = timer.C
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-ends:
			return nil
		case change, ok := <-sub.Changes:
			if !ok {
				return nil
			}
			shows, failed := s.incidents(c).Shows(r.Context(), c.tenant, change.Kind, change.ID)
			if failed != nil {
				s.Log.Warn("a change could not be passed on", "kind", change.Kind, "id", change.ID, "error", failed)
			}
			if !shows {
				continue
			}
			err = writeEvent(w, change)
		case <-beat.C:
			_, err = fmt.Fprint(w, ": still here\n\n")
		case <-check.C:
			now, gone := s.Access.Fresh(r.Context(), c.who)
			if gone != nil || !now.Can(c.tenant, access.DataRead) {
				return nil
			}
			c = &call{who: now, tenant: c.tenant}
			continue
		}
		if err == nil {
			err = rc.Flush()
		}
		if err != nil {
			return nil //nolint:nilerr // the client has gone
		}
	}
}

func writeEvent(w http.ResponseWriter, c live.Change) error {
	data, err := json.Marshal(struct {
		ID     string    `json:"id"`
		Change string    `json:"change"`
		Time   time.Time `json:"time"`
	}{c.ID, c.Change, c.Time})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", c.Kind, data)
	return err
}
