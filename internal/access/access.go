// Package access decides who may do what: users and their passwords, tenants and memberships, roles and permissions, sessions, API tokens, and the audit log.
//
// Whoever acts is a Principal, made by Service.SessionPrincipal or Service.TokenPrincipal. Everything is denied unless Principal.Can says otherwise:
//
//	if err := p.Require(tenant, access.AlertsManage); err != nil { return err }
//
// Principal.Can(tenant, permission) is the evaluator. A principal holds the union of what its roles in that tenant grant, cut down to the token's scopes
// when it came with a token.
package access

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/alexedwards/scs/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options tune a Service. Zero values give the defaults of the settings table.
type Options struct {
	Idle, Absolute time.Duration    // how long a session lasts without a request, and at most: 8 h, 24 h
	Attempts       int              // failed sign-ins of one name from one address within Window: 10
	Window         time.Duration    // 15 min
	Secure         bool             // the portal is reached by HTTPS only, so cookies may be marked so
	Hash           *argon2id.Params // cost of password hashing; nil for the default, 64 MiB and two passes
	Now            func() time.Time
	Log            *slog.Logger
}

// Service owns everything about access. It is safe for concurrent use.
type Service struct {
	db       *bun.DB
	opt      Options
	sessions *scs.SessionManager
	hashing  chan struct{} // bounds how many passwords are hashed at once, and so the memory that takes
	roles    map[string]Role
	decoy    func() (string, error) // hash that is compared with when a name does not exist, so that both take the same time
}

// New returns the service on an open state database.
func New(db *bun.DB, o Options) (*Service, error) {
	if o.Idle <= 0 {
		o.Idle = 8 * time.Hour
	}
	if o.Absolute <= 0 {
		o.Absolute = 24 * time.Hour
	}
	if o.Attempts <= 0 {
		o.Attempts = 10
	}
	if o.Window <= 0 {
		o.Window = 15 * time.Minute
	}
	if o.Hash == nil {
		o.Hash = &argon2id.Params{Memory: 64 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{db: db, opt: o, hashing: make(chan struct{}, max(2, runtime.NumCPU()))}
	s.roles = map[string]Role{}
	for _, r := range Roles() {
		s.roles[r.ID] = r
	}
	s.decoy = sync.OnceValues(func() (string, error) { return argon2id.CreateHash("nobody has this password", o.Hash) })
	s.sessions = s.newSessions()
	return s, nil
}

// Kind says what sort of principal it is.
type Kind string

// The kinds of principals, as in the audit log.
const (
	KindUser    Kind = "user"    // signed in with a password
	KindToken   Kind = "token"   // an API token
	KindConsole Kind = "console" // the command line on the data folder itself
	KindNobody  Kind = "nobody"  // not signed in
)

// Principal is who acts. The zero value may do nothing.
type Principal struct {
	Kind        Kind
	UserID      string // empty for service tokens and the console
	Name        string // sign-in name, or the token's name
	DisplayName string
	TokenID     string
	TokenName   string    // as it was given when the token was made
	Quota       Quota     // of what the token delivers
	Home        tenant.ID // the tenant it works in unless it asks for another
	Address     string    // where the request came from, for the audit log
	// MustChange is set while the user has a password that somebody else chose: nothing but changing it is allowed.
	MustChange bool

	roles   map[tenant.ID][]string
	grants  map[tenant.ID]Grants
	devices map[tenant.ID][]string // visible device groups; no entry: all
	scopes  Scopes
	epoch   int64
}

// Console is the principal of the command line working on the data folder itself: whoever can read the folder can do everything.
func Console() *Principal {
	return &Principal{Kind: KindConsole, Name: "console", Home: tenant.Default, scopes: AllScopes}
}

// Can reports whether the principal holds the permission, for at least one workload, in the tenant.
func (p *Principal) Can(id tenant.ID, permission Permission) bool {
	return p.Workloads(id, permission) != 0
}

// Workloads returns for which workloads the principal holds the permission in the tenant; none means it may not at all.
func (p *Principal) Workloads(id tenant.ID, permission Permission) Workloads {
	if p == nil || p.MustChange || id == "" {
		return 0
	}
	if p.Kind == KindConsole {
		return AllWorkloads
	}
	if !p.scopes.allow(permission) {
		return 0
	}
	return p.grants[id][permission]
}

// Require returns an error with code fault.Permission unless the principal holds the permission in the tenant.
func (p *Principal) Require(id tenant.ID, permission Permission) error {
	if p.Can(id, permission) {
		return nil
	}
	if p != nil && p.MustChange {
		return fault.Newf(fault.Permission, "the password has to be changed first").On("password")
	}
	return fault.Newf(fault.Permission, "this needs the permission %s (%s); ask an administrator of the tenant", permission, permission.Label()).On(string(permission))
}

// HasScope reports whether requests of that scope may be made at all. Signed-in users have every scope.
func (p *Principal) HasScope(s Scope) bool { return p != nil && p.scopes.has(s) }

// Member reports whether the principal has any role in the tenant. To others the tenant does not exist.
func (p *Principal) Member(id tenant.ID) bool {
	if p == nil || id == "" {
		return false
	}
	if p.Kind == KindConsole {
		return true
	}
	_, ok := p.grants[id]
	return ok
}

// Tenants returns the tenants in which the principal has a role, in no order.
func (p *Principal) Tenants() []tenant.ID {
	out := make([]tenant.ID, 0, len(p.grants))
	for id := range p.grants {
		out = append(out, id)
	}
	return out
}

// Roles returns the ids of the principal's roles in the tenant.
func (p *Principal) Roles(id tenant.ID) []string { return p.roles[id] }

// Permissions returns the slugs that the principal holds in the tenant, in the order of the catalogue.
func (p *Principal) Permissions(id tenant.ID) []Permission {
	out := []Permission{}
	for _, d := range Catalogue() {
		if p.Can(id, d.Permission) {
			out = append(out, d.Permission)
		}
	}
	return out
}

// System reports whether the principal may manage the installation itself, which is more than any one tenant: it takes the system settings of the default
// tenant for all workloads.
func (p *Principal) System() bool { return p.Workloads(tenant.Default, SystemManage) == AllWorkloads }

// RequireSystem returns an error unless System.
func (p *Principal) RequireSystem() error {
	if p.System() {
		return nil
	}
	return fault.Newf(fault.Permission, "this concerns the whole installation and needs %s in the tenant %s", SystemManage, tenant.Default).On(string(SystemManage))
}

// addressKey cuts an address to what one subscriber has, for counting: IPv4 as it is, IPv6 to its /64.
func addressKey(address string) string {
	a, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil {
		return "unknown"
	}
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

func (s *Service) now() time.Time { return s.opt.Now().UTC() }

// Sweep removes sessions, counters and other rows whose time is over. Run it every hour or so.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	if _, err := s.db.NewRaw("DELETE FROM sessions WHERE expires < ?", now.UnixMicro()).Exec(ctx); err != nil {
		return err
	}
	_, err := s.db.NewRaw("DELETE FROM sign_in_failures WHERE since < ?", now.Add(-s.opt.Window).UnixMicro()).Exec(ctx)
	return err
}
