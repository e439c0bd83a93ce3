package main

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/web"
)

func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "bartizan"
	}
	return name
}

// beat tells the other nodes that this one lives, until ctx ends. A SQLite database has no others.
func (s *server) beat(ctx context.Context) {
	if !state.IsPostgres(s.cfg.State) {
		return
	}
	s.beating.Add(1)
	go func() {
		defer s.beating.Done()
		s.members.Beat(ctx, func(err error) { logFailure(s.log, "the other nodes could not be told that this one lives", err) })
	}()
}

// register adds what the process does to the metrics.
func (s *server) register() {
	roles := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bartizan_role", Help: "1 for each role of this process."}, []string{"role"})
	for _, r := range s.cfg.HasRoles() {
		roles.WithLabelValues(r).Set(1)
	}
	tenants := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bartizan_intake_tenants", Help: "Tenants whose records this process brings into the lake.",
	}, func() float64 { return float64(len(s.intake.Running())) })
	connected := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "bartizan_bus_connected", Help: "Whether the bus is connected."}, func() float64 {
		if s.bus.Connected() {
			return 1
		}
		return 0
	})
	s.metrics.Registry.MustRegister(roles, tenants, connected, s.intake.lags)
}

// portal is what the portal is made of; other nodes have none.
func (s *server) portal() fs.FS {
	if !s.cfg.Has(config.RolePortal) {
		return nil
	}
	return web.Portal()
}

// recoverLab marks lab runs that a stop cut off, unless another node may be at them.
func (s *server) recoverLab(ctx context.Context) error {
	if !s.cfg.Has(config.RolePortal) {
		return nil
	}
	if n, err := s.members.Alive(ctx, config.RolePortal); err != nil || n > 1 {
		return err
	}
	return s.lab.Recover(ctx)
}

// nodes describes the processes of the installation for the health page.
func (s *server) nodes(ctx context.Context) []api.HealthNode {
	list, err := s.members.Nodes(ctx)
	if err != nil {
		return nil // the state database is shown as a component
	}
	held, err := s.writers.leases.List(ctx, intakeLease)
	logFailure(s.log, "leases could not be read", err)
	out := make([]api.HealthNode, 0, len(list))
	for _, n := range list {
		h := api.HealthNode{
			ID: n.ID, Name: n.Name, Roles: n.Roles, Version: n.Version, Address: n.Address, Started: n.Started, Seen: n.Seen, Status: "healthy",
			Self: n.ID == s.members.Self().ID, Tenants: []string{},
		}
		if h.Self {
			for _, id := range s.intake.Running() {
				h.Tenants = append(h.Tenants, string(id))
			}
			if !state.IsPostgres(s.cfg.State) {
				h.Seen = time.Now().UTC().Truncate(time.Second)
			}
		} else {
			if !n.Alive {
				h.Status = "incident"
			}
			for _, l := range held {
				if l.Holder == n.ID {
					h.Tenants = append(h.Tenants, string(l.Tenant))
				}
			}
		}
		out = append(out, h)
	}
	return out
}
