package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// notes is a small family for these tests: {"at": RFC 3339, "name": text} becomes a process row and an event.
type notes struct{}

func (notes) Name() string { return "notes" }

func (notes) Normalise(rec *normalise.Record, out *normalise.Batch) error {
	var n struct {
		At   time.Time
		Name string
	}
	if err := json.Unmarshal(rec.Data, &n); err != nil {
		return fault.Newf(fault.Invalid, "not a note: %w", err)
	}
	switch n.Name {
	case "panic":
		panic("a defect in the family")
	case "nothing":
		out.Unmapped = "notes/nothing"
		return nil
	}
	row := schema.NewRow("DeviceProcessEvents")
	row.Set("Timestamp", n.At)
	row.Set("FileName", n.Name)
	out.Rows = append(out.Rows, row)
	out.Events = append(out.Events, &normalise.Event{Time: n.At, Fields: normalise.Fields{{Name: "name", Value: normalise.Value{Kind: normalise.String, Text: n.Name}}}})
	return nil
}

func probe(data []byte) int {
	if strings.Contains(string(data), `"name"`) {
		return 90
	}
	return 0
}

// finder reports every event called evil.
type finder struct{}

func (finder) Evaluate(events []*normalise.Event) (out []incident.Detection) {
	for _, e := range events {
		if e.Fields.Text("name") == "evil" {
			out = append(out, incident.Detection{Tenant: e.Tenant, RuleID: "r", Time: e.Time, Hit: incident.Hit{File: e.File, Record: e.Number}})
		}
	}
	return out
}

// ledger keeps detections by hit, as the incident service does.
type ledger struct {
	mu   sync.Mutex
	hits map[string]int
	fail error
}

func (l *ledger) Accept(_ context.Context, found []incident.Detection) (ingest.Accepted, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return ingest.Accepted{}, l.fail
	}
	for _, d := range found {
		l.hits[fmt.Sprintf("%s:%d", d.Hit.File, d.Hit.Record)]++
	}
	return ingest.Accepted{NewAlerts: len(found)}, nil
}

type fixture struct {
	store   lake.Store
	records *ingest.Records
	ledger  *ledger
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	db, err := state.Open(ctx, filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := duckdb.New(filepath.Join(dir, "lake"), duckdb.Options{Register: kqlduckdb.Register})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(); _ = db.Close() })
	return &fixture{s, ingest.NewRecords(db), &ledger{hits: map[string]int{}}}
}

func (f *fixture) config() ingest.Config {
	return ingest.Config{
		Store: f.store, Records: f.records, Detector: finder{}, Alerts: f.ledger, MaxDelay: 10 * time.Millisecond,
		Families: []ingest.Family{{Family: notes{}, Probe: probe}},
	}
}

func note(n int, name string) *normalise.Record {
	return &normalise.Record{
		Tenant: "default", Source: ingest.Auto, File: "notes.jsonl", Number: int64(n), Received: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		Data: fmt.Appendf(nil, `{"at":"2024-01-01T00:00:00Z","name":%q}`, name),
	}
}

func TestPipelineCountsEverything(t *testing.T) {
	f := setUp(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx := context.Background()
	p := ingest.NewPipeline(ctx, f.config())
	const total = 3000
	for i := 1; i <= total; i++ {
		name := "a.exe"
		switch {
		case i%100 == 0:
			name = "evil"
		case i%150 == 1:
			name = "nothing"
		case i == 777:
			name = "panic"
		}
		rec := note(i, name)
		if i == 1234 {
			rec.Data = []byte(`{"name": broken`)
		}
		if err := p.Add(ctx, ingest.Position{Source: "import:x", Value: int64(i)}, rec); err != nil {
			t.Fatal(err)
		}
	}
	p.Refuse(ingest.Refusal{Source: "import", File: "other", Number: 5, Code: "truncated", Message: "ends early", Time: time.Now()})
	got, err := p.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	unmapped := got.Unmapped["notes/nothing"]
	if got.Records != total || got.Refused != 3 || unmapped != 20 || got.Rows["DeviceProcessEvents"]+unmapped+2 != total {
		t.Errorf("totals %+v do not add up", got)
	}
	if got.Hits != 30 || len(f.ledger.hits) != 30 {
		t.Errorf("%d hits, %d kept; want 30", got.Hits, len(f.ledger.hits))
	}
	counts, err := f.store.Counts(ctx)
	if err != nil || counts["DeviceProcessEvents"] != got.Rows["DeviceProcessEvents"] {
		t.Errorf("lake has %v, %v", counts, err)
	}
	if pos, _ := f.store.Position(ctx, "import:x"); pos != total {
		t.Errorf("position %d", pos)
	}
	letters, n, err := f.records.DeadLetters(ctx, "default", 0, 10)
	if err != nil || n != 3 {
		t.Fatalf("%d dead letters, %v", n, err)
	}
	var defect bool
	for _, l := range letters {
		defect = defect || l.Number == 777 && l.Code == string(fault.Internal) && l.Data != ""
	}
	if !defect {
		t.Errorf("the record that met a defect is not kept: %+v", letters)
	}
}

// A replayed record is neither stored nor counted, but what runs afterwards over the time of all records must know its time.
func TestReplayedRecordsCountForTheTimeOnly(t *testing.T) {
	f := setUp(t)
	ctx := context.Background()
	p := ingest.NewPipeline(ctx, f.config())
	first := note(1, "evil")
	first.Data = []byte(`{"at":"2020-02-02T00:00:00Z","name":"evil"}`)
	broken := note(2, "")
	broken.Data = []byte(`{"name": broken`)
	for _, rec := range []*normalise.Record{first, broken} {
		if err := p.Replay(ctx, rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Add(ctx, ingest.Position{Source: "import:x", Value: 3}, note(3, "a.exe")); err != nil {
		t.Fatal(err)
	}
	got, err := p.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.Records != 1 || got.Refused != 0 || got.Hits != 0 || got.Rows["DeviceProcessEvents"] != 1 {
		t.Errorf("totals %+v", got)
	}
	if want := time.Date(2020, 2, 2, 0, 0, 0, 0, time.UTC); !got.First.Equal(want) || got.Last.Year() != 2024 {
		t.Errorf("from %v to %v", got.First, got.Last)
	}
}

func TestPipelineStopsWhenAlertsCannotBeStored(t *testing.T) {
	f := setUp(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f.ledger.fail = errors.New("database gone")
	ctx := context.Background()
	p := ingest.NewPipeline(ctx, f.config())
	var err error
	for i := 1; i < 100_000 && err == nil; i++ {
		err = p.Add(ctx, ingest.Position{Source: "import:x", Value: int64(i)}, note(i, "evil"))
	}
	_, closing := p.Close(ctx)
	if err == nil && closing == nil {
		t.Fatal("no error")
	}
	if pos, _ := f.store.Position(ctx, "import:x"); pos != 0 {
		t.Errorf("position moved to %d although nothing was accepted", pos)
	}
}

// What the receiver acknowledged is in the lake exactly once, also when the consumer is stopped at any moment and started again.
func TestReceivedIsStoredOnce(t *testing.T) {
	f := setUp(t)
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cfg := f.config()
	r := ingest.NewReceiver(b, f.records, cfg.Families)

	const bodies, each = 20, 150
	stop, done := startConsumer(b, cfg)
	for i := range bodies {
		var body strings.Builder
		for j := range each {
			fmt.Fprintf(&body, `{"at":"2024-01-01T00:00:00Z","name":"p-%d-%d"}`+"\n", i, j)
		}
		receipt, err := r.Accept(ctx, ingest.Delivery{Tenant: "default", Source: "notes"}, strings.NewReader(body.String()))
		if err != nil || receipt.Accepted != each {
			t.Fatalf("receipt %+v, %v", receipt, err)
		}
		if i%3 == 0 {
			stop()
			<-done
			stop, done = startConsumer(b, cfg)
		}
	}
	waitFor(t, func() bool {
		counts, err := f.store.Counts(ctx)
		return err == nil && counts["DeviceProcessEvents"] >= bodies*each
	})
	stop()
	<-done
	result, err := lake.Run(ctx, f.store, lake.Query{Text: "DeviceProcessEvents | summarize count(), count_distinct(FileName)"})
	if err != nil {
		t.Fatal(err)
	}
	rows, distinct := result.Rows[0][0].(int64), result.Rows[0][1].(int64)
	if rows != bodies*each || distinct != rows {
		t.Errorf("%d rows, %d distinct; want %d of each", rows, distinct, bodies*each)
	}
	if _, err := r.Accept(ctx, ingest.Delivery{Tenant: "default", Source: "nonsense"}, strings.NewReader("{}")); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("unknown source: %v", err)
	}
}

func startConsumer(b *bus.Bus, cfg ingest.Config) (stop func(), done chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan struct{})
	c := &ingest.Consumer{Bus: b, Config: cfg, Log: slog.New(slog.DiscardHandler)}
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	return cancel, done
}

func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ready() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 30 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
