package sigma_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/detect/sigma"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// flatEvents reads Windows events that a collector flattened to one level (NXLog's JSON lines, packed with gzip).
func flatEvents(t testing.TB, limit int) []*normalise.Event {
	t.Helper()
	pattern := os.Getenv("BARTIZAN_BENCH_EVENTS")
	if pattern == "" {
		t.Skip("BARTIZAN_BENCH_EVENTS does not name files of Windows events (*.jsonl.gz)")
	}
	files, _ := filepath.Glob(pattern)
	var events []*normalise.Event
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(z)
		sc.Buffer(nil, 4<<20)
		n := 0
		for sc.Scan() && n < limit/len(files)+1 {
			var doc map[string]any
			if json.Unmarshal(sc.Bytes(), &doc) != nil {
				continue
			}
			nested := map[string]any{"Event": map[string]any{"System": map[string]any{"EventID": doc["EventID"], "Channel": doc["Channel"]}, "EventData": doc}}
			delete(doc, "EventID")
			delete(doc, "Channel")
			delete(doc, "Message")
			raw, _ := json.Marshal(nested)
			ev, err := flatten(raw)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Fields.Text("Channel") != "" {
				events = append(events, ev)
				n++
			}
		}
		f.Close()
	}
	t.Logf("%d events of %d files", len(events), len(files))
	return events
}

// BenchmarkCorpus matches real events against the whole public rule set; it reports events per second of one core.
func BenchmarkCorpus(b *testing.B) {
	set, _ := sigma.Compile(corpus(b))
	events := flatEvents(b, 60_000)
	var dst []sigma.Match
	hits := 0
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		dst = set.Match(events[i%len(events)], dst[:0])
		hits += len(dst)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(hits)/float64(b.N), "hits/event")
}

// BenchmarkByChannel splits BenchmarkCorpus by kind of event.
func BenchmarkByChannel(b *testing.B) {
	set, _ := sigma.Compile(corpus(b))
	kinds := map[string][]*normalise.Event{}
	for _, ev := range flatEvents(b, 60_000) {
		k := strings.ReplaceAll(fmt.Sprint(ev.Fields.Text("Channel"), "-", ev.Fields.Text("EventID")), "/", "_")
		kinds[k] = append(kinds[k], ev)
	}
	for k, events := range kinds {
		if len(events) < 200 {
			continue
		}
		b.Run(k, func(b *testing.B) {
			var dst []sigma.Match
			for i := 0; b.Loop(); i++ {
				dst = set.Match(events[i%len(events)], dst[:0])
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
