package lake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

var huntNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func huntStore(t *testing.T) lake.Store {
	t.Helper()
	engine, err := duckdb.New(t.TempDir(), duckdb.Options{Register: kqlduckdb.Register})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Open(context.Background(), tenant.Default)
	if err != nil {
		t.Fatal(err)
	}
	var rows []*schema.Row
	for i := range 10 {
		r := schema.NewRow("DeviceProcessEvents")
		r.Set("Timestamp", huntNow.Add(-time.Duration(i)*24*time.Hour))
		r.Set("DeviceId", fmt.Sprintf("d%d", i%3))
		r.Set("FileName", []string{"powershell.exe", "cmd.exe"}[i%2])
		r.Set("ProcessId", i)
		r.Set("LogonId", 100+i)
		r.Set("LogonID", 200+i)
		r.Set("AdditionalFields", `{"k":"v","n":1.0}`)
		rows = append(rows, r)
	}
	if err := store.Append(context.Background(), rows, map[string]int64{"test": 1}); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestRun(t *testing.T) {
	store := huntStore(t)
	ctx := context.Background()
	run := func(t *testing.T, q lake.Query) *lake.Result {
		t.Helper()
		if q.Now.IsZero() {
			q.Now = huntNow
		}
		res, err := lake.Run(ctx, store, q)
		if err != nil {
			t.Fatalf("%s: %v", q.Text, err)
		}
		return res
	}
	t.Run("cells are ready for JSON", func(t *testing.T) {
		res := run(t, lake.Query{Text: `DeviceProcessEvents | where ProcessId == 1 | project Timestamp, FileName, LogonId, LogonID, j = parse_json(AdditionalFields), d = 90m, r = 0.0 / 0, n = long(null), TimeGenerated`})
		b, err := json.Marshal(res.Rows)
		if err != nil {
			t.Fatal(err)
		}
		want := `[["2026-01-14T12:00:00.0000000Z","cmd.exe",101,201,{"k":"v","n":1.0},"01:30:00","NaN",null,"2026-01-14T12:00:00.0000000Z"]]`
		if diff := cmp.Diff(want, string(b)); diff != "" {
			t.Error(diff)
		}
		if res.Schema[0] != (lake.Column{Name: "Timestamp", Type: "datetime"}) || res.Stats.Rows != 1 || res.Stats.Truncated {
			t.Errorf("%+v %+v", res.Schema[0], res.Stats)
		}
	})
	t.Run("the time range bounds tables that the query does not bound", func(t *testing.T) {
		from := huntNow.Add(-3*24*time.Hour - time.Minute)
		if res := run(t, lake.Query{Text: "DeviceProcessEvents | count", From: from, To: huntNow}); fmt.Sprint(res.Rows) != "[[4]]" {
			t.Errorf("bounded: %v", res.Rows)
		}
		if res := run(t, lake.Query{Text: "DeviceProcessEvents | where Timestamp > ago(30d) | count", From: from, To: huntNow}); fmt.Sprint(res.Rows) != "[[10]]" {
			t.Errorf("the query's own bound: %v", res.Rows)
		}
	})
	t.Run("rows are cut and it is said", func(t *testing.T) {
		res := run(t, lake.Query{Text: "range x from 1 to 1000 step 1", Limit: 10})
		if len(res.Rows) != 10 || !res.Stats.Truncated || cmp.Diff([]string{"hunt.rows"}, res.Stats.Limits) != "" {
			t.Errorf("%d rows, %+v", len(res.Rows), res.Stats)
		}
		res = run(t, lake.Query{Text: "range x from 1 to 10 step 1", Limit: 10})
		if len(res.Rows) != 10 || res.Stats.Truncated {
			t.Errorf("a result of just the limit: %d rows, %+v", len(res.Rows), res.Stats)
		}
		res = run(t, lake.Query{Text: `range x from 1 to 1000 step 1 | extend s = strrep("abcdefghij", 100)`, Bytes: 10_000})
		if !res.Stats.Truncated || !res.Stats.Partial || len(res.Rows) == 0 || len(res.Rows) > 10 {
			t.Errorf("bytes: %d rows, %+v", len(res.Rows), res.Stats)
		}
	})
	t.Run("render is a hint", func(t *testing.T) {
		if res := run(t, lake.Query{Text: "DeviceProcessEvents | summarize count() by FileName | render piechart"}); res.Render == nil || res.Render.Chart != "piechart" {
			t.Errorf("%+v", res.Render)
		}
	})
	t.Run("columns that depend on the data", func(t *testing.T) {
		res := run(t, lake.Query{Text: "DeviceProcessEvents | take 1 | project d = parse_json(AdditionalFields) | evaluate bag_unpack(d)"})
		if diff := cmp.Diff([]lake.Column{{Name: "k", Type: "string"}, {Name: "n", Type: "real"}}, res.Schema); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("queries run side by side", func(t *testing.T) {
		done := make(chan error)
		for range 4 {
			go func() {
				_, err := lake.Run(ctx, store, lake.Query{Now: huntNow, Text: "DeviceProcessEvents | make-series n = count() on Timestamp from ago(10d) to now() step 1d by DeviceId"})
				done <- err
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestRunErrors(t *testing.T) {
	store := huntStore(t)
	for name, c := range map[string]struct {
		query        string
		code         fault.Code
		line, column any
	}{
		"syntax":        {"DeviceProcessEvents | where (", "syntax", 1, 30},
		"a table":       {"Nope", "name", 1, 1},
		"a column":      {"DeviceProcessEvents\n| where Nope == 1", "name", 2, 9},
		"letter case":   {"DeviceProcessEvents | where filename == ''", "name", 1, 29},
		"a function":    {"print frobnicate()", "name", 1, 7},
		"externaldata":  {"externaldata(a:string)['https://example.org/x.csv']", "outbound", nil, nil},
		"a bad pattern": {"DeviceProcessEvents | where FileName matches regex '('", "runtime", nil, nil},
		"an assertion":  {"DeviceProcessEvents | where assert(ProcessId < 0, 'negative')", "runtime", nil, nil},
	} {
		_, err := lake.Run(context.Background(), store, lake.Query{Text: c.query, Now: huntNow})
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Details["line"] != c.line || e.Details["column"] != c.column {
			t.Errorf("%s: %v (%+v)", name, err, e)
		}
		if c.code == lake.CodeOutbound {
			if diff := cmp.Diff([]lake.Column{{Name: "a", Type: "string"}}, e.Details["schema"]); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestRunStops(t *testing.T) {
	store := huntStore(t)
	slow := "range a from 1 to 3000000 step 1 | extend k = a % 7 | join kind=inner (range b from 1 to 3000000 step 1 | extend k = b % 7) on k | summarize sum(a * b)"
	_, err := lake.Run(context.Background(), store, lake.Query{Text: slow, Timeout: 300 * time.Millisecond})
	if fault.CodeOf(err) != fault.Limit {
		t.Errorf("a query over its time: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lake.Run(ctx, store, lake.Query{Text: "DeviceProcessEvents"}); err == nil {
		t.Error("a cancelled query gave a result")
	}
	// The lake still answers.
	if _, err := lake.Run(context.Background(), store, lake.Query{Text: "DeviceProcessEvents | count"}); err != nil {
		t.Error(err)
	}
}

func TestParseTimespan(t *testing.T) {
	day := func(m, d int) time.Time { return time.Date(2026, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	now := day(2, 1)
	for s, want := range map[string][2]time.Time{
		"":                       {},
		"P1D":                    {day(1, 31), now},
		"PT24H":                  {day(1, 31), now},
		"P1M":                    {day(1, 1), now},
		"2026-01-01/2026-01-03":  {day(1, 1), day(1, 3)},
		"2026-01-01/P2D":         {day(1, 1), day(1, 3)},
		"P2D/2026-01-03":         {day(1, 1), day(1, 3)},
		"2026-01-05T00:00:00Z":   {day(1, 5), {}},
		"2026-01-01T00:00Z/PT1H": {},
	} {
		from, to, err := lake.ParseTimespan(s, now)
		if s == "2026-01-01T00:00Z/PT1H" {
			if err == nil {
				t.Errorf("%q was read as %v, %v", s, from, to)
			}
			continue
		}
		if err != nil || !from.Equal(want[0]) || !to.Equal(want[1]) {
			t.Errorf("%q: %v, %v, %v", s, from, to, err)
		}
	}
	for _, s := range []string{"P", "PT", "1D", "2026-01-02/2026-01-01", "x/y", "P-1D"} {
		if _, _, err := lake.ParseTimespan(s, now); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}
