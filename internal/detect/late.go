package detect

import (
	"context"
	"slices"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Arrivals tells which stretches of event time between from and to got records after since: the beginning of each stretch of ArrivalStretch.
type Arrivals func(ctx context.Context, id tenant.ID, since, from, to time.Time) ([]time.Time, error)

// ArrivalStretch is the length of the stretches that Arrivals tells.
const ArrivalStretch = 5 * time.Minute

// Records may arrive long after their event: a laptop was away, a shipper caught up. A scheduled rule looks at the events of its lookback, so what arrives
// later than that would never be looked at. Therefore each run also looks at what has changed before its window since the last run: a window is moved back
// a little when that is enough, and otherwise the rule runs again over the old stretch, as it would have run then. A finding has the same id in every run
// (see custom.Run), so nothing is reported twice.
const (
	lateWindow  = 7 * 24 * time.Hour // older events are stored, and seen by Sigma rules, but scheduled rules do not run for them again
	lateNear    = 15 * time.Minute   // how far a window is moved back
	lateMargin  = 30 * time.Second   // arrivals are known a little after they happened
	lateAtOnce  = 48                 // windows that one run looks at; the others wait for the next
	lateAtRules = 4096               // windows that may wait for one rule
)

// lateWindows gives the beginning of the rule's window, and the ends of further windows of the rule's lookback that have to be looked at again.
func (s *Service) lateWindows(ctx context.Context, id tenant.ID, r *Rule, last *store.Run, from, to time.Time) (time.Time, []time.Time, error) {
	if s.opt.Arrivals == nil || last == nil || last.Covered.IsZero() {
		return from, nil, nil
	}
	oldest := to.Add(-lateWindow)
	stretches, err := s.opt.Arrivals(ctx, id, last.Covered.Add(-lateMargin), oldest, from)
	if err != nil {
		return from, nil, err
	}
	lookback := time.Duration(r.custom.Lookback)
	ends := map[time.Time]bool{}
	begin := from
	for _, b := range stretches {
		if b.Before(from) && !b.Before(from.Add(-lateNear)) {
			if b.Before(begin) {
				begin = b
			}
			continue
		}
		for _, end := range windowsOver(b, lookback) {
			if !end.After(to) {
				ends[end] = true
			}
		}
	}
	if len(ends) > 0 {
		list := make([]time.Time, 0, len(ends))
		for end := range ends {
			list = append(list, end)
		}
		slices.SortFunc(list, func(a, b time.Time) int { return b.Compare(a) })
		if err := store.PutLateWindows(ctx, s.db, id, r.ID, list[:min(len(list), lateAtRules)]); err != nil {
			return from, nil, err
		}
	}
	if err := store.ForgetLateWindows(ctx, s.db, id, r.ID, oldest); err != nil {
		return from, nil, err
	}
	due, err := store.LateWindows(ctx, s.db, id, r.ID, lateAtOnce)
	return begin, due, err
}

// windowsOver are the ends of the two windows of the length that hold the stretch, on a grid of half the length, so that whatever lies within half the
// length of each other is together in one of them.
func windowsOver(stretch time.Time, length time.Duration) []time.Time {
	step := max(length/2, time.Nanosecond)
	first := stretch.Truncate(step).Add(step)
	if end := stretch.Add(ArrivalStretch); first.Before(end) { // the grid cuts the stretch
		return []time.Time{first, first.Add(step), first.Add(2 * step)}
	}
	return []time.Time{first, first.Add(step)}
}
