package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// UserView is a portal user as the API shows it.
type UserView struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"displayName"`
	HomeTenant  tenant.ID  `json:"homeTenant"`
	Roles       []string   `json:"roles" nullable:"false"`
	Disabled    bool       `json:"disabled"`
	MustChange  bool       `json:"mustChangePassword"`
	Created     *time.Time `json:"createdTime,omitempty"`
	LastSignIn  *time.Time `json:"lastSignIn,omitempty"`
	Password    string     `json:"password,omitempty" doc:"the generated password, once, when none was given"`
}

// ViewUser shows an account; password is the generated one, if one was just generated.
func ViewUser(u *access.User, password string) UserView {
	v := UserView{
		ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, HomeTenant: u.HomeTenant, Roles: u.Roles, Disabled: u.Disabled, MustChange: u.MustChange,
		Created: moment(u.Created.Time), LastSignIn: moment(u.LastSignIn.Time), Password: password,
	}
	if v.Roles == nil {
		v.Roles = []string{}
	}
	return v
}

type userCreate struct {
	Body struct {
		Name        string   `json:"name" maxLength:"200"`
		DisplayName string   `json:"displayName,omitempty" maxLength:"400"`
		Password    string   `json:"password,omitempty" maxLength:"1024" doc:"left out: one is generated and returned once"`
		Roles       []string `json:"roles" minItems:"1" maxItems:"20" nullable:"false"`
	}
}

func (i *userCreate) audited() (string, map[string]any) { return i.Body.Name, nil }

type userPatch struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		DisplayName *string  `json:"displayName,omitempty" maxLength:"400"`
		Password    *string  `json:"password,omitempty" maxLength:"1024" doc:"empty: one is generated and returned once"`
		Roles       []string `json:"roles,omitempty" maxItems:"20" nullable:"false"`
		Disabled    *bool    `json:"disabled,omitempty"`
	}
}

func (s *server) registerUsers() {
	const tag = "users"
	handle(s, operation{
		method: http.MethodGet, path: "/api/users", id: "listUsers", summary: "The tenant's users", tag: tag, door: byPermission, permission: access.RolesRead, scope: access.ScopeAdmin,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[UserView], error) {
		users, err := s.Access.Users(ctx, c.who, c.tenant)
		if err != nil {
			return nil, err
		}
		views := make([]UserView, 0, len(users))
		for _, u := range users {
			views = append(views, ViewUser(u, ""))
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	// The service writes its own lines into the audit log, with more detail.
	handle(s, operation{
		method: http.MethodPost, path: "/api/users", id: "createUser", summary: "Add a user", tag: tag, door: byPermission, permission: access.RolesManage,
		scope: access.ScopeAdmin, status: http.StatusCreated, quiet: true,
	}, func(ctx context.Context, c *call, in *userCreate) (*output[UserView], error) {
		u, password, err := s.Access.CreateUser(ctx, c.who, c.tenant, access.NewUser{
			Name: in.Body.Name, DisplayName: in.Body.DisplayName, Password: in.Body.Password, Roles: in.Body.Roles,
		})
		if err != nil {
			return nil, err
		}
		return answer(ViewUser(u, password)), nil
	})
	handle(s, operation{
		method: http.MethodPatch, path: "/api/users/{id}", id: "updateUser", summary: "Change a user's roles, password or state", tag: tag, door: byPermission,
		permission: access.RolesManage, scope: access.ScopeAdmin, quiet: true,
	}, func(ctx context.Context, c *call, in *userPatch) (*output[UserView], error) {
		u, password, err := s.Access.UpdateUser(ctx, c.who, c.tenant, in.ID, access.UserChange{
			DisplayName: in.Body.DisplayName, Password: in.Body.Password, Roles: in.Body.Roles, Disabled: in.Body.Disabled,
		})
		if err != nil {
			return nil, err
		}
		return answer(ViewUser(u, password)), nil
	})
	// Whoever works on incidents has to be able to assign them, which takes names and nothing else.
	handle(s, operation{
		method: http.MethodGet, path: "/api/assignees", id: "listAssignees", summary: "Names that incidents can be assigned to", tag: tag, door: byPermission,
		permission: access.AlertsManage, scope: access.ScopeWrite,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[Assignee], error) {
		users, err := s.Access.Names(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		views := make([]Assignee, 0, len(users))
		for _, u := range users {
			views = append(views, Assignee{Name: u.Name, DisplayName: u.DisplayName})
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
}

// Assignee is a user by name.
type Assignee struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}
