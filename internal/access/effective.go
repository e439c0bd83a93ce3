package access

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Effective is what a user may do in a tenant and why, and which devices the user sees.
type Effective struct {
	User   *User            `json:"user"`
	Grants []EffectiveGrant `json:"grants"`
	Groups []string         `json:"groups"` // user groups, by name
	// Devices are the visible device groups; nil means every device.
	Devices []DeviceGroupName `json:"devices"`
}

// EffectiveGrant is one permission that is held.
type EffectiveGrant struct {
	Permission Permission `json:"permission"`
	Workloads  Workloads  `json:"-"`
	From       []Origin   `json:"from"`
}

// Origin is a role that gives a permission, and how the user came to it.
type Origin struct {
	Role       string    `json:"role"`                 // its name
	Assignment string    `json:"assignment,omitempty"` // empty when the role was given to the user itself
	Group      string    `json:"group,omitempty"`      // user group that the assignment names
	Workloads  Workloads `json:"-"`
}

// DeviceGroupName is a device group in lists.
type DeviceGroupName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// EffectivePermissions says what a user may do in the tenant and where each permission comes from. Everybody may ask about themself, others need to read
// authorization.
func (s *Service) EffectivePermissions(ctx context.Context, by *Principal, id tenant.ID, user string) (*Effective, error) {
	if user == "" && by.UserID == "" {
		return by.effective(id), nil // a service token has no user behind it
	}
	if user != by.UserID {
		if err := by.Require(id, RolesRead); err != nil {
			return nil, err
		}
	}
	row, roles, err := s.person(ctx, id, user)
	if err != nil {
		return nil, err
	}
	h, err := s.held(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	out := &Effective{User: row.user(roles), Grants: []EffectiveGrant{}, Groups: []string{}}
	origins, err := s.origins(ctx, id, row.ID, h)
	if err != nil {
		return nil, err
	}
	for _, d := range Catalogue() {
		if w := h.grants[id][d.Permission]; w != 0 {
			g := EffectiveGrant{Permission: d.Permission, Workloads: w, From: []Origin{}}
			for _, o := range origins {
				if mask := o.grants[d.Permission] & o.mask(); mask != 0 {
					origin := o.Origin
					origin.Workloads = mask
					g.From = append(g.From, origin)
				}
			}
			out.Grants = append(out.Grants, g)
		}
	}
	if len(h.groups[id]) > 0 {
		if err := s.db.NewSelect().Model((*userGroupRow)(nil)).Column("name").Where("tenant_id = ? AND id IN (?)", id, bun.List(h.groups[id])).Order("name").Scan(ctx, &out.Groups); err != nil {
			return nil, err
		}
	}
	if visible, narrowed := h.devices[id]; narrowed {
		all, err := s.AllDeviceGroups(ctx, id)
		if err != nil {
			return nil, err
		}
		out.Devices = []DeviceGroupName{}
		v := View{Groups: visible}
		for _, g := range all {
			if v.SeesGroup(g.ID) {
				out.Devices = append(out.Devices, DeviceGroupName{g.ID, g.Name})
			}
		}
	}
	return out, nil
}

// effective is what a principal without a user may do: its scopes are where it comes from.
func (p *Principal) effective(id tenant.ID) *Effective {
	out := &Effective{User: &User{Name: p.Name, HomeTenant: p.Home}, Grants: []EffectiveGrant{}, Groups: []string{}}
	for _, d := range Catalogue() {
		if w := p.Workloads(id, d.Permission); w != 0 {
			out.Grants = append(out.Grants, EffectiveGrant{Permission: d.Permission, Workloads: w, From: []Origin{}})
		}
	}
	return out
}

// person is member for whoever holds anything in the tenant, by membership or by assignment, or has its home there.
func (s *Service) person(ctx context.Context, id tenant.ID, user string) (*userRow, []string, error) {
	row, roles, err := s.member(ctx, id, user)
	if err == nil {
		return row, roles, nil
	}
	found := new(userRow)
	if s.db.NewSelect().Model(found).Where("id = ? OR name = ?", user, normalName(user)).Scan(ctx) != nil {
		return nil, nil, err
	}
	h, held := s.held(ctx, found.ID)
	if held != nil {
		return nil, nil, held
	}
	if h.grants[id] == nil && found.HomeTenant != id {
		return nil, nil, err
	}
	return found, h.roles[id], nil
}

// origin is a role that a user holds, with what it gives.
type origin struct {
	Origin
	grants Grants
	given  Workloads // 0: all
}

func (o origin) mask() Workloads {
	if o.given == 0 {
		return AllWorkloads
	}
	return o.given
}

func (s *Service) origins(ctx context.Context, id tenant.ID, user string, h *holdings) ([]origin, error) {
	var out []origin
	var members []membership
	if err := s.db.NewSelect().Model(&members).Where("tenant_id = ? AND user_id = ?", id, user).Order("role").Scan(ctx); err != nil {
		return nil, err
	}
	for _, m := range members {
		if r, ok := s.roles[m.Role]; ok {
			out = append(out, origin{Origin: Origin{Role: r.Name}, grants: r.Grants})
		}
	}
	assigned, err := s.assignments(ctx, id)
	if err != nil {
		return nil, err
	}
	var custom []customRoleRow
	if err := s.db.NewSelect().Model(&custom).Where("tenant_id = ?", id).Scan(ctx); err != nil {
		return nil, err
	}
	var groups []userGroupRow
	if err := s.db.NewSelect().Model(&groups).Where("tenant_id = ?", id).Scan(ctx); err != nil {
		return nil, err
	}
	mine := map[string]string{}
	for _, g := range groups {
		for _, in := range h.groups[id] {
			if in == g.ID {
				mine[g.ID] = g.Name
			}
		}
	}
	add := func(name string, grants Grants, list []Assignment) {
		for _, a := range list {
			for _, u := range a.Users {
				if u == user {
					out = append(out, origin{Origin: Origin{Role: name, Assignment: a.Name}, grants: grants, given: a.Workloads})
				}
			}
			for _, g := range a.Groups {
				if group, ok := mine[g]; ok {
					out = append(out, origin{Origin: Origin{Role: name, Assignment: a.Name, Group: group}, grants: grants, given: a.Workloads})
				}
			}
		}
	}
	for _, r := range Roles() {
		add(r.Name, r.Grants, assigned[r.ID])
	}
	for i := range custom {
		add(custom[i].Name, custom[i].grants(), assigned[custom[i].ID])
	}
	return out, nil
}

// RoleAssignments returns the assignments of directory roles by role, beside the roles that users were given themselves.
func (s *Service) RoleAssignments(ctx context.Context, by *Principal, id tenant.ID) (map[string][]Assignment, error) {
	if err := by.Require(id, RolesRead); err != nil {
		return nil, err
	}
	return s.assignments(ctx, id)
}
