package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// UserGroup is a set of a tenant's users. Roles are assigned to it, and device groups let it in.
type UserGroup struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Claim       string    `json:"claim,omitempty"` // value of the identity provider's group claim whose bearers are members
	Members     []string  `json:"members"`         // ids of users, those by claim included
	Created     time.Time `json:"created"`
}

// How somebody became a member.
const (
	viaHand  = ""
	viaClaim = "claim"
)

const (
	maxUserGroups = 1000
	maxMembers    = 10_000
)

// UserGroups lists the tenant's user groups by name.
func (s *Service) UserGroups(ctx context.Context, by *Principal, id tenant.ID) ([]UserGroup, error) {
	if err := by.Require(id, RolesRead); err != nil {
		return nil, err
	}
	var rows []userGroupRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name").Scan(ctx); err != nil {
		return nil, err
	}
	var in []userGroupMember
	if err := s.db.NewSelect().Model(&in).Where("tenant_id = ?", id).Order("user_id").Scan(ctx); err != nil {
		return nil, err
	}
	members := map[string][]string{}
	for _, m := range in {
		members[m.Group] = append(members[m.Group], m.User)
	}
	out := make([]UserGroup, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].group(members[rows[i].ID]))
	}
	return out, nil
}

func (r *userGroupRow) group(members []string) UserGroup {
	g := UserGroup{ID: r.ID, Name: r.Name, Description: r.Description, Claim: r.Claim, Members: []string{}, Created: time.UnixMicro(r.Created).UTC()}
	g.Members = append(g.Members, members...)
	return g
}

// PutUserGroup makes a group (empty id) or replaces one; Members are those by hand, members by claim stay. Putting somebody into a group that holds roles
// gives them these roles, so it takes holding them.
func (s *Service) PutUserGroup(ctx context.Context, by *Principal, id tenant.ID, g UserGroup) (*UserGroup, error) {
	if err := by.Require(id, RolesManage); err != nil {
		return nil, err
	}
	if err := s.checkTenant(ctx, id); err != nil {
		return nil, err
	}
	g.Name, g.Description, g.Claim = strings.TrimSpace(g.Name), strings.TrimSpace(g.Description), strings.TrimSpace(g.Claim)
	if err := checkLabel(g.Name, g.Description); err != nil {
		return nil, err
	}
	g.Members = slices.Compact(slices.Sorted(slices.Values(g.Members)))
	if len(g.Members) > maxMembers || len(g.Claim) > 500 {
		return nil, fault.Newf(fault.Limit, "a group has at most %d members and a claim of at most 500 bytes", maxMembers).On("members")
	}
	if len(g.Members) > 0 {
		if err := s.checkAssignees(ctx, id, Assignment{Name: g.Name, Users: g.Members}); err != nil {
			return nil, err
		}
	}
	if err := s.mayFill(ctx, by, id, g.ID); err != nil {
		return nil, err
	}
	action := "userGroup.update"
	if g.ID == "" {
		action, g.ID = "userGroup.create", ulid.Make().String()
	}
	row := &userGroupRow{Tenant: id, ID: g.ID, Name: g.Name, Description: g.Description, Claim: g.Claim, Created: s.now().UnixMicro()}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := storeUserGroup(ctx, tx, action, row); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*userGroupMember)(nil)).Where("tenant_id = ? AND group_id = ? AND via = ?", id, g.ID, viaHand).Exec(ctx); err != nil {
			return err
		}
		for part := range slices.Chunk(g.Members, 500) {
			rows := make([]userGroupMember, 0, len(part))
			for _, u := range part {
				rows = append(rows, userGroupMember{Tenant: id, Group: g.ID, User: u, Via: viaHand})
			}
			if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (tenant_id, group_id, user_id) DO UPDATE").Set("via = EXCLUDED.via").Exec(ctx); err != nil {
				return err
			}
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: action, Target: g.Name, Details: map[string]any{"members": len(g.Members), "claim": g.Claim}})
	})
	if err != nil {
		return nil, err
	}
	out := row.group(g.Members)
	return &out, nil
}

func storeUserGroup(ctx context.Context, tx bun.Tx, action string, row *userGroupRow) error {
	taken, err := tx.NewSelect().Model((*userGroupRow)(nil)).Where("tenant_id = ? AND name = ? AND id <> ?", row.Tenant, row.Name, row.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if taken {
		return fault.Newf(fault.Conflict, "there is already a user group called %s", row.Name).On("name")
	}
	if action == "userGroup.create" {
		n, err := tx.NewSelect().Model((*userGroupRow)(nil)).Where("tenant_id = ?", row.Tenant).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxUserGroups {
			return fault.Newf(fault.Limit, "a tenant has at most %d user groups", maxUserGroups)
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	}
	res, err := tx.NewUpdate().Model(row).ExcludeColumn("created").WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fault.Newf(fault.NotFound, "there is no user group %s", row.ID)
	}
	return nil
}

// mayFill checks that whoever changes the members of a group holds what the group gives.
func (s *Service) mayFill(ctx context.Context, by *Principal, id tenant.ID, group string) error {
	if group == "" || by.Kind == KindConsole {
		return nil
	}
	var rows []assignmentRow
	err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).
		Where("id IN (SELECT assignment_id FROM role_assignees WHERE tenant_id = ? AND kind = ? AND assignee = ?)", id, assigneeGroup, group).Scan(ctx)
	if err != nil {
		return err
	}
	for _, a := range rows {
		g := s.roles[a.Role].Grants
		if g == nil {
			row := &customRoleRow{Tenant: id, ID: a.Role}
			if err := s.db.NewSelect().Model(row).WherePK().Scan(ctx); err != nil {
				return err
			}
			g = row.grants()
		}
		if err := by.mayGive(id, g, a.Workloads); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUserGroup takes everything from its members that they had by the group. A device group that was open to this group alone would be open to all
// without it, so such groups keep it from being deleted.
func (s *Service) DeleteUserGroup(ctx context.Context, by *Principal, id tenant.ID, group string) error {
	if err := by.Require(id, RolesManage); err != nil {
		return err
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := &userGroupRow{Tenant: id, ID: group}
		if err := tx.NewSelect().Model(row).WherePK().Scan(ctx); err != nil {
			return fault.Newf(fault.NotFound, "there is no user group %s", group)
		}
		alone, err := tx.NewSelect().Model((*deviceGroupAccess)(nil)).Where("tenant_id = ? AND user_group_id = ?", id, group).
			Where("group_id NOT IN (SELECT group_id FROM device_group_access WHERE tenant_id = ? AND user_group_id <> ?)", id, group).Exists(ctx)
		if err != nil {
			return err
		}
		if alone {
			return fault.Newf(fault.Conflict, "a device group lets in %s alone and would be open to everybody without it; change its access first", row.Name)
		}
		for _, q := range []string{
			"DELETE FROM user_group_members WHERE tenant_id = ? AND group_id = ?", "DELETE FROM role_assignees WHERE tenant_id = ? AND kind = 'group' AND assignee = ?",
			"DELETE FROM device_group_access WHERE tenant_id = ? AND user_group_id = ?", "DELETE FROM user_groups WHERE tenant_id = ? AND id = ?",
		} {
			if _, err := tx.NewRaw(q, id, group).Exec(ctx); err != nil {
				return err
			}
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "userGroup.delete", Target: row.Name})
	})
}

// ClaimGroups makes the user a member of exactly those groups of the tenant, beside those by hand, whose claim is among the values that the identity provider
// gave at the sign-in.
func (s *Service) ClaimGroups(ctx context.Context, id tenant.ID, user string, claims []string) error {
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*userGroupMember)(nil)).Where("tenant_id = ? AND user_id = ? AND via = ?", id, user, viaClaim).Exec(ctx); err != nil {
			return err
		}
		if len(claims) == 0 {
			return nil
		}
		var groups []userGroupRow
		if err := tx.NewSelect().Model(&groups).Where("tenant_id = ? AND claim <> ''", id).Scan(ctx); err != nil {
			return err
		}
		for _, g := range groups {
			if !slices.Contains(claims, g.Claim) {
				continue
			}
			m := &userGroupMember{Tenant: id, Group: g.ID, User: user, Via: viaClaim}
			if _, err := tx.NewInsert().Model(m).On("CONFLICT (tenant_id, group_id, user_id) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
