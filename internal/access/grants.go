package access

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Tables of who has what, besides memberships, which give directory roles to users.
type (
	userGroupRow struct {
		bun.BaseModel `bun:"table:user_groups"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		ID            string    `bun:"id,pk"`
		Name          string    `bun:"name"`
		Description   string    `bun:"description"`
		Claim         string    `bun:"claim"`
		Created       int64     `bun:"created"`
	}
	userGroupMember struct {
		bun.BaseModel `bun:"table:user_group_members"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		Group         string    `bun:"group_id,pk"`
		User          string    `bun:"user_id,pk"`
		Via           string    `bun:"via"`
	}
	customRoleRow struct {
		bun.BaseModel `bun:"table:custom_roles"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		ID            string    `bun:"id,pk"`
		Name          string    `bun:"name"`
		Description   string    `bun:"description"`
		Choices       string    `bun:"choices"`
		Permissions   string    `bun:"permissions"`
		Changed       int64     `bun:"changed"`
		ChangedBy     string    `bun:"changed_by"`
	}
	assignmentRow struct {
		bun.BaseModel `bun:"table:role_assignments"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		ID            string    `bun:"id,pk"`
		Role          string    `bun:"role"`
		Name          string    `bun:"name"`
		Workloads     Workloads `bun:"workloads"` // 0: all, also later ones
	}
	assigneeRow struct {
		bun.BaseModel `bun:"table:role_assignees"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		Assignment    string    `bun:"assignment_id,pk"`
		Kind          string    `bun:"kind,pk"` // user or group
		Assignee      string    `bun:"assignee,pk"`
	}
	deviceGroupAccess struct {
		bun.BaseModel `bun:"table:device_group_access"`
		Tenant        tenant.ID `bun:"tenant_id,pk"`
		Group         string    `bun:"group_id,pk"`
		UserGroup     string    `bun:"user_group_id,pk"`
	}
)

const (
	assigneeUser  = "user"
	assigneeGroup = "group"
)

// holdings is everything that a user holds.
type holdings struct {
	roles   map[tenant.ID][]string
	grants  map[tenant.ID]Grants
	groups  map[tenant.ID][]string // user groups
	devices map[tenant.ID][]string // visible device groups, in order; no entry: all
}

// held reads what a user holds as it is now: directory roles, assignments of roles to the user and to its groups, and the device groups that these groups
// are let into.
func (s *Service) held(ctx context.Context, user string) (*holdings, error) {
	h := &holdings{roles: map[tenant.ID][]string{}, grants: map[tenant.ID]Grants{}, groups: map[tenant.ID][]string{}, devices: map[tenant.ID][]string{}}
	var members []membership
	if err := s.db.NewSelect().Model(&members).Where("user_id = ?", user).Order("tenant_id", "role").Scan(ctx); err != nil {
		return nil, err
	}
	for _, m := range members {
		h.give(m.Tenant, m.Role, s.roles[m.Role].Grants, 0) // a role that no longer exists grants nothing
	}
	var in []userGroupMember
	if err := s.db.NewSelect().Model(&in).Where("user_id = ?", user).Order("group_id").Scan(ctx); err != nil {
		return nil, err
	}
	for _, g := range in {
		h.groups[g.Tenant] = append(h.groups[g.Tenant], g.Group)
	}
	if err := s.assigned(ctx, user, h); err != nil {
		return nil, err
	}
	return h, s.devicesOf(ctx, h)
}

// give adds a role's grants for the workloads, 0 for all.
func (h *holdings) give(id tenant.ID, role string, g Grants, w Workloads) {
	if h.grants[id] == nil {
		h.grants[id] = Grants{}
	}
	if !slices.Contains(h.roles[id], role) {
		h.roles[id] = append(h.roles[id], role)
	}
	for p, mask := range g {
		if w != 0 {
			mask &= w
		}
		if mask != 0 {
			h.grants[id][p] |= mask
		}
	}
}

// assigned adds the roles that are assigned to the user, itself or by a group.
func (s *Service) assigned(ctx context.Context, user string, h *holdings) error {
	var rows []assignmentRow
	err := s.db.NewSelect().Model(&rows).Where(`EXISTS (SELECT 1 FROM role_assignees AS s WHERE s.tenant_id = assignment_row.tenant_id AND s.assignment_id = assignment_row.id
		AND (s.kind = ? AND s.assignee = ? OR s.kind = ? AND EXISTS (SELECT 1 FROM user_group_members AS m WHERE m.tenant_id = s.tenant_id AND m.group_id = s.assignee AND m.user_id = ?)))`,
		assigneeUser, user, assigneeGroup, user).Order("tenant_id", "id").Scan(ctx)
	if err != nil || len(rows) == 0 {
		return err
	}
	var custom []customRoleRow
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.Role)
	}
	if err := s.db.NewSelect().Model(&custom).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	for _, r := range rows {
		if role, ok := s.roles[r.Role]; ok {
			h.give(r.Tenant, role.ID, role.Grants, r.Workloads)
			continue
		}
		for i := range custom {
			if custom[i].Tenant == r.Tenant && custom[i].ID == r.Role {
				h.give(r.Tenant, r.Role, custom[i].grants(), r.Workloads)
			}
		}
	}
	return nil
}

// devicesOf finds the visible device groups: those that are open to everybody and those whose user groups the user is in. Tenants without closed groups have
// no entry, and neither has a global administrator, who sees every device.
func (s *Service) devicesOf(ctx context.Context, h *holdings) error {
	tenants := make([]tenant.ID, 0, len(h.grants))
	for id := range h.grants {
		if !slices.Contains(h.roles[id], GlobalAdministrator) {
			tenants = append(tenants, id)
		}
	}
	if len(tenants) == 0 {
		return nil
	}
	var doors []deviceGroupAccess
	if err := s.db.NewSelect().Model(&doors).Where("tenant_id IN (?)", bun.List(tenants)).Scan(ctx); err != nil || len(doors) == 0 {
		return err
	}
	closed := map[tenant.ID]map[string]bool{} // value: the user is let in
	for _, d := range doors {
		if closed[d.Tenant] == nil {
			closed[d.Tenant] = map[string]bool{}
		}
		if !closed[d.Tenant][d.Group] {
			closed[d.Tenant][d.Group] = slices.Contains(h.groups[d.Tenant], d.UserGroup)
		}
	}
	var all []deviceGroupRow
	if err := s.db.NewSelect().Model(&all).Column("tenant_id", "id").Where("tenant_id IN (?)", bun.List(tenants)).Scan(ctx); err != nil {
		return err
	}
	for id, doors := range closed {
		visible := []string{}
		if in, closed := doors[Ungrouped]; in || !closed {
			visible = append(visible, Ungrouped)
		}
		hidden := false
		for _, g := range all {
			if g.Tenant != id || g.ID == Ungrouped {
				continue
			}
			if in, closed := doors[g.ID]; in || !closed {
				visible = append(visible, g.ID)
			} else {
				hidden = true
			}
		}
		if hidden || !slices.Contains(visible, Ungrouped) {
			slices.Sort(visible)
			h.devices[id] = visible
		}
	}
	return nil
}

// grants expands the role's choices. A permission that means nothing for a workload is not granted for it.
func (r *customRoleRow) grants() Grants {
	choices := map[string]Choice{}
	var list []Permission
	if json.Unmarshal([]byte(r.Choices), &choices) != nil || json.Unmarshal([]byte(r.Permissions), &list) != nil {
		return Grants{} // a damaged row grants nothing
	}
	return grantsFor(choices, list)
}
