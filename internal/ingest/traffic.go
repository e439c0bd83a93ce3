package ingest

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Traffic counts what arrives: by sender at the receivers, by family at the commit, by minute for both. Counts are kept in memory and written every few
// seconds, so counting costs the way of a record next to nothing; several processes on one database add up. It also keeps the quotas of senders and knows
// which stretches of event time got records, and which devices' clocks are wrong.
type Traffic struct {
	db  *bun.DB
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex // guards what follows
	known    map[senderKey]bool
	perHouse map[tenant.ID]int // senders that are told apart
	pending  *traffic
	accounts map[senderKey]*account
	clocks   map[clockKey]*clock

	flushing sync.Mutex // held during a flush; taken before mu
	steadied int64      // minute in which steadiness was last looked at; of the flush
	pruned   time.Time
}

type senderKey struct {
	tenant tenant.ID
	id     string
}

type minuteKey struct {
	tenant   tenant.ID
	kind, id string
	minute   int64
}

type arrivalKey struct {
	tenant tenant.ID
	bucket int64
}

type arrival struct {
	at      time.Time
	records int64
}

// The kinds of rows of traffic_minutes.
const (
	minutesOfSender = "sender"
	minutesOfFamily = "family"
)

// count is what came.
type count struct {
	records, refused, bytes int64
	lagMS, lagRecords       int64 // sum over lagRecords records, received -> queryable
	delayMS, delayRecords   int64 // median times records, event -> received
}

func (c *count) add(o *count) {
	c.records += o.records
	c.refused += o.refused
	c.bytes += o.bytes
	c.lagMS += o.lagMS
	c.lagRecords += o.lagRecords
	c.delayMS += o.delayMS
	c.delayRecords += o.delayRecords
}

// traffic is what is still to be written.
type traffic struct {
	senders  map[senderKey]*SenderSeen
	minutes  map[minuteKey]*count
	arrivals map[arrivalKey]*arrival
}

func newPendingTraffic() *traffic {
	return &traffic{senders: map[senderKey]*SenderSeen{}, minutes: map[minuteKey]*count{}, arrivals: map[arrivalKey]*arrival{}}
}

// NewTraffic returns a counter that writes to db. Run keeps it written.
func NewTraffic(db *bun.DB, log *slog.Logger) *Traffic {
	return &Traffic{
		db: db, log: log, now: time.Now, known: map[senderKey]bool{}, perHouse: map[tenant.ID]int{}, pending: newPendingTraffic(),
		accounts: map[senderKey]*account{}, clocks: map[clockKey]*clock{},
	}
}

const (
	flushEvery    = 2 * time.Second
	keepMinutes   = 3 * 60 // minutes
	recentMinutes = 60
)

// Start is Run in the background; what it returns ends it and waits for the last write.
func (t *Traffic) Start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// Run writes the counts every few seconds until ctx ends, and once more then.
func (t *Traffic) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := t.Flush(ctx); err != nil && ctx.Err() == nil {
				t.log.Warn("the counts of sources could not be written; they are kept until they can", "error", err)
			}
			continue
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := t.Flush(last); err != nil {
			t.log.Warn("the last counts of sources could not be written", "error", err)
		}
		return
	}
}

// Delivered counts what a sender brought. families has the records of each family.
func (t *Traffic) Delivered(id tenant.ID, s Sender, families map[string]int64, refused, bytes int64) {
	if t == nil {
		return
	}
	c := count{refused: refused, records: refused, bytes: bytes}
	names := ""
	for name, n := range families {
		c.records += n
		names += " " + name
	}
	if c.records == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.Kind != "" {
		row := t.sender(id, s)
		row.Records += c.records
		row.Refused += c.refused
		row.Bytes += c.bytes
		row.Families = mergeFamilies(row.Families, names)
		t.minute(minuteKey{id, minutesOfSender, row.ID, t.now().Unix() / 60}).add(&c)
	}
	if a := t.accounts[senderKey{id, s.Account}]; a != nil && s.Account != "" {
		a.charge(t.now(), c.records, c.bytes)
	}
}

// sender is the row of the sender that is to be written next. mu is held.
func (t *Traffic) sender(id tenant.ID, s Sender) *SenderSeen {
	key := senderKey{id, clean(s.key())}
	if !t.known[key] {
		if t.perHouse[id] >= maxSenders {
			s.ID, s.Name, s.Address = others, "further "+s.Kind+" senders", ""
			key.id = s.key()
		}
		if !t.known[key] {
			t.known[key] = true
			t.perHouse[id]++
		}
	}
	now := state.At(t.now())
	row := t.pending.senders[key]
	if row == nil {
		row = &SenderSeen{Tenant: id, ID: key.id, Kind: s.Kind, FirstSeen: now}
		t.pending.senders[key] = row
	}
	row.LastSeen = now
	if s.Name != "" {
		row.Name = clean(cutName(s.Name))
	}
	if s.Address != "" {
		row.Address = clean(cutName(s.Address))
	}
	return row
}

func cutName(s string) string {
	if len(s) > 255 {
		return s[:255]
	}
	return s
}

// minute is the count of that minute that is to be written next. mu is held.
func (t *Traffic) minute(key minuteKey) *count {
	c := t.pending.minutes[key]
	if c == nil {
		c = &count{}
		t.pending.minutes[key] = c
	}
	return c
}

// Flush writes what was counted since the last one. What cannot be written is kept for the next.
func (t *Traffic) Flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	work := t.pending
	t.pending = newPendingTraffic()
	t.mu.Unlock()
	err := t.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return work.write(ctx, tx) })
	if err != nil {
		t.mu.Lock()
		t.restore(work)
		t.mu.Unlock()
		return err
	}
	if err := t.flushAccounts(ctx); err != nil {
		return err
	}
	if err := t.flushClocks(ctx); err != nil {
		return err
	}
	now := t.now()
	if minute := now.Unix() / 60; minute != t.steadied {
		t.steadied = minute
		if err := t.steady(ctx, minute); err != nil {
			return err
		}
	}
	if now.Sub(t.pruned) > 10*time.Minute {
		t.pruned = now
		return t.prune(ctx, now)
	}
	return nil
}

// restore takes back what could not be written. mu is held.
func (t *Traffic) restore(work *traffic) {
	for k, row := range work.senders {
		if cur := t.pending.senders[k]; cur != nil {
			cur.Records += row.Records
			cur.Refused += row.Refused
			cur.Bytes += row.Bytes
			cur.Throttled += row.Throttled
			cur.Families = mergeFamilies(cur.Families, row.Families)
			cur.FirstSeen = row.FirstSeen
			continue
		}
		t.pending.senders[k] = row
	}
	for k, c := range work.minutes {
		t.minute(k).add(c)
	}
	for k, a := range work.arrivals {
		t.arrived(k, a.at, a.records)
	}
}

// arrived notes records whose event time lies in the bucket. mu is held.
func (t *Traffic) arrived(key arrivalKey, at time.Time, records int64) {
	a := t.pending.arrivals[key]
	if a == nil {
		a = &arrival{}
		t.pending.arrivals[key] = a
	}
	a.records += records
	if at.After(a.at) {
		a.at = at
	}
}

// write puts the counts into the database, in the order of their keys so that processes do not wait for each other crosswise.
func (w *traffic) write(ctx context.Context, tx bun.Tx) error {
	senders := sortedKeys(w.senders, compareSenders)
	for _, k := range senders {
		row := w.senders[k]
		var had []string
		if err := tx.NewSelect().Table("senders").Column("families").Where("tenant_id = ? AND id = ?", row.Tenant, row.ID).Scan(ctx, &had); err != nil {
			return err
		}
		if len(had) == 1 {
			row.Families = mergeFamilies(had[0], row.Families)
		}
		_, err := tx.NewInsert().Model(row).On("CONFLICT (tenant_id, id) DO UPDATE").
			Set("name = CASE WHEN EXCLUDED.name <> '' THEN EXCLUDED.name ELSE sender_seen.name END").
			Set("address = CASE WHEN EXCLUDED.address <> '' THEN EXCLUDED.address ELSE sender_seen.address END").
			Set("families = EXCLUDED.families").
			Set("last_seen = CASE WHEN EXCLUDED.last_seen > sender_seen.last_seen THEN EXCLUDED.last_seen ELSE sender_seen.last_seen END").
			Set("records = sender_seen.records + EXCLUDED.records").Set("bytes = sender_seen.bytes + EXCLUDED.bytes").
			Set("refused = sender_seen.refused + EXCLUDED.refused").Set("throttled = sender_seen.throttled + EXCLUDED.throttled").Exec(ctx)
		if err != nil {
			return err
		}
	}
	minutes := sortedKeys(w.minutes, func(a, b minuteKey) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id), cmp.Compare(a.minute, b.minute))
	})
	for _, k := range minutes {
		c := w.minutes[k]
		_, err := tx.NewRaw(`INSERT INTO traffic_minutes (tenant_id, kind, id, minute, records, refused, bytes, lag_ms, lag_records, delay_ms, delay_records)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, kind, id, minute) DO UPDATE SET
			records = traffic_minutes.records + EXCLUDED.records, refused = traffic_minutes.refused + EXCLUDED.refused, bytes = traffic_minutes.bytes + EXCLUDED.bytes,
			lag_ms = traffic_minutes.lag_ms + EXCLUDED.lag_ms, lag_records = traffic_minutes.lag_records + EXCLUDED.lag_records,
			delay_ms = traffic_minutes.delay_ms + EXCLUDED.delay_ms, delay_records = traffic_minutes.delay_records + EXCLUDED.delay_records`,
			k.tenant, k.kind, k.id, k.minute, c.records, c.refused, c.bytes, c.lagMS, c.lagRecords, c.delayMS, c.delayRecords).Exec(ctx)
		if err != nil {
			return err
		}
	}
	arrivals := sortedKeys(w.arrivals, func(a, b arrivalKey) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.bucket, b.bucket))
	})
	for _, k := range arrivals {
		a := w.arrivals[k]
		_, err := tx.NewRaw(`INSERT INTO arrivals (tenant_id, bucket, arrived, records) VALUES (?, ?, ?, ?) ON CONFLICT (tenant_id, bucket) DO UPDATE SET
			arrived = CASE WHEN EXCLUDED.arrived > arrivals.arrived THEN EXCLUDED.arrived ELSE arrivals.arrived END, records = arrivals.records + EXCLUDED.records`,
			k.tenant, k.bucket, state.At(a.at), a.records).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

func compareSenders(a, b senderKey) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.id, b.id))
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// steady writes, for what delivered within the last minute or two, in how many minutes of the last hour it did.
func (t *Traffic) steady(ctx context.Context, minute int64) error {
	var rows []struct {
		Tenant tenant.ID `bun:"tenant_id"`
		Kind   string    `bun:"kind"`
		ID     string    `bun:"id"`
		N      int64     `bun:"n"`
	}
	err := t.db.NewRaw(`SELECT tenant_id, kind, id, count(*) AS n FROM traffic_minutes WHERE minute > ? AND records > 0 GROUP BY tenant_id, kind, id HAVING max(minute) >= ?
		ORDER BY tenant_id, kind, id`, minute-recentMinutes, minute-1).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	return t.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range rows {
			statement := "UPDATE senders SET steady = ? WHERE tenant_id = ? AND id = ?"
			if r.Kind == minutesOfFamily {
				statement = "UPDATE sources SET steady = ? WHERE tenant_id = ? AND family = ?"
			}
			if _, err := tx.NewRaw(statement, r.N, r.Tenant, r.ID).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// prune forgets minutes and arrivals that nobody asks for any more, and learns which senders there are.
func (t *Traffic) prune(ctx context.Context, now time.Time) error {
	if _, err := t.db.NewRaw("DELETE FROM traffic_minutes WHERE minute < ?", now.Unix()/60-keepMinutes).Exec(ctx); err != nil {
		return err
	}
	if _, err := t.db.NewRaw("DELETE FROM arrivals WHERE arrived < ? OR bucket < ?", state.At(now.Add(-2*LateWindow)), bucketOf(now.Add(-2*LateWindow))).Exec(ctx); err != nil {
		return err
	}
	if _, err := t.db.NewRaw("DELETE FROM device_clocks WHERE measured < ?", state.At(now.Add(-7*24*time.Hour))).Exec(ctx); err != nil {
		return err
	}
	var rows []struct {
		Tenant tenant.ID `bun:"tenant_id"`
		ID     string    `bun:"id"`
	}
	if err := t.db.NewRaw("SELECT tenant_id, id FROM senders").Scan(ctx, &rows); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.perHouse = make(map[senderKey]bool, len(rows)), map[tenant.ID]int{}
	for _, r := range rows {
		t.known[senderKey{r.Tenant, r.ID}] = true
		t.perHouse[r.Tenant]++
	}
	return nil
}

// hour is the last 60 minutes of a sender or family, oldest first; the last one is still running.
type hour [recentMinutes]count

func (h *hour) counts() []int64 {
	out := make([]int64, recentMinutes)
	if h != nil {
		for i := range h {
			out[i] = h[i].records
		}
	}
	return out
}

// quarter is the sum of the last quarter of an hour.
func (h *hour) quarter() (sum count) {
	if h != nil {
		for i := recentMinutes - 15; i < recentMinutes; i++ {
			sum.add(&h[i])
		}
	}
	return sum
}

// recent reads the last 60 minutes of all senders or families of the tenant.
func (t *Traffic) recent(ctx context.Context, id tenant.ID, kind string, now time.Time) (map[string]*hour, error) {
	var rows []struct {
		ID           string `bun:"id"`
		Minute       int64  `bun:"minute"`
		Records      int64  `bun:"records"`
		Refused      int64  `bun:"refused"`
		Bytes        int64  `bun:"bytes"`
		LagMS        int64  `bun:"lag_ms"`
		LagRecords   int64  `bun:"lag_records"`
		DelayMS      int64  `bun:"delay_ms"`
		DelayRecords int64  `bun:"delay_records"`
	}
	last := now.Unix() / 60
	first := last - recentMinutes + 1
	err := t.db.NewRaw(`SELECT id, minute, records, refused, bytes, lag_ms, lag_records, delay_ms, delay_records FROM traffic_minutes
		WHERE tenant_id = ? AND kind = ? AND minute >= ? AND minute <= ?`, id, kind, first, last).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	out := map[string]*hour{}
	for _, r := range rows {
		h := out[r.ID]
		if h == nil {
			h = new(hour)
			out[r.ID] = h
		}
		h[r.Minute-first] = count{records: r.Records, refused: r.Refused, bytes: r.Bytes, lagMS: r.LagMS, lagRecords: r.LagRecords, delayMS: r.DelayMS, delayRecords: r.DelayRecords}
	}
	return out, nil
}
