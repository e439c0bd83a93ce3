// Package connecttest runs connectors in tests: on a real state database, a real bus and the real receiver, against services that the test plays.
package connecttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// House is what a connector needs around it. Its clock stands still until Pass.
type House struct {
	T       *testing.T
	DB      *bun.DB
	Bus     *bus.Bus
	Service *connect.Service
	Runner  *connect.Runner
	Log     *bytes.Buffer // what the program writes about itself

	// Before and After are called around each delivery; an error of After stands for a process that ended before it could note the delivery.
	Before, After func() error

	receiver *ingest.Receiver
	mu       sync.Mutex
	now      time.Time
}

type family string

func (f family) Name() string { return string(f) }

func (f family) Normalise(*normalise.Record, *normalise.Batch) error {
	return errors.New("not called")
}

// Remembered is how many ids a connector of a house remembers.
const Remembered = 1000

// Open makes a house for kinds. The services that the tests play are at the addresses.
func Open(t *testing.T, kinds []connect.Kind, folders []string, services ...*httptest.Server) *House {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	db, err := state.Open(ctx, filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Open(ctx, bus.Options{Dir: filepath.Join(dir, "bus")})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.OpenRing(secret.Source{File: filepath.Join(dir, "secrets.key"), Make: true})
	if err != nil {
		t.Fatal(err)
	}
	var rules outbound.Rules
	for _, s := range services {
		r, err := outbound.ParseRule(s.URL, "connect.hosts")
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	client := outbound.New(outbound.Options{Rules: rules, Setting: "connect.hosts", Timeout: 10 * time.Second, UserAgent: "bartizan/test"})
	h := &House{T: t, DB: db, Bus: b, Log: new(bytes.Buffer), now: time.Now().UTC().Truncate(time.Second)}
	families := []ingest.Family{{Family: family("alerts")}}
	for _, k := range kinds {
		families = append(families, ingest.Family{Family: family(k.Family)})
	}
	h.receiver = ingest.NewReceiver(b, ingest.NewRecords(db), families)
	h.Service = connect.New(db, connect.Options{Kinds: kinds, Secrets: secret.New(db, ring), HTTP: client, Folders: folders, Now: h.Now, Remembered: Remembered})
	h.Runner = h.Another()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		b.Close()
		_ = db.Close()
	})
	return h
}

// Another returns a runner as another process would have one.
func (h *House) Another() *connect.Runner {
	return connect.NewRunner(h.Service, connect.RunnerOptions{Receiver: h, Bus: h.Bus, Log: slog.New(slog.NewTextHandler(&locked{h: h}, nil)), Pace: 5 * time.Millisecond})
}

type locked struct{ h *House }

func (l *locked) Write(p []byte) (int, error) {
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	return l.h.Log.Write(p)
}

// Now is the house's clock.
func (h *House) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Pass lets time pass.
func (h *House) Pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// Accept implements connect.Receiver.
func (h *House) Accept(ctx context.Context, d ingest.Delivery, body io.Reader) (ingest.Receipt, error) {
	if h.Before != nil {
		if err := h.Before(); err != nil {
			return ingest.Receipt{}, err
		}
	}
	r, err := h.receiver.Accept(ctx, d, body)
	if err == nil && h.After != nil {
		err = h.After()
	}
	return r, err
}

// Add makes a connector of the default tenant that begins at since.
func (h *House) Add(kind string, since time.Time, config map[string]any) *connect.Connector {
	h.T.Helper()
	c, err := h.Service.Create(context.Background(), tenant.Default, "ann", connect.Draft{Kind: kind, Name: "one", Enabled: true, Config: config, Since: since})
	if err != nil {
		h.T.Fatal(err)
	}
	return c
}

// Run runs what is due and returns the connector afterwards.
func (h *House) Run() *connect.Connector {
	h.T.Helper()
	if err := h.Runner.Once(context.Background()); err != nil {
		h.T.Fatal(err)
	}
	c, err := h.Service.Get(context.Background(), tenant.Default, "one")
	if err != nil {
		h.T.Fatal(err)
	}
	return c
}

// Healthy runs what is due, and fails the test when that fails.
func (h *House) Healthy() *connect.Connector {
	h.T.Helper()
	c := h.Run()
	if c.LastError != nil || c.State != connect.Waiting {
		h.T.Fatalf("%s: %+v", c.State, c.LastError)
	}
	return c
}

// Kept counts what stands on the bus of the default tenant: what the pattern's group matches, by how often.
func (h *House) Kept(pattern string) map[string]int {
	h.T.Helper()
	ctx := context.Background()
	out := map[string]int{}
	status, err := h.Bus.Status(ctx, tenant.Default)
	if err != nil {
		h.T.Fatal(err)
	}
	if status.Messages == 0 {
		return out
	}
	r, err := h.Bus.Consume(ctx, tenant.Default, 1)
	if err != nil {
		h.T.Fatal(err)
	}
	defer r.Close()
	re := regexp.MustCompile(pattern)
	for last := uint64(0); last < status.Last; {
		messages, err := r.Next(ctx, 100, 8<<20, 5*time.Second)
		if err != nil || len(messages) == 0 {
			h.T.Fatalf("reading the bus: %v", err)
		}
		for _, m := range messages {
			last = m.Sequence
			for _, found := range re.FindAllSubmatch(m.Data, -1) {
				out[string(found[1])]++
			}
		}
	}
	return out
}

// Once fails the test unless exactly the ids are kept, each once.
func (h *House) Once(pattern string, ids []string) {
	h.T.Helper()
	got := h.Kept(pattern)
	for _, id := range ids {
		if got[id] != 1 {
			h.T.Errorf("%s is kept %d times", id, got[id])
		}
		delete(got, id)
	}
	if len(got) > 0 {
		h.T.Errorf("kept besides: %v", got)
	}
}

// Hidden fails the test when a secret shows in the log, in the connector's state or, unsealed, in the state database.
func (h *House) Hidden(secrets ...string) {
	h.T.Helper()
	var dump strings.Builder
	for _, table := range []string{"connectors", "connector_runs", "secrets", "secret_keys", "audit", "dead_letters"} {
		var rows []map[string]any
		if err := h.DB.NewSelect().Table(table).Scan(context.Background(), &rows); err != nil {
			h.T.Fatal(err)
		}
		for _, r := range rows {
			for _, v := range r {
				if raw, ok := v.([]byte); ok {
					dump.Write(raw)
				} else if text, ok := v.(string); ok {
					dump.WriteString(text)
				}
				dump.WriteByte('\n')
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range secrets {
		if strings.Contains(h.Log.String(), s) {
			h.T.Errorf("the log shows a secret: %s", h.Log.String())
		}
		if strings.Contains(dump.String(), s) {
			h.T.Errorf("the state database shows a secret")
		}
	}
}

// Faults lets a played service answer some requests differently: each is used once, in order.
type Faults struct {
	mu   sync.Mutex
	next []http.HandlerFunc
}

// Add appends an answer.
func (f *Faults) Add(h ...http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, h...)
}

// Take gives the request to the next fault, if there is one.
func (f *Faults) Take(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	if len(f.next) == 0 {
		f.mu.Unlock()
		return false
	}
	h := f.next[0]
	f.next = f.next[1:]
	f.mu.Unlock()
	if h == nil {
		return false
	}
	h(w, r)
	return true
}

// Status answers with a status, headers in pairs, and a body.
func Status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Truncated promises more than it sends.
func Truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `[{"uuid":"half`)
}

// Host is the host of a service's address.
func Host(s *httptest.Server) string {
	u, _ := url.Parse(s.URL)
	return u.Host
}
