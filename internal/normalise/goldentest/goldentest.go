// Package goldentest checks a family against golden files: what its records become is written beside them and compared.
//
// A case is a file under testdata: NAME.jsonl (each line a record), or NAME.EXT for any other extension (the whole file is one record).
// Its golden file is NAME.golden.json. Run `go test ./internal/normalise/… -update` to rewrite golden files after a wanted change.
package goldentest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Received is the receive time that every record of a case carries.
func Received() time.Time { return time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC) }

// Run normalises every case of dir with a family of its own and compares the result with the golden file.
func Run(t *testing.T, dir string, family func() normalise.Family) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.IsDir() || strings.HasSuffix(path, ".golden.json") {
			continue
		}
		cases++
		t.Run(filepath.Base(path), func(t *testing.T) { runCase(t, path, family()) })
	}
	if cases == 0 {
		t.Fatalf("no cases in %s", dir)
	}
}

func runCase(t *testing.T, path string, family normalise.Family) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records := [][]byte{data}
	if filepath.Ext(path) == ".jsonl" {
		records = records[:0]
		for line := range bytes.Lines(data) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				records = append(records, line)
			}
		}
	}
	var results []any
	for i, data := range records {
		rec := &normalise.Record{Tenant: tenant.Default, Source: family.Name(), File: filepath.Base(path), Number: int64(i + 1), Received: Received(), Data: data}
		var out normalise.Batch
		err := family.Normalise(rec, &out)
		results = append(results, Describe(&out, err))
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(results); err != nil {
		t.Fatal(err)
	}
	golden := strings.TrimSuffix(path, filepath.Ext(path)) + ".golden.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", golden, diff)
	}
}

// Describe returns a JSON-ready view of what a record became: rows by column name with readable times, events, and the refusal, if any.
func Describe(out *normalise.Batch, err error) map[string]any {
	view := map[string]any{}
	if err != nil {
		view["refused"] = map[string]string{"code": string(fault.CodeOf(err)), "message": err.Error()}
	}
	if out.Unmapped != "" {
		view["unmapped"] = out.Unmapped
	}
	var rows []any
	for _, row := range out.Rows {
		rows = append(rows, describeRow(row))
	}
	if rows != nil {
		view["rows"] = rows
	}
	var events []any
	for _, e := range out.Events {
		events = append(events, describeEvent(e))
	}
	if events != nil {
		view["events"] = events
	}
	return view
}

func describeRow(row *schema.Row) map[string]any {
	cells := map[string]any{"$table": row.Table.Name}
	for i, v := range row.Values {
		if v == nil {
			continue
		}
		c := row.Table.Columns[i]
		switch x := v.(type) {
		case int64:
			if c.Type == schema.DateTime {
				v = schema.TimeOf(x).Format("2006-01-02T15:04:05.0000000Z")
			}
		case string:
			if c.Type == schema.Dynamic || c.Name == "AdditionalFields" {
				if json.Valid([]byte(x)) {
					v = json.RawMessage(x)
				} else {
					v = "INVALID JSON: " + x
				}
			}
		}
		cells[c.Name] = v
	}
	return cells
}

func describeEvent(e *normalise.Event) map[string]any {
	fields := map[string]any{}
	for _, f := range e.Fields {
		if _, twice := fields[f.Name]; twice {
			fields["DUPLICATE "+f.Name] = true
		}
		raw := f.Value.AppendJSON(nil)
		if !json.Valid(raw) {
			fields[f.Name] = "INVALID JSON: " + string(raw)
			continue
		}
		fields[f.Name] = json.RawMessage(raw)
	}
	var sources []string
	for _, l := range e.Logsources {
		sources = append(sources, l.Product+"/"+l.Category+"/"+l.Service)
	}
	view := map[string]any{"fields": fields, "logsources": sources, "rows": len(e.Rows)}
	if !e.Time.IsZero() {
		view["time"] = e.Time.Format(time.RFC3339Nano)
	}
	return view
}
