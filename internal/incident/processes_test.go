package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// TestSeveralProcesses lets two processes work on one PostgreSQL database by turns: repeats fold into what the other opened, what the other closed takes none, and
// lists show what the other did.
func TestSeveralProcesses(t *testing.T) {
	each(t, func(f *fixture) {
		if strings.HasSuffix(f.location, ".db") {
			f.Skip("a SQLite file has one process")
		}
		db, err := state.Open(ctx, f.location)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { _ = db.Close() })
		other := incident.New(db, incident.Options{})
		there := func(found ...incident.Detection) incident.Result {
			f.Helper()
			r, err := other.Accept(ctx, found)
			if err != nil {
				f.Fatal(err)
			}
			return r
		}
		for turn := range 4 {
			at := noon.Add(time.Duration(turn) * time.Minute)
			f.accept(f.hit("rule", at, device("a")))
			there(f.hit("rule", at.Add(time.Second), device("a")))
			if n := len(f.incidents()); n != 1 {
				f.Fatalf("turn %d: the list has %d incidents", turn, n)
			}
			list, err := other.Incidents(ctx, "default", incident.Query{})
			if err != nil || len(list.Value) != 1 {
				f.Fatalf("turn %d: the other's list has %d incidents, %v", turn, len(list.Value), err)
			}
		}
		if list := f.alerts(); len(list) != 1 || list[0].HitCount != 8 {
			f.Fatalf("alerts: %d, hits %+v", len(list), list)
		}
		// An alert that the other opened joins what is open here.
		there(f.hit("another", noon.Add(2*time.Minute), device("b"), user("mira")))
		f.accept(f.hit("third", noon.Add(3*time.Minute), device("b"), user("mira")))
		if list := f.incidents(); len(list) != 2 {
			f.Errorf("%d incidents, want the two on device a and device b", len(list))
		}
		first := f.incidents()[0].ID
		if _, err := other.RemoveLab(ctx, "default"); err != nil { // changes nothing, and must not confuse
			f.Fatal(err)
		}
		f.accept(f.hit("rule", noon.Add(20*time.Minute), device("a")))
		if list := f.alerts(); len(list) != 3 || list[0].HitCount != 9 || list[0].IncidentID != first {
			f.Errorf("after more: %d alerts, %+v", len(list), list[0])
		}
	})
}
