package incident_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// labelled is a raw alert of a labelled set: what it is, and which attack step caused it ("-" for none).
type labelled struct{ kind, host, address, label string }

// figures are the pairwise measures over items (kind, host, address, label): repeats count once.
type figures struct {
	alerts, incidents, items int
	together, pure, f1, rate float64
	lost                     int
	missed, foreign          []labelled
}

// TestLabelledSets measures correlation on labelled alert sets where they are at hand. Set BARTIZAN_ALERT_SETS to the folder of ait-ads-*.csv.gz files.
func TestLabelledSets(t *testing.T) {
	folder := os.Getenv("BARTIZAN_ALERT_SETS")
	files, _ := filepath.Glob(filepath.Join(folder, "ait-ads-*.csv.gz"))
	if folder == "" || len(files) == 0 {
		t.Skip("BARTIZAN_ALERT_SETS does not name a folder with labelled alert sets")
	}
	var together, pure, f1 float64
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "ait-ads-"), ".csv.gz")
		f := measure(t, file)
		t.Logf("%-10s alerts %5d incidents %4d items %3d together %.3f pure %.3f f1 %.3f lost %d, %.0f hits/s", name, f.alerts, f.incidents, f.items, f.together, f.pure, f.f1, f.lost, f.rate)
		if os.Getenv("BARTIZAN_ALERT_SETS_SHOW") == name {
			for _, l := range f.missed {
				t.Logf("  missed  %v", l)
			}
			for _, l := range f.foreign {
				t.Logf("  foreign %v", l)
			}
		}
		if f.lost != 0 {
			t.Errorf("%s: %d hits lost", name, f.lost)
		}
		together, pure, f1 = together+f.together, pure+f.pure, f1+f.f1
	}
	n := float64(len(files))
	t.Logf("mean       together %.3f pure %.3f f1 %.3f", together/n, pure/n, f1/n)
	if together/n < 0.8 || pure/n < 0.5 || f1/n < 0.6 {
		t.Errorf("below the floors together 0.8, pure 0.5, f1 0.6")
	}
}

func measure(t *testing.T, file string) figures {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := incident.New(db, incident.Options{})
	truth := readLabelled(t, file)
	start := time.Now()
	for i := 0; i < len(truth.detections); i += 1000 {
		if _, err := s.Accept(ctx, truth.detections[i:min(i+1000, len(truth.detections))]); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(start).Seconds()

	where := map[string]int64{}
	if err := s.Hits(ctx, "default", "", func(h incident.HitRecord) error { where[h.ExternalID] = h.IncidentID; return nil }); err != nil {
		t.Fatal(err)
	}
	alerts, err := s.Alerts(ctx, "default", incident.Query{Top: 1, Count: true})
	if err != nil {
		t.Fatal(err)
	}
	f := score(truth.of, where)
	f.alerts, f.rate = int(alerts.Count), float64(len(truth.detections))/took
	return f
}

type truthSet struct {
	detections []incident.Detection
	of         map[string]labelled
}

func readLabelled(t *testing.T, file string) truthSet {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	out := truthSet{of: map[string]labelled{}}
	for i := 0; ; i++ {
		row, err := r.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		seconds, _ := strconv.ParseFloat(row[0], 64)
		id := strconv.Itoa(i)
		out.of[id] = labelled{row[4], row[3], row[2], row[6]}
		at := time.Unix(int64(seconds), 0).UTC()
		out.detections = append(out.detections, incident.Detection{
			Tenant: "default", RuleID: row[1], Title: row[1], Severity: incident.Medium, ServiceSource: "siem", DetectionSource: "thirdPartySensor",
			Time: at, Hit: incident.Hit{ExternalID: id, Time: at},
			Evidence: []incident.Evidence{{Type: "device", HostName: row[3]}, {Type: "ip", Address: row[2]}},
		})
	}
}

// score folds hits into items, gives each the incident most of its hits are in, and compares with the labels.
func score(truth map[string]labelled, where map[string]int64) figures {
	var f figures
	count := map[labelled]map[int64]int{}
	for id, l := range truth {
		at, ok := where[id]
		if !ok {
			f.lost++
			continue
		}
		if count[l] == nil {
			count[l] = map[int64]int{}
		}
		count[l][at]++
	}
	of := map[labelled]int64{}
	size := map[int64]int{}
	attack := map[int64]int{}
	all := 0
	for l, c := range count {
		best := int64(0)
		for at, n := range c {
			if best == 0 || n > c[best] || n == c[best] && at < best {
				best = at
			}
		}
		of[l] = best
		size[best]++
		if l.label != "-" {
			attack[best]++
			all++
		}
	}
	main := int64(0)
	for at, n := range attack {
		if main == 0 || n > attack[main] {
			main = at
		}
	}
	pairs := func(k int) float64 { return float64(k) * float64(k-1) / 2 }
	hit, said := 0.0, 0.0
	for at, n := range attack {
		hit += pairs(n)
		said += pairs(size[at]) - pairs(size[at]-n)
	}
	precision, recall := hit/said, hit/pairs(all)
	distinct := map[int64]bool{}
	for _, at := range where {
		distinct[at] = true
	}
	for l, at := range of {
		if l.label != "-" && at != main {
			f.missed = append(f.missed, l)
		} else if l.label == "-" && at == main {
			f.foreign = append(f.foreign, l)
		}
	}
	f.incidents, f.items = len(distinct), all
	f.together, f.pure, f.f1 = float64(attack[main])/float64(all), float64(attack[main])/float64(size[main]), 2*precision*recall/(precision+recall)
	return f
}

var _ = fmt.Sprint
