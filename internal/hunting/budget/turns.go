package budget

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// ErrCancelled is the cause of the end of a run that somebody cancelled.
var ErrCancelled = errors.New("the query was cancelled")

// Run is a query that runs, or waits for its turn.
type Run struct {
	Tenant    tenant.ID
	ID        string // unique among the principal's runs
	Principal string
	By        string // the principal's name
	Interface string // "portal", "api", "rule", "command"
	Query     string
	Started   time.Time
}

// Turns let queries run, so many at once for a tenant and for a principal; others wait. It also knows which run, and ends them.
type Turns struct {
	perTenant, perPrincipal int
	wait                    time.Duration

	mu      sync.Mutex // guards everything below
	tenants map[tenant.ID]*queue
	people  map[key]*queue
	runs    map[runKey]*running
}

type queue struct {
	slots *semaphore.Weighted
	users int // runs that hold or wait for a slot; the queue goes when there are none
}

type runKey struct {
	key
	id string
}

type running struct {
	Run
	cancel context.CancelCauseFunc
}

// maxWaiting bounds the runs of one principal that run or wait.
const maxWaiting = 64

// NewTurns allows perTenant and perPrincipal queries at once. A query waits for its turn for at most wait.
func NewTurns(perTenant, perPrincipal int, wait time.Duration) *Turns {
	return &Turns{
		perTenant: max(1, perTenant), perPrincipal: max(1, min(perPrincipal, perTenant)), wait: wait,
		tenants: map[tenant.ID]*queue{}, people: map[key]*queue{}, runs: map[runKey]*running{},
	}
}

// Enter waits for the run's turn and returns its context, which ends when the run is cancelled, and the function that ends the turn. fault.Busy when the turn
// does not come, fault.Conflict when the principal has a run of that id.
func (t *Turns) Enter(ctx context.Context, r Run) (context.Context, func(), error) {
	k := key{r.Tenant, r.Principal}
	id := runKey{k, r.ID}
	ctx, cancel := context.WithCancelCause(ctx)
	if r.Started.IsZero() {
		r.Started = time.Now()
	}
	t.mu.Lock()
	if t.runs[id] != nil {
		t.mu.Unlock()
		cancel(nil)
		return nil, nil, fault.Newf(fault.Conflict, "a query with the id %s runs already", r.ID).On("id")
	}
	whole, own := t.tenants[r.Tenant], t.people[k]
	if own != nil && own.users >= maxWaiting {
		t.mu.Unlock()
		cancel(nil)
		return nil, nil, busy("hunt.concurrency-principal", t.perPrincipal)
	}
	if whole == nil {
		whole = &queue{slots: semaphore.NewWeighted(int64(t.perTenant))}
		t.tenants[r.Tenant] = whole
	}
	if own == nil {
		own = &queue{slots: semaphore.NewWeighted(int64(t.perPrincipal))}
		t.people[k] = own
	}
	whole.users++
	own.users++
	t.runs[id] = &running{r, cancel}
	t.mu.Unlock()

	leave := func() {
		cancel(nil)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.runs, id)
		if whole.users--; whole.users == 0 {
			delete(t.tenants, r.Tenant)
		}
		if own.users--; own.users == 0 {
			delete(t.people, k)
		}
	}
	turn, done := context.WithTimeout(ctx, t.wait)
	defer done()
	if err := own.slots.Acquire(turn, 1); err != nil {
		leave()
		return nil, nil, t.missed(ctx, "hunt.concurrency-principal", t.perPrincipal)
	}
	if err := whole.slots.Acquire(turn, 1); err != nil {
		own.slots.Release(1)
		leave()
		return nil, nil, t.missed(ctx, "hunt.concurrency", t.perTenant)
	}
	return ctx, func() {
		whole.slots.Release(1)
		own.slots.Release(1)
		leave()
	}, nil
}

func (t *Turns) missed(ctx context.Context, setting string, n int) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), ErrCancelled) {
		return fault.Newf("cancelled", "the query was cancelled")
	}
	return busy(setting, n)
}

func busy(setting string, n int) error {
	return &fault.Error{
		Code: fault.Busy, Message: "other queries run already, and this one did not get its turn; try again", Target: setting,
		Details: map[string]any{"retryAfter": 5, "limit": setting, "concurrency": n},
	}
}

// Cancel ends a run of the principal's, or anybody's of the tenant when anyone is set, and says whether there was one.
func (t *Turns) Cancel(id tenant.ID, principal string, anyone bool, run string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.runs[runKey{key{id, principal}, run}]; r != nil {
		r.cancel(ErrCancelled)
		return true
	}
	if !anyone {
		return false
	}
	found := false
	for k, r := range t.runs {
		if k.tenant == id && k.id == run {
			r.cancel(ErrCancelled)
			found = true
		}
	}
	return found
}

// List returns the principal's runs, or all of the tenant when anyone is set, oldest first.
func (t *Turns) List(id tenant.ID, principal string, anyone bool) []Run {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []Run{}
	for k, r := range t.runs {
		if k.tenant == id && (anyone || k.principal == principal) {
			out = append(out, r.Run)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].Started.Equal(out[j].Started) {
			return out[i].Started.Before(out[j].Started)
		}
		return out[i].ID < out[j].ID
	})
	return out
}
