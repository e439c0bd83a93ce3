package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/normalise/generic"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

type fakeCustoms struct {
	mu     sync.Mutex
	tables []*schema.Table
}

func (f *fakeCustoms) CustomTables(_ context.Context, id tenant.ID) ([]*schema.Table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id != tenant.Default {
		return nil, nil
	}
	return f.tables, nil
}

func (f *fakeCustoms) DropCustom(_ context.Context, _ tenant.ID, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tables = slices.DeleteFunc(slices.Clone(f.tables), func(t *schema.Table) bool { return t.Name == name })
	return nil
}

func openMapped(t *testing.T) (*house, *fakeCustoms) {
	t.Helper()
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	squid := schema.NewCustom("Squid_CL", []schema.Column{{Name: "url_s", Type: schema.String, Seen: at}, {Name: "url_d", Type: schema.Real, Seen: at}})
	squid.Source, squid.Created = "network/squid", at
	customs := &fakeCustoms{tables: []*schema.Table{squid}}
	h := open1(t, t.TempDir()+"/state.db", func(d *Deps) {
		d.Customs = customs
	})
	service, err := mapping.New(h.db, mapping.Options{Families: func() []ingest.Family { return []ingest.Family{{Family: generic.New(), Probe: generic.Probe}} }})
	if err != nil {
		t.Fatal(err)
	}
	h.server.Mappings = service
	h.server.Queries = hunting.New(h.db, hunting.Options{Custom: customs.CustomTables})
	return h, customs
}

// Custom tables hold records of any kind: they exist for those who read all workloads, and for nobody else, whichever way they try.
func TestCustomTablesAreForThoseWhoReadAll(t *testing.T) {
	h, customs := openMapped(t)
	admin, mail := h.person("default", "root", access.GlobalAdministrator), h.person("default", "post", "exchangeAdministrator")
	kinds := func(b *browser) map[string]string {
		var got struct{ Tables []HuntTable }
		if err := json.Unmarshal(b.must("GET", "/api/hunting/schema", nil, 200), &got); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, table := range got.Tables {
			out[table.Name] = table.Kind
		}
		return out
	}
	if got := kinds(admin); got["Squid_CL"] != "custom" {
		t.Errorf("an administrator sees Squid_CL as %q", got["Squid_CL"])
	}
	if _, ok := kinds(mail)["Squid_CL"]; ok {
		t.Error("an administrator of mail sees a custom table in the schema")
	}
	var list struct{ Value []CustomTable }
	if err := json.Unmarshal(admin.must("GET", "/api/custom-tables", nil, 200), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Value) != 1 || len(list.Value[0].Columns) != 2 || list.Value[0].Columns[0].Conflicts != 1 || list.Value[0].Source != "network/squid" || list.Value[0].Full {
		t.Errorf("custom tables: %+v", list.Value)
	}
	if body := string(mail.must("GET", "/api/custom-tables", nil, 200)); strings.Contains(body, "Squid") {
		t.Errorf("an administrator of mail lists %s", body)
	}
	mail.must("POST", "/api/hunting/run", map[string]any{"query": "Squid_CL"}, 200)
	asked := h.hunter.asked[len(h.hunter.asked)-1]
	if asked.Visible(customs.tables[0]) {
		t.Error("a query of an administrator of mail reads custom tables")
	}
	if status, _ := mail.do("POST", "/api/hunting/link", map[string]any{
		"query": "Squid_CL | take 1", "alert": map[string]any{"title": "t", "severity": "Low", "category": "Malware"}, "columns": []any{}, "rows": []any{}, "entities": []any{},
	}); status < 400 {
		t.Errorf("results of a custom table are linked: %d", status)
	}
	if err := maySee(&call{who: h.console, tenant: "default"}, []string{"Squid_CL"}); err != nil {
		t.Errorf("the console may not read: %v", err)
	}
	nobody := &call{who: &access.Principal{}, tenant: "default"}
	if err := maySee(nobody, []string{"Squid_CL"}); fault.CodeOf(err) != fault.Permission {
		t.Errorf("results of a custom table may be linked by anybody: %v", err)
	}
	mail.must("DELETE", "/api/custom-tables/Squid_CL", nil, 403)
	admin.must("DELETE", "/api/custom-tables/Nope_CL", nil, 404)
	admin.must("DELETE", "/api/custom-tables/Squid_CL", nil, 204)
	if len(customs.tables) != 0 {
		t.Error("the table is still there")
	}
}

func TestMappings(t *testing.T) {
	h, _ := openMapped(t)
	admin, mail := h.person("default", "root", access.GlobalAdministrator), h.person("default", "post", "exchangeAdministrator")
	const text = "name: gate\ndescription: Doors.\nmatch: door > 0\ntable: Gate_CL\ncolumns:\n  Door: tolong(door)\n"
	mail.must("POST", "/api/mappings", map[string]any{"text": text}, 403)
	mail.must("POST", "/api/mappings/test", map[string]any{"text": text, "samples": []string{"x"}}, 403)
	var tried struct{ Value []MappingOutcome }
	if err := json.Unmarshal(admin.must("POST", "/api/mappings/test", map[string]any{"text": text, "samples": []string{`{"door":7}`, "other"}}, 200), &tried); err != nil {
		t.Fatal(err)
	}
	if v := tried.Value; len(v) != 2 || !v[0].Matched || v[0].Rows[0].Table != "Gate_CL" || v[0].Rows[0].Values["Door"] != 7.0 || v[1].Matched || v[1].Unmapped != "generic/text" {
		t.Errorf("tried: %+v", v)
	}
	bad := string(admin.must("POST", "/api/mappings", map[string]any{"text": strings.Replace(text, "tolong(door)", "tolong(nope(door))", 1)}, 422))
	if !strings.Contains(bad, `"line":6`) || !strings.Contains(bad, `"column":16`) || !strings.Contains(bad, "nope") {
		t.Errorf("the place is missing: %s", bad)
	}
	admin.must("POST", "/api/mappings", map[string]any{"text": text}, 201)
	admin.must("POST", "/api/mappings", map[string]any{"text": text}, 409)
	var got MappingView
	if err := json.Unmarshal(admin.must("PUT", "/api/mappings/gate", map[string]any{"enabled": false}, 200), &got); err != nil || got.Enabled || got.Text != text || got.Origin != "user" || got.ChangedBy == "" {
		t.Errorf("turned off: %+v, %v", got, err)
	}
	h.person("t2", "far", access.GlobalAdministrator).must("GET", "/api/mappings/gate", nil, 404)
	admin.must("DELETE", "/api/mappings/gate", nil, 204)
	admin.must("GET", "/api/mappings/gate", nil, 404)
}
