package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// door says who may pass.
type door string

// The doors of operations.
const (
	byPermission door = "permission" // the permission in the tenant, and the scope
	bySignIn     door = "signedIn"   // any user or token with the scope; the handler's service checks what it may
	byPassword   door = "session"    // anybody signed in, also with a password that has to be changed
	byToken      door = "token"      // any token with the scope; sessions do not count
	byBody       door = "body"       // programs whose protocol puts the secret into the body; the handler checks it
	bySystem     door = "system"     // administrators of the installation
	open         door = "open"       // everybody
)

// operation is one entry of the surface.
type operation struct {
	method, path string
	id           string // stable name in OpenAPI, and the action in the audit log: "updateIncident"
	summary      string
	tag          string
	door         door
	permission   access.Permission
	scope        access.Scope
	status       int  // of success; 0 for 200
	quiet        bool // a changing method that changes nothing worth a line in the audit log
	large        int64
	// refuse answers failures in the words of the protocol that the operation speaks; nil answers with a Problem.
	refuse func(w http.ResponseWriter, p *problemError)
	held   bool // it waits for what is away; see patiently
}

// call is an admitted request.
type call struct {
	who    *access.Principal
	tenant tenant.ID
	until  time.Time // to which a held request may wait
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// admit finds out who asks and for which tenant, and whether that may be. It is the only way in: every operation passes through it before its body is read.
func (s *server) admit(r *http.Request, op operation) (*call, error) {
	if err := s.served(op); err != nil {
		return nil, err
	}
	if op.door == open || op.door == byBody {
		if changing(r.Method) && s.cross.Check(r) != nil {
			return nil, errOtherSite()
		}
		return &call{who: &access.Principal{Kind: access.KindNobody, Name: "nobody", Address: s.clientAddress(r)}, tenant: tenant.Default}, nil
	}
	who, err := s.identify(r, op)
	if err != nil {
		return nil, err
	}
	who.Address = s.clientAddress(r)
	c := &call{who: who, tenant: who.Home}
	if asked := askedTenant(r); asked != "" {
		id, err := tenant.Parse(asked)
		if err != nil {
			return nil, err
		}
		c.tenant = id
	}
	if op.door == byPassword {
		if who.Kind != access.KindUser {
			return nil, fault.Newf(fault.Permission, "this is for people who are signed in, not for tokens")
		}
		if !who.Member(c.tenant) {
			c.tenant = who.Home
		}
		return c, nil
	}
	if !who.Member(c.tenant) {
		return nil, fault.Newf(fault.Permission, "you have no role in tenant %s", c.tenant).On("tenant")
	}
	if !who.HasScope(op.scope) {
		return nil, fault.Newf(fault.Permission, "the token lacks the scope %s", op.scope).On("scope")
	}
	switch op.door {
	case byPermission:
		return c, who.Require(c.tenant, op.permission)
	case bySystem:
		return c, who.RequireSystem()
	case byToken, bySignIn:
		if who.MustChange {
			return nil, who.Require(c.tenant, access.DataRead)
		}
		return c, nil
	}
	return nil, fault.Newf(fault.Permission, "this operation has no door")
}

// served refuses what another node of the installation is for. Senders take it as "try again", so that a wrong address loses nothing.
func (s *server) served(op operation) error {
	switch {
	case op.tag == "ingest" && s.NoIngest:
		return fault.Newf(fault.Unavailable, "this node takes no records; send them to one with the role ingest")
	case op.tag != "ingest" && op.tag != "health" && s.NoPortal:
		return fault.Newf(fault.Unavailable, "this node does not serve the API; ask one with the role portal")
	}
	return nil
}

func (s *server) identify(r *http.Request, op operation) (*access.Principal, error) {
	if op.door == byToken || r.Header.Get("Authorization") != "" {
		return s.Access.TokenPrincipal(r.Context(), credential(r, op))
	}
	who, err := s.Access.SessionPrincipal(r.Context())
	if err != nil {
		return nil, err
	}
	if changing(r.Method) {
		if err := s.cross.Check(r); err != nil {
			return nil, errOtherSite()
		}
		if err := s.Access.CheckCSRF(r.Context(), r.Header.Get(access.CSRFHeader)); err != nil {
			return nil, err
		}
	}
	return who, nil
}

// credential returns the token of a request. Receivers also take it in the schemes that shippers know: "Splunk TOKEN", "ApiKey TOKEN" (also as base64 of
// "id:TOKEN"), and the password of basic authentication.
func credential(r *http.Request, op operation) string {
	if secret := bearer(r); secret != "" || op.door != byToken {
		return secret
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	switch {
	case strings.EqualFold(scheme, "Splunk"):
		return secret
	case strings.EqualFold(scheme, "ApiKey"):
		if raw, err := base64.StdEncoding.DecodeString(secret); err == nil {
			if _, key, ok := strings.Cut(string(raw), ":"); ok {
				return key
			}
		}
		return secret
	}
	return ""
}

// bearer returns the token of the Authorization header, "" when it has another scheme.
func bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

func errOtherSite() error { return fault.Newf(fault.Permission, "the request comes from another site") }

func changing(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

func askedTenant(r *http.Request) string {
	if t := r.Header.Get("X-Tenant"); t != "" {
		return t
	}
	return r.URL.Query().Get("tid")
}

// describeOp makes the OpenAPI part of an operation.
func (s *server) describeOp(op operation) huma.Operation {
	if op.door == "" || op.id == "" || op.door == byPermission && op.permission == "" || op.door != open && op.door != byBody && op.door != byPassword && op.scope == "" {
		panic("api: " + op.method + " " + op.path + " says not who may use it") // a slip of ours, found by the first test that makes a server
	}
	o := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Tags: []string{op.tag}, DefaultStatus: op.status,
		MaxBodyBytes: s.MaxBody, BodyReadTimeout: bodyTime,
		Extensions: map[string]any{"x-door": string(op.door)},
		Responses:  map[string]*huma.Response{"default": s.errorResponse()},
	}
	if op.large > 0 {
		o.MaxBodyBytes = op.large
	}
	if op.refuse != nil {
		o.Extensions["x-refusal"] = "in the words of the protocol"
	}
	if op.door != open && op.door != byBody {
		o.Security = []map[string][]string{{"session": {}}, {"token": {}}}
		if op.door == byToken {
			o.Security = o.Security[1:]
		}
		o.Extensions["x-scope"] = string(op.scope)
	}
	if op.permission != "" {
		o.Extensions["x-permission"] = string(op.permission)
		o.Description = "Takes the permission " + string(op.permission) + "."
	}
	return o
}

// handle registers an operation with typed input and output. What is given as after runs behind the guard and may answer in place of fn.
func handle[I, O any](s *server, op operation, fn func(ctx context.Context, c *call, in *I) (*O, error), after ...func(huma.Context, func(huma.Context))) {
	o := s.describeOp(op)
	o.Middlewares = append(huma.Middlewares{s.guard(op)}, after...)
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		c := callOf(ctx)
		if c == nil {
			return nil, s.problem(ctx, fault.Newf(fault.Permission, "this operation has no guard"))
		}
		out, err := fn(ctx, c, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, s.problem(ctx, s.record(ctx, op, c, in))
	})
}

// record writes a changing operation into the tenant's audit log.
func (s *server) record(ctx context.Context, op operation, c *call, in any) error {
	if !changing(op.method) || op.quiet || op.door == open || op.door == byBody {
		return nil
	}
	e := access.Entry{Action: op.id}
	if t, ok := in.(interface {
		audited() (string, map[string]any)
	}); ok {
		e.Target, e.Details = t.audited()
	}
	return s.Access.Audit(ctx, c.tenant, c.who, e)
}

func (s *server) guard(op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, err := s.admit(r, op)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next(huma.WithValue(huma.WithValue(ctx, callKey{}, c), urlKey{}, r.URL))
	}
}

// handleRaw registers an operation that reads or writes streams by itself. doc may add parameters and bodies to its description.
func (s *server) handleRaw(op operation, doc func(*huma.Operation), fn func(w http.ResponseWriter, r *http.Request, c *call) error) {
	o := s.describeOp(op)
	if doc != nil {
		doc(&o)
	}
	status := strconv.Itoa(max(op.status, http.StatusOK))
	if o.Responses[status] == nil {
		o.Responses[status] = &huma.Response{Description: "done"}
	}
	s.api.OpenAPI().AddOperation(&o)
	s.mux.HandleFunc(op.method+" "+op.path, func(w http.ResponseWriter, r *http.Request) {
		admit := s.admit
		if op.held {
			admit = s.admitHeld
		}
		c, err := admit(r, op)
		if err == nil && op.tag == "ingest" {
			r, err = named(r, c)
		}
		if err == nil {
			err = fn(w, r, c)
		}
		if err != nil {
			s.failAs(w, r, op, err)
		}
	})
}

// repeatHeader names a delivery. A sender that gets no answer, or one that says "again", sends the same body under the same name, and it is kept once.
const repeatHeader = "Idempotency-Key"

// named gives the request's delivery its name.
func named(r *http.Request, c *call) (*http.Request, error) {
	key := r.Header.Get(repeatHeader)
	if len(key) > 255 {
		return r, fault.Newf(fault.Invalid, "%s has %d characters; at most 255 are allowed", repeatHeader, len(key)).On(repeatHeader)
	}
	if key == "" {
		return r, nil
	}
	return r.WithContext(ingest.NameDelivery(r.Context(), c.who.TokenID+"\n"+key)), nil
}

func (s *server) failAs(w http.ResponseWriter, r *http.Request, op operation, err error) {
	var p *problemError
	if op.refuse == nil || !errors.As(s.problem(r.Context(), err), &p) {
		s.fail(w, r, err)
		return
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	op.refuse(w, p)
}

// actorName is how an activity log names the principal.
func (c *call) actorName() string {
	if c.who.Kind == access.KindToken && c.who.UserID != "" {
		return fmt.Sprintf("%s (token)", c.who.Name)
	}
	return c.who.Name
}
