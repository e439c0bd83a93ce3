package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
)

// Input that holds nothing but records that cannot be read must not pile up in memory until the first good one.
func TestRefusalsDoNotPileUp(t *testing.T) {
	f := setUp(t)
	ctx := context.Background()
	p := ingest.NewPipeline(ctx, f.config())
	const total = 4 * 512
	received := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 1; i <= total; i++ {
		p.Refuse(ingest.Refusal{Source: "import", File: "broken", Number: int64(i), Code: "invalid", Message: "no record", Time: received})
	}
	if p.Pending() {
		t.Error("full batches of refusals were not sent on")
	}
	got, err := p.Close(ctx)
	if err != nil || got.Refused != total || len(got.Refusals) != 100 {
		t.Errorf("%d refused, %d named, %v", got.Refused, len(got.Refusals), err)
	}
	if _, n, err := f.records.DeadLetters(ctx, "default", 0, 1); err != nil || n != total {
		t.Errorf("%d dead letters, %v", n, err)
	}
	if n, err := f.records.Forget(ctx, "other", received.Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("another tenant forgot %d dead letters, %v", n, err)
	}
	if n, err := f.records.Forget(ctx, "default", received); err != nil || n != 0 {
		t.Errorf("%d dead letters were forgotten too early, %v", n, err)
	}
	if n, err := f.records.Forget(ctx, "default", received.Add(time.Second)); err != nil || n != total {
		t.Errorf("%d dead letters were forgotten, %v", n, err)
	}
}

// More refused records than are kept of one delivery say so.
func TestDeliverySaysWhatItDoesNotKeep(t *testing.T) {
	f := setUp(t)
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := ingest.NewReceiver(b, f.records, f.config().Families)
	const bad = 10_007
	body := `[{"at":"2024-01-01T00:00:00Z","name":"a.exe"}` + strings.Repeat(",1", bad) + "]"
	receipt, err := r.Accept(ctx, ingest.Delivery{Tenant: "default", Source: "notes", File: "list.json"}, strings.NewReader(body))
	if err != nil || receipt.Accepted != 1 || receipt.RefusedCount != bad || len(receipt.Refused) != 100 {
		t.Fatalf("receipt %d accepted, %d refused, %d named, %v", receipt.Accepted, receipt.RefusedCount, len(receipt.Refused), err)
	}
	letters, n, err := f.records.DeadLetters(ctx, "default", 0, 10_100)
	if err != nil || n != 10_001 {
		t.Fatalf("%d dead letters, %v", n, err)
	}
	said := false
	for _, l := range letters {
		said = said || l.File == "list.json" && strings.HasPrefix(l.Message, fmt.Sprint(bad-10_000, " more refused records"))
	}
	if !said {
		t.Error("nothing says that refused records were not kept")
	}
}
