package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// house is a service on a fresh database with a clock that tests move.
type house struct {
	*access.Service
	db  *bun.DB
	ctx context.Context
	mu  sync.Mutex
	at  time.Time
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

var cheap = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func open(t *testing.T, location string) *house {
	t.Helper()
	ctx := context.Background()
	db, err := state.Open(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := &house{db: db, ctx: ctx, at: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)}
	if h.Service, err = access.New(db, access.Options{Hash: cheap, Now: h.now, Attempts: 3, Window: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	return h
}

const password = "correct horse battery"

// user makes a user with roles in the tenant, signs it in for the first time and returns its principal.
func (h *house) user(t *testing.T, id tenant.ID, name string, roles ...string) *access.Principal {
	t.Helper()
	u, first, err := h.CreateUser(h.ctx, access.Console(), id, access.NewUser{Name: name, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	p := h.principal(t, u)
	if err := h.ChangePassword(h.ctx, p, first, password+name[:1]); err == nil {
		p = h.principal(t, u)
	} else {
		t.Fatal(err)
	}
	return p
}

// principal returns the user's principal as a session would.
func (h *house) principal(t *testing.T, u *access.User) *access.Principal {
	t.Helper()
	ctx, end := session(t, h, "")
	if err := h.BeginSession(ctx, u); err != nil {
		t.Fatal(err)
	}
	p, err := h.SessionPrincipal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	end()
	return p
}

func (h *house) tenant(t *testing.T, id tenant.ID) {
	t.Helper()
	if _, err := h.CreateTenant(h.ctx, access.Console(), id, ""); err != nil {
		t.Fatal(err)
	}
}

func code(t *testing.T, err error, want fault.Code, what string) {
	t.Helper()
	if fault.CodeOf(err) != want {
		t.Errorf("%s: got %v; want code %q", what, err, want)
	}
}

func TestBootstrapOnce(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		var wg sync.WaitGroup
		passwords := make([]string, 6)
		for i := range passwords {
			wg.Add(1)
			go func() {
				defer wg.Done()
				p, err := h.Bootstrap(h.ctx)
				if err != nil {
					t.Error(err)
				}
				passwords[i] = p
			}()
		}
		wg.Wait()
		first := strings.Join(passwords, "")
		if len(first) != 23 {
			t.Fatalf("the starts printed %q; want exactly one password", passwords)
		}
		if again, err := h.Bootstrap(h.ctx); again != "" || err != nil {
			t.Fatalf("a later start gives %q, %v", again, err)
		}
		u, err := h.SignIn(h.ctx, " Admin ", first, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		p := h.principal(t, u)
		if !p.MustChange || p.Can(tenant.Default, access.DataRead) || p.System() {
			t.Error("with the first password something is allowed beside changing it")
		}
		code(t, p.Require(tenant.Default, access.DataRead), fault.Permission, "with the first password")
		if _, _, err := h.CreateToken(h.ctx, p, tenant.Default, access.NewToken{Name: "x", Scopes: []access.Scope{access.ScopeRead}, Expires: h.now().Add(time.Hour)}); err == nil {
			t.Error("with the first password a token was made")
		}
		for bad, what := range map[string]string{"short": "short", strings.Repeat("a", 300): "long", "aaaaaaaaaaaaaaaa": "monotonous", "the admin password": "name in it", first: "the same", "control\x00characters": "control"} {
			code(t, h.ChangePassword(h.ctx, p, first, bad), fault.Invalid, "password that is "+what)
			h.pass(11 * time.Minute)
		}
		if err := h.ChangePassword(h.ctx, p, first, password); err != nil {
			t.Fatal(err)
		}
		if _, err := h.SignIn(h.ctx, "admin", first, "192.0.2.1"); fault.CodeOf(err) != fault.Unauthorized {
			t.Errorf("the first password after the change: %v", err)
		}
		if u, err = h.SignIn(h.ctx, "admin", password, "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
		if p = h.principal(t, u); !p.System() || !p.Can(tenant.Default, access.RolesManage) {
			t.Error("the administrator cannot administer")
		}
	})
}

func TestOneOfTwoPasswordChangesWins(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		p := h.user(t, "t1", "ann", access.GlobalAdministrator)
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs[i] = h.ChangePassword(h.ctx, p, password+"a", fmt.Sprintf("new pass phrase %d", i))
			}()
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if c := fault.CodeOf(err); c != fault.Conflict && c != fault.Invalid {
				t.Errorf("a loser got %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d changes won: %v", won, errs)
		}
	})
}

func TestGuessingIsBounded(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		h.user(t, "t1", "ann", access.SecurityReader)
		var wg sync.WaitGroup
		var mu sync.Mutex
		counts := map[fault.Code]int{}
		for range 20 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, err := h.SignIn(h.ctx, "ann", "wrong wrong wrong", "192.0.2.7")
				mu.Lock()
				counts[fault.CodeOf(err)]++
				mu.Unlock()
			}()
		}
		wg.Wait()
		if counts[fault.Unauthorized] != 3 || counts[fault.Busy] != 17 {
			t.Errorf("20 guesses at once ended as %v; want 3 unauthorized and 17 busy", counts)
		}
		_, err := h.SignIn(h.ctx, "ann", password+"a", "192.0.2.7")
		code(t, err, fault.Busy, "the right password while locked out")
		var f *fault.Error
		if !errors.As(err, &f) || f.Details["retryAfter"] != 600 {
			t.Errorf("retryAfter is missing in %+v", f)
		}
		if _, err := h.SignIn(h.ctx, "ann", password+"a", "198.51.100.1"); err != nil {
			t.Errorf("from another address: %v; one guesser must not lock the owner out", err)
		}
		_, err = h.SignIn(h.ctx, "nobody", "wrong wrong wrong", "192.0.2.8")
		code(t, err, fault.Unauthorized, "a name that does not exist")
		h.pass(11 * time.Minute)
		if _, err := h.SignIn(h.ctx, "ann", password+"a", "192.0.2.7"); err != nil {
			t.Errorf("after the window: %v", err)
		}
		// Many names from one network count together.
		for i := range 40 {
			_, err = h.SignIn(h.ctx, fmt.Sprintf("name%d", i), "x", fmt.Sprintf("2001:db8::%x", i))
		}
		code(t, err, fault.Busy, "many names from one /64")
	})
}

func TestRolesGrantWhatTheTableSays(t *testing.T) {
	h := open(t, t.TempDir()+"/state.db")
	h.tenant(t, "t1")
	for role, c := range map[string]struct{ may, mayNot []access.Permission }{
		access.GlobalAdministrator: {
			[]access.Permission{access.DataRead, access.AlertsManage, access.RolesManage, access.SystemManage, access.QuarantineManage, access.BaselineManage},
			[]access.Permission{access.MailContentRead},
		},
		access.SecurityOperator: {
			[]access.Permission{access.DataRead, access.AlertsManage, access.ResponseManage, access.LiveAdvanced, access.DetectionManage, access.CoreManage},
			[]access.Permission{access.RolesManage, access.RolesRead, access.QuarantineManage, access.EmailActions, access.ScoreManage, access.MailContentRead, access.AuditRead},
		},
		access.GlobalReader: {
			[]access.Permission{access.DataRead, access.MailMetaRead, access.RolesRead, access.CoreRead},
			[]access.Permission{access.AlertsManage, access.ResponseManage, access.DetectionManage, access.CoreManage, access.RolesManage},
		},
		access.SecurityReader:         {[]access.Permission{access.DataRead, access.ScoreRead}, []access.Permission{access.RolesRead, access.AlertsManage, access.ScoreManage}},
		"exchangeAdministrator":       {[]access.Permission{access.ScoreManage, access.MailMetaRead, access.SystemManage}, []access.Permission{access.AlertsManage, access.CoreRead}},
		"complianceDataAdministrator": {[]access.Permission{access.AlertsManage, access.DataRead}, []access.Permission{access.MailMetaRead, access.ScoreRead}},
		"helpdeskAdministrator":       {[]access.Permission{access.ScoreRead}, []access.Permission{access.DataRead}},
		"billingAdministrator":        {nil, []access.Permission{access.DataRead, access.ScoreRead, access.SystemRead}},
	} {
		t.Run(role, func(t *testing.T) {
			p := h.user(t, "t1", strings.ToLower(role), role)
			for _, perm := range c.may {
				if !p.Can("t1", perm) {
					t.Errorf("lacks %s", perm)
				}
			}
			for _, perm := range c.mayNot {
				if p.Can("t1", perm) {
					t.Errorf("holds %s", perm)
				}
			}
			if p.System() || p.Can(tenant.Default, access.DataRead) || p.Can("t2", access.DataRead) || p.Can("", access.DataRead) {
				t.Error("holds something in a tenant that is not its own")
			}
			if p.Can("t1", "secops.no.such") {
				t.Error("holds a permission that does not exist")
			}
		})
	}
	reader := h.user(t, "t1", "workloads", access.SecurityReader)
	if got := reader.Workloads("t1", access.CoreRead); got != access.Email|access.Identity {
		t.Errorf("readers see core settings of workloads %b", got)
	}
	var nobody *access.Principal
	if nobody.Can("t1", access.DataRead) || (&access.Principal{}).Can("t1", access.DataRead) || nobody.HasScope(access.ScopeRead) {
		t.Error("nobody may do something")
	}
}

func TestTenantsAreFences(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		h.tenant(t, "t2")
		one := h.user(t, "t1", "one", access.GlobalAdministrator)
		two := h.user(t, "t2", "two", access.GlobalAdministrator)
		_, _, err := h.CreateUser(h.ctx, one, "t2", access.NewUser{Name: "spy", Roles: []string{access.GlobalAdministrator}})
		code(t, err, fault.Permission, "a user for another tenant")
		_, _, err = h.UpdateUser(h.ctx, one, "t1", two.UserID, access.UserChange{Roles: []string{access.SecurityReader}})
		code(t, err, fault.NotFound, "another tenant's user by id through the own tenant")
		_, _, err = h.UpdateUser(h.ctx, one, "t2", two.UserID, access.UserChange{Roles: []string{access.SecurityReader}})
		code(t, err, fault.Permission, "another tenant's user")
		code(t, h.AddMember(h.ctx, one, "t1", "two", []string{access.SecurityReader}), fault.Permission, "membership for another tenant's user")
		_, err = h.CreateTenant(h.ctx, one, "t3", "")
		code(t, err, fault.Permission, "a tenant made by a tenant's administrator")
		_, err = h.ResetPassword(h.ctx, one, "two")
		code(t, err, fault.Permission, "reset over the API")
		_, _, err = h.AuditLog(h.ctx, one, "t2", access.AuditQuery{Top: 1})
		code(t, err, fault.Permission, "another tenant's audit log")

		// A guest from another tenant: roles can be changed here, the account cannot.
		if err := h.AddMember(h.ctx, access.Console(), "t1", "two", []string{access.SecurityReader}); err != nil {
			t.Fatal(err)
		}
		code(t, h.AddMember(h.ctx, access.Console(), "t1", "two", []string{access.GlobalAdministrator}), fault.Conflict, "second membership")
		newPassword, yes := "", true
		_, _, err = h.UpdateUser(h.ctx, one, "t1", two.UserID, access.UserChange{Password: &newPassword})
		code(t, err, fault.Permission, "a guest's password")
		_, _, err = h.UpdateUser(h.ctx, one, "t1", two.UserID, access.UserChange{Disabled: &yes})
		code(t, err, fault.Permission, "disabling a guest's account")
		if _, _, err = h.UpdateUser(h.ctx, one, "t1", two.UserID, access.UserChange{Roles: []string{access.SecurityOperator}}); err != nil {
			t.Error(err)
		}
		users, err := h.Users(h.ctx, one, "t1")
		if err != nil || len(users) != 2 || users[1].Roles[0] != access.SecurityOperator {
			t.Errorf("users of t1: %+v, %v", users, err)
		}
		if tenants, err := h.Tenants(h.ctx, one); err != nil || len(tenants) != 1 || tenants[0].ID != "t1" {
			t.Errorf("one sees tenants %+v, %v", tenants, err)
		}
	})
}

func TestAdministratorsDoNotLockThemselvesOut(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		one := h.user(t, "t1", "one", access.GlobalAdministrator)
		two := h.user(t, "t1", "two", access.SecurityAdministrator)
		yes := true
		_, _, err := h.UpdateUser(h.ctx, one, "t1", one.UserID, access.UserChange{Disabled: &yes})
		code(t, err, fault.Conflict, "disabling oneself")
		_, _, err = h.UpdateUser(h.ctx, one, "t1", one.UserID, access.UserChange{Roles: []string{access.SecurityReader}})
		code(t, err, fault.Conflict, "taking one's own role")
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, pair := range [][2]*access.Principal{{one, two}, {two, one}} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, _, errs[i] = h.UpdateUser(h.ctx, pair[0], "t1", pair[1].UserID, access.UserChange{Roles: []string{access.SecurityReader}})
			}()
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("two administrators removed each other: %v", errs)
		}
	})
}

func TestDisablingAndPasswordsEndSessionsAndTokens(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		admin := h.user(t, "t1", "admin", access.GlobalAdministrator)
		p := h.user(t, "t1", "ann", access.SecurityOperator)
		_, secret, err := h.CreateToken(h.ctx, p, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{access.ScopeRead}, Expires: h.now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		u, err := h.SignIn(h.ctx, "ann", password+"a", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		ctx, _ := session(t, h, "")
		if err := h.BeginSession(ctx, u); err != nil {
			t.Fatal(err)
		}
		if _, err := h.SessionPrincipal(ctx); err != nil {
			t.Fatal(err)
		}
		// Roles count from the next request on.
		if _, _, err := h.UpdateUser(h.ctx, admin, "t1", u.ID, access.UserChange{Roles: []string{access.SecurityReader}}); err != nil {
			t.Fatal(err)
		}
		if p, err := h.SessionPrincipal(ctx); err != nil || p.Can("t1", access.AlertsManage) || !p.Can("t1", access.DataRead) {
			t.Errorf("after the roles changed: %+v, %v", p, err)
		}
		yes, no, fresh := true, false, ""
		if _, _, err := h.UpdateUser(h.ctx, admin, "t1", u.ID, access.UserChange{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		_, err = h.SessionPrincipal(ctx)
		code(t, err, fault.Unauthorized, "session of a disabled user")
		_, err = h.TokenPrincipal(h.ctx, secret)
		code(t, err, fault.Unauthorized, "token of a disabled user")
		_, err = h.SignIn(h.ctx, "ann", password+"a", "192.0.2.1")
		code(t, err, fault.Unauthorized, "sign-in of a disabled user")
		_, err = h.Fresh(h.ctx, p)
		code(t, err, fault.Unauthorized, "open stream of a disabled user")
		if _, _, err := h.UpdateUser(h.ctx, admin, "t1", u.ID, access.UserChange{Disabled: &no}); err != nil {
			t.Fatal(err)
		}
		_, err = h.SessionPrincipal(ctx)
		code(t, err, fault.Unauthorized, "an old session after enabling again")
		if _, err := h.TokenPrincipal(h.ctx, secret); err != nil {
			t.Errorf("token after enabling again: %v", err)
		}
		if _, given, err := h.UpdateUser(h.ctx, admin, "t1", u.ID, access.UserChange{Password: &fresh}); err != nil || given == "" {
			t.Fatalf("reset gave %q, %v", given, err)
		}
		_, err = h.TokenPrincipal(h.ctx, secret)
		code(t, err, fault.Unauthorized, "token of a user who must change the password")
	})
}

func TestTokens(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		h.tenant(t, "t2")
		reader := h.user(t, "t1", "reader", access.SecurityReader)
		operator := h.user(t, "t1", "operator", access.SecurityOperator)
		if err := h.AddMember(h.ctx, access.Console(), "t2", "operator", []string{access.GlobalAdministrator}); err != nil {
			t.Fatal(err)
		}
		var err error
		if operator, err = h.Fresh(h.ctx, operator); err != nil {
			t.Fatal(err)
		}
		hour := h.now().Add(time.Hour)
		make := func(by *access.Principal, id tenant.ID, n access.NewToken) (string, error) {
			_, secret, err := h.CreateToken(h.ctx, by, id, n)
			return secret, err
		}
		for what, c := range map[string]struct {
			by   *access.Principal
			id   tenant.ID
			n    access.NewToken
			want fault.Code
		}{
			"other tenant":           {reader, "t2", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour}, fault.Permission},
			"no such tenant":         {reader, "t9", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour}, fault.NotFound},
			"ingest without right":   {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"ingest"}, Expires: hour}, fault.Permission},
			"for somebody else":      {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour, User: operator.UserID}, fault.Permission},
			"without end":            {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}}, fault.Invalid},
			"over a year":            {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour.AddDate(2, 0, 0)}, fault.Invalid},
			"in the past":            {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour.AddDate(-1, 0, 0)}, fault.Invalid},
			"no such scope":          {reader, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"everything"}, Expires: hour}, fault.Invalid},
			"no scope":               {reader, "t1", access.NewToken{Name: "x", Expires: hour}, fault.Invalid},
			"no name":                {reader, "t1", access.NewToken{Name: " ", Scopes: []access.Scope{"read"}, Expires: hour}, fault.Invalid},
			"nobody":                 {nil, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour}, fault.Permission},
			"console, no such owner": {access.Console(), "t2", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, User: "reader"}, fault.NotFound},
		} {
			_, err := make(c.by, c.id, c.n)
			code(t, err, c.want, what)
		}

		full, err := make(operator, "t1", access.NewToken{Name: "full", Scopes: []access.Scope{"write", "hunt", "ingest"}, Expires: hour})
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.TokenPrincipal(h.ctx, full)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Can("t1", access.AlertsManage) || !p.HasScope(access.ScopeIngest) || p.Can("t1", access.CoreManage) || p.HasScope(access.ScopeAdmin) {
			t.Error("a token with write, hunt and ingest may do something else than that")
		}
		if p.Can("t2", access.DataRead) || p.Member("t2") {
			t.Error("a token of t1 reaches t2, where its owner is an administrator")
		}
		_, err = make(p, "t1", access.NewToken{Name: "x", Scopes: []access.Scope{"read"}, Expires: hour})
		code(t, err, fault.Permission, "a token made with a token")

		ingest, err := make(access.Console(), "t1", access.NewToken{Name: "beats", Scopes: []access.Scope{"ingest"}})
		if err != nil {
			t.Fatal(err)
		}
		if p, err = h.TokenPrincipal(h.ctx, ingest); err != nil {
			t.Fatal(err)
		}
		for _, d := range access.Catalogue() {
			if p.Can("t1", d.Permission) {
				t.Errorf("a token for ingest holds %s", d.Permission)
			}
		}
		if p.HasScope(access.ScopeRead) || p.HasScope(access.ScopeHunt) || !p.HasScope(access.ScopeIngest) {
			t.Error("a token for ingest has other scopes")
		}
		h.pass(2 * time.Hour)
		_, err = h.TokenPrincipal(h.ctx, full)
		code(t, err, fault.Unauthorized, "an expired token")
		for _, bad := range []string{"", "bztn_", full + "x", "Bearer " + ingest, strings.ToUpper(ingest), strings.Repeat("bztn_", 1000)} {
			_, err = h.TokenPrincipal(h.ctx, bad)
			code(t, err, fault.Unauthorized, "token "+bad[:min(len(bad), 10)])
		}

		list, err := h.Tokens(h.ctx, reader, "t1")
		if err != nil || len(list) != 0 {
			t.Errorf("the reader sees tokens of others: %+v, %v", list, err)
		}
		admin := h.user(t, "t1", "boss", access.GlobalAdministrator)
		if list, err = h.Tokens(h.ctx, admin, "t1"); err != nil || len(list) != 2 || list[0].Name != "beats" || list[0].LastUsed.IsZero() {
			t.Fatalf("tokens of t1: %+v, %v", list, err)
		}
		code(t, h.RevokeToken(h.ctx, reader, "t1", list[0].ID), fault.NotFound, "revoking another's token")
		code(t, h.RevokeToken(h.ctx, operator, "t2", list[0].ID), fault.NotFound, "revoking by way of another tenant")
		if err := h.RevokeToken(h.ctx, admin, "t1", list[0].ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.TokenPrincipal(h.ctx, ingest)
		code(t, err, fault.Unauthorized, "a revoked token")
	})
}

func TestAuditLogShowsTampering(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.tenant(t, "t1")
		admin := h.user(t, "t1", "admin", access.GlobalAdministrator)
		before, err := h.VerifyAudit(h.ctx, "t1")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if err := h.Audit(h.ctx, "t1", admin, access.Entry{Action: "test", Target: fmt.Sprint(i), Details: map[string]any{"n": i}}); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		if n, err := h.VerifyAudit(h.ctx, "t1"); n != before+12 || err != nil {
			t.Fatalf("VerifyAudit = %d, %v; want %d", n, err, before+12)
		}
		page, n, err := h.AuditLog(h.ctx, admin, "t1", access.AuditQuery{Action: "test", Top: 5})
		if err != nil || n != 12 || len(page) != 5 || page[0].No != before+12 || page[0].Actor != "admin" {
			t.Errorf("page %+v of %d, %v", page, n, err)
		}
		for what, change := range map[string]string{
			"changed": "UPDATE audit SET target = 'x' WHERE tenant_id = 't1' AND no = 4",
			"removed": "DELETE FROM audit WHERE tenant_id = 't1' AND no = 4",
			"cut":     "DELETE FROM audit WHERE tenant_id = 't1' AND no >= 4",
		} {
			if _, err := h.db.Exec(change); err != nil {
				t.Fatal(err)
			}
			if _, err := h.VerifyAudit(h.ctx, "t1"); fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "line") {
				t.Errorf("a line was %s: VerifyAudit says %v", what, err)
			}
		}
	})
}
