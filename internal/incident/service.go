package incident

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options tune a Service. The zero value is usable.
type Options struct {
	FoldWindow time.Duration    // how long repeats fold into one alert, in event time; default 24 h
	MaxAlerts  int              // alerts an incident may grow to by correlation; default 300
	Publisher  Publisher        // told of every change; nil for none
	Now        func() time.Time // the clock of created and updated times; default time.Now
	Logger     *slog.Logger     // default slog.Default
}

// Service owns alerts and incidents of all tenants. It is safe for concurrent use. Its own methods see everything; For narrows them.
type Service struct{ Scope }

// shared is what all scopes work on.
type shared struct {
	db  *bun.DB
	opt Options

	mu      sync.Mutex // guards the maps; taken before the locks of what they hold, never after
	tenants map[tenant.ID]*working
	queues  map[ledgerKey]*ledger
}

// New makes the service on an open state database.
func New(db *bun.DB, o Options) *Service {
	if o.FoldWindow <= 0 {
		o.FoldWindow = 24 * time.Hour
	}
	if o.MaxAlerts <= 0 {
		o.MaxAlerts = 300
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	core := &shared{db: db, opt: o, tenants: map[tenant.ID]*working{}, queues: map[ledgerKey]*ledger{}}
	return &Service{Scope{shared: core, see: access.Everything(), manage: access.Everything()}}
}

func (s *shared) now() int64 { return micros(s.opt.Now()) }

// change runs fn in a transaction with the tenant's working set locked, then publishes what fn recorded. When fn fails the working set is
// thrown away, because fn may have changed it; the next use reads it back from the database.
func (s *shared) change(ctx context.Context, id tenant.ID, fn func(tx bun.Tx, w *working) error) error {
	s.mu.Lock()
	w := s.tenants[id]
	if w == nil {
		w = newWorking(id)
		s.tenants[id] = w
	}
	s.mu.Unlock()

	w.mu.Lock()
	changes, err := s.commit(ctx, id, w, fn)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	s.analyse(ctx, w)
	if s.opt.Publisher != nil && len(changes) > 0 {
		s.opt.Publisher.Publish(ctx, changes)
	}
	return nil
}

func (s *shared) commit(ctx context.Context, id tenant.ID, w *working, fn func(tx bun.Tx, w *working) error) ([]Change, error) {
	w.changes = w.changes[:0]
	number := int64(0)
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := store.Lock(ctx, tx, id); err != nil {
			return err
		}
		if err := s.refresh(ctx, tx, w); err != nil {
			return err
		}
		if err := fn(tx, w); err != nil || len(w.changes) == 0 {
			return err
		}
		var err error
		number, err = store.CountChange(ctx, tx, id)
		w.number = max(w.number, number)
		return err
	})
	if err != nil {
		w.reset()
		return nil, err
	}
	if number != 0 {
		s.ledger(ledgerKey{tenant: id}).note(number, w.changes)
	}
	return append([]Change(nil), w.changes...), nil
}

// refresh throws the working set away when another process changed something since it was last used: repeats would not find the alerts that one opened. The
// caller has the tenant's lock. A SQLite database has one process.
func (s *shared) refresh(ctx context.Context, tx bun.Tx, w *working) error {
	if tx.Dialect().Name() != dialect.PG {
		return nil
	}
	number, err := store.Changes(ctx, tx, w.tenant)
	if err != nil || number == w.number {
		return err
	}
	w.reset()
	w.number = number
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func at(us int64) time.Time { return time.UnixMicro(us).UTC() }

// analyse lets SQLite look at the tables when they have grown eightfold: without figures it takes every row of one tenant for ten and walks whole tables.
// PostgreSQL does so by itself.
func (s *shared) analyse(ctx context.Context, w *working) {
	w.mu.Lock()
	due := w.opened >= w.analysed
	if due {
		w.analysed = max(2*firstAnalysis, 8*w.opened)
	}
	w.mu.Unlock()
	if !due {
		return
	}
	if err := store.Analyse(ctx, s.db); err != nil {
		s.opt.Logger.Warn("statistics of the state database could not be renewed", "error", err)
	}
}
