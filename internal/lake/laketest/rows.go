package laketest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// membersDecide narrows a table by the groups that the house keeps of devices: the newest membership counts, a compaction keeps it, and the table of the house is
// neither hunted nor counted.
func membersDecide(t *testing.T, place Place) {
	s := Open(t, place(t), "default")
	ctx := context.Background()
	rows := []*schema.Row{schema.NewMember("device of a", "first", 1), schema.NewMember("device of b", "second", 1)}
	for i, name := range []string{"a", "b", "c"} {
		rows = append(rows, Process(At().Add(time.Duration(i)*time.Second), name))
	}
	if err := s.Append(ctx, rows, nil); err != nil {
		t.Fatal(err)
	}
	seen := func(group, query string) string {
		t.Helper()
		res, err := lake.Run(ctx, s, lake.Query{Text: query, Rows: func(t *schema.Table) string {
			if t.Column("DeviceId") < 0 {
				return ""
			}
			return fmt.Sprintf("DeviceId in ((%s | summarize arg_max(Version, GroupId) by DeviceId | where GroupId in (%q) | project DeviceId))", schema.DeviceGroupMembers, group)
		}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(res.Rows)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const files = "DeviceProcessEvents | project FileName | sort by FileName asc"
	check := func(when, group, want string) {
		t.Helper()
		if got := seen(group, files); got != want {
			t.Errorf("%s: group %s has %s, want %s", when, group, got, want)
		}
	}
	check("at first", "first", `[["a"]]`)
	check("at first", "second", `[["b"]]`)
	check("at first", "none", `[]`)
	if err := s.Append(ctx, []*schema.Row{schema.NewMember("device of a", "second", 2), schema.NewMember("device of c", "second", 2)}, nil); err != nil {
		t.Fatal(err)
	}
	check("after a change", "first", `[]`)
	check("after a change", "second", `[["a"],["b"],["c"]]`)
	if _, err := s.Compact(ctx, func(lake.Progress) {}); err != nil {
		t.Fatal(err)
	}
	check("after a compaction", "second", `[["a"],["b"],["c"]]`)
	if got := seen("second", "DeviceProcessEvents | join kind=inner (DeviceProcessEvents | where FileName == 'b') on ProcessId | summarize count()"); got != `[[3]]` {
		t.Errorf("a join gives %s", got)
	}
	if counts, err := s.Counts(ctx); err != nil || counts[schema.DeviceGroupMembers] != 0 {
		t.Errorf("the table of the house is counted: %v, %v", counts, err)
	}
	if _, err := lake.Run(ctx, s, lake.Query{Text: schema.DeviceGroupMembers}); err == nil {
		t.Error("the table of the house can be hunted")
	}
}
