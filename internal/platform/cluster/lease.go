package cluster

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Lease is something that one node holds. It is kept by renewing it in the background until Release or until it is lost.
type Lease struct {
	leases *Leases
	id     tenant.ID
	name   string

	// Lost ends when the lease is no longer certain to be held: it was taken, or could not be renewed in time.
	Lost context.Context
	lose context.CancelFunc
	done chan struct{}
	stop context.CancelFunc

	mu    sync.Mutex
	epoch int64
}

// Leases hands out the leases of one node.
type Leases struct {
	db     *bun.DB
	holder string
	ttl    time.Duration
}

// NewLeases returns the leases for a holder: the id of a node, of which only one process runs. What that id held before is taken over at once; what others
// hold when they have let it go, or have not renewed it for ttl.
func NewLeases(db *bun.DB, holder string, ttl time.Duration) *Leases {
	return &Leases{db: db, holder: holder, ttl: ttl}
}

// Try takes the lease when nobody else holds it, and returns nil when somebody does. One process must not try for a lease that it holds.
func (l *Leases) Try(ctx context.Context, id tenant.ID, name string) (*Lease, error) {
	start := time.Now()
	var epoch int64
	err := l.db.NewRaw(`INSERT INTO leases (tenant_id, name, holder, epoch, expires) VALUES (?, ?, ?, 1, `+now(l.db)+` + ?)
		ON CONFLICT (tenant_id, name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, expires = excluded.expires
		WHERE leases.expires < `+now(l.db)+` OR leases.holder = excluded.holder RETURNING epoch`, id, name, l.holder, l.ttl.Microseconds()).Scan(ctx, &epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	out := &Lease{leases: l, id: id, name: name, epoch: epoch, done: make(chan struct{})}
	out.Lost, out.lose = context.WithCancel(context.WithoutCancel(ctx))
	renewing, stop := context.WithCancel(out.Lost)
	out.stop = stop
	go out.renew(renewing, start.Add(l.ttl))
	return out, nil
}

// Held describes who has a lease.
type Held struct {
	Tenant tenant.ID `bun:"tenant_id"`
	Name   string
	Holder string
	Epoch  int64
}

// List returns the leases of a name that are held now, of all tenants.
func (l *Leases) List(ctx context.Context, name string) ([]Held, error) {
	var out []Held
	err := l.db.NewRaw("SELECT tenant_id, name, holder, epoch FROM leases WHERE name = ? AND expires >= "+now(l.db)+" ORDER BY tenant_id", name).Scan(ctx, &out)
	return out, unavailable(err)
}

// Hold waits for the lease, runs fn while it is held, and lets it go. fn's context ends when the lease is lost.
func (l *Leases) Hold(ctx context.Context, id tenant.ID, name string, fn func(ctx context.Context) error) error {
	for {
		lease, err := l.Try(ctx, id, name)
		if err != nil {
			return err
		}
		if lease != nil {
			work, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(lease.Lost, cancel)
			defer func() { stop(); cancel(); lease.Release() }()
			return fn(work)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(l.ttl / 10):
		}
	}
}

// Epoch is the number of this holding, greater than that of any earlier one.
func (l *Lease) Epoch() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// Raise makes the epoch greater than one that was seen where it takes effect, which happens when the state database was restored from an older copy.
func (l *Lease) Raise(ctx context.Context, above int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch > above {
		return nil
	}
	res, err := l.leases.db.NewRaw("UPDATE leases SET epoch = ? WHERE tenant_id = ? AND name = ? AND holder = ? AND epoch = ?",
		above+1, l.id, l.name, l.leases.holder, l.epoch).Exec(ctx)
	if err != nil {
		return unavailable(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fault.Newf(fault.Conflict, "the lease %s of tenant %s was lost", l.name, l.id)
	}
	l.epoch = above + 1
	return nil
}

// renew prolongs the lease three times in its life. until is when it ends unless it is prolonged, by this process's clock and never later than by the
// database's.
func (l *Lease) renew(ctx context.Context, until time.Time) {
	defer close(l.done)
	pause := l.leases.ttl / 3
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(pause, time.Until(until))):
		}
		if !time.Now().Before(until) {
			l.lose()
			return
		}
		start := time.Now()
		try, cancel := context.WithDeadline(ctx, until)
		held, err := l.prolong(try)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			pause = l.leases.ttl / 10
		case !held:
			l.lose()
			return
		default:
			until, pause = start.Add(l.leases.ttl), l.leases.ttl/3
		}
	}
}

func (l *Lease) prolong(ctx context.Context) (bool, error) {
	res, err := l.leases.db.NewRaw("UPDATE leases SET expires = "+now(l.leases.db)+" + ? WHERE tenant_id = ? AND name = ? AND holder = ? AND epoch = ?",
		l.leases.ttl.Microseconds(), l.id, l.name, l.leases.holder, l.Epoch()).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Release lets the lease go, so that another node can take it at once.
func (l *Lease) Release() {
	l.stop()
	<-l.done
	lost := l.Lost.Err() != nil
	l.lose()
	if lost {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.leases.ttl)
	defer cancel()
	// When this fails the lease expires by itself.
	_, _ = l.leases.db.NewRaw("UPDATE leases SET expires = 0 WHERE tenant_id = ? AND name = ? AND holder = ? AND epoch = ?", l.id, l.name, l.leases.holder, l.Epoch()).Exec(ctx)
}
