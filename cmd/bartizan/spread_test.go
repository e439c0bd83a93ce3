package main

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// TestTenantsAreSpread has two nodes share four tenants: the second one gets its part while the first goes on, and all when the first is killed. Preparing a
// tenant's lake takes a while, during which nodes go on to answer and to hand over.
func TestTenantsAreSpread(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	in := install(t)
	token := in.token(t, "ingest", "read", "hunt", "admin")
	one := in.node(t, "one", "ingest,detect,portal")
	portal := caller{url: one.url, token: token}
	names := []string{"default", "acme", "birch", "cedar"}
	tokens := map[string]string{"default": token}
	for _, name := range names[1:] {
		in.command(t, "tenant", "add", name)
		tokens[name] = in.tokenOf(t, name, "ingest", "read", "hunt", "admin")
	}
	watch, over := context.WithCancel(t.Context())
	slowest := make(chan time.Duration, 1)
	go func() { // a page that is open all the while
		var most time.Duration
		for watch.Err() == nil {
			start := time.Now()
			if code, _ := portal.status(watch, http.MethodGet, "/api/health", ""); watch.Err() == nil && code == http.StatusOK {
				most = max(most, time.Since(start))
			}
			time.Sleep(20 * time.Millisecond)
		}
		slowest <- most
	}()
	spread := func() map[string]int {
		out := map[string]int{}
		for _, n := range health(t, portal).Nodes {
			if n.Status == "healthy" {
				out[n.Name] = len(n.Tenants)
			}
		}
		return out
	}
	two := in.node(t, "two", "detect")
	eventually(t, "a spread of two and two", func() bool { s := spread(); return s["one"] == 2 && s["two"] == 2 })
	for name, token := range tokens {
		if code, answer := (caller{url: one.url, token: token}).status(t.Context(), http.MethodPost, "/ingest/v1/winlog", body(1, 1)); code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, code, answer)
		}
	}
	stored := func(name string) int {
		rows, ok := (caller{url: one.url, token: tokens[name]}).tryHunt("DeviceProcessEvents | where ProcessCommandLine startswith 'job ' | count")
		if !ok {
			return -1
		}
		return int(rows[0][0].(float64))
	}
	for _, name := range names {
		eventually(t, "the records of "+name, func() bool { return stored(name) == bodyOfRecords })
	}
	over()
	if most := <-slowest; most > 3*time.Second {
		t.Errorf("the health page took %s while tenants were taken and handed over", most)
	}
	two.kill()
	eventually(t, "all tenants on the node that is left", func() bool { return spread()["one"] == len(names) })
	for name, token := range tokens {
		if code, answer := (caller{url: one.url, token: token}).status(t.Context(), http.MethodPost, "/ingest/v1/winlog", body(2, 1)); code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, code, answer)
		}
	}
	for _, name := range names {
		eventually(t, "all records of "+name, func() bool { return stored(name) >= 2*bodyOfRecords })
		if n := stored(name); n != 2*bodyOfRecords {
			t.Errorf("%s has %d records, want %d", name, n, 2*bodyOfRecords)
		}
	}
}
