package github_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	. "github.com/bartizan-sec/bartizan/internal/connect/connecttest"
	"github.com/bartizan-sec/bartizan/internal/connect/github"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	token = "ghp_SecretTokenOfThisTest"
	ids   = `"_document_id":"([^"]+)"`
)

type entry struct {
	id   string
	when time.Time
}

// hub plays GitHub's audit log of the organisation acme.
type hub struct {
	*httptest.Server
	Faults
	entries []entry
}

func play(t *testing.T) *hub {
	h := &hub{}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (g *hub) serve(w http.ResponseWriter, r *http.Request) {
	if g.Take(w, r) {
		return
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		Status(401, `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}`)(w, r)
		return
	case r.URL.Path != "/api/v3/orgs/acme/audit-log":
		Status(404, `{"message":"Not Found"}`, "X-OAuth-Scopes", "repo")(w, r)
		return
	}
	q := r.URL.Query()
	from, to := time.Time{}, time.Time{}
	if phrase, ok := strings.CutPrefix(q.Get("phrase"), "created:"); ok {
		if since, ok := strings.CutPrefix(phrase, ">="); ok {
			from, _ = time.Parse(time.RFC3339, since)
		} else {
			a, b, _ := strings.Cut(phrase, "..")
			from, _ = time.Parse(time.RFC3339, a)
			to, _ = time.Parse(time.RFC3339, b)
		}
	}
	after, _ := strconv.Atoi(q.Get("after"))
	var found []entry
	for _, e := range g.entries {
		if !e.when.Before(from) && (to.IsZero() || !e.when.After(to)) {
			found = append(found, e)
		}
	}
	const page = 4
	part := found[min(after, len(found)):min(after+page, len(found))]
	if after+page < len(found) {
		q.Set("after", strconv.Itoa(after+page))
		q.Set("before", "")
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next", <%s%s>; rel="first"`, g.URL, r.URL.Path, q.Encode(), g.URL, r.URL.Path))
	}
	out := []map[string]any{}
	for _, e := range part {
		out = append(out, map[string]any{"_document_id": e.id, "@timestamp": e.when.UnixMilli(), "action": "repo.create", "actor": "mira", "org": "acme"})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func TestAuditLog(t *testing.T) {
	g := play(t)
	h := Open(t, []connect.Kind{github.Kind()}, nil, g.Server)
	var all []string
	add := func(id string, ago time.Duration) {
		g.entries = append(g.entries, entry{id, h.Now().Add(-ago)})
		all = append(all, id)
	}
	for i := range 20 {
		add(fmt.Sprintf("d%02d", i), 60*time.Hour-time.Duration(i)*2*time.Hour)
	}
	h.Add("github", h.Now().Add(-70*time.Hour), map[string]any{"name": "acme", "token": token, "url": g.URL + "/api/v3"})
	h.Healthy()
	h.Once(ids, all)
	add("late", 15*time.Minute)
	add("new", time.Minute)

	// The allowance of the hour is used up: GitHub says so with 403.
	g.Add(Status(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)))
	h.Pass(10 * time.Minute)
	c := h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError == nil || c.LastError.Code != string(fault.Busy) || wait < 9*time.Minute || wait > 11*time.Minute {
		t.Fatalf("waits %s: %+v", wait, c.LastError)
	}
	g.Add(Status(403, `{"message":"You have exceeded a secondary rate limit"}`, "Retry-After", "120"))
	h.Pass(11 * time.Minute)
	c = h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError.Code != string(fault.Busy) || wait < 119*time.Second || wait > 125*time.Second {
		t.Fatalf("waits %s: %+v", wait, c.LastError)
	}
	h.Pass(3 * time.Minute)
	h.Healthy()
	h.Once(ids, all)
	g.Add(Status(403, `{"message":"Resource not accessible by personal access token"}`))
	h.Pass(time.Hour)
	if c := h.Run(); c.LastError.Code != string(fault.Permission) || !strings.Contains(c.LastError.Message, "read:audit_log") {
		t.Errorf("%+v", c.LastError)
	}
	h.Hidden(token)
}
