package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/cluster"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/jobs"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const defaultTenant = tenant.Default

// hubPointer is set once the hub exists.
type hubPointer = atomic.Pointer[live.Hub]

// intake runs a consumer per tenant, from the bus into the tenant's lake. Where other nodes could do the same, a tenant's consumer runs where the tenant's lease is.
type intake struct {
	s    *server
	lags *lags
	busy chan struct{} // told once that much comes in
	wg   sync.WaitGroup

	preparing chan struct{} // holds as many as may be prepared at a time

	mu      sync.Mutex // held for moments only
	running map[tenant.ID]*consumption
	unheld  map[tenant.ID]time.Time // tenants whose lease nobody has, since when
	keep    time.Time               // nothing is given to other nodes before
}

// busyCommit is how many records in one commit say that much is coming in.
const busyCommit = 1000

// spareRoom is what the heap may grow by between two collections where much comes in. Records come and go so fast there that collecting as often as the runtime
// does by itself would take a tenth of the processor's time; more room than this only costs memory.
const spareRoom = 384 << 20

// spareCollector keeps the heap's room to grow at spareRoom, between half and twice of what is in use, until ctx ends. GOGC in the environment decides otherwise.
func spareCollector(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := 100
	for {
		metrics.Read(live)
		percent := 100
		if live[0].Value.Kind() == metrics.KindUint64 {
			percent = int(spareRoom * 100 / max(live[0].Value.Uint64(), 1)) //nolint:gosec // a percentage
		}
		if percent = min(max(percent, 50), 200); percent < last*9/10 || percent > last*11/10 {
			last = percent
			debug.SetGCPercent(percent)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// consumption is a tenant's consumer, from the moment at which it begins to be prepared.
type consumption struct {
	stop  context.CancelFunc
	begun bool // it is prepared
}

// prepareAtOnce is how many tenants of a shared lake are prepared at a time. Making a tenant's tables takes a cluster seconds.
const prepareAtOnce = 4

func newIntake(s *server) *intake {
	return &intake{s: s, running: map[tenant.ID]*consumption{}, unheld: map[tenant.ID]time.Time{}, lags: newLags(), busy: make(chan struct{}, 1), preparing: make(chan struct{}, prepareAtOnce)}
}

// Start opens the lakes of all tenants and consumes until ctx ends; tenants made later are found within seconds.
func (in *intake) Start(ctx context.Context) error {
	if !in.s.cfg.Has(config.RoleDetect) {
		return nil
	}
	in.wg.Add(1)
	go func() {
		defer in.wg.Done()
		select {
		case <-ctx.Done():
		case <-in.busy:
			spareCollector(ctx)
		}
	}()
	look, every := in.sync, 3*time.Second
	if in.s.shared() {
		look, every = in.share, time.Second
	}
	if err := look(ctx); err != nil {
		if len(in.s.cfg.OnlyHere()) > 0 {
			return err
		}
		in.s.log.Error("tenants are not taken yet", "error", err) // a part that all nodes share is away: it is tried again
	}
	in.wg.Add(1)
	go func() {
		defer in.wg.Done()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				logFailure(in.s.log, "tenants could not be read", look(ctx))
			}
		}
	}()
	return nil
}

// Wait returns when all consumers have ended.
func (in *intake) Wait() { in.wg.Wait() }

// Running lists the tenants that this process brings into the lake.
func (in *intake) Running() []tenant.ID {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []tenant.ID
	for _, id := range slices.Sorted(maps.Keys(in.running)) {
		if in.running[id].begun {
			out = append(out, id)
		}
	}
	return out
}

func (in *intake) sync(ctx context.Context) error {
	tenants, err := in.s.access.AllTenants(ctx)
	if err != nil {
		return err
	}
	var all error // one tenant's trouble does not keep the others waiting
	for _, id := range tenants {
		if in.has(id) {
			continue
		}
		if err := <-in.begin(ctx, id, nil); err != nil {
			all = errors.Join(all, fmt.Errorf("tenant %s: %w", id, err))
		}
	}
	return all
}

func (in *intake) has(id tenant.ID) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.running[id] != nil
}

// begin starts a tenant's consumer, and with it the care for the lease, which is given away when the consumer has ended or could not be prepared. What
// begin returns tells how preparing went.
func (in *intake) begin(ctx context.Context, id tenant.ID, lease *cluster.Lease) <-chan error {
	work, stop := context.WithCancel(ctx)
	if lease != nil {
		context.AfterFunc(lease.Lost, stop)
	}
	in.mu.Lock()
	in.running[id] = &consumption{stop: stop}
	in.mu.Unlock()
	prepared := make(chan error, 1)
	in.wg.Add(1)
	go func() {
		defer in.wg.Done()
		defer in.end(id, lease)
		defer stop()
		c, err := in.prepare(work, id)
		prepared <- err
		if err != nil {
			return
		}
		if lease != nil {
			attended := make(chan struct{})
			go func() {
				defer close(attended)
				in.attend(work, id)
			}()
			defer func() { stop(); <-attended }()
		}
		c.Run(work)
	}()
	return prepared
}

// prepare makes a tenant's consumer when it is its turn.
func (in *intake) prepare(ctx context.Context, id tenant.ID) (*ingest.Consumer, error) {
	select {
	case in.preparing <- struct{}{}:
		defer func() { <-in.preparing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := in.consumer(ctx, id)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.running[id].begun = true
	return c, nil
}

// end gives away the lease first: as long as the tenant stands in running, this process does not try for it again.
func (in *intake) end(id tenant.ID, lease *cluster.Lease) {
	in.lags.end(id)
	if lease != nil {
		in.s.writers.give(id)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.running, id)
}

// consumer prepares a tenant's lake and makes what fills it.
func (in *intake) consumer(ctx context.Context, id tenant.ID) (*ingest.Consumer, error) {
	store, err := in.s.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	// What an earlier writer left unfinished has to go before anybody looks at what is there.
	if w, ok := store.(interface{ Claim(context.Context) error }); ok {
		if err := w.Claim(ctx); err != nil {
			return nil, err
		}
	}
	if err := in.s.repairAlertRows(ctx, store); err != nil {
		return nil, err
	}
	sources, err := families(ctx, store)
	if err != nil {
		return nil, err
	}
	mapper, err := in.s.mappings.Mapper(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := in.s.loadRules(ctx, id); err != nil {
		return nil, err
	}
	detector, err := in.s.detector(ctx, id)
	if err != nil {
		return nil, err
	}
	return &ingest.Consumer{Bus: in.s.bus, Keep: in.s.cfg.Bus.Keep, Log: in.s.log, Config: ingest.Config{
		Store: store, Mapper: mapper, Derive: entities(store, nil), Families: sources, Records: in.s.records, Traffic: in.s.traffic, Lag: in.lags.begin(id), Devices: in.s.devices.Keeper(id), Detector: detector, Alerts: in.s.alerts(store),
		Committed: func(c ingest.Commit) {
			if c.Records >= busyCommit {
				select {
				case in.busy <- struct{}{}:
				default: // known already
				}
			}
			in.s.live.Publish(live.Change{Tenant: id, Kind: "ingest", ID: fmt.Sprint(c.Records), Change: "created"})
		},
	}}, nil
}

// loadRules brings the tenant's rules up to date with the configured folders and the operator's own detections.
func (s *server) loadRules(ctx context.Context, id tenant.ID) error {
	folders := slices.Clone(s.cfg.Rules.Folders)
	if own := s.operatorContent("detections"); own != "" {
		folders = append(folders, own)
	}
	for _, dir := range folders {
		report, err := s.rules.Import(ctx, id, dir)
		if err != nil {
			return err
		}
		s.log.Info("rules are loaded", "tenant", id, "folder", dir, "outcome", report.String())
	}
	return nil
}

// Drain returns when everything that was on the tenant's bus at the call is in the lake.
func (in *intake) Drain(ctx context.Context, id tenant.ID, limit time.Duration) error {
	status, err := in.s.bus.Status(ctx, id)
	if err != nil {
		return err
	}
	store, err := in.s.lakes.Open(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		position, err := store.Position(ctx, ingest.BusPosition)
		if err != nil {
			return err
		}
		if uint64(position) >= status.Last { //nolint:gosec // positions are not negative
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Newf(fault.Busy, "%d messages are still on their way into the lake; try again", status.Last-uint64(position)) //nolint:gosec // as above
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// deliver sends lab records through the receiver, labelled with their run.
func deliver(r *ingest.Receiver) simulate.Deliver {
	return func(ctx context.Context, id tenant.ID, source, run string, body *bytes.Reader) error {
		receipt, err := r.Accept(ctx, ingest.Delivery{Tenant: id, Source: source, Lab: run}, body)
		if err == nil && receipt.RefusedCount > 0 {
			err = fault.Newf(fault.Internal, "a generated %s record was refused: %s", source, receipt.Refused[0].Message)
		}
		return err
	}
}

// labChanged tells open portals, and has the scheduled rules look at a run that has ended.
func (s *server) labChanged(id tenant.ID, run *simulate.Run) {
	change := live.Change{Tenant: id, Kind: "lab", Change: "deleted"}
	if run != nil {
		change.ID, change.Change = run.ID, "updated"
	}
	s.live.Publish(change)
	if run == nil || run.Status != simulate.Done {
		return
	}
	// Mail has whole seconds only: look a little further on both sides.
	job := labRulesJob{Tenant: id, Run: run.ID, From: run.Started.Add(-run.Covers(s.lab.Scenarios()) - time.Minute), To: run.Ended.Add(time.Minute)}
	_, err := s.jobs.Add(context.Background(), job, jobs.Options{Unique: true})
	logFailure(s.log, "scheduled rules will not look at the lab run", err)
}

// removeLab waits for records that are still on their way, so that none arrives afterwards, and takes away what lab runs made.
func (s *server) removeLab(ctx context.Context, id tenant.ID) (simulate.Removed, error) {
	var out simulate.Removed
	if err := s.intake.Drain(ctx, id, time.Minute); err != nil {
		return out, err
	}
	store, err := s.lakes.Open(ctx, id)
	if err != nil {
		return out, err
	}
	err = s.withTraces(ctx, id, func(ctx context.Context) error {
		removed, err := s.incidents.RemoveLab(ctx, id)
		if err != nil {
			return err
		}
		out.Alerts, out.Incidents = int64(removed.Alerts), int64(removed.Incidents)
		out.Rows, err = store.DeleteLab(ctx, "")
		return err
	})
	return out, err
}
