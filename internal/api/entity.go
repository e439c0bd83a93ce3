package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
)

// EntityHit is one result of the global search.
type EntityHit struct {
	Kind   string `json:"kind" doc:"incident, alert, device, user, mailbox, file, ip, url, …"`
	Key    string `json:"key"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
	URL    string `json:"url" doc:"path of the portal that shows it"`
}

type searchInput struct {
	Q   string `query:"q" maxLength:"200"`
	Top int    `query:"$top" default:"20" minimum:"1" maximum:"100"`
}

func (s *server) registerEntities() {
	handle(s, operation{
		method: http.MethodGet, path: "/api/entities/search", id: "searchEntities", summary: "Find incidents, alerts, devices, users, files, addresses", tag: "entities",
		door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, in *searchInput) (*pageOutput[EntityHit], error) {
		text := strings.TrimSpace(in.Q)
		if text == "" {
			return slice([]EntityHit{}, Paging{Top: in.Top}, nil), nil
		}
		hits, err := s.search(ctx, c, text, in.Top)
		return slice(hits, Paging{Top: in.Top}, nil), err
	})
}

// few is how many incidents and alerts stand before the entities.
const few = 5

func (s *server) search(ctx context.Context, c *call, text string, top int) ([]EntityHit, error) {
	var out []EntityHit
	incidents, err := s.incidents(c).Incidents(ctx, c.tenant, incident.Query{Search: text, Top: few, OrderBy: "lastActivity:desc"})
	if err != nil {
		return nil, err
	}
	for _, i := range incidents.Value {
		out = append(out, EntityHit{
			Kind: "incident", Key: fmt.Sprint(i.ID), Label: i.Name, Detail: fmt.Sprintf("%s, %s, %d alerts", i.Severity, i.Status, i.AlertCount),
			URL: fmt.Sprintf("/incidents/%d", i.ID),
		})
	}
	alerts, err := s.incidents(c).Alerts(ctx, c.tenant, incident.Query{Search: text, Top: few, OrderBy: "lastActivity:desc"})
	if err != nil {
		return nil, err
	}
	for _, a := range alerts.Value {
		out = append(out, EntityHit{
			Kind: "alert", Key: a.ID, Label: a.Title, Detail: fmt.Sprintf("%s, %s", a.Severity, a.Status), URL: "/alerts/" + url.PathEscape(a.ID),
		})
	}
	entities, err := s.incidents(c).SearchEntities(ctx, c.tenant, text, top)
	if err != nil {
		return nil, err
	}
	for _, e := range entities {
		detail := ""
		if e.Alerts > 0 {
			detail = fmt.Sprintf("%d alerts", e.Alerts)
		}
		out = append(out, EntityHit{Kind: e.Kind, Key: e.Key, Label: e.Name, Detail: detail, URL: "/incidents?entity=" + url.QueryEscape(e.Key)})
	}
	return out, nil
}
