package ingest

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// SourceHealth is how a family of sources is doing.
type SourceHealth struct {
	Source
	Lag           time.Duration // received -> queryable, mean of the last quarter of an hour
	Delay         time.Duration // event -> received, median of the last quarter of an hour; negative: events are ahead
	Recent        []int64       // records in each of the last 60 minutes, oldest first
	RatePerMinute float64
	State         string
	SkewedDevices int // whose clock is wrong
}

// Sources tells how the tenant's sources are doing, by name.
func (t *Traffic) Sources(ctx context.Context, id tenant.ID) ([]SourceHealth, error) {
	all, err := NewRecords(t.db).Sources(ctx, id)
	if err != nil {
		return nil, err
	}
	now := t.now()
	recent, err := t.recent(ctx, id, minutesOfFamily, now)
	if err != nil {
		return nil, err
	}
	clocks, err := t.Clocks(ctx, id)
	if err != nil {
		return nil, err
	}
	skewed := map[string]int{}
	for _, c := range clocks {
		skewed[c.Family]++
	}
	out := make([]SourceHealth, 0, len(all))
	for _, s := range all {
		h := recent[s.Family]
		quarter := h.quarter()
		v := SourceHealth{Source: s, Recent: h.counts(), State: stateOf(s.LastSeen.Time, s.Steady, quarter, now), SkewedDevices: skewed[s.Family]}
		v.RatePerMinute = RatePerMinute(v.Recent)
		if quarter.lagRecords > 0 {
			v.Lag = time.Duration(quarter.lagMS/quarter.lagRecords) * time.Millisecond
		}
		if quarter.delayRecords > 0 {
			v.Delay = time.Duration(quarter.delayMS/quarter.delayRecords) * time.Millisecond
		}
		out = append(out, v)
	}
	return out, nil
}

// Silent lists the sources that delivered regularly and have stopped.
func (t *Traffic) Silent(ctx context.Context, id tenant.ID) ([]SourceHealth, error) {
	all, err := t.Sources(ctx, id)
	var out []SourceHealth
	for _, s := range all {
		if s.State == StateSilent {
			out = append(out, s)
		}
	}
	return out, err
}
