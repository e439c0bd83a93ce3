package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/device"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/osquery"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// house is a server on a real state database; what lies behind the lake, the bus and the rules is played by fakes that remember what they were asked.
type house struct {
	t       *testing.T
	db      *bun.DB
	access  *access.Service
	server  *server
	url     string
	hunter  *fakeHunter
	ingest  *fakeReceiver
	hub     *live.Hub
	console *access.Principal
}

type fakeHunter struct {
	mu     sync.Mutex
	asked  []Hunt
	answer *HuntAnswer
	err    error
	late   error // after the rows
}

func (f *fakeHunter) Hunt(_ context.Context, q Hunt) (*HuntAnswer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	return f.answer, f.err
}

func (f *fakeHunter) Stream(ctx context.Context, q Hunt, out HuntSink) (*HuntAnswer, error) {
	a, err := f.Hunt(ctx, q)
	if err != nil || a == nil {
		return nil, err
	}
	if err := out.Start(a); err != nil {
		return a, err
	}
	for _, row := range a.Rows {
		if err := out.Row(row); err != nil {
			return a, err
		}
	}
	return a, f.late
}

func (f *fakeHunter) Explain(_ context.Context, q Hunt) (*HuntExplanation, error) {
	_, err := f.Hunt(context.Background(), q)
	return &HuntExplanation{Engine: "fake", Columns: []HuntColumn{}, Steps: []HuntStep{}, Warnings: []HuntDiagnostic{}}, err
}

func (f *fakeHunter) Running(id tenant.ID, principal string, everybody bool) []HuntRunning {
	return []HuntRunning{{ID: "r1", By: principal, Interface: fmt.Sprint(everybody), Query: string(id)}}
}

func (f *fakeHunter) Cancel(_ tenant.ID, principal string, everybody bool, run string) bool {
	return run == "r1" && everybody || run == "own" && principal != ""
}

func (f *fakeHunter) Check(context.Context, Hunt) ([]HuntDiagnostic, error) { return nil, f.err }

func (f *fakeHunter) Counts(context.Context, tenant.ID) (map[string]int64, error) {
	return map[string]int64{"DeviceProcessEvents": 7, "EmailEvents": 3}, nil
}

type fakeReceiver struct {
	mu   sync.Mutex
	got  map[string]string // tenant/source/file -> body
	took []string          // tenant host data
	fail error
	fell int // tries that failed for it

	traffic *ingest.Traffic // told of what is taken, as the real receiver does; may be nil
}

func (f *fakeReceiver) Accept(_ context.Context, d ingest.Delivery, body io.Reader) (ingest.Receipt, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return ingest.Receipt{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return ingest.Receipt{}, f.fail
	}
	f.got[string(d.Tenant)+"/"+d.Source+"/"+d.File] = string(raw)
	lines := strings.Count(string(raw), "\n")
	return ingest.Receipt{Accepted: lines, RefusedCount: 1, Refused: []ingest.Refusal{{Number: 2, Code: "invalid", Message: "not JSON"}}}, nil
}

// refuse has every try fail, nil none.
func (f *fakeReceiver) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// refused is how many tries failed.
func (f *fakeReceiver) refused() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fell
}

// Take refuses records that hold "bad" and keeps the others.
func (f *fakeReceiver) Take(_ context.Context, d ingest.Delivery, records []ingest.WireRecord) (ingest.Taken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		f.fell++
		return ingest.Taken{}, f.fail
	}
	out := ingest.Taken{Refused: make([]error, len(records))}
	f.traffic.Delivered(d.Tenant, d.Sender, map[string]int64{"generic": int64(len(records))}, 0, 1)
	for i, r := range records {
		if strings.Contains(string(r.Data), "bad") {
			out.Refused[i] = fault.Newf(fault.Invalid, "bad record")
			continue
		}
		f.took = append(f.took, string(d.Tenant)+" "+r.Host+" "+string(r.Data))
	}
	return out, nil
}

func (f *fakeReceiver) Replay(_ context.Context, id tenant.ID, ids []string) (ingest.Replayed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took = append(f.took, string(id)+" again "+strings.Join(ids, ","))
	return ingest.Replayed{Sent: len(ids), Left: []ingest.Refusal{{Number: 3, Code: "invalid", Message: "nothing is kept"}}}, nil
}

type fakeSources struct{}

func (fakeSources) Drop(_ context.Context, _ tenant.ID, ids []string) (int64, error) {
	return int64(len(ids)), nil
}

func (fakeSources) DeadLetters(_ context.Context, _ tenant.ID, skip, top int64) ([]ingest.DeadLetter, int64, error) {
	all := []ingest.DeadLetter{{ID: "1", Code: "invalid", Message: "one", Data: "c2VjcmV0"}, {ID: "2", Code: "invalid", Message: "two"}}
	return all[min(skip, 2):min(skip+top, 2)], 2, nil
}

type fakeRules struct {
	mu    sync.Mutex
	rules map[string]*detect.Rule
}

func (f *fakeRules) List(context.Context, tenant.ID, detect.Query) ([]*detect.Rule, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*detect.Rule
	for _, r := range f.rules {
		out = append(out, r)
	}
	return out, int64(len(out)), nil
}

func (f *fakeRules) Get(_ context.Context, _ tenant.ID, id string) (*detect.Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.rules[id]; r != nil {
		c := *r
		return &c, nil
	}
	return nil, fault.Newf(fault.NotFound, "there is no rule %q", id)
}

func (f *fakeRules) SetEnabled(_ context.Context, _ tenant.ID, id string, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules[id].Enabled = on
	return nil
}

func (f *fakeRules) Create(context.Context, tenant.ID, detect.Kind, string) (*detect.Rule, error) {
	return &detect.Rule{ID: "new"}, nil
}

func (f *fakeRules) Delete(context.Context, tenant.ID, string) error { return nil }

type fakeSystem struct {
	dir   string
	ready error
}

func (f *fakeSystem) Ready(context.Context) error { return f.ready }

func (f *fakeSystem) Health(context.Context, tenant.ID) Health {
	return Health{Components: []HealthComponent{Component("bus", "", nil), Component("lake", "", errors.New("broken"))}}
}

func (f *fakeSystem) Backup(_ context.Context, folder string) error {
	return writeFile(folder+"/manifest.json", `{"format":1}`)
}

func (f *fakeSystem) Backups() string { return f.dir }

// testLog shows what the server logs as an error beside the test's own lines.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// wire is a live bus of one process.
type wire struct{ fn func([]byte) }

func (w *wire) Announce(_ tenant.ID, _ string, data []byte) error {
	w.fn(data)
	return nil
}

func (w *wire) Listen(fn func([]byte)) (func(), error) {
	w.fn = fn
	return func() {}, nil
}

func open1(t *testing.T, location string, change func(*Deps)) *house {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, hunter: &fakeHunter{answer: &HuntAnswer{}}, ingest: &fakeReceiver{got: map[string]string{}}, console: access.Console()}
	if h.access, err = access.New(db, access.Options{Attempts: 5, Hash: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []tenant.ID{"default", "t2"} {
		if _, err := h.access.CreateTenant(ctx, h.console, id, strings.ToUpper(string(id))); err != nil {
			t.Fatal(err)
		}
	}
	if h.hub, err = live.New(&wire{}, telemetry.Discard()); err != nil {
		t.Fatal(err)
	}
	incidents := incident.New(db, incident.Options{})
	agents, err := osquery.New(db, h.ingest, content.Osquery(), h.access.TokenMayDeliver)
	if err != nil {
		t.Fatal(err)
	}
	d := Deps{
		Access: h.access, Incidents: incidents, Devices: device.New(db, h.access, incidents), Links: linker{}, Hunting: h.hunter, Queries: hunting.New(db, hunting.Options{}),
		Rules: &fakeRules{rules: map[string]*detect.Rule{"r1": {ID: "r1", Title: "a rule", Kind: detect.Sigma}}},
		Lab:   simulate.NewService(db, nil, nil, nil, nil), Receiver: h.ingest, Osquery: agents, Sources: fakeSources{}, Traffic: ingest.NewTraffic(db, telemetry.Discard()), Settings: setting.New(db, 180*24*time.Hour),
		Live: h.hub, Metrics: telemetry.NewMetrics(), System: &fakeSystem{dir: t.TempDir()}, Version: "1.2.3", MaxBody: 1 << 16, MaxIngest: 1 << 16,
		Portal: fstest.MapFS{
			"index.html":         {Data: []byte("<title>portal</title>")},
			"assets/app-1234.js": {Data: []byte("plain")}, "assets/app-1234.js.gz": {Data: []byte("zipped")}, "assets/app-1234.js.br": {Data: []byte("brotli")},
			"mark.svg": {Data: []byte("<svg/>")},
		},
	}
	d.Log = telemetry.NewLogger(testLog{t}, "error", "text")
	d.Connectors = connectorsOf(t, db)
	if change != nil {
		change(&d)
	}
	h.server = newServer(d)
	ts := httptest.NewServer(h.server.outer())
	h.url = ts.URL
	t.Cleanup(func() {
		h.hub.Close()
		ts.Close()
		db.Close()
	})
	return h
}

func open2(t *testing.T) *house { return open1(t, t.TempDir()+"/state.db", nil) }

const pass = "correct horse battery staple"

// browser is a person at the portal.
type browser struct {
	h    *house
	c    *http.Client
	csrf string
	last http.Header
}

// person makes a user with roles in the tenant and signs it in, past the change of the first password.
func (h *house) person(id tenant.ID, name string, roles ...string) *browser {
	h.t.Helper()
	_, first, err := h.access.CreateUser(context.Background(), h.console, id, access.NewUser{Name: name, Roles: roles})
	if err != nil {
		h.t.Fatal(err)
	}
	b := h.browser()
	b.signIn(name, first)
	b.must("POST", "/api/session/password", map[string]string{"current": first, "new": pass}, 204)
	b.refresh()
	return b
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{h: h, c: &http.Client{Jar: jar}}
}

func (b *browser) signIn(name, password string) {
	b.h.t.Helper()
	b.must("POST", "/api/session", map[string]string{"name": name, "password": password}, 200)
	b.refresh()
}

func (b *browser) refresh() {
	b.h.t.Helper()
	var s Session
	if err := json.Unmarshal(b.must("GET", "/api/session", nil, 200), &s); err != nil {
		b.h.t.Fatal(err)
	}
	b.csrf = s.CSRF
}

// do makes a request; header pairs are name, value.
func (b *browser) do(method, path string, body any, header ...string) (int, []byte) {
	b.h.t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			b.h.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, b.h.url+path, r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if b.csrf != "" {
		req.Header.Set(access.CSRFHeader, b.csrf)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.c.Do(req)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	b.last = res.Header
	return res.StatusCode, raw
}

func (b *browser) must(method, path string, body any, status int, header ...string) []byte {
	b.h.t.Helper()
	got, raw := b.do(method, path, body, header...)
	if got != status {
		b.h.t.Fatalf("%s %s = %d %s; want %d", method, path, got, raw, status)
	}
	return raw
}

// refused checks that a request fails with the status and code, in the one shape of errors.
func (b *browser) refused(method, path string, body any, status int, code fault.Code, header ...string) Problem {
	b.h.t.Helper()
	got, raw := b.do(method, path, body, header...)
	var p Problem
	if err := json.Unmarshal(raw, &p); err != nil || got != status || p.Error.Code != code || p.Error.Message == "" {
		b.h.t.Errorf("%s %s = %d %s; want %d %s", method, path, got, raw, status, code)
	}
	if b.last.Get("X-Request-Id") == "" {
		b.h.t.Errorf("%s %s has no request id", method, path)
	}
	return p
}

// token makes a service token and returns a client that sends it.
func (h *house) token(id tenant.ID, scopes ...access.Scope) (client *browser, secret string) {
	h.t.Helper()
	_, secret, err := h.access.CreateToken(context.Background(), h.console, id, access.NewToken{Name: "t", Scopes: scopes})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.bearer(secret), secret
}

func (h *house) bearer(secret string) *browser {
	return &browser{h: h, c: &http.Client{Transport: withToken{secret}}}
}

type withToken struct{ secret string }

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.secret)
	return http.DefaultTransport.RoundTrip(r)
}

// linker links without hunting rows.
type linker struct{}

func (linker) Link(ctx context.Context, scope *incident.Scope, id tenant.ID, by incident.Actor, into int64, src incident.LinkSource, alerts []incident.Linked) (int64, []string, error) {
	return scope.Link(ctx, id, by, into, src, alerts)
}
