package incident

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// count spares the query when the page shows the end of the list.
func count(got int, q Query, ask func() (int64, error)) (int64, error) {
	if q.Top == 0 || got < q.Top && (got > 0 || q.Skip == 0) {
		return int64(got + q.Skip), nil
	}
	return ask()
}

// fill adds alert ids and joins to incidents.
func (s *Scope) fill(ctx context.Context, id tenant.ID, list []Incident) error {
	ids := make([]int64, len(list))
	at := map[int64]int{}
	for i := range list {
		ids[i] = list[i].ID
		at[list[i].ID] = i
		list[i].AlertIDs, list[i].Joins = []string{}, []Join{}
	}
	members, err := store.MemberList(ctx, s.db, id, s.sight(), ids)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		in := &list[at[m.IncidentID]]
		in.AlertIDs = append(in.AlertIDs, m.ID)
		seen[m.ID] = true
	}
	edges, err := store.EdgesOf(ctx, s.db, id, ids)
	if err != nil {
		return err
	}
	for _, e := range edges {
		if seen[e.AlertID] && seen[e.ToAlertID] {
			in := &list[at[e.IncidentID]]
			in.Joins = append(in.Joins, joinOf(e))
		}
	}
	return nil
}

func joinOf(e *store.Edge) Join {
	return Join{AlertID: e.AlertID, ToAlertID: e.ToAlertID, Kind: e.Kind, Entity: e.Entity, Weight: e.Weight, GapSeconds: e.GapSeconds, Rarity: e.Rarity, Text: e.Text}
}

// Incident returns one incident with alert ids, joins and comments. The id of a merged incident answers with the target's data and RedirectIncidentID set.
func (s *Scope) Incident(ctx context.Context, id tenant.ID, incident int64) (*Incident, error) {
	row, redirected, err := s.find(ctx, id, incident)
	if err != nil {
		return nil, err
	}
	list := []Incident{incidentOf(row)}
	if err := s.fill(ctx, id, list); err != nil {
		return nil, err
	}
	out := &list[0]
	if redirected {
		out.RedirectIncidentID = &row.ID
	}
	out.Comments, err = s.comments(ctx, id, "incident", strconv.FormatInt(row.ID, 10))
	return out, err
}

// find follows redirects to the incident that answers for an id.
func (s *Scope) find(ctx context.Context, id tenant.ID, incident int64) (*store.Incident, bool, error) {
	asked := incident
	for range 100 {
		row, err := store.FindIncident(ctx, s.db, id, incident)
		if err != nil {
			return nil, false, err
		}
		if row == nil {
			return nil, false, fault.Newf(fault.NotFound, "incident %d does not exist", asked)
		}
		if row.Status != statusRedirected {
			seen, err := s.narrow(ctx, id, []*store.Incident{row})
			if err != nil {
				return nil, false, err
			}
			if len(seen) == 0 {
				return nil, false, fault.Newf(fault.NotFound, "incident %d does not exist", asked)
			}
			return seen[0], incident != asked, nil
		}
		incident = row.RedirectID
	}
	return nil, false, fault.Newf(fault.Internal, "incident %d redirects in a circle", asked)
}

func (s *Scope) comments(ctx context.Context, id tenant.ID, target, name string) ([]Comment, error) {
	rows, _, err := store.Activities(ctx, s.db, id, target, name, "comment", 0, 0)
	out := make([]Comment, 0, len(rows))
	for i := len(rows) - 1; i >= 0; i-- {
		out = append(out, Comment{Comment: rows[i].Text, CreatedBy: rows[i].Actor, CreatedTime: at(rows[i].Time)})
	}
	return out, err
}

// incidentOf turns a row into what callers see.
func incidentOf(r *store.Incident) Incident {
	var t totals
	decode(r.Summary, &t)
	out := Incident{
		ID: r.ID, Name: r.Name, Severity: SeverityOf(int(r.Severity)), SeverityOverridden: r.SeverityCustom != 0, Status: incidentStatus(r.Status), Classification: r.Classification,
		Determination: r.Determination, AssignedTo: r.AssignedTo, Tags: nonNil(t.Tags), SystemTags: nonNil(t.SystemTags), ResolvingComment: r.ResolvingComment,
		CreatedTime: at(r.Created), LastUpdateTime: at(r.Updated), FirstActivity: at(r.FirstActivity), LastActivity: at(r.LastActivity),
		AlertCount: int(r.AlertCount), ActiveAlertCount: int(r.ActiveAlertCount), Devices: nonNil(t.Devices), Users: nonNil(t.Users), Mailboxes: nonNil(t.Mailboxes),
		DeviceCount: int(r.DeviceCount), UserCount: int(r.UserCount), MailboxCount: int(r.MailboxCount), Categories: nonNil(t.Categories), Techniques: nonNil(t.Techniques),
		ServiceSources: nonNil(t.ServiceSources), DetectionSources: nonNil(t.DetectionSources), InvestigationState: r.InvestigationState, Lab: r.Lab != 0, Full: r.AtBound != 0,
	}
	if r.Status == statusRedirected {
		to := r.RedirectID
		out.RedirectIncidentID = &to
	}
	return out
}

// Alerts lists alerts (those of one incident with Query.IncidentID).
func (s *Scope) Alerts(ctx context.Context, id tenant.ID, q Query) (Page[Alert], error) {
	f, err := q.filter()
	if err != nil {
		return Page[Alert]{}, err
	}
	f.Sight = s.sight()
	if q.IncidentID != 0 {
		row, _, err := s.find(ctx, id, q.IncidentID)
		if err != nil {
			return Page[Alert]{}, err
		}
		f.IncidentID = row.ID
	}
	order, err := q.order(map[string]string{
		"": "last_activity", "id": "id", "title": "title", "severity": "severity", "status": "status", "createdTime": "created", "lastUpdateTime": "updated",
		"firstActivity": "first_activity", "lastActivity": "last_activity", "category": "category", "incidentId": "incident_id", "assignedTo": "assigned_to", "serviceSource": "service_source",
		"hitCount": "hit_count", "classification": "classification",
	})
	if err != nil {
		return Page[Alert]{}, err
	}
	rows, err := store.ListAlerts(ctx, s.db, id, f, order, q.Top, q.Skip)
	if err != nil {
		return Page[Alert]{}, err
	}
	out := Page[Alert]{Count: -1}
	if out.Value, err = s.alertsOf(ctx, id, rows); err != nil {
		return Page[Alert]{}, err
	}
	if q.Full {
		if err := s.fillAlerts(ctx, id, out.Value); err != nil {
			return Page[Alert]{}, err
		}
	}
	if q.Count {
		if out.Count, err = count(len(rows), q, func() (int64, error) { return store.CountAlerts(ctx, s.db, id, f) }); err != nil {
			return Page[Alert]{}, err
		}
	}
	return out, nil
}

// Alert returns one alert in full.
func (s *Scope) Alert(ctx context.Context, id tenant.ID, alert string) (*Alert, error) {
	row, err := store.FindAlert(ctx, s.db, id, alert)
	if err != nil {
		return nil, err
	}
	shown, err := s.Shows(ctx, id, "alert", alert)
	if err != nil {
		return nil, err
	}
	if row == nil || !shown {
		return nil, noAlert(alert)
	}
	list, err := s.alertsOf(ctx, id, []*store.Alert{row})
	if err != nil {
		return nil, err
	}
	if err := s.fillAlerts(ctx, id, list); err != nil {
		return nil, err
	}
	list[0].Comments, err = s.comments(ctx, id, "alert", alert)
	return &list[0], err
}

func noAlert(alert string) error {
	return fault.Newf(fault.NotFound, "alert %q does not exist", cut(alert, 100))
}

// alertsOf turns rows into what lists show.
func (s *Scope) alertsOf(ctx context.Context, id tenant.ID, rows []*store.Alert) ([]Alert, error) {
	incidents := make([]int64, 0, len(rows))
	for _, r := range rows {
		incidents = append(incidents, r.IncidentID)
	}
	names, err := s.incidentNames(ctx, id, distinct(incidents))
	if err != nil {
		return nil, err
	}
	if err := s.cover(ctx, id, s.sight(), rows); err != nil {
		return nil, err
	}
	out := make([]Alert, len(rows))
	for i, r := range rows {
		out[i] = alertOf(r)
		out[i].IncidentName = names[r.IncidentID]
	}
	return out, nil
}

// incidentNames returns the names of incidents. One that the program made is made of the alerts that are seen.
func (s *Scope) incidentNames(ctx context.Context, id tenant.ID, incidents []int64) (map[int64]string, error) {
	if s.sight() == nil {
		return store.IncidentNames(ctx, s.db, id, incidents)
	}
	rows, err := store.IncidentsByID(ctx, s.db, id, incidents)
	if err != nil {
		return nil, err
	}
	if rows, err = s.narrow(ctx, id, rows); err != nil {
		return nil, err
	}
	out := make(map[int64]string, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Name
	}
	return out, nil
}

func alertOf(r *store.Alert) Alert {
	var sum summary
	decode(r.Summary, &sum)
	out := Alert{
		ID: r.ID, ProviderAlertID: r.ProviderAlertID, IncidentID: r.IncidentID, Title: r.Title, Description: r.Description, RecommendedActions: r.Recommended,
		Severity: SeverityOf(int(r.Severity)), Status: alertStatus(r.Status), Category: r.Category, Techniques: decodeStrings(r.Techniques), ServiceSource: r.ServiceSource,
		DetectionSource: r.DetectionSource, Product: r.Product, RuleID: r.RuleID, RuleTitle: r.RuleTitle, Classification: r.Classification, Determination: r.Determination,
		AssignedTo: r.AssignedTo, Tags: decodeStrings(r.Tags), CreatedTime: at(r.Created), LastUpdateTime: at(r.Updated), FirstActivity: at(r.FirstActivity),
		LastActivity: at(r.LastActivity), HitCount: r.HitCount, InvestigationState: r.InvestigationState, LinkReasons: nonNil(sum.LinkReasons), Devices: nonNil(sum.Devices),
		Users: nonNil(sum.Users), Mailboxes: nonNil(sum.Mailboxes), Lab: r.Lab != "",
	}
	if r.Resolved != 0 {
		t := at(r.Resolved)
		out.ResolvedTime = &t
	}
	decode(r.Matched, &out.Matched)
	return out
}

// shownHits is how many hits of an alert stand in its JSON.
const shownHits = 100

// fillAlerts adds evidence, hits and joins.
func (s *Scope) fillAlerts(ctx context.Context, id tenant.ID, list []Alert) error {
	ids := make([]string, len(list))
	at := map[string]int{}
	for i := range list {
		ids[i] = list[i].ID
		at[list[i].ID] = i
		list[i].Evidence, list[i].Hits, list[i].Joins = []Evidence{}, []HitRecord{}, []Join{}
	}
	evidence, err := s.evidence(ctx, id, ids)
	if err != nil {
		return err
	}
	for _, e := range evidence {
		a := &list[at[e.AlertID]]
		a.Evidence = append(a.Evidence, evidenceOf(e))
	}
	for i := range list {
		if err := store.Hits(ctx, s.db, id, list[i].ID, shownHits, func(h store.HitRow) error {
			r := hitOf(h)
			r.AlertID, r.IncidentID = "", 0
			list[i].Hits = append(list[i].Hits, r)
			return nil
		}); err != nil {
			return err
		}
	}
	edges, err := store.EdgesOfAlerts(ctx, s.db, id, ids)
	if err != nil {
		return err
	}
	var ends []string
	for _, e := range edges {
		ends = append(ends, e.AlertID, e.ToAlertID)
	}
	seen, err := store.Seen(ctx, s.db, id, s.sight(), distinct(ends))
	if err != nil {
		return err
	}
	for _, e := range edges {
		if !seen[e.AlertID] || !seen[e.ToAlertID] {
			continue
		}
		for _, end := range distinct([]string{e.AlertID, e.ToAlertID}) {
			if i, ok := at[end]; ok {
				list[i].Joins = append(list[i].Joins, joinOf(e))
			}
		}
	}
	return nil
}

func evidenceOf(e *store.Evidence) Evidence {
	var out Evidence
	decode(e.Body, &out)
	out.Type, out.EntityKey = e.Type, e.Entity
	return out
}

func hitOf(h store.HitRow) HitRecord {
	return HitRecord{AlertID: h.AlertID, IncidentID: h.IncidentID, ExternalID: h.ExternalID, File: h.Path, Record: h.Record, Time: at(h.Time)}
}

// Hits calls fn for every hit, of one alert or (alert "") of all, in the order of alerts and time, until fn fails.
func (s *Scope) Hits(ctx context.Context, id tenant.ID, alert string, fn func(HitRecord) error) error {
	if alert != "" {
		row, err := store.FindAlert(ctx, s.db, id, alert)
		if err != nil {
			return err
		}
		if row == nil {
			return noAlert(alert)
		}
	}
	return store.Hits(ctx, s.db, id, alert, 0, func(h store.HitRow) error { return fn(hitOf(h)) })
}

// filter checks the query and translates it to columns.
func (q *Query) filter() (*store.Filter, error) {
	f := &store.Filter{
		AssignedTo: q.AssignedTo, Classification: q.Classification, ServiceSource: q.ServiceSource, DetectionSource: q.DetectionSource, Category: q.Category, Tag: q.Tag,
		Entity: q.Entity, Lab: q.Lab, Search: strings.TrimSpace(cut(q.Search, 200)), IncidentID: q.IncidentID, RuleID: q.RuleID,
	}
	for _, x := range q.Status {
		n, ok := parseStatus(Status(x))
		if !ok {
			return nil, fault.Newf(fault.Invalid, "status %q does not exist: use Active, New, InProgress, Resolved or Redirected", x).On("status")
		}
		f.Status = append(f.Status, n)
	}
	for _, x := range q.Severity {
		n, ok := parseSeverity(Severity(x))
		if !ok {
			return nil, fault.Newf(fault.Invalid, "severity %q does not exist: use Informational, Low, Medium or High", x).On("severity")
		}
		f.Severity = append(f.Severity, n)
	}
	bound := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return micros(t)
	}
	f.From, f.To = bound(q.From), bound(q.To)
	if q.Top < 0 || q.Skip < 0 {
		return nil, fault.Newf(fault.Invalid, "$top and $skip must not be negative")
	}
	return f, nil
}

// order reads "field:asc" or "field:desc"; the newest come first by default.
func (q *Query) order(columns map[string]string) (store.Order, error) {
	field, dir, _ := strings.Cut(q.OrderBy, ":")
	column, ok := columns[field]
	if !ok || dir != "" && dir != "asc" && dir != "desc" {
		return store.Order{}, fault.Newf(fault.Invalid, "orderby %q is not field:asc or field:desc of a sortable field", cut(q.OrderBy, 100)).On("orderby")
	}
	return store.Order{Column: column, Desc: dir == "desc" || dir == "" && field == ""}, nil
}
