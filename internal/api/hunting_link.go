package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Linker makes alerts by hand and writes their hunting rows.
type Linker interface {
	Link(ctx context.Context, scope *incident.Scope, id tenant.ID, by incident.Actor, into int64, src incident.LinkSource, alerts []incident.Linked) (incidentID int64, alertIDs []string, err error)
}

// maxLinkBody is the most that a request with picked rows may carry.
const maxLinkBody = 16 << 20

type linkInput struct {
	Body struct {
		IncidentID *Number             `json:"incidentId,omitempty" required:"false" nullable:"true" doc:"left out: a new incident"`
		Alert      detect.LinkAlert    `json:"alert"`
		Query      string              `json:"query" maxLength:"65536"`
		Timespan   string              `json:"timespan,omitempty" maxLength:"200"`
		Columns    []detect.LinkColumn `json:"columns" minItems:"1" maxItems:"1000" nullable:"false"`
		Rows       [][]json.RawMessage `json:"rows" nullable:"false" doc:"as the run gave them; at most 1000"`
		Entities   []detect.LinkEntity `json:"entities" minItems:"1" maxItems:"50" nullable:"false" doc:"each distinct combination of impacted values becomes an alert, at most 100"`
	}
}

func (i *linkInput) audited() (string, map[string]any) {
	return i.Body.Alert.Title, map[string]any{"incidentId": i.Body.IncidentID, "rows": len(i.Body.Rows), "query": cutText(i.Body.Query, 4000)}
}

// LinkedAnswer says what was made.
type LinkedAnswer struct {
	IncidentID int64    `json:"incidentId"`
	AlertIDs   []string `json:"alertIds" nullable:"false"`
}

// AlertResults are the rows that an alert was made of by hand.
type AlertResults struct {
	Query    string              `json:"query"`
	Timespan string              `json:"timespan"`
	Columns  []detect.LinkColumn `json:"columns" nullable:"false"`
	Rows     [][]json.RawMessage `json:"rows" nullable:"false"`
}

func (s *server) registerLink(op func(method, path, id, summary string) operation) {
	link := op(http.MethodPost, "/link", "linkResults", "Make alerts of rows of a result and put them into an incident")
	link.permission, link.scope, link.quiet, link.large = access.AlertsManage, access.ScopeWrite, false, maxLinkBody
	handle(s, link, s.linkResults)

	results := operation{
		method: http.MethodGet, path: "/api/alerts/{id}/results", id: "getAlertResults", summary: "The rows of a query's result that the alert was made of by hand", tag: "alerts",
		door: byPermission, permission: access.DataRead, scope: access.ScopeRead,
	}
	handle(s, results, func(ctx context.Context, c *call, in *AlertPath) (*output[AlertResults], error) {
		r, err := s.incidents(c).AlertResult(ctx, c.tenant, in.ID)
		if err != nil {
			return nil, err
		}
		// The rows show no more than the query would: who may not read its tables does not see them.
		if err := maySee(c, r.Tables); err != nil {
			return nil, err
		}
		out := AlertResults{Query: r.Query, Timespan: r.Timespan, Columns: []detect.LinkColumn{}, Rows: make([][]json.RawMessage, len(r.Rows))}
		if err := json.Unmarshal(r.Columns, &out.Columns); err != nil {
			return nil, err
		}
		for i, row := range r.Rows {
			if err := json.Unmarshal(row, &out.Rows[i]); err != nil {
				return nil, err
			}
		}
		return answer(out), nil
	})
}

// maySee refuses tables that do not exist for the caller.
func maySee(c *call, tables []string) error {
	visible, all := c.visible(), schema.Load()
	for _, name := range tables {
		t := all.Table(name)
		if t == nil && schema.CustomName(name) {
			t = schema.NewCustom(name, nil)
		}
		if t != nil && !visible(t) {
			return fault.Newf(fault.Permission, "the query reads %s, which takes the permission to read that data", name).On("query")
		}
	}
	return nil
}

func (s *server) linkResults(ctx context.Context, c *call, in *linkInput) (*output[LinkedAnswer], error) {
	b := &in.Body
	tables, err := s.Queries.TablesOf(ctx, c.tenant, c.owner(), b.Query)
	if err != nil {
		return nil, err
	}
	if err := maySee(c, tables); err != nil {
		return nil, err
	}
	link := detect.Link{Alert: b.Alert, Tables: tables, Columns: b.Columns, Rows: b.Rows, Entities: b.Entities}
	alerts, err := link.Alerts(c.tenant, time.Now())
	if err != nil {
		return nil, err
	}
	into := int64(0)
	if b.IncidentID != nil {
		if into = int64(*b.IncidentID); into <= 0 {
			return nil, fault.Newf(fault.Invalid, "an incident has a number above 0").On("incidentId")
		}
	}
	number, ids, err := s.Links.Link(ctx, s.incidents(c), c.tenant, c.actor(), into, incident.LinkSource{Query: b.Query, Timespan: b.Timespan, Tables: tables}, alerts)
	if err != nil {
		return nil, err
	}
	return answer(LinkedAnswer{IncidentID: number, AlertIDs: ids}), nil
}
