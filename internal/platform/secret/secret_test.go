package secret_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

func open(t *testing.T, location string) *bun.DB {
	t.Helper()
	db, err := state.Open(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func store(t *testing.T, db *bun.DB, s secret.Source) *secret.Store {
	t.Helper()
	ring, err := secret.OpenRing(s)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(db, ring)
}

func TestSealedValues(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db := open(t, location)
		file := filepath.Join(t.TempDir(), "secrets.key")
		s := store(t, db, secret.Source{File: file, Make: true})
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the key file: %v %v", info, err)
		}
		for _, id := range []tenant.ID{"default", "t2"} {
			for name, value := range map[string]string{"a": "alpha of " + string(id), "b": "beta of " + string(id)} {
				if err := s.Set(ctx, db, id, "connector/1", name, value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Set(ctx, db, "default", "connector/1", "a", "alpha, changed"); err != nil {
			t.Fatal(err)
		}
		again := store(t, db, secret.Source{File: file, Make: true}) // the next start
		got, err := again.All(ctx, "default", "connector/1")
		if err != nil || got["a"] != "alpha, changed" || got["b"] != "beta of default" || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		if names, err := again.Names(ctx, "t2"); err != nil || strings.Join(names["connector/1"], ",") != "a,b" {
			t.Errorf("%v, %v", names, err)
		}
		var raw []string
		if err := db.NewRaw("SELECT sealed FROM secrets UNION ALL SELECT wrapped FROM secret_keys").Scan(ctx, &raw); err != nil || len(raw) != 6 {
			t.Fatalf("%d values, %v", len(raw), err)
		}
		for _, v := range raw {
			if strings.Contains(v, "alpha") || strings.Contains(v, "beta") {
				t.Errorf("not sealed: %s", v)
			}
		}

		// A value that is copied to another field, owner or tenant does not open there.
		for _, move := range []string{
			"UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE tenant_id = 'default' AND name = 'b') WHERE tenant_id = 'default' AND name = 'a'",
			"UPDATE secrets SET owner = 'connector/2' WHERE tenant_id = 'default' AND name = 'b'",
			"UPDATE secrets SET tenant_id = 'default', owner = 'connector/3' WHERE tenant_id = 't2' AND name = 'b'",
		} {
			if _, err := db.ExecContext(ctx, move); err != nil {
				t.Fatal(err)
			}
		}
		for _, owner := range []string{"connector/1", "connector/2", "connector/3"} {
			if got, err := again.All(ctx, "default", owner); fault.CodeOf(err) != fault.Conflict {
				t.Errorf("%s opens what was moved there: %v, %v", owner, got, err)
			}
		}
		if _, err := again.Check(ctx); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("check does not see it: %v", err)
		}
	})
}

func TestRotation(t *testing.T) {
	ctx := context.Background()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	file := filepath.Join(t.TempDir(), "secrets.key")
	s := store(t, db, secret.Source{File: file, Make: true})
	for _, id := range []tenant.ID{"default", "t2"} {
		if err := s.Set(ctx, db, id, "o", "n", "value of "+string(id)); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.ReadFile(file)
	var sealed []string
	if err := db.NewRaw("SELECT sealed FROM secrets").Scan(ctx, &sealed); err != nil {
		t.Fatal(err)
	}
	running := store(t, db, secret.Source{File: file}) // another process, which has the old key in memory
	if done, err := s.Rotate(ctx, ""); err != nil || done.Secrets != 2 || done.Keys != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	after, _ := os.ReadFile(file)
	if string(after) == string(before) || strings.Count(string(after), "\n") != 1 {
		t.Errorf("the file holds %q", after)
	}
	for _, x := range []*secret.Store{s, running, store(t, db, secret.Source{File: file})} {
		if got, err := x.All(ctx, "t2", "o"); err != nil || got["n"] != "value of t2" {
			t.Errorf("after the rotation: %v, %v", got, err)
		}
	}
	for _, old := range sealed {
		if n, err := db.NewSelect().Table("secrets").Where("sealed = ?", old).Count(ctx); err != nil || n != 0 {
			t.Errorf("a value was not sealed again")
		}
	}
	// The old key opens nothing any more, and the message says what to do.
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store(t, db, secret.Source{File: file}).Check(ctx); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "put the key file of that time back") {
		t.Errorf("with the old key: %v", err)
	}
	// A rotation that was interrupted after the key was written: both keys are in the file.
	if err := os.WriteFile(file, append([]byte(secret.NewKey()+"\n"), after...), 0o600); err != nil {
		t.Fatal(err)
	}
	x := store(t, db, secret.Source{File: file})
	if _, err := x.Check(ctx); err != nil {
		t.Error(err)
	}
	if done, err := x.Rotate(ctx, ""); err != nil || done.Secrets != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	// A key in a setting changes only to a given one.
	raw, _ := os.ReadFile(file)
	y := store(t, db, secret.Source{Key: strings.TrimSpace(string(raw))})
	if _, err := y.Rotate(ctx, ""); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a key in a setting is changed by itself: %v", err)
	}
	fresh := secret.NewKey()
	if _, err := y.Rotate(ctx, fresh); err != nil {
		t.Fatal(err)
	}
	if got, err := store(t, db, secret.Source{Key: fresh}).All(ctx, "default", "o"); err != nil || got["n"] != "value of default" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "k")
	if _, err := secret.OpenRing(secret.Source{File: file}); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("a missing file: %v", err)
	}
	for _, text := range []string{"", "# none\n", "c2hvcnQ=", "not base64"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.OpenRing(secret.Source{File: file, Make: true}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
