// Package jobs runs durable background work with River: jobs are rows of a database (their own SQLite file, or the PostgreSQL server of the state), survive a
// restart, are tried again when they fail, and can be unique or come round on a schedule.
//
//	queue, err := jobs.Open(ctx, location, id, 4, log)
//	jobs.Handle(queue, func(ctx context.Context, a RetainArgs) error { … })
//	queue.Every(time.Hour, "retain", func() jobs.Args { return RetainArgs{} })
//	err = queue.Start(ctx)
//	defer queue.Stop(stopCtx)
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite" // database/sql driver "sqlite"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// Args is the input of one kind of job: a struct that JSON carries, whose Kind is the job's stable name ("lake.retain").
type Args = river.JobArgs

// Queue is the job queue and its workers.
type Queue struct {
	client  client
	workers *river.Workers
	closeDB func() error
	rescue  func(ctx context.Context, working []string) (int64, error)
	id      string
	started bool
}

// client is what both instances of River's generic client give.
type client interface {
	Start(context.Context) error
	Stop(context.Context) error
	StopAndCancel(context.Context) error
	Insert(context.Context, river.JobArgs, *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobList(context.Context, *river.JobListParams) (*river.JobListResult, error)
	PeriodicJobs() *river.PeriodicJobBundle
}

// Open opens the queue's database, a postgres URL or the path of a SQLite file, and brings its tables up to date. id names this process among those that work on
// the queue, of which only one may have it. Nothing runs before Start.
func Open(ctx context.Context, location, id string, workers int, log *slog.Logger) (*Queue, error) {
	q := &Queue{workers: river.NewWorkers(), id: id}
	cfg := &river.Config{
		ID:      id,
		Workers: q.workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(workers, 1)}},
		Logger:     slog.New(quiet{log.Handler()}),
		JobTimeout: time.Hour, MaxAttempts: 10, RescueStuckJobsAfter: 2 * time.Hour,
	}
	var err error
	if state.IsPostgres(location) {
		err = q.openPostgres(ctx, location, cfg)
	} else {
		err = q.openSQLite(ctx, location, cfg)
	}
	if err != nil {
		if q.closeDB != nil {
			_ = q.closeDB()
		}
		return nil, fault.Newf(fault.Unavailable, "job queue: %w", err)
	}
	return q, nil
}

func (q *Queue) openPostgres(ctx context.Context, location string, cfg *river.Config) error {
	pool, err := pgxpool.New(ctx, location)
	if err != nil {
		return err
	}
	q.closeDB = func() error { pool.Close(); return nil }
	q.rescue = func(ctx context.Context, working []string) (int64, error) {
		tag, err := pool.Exec(ctx, "UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'running' AND NOT attempted_by[array_upper(attempted_by, 1)] = ANY($1)", working)
		return tag.RowsAffected(), err
	}
	driver := riverpgxv5.New(pool)
	if err := migrateUp[pgx.Tx](ctx, driver, cfg.Logger); err != nil {
		return err
	}
	q.client, err = river.NewClient(driver, cfg)
	return err
}

func (q *Queue) openSQLite(ctx context.Context, location string, cfg *river.Config) error {
	if err := os.MkdirAll(filepath.Dir(location), 0o700); err != nil {
		return err
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	pool, err := sql.Open("sqlite", "file:"+location+"?"+pragmas.Encode())
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1) // the driver's advice: SQLite lets one statement write at a time
	q.closeDB = pool.Close
	q.rescue = func(ctx context.Context, working []string) (int64, error) {
		if len(working) > 0 {
			return 0, nil // there is no other process
		}
		res, err := pool.ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
	driver := riversqlite.New(pool)
	if err := migrateUp[*sql.Tx](ctx, driver, cfg.Logger); err != nil {
		return err
	}
	_ = os.Chmod(location, 0o600)
	q.client, err = river.NewClient(driver, cfg)
	return err
}

func migrateUp[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// Handle says what does the jobs of one kind. Call it before Start, once per kind.
func Handle[A Args](q *Queue, fn func(ctx context.Context, args A) error) error {
	return river.AddWorkerSafely(q.workers, river.WorkFunc(func(ctx context.Context, job *river.Job[A]) error {
		err := fn(ctx, job.Args)
		if code := fault.CodeOf(err); code == fault.Invalid || code == fault.NotFound {
			return river.JobCancel(err) // trying again will not help
		}
		return err
	}))
}

// Every adds the job that make returns each interval, and at the start, unless one of its kind and arguments is still waiting or running. id names the
// schedule and is unique.
func (q *Queue) Every(interval time.Duration, id string, make func() Args) error {
	_, err := q.client.PeriodicJobs().AddSafely(river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return make(), &river.InsertOpts{UniqueOpts: unfinished()}
	}, &river.PeriodicJobOpts{ID: id, RunOnStart: true}))
	return err
}

func unfinished() river.UniqueOpts {
	return river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}
}

// Options refine Add.
type Options struct {
	Unique   bool      // skip when a job of this kind with these arguments is waiting or running
	At       time.Time // not before
	Attempts int       // 0: ten
}

// Add queues a job. added is false when Unique found one that is unfinished.
func (q *Queue) Add(ctx context.Context, args Args, opts Options) (added bool, err error) {
	insert := &river.InsertOpts{ScheduledAt: opts.At, MaxAttempts: opts.Attempts}
	if opts.Unique {
		insert.UniqueOpts = unfinished()
	}
	res, err := q.client.Insert(ctx, args, insert)
	if err != nil {
		return false, fault.Newf(fault.Unavailable, "job queue: %w", err)
	}
	return !res.UniqueSkippedAsDuplicate, nil
}

// Start begins to work off jobs. They end when Stop is called, not when ctx does. others are the ids of the other processes that work on the queue.
func (q *Queue) Start(ctx context.Context, others ...string) error {
	if _, err := q.Rescue(ctx, others...); err != nil {
		return err
	}
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fault.Newf(fault.Unavailable, "job queue: %w", err)
	}
	q.started = true
	return nil
}

// Rescue makes jobs available again that ran in processes which are gone: all but those named and, once it has started, this one. Without it they would count as
// running for two hours, and those that are unique would not come round. It returns how many there were.
func (q *Queue) Rescue(ctx context.Context, others ...string) (int64, error) {
	working := append([]string{}, others...)
	if q.started {
		working = append(working, q.id)
	}
	n, err := q.rescue(ctx, working)
	if err != nil {
		return 0, fault.Newf(fault.Unavailable, "job queue: %w", err)
	}
	return n, nil
}

// Stop takes no more jobs and waits for those that run; when ctx ends they are cancelled (and tried again after the next start). Then it closes the database.
func (q *Queue) Stop(ctx context.Context) error {
	if !q.started {
		return q.closeDB()
	}
	err := q.client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = q.client.StopAndCancel(hard)
	}
	return errors.Join(err, q.closeDB())
}

// Status counts jobs by where they are.
type Status struct {
	Waiting  int `json:"waiting"`
	Running  int `json:"running"`
	Retrying int `json:"retrying"`
	Failed   int `json:"failed"` // given up after all attempts
}

// listed bounds what Status counts per state; a count of this many means "at least".
const listed = 1000

// Status returns the queue's counts, each at most 1,000.
func (q *Queue) Status(ctx context.Context) (Status, error) {
	var st Status
	for _, c := range []struct {
		into   *int
		states []rivertype.JobState
	}{
		{&st.Waiting, []rivertype.JobState{rivertype.JobStateAvailable}},
		{&st.Running, []rivertype.JobState{rivertype.JobStateRunning}},
		{&st.Retrying, []rivertype.JobState{rivertype.JobStateRetryable}},
		{&st.Failed, []rivertype.JobState{rivertype.JobStateDiscarded}},
	} {
		res, err := q.client.JobList(ctx, river.NewJobListParams().States(c.states...).First(listed))
		if err != nil {
			return st, fault.Newf(fault.Unavailable, "job queue: %w", err)
		}
		*c.into = len(res.Jobs)
	}
	return st, nil
}

// quiet lets River's warnings through and turns its notices, of which there are many, into debug lines.
type quiet struct{ slog.Handler }

func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelInfo {
		r.Level = slog.LevelDebug
		if !h.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(a)} }

func (h quiet) WithGroup(n string) slog.Handler { return quiet{h.Handler.WithGroup(n)} }
