// Package google pulls the activity reports of Google Workspace: a stream per application.
package google

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const scope = "https://www.googleapis.com/auth/admin.reports.audit.readonly"

const steps = `1. In the Google Cloud console choose or make a project, and enable the **Admin SDK API** for it.
2. **IAM & Admin → Service Accounts → Create service account**; it needs no role in the project. Under **Keys** add a key of type JSON and keep the file.
3. In the Google Workspace admin console open **Security → Access and data control → API controls → Domain-wide delegation → Add new**. Client ID: that of the
   service account. Scope, and no other: ` + "`" + scope + "`" + `
4. Make an administrator for this purpose whose role has the privilege **Reports**, sign in once as that person, and give its address below.
5. Paste the whole JSON file as the key.`

// Kind describes the connector.
func Kind() connect.Kind {
	return connect.Kind{
		Name: "google", Label: "Google Workspace reports", Family: "google", Interval: 5 * time.Minute,
		Description: "Sign-ins, administration, tokens of applications, Drive and other activities of a Google Workspace organisation.",
		Steps:       steps,
		Fields: []connect.Field{
			{Name: "key", Label: "Service account's key (JSON)", Type: connect.Secret, Required: true},
			{Name: "subject", Label: "Administrator", Type: connect.Text, Required: true, Help: "address of the person in whose name reports are read"},
			{Name: "applications", Label: "Applications", Type: connect.Text, Default: "login,admin,token,user_accounts,saml,groups_enterprise,rules,mobile,drive", Help: "separated by commas"},
			{Name: "url", Label: "API address", Type: connect.Text, Default: "https://admin.googleapis.com", Destination: true},
			{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "240", Help: "minutes that are asked for again each time: Google lists some activities hours late", Least: 1, Most: 4320},
		},
		Open: open,
	}
}

type puller struct {
	fetch   connect.Fetcher
	windows map[string]*connect.Window
	apps    []string
	now     func() time.Time
	base    string
}

var appShape = regexp.MustCompile(`^[a-z][a-z0-9_]{1,40}$`)

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	base, err := connect.BaseURL(v["url"], "url")
	if err != nil {
		return nil, err
	}
	var key struct {
		Type     string `json:"type"`
		Email    string `json:"client_email"`
		ID       string `json:"private_key_id"`
		Key      string `json:"private_key"`
		TokenURI string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(v["key"]), &key); err != nil || key.Type != "service_account" || key.Email == "" || key.Key == "" || key.TokenURI == "" {
		return nil, fault.Newf(fault.Invalid, "Service account's key: paste the whole JSON file that Google made for the key of the service account").On("config.key")
	}
	if !strings.Contains(v["subject"], "@") {
		return nil, fault.Newf(fault.Invalid, "Administrator: the mail address of an administrator of the organisation").On("config.subject")
	}
	tokens := connect.NewTokens(func() oauth2.TokenSource {
		c := &jwt.Config{Email: key.Email, PrivateKey: []byte(key.Key), PrivateKeyID: key.ID, Subject: v["subject"], Scopes: []string{scope}, TokenURL: key.TokenURI}
		return c.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, env.HTTP))
	})
	p := &puller{now: env.Now, base: base, windows: map[string]*connect.Window{}, apps: v.List("applications")}
	p.fetch = connect.Fetcher{
		HTTP: env.HTTP, Now: env.Now, Service: "Google", Login: "service account's key", Base: base, Sign: sign(tokens, v["subject"]), Renew: tokens.Renew, Explain: explain(env.Now),
	}
	if len(p.apps) == 0 || len(p.apps) > 40 {
		return nil, fault.Newf(fault.Invalid, "Applications: one to forty names").On("config.applications")
	}
	for _, app := range p.apps {
		if !appShape.MatchString(app) || p.windows[app] != nil {
			return nil, fault.Newf(fault.Invalid, "Applications: %q is no name of an application, or there twice", app).On("config.applications")
		}
		p.windows[app] = &connect.Window{
			Overlap: time.Duration(v.Int("overlap")) * time.Minute, Step: 24 * time.Hour, Reach: 179 * 24 * time.Hour,
			Fetch: func(ctx context.Context, from, to time.Time, next string) (connect.Fetched, error) {
				q := url.Values{"startTime": {stamp(from)}, "maxResults": {"1000"}}
				if !to.IsZero() {
					q.Set("endTime", stamp(to))
				}
				if next != "" {
					q.Set("pageToken", next)
				}
				return p.page(ctx, app, q)
			},
		}
	}
	return p, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// sign says more about refusals of the delegation, which are the usual trouble.
func sign(tokens *connect.Tokens, subject string) func(context.Context, *http.Request) error {
	return func(ctx context.Context, r *http.Request) error {
		err := tokens.Sign(ctx, r)
		var refused *oauth2.RetrieveError
		if !errors.As(err, &refused) {
			if err != nil && strings.Contains(err.Error(), "private key") {
				return connect.Failure(fault.Unauthorized, "the service account's key holds no usable private key; paste the JSON file anew")
			}
			return err
		}
		code := refused.ErrorCode
		if code == "" { // the library leaves the body to us
			var e struct {
				Error string `json:"error"`
			}
			_ = json.Unmarshal(refused.Body, &e)
			code = e.Error
		}
		switch code {
		case "unauthorized_client", "access_denied":
			return connect.Failure(fault.Permission, "the permission is missing: domain-wide delegation of the scope %s to this service account (Google says: %s)", scope, connect.Said(refused.Body))
		case "invalid_grant":
			return connect.Failure(fault.Unauthorized, "Google does not accept the service account's key for %s: %s; check the address, whether the key was deleted, and this machine's clock", subject, connect.Said(refused.Body))
		}
		if refused.ErrorDescription == "" && refused.ErrorCode == "" {
			refused.ErrorDescription = connect.Said(refused.Body)
		}
		return err
	}
}

func explain(now func() time.Time) func(*connect.Answer, string) *connect.Error {
	return func(a *connect.Answer, _ string) *connect.Error {
		if a.Status != http.StatusForbidden {
			return nil
		}
		for _, reason := range []string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"} {
			if bytes.Contains(a.Body, []byte(`"`+reason+`"`)) {
				e := connect.Failure(fault.Busy, "Google asks for fewer requests")
				e.After = a.Later(now())
				return e
			}
		}
		return connect.Failure(fault.Permission, "the permission is missing: the privilege Reports of the administrator in whose name reports are read, or the Admin SDK API is not enabled in the project (Google says: %s)", connect.Said(a.Body))
	}
}

func (p *puller) page(ctx context.Context, app string, q url.Values) (connect.Fetched, error) {
	a, err := p.fetch.Get(ctx, p.base+"/admin/reports/v1/activity/users/all/applications/"+app+"?"+q.Encode(), scope)
	if err != nil {
		var e *connect.Error
		if q.Has("pageToken") && errors.As(err, &e) && e.Code == fault.Invalid {
			return connect.Fetched{}, connect.ErrLink
		}
		return connect.Fetched{}, err
	}
	var page struct {
		Items []json.RawMessage `json:"items"`
		Next  string            `json:"nextPageToken"`
	}
	if err := p.fetch.Decode(a, &page); err != nil {
		return connect.Fetched{}, err
	}
	out := connect.Fetched{Clock: a.Clock, Next: page.Next}
	for _, raw := range page.Items {
		var e struct {
			ID struct {
				Time      time.Time   `json:"time"`
				Qualifier json.Number `json:"uniqueQualifier"`
			} `json:"id"`
		}
		id := ""
		if json.Unmarshal(raw, &e) == nil && e.ID.Qualifier != "" {
			id = e.ID.Time.UTC().Format(time.RFC3339Nano) + "/" + e.ID.Qualifier.String()
		} else {
			id = connect.ContentID(raw)
		}
		out.Records = append(out.Records, connect.Record{ID: id, Time: e.ID.Time, Data: connect.Compact(raw)})
	}
	return out, nil
}

// Streams implements connect.Puller.
func (p *puller) Streams() []string { return p.apps }

// Next implements connect.Puller.
func (p *puller) Next(ctx context.Context, at connect.At) (connect.Page, error) {
	return p.windows[at.Stream].Next(ctx, at, p.now())
}

// Test implements connect.Puller.
func (p *puller) Test(ctx context.Context) []connect.Check {
	var out []connect.Check
	for _, app := range p.apps {
		_, err := p.page(ctx, app, url.Values{"maxResults": {"1"}})
		out = append(out, connect.Checked(app, err))
	}
	return out
}

// Close implements connect.Puller.
func (p *puller) Close() error { return nil }
