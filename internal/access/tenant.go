package access

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Tenant is an organisation.
type Tenant struct {
	bun.BaseModel `bun:"table:tenants" json:"-"`
	ID            tenant.ID  `bun:"id,pk" json:"id"`
	Name          string     `bun:"name" json:"name"`
	Created       state.Time `bun:"created" json:"created"`
}

// CreateTenant makes a tenant. It has no members until AddMember or CreateUser gives it some. The principal that made it over the API becomes its first
// administrator.
func (s *Service) CreateTenant(ctx context.Context, by *Principal, id tenant.ID, name string) (*Tenant, error) {
	if err := by.RequireSystem(); err != nil {
		return nil, err
	}
	if _, err := tenant.Parse(string(id)); err != nil {
		return nil, err
	}
	if name = strings.TrimSpace(name); name == "" {
		name = string(id)
	}
	if utf8.RuneCountInString(name) > 200 || !utf8.ValidString(name) {
		return nil, fault.Newf(fault.Invalid, "the tenant's name may have at most 200 characters").On("name")
	}
	t := &Tenant{ID: id, Name: name, Created: state.At(s.now())}
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewInsert().Model(t).On("CONFLICT (id) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.Newf(fault.Conflict, "there is already a tenant %s", id).On("id")
		}
		if by.UserID == "" {
			return nil
		}
		return setRoles(ctx, tx, id, by.UserID, []string{GlobalAdministrator})
	})
	if err != nil {
		return nil, err
	}
	return t, s.Audit(ctx, id, by, Entry{Action: "tenant.create", Target: string(id)})
}

// EnsureDefaultTenant makes the tenant of a fresh installation when it is missing.
func (s *Service) EnsureDefaultTenant(ctx context.Context) error {
	_, err := s.db.NewRaw("INSERT INTO tenants (id, name, created) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", tenant.Default, "Default", state.At(s.now())).Exec(ctx)
	return err
}

// Tenants lists the tenants that the principal is a member of, by id; the console and administrators of the installation see all.
func (s *Service) Tenants(ctx context.Context, by *Principal) ([]Tenant, error) {
	all := []Tenant{}
	q := s.db.NewSelect().Model(&all).Order("id")
	if !by.System() {
		ids := by.Tenants()
		if len(ids) == 0 {
			return all, nil
		}
		q = q.Where("id IN (?)", bun.List(ids))
	}
	return all, q.Scan(ctx)
}

// AllTenants lists every tenant for the program's own work: opening lakes, scheduled jobs.
func (s *Service) AllTenants(ctx context.Context) ([]tenant.ID, error) {
	var ids []tenant.ID
	return ids, s.db.NewSelect().Model((*Tenant)(nil)).Column("id").Order("id").Scan(ctx, &ids)
}

func (s *Service) checkTenant(ctx context.Context, id tenant.ID) error {
	ok, err := s.db.NewSelect().Model((*Tenant)(nil)).Where("id = ?", id).Exists(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return fault.Newf(fault.NotFound, "there is no tenant %s", id).On("tenant")
	}
	return nil
}
