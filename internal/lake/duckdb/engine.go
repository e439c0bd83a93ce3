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
	if err := settle(path); err != nil {
		return nil, fmt.Errorf("lake %s: %w", path, err)
	}
	s := &Store{id: id, engine: e}
	err := s.open(ctx)
	if err != nil && fault.CodeOf(err) != fault.Held && exists(path+oldSuffix) {
		// A rewrite was put in place and the process ended before it was opened: what it was made from is still whole.
		if back := putBack(path); back != nil {
			return nil, errors.Join(err, back)
		}
		err = s.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := removeFiles(path + oldSuffix); err != nil {
		return nil, errors.Join(fmt.Errorf("lake %s: %w", path, err), s.db.Close())
	}
	return s, nil
}

// storageVersion is the layout of files that this program makes. Older ones are read and written as they are; a compaction gives them this one.
const storageVersion = "v1.5.0"

// open opens the store's file and the writer's connection. The caller holds write and the gate, or is the only one that has the store.
func (s *Store) open(ctx context.Context) error {
	path := s.engine.Path(s.id)
	connector, err := duckdb.NewConnector(path+"?"+s.engine.settings(), kqlduckdb.Profile)
	if err != nil {
		return openError(path, err)
	}
	db := sql.OpenDB(connector)
	if err := s.prepare(ctx, db, path); err != nil {
		_ = db.Close()
		return openError(path, err)
	}
	return nil
}

func openError(path string, err error) error {
	var known *fault.Error
	switch text := err.Error(); {
	case errors.As(err, &known):
		return fmt.Errorf("lake %s: %w", path, err)
	case strings.Contains(text, "Could not set lock"):
		return fault.Newf(fault.Held, "the lake %s is open in another process: stop it, or use --server", path)
	case strings.Contains(text, "with version number"):
		return fault.Newf(fault.Unavailable, "the lake %s was written by a newer version of this program: use that version, or restore a backup that this one made (%w)", path, err)
	case strings.Contains(text, "not a valid DuckDB database file"):
		return fault.Newf(fault.Unavailable, "%s is not a lake, or is damaged: restore a backup (%w)", path, err)
	}
	return fmt.Errorf("lake %s: %w", path, roomError(err))
}

func (e *Engine) settings() string {
	set := []string{
		"autoinstall_known_extensions=false", "autoload_known_extensions=false", "storage_compatibility_version=" + storageVersion,
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

// confine lets statements reach the lake's own file, the one that a rewrite makes, and no other.
func confine(ctx context.Context, conn *sql.Conn, path string) error {
	own := make([]string, 0, 4)
	for _, suffix := range []string{"", ".wal", ".wal.checkpoint", ".wal.recovery"} {
		own = append(own, literal(path+nextSuffix+suffix))
	}
	_, err := conn.ExecContext(ctx, "SET allowed_paths = ["+strings.Join(own, ", ")+"]; SET enable_external_access = false")
	return err
}
