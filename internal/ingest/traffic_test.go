package ingest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// noon is when these tests happen.
var noon = time.Date(2031, 5, 6, 12, 0, 30, 0, time.UTC)

// processes are two counters on one database with one clock, as two ingest nodes have.
func processes(t *testing.T, location string) (a, b *Traffic, now *time.Time) {
	t.Helper()
	at := noon
	open := func() *Traffic {
		db, err := state.Open(context.Background(), location)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		tr := NewTraffic(db, telemetry.Discard())
		tr.now = func() time.Time { return at }
		return tr
	}
	return open(), open(), &at
}

func flush(t *testing.T, all ...*Traffic) {
	t.Helper()
	for _, tr := range all {
		if err := tr.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSenders(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		a, b, now := processes(t, location)
		beat := Sender{Kind: SenderToken, ID: "t1", Name: "beats", Address: "192.0.2.1"}
		a.Delivered("default", beat, map[string]int64{"winlog": 90, "generic": 10}, 5, 2000)
		b.Delivered("default", beat, map[string]int64{"linux": 20}, 0, 300)
		b.Delivered("t2", Sender{Kind: SenderSyslog, ID: "192.0.2.9"}, map[string]int64{"network": 1}, 0, 10)
		b.Delivered("default", beat, nil, 0, 0) // nothing is not a sign of life
		flush(t, a, b)
		// A restart begins with what was written.
		c, _, _ := processes(t, location)
		c.now = a.now
		*now = now.Add(time.Minute)
		c.Delivered("default", beat, map[string]int64{"winlog": 30}, 0, 100)
		flush(t, c)
		list, err := a.Senders(ctx, "default")
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		s := list[0]
		if s.ID != "token:t1" || s.Records != 155 || s.Refused != 5 || s.Bytes != 2400 || s.Families != "generic linux winlog" || s.Name != "beats" || s.Address != "192.0.2.1" ||
			!s.FirstSeen.Equal(noon) || !s.LastSeen.Equal(*now) || s.State != StateDelivering {
			t.Errorf("%+v", s)
		}
		if s.Recent[58] != 125 || s.Recent[59] != 30 || len(s.Recent) != 60 || RatePerMinute(s.Recent) != 125.0/15 {
			t.Errorf("minutes %v, rate %v", s.Recent, RatePerMinute(s.Recent))
		}
		if other, err := a.Senders(ctx, "t2"); err != nil || len(other) != 1 || other[0].ID != "syslog:192.0.2.9" {
			t.Errorf("%v %v", other, err)
		}
	})
}

func TestManySenders(t *testing.T) {
	a, _, _ := processes(t, t.TempDir()+"/state.db")
	a.perHouse["default"] = maxSenders - 1
	for i := range 5 {
		a.Delivered("default", Sender{Kind: SenderSyslog, ID: fmt.Sprint(i)}, map[string]int64{"linux": 1}, 0, 1)
	}
	flush(t, a)
	list, err := a.Senders(context.Background(), "default")
	if err != nil || len(list) != 2 || list[0].Records+list[1].Records != 5 || list[0].ID != "syslog:0" || list[1].ID != "syslog:others" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestCountsSurviveAnOutage(t *testing.T) {
	a, _, _ := processes(t, t.TempDir()+"/state.db")
	s := Sender{Kind: SenderToken, ID: "x"}
	a.Delivered("default", s, map[string]int64{"linux": 1}, 0, 1)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if a.Flush(gone) == nil {
		t.Fatal("the flush did not fail")
	}
	a.Delivered("default", s, map[string]int64{"winlog": 2}, 0, 1)
	flush(t, a)
	if list, err := a.Senders(context.Background(), "default"); err != nil || len(list) != 1 || list[0].Records != 3 || list[0].Families != "linux winlog" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestQuotaOfRecords(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		a, b, now := processes(t, location)
		s := Sender{Kind: SenderToken, ID: "t", Account: "t"}
		q := Quota{RecordsPerMinute: 60}
		admit := func(tr *Traffic) (*Grant, error) { return tr.Admit(ctx, "default", s, q, -1) }
		g, err := admit(a)
		if err != nil || g.Records != 60 {
			t.Fatalf("%+v %v", g, err)
		}
		a.Delivered("default", s, map[string]int64{"linux": 40}, 5, 1)
		if g, err = admit(a); err != nil || g.Records != 15 {
			t.Fatalf("after 45: %+v %v", g, err)
		}
		// A delivery may overfill the bucket; later ones wait.
		a.Delivered("default", s, map[string]int64{"linux": 45}, 0, 1)
		_, err = admit(a)
		var f *fault.Error
		if fault.CodeOf(err) != fault.Busy || !asFault(err, &f) || f.Details["retryAfter"] != int64(31) {
			t.Fatalf("%v %+v", err, f)
		}
		*now = now.Add(31 * time.Second)
		if g, err = admit(a); err != nil || g.Records != 1 {
			t.Fatalf("when told to come again: %+v %v", g, err)
		}
		// The other process learns of it, and adds its own.
		if _, err = admit(b); err != nil {
			t.Fatal(err)
		}
		b.Delivered("default", s, map[string]int64{"linux": 30}, 0, 1)
		flush(t, b, a)
		if _, err = admit(a); fault.CodeOf(err) != fault.Busy {
			t.Errorf("what the other process took is free: %v", err)
		}
		flush(t, a)
		list, err := a.Senders(ctx, "default")
		if err != nil || list[0].Throttled != 2 {
			t.Errorf("%+v %v", list, err)
		}
		if g, err := a.Admit(ctx, "t2", s, q, -1); err != nil || g.Records != 60 {
			t.Errorf("a tenant pays for another: %+v %v", g, err)
		}
		if g, err := a.Admit(ctx, "default", s, Quota{}, -1); err != nil || g.Records >= 0 {
			t.Errorf("without a quota: %+v %v", g, err)
		}
	})
}

func asFault(err error, f **fault.Error) bool {
	e, ok := err.(*fault.Error)
	*f = e
	return ok
}

func TestQuotaOfBytes(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		a, _, now := processes(t, location)
		s := Sender{Kind: SenderToken, ID: "t", Account: "t"}
		q := Quota{BytesPerDay: 1000}
		if _, err := a.Admit(ctx, "default", s, q, 1001); fault.CodeOf(err) != fault.TooLarge {
			t.Errorf("more than a day's: %v", err)
		}
		g, err := a.Admit(ctx, "default", s, q, 700)
		if err != nil || g.Bytes != 1000 {
			t.Fatalf("%+v %v", g, err)
		}
		if _, err := a.Admit(ctx, "default", s, q, 400); fault.CodeOf(err) != fault.Busy {
			t.Errorf("beside one that is being read: %v", err)
		}
		a.Delivered("default", s, map[string]int64{"linux": 1}, 0, 650)
		g.Release()
		g.Release()
		if g, err = a.Admit(ctx, "default", s, q, -1); err != nil || g.Bytes != 350 || fault.CodeOf(g.Refuse()) != fault.Busy {
			t.Fatalf("%+v %v", g, err)
		}
		flush(t, a)
		// A restart forgets nothing of the day.
		c, _, _ := processes(t, location)
		c.now = a.now
		if _, err := c.Admit(ctx, "default", s, q, 400); fault.CodeOf(err) != fault.Busy {
			t.Errorf("after a restart: %v", err)
		}
		*now = now.Add(12 * time.Hour)
		if g, err := c.Admit(ctx, "default", s, q, 900); err != nil || g.Bytes != 1000 {
			t.Errorf("the next day: %+v %v", g, err)
		}
		flush(t, c)
	})
}

func TestStates(t *testing.T) {
	for name, c := range map[string]struct {
		gap     time.Duration
		steady  int64
		quarter count
		want    string
	}{
		"just now":                      {time.Second, 60, count{records: 10}, StateDelivering},
		"a new one":                     {time.Second, 0, count{records: 1}, StateDelivering},
		"most is refused":               {time.Second, 60, count{records: 10, refused: 6}, StateFailing},
		"some is refused":               {time.Second, 60, count{records: 10, refused: 3}, StateDelivering},
		"every minute, 10 minutes ago":  {10 * time.Minute, 60, count{}, StateQuiet},
		"every minute, 20 minutes ago":  {20 * time.Minute, 60, count{}, StateSilent},
		"every minute, 2 days ago":      {48 * time.Hour, 60, count{}, StateSilent},
		"every minute, 8 days ago":      {8 * 24 * time.Hour, 60, count{}, StateQuiet},
		"every 10 min, 20 minutes ago":  {20 * time.Minute, 6, count{}, StateQuiet},
		"every 10 min, 31 minutes ago":  {31 * time.Minute, 6, count{}, StateSilent},
		"now and then, 31 minutes ago":  {31 * time.Minute, 2, count{}, StateQuiet},
		"every hour, a quarter ago":     {15 * time.Minute, 1, count{}, StateDelivering},
		"never more than once, an hour": {time.Hour, 1, count{}, StateQuiet},
	} {
		if got := stateOf(noon.Add(-c.gap), c.steady, c.quarter, noon); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// record is a live record of a device whose event lies that far ahead of its arrival.
func record(o *observed, device string, received time.Time, ahead time.Duration) {
	row := schema.NewRow("DeviceProcessEvents")
	row.Set("Timestamp", received.Add(ahead))
	row.Set("DeviceName", device)
	o.note(&normalise.Record{Source: "winlog", Received: received, Data: make([]byte, 100)}, []*schema.Row{row}, nil, false)
}

func TestHealthOfSources(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		a, b, now := processes(t, location)
		for i := range 40 { // 40 minutes of regular deliveries, to two processes in turn
			*now = now.Add(time.Minute)
			var o observed
			for range 9 {
				record(&o, "steady", now.Add(-2*time.Second), -3*time.Second)
			}
			record(&o, "late", now.Add(-2*time.Second), -3*time.Hour)
			if i == 0 {
				record(&o, "ahead", now.Add(-2*time.Second), time.Hour)
			}
			tr := []*Traffic{a, b}[i%2]
			f := o.families["winlog"]
			records := NewRecords(tr.db)
			if err := records.keep(ctx, "default", nil, map[string]*health{"winlog": {records: f.records, bytes: f.bytes, last: *now}}, &o); err != nil {
				t.Fatal(err)
			}
			tr.committed("default", &o)
			flush(t, a, b)
		}
		list, err := a.Sources(ctx, "default")
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		s := list[0]
		if s.Records != 401 || s.Late != 40 || s.Ahead != 1 || s.Bytes != 40100 || s.State != StateDelivering || s.RatePerMinute != 10 {
			t.Errorf("%+v", s)
		}
		if s.Lag != 2*time.Second || s.Delay != 3*time.Second {
			t.Errorf("lag %s, delay %s", s.Lag, s.Delay)
		}
		*now = now.Add(20 * time.Minute)
		flush(t, a)
		silent, err := b.Silent(ctx, "default")
		if err != nil || len(silent) != 1 || silent[0].Family != "winlog" {
			t.Errorf("%v %v", silent, err)
		}
		if other, err := b.Silent(ctx, "t2"); err != nil || len(other) != 0 {
			t.Errorf("another tenant: %v %v", other, err)
		}
	})
}

func TestClocks(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		a, _, now := processes(t, location)
		tell := func(n int, ahead func(i int) map[string]time.Duration) {
			for i := range n {
				*now = now.Add(time.Second)
				var o observed
				for device, d := range ahead(i) {
					record(&o, device, *now, d)
				}
				a.committed("default", &o)
			}
			flush(t, a)
		}
		tell(20, func(i int) map[string]time.Duration {
			jitter := time.Duration(i%3) * time.Second
			m := map[string]time.Duration{
				"right": -jitter, "ahead": 10*time.Minute - jitter, "behind": -2*time.Hour - jitter,
				"backlog": -time.Duration(200-10*i) * time.Minute, // delivers what it had gathered, faster than time
				"once":    -jitter,
			}
			if i == 3 {
				m["once"] = 40 * time.Minute // one odd event is no wrong clock
			}
			if i < 5 {
				m["few"] = time.Hour
			}
			return m
		})
		got, err := a.Clocks(ctx, "default")
		if err != nil || len(got) != 2 || got[0].Device != "behind" || got[1].Device != "ahead" || got[0].SkewMS != -7_201_000 || got[1].SkewMS != 599_000 {
			t.Fatalf("%+v %v", got, err)
		}
		// Clocks that were put right are forgotten.
		tell(70, func(int) map[string]time.Duration {
			return map[string]time.Duration{"ahead": -time.Second, "behind": -time.Second}
		})
		if got, err := a.Clocks(ctx, "default"); err != nil || len(got) != 0 {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestDetectionsStayOutOfTheFuture(t *testing.T) {
	b := &batch{records: []*normalise.Record{{Received: noon.Add(-time.Minute)}, {Received: noon}}}
	for _, at := range []time.Time{noon.Add(-24 * time.Hour), noon.Add(time.Minute), noon.AddDate(70, 0, 0)} {
		b.found.all = append(b.found.all, incident.Detection{Time: at, Hit: incident.Hit{Time: at}})
	}
	b.boundTimes()
	for i, want := range []time.Time{noon.Add(-24 * time.Hour), noon.Add(time.Minute), noon} {
		if d := b.found.all[i]; !d.Time.Equal(want) || !d.Hit.Time.Equal(want) {
			t.Errorf("detection %d: %v and %v, want %v", i, d.Time, d.Hit.Time, want)
		}
	}
}
