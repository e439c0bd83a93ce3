// Package state is the relational database of everything that is not an event: alerts, incidents, users, rules, settings. It is SQLite in a file or
// PostgreSQL by URL, through bun, with one set of migrations (migrations/NNNN_name.up.sql, plain SQL that both understand) and the same tests on both.
//
// Conventions: every table of tenant data has tenant_id TEXT NOT NULL as the first part of its key; times are BIGINT microseconds since 1970 (type Time);
// JSON is TEXT; ids are chosen by the program.
package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/migrate"
	_ "modernc.org/sqlite" // database/sql driver "sqlite"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Open connects to the database and brings its schema up to date. location is "postgres://…" or the path of a SQLite file, which is created
// with mode 0600 when it does not exist.
func Open(ctx context.Context, location string) (*bun.DB, error) {
	db, err := connect(location)
	if err != nil {
		return nil, err
	}
	if err := migrateUp(ctx, db); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

func connect(location string) (*bun.DB, error) {
	if IsPostgres(location) {
		pool, err := sql.Open("pgx", location)
		if err != nil {
			return nil, fault.Newf(fault.Unavailable, "state database: %w", err)
		}
		pool.SetMaxOpenConns(16)
		return bun.NewDB(pool, pgdialect.New()), nil
	}
	if err := os.MkdirAll(filepath.Dir(location), 0o700); err != nil {
		return nil, fmt.Errorf("state database: %w", err)
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-65536)", "temp_store(MEMORY)"}, "_txlock": {"immediate"}}
	pool, err := sql.Open("sqlite", "file:"+location+"?"+pragmas.Encode())
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "state database %s: %w", location, err)
	}
	pool.SetMaxOpenConns(8)
	if err := pool.Ping(); err != nil {
		_ = pool.Close()
		return nil, fault.Newf(fault.Unavailable, "state database %s: %w", location, err)
	}
	_ = os.Chmod(location, 0o600)
	return bun.NewDB(pool, sqlitedialect.New()), nil
}

// IsPostgres reports whether location names a PostgreSQL server rather than a file.
func IsPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

func migrateUp(ctx context.Context, db *bun.DB) error {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	set := migrate.NewMigrations()
	if err := set.Discover(sub); err != nil {
		return fmt.Errorf("state migrations: %w", err)
	}
	m := migrate.NewMigrator(db, set, migrate.WithMarkAppliedOnSuccess(true))
	if err := m.Init(ctx); err != nil {
		return fault.Newf(fault.Unavailable, "state database is not reachable: %w", err)
	}
	if err := m.Lock(ctx); err != nil {
		return fault.Newf(fault.Held, "another process is migrating the state database: %w", err)
	}
	defer m.Unlock(ctx) //nolint:errcheck // the lock row is removed with the connection's work; a failed unlock is reported by the next Lock
	if _, err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("state migrations: %w", err)
	}
	return nil
}

// Time is a point in time with microseconds, stored as BIGINT; the zero time is NULL.
type Time struct{ time.Time }

// At wraps t.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// Value implements driver.Valuer.
func (t Time) Value() (driver.Value, error) {
	if t.IsZero() {
		return nil, nil
	}
	return t.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (t *Time) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		t.Time = time.Time{}
	case int64:
		t.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("state: cannot read %T as a time", src)
	}
	return nil
}
