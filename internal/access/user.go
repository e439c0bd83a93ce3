package access

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// User is a person who signs in to the portal. The account belongs to its home tenant; other tenants may give it roles but not touch it.
type User struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"` // for signing in; lower case
	DisplayName string     `json:"displayName"`
	HomeTenant  tenant.ID  `json:"homeTenant"`
	Roles       []string   `json:"roles"` // in the tenant that was asked for
	Disabled    bool       `json:"disabled"`
	MustChange  bool       `json:"mustChangePassword"`
	Created     state.Time `json:"created"`
	LastSignIn  state.Time `json:"lastSignIn"`
}

type userRow struct {
	bun.BaseModel `bun:"table:users"`
	ID            string     `bun:"id,pk"`
	Name          string     `bun:"name"`
	DisplayName   string     `bun:"display_name"`
	HomeTenant    tenant.ID  `bun:"home_tenant"`
	Password      string     `bun:"password"`
	MustChange    int        `bun:"must_change"`
	Disabled      int        `bun:"disabled"`
	Epoch         int64      `bun:"epoch"`
	Created       state.Time `bun:"created"`
	Changed       state.Time `bun:"changed"`
	LastSignIn    state.Time `bun:"last_sign_in"`
}

func (r *userRow) user(roles []string) *User {
	return &User{
		ID: r.ID, Name: r.Name, DisplayName: r.DisplayName, HomeTenant: r.HomeTenant, Roles: roles,
		Disabled: r.Disabled != 0, MustChange: r.MustChange != 0, Created: r.Created, LastSignIn: r.LastSignIn,
	}
}

type membership struct {
	bun.BaseModel `bun:"table:memberships"`
	Tenant        tenant.ID `bun:"tenant_id,pk"`
	UserID        string    `bun:"user_id,pk"`
	Role          string    `bun:"role,pk"`
}

var nameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{1,127}$`)

func normalName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// FirstAdministrator is the sign-in name of the account that the first start makes.
const FirstAdministrator = "admin"

// Bootstrap makes the default tenant and, when there is no user yet, the first administrator with a random password that has to be changed at the first
// sign-in. Of several processes that start at once exactly one makes the account and gets its password; the others, and every later start, get "".
func (s *Service) Bootstrap(ctx context.Context) (password string, err error) {
	if err := s.EnsureDefaultTenant(ctx); err != nil {
		return "", err
	}
	if n, err := s.db.NewSelect().Model((*userRow)(nil)).Count(ctx); err != nil || n > 0 {
		return "", err
	}
	password = randomPassword()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	row := &userRow{
		ID: ulid.Make().String(), Name: FirstAdministrator, DisplayName: "Administrator", HomeTenant: tenant.Default, Password: hash, MustChange: 1,
		Created: state.At(s.now()), Changed: state.At(s.now()),
	}
	made := false
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewInsert().Model(row).On("CONFLICT (name) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		made = true
		_, err = tx.NewInsert().Model(&membership{Tenant: tenant.Default, UserID: row.ID, Role: GlobalAdministrator}).Exec(ctx)
		return err
	})
	if err != nil || !made {
		return "", err
	}
	return password, s.Audit(ctx, tenant.Default, &Principal{Kind: KindConsole, Name: "first start"}, Entry{Action: "user.create", Target: row.Name})
}

// NewUser describes an account to be made.
type NewUser struct {
	Name        string
	DisplayName string
	Password    string // empty: a random one that has to be changed
	Roles       []string
}

// CreateUser makes an account whose home is the tenant. It returns the generated password when none was given. A password that somebody else chose has to be
// changed at the first sign-in. Errors: fault.Invalid, fault.Permission, fault.Conflict when the name is taken.
func (s *Service) CreateUser(ctx context.Context, by *Principal, id tenant.ID, n NewUser) (*User, string, error) {
	if err := by.Require(id, RolesManage); err != nil {
		return nil, "", err
	}
	if err := s.checkTenant(ctx, id); err != nil {
		return nil, "", err
	}
	name := normalName(n.Name)
	if !nameShape.MatchString(name) {
		return nil, "", fault.Newf(fault.Invalid, "%q is not a sign-in name: use 2 to 128 lower-case letters, digits and . _ @ + -", n.Name).On("name")
	}
	if err := s.checkRoles(n.Roles); err != nil {
		return nil, "", err
	}
	if err := by.mayGive(id, s.grantsOf(n.Roles), 0); err != nil {
		return nil, "", err
	}
	if utf8.RuneCountInString(n.DisplayName) > 200 || !utf8.ValidString(n.DisplayName) {
		return nil, "", fault.Newf(fault.Invalid, "the display name may have at most 200 characters").On("displayName")
	}
	generated := ""
	if n.Password == "" {
		generated = randomPassword()
		n.Password = generated
	} else if err := checkPassword(name, n.Password); err != nil {
		return nil, "", err
	}
	hash, err := s.hash(ctx, n.Password)
	if err != nil {
		return nil, "", err
	}
	if n.DisplayName == "" {
		n.DisplayName = name
	}
	row := &userRow{
		ID: ulid.Make().String(), Name: name, DisplayName: n.DisplayName, HomeTenant: id, Password: hash, MustChange: 1,
		Created: state.At(s.now()), Changed: state.At(s.now()),
	}
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewInsert().Model(row).On("CONFLICT (name) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.Newf(fault.Conflict, "there is already a user %s", name).On("name"))
		}
		return setRoles(ctx, tx, id, row.ID, n.Roles)
	})
	if err != nil {
		return nil, "", err
	}
	u := row.user(n.Roles)
	return u, generated, s.Audit(ctx, id, by, Entry{Action: "user.create", Target: name, Details: map[string]any{"roles": n.Roles}})
}

func (s *Service) checkRoles(roles []string) error {
	if len(roles) == 0 {
		return fault.Newf(fault.Invalid, "a user needs at least one role").On("roles")
	}
	for _, r := range roles {
		if _, ok := s.roles[r]; !ok {
			return fault.Newf(fault.Invalid, "there is no role %q", r).On("roles")
		}
	}
	return nil
}

func setRoles(ctx context.Context, tx bun.Tx, id tenant.ID, user string, roles []string) error {
	if _, err := tx.NewDelete().Model((*membership)(nil)).Where("tenant_id = ? AND user_id = ?", id, user).Exec(ctx); err != nil {
		return err
	}
	for _, r := range slices.Compact(slices.Sorted(slices.Values(roles))) {
		if _, err := tx.NewInsert().Model(&membership{Tenant: id, UserID: user, Role: r}).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Users lists the accounts that have a role in the tenant, by name.
func (s *Service) Users(ctx context.Context, by *Principal, id tenant.ID) ([]*User, error) {
	if err := by.Require(id, RolesRead); err != nil {
		return nil, err
	}
	var members []membership
	if err := s.db.NewSelect().Model(&members).Where("tenant_id = ?", id).Order("role").Scan(ctx); err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, m := range members {
		roles[m.UserID] = append(roles[m.UserID], m.Role)
	}
	var rows []userRow
	err := s.db.NewSelect().Model(&rows).Where("id IN (SELECT user_id FROM memberships WHERE tenant_id = ?)", id).Order("name").Scan(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*User, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].user(roles[rows[i].ID]))
	}
	return out, nil
}

// UserChange changes an account; nil fields stay.
type UserChange struct {
	DisplayName *string
	Roles       []string // in the tenant; nil leaves them
	Disabled    *bool
	Password    *string // "": generate one
}

// UpdateUser changes an account that has a role in the tenant. Password, name and disabling are for its home tenant only. Whoever is disabled or gets a new
// password is signed out everywhere. The last administrator of a tenant can be neither disabled nor deprived of the role, and nobody can do that to themself.
func (s *Service) UpdateUser(ctx context.Context, by *Principal, id tenant.ID, user string, c UserChange) (*User, string, error) {
	if err := by.Require(id, RolesManage); err != nil {
		return nil, "", err
	}
	row, roles, err := s.member(ctx, id, user)
	if err != nil {
		return nil, "", err
	}
	if (c.DisplayName != nil || c.Disabled != nil || c.Password != nil) && row.HomeTenant != id && by.Kind != KindConsole {
		return nil, "", fault.Newf(fault.Permission, "the account %s belongs to another tenant; only its roles here can be changed", row.Name)
	}
	if c.Roles != nil {
		if err := s.checkRoles(c.Roles); err != nil {
			return nil, "", err
		}
		if err := by.mayGive(id, s.grantsOf(c.Roles), 0); err != nil {
			return nil, "", err
		}
	}
	// A new password is a way into the account, and everything else takes something from it: that is for those who hold at least as much.
	h, err := s.held(ctx, row.ID)
	if err != nil {
		return nil, "", err
	}
	if by.mayGive(id, h.grants[id], 0) != nil {
		return nil, "", fault.Newf(fault.Permission, "%s holds more than you do; ask an administrator of the tenant", row.Name)
	}
	if c.DisplayName != nil && (utf8.RuneCountInString(*c.DisplayName) > 200 || !utf8.ValidString(*c.DisplayName)) {
		return nil, "", fault.Newf(fault.Invalid, "the display name may have at most 200 characters").On("displayName")
	}
	generated, hash := "", ""
	if c.Password != nil {
		if *c.Password == "" {
			generated = randomPassword()
			c.Password = &generated
		} else if err := checkPassword(row.Name, *c.Password); err != nil {
			return nil, "", err
		}
		if hash, err = s.hash(ctx, *c.Password); err != nil {
			return nil, "", err
		}
	}
	losing := c.Disabled != nil && *c.Disabled || c.Roles != nil && !s.administers(c.Roles)
	if losing && by.UserID == row.ID {
		return nil, "", fault.Newf(fault.Conflict, "you cannot take your own administration away")
	}
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		// Changes to one tenant's users go one after the other, so that two administrators cannot remove each other at the same time.
		if _, err := tx.NewRaw("UPDATE tenants SET name = name WHERE id = ?", id).Exec(ctx); err != nil {
			return err
		}
		q := tx.NewUpdate().Model((*userRow)(nil)).Where("id = ?", row.ID).Set("changed = ?", state.At(s.now()))
		if c.DisplayName != nil {
			q = q.Set("display_name = ?", *c.DisplayName)
			row.DisplayName = *c.DisplayName
		}
		if c.Disabled != nil {
			row.Disabled = flag(*c.Disabled)
			q = q.Set("disabled = ?", row.Disabled).Set("epoch = epoch + 1")
		}
		if hash != "" {
			row.MustChange = 1
			q = q.Set("password = ?", hash).Set("must_change = 1")
			if c.Disabled == nil {
				q = q.Set("epoch = epoch + 1")
			}
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
		if c.Roles != nil {
			if err := setRoles(ctx, tx, id, row.ID, c.Roles); err != nil {
				return err
			}
			roles = c.Roles
		}
		if losing {
			return s.keepAdministrator(ctx, tx, id)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	details := map[string]any{}
	if c.Roles != nil {
		details["roles"] = c.Roles
	}
	if c.Disabled != nil {
		details["disabled"] = *c.Disabled
	}
	if c.Password != nil {
		details["password"] = "reset"
	}
	return row.user(roles), generated, s.Audit(ctx, id, by, Entry{Action: "user.update", Target: row.Name, Details: details})
}

func (s *Service) administers(roles []string) bool {
	return s.grantsOf(roles)[RolesManage] != 0
}

// keepAdministrator fails the transaction when nobody who is enabled can manage the tenant's roles any more.
func (s *Service) keepAdministrator(ctx context.Context, tx bun.Tx, id tenant.ID) error {
	var mighty []string
	for _, r := range s.roles {
		if r.Grants[RolesManage] != 0 {
			mighty = append(mighty, r.ID)
		}
	}
	n, err := tx.NewSelect().Model((*membership)(nil)).Where("tenant_id = ?", id).Where("role IN (?)", bun.List(mighty)).
		Where("user_id IN (SELECT id FROM users WHERE disabled = 0)").Count(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Newf(fault.Conflict, "the tenant %s would be left without an administrator", id)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// member returns an account (by id or sign-in name) and its roles in the tenant; one without a role there does not exist for that tenant.
func (s *Service) member(ctx context.Context, id tenant.ID, user string) (*userRow, []string, error) {
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("id = ? OR name = ?", user, normalName(user)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, fault.Newf(fault.NotFound, "there is no user %s", user)
	}
	if err != nil {
		return nil, nil, err
	}
	var roles []string
	err = s.db.NewSelect().Model((*membership)(nil)).Column("role").Where("tenant_id = ? AND user_id = ?", id, row.ID).Order("role").Scan(ctx, &roles)
	if err != nil {
		return nil, nil, err
	}
	if len(roles) == 0 {
		return nil, nil, fault.Newf(fault.NotFound, "there is no user %s", user)
	}
	return row, roles, nil
}

// AddMember gives an existing account roles in a tenant where it has none yet. It takes the administration of the installation, since it reaches over tenants.
func (s *Service) AddMember(ctx context.Context, by *Principal, id tenant.ID, name string, roles []string) error {
	if err := by.RequireSystem(); err != nil {
		return err
	}
	if err := s.checkRoles(roles); err != nil {
		return err
	}
	if err := s.checkTenant(ctx, id); err != nil {
		return err
	}
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("name = ?", normalName(name)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Newf(fault.NotFound, "there is no user %s", name)
	}
	if err != nil {
		return err
	}
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		already, err := tx.NewSelect().Model((*membership)(nil)).Where("tenant_id = ? AND user_id = ?", id, row.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if already {
			return fault.Newf(fault.Conflict, "%s is already a member of tenant %s; change the roles there", row.Name, id)
		}
		return setRoles(ctx, tx, id, row.ID, roles)
	})
	if err != nil {
		return err
	}
	return s.Audit(ctx, id, by, Entry{Action: "member.add", Target: row.Name, Details: map[string]any{"roles": roles}})
}

// Names lists the enabled members of a tenant by sign-in name, for assigning work. It tells nothing else about them.
func (s *Service) Names(ctx context.Context, id tenant.ID) ([]*User, error) {
	var rows []userRow
	err := s.db.NewSelect().Model(&rows).Column("name", "display_name").
		Where("disabled = 0 AND id IN (SELECT user_id FROM memberships WHERE tenant_id = ?)", id).Order("name").Scan(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*User, 0, len(rows))
	for i := range rows {
		out = append(out, &User{Name: rows[i].Name, DisplayName: rows[i].DisplayName})
	}
	return out, nil
}
