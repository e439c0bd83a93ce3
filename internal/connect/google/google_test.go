package google_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	. "github.com/bartizan-sec/bartizan/internal/connect/connecttest"
	"github.com/bartizan-sec/bartizan/internal/connect/google"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const ids = `"uniqueQualifier":"([^"]+)"`

type activity struct {
	app, id string
	when    time.Time
}

// workspace plays Google's token endpoint, which checks assertions, and the Reports API.
type workspace struct {
	*httptest.Server
	Faults
	all    []activity
	issued int
	valid  string
	key    *rsa.PrivateKey
	claims map[string]any
}

func play(t *testing.T) *workspace {
	g := &workspace{}
	var err error
	if g.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

func (g *workspace) keyFile() string {
	raw, _ := x509.MarshalPKCS8PrivateKey(g.key)
	out, _ := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "pull@acme.iam.example", "private_key_id": "k1", "token_uri": g.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
	})
	return string(out)
}

func (g *workspace) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		parts := strings.Split(r.FormValue("assertion"), ".")
		if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(parts) != 3 {
			Status(400, `{"error":"invalid_grant","error_description":"Invalid JWT"}`, "Content-Type", "application/json")(w, r)
			return
		}
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(raw, &g.claims)
		if g.claims["sub"] != "admin@acme.example" {
			Status(401, `{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method"}`, "Content-Type", "application/json")(w, r)
			return
		}
		g.issued++
		g.valid = fmt.Sprintf("ya29.%d", g.issued)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, g.valid)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+g.valid {
		Status(401, `{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}`)(w, r)
		return
	}
	if g.Take(w, r) {
		return
	}
	app := strings.TrimPrefix(r.URL.Path, "/admin/reports/v1/activity/users/all/applications/")
	q := r.URL.Query()
	from, _ := time.Parse(time.RFC3339, q.Get("startTime"))
	to, _ := time.Parse(time.RFC3339, q.Get("endTime"))
	at, _ := strconv.Atoi(q.Get("pageToken"))
	var items []map[string]any
	for _, a := range g.all {
		if a.app == app && !a.when.Before(from) && (to.IsZero() || a.when.Before(to)) {
			items = append(items, map[string]any{
				"kind": "admin#reports#activity", "id": map[string]any{"time": a.when.Format(time.RFC3339Nano), "uniqueQualifier": a.id, "applicationName": app, "customerId": "C1"},
				"actor": map[string]any{"email": "mira@acme.example"}, "events": []any{map[string]any{"type": "login", "name": "login_success"}},
			})
		}
	}
	slices.Reverse(items) // newest first
	out := map[string]any{"kind": "admin#reports#activities", "items": items[min(at, len(items)):min(at+3, len(items))]}
	if at+3 < len(items) {
		out["nextPageToken"] = strconv.Itoa(at + 3)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func TestReports(t *testing.T) {
	g := play(t)
	h := Open(t, []connect.Kind{google.Kind()}, nil, g.Server)
	var all []string
	add := func(app string, ago time.Duration) {
		id := fmt.Sprintf("-%d", 1000+len(all))
		g.all = append(g.all, activity{app, id, h.Now().Add(-ago)})
		all = append(all, id)
	}
	for i := range 16 {
		add([]string{"login", "admin"}[i%2], 48*time.Hour-time.Duration(i)*3*time.Hour)
	}
	config := map[string]any{"key": g.keyFile(), "subject": "admin@acme.example", "applications": "login, admin", "url": g.URL}
	h.Add("google", h.Now().Add(-60*time.Hour), config)
	h.Healthy()
	h.Once(ids, all)
	if g.claims["scope"] != "https://www.googleapis.com/auth/admin.reports.audit.readonly" || g.claims["iss"] != "pull@acme.iam.example" {
		t.Errorf("claims %v", g.claims)
	}
	// The token ends before its time; one application meets a quota, the other goes on; a page token is no longer taken.
	add("login", 2*time.Hour)
	add("admin", time.Minute)
	g.valid = "revoked"
	g.Add(Status(403, `{"error":{"code":403,"message":"Quota exceeded","errors":[{"reason":"rateLimitExceeded"}]}}`))
	h.Pass(10 * time.Minute)
	c := h.Run()
	if c.LastError == nil || c.LastError.Code != string(fault.Busy) || !strings.Contains(c.LastError.Message, "login") || g.issued != 2 {
		t.Fatalf("%+v, %d tokens", c.LastError, g.issued)
	}
	if kept := h.Kept(ids); kept[all[len(all)-1]] != 1 {
		t.Error("one application keeps the other waiting")
	}
	for i := range 5 {
		add("login", time.Duration(40-i)*time.Minute)
	}
	g.Add(nil, nil, Status(400, `{"error":{"code":400,"message":"Invalid page token"}}`))
	h.Pass(2 * time.Minute)
	h.Healthy()
	h.Once(ids, all)
	g.Add(Status(403, `{"error":{"code":403,"message":"Not Authorized to access this resource/api"}}`))
	h.Pass(time.Hour)
	if c := h.Run(); c.LastError.Code != string(fault.Permission) || !strings.Contains(c.LastError.Message, "Reports") {
		t.Errorf("%+v", c.LastError)
	}
	config["subject"] = "nobody@acme.example"
	tested, err := h.Service.Test(t.Context(), "google", config)
	if err != nil || tested.OK || !strings.Contains(tested.Message, "domain-wide delegation") {
		t.Errorf("%+v, %v", tested, err)
	}
	h.Hidden("BEGIN PRIVATE KEY", "ya29.")
}
