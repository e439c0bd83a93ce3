package duckdb_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

func engineIn(t testing.TB, dir string) *duckdb.Engine {
	t.Helper()
	e, err := duckdb.New(dir, duckdb.Options{Threads: 2, Register: kqlduckdb.Register})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// write makes a database file by statements, in the layout that the engine makes by itself, which is an older one than ours.
func write(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// older are the statements of a lake as an early version left it: few tables, few columns, rows in them.
func older(rows int) []string {
	at := schema.Ticks(laketest.At())
	return []string{
		`CREATE TABLE positions (source VARCHAR PRIMARY KEY, position BIGINT NOT NULL)`, `INSERT INTO positions VALUES ('bus', 41)`,
		`CREATE TABLE "DeviceProcessEvents" ("Timestamp" BIGINT, "DeviceId" VARCHAR DEFAULT '', "FileName" VARCHAR DEFAULT '', "ProcessId" BIGINT, "AdditionalFields" VARCHAR DEFAULT '')`,
		fmt.Sprintf(`INSERT INTO "DeviceProcessEvents" SELECT %d + i * 10000000, 'd' || i %% 3, 'p' || i, i, '{"n":' || i || '}' FROM range(%d) r(i)`, at, rows),
	}
}

func TestOlderLake(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "default.duckdb")
	write(t, path, older(1000)...)
	e := engineIn(t, dir)
	s, err := e.Open(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	check := func(want string) {
		t.Helper()
		got := laketest.Hunt(t, s, `DeviceProcessEvents | summarize count(), countif(SHA256 == ''), countif(isnull(LogonId)), countif(LabScenario == ''), max(tolong(todynamic(AdditionalFields).n)), max(Timestamp)`)
		if len(got) != 1 || got[0] != want {
			t.Errorf("the old rows are %v, want %s", got, want)
		}
		if p, err := s.Position(ctx, "bus"); p != 41 || err != nil {
			t.Errorf("Position = %d, %v", p, err)
		}
	}
	check("1000 | 1000 | 1000 | 1000 | 999 | 2024-05-01T10:16:39.0000000Z")
	full := laketest.Process(laketest.At().Add(time.Hour), "new.exe")
	full.Set("SHA256", "ab")
	if err := s.Append(ctx, []*schema.Row{full}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Fatal(err)
	}
	check("1001 | 1000 | 1000 | 1001 | 999 | 2024-05-01T11:00:00.0000000Z")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if layout := layoutOf(t, path); layout != "v1.5.0+" {
		t.Errorf("the compacted file has the layout %s", layout)
	}
	if s, err = engineIn(t, dir).Open(ctx, "default"); err != nil {
		t.Fatal(err)
	}
	check("1001 | 1000 | 1000 | 1001 | 999 | 2024-05-01T11:00:00.0000000Z")
}

func layoutOf(t testing.TB, path string) (layout string) {
	t.Helper()
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()").Scan(&layout); err != nil {
		t.Fatal(err)
	}
	return layout
}

// TestNewerLake opens files of versions that this one cannot know, and what is no lake.
func TestNewerLake(t *testing.T) {
	for name, c := range map[string]struct {
		make func(path string)
		want string
	}{
		"a column more": {func(path string) {
			write(t, path, append(older(1), `ALTER TABLE "DeviceProcessEvents" ADD COLUMN "Futuristic" VARCHAR`)...)
		}, "newer version"},
		"another type": {func(path string) {
			write(t, path, `CREATE TABLE "DeviceProcessEvents" ("Timestamp" VARCHAR)`)
		}, "restore a backup"},
		"a newer layout": {func(path string) {
			write(t, path, older(1)...)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			raw[12] = 250 // the version stands behind the checksum and the letters DUCK
			sum := uint64(5381)
			for i := 8; i < 4096; i += 8 {
				sum ^= binary.LittleEndian.Uint64(raw[i:]) * 0xbf58476d1ce4e5b9
			}
			binary.LittleEndian.PutUint64(raw, sum)
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "newer version"},
		"no lake": {func(path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("this is no lake ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "restore a backup"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "default.duckdb")
			c.make(path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = engineIn(t, dir).Open(context.Background(), "default")
			if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("opening: %v (%s)", err, fault.CodeOf(err))
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

// TestLeftBehind opens lakes whose process ended at each step of an exchange of files.
func TestLeftBehind(t *testing.T) {
	ctx := context.Background()
	for name, leave := range map[string]func(path string) error{
		"while the new file was written": func(path string) error { return os.WriteFile(path+".next", []byte("half"), 0o600) },
		"before the exchange":            func(path string) error { return os.Link(path, path+".old") },
		"within the exchange":            func(path string) error { return os.Rename(path, path+".old") },
		"after the exchange": func(path string) error {
			return os.WriteFile(path+".old", []byte("what it was made from"), 0o600)
		},
		"after an exchange for a file that cannot be opened": func(path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.Repeat("damaged", 2000)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "default.duckdb")
			write(t, path, older(10)...)
			if err := leave(path); err != nil {
				t.Fatal(err)
			}
			s, err := engineIn(t, dir).Open(ctx, "default")
			if err != nil {
				t.Fatal(err)
			}
			if got := laketest.Hunt(t, s, "DeviceProcessEvents | count"); got[0] != "10" {
				t.Errorf("%v rows", got)
			}
			entries, err := filepath.Glob(path + "*")
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e != path && e != path+".wal" {
					t.Errorf("%s is left", e)
				}
			}
		})
	}
}

// TestDeletionEndsCompaction deletes rows while the lake is compacted: nothing that was deleted may come back.
func TestDeletionEndsCompaction(t *testing.T) {
	ctx := context.Background()
	s := laketest.Open(t, engineIn(t, t.TempDir()), "default")
	rows := make([]*schema.Row, 1000)
	for i := range rows {
		rows[i] = laketest.Process(laketest.At().Add(time.Duration(i)*time.Second), "x")
	}
	if err := s.Append(ctx, rows, nil); err != nil {
		t.Fatal(err)
	}
	deleted := false
	_, err := s.Compact(ctx, func(lake.Progress) {
		if !deleted {
			deleted = true
			if n, err := s.Retain(ctx, "DeviceProcessEvents", laketest.At().Add(500*time.Second)); n != 500 || err != nil {
				t.Errorf("Retain = %d, %v", n, err)
			}
		}
	})
	if fault.CodeOf(err) != fault.Conflict {
		t.Errorf("Compact: %v", err)
	}
	if got := laketest.Hunt(t, s, "DeviceProcessEvents | count"); got[0] != "500" {
		t.Errorf("%v rows", got)
	}
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Errorf("a second Compact: %v", err)
	}
	if got := laketest.Hunt(t, s, "DeviceProcessEvents | count"); got[0] != "500" {
		t.Errorf("%v rows", got)
	}
}
