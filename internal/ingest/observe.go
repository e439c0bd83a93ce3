package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// How far an event's own time may lie from its arrival before it counts as late or as coming from the future. Both are kept with their own time.
const (
	LateAfter  = time.Hour
	AheadAfter = 5 * time.Minute
)

// LateWindow bounds how old the events may be for which scheduled rules are run again when they arrive.
const LateWindow = 7 * 24 * time.Hour

// Bucket is the resolution in which arrivals are known by event time.
const Bucket = 5 * time.Minute

func bucketOf(t time.Time) int64 { return t.Unix() / int64(Bucket/time.Second) }

// observed is what live records of a batch tell about their sources. The zero value is empty.
type observed struct {
	families map[string]*familyObserved
	arrivals map[int64]int64 // bucket of event time -> records
	devices  map[string]*deviceObserved
}

type familyObserved struct {
	count
	late, ahead int64
	receivedMS  int64 // sum
	delays      []int64
	seen        int
}

type deviceObserved struct {
	family string
	ahead  []int64 // event time less arrival, milliseconds
}

const (
	delaySamples  = 64 // per family and batch
	deviceSamples = 8  // per device and batch
	batchDevices  = 4096
)

func (o *observed) family(name string) *familyObserved {
	if o.families == nil {
		o.families, o.arrivals, o.devices = map[string]*familyObserved{}, map[int64]int64{}, map[string]*deviceObserved{}
	}
	f := o.families[name]
	if f == nil {
		f = &familyObserved{}
		o.families[name] = f
	}
	return f
}

// note looks at one record and what became of it. Records of the evaluation lab have made-up times.
func (o *observed) note(rec *normalise.Record, rows []*schema.Row, events []*normalise.Event, refused bool) {
	f := o.family(rec.Source)
	f.records++
	f.bytes += int64(len(rec.Data))
	f.receivedMS += rec.Received.UnixMilli()
	if refused {
		f.refused++
		return
	}
	if rec.Lab != "" {
		return
	}
	when := eventTime(rows, events)
	if when.Before(minTime) {
		return
	}
	ahead := when.Sub(rec.Received)
	switch {
	case ahead < -LateAfter:
		f.late++
	case ahead > AheadAfter:
		f.ahead++
	}
	if ahead > -LateWindow-24*time.Hour && ahead < LateWindow {
		o.arrivals[bucketOf(when)]++
	}
	if f.seen++; len(f.delays) < delaySamples {
		f.delays = append(f.delays, -ahead.Milliseconds())
	} else {
		f.delays[f.seen%delaySamples] = -ahead.Milliseconds()
	}
	device := rec.Host
	if len(rows) > 0 {
		if name := rows[0].Text("DeviceName"); name != "" {
			device = name
		}
	}
	if device == "" {
		return
	}
	d := o.devices[device]
	if d == nil {
		if len(o.devices) >= batchDevices {
			return
		}
		d = &deviceObserved{family: rec.Source}
		o.devices[device] = d
	}
	if len(d.ahead) < deviceSamples {
		d.ahead = append(d.ahead, ahead.Milliseconds())
	}
}

// eventTime is the time that the record itself tells, zero when it tells none.
func eventTime(rows []*schema.Row, events []*normalise.Event) time.Time {
	if len(events) > 0 && !events[0].Time.IsZero() {
		return events[0].Time
	}
	for _, row := range rows {
		if ticks, ok := row.Get("Timestamp").(int64); ok {
			return schema.TimeOf(ticks)
		}
	}
	return time.Time{}
}

func (o *observed) add(b *observed) {
	for name, f := range b.families {
		mine := o.family(name)
		mine.add(&f.count)
		mine.late += f.late
		mine.ahead += f.ahead
		mine.receivedMS += f.receivedMS
		mine.seen += f.seen
		mine.delays = append(mine.delays, f.delays...)
	}
	for k, n := range b.arrivals {
		o.arrivals[k] += n
	}
	for name, d := range b.devices {
		mine := o.devices[name]
		if mine == nil {
			o.devices[name] = d
			continue
		}
		mine.ahead = append(mine.ahead, d.ahead...)
	}
}

// Arrivals tells which stretches of event time, each of Bucket, between from and to got records after since: their beginnings, in order.
func (t *Traffic) Arrivals(ctx context.Context, id tenant.ID, since, from, to time.Time) ([]time.Time, error) {
	var buckets []int64
	err := t.db.NewRaw("SELECT bucket FROM arrivals WHERE tenant_id = ? AND arrived > ? AND bucket >= ? AND bucket <= ? ORDER BY bucket",
		id, state.At(since), bucketOf(from), bucketOf(to.Add(-time.Nanosecond))).Scan(ctx, &buckets)
	out := make([]time.Time, 0, len(buckets))
	for _, b := range buckets {
		out = append(out, time.Unix(b*int64(Bucket/time.Second), 0).UTC())
	}
	return out, err
}

// boundTimes keeps detections out of the future: an alert on an event that a wrong clock put there happened, for people, when the event arrived. The event
// itself keeps its time.
func (b *batch) boundTimes() {
	if len(b.found.all) == 0 || len(b.records) == 0 {
		return
	}
	received := b.records[0].Received
	for _, rec := range b.records {
		if rec.Received.After(received) {
			received = rec.Received
		}
	}
	if received.IsZero() {
		return
	}
	latest := received.Add(AheadAfter)
	for i := range b.found.all {
		d := &b.found.all[i]
		if d.Time.After(latest) {
			d.Time = received
		}
		if d.Hit.Time.After(latest) {
			d.Hit.Time = received
		}
	}
}

// committed counts what is queryable from now on.
func (t *Traffic) committed(id tenant.ID, o *observed) {
	if t == nil || len(o.families) == 0 {
		return
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, f := range o.families {
		c := f.count
		c.lagRecords = c.records
		c.lagMS = max(0, c.records*now.UnixMilli()-f.receivedMS)
		if len(f.delays) > 0 {
			c.delayRecords = int64(f.seen)
			c.delayMS = median(f.delays) * c.delayRecords
		}
		t.minute(minuteKey{id, minutesOfFamily, name, now.Unix() / 60}).add(&c)
	}
	for bucket, n := range o.arrivals {
		t.arrived(arrivalKey{id, bucket}, now, n)
	}
	for name, d := range o.devices {
		t.clock(id, clean(cutName(name)), d, now)
	}
}

func median(list []int64) int64 {
	slices.Sort(list)
	return list[len(list)/2]
}

type clockKey struct {
	tenant tenant.ID
	device string
}

// clock remembers how far the events of a device were ahead of their arrival.
type clock struct {
	family  string
	samples []int64 // milliseconds, the latest clockSamples
	next    int
	records int64
	last    time.Time
	right   bool // the database does not call it wrong
	fresh   bool // has samples since the last flush
}

const (
	clockSamples = 64
	clockEnough  = 8 // samples before a clock is judged
	clockForget  = time.Hour
	maxClocks    = 50_000
	skewAhead    = 30 * time.Second // a clock that is ahead by more is told
	skewBehind   = 2 * time.Minute  // …, and one behind by more, when the events come evenly
)

// clock takes samples of a device. mu is held.
func (t *Traffic) clock(id tenant.ID, device string, d *deviceObserved, now time.Time) {
	key := clockKey{id, device}
	c := t.clocks[key]
	if c == nil {
		if len(t.clocks) >= maxClocks {
			for k, old := range t.clocks { // forget those that were not heard of
				if now.Sub(old.last) > clockForget {
					delete(t.clocks, k)
				}
			}
			if len(t.clocks) >= maxClocks {
				return
			}
		}
		c = &clock{}
		t.clocks[key] = c
	}
	if now.Sub(c.last) > clockForget {
		c.samples, c.next = c.samples[:0], 0
	}
	c.last, c.family, c.fresh = now, d.family, true
	for _, s := range d.ahead {
		c.records++
		if len(c.samples) < clockSamples {
			c.samples = append(c.samples, s)
			continue
		}
		c.samples[c.next] = s
		c.next = (c.next + 1) % clockSamples
	}
}

// skew is how far the device's clock is ahead (negative: behind), 0 when it is right or nothing can be said. An event may be late for other reasons than
// a wrong clock, a backlog above all; then the delays spread, while a wrong clock delays all alike.
func (c *clock) skew() time.Duration {
	if len(c.samples) < clockEnough {
		return 0
	}
	sorted := slices.Clone(c.samples)
	slices.Sort(sorted)
	ms := func(v int64) time.Duration { return time.Duration(v) * time.Millisecond }
	middle := ms(sorted[len(sorted)/2])
	spread := ms(sorted[len(sorted)*9/10] - sorted[len(sorted)/10])
	switch {
	case middle > skewAhead:
		return middle
	case middle < -skewBehind && spread < time.Minute-middle/20:
		return middle
	}
	return 0
}

// DeviceClock is a device whose clock is wrong.
type DeviceClock struct {
	bun.BaseModel `bun:"table:device_clocks"`

	Tenant   tenant.ID  `bun:"tenant_id,pk"`
	Device   string     `bun:"device,pk"`
	Family   string     `bun:"family"`
	SkewMS   int64      `bun:"skew_ms"` // how far it is ahead; negative: behind
	Records  int64      `bun:"records"` // that were looked at
	Measured state.Time `bun:"measured"`
}

// flushClocks writes the clocks that are wrong and takes back those that are right again.
func (t *Traffic) flushClocks(ctx context.Context) error {
	t.mu.Lock()
	var wrong []*DeviceClock
	var right []clockKey
	for key, c := range t.clocks {
		if !c.fresh {
			continue
		}
		c.fresh = false
		skew := c.skew()
		switch {
		case skew != 0:
			wrong = append(wrong, &DeviceClock{Tenant: key.tenant, Device: key.device, Family: c.family, SkewMS: skew.Milliseconds(), Records: c.records, Measured: state.At(c.last)})
			c.right = false
		case len(c.samples) >= clockEnough && !c.right:
			right = append(right, key)
		}
	}
	t.mu.Unlock()
	if len(wrong)+len(right) == 0 {
		return nil
	}
	byTenant := map[tenant.ID][]string{}
	for _, k := range right {
		byTenant[k.tenant] = append(byTenant[k.tenant], k.device)
	}
	slices.SortFunc(wrong, func(a, b *DeviceClock) int {
		return compareSenders(senderKey{a.Tenant, a.Device}, senderKey{b.Tenant, b.Device})
	})
	err := t.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for start := 0; start < len(wrong); start += 200 {
			part := wrong[start:min(start+200, len(wrong))]
			_, err := tx.NewInsert().Model(&part).On("CONFLICT (tenant_id, device) DO UPDATE").Set("family = EXCLUDED.family").Set("skew_ms = EXCLUDED.skew_ms").
				Set("records = EXCLUDED.records").Set("measured = EXCLUDED.measured").Exec(ctx)
			if err != nil {
				return err
			}
		}
		for id, devices := range byTenant {
			for part := range slices.Chunk(devices, 500) {
				if _, err := tx.NewDelete().Model((*DeviceClock)(nil)).Where("tenant_id = ? AND device IN (?)", id, bun.List(part)).Exec(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range right {
		if c := t.clocks[k]; c != nil {
			c.right = true
		}
	}
	return nil
}

// Clocks lists the tenant's devices whose clocks are wrong, the worst first.
func (t *Traffic) Clocks(ctx context.Context, id tenant.ID) ([]DeviceClock, error) {
	var out []DeviceClock
	err := t.db.NewSelect().Model(&out).Where("tenant_id = ?", id).OrderExpr("abs(skew_ms) DESC, device").Limit(10_000).Scan(ctx)
	return out, err
}
