package graph_test

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
	"github.com/bartizan-sec/bartizan/internal/connect/graph"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/alerts"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const (
	secret = "8Q~SecretOfThisTest"
	ids    = `"id":"([^"]+)","mark":true`
)

type object struct {
	id   string
	when time.Time
}

// service plays Microsoft's token endpoint and Graph.
type service struct {
	*httptest.Server
	Faults
	objects map[string][]object // by collection
	issued  int
	valid   string
	refuse  string // collection that may not be read
}

func play(t *testing.T) *service {
	s := &service{objects: map[string][]object{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/contoso.example/oauth2/v2.0/token" {
		if r.FormValue("client_secret") != secret || r.FormValue("scope") != s.URL+"/.default" || r.FormValue("grant_type") != "client_credentials" {
			Status(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 1"}`)(w, r)
			return
		}
		s.issued++
		s.valid = fmt.Sprintf("eyJ.%d", s.issued)
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, s.valid)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.valid {
		Status(401, `{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired."}}`)(w, r)
		return
	}
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if name == s.refuse {
		Status(403, `{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}`)(w, r)
		return
	}
	if s.Take(w, r) {
		return
	}
	field := map[string]string{"signIns": "createdDateTime", "directoryAudits": "activityDateTime", "alerts_v2": "createdDateTime"}[name]
	q := r.URL.Query()
	from, to := time.Time{}, time.Time{}
	for _, term := range strings.Split(q.Get("$filter"), " and ") {
		if v, ok := strings.CutPrefix(term, field+" ge "); ok {
			from, _ = time.Parse(time.RFC3339, v)
		} else if v, ok := strings.CutPrefix(term, field+" le "); ok {
			to, _ = time.Parse(time.RFC3339, v)
		} else if term != "" {
			Status(400, `{"error":{"code":"BadRequest","message":"Invalid filter clause"}}`)(w, r)
			return
		}
	}
	at, _ := strconv.Atoi(q.Get("$skiptoken"))
	var found []map[string]any
	for i := len(s.objects[name]) - 1; i >= 0; i-- { // newest first
		o := s.objects[name][i]
		if !o.when.Before(from) && (to.IsZero() || !o.when.After(to)) {
			found = append(found, map[string]any{
				"id": o.id, "mark": true, field: o.when.Format("2006-01-02T15:04:05Z"), "appId": "a1", "userPrincipalName": "mira@contoso.example", "title": "odd sign-in", "severity": "high",
				"serviceSource": "microsoftDefenderForIdentity", "productName": "Defender",
				"evidence": []any{
					map[string]any{"@odata.type": "#microsoft.graph.security.userEvidence", "verdict": "suspicious", "userAccount": map[string]any{"accountName": "mira", "userPrincipalName": "mira@contoso.example"}},
					map[string]any{"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": "192.0.2.7"},
				},
			})
		}
	}
	out := map[string]any{"value": found[min(at, len(found)):min(at+3, len(found))]}
	if at+3 < len(found) {
		q.Set("$skiptoken", strconv.Itoa(at+3))
		out["@odata.nextLink"] = s.URL + r.URL.Path + "?" + q.Encode()
	}
	_ = json.NewEncoder(w).Encode(out)
}

func TestGraph(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{graph.Kind()}, nil, s.Server)
	var all []string
	add := func(name string, ago time.Duration) {
		id := fmt.Sprintf("%s-%d", name, len(all))
		s.objects[name] = append(s.objects[name], object{id, h.Now().Add(-ago)})
		all = append(all, id)
	}
	for i := range 30 {
		add([]string{"signIns", "directoryAudits", "alerts_v2"}[i%3], 30*time.Hour-time.Duration(i)*time.Hour)
	}
	config := map[string]any{"tenant": "contoso.example", "clientId": "c1", "clientSecret": secret, "login": s.URL, "url": s.URL}
	h.Add("graph", h.Now().Add(-40*time.Hour), config)
	h.Healthy()
	h.Once(ids, all)

	// The token ends before its time, a link to a further page too; sign-ins come two hours late.
	s.valid = "gone"
	for i := range 5 {
		add("signIns", time.Duration(100-i)*time.Minute)
	}
	s.Add(nil, nil, nil, Status(400, `{"error":{"code":"BadRequest","message":"Skip token is null or expired"}}`))
	h.Pass(10 * time.Minute)
	h.Healthy()
	h.Once(ids, all)
	if s.issued != 2 { // one per run is fetched at most, another one after a refusal
		t.Logf("%d tokens", s.issued)
	}

	// Alerts may not be read: that is said, and the others go on.
	s.refuse = "alerts_v2"
	add("signIns", time.Minute)
	h.Pass(10 * time.Minute)
	c := h.Run()
	if c.State != connect.Failing || c.LastError.Code != string(fault.Permission) || !strings.Contains(c.LastError.Message, "SecurityAlert.Read.All") || strings.Contains(c.LastError.Message, "signIns") {
		t.Errorf("%+v", c.LastError)
	}
	h.Once(ids, all)
	s.refuse = ""

	// A limit with a time, and a link that leads away.
	s.Add(Status(429, `{"error":{"code":"TooManyRequests","message":"slow down"}}`, "Retry-After", "200"))
	h.Pass(10 * time.Minute)
	c = h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError.Code != string(fault.Busy) || wait < 199*time.Second || wait > 210*time.Second {
		t.Errorf("waits %s: %+v", wait, c.LastError)
	}
	s.Add(Status(200, `{"value":[],"@odata.nextLink":"https://evil.example/v1.0/auditLogs/signIns?$skiptoken=1"}`))
	h.Pass(10 * time.Minute)
	h.Run()
	h.Pass(time.Hour)
	if c = h.Run(); c.LastError == nil || !strings.Contains(c.LastError.Message, "leads away") {
		t.Errorf("%+v", c.LastError)
	}
	config["clientSecret"] = "wrong"
	tested, err := h.Service.Test(t.Context(), "graph", config)
	if err != nil || tested.OK || !strings.Contains(tested.Message, "client secret") || strings.Contains(tested.Message, "Trace ID") {
		t.Errorf("%+v, %v", tested, err)
	}
	h.Hidden(secret, "eyJ.")
}

// What becomes of an alert is what the family of finished alerts reads.
func TestAlertsAreRead(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{graph.Kind()}, nil, s.Server)
	s.objects["alerts_v2"] = []object{{"da1", h.Now().Add(-time.Hour)}}
	h.Add("graph", h.Now().Add(-2*time.Hour), map[string]any{
		"tenant": "contoso.example", "clientId": "c1", "clientSecret": secret, "login": s.URL, "url": s.URL, "signIns": false, "directoryAudits": false,
	})
	h.Healthy()
	r, err := h.Bus.Consume(t.Context(), tenant.Default, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := r.Next(t.Context(), 1, 1<<20, 5*time.Second)
	if err != nil || len(got) != 1 || got[0].Source != "alerts" {
		t.Fatalf("%v %v", got, err)
	}
	d, err := alerts.Parse(&normalise.Record{Tenant: tenant.Default, Data: body(got[0])})
	if err != nil || d.Title != "odd sign-in" || d.Severity != "High" || d.Hit.ExternalID != "da1" || len(d.Evidence) != 2 || d.Evidence[0].AccountUPN != "mira@contoso.example" || d.Evidence[1].Address != "192.0.2.7" {
		t.Errorf("%+v, %v", d, err)
	}
}

// body is the one record of a message, without its frame.
func body(m bus.Message) []byte {
	i, j := strings.IndexByte(string(m.Data), '{'), strings.LastIndexByte(string(m.Data), '}')
	return m.Data[i : j+1]
}
