package normalise_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

func cellsOf(r *schema.Row) map[string]any {
	out := map[string]any{}
	for i, v := range r.Values {
		if v != nil {
			out[r.Table.Columns[i].Name] = v
		}
	}
	return out
}

func TestCustomTableNames(t *testing.T) {
	for kind, want := range map[string]string{
		"network/squid": "Squid_CL", "network/web-access": "WebAccess_CL", "network/zeek-dpd": "ZeekDpd_CL", "generic/json": "Generic_CL", "generic/text": "Generic_CL",
		"generic/kubernetes-audit": "KubernetesAudit_CL", "winlog/Security/5158": "WindowsEvent_CL", "linux/sshd": "Syslog_CL", "linux/auditd/USER_ACCT": "Auditd_CL",
		"linux/osquery": "Osquery_CL", "entra/Foo": "Entra_CL", "hunting/AppServiceLogs_CL": "AppServiceLogs_CL", "hunting/New Table": "NewTable_CL", "network/": "Network_CL",
		"hunting/\u00e4\u00f6": "Hunting_CL", "": "Generic_CL", "///": "Generic_CL", "hunting/" + strings.Repeat("x", 300): "X" + strings.Repeat("x", 96) + "_CL",
	} {
		if got := normalise.CustomTable(kind); got != want || !schema.CustomName(got) {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestCustomRows(t *testing.T) {
	received := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	at := received.Add(-time.Minute)
	c := normalise.NewCustoms()
	row := func(data string, fields ...normalise.Field) map[string]any {
		rec := &normalise.Record{Received: received, Host: "gw", Data: []byte(data)}
		ev := &normalise.Event{Time: at, Fields: fields}
		return cellsOf(c.Row(rec, "generic/x", []*normalise.Event{ev}))
	}
	base := map[string]any{"Timestamp": schema.Ticks(at), "Computer": "gw", "SourceKind": "generic/x"}
	with := func(m map[string]any) map[string]any {
		for k, v := range base {
			m[k] = v
		}
		return m
	}
	for _, d := range []struct {
		data string
		want map[string]any
	}{
		{
			`{"user":{"name":"mira","groups":["a","b"],"empty":{}},"code":403,"ratio":0.5,"ok":true,"none":null,"":"","at":"2031-02-03T04:05:06Z","big":12345678901234567890,"id":"74be27de-1e4e-49d9-b579-fe0b331d3642"}`,
			with(map[string]any{
				"user_name_s": "mira", "user_groups_j": `["a","b"]`, "user_empty_j": "{}", "code_d": 403.0, "ratio_d": 0.5, "ok_b": true, "at_t": schema.Ticks(received), "big_s": "12345678901234567890",
				"id_s": "74be27de-1e4e-49d9-b579-fe0b331d3642",
			}),
		},
		{`{"a.b":"1","a_b":"2","9x":"3","_y_":"4","über":"5","\u0000":6,"x y":7}`, with(map[string]any{
			"a_b_s": "1", "f9x_s": "3", "y_s": "4", "ber_s": "5", "x_y_d": 7.0, "AdditionalFields": "{\"a_b\":\"2\",\"\\u0000\":6}",
		})},
		{`plain text`, with(map[string]any{"RawData": "plain text"})},
	} {
		if diff := cmp.Diff(d.want, row(d.data)); diff != "" {
			t.Errorf("%s: %s", d.data, diff)
		}
	}
	got := row("GET /", normalise.Field{Name: "message", Value: normalise.Value{Kind: normalise.String, Text: "GET /"}}, normalise.Field{Name: "c-ip", Value: normalise.Value{Kind: normalise.String, Text: "10.0.0.1"}})
	if diff := cmp.Diff(with(map[string]any{"RawData": "GET /", "c_ip_s": "10.0.0.1"}), got); diff != "" {
		t.Error(diff)
	}
	// One shape is one description.
	rec := &normalise.Record{Received: received, Data: []byte(`{"q":1}`)}
	if a, b := c.Row(rec, "generic/x", nil), c.Row(rec, "generic/x", nil); a.Table != b.Table || a.Text("SourceKind") != "generic/x" {
		t.Error("equal records have different tables")
	}
}

func FuzzCustomRow(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":null}]},"_":"2031-02-03T04:05:06+01:00","x":1e400}`, "generic/json")
	f.Add("<13>text", "linux/x")
	c := normalise.NewCustoms()
	f.Fuzz(func(t *testing.T, data, kind string) {
		r := c.Row(&normalise.Record{Data: []byte(data), Received: time.Unix(2e9, 0)}, kind, nil)
		if !schema.CustomName(r.Table.Name) {
			t.Fatalf("table %q", r.Table.Name)
		}
		for i, v := range r.Values {
			col := r.Table.Columns[i]
			if s, ok := v.(string); ok && col.Type == schema.Dynamic && s != "" && !json.Valid([]byte(s)) {
				t.Fatalf("%s is no JSON: %q", col.Name, s)
			}
			if v != nil && !schema.ColumnName(col.Name) {
				t.Fatalf("column %q", col.Name)
			}
		}
		_, next, _ := schema.NewCustoms().Fit([]*schema.Row{r}, time.Unix(2e9, 0))
		if len(next.Tables()) != 1 {
			t.Fatal("no table")
		}
	})
}
