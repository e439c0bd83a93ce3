package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// person makes a user who has chosen a password, and returns the id and a token that can do what the user can.
func person(t *testing.T, data, name string, roles ...string) (id, token string) {
	t.Helper()
	d, err := openDesk(t.Context(), targetFlags{data: data}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	u, _, err := d.access.CreateUser(t.Context(), access.Console(), tenant.Default, access.NewUser{Name: name, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.db.NewRaw("UPDATE users SET must_change = 0 WHERE id = ?", u.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, token, err = d.access.CreateToken(t.Context(), access.Console(), tenant.Default, access.NewToken{Name: "test", User: u.ID, Scopes: []access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeHunt}})
	if err != nil {
		t.Fatal(err)
	}
	return u.ID, token
}

// TestDeviceGroupsNarrow has a workstation and a server in a closed device group, and people who see both, one, or only mail: what hunting, alerts,
// incidents, devices and the search show follows the groups, and follows them when they change.
func TestDeviceGroupsNarrow(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	admin := caller{token: makeToken(t, data, "default", "read", "write", "hunt", "admin", "ingest")}
	_, outside := person(t, data, "outside", access.SecurityOperator)
	insideID, inside := person(t, data, "inside", access.SecurityOperator)
	_, mail := person(t, data, "mail", "exchangeAdministrator")
	server := startServer(t, data, "127.0.0.1:0")
	admin.url = server.url
	out, in, post := caller{url: server.url, token: outside}, caller{url: server.url, token: inside}, caller{url: server.url, token: mail}

	type identified struct{ ID string }
	tier := ask[identified](t, admin, http.MethodPost, "/api/user-groups", asJSON("name", "Server team", "members", []string{insideID}))
	if code, text := admin.status(t.Context(), http.MethodPut, "/api/roles/"+access.SecurityReader+"/assignments",
		asJSON("assignments", []any{map[string]any{"name": "server team", "workloads": []string{}, "users": []string{}, "groups": []string{tier.ID}}})); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, text)
	}
	group := map[string]any{"name": "Servers", "level": "semiAll", "userGroups": []string{tier.ID}, "rule": []any{
		map[string]any{"property": "name", "values": []any{map[string]any{"comparison": "startsWith", "value": "srv-"}}},
	}}
	body := func(m map[string]any) string {
		var pairs []any
		for k, v := range m {
			pairs = append(pairs, k, v)
		}
		return asJSON(pairs...)
	}
	made := ask[identified](t, admin, http.MethodPost, "/api/device-groups", body(group))
	if code, text := admin.status(t.Context(), http.MethodPost, "/ingest/v1/winlog", download("pc-1.corp.example")+"\n"+download("srv-9.corp.example")); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	eventually(t, "both alerts", func() bool { return len(admin.alerts(t, "")) == 2 })
	hosts := func(c caller) string {
		var names []string
		for _, row := range c.hunt(t, "DeviceProcessEvents | distinct DeviceName | sort by DeviceName asc") {
			names = append(names, strings.SplitN(row[0].(string), ".", 2)[0])
		}
		return strings.Join(names, " ")
	}
	eventually(t, "both devices in hunting", func() bool { return hosts(admin) == "pc-1 srv-9" })

	t.Run("hunting", func(t *testing.T) {
		if got := hosts(out); got != "pc-1" {
			t.Errorf("somebody outside hunts over %q", got)
		}
		if got := hosts(in); got != "pc-1 srv-9" {
			t.Errorf("the server team hunts over %q", got)
		}
		for _, q := range []string{
			"AlertEvidence | where DeviceName has 'srv' | count", "AlertInfo | join kind=inner (AlertEvidence | where DeviceName has 'srv') on AlertId | count", "union DeviceProcessEvents, DeviceInfo | where DeviceName has 'srv' | count",
			"search 'srv-9' | count", "find withsource=T in (Device*) where DeviceName has 'srv' | count", "print n = toscalar(DeviceInfo | where DeviceName has 'srv' | count)",
		} {
			if n := out.number(t, q); n != 0 {
				t.Errorf("%s gives %d to somebody outside", q, n)
			}
		}
		if n := in.number(t, "AlertInfo | count"); n != 2 {
			t.Errorf("the server team sees %d alerts in hunting", n)
		}
		if n := out.number(t, "AlertInfo | count"); n != 1 {
			t.Errorf("somebody outside sees %d alerts in hunting", n)
		}
		if code, _ := out.status(t.Context(), http.MethodPost, "/api/hunting/run", asJSON("query", "DeviceGroupMembers | count")); code == http.StatusOK {
			t.Error("the table of the house can be hunted")
		}
		if code, _ := post.status(t.Context(), http.MethodPost, "/api/hunting/run", asJSON("query", "DeviceProcessEvents | count")); code == http.StatusOK {
			t.Error("an administrator of mail hunts over devices")
		}
		if n := post.number(t, "AlertInfo | count"); n != 0 {
			t.Errorf("an administrator of mail sees %d alerts of endpoints", n)
		}
	})
	t.Run("lists", func(t *testing.T) {
		for c, want := range map[caller]int{admin: 2, in: 2, out: 1, post: 0} {
			if n := len(c.alerts(t, "")); n != want {
				t.Errorf("%d alerts, want %d", n, want)
			}
			_, text := c.status(t.Context(), http.MethodGet, "/api/incidents", "")
			_, search := c.status(t.Context(), http.MethodGet, "/api/entities/search?q=srv", "")
			_, devices := c.status(t.Context(), http.MethodGet, "/api/devices", "")
			if sees := strings.Contains(text+search+devices, "srv-9"); sees != (want == 2) {
				t.Errorf("of %d alerts the lists show srv-9: %v\n%s\n%s\n%s", want, sees, text, search, devices)
			}
		}
		_, text := admin.status(t.Context(), http.MethodGet, "/api/devices?group="+made.ID, "")
		if !strings.Contains(text, "srv-9") || strings.Contains(text, "pc-1") {
			t.Errorf("the group has %s", text)
		}
		_, text = admin.status(t.Context(), http.MethodPost, "/api/device-groups/preview", asJSON("rule", []any{map[string]any{"property": "domain", "values": []any{map[string]any{"comparison": "equals", "value": "corp.example"}}}}))
		if !strings.Contains(text, `"count":2`) {
			t.Errorf("a preview says %s", text)
		}
	})
	t.Run("changes", func(t *testing.T) {
		group["rule"] = []any{map[string]any{"property": "name", "values": []any{map[string]any{"comparison": "startsWith", "value": "pc-"}}}}
		if code, text := admin.status(t.Context(), http.MethodPut, "/api/device-groups/"+made.ID, body(group)); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		eventually(t, "the new group in hunting", func() bool { return hosts(out) == "srv-9" })
		if list := out.alerts(t, ""); len(list) != 1 || !strings.HasPrefix(list[0].Devices[0].Name, "srv-9") {
			t.Errorf("somebody outside sees %+v", list)
		}
		// Once everybody may pass, nothing is narrowed any more.
		group["userGroups"] = []string{}
		if code, text := admin.status(t.Context(), http.MethodPut, "/api/device-groups/"+made.ID, body(group)); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		if got := hosts(out); got != "pc-1 srv-9" {
			t.Errorf("after the group was opened somebody outside hunts over %q", got)
		}
	})
}
