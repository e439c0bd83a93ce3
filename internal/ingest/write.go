package ingest

import (
	"context"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// found is what detection made of a batch.
type found struct {
	ready []incident.Detection // third-party alerts
	all   []incident.Detection
}

// pending is what the writer has gathered for the next commit.
type pending struct {
	rows       []*schema.Row
	detections []incident.Detection
	refusals   []Refusal
	positions  map[string]int64
	sources    map[string]*health
	seen       observed
	unmapped   map[string]int64
	records    int
	first      time.Time // when the first of records was received, and the last
	last       time.Time
	bytes      int
	held       int64 // of Pipeline.room
	waiting    []chan struct{}
	since      time.Time
}

// write commits batches in the order they were added.
func (p *Pipeline) write(ctx context.Context) {
	defer p.wg.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	w := newPending()
	for {
		select {
		case b, ok := <-p.ordered:
			if !ok {
				if err := p.commit(ctx, w); err != nil {
					p.stop(err)
				}
				return
			}
			<-b.judged
			if w.empty() {
				w.since = time.Now()
				timer.Reset(p.cfg.MaxDelay)
			}
			w.take(b)
			if len(w.rows)+len(w.detections)+len(w.refusals) < commitRows && w.bytes < commitBytes && len(w.waiting) == 0 && time.Since(w.since) < 4*p.cfg.MaxDelay {
				continue
			}
		case <-timer.C:
		case <-p.failed:
			return
		}
		if err := p.commit(ctx, w); err != nil {
			p.stop(err)
			return
		}
		w = newPending()
	}
}

func newPending() *pending {
	return &pending{positions: map[string]int64{}, sources: map[string]*health{}, unmapped: map[string]int64{}}
}

// empty reports that there is nothing to commit.
func (w *pending) empty() bool { return w.records == 0 && len(w.refusals) == 0 }

func (w *pending) take(b *batch) {
	w.rows = append(w.rows, b.out.Rows...)
	w.detections = append(w.detections, b.found.all...)
	w.refusals = append(w.refusals, b.refusals...)
	if b.count > 0 {
		if w.records == 0 {
			w.first = b.first
		}
		w.last = b.last
		w.records += b.count
	}
	w.held += b.held
	w.bytes += b.bytes
	for s, v := range b.positions {
		w.positions[s] = max(w.positions[s], v)
	}
	for s, h := range b.sources {
		if w.sources[s] == nil {
			w.sources[s] = &health{}
		}
		w.sources[s].add(h)
	}
	w.seen.add(&b.seen)
	for k, n := range b.unmapped {
		w.unmapped[k] += n
	}
	if b.flushed != nil {
		w.waiting = append(w.waiting, b.flushed)
	}
}

// commit accepts the detections, keeps the refusals, and then writes rows and positions in one lake transaction. The order matters: whatever happens
// before the lake's commit is repeated after a crash and is idempotent; nothing is left to do after it.
func (p *Pipeline) commit(ctx context.Context, w *pending) error {
	if !w.empty() || p.cfg.Devices != nil && len(w.waiting) > 0 && p.cfg.Devices.Due(ctx) {
		if err := p.store(ctx, w); err != nil {
			return err
		}
	}
	p.room.Release(w.held)
	for _, c := range w.waiting {
		close(c)
	}
	return nil
}

func (p *Pipeline) store(ctx context.Context, w *pending) error {
	var accepted Accepted
	if len(w.detections) > 0 && p.cfg.Alerts != nil {
		var err error
		if accepted, err = p.cfg.Alerts.Accept(ctx, w.detections); err != nil {
			return wrap("alerts", err)
		}
	}
	if err := p.cfg.Records.keep(ctx, p.cfg.Store.Tenant(), w.refusals, w.sources, &w.seen); err != nil {
		return wrap("refused records", err)
	}
	members, err := p.takeDevices(ctx, w.rows)
	if err != nil {
		return wrap("devices", err)
	}
	if err := p.cfg.Store.Append(ctx, append(append(w.rows, accepted.Rows...), members...), w.positions); err != nil {
		if p.cfg.Devices != nil {
			p.cfg.Devices.Lost()
		}
		return wrap("lake", err)
	}
	p.cfg.Traffic.committed(p.cfg.Store.Tenant(), &w.seen)
	p.cfg.Lag.committed(w.records, w.first, w.last, time.Now())
	p.count(w, accepted)
	if p.cfg.Committed != nil {
		p.cfg.Committed(Commit{Records: w.records, Refused: len(w.refusals), Positions: w.positions})
	}
	return nil
}

func (p *Pipeline) takeDevices(ctx context.Context, rows []*schema.Row) ([]*schema.Row, error) {
	if p.cfg.Devices == nil {
		return nil, nil
	}
	return p.cfg.Devices.Take(ctx, rows)
}

func (p *Pipeline) count(w *pending, accepted Accepted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.totals
	t.Records += int64(w.records)
	t.Bytes += int64(w.bytes)
	t.Refused += int64(len(w.refusals))
	for _, r := range w.refusals {
		if len(t.Refusals) == 100 {
			break
		}
		r.Data = nil
		t.Refusals = append(t.Refusals, r)
	}
	t.Hits += int64(len(w.detections))
	t.Alerts += int64(accepted.NewAlerts)
	t.Incidents += int64(accepted.NewIncidents)
	for _, row := range w.rows {
		t.Rows[row.Table.Name]++
		t.see(row)
	}
	for _, row := range accepted.Rows {
		t.Rows[row.Table.Name]++
	}
	for _, d := range w.detections {
		t.seeTime(d.Time)
	}
	for family, h := range w.sources {
		t.Families[family] += h.records - h.refused
	}
	for k, n := range w.unmapped {
		t.Unmapped[k] += n
	}
}
