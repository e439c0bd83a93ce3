package api

import (
	"context"
	"net/http"
	"sort"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Session is who is signed in, and what the portal needs to know to show itself.
type Session struct {
	User        SessionUser  `json:"user"`
	Tenant      TenantName   `json:"tenant"`
	Tenants     []TenantName `json:"tenants" nullable:"false"`
	CSRF        string       `json:"csrf" doc:"value of the header X-Bartizan-Csrf of changing requests"`
	Zone        string       `json:"zone"`
	Version     string       `json:"version"`
	Lab         SessionLab   `json:"lab"`
	MustChange  bool         `json:"mustChangePassword"`
	SignedUntil string       `json:"signedInUntil" format:"date-time"`
}

// SessionUser is the person who is signed in.
type SessionUser struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	DisplayName string              `json:"displayName"`
	Roles       []string            `json:"roles" nullable:"false"`
	Permissions []access.Permission `json:"permissions" nullable:"false"`
	MustChange  bool                `json:"mustChangePassword"`
}

// TenantName is a tenant in lists.
type TenantName struct {
	ID   tenant.ID `json:"id"`
	Name string    `json:"name"`
}

// SessionLab says whether the evaluation lab has data in the tenant.
type SessionLab struct {
	Loaded bool `json:"loaded"`
	Runs   int  `json:"runs"`
}

type signInInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"200"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type passwordInput struct {
	Body struct {
		Current string `json:"current" maxLength:"1024"`
		New     string `json:"new" maxLength:"1024"`
	}
}

func (s *server) registerSession() {
	const tag = "session"
	handle(s, operation{method: http.MethodGet, path: "/api/session", id: "getSession", summary: "Who is signed in", tag: tag, door: byPassword},
		func(ctx context.Context, c *call, _ *struct{}) (*output[Session], error) { return s.session(ctx, c) })
	handle(s, operation{method: http.MethodPost, path: "/api/session", id: "signIn", summary: "Sign in with a name and a password", tag: tag, door: open},
		s.signIn)
	handle(s, operation{
		method: http.MethodDelete, path: "/api/session", id: "signOut", summary: "Sign out", tag: tag, door: byPassword, status: http.StatusNoContent,
	}, func(ctx context.Context, _ *call, _ *struct{}) (*nothing, error) {
		return &nothing{}, s.Access.EndSession(ctx)
	})
	handle(s, operation{
		method: http.MethodPost, path: "/api/session/password", id: "changePassword", summary: "Change one's own password", tag: tag, door: byPassword,
		status: http.StatusNoContent, quiet: true,
	}, s.changePassword)
}

func (s *server) signIn(ctx context.Context, c *call, in *signInInput) (*output[Session], error) {
	u, err := s.Access.SignIn(ctx, in.Body.Name, in.Body.Password, c.who.Address)
	if err != nil {
		return nil, err
	}
	if err := s.Access.BeginSession(ctx, u); err != nil {
		return nil, err
	}
	who, err := s.Access.SessionPrincipal(ctx)
	if err != nil {
		return nil, err
	}
	return s.session(ctx, &call{who: who, tenant: who.Home})
}

func (s *server) changePassword(ctx context.Context, c *call, in *passwordInput) (*nothing, error) {
	if err := s.Access.ChangePassword(ctx, c.who, in.Body.Current, in.Body.New); err != nil {
		return nil, err
	}
	return &nothing{}, s.Access.RenewSession(ctx, c.who)
}

func (s *server) session(ctx context.Context, c *call) (*output[Session], error) {
	if c.who == nil {
		return nil, fault.Newf(fault.Unauthorized, "nobody is signed in")
	}
	all, err := s.Access.Tenants(ctx, c.who)
	if err != nil {
		return nil, err
	}
	out := Session{
		User: SessionUser{
			ID: c.who.UserID, Name: c.who.Name, DisplayName: c.who.DisplayName, Roles: c.who.Roles(c.tenant), Permissions: c.who.Permissions(c.tenant),
			MustChange: c.who.MustChange,
		},
		Tenant: TenantName{ID: c.tenant, Name: string(c.tenant)}, Tenants: []TenantName{}, CSRF: s.Access.CSRF(ctx), Version: s.Version, Zone: "UTC",
		MustChange: c.who.MustChange, SignedUntil: s.Access.SessionExpires(ctx).Format("2006-01-02T15:04:05Z"),
	}
	if out.User.Roles == nil {
		out.User.Roles = []string{}
	}
	for _, t := range all {
		if !c.who.Member(t.ID) {
			continue // administrators of the installation see all tenants in the list of tenants, and enter those where they have a role
		}
		out.Tenants = append(out.Tenants, TenantName{ID: t.ID, Name: t.Name})
		if t.ID == c.tenant {
			out.Tenant.Name = t.Name
		}
	}
	sort.Slice(out.Tenants, func(i, j int) bool { return out.Tenants[i].Name < out.Tenants[j].Name })
	if c.who.MustChange {
		return answer(out), nil
	}
	if out.Zone, err = s.Settings.Get(ctx, c.tenant, setting.Zone); err != nil {
		return nil, err
	}
	runs, err := s.Lab.Runs(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	out.Lab = SessionLab{Loaded: len(runs) > 0, Runs: len(runs)}
	return answer(out), nil
}
