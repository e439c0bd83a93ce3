package api

import (
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// A role made over the API takes effect at the next request, and so does taking it away; what somebody may do is explained by the roles that give it.
func TestRolesOverTheAPI(t *testing.T) {
	h := open2(t)
	root := h.person("default", "root", access.GlobalAdministrator)
	ann := h.person("default", "ann", "billingAdministrator")
	ann.refused("GET", "/api/incidents", nil, 403, fault.Permission)

	type identified struct{ ID string }
	me := decoded[struct{ User identified }](t, ann.must("GET", "/api/permissions/effective", nil, 200))
	group := decoded[identified](t, root.must("POST", "/api/user-groups", map[string]any{"name": "Tier 1", "members": []string{me.User.ID}}, 201))
	role := map[string]any{
		"name": "Analyst", "choices": map[string]string{"Security operations": "allRead"},
		"assignments": []any{map[string]any{"name": "mail", "workloads": []string{"email"}, "users": []string{}, "groups": []string{group.ID}}},
	}
	made := decoded[identified](t, root.must("POST", "/api/roles", role, 201))
	ann.must("GET", "/api/incidents", nil, 200)
	ann.refused("PATCH", "/api/incidents/1", map[string]any{}, 403, fault.Permission)
	ann.refused("GET", "/api/user-groups", nil, 403, fault.Permission)

	effective := decoded[EffectiveView](t, root.must("GET", "/api/permissions/effective?user=ann", nil, 200))
	found := false
	for _, g := range effective.Grants {
		if g.Permission == access.DataRead {
			found = len(g.Workloads) == 1 && g.Workloads[0] == "email" && len(g.From) == 1 && g.From[0].Role == "Analyst" && g.From[0].Group == "Tier 1" && g.From[0].Assignment == "mail"
		}
		if g.Permission == access.MailContentRead {
			t.Error("all read-only permissions hold the content of mail")
		}
	}
	if !found {
		t.Errorf("reading data is not explained: %+v", effective.Grants)
	}
	ann.refused("GET", "/api/permissions/effective?user=root", nil, 403, fault.Permission)

	root.refused("POST", "/api/roles", map[string]any{"name": "Analyst", "choices": map[string]string{"Security operations": "allRead"}}, 409, fault.Conflict)
	root.refused("POST", "/api/roles", map[string]any{"name": "Nothing", "choices": map[string]string{}}, 400, fault.Invalid)
	root.refused("DELETE", "/api/roles/"+access.SecurityReader, nil, 404, fault.NotFound)
	root.must("DELETE", "/api/roles/"+made.ID, nil, 204)
	ann.refused("GET", "/api/incidents", nil, 403, fault.Permission)
}

func TestDeviceGroupsOverTheAPI(t *testing.T) {
	h := open2(t)
	root := h.person("default", "root", access.GlobalAdministrator)
	rule := func(value string) []any {
		return []any{map[string]any{"property": "name", "values": []any{map[string]any{"comparison": "startsWith", "value": value}}}}
	}
	make1 := func(name string) string {
		return decoded[struct{ ID string }](t, root.must("POST", "/api/device-groups", map[string]any{"name": name, "level": "semiAll", "rule": rule(name)}, 201)).ID
	}
	a, b := make1("alpha"), make1("beta")
	root.must("PUT", "/api/device-groups/order", map[string]any{"ids": []string{b, a}}, 204)
	root.refused("PUT", "/api/device-groups/order", map[string]any{"ids": []string{b}}, 409, fault.Conflict)
	list := decoded[struct{ Value []access.DeviceGroup }](t, root.must("GET", "/api/device-groups", nil, 200)).Value
	if len(list) != 3 || list[0].ID != b || list[2].ID != access.Ungrouped {
		t.Errorf("groups are %+v", list)
	}
	root.refused("POST", "/api/device-groups", map[string]any{"name": "gamma", "level": "semiAll", "rule": []any{}}, 400, fault.Invalid)
	root.refused("DELETE", "/api/device-groups/"+access.Ungrouped, nil, 409, fault.Conflict)
	root.must("PUT", "/api/device-groups/"+access.Ungrouped, map[string]any{"level": "none"}, 200)
	root.must("DELETE", "/api/device-groups/"+a, nil, 204)
	h.person("default", "op", access.SecurityOperator).refused("GET", "/api/device-groups", nil, 403, fault.Permission)
}

// Who sees some workloads or devices only does not learn of other devices from who delivers, from clocks or from refused records.
func TestNarrowedSeeNoOtherDevices(t *testing.T) {
	var traffic *ingest.Traffic
	h := open1(t, t.TempDir()+"/state.db", func(d *Deps) { traffic = d.Traffic.(*ingest.Traffic) })
	ctx := t.Context()
	now := state.At(time.Now())
	for _, host := range []string{"alpha1.example", "beta1.example"} {
		grant, err := traffic.Admit(ctx, "default", ingest.Sender{Kind: ingest.SenderOsquery, ID: host, Name: host}, ingest.Quota{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		grant.Release()
		for _, row := range []any{
			&ingest.DeviceClock{Tenant: "default", Device: host, Family: "linux", SkewMS: 90_000, Records: 9, Measured: now},
		} {
			if _, err := h.db.NewInsert().Model(row).Exec(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	type identified struct{ ID string }
	root := h.person("default", "root", access.GlobalAdministrator)
	ann := h.person("default", "ann", "billingAdministrator")
	me := decoded[struct{ User identified }](t, ann.must("GET", "/api/permissions/effective", nil, 200))
	root.must("POST", "/api/roles", map[string]any{
		"name": "Postmaster", "choices": map[string]string{"Security operations": "allRead", "Authorization and settings": "allRead"},
		"assignments": []any{map[string]any{"name": "mail", "workloads": []string{"email"}, "users": []string{me.User.ID}, "groups": []string{}}},
	}, 201)
	for path, leak := range map[string]string{"/api/sources/clocks": "alpha1", "/api/sources/refused": "c2VjcmV0"} {
		if all := string(root.must("GET", path, nil, 200)); !strings.Contains(all, leak) {
			t.Errorf("%s shows nothing to those who see everything: %s", path, all)
		}
		if some := string(ann.must("GET", path, nil, 200)); strings.Contains(some, leak) {
			t.Errorf("%s shows too much: %s", path, some)
		}
	}
	for _, path := range []string{"/api/sources/senders", "/api/sources/osquery"} {
		if some := string(ann.must("GET", path, nil, 200)); strings.Contains(some, "example") {
			t.Errorf("%s shows too much: %s", path, some)
		}
	}
}
