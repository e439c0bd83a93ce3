package detect

import (
	"context"
	"errors"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/detect/store"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Accept takes detections of scheduled rules; a run counts as done only when it returns nil.
type Accept func(ctx context.Context, found []incident.Detection) error

// ScheduleReport is the outcome of running scheduled rules.
type ScheduleReport struct {
	Ran        int
	Detections int
	// Failed are the rules that could not run, with the reason; it is also kept with the rule.
	Failed map[string]string
}

// RunDue runs the tenant's enabled KQL rules whose time has come, each over what it has not yet looked at plus its lookback, and over older stretches that
// got records since (see Arrivals). It is called every minute or so; when nothing is due it does nothing. A rule that fails is reported and tried again at
// its next time; the others run.
func (s *Service) RunDue(ctx context.Context, id tenant.ID, hunter custom.Hunter, accept Accept) (ScheduleReport, error) {
	now := s.opt.Now().UTC()
	return s.run(ctx, id, hunter, accept, func(r *custom.Rule, last *store.Run) (from, to time.Time, due bool) {
		// A rule that only ranges (imports, lab runs) were shown has not looked at the present yet.
		started := last != nil && (!last.Covered.IsZero() || last.Error != "")
		if started && now.Before(last.Finished.Add(time.Duration(r.Frequency))) {
			return now, now, false
		}
		from = now.Add(-time.Duration(r.Lookback))
		if last != nil && !last.Covered.IsZero() && last.Covered.Before(from) {
			// The product stood still: look at the gap, too, but not without end.
			from = last.Covered.Time
			if oldest := now.Add(-7 * 24 * time.Hour); from.Before(oldest) {
				from = oldest
			}
		}
		return from, now, true
	}, now, true)
}

// RunRange runs all enabled KQL rules once over from..to, as after an import of old records: now() is the end of the range.
func (s *Service) RunRange(ctx context.Context, id tenant.ID, hunter custom.Hunter, from, to time.Time, accept Accept) (ScheduleReport, error) {
	to = to.Add(time.Microsecond) // the end of a range is exclusive
	return s.run(ctx, id, hunter, accept, func(*custom.Rule, *store.Run) (time.Time, time.Time, bool) { return from, to, true }, to, false)
}

// run runs the rules that due picks, over the range it gives. keepsUp says that the range reaches to the present, so that the next scheduled run can go on
// from its end.
func (s *Service) run(ctx context.Context, id tenant.ID, hunter custom.Hunter, accept Accept,
	due func(*custom.Rule, *store.Run) (from, to time.Time, due bool), now time.Time, keepsUp bool,
) (ScheduleReport, error) {
	report := ScheduleReport{Failed: map[string]string{}}
	rules, err := s.scheduled(ctx, id)
	if err != nil {
		return report, err
	}
	runs, err := store.Runs(ctx, s.db, id)
	if err != nil {
		return report, err
	}
	for _, r := range rules {
		from, to, ok := due(r.custom, runs[r.ID])
		if !ok {
			continue
		}
		run := &store.Run{TenantID: id, RuleID: r.ID, Covered: state.At(to)}
		var late []time.Time
		if keepsUp {
			if from, late, err = s.lateWindows(ctx, id, r, runs[r.ID], from, to); err != nil {
				return report, errors.Join(err, ctx.Err())
			}
		}
		err := s.runOver(ctx, id, hunter, accept, r, run, now, from, to)
		var missed error // an old stretch that could not be looked at stays for the next run; the present goes on
		for _, until := range late {
			if err != nil || ctx.Err() != nil {
				break
			}
			over := s.runOver(ctx, id, hunter, accept, r, run, until, until.Add(-time.Duration(r.custom.Lookback)), until)
			if over == nil {
				over = store.DropLateWindow(ctx, s.db, id, r.ID, until)
			}
			missed = errors.Join(missed, over)
		}
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Ran++
		if err != nil {
			run.Error = short(err)
			report.Failed[r.ID] = run.Error
		} else {
			report.Detections += int(run.Detections)
		}
		if err == nil && missed != nil {
			run.Error = short(missed)
			report.Failed[r.ID] = run.Error
		}
		if err != nil || !keepsUp {
			run.Covered = state.Time{}
			if last := runs[r.ID]; last != nil {
				run.Covered = last.Covered
			}
		}
		run.Finished = state.At(s.opt.Now())
		if last := runs[r.ID]; !keepsUp && last != nil && !last.Covered.IsZero() {
			run.Finished = last.Finished // a range does not put off the schedule
		}
		if err := store.PutRun(ctx, s.db, run); err != nil {
			return report, errors.Join(err, ctx.Err())
		}
	}
	return report, nil
}

// runOver runs a rule over from..to, hands on what it finds, and adds to what the run has found.
func (s *Service) runOver(ctx context.Context, id tenant.ID, hunter custom.Hunter, accept Accept, r *Rule, run *store.Run, now, from, to time.Time) error {
	out, err := custom.Run(ctx, hunter, id, r.custom, now, from, to)
	if err != nil {
		return err
	}
	for i := range out.Detections {
		out.Detections[i].Category = r.Category
		out.Detections[i].DetectionSource = detectionSource(r, r.Logsource)
	}
	run.ResultRows += int64(out.Rows)
	run.Detections += int64(len(out.Detections))
	if out.Truncated {
		run.Truncated = 1
	}
	if len(out.Detections) == 0 {
		return nil
	}
	return accept(ctx, out.Detections)
}

func (s *Service) scheduled(ctx context.Context, id tenant.ID) ([]*Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.of(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.enabled(ctx, id, t, KQL)
}

func short(err error) string {
	text := err.Error()
	if len(text) > 1000 {
		text = text[:1000]
	}
	return text
}
