package state_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func TestAway(t *testing.T) {
	ctx := context.Background()
	server := statetest.Start(t)
	db, err := state.Open(ctx, server.Database(t, "away"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	wrong := func() error { _, err := db.ExecContext(ctx, "SELECT nothing FROM nowhere"); return err }
	if err := wrong(); err == nil || state.Away(err) {
		t.Errorf("a wrong statement: %v", err)
	}
	server.Stop()
	for range 3 {
		if _, err := db.ExecContext(ctx, "SELECT 1"); !state.Away(fmt.Errorf("reading: %w", err)) {
			t.Errorf("a server that is gone: %v", err)
		}
	}
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "SELECT 1"); err != nil {
		t.Errorf("a server that is back: %v", err)
	}
	if state.Away(nil) || state.Away(errors.New("something else")) {
		t.Error("what has nothing to do with the database is taken for it")
	}
}
