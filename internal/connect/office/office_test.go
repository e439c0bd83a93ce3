package office_test

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
	"github.com/bartizan-sec/bartizan/internal/connect/office"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/m365"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	secret = "8Q~SecretOfThisTest"
	ids    = `"Id":"([^"]+)"`
	org    = "11111111-2222-3333-4444-555555555555"
)

type content struct {
	id, kind string
	when     time.Time
	records  []string
}

// service plays Microsoft's token endpoint and the Management Activity API.
type service struct {
	*httptest.Server
	Faults
	blobs   []content
	started map[string]bool
	fetched map[string]int
	refuse  string
	clock   func() time.Time
	corrupt string // id of a blob whose content is no JSON
}

func play(t *testing.T) *service {
	s := &service{started: map[string]bool{}, fetched: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat))
	if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		fmt.Fprint(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ.office"}`)
		return
	}
	if r.Header.Get("Authorization") != "Bearer eyJ.office" {
		Status(401, `{"Message":"Authorization has been denied for this request."}`)(w, r)
		return
	}
	feed := "/api/v1.0/" + org + "/activity/feed"
	q := r.URL.Query()
	kind := q.Get("contentType")
	if kind != "" && kind == s.refuse {
		Status(403, `{"error":{"code":"AF10001","message":"The permission set (ActivityFeed.Read) sent in the request did not include the expected permission."}}`)(w, r)
		return
	}
	if s.Take(w, r) {
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, feed); {
	case path == "/subscriptions/start" && r.Method == http.MethodPost:
		if s.started[kind] {
			Status(400, `{"error":{"code":"AF20024","message":"The subscription is already enabled. No property change."}}`)(w, r)
			return
		}
		s.started[kind] = true
		fmt.Fprintf(w, `{"contentType":%q,"status":"enabled","webhook":null}`, kind)
	case path == "/subscriptions/content":
		if !s.started[kind] {
			Status(400, `{"error":{"code":"AF20022","message":"No subscription found for the specified content type"}}`)(w, r)
			return
		}
		from, err1 := time.Parse("2006-01-02T15:04:05", q.Get("startTime"))
		to, err2 := time.Parse("2006-01-02T15:04:05", q.Get("endTime"))
		if err1 != nil || err2 != nil || to.Sub(from) > 24*time.Hour || !to.After(from) {
			Status(400, `{"error":{"code":"AF20030","message":"Start time and end time must both be specified and less than or equal to 24 hours apart."}}`)(w, r)
			return
		}
		at, _ := strconv.Atoi(q.Get("nextPage"))
		var found []map[string]any
		for _, b := range s.blobs {
			if b.kind == kind && !b.when.Before(from) && b.when.Before(to) {
				found = append(found, map[string]any{
					"contentUri": s.URL + feed + "/audit/" + b.id, "contentId": b.id, "contentType": kind, "contentCreated": b.when.Format(time.RFC3339), "contentExpiration": b.when.AddDate(0, 0, 7).Format(time.RFC3339),
				})
			}
		}
		if at+2 < len(found) {
			q.Set("nextPage", strconv.Itoa(at+2))
			w.Header().Set("NextPageUri", s.URL+r.URL.Path+"?"+q.Encode())
		}
		_ = json.NewEncoder(w).Encode(found[min(at, len(found)):min(at+2, len(found))])
	case strings.HasPrefix(path, "/audit/"):
		for _, b := range s.blobs {
			if b.id == strings.TrimPrefix(path, "/audit/") {
				s.fetched[b.id]++
				if b.id == s.corrupt {
					fmt.Fprint(w, `[{"Id":"half`)
					return
				}
				var out []map[string]any
				for _, id := range b.records {
					out = append(out, map[string]any{"Id": id, "CreationTime": b.when.Add(-time.Hour).Format("2006-01-02T15:04:05"), "Workload": "Exchange", "Operation": "New-InboxRule", "RecordType": 1})
				}
				_ = json.NewEncoder(w).Encode(out)
				return
			}
		}
		Status(404, `{"error":{"code":"AF20051","message":"Content requested with the key was already expired."}}`)(w, r)
	case path == "/subscriptions/list":
		fmt.Fprint(w, `[]`)
	default:
		Status(404, `{"error":{"code":"AF20000","message":"no such path"}}`)(w, r)
	}
}

func TestContent(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{office.Kind()}, nil, s.Server)
	s.clock = h.Now
	var all []string
	add := func(kind string, ago time.Duration, n int) {
		b := content{id: fmt.Sprintf("c%03d", len(s.blobs)), kind: kind, when: h.Now().Add(-ago)}
		for range n {
			b.records = append(b.records, fmt.Sprintf("r%04d", len(all)))
			all = append(all, b.records[len(b.records)-1])
		}
		s.blobs = append(s.blobs, b)
	}
	for i := range 14 {
		add([]string{"Audit.Exchange", "Audit.General"}[i%2], 60*time.Hour-time.Duration(i)*4*time.Hour, 3)
	}
	// Microsoft puts a record into two blobs now and then.
	s.blobs[4].records = append(s.blobs[4].records, s.blobs[2].records[0])
	s.started["Audit.General"] = true
	h.Add("office365", h.Now().Add(-70*time.Hour), map[string]any{"tenant": org, "clientId": "c1", "clientSecret": secret, "login": s.URL, "url": s.URL, "contentTypes": "Audit.Exchange, Audit.General"})
	h.Healthy()
	h.Once(ids, all)

	// A blob that is listed late, limits, a blob that breaks off.
	add("Audit.Exchange", 30*time.Minute, 2)
	add("Audit.Exchange", 2*time.Minute, 2)
	s.Add(Status(429, `{"error":{"code":"AF429","message":"Too many requests."}}`, "Retry-After", "300"))
	h.Pass(10 * time.Minute)
	c := h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError == nil || c.LastError.Code != string(fault.Busy) || wait < 299*time.Second || wait > 310*time.Second {
		t.Fatalf("waits %s: %+v", wait, c.LastError)
	}
	s.Add(nil, nil, Truncated)
	h.Pass(6 * time.Minute)
	if c := h.Run(); c.LastError == nil || c.LastError.Code != string(fault.Unavailable) {
		t.Fatalf("%+v", c.LastError)
	}
	h.Pass(time.Hour)
	h.Healthy()
	h.Once(ids, all)
	for id, n := range s.fetched {
		if n != 1 {
			t.Errorf("blob %s was fetched %d times", id, n)
		}
	}
	s.refuse = "Audit.General"
	add("Audit.Exchange", time.Minute, 1)
	h.Pass(10 * time.Minute)
	if c := h.Run(); c.LastError.Code != string(fault.Permission) || !strings.Contains(c.LastError.Message, "ActivityFeed.Read") {
		t.Errorf("%+v", c.LastError)
	}
	h.Once(ids, all)
	h.Hidden(secret, "eyJ.office")
}

// A blob that stays corrupt holds up no other one, is tried a number of times over some hours, and ends as a record that the family refuses.
func TestCorruptContent(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{office.Kind()}, nil, s.Server)
	s.clock = h.Now
	var all []string
	add := func(ago time.Duration) string {
		id := fmt.Sprintf("c%03d", len(s.blobs))
		s.blobs = append(s.blobs, content{id: id, kind: "Audit.Exchange", when: h.Now().Add(-ago), records: []string{"r-" + id}})
		all = append(all, "r-"+id)
		return id
	}
	add(3 * time.Hour)
	s.corrupt = add(2 * time.Hour)
	all = all[:1]
	add(time.Hour)
	h.Add("office365", h.Now().Add(-5*time.Hour), map[string]any{"tenant": org, "clientId": "c1", "clientSecret": secret, "login": s.URL, "url": s.URL, "contentTypes": "Audit.Exchange"})
	if c := h.Run(); c.LastError == nil || !strings.Contains(c.LastError.Message, s.corrupt) {
		t.Fatalf("nobody is told: %+v", c.LastError)
	}
	h.Once(ids, all) // the others are there at once
	for range 12 {
		h.Pass(time.Hour)
		add(5 * time.Minute)
		h.Run()
	}
	h.Once(ids, all)
	if n := s.fetched[s.corrupt]; n != 6 {
		t.Errorf("the corrupt blob was asked for %d times", n)
	}
	if got := h.Kept(`"contentId":"([^"]+)"`); len(got) != 1 || got[s.corrupt] != 1 {
		t.Errorf("given up: %v", got)
	}
	raw := fmt.Sprintf(`{"contentId":%q,"unreadable":"x"}`, s.corrupt)
	if err := m365.New().Normalise(&normalise.Record{Data: []byte(raw)}, new(normalise.Batch)); err == nil {
		t.Error("the family takes the record of a blob that was given up")
	}
	h.Pass(time.Hour)
	h.Healthy()
	h.Hidden(secret, "eyJ.office")
}

// While the service is away, nothing is given up.
func TestAwayForLong(t *testing.T) {
	s := play(t)
	h := Open(t, []connect.Kind{office.Kind()}, nil, s.Server)
	s.clock = h.Now
	s.blobs = []content{{id: "c0", kind: "Audit.Exchange", when: h.Now().Add(-time.Hour), records: []string{"r0"}}}
	h.Add("office365", h.Now().Add(-5*time.Hour), map[string]any{"tenant": org, "clientId": "c1", "clientSecret": secret, "login": s.URL, "url": s.URL, "contentTypes": "Audit.Exchange"})
	s.Add(nil, nil) // start and list
	for range 20 {
		s.Add(Status(503, "away"))
		h.Run()
		h.Pass(7 * time.Hour / 2)
	}
	h.Healthy()
	h.Once(ids, []string{"r0"})
}
