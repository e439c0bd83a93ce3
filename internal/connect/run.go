package connect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// RunnerOptions are what a Runner is made of.
type RunnerOptions struct {
	Receiver Receiver
	Bus      Bus
	Workers  int // connectors that run at the same time; 0: 4
	// Alone says that no other process works on these connectors: leases that are found at the start belong to nobody.
	Alone bool
	// Changed is called when a connector's run began or ended; may be nil.
	Changed func(id tenant.ID, connector string)
	Log     *slog.Logger
	// Pace is how often connectors that are due are looked for; 0: every second. Lease is how long a lease lasts; 0: LeaseTime.
	Pace, Lease time.Duration
}

// LeaseTime is how long a process that was killed keeps others from its connectors.
const LeaseTime = time.Minute

const (
	// longestRun ends a run that has more to fetch, so that others get their turn; the next one follows at once.
	longestRun = 10 * time.Minute
	// firstPause is waited after a first failure; it doubles up to lastPause.
	firstPause = 30 * time.Second
	lastPause  = time.Hour
)

// Runner pulls from connectors whose time has come.
type Runner struct {
	s    *Service
	opt  RunnerOptions
	wg   sync.WaitGroup
	free chan struct{} // a token for each worker
}

// NewRunner returns a runner for the service's connectors.
func NewRunner(s *Service, o RunnerOptions) *Runner {
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Pace == 0 {
		o.Pace = time.Second
	}
	if o.Lease == 0 {
		o.Lease = LeaseTime
	}
	if o.Changed == nil {
		o.Changed = func(tenant.ID, string) {}
	}
	r := &Runner{s: s, opt: o, free: make(chan struct{}, o.Workers)}
	for range o.Workers {
		r.free <- struct{}{}
	}
	return r
}

// Run works until ctx ends, and returns when the last run has ended.
func (r *Runner) Run(ctx context.Context) {
	defer r.wg.Wait()
	if r.opt.Alone {
		if _, err := r.s.store.db.NewUpdate().Model((*row)(nil)).Set("lease = ''").Set("lease_until = NULL").Set("next_run = ?", r.s.now().UnixMicro()).Where("lease <> ''").Exec(ctx); err != nil && ctx.Err() == nil {
			r.opt.Log.Error("connectors that a former process worked on could not be freed; they wait for their lease to end", "error", err)
		}
	}
	tick := time.NewTicker(r.opt.Pace)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.opt.Log.Error("connectors could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Once runs what is due now and returns when it has ended.
func (r *Runner) Once(ctx context.Context) error {
	err := r.look(ctx)
	r.wg.Wait()
	return err
}

// look starts what is due, as far as workers are free.
func (r *Runner) look(ctx context.Context) error {
	now := r.s.now()
	rows, err := r.s.store.due(ctx, now, cap(r.free))
	if err != nil {
		return err
	}
	for i := range rows {
		select {
		case <-r.free:
		default:
			return nil
		}
		r.wg.Add(1)
		go func() {
			defer r.wg.Done()
			defer func() { r.free <- struct{}{} }()
			r.one(ctx, rows[i].Tenant, rows[i].ID)
		}()
	}
	return nil
}

// job is one run of one connector under a lease.
type job struct {
	*Runner
	row      *row
	lease    string
	run      runRow
	progress progress
	hidden   []string // values that must not show in messages

	remembered int64 // at most so many ids, once they were counted
	counted    bool
}

// one takes the lease and runs the connector.
func (r *Runner) one(ctx context.Context, id tenant.ID, connector string) {
	now := r.s.now()
	lease := ulid.Make().String()
	got, err := r.s.store.acquire(ctx, &row{Tenant: id, ID: connector}, lease, now, now.Add(r.opt.Lease))
	if err != nil || !got {
		logUnless(ctx, r.opt.Log, "a connector could not be taken", err)
		return
	}
	j := &job{Runner: r, lease: lease}
	if j.row, err = r.s.store.get(ctx, id, connector); err != nil {
		logUnless(ctx, r.opt.Log, "a connector could not be read", err)
		return
	}
	work, cancel := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		j.renew(work, cancel)
	}()
	j.run = runRow{Tenant: id, Connector: connector, ID: ulid.Make().String(), Started: state.At(now), State: RunRunning}
	more, err := j.work(work)
	if cause := context.Cause(work); cause != nil && err != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	<-renewed
	j.end(context.WithoutCancel(ctx), more, err, ctx.Err() != nil)
}

// renew keeps the lease until ctx ends, and ends the run when the lease is lost.
func (j *job) renew(ctx context.Context, lost context.CancelCauseFunc) {
	tick := time.NewTicker(j.opt.Lease / 4)
	defer tick.Stop()
	until := time.Now().Add(j.opt.Lease)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := time.Now().Add(j.opt.Lease)
		err := held(ctx, j.s.store.db, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Set("lease_until = ?", j.s.now().Add(j.opt.Lease).UnixMicro())
		})
		switch {
		case err == nil:
			until = next
		case errors.Is(err, errLease), time.Now().After(until.Add(-j.opt.Lease / 4)):
			lost(errLease) // somebody else may take over from here on
			return
		}
	}
}

// work settles what a former run left, and fetches page after page. more says that there is more to fetch right away.
func (j *job) work(ctx context.Context) (more bool, err error) {
	k, values, loading := j.s.load(ctx, j.row)
	if k == nil {
		return false, loading
	}
	j.hidden = k.secrets(values)
	if j.progress, err = j.row.progress(); err != nil {
		return false, err
	}
	if err := j.s.store.orphans(ctx, j.row, j.run.ID, j.s.now()); err != nil {
		return false, err
	}
	wanted := j.row.Enabled == 1 && j.row.Paused == 0
	if wanted {
		if err := j.s.store.saveRun(ctx, &j.run); err != nil {
			return false, err
		}
		j.opt.Changed(j.row.Tenant, j.row.ID)
	}
	if j.row.Outbox != "" {
		if err := j.settle(ctx); err != nil {
			return false, err
		}
	}
	if !wanted {
		return false, nil
	}
	if loading != nil {
		return false, loading
	}
	p, err := k.Open(values, j.s.env)
	if err != nil {
		return false, err
	}
	defer p.Close()
	return j.pull(ctx, k, p)
}

// pull goes round the streams, a page each, until all are at their end or have failed.
func (j *job) pull(ctx context.Context, k *Kind, p Puller) (more bool, err error) {
	started := j.s.now()
	failed := map[string]error{}
	open := p.Streams()
	for len(open) > 0 {
		var left []string
		for _, stream := range open {
			if stop, err := j.stopped(ctx); stop || err != nil {
				return true, err
			}
			if j.s.now().Sub(started) > longestRun {
				return true, together(p.Streams(), failed)
			}
			page, err := p.Next(ctx, At{Stream: stream, Cursor: j.progress.Streams[stream].Cursor, Since: j.progress.Since, Known: j.known(stream)})
			if err == nil {
				err = j.take(ctx, k, stream, page)
				if err != nil && ours(err) {
					return false, err
				}
			}
			if ctx.Err() != nil {
				return true, ctx.Err()
			}
			if err != nil {
				failed[stream] = err
				continue
			}
			if page.Trouble != nil {
				failed[stream] = page.Trouble
			}
			if page.More {
				left = append(left, stream)
			}
		}
		open = left
	}
	if len(failed) == 0 {
		err := held(ctx, j.s.store.db, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("caught_up = ?", started.UnixMicro()) })
		return false, err
	}
	return false, together(p.Streams(), failed)
}

// known tells a puller which files or blobs of a stream were read.
func (j *job) known(stream string) func(context.Context, []string) (map[string]bool, error) {
	return func(ctx context.Context, ids []string) (map[string]bool, error) {
		hashes := make([]int64, len(ids))
		for i, id := range ids {
			hashes[i] = hash(id)
		}
		found, err := j.s.store.seen(ctx, j.row, marks(stream), hashes)
		out := map[string]bool{}
		for i, id := range ids {
			if found[hashes[i]] {
				out[id] = true
			}
		}
		return out, err
	}
}

// ours tells trouble of this house from that of a stream.
func ours(err error) bool {
	var e *Error
	return !errors.As(err, &e)
}

// stopped says whether the connector was paused or changed meanwhile.
func (j *job) stopped(ctx context.Context) (bool, error) {
	var version int64
	err := j.s.store.db.NewSelect().Model((*row)(nil)).Column("version").Where("tenant_id = ? AND id = ? AND lease = ?", j.row.Tenant, j.row.ID, j.lease).Scan(ctx, &version)
	if err != nil {
		return false, errors.Join(errLease, err)
	}
	return version != j.row.Version, nil
}

// together makes one error of those of the streams. The service's wish to wait wins over others, since nothing else helps before.
func together(streams []string, failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	out := &Error{}
	var parts []string
	said := map[string]bool{}
	for _, stream := range streams {
		err, ok := failed[stream]
		if !ok {
			continue
		}
		code := codeOf(err)
		if out.Code == "" || out.Code == fault.Busy {
			out.Code = code
		}
		var e *Error
		if errors.As(err, &e) && e.After.After(out.After) {
			out.After = e.After
		}
		out.Err = err
		if text := err.Error(); !said[text] {
			said[text] = true
			if len(streams) > 1 {
				text = stream + ": " + text
			}
			parts = append(parts, text)
		}
	}
	out.Message = strings.Join(parts, "; ")
	return out
}

// end writes down how the run went and when the next one is, and gives the lease back.
func (j *job) end(ctx context.Context, more bool, err error, stopping bool) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	now := j.s.now()
	j.run.Ended = state.At(now)
	j.run.State = RunSucceeded
	next := j.after(now, more)
	attempt := int64(0)
	var code, message string
	switch {
	case err == nil || errors.Is(err, context.Canceled) && stopping:
	case errors.Is(err, errLease):
		j.run.State, j.run.ErrorCode, j.run.ErrorMessage = RunBroken, string(fault.Conflict), "the connector was changed or taken over; the next run goes on from there"
	default:
		var wait time.Time
		var e *Error
		if errors.As(err, &e) {
			wait = e.After
		}
		code, message = string(codeOf(err)), j.hide(err)
		attempt = j.row.Attempt + 1
		next = now.Add(pause(attempt))
		if wait.After(next) || code == string(fault.Busy) && !wait.IsZero() {
			next = wait.Add(time.Duration(rand.Int64N(int64(2 * time.Second)))) //nolint:gosec // spreads load, protects nothing
		}
		j.run.State, j.run.ErrorCode, j.run.ErrorMessage = RunFailed, code, message
		j.opt.Log.Warn("a connector failed; it is tried again", "tenant", j.row.Tenant, "connector", j.row.Name, "code", code, "error", message, "attempt", attempt, "next", next.UTC().Format(time.RFC3339))
	}
	released := held(ctx, j.s.store.db, j.row, j.lease, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		q = q.Set("lease = ''").Set("lease_until = NULL").Set("last_run = ?", j.run.Started).Set("attempt = ?", attempt).Set("error_code = ?", code).Set("error_message = ?", message)
		if code != "" {
			q = q.Set("error_time = ?", now.UnixMicro())
		} else {
			q = q.Set("error_time = NULL")
		}
		// Who changed the connector meanwhile, or asked for a run, chose its time.
		return q.Set("next_run = CASE WHEN version = ? AND (next_run IS NULL OR next_run <= ?) THEN ? ELSE next_run END", j.row.Version, j.run.Started.UnixMicro(), next.UnixMicro())
	})
	if released != nil && !errors.Is(released, errLease) {
		j.opt.Log.Error("the end of a connector's run could not be written down", "connector", j.row.Name, "error", released)
	}
	if j.row.Enabled == 0 || j.row.Paused == 1 {
		return
	}
	if _, gone := j.s.store.get(ctx, j.row.Tenant, j.row.ID); gone == nil {
		if err := j.s.store.saveRun(ctx, &j.run); err != nil {
			j.opt.Log.Error("a connector's run could not be written down", "connector", j.row.Name, "error", err)
		}
	}
	j.opt.Changed(j.row.Tenant, j.row.ID)
}

// after is when a run that went well is followed by the next.
func (j *job) after(now time.Time, more bool) time.Time {
	if more {
		return now
	}
	interval := time.Duration(j.row.IntervalS) * time.Second
	spread := time.Duration(rand.Int64N(int64(interval)/20 + 1)) //nolint:gosec // spreads load, protects nothing
	return now.Add(interval - spread)
}

// pause is how long a connector waits after that many failures in a row: doubling, with a quarter of chance.
func pause(attempt int64) time.Duration {
	d := firstPause
	for i := int64(1); i < attempt && d < lastPause; i++ {
		d *= 2
	}
	d = min(d, lastPause)
	return d*3/4 + time.Duration(rand.Int64N(int64(d)/2)) //nolint:gosec // spreads load, protects nothing
}

// hide is the error's text without secrets.
func (j *job) hide(err error) string {
	text := err.Error()
	if fault.CodeOf(err) == fault.Internal && ours(err) {
		text = fmt.Sprintf("trouble in this house, not of the service: %s", text)
	}
	return tidyLong(without(text, j.hidden))
}

// secrets are the values that must not show in messages.
func (k *Kind) secrets(values Values) []string {
	var out []string
	for _, f := range k.Fields {
		if v := values[f.Name]; f.Type == Secret && len(v) > 5 {
			out = append(out, v)
		}
	}
	return out
}

func without(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return text
}

func tidyLong(s string) string {
	if len(s) > 2000 {
		s = s[:2000]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}

func logUnless(ctx context.Context, log *slog.Logger, what string, err error) {
	if err != nil && ctx.Err() == nil {
		log.Error(what, "error", err)
	}
}
