package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// RoleView is a role with what it grants: one of the directory's, or one that the tenant made.
type RoleView struct {
	ID          string                   `json:"id"`
	Name        string                   `json:"name"`
	Description string                   `json:"description"`
	Kind        string                   `json:"kind" enum:"directory,custom"`
	Permissions []access.Permission      `json:"permissions" nullable:"false" doc:"of a custom role those of categories whose choice is custom"`
	Choices     map[string]access.Choice `json:"choices,omitempty" doc:"of a custom role, by category of permissions"`
	Assignments []AssignmentView         `json:"assignments,omitempty" doc:"for those who read authorization"`
	Changed     *time.Time               `json:"changedTime,omitempty"`
	ChangedBy   string                   `json:"changedBy,omitempty"`
}

// AssignmentView gives a role to users and user groups for some data sources.
type AssignmentView struct {
	ID        string   `json:"id,omitempty" readOnly:"true"`
	Name      string   `json:"name" maxLength:"400"`
	Workloads []string `json:"workloads" maxItems:"10" nullable:"false" doc:"endpoint, email, identity, cloudApps; none: all, also later ones"`
	Users     []string `json:"users" maxItems:"1000" nullable:"false" doc:"ids"`
	Groups    []string `json:"groups" maxItems:"1000" nullable:"false" doc:"ids of user groups"`
}

func assignmentViews(list []access.Assignment) []AssignmentView {
	out := make([]AssignmentView, 0, len(list))
	for _, a := range list {
		out = append(out, AssignmentView{ID: a.ID, Name: a.Name, Workloads: a.Workloads.Names(), Users: a.Users, Groups: a.Groups})
	}
	return out
}

func assignmentsOf(list []AssignmentView) ([]access.Assignment, error) {
	out := make([]access.Assignment, 0, len(list))
	for _, a := range list {
		w, err := access.ParseWorkloads(a.Workloads)
		if err != nil {
			return nil, err
		}
		out = append(out, access.Assignment{Name: a.Name, Workloads: w, Users: a.Users, Groups: a.Groups})
	}
	return out, nil
}

// PermissionView is one permission as the role editor shows it.
type PermissionView struct {
	access.Definition
	Category  string   `json:"category"`
	Workloads []string `json:"workloads" nullable:"false" doc:"data sources that it means anything for"`
}

type roleBody struct {
	Name        string                   `json:"name" maxLength:"400"`
	Description string                   `json:"description,omitempty" maxLength:"4000"`
	Choices     map[string]access.Choice `json:"choices"`
	Permissions []access.Permission      `json:"permissions,omitempty" maxItems:"200" nullable:"false"`
	Assignments []AssignmentView         `json:"assignments,omitempty" maxItems:"100" nullable:"false"`
}

type roleCreate struct{ Body roleBody }

type rolePut struct {
	ID   string `path:"id" maxLength:"200"`
	Body roleBody
}

// RolePath names a role.
type RolePath struct {
	ID string `path:"id" maxLength:"200"`
}

type roleAssign struct {
	RolePath
	Body struct {
		Assignments []AssignmentView `json:"assignments" maxItems:"100" nullable:"false"`
	}
}

func (s *server) registerRoles() {
	const tag, base = "permissions", "/api/roles"
	manage := func(method, path, id, summary string) operation {
		return operation{method: method, path: path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.RolesManage, scope: access.ScopeAdmin, quiet: true}
	}
	handle(s, operation{
		method: http.MethodGet, path: "/api/permissions", id: "listPermissions", summary: "The permissions that roles are made of", tag: tag, door: bySignIn, scope: access.ScopeRead,
	}, func(ctx context.Context, _ *call, in *Paging) (*pageOutput[PermissionView], error) {
		var views []PermissionView
		for _, d := range access.Catalogue() {
			views = append(views, PermissionView{Definition: d, Category: d.Category(), Workloads: d.Workloads.Names()})
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	handle(s, operation{
		method: http.MethodGet, path: base, id: "listRoles", summary: "The roles that users can have; assignments for those who read authorization", tag: tag, door: bySignIn, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[RoleView], error) {
		views, err := s.roles(ctx, c)
		return slice(views, *in, requestURL(ctx)), err
	})
	create := manage(http.MethodPost, base, "createRole", "Add a role of one's own")
	create.status = http.StatusCreated
	handle(s, create, func(ctx context.Context, c *call, in *roleCreate) (*output[RoleView], error) {
		return s.putRole(ctx, c, "", in.Body)
	})
	handle(s, manage(http.MethodPut, base+"/{id}", "updateRole", "Replace a role of one's own with its assignments"), func(ctx context.Context, c *call, in *rolePut) (*output[RoleView], error) {
		return s.putRole(ctx, c, in.ID, in.Body)
	})
	remove := manage(http.MethodDelete, base+"/{id}", "deleteRole", "Take a role of one's own away from everybody")
	remove.status = http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *RolePath) (*nothing, error) {
		return &nothing{}, s.Access.DeleteCustomRole(ctx, c.who, c.tenant, in.ID)
	})
	assign := manage(http.MethodPut, base+"/{id}/assignments", "assignRole", "Give a directory role to users and user groups")
	assign.status = http.StatusNoContent
	handle(s, assign, func(ctx context.Context, c *call, in *roleAssign) (*nothing, error) {
		list, err := assignmentsOf(in.Body.Assignments)
		if err != nil {
			return nil, err
		}
		return &nothing{}, s.Access.AssignRole(ctx, c.who, c.tenant, in.ID, list)
	})
	handle(s, operation{
		method: http.MethodGet, path: "/api/permissions/effective", id: "getEffectivePermissions", summary: "What a user may do, and by which roles; oneself when none is named", tag: tag,
		door: bySignIn, scope: access.ScopeRead,
	}, s.effective)
}

// roles lists directory roles, then custom ones. Who holds them is for those who read authorization.
func (s *server) roles(ctx context.Context, c *call) ([]RoleView, error) {
	reads := c.who.Can(c.tenant, access.RolesRead)
	var assigned map[string][]access.Assignment
	var custom []access.CustomRole
	var err error
	if reads {
		if assigned, err = s.Access.RoleAssignments(ctx, c.who, c.tenant); err != nil {
			return nil, err
		}
		if custom, err = s.Access.CustomRoles(ctx, c.who, c.tenant); err != nil {
			return nil, err
		}
	}
	var views []RoleView
	for _, r := range access.Roles() {
		v := RoleView{ID: r.ID, Name: r.Name, Description: r.Description, Kind: "directory", Permissions: []access.Permission{}}
		for _, d := range access.Catalogue() {
			if r.Grants[d.Permission] != 0 {
				v.Permissions = append(v.Permissions, d.Permission)
			}
		}
		if reads {
			v.Assignments = assignmentViews(assigned[r.ID])
		}
		views = append(views, v)
	}
	for i := range custom {
		views = append(views, customRoleView(&custom[i]))
	}
	return views, nil
}

func customRoleView(r *access.CustomRole) RoleView {
	return RoleView{
		ID: r.ID, Name: r.Name, Description: r.Description, Kind: "custom", Permissions: r.Permissions, Choices: r.Choices, Assignments: assignmentViews(r.Assignments),
		Changed: moment(r.Changed), ChangedBy: r.ChangedBy,
	}
}

func (s *server) putRole(ctx context.Context, c *call, id string, b roleBody) (*output[RoleView], error) {
	list, err := assignmentsOf(b.Assignments)
	if err != nil {
		return nil, err
	}
	if b.Permissions == nil {
		b.Permissions = []access.Permission{}
	}
	r, err := s.Access.PutCustomRole(ctx, c.who, c.tenant, access.CustomRole{ID: id, Name: b.Name, Description: b.Description, Choices: b.Choices, Permissions: b.Permissions, Assignments: list})
	if err != nil {
		return nil, err
	}
	return answer(customRoleView(r)), nil
}

// EffectiveView is what a user may do in the tenant and why.
type EffectiveView struct {
	User    UserView                  `json:"user"`
	Groups  []string                  `json:"groups" nullable:"false" doc:"names of user groups"`
	Grants  []EffectiveGrantView      `json:"grants" nullable:"false"`
	Devices *[]access.DeviceGroupName `json:"deviceGroups" doc:"device groups that are visible; null: every device"`
}

// EffectiveGrantView is one permission that is held.
type EffectiveGrantView struct {
	Permission access.Permission `json:"permission"`
	Label      string            `json:"label"`
	Workloads  []string          `json:"workloads" nullable:"false"`
	From       []OriginView      `json:"from" nullable:"false"`
}

// OriginView is a role that gives a permission.
type OriginView struct {
	access.Origin
	Workloads []string `json:"workloads" nullable:"false"`
}

type effectiveInput struct {
	User string `query:"user" maxLength:"200" doc:"id or sign-in name"`
}

func (s *server) effective(ctx context.Context, c *call, in *effectiveInput) (*output[EffectiveView], error) {
	user := in.User
	if user == "" {
		user = c.who.UserID
	}
	e, err := s.Access.EffectivePermissions(ctx, c.who, c.tenant, user)
	if err != nil {
		return nil, err
	}
	v := EffectiveView{User: ViewUser(e.User, ""), Groups: e.Groups, Grants: []EffectiveGrantView{}}
	if e.Devices != nil {
		v.Devices = &e.Devices
	}
	for _, g := range e.Grants {
		gv := EffectiveGrantView{Permission: g.Permission, Label: g.Permission.Label(), Workloads: g.Workloads.Names(), From: []OriginView{}}
		for _, o := range g.From {
			gv.From = append(gv.From, OriginView{Origin: o, Workloads: o.Workloads.Names()})
		}
		v.Grants = append(v.Grants, gv)
	}
	return answer(v), nil
}
