package main

import (
	"context"
	"errors"
	"os/user"
	"path/filepath"
	"time"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// runOf is a run for the query resources report. result is nil when there is none.
func runOf(by hunting.Interface, query, timespan string, start time.Time, result *lake.Result, err error) hunting.Run {
	run := hunting.Run{Time: start, Interface: by, Query: query, Timespan: timespan, MS: time.Since(start).Milliseconds(), State: hunting.StateOf(err), Grade: "Low"}
	if result != nil {
		run.CPUMS, run.Rows, run.Bytes = result.Stats.CPUMS, result.Stats.Rows, result.Stats.Bytes
		if result.Stats.Grade != "" {
			run.Grade = string(result.Stats.Grade)
		}
	}
	if err != nil {
		run.Error = err.Error()
		var known *fault.Error
		if errors.As(err, &known) {
			run.Error = known.Message
		}
	}
	return run
}

// runLog keeps the runs of a command that works on a data folder, many at a time, so that a batch does not wait for the disk after each query.
type runLog struct {
	queries *hunting.Service
	tenant  tenant.ID
	records []hunting.Record
}

// maxRunLog is how many runs are kept before they are written.
const maxRunLog = 200

// add notes a run.
func (l *runLog) add(ctx context.Context, run hunting.Run) {
	l.records = append(l.records, hunting.Record{Owner: commandOwner(), Run: run})
	if len(l.records) >= maxRunLog {
		l.flush(ctx)
	}
}

// flush writes what was noted. A run that cannot be kept is no reason to fail a query that was answered.
func (l *runLog) flush(ctx context.Context) {
	_ = l.queries.RememberAll(context.WithoutCancel(ctx), l.tenant, l.records)
	l.records = l.records[:0]
}

// commandOwner is the account on the machine that runs a command.
func commandOwner() hunting.Owner {
	name := "command line"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return hunting.Owner{ID: "command:" + name, Name: name}
}

// importQueries imports the trees of the setting hunt.queries for every tenant. What did not change since the last start stays as it is.
func (s *server) importQueries(ctx context.Context) {
	if len(s.cfg.Hunt.Queries) == 0 {
		return
	}
	tenants, err := s.access.AllTenants(ctx)
	if err != nil {
		logFailure(s.log, "community queries could not be imported", err)
		return
	}
	sources := map[string]bool{}
	for _, folder := range s.cfg.Hunt.Queries {
		source := filepath.Base(filepath.Clean(folder))
		if sources[source] {
			source = filepath.Clean(folder)
		}
		sources[source] = true
		files, refused, err := hunting.ReadTree(folder)
		if err != nil {
			logFailure(s.log, "community queries could not be read", err)
			continue
		}
		for _, id := range tenants {
			start := time.Now()
			report, err := s.queries.ImportCommunity(ctx, id, source, files, hunting.Paths(files))
			if err != nil {
				logFailure(s.log, "community queries could not be imported", err)
				continue
			}
			s.log.Info("community queries", "tenant", id, "folder", folder, "queries", report.Queries, "runnable", report.Runnable, "added", report.Added, "replaced", report.Replaced,
				"removed", report.Removed, "refused", report.RefusedCount+len(refused), "took", time.Since(start).Round(time.Millisecond))
		}
	}
}
