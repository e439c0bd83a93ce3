package main

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func rowsOf(text string) ([][]any, bool) {
	var v struct{ Rows [][]any }
	err := json.Unmarshal([]byte(text), &v)
	return v.Rows, err == nil
}

// whole starts two nodes that take records and one of each other role.
func (in *installation) whole(t *testing.T) map[string]string {
	t.Helper()
	roles := map[string]string{"portal": "portal", "detect": "detect", "ingest1": "ingest", "ingest2": "ingest", "jobs": "jobs"}
	for _, name := range []string{"portal", "detect", "ingest1", "ingest2", "jobs"} {
		in.node(t, name, roles[name])
	}
	return roles
}

// TestNodes runs an installation of five nodes on loopback and kills each of them in the middle of work.
func TestNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	in := install(t)
	token := in.token(t, "ingest", "read", "hunt", "write", "admin")
	roles := in.whole(t)
	portal := caller{url: in.get("portal").url, token: token}
	live := portal.listen(t)
	l := startLoad(token, 20*time.Millisecond, in.get("ingest1").url, in.get("ingest2").url)
	l.reach(t, 20)

	for _, name := range []string{"detect", "ingest1", "portal", "jobs", "ingest2", "detect"} {
		in.get(name).kill()
		l.reach(t, 10)
		in.node(t, name, roles[name])
		l.reach(t, 10)
	}
	// A node that stops in good order hands over at once, and a second one is ready to take its place.
	in.node(t, "detect2", "detect")
	in.get("detect").stop(t)
	stopped := time.Now()
	holder := func() string {
		for _, n := range health(t, portal).Nodes {
			if slices.Contains(n.Tenants, "default") {
				return n.Name
			}
		}
		return ""
	}
	eventually(t, "the other node's turn", func() bool { return holder() == "detect2" })
	if took := time.Since(stopped); took > 6*time.Second {
		t.Errorf("handing over took %s", took)
	}
	l.reach(t, 10)
	l.end()
	l.verify(t, portal)

	// What another node found is told on the portal's stream of changes, which was opened before the portal was killed.
	_ = live
	h := health(t, portal)
	var names []string
	for _, n := range h.Nodes {
		if n.Status == "healthy" {
			names = append(names, n.Name+":"+strings.Join(n.Roles, "+"))
		}
	}
	slices.Sort(names)
	if want := []string{"detect2:detect", "ingest1:ingest", "ingest2:ingest", "jobs:jobs", "portal:portal"}; !slices.Equal(names, want) {
		t.Errorf("living nodes are %v, want %v", names, want)
	}
	nodesTellEachOther(t, in, token, portal)
	rolesAreKept(t, in, token)
}

type healthSeen struct {
	Status string
	Nodes  []struct {
		Name, Status string
		Roles        []string
		Tenants      []string
	}
}

func health(t *testing.T, c caller) healthSeen {
	t.Helper()
	return ask[healthSeen](t, c, http.MethodGet, "/api/health", "")
}

// nodesTellEachOther changes rules at the portal and expects the detecting node to follow, and finds at the portal what the other node made.
func nodesTellEachOther(t *testing.T, in *installation, token string, portal caller) {
	const rule = "title: Acme job that matters\nid: 5d1f6c1e-9d1d-4f0c-8a53-2c1b7f0a9d11\nstatus: test\nlogsource: {product: windows, category: process_creation}\n" +
		"detection: {selection: {CommandLine|contains: 'job 77-77 '}, condition: selection}\nlevel: high\n"
	text, _ := json.Marshal(map[string]string{"text": rule})
	live := portal.listen(t)
	ask[struct{ ID string }](t, portal, http.MethodPost, "/api/rules", string(text))
	time.Sleep(3 * time.Second) // within which every node follows
	sender := caller{url: in.get("ingest1").url, token: token}
	if code, answer := sender.status(t.Context(), http.MethodPost, "/ingest/v1/winlog", body(77, 77)); code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	eventually(t, "an alert of the new rule", func() bool {
		return slices.ContainsFunc(portal.alerts(t, ""), func(a alertSeen) bool { return a.Title == "Acme job that matters" })
	})
	eventually(t, "news of it at the portal", func() bool {
		return live.find(func(e liveEvent) bool { return e.Kind == "alert" })
	})
	// A lab run is made at the portal, detected elsewhere, looked at by the rules of a third node, and removed again.
	ask[any](t, portal, http.MethodPost, "/api/lab/runs", `{"all":true}`)
	eventually(t, "alerts of the lab with their hunting rows", func() bool {
		n := len(portal.alerts(t, "lab=true"))
		rows, ok := portal.tryHunt("AlertInfo | where LabScenario != '' | distinct AlertId | count")
		return n >= 3 && ok && int(rows[0][0].(float64)) == n
	})
}

// rolesAreKept asks nodes for what others are for.
func rolesAreKept(t *testing.T, in *installation, token string) {
	for _, c := range []struct {
		node, method, path, body string
		want                     int
	}{
		{"ingest1", http.MethodGet, "/api/incidents", "", http.StatusServiceUnavailable},
		{"ingest1", http.MethodGet, "/api/health", "", http.StatusOK},
		{"portal", http.MethodPost, "/ingest/v1/winlog", body(0, 0), http.StatusServiceUnavailable},
		{"jobs", http.MethodPost, "/_bulk", "{}\n{}\n", http.StatusServiceUnavailable},
		{"detect2", http.MethodGet, "/healthz", "", http.StatusOK},
		{"detect2", http.MethodGet, "/readyz", "", http.StatusOK},
		{"ingest2", http.MethodGet, "/readyz", "", http.StatusOK},
		{"jobs", http.MethodGet, "/metrics", "", http.StatusOK},
	} {
		code, text := caller{url: in.get(c.node).url, token: token}.status(t.Context(), c.method, c.path, c.body)
		if code != c.want {
			t.Errorf("%s: %s %s: %d, want %d: %.300s", c.node, c.method, c.path, code, c.want, text)
		}
		if c.path == "/metrics" && !strings.Contains(text, `bartizan_role{role="jobs"} 1`) {
			t.Errorf("the metrics of %s do not say what it does", c.node)
		}
	}
	// A process that would not share everything is refused.
	data := t.TempDir()
	_, state, _ := strings.Cut(read(t, in.config), "\nstate: ")
	state, _, _ = strings.Cut(state, "\n")
	r, out := launch(t, data, "127.0.0.1:0", "--state", state)
	_ = out
	if err := r.end(); err == nil || !strings.Contains(r.log.String(), "configure lake: clickhouse://…") {
		t.Errorf("a server with a lake of its own on a shared state database: %v\n%s", err, r.log)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
