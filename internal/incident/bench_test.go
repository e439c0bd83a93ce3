package incident_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// Environment of the benchmarks: BARTIZAN_BENCH_STATE is the location of a state database that is filled once and used again (a fresh SQLite file
// without it); BARTIZAN_BENCH_INCIDENTS is how many incidents it gets.
func benchService(b *testing.B) *incident.Service {
	b.Helper()
	location := os.Getenv("BARTIZAN_BENCH_STATE")
	if location == "" {
		location = filepath.Join(b.TempDir(), "state.db")
	}
	want := 100_000
	if n, err := strconv.Atoi(os.Getenv("BARTIZAN_BENCH_INCIDENTS")); err == nil {
		want = n
	}
	db, err := state.Open(ctx, location)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	s := incident.New(db, incident.Options{})
	p, err := s.Incidents(ctx, "default", incident.Query{Top: 1, Count: true})
	if err != nil {
		b.Fatal(err)
	}
	if p.Count < int64(want)*9/10 {
		start := time.Now()
		populate(b, s, want)
		b.Logf("made incidents in %v", time.Since(start).Round(time.Second))
	}
	return s
}

// populate puts realistic incidents through the service: many devices and people, half a year, a third of them of several alerts, some worked on.
func populate(b *testing.B, s *incident.Service, want int) {
	b.Helper()
	r := rand.New(rand.NewPCG(7, 11))
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	tactics := []string{"InitialAccess", "Execution", "Persistence", "CredentialAccess", "Discovery", "LateralMovement", "CommandAndControl", "Impact", "Malware", "SuspiciousActivity"}
	sources := [][2]string{{"endpoint", "edr"}, {"endpoint", "antivirus"}, {"email", "email"}, {"identity", "identity"}, {"cloudapps", "cloudAppSecurity"}, {"siem", "thirdPartySensor"}}
	var batch []incident.Detection
	record := int64(0)
	flush := func() {
		if _, err := s.Accept(ctx, batch); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	for i := range want {
		at := start.Add(time.Duration(float64(i) / float64(want) * float64(180*24*time.Hour)))
		alerts := 1
		if i%3 == 0 {
			alerts = 2 + r.IntN(4)
		}
		dev, who := fmt.Sprintf("pc-%05d.corp.example", i%40_000), fmt.Sprintf("user%05d", (i*7)%30_000)
		for a := range alerts {
			record++
			src := sources[r.IntN(len(sources))]
			rule := r.IntN(900)
			batch = append(batch, incident.Detection{
				Tenant: "default", RuleID: fmt.Sprint("rule-", rule), Title: fmt.Sprintf("Suspicious behaviour number %d was seen", rule),
				Severity: incident.SeverityOf(r.IntN(4)), Category: tactics[r.IntN(len(tactics))], Techniques: []string{fmt.Sprintf("T1%03d", r.IntN(400))}, ServiceSource: src[0],
				DetectionSource: src[1], Time: at.Add(time.Duration(a) * 20 * time.Second), Hit: incident.Hit{File: "bench", Record: record},
				Evidence: []incident.Evidence{
					{Type: "device", HostName: dev},
					{Type: "user", AccountDomain: "CORP", AccountName: who},
					{Type: "process", ProcessGUID: fmt.Sprintf("%08x-%d", i, a), FileName: "tool.exe", CommandLine: "tool.exe -x", ParentProcessGUID: fmt.Sprintf("%08x-root", i)},
				},
			})
		}
		if len(batch) > 4000 {
			flush()
		}
	}
	flush()
	work(b, s, r)
}

// work gives a few thousand incidents owners, tags and ends.
func work(b *testing.B, s *incident.Service, r *rand.Rand) {
	b.Helper()
	people := []string{"anna", "bo", "cleo", "dan"}
	for range 1500 {
		p := incident.Patch{AssignedTo: &people[r.IntN(len(people))]}
		if r.IntN(2) == 0 {
			p.Status = ptr(incident.StatusResolved)
			p.Classification, p.Determination = ptr("FalsePositive"), ptr("Clean")
		}
		if r.IntN(3) == 0 {
			p.Tags = ptr([]string{[]string{"vip", "finance", "test"}[r.IntN(3)]})
		}
		if _, err := s.UpdateIncident(ctx, "default", anna, 1+r.Int64N(90_000), p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQueue measures what the incident queue asks for, and reports the 95th percentile of each question.
func BenchmarkQueue(b *testing.B) {
	s := benchService(b)
	open := []string{"Active", "InProgress"}
	end := time.Date(2024, 6, 29, 0, 0, 0, 0, time.UTC)
	real := false
	for _, c := range []struct {
		name string
		q    incident.Query
	}{
		{"default", incident.Query{Status: open, Severity: []string{"High", "Medium", "Low"}, Lab: &real}},
		{"month", incident.Query{Status: open, From: end.Add(-30 * 24 * time.Hour)}},
		{"everything", incident.Query{}},
		{"last_page", incident.Query{Skip: 90_000}},
		{"by_severity", incident.Query{Status: open, OrderBy: "severity:desc"}},
		{"by_name", incident.Query{Status: open, OrderBy: "name:asc"}},
		{"by_alerts", incident.Query{OrderBy: "alertCount:desc"}},
		{"mine", incident.Query{AssignedTo: []string{"anna"}}},
		{"resolved", incident.Query{Status: []string{"Resolved"}}},
		{"source", incident.Query{Status: open, ServiceSource: []string{"email"}}},
		{"two_values", incident.Query{ServiceSource: []string{"email", "identity"}, Category: []string{"Impact"}}},
		{"tag", incident.Query{Tag: []string{"vip"}}},
		{"device", incident.Query{Entity: "device:pc-00042.corp.example"}},
		{"search_name", incident.Query{Search: "number 77 was"}},
		{"search_asset", incident.Query{Search: "user00123"}},
		{"search_nothing", incident.Query{Search: "no such thing"}},
	} {
		c.q.Top, c.q.Count = 50, true
		b.Run(c.name, func(b *testing.B) {
			percentile(b, func() error { _, err := s.Incidents(ctx, "default", c.q); return err })
		})
	}
	b.Run("facets", func(b *testing.B) {
		percentile(b, func() error { _, err := s.IncidentFacets(ctx, "default", incident.Query{Status: open}); return err })
	})
	b.Run("page", func(b *testing.B) {
		percentile(b, func() error { _, err := s.Incident(ctx, "default", 300); return err })
	})
	b.Run("alert_facets", func(b *testing.B) {
		percentile(b, func() error {
			_, err := s.AlertFacets(ctx, "default", incident.Query{Status: []string{"New"}})
			return err
		})
	})
	b.Run("alerts_default", func(b *testing.B) {
		percentile(b, func() error {
			_, err := s.Alerts(ctx, "default", incident.Query{Status: []string{"New", "InProgress"}, Top: 50, Count: true})
			return err
		})
	})
}

func percentile(b *testing.B, fn func() error) {
	b.Helper()
	var took []time.Duration
	before := cpuTime()
	for b.Loop() {
		start := time.Now()
		if err := fn(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(len(took)), "cpu_ms")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95_ms")
}

// cpuTime is what the process has used; on a busy machine it says more than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecall measures how long the first batch after a start takes on a full database: what is ordinary there has to be read back.
func BenchmarkRecall(b *testing.B) {
	location := os.Getenv("BARTIZAN_BENCH_STATE")
	if location == "" {
		b.Skip("BARTIZAN_BENCH_STATE is not set")
	}
	db, err := state.Open(ctx, location)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for b.Loop() {
		s := incident.New(db, incident.Options{})
		d := incident.Detection{Tenant: "default", RuleID: "recall", Time: time.Now(), Evidence: []incident.Evidence{{Type: "device", HostName: "pc-00001.corp.example"}}}
		if _, err := s.Accept(ctx, []incident.Detection{d}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccept measures folding, storing and correlating: one operation is an alert of its own.
func BenchmarkAccept(b *testing.B) {
	db, err := state.Open(context.Background(), filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := incident.New(db, incident.Options{})
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	batch := make([]incident.Detection, 0, 1000)
	i := 0
	began := time.Now()
	for b.Loop() {
		i++
		batch = append(batch, incident.Detection{
			Tenant: "default", RuleID: fmt.Sprint("rule-", i%700), Title: "Alert", Severity: incident.Medium, Category: "Execution", ServiceSource: "endpoint",
			DetectionSource: "edr", Time: start.Add(time.Duration(i) * 7 * time.Second), Hit: incident.Hit{File: "bench", Record: int64(i)},
			Evidence: []incident.Evidence{
				{Type: "device", HostName: fmt.Sprint("pc-", i%5000)},
				{Type: "user", AccountName: fmt.Sprint("u", i%3000), AccountDomain: "CORP"},
				{Type: "process", ProcessGUID: fmt.Sprint("p-", i/3), FileName: "a.exe"},
			},
		})
		if len(batch) == cap(batch) {
			if _, err := s.Accept(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	b.ReportMetric(float64(i)/time.Since(began).Seconds(), "correlate_alerts_per_second")
}
