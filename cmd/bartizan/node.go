package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/device"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/clickhouse"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// node is an open data folder with the services over it: what the server and the commands that work on a folder have in common.
type node struct {
	cfg       *config.Config
	log       *slog.Logger
	dir       *datadir.Dir
	db        *bun.DB
	lakes     lake.Engine
	records   *ingest.Records
	rules     *detect.Service
	incidents *incident.Service
	access    *access.Service
	devices   *device.Service
	queries   *hunting.Service
	mappings  *mapping.Service
	writers   *writers
}

// nodeOptions are what only the server sets.
type nodeOptions struct {
	cfg       *config.Config // nil: from the environment
	log       *slog.Logger   // nil: silent
	address   string
	publisher incident.Publisher
	server    bool // leases are taken by who consumes, not when something is written
}

// loadConfig gives the configuration of a command that has no flags for it: the environment, and the server's file where $BARTIZAN_SERVER_CONFIG names it.
func loadConfig() (*config.Config, error) {
	return config.Load(nil, os.Getenv("BARTIZAN_SERVER_CONFIG"))
}

// openNode opens the data folder of a command.
func openNode(ctx context.Context, t targetFlags, program string) (*node, error) {
	return openNodeWith(ctx, t.data, program, nodeOptions{})
}

func openNodeWith(ctx context.Context, data, program string, o nodeOptions) (_ *node, err error) {
	n := &node{cfg: o.cfg, log: o.log}
	if n.cfg == nil {
		if n.cfg, err = loadConfig(); err != nil {
			return nil, err
		}
	}
	if n.log == nil {
		n.log = telemetry.Discard()
	}
	if n.dir, err = datadir.Open(data, program, o.address); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	location := n.cfg.State
	if location == "" {
		location = n.dir.State()
	}
	if n.db, err = state.Open(ctx, location); err != nil {
		return nil, err
	}
	identity, err := n.dir.Identity()
	if err != nil {
		return nil, err
	}
	n.writers = newWriters(n.db, identity, n.cfg.Node.Lease, !o.server)
	if n.lakes, err = openLakes(n.cfg.Lake, n.dir.Lakes(), n.writers.claim); err != nil {
		return nil, err
	}
	n.records = ingest.NewRecords(n.db)
	n.queries = hunting.New(n.db, hunting.Options{History: n.cfg.Hunt.History, HistoryAge: n.cfg.Hunt.HistoryAge, Keep: n.cfg.Hunt.UsageKeep, Custom: n.customTables})
	own := mapping.Options{Shipped: content.Mappings(), Families: func() []ingest.Family { return sourceFamilies() }, Log: n.log}
	if dir := n.operatorContent("mappings"); dir != "" {
		own.Operator = os.DirFS(dir)
	}
	if n.mappings, err = mapping.New(n.db, own); err != nil {
		return nil, err
	}
	n.rules = detect.New(n.db, detect.Options{Content: content.Detections(), Arrivals: ingest.NewTraffic(n.db, n.log).Arrivals})
	n.incidents = incident.New(n.db, incident.Options{Publisher: o.publisher, Logger: n.log})
	n.access, err = access.New(n.db, access.Options{
		Idle: n.cfg.Session.Idle, Absolute: n.cfg.Session.Absolute, Attempts: n.cfg.Login.Attempts, Window: n.cfg.Login.Window, Secure: secure(n.cfg), Log: n.log,
	})
	if err != nil {
		return n, err
	}
	n.devices = device.New(n.db, n.access, n.incidents)
	// Whoever goes through all tenants, as a backup does, must find the one that commands work in before a server has ever run.
	return n, n.access.EnsureDefaultTenant(ctx)
}

// customTables lists a tenant's custom tables.
func (n *node) customTables(ctx context.Context, id tenant.ID) ([]*schema.Table, error) {
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return store.CustomTables(ctx)
}

// Close closes what is open, in reverse order.
func (n *node) Close() {
	var all error
	if n.lakes != nil {
		all = errors.Join(all, n.lakes.Close())
	}
	if n.writers != nil {
		n.writers.release()
	}
	if n.db != nil {
		all = errors.Join(all, n.db.Close())
	}
	if n.dir != nil {
		all = errors.Join(all, n.dir.Close())
	}
	if all != nil {
		n.log.Error("closing the data folder", "error", all)
	}
}

// tenant returns the id of an existing tenant. The default tenant exists from the first opening on.
func (n *node) tenant(ctx context.Context, name string) (tenant.ID, error) {
	id, err := tenant.Parse(name)
	if err != nil {
		return id, err
	}
	return existing(ctx, n.access, id)
}

// existing returns id when there is such a tenant.
func existing(ctx context.Context, service *access.Service, id tenant.ID) (tenant.ID, error) {
	if id == tenant.Default {
		return id, nil
	}
	all, err := service.AllTenants(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range all {
		if t == id {
			return id, nil
		}
	}
	return "", fault.Newf(fault.NotFound, "there is no tenant %q; bartizan tenant list shows those there are", id)
}

// openLakes opens the event lake: the one at the configured address, which this process writes when claim lets it, or else files in the folder.
func openLakes(cfg config.Lake, folder string, claim func(context.Context, tenant.ID, int64) (int64, error)) (lake.Engine, error) {
	if cfg.URL != "" {
		e, err := clickhouse.New(cfg.URL, clickhouse.Options{Threads: cfg.Threads, Memory: int64(cfg.Memory), Claim: claim}) //nolint:gosec // sizes of memory
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	e, err := duckdb.New(folder, duckdb.Options{Threads: cfg.Threads, MemoryLimit: memoryLimit(cfg.Memory), Register: kqlduckdb.Register})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// lakeName is the program that keeps the events.
func (n *node) lakeName() string {
	if n.cfg.Lake.URL != "" {
		return "ClickHouse"
	}
	return "DuckDB"
}

// memoryLimit is a size as DuckDB writes it; "" leaves the choice to it.
func memoryLimit(b config.Bytes) string {
	if b == 0 {
		return ""
	}
	return b.String()
}

func familyNames() string {
	var names []string
	for _, f := range sourceFamilies() {
		names = append(names, f.Name())
	}
	return strings.Join(names, ", ")
}

func knownFamily(source string) bool {
	for _, f := range sourceFamilies() {
		if f.Name() == source {
			return true
		}
	}
	return false
}

// detector returns the tenant's compiled rules for a pipeline.
func (n *node) detector(ctx context.Context, id tenant.ID) (ingest.Detector, error) {
	return n.rules.Detector(ctx, id)
}

// operatorContent is the operator's own folder of that kind of content (detections, osquery), "" when there is none.
func (n *node) operatorContent(kind string) string {
	dir := n.cfg.Content.Folder
	if dir == "" {
		dir = n.dir.Content()
	}
	if info, err := os.Stat(filepath.Join(dir, kind)); err == nil && info.IsDir() {
		return filepath.Join(dir, kind)
	}
	return ""
}

// secure reports whether people reach the portal by HTTPS: served here, or by a proxy that the configured address tells of.
func secure(cfg *config.Config) bool {
	return cfg.TLS.Cert != "" || strings.HasPrefix(strings.ToLower(cfg.URL), "https://")
}
