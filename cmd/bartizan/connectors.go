package main

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/connect/cloudtrail"
	"github.com/bartizan-sec/bartizan/internal/connect/github"
	"github.com/bartizan-sec/bartizan/internal/connect/google"
	"github.com/bartizan-sec/bartizan/internal/connect/graph"
	"github.com/bartizan-sec/bartizan/internal/connect/office"
	"github.com/bartizan-sec/bartizan/internal/connect/okta"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// connectorKinds lists the services that can be pulled from, in the order in which people see them.
func connectorKinds() []connect.Kind {
	return []connect.Kind{graph.Kind(), office.Kind(), cloudtrail.Kind(), okta.Kind(), google.Kind(), github.Kind()}
}

// secretSource says where the key of secrets is.
func secretSource(cfg *config.Config, dir datadir.Layout) secret.Source {
	s := secret.Source{Key: cfg.Secrets.Key, File: cfg.Secrets.KeyFile, Make: true}
	if s.File == "" {
		s.File = dir.SecretsKey()
	}
	return s
}

// openSecrets opens the sealed values of a data folder.
func openSecrets(cfg *config.Config, dir datadir.Layout, db *bun.DB) (*secret.Store, error) {
	ring, err := secret.OpenRing(secretSource(cfg, dir))
	if err != nil {
		return nil, err
	}
	return secret.New(db, ring), nil
}

// openConnectors gives the connectors of a data folder.
func openConnectors(cfg *config.Config, dir datadir.Layout, db *bun.DB) (*connect.Service, error) {
	secrets, err := openSecrets(cfg, dir, db)
	if err != nil {
		return nil, err
	}
	const setting = "connect.hosts"
	rules, err := outbound.ParseRules(cfg.Connect.Hosts, setting)
	if err != nil {
		return nil, err
	}
	client := outbound.New(outbound.Options{Rules: rules, Setting: setting, Timeout: cfg.Connect.Timeout, UserAgent: "bartizan/" + version})
	return connect.New(db, connect.Options{Kinds: connectorKinds(), Secrets: secrets, HTTP: client, Folders: cfg.Connect.Folders}), nil
}

// runConnectors pulls until ctx ends; the returned function waits for the last run.
func (s *server) runConnectors(ctx context.Context, connectors *connect.Service, receiver *ingest.Receiver) (wait func()) {
	runner := connect.NewRunner(connectors, connect.RunnerOptions{
		Receiver: receiver, Bus: s.bus, Workers: s.cfg.Connect.Workers, Alone: !state.IsPostgres(s.cfg.State), Log: s.log,
		Changed: func(id tenant.ID, connector string) {
			s.live.Publish(live.Change{Tenant: id, Kind: "connector", ID: connector, Change: "updated"})
		},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	return func() { <-done }
}
