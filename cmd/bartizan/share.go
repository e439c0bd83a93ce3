package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/cluster"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// intakeLease is the lease of whoever brings a tenant's records into the lake. Its epoch fences the lake.
const intakeLease = "intake"

// tracesLease keeps rules from looking at a lab run while runs are removed.
const tracesLease = "traces"

// shared says that the lake is one that other processes may write: a tenant's consumer runs where its lease is.
func (n *node) shared() bool { return n.cfg.Lake.URL != "" }

// writers are the tenants whose lake this process may write.
type writers struct {
	leases *cluster.Leases
	take   bool // leases are taken when something is to be written

	mu   sync.Mutex
	held map[tenant.ID]*cluster.Lease
}

func newWriters(db *bun.DB, identity string, ttl time.Duration, take bool) *writers {
	if take {
		identity += " (command)" // a server of the same folder has ended, but what it held is left to expire all the same
	}
	return &writers{leases: cluster.NewLeases(db, identity, ttl), take: take, held: map[tenant.ID]*cluster.Lease{}}
}

// claim gives the number under which this process may write the tenant's lake.
func (w *writers) claim(ctx context.Context, id tenant.ID, above int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lease := w.held[id]
	if lease == nil && w.take {
		var err error
		if lease, err = w.leases.Try(ctx, id, intakeLease); err != nil {
			return 0, err
		}
		if lease == nil {
			return 0, fault.Newf(fault.Held, "a server writes the lake of tenant %s; send the records there: --server URL", id)
		}
		w.held[id] = lease
	}
	if lease == nil || lease.Lost.Err() != nil {
		return 0, fault.Newf(fault.Conflict, "another node writes the lake of tenant %s", id)
	}
	if above > 0 {
		if err := lease.Raise(ctx, above); err != nil {
			return 0, err
		}
	}
	return lease.Epoch(), nil
}

// try takes a tenant's lease when nobody has it.
func (w *writers) try(ctx context.Context, id tenant.ID) (*cluster.Lease, error) {
	lease, err := w.leases.Try(ctx, id, intakeLease)
	if err != nil || lease == nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[id] = lease
	return lease, nil
}

// give lets a tenant's lease go.
func (w *writers) give(id tenant.ID) {
	w.mu.Lock()
	lease := w.held[id]
	delete(w.held, id)
	w.mu.Unlock()
	if lease != nil {
		lease.Release()
	}
}

func (w *writers) release() {
	w.mu.Lock()
	held := w.held
	w.held = map[tenant.ID]*cluster.Lease{}
	w.mu.Unlock()
	for _, lease := range held {
		lease.Release()
	}
}

// spare is how long a lease that nobody has is left to nodes that have less to do.
const spare = 3 * time.Second

// keepSpare is how long a node keeps all it has after it took what others had left alone: nodes that seem to have nothing to do then may be dead, which shows
// later than that their leases end.
const keepSpare = 12 * time.Second

// share takes the leases of as many tenants as are this node's part, and gives one away when another node has less to do.
func (in *intake) share(ctx context.Context) error {
	tenants, err := in.s.access.AllTenants(ctx)
	if err != nil {
		return err
	}
	nodes, err := in.s.members.Nodes(ctx)
	if err != nil {
		return err
	}
	held, err := in.s.writers.leases.List(ctx, intakeLease)
	if err != nil {
		return err
	}
	self := in.s.members.Self().ID
	load := map[string]int{self: 0} // by living node
	for i := range nodes {
		if nodes[i].Alive && nodes[i].Has(config.RoleDetect) {
			load[nodes[i].ID] = 0
		}
	}
	busy := map[tenant.ID]bool{}
	for _, h := range held {
		busy[h.Tenant] = h.Holder != self
		if _, ok := load[h.Holder]; ok {
			load[h.Holder]++
		}
	}
	load[self] = in.load()
	part := (len(tenants) + len(load) - 1) / len(load)
	free := false // a tenant is left to other nodes
	var all error
	for _, id := range tenants {
		unheld, wanted := in.wants(id, busy[id], part)
		if !wanted {
			free = free || unheld
			continue
		}
		if err := in.take(ctx, id); err != nil {
			all = errors.Join(all, fmt.Errorf("tenant %s: %w", id, err))
		}
	}
	least := load[self]
	for _, n := range load {
		least = min(least, n)
	}
	if !free {
		in.giveOver(least + 1)
	}
	return all
}

// load is how many tenants this process has, those included that it prepares.
func (in *intake) load() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.running)
}

// wants reports whether nobody has a tenant, and whether this node should try for it: as long as it has less than its part, or when others have left it alone
// for long.
func (in *intake) wants(id tenant.ID, busy bool, part int) (unheld, wanted bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.running[id] != nil || busy {
		delete(in.unheld, id)
		return false, false
	}
	if in.unheld[id].IsZero() {
		in.unheld[id] = time.Now()
	}
	if len(in.running) < part {
		return true, true
	}
	if time.Since(in.unheld[id]) < spare {
		return true, false
	}
	in.keep = time.Now().Add(keepSpare)
	return true, true
}

// take begins to consume a tenant if nobody else does. The tenant's lake is prepared meanwhile: that takes a while, during which this node goes on to share.
func (in *intake) take(ctx context.Context, id tenant.ID) error {
	lease, err := in.s.writers.try(ctx, id)
	if err != nil || lease == nil {
		return err
	}
	in.mu.Lock()
	delete(in.unheld, id)
	in.mu.Unlock()
	prepared := in.begin(ctx, id, lease)
	in.wg.Add(1)
	go func() {
		defer in.wg.Done()
		switch err := <-prepared; {
		case err == nil:
			in.s.log.Info("this node brings in the tenant's records", "tenant", id, "epoch", lease.Epoch())
		case ctx.Err() == nil && lease.Lost.Err() == nil:
			in.s.log.Error("a tenant's lake could not be prepared; it is tried again", "tenant", id, "error", err)
		}
	}()
	return nil
}

// giveOver ends one tenant's consumer when there are more than so many, so that another node can take its lease.
func (in *intake) giveOver(most int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.running) <= most || time.Now().Before(in.keep) {
		return
	}
	ids := slices.Sorted(maps.Keys(in.running))
	last := ids[len(ids)-1]
	in.unheld[last] = time.Now()
	in.running[last].stop()
	in.s.log.Info("the tenant's records are left to another node", "tenant", last)
}

// attend does what belongs to the writer of a tenant beside its consumer: rules that other nodes changed are followed, and alerts that others made get their
// hunting rows.
func (in *intake) attend(ctx context.Context, id tenant.ID) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if changed, err := in.s.rules.Follow(ctx, id); err != nil {
			logFailure(in.s.log, "changed rules could not be followed", err)
		} else if changed {
			in.s.log.Info("changed rules are followed", "tenant", id)
		}
		store, err := in.s.lakes.Open(ctx, id)
		if err == nil {
			err = in.s.writeLateOnes(ctx, store)
		}
		if ctx.Err() == nil {
			logFailure(in.s.log, "the hunting rows of alerts could not be written", err)
		}
	}
}

// lateAlert asks the writer of a tenant's lake for the hunting rows of an alert.
type lateAlert struct {
	bun.BaseModel `bun:"table:late_alerts"`

	Tenant tenant.ID `bun:"tenant_id,pk"`
	Alert  string    `bun:"alert_id,pk"`
	Asked  int64     `bun:"asked"`
}

// writeLate writes the hunting rows of alerts that no source brought, or leaves that to the node that writes the lake.
func (n *node) writeLate(ctx context.Context, store lake.Store, alerts []string) error {
	if len(alerts) == 0 {
		return nil
	}
	if n.shared() && !n.writers.take {
		asked, err := state.Reserve(ctx, n.db, store.Tenant(), "late_alerts", 1)
		if err != nil {
			return err
		}
		rows := make([]lateAlert, len(alerts))
		for i, id := range alerts {
			rows[i] = lateAlert{Tenant: store.Tenant(), Alert: id, Asked: asked}
		}
		_, err = n.db.NewInsert().Model(&rows).On("CONFLICT (tenant_id, alert_id) DO UPDATE").Set("asked = EXCLUDED.asked").Exec(ctx)
		return err
	}
	rows, err := acceptor{n.incidents, store}.missing(ctx, alerts)
	if err != nil || len(rows) == 0 {
		return err
	}
	return store.Append(ctx, rows, nil)
}

// writeLateOnes writes what other nodes left to the writer. Only its one caller writes rows of these alerts.
func (n *node) writeLateOnes(ctx context.Context, store lake.Store) error {
	const part = 500
	for {
		var late []lateAlert
		err := n.db.NewSelect().Model(&late).Where("tenant_id = ?", store.Tenant()).Order("alert_id").Limit(part).Scan(ctx)
		if err != nil || len(late) == 0 {
			return err
		}
		alerts := make([]string, len(late))
		for i := range late {
			alerts[i] = late[i].Alert
		}
		rows, err := acceptor{n.incidents, store}.missing(ctx, alerts)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := store.Append(ctx, rows, nil); err != nil {
				return err
			}
		}
		for _, l := range late { // one that was asked for again meanwhile stays
			if _, err := n.db.NewDelete().Model(&l).WherePK().Where("asked = ?", l.Asked).Exec(ctx); err != nil {
				return err
			}
		}
	}
}

// withTraces keeps rules that look at a lab run and the removal of runs apart, on all nodes.
func (s *server) withTraces(ctx context.Context, id tenant.ID, fn func(context.Context) error) error {
	s.traces.Lock()
	defer s.traces.Unlock()
	if len(s.cfg.OnlyHere()) > 0 {
		return fn(ctx)
	}
	return s.writers.leases.Hold(ctx, id, tracesLease, fn)
}

// join makes this process a node of the installation, and refuses to work beside another that it cannot share everything with.
func (s *server) join(ctx context.Context, address string) error {
	identity, err := s.dir.Identity()
	if err != nil {
		return err
	}
	name := s.cfg.Node.Name
	if name == "" {
		name = hostName()
	}
	s.members, err = cluster.Join(ctx, s.db, cluster.Node{ID: identity, Name: name, Roles: s.cfg.HasRoles(), Version: version, Address: address})
	if err != nil {
		return err
	}
	here := s.cfg.OnlyHere()
	if len(here) == 0 {
		return nil
	}
	nodes, err := s.members.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Alive && n.ID != identity {
			s.members.Leave(ctx)
			return fault.Newf(fault.Held, "%s at %s works on the same state database, and could not reach %s of this process", n.Name, n.Address, here[len(here)-1])
		}
	}
	return nil
}

// startJobs begins to work off jobs where that is this process's role, and takes over those of nodes that are gone.
func (s *server) startJobs(ctx context.Context) error {
	if !s.cfg.Has(config.RoleJobs) {
		return nil
	}
	others, err := s.workingNodes(ctx)
	if err != nil {
		return err
	}
	if err := s.jobs.Start(ctx, others...); err != nil {
		return err
	}
	go func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			others, err := s.workingNodes(ctx)
			if err == nil {
				_, err = s.jobs.Rescue(ctx, others...)
			}
			if ctx.Err() == nil {
				logFailure(s.log, "jobs of nodes that are gone could not be looked for", err)
			}
		}
	}()
	return nil
}

// workingNodes are the other living nodes that work off jobs.
func (s *server) workingNodes(ctx context.Context) ([]string, error) {
	nodes, err := s.members.Nodes(ctx)
	var out []string
	for i := range nodes {
		if nodes[i].Alive && nodes[i].Has(config.RoleJobs) && nodes[i].ID != s.members.Self().ID {
			out = append(out, nodes[i].ID)
		}
	}
	return out, err
}
