package access_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const home = tenant.Default

// person makes a user with a directory role and returns its principal and a function that reads it anew.
func (h *house) person(t *testing.T, name string, roles ...string) (string, func() *access.Principal) {
	t.Helper()
	u, _, err := h.CreateUser(h.ctx, access.Console(), home, access.NewUser{Name: name, Password: password, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := h.CreateToken(h.ctx, access.Console(), home, access.NewToken{Name: "t", User: u.ID, Scopes: []access.Scope{access.ScopeAdmin, access.ScopeHunt}, Expires: h.at.AddDate(0, 6, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.NewRaw("UPDATE users SET must_change = 0 WHERE id = ?", u.ID).Exec(h.ctx); err != nil {
		t.Fatal(err)
	}
	return u.ID, func() *access.Principal {
		p, err := h.TokenPrincipal(h.ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func TestCustomRolesAndDeviceGroups(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		if err := h.EnsureDefaultTenant(h.ctx); err != nil {
			t.Fatal(err)
		}
		console := access.Console()
		ann, annNow := h.person(t, "ann", "billingAdministrator")
		_, bobNow := h.person(t, "bob", access.SecurityOperator)
		_, rootNow := h.person(t, "root", access.GlobalAdministrator)

		if v := annNow().View(home); v.Workloads != 0 {
			t.Fatalf("a billing administrator sees %+v", v)
		}
		group, err := h.PutUserGroup(h.ctx, console, home, access.UserGroup{Name: "Tier 1", Members: []string{ann}})
		if err != nil {
			t.Fatal(err)
		}
		role, err := h.PutCustomRole(h.ctx, console, home, access.CustomRole{
			Name: "Tier 1 analyst", Choices: map[string]access.Choice{"Security operations": access.Chosen},
			Permissions: []access.Permission{access.DataRead, access.AlertsManage, access.MailMetaRead},
			Assignments: []access.Assignment{{Name: "endpoints", Workloads: access.Endpoint, Groups: []string{group.ID}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := annNow()
		if got := p.Workloads(home, access.DataRead); got != access.Endpoint {
			t.Errorf("data of %b is read, want endpoints only", got)
		}
		if p.Can(home, access.MailMetaRead) {
			t.Error("metadata of mail is read by an assignment to endpoints")
		}
		if !p.Can(home, access.AlertsManage) || p.Can(home, access.RolesManage) {
			t.Error("the role gives something else than it says")
		}

		// A closed device group hides its devices from everybody outside, and nothing else.
		servers, err := h.PutDeviceGroup(h.ctx, console, home, access.DeviceGroup{
			Name: "Servers", Level: access.LevelSemiAll, UserGroups: []string{group.ID},
			Rule: []access.Condition{{Property: access.DeviceName, Values: []access.ConditionValue{{Comparison: access.StartsWith, Value: "SRV-"}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !annNow().View(home).SeesGroup(servers.ID) || bobNow().View(home).SeesGroup(servers.ID) || !bobNow().View(home).SeesGroup(access.Ungrouped) {
			t.Error("the closed group is seen by the wrong people")
		}
		if v := rootNow().View(home); v.Groups != nil || !v.Whole() {
			t.Errorf("a global administrator is narrowed to %v", v.Groups)
		}
		var denied *fault.Error
		if _, err := h.PutDeviceGroup(h.ctx, bobNow(), home, *servers); !errors.As(err, &denied) || denied.Code != fault.Permission {
			t.Errorf("an operator changes device groups: %v", err)
		}
		all, err := h.AllDeviceGroups(h.ctx, home)
		if err != nil {
			t.Fatal(err)
		}
		if got := access.GroupOf(all, access.Device{Name: "srv-01.corp"}); got != servers.ID {
			t.Errorf("srv-01 is in %s", got)
		}
		if got := access.GroupOf(all, access.Device{Name: "pc-01.corp"}); got != access.Ungrouped {
			t.Errorf("pc-01 is in %s", got)
		}

		// The last door of a closed group cannot be taken away by deleting who passes it.
		if err := h.DeleteUserGroup(h.ctx, console, home, group.ID); err == nil {
			t.Error("deleting the only user group opened a device group to everybody")
		}
		// Taking the role away takes effect at the next request.
		if err := h.DeleteCustomRole(h.ctx, console, home, role.ID); err != nil {
			t.Fatal(err)
		}
		if annNow().Can(home, access.DataRead) {
			t.Error("a deleted role still grants")
		}
	})
}

// TestNobodyGivesMore tries to gain permissions by way of roles and groups.
func TestNobodyGivesMore(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := h.EnsureDefaultTenant(h.ctx); err != nil {
		t.Fatal(err)
	}
	console := access.Console()
	eve, eveNow := h.person(t, "eve", "billingAdministrator")
	admins, err := h.PutUserGroup(h.ctx, console, home, access.UserGroup{Name: "Administrators"})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.AssignRole(h.ctx, console, home, access.GlobalAdministrator, []access.Assignment{{Groups: []string{admins.ID}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.PutCustomRole(h.ctx, console, home, access.CustomRole{
		Name: "Role keeper", Choices: map[string]access.Choice{"Authorization and settings": access.Chosen}, Permissions: []access.Permission{access.RolesManage, access.RolesRead},
		Assignments: []access.Assignment{{Users: []string{eve}, Workloads: access.Email}},
	}); err != nil {
		t.Fatal(err)
	}
	p := eveNow()
	if !p.Can(home, access.RolesManage) {
		t.Fatal("eve manages no roles")
	}
	tries := map[string]func() error{
		"a role with more permissions": func() error {
			_, err := h.PutCustomRole(h.ctx, p, home, access.CustomRole{Name: "mine", Choices: map[string]access.Choice{"Security operations": access.AllReadManage}, Assignments: []access.Assignment{{Users: []string{eve}}}})
			return err
		},
		"her own permission for more workloads": func() error {
			_, err := h.PutCustomRole(h.ctx, p, home, access.CustomRole{
				Name: "mine", Choices: map[string]access.Choice{"Authorization and settings": access.Chosen}, Permissions: []access.Permission{access.RolesManage},
				Assignments: []access.Assignment{{Users: []string{eve}}},
			})
			return err
		},
		"a directory role": func() error {
			return h.AssignRole(h.ctx, p, home, access.SecurityReader, []access.Assignment{{Users: []string{eve}}})
		},
		"a place in a mighty group": func() error {
			_, err := h.PutUserGroup(h.ctx, p, home, access.UserGroup{ID: admins.ID, Name: "Administrators", Members: []string{eve}})
			return err
		},
		"a directory role by membership": func() error {
			_, _, err := h.UpdateUser(h.ctx, p, home, eve, access.UserChange{Roles: []string{access.GlobalAdministrator}})
			return err
		},
		"a new administrator": func() error {
			_, _, err := h.CreateUser(h.ctx, p, home, access.NewUser{Name: "puppet", Password: password, Roles: []string{access.GlobalAdministrator}})
			return err
		},
	}
	for name, try := range tries {
		if err := try(); err == nil {
			t.Errorf("%s is there for the taking", name)
		}
	}
	if got := eveNow().Permissions(home); slices.Contains(got, access.DataRead) {
		t.Errorf("eve holds %v", got)
	}
}

func BenchmarkCan(b *testing.B) {
	p := access.Console()
	for b.Loop() {
		_ = p.View(home)
		_ = p.Can(home, access.AlertsManage)
	}
}
