package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/jobs"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// The periodic jobs. Their arguments are empty: each does its work for every tenant.
type (
	runRulesJob  struct{}
	retentionJob struct{}
	sweepJob     struct{}
)

// labRulesJob runs the scheduled rules over what a lab run generated.
type labRulesJob struct {
	Tenant   tenant.ID `json:"tenant"`
	Run      string    `json:"run"`
	From, To time.Time
}

// Kind names the job in the queue.
func (runRulesJob) Kind() string  { return "detect.run_due" }
func (retentionJob) Kind() string { return "lake.retention" }
func (sweepJob) Kind() string     { return "access.sweep" }
func (labRulesJob) Kind() string  { return "detect.run_lab" }

func (s *server) schedule(ctx context.Context) error {
	each := func(fn func(context.Context, tenant.ID) error) func(context.Context) error {
		return func(ctx context.Context) error {
			tenants, err := s.access.AllTenants(ctx)
			for _, id := range tenants {
				err = errors.Join(err, fn(ctx, id))
			}
			return err
		}
	}
	rules := each(s.runDue)
	compactions := each(s.lakeCare().careFor)
	retention := each(func(ctx context.Context, id tenant.ID) error {
		return errors.Join(s.retain(ctx, id), s.queries.Forget(ctx, id))
	})
	err := errors.Join(
		jobs.Handle(s.jobs, func(ctx context.Context, _ runRulesJob) error { return rules(ctx) }),
		jobs.Handle(s.jobs, func(ctx context.Context, _ retentionJob) error { return retention(ctx) }),
		jobs.Handle(s.jobs, func(ctx context.Context, _ sweepJob) error { return s.access.Sweep(ctx) }),
		jobs.Handle(s.jobs, s.runLabRules),
		jobs.Handle(s.jobs, func(ctx context.Context, _ careJob) error { return compactions(ctx) }),
		jobs.Handle(s.jobs, func(ctx context.Context, j compactJob) error {
			_, err := s.care().Compact(ctx, j.Tenant)
			return err
		}),
		s.jobs.Every(time.Hour, "lake.care", func() jobs.Args { return careJob{} }),
		s.jobs.Every(time.Minute, "detect.run_due", func() jobs.Args { return runRulesJob{} }),
		s.jobs.Every(time.Hour, "lake.retention", func() jobs.Args { return retentionJob{} }),
		s.jobs.Every(15*time.Minute, "access.sweep", func() jobs.Args { return sweepJob{} }),
	)
	if err != nil {
		return err
	}
	return s.startJobs(ctx)
}

// runDue runs the tenant's scheduled rules whose time has come.
func (s *server) runDue(ctx context.Context, id tenant.ID) error {
	store, err := s.lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	h, err := s.scheduledHunter()
	if err != nil {
		return err
	}
	defer h.outside.Close()
	report, err := s.rules.RunDue(ctx, id, h, func(ctx context.Context, found []incident.Detection) error {
		_, err := s.acceptLate(ctx, store, found)
		return err
	})
	for rule, why := range report.Failed {
		s.log.Warn("a scheduled rule could not run", "tenant", id, "rule", rule, "error", why)
	}
	return err
}

// retain deletes rows and refused records that are older than the tenant keeps.
func (s *server) retain(ctx context.Context, id tenant.ID) error {
	keep, err := setting.New(s.db, s.cfg.Lake.Retention).Retention(ctx, id)
	if err != nil || keep <= 0 {
		return err
	}
	before := time.Now().Add(-keep)
	if n, err := s.records.Forget(ctx, id, before); err != nil {
		return err
	} else if n > 0 {
		s.log.Info("retention", "tenant", id, "refused records", n, "before", before)
	}
	return s.care().Retain(ctx, id)
}

// runLabRules waits until the run's records are in the lake and lets the scheduled rules look at them, unless the run was removed meanwhile.
func (s *server) runLabRules(ctx context.Context, j labRulesJob) error {
	if err := s.intake.Drain(ctx, j.Tenant, time.Minute); err != nil {
		return err
	}
	return s.withTraces(ctx, j.Tenant, func(ctx context.Context) error {
		runs, err := s.lab.Runs(ctx, j.Tenant)
		if err != nil || !slices.ContainsFunc(runs, func(r simulate.Run) bool { return r.ID == j.Run }) {
			return err
		}
		_, err = s.runScheduled(ctx, j.Tenant, j.Run, j.From, j.To)
		return err
	})
}
