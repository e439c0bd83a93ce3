package ingest

import (
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

func TestLagIsThatOfTheOldestRecordOnItsWay(t *testing.T) {
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	records := func(seconds ...int) []*normalise.Record {
		var out []*normalise.Record
		for _, s := range seconds {
			out = append(out, &normalise.Record{Received: at(s)})
		}
		return out
	}
	var none *Lag
	none.taken(records(1))
	none.committed(1, at(1), at(1), at(2))
	l := &Lag{}
	want := func(now int, seconds float64) {
		t.Helper()
		if got := l.Seconds(at(now)); got != seconds {
			t.Errorf("at %d s the lag is %g s; want %g", now, got, seconds)
		}
	}
	want(5, 0)
	l.taken(records(10, 11))
	l.taken(records(12))
	want(15, 5)
	l.committed(2, at(10), at(11), at(16))
	want(16, 5) // what is left was received after the last that was committed
	want(20, 9) // nothing was committed meanwhile
	l.committed(1, at(12), at(12), at(21))
	want(100, 9)
	l.taken(records(200))
	l.restart()
	want(300, 9)
	if l.Records() != 3 {
		t.Errorf("%d records were committed; want 3", l.Records())
	}
}
