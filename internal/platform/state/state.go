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
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
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

// migrationLock is the key of the PostgreSQL lock under which the schema is changed.
const migrationLock = 0x6261727469 // "barti"

// migrateUp applies the migrations that the database does not have yet, all of them and the note of them in one transaction: whoever is killed in the
// middle leaves the schema as it was and locks nobody out.
func migrateUp(ctx context.Context, db *bun.DB) error {
	paths, err := fs.Glob(migrationFiles, "migrations/*.up.sql") // in order of their numbers
	if err != nil {
		return err
	}
	var have []string
	if err := db.NewRaw("SELECT name FROM bun_migrations ORDER BY name").Scan(ctx, &have); err == nil {
		if n := newer(paths, have); n != "" {
			return fault.Newf(fault.Unavailable, "the state database was changed by a newer version of this program (migration %s): use that version, or restore a backup that this one made", n)
		}
		if len(missing(paths, have)) == 0 {
			return nil
		}
	}
	err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if db.Dialect().Name() == dialect.PG {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", migrationLock); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS bun_migrations (name TEXT PRIMARY KEY, group_id BIGINT NOT NULL, migrated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`)
		if err != nil {
			return err
		}
		have = have[:0]
		if err := tx.NewRaw("SELECT name FROM bun_migrations").Scan(ctx, &have); err != nil {
			return err
		}
		for _, file := range missing(paths, have) {
			if err := apply(ctx, tx, file); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fault.Newf(fault.Unavailable, "the schema of the state database could not be brought up to date: %w", err)
	}
	return nil
}

// newer gives the last migration that the database has and this program does not know, "" when it knows all.
func newer(paths, have []string) string {
	last := ""
	for _, n := range have {
		if !slices.ContainsFunc(paths, func(file string) bool { return number(file) == n }) {
			last = max(last, n)
		}
	}
	return last
}

// missing gives the files whose migration is not among those the database has.
func missing(paths, have []string) []string {
	var out []string
	for _, file := range paths {
		if !slices.Contains(have, number(file)) {
			out = append(out, file)
		}
	}
	return out
}

// number is the part of a migration's file name that identifies it.
func number(file string) string {
	n, _, _ := strings.Cut(path.Base(file), "_")
	return n
}

func apply(ctx context.Context, tx bun.Tx, file string) error {
	text, err := migrationFiles.ReadFile(file)
	if err != nil {
		return err
	}
	for _, statement := range strings.Split(string(text), "--bun:split\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("migration %s: %w", path.Base(file), err)
		}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO bun_migrations (name, group_id) VALUES (?, 1)", number(file))
	return err
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
