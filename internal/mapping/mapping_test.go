package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

const gate = `name: acme-gate
description: Doors.
match: product == "gate" and tolong(door) > 0
logsource: {product: acme, category: door}
table: AcmeGate_CL
prepare: |
  | extend Who = tostring(user.name)
time: todatetime(at)
actionType: iff(tobool(open), "DoorOpened", "DoorRefused")
columns:
  Door: tolong(door)
  User: toupper(Who)
  Tags: tags
  Weight: todouble(w)
fields:
  user: Who
  door: tolong(door)
tests:
  - sample: '{"product":"gate","door":7,"user":{"name":"mira"},"open":true,"at":"2030-01-02T03:04:05Z"}'
    rows: [{Door: 7, User: MIRA, ActionType: DoorOpened, Timestamp: 2030-01-02T03:04:05Z}]
  - sample: '{"product":"gate","door":0}'
`

func compile(t *testing.T, text string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cells(r *schema.Row) map[string]any {
	out := map[string]any{}
	for i, v := range r.Values {
		if v != nil && v != "" {
			out[r.Table.Columns[i].Name] = v
		}
	}
	return out
}

func TestMap(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	data := `{"product":"gate","door":7,"user":{"name":"mira"},"open":true,"at":"2030-01-02T03:04:05Z","tags":["a",1],"w":"2.5"}`
	rec := &normalise.Record{Tenant: "default", Source: "generic", Host: "h", Received: at.Add(time.Hour), Data: []byte(data), Number: 3}
	batch, err := ingest.Try(families(), mapping.NewSet(compile(t, gate)), rec)
	if err != nil || len(batch.Rows) != 1 || batch.Unmapped != "" || len(batch.Events) != 1 {
		t.Fatalf("%+v, %v", batch, err)
	}
	want := map[string]any{
		"Timestamp": schema.Ticks(at), "Computer": "h", "SourceKind": "mapping/acme-gate", "RawData": data, "ActionType": "DoorOpened", "Door": int64(7), "User": "MIRA", "Tags": `["a",1]`, "Weight": 2.5,
	}
	if diff := cmp.Diff(want, cells(batch.Rows[0])); diff != "" {
		t.Error(diff)
	}
	ev := batch.Events[0]
	if ev.Fields.Text("user") != "mira" || ev.Fields.Text("door") != "7" || !ev.Time.Equal(at) || len(ev.Rows) != 1 || ev.Logsources[len(ev.Logsources)-1] != (normalise.Logsource{Product: "acme", Category: "door"}) {
		t.Errorf("event %+v", ev)
	}
	// A record that the mapping leaves alone goes to the table of its kind.
	rec = &normalise.Record{Source: "generic", Received: at, Data: []byte(`{"product":"gate","door":0}`)}
	if batch, err = ingest.Try(families(), mapping.NewSet(compile(t, gate)), rec); err != nil || len(batch.Rows) != 1 || batch.Rows[0].Table.Name != schema.GenericTable {
		t.Errorf("%+v, %v", batch.Rows, err)
	}
}

// A mapping leaves what has a table alone, unless it says that it takes the family's place.
func TestOverride(t *testing.T) {
	const text = `name: mine
match: Message has "Accepted"
families: [linux]
table: Mine_CL
columns: {Said: Message}
`
	line := "<38>Jun 15 09:01:02 web1 sshd[7]: Accepted publickey for mira from 10.0.0.1 port 4711 ssh2"
	for override, want := range map[string]string{"": "DeviceLogonEvents", "override: true\n": "Mine_CL"} {
		rec := &normalise.Record{Source: "linux", Received: time.Date(2030, 6, 15, 10, 0, 0, 0, time.UTC), Data: []byte(line)}
		batch, err := ingest.Try(families(), mapping.NewSet(compile(t, text+override)), rec)
		if err != nil || len(batch.Rows) != 1 || batch.Rows[0].Table.Name != want || len(batch.Events) != 1 || batch.Events[0].Rows[0] != batch.Rows[0] {
			t.Errorf("%q: %v, %v", override, batch.Rows, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	const head = "name: x\nmatch: 1 == 1\n"
	for text, want := range map[string]string{
		"":        "invalid 1:1",
		"name: [": "syntax 1",
		"- a":     "invalid 1:1",
		"name: X\nmatch: a\ntable: T_CL\ncolumns: {A: a}": "invalid 1:7",
		"name: x\nwhat: 1":                                                                        "invalid 2:1",
		"name: x\nname: y":                                                                        "invalid 2:1",
		"name: x\ntable: T_CL\ncolumns: {A: a}":                                                   "invalid 1:1",
		head + "table: Nope\ncolumns: {A: a}":                                                     "invalid 3:8",
		head + "table: DeviceEvents\ncolumns:\n  Nope: a":                                         "name 5:3",
		head + "table: DeviceEvents\ncolumns:\n  Timestamp: a":                                    "invalid 5:3",
		head + "table: DeviceEvents\ncolumns:\n  ProcessId: datetime(2030-01-01)":                 "type 5:14",
		head + "table: T_CL\ncolumns:\n  A: nope(1)":                                              "name 5:6",
		head + "table: T_CL\ncolumns:\n  A: 'nope(1)'":                                            "name 5:7",
		head + "table: T_CL\ncolumns:\n  A: |\n    1 +\n      nope(1)":                            "name 7:7",
		head + "table: T_CL\ncolumns:\n  A: now()":                                                "unsupported 5:6",
		head + "table: T_CL\ncolumns:\n  A: 1 +":                                                  "syntax",
		head + "table: T_CL\nprepare: '| summarize count()'\ncolumns: {A: a}":                     "unsupported 4:13",
		head + "table: T_CL\nprepare: |\n  | extend B = 1\n  | take 5\ncolumns: {A: a}":           "unsupported 6:5",
		head + "table: T_CL\ntime: 5 > 3\ncolumns: {A: a}":                                        "type 4:7",
		head + "table: T_CL\ncolumns: {'a b': a}":                                                 "invalid 4:11",
		head + "table: T_CL\ncolumns: {A: 'a), (B = 1'}":                                          "",
		head + "table: T_CL\ncolumns: &x {A: a}":                                                  "invalid",
		head + "table: 'T\"; DROP_CL'\ncolumns: {A: a}":                                           "invalid 3:8",
		head + "table: T_CL\ncolumns: {A: a}\ntests: [{rows: [{A: 1}]}]":                          "invalid 5:9",
		head + "table: T_CL\ncolumns: {A: \"" + strings.Repeat("a", mapping.MaxText) + "\"}":      "too_large",
		head + "table: T_CL\ncolumns: {A: \"strrep(strrep(strrep(RawData, 1000), 1000), 1000)\"}": "limit",
	} {
		_, err := mapping.Compile(text)
		var e *fault.Error
		if !errors.As(err, &e) {
			if err != nil || want != "ok" {
				t.Errorf("%.80q: %v, want %s", text, err, want)
			}
			continue
		}
		got := fmt.Sprintf("%s %v:%v", e.Code, e.Details["line"], e.Details["column"])
		if !strings.HasPrefix(got, want) || want == "ok" {
			t.Errorf("%.80q: %s: %s, want %s", text, got, e.Message, want)
		}
	}
}

// What a mapping cannot compute for a record refuses the record by name, and costs a bounded amount.
func TestRecordsAreRefused(t *testing.T) {
	m := compile(t, "name: big\nmatch: RawData has 'x'\ntable: T_CL\ncolumns: {A: \"strrep(RawData, 1000)\"}")
	rec := &normalise.Record{Source: "generic", Data: []byte(strings.Repeat("x ", 20_000))}
	_, err := ingest.Try(families(), mapping.NewSet(m), rec)
	if err == nil || !strings.Contains(err.Error(), "mapping big") {
		t.Errorf("got %v", err)
	}
}

func service(t *testing.T, operator map[string]string) *mapping.Service {
	t.Helper()
	db, err := state.Open(context.Background(), t.TempDir()+"/state.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	own := fstest.MapFS{}
	for name, text := range operator {
		own[name] = &fstest.MapFile{Data: []byte(text)}
	}
	shipped := fstest.MapFS{"shipped.yml": &fstest.MapFile{Data: []byte(strings.Replace(gate, "acme-gate", "shipped", 1))}}
	s, err := mapping.New(db, mapping.Options{Shipped: shipped, Operator: own, Families: families})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestService(t *testing.T) {
	ctx := context.Background()
	s := service(t, map[string]string{"broken.yml": "name: broken\nmatch: (", "own.yml": strings.Replace(gate, "acme-gate", "own", 1)})
	mapper, err := s.Mapper(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	takes := func() string {
		t.Helper()
		rec := &normalise.Record{Source: "generic", Data: []byte(`{"product":"gate","door":7}`), Received: time.Unix(2e9, 0)}
		batch, err := ingest.Try(families(), mapper, rec)
		if err != nil {
			t.Fatal(err)
		}
		return batch.Rows[0].Text("SourceKind")
	}
	if got := takes(); got != "mapping/own" {
		t.Errorf("the operator's mapping does not come before the shipped one: %s", got)
	}
	if _, err := s.Save(ctx, "default", "mira", mapping.Draft{Text: gate, Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if got := takes(); got != "mapping/acme-gate" {
		t.Errorf("a new mapping has no effect: %s", got)
	}
	other, err := s.Mapper(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	if batch, err := ingest.Try(families(), other, &normalise.Record{Source: "generic", Data: []byte(`{"product":"gate","door":7}`)}); err != nil || batch.Rows[0].Text("SourceKind") != "mapping/own" {
		t.Errorf("another tenant's records go through it: %v %v", batch.Rows, err)
	}
	for _, name := range []string{"acme-gate", "own", "shipped"} {
		if _, err := s.Save(ctx, "default", "mira", mapping.Draft{Name: name, Enabled: false}); err != nil {
			t.Fatal(name, err)
		}
	}
	if got := takes(); got != "generic/json" {
		t.Errorf("mappings that are off still take records: %s", got)
	}
	list, err := s.List(ctx, "default")
	var names []string
	for _, e := range list {
		names = append(names, fmt.Sprint(e.Name, " ", e.Origin, " ", e.Enabled, " ", e.Issue != ""))
	}
	if diff := cmp.Diff([]string{"acme-gate user false false", "broken operator true true", "own operator false false", "shipped builtin false false"}, names); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for what, d := range map[string]mapping.Draft{
		"conflict 1": {Text: gate}, "conflict 2": {Text: strings.Replace(gate, "acme-gate", "shipped", 1)}, "conflict 3": {Name: "own", Text: gate}, "not_found": {Name: "nope", Text: gate},
		"invalid 1": {Text: "name: y"}, "invalid 2": {Name: "acme-gate", Text: strings.Replace(gate, "acme-gate", "renamed", 1)},
		"invalid 3": {Text: strings.Replace(strings.Replace(gate, "acme-gate", "fails", 1), "{Door: 7,", "{Door: 8,", 1)},
	} {
		if _, err := s.Save(ctx, "default", "mira", d); !strings.HasPrefix(what, string(fault.CodeOf(err))) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Delete(ctx, "other", "acme-gate"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another tenant's mapping: %v", err)
	}
	if err := s.Delete(ctx, "default", "shipped"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a shipped mapping: %v", err)
	}
	if err := s.Delete(ctx, "default", "acme-gate"); err != nil {
		t.Error(err)
	}
}

// FuzzMapping feeds files and records.
func FuzzMapping(f *testing.F) {
	f.Add(gate, `{"product":"gate","door":7,"user":{"name":"mira"}}`)
	f.Add("name: a\nmatch: RawData matches regex 'x+'\ntable: DeviceNetworkEvents\nprepare: '| parse RawData with A:long \",\" B'\ncolumns:\n  RemoteIP: B\n  RemotePort: A\n", "1,x")
	f.Add("name: a\nmatch: |\n  true\ntable: A_CL\ncolumns: {A: \"D[0]\", B: 'parse_json(RawData).x'}", "<13>text")
	all := families()
	f.Fuzz(func(t *testing.T, text, data string) {
		m, err := mapping.Compile(text)
		if err != nil {
			if fault.CodeOf(err) == fault.Internal {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, o := range mapping.Try(all, m, time.Unix(2e9, 0), data) {
			if o.Err != nil && o.Err.Code == fault.Internal {
				t.Fatalf("%v", o.Err)
			}
		}
	})
}
