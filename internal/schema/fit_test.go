package schema

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func custom(name string, cells map[string]any, kinds map[string]Type) *Row {
	var cols []Column
	for _, n := range []string{"a", "A", "b", "c"} {
		if t, ok := kinds[n]; ok {
			cols = append(cols, Column{Name: n, Type: t})
		}
	}
	t := NewCustom(name, cols)
	r := &Row{Table: t, Values: make([]any, len(t.Columns))}
	for n, v := range cells {
		r.Set(n, v)
	}
	return r
}

func TestFitWidens(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	rows := []*Row{
		custom("X_CL", map[string]any{"a": "text", "A": "other case"}, map[string]Type{"a": String, "A": String}),
		custom("x_CL", map[string]any{"a": int64(7)}, map[string]Type{"a": Long}), // a string can hold it
		custom("X_CL", map[string]any{"a": `[1]`}, map[string]Type{"a": Dynamic}), // a second column
		custom("X_CL", map[string]any{"b": 1.5, "AdditionalFields": `{"z":1}`}, map[string]Type{"b": Real}),
		custom("X_CL", map[string]any{"b": "no number"}, map[string]Type{"b": String}), // a second column
	}
	fitted, next, changes := NewCustoms().Fit(rows, now)
	if len(changes) != 1 || changes[0].Columns != nil || changes[0].Table.Name != "X_CL" {
		t.Fatalf("changes: %+v", changes)
	}
	table := next.Table("X_CL")
	var names []string
	for _, c := range table.Made() {
		names = append(names, c.Name+":"+string(c.Type)+":"+c.Physical)
	}
	if diff := cmp.Diff([]string{"a:string:a", "A:string:A$2", "a_j:dynamic:a_j", "b:real:b", "b_s:string:b_s"}, names); diff != "" {
		t.Error(diff)
	}
	for i, want := range []map[string]any{{"a": "text", "A": "other case"}, {"a": "7"}, {"a_j": "[1]"}, {"b": 1.5, "AdditionalFields": `{"z":1}`}, {"b_s": "no number"}} {
		got := map[string]any{}
		for j, v := range fitted[i].Values {
			if v != nil {
				got[table.Columns[j].Name] = v
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	if got := table.Conflicts(); got["a"] != 1 || got["a_j"] != 1 || got["b_s"] != 1 || got["A"] != 0 {
		t.Errorf("conflicts: %v", got)
	}
	// Again: nothing new. Then one column more.
	if _, same, changes := next.Fit(rows, now); same != next || changes != nil {
		t.Errorf("fitting twice changes %v", changes)
	}
	_, third, changes := next.Fit([]*Row{custom("X_CL", map[string]any{"c": true}, map[string]Type{"c": Bool})}, now)
	if len(changes) != 1 || len(changes[0].Columns) != 1 || changes[0].Columns[0].Name != "c" || next.Table("X_CL").Column("c") >= 0 || third.Table("X_CL").Column("c") < 0 {
		t.Errorf("growing: %+v", changes)
	}
}

func TestFitIsBounded(t *testing.T) {
	var rows []*Row
	var cols []Column
	for i := range MaxCustomColumns + 50 {
		cols = append(cols, Column{Name: fmt.Sprintf("f%d", i), Type: Long})
	}
	wide := NewCustom("Wide_CL", cols)
	r := &Row{Table: wide, Values: make([]any, len(wide.Columns))}
	for i := range cols {
		r.Set(fmt.Sprintf("f%d", i), int64(i))
	}
	rows = append(rows, r)
	for i := range MaxCustomTables + 5 {
		rows = append(rows, custom(fmt.Sprintf("T%d_CL", i), map[string]any{"a": "x"}, map[string]Type{"a": String}))
	}
	fitted, next, _ := NewCustoms().Fit(rows, time.Now())
	if n := len(next.Table("Wide_CL").Columns); n != MaxCustomColumns {
		t.Errorf("%d columns", n)
	}
	if s := fitted[0].Text("AdditionalFields"); !strings.Contains(s, fmt.Sprintf(`"f%d":%d`, MaxCustomColumns+49, MaxCustomColumns+49)) {
		t.Errorf("what did not fit is lost: %s", s)
	}
	if n := len(next.Tables()); n != MaxCustomTables+1 { // and the generic one
		t.Errorf("%d tables", n)
	}
	if last := fitted[len(fitted)-1]; last.Table.Name != GenericTable || last.Text("a") != "x" {
		t.Errorf("the last row went to %s", last.Table.Name)
	}
}

func TestNotes(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	_, next, _ := NewCustoms().Fit([]*Row{custom("X_CL", map[string]any{"a": "x", "A": "y"}, map[string]Type{"a": String, "A": Dynamic})}, at)
	made := next.Table("X_CL")
	made.Source = "generic/x"
	var stored []StoredColumn
	for _, c := range made.Stored() {
		stored = append(stored, StoredColumn{c.Physical, ColumnNote(c)})
	}
	back, err := ReadCustom("X_CL", made.Note(), stored)
	if err != nil || back == nil {
		t.Fatal(back, err)
	}
	if diff := cmp.Diff(made.Columns, back.Columns); diff != "" || back.Source != "generic/x" || !back.Created.Equal(at) {
		t.Errorf("%s %s %v", diff, back.Source, back.Created)
	}
	for _, note := range []string{"", "{}", `{"bartizanCustom":false}`, "x"} {
		if got, err := ReadCustom("Y", note, nil); got != nil || err != nil {
			t.Errorf("%q: %v %v", note, got, err)
		}
	}
}

func TestCustomNames(t *testing.T) {
	for name, want := range map[string]bool{"Squid_CL": true, "_CL": false, "Squid": false, "Squid_cl": false, `a"b_CL`: false, "1a_CL": false, "ä_CL": false, strings.Repeat("a", 97) + "_CL": true, strings.Repeat("a", 98) + "_CL": false} {
		if CustomName(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
