package access

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Choice is what a custom role takes of a category of permissions.
type Choice string

// The choices. The two that say "all" take in permissions that are added later; neither gives the content of mail, which has to be named.
const (
	AllRead       Choice = "allRead"
	AllReadManage Choice = "allReadManage"
	Chosen        Choice = "custom"
)

// CustomRole is a set of permissions that a tenant puts together itself.
type CustomRole struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Choices     map[string]Choice `json:"choices"`     // by category; one that is missing gives nothing
	Permissions []Permission      `json:"permissions"` // of the categories whose choice is custom
	Assignments []Assignment      `json:"assignments"`
	Changed     time.Time         `json:"changed"`
	ChangedBy   string            `json:"changedBy"`
}

// Assignment gives a role to users and user groups for some workloads.
type Assignment struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Workloads Workloads `json:"-"` // 0: all, also later ones
	Users     []string  `json:"users"`
	Groups    []string  `json:"groups"`
}

func grantsFor(choices map[string]Choice, list []Permission) Grants {
	g := Grants{}
	for _, d := range Catalogue() {
		var given bool
		switch choices[d.Category()] {
		case AllRead:
			given = !d.Manage && d.Permission != MailContentRead
		case AllReadManage:
			given = d.Permission != MailContentRead
		}
		if given || slices.Contains(list, d.Permission) && choices[d.Category()] == Chosen || d.Permission == MailContentRead && slices.Contains(list, d.Permission) {
			g[d.Permission] = d.Workloads
		}
	}
	return g
}

// covers reports whether whoever holds g may give away more, for the workloads (0: all).
func (g Grants) covers(more Grants, w Workloads) bool {
	for p, mask := range more {
		if w != 0 {
			mask &= w
		}
		// Reading the content of mail is in no directory role, so those who manage the roles of everything give it without holding it.
		if mask&^g[p] != 0 && (p != MailContentRead || g[RolesManage] != AllWorkloads) {
			return false
		}
	}
	return true
}

// maxRoles bounds the custom roles of a tenant.
const maxRoles = 200

// CustomRoles lists the tenant's own roles by name.
func (s *Service) CustomRoles(ctx context.Context, by *Principal, id tenant.ID) ([]CustomRole, error) {
	if err := by.Require(id, RolesRead); err != nil {
		return nil, err
	}
	var rows []customRoleRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name").Scan(ctx); err != nil {
		return nil, err
	}
	assigned, err := s.assignments(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]CustomRole, 0, len(rows))
	for i := range rows {
		r := rows[i].role()
		r.Assignments = append(r.Assignments, assigned[r.ID]...)
		out = append(out, r)
	}
	return out, nil
}

func (r *customRoleRow) role() CustomRole {
	out := CustomRole{
		ID: r.ID, Name: r.Name, Description: r.Description, Choices: map[string]Choice{}, Permissions: []Permission{}, Assignments: []Assignment{},
		Changed: time.UnixMicro(r.Changed).UTC(), ChangedBy: r.ChangedBy,
	}
	_ = json.Unmarshal([]byte(r.Choices), &out.Choices)
	_ = json.Unmarshal([]byte(r.Permissions), &out.Permissions)
	return out
}

// assignments returns the tenant's assignments by role, directory roles included.
func (s *Service) assignments(ctx context.Context, id tenant.ID) (map[string][]Assignment, error) {
	var rows []assignmentRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("name", "id").Scan(ctx); err != nil {
		return nil, err
	}
	var who []assigneeRow
	if err := s.db.NewSelect().Model(&who).Where("tenant_id = ?", id).Order("assignee").Scan(ctx); err != nil {
		return nil, err
	}
	out := map[string][]Assignment{}
	for _, r := range rows {
		a := Assignment{ID: r.ID, Name: r.Name, Workloads: r.Workloads, Users: []string{}, Groups: []string{}}
		for _, w := range who {
			switch {
			case w.Assignment != r.ID:
			case w.Kind == assigneeUser:
				a.Users = append(a.Users, w.Assignee)
			case w.Kind == assigneeGroup:
				a.Groups = append(a.Groups, w.Assignee)
			}
		}
		out[r.Role] = append(out[r.Role], a)
	}
	return out, nil
}

// PutCustomRole makes a role (empty id) or replaces one with its assignments. Nobody gives away what they do not hold themselves, for any workload.
// Errors: fault.Invalid, fault.Permission, fault.NotFound, fault.Conflict when the name is taken.
func (s *Service) PutCustomRole(ctx context.Context, by *Principal, id tenant.ID, r CustomRole) (*CustomRole, error) {
	if err := by.Require(id, RolesManage); err != nil {
		return nil, err
	}
	if err := s.checkTenant(ctx, id); err != nil {
		return nil, err
	}
	if err := checkCustomRole(&r); err != nil {
		return nil, err
	}
	grants := grantsFor(r.Choices, r.Permissions)
	if err := by.mayGive(id, grants, 0); err != nil && len(r.Assignments) == 0 {
		return nil, err
	}
	for _, a := range r.Assignments {
		if err := by.mayGive(id, grants, a.Workloads); err != nil {
			return nil, err
		}
		if err := s.checkAssignees(ctx, id, a); err != nil {
			return nil, err
		}
	}
	action := "role.update"
	if r.ID == "" {
		action, r.ID = "role.create", ulid.Make().String()
	}
	choices, _ := json.Marshal(r.Choices)         // a map of strings always encodes
	permissions, _ := json.Marshal(r.Permissions) // as above
	row := &customRoleRow{
		Tenant: id, ID: r.ID, Name: r.Name, Description: r.Description, Choices: string(choices), Permissions: string(permissions), Changed: s.now().UnixMicro(), ChangedBy: by.Name,
	}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := s.storeRole(ctx, tx, action, row); err != nil {
			return err
		}
		if err := setAssignments(ctx, tx, id, r.ID, r.Assignments); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: action, Target: r.Name, Details: map[string]any{"choices": r.Choices, "permissions": r.Permissions, "assignments": len(r.Assignments)}})
	})
	if err != nil {
		return nil, err
	}
	out := row.role()
	out.Assignments = append(out.Assignments, r.Assignments...)
	return &out, nil
}

func (s *Service) storeRole(ctx context.Context, tx bun.Tx, action string, row *customRoleRow) error {
	taken, err := tx.NewSelect().Model((*customRoleRow)(nil)).Where("tenant_id = ? AND name = ? AND id <> ?", row.Tenant, row.Name, row.ID).Exists(ctx)
	if err != nil {
		return err
	}
	if taken || slices.ContainsFunc(Roles(), func(r Role) bool { return strings.EqualFold(r.Name, row.Name) }) {
		return fault.Newf(fault.Conflict, "there is already a role called %s", row.Name).On("name")
	}
	if action == "role.create" {
		n, err := tx.NewSelect().Model((*customRoleRow)(nil)).Where("tenant_id = ?", row.Tenant).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxRoles {
			return fault.Newf(fault.Limit, "a tenant has at most %d custom roles", maxRoles)
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	}
	res, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errNoRole(row.ID)
	}
	return nil
}

func errNoRole(role string) error {
	return fault.Newf(fault.NotFound, "there is no custom role %s", role)
}

// setAssignments replaces the assignments of a role.
func setAssignments(ctx context.Context, tx bun.Tx, id tenant.ID, role string, list []Assignment) error {
	if _, err := tx.NewRaw("DELETE FROM role_assignees WHERE tenant_id = ? AND assignment_id IN (SELECT id FROM role_assignments WHERE tenant_id = ? AND role = ?)", id, id, role).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*assignmentRow)(nil)).Where("tenant_id = ? AND role = ?", id, role).Exec(ctx); err != nil {
		return err
	}
	for i := range list {
		a := &list[i]
		a.ID = ulid.Make().String()
		if _, err := tx.NewInsert().Model(&assignmentRow{Tenant: id, ID: a.ID, Role: role, Name: a.Name, Workloads: a.Workloads}).Exec(ctx); err != nil {
			return err
		}
		var who []assigneeRow
		for _, u := range slices.Compact(slices.Sorted(slices.Values(a.Users))) {
			who = append(who, assigneeRow{Tenant: id, Assignment: a.ID, Kind: assigneeUser, Assignee: u})
		}
		for _, g := range slices.Compact(slices.Sorted(slices.Values(a.Groups))) {
			who = append(who, assigneeRow{Tenant: id, Assignment: a.ID, Kind: assigneeGroup, Assignee: g})
		}
		if len(who) == 0 {
			continue
		}
		if _, err := tx.NewInsert().Model(&who).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// DeleteCustomRole takes a role away from everybody who has it, and forgets it.
func (s *Service) DeleteCustomRole(ctx context.Context, by *Principal, id tenant.ID, role string) error {
	if err := by.Require(id, RolesManage); err != nil {
		return err
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := &customRoleRow{Tenant: id, ID: role}
		if err := tx.NewSelect().Model(row).WherePK().Scan(ctx); err != nil {
			return errNoRole(role)
		}
		if err := by.mayGive(id, row.grants(), 0); err != nil {
			return err
		}
		if err := setAssignments(ctx, tx, id, role, nil); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "role.delete", Target: row.Name})
	})
}

// AssignRole replaces the assignments of a directory role. Those given to users by name (memberships) are apart from these.
func (s *Service) AssignRole(ctx context.Context, by *Principal, id tenant.ID, role string, list []Assignment) error {
	if err := by.Require(id, RolesManage); err != nil {
		return err
	}
	r, ok := s.roles[role]
	if !ok {
		return fault.Newf(fault.NotFound, "there is no directory role %q", role).On("role")
	}
	if len(list) > maxAssignments {
		return fault.Newf(fault.Limit, "a role has at most %d assignments", maxAssignments).On("assignments")
	}
	for i := range list {
		if err := checkAssignment(&list[i]); err != nil {
			return err
		}
		if err := by.mayGive(id, r.Grants, list[i].Workloads); err != nil {
			return err
		}
		if err := s.checkAssignees(ctx, id, list[i]); err != nil {
			return err
		}
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := setAssignments(ctx, tx, id, role, list); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "role.assign", Target: role, Details: map[string]any{"assignments": len(list)}})
	})
}

// mayGive reports whether the principal may give those grants to others.
func (p *Principal) mayGive(id tenant.ID, g Grants, w Workloads) error {
	if p.Kind == KindConsole || p.grants[id].covers(g, w) {
		return nil
	}
	return fault.Newf(fault.Permission, "a role can hold only what you hold yourself; ask an administrator of the tenant").On("permissions")
}

const (
	maxAssignments = 100
	maxAssignees   = 1000
)

func checkCustomRole(r *CustomRole) error {
	r.Name, r.Description = strings.TrimSpace(r.Name), strings.TrimSpace(r.Description)
	if err := checkLabel(r.Name, r.Description); err != nil {
		return err
	}
	categories := map[string]bool{}
	for _, d := range Catalogue() {
		categories[d.Category()] = true
	}
	for category, c := range r.Choices {
		if !categories[category] {
			return fault.Newf(fault.Invalid, "there is no category %q of permissions", category).On("choices")
		}
		if c != AllRead && c != AllReadManage && c != Chosen {
			return fault.Newf(fault.Invalid, "%q is not a choice: use allRead, allReadManage or custom", c).On("choices")
		}
	}
	for _, p := range r.Permissions {
		if !slices.ContainsFunc(Catalogue(), func(d Definition) bool { return d.Permission == p }) {
			return fault.Newf(fault.Invalid, "there is no permission %q", p).On("permissions")
		}
	}
	if len(grantsFor(r.Choices, r.Permissions)) == 0 {
		return fault.Newf(fault.Invalid, "the role has no permission; choose at least one").On("permissions")
	}
	if len(r.Assignments) > maxAssignments {
		return fault.Newf(fault.Limit, "a role has at most %d assignments", maxAssignments).On("assignments")
	}
	for i := range r.Assignments {
		if err := checkAssignment(&r.Assignments[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(name, description string) error {
	if name == "" || utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name) {
		return fault.Newf(fault.Invalid, "a name of at most 100 characters is needed").On("name")
	}
	if utf8.RuneCountInString(description) > 1000 || !utf8.ValidString(description) {
		return fault.Newf(fault.Invalid, "the description may have at most 1,000 characters").On("description")
	}
	return nil
}

func checkAssignment(a *Assignment) error {
	a.Name = strings.TrimSpace(a.Name)
	if utf8.RuneCountInString(a.Name) > 100 || !utf8.ValidString(a.Name) {
		return fault.Newf(fault.Invalid, "the name of an assignment may have at most 100 characters").On("assignments")
	}
	if a.Workloads&^AllWorkloads != 0 {
		return fault.Newf(fault.Invalid, "an assignment names a data source that there is not").On("assignments")
	}
	if n := len(a.Users) + len(a.Groups); n == 0 || n > maxAssignees {
		return fault.Newf(fault.Invalid, "an assignment names 1 to %d users and groups", maxAssignees).On("assignments")
	}
	return nil
}

// checkAssignees reports users and groups that the tenant does not have.
func (s *Service) checkAssignees(ctx context.Context, id tenant.ID, a Assignment) error {
	users := slices.Compact(slices.Sorted(slices.Values(a.Users)))
	if len(users) > 0 {
		n, err := s.db.NewSelect().Model((*userRow)(nil)).Where("id IN (?)", bun.List(users)).
			Where("home_tenant = ? OR id IN (SELECT user_id FROM memberships WHERE tenant_id = ?)", id, id).Count(ctx)
		if err != nil {
			return err
		}
		if n != int64(len(users)) {
			return fault.Newf(fault.NotFound, "a user of the assignment %q does not exist in this tenant", a.Name).On("users")
		}
	}
	groups := slices.Compact(slices.Sorted(slices.Values(a.Groups)))
	if len(groups) > 0 {
		n, err := s.db.NewSelect().Model((*userGroupRow)(nil)).Where("tenant_id = ? AND id IN (?)", id, bun.List(groups)).Count(ctx)
		if err != nil {
			return err
		}
		if n != int64(len(groups)) {
			return fault.Newf(fault.NotFound, "a user group of the assignment %q does not exist", a.Name).On("groups")
		}
	}
	return nil
}
