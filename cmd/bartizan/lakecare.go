package main

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/care"
	"github.com/bartizan-sec/bartizan/internal/platform/jobs"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// compactJob compacts a tenant's lake.
type compactJob struct {
	Tenant tenant.ID `json:"tenant"`
}

// careJob looks for lakes that a compaction is worth while for.
type careJob struct{}

// Kind names the job in the queue.
func (compactJob) Kind() string { return "lake.compact" }
func (careJob) Kind() string    { return "lake.care" }

// care looks after the node's lakes.
func (n *node) care() *care.Service {
	return care.New(n.db, care.Options{Lakes: n.lakes, Default: setting.New(n.db, n.cfg.Lake.Retention).Retention, Log: n.log})
}

// lakeCare is the care of a server, where compactions run in the background.
type lakeCare struct {
	*care.Service
	s *server
}

func (s *server) lakeCare() lakeCare { return lakeCare{s.care(), s} }

// RequestCompaction implements api.LakeCare.
func (l lakeCare) RequestCompaction(ctx context.Context, id tenant.ID) error {
	added, err := l.s.jobs.Add(ctx, compactJob{id}, jobs.Options{Unique: true, Attempts: 5})
	if err != nil || !added {
		return err // one is waiting or running already
	}
	return l.Note(ctx, id, care.Compaction{State: care.Waiting})
}

// Lakes are compacted in these hours of the night when it is worth while, and at any time when half of the file holds nothing.
const nightFrom, nightTo = 1, 5

// careFor has the tenant's lake compacted if that is worth while.
func (l lakeCare) careFor(ctx context.Context, id tenant.ID) error {
	report, err := l.Report(ctx, id)
	if err != nil {
		return err
	}
	x := report.Inventory
	hour := time.Now().Hour()
	if x.Worth == "" || x.FreeBytes < x.FileBytes/2 && (hour < nightFrom || hour >= nightTo) {
		return nil
	}
	l.s.log.Info("the lake is to be compacted", "tenant", id, "why", x.Worth)
	return l.RequestCompaction(ctx, id)
}
