package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise/generic"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// A delivery of several messages of which some arrived is completed, and no message is put on the bus twice, however long it took.
func TestABatchIsCompleted(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db, err := state.Open(ctx, dir+"/state.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b, err := bus.Open(ctx, bus.Options{Dir: dir + "/bus"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := ingest.NewReceiver(b, ingest.NewRecords(db), []ingest.Family{{Family: generic.New()}})
	var body bytes.Buffer
	for i := range 2500 {
		fmt.Fprintf(&body, `{"n":%d}`+"\n", i)
	}
	read := func(id tenant.ID) []bus.Message {
		t.Helper()
		st, err := b.Status(ctx, id)
		if err != nil || st.Last == 0 {
			t.Fatalf("%+v %v", st, err)
		}
		reader, err := b.Consume(ctx, id, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		var out []bus.Message
		for uint64(len(out)) < st.Last {
			got, err := reader.Next(ctx, 100, 8<<20, 5*time.Second)
			if err != nil || len(got) == 0 {
				t.Fatal(err)
			}
			out = append(out, got...)
		}
		return out
	}
	batch := ingest.Batch{Name: "connector/x/1"}
	if _, err := r.Accept(ctx, ingest.Delivery{Tenant: "whole", Source: generic.Name, Batch: batch}, bytes.NewReader(body.Bytes())); err != nil {
		t.Fatal(err)
	}
	whole := read("whole")
	if len(whole) < 3 {
		t.Fatalf("%d messages; the test needs several", len(whole))
	}
	for missing := range len(whole) + 1 {
		id := tenant.ID(fmt.Sprintf("part%d", missing))
		var part []bus.Outgoing
		for i, m := range whole {
			if i == missing {
				continue
			}
			part = append(part, bus.Outgoing{ID: fmt.Sprintf("connector/x/1/%d", i), Source: m.Source, Data: m.Data})
		}
		if _, err := b.PublishAll(ctx, id, append([]bus.Outgoing{{Source: "generic", Data: []byte("another's")}}, part...)); err != nil {
			t.Fatal(err)
		}
		again := batch
		again.Again, again.After = true, 1
		receipt, err := r.Accept(ctx, ingest.Delivery{Tenant: id, Source: generic.Name, Batch: again}, bytes.NewReader(body.Bytes()))
		if err != nil || receipt.Accepted != 2500 {
			t.Fatalf("%+v, %v", receipt, err)
		}
		got := read(id)[1:]
		if len(got) != len(whole) {
			t.Fatalf("without message %d there are %d, want %d", missing, len(got), len(whole))
		}
		count := map[string]int{}
		for _, m := range got {
			count[string(m.Data)]++
		}
		for _, m := range whole {
			if count[string(m.Data)] != 1 {
				t.Errorf("without message %d one is there %d times", missing, count[string(m.Data)])
			}
		}
		there, err := b.Published(ctx, id, 1, "connector/x/1/")
		if err != nil || len(there) != len(whole) {
			t.Errorf("the bus tells of %d messages, %v", len(there), err)
		}
	}
}
