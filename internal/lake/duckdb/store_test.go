package duckdb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

func open(t testing.TB, dir string) (lake.Engine, lake.Store) {
	t.Helper()
	e, err := duckdb.New(dir, duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open(context.Background(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func process(at time.Time, name string) *schema.Row {
	r := schema.NewRow("DeviceProcessEvents")
	r.Set("Timestamp", at)
	r.Set("FileName", name)
	r.Set("ProcessId", 42)
	r.Set("LogonId", int64(999))
	return r
}

func TestAppend(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	when := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

	t.Run("rows and position come back after reopening", func(t *testing.T) {
		e, s := open(t, dir)
		if err := s.Append(ctx, []*schema.Row{process(when, "a.exe"), process(when.Add(time.Hour), "b.exe")}, map[string]int64{"file:x": 17}); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e, s = open(t, dir)
		defer e.Close()
		if p, err := s.Position(ctx, "file:x"); err != nil || p != 17 {
			t.Errorf("Position = %d, %v; want 17", p, err)
		}
		counts, err := s.Counts(ctx)
		if err != nil || counts["DeviceProcessEvents"] != 2 || len(counts) != 1 {
			t.Errorf("Counts = %v, %v", counts, err)
		}
		var name, sha string
		var stamp int64
		if err := s.DB().QueryRow(`SELECT FileName, SHA1, "Timestamp" FROM DeviceProcessEvents ORDER BY "Timestamp"`).Scan(&name, &sha, &stamp); err != nil {
			t.Fatal(err)
		}
		if name != "a.exe" || sha != "" || !schema.TimeOf(stamp).Equal(when) {
			t.Errorf("row = %q %q %v", name, sha, schema.TimeOf(stamp))
		}
	})

	t.Run("a failing batch leaves neither rows nor position", func(t *testing.T) {
		e, s := open(t, t.TempDir())
		defer e.Close()
		bad := process(when, "c.exe")
		bad.Values[bad.Table.Column("ProcessId")] = "not a number"
		if err := s.Append(ctx, []*schema.Row{process(when, "ok.exe"), bad}, map[string]int64{"s": 5}); err == nil {
			t.Fatal("Append accepted a text in an integer column")
		}
		if p, _ := s.Position(ctx, "s"); p != 0 {
			t.Errorf("Position = %d after a failed batch", p)
		}
		if counts, _ := s.Counts(ctx); len(counts) != 0 {
			t.Errorf("Counts = %v after a failed batch", counts)
		}
		if err := s.Append(ctx, []*schema.Row{process(when, "ok.exe")}, nil); err != nil {
			t.Errorf("the store is unusable after a failed batch: %v", err)
		}
	})

	t.Run("retention and lab removal", func(t *testing.T) {
		e, s := open(t, t.TempDir())
		defer e.Close()
		lab := process(when.Add(2*time.Hour), "lab.exe")
		lab.Set("LabScenario", "run-1")
		imported := process(when, "old but imported today.exe")
		imported.Set("IngestTime", when.Add(48*time.Hour))
		if err := s.Append(ctx, []*schema.Row{process(when, "old.exe"), process(when.Add(3*time.Hour), "new.exe"), imported, lab}, nil); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Retain(ctx, "DeviceProcessEvents", when.Add(time.Minute)); n != 1 || err != nil {
			t.Errorf("Retain = %d, %v", n, err)
		}
		if n, err := s.DeleteLab(ctx, ""); n != 1 || err != nil {
			t.Errorf("DeleteLab = %d, %v", n, err)
		}
		if _, err := s.Retain(ctx, "NoSuchTable", when); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("Retain of an unknown table: %v", err)
		}
	})

	t.Run("a tenant name cannot leave the folder", func(t *testing.T) {
		e, _ := open(t, t.TempDir())
		defer e.Close()
		if _, err := e.Open(ctx, "../other"); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("Open(../other): %v", err)
		}
	})
}

func TestAllTablesExist(t *testing.T) {
	e, s := open(t, t.TempDir())
	defer e.Close()
	for _, table := range schema.Load().Tables() {
		rows, err := s.DB().Query(fmt.Sprintf(`SELECT * FROM %q LIMIT 0`, table.Name))
		if err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		names, _ := rows.Columns()
		rows.Close()
		if len(names) != len(table.Stored()) {
			t.Errorf("%s has %d columns, the schema %d", table.Name, len(names), len(table.Stored()))
		}
	}
}
