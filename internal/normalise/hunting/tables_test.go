package hunting

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// TestEveryTableStreams sends a record of each table with a value in every column, in the types of event streaming, and expects each in its column again.
func TestEveryTableStreams(t *testing.T) {
	at := time.Date(2031, 3, 4, 10, 0, 0, 123_456_700, time.UTC)
	for _, table := range schema.Load().Tables() {
		properties := map[string]any{}
		want := map[string]any{}
		for i, c := range table.Columns {
			if c.Hidden || c.AliasOf != "" {
				continue
			}
			switch c.Type {
			case schema.DateTime:
				properties[c.Name], want[c.Name] = at.Format(time.RFC3339Nano), schema.Ticks(at)
			case schema.Bool:
				properties[c.Name], want[c.Name] = i%2 == 0, i%2 == 0
			case schema.Int:
				properties[c.Name], want[c.Name] = i, int32(i)
			case schema.Long:
				properties[c.Name], want[c.Name] = json.Number(fmt.Sprint(int64(1)<<60+int64(i))), int64(1)<<60+int64(i)
			case schema.Real:
				properties[c.Name], want[c.Name] = float64(i)+0.5, float64(i)+0.5
			case schema.Dynamic:
				properties[c.Name], want[c.Name] = map[string]any{"a": i}, fmt.Sprintf(`{"a":%d}`, i)
			case schema.GUID:
				g := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
				properties[c.Name], want[c.Name] = g, g
			default:
				properties[c.Name], want[c.Name] = fmt.Sprintf("text %d", i), fmt.Sprintf("text %d", i)
			}
		}
		for _, c := range table.Columns { // holds JSON
			if c.Name == "AdditionalFields" && !c.Hidden {
				properties[c.Name], want[c.Name] = map[string]any{"b": 1}, `{"b":1}`
			}
		}
		record, err := json.Marshal(map[string]any{
			"time": "2031-03-04T10:00:05Z", "tenantId": "t", "operationName": "Publish", "category": "AdvancedHunting-" + table.Name, "properties": properties,
		})
		if err != nil {
			t.Fatal(err)
		}
		if Probe(record) < 50 {
			t.Errorf("%s: not recognised", table.Name)
		}
		var out normalise.Batch
		if err := New().Normalise(&normalise.Record{Tenant: tenant.Default, Data: record}, &out); err != nil {
			t.Errorf("%s: %v", table.Name, err)
			continue
		}
		if len(out.Rows) != 1 || out.Rows[0].Table != table {
			t.Errorf("%s: %d rows", table.Name, len(out.Rows))
			continue
		}
		for name, w := range want {
			if got := out.Rows[0].Get(name); got != w {
				t.Errorf("%s.%s is %v (%T), want %v (%T)", table.Name, name, got, got, w, w)
			}
		}
	}
}

// TestUnknownColumnsAreKept expects what has no column, or not its type, under its name in AdditionalFields.
func TestUnknownColumnsAreKept(t *testing.T) {
	var out normalise.Batch
	err := New().Normalise(&normalise.Record{Tenant: tenant.Default, Data: []byte(`{"category":"AdvancedHunting-DeviceNetworkEvents","properties":{"Timestamp":"2031-03-04T10:00:00Z","MachineGroup":"g","RemotePort":"many","AdditionalFields":"{\"x\":1}"}}`)}, &out)
	if err != nil || len(out.Rows) != 1 {
		t.Fatal(err, out.Rows)
	}
	if got := out.Rows[0].Text("AdditionalFields"); got != `{"x":1,"MachineGroup":"g","RemotePort":"many"}` {
		t.Error(got)
	}
}
