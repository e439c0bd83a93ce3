package laketest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Custom is a row of a custom table with the given columns.
func Custom(at time.Time, table string, columns []schema.Column, cells ...any) *schema.Row {
	t := schema.NewCustom(table, columns)
	t.Source = "test/kind"
	r := &schema.Row{Table: t, Values: make([]any, len(t.Columns))}
	r.Set("Timestamp", at)
	for i, c := range columns {
		if v := cells[i]; v != nil {
			r.Set(c.Name, v)
		}
	}
	return r
}

// customTables makes tables and columns by writing rows, looks at them in every way, and comes back after the lake was closed.
func customTables(t *testing.T, open Place) {
	ctx := context.Background()
	e := open(t)
	s := Open(t, e, "default")
	cols := []schema.Column{
		{Name: "status_d", Type: schema.Real},
		{Name: "user_s", Type: schema.String},
		{Name: "User_s", Type: schema.String},
		{Name: "ok_b", Type: schema.Bool},
		{Name: "when_t", Type: schema.DateTime},
		{Name: "tags_j", Type: schema.Dynamic},
		{Name: "n", Type: schema.Long},
	}
	first := Custom(At(), "Squid_CL", cols, 403.0, "mira", "other", true, At().Add(time.Hour), `["a",{"b":1}]`, int64(1)<<60)
	if err := s.Append(ctx, []*schema.Row{first, Process(At(), "a.exe")}, map[string]int64{"s": 1}); err != nil {
		t.Fatal(err)
	}
	const all = "Squid_CL | project Timestamp, TimeGenerated, status_d, user_s, User_s, ok_b, when_t, tostring(tags_j[1].b), gettype(tags_j), n"
	want := "2024-05-01T10:00:00.0000000Z | 2024-05-01T10:00:00.0000000Z | 403 | mira | other | true | 2024-05-01T11:00:00.0000000Z | 1 | array | 1152921504606846976"
	expect(t, s, all, want)

	// More columns, a value of another type, and a table more in the same batch; a failing batch leaves none of its own.
	lab := Custom(At().Add(time.Minute), "Squid_CL", []schema.Column{{Name: "n", Type: schema.Dynamic}, {Name: "late_s", Type: schema.String}}, `{"x":2}`, "new")
	lab.Set("LabScenario", "run-1")
	other := Custom(At(), "Other_CL", []schema.Column{{Name: "x_s", Type: schema.String}}, "y")
	bad := Process(At(), "b.exe")
	bad.Values[bad.Table.Column("ProcessId")] = "not a number"
	if err := s.Append(ctx, []*schema.Row{lab, other, bad}, map[string]int64{"s": 2}); err == nil {
		t.Fatal("a wrong value was accepted")
	}
	if p, _ := s.Position(ctx, "s"); p != 1 {
		t.Errorf("Position = %d", p)
	}
	expect(t, s, all, want)
	if err := s.Append(ctx, []*schema.Row{lab, other}, map[string]int64{"s": 2}); err != nil {
		t.Fatal(err)
	}
	widened := "Squid_CL | sort by Timestamp asc | project n, toint(n_j.x), late_s, isnull(status_d)"
	expect(t, s, widened, "1152921504606846976 | <nil> |  | false", "<nil> | 2 | new | true")
	expect(t, s, "search \"mira\" | project $table, user_s", "Squid_CL | mira")
	expect(t, s, "union withsource=T *_CL | summarize count() by T | sort by T asc", "Other_CL | 1", "Squid_CL | 2")
	expect(t, s, "find where user_s == 'mira' project user_s | project source_, user_s", "Squid_CL | mira")

	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	s = Open(t, open(t), "default")
	expect(t, s, all+" | where status_d > 0", want)
	expect(t, s, widened, "1152921504606846976 | <nil> |  | false", "<nil> | 2 | new | true")
	tables, err := s.CustomTables(ctx)
	if err != nil || len(tables) != 2 || tables[1].Name != "Squid_CL" || tables[1].Source != "test/kind" || tables[1].Created.IsZero() {
		t.Fatalf("CustomTables = %v, %v", tables, err)
	}
	var made []string
	for _, c := range tables[1].Made() {
		made = append(made, c.Name+" "+string(c.Type))
		if c.Seen.IsZero() {
			t.Errorf("column %s does not know when it was made", c.Name)
		}
	}
	if diff := cmp.Diff([]string{"status_d real", "user_s string", "User_s string", "ok_b bool", "when_t datetime", "tags_j dynamic", "n long", "n_j dynamic", "late_s string"}, made); diff != "" {
		t.Error(diff)
	}
	if counts, err := s.Counts(ctx); err != nil || !cmp.Equal(counts, map[string]int64{"DeviceProcessEvents": 1, "Squid_CL": 2, "Other_CL": 1}) {
		t.Errorf("Counts = %v, %v", counts, err)
	}
	if n, err := s.DeleteLab(ctx, "run-1"); n != 1 || err != nil {
		t.Errorf("DeleteLab = %d, %v", n, err)
	}
	if n, err := s.Retain(ctx, "Squid_CL", At().Add(time.Second)); n != 1 || err != nil {
		t.Errorf("Retain = %d, %v", n, err)
	}
	for name, code := range map[string]fault.Code{"Squid_CL": "", "Nope_CL": fault.NotFound, "DeviceProcessEvents": fault.NotFound} {
		if err := s.DropCustom(ctx, name); fault.CodeOf(err) != code {
			t.Errorf("DropCustom(%s): %v", name, err)
		}
	}
	if tables, err := s.CustomTables(ctx); err != nil || len(tables) != 1 {
		t.Errorf("after a drop: %v, %v", tables, err)
	}
	// It comes back with the next row.
	if err := s.Append(ctx, []*schema.Row{lab}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "Squid_CL | project late_s", "new")
}

// hostileCustomTables writes names and shapes that are made to hurt.
func hostileCustomTables(t *testing.T, open Place) {
	ctx := context.Background()
	s := Open(t, open(t), "default")
	var cols []schema.Column
	var cells []any
	for i := range schema.MaxCustomColumns + 20 {
		cols = append(cols, schema.Column{Name: fmt.Sprintf("f%d_s", i), Type: schema.String})
		cells = append(cells, "it's \\ \"odd\" `\x00")
	}
	cols = append(cols, schema.Column{Name: "x\"; DROP TABLE positions; --", Type: schema.String}, schema.Column{Name: "_batch", Type: schema.Long}, schema.Column{Name: "ingesttime", Type: schema.String})
	cells = append(cells, "kept", int64(5), "kept too")
	if err := s.Append(ctx, []*schema.Row{Custom(At(), "Wide_CL", cols, cells...)}, map[string]int64{"s": 1}); err != nil {
		t.Fatal(err)
	}
	expect(t, s, fmt.Sprintf(`Wide_CL | project f0_s == "it's \\ \"odd\" `+"`"+`\0", tostring(AdditionalFields["x\"; DROP TABLE positions; --"]), tostring(AdditionalFields._batch), tostring(AdditionalFields["f%d_s"]) == f0_s`, schema.MaxCustomColumns+10),
		"true | kept | 5 | true")
	if p, err := s.Position(ctx, "s"); p != 1 || err != nil {
		t.Errorf("Position = %d, %v", p, err)
	}
}
