package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Config is what a Pipeline is made of. Detector and Alerts may be nil: nothing is detected then.
type Config struct {
	Store    lake.Store
	Families []Family
	Detector Detector
	Alerts   Alerts
	// Mapper applies the tenant's declared mappings; may be nil.
	Mapper Mapper
	// Records keeps refusals and source health; required.
	Records *Records
	// Committed is called after each commit with what it wrote; may be nil.
	Committed func(Commit)
	// Traffic is told what live records say about their sources; nil where records are not live, as in an import.
	Traffic *Traffic
	// Derive makes the deriver of entity tables of one pipeline, with what the lake knows already; nil where none is wanted.
	Derive func(context.Context) (Deriver, error)
	// Devices keeps the tenant's inventory of devices; nil where there is none.
	Devices Devices
	// Lag is told what comes in and what is committed; may be nil.
	Lag *Lag
	// MaxDelay bounds how long an accepted record waits for its commit; 0 means 500 ms.
	MaxDelay time.Duration
}

// Commit describes one committed batch.
type Commit struct {
	Records, Refused int
	Positions        map[string]int64
}

// Auto is the source name that lets the content decide; generic is the family of what no probe knows.
const (
	Auto    = reader.Auto
	generic = "generic"
)

const (
	batchRecords  = 512     // records normalised and evaluated as one unit
	batchBytes    = 4 << 20 // … or this many bytes
	commitRows    = 20_000  // rows per lake transaction
	commitBytes   = 48 << 20
	queuedBatches = 4
	// While the lake is busy with its log, which it is for a second now and then, batches wait for it: so many, and so many bytes of records.
	waitingBatches = 96
	waitingBytes   = 64 << 20
	evaluators     = 2
)

// Pipeline moves one tenant's records from Add to the lake. Add, Refuse, Flush and Close are called by one goroutine.
type Pipeline struct {
	ctx      context.Context // of the whole run
	cfg      Config
	families map[string]Family
	probes   []reader.Probe
	alive    context.Context // until the run is over or has failed
	end      context.CancelFunc
	room     *semaphore.Weighted // bytes of records behind raw and not yet in the lake
	deriver  Deriver             // set before the first record is normalised
	failed   chan struct{}       // closed on the first error
	err      error               // set before failed is closed
	fail     sync.Once

	raw     chan *batch
	ordered chan *batch
	judge   chan *batch
	wg      sync.WaitGroup

	current *batch
	began   time.Time // of current
	customs *normalise.Customs

	mu     sync.Mutex // guards totals
	totals Totals
}

type batch struct {
	replayed  []*normalise.Record // come before records
	records   []*normalise.Record
	bytes     int
	positions map[string]int64
	refusals  []Refusal
	sources   map[string]*health
	seen      observed
	out       normalise.Batch
	unmapped  map[string]int64
	found     found
	judged    chan struct{}
	// count is how many records there are, first and last when those were received; the records themselves go once they are judged.
	count       int
	first, last time.Time
	held        int64 // of Pipeline.room
	// flushed, when set, asks the writer to commit and then close it.
	flushed chan struct{}
}

// NewPipeline starts the pipeline's goroutines; Close ends them. ctx bounds the whole run.
func NewPipeline(ctx context.Context, cfg Config) *Pipeline {
	if cfg.MaxDelay == 0 {
		cfg.MaxDelay = 500 * time.Millisecond
	}
	alive, end := context.WithCancel(ctx)
	p := &Pipeline{
		alive: alive, end: end, ctx: ctx, cfg: cfg, families: map[string]Family{}, probes: Probes(cfg.Families), failed: make(chan struct{}),
		raw: make(chan *batch, queuedBatches), ordered: make(chan *batch, waitingBatches), room: semaphore.NewWeighted(waitingBytes), judge: make(chan *batch, queuedBatches),
		totals: Totals{Rows: map[string]int64{}, Unmapped: map[string]int64{}, Families: map[string]int64{}},
	}
	p.customs = normalise.NewCustoms()
	for _, f := range cfg.Families {
		p.families[f.Name()] = f
	}
	p.wg.Add(2 + evaluators)
	go p.normalise(ctx)
	for range evaluators {
		go p.evaluate()
	}
	go p.write(ctx)
	return p
}

// Add hands over records that share a position: they are committed together, so that the position never stands between them. It blocks while the
// pipeline is full, and returns the pipeline's error once it has failed.
func (p *Pipeline) Add(ctx context.Context, pos Position, records ...*normalise.Record) error {
	b := p.batch()
	p.cfg.Lag.taken(records)
	b.records = append(b.records, records...)
	for _, rec := range records {
		b.bytes += len(rec.Data)
	}
	b.positions[pos.Source] = max(b.positions[pos.Source], pos.Value)
	if len(b.records) >= batchRecords || b.bytes >= batchBytes {
		return p.send(ctx, nil)
	}
	return nil
}

// Replay shows the families a record that an earlier run committed, so that what they remember (process lineage, devices seen) is as it was then.
// Nothing of it is stored or counted; only its time counts for Totals.First and Last. Replays come before the first Add.
func (p *Pipeline) Replay(ctx context.Context, rec *normalise.Record) error {
	b := p.batch()
	b.replayed = append(b.replayed, rec)
	b.bytes += len(rec.Data)
	if len(b.replayed) >= batchRecords || b.bytes >= batchBytes {
		return p.send(ctx, nil)
	}
	return nil
}

// Refuse hands over a record that could not be read. It blocks like Add; an error of the pipeline shows at the next Add, Flush or Close.
func (p *Pipeline) Refuse(r Refusal) {
	b := p.batch()
	b.refusals = append(b.refusals, r)
	if len(b.refusals) >= batchRecords {
		_ = p.send(p.ctx, nil) // fails only when the pipeline has failed or its run is over
	}
}

// Flush returns when everything added so far is committed.
func (p *Pipeline) Flush(ctx context.Context) error {
	done := make(chan struct{})
	p.batch()
	if err := p.send(ctx, done); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-p.failed:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close commits the rest and ends the pipeline.
func (p *Pipeline) Close(ctx context.Context) (Totals, error) {
	err := p.Flush(ctx)
	close(p.raw)
	p.wg.Wait()
	p.end()
	return p.Totals(), err
}

// Totals returns the counts so far.
func (p *Pipeline) Totals() Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.totals
	t.Rows, t.Unmapped, t.Families = clone(t.Rows), clone(t.Unmapped), clone(t.Families)
	return t
}

// Push sends on what has waited for so long for its batch to fill, without waiting for the commit.
func (p *Pipeline) Push(ctx context.Context, waited time.Duration) error {
	if p.current == nil || time.Since(p.began) < waited {
		return nil
	}
	return p.send(ctx, nil)
}

// Pending reports whether records wait for a batch to fill; the caller's idle loop calls Flush then.
func (p *Pipeline) Pending() bool { return p.current != nil }

func (p *Pipeline) batch() *batch {
	if p.current == nil {
		p.began = time.Now()
		p.current = &batch{positions: map[string]int64{}, judged: make(chan struct{})}
	}
	return p.current
}

func (p *Pipeline) send(ctx context.Context, flushed chan struct{}) error {
	b := p.current
	p.current = nil
	b.flushed = flushed
	select {
	case p.raw <- b:
		return nil
	case <-p.failed:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Pipeline) stop(err error) {
	p.fail.Do(func() {
		p.err = err
		p.end()
		close(p.failed)
	})
}

// normalise is the only goroutine that calls families, so a device's records keep their order.
func (p *Pipeline) normalise(ctx context.Context) {
	defer p.wg.Done()
	defer close(p.judge)
	defer close(p.ordered)
	if p.cfg.Derive != nil {
		var err error
		if p.deriver, err = p.cfg.Derive(ctx); err != nil {
			p.stop(wrap("entities", err))
		}
	}
	for b := range p.raw {
		b.sources = map[string]*health{}
		b.unmapped = map[string]int64{}
		p.replay(b)
		for _, rec := range b.records {
			p.one(b, rec)
		}
		b.count, b.held = len(b.records), min(int64(b.bytes), waitingBytes)
		if b.count > 0 {
			b.first, b.last = b.records[0].Received, b.records[b.count-1].Received
		}
		if p.room.Acquire(p.alive, b.held) != nil {
			continue // as below
		}
		select {
		case p.judge <- b:
		case <-p.failed:
			continue // drain, so that Close does not hang
		case <-ctx.Done():
			p.stop(ctx.Err())
			continue
		}
		select {
		case p.ordered <- b:
		case <-p.failed:
		case <-ctx.Done():
			p.stop(ctx.Err())
		}
	}
}

// replay shows the families the batch's replayed records. Of what comes out only the times are kept.
func (p *Pipeline) replay(b *batch) {
	var again batch
	for _, rec := range b.replayed {
		p.choose(rec)
		rows := len(again.out.Rows)
		again.out.Unmapped = ""
		if p.call(&again, rec) != nil || p.complete(&again, rec, rows, 0) != nil || p.derive(&again.out, rec, rows, 0) != nil { // refused then as now
			again.out.Rows = again.out.Rows[:rows]
		}
		again.out.Events = again.out.Events[:0]
	}
	b.replayed = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range again.out.Rows {
		p.totals.see(row)
	}
	for _, d := range again.found.ready {
		p.totals.seeTime(d.Time)
	}
}

// choose names the family of a record whose content decides.
func (p *Pipeline) choose(rec *normalise.Record) {
	if rec.Source == "" || rec.Source == Auto {
		if rec.Source = reader.Detect(p.probes, rec.Data); rec.Source == "" {
			rec.Source = generic
		}
	}
}

func (p *Pipeline) one(b *batch, rec *normalise.Record) {
	p.choose(rec)
	h := b.sources[rec.Source]
	if h == nil {
		h = &health{}
		b.sources[rec.Source] = h
	}
	h.records++
	h.bytes += int64(len(rec.Data))
	h.last = rec.Received
	rows, events := len(b.out.Rows), len(b.out.Events)
	b.out.Unmapped = ""
	err := p.call(b, rec)
	if err == nil {
		err = p.complete(b, rec, rows, events)
	}
	if err == nil {
		err = p.derive(&b.out, rec, rows, events)
	}
	if err != nil {
		b.out.Rows, b.out.Events = b.out.Rows[:rows], b.out.Events[:events]
		h.refused++
		b.refusals = append(b.refusals, Refusal{
			Source: rec.Source, File: rec.File, Host: rec.Host, Lab: rec.Lab, Number: rec.Number, Code: string(codeOf(err)), Message: err.Error(), Data: rec.Data, Time: rec.Received,
		})
		if p.cfg.Traffic != nil {
			b.seen.note(rec, nil, nil, true)
		}
		return
	}
	for _, row := range b.out.Rows[rows:] {
		row.Set("RecordOrigin", origin(rec))
		row.Set("RecordNumber", rec.Number)
		row.Set("LabScenario", rec.Lab)
		row.Set("IngestTime", rec.Received)
	}
	for _, ev := range b.out.Events[events:] {
		ev.Tenant, ev.File, ev.Number, ev.Lab = rec.Tenant, rec.File, rec.Number, rec.Lab
		if ev.File == "" {
			ev.File = origin(rec)
		}
	}
	if p.cfg.Traffic != nil {
		b.seen.note(rec, b.out.Rows[rows:], b.out.Events[events:], false)
	}
	if b.out.Unmapped != "" {
		b.unmapped[b.out.Unmapped]++
	}
}

// call runs the family on the record. A panic of a family refuses the record: hostile input must not end the process.
func (p *Pipeline) call(b *batch, rec *normalise.Record) (err error) {
	f, ok := p.families[rec.Source]
	if !ok {
		return fault.Newf(fault.Invalid, "no source family is called %q; known: %s", rec.Source, names(p.cfg.Families))
	}
	defer func() {
		if r := recover(); r != nil {
			err = fault.Newf(fault.Internal, "%s: defect while reading the record: %v (%s)", rec.Source, r, firstFrame(debug.Stack()))
		}
	}()
	if a, ok := f.Family.(AlertFamily); ok {
		found, err := a.Detections(rec)
		if err != nil {
			return err
		}
		for i := range found {
			found[i].Tenant, found[i].Lab = rec.Tenant, rec.Lab
		}
		b.found.ready = append(b.found.ready, found...)
		return nil
	}
	return f.Normalise(rec, &b.out)
}

func (p *Pipeline) evaluate() {
	defer p.wg.Done()
	for b := range p.judge {
		b.found.all = b.found.ready
		if p.cfg.Detector != nil && len(b.out.Events) > 0 {
			b.found.all = append(b.found.all, p.cfg.Detector.Evaluate(b.out.Events)...)
		}
		b.boundTimes()
		b.records, b.out.Events = nil, nil // only the rows wait for the lake
		close(b.judged)
	}
}

func origin(rec *normalise.Record) string {
	if rec.File != "" {
		return rec.File
	}
	return rec.Source
}

func codeOf(err error) fault.Code {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fault.Invalid
}

func names(families []Family) string {
	s := Auto
	for _, f := range families {
		s += ", " + f.Name()
	}
	return s
}

// firstFrame picks the first frame of ours below the panic out of a stack, enough to find the defect.
func firstFrame(stack []byte) string {
	lines := 0
	start := 0
	for i, c := range stack {
		if c != '\n' {
			continue
		}
		lines++
		if lines == 8 {
			start = i + 1
		}
		if lines == 10 {
			return string(stack[start:i])
		}
	}
	return strconv.Itoa(lines) + " frames"
}

func clone(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ingest: %s: %w", what, err)
}

// minTime keeps obviously broken clocks out of the reported range.
var minTime = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

func (t *Totals) see(row *schema.Row) {
	ticks, ok := row.Get("Timestamp").(int64)
	if !ok {
		return
	}
	t.seeTime(schema.TimeOf(ticks))
}

func (t *Totals) seeTime(when time.Time) {
	if when.Before(minTime) || when.Year() > 2200 {
		return
	}
	if t.First.IsZero() || when.Before(t.First) {
		t.First = when
	}
	if when.After(t.Last) {
		t.Last = when
	}
}
