package main

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// lags shows, as metrics, how far the lakes that this process fills are behind what was received.
type lags struct {
	seconds, records *prometheus.Desc

	mu  sync.Mutex
	all map[tenant.ID]*ingest.Lag
}

var _ prometheus.Collector = (*lags)(nil)

func newLags() *lags {
	return &lags{
		seconds: prometheus.NewDesc("bartizan_ingest_lag_seconds", "Age of the oldest received record that is not in the lake yet; when there is none, how long the last commit's oldest had waited.", []string{"tenant"}, nil),
		records: prometheus.NewDesc("bartizan_ingest_records_total", "Records that this process brought into the lake.", []string{"tenant"}, nil),
		all:     map[tenant.ID]*ingest.Lag{},
	}
}

// begin gives what a tenant's consumer tells.
func (l *lags) begin(id tenant.ID) *ingest.Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[id] = &ingest.Lag{}
	return l.all[id]
}

// end forgets a tenant that another process takes care of from now on.
func (l *lags) end(id tenant.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, id)
}

// Describe implements prometheus.Collector.
func (l *lags) Describe(out chan<- *prometheus.Desc) {
	out <- l.seconds
	out <- l.records
}

// Collect implements prometheus.Collector.
func (l *lags) Collect(out chan<- prometheus.Metric) {
	l.mu.Lock()
	all := maps.Clone(l.all)
	l.mu.Unlock()
	now := time.Now()
	for id, lag := range all {
		out <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, lag.Seconds(now), string(id))
		out <- prometheus.MustNewConstMetric(l.records, prometheus.CounterValue, float64(lag.Records()), string(id))
	}
}
