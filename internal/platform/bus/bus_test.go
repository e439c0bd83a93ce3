package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func open(t *testing.T, dir string, maxBytes uint64) *bus.Bus {
	t.Helper()
	b, err := bus.Open(context.Background(), bus.Options{Dir: dir, MaxBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publish(t *testing.T, b *bus.Bus, n int, size int) {
	t.Helper()
	for i := range n {
		data := append(bytes.Repeat([]byte{'x'}, size), fmt.Sprint(i)...)
		if _, err := b.Publish(context.Background(), "t1", "winlog", map[string]string{"lab": "run-1"}, data); err != nil {
			t.Fatal(err)
		}
	}
}

func take(t *testing.T, r *bus.Reader, n int) []bus.Message {
	t.Helper()
	var got []bus.Message
	for len(got) < n {
		batch, err := r.Next(context.Background(), 7, 1<<20, 10*time.Second)
		if err != nil || len(batch) == 0 {
			t.Fatalf("after %d records: %d more, %v", len(got), len(batch), err)
		}
		got = append(got, batch...)
	}
	return got
}

func TestRecordsSurviveAndComeInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	b := open(t, dir, 0)
	publish(t, b, 20, 10)
	b.Close()

	b = open(t, dir, 0)
	defer b.Close()
	r, err := b.Consume(context.Background(), "t1", 6)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := take(t, r, 15)
	for i, m := range got {
		if m.Sequence != uint64(i+6) || m.Source != "winlog" || m.Tenant != "t1" || m.Header["lab"] != "run-1" || !bytes.HasSuffix(m.Data, fmt.Append(nil, i+5)) {
			t.Fatalf("record %d is %+v", i, m)
		}
	}
	// what comes later is delivered too, and a wait without records ends
	if batch, err := r.Next(context.Background(), 7, 1<<20, 50*time.Millisecond); err != nil || len(batch) != 0 {
		t.Fatalf("at the end: %v, %v", batch, err)
	}
	publish(t, b, 1, 1)
	if m := take(t, r, 1)[0]; m.Sequence != 21 {
		t.Errorf("the next record is %d; want 21", m.Sequence)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Next(ctx, 1, 1, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func TestTenantsDoNotMeet(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	defer b.Close()
	publish(t, b, 3, 1)
	seq, err := b.Publish(context.Background(), "t2", "mail", nil, []byte("other"))
	if err != nil || seq != 1 {
		t.Fatalf("first record of t2 has sequence %d, %v", seq, err)
	}
	r, err := b.Consume(context.Background(), "t2", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := r.Next(context.Background(), 10, 1<<20, time.Second)
	if err != nil || len(got) != 1 || string(got[0].Data) != "other" {
		t.Errorf("t2 reads %v, %v", got, err)
	}
	for _, bad := range []string{"", "a.b", "*", ">", "t 1"} {
		if _, err := b.Publish(context.Background(), "t1", bad, nil, nil); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("source %q: %v; want invalid", bad, err)
		}
	}
	if _, err := b.Publish(context.Background(), "T*", "mail", nil, nil); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("tenant T*: %v; want invalid", err)
	}
	if _, err := b.Publish(context.Background(), "t1", "mail", map[string]string{"a": "b\r\nc: d"}, nil); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("header with a line break: %v; want invalid", err)
	}
}

func TestAFullStreamRefusesAndKeepsTheOld(t *testing.T) {
	b := open(t, t.TempDir(), 64<<10)
	defer b.Close()
	ctx := context.Background()
	var refused error
	kept := 0
	for range 200 {
		if _, refused = b.Publish(ctx, "t1", "winlog", nil, make([]byte, 1000)); refused != nil {
			break
		}
		kept++
	}
	if fault.CodeOf(refused) != fault.Unavailable || kept < 40 {
		t.Fatalf("after %d records: %v; want unavailable", kept, refused)
	}
	st, err := b.Status(ctx, "t1")
	if err != nil || st.Messages != uint64(kept) || st.First != 1 || st.MaxBytes != 64<<10 {
		t.Fatalf("status %+v, %v", st, err)
	}
	if err := b.Trim(ctx, "t1", uint64(kept), time.Hour); err != nil {
		t.Fatal(err)
	}
	if st, _ := b.Status(ctx, "t1"); st.Messages != uint64(kept) {
		t.Errorf("Trim removed records younger than it was told to keep: %+v", st)
	}
	release := b.Hold()
	if err := b.Trim(ctx, "t1", 10, 0); err != nil {
		t.Fatal(err)
	}
	if st, _ := b.Status(ctx, "t1"); st.First != 1 {
		t.Errorf("Trim removed records during a hold: %+v", st)
	}
	release()
	if err := b.Trim(ctx, "t1", 10, 0); err != nil {
		t.Fatal(err)
	}
	if st, _ := b.Status(ctx, "t1"); st.First != 11 {
		t.Errorf("after Trim to 10 the first record is %d", st.First)
	}
	if _, err := b.Publish(ctx, "t1", "winlog", nil, make([]byte, 1000)); err != nil {
		t.Errorf("after Trim there is room, but: %v", err)
	}
}

func TestPublishAllAndTooLarge(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	defer b.Close()
	ctx := context.Background()
	records := make([]bus.Outgoing, 50)
	for i := range records {
		records[i] = bus.Outgoing{Source: "auto", Data: fmt.Append(nil, i)}
	}
	if n, err := b.PublishAll(ctx, "t1", records); n != 50 || err != nil {
		t.Fatalf("PublishAll = %d, %v", n, err)
	}
	records[30].Source = "not a source"
	if n, err := b.PublishAll(ctx, "t1", records); n != 30 || fault.CodeOf(err) != fault.Invalid {
		t.Errorf("PublishAll with a bad record = %d, %v; want 30, invalid", n, err)
	}
	if _, err := b.Publish(ctx, "t1", "mail", nil, make([]byte, bus.MaxMessage+1)); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("a record over the limit: %v; want too_large", err)
	}
}

func TestRestoreGoesOnAtANumber(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 0)
	ctx := context.Background()
	if err := b.Restore(ctx, "t1", 41); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 2, 1)
	if code := fault.CodeOf(b.Restore(ctx, "t1", 1)); code != fault.Conflict {
		t.Errorf("Restore over records: %q; want conflict", code)
	}
	b.Close()
	b = open(t, dir, 1<<20) // another limit, which updates the stream
	defer b.Close()
	st, err := b.Status(ctx, "t1")
	if err != nil || st.First != 41 || st.Last != 42 || st.MaxBytes != 1<<20 {
		t.Errorf("after a restart: %+v, %v", st, err)
	}
	if seq, err := b.Publish(ctx, "t1", "winlog", nil, []byte("x")); seq != 43 || err != nil {
		t.Errorf("next record is %d, %v", seq, err)
	}
}

func TestABusThatWasLost(t *testing.T) {
	ctx := context.Background()
	b := open(t, t.TempDir(), 0)
	defer b.Close()
	r, err := b.Consume(ctx, "t1", 101) // the lake has 100 messages of a bus that is gone
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	publish(t, b, 1, 1)
	if got := take(t, r, 1); got[0].Sequence != 101 {
		t.Errorf("the next message is %d; want 101", got[0].Sequence)
	}
	if _, err := b.Consume(ctx, "t1", 500); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a position behind the end of a bus with records: %v; want conflict", err)
	}
}

func TestAnnounce(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	defer b.Close()
	var mu sync.Mutex
	var got []string
	heard := make(chan struct{}, 2)
	stop, err := b.Listen(func(data []byte) {
		mu.Lock()
		got = append(got, string(data))
		mu.Unlock()
		heard <- struct{}{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, s := range []string{"a", "b"} {
		if err := b.Announce("t1", "incident", []byte(s)); err != nil {
			t.Fatal(err)
		}
		<-heard
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("heard %v", got)
	}
	if err := b.Announce("t1", "a.b", nil); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("kind a.b: %v; want invalid", err)
	}
}

func BenchmarkPublishSynced(b *testing.B) {
	dir := b.TempDir()
	q, err := bus.Open(context.Background(), bus.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	data := make([]byte, 256<<10)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := q.Publish(context.Background(), "t1", "winlog", nil, data); err != nil {
			b.Fatal(err)
		}
	}
}
