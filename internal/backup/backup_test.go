package backup_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/backup"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/platform/blob"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func rows(from, to int) []*schema.Row {
	var out []*schema.Row
	for i := from; i <= to; i++ {
		r := schema.NewRow("DeviceProcessEvents")
		r.Set("Timestamp", time.Date(2024, 1, 1, 0, 0, i, 0, time.UTC))
		r.Set("DeviceName", fmt.Sprint("host", i))
		out = append(out, r)
	}
	return out
}

// A copy taken while an installation is open comes back with the rows, the records that were still on the bus, the state and the blobs.
func TestBackupAndRestore(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		from := datadir.Layout{Root: t.TempDir()}
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		accounts, err := access.New(db, access.Options{})
		if err != nil {
			t.Fatal(err)
		}
		password, err := accounts.Bootstrap(ctx)
		if err != nil {
			t.Fatal(err)
		}
		lakes := must[*duckdb.Engine](t)(duckdb.New(from.Lakes(), duckdb.Options{Threads: 1}))
		defer lakes.Close()
		q := must[*bus.Bus](t)(bus.Open(ctx, bus.Options{Dir: from.Bus()}))
		defer q.Close()
		for i := 1; i <= 5; i++ {
			if _, err := q.Publish(ctx, "default", "winlog", map[string]string{"n": fmt.Sprint(i)}, fmt.Append(nil, "record ", i)); err != nil {
				t.Fatal(err)
			}
		}
		store, err := lakes.Open(ctx, "default")
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Append(ctx, rows(1, 3), map[string]int64{backup.BusSource: 3}); err != nil {
			t.Fatal(err)
		}
		if err := q.Trim(ctx, "default", 2, 0); err != nil {
			t.Fatal(err)
		}
		blobs := must[*blob.Store](t)(blob.Open(from.Blobs()))
		defer blobs.Close()
		if _, err := must[*blob.Objects](t)(blobs.Tenant("default")).Put(ctx, "mail/1.eml", strings.NewReader("hello")); err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		m, err := backup.Write(ctx, backup.Parts{
			DB: db, Location: location, Lakes: []backup.Lake{store.(backup.Lake)}, Bus: q, Blobs: from.Blobs(), Content: from.Content(), Version: "1",
		}, folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Tenants) != 1 || m.Tenants[0].Position != 3 || m.Tenants[0].Waiting != 2 {
			t.Fatalf("manifest %+v", m)
		}
		// The installation goes on while the copy exists.
		if err := store.Append(ctx, rows(4, 5), map[string]int64{backup.BusSource: 5}); err != nil {
			t.Errorf("append after the backup: %v", err)
		}
		if _, err := backup.Write(ctx, backup.Parts{DB: db, Location: location, Bus: q}, folder); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("a backup into a folder that is not empty: %v", err)
		}

		if m, err = backup.Read(ctx, folder); err != nil {
			t.Fatal(err)
		}
		to := datadir.Layout{Root: filepath.Join(t.TempDir(), "restored")}
		q2 := must[*bus.Bus](t)(bus.Open(ctx, bus.Options{Dir: to.Bus()}))
		defer q2.Close()
		target := backup.Target{StateFile: to.State(), Lake: to.Lake, Blobs: to.Blobs(), Content: to.Content(), Bus: q2}
		restored := to.State()
		if state.IsPostgres(location) {
			if err := backup.Restore(ctx, m, folder, backup.Target{StateFile: "x", Bus: q2}); fault.CodeOf(err) != fault.Invalid {
				t.Errorf("a PostgreSQL backup into a file: %v", err)
			}
			if err := backup.Restore(ctx, m, folder, backup.Target{Postgres: location, Lake: func(tenant.ID) string { return filepath.Join(t.TempDir(), "x") }, Bus: q2, Blobs: t.TempDir()}); fault.CodeOf(err) != fault.Conflict {
				t.Errorf("a restore over rows: %v", err)
			}
			statetest.Each(t, func(t *testing.T, l string) {
				if state.IsPostgres(l) {
					check(t, m, folder, backup.Target{Postgres: l, Lake: to.Lake, Blobs: to.Blobs(), Bus: q2}, l, password)
				}
			})
			return
		}
		check(t, m, folder, target, restored, password)
	})
}

func check(t *testing.T, m *backup.Manifest, folder string, target backup.Target, location, password string) {
	t.Helper()
	ctx := context.Background()
	if err := backup.Restore(ctx, m, folder, target); err != nil {
		t.Fatal(err)
	}
	db, err := state.Open(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	accounts, err := access.New(db, access.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.SignIn(ctx, "admin", password, "127.0.0.1"); err != nil {
		t.Errorf("sign-in after the restore: %v", err)
	}
	if _, err := accounts.VerifyAudit(ctx, "default"); err != nil {
		t.Error(err)
	}
	lakes := must[*duckdb.Engine](t)(duckdb.New(filepath.Dir(target.Lake("default")), duckdb.Options{Threads: 1}))
	defer lakes.Close()
	store, err := lakes.Open(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	counts, err := store.Counts(ctx)
	if err != nil || counts["DeviceProcessEvents"] != 3 {
		t.Errorf("rows after the restore: %v, %v", counts, err)
	}
	position, err := store.Position(ctx, backup.BusSource)
	if err != nil || position != 3 {
		t.Errorf("position after the restore: %d, %v", position, err)
	}
	r, err := target.Bus.Consume(ctx, "default", uint64(position)+1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := r.Next(ctx, 10, 1<<20, 5*time.Second)
	if err != nil || len(got) != 2 || got[0].Sequence != 4 || string(got[0].Data) != "record 4" || got[1].Header["n"] != "5" || got[1].Source != "winlog" {
		t.Errorf("the bus gives %+v, %v", got, err)
	}
	if raw, err := os.ReadFile(filepath.Join(target.Blobs, "default", "mail", "1.eml")); err != nil || string(raw) != "hello" {
		t.Errorf("blob after the restore: %q, %v", raw, err)
	}
}

func TestDamageIsFound(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	if _, err := backup.Read(ctx, folder); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("an empty folder: %v", err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of hello
	write("state.db", "hello")
	for what, manifest := range map[string]string{
		"not JSON":         `{`,
		"other format":     `{"format":99}`,
		"file missing":     `{"format":1,"files":[{"path":"gone","size":5,"sha256":"` + sum + `"}]}`,
		"file outside":     `{"format":1,"files":[{"path":"../state.db","size":5,"sha256":"` + sum + `"}]}`,
		"file changed":     `{"format":1,"files":[{"path":"state.db","size":5,"sha256":"00"}]}`,
		"tenant not valid": `{"format":1,"tenants":[{"id":"../x"}]}`,
	} {
		write("manifest.json", manifest)
		if _, err := backup.Read(ctx, folder); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v; want invalid", what, err)
		}
	}
	write("manifest.json", `{"format":1,"files":[{"path":"state.db","size":5,"sha256":"`+sum+`"}]}`)
	if _, err := backup.Read(ctx, folder); err != nil {
		t.Errorf("a whole backup: %v", err)
	}
}
