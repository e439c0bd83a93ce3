//go:build linux

package duckdb_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// TestFullDisk fills the disk under a lake, makes room, and goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("no small disk can be made: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	ctx := context.Background()
	e := engineIn(t, dir)
	s, err := e.Open(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 36<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	at := int64(0)
	add := func() error {
		rows := make([]*schema.Row, 2000)
		for i := range rows {
			n := at + int64(i) + 1
			rows[i] = laketest.Process(laketest.At().Add(time.Duration(n)*time.Second), fmt.Sprint("p", n))
			rows[i].Set("RecordNumber", n)
			rows[i].Set("ProcessCommandLine", fmt.Sprint(strings.Repeat(fmt.Sprintf("%x ", n*7_919_317), 20)))
		}
		err := s.Append(ctx, rows, map[string]int64{"s": at + int64(len(rows))})
		if err == nil {
			at += int64(len(rows))
		}
		return err
	}
	check := func(when string) {
		t.Helper()
		p, err := s.Position(ctx, "s")
		if err != nil || p != at {
			t.Errorf("%s: the position is %d of %d, %v", when, p, at, err)
		}
		want := fmt.Sprintf("%d | %d", at, at)
		if got := laketest.Hunt(t, s, "DeviceProcessEvents | summarize count(), count_distinct(RecordNumber)"); got[0] != want {
			t.Errorf("%s: %s, want %s", when, got[0], want)
		}
	}
	for err == nil && at < 1_000_000 {
		err = add()
	}
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "full") {
		t.Fatalf("a full disk: %v", err)
	}
	trouble := s.(interface{ Trouble() error })
	if trouble.Trouble() == nil {
		t.Error("a full disk is no trouble")
	}
	for range 3 {
		if err := add(); err == nil {
			t.Log("a batch still fitted")
		} else if fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("a disk that is still full: %v", err)
		}
	}
	if _, err := s.Compact(ctx, nil); err == nil {
		t.Log("a compaction still fitted")
	} else if fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a compaction on a full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	check("with room again")
	if err := add(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := trouble.Trouble(); err != nil {
		t.Errorf("with room again there is still trouble: %v", err)
	}
	check("after a batch")
	if _, err := s.Compact(ctx, nil); err != nil {
		t.Errorf("a compaction with room again: %v", err)
	}
	check("after a compaction")
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if s, err = engineIn(t, dir).Open(ctx, "default"); err != nil {
		t.Fatal(err)
	}
	check("opened again")
}
