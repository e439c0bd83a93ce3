// Package statetest runs a test on every state database that is at hand: always SQLite, and PostgreSQL when BARTIZAN_TEST_POSTGRES holds the URL of a
// server on which databases may be created.
package statetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql driver "pgx"
)

// Each calls fn once per database kind with the location of a fresh, empty database.
func Each(t *testing.T, fn func(t *testing.T, location string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, filepath.Join(t.TempDir(), "state.db")) })
	t.Run("postgres", func(t *testing.T) {
		server := os.Getenv("BARTIZAN_TEST_POSTGRES")
		if server == "" {
			t.Skip("BARTIZAN_TEST_POSTGRES is not set; make test sets it where PostgreSQL is installed")
		}
		fn(t, fresh(t, server))
	})
}

func fresh(t *testing.T, server string) string {
	t.Helper()
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	clean := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}
	name := fmt.Sprintf("t%d_%s", time.Now().UnixNano(), strings.Map(clean, strings.ToLower(t.Name())))
	if len(name) > 60 {
		name = name[:60]
	}
	ctx := context.Background()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		again, err := sql.Open("pgx", server)
		if err != nil {
			return
		}
		defer again.Close()
		if _, err := again.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Logf("dropping %s: %v", name, err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
