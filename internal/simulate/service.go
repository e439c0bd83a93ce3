package simulate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Deliver sends generated records of one family through the receivers; run labels them.
type Deliver func(ctx context.Context, id tenant.ID, source, run string, body *bytes.Reader) error

// Remove takes away everything that lab runs made: rows, alerts, incidents, hits. It returns how many rows and alerts went.
type Remove func(ctx context.Context, id tenant.ID) (Removed, error)

// Removed counts what was taken away.
type Removed struct {
	Rows      int64 `json:"rows"`
	Alerts    int64 `json:"alerts"`
	Incidents int64 `json:"incidents"`
	Runs      int64 `json:"runs"`
}

// The states of a run.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

// Run is one run of a scenario.
type Run struct {
	bun.BaseModel `bun:"table:lab_runs"`

	Tenant    tenant.ID  `bun:"tenant_id,pk" json:"-"`
	ID        string     `bun:"id,pk" json:"id"`
	Scenario  string     `bun:"scenario" json:"scenario"`
	Name      string     `bun:"name" json:"name"`
	Status    string     `bun:"status" json:"status"`
	Records   int64      `bun:"records" json:"records"`
	Message   string     `bun:"message" json:"message,omitempty"`
	Started   state.Time `bun:"started" json:"started"`
	Ended     state.Time `bun:"ended" json:"ended,omitzero"`
	StartedBy string     `bun:"started_by" json:"startedBy"`
}

// Covers is how far back the run's story reaches.
func (r *Run) Covers(scenarios []*Scenario) time.Duration {
	for _, s := range scenarios {
		if s.ID == r.Scenario {
			return s.Lasts
		}
	}
	return 0
}

// Service runs scenarios and removes what they made.
type Service struct {
	db        *bun.DB
	scenarios []*Scenario
	deliver   Deliver
	remove    Remove
	changed   func(id tenant.ID, run *Run)
	now       func() time.Time
}

// NewService returns the lab over the given scenarios. changed is told of runs that start and end, and with nil of their removal;
// it may be nil.
func NewService(db *bun.DB, scenarios []*Scenario, deliver Deliver, remove Remove, changed func(tenant.ID, *Run)) *Service {
	if changed == nil {
		changed = func(tenant.ID, *Run) {}
	}
	return &Service{db: db, scenarios: scenarios, deliver: deliver, remove: remove, changed: changed, now: time.Now}
}

// Scenarios lists what can be run.
func (s *Service) Scenarios() []*Scenario { return s.scenarios }

// Runs lists the tenant's runs, newest first.
func (s *Service) Runs(ctx context.Context, id tenant.ID) ([]Run, error) {
	var out []Run
	err := s.db.NewSelect().Model(&out).Where("tenant_id = ?", id).Order("started DESC", "id").Limit(200).Scan(ctx)
	return out, err
}

// Recover marks runs that a stop of the program cut off as failed; call it once at the start.
func (s *Service) Recover(ctx context.Context) error {
	_, err := s.db.NewUpdate().Model((*Run)(nil)).Set("status = ?", Failed).Set("message = ?", "the server stopped while it ran").Set("ended = started").
		Where("status = ?", Running).Exec(ctx)
	return err
}

// Start runs a scenario (all of them when scenario is "") so that its story ends now, and returns when its records are accepted by the receivers.
func (s *Service) Start(ctx context.Context, id tenant.ID, scenario, by string) ([]Run, error) {
	var chosen []*Scenario
	for _, c := range s.scenarios {
		if scenario == "" || c.ID == scenario {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fault.Newf(fault.NotFound, "there is no scenario %q", scenario).On("scenario")
	}
	var out []Run
	for _, c := range chosen {
		run, err := s.start(ctx, id, c, by)
		if err != nil {
			return out, err
		}
		out = append(out, *run)
	}
	return out, nil
}

func (s *Service) start(ctx context.Context, id tenant.ID, c *Scenario, by string) (*Run, error) {
	run := &Run{Tenant: id, ID: runID(), Scenario: c.ID, Name: c.Name, Status: Running, Started: state.At(s.now()), StartedBy: by}
	if _, err := s.db.NewInsert().Model(run).Exec(ctx); err != nil {
		return nil, err
	}
	s.changed(id, run)
	n, err := s.send(ctx, id, c, run.ID)
	run.Records, run.Status, run.Ended = int64(n), Done, state.At(s.now())
	if err != nil {
		run.Status, run.Message = Failed, err.Error()
	}
	// The outcome is kept also when the caller has gone.
	_, kept := s.db.NewUpdate().Model(run).WherePK().Column("status", "records", "message", "ended").Exec(context.WithoutCancel(ctx))
	s.changed(id, run)
	if err != nil {
		return nil, err
	}
	return run, kept
}

// send delivers records in order of time; neighbours of one family travel together, as a shipper would send them.
func (s *Service) send(ctx context.Context, id tenant.ID, c *Scenario, run string) (int, error) {
	records, err := c.Generate(run, s.now())
	if err != nil {
		return 0, err
	}
	sent := 0
	for start := 0; start < len(records); {
		end := start + 1
		if records[start].Source != "mail" { // a body of mail is one message
			for end < len(records) && records[end].Source == records[start].Source && end-start < 500 {
				end++
			}
		}
		var body []byte
		for _, r := range records[start:end] {
			body = append(append(body, r.Data...), '\n')
		}
		if err := s.deliver(ctx, id, records[start].Source, run, bytes.NewReader(body)); err != nil {
			return sent, err
		}
		sent += end - start
		start = end
	}
	return sent, nil
}

// Clear removes everything that all runs of the tenant made, and the list of runs.
func (s *Service) Clear(ctx context.Context, id tenant.ID) (Removed, error) {
	removed, err := s.remove(ctx, id)
	if err != nil {
		return removed, err
	}
	res, err := s.db.NewDelete().Model((*Run)(nil)).Where("tenant_id = ?", id).Exec(ctx)
	if err != nil {
		return removed, err
	}
	removed.Runs, _ = res.RowsAffected() // both drivers count
	s.changed(id, nil)
	return removed, nil
}

func runID() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return "lab-" + hex.EncodeToString(b)
}
