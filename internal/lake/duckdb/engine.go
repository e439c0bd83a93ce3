// Package duckdb is the embedded lake engine: one DuckDB file per tenant, opened by one process at a time.
package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

// Options bound what the engine may use. Zero values leave the choice to DuckDB (all cores, 80 % of memory).
type Options struct {
	Threads     int
	MemoryLimit string // "1GB"
	// Register is called once per opened database with a connection, before any query; it adds the KQL functions.
	Register func(conn *sql.Conn) error
}

// Engine opens lakes below one folder.
type Engine struct {
	dir  string
	opt  Options
	mu   sync.Mutex
	open map[tenant.ID]*Store
}

var _ lake.Engine = (*Engine)(nil)

// New returns an engine for the folder, which is created when missing.
func New(dir string, opt Options) (*Engine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	return &Engine{dir: dir, opt: opt, open: map[tenant.ID]*Store{}}, nil
}

// Open returns the tenant's store. A file that another process holds is a fault with code held.
func (e *Engine) Open(ctx context.Context, id tenant.ID) (lake.Store, error) {
	if _, err := tenant.Parse(string(id)); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, ok := e.open[id]; ok {
		return s, nil
	}
	s, err := e.openStore(ctx, id)
	if err != nil {
		return nil, err
	}
	e.open[id] = s
	return s, nil
}

// Close closes every open store.
func (e *Engine) Close() error {
	e.mu.Lock()
	stores := make([]*Store, 0, len(e.open))
	for _, s := range e.open {
		stores = append(stores, s)
	}
	e.mu.Unlock()
	var all error
	for _, s := range stores {
		all = errors.Join(all, s.Close())
	}
	return all
}

// Path is the file of a tenant's lake.
func (e *Engine) Path(id tenant.ID) string { return filepath.Join(e.dir, string(id)+".duckdb") }

func (e *Engine) openStore(ctx context.Context, id tenant.ID) (*Store, error) {
	path := e.Path(id)
	connector, err := duckdb.NewConnector(path+"?"+e.settings(), kqlduckdb.Profile)
	if err != nil {
		if strings.Contains(err.Error(), "Could not set lock") {
			return nil, fault.Newf(fault.Held, "the lake %s is open in another process: stop it, or use --server", path)
		}
		return nil, fmt.Errorf("lake %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	s := &Store{id: id, engine: e, db: db}
	if err := s.prepare(ctx, schema.Load()); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("lake %s: %w", path, err)
	}
	return s, nil
}

func (e *Engine) settings() string {
	set := []string{
		"autoinstall_known_extensions=false", "autoload_known_extensions=false", "enable_external_access=false",
		"checkpoint_threshold=256MB", "preserve_insertion_order=false",
	}
	if e.opt.Threads > 0 {
		set = append(set, "threads="+strconv.Itoa(e.opt.Threads))
	}
	if e.opt.MemoryLimit != "" {
		set = append(set, "memory_limit="+e.opt.MemoryLimit)
	}
	return strings.Join(set, "&")
}
