package api

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func TestBulkRequestsWait(t *testing.T) {
	h := open2(t)
	h.server.Hold = 500 * time.Millisecond
	_, secret := h.token("t2", access.ScopeIngest)
	line := `{"index":{}}` + "\n{\"n\":1}\n"
	h.ingest.refuse(fault.Newf(fault.Unavailable, "the bus is full"))
	start := time.Now()
	if status, header, got := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", line); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(got, "the bus is full") {
		t.Errorf("a bus that stays away: %d %s", status, got)
	}
	if took := time.Since(start); took < 200*time.Millisecond || h.ingest.refused() < 2 {
		t.Errorf("it was answered after %s and %d tries", took, h.ingest.refused())
	}
	// What is wrong with the request itself is said at once.
	h.ingest.refuse(fault.Newf(fault.Invalid, "no such family"))
	tries := h.ingest.refused()
	if status, _, got := h.shipper().send("POST", "/_bulk", "Bearer "+secret, "", line); status != 400 || h.ingest.refused() != tries+1 {
		t.Errorf("another failure: %d %s, %d tries", status, got, h.ingest.refused()-tries)
	}
	// Other receivers answer at once: their senders keep what they have.
	h.ingest.refuse(fault.Newf(fault.Unavailable, "the bus is full"))
	tries = h.ingest.refused()
	if status, _, _ := h.shipper().send("POST", "/services/collector", "Splunk "+secret, "", `{"event":"x"}`); status != 503 || h.ingest.refused() != tries+1 {
		t.Errorf("HEC: %d, %d tries", status, h.ingest.refused()-tries)
	}
	if h.server.deliveries.total != 0 || h.server.deliveries.held != 0 {
		t.Errorf("places are still taken: %+v", h.server.deliveries)
	}
}

func TestPatiently(t *testing.T) {
	tries := 0
	err := patiently(t.Context(), time.Now().Add(time.Minute), func() error {
		if tries++; tries < 3 {
			return fmt.Errorf("token: %w", driver.ErrBadConn) // a state database that restarts
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := patiently(gone, time.Now().Add(time.Minute), func() error { return driver.ErrBadConn }); err == nil {
		t.Error("a sender that has gone is waited for")
	}
	if err := patiently(t.Context(), time.Time{}, func() error { return driver.ErrBadConn }); err == nil {
		t.Error("a request that may not wait waits")
	}
}
