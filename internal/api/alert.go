package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
)

type alertsInput struct {
	Listing
	Filters
	IncidentID int64  `query:"incidentId" minimum:"1"`
	RuleID     string `query:"ruleId" maxLength:"500"`
}

func (in *alertsInput) query() incident.Query {
	q := in.Filters.query(in.Listing)
	q.IncidentID, q.RuleID = in.IncidentID, in.RuleID
	return q
}

type AlertPath struct {
	ID string `path:"id" maxLength:"200"`
}

func (i *AlertPath) audited() (string, map[string]any) { return i.ID, nil }

type alertPage struct {
	AlertPath
	Paging
}

type alertPatch struct {
	AlertPath
	Body incident.Patch
}

func (i *alertPatch) audited() (string, map[string]any) { return i.ID, patched(i.Body) }

type alertBulk struct {
	Body struct {
		IDs   []string       `json:"ids" minItems:"1" maxItems:"1000" nullable:"false"`
		Patch incident.Patch `json:"patch"`
	}
}

func (i *alertBulk) audited() (string, map[string]any) {
	d := patched(i.Body.Patch)
	d["ids"] = i.Body.IDs
	return fmt.Sprintf("%d alerts", len(i.Body.IDs)), d
}

type alertComment struct {
	AlertPath
	Body commentBody
}

type alertUnlink struct {
	AlertPath
	Body struct {
		Comment string `json:"comment,omitempty" maxLength:"10000"`
	}
}

type alertMove struct {
	Body struct {
		AlertIDs   []string `json:"alertIds" minItems:"1" maxItems:"1000" nullable:"false"`
		IncidentID *Number  `json:"incidentId" required:"false" nullable:"true" doc:"null opens a new incident"`
		Comment    string   `json:"comment,omitempty" maxLength:"10000"`
	}
}

func (i *alertMove) audited() (string, map[string]any) {
	return fmt.Sprintf("%d alerts", len(i.Body.AlertIDs)), map[string]any{"alertIds": i.Body.AlertIDs, "incidentId": i.Body.IncidentID}
}

// Moved is the incident that alerts were moved into.
type Moved struct {
	IncidentID int64              `json:"incidentId"`
	Incident   *incident.Incident `json:"incident"`
}

func (s *server) registerAlerts() {
	const tag, base = "alerts", "/api/alerts"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead}
	}
	change := func(method, path, id, summary string) operation {
		return operation{method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.AlertsManage, scope: access.ScopeWrite}
	}
	svc := s.incidents
	handle(s, read("", "listAlerts", "List alerts"), func(ctx context.Context, c *call, in *alertsInput) (*pageOutput[incident.Alert], error) {
		p, err := svc(c).Alerts(ctx, c.tenant, in.query())
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/facets", "countAlerts", "Count alerts per value of each filter"), func(ctx context.Context, c *call, in *alertsInput) (*output[Facets], error) {
		f, err := svc(c).AlertFacets(ctx, c.tenant, in.query())
		return facets(f), err
	})
	handle(s, read("/{id}", "getAlert", "One alert with evidence, matched fields, first hits and the reasons for its joins"),
		func(ctx context.Context, c *call, in *AlertPath) (*output[*incident.Alert], error) {
			a, err := svc(c).Alert(ctx, c.tenant, in.ID)
			return answer(a), err
		})
	handle(s, change(http.MethodPatch, "/{id}", "updateAlert", "Change an alert"), func(ctx context.Context, c *call, in *alertPatch) (*output[*incident.Alert], error) {
		a, err := svc(c).UpdateAlert(ctx, c.tenant, c.actor(), in.ID, in.Body)
		return answer(a), err
	})
	handle(s, change(http.MethodPost, "/bulk", "updateAlerts", "Change many alerts"), func(ctx context.Context, c *call, in *alertBulk) (*output[BulkAnswer], error) {
		r, err := svc(c).UpdateAlerts(ctx, c.tenant, c.actor(), in.Body.IDs, in.Body.Patch)
		return s.bulk(ctx, r), err
	})
	handle(s, change(http.MethodPost, "/{id}/comments", "commentAlert", "Comment on an alert"), func(ctx context.Context, c *call, in *alertComment) (*output[*incident.Alert], error) {
		a, err := svc(c).UpdateAlert(ctx, c.tenant, c.actor(), in.ID, incident.Patch{Comment: &in.Body.Comment})
		return answer(a), err
	})
	handle(s, change(http.MethodPost, "/move", "moveAlerts", "Move alerts into another incident, or into a new one"), func(ctx context.Context, c *call, in *alertMove) (*output[Moved], error) {
		var into int64
		if in.Body.IncidentID != nil {
			into = int64(*in.Body.IncidentID)
		}
		i, err := svc(c).MoveAlerts(ctx, c.tenant, c.actor(), in.Body.AlertIDs, into, in.Body.Comment)
		if err != nil {
			return nil, err
		}
		return answer(Moved{IncidentID: i.ID, Incident: i}), nil
	})
	handle(s, change(http.MethodPost, "/{id}/unlink", "unlinkAlert", "Take an alert out of its incident into one of its own, for good"),
		func(ctx context.Context, c *call, in *alertUnlink) (*output[Moved], error) {
			i, err := svc(c).UnlinkAlert(ctx, c.tenant, c.actor(), in.ID, in.Body.Comment)
			if err != nil {
				return nil, err
			}
			return answer(Moved{IncidentID: i.ID, Incident: i}), nil
		})
	handle(s, read("/{id}/activities", "listAlertActivities", "An alert's log, newest first"), func(ctx context.Context, c *call, in *alertPage) (*pageOutput[incident.Activity], error) {
		p, err := svc(c).AlertActivities(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/story", "getAlertStory", "An alert's processes, files and messages as a tree"), func(ctx context.Context, c *call, in *AlertPath) (*output[Story], error) {
		a, err := svc(c).Alert(ctx, c.tenant, in.ID)
		if err != nil {
			return nil, err
		}
		return answer(s.story(ctx, c, a)), nil
	})
}
