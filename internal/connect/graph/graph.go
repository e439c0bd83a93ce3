// Package graph pulls from Microsoft Graph: sign-ins and directory audits of Entra ID, risk detections, and alerts of Microsoft's security products.
package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

const steps = `1. In the Entra admin center open **App registrations → New registration**; any name, accounts of this organisation only, no redirect address.
2. **API permissions → Add a permission → Microsoft Graph → Application permissions**, only those of what is to be read:
   **AuditLog.Read.All** and **Directory.Read.All** (sign-ins, directory audits), **SecurityAlert.Read.All** (alerts), **IdentityRiskEvent.Read.All** (risk detections).
   Then **Grant admin consent**.
3. **Certificates & secrets → New client secret**. Copy its *value* here, and the two IDs of the overview page. Note when it expires.

Sign-ins need Entra ID P1 in the tenant, risk detections P2.`

// source is one collection of Graph.
type source struct {
	name, path, time, needs, family string
	top                             string
	on                              string // default of its switch
	label                           string
}

func sources() []source {
	return []source{
		{"signIns", "/v1.0/auditLogs/signIns", "createdDateTime", "AuditLog.Read.All and Directory.Read.All (application permissions of Microsoft Graph, with admin consent)", "entra", "999", "true", "Sign-ins"},
		{"directoryAudits", "/v1.0/auditLogs/directoryAudits", "activityDateTime", "AuditLog.Read.All and Directory.Read.All (application permissions of Microsoft Graph, with admin consent)", "entra", "999", "true", "Directory audits"},
		{"alerts", "/v1.0/security/alerts_v2", "createdDateTime", "SecurityAlert.Read.All (application permission of Microsoft Graph, with admin consent)", "alerts", "500", "true", "Security alerts"},
		{"riskDetections", "/v1.0/identityProtection/riskDetections", "detectedDateTime", "IdentityRiskEvent.Read.All (application permission of Microsoft Graph, with admin consent)", "entra", "500", "false", "Risk detections"},
	}
}

// Kind describes the connector.
func Kind() connect.Kind {
	fields := connect.MicrosoftFields("https://graph.microsoft.com")
	for _, s := range sources() {
		fields = append(fields, connect.Field{Name: s.name, Label: s.label, Type: connect.Boolean, Default: s.on, Help: "needs " + strings.TrimSuffix(s.needs, " with admin consent")})
	}
	fields = append(fields, connect.Field{Name: "overlap", Label: "Look back", Type: connect.Number, Default: "120", Help: "minutes that are asked for again each time: sign-ins are listed up to hours late", Least: 1, Most: 4320})
	return connect.Kind{
		Name: "graph", Label: "Microsoft Graph (Entra ID, security alerts)", Family: "entra", Interval: 5 * time.Minute,
		Description: "Sign-ins and directory changes of Entra ID, and alerts of Microsoft's security products.", Steps: steps, Fields: fields, Open: open,
	}
}

type puller struct {
	fetch   *connect.Fetcher
	sources map[string]source
	names   []string
	overlap time.Duration
	now     func() time.Time
}

func open(v connect.Values, env connect.Env) (connect.Puller, error) {
	f, err := connect.Microsoft(v, env, "Microsoft Graph")
	if err != nil {
		return nil, err
	}
	f.Explain = explain
	p := &puller{fetch: f, sources: map[string]source{}, overlap: time.Duration(v.Int("overlap")) * time.Minute, now: env.Now}
	for _, s := range sources() {
		if v.Bool(s.name) {
			p.sources[s.name] = s
			p.names = append(p.names, s.name)
		}
	}
	if len(p.names) == 0 {
		return nil, fault.Newf(fault.Invalid, "nothing is chosen that is to be read").On("config.signIns")
	}
	return p, nil
}

// explain tells a missing licence from a missing permission.
func explain(a *connect.Answer, needs string) *connect.Error {
	var e struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(a.Body, &e)
	if strings.HasPrefix(e.Error.Code, "Authentication_RequestFromNonPremiumTenant") {
		return connect.Failure(fault.Permission, "the tenant has no Entra ID P1 licence, without which this cannot be read; switch it off here (Microsoft Graph says: %s)", connect.Said(a.Body))
	}
	return nil
}

func (p *puller) window(s source) *connect.Window {
	return &connect.Window{Overlap: p.overlap, Step: 6 * time.Hour, Reach: 30 * 24 * time.Hour, Fetch: func(ctx context.Context, from, to time.Time, next string) (connect.Fetched, error) {
		if next != "" {
			got, err := p.page(ctx, s, next)
			var e *connect.Error
			// Links to further pages last for a while only.
			if errors.As(err, &e) && (e.Code == fault.Invalid || e.Code == fault.NotFound) {
				return got, connect.ErrLink
			}
			return got, err
		}
		filter := s.time + " ge " + stamp(from)
		if !to.IsZero() {
			filter += " and " + s.time + " le " + stamp(to)
		}
		q := url.Values{"$filter": {filter}, "$top": {s.top}}
		return p.page(ctx, s, p.fetch.Base+s.path+"?"+strings.ReplaceAll(q.Encode(), "+", "%20"))
	}}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (p *puller) page(ctx context.Context, s source, address string) (connect.Fetched, error) {
	a, err := p.fetch.Do(ctx, http.MethodGet, address, s.needs)
	if err != nil {
		return connect.Fetched{}, err
	}
	var page struct {
		Value []json.RawMessage `json:"value"`
		Next  string            `json:"@odata.nextLink"`
	}
	if err := p.fetch.Decode(a, &page); err != nil {
		return connect.Fetched{}, err
	}
	out := connect.Fetched{Clock: a.Clock, Next: page.Next}
	for _, raw := range page.Value {
		var head struct {
			ID       string    `json:"id"`
			Created  time.Time `json:"createdDateTime"`
			Activity time.Time `json:"activityDateTime"`
			Detected time.Time `json:"detectedDateTime"`
		}
		_ = json.Unmarshal(raw, &head)
		r := connect.Record{ID: head.ID, Time: head.Created, Data: connect.Compact(raw)}
		switch s.time {
		case "activityDateTime":
			r.Time = head.Activity
		case "detectedDateTime":
			r.Time = head.Detected
		}
		if r.ID == "" {
			r.ID = connect.ContentID(raw)
		}
		if s.family == "alerts" {
			r.Data = alert(raw)
		}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// Streams implements connect.Puller.
func (p *puller) Streams() []string { return p.names }

// Next implements connect.Puller.
func (p *puller) Next(ctx context.Context, at connect.At) (connect.Page, error) {
	s := p.sources[at.Stream]
	page, err := p.window(s).Next(ctx, at, p.now())
	page.Source = s.family
	return page, err
}

// Test implements connect.Puller.
func (p *puller) Test(ctx context.Context) []connect.Check {
	var out []connect.Check
	for _, name := range p.names {
		s := p.sources[name]
		_, err := p.page(ctx, s, p.fetch.Base+s.path+"?%24top=1")
		out = append(out, connect.Checked(name, err))
	}
	return out
}

// Close implements connect.Puller.
func (p *puller) Close() error { return nil }
