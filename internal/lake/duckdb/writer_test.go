package duckdb

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

func openForTest(t *testing.T) *Store {
	t.Helper()
	e, err := New(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := e.Open(context.Background(), "default")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return opened.(*Store)
}

// TestTextsOfEveryLength writes texts around the lengths at which the engine's form of them changes, over several chunks, and reads them back.
func TestTextsOfEveryLength(t *testing.T) {
	s := openForTest(t)
	ctx := context.Background()
	lengths := []int{0, 1, 4, 11, 12, 13, 14, 100, arenaBlock/4 - 1, arenaBlock/4 + 1, arenaBlock + 5}
	var rows []*schema.Row
	for i := range 5000 {
		row := schema.NewRow("DeviceProcessEvents")
		n := i % 40
		if i < len(lengths) {
			n = lengths[i]
		}
		row.Set("ProcessCommandLine", strings.Repeat("ü", n/2)+strings.Repeat("x", n%2))
		row.Set("ProcessId", int64(i))
		row.Set("Timestamp", time.Unix(int64(i), 0))
		if i%2 == 0 {
			row.Set("ProcessCreationTime", time.Unix(int64(i), 0))
		}
		rows = append(rows, row)
	}
	for range 2 { // the second batch uses the memory of the first
		if err := s.Append(ctx, rows, map[string]int64{"it's": 7}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Position(ctx, "it's"); n != 7 || err != nil {
		t.Errorf("position %d, %v", n, err)
	}
	got, err := s.db.QueryContext(ctx, `SELECT ProcessId, ProcessCommandLine, FileName, ProcessCreationTime IS NULL, ProcessVersionInfoCompanyName IS NULL, count(*) FROM DeviceProcessEvents GROUP BY ALL ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	i := 0
	for ; got.Next(); i++ {
		var id, count int
		var line, file string
		var noTime, noCompany bool
		if err := got.Scan(&id, &line, &file, &noTime, &noCompany, &count); err != nil {
			t.Fatal(err)
		}
		if id != i || line != rows[i].Text("ProcessCommandLine") || file != "" || noTime != (i%2 == 1) || noCompany || count != 2 {
			t.Fatalf("row %d came back as %d with %d bytes, file %q, no time %v, no company %v, %d times", i, id, len(line), file, noTime, noCompany, count)
		}
	}
	if i != len(rows) {
		t.Errorf("%d rows came back of %d", i, len(rows))
	}
}

func TestOddValues(t *testing.T) {
	s := openForTest(t)
	ctx := context.Background()
	row := schema.NewRow("DeviceProcessEvents")
	row.Set("FileName", "a\xffb\x00c")
	if err := s.Append(ctx, []*schema.Row{row}, nil); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := s.db.QueryRowContext(ctx, "SELECT FileName FROM DeviceProcessEvents").Scan(&name); err != nil || name != "a\uFFFDb\x00c" {
		t.Errorf("text that is not UTF-8 came back as %q, %v", name, err)
	}
	for column, value := range map[string]any{"FileName": int64(1), "ProcessId": "text", "Timestamp": 1.5} {
		bad := schema.NewRow("DeviceProcessEvents")
		bad.Values[bad.Table.Column(column)] = value
		if err := s.Append(ctx, []*schema.Row{bad}, map[string]int64{"x": 1}); err == nil || !strings.Contains(err.Error(), column) {
			t.Errorf("%s took %T: %v", column, value, err)
		}
	}
	if n, _ := s.Position(ctx, "x"); n != 0 {
		t.Error("the position of a refused batch was kept")
	}
	if err := s.Append(ctx, []*schema.Row{row}, map[string]int64{"x": 2}); err != nil {
		t.Errorf("after a refused batch: %v", err)
	}
}
