package incident

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Options tune a Service. The zero value is usable.
type Options struct {
	FoldWindow time.Duration    // how long repeats fold into one alert, in event time; default 24 h
	Publisher  Publisher        // told of every change; nil for none
	Now        func() time.Time // the clock of created and updated times; default time.Now
	Logger     *slog.Logger     // default slog.Default
}

// Service owns alerts and incidents of all tenants. It is safe for concurrent use.
type Service struct {
	db  *bun.DB
	opt Options
}

// New makes the service on an open state database.
func New(db *bun.DB, o Options) *Service { return &Service{db: db, opt: o} }

var errBuilding = fault.Newf(fault.Unavailable, "not built yet")

// Accept takes detections of one or more tenants: it folds repeats into alerts, keeps every hit, correlates new alerts and updates incidents, all in one
// transaction per tenant. Giving the same hits again changes nothing. Call it from one goroutine per tenant for best throughput.
func (s *Service) Accept(ctx context.Context, detections []Detection) (Result, error) {
	return Result{}, errBuilding
}

// Incidents lists incidents. Redirected ones appear only when Status asks for them.
func (s *Service) Incidents(ctx context.Context, id tenant.ID, q Query) (Page[Incident], error) {
	return Page[Incident]{}, errBuilding
}

// Incident returns one incident with joins and comments. The id of a merged incident answers with the target's data and RedirectIncidentID set.
func (s *Service) Incident(ctx context.Context, id tenant.ID, incident int64) (*Incident, error) {
	return nil, errBuilding
}

// IncidentFacets counts the incidents that q selects per value of status, severity, assignedTo, classification, serviceSource, detectionSource, category
// and tag, most frequent first, at most 100 values each. The filter on a facet's own field is left out for its counts.
func (s *Service) IncidentFacets(ctx context.Context, id tenant.ID, q Query) (map[string][]FacetCount, error) {
	return nil, errBuilding
}

// UpdateIncident changes an incident and returns it as it is then. Resolving resolves its open alerts; assigning assigns them.
func (s *Service) UpdateIncident(ctx context.Context, id tenant.ID, by Actor, incident int64, p Patch) (*Incident, error) {
	return nil, errBuilding
}

// UpdateIncidents applies one patch to many incidents, each on its own.
func (s *Service) UpdateIncidents(ctx context.Context, id tenant.ID, by Actor, incidents []int64, p Patch) (BulkResult, error) {
	return BulkResult{}, errBuilding
}

// MergeIncidents moves everything of one incident into another, which it returns; the first becomes Redirected. fault.Conflict names the field that forbids it.
func (s *Service) MergeIncidents(ctx context.Context, id tenant.ID, by Actor, from, into int64, comment string) (*Incident, error) {
	return nil, errBuilding
}

// IncidentDevices, IncidentUsers and IncidentMailboxes list the assets of an incident, those with most alerts first.
func (s *Service) IncidentDevices(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return Page[Asset]{}, errBuilding
}

// IncidentUsers lists the users of an incident.
func (s *Service) IncidentUsers(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return Page[Asset]{}, errBuilding
}

// IncidentMailboxes lists the mailboxes of an incident.
func (s *Service) IncidentMailboxes(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return Page[Asset]{}, errBuilding
}

// IncidentEvidence lists the distinct entities of an incident's alerts.
func (s *Service) IncidentEvidence(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[EvidenceItem], error) {
	return Page[EvidenceItem]{}, errBuilding
}

// IncidentActivities lists the log of an incident, newest first, comments among it.
func (s *Service) IncidentActivities(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Activity], error) {
	return Page[Activity]{}, errBuilding
}

// IncidentGraph returns the alerts and entities of an incident, at most 300 nodes.
func (s *Service) IncidentGraph(ctx context.Context, id tenant.ID, incident int64) (*Graph, error) {
	return nil, errBuilding
}

// Alerts lists alerts (those of one incident with Query.IncidentID).
func (s *Service) Alerts(ctx context.Context, id tenant.ID, q Query) (Page[Alert], error) {
	return Page[Alert]{}, errBuilding
}

// Alert returns one alert in full.
func (s *Service) Alert(ctx context.Context, id tenant.ID, alert string) (*Alert, error) {
	return nil, errBuilding
}

// AlertFacets counts like IncidentFacets.
func (s *Service) AlertFacets(ctx context.Context, id tenant.ID, q Query) (map[string][]FacetCount, error) {
	return nil, errBuilding
}

// AlertActivities lists the log of an alert, newest first.
func (s *Service) AlertActivities(ctx context.Context, id tenant.ID, alert string, top, skip int) (Page[Activity], error) {
	return Page[Activity]{}, errBuilding
}

// Hits calls fn for every hit, of one alert or (alert "") of all, in the order of alerts and time, until fn fails.
func (s *Service) Hits(ctx context.Context, id tenant.ID, alert string, fn func(HitRecord) error) error {
	return errBuilding
}

// UpdateAlert changes an alert and returns it.
func (s *Service) UpdateAlert(ctx context.Context, id tenant.ID, by Actor, alert string, p Patch) (*Alert, error) {
	return nil, errBuilding
}

// UpdateAlerts applies one patch to many alerts, each on its own.
func (s *Service) UpdateAlerts(ctx context.Context, id tenant.ID, by Actor, alerts []string, p Patch) (BulkResult, error) {
	return BulkResult{}, errBuilding
}

// MoveAlerts moves alerts into an incident (0 opens a new one) and returns it. A source left empty is closed with a redirect.
func (s *Service) MoveAlerts(ctx context.Context, id tenant.ID, by Actor, alerts []string, into int64, comment string) (*Incident, error) {
	return nil, errBuilding
}

// UnlinkAlert takes an alert out of its incident into one of its own, which it returns, and remembers never to join it with those alerts again.
func (s *Service) UnlinkAlert(ctx context.Context, id tenant.ID, by Actor, alert string, comment string) (*Incident, error) {
	return nil, errBuilding
}

// SearchEntities finds entities of alerts by part of their name, most recently seen first.
func (s *Service) SearchEntities(ctx context.Context, id tenant.ID, text string, top int) ([]Asset, error) {
	return nil, errBuilding
}

// DeleteLab removes the alerts and incidents that an evaluation lab run made; run "" removes those of all runs. It returns the number of alerts removed.
func (s *Service) DeleteLab(ctx context.Context, id tenant.ID, run string) (int, error) {
	return 0, errBuilding
}

// HuntingRows turns an alert (in full) into its rows of AlertInfo and AlertEvidence.
func HuntingRows(a *Alert) []*schema.Row { return nil }

// Determinations lists which determinations each classification allows, in display order.
func Determinations() map[string][]string { return nil }
