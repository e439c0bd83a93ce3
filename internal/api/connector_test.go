package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/secret"
)

// played is a kind whose service is not asked: its test says what the settings are.
func played() connect.Kind {
	return connect.Kind{
		Name: "played", Label: "Played service", Family: "okta", Interval: time.Minute, Steps: "1. none",
		Fields: []connect.Field{
			{Name: "url", Label: "Address", Type: connect.Text, Required: true, Destination: true},
			{Name: "token", Label: "Token", Type: connect.Secret, Required: true},
			{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "15", Least: 1, Most: 60},
		},
		Open: func(v connect.Values, _ connect.Env) (connect.Puller, error) { return playedPuller{v}, nil },
	}
}

type playedPuller struct{ v connect.Values }

func (p playedPuller) Streams() []string { return []string{"all"} }
func (p playedPuller) Close() error      { return nil }

func (p playedPuller) Next(context.Context, connect.At) (connect.Page, error) {
	return connect.Page{}, nil
}

func (p playedPuller) Test(context.Context) []connect.Check {
	if p.v["token"] != "s3cret-value" {
		return []connect.Check{{Name: "all", Message: "the token is not taken"}}
	}
	return []connect.Check{{Name: "all", OK: true, Message: "can be read"}}
}

func connectorsOf(t *testing.T, db *bun.DB) *connect.Service {
	t.Helper()
	ring, err := secret.OpenRing(secret.Source{Key: secret.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	return connect.New(db, connect.Options{Kinds: []connect.Kind{played()}, Secrets: secret.New(db, ring), HTTP: http.DefaultClient})
}

func TestConnectors(t *testing.T) {
	h := open2(t)
	ann := h.person("default", "ann", access.GlobalAdministrator)
	zoe := h.person("t2", "zoe", access.GlobalAdministrator)
	reader := h.person("default", "rea", access.SecurityReader)
	const base = "/api/connectors"
	body := func(token any) map[string]any {
		return map[string]any{"kind": "played", "name": "one", "config": map[string]any{"url": "https://a.example", "token": token}}
	}
	kinds := decoded[struct{ Value []ConnectorKind }](t, reader.must("GET", base+"/kinds", nil, 200))
	if len(kinds.Value) != 1 || kinds.Value[0].Fields[1].Type != connect.Secret || kinds.Value[0].Interval != 60 {
		t.Errorf("kinds are %+v", kinds)
	}
	made := decoded[connect.Connector](t, ann.must("POST", base, body("s3cret-value"), 201))
	if made.State != connect.Fresh || !made.Enabled || made.Interval != 60 || made.CreatedBy != "ann" || made.Config["overlap"] != 15.0 || made.NextRun == nil {
		t.Errorf("made %+v", made)
	}
	path := base + "/" + made.ID

	// Who may only look may not change, and nobody sees another tenant's.
	for _, call := range [][2]string{{"POST", base}, {"PUT", path}, {"DELETE", path}, {"POST", path + "/run"}, {"POST", path + "/pause"}, {"POST", path + "/resume"}, {"POST", path + "/test"}} {
		reader.refused(call[0], call[1], body("other-value"), 403, fault.Permission)
	}
	reader.refused("POST", base+"/test", body("x"), 403, fault.Permission)
	reader.refused("POST", path+"/reset", map[string]any{"since": "2024-05-06T07:08:09Z"}, 403, fault.Permission)
	token, _ := h.token("default", access.ScopeRead, access.ScopeWrite, access.ScopeIngest)
	token.refused("DELETE", path, nil, 403, fault.Permission)
	for _, call := range [][2]string{{"GET", path}, {"GET", path + "/runs"}, {"DELETE", path}, {"POST", path + "/run"}, {"POST", path + "/pause"}, {"POST", path + "/test"}} {
		zoe.refused(call[0], call[1], nil, 404, fault.NotFound)
	}
	zoe.refused("PUT", path, body("x"), 404, fault.NotFound)
	if list := decoded[Page[connect.Connector]](t, zoe.must("GET", base, nil, 200)); len(list.Value) != 0 {
		t.Errorf("another tenant sees %+v", list)
	}

	// Secrets come back as a mark only, stay when they are not given, and go nowhere else.
	changed := body(map[string]any{"set": true})
	changed["interval"] = 300
	if c := decoded[connect.Connector](t, ann.must("PUT", path, changed, 200)); c.Interval != 300 {
		t.Errorf("changed %+v", c)
	}
	if got := decoded[connect.Tested](t, ann.must("POST", path+"/test", nil, 200)); !got.OK {
		t.Errorf("the kept secret is lost: %+v", got)
	}
	elsewhere := body(map[string]any{"set": true})
	elsewhere["config"].(map[string]any)["url"] = "https://evil.example"
	if p := ann.refused("PUT", path, elsewhere, 400, fault.Invalid); p.Error.Target != "config.token" {
		t.Errorf("a kept secret may go to another host: %+v", p)
	}
	if got := decoded[connect.Tested](t, ann.must("POST", base+"/test", map[string]any{"kind": "played", "config": map[string]any{"url": "https://a.example", "token": "wrong"}}, 200)); got.OK || got.Details[0].Message == "" {
		t.Errorf("a wrong token passes: %+v", got)
	}
	for _, where := range []string{base, path, path + "/runs", "/api/audit?$top=200"} {
		if raw := string(ann.must("GET", where, nil, 200)); strings.Contains(raw, "s3cret-value") || strings.Contains(raw, "other-value") {
			t.Errorf("GET %s shows a secret: %s", where, raw)
		}
	}
	if raw := string(ann.must("GET", path, nil, 200)); !strings.Contains(raw, `"token":{"set":true}`) {
		t.Errorf("the mark of the secret is missing: %s", raw)
	}
	audit := string(ann.must("GET", "/api/audit?$top=200", nil, 200))
	for _, action := range []string{"createConnector", "updateConnector", "testConnector"} {
		if !strings.Contains(audit, action) {
			t.Errorf("the audit log lacks %s", action)
		}
	}

	ann.refused("POST", base, body("x"), 409, fault.Conflict)
	bad := body("x")
	bad["name"], bad["config"] = "two", map[string]any{"url": "https://a.example", "token": "abc", "nope": 1}
	ann.refused("POST", base, bad, 400, fault.Invalid)
	bad["config"] = map[string]any{"url": "https://a.example"}
	if p := ann.refused("POST", base, bad, 400, fault.Invalid); p.Error.Target != "config.token" {
		t.Errorf("a missing secret: %+v", p)
	}
	if c := decoded[connect.Connector](t, ann.must("POST", path+"/pause", nil, 200)); c.State != connect.Paused || c.NextRun != nil {
		t.Errorf("paused %+v", c)
	}
	ann.refused("POST", path+"/run", nil, 409, fault.Conflict)
	ann.must("POST", path+"/resume", nil, 200)
	if c := decoded[connect.Connector](t, ann.must("POST", path+"/reset", map[string]any{"since": "2024-05-06T07:08:09Z"}, 200)); c.Cursor != "begins at 2024-05-06T07:08:09Z" {
		t.Errorf("reset %+v", c)
	}
	ann.must("DELETE", path, nil, 204)
	ann.refused("GET", path, nil, 404, fault.NotFound)
}
