package goldentest

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Seed adds each line of a .jsonl file to a fuzz corpus.
func Seed(f *testing.F, jsonl []byte) {
	f.Helper()
	for line := range bytes.Lines(jsonl) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			f.Add(bytes.Clone(line))
		}
	}
}

// Check normalises arbitrary bytes and checks what must hold whatever they are: a refusal has a code, and a record that is taken leaves something
// (rows, an event, or a named kind), with valid JSON in every dynamic cell and each field name once.
func Check(t *testing.T, family normalise.Family, data []byte) {
	t.Helper()
	var out normalise.Batch
	err := family.Normalise(&normalise.Record{Tenant: tenant.Default, Source: family.Name(), File: "fuzz", Number: 1, Received: Received(), Data: data}, &out)
	if err != nil {
		if fault.CodeOf(err) == fault.Internal {
			t.Errorf("refused without a code: %v", err)
		}
		return
	}
	if len(out.Rows) == 0 && len(out.Events) == 0 && out.Unmapped == "" {
		t.Error("the record is lost: no row, no event, no name")
	}
	for _, row := range out.Rows {
		for i, v := range row.Values {
			c := row.Table.Columns[i]
			if s, ok := v.(string); ok && (c.Type == schema.Dynamic || c.Name == "AdditionalFields") && !json.Valid([]byte(s)) {
				t.Errorf("%s.%s is not JSON: %.200q", row.Table.Name, c.Name, s)
			}
		}
	}
	for _, e := range out.Events {
		seen := map[string]bool{}
		for _, f := range e.Fields {
			if seen[f.Name] {
				t.Errorf("field %q twice", f.Name)
			}
			seen[f.Name] = true
		}
	}
}
