// Package okta pulls the System Log of an Okta organisation.
package okta

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const stream = "system log"

const steps = `1. In the Okta admin console make a user for this purpose and give it the administrator role **Read-only administrator** (or a custom role with *View system log*).
2. Sign in as that user, open **Security → API → Tokens**, and choose **Create token**. Restrict it to the address of this server.
3. Copy the token here. Okta shows it once, and lets it expire after 30 days without use.`

// Kind describes the connector.
func Kind() connect.Kind {
	return connect.Kind{
		Name: "okta", Label: "Okta System Log", Family: "okta", Interval: time.Minute,
		Description: "Sign-ins, sessions, changes of users, groups, applications and policies of an Okta organisation.",
		Steps:       steps,
		Fields: []connect.Field{
			{Name: "url", Label: "Organisation's address", Type: connect.Text, Required: true, Help: "https://acme.okta.com", Destination: true},
			{Name: "token", Label: "API token", Type: connect.Secret, Required: true},
			{Name: "filter", Label: "Filter", Type: connect.Text, Help: `in Okta's words, such as eventType sw "user."; empty: everything`},
			{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "15", Help: "minutes that are asked for again each time, for events that Okta lists late", Least: 1, Most: 1440},
		},
		Open: open,
	}
}

type puller struct {
	fetch  connect.Fetcher
	window connect.Window
	now    func() time.Time
}

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	base, err := connect.BaseURL(v["url"], "url")
	if err != nil {
		return nil, err
	}
	p := &puller{now: env.Now}
	p.fetch = connect.Fetcher{HTTP: env.HTTP, Now: env.Now, Service: "Okta", Login: "API token", Base: base, Explain: explain, Sign: func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "SSWS "+v["token"])
		return nil
	}}
	address := func(from, to time.Time, limit string) string {
		q := url.Values{"since": {from.UTC().Format("2006-01-02T15:04:05.000Z")}, "sortOrder": {"ASCENDING"}, "limit": {limit}}
		if !to.IsZero() {
			q.Set("until", to.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		if v["filter"] != "" {
			q.Set("filter", v["filter"])
		}
		return base + "/api/v1/logs?" + q.Encode()
	}
	p.window = connect.Window{
		Overlap: time.Duration(v.Int("overlap")) * time.Minute, Step: 6 * time.Hour, Reach: 89 * 24 * time.Hour,
		Fetch: func(ctx context.Context, from, to time.Time, next string) (connect.Fetched, error) {
			if next == "" {
				next = address(from, to, "1000")
			}
			return p.page(ctx, next)
		},
	}
	return p, nil
}

// explain knows Okta's error codes.
func explain(a *connect.Answer, _ string) *connect.Error {
	var e struct {
		ErrorCode string `json:"errorCode"`
	}
	_ = json.Unmarshal(a.Body, &e)
	switch e.ErrorCode {
	case "E0000006":
		return connect.Failure(fault.Permission, "the permission is missing: the token's user needs the role Read-only administrator (Okta says: %s)", connect.Said(a.Body))
	case "E0000031":
		return connect.Failure(fault.Invalid, "Okta does not understand the filter: %s", connect.Said(a.Body))
	}
	return nil
}

func (p *puller) page(ctx context.Context, address string) (connect.Fetched, error) {
	a, err := p.fetch.Get(ctx, address, "")
	if err != nil {
		return connect.Fetched{}, err
	}
	var events []json.RawMessage
	if err := p.fetch.Decode(a, &events); err != nil {
		return connect.Fetched{}, err
	}
	out := connect.Fetched{Clock: a.Clock}
	for _, raw := range events {
		var e struct {
			UUID      string    `json:"uuid"`
			Published time.Time `json:"published"`
		}
		if err := json.Unmarshal(raw, &e); err != nil || e.UUID == "" {
			e.UUID = connect.ContentID(raw)
		}
		out.Records = append(out.Records, connect.Record{ID: e.UUID, Time: e.Published, Data: connect.Compact(raw)})
	}
	// A query without an end has a link to what is yet to come: an empty page ends it.
	if len(events) > 0 {
		out.Next = a.Link("next")
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
	q := url.Values{"since": {p.now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")}, "limit": {"1"}}
	_, err := p.page(ctx, strings.TrimSuffix(p.fetch.Base, "/")+"/api/v1/logs?"+q.Encode())
	return []connect.Check{connect.Checked(stream, err)}
}

// Close implements connect.Puller.
func (p *puller) Close() error { return nil }
