package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }

// listed is an operation as the served description shows it.
type listed struct {
	method, path, id, door, permission, scope string
	foreign                                   bool // refuses in the words of another protocol
}

func operations(t *testing.T, h *house) []listed {
	t.Helper()
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(h.browser().must("GET", "/api/openapi.json", nil, 200), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI version is %q", doc.OpenAPI)
	}
	var out []listed
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			var o struct {
				OperationID string `json:"operationId"`
				Door        string `json:"x-door"`
				Permission  string `json:"x-permission"`
				Scope       string `json:"x-scope"`
				Refusal     string `json:"x-refusal"`
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			out = append(out, listed{strings.ToUpper(method), path, o.OperationID, o.Door, o.Permission, o.Scope, o.Refusal != ""})
		}
	}
	if len(out) < 50 {
		t.Fatalf("only %d operations are described", len(out))
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// fill gives a path with things that do not exist, for requests that must not come far enough to notice.
func (o listed) fill() string { return placeholder.ReplaceAllString(o.path, "1") }

func TestNobodyPasses(t *testing.T) {
	h := open2(t)
	nobody := h.browser()
	expired := h.bearer("bztn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	for _, o := range operations(t, h) {
		switch o.door {
		case string(open):
			if o.id != "signIn" && o.id != "hecHealth" {
				t.Errorf("%s is open to everybody", o.id)
			}
			continue
		case string(byBody):
			for _, body := range []any{map[string]any{}, map[string]any{"node_key": strings.Repeat("A", 43), "enroll_secret": "bztn_A"}} {
				if status, raw := nobody.do(o.method, o.fill(), body); status != 200 || string(raw) != `{"node_invalid":true}`+"\n" {
					t.Errorf("%s tells nobody %d %s", o.id, status, raw)
				}
			}
			continue
		case string(byPermission), string(bySignIn), string(byPassword), string(bySystem), string(byToken):
		default:
			t.Errorf("%s %s has the door %q", o.method, o.path, o.door)
		}
		// The body is not even looked at: the same answer with one that fits nothing.
		for _, body := range []any{nil, "nonsense"} {
			if o.foreign {
				for _, b := range []*browser{nobody, expired} {
					if status, raw := b.do(o.method, o.fill(), body); status != 401 {
						t.Errorf("%s: %d %s", o.id, status, raw)
					}
				}
				continue
			}
			nobody.refused(o.method, o.fill(), body, 401, fault.Unauthorized)
			expired.refused(o.method, o.fill(), body, 401, fault.Unauthorized)
		}
	}
	nobody.refused("GET", "/api/no/such", nil, 404, fault.NotFound)
	nobody.refused("DELETE", "/api/incidents", nil, 404, fault.NotFound)
}

// A role without the permission is refused, a role with it comes past the guard, and a token needs the scope beside the permission.
func TestPermissionsAndScopesOfEveryOperation(t *testing.T) {
	h := open2(t)
	powerless := h.person("default", "bill", "billingAdministrator")
	admin := h.person("default", "root", access.GlobalAdministrator)
	scopes := map[string]*browser{}
	for _, s := range []access.Scope{access.ScopeRead, access.ScopeWrite, access.ScopeHunt, access.ScopeIngest, access.ScopeAdmin} {
		scopes[string(s)], _ = h.token("default", s)
	}
	holds := func(token, need string) bool {
		switch token {
		case need:
			return true
		case "write":
			return need == "read"
		case "admin":
			return need != "ingest"
		}
		return false
	}
	for _, o := range operations(t, h) {
		if o.door == string(open) || o.door == string(byBody) || o.door == string(byPassword) || o.id == "streamEvents" {
			continue
		}
		t.Run(o.id, func(t *testing.T) {
			if o.door == string(byPermission) || o.door == string(bySystem) {
				powerless.refused(o.method, o.fill(), "nonsense", 403, fault.Permission)
			}
			if o.door == string(byPermission) && o.permission == "" || o.scope == "" {
				t.Error("names no permission or no scope")
			}
			if o.door == string(byToken) && o.foreign {
				if status, raw := admin.do(o.method, o.fill(), nil); status != 401 {
					t.Errorf("a session passes: %d %s", status, raw)
				}
			} else if o.door == string(byToken) {
				admin.refused(o.method, o.fill(), nil, 401, fault.Unauthorized)
			} else if status, raw := admin.do(o.method, o.fill(), nil); status == 401 || status == 403 {
				t.Errorf("an administrator is refused: %d %s", status, raw)
			}
			for name, b := range scopes {
				status, raw := b.do(o.method, o.fill(), nil)
				refusedByGuard := status == 403
				if !holds(name, o.scope) && !refusedByGuard {
					t.Errorf("a token with the scope %s gets %d %s; the scope %s is needed", name, status, raw, o.scope)
				}
				if holds(name, o.scope) && refusedByGuard {
					t.Errorf("a token with the scope %s is refused: %s", name, raw)
				}
			}
		})
	}
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	h := open2(t)
	one := h.person("default", "one", access.GlobalAdministrator)
	two := h.person("t2", "two", access.GlobalAdministrator)
	for _, o := range operations(t, h) {
		if o.door != string(byPermission) && o.door != string(bySignIn) {
			continue
		}
		two.refused(o.method, o.fill(), nil, 403, fault.Permission, "X-Tenant", "default")
		two.refused(o.method, o.fill()+"?tid=default", nil, 403, fault.Permission)
		two.refused(o.method, o.fill(), nil, 403, fault.Permission, "X-Tenant", "no-such-tenant")
	}
	two.refused("GET", "/api/incidents", nil, 400, fault.Invalid, "X-Tenant", "../default")
	two.refused("POST", "/api/tenants", map[string]string{"id": "t3"}, 403, fault.Permission)
	two.refused("POST", "/api/backups", nil, 403, fault.Permission)
	one.must("POST", "/api/tenants", map[string]string{"id": "t3", "name": "Third"}, 201)
	one.must("GET", "/api/incidents?tid=t3", nil, 200) // who makes a tenant administers it
	one.refused("GET", "/api/incidents?tid=t2", nil, 403, fault.Permission)

	// Things of one tenant do not exist in another, whoever names them.
	var q struct{ ID string }
	if err := json.Unmarshal(two.must("POST", "/api/hunting/queries", map[string]any{"name": "q", "query": "print 1", "shared": true}, 201), &q); err != nil {
		t.Fatal(err)
	}
	one.refused("DELETE", "/api/hunting/queries/"+q.ID, nil, 404, fault.NotFound)
	var users struct{ Value []UserView }
	if err := json.Unmarshal(two.must("GET", "/api/users", nil, 200), &users); err != nil || len(users.Value) != 1 {
		t.Fatalf("t2 lists %+v, %v", users, err)
	}
	one.refused("PATCH", "/api/users/"+users.Value[0].ID, map[string]any{"disabled": true}, 404, fault.NotFound)
	_, secret := h.token("t2", access.ScopeAdmin)
	h.bearer(secret).refused("GET", "/api/incidents", nil, 403, fault.Permission, "X-Tenant", "default")
	h.bearer(secret).must("GET", "/api/incidents", nil, 200)
}

func TestForgedRequests(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.GlobalAdministrator)
	body := map[string]any{"name": "portal.zone", "value": "Asia/Tokyo"}
	b.refused("PUT", "/api/settings", body, 403, fault.Permission, access.CSRFHeader, "")
	b.refused("PUT", "/api/settings", body, 403, fault.Permission, access.CSRFHeader, b.csrf+"x")
	b.refused("PUT", "/api/settings", body, 403, fault.Permission, access.CSRFHeader, h.person("default", "eve", access.SecurityReader).csrf)
	b.refused("PUT", "/api/settings", body, 403, fault.Permission, "Sec-Fetch-Site", "cross-site")
	b.refused("PUT", "/api/settings", body, 403, fault.Permission, "Origin", "https://evil.example")
	b.refused("POST", "/api/session", map[string]string{"name": "ann", "password": pass}, 403, fault.Permission, "Sec-Fetch-Site", "cross-site")
	b.must("PUT", "/api/settings", body, 200)
	var s Session
	if err := json.Unmarshal(b.must("GET", "/api/session", nil, 200), &s); err != nil || s.Zone != "Asia/Tokyo" {
		t.Errorf("zone is %q, %v", s.Zone, err)
	}
	// A token in the header beats the cookie, also when it is wrong.
	b.refused("GET", "/api/incidents", nil, 401, fault.Unauthorized, "Authorization", "Bearer wrong")
	b.refused("GET", "/api/incidents", nil, 401, fault.Unauthorized, "Authorization", "Basic YW5uOng=")
}

func TestTokensAtTheSurface(t *testing.T) {
	h := open2(t)
	ctx := context.Background()
	b := h.person("default", "ann", access.SecurityOperator)
	var made TokenView
	raw := b.must("POST", "/api/tokens", map[string]any{"name": "mine", "scopes": []string{"read"}}, 201)
	if err := json.Unmarshal(raw, &made); err != nil || made.Token == "" || made.Expires == nil {
		t.Fatalf("made %s, %v", raw, err)
	}
	client := h.bearer(made.Token)
	client.must("GET", "/api/incidents", nil, 200)
	client.refused("PATCH", "/api/incidents/1", map[string]any{"status": "Resolved"}, 403, fault.Permission)
	client.refused("POST", "/api/hunting/run", map[string]any{"query": "print 1"}, 403, fault.Permission)
	client.refused("GET", "/api/session", nil, 403, fault.Permission)
	client.refused("POST", "/api/tokens", map[string]any{"name": "more", "scopes": []string{"read"}}, 403, fault.Permission)
	if strings.Contains(string(b.must("GET", "/api/tokens", nil, 200)), made.Token) {
		t.Error("the list of tokens shows a secret")
	}
	b.refused("POST", "/api/tokens", map[string]any{"name": "x", "scopes": []string{"everything"}}, 400, fault.Invalid)
	b.refused("POST", "/api/tokens", map[string]any{"name": "x", "scopes": []string{"read"}, "expires": time.Now().AddDate(5, 0, 0)}, 400, fault.Invalid)
	if _, err := h.db.NewRaw("UPDATE api_tokens SET expires = ?", time.Now().Add(-time.Minute).UnixMicro()).Exec(ctx); err != nil {
		t.Fatal(err)
	}
	client.refused("GET", "/api/incidents", nil, 401, fault.Unauthorized)
	ingest, _ := h.token("default", access.ScopeIngest)
	ingest.refused("GET", "/api/incidents", nil, 403, fault.Permission)
	ingest.refused("POST", "/api/hunting/run", map[string]any{"query": "print 1"}, 403, fault.Permission)
	ingest.refused("GET", "/api/events", nil, 403, fault.Permission)
}

func TestFirstSignIn(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open1(t, location, nil)
		first, err := h.access.Bootstrap(context.Background())
		if err != nil || first == "" {
			t.Fatalf("Bootstrap = %q, %v", first, err)
		}
		b := h.browser()
		b.refused("POST", "/api/session", map[string]string{"name": "admin", "password": "wrong"}, 401, fault.Unauthorized)
		b.signIn("admin", first)
		var s Session
		if err := json.Unmarshal(b.must("GET", "/api/session", nil, 200), &s); err != nil || !s.MustChange || len(s.User.Permissions) != 0 {
			t.Errorf("session is %+v, %v", s, err)
		}
		for _, o := range operations(t, h) {
			if o.door != string(open) && o.door != string(byBody) && o.door != string(byPassword) && o.door != string(byToken) {
				b.refused(o.method, o.fill(), nil, 403, fault.Permission)
			}
		}
		b.refused("POST", "/api/session/password", map[string]string{"current": first, "new": "short"}, 400, fault.Invalid)
		b.must("POST", "/api/session/password", map[string]string{"current": first, "new": pass}, 204)
		b.refresh()
		b.must("GET", "/api/incidents", nil, 200)
		b.must("DELETE", "/api/session", nil, 204)
		b.refused("GET", "/api/session", nil, 401, fault.Unauthorized)
	})
}

func TestLockOutSaysWhen(t *testing.T) {
	h := open2(t)
	b := h.browser()
	for range 5 {
		b.refused("POST", "/api/session", map[string]string{"name": "ann", "password": "x"}, 401, fault.Unauthorized)
	}
	b.refused("POST", "/api/session", map[string]string{"name": "ann", "password": "x"}, 429, fault.Busy)
	if after := b.last.Get("Retry-After"); after == "" || after == "5" {
		t.Errorf("Retry-After is %q", after)
	}
	// The header of an untrusted client does not make it somebody else.
	b.refused("POST", "/api/session", map[string]string{"name": "ann", "password": "x"}, 429, fault.Busy, "X-Forwarded-For", "203.0.113.9")
}

func TestTrustedProxies(t *testing.T) {
	s := newServer(Deps{Access: open2(t).access, TrustedProxies: []string{"127.0.0.0/8", "10.1.1.1"}})
	for forwarded, want := range map[string]string{
		"": "127.0.0.1", "203.0.113.9": "203.0.113.9", "1.2.3.4, 203.0.113.9, 10.1.1.1": "203.0.113.9", "nonsense": "127.0.0.1", "1.2.3.4, nonsense, 10.1.1.1": "10.1.1.1",
	} {
		r := &http.Request{RemoteAddr: "127.0.0.1:5", Header: http.Header{}}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if got := s.clientAddress(r); got != want {
			t.Errorf("forwarded for %q: %q; want %q", forwarded, got, want)
		}
	}
	r := &http.Request{RemoteAddr: "198.51.100.1:5", Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}}
	if got := s.clientAddress(r); got != "198.51.100.1" {
		t.Errorf("from an untrusted peer: %q", got)
	}
}

func TestEveryChangeIsAudited(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.GlobalAdministrator)
	b.must("PATCH", "/api/rules/r1", map[string]any{"enabled": true}, 200)
	b.must("PUT", "/api/settings", map[string]any{"name": "portal.zone", "value": "UTC"}, 200)
	b.must("POST", "/api/users", map[string]any{"name": "bob", "roles": []string{access.SecurityReader}}, 201)
	var page struct{ Value []access.AuditRecord }
	if err := json.Unmarshal(b.must("GET", "/api/audit?$top=200", nil, 200), &page); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, r := range page.Value {
		if seen[r.Action] == "" { // the newest comes first
			seen[r.Action] = fmt.Sprintf("%s %s %s", r.Actor, r.Target, r.Address)
		}
	}
	for action, want := range map[string]string{
		"updateRule": "ann r1 127.0.0.1", "changeSetting": "ann portal.zone 127.0.0.1", "user.create": "ann bob 127.0.0.1", "user.signIn": "ann ann 127.0.0.1",
	} {
		if seen[action] != want {
			t.Errorf("audit of %s is %q; want %q", action, seen[action], want)
		}
	}
	if _, err := h.access.VerifyAudit(context.Background(), "default"); err != nil {
		t.Error(err)
	}
}

// Every placeholder of a path and the common parameters of lists are described, which is how the framework binds them.
func TestParametersAreBound(t *testing.T) {
	h := open2(t)
	for path, item := range h.server.api.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if o == nil {
				continue
			}
			has := map[string]bool{}
			for _, p := range o.Parameters {
				has[p.In+" "+p.Name] = true
			}
			for _, m := range placeholder.FindAllString(path, -1) {
				if !has["path "+strings.Trim(m, "{}")] {
					t.Errorf("%s %s does not read %s", method, path, m)
				}
			}
			if strings.HasPrefix(o.OperationID, "list") && (!has["query $top"] || !has["query $skip"]) {
				t.Errorf("%s cannot be paged", o.OperationID)
			}
		}
	}
}
