package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Filters select incidents or alerts. Values of one filter are alternatives, Filters are conditions that must all hold.
type Filters struct {
	Status          []string  `query:"status,explode" maxItems:"20"`
	Severity        []string  `query:"severity,explode" maxItems:"20"`
	AssignedTo      []string  `query:"assignedTo,explode" maxItems:"100"`
	Classification  []string  `query:"classification,explode" maxItems:"20"`
	ServiceSource   []string  `query:"serviceSource,explode" maxItems:"50"`
	DetectionSource []string  `query:"detectionSource,explode" maxItems:"50"`
	Category        []string  `query:"category,explode" maxItems:"50"`
	Tag             []string  `query:"tag,explode" maxItems:"50"`
	Entity          string    `query:"entity" maxLength:"2000" doc:"canonical key of an entity"`
	From            time.Time `query:"from" doc:"last activity at or after"`
	To              time.Time `query:"to" doc:"last activity before"`
	Lab             string    `query:"lab" enum:"true,false" doc:"only, or without, what the evaluation lab made"`
}

type incidentsInput struct {
	Listing
	Filters
}

func (f *Filters) query(l Listing) incident.Query {
	q := incident.Query{
		Status: f.Status, Severity: f.Severity, AssignedTo: f.AssignedTo, Classification: f.Classification,
		ServiceSource: f.ServiceSource, DetectionSource: f.DetectionSource, Category: f.Category, Tag: f.Tag,
		Entity: f.Entity, From: f.From, To: f.To, Search: l.Search, OrderBy: l.OrderBy, Count: l.Count, Top: l.Top + 1, Skip: l.Skip,
	}
	if f.Lab != "" {
		lab := f.Lab == "true"
		q.Lab = &lab
	}
	return q
}

type IncidentPath struct {
	ID int64 `path:"id" minimum:"1"`
}

func (i *IncidentPath) audited() (string, map[string]any) { return strconv.FormatInt(i.ID, 10), nil }

type incidentPage struct {
	IncidentPath
	Paging
}

type incidentPatch struct {
	IncidentPath
	Body incident.Patch
}

func (i *incidentPatch) audited() (string, map[string]any) {
	return strconv.FormatInt(i.ID, 10), patched(i.Body)
}

// patched tells the audit log which fields a patch changed, without their texts (those are in the activity log).
func patched(p incident.Patch) map[string]any {
	out := map[string]any{}
	for name, set := range map[string]bool{
		"status": p.Status != nil, "severity": p.Severity != nil, "name": p.Name != nil, "assignedTo": p.AssignedTo != nil, "classification": p.Classification != nil,
		"determination": p.Determination != nil, "tags": p.Tags != nil, "comment": p.Comment != nil, "resolvingComment": p.ResolvingComment != nil,
	} {
		if set {
			out[name] = true
		}
	}
	return out
}

type incidentBulk struct {
	Body struct {
		IDs   []Number       `json:"ids" minItems:"1" maxItems:"1000" nullable:"false"`
		Patch incident.Patch `json:"patch"`
	}
}

func (i *incidentBulk) audited() (string, map[string]any) {
	d := patched(i.Body.Patch)
	d["ids"] = i.Body.IDs
	return fmt.Sprintf("%d incidents", len(i.Body.IDs)), d
}

// BulkAnswer tells what became of each id of a bulk change.
type BulkAnswer struct {
	Updated int          `json:"updated"`
	Failed  []BulkFailed `json:"failed" nullable:"false"`
}

// BulkFailed is one id that could not be changed.
type BulkFailed struct {
	ID    string       `json:"id"`
	Error ProblemError `json:"error"`
}

func (s *server) bulk(ctx context.Context, r incident.BulkResult) *output[BulkAnswer] {
	out := BulkAnswer{Updated: r.Updated, Failed: []BulkFailed{}}
	for _, f := range r.Failed {
		e := ProblemError{Code: fault.CodeOf(f.Err), Message: f.Err.Error()}
		if e.Code == fault.Internal {
			e.Message = s.defect(ctx, f.Err).Message
		}
		out.Failed = append(out.Failed, BulkFailed{ID: f.ID, Error: e})
	}
	return answer(out)
}

type commentBody struct {
	Comment string `json:"comment" maxLength:"10000"`
}

type incidentComment struct {
	IncidentPath
	Body commentBody
}

type incidentMerge struct {
	IncidentPath
	Body struct {
		IntoID  Number `json:"intoId"`
		Comment string `json:"comment,omitempty" maxLength:"10000"`
	}
}

// Facets counts items per value of each filter.
type Facets map[string]map[string]int64

func facets(in map[string][]incident.FacetCount) *output[Facets] {
	out := Facets{}
	for name, counts := range in {
		out[name] = map[string]int64{}
		for _, c := range counts {
			out[name][c.Value] = c.Count
		}
	}
	return answer(out)
}

// Investigation is an automated investigation of an incident.
type Investigation struct {
	ID string `json:"id"`
}

func (c *call) actor() incident.Actor {
	kind := incident.ByUser
	if c.who.Kind != access.KindUser {
		kind = incident.ByAPI
	}
	return incident.Actor{Name: c.actorName(), Kind: kind}
}

// incidents are alerts, incidents and entities as the caller sees them. Handlers reach them no other way.
func (s *server) incidents(c *call) *incident.Scope {
	see := c.who.View(c.tenant)
	manage := see
	manage.Workloads = c.who.Workloads(c.tenant, access.AlertsManage)
	return s.Incidents.For(see, manage)
}

func (s *server) registerIncidents() {
	const tag, base = "incidents", "/api/incidents"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead}
	}
	change := func(method, path, id, summary string) operation {
		return operation{method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.AlertsManage, scope: access.ScopeWrite}
	}
	svc := s.incidents
	handle(s, read("", "listIncidents", "List incidents"), func(ctx context.Context, c *call, in *incidentsInput) (*pageOutput[incident.Incident], error) {
		p, err := svc(c).Incidents(ctx, c.tenant, in.query(in.Listing))
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/facets", "countIncidents", "Count incidents per value of each filter"), func(ctx context.Context, c *call, in *incidentsInput) (*output[Facets], error) {
		f, err := svc(c).IncidentFacets(ctx, c.tenant, in.query(in.Listing))
		return facets(f), err
	})
	handle(s, read("/{id}", "getIncident", "One incident; a merged one answers with its target's data"), func(ctx context.Context, c *call, in *IncidentPath) (*output[*incident.Incident], error) {
		i, err := svc(c).Incident(ctx, c.tenant, in.ID)
		return answer(i), err
	})
	handle(s, change(http.MethodPatch, "/{id}", "updateIncident", "Change an incident"), func(ctx context.Context, c *call, in *incidentPatch) (*output[*incident.Incident], error) {
		i, err := svc(c).UpdateIncident(ctx, c.tenant, c.actor(), in.ID, in.Body)
		return answer(i), err
	})
	handle(s, change(http.MethodPost, "/bulk", "updateIncidents", "Change many incidents"), func(ctx context.Context, c *call, in *incidentBulk) (*output[BulkAnswer], error) {
		r, err := svc(c).UpdateIncidents(ctx, c.tenant, c.actor(), numbers(in.Body.IDs), in.Body.Patch)
		return s.bulk(ctx, r), err
	})
	handle(s, change(http.MethodPost, "/{id}/comments", "commentIncident", "Comment on an incident"), func(ctx context.Context, c *call, in *incidentComment) (*output[*incident.Incident], error) {
		i, err := svc(c).UpdateIncident(ctx, c.tenant, c.actor(), in.ID, incident.Patch{Comment: &in.Body.Comment})
		return answer(i), err
	})
	handle(s, change(http.MethodPost, "/{id}/merge", "mergeIncident", "Merge an incident into another, which is returned"),
		func(ctx context.Context, c *call, in *incidentMerge) (*output[*incident.Incident], error) {
			i, err := svc(c).MergeIncidents(ctx, c.tenant, c.actor(), in.ID, int64(in.Body.IntoID), in.Body.Comment)
			return answer(i), err
		})
	handle(s, read("/{id}/alerts", "listIncidentAlerts", "An incident's alerts"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.Alert], error) {
		p, err := svc(c).Alerts(ctx, c.tenant, incident.Query{IncidentID: in.ID, Top: in.Top, Skip: in.Skip, Count: true, OrderBy: "firstActivity:asc"})
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/devices", "listIncidentDevices", "An incident's devices"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.Asset], error) {
		p, err := svc(c).IncidentDevices(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/users", "listIncidentUsers", "An incident's users"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.Asset], error) {
		p, err := svc(c).IncidentUsers(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/mailboxes", "listIncidentMailboxes", "An incident's mailboxes"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.Asset], error) {
		p, err := svc(c).IncidentMailboxes(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/investigations", "listIncidentInvestigations", "An incident's automated investigations; there are none until the product investigates"),
		func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[Investigation], error) {
			_, err := svc(c).Incident(ctx, c.tenant, in.ID)
			return slice([]Investigation{}, in.Paging, nil), err
		})
	handle(s, read("/{id}/evidence", "listIncidentEvidence", "The entities of an incident's alerts"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.EvidenceItem], error) {
		p, err := svc(c).IncidentEvidence(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/activities", "listIncidentActivities", "An incident's log, newest first"), func(ctx context.Context, c *call, in *incidentPage) (*pageOutput[incident.Activity], error) {
		p, err := svc(c).IncidentActivities(ctx, c.tenant, in.ID, in.Top, in.Skip)
		return incidentsOut(ctx, p, in.Paging, err)
	})
	handle(s, read("/{id}/graph", "getIncidentGraph", "An incident's alerts and entities as a graph"), func(ctx context.Context, c *call, in *IncidentPath) (*output[*incident.Graph], error) {
		g, err := svc(c).IncidentGraph(ctx, c.tenant, in.ID)
		return answer(g), err
	})
}

func incidentsOut[T any](ctx context.Context, p incident.Page[T], at Paging, err error) (*pageOutput[T], error) {
	if err != nil {
		return nil, err
	}
	return pageOf(p.Value, p.Count, at, requestURL(ctx)), nil
}
