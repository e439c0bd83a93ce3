package kql_test

import (
	"sort"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
)

// BenchmarkCompile compiles the public hunting queries in turn and reports the median and the slowest.
func BenchmarkCompile(b *testing.B) {
	catalog := huntingTables(b)
	var queries []string
	for _, c := range corpus(b, "hunting_m365d.jsonl") {
		if c.Binds == "yes" {
			queries = append(queries, c.Query)
		}
	}
	opt := kql.Options{Now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
	var times []time.Duration
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		if _, err := kql.Compile(queries[i%len(queries)], catalog, opt); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "median-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(times[len(times)-1].Microseconds()), "max-us")
}
