package ingest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
)

func openBus(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Open(context.Background(), bus.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// messages reads what is on the bus, as "source host: data".
func messages(t *testing.T, b *bus.Bus, from uint64) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := b.Consume(ctx, "default", from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	list, err := r.Next(ctx, 64, 8<<20, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		data, from := m.Data, m.Source+" "+m.Header["Bartizan-Host"]
		if lab := m.Header["Bartizan-Lab"]; lab != "" {
			from += " " + lab
		}
		for len(data) > 0 { // records are framed by a length of one byte here
			n := int(data[0])
			head := 1
			if n >= 0x80 {
				n, head = int(data[0]&0x7f)|int(data[1])<<7, 2
			}
			out = append(out, from+": "+string(data[head:head+n]))
			data = data[head+n:]
		}
	}
	return out
}

func TestTake(t *testing.T) {
	f := setUp(t)
	b := openBus(t)
	r := ingest.NewReceiver(b, f.records, []ingest.Family{{Family: linux.New(), Probe: linux.Probe}})
	line := func(serial, kind string) string {
		return "type=" + kind + " msg=audit(1700000000.123:" + serial + "): pid=1"
	}
	envelope := func(host, message string) []byte {
		return []byte(`{"host":{"name":"` + host + `"},"message":"` + message + `"}`)
	}
	taken, err := r.Take(context.Background(), ingest.Delivery{Tenant: "default"}, []dialect.Record{
		{Data: envelope("web1", line("7", "SYSCALL"))},
		{Data: envelope("web1", line("7", "EXECVE"))},
		{Data: envelope("web2", line("7", "SYSCALL"))},
		{Data: []byte("  ")},
		{Data: []byte("what is this"), Host: "web3"},
		{Data: []byte("<13>1 2031-03-04T05:06:07Z web4 sshd 7 - - hello")},
	})
	if err != nil || taken.Accepted != 4 || taken.RefusedCount != 1 || taken.Refused[3] == nil || taken.Refused[2] != nil {
		t.Fatalf("%+v, %v", taken, err)
	}
	want := []string{
		"linux web1: " + line("7", "SYSCALL") + "\n" + line("7", "EXECVE"), "linux web2: " + line("7", "SYSCALL"), "auto web3: what is this",
		"linux : <13>1 2031-03-04T05:06:07Z web4 sshd 7 - - hello",
	}
	if got := messages(t, b, 1); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("on the bus: %q\nwant %q", got, want)
	}
	if _, err := r.Take(context.Background(), ingest.Delivery{Tenant: "default", Source: "nobody"}, nil); err == nil {
		t.Error("an unknown family is taken")
	}
}

func TestReplay(t *testing.T) {
	f := setUp(t)
	ctx := context.Background()
	b := openBus(t)
	r := ingest.NewReceiver(b, f.records, f.config().Families)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	keep := []ingest.Refusal{
		{Source: "notes", File: "a", Number: 1, Code: "invalid", Message: "m", Data: []byte(`{"name":"a.exe"}`), Time: at, Host: "web1", Lab: "run7"},
		{Source: "notes", File: "a", Number: 2, Code: "invalid", Message: "m", Time: at},
		{Source: "notes", File: "a", Number: 3, Code: "invalid", Message: "m", Data: make([]byte, 2<<20), Time: at},
	}
	if err := f.records.Keep(ctx, "default", keep, nil); err != nil {
		t.Fatal(err)
	}
	letters, _, err := f.records.DeadLetters(ctx, "default", 0, 10)
	if err != nil || len(letters) != 3 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	ids := []string{"unknown"}
	for _, l := range letters {
		ids = append(ids, l.ID)
	}
	if other, err := r.Replay(ctx, "other", ids); err != nil || other.Sent != 0 || len(other.Left) != 0 {
		t.Errorf("another tenant replays %+v, %v", other, err)
	}
	if n, err := f.records.Drop(ctx, "other", ids); err != nil || n != 0 {
		t.Errorf("another tenant drops %d, %v", n, err)
	}
	done, err := r.Replay(ctx, "default", ids)
	if err != nil || done.Sent != 1 || len(done.Left) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := messages(t, b, 1); len(got) != 1 || got[0] != `notes web1 run7: {"name":"a.exe"}` {
		t.Errorf("on the bus: %q", got)
	}
	if _, n, err := f.records.DeadLetters(ctx, "default", 0, 10); err != nil || n != 2 {
		t.Errorf("%d letters are left, %v", n, err)
	}
	if _, err := r.Replay(ctx, "default", make([]string, ingest.MaxReplay+1)); err == nil {
		t.Error("too many are replayed")
	}
}
