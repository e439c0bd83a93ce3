package okta_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	. "github.com/bartizan-sec/bartizan/internal/connect/connecttest"
	"github.com/bartizan-sec/bartizan/internal/connect/okta"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const (
	token = "00aSecretTokenOfThisTest"
	ids   = `"uuid":"([^"]+)"`
)

// org plays an Okta organisation: /api/v1/logs with since, until, limit, after and Link headers.
type org struct {
	*httptest.Server
	Faults
	mu     sync.Mutex
	events []event
	asked  []string
	clock  time.Duration // its clock less ours
	page   int
}

type event struct {
	id   string
	when time.Time
}

func play(t *testing.T) *org {
	o := &org{page: 3}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.Close)
	return o
}

func (o *org) add(when time.Time, names ...string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, n := range names {
		o.events = append(o.events, event{n, when.Add(time.Duration(i) * time.Second)})
	}
	slices.SortStableFunc(o.events, func(a, b event) int { return a.when.Compare(b.when) })
	return names
}

func (o *org) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(o.clock).UTC().Format(http.TimeFormat))
	o.mu.Lock()
	o.asked = append(o.asked, r.URL.RawQuery)
	o.mu.Unlock()
	if o.Take(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "SSWS "+token {
		Status(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)(w, r)
		return
	}
	q := r.URL.Query()
	since, err := time.Parse(time.RFC3339, q.Get("since"))
	if r.URL.Path != "/api/v1/logs" || err != nil {
		Status(400, `{"errorCode":"E0000001","errorSummary":"Api validation failed"}`)(w, r)
		return
	}
	until, _ := time.Parse(time.RFC3339, q.Get("until"))
	after, _ := strconv.Atoi(q.Get("after"))
	var found []event
	o.mu.Lock()
	for _, e := range o.events {
		if !e.when.Before(since) && (until.IsZero() || e.when.Before(until)) {
			found = append(found, e)
		}
	}
	o.mu.Unlock()
	part := found[min(after, len(found)):min(after+o.page, len(found))]
	w.Header().Add("Link", fmt.Sprintf(`<%s%s>; rel="self"`, o.URL, r.URL))
	if len(part) == o.page || until.IsZero() {
		q.Set("after", strconv.Itoa(after+len(part)))
		w.Header().Add("Link", fmt.Sprintf(`<%s/api/v1/logs?%s>; rel="next"`, o.URL, q.Encode()))
	}
	out := []map[string]any{}
	for _, e := range part {
		out = append(out, map[string]any{
			"uuid": e.id, "published": e.when.UTC().Format("2006-01-02T15:04:05.000Z"), "eventType": "user.session.start", "version": "0",
			"actor": map[string]any{"id": "00u1", "type": "User", "alternateId": "mira@corp.example"}, "outcome": map[string]any{"result": "SUCCESS"},
		})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func names(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s%02d", prefix, i))
	}
	return out
}

func open(t *testing.T) (*org, *House, []string) {
	o := play(t)
	h := Open(t, []connect.Kind{okta.Kind()}, nil, o.Server)
	all := o.add(h.Now().Add(-time.Hour), names("a", 10)...)
	h.Add("okta", h.Now().Add(-2*time.Hour), map[string]any{"url": o.URL, "token": token})
	return o, h, all
}

func TestEverythingOnce(t *testing.T) {
	o, h, all := open(t)
	if c := h.Healthy(); c.Records != 10 || c.LagSeconds == nil {
		t.Errorf("%+v", c)
	}
	h.Once(ids, all)
	// New ones, and one that Okta lists late: older than what was delivered.
	all = append(all, o.add(h.Now().Add(-time.Minute), names("b", 4)...)...)
	h.Pass(2 * time.Minute)
	h.Healthy()
	all = append(all, o.add(h.Now().Add(-10*time.Minute), "late")...)
	h.Pass(2 * time.Minute)
	if c := h.Healthy(); c.Records != 15 {
		t.Errorf("%d records", c.Records)
	}
	h.Once(ids, all)
	runs, n, err := h.Service.Runs(context.Background(), tenant.Default, "one", 0, 10)
	if err != nil || n != 3 || runs[0].Records != 1 || runs[2].State != connect.RunSucceeded {
		t.Errorf("runs %+v, %v", runs, err)
	}
	h.Hidden(token)
}

// While it catches up, it goes from window to window, and a clock that is ahead of the service's loses nothing.
func TestCatchingUpWithClocksApart(t *testing.T) {
	for _, clock := range []time.Duration{0, -3 * time.Hour, 3 * time.Hour} {
		t.Run(clock.String(), func(t *testing.T) {
			o := play(t)
			o.clock = clock
			h := Open(t, []connect.Kind{okta.Kind()}, nil, o.Server)
			var all []string
			for i := range 12 {
				all = append(all, o.add(h.Now().Add(clock-72*time.Hour+time.Duration(i)*6*time.Hour), names(fmt.Sprintf("w%d-", i), 4)...)...)
			}
			h.Add("okta", h.Now().Add(-80*time.Hour), map[string]any{"url": o.URL, "token": token})
			h.Healthy()
			h.Once(ids, all)
			all = append(all, o.add(h.Now().Add(clock), "now")...)
			h.Pass(5 * time.Minute)
			o.clock += 5 * time.Minute
			h.Healthy()
			h.Once(ids, all)
		})
	}
}

func TestTroubleLosesAndDoublesNothing(t *testing.T) {
	o, h, all := open(t)
	// The second page breaks off, the next try meets trouble of the service, then a limit with a time.
	o.Add(nil, Truncated)
	if c := h.Run(); c.State != connect.Failing || c.LastError.Code != "unavailable" || c.LastError.Attempt != 1 || c.Records != 3 {
		t.Fatalf("%+v %+v", c, c.LastError)
	}
	if c := h.Run(); c.LastError.Attempt != 1 {
		t.Error("it does not wait after a failure")
	}
	o.Add(Status(502, "<html>bad gateway</html>"))
	h.Pass(time.Minute)
	first := h.Run()
	if first.LastError == nil || first.LastError.Attempt != 2 || first.NextRun.Sub(h.Now()) < 40*time.Second {
		t.Fatalf("%+v", first)
	}
	o.Add(Status(429, `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"}`, "X-Rate-Limit-Reset", strconv.FormatInt(time.Now().Add(300*time.Second).Unix(), 10)))
	h.Pass(2 * time.Minute)
	c := h.Run()
	if wait := c.NextRun.Sub(h.Now()); c.LastError.Code != string(fault.Busy) || wait < 290*time.Second || wait > 320*time.Second {
		t.Fatalf("after a limit it waits %s: %+v", wait, c.LastError)
	}
	h.Pass(6 * time.Minute)
	o.Add(func(w http.ResponseWriter, r *http.Request) { // the first page again under another link
		w.Header().Set("Link", fmt.Sprintf(`<%s/api/v1/logs?%s&again=1>; rel="next"`, o.URL, r.URL.RawQuery))
		o.Faults.Add()
		fmt.Fprintf(w, `[{"uuid":"a00","published":%q},{"uuid":"a00","published":%q}]`, h.Now().Add(-time.Hour).Format(time.RFC3339), h.Now().Add(-time.Hour).Format(time.RFC3339))
	})
	if c := h.Run(); c.LastError != nil || c.Records != 10 {
		t.Fatalf("%+v %+v", c, c.LastError)
	}
	h.Once(ids, all)
	h.Hidden(token)
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	o, h, _ := open(t)
	for _, c := range []struct {
		answer http.HandlerFunc
		code   fault.Code
		says   string
	}{
		{Status(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided: `+token+`"}`), fault.Unauthorized, "does not accept the API token"},
		{Status(403, `{"errorCode":"E0000006","errorSummary":"You do not have permission to perform the requested action"}`), fault.Permission, "Read-only administrator"},
		{Status(400, `{"errorCode":"E0000031","errorSummary":"Invalid search criteria."}`), fault.Invalid, "filter"},
		{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, fault.Unavailable, "leads away"},
		{Status(200, `[]{`), fault.Unavailable, "not whole"},
	} {
		o.Add(c.answer)
		h.Pass(3 * time.Hour)
		got := h.Run()
		if got.State != connect.Failing || got.LastError.Code != string(c.code) || !strings.Contains(got.LastError.Message, c.says) {
			t.Errorf("want %s %q, got %+v", c.code, c.says, got.LastError)
		}
	}
	h.Hidden(token)
	tested, err := h.Service.Test(context.Background(), "okta", map[string]any{"url": o.URL, "token": "wrong"})
	if err != nil || tested.OK || !strings.Contains(tested.Message, "API token") {
		t.Errorf("%+v, %v", tested, err)
	}
	if tested, err = h.Service.TestKept(context.Background(), tenant.Default, "one"); err != nil || !tested.OK {
		t.Errorf("%+v, %v", tested, err)
	}
	inside := play(t) // not on the list of hosts
	if tested, err = h.Service.Test(context.Background(), "okta", map[string]any{"url": inside.URL, "token": token}); err != nil || tested.OK || !strings.Contains(tested.Message, "connect.hosts") || len(inside.asked) > 0 {
		t.Errorf("an inner address is called: %+v, %v", tested, err)
	}
}

// A process ends at every point of a delivery, and another takes over.
func TestEndsInTheMiddle(t *testing.T) {
	for _, where := range []string{"before", "after"} {
		for n := range 4 {
			t.Run(fmt.Sprintf("%s delivery %d", where, n), func(t *testing.T) {
				_, h, all := open(t)
				died := errors.New("the process ended")
				count := 0
				die := func() error {
					if count++; count == n+1 {
						return died
					}
					return nil
				}
				if where == "before" {
					h.Before = die
				} else {
					h.After = die
				}
				if c := h.Run(); c.State != connect.Failing {
					t.Fatalf("%+v", c)
				}
				h.Before, h.After = nil, nil
				h.Runner = h.Another()
				h.Pass(time.Hour) // beyond the time in which the bus itself knows repetitions
				if c := h.Healthy(); c.Records != 10 {
					t.Errorf("%d records", c.Records)
				}
				h.Once(ids, all)
			})
		}
	}
}

// Two processes look for work at the same time: one of them does it. One that holds the lease and does not answer is succeeded when it ends.
func TestTwoProcesses(t *testing.T) {
	o, h, all := open(t)
	other := h.Another()
	held := make(chan struct{})
	release := make(chan struct{})
	h.Before = sync.OnceValue(func() error {
		close(held)
		<-release
		return nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Runner.Once(context.Background())
	}()
	<-held
	for range 5 {
		if err := other.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(h.Kept(ids)); got != 0 {
		t.Errorf("a second process delivered %d records under the first one's lease", got)
	}
	h.Pass(2 * connect.LeaseTime) // the first one hangs
	h.Before = nil
	if err := other.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	close(release)
	<-done
	h.Once(ids, all)
	all = append(all, o.add(h.Now(), "later")...)
	h.Pass(5 * time.Minute)
	h.Healthy()
	h.Once(ids, all)
}

// A batch that cannot be delivered waits as long as any other failure does.
func TestDeliveryThatFailsWaits(t *testing.T) {
	_, h, all := open(t)
	tries := 0
	h.Before = func() error { tries++; return errors.New("the bus is full") }
	for range 5 {
		h.Run()
	}
	if tries != 1 {
		t.Errorf("%d deliveries without a pause", tries)
	}
	if _, err := h.Service.Pause(context.Background(), tenant.Default, "ann", "one", true); err != nil {
		t.Fatal(err)
	}
	h.Before = nil
	h.Pass(time.Hour)
	h.Run()
	if n := len(h.Kept(ids)); n == 0 {
		t.Error("a paused connector does not settle the batch that is on its way")
	}
	if _, err := h.Service.Pause(context.Background(), tenant.Default, "ann", "one", false); err != nil {
		t.Fatal(err)
	}
	h.Healthy()
	h.Once(ids, all)
}

// What a connector remembers is bounded, and it says when it had to forget something.
func TestRememberedIsBounded(t *testing.T) {
	o := play(t)
	o.page = 100
	h := Open(t, []connect.Kind{okta.Kind()}, nil, o.Server)
	var all []string
	for i := range 13 {
		all = append(all, o.add(h.Now().Add(-10*time.Minute+time.Duration(i)*time.Second), names(fmt.Sprintf("m%02d-", i), 100)...)...)
	}
	h.Add("okta", h.Now().Add(-11*time.Minute), map[string]any{"url": o.URL, "token": token})
	c := h.Healthy()
	h.Once(ids, all)
	n, err := h.DB.NewSelect().Table("connector_seen").Count(context.Background())
	if err != nil || n > Remembered || n < Remembered/2 || c.Forgotten != int64(len(all))-int64(n) {
		t.Errorf("%d ids of %d remembered, %d forgotten, %v", n, len(all), c.Forgotten, err)
	}
	if !strings.Contains(h.Log.String(), "forgotten") {
		t.Error("the log does not say so")
	}
}
