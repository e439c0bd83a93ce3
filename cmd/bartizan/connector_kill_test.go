package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
)

// TestAConnectorThatIsKilledStoresEveryRecordOnce kills the server again and again while a connector pulls, and hunts for what it brought.
func TestAConnectorThatIsKilledStoresEveryRecordOnce(t *testing.T) {
	t.Parallel()
	const (
		events = 3000
		page   = 50
		secret = "00SecretTokenOfTheKillTest"
	)
	start := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	var pages atomic.Int64
	turned := make(chan struct{}, events)
	okta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		since, _ := time.Parse(time.RFC3339, q.Get("since"))
		at, _ := strconv.Atoi(q.Get("after"))
		out := []map[string]any{}
		for i := at; i < events && len(out) < page; i++ {
			when := start.Add(time.Duration(i) * time.Second / 2)
			if when.Before(since) {
				at++
				continue
			}
			out = append(out, map[string]any{
				"uuid": fmt.Sprintf("event-%05d", i), "published": when.Format("2006-01-02T15:04:05.000Z"), "eventType": "user.lifecycle.create", "displayMessage": "Create user",
				"actor": map[string]any{"id": "00u1", "type": "User", "alternateId": "mira@corp.example"}, "outcome": map[string]any{"result": "SUCCESS"},
			})
		}
		q.Set("after", strconv.Itoa(at+len(out)))
		w.Header().Add("Link", fmt.Sprintf(`<http://%s/api/v1/logs?%s>; rel="next"`, r.Host, q.Encode()))
		pages.Add(1)
		turned <- struct{}{}
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer okta.Close()

	data := filepath.Join(t.TempDir(), "data")
	c := caller{token: makeToken(t, data, "default", "admin", "read", "hunt")}
	launchIt := func() *running {
		server := startServer(t, data, "127.0.0.1:0", "--connect-hosts", okta.URL)
		c.url = server.url
		return server
	}
	server := launchIt()
	body, _ := json.Marshal(map[string]any{
		"kind": "okta", "name": "acme", "interval": 30, "since": start.Add(-time.Hour), "config": map[string]any{"url": okta.URL, "token": secret},
	})
	ask[connect.Connector](t, c, http.MethodPost, "/api/connectors", string(body))
	for range 4 {
		for n := 3 + pages.Load()%5; n > 0; n-- {
			select {
			case <-turned:
			case <-time.After(patience):
				t.Fatalf("after %d pages the connector asks for no more", pages.Load())
			}
		}
		server.kill()
		for len(turned) > 0 {
			<-turned
		}
		server = launchIt()
	}
	const query = "CloudAppEvents | where ReportId startswith 'event-' | summarize n = count() by ReportId | summarize count(), max(n)"
	eventually(t, "every record", func() bool {
		rows := c.hunt(t, query)
		return len(rows) == 1 && rows[0][0].(float64) == events
	})
	eventually(t, "an end of the run", func() bool {
		one := ask[connect.Connector](t, c, http.MethodGet, "/api/connectors/acme", "")
		return one.State == connect.Waiting && one.Records == events
	})
	if rows := c.hunt(t, query); rows[0][1].(float64) != 1 {
		t.Errorf("records are stored up to %v times", rows[0][1])
	}
	runs := ask[struct{ Value []connect.PullRun }](t, c, http.MethodGet, "/api/connectors/acme/runs", "")
	broken := 0
	for _, r := range runs.Value {
		if r.State == connect.RunBroken {
			broken++
		}
	}
	if broken == 0 {
		t.Errorf("no run was broken off: the server was never killed in the middle of one: %+v", runs.Value)
	}
	if server.stop(t); strings.Contains(server.log.String(), secret) {
		t.Error("the log shows the token")
	}
	for _, name := range []string{"state.db", "state.db-wal"} {
		if raw, err := os.ReadFile(filepath.Join(data, name)); err == nil && strings.Contains(string(raw), secret) {
			t.Errorf("%s holds the token as it is", name)
		}
	}
}
