// Package budget bounds what queries may take of the machine: how many run at once (Turns), and how much processor time each principal may use within a
// window and a day (Accounts). Both work per tenant, so that no tenant waits for another's.
package budget

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Rules is the principal whose account scheduled rules use.
const Rules = "rules"

// Limits are what an account may use. A zero amount is no limit.
type Limits struct {
	Window time.Duration // windows start at multiples of it
	Amount time.Duration // processor time in a window
	Warn   int           // percent of Amount from which on runs are told
	Day    time.Duration // processor time in a day (UTC)
}

// State is how much of a window is used.
type State struct {
	Used, Amount time.Duration
	Ends         time.Time
	Warn         bool
}

// Percent is the used share of the window.
func (s State) Percent() int {
	if s.Amount <= 0 {
		return 0
	}
	return int(math.Min(float64(s.Used)/float64(s.Amount)*100, 1e6))
}

// Message tells a person about a window that is being used up.
func (s State) Message() string {
	return fmt.Sprintf("your queries have used %d %% of the processor time that they may use until %s", s.Percent(), s.Ends.UTC().Format("15:04 UTC"))
}

// Accounts keep the used processor time. It survives a restart.
type Accounts struct {
	db    *bun.DB
	clock func() time.Time

	mu   sync.Mutex // guards open, and touched and users of what it holds
	open map[key]*account
}

type key struct {
	tenant    tenant.ID
	principal string
}

// account is held by one run of its principal at a time, also while the state database is asked, so that no principal waits for another's.
type account struct {
	touched time.Time
	users   int // runs that have it or wait for it

	mu                  sync.Mutex // guards what follows; taken after Accounts.mu was let go
	read                bool       // from the state database
	window, day         time.Time
	windowUsed, dayUsed time.Duration
}

type row struct {
	bun.BaseModel `bun:"table:hunt_budgets"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	Principal     string     `bun:"principal,pk"`
	Window        state.Time `bun:"window_start"`
	WindowUS      int64      `bun:"window_us"`
	Day           state.Time `bun:"day_start"`
	DayUS         int64      `bun:"day_us"`
}

// maxOpen bounds the accounts held in memory; the others are read again when they are needed.
const maxOpen = 10_000

// New returns the accounts in an open state database. clock is time.Now but in tests.
func New(db *bun.DB, clock func() time.Time) *Accounts {
	return &Accounts{db: db, clock: clock, open: map[key]*account{}}
}

// Admit refuses a run (fault.Busy, details retryAfter in seconds) when the principal's window or day is used up.
func (a *Accounts) Admit(ctx context.Context, id tenant.ID, principal string, l Limits) error {
	acc, leave, err := a.account(ctx, id, principal, l)
	if err != nil {
		return err
	}
	defer leave()
	switch {
	case l.Day > 0 && acc.dayUsed >= l.Day:
		return a.exhausted("hunt.cpu-day", "today", l.Day, acc.day.Add(24*time.Hour))
	case l.Amount > 0 && acc.windowUsed >= l.Amount:
		return a.exhausted("hunt.cpu-budget", "in this window", l.Amount, acc.window.Add(l.Window))
	}
	return nil
}

func (a *Accounts) exhausted(setting, when string, amount time.Duration, ends time.Time) error {
	wait := max(1, int(math.Ceil(ends.Sub(a.clock()).Seconds())))
	return &fault.Error{
		Code:    fault.Busy,
		Message: fmt.Sprintf("the processor time for queries is used up: %s may be used %s; try again at %s", amount, when, ends.UTC().Format("15:04:05 UTC")),
		Target:  setting, Details: map[string]any{"retryAfter": wait, "limit": setting},
	}
}

// Spend adds the processor time of a run and returns the state of the window.
func (a *Accounts) Spend(ctx context.Context, id tenant.ID, principal string, l Limits, cpu time.Duration) (State, error) {
	acc, leave, err := a.account(ctx, id, principal, l)
	if err != nil {
		return State{}, err
	}
	defer leave()
	acc.windowUsed += max(cpu, 0)
	acc.dayUsed += max(cpu, 0)
	s := State{Used: acc.windowUsed, Amount: l.Amount, Ends: acc.window.Add(l.Window)}
	s.Warn = l.Amount > 0 && s.Percent() >= l.Warn
	r := &row{
		Tenant: id, Principal: principal, Window: state.At(acc.window), WindowUS: acc.windowUsed.Microseconds(), Day: state.At(acc.day), DayUS: acc.dayUsed.Microseconds(),
	}
	_, err = a.db.NewInsert().Model(r).On("CONFLICT (tenant_id, principal) DO UPDATE").
		Set("window_start = EXCLUDED.window_start").Set("window_us = EXCLUDED.window_us").Set("day_start = EXCLUDED.day_start").Set("day_us = EXCLUDED.day_us").Exec(ctx)
	return s, err
}

// account takes the account in its present window and day; leave gives it back.
func (a *Accounts) account(ctx context.Context, id tenant.ID, principal string, l Limits) (acc *account, leave func(), err error) {
	if l.Window <= 0 {
		return nil, nil, fault.Newf(fault.Invalid, "a window of processor time must be longer than zero")
	}
	now := a.clock().UTC()
	acc = a.take(key{id, principal}, now)
	leave = func() {
		acc.mu.Unlock()
		a.mu.Lock()
		acc.users--
		a.mu.Unlock()
	}
	acc.mu.Lock()
	if !acc.read {
		r := new(row)
		err := a.db.NewSelect().Model(r).Where("tenant_id = ? AND principal = ?", id, principal).Scan(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			leave()
			return nil, nil, err
		}
		acc.read = true
		if err == nil {
			acc.window, acc.windowUsed = r.Window.Time, time.Duration(r.WindowUS)*time.Microsecond
			acc.day, acc.dayUsed = r.Day.Time, time.Duration(r.DayUS)*time.Microsecond
		}
	}
	if w := now.Truncate(l.Window); !w.Equal(acc.window) {
		acc.window, acc.windowUsed = w, 0
	}
	if d := now.Truncate(24 * time.Hour); !d.Equal(acc.day) {
		acc.day, acc.dayUsed = d, 0
	}
	return acc, leave, nil
}

// take finds an account, or makes room for it.
func (a *Accounts) take(k key, now time.Time) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.open[k]
	if acc == nil {
		if len(a.open) >= maxOpen {
			for old, o := range a.open {
				if o.users == 0 && (now.Sub(o.touched) > time.Hour || len(a.open) >= maxOpen) {
					delete(a.open, old)
				}
			}
		}
		acc = &account{}
		a.open[k] = acc
	}
	acc.touched = now
	acc.users++
	return acc
}
