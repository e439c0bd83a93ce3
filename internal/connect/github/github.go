// Package github pulls the audit log of a GitHub organisation or enterprise.
package github

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const (
	stream = "audit log"
	needs  = "the scope read:audit_log (of a classic token), or Administration: read of the organisation (of a fine-grained token)"
)

const steps = `The audit log can be read by API with GitHub Enterprise Cloud or Server.

1. Sign in as an owner of the organisation (or of the enterprise).
2. For an organisation: **Settings → Developer settings → Fine-grained tokens → Generate new token**, resource owner: the organisation, organisation permission
   **Administration: Read-only**, nothing else.
   For an enterprise: a **classic** token with the one scope **read:audit_log**.
3. If the organisation uses SAML single sign-on, authorise the token for it.
4. Copy the token here and note when it expires.`

// Kind describes the connector.
func Kind() connect.Kind {
	return connect.Kind{
		Name: "github", Label: "GitHub audit log", Family: "github", Interval: 5 * time.Minute,
		Description: "What members, applications and tokens did in a GitHub organisation or enterprise, Git events included.",
		Steps:       steps,
		Fields: []connect.Field{
			{Name: "scope", Label: "Audit log of", Type: connect.Select, Required: true, Default: "organization", Options: []string{"organization", "enterprise"}},
			{Name: "name", Label: "Name", Type: connect.Text, Required: true, Help: "of the organisation or enterprise, as in its address"},
			{Name: "token", Label: "Token", Type: connect.Secret, Required: true},
			{Name: "include", Label: "Events", Type: connect.Select, Default: "all", Options: []string{"all", "web", "git"}},
			{Name: "url", Label: "API address", Type: connect.Text, Default: "https://api.github.com", Help: "https://HOST/api/v3 for GitHub Enterprise Server", Destination: true},
			{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "30", Help: "minutes that are asked for again each time, for events that GitHub lists late", Least: 1, Most: 1440},
		},
		Open: open,
	}
}

type puller struct {
	fetch  connect.Fetcher
	window connect.Window
	now    func() time.Time
	path   string
}

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	base, err := connect.BaseURL(v["url"], "url")
	if err != nil {
		return nil, err
	}
	p := &puller{now: env.Now, path: base + "/orgs/" + url.PathEscape(v["name"]) + "/audit-log"}
	if v["scope"] == "enterprise" {
		p.path = base + "/enterprises/" + url.PathEscape(v["name"]) + "/audit-log"
	}
	p.fetch = connect.Fetcher{HTTP: env.HTTP, Now: env.Now, Service: "GitHub", Login: "token", Base: base, Explain: explain(env.Now), Sign: func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+v["token"])
		r.Header.Set("Accept", "application/vnd.github+json")
		r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		return nil
	}}
	p.window = connect.Window{
		Overlap: time.Duration(v.Int("overlap")) * time.Minute, Step: 12 * time.Hour, Reach: 180 * 24 * time.Hour,
		Fetch: func(ctx context.Context, from, to time.Time, next string) (connect.Fetched, error) {
			if next == "" {
				phrase := "created:>=" + stamp(from)
				if !to.IsZero() {
					phrase = "created:" + stamp(from) + ".." + stamp(to)
				}
				next = p.path + "?" + url.Values{"phrase": {phrase}, "include": {v["include"]}, "order": {"asc"}, "per_page": {"100"}}.Encode()
			}
			return p.page(ctx, next)
		},
	}
	return p, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// explain knows how GitHub says that there were too many requests, and that a token may not: with 403 and 404.
func explain(now func() time.Time) func(*connect.Answer, string) *connect.Error {
	return func(a *connect.Answer, _ string) *connect.Error {
		switch {
		case (a.Status == http.StatusForbidden || a.Status == http.StatusTooManyRequests) && a.Header.Get("X-RateLimit-Remaining") == "0":
			e := connect.Failure(fault.Busy, "GitHub asks for fewer requests: the allowance of the hour is used up")
			e.After = a.Later(now())
			return e
		case a.Status == http.StatusForbidden && a.Header.Get("Retry-After") == "", a.Status == http.StatusNotFound:
			has := ""
			if scopes := a.Header.Values("X-OAuth-Scopes"); len(scopes) > 0 {
				has = "; the token has: " + scopes[0]
			}
			return connect.Failure(fault.Permission, "GitHub shows no audit log of that name to this token: it needs %s, and the plan has to include the audit log API%s (GitHub says: %s)", needs, has, connect.Said(a.Body))
		}
		return nil
	}
}

func (p *puller) page(ctx context.Context, address string) (connect.Fetched, error) {
	a, err := p.fetch.Get(ctx, address, needs)
	if err != nil {
		return connect.Fetched{}, err
	}
	var events []json.RawMessage
	if err := p.fetch.Decode(a, &events); err != nil {
		return connect.Fetched{}, err
	}
	out := connect.Fetched{Clock: a.Clock, Next: a.Link("next")}
	for _, raw := range events {
		var e struct {
			ID        string      `json:"_document_id"`
			Timestamp json.Number `json:"@timestamp"`
		}
		_ = json.Unmarshal(raw, &e)
		if e.ID == "" {
			e.ID = connect.ContentID(raw)
		}
		var when time.Time
		if ms, err := strconv.ParseFloat(e.Timestamp.String(), 64); err == nil {
			when = time.UnixMilli(int64(ms)).UTC()
		}
		out.Records = append(out.Records, connect.Record{ID: e.ID, Time: when, Data: connect.Compact(raw)})
	}
	return out, nil
}

// Streams implements connect.Puller.
func (p *puller) Streams() []string { return []string{stream} }

// Next implements connect.Puller.
func (p *puller) Next(ctx context.Context, at connect.At) (connect.Page, error) {
	return p.window.Next(ctx, at, p.now())
}

// Test implements connect.Puller.
func (p *puller) Test(ctx context.Context) []connect.Check {
	_, err := p.page(ctx, p.path+"?per_page=1")
	return []connect.Check{connect.Checked(stream, err)}
}

// Close implements connect.Puller.
func (p *puller) Close() error { return nil }
