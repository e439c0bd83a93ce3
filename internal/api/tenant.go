package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// TenantView is a tenant as the API shows it.
type TenantView struct {
	ID      tenant.ID  `json:"id"`
	Name    string     `json:"name"`
	Created *time.Time `json:"createdTime,omitempty"`
}

// ViewTenant shows a tenant.
func ViewTenant(t access.Tenant) TenantView {
	return TenantView{ID: t.ID, Name: t.Name, Created: moment(t.Created.Time)}
}

type tenantCreate struct {
	Body struct {
		ID   string `json:"id" maxLength:"63"`
		Name string `json:"name,omitempty" maxLength:"400"`
	}
}

func (s *server) registerTenants() {
	const tag = "tenants"
	handle(s, operation{
		method: http.MethodGet, path: "/api/tenants", id: "listTenants", summary: "The tenants one is a member of; all for administrators of the installation", tag: tag,
		door: bySignIn, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[TenantView], error) {
		all, err := s.Access.Tenants(ctx, c.who)
		if err != nil {
			return nil, err
		}
		views := make([]TenantView, 0, len(all))
		for _, t := range all {
			views = append(views, ViewTenant(t))
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	handle(s, operation{
		method: http.MethodPost, path: "/api/tenants", id: "createTenant", summary: "Add a tenant; who does becomes its first administrator", tag: tag, door: bySystem,
		scope: access.ScopeAdmin, status: http.StatusCreated, quiet: true,
	}, func(ctx context.Context, c *call, in *tenantCreate) (*output[TenantView], error) {
		id, err := tenant.Parse(in.Body.ID)
		if err != nil {
			return nil, err
		}
		t, err := s.Access.CreateTenant(ctx, c.who, id, in.Body.Name)
		if err != nil {
			return nil, err
		}
		return answer(ViewTenant(*t)), nil
	})
}
