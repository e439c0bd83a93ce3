package state_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func TestReserveAndTime(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for i, want := range []int64{1, 4, 7} {
			got, err := state.Reserve(ctx, db, "default", "incident", 3)
			if err != nil || got != want {
				t.Fatalf("Reserve #%d = %d, %v; want %d", i, got, err, want)
			}
		}
		when := state.At(time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.UTC))
		if _, err := db.NewRaw("INSERT INTO tenants (id, name, created) VALUES (?, ?, ?)", "x", "X", when).Exec(ctx); err != nil {
			t.Fatal(err)
		}
		var back state.Time
		if err := db.NewRaw("SELECT created FROM tenants WHERE id = 'x'").Scan(ctx, &back); err != nil || !back.Equal(when.Time) {
			t.Fatalf("time came back as %v, %v; want %v", back, err, when)
		}
	})
}

// A database of an earlier version gets what it lacks and keeps its rows; one of a later version is refused and left alone.
func TestOlderAndNewer(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		ctx := context.Background()
		db, err := state.Open(ctx, location)
		if err != nil {
			t.Fatal(err)
		}
		// As it was before the migration 0013.
		for _, q := range []string{"INSERT INTO tenants (id, name, created) VALUES ('kept', 'Kept', 1)", "DROP TABLE lake_retention", "DROP TABLE lake_compactions", "DELETE FROM bun_migrations WHERE name = '0013'"} {
			if _, err := db.NewRaw(q).Exec(ctx); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		_ = db.Close()
		if db, err = state.Open(ctx, location); err != nil {
			t.Fatal(err)
		}
		var kept, made int
		if err := db.NewRaw("SELECT (SELECT count(*) FROM tenants WHERE id = 'kept'), (SELECT count(*) FROM lake_retention)").Scan(ctx, &kept, &made); err != nil || kept != 1 {
			t.Errorf("%d tenants after the upgrade, %v", kept, err)
		}
		if _, err := db.NewRaw("INSERT INTO bun_migrations (name, group_id) VALUES ('9876', 1)").Exec(ctx); err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
		if db, err := state.Open(ctx, location); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "9876") {
			t.Errorf("a newer database: %v", err)
			if err == nil {
				_ = db.Close()
			}
		}
	})
}

// Several programs may open a new database at once: one makes the schema, the others find it. Nothing of it is left that could lock out a later one.
func TestOpenTogether(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		const programs = 4
		failed := make(chan error, programs)
		for range programs {
			go func() {
				db, err := state.Open(context.Background(), location)
				if err == nil {
					_, err = state.Reserve(context.Background(), db, "default", "incident", 1)
					_ = db.Close()
				}
				failed <- err
			}()
		}
		for range programs {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
	})
}
