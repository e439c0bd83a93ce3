package ingest

import (
	"context"
	"math"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Quota bounds what a sender may deliver; 0 means no bound.
type Quota struct {
	RecordsPerMinute int64
	BytesPerDay      int64 // of records as they are kept, after compression was taken off; days are those of UTC
}

// account is the use of one quota. A minute's records are a bucket that empties evenly: a delivery is let in while the bucket is not full and may overfill
// it, which later ones pay for, so that a delivery larger than a minute's share is still taken some time. A day's bytes are a hard bound.
type account struct {
	quota    Quota
	level    float64 // records in the bucket …
	at       time.Time
	day      int64 // days since 1970
	bytes    int64 // of that day, by all processes as far as known
	reserved int64 // announced by deliveries that are being read

	newRecords, newBytes int64 // not yet written
	written              int64 // records that the database had after the last flush
}

const daySeconds = 24 * 60 * 60

// advance moves the account to now.
func (a *account) advance(now time.Time) {
	if a.quota.RecordsPerMinute > 0 && !a.at.IsZero() {
		a.level = max(0, a.level-float64(a.quota.RecordsPerMinute)*now.Sub(a.at).Minutes())
	}
	a.at = now
	if day := now.Unix() / daySeconds; day != a.day {
		a.day, a.bytes, a.newBytes = day, 0, 0
	}
}

func (a *account) charge(now time.Time, records, bytes int64) {
	a.advance(now)
	a.level += float64(records)
	a.bytes += bytes
	a.newRecords += records
	a.newBytes += bytes
}

// Grant is the leave to deliver. Release ends it.
type Grant struct {
	// Records and Bytes are how many the quota has room for; negative when there is no bound. Whole says that no more than Bytes would fit at any time.
	Records, Bytes int64
	Whole          bool
	wait           time.Duration // until a day's quota is whole again
	release        func()
}

// Release gives back what was reserved. It may be called on nil and more than once.
func (g *Grant) Release() {
	if g != nil && g.release != nil {
		g.release()
		g.release = nil
	}
}

// Refuse is the error of a delivery that turned out to have more bytes than the quota has room for.
func (g *Grant) Refuse() error {
	if g.Whole {
		return fault.Newf(fault.TooLarge, "the delivery is larger than the sender may bring in a day (%d bytes): send it in parts, or raise the token's quota", g.Bytes).On("quota")
	}
	return throttled(g.wait, "the sender has brought the bytes of its day")
}

// RefuseRecords is the error of records that a delivery has beyond Grant.Records.
func (g *Grant) RefuseRecords() error {
	e := fault.Newf(fault.Busy, "the sender has brought the records of its minute: send this record again, or raise the token's quota").On("quota")
	e.Details = map[string]any{"retryAfter": 60}
	return e
}

func throttled(wait time.Duration, what string) *fault.Error {
	seconds := max(1, int64(math.Ceil(wait.Seconds())))
	e := fault.Newf(fault.Busy, "%s; nothing of this delivery was taken: send it again in %d s, or raise the token's quota", what, seconds).On("quota")
	e.Details = map[string]any{"retryAfter": seconds}
	return e
}

// Admit says whether the account's quota has room for a delivery, before its body is read. announced is the length that the sender tells, negative when it
// does not. The error is fault.Busy with details.retryAfter in seconds. The grant is to be released when the delivery is over.
func (t *Traffic) Admit(ctx context.Context, id tenant.ID, s Sender, q Quota, announced int64) (*Grant, error) {
	if t == nil || q == (Quota{}) || s.Account == "" {
		return &Grant{Records: -1, Bytes: -1}, nil
	}
	a, err := t.account(ctx, senderKey{id, s.Account})
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	a.quota = q
	a.advance(now)
	refuse := func(wait time.Duration, what string) (*Grant, error) {
		t.sender(id, s).Throttled++
		return nil, throttled(wait, what)
	}
	g := &Grant{Records: -1, Bytes: -1}
	if most := float64(q.RecordsPerMinute); most > 0 {
		if a.level+1 > most+1e-6 {
			return refuse(time.Duration((a.level-most+1)/most*float64(time.Minute)), "the sender has brought the records of its minute")
		}
		g.Records = int64(most - a.level + 1e-6)
	}
	if q.BytesPerDay > 0 {
		g.wait = time.Duration(daySeconds-now.Unix()%daySeconds) * time.Second
		g.Bytes = q.BytesPerDay - a.bytes - a.reserved
		g.Whole = a.bytes == 0 && a.reserved == 0
		switch {
		case announced > q.BytesPerDay:
			g.Bytes, g.Whole = q.BytesPerDay, true
			t.sender(id, s).Throttled++
			return nil, g.Refuse()
		case g.Bytes <= 0 && a.reserved > 0 && a.bytes < q.BytesPerDay:
			return refuse(time.Second, "deliveries of this sender that are being read will bring the bytes of its day")
		case g.Bytes <= 0 || announced > g.Bytes:
			return refuse(g.wait, "the sender has brought the bytes of its day")
		}
		hold := max(announced, 0)
		a.reserved += hold
		g.release = func() {
			t.mu.Lock()
			a.reserved -= hold
			t.mu.Unlock()
		}
	}
	return g, nil
}

// account finds the account, with what earlier runs and other processes have written.
func (t *Traffic) account(ctx context.Context, key senderKey) (*account, error) {
	t.mu.Lock()
	a := t.accounts[key]
	t.mu.Unlock()
	if a != nil {
		return a, nil
	}
	use, err := t.used(ctx, t.db, key)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.accounts[key]; a != nil {
		return a, nil
	}
	a = &account{day: use.day, bytes: use.bytes, written: use.records}
	t.accounts[key] = a
	return a, nil
}

type quotaUse struct{ day, bytes, records int64 }

func (t *Traffic) used(ctx context.Context, db bun.IDB, key senderKey) (quotaUse, error) {
	var rows []struct {
		Day     int64 `bun:"day"`
		Bytes   int64 `bun:"bytes"`
		Records int64 `bun:"records"`
	}
	err := db.NewRaw("SELECT day, bytes, records FROM quota_use WHERE tenant_id = ? AND account = ?", key.tenant, key.id).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return quotaUse{}, err
	}
	return quotaUse{rows[0].Day, rows[0].Bytes, rows[0].Records}, nil
}

// flushAccounts writes the use of quotas and takes over what other processes wrote.
func (t *Traffic) flushAccounts(ctx context.Context) error {
	t.mu.Lock()
	now := t.now()
	type work struct {
		a              *account
		day            int64
		records, bytes int64
	}
	all := make(map[senderKey]work, len(t.accounts))
	for k, a := range t.accounts {
		a.advance(now)
		all[k] = work{a, a.day, a.newRecords, a.newBytes}
	}
	t.mu.Unlock()
	for _, k := range sortedKeys(all, compareSenders) {
		w := all[k]
		var use quotaUse
		err := t.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) (err error) {
			if w.records > 0 || w.bytes > 0 {
				_, err = tx.NewRaw(`INSERT INTO quota_use (tenant_id, account, day, bytes, records) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant_id, account) DO UPDATE SET
					bytes = CASE WHEN EXCLUDED.day = quota_use.day THEN quota_use.bytes + EXCLUDED.bytes WHEN EXCLUDED.day > quota_use.day THEN EXCLUDED.bytes ELSE quota_use.bytes END,
					day = CASE WHEN EXCLUDED.day > quota_use.day THEN EXCLUDED.day ELSE quota_use.day END,
					records = quota_use.records + EXCLUDED.records`, k.tenant, k.id, w.day, w.bytes, w.records).Exec(ctx)
				if err != nil {
					return err
				}
			}
			use, err = t.used(ctx, tx, k)
			return err
		})
		if err != nil {
			return err
		}
		t.mu.Lock()
		a := w.a
		a.newRecords -= w.records
		a.level += float64(max(0, use.records-a.written-w.records)) // what other processes took
		a.written = use.records
		if a.day == w.day {
			a.newBytes -= w.bytes
			if use.day == a.day {
				a.bytes = use.bytes + a.newBytes
			}
		}
		t.mu.Unlock()
	}
	return nil
}
