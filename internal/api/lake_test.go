package api

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/care"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// fakeLake has rows in a few tables and keeps what it was asked for.
type fakeLake struct {
	custom   *schema.Table
	rules    map[string]care.Rule
	asked    []string
	requests int
	fail     error
}

func (f *fakeLake) Tables(context.Context, tenant.ID) ([]*schema.Table, error) {
	built := schema.Load().Tables()
	return append(built[:len(built):len(built)], f.custom), nil
}

func (f *fakeLake) Report(ctx context.Context, id tenant.ID) (*care.Report, error) {
	tables, _ := f.Tables(ctx, id)
	out := &care.Report{Inventory: &lake.Inventory{Engine: "duckdb", FileBytes: 1000}}
	for _, t := range tables {
		rule, own := f.rules[t.Name]
		out.Tables = append(out.Tables, care.TableReport{Table: t, TableStats: lake.TableStats{Table: t.Name, Rows: 7, Bytes: 70, Oldest: time.Unix(0, 0)}, Rule: rule, Own: own})
	}
	return out, nil
}

func (f *fakeLake) SetRule(_ context.Context, _ tenant.ID, _, table string, rule care.Rule) error {
	f.rules[table] = rule
	return nil
}

func (f *fakeLake) ResetRule(_ context.Context, _ tenant.ID, table string) error {
	delete(f.rules, table)
	return nil
}

func (f *fakeLake) Compaction(context.Context, tenant.ID) (care.Compaction, error) {
	return care.Compaction{State: care.Waiting}, nil
}

func (f *fakeLake) RequestCompaction(context.Context, tenant.ID) error {
	f.requests++
	return nil
}

func (f *fakeLake) Export(_ context.Context, id tenant.ID, w io.Writer, x lake.Export) (int64, error) {
	f.asked = append(f.asked, string(id)+"/"+x.Table)
	if _, err := io.WriteString(w, strings.Repeat("rows of "+x.Table+" ", 3)); err != nil {
		return 0, err
	}
	return 3, f.fail
}

func lakeHouse(t *testing.T) (*house, *fakeLake) {
	f := &fakeLake{custom: schema.NewCustom("Own_CL", []schema.Column{{Name: "x_s", Type: schema.String}}), rules: map[string]care.Rule{}}
	return open1(t, t.TempDir()+"/state.db", func(d *Deps) { d.Lake = f }), f
}

func TestLakeOperations(t *testing.T) {
	h, f := lakeHouse(t)
	admin := h.person("default", "ada", access.GlobalAdministrator)
	admin.must("PUT", "/api/lake/tables/DeviceEvents/retention", map[string]int64{"days": 30, "bytes": 5 << 30}, 204)
	var view LakeView
	if err := json.Unmarshal(admin.must("GET", "/api/lake/tables", nil, 200), &view); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(view.Value, func(v LakeTable) bool { return v.Table == "DeviceEvents" })
	if i < 0 || view.Value[i].RetentionDays != 30 || *view.Value[i].RetentionBytes != 5<<30 || view.Value[i].RetentionFrom != "table" || view.Total.Rows != int64(7*len(view.Value)) {
		t.Errorf("the lake is %+v", view)
	}
	admin.must("DELETE", "/api/lake/tables/DeviceEvents/retention", nil, 204)
	if len(f.rules) != 0 {
		t.Errorf("rules are left: %v", f.rules)
	}
	if got := string(admin.must("POST", "/api/lake/compact", nil, 202)); !strings.Contains(got, `"waiting"`) || f.requests != 1 {
		t.Errorf("a request for compaction: %s", got)
	}
	if got := string(admin.must("GET", "/api/lake/tables/DeviceEvents/parquet?from=2024-01-01&to=2024-02-01T00:00:00Z", nil, 200)); !strings.HasPrefix(got, "rows of DeviceEvents") {
		t.Errorf("the file is %q", got)
	}
	archive := tar.NewReader(bytes.NewReader(admin.must("POST", "/api/lake/export", map[string]any{"tables": []string{"DeviceEvents", "Own_CL"}, "from": "2024-01-01"}, 200)))
	for _, name := range []string{"DeviceEvents.parquet", "Own_CL.parquet"} {
		if head, err := archive.Next(); err != nil || head.Name != name {
			t.Errorf("member %+v, %v; want %s", head, err, name)
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last member: %v", err)
	}
	for _, path := range []string{"/api/lake/tables/DeviceEvents/parquet?from=yesterday", "/api/lake/tables/DeviceTvmSecureConfigurationAssessmentKB/parquet?from=2024-01-01"} {
		admin.refused("GET", path, nil, 400, fault.Invalid)
	}
	admin.refused("GET", "/api/lake/tables/positions/parquet", nil, 404, fault.NotFound)
	admin.refused("POST", "/api/lake/export", "no object", 400, fault.Invalid)
	f.fail = fault.Newf(fault.Unavailable, "the lake is away")
	if code, _ := admin.do("POST", "/api/lake/export", map[string]any{"tables": []string{"DeviceEvents"}}); code != 503 {
		t.Errorf("a failing export answers %d", code)
	}
}

// TestLakeBounds tries to take out what may not be hunted, and to change what is for administrators.
func TestLakeBounds(t *testing.T) {
	h, f := lakeHouse(t)
	mail := h.person("default", "max", "exchangeAdministrator")
	var view LakeView
	if err := json.Unmarshal(mail.must("GET", "/api/lake/tables", nil, 200), &view); err != nil {
		t.Fatal(err)
	}
	for _, v := range view.Value {
		if table := schema.Load().Table(v.Table); table == nil || table.Workload != "Email & collaboration" {
			t.Errorf("an administrator of mail sees the size of %s", v.Table)
		}
	}
	mail.refused("GET", "/api/lake/tables/DeviceEvents/parquet", nil, 404, fault.NotFound)
	mail.refused("GET", "/api/lake/tables/Own_CL/parquet", nil, 404, fault.NotFound)
	mail.refused("GET", "/api/lake/tables/AlertInfo/parquet", nil, 403, fault.Permission)
	mail.refused("POST", "/api/lake/export", map[string]any{"tables": []string{"EmailEvents", "DeviceEvents"}}, 404, fault.NotFound)
	mail.refused("PUT", "/api/lake/tables/EmailEvents/retention", map[string]int64{"days": 1}, 403, fault.Permission)
	mail.refused("POST", "/api/lake/compact", nil, 403, fault.Permission)
	if len(f.asked) != 0 || len(f.rules) != 0 || f.requests != 0 {
		t.Errorf("the lake was asked for %v, %v, %d", f.asked, f.rules, f.requests)
	}
	mail.must("POST", "/api/lake/export", map[string]any{}, 200)
	for _, asked := range f.asked {
		if table := schema.Load().Table(strings.TrimPrefix(asked, "default/")); table == nil || table.Workload != "Email & collaboration" {
			t.Errorf("an administrator of mail took out %s", asked)
		}
	}
	reader, _ := h.token("default", access.ScopeRead)
	reader.refused("GET", "/api/lake/tables/DeviceEvents/parquet", nil, 403, fault.Permission)
	h.person("default", "ada", access.GlobalAdministrator).refused("GET", "/api/lake/tables/DeviceEvents/parquet?tid=other", nil, 403, fault.Permission)
}
