package incident

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// edit is one change by a person or the API, with the log entries it makes.
type edit struct {
	scope *Scope
	tx    bun.Tx
	w     *working
	id    tenant.ID
	by    Actor
	now   int64
	log   []*store.Activity
}

func (s *Scope) edit(ctx context.Context, id tenant.ID, by Actor, fn func(e *edit) error) error {
	if by.Kind == "" {
		by.Kind = ByUser
	}
	return s.change(ctx, id, func(tx bun.Tx, w *working) error {
		e := &edit{scope: s, tx: tx, w: w, id: id, by: by, now: s.now()}
		if err := fn(e); err != nil {
			return err
		}
		return store.AppendActivities(ctx, tx, id, e.log)
	})
}

func (e *edit) noteIncident(incident int64, kind, old, value, text string) {
	e.log = append(e.log, activity("incident", strconv.FormatInt(incident, 10), e.now, e.by, kind, old, value, text))
}

func (e *edit) noteAlert(alert, kind, old, value, text string) {
	e.log = append(e.log, activity("alert", alert, e.now, e.by, kind, old, value, text))
}

func (e *edit) changed(kind, id, what string) {
	e.w.changes = append(e.w.changes, Change{Tenant: e.id, Kind: kind, ID: id, Change: what, Time: at(e.now)})
}

// incident reads an incident that may be changed, following redirects.
func (e *edit) incident(ctx context.Context, number int64) (*store.Incident, error) {
	row, err := e.find(ctx, number)
	if err != nil {
		return nil, err
	}
	return row, e.scope.mayChangeIncident(ctx, e.tx, e.id, row.ID)
}

// find reads an incident, following redirects.
func (e *edit) find(ctx context.Context, number int64) (*store.Incident, error) {
	asked := number
	for range 100 {
		row, err := store.FindIncident(ctx, e.tx, e.id, number)
		if err != nil {
			return nil, err
		}
		if row == nil {
			return nil, fault.Newf(fault.NotFound, "incident %d does not exist", asked)
		}
		if row.Status != statusRedirected {
			return row, nil
		}
		number = row.RedirectID
	}
	return nil, fault.Newf(fault.Internal, "incident %d redirects in a circle", asked)
}

// save summarises an incident from its alerts and writes it.
func (e *edit) save(ctx context.Context, row *store.Incident) error {
	alerts, err := store.AlertsOf(ctx, e.tx, e.id, nil, []int64{row.ID})
	if err != nil {
		return err
	}
	row.Updated = e.now
	summarise(row, alerts)
	e.changed("incident", strconv.FormatInt(row.ID, 10), "updated")
	return store.UpdateIncident(ctx, e.tx, row)
}

// UpdateIncident changes an incident and returns it as it is then. Resolving resolves its open alerts; assigning assigns them.
func (s *Scope) UpdateIncident(ctx context.Context, id tenant.ID, by Actor, incident int64, p Patch) (*Incident, error) {
	number := incident
	err := s.edit(ctx, id, by, func(e *edit) error {
		row, err := e.incident(ctx, incident)
		if err != nil {
			return err
		}
		number = row.ID
		return e.patchIncident(ctx, row, &p)
	})
	if err != nil {
		return nil, err
	}
	return s.Incident(ctx, id, number)
}

// UpdateIncidents applies one patch to many incidents, each on its own.
func (s *Scope) UpdateIncidents(ctx context.Context, id tenant.ID, by Actor, incidents []int64, p Patch) (BulkResult, error) {
	var out BulkResult
	for _, n := range distinct(incidents) {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if _, err := s.UpdateIncident(ctx, id, by, n, p); err != nil {
			out.Failed = append(out.Failed, BulkFailure{strconv.FormatInt(n, 10), err})
			continue
		}
		out.Updated++
	}
	return out, nil
}

// CommentIncident adds a comment.
func (s *Scope) CommentIncident(ctx context.Context, id tenant.ID, by Actor, incident int64, comment string) error {
	_, err := s.UpdateIncident(ctx, id, by, incident, Patch{Comment: &comment})
	return err
}

func (e *edit) patchIncident(ctx context.Context, row *store.Incident, p *Patch) error {
	if p.Name != nil {
		name := strings.TrimSpace(*p.Name)
		if name == "" || len(name) > maxTitle {
			return fault.Newf(fault.Invalid, "the name must have 1 to %d characters", maxTitle).On("name")
		}
		if name = cut(name, maxTitle); name != row.Name {
			e.noteIncident(row.ID, "name", row.Name, name, fmt.Sprintf("Renamed to %q", name))
			row.Name, row.NameCustom = name, 1
		}
	}
	if p.Severity != nil {
		n, ok := parseSeverity(*p.Severity)
		if !ok {
			return fault.Newf(fault.Invalid, "severity %q does not exist: use Informational, Low, Medium or High", *p.Severity).On("severity")
		}
		if n != row.Severity || row.SeverityCustom == 0 {
			e.noteIncident(row.ID, "severity", string(SeverityOf(int(row.Severity))), string(SeverityOf(int(n))), "Severity set to "+string(SeverityOf(int(n))))
			row.Severity, row.SeverityCustom = n, 1
		}
	}
	c, d, err := classify(row.Classification, row.Determination, p)
	if err != nil {
		return err
	}
	if c != row.Classification || d != row.Determination {
		e.noteIncident(row.ID, "classification", row.Classification+"/"+row.Determination, c+"/"+d, "Classified as "+c+" ("+d+")")
		row.Classification, row.Determination = c, d
	}
	if p.Tags != nil {
		list, err := tags(*p.Tags)
		if err != nil {
			return err
		}
		var t totals
		decode(row.Summary, &t)
		if old, now := strings.Join(t.Tags, ", "), strings.Join(list, ", "); old != now {
			e.noteIncident(row.ID, "tags", old, now, "Tags set to "+now)
			t.Tags = list
			row.Summary = encode(&t)
		}
	}
	if err := e.patchWork(ctx, row, p); err != nil {
		return err
	}
	if err := e.comment("incident", strconv.FormatInt(row.ID, 10), p); err != nil {
		return err
	}
	return e.save(ctx, row)
}

// patchWork changes assignment and status, which cascade to the alerts.
func (e *edit) patchWork(ctx context.Context, row *store.Incident, p *Patch) error {
	var alerts []*store.Alert
	load := func() (err error) {
		if alerts == nil {
			alerts, err = store.AlertsOf(ctx, e.tx, e.id, nil, []int64{row.ID})
		}
		return err
	}
	dirty := map[*store.Alert]bool{}
	if p.AssignedTo != nil {
		to := strings.TrimSpace(cut(*p.AssignedTo, maxTitle))
		if to != row.AssignedTo {
			e.noteIncident(row.ID, "assignedTo", row.AssignedTo, to, assignedText(to))
			row.AssignedTo = to
		}
		if err := load(); err != nil {
			return err
		}
		for _, a := range alerts {
			if a.AssignedTo != to {
				e.noteAlert(a.ID, "assignedTo", a.AssignedTo, to, assignedText(to)+" with the incident")
				a.AssignedTo = to
				dirty[a] = true
			}
		}
	}
	if p.Status != nil {
		n, ok := parseStatus(*p.Status)
		if !ok || n == statusRedirected {
			return fault.Newf(fault.Invalid, "status %q cannot be set: use Active, InProgress or Resolved", *p.Status).On("status")
		}
		if n != row.Status {
			e.noteIncident(row.ID, "status", string(incidentStatus(row.Status)), string(incidentStatus(n)), "Status set to "+string(incidentStatus(n)))
			row.Status = n
		}
		if n == statusResolved {
			if err := load(); err != nil {
				return err
			}
			for _, a := range alerts {
				if a.Status < statusResolved {
					e.noteAlert(a.ID, "status", string(alertStatus(a.Status)), string(StatusResolved), "Resolved with the incident")
					a.Status, a.Resolved = statusResolved, e.now
					dirty[a] = true
				}
			}
		}
	}
	if p.ResolvingComment != nil {
		note, err := remark(*p.ResolvingComment, "resolvingComment")
		if err != nil {
			return err
		}
		if note != row.ResolvingComment {
			e.noteIncident(row.ID, "resolvingComment", row.ResolvingComment, note, note)
			row.ResolvingComment = note
		}
	}
	for _, a := range alerts {
		if dirty[a] {
			if err := e.saveAlert(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func assignedText(to string) string {
	if to == "" {
		return "Assignment removed"
	}
	return "Assigned to " + to
}

func remark(text, field string) (string, error) {
	if len([]rune(text)) > maxComment {
		return "", fault.Newf(fault.Invalid, "the text is longer than %d characters", maxComment).On(field)
	}
	return cut(strings.TrimSpace(text), 4*maxComment), nil
}

func (e *edit) comment(target, id string, p *Patch) error {
	if p.Comment == nil {
		return nil
	}
	text, err := remark(*p.Comment, "comment")
	if err != nil {
		return err
	}
	if text == "" {
		return fault.Newf(fault.Invalid, "the comment is empty").On("comment")
	}
	e.log = append(e.log, activity(target, id, e.now, e.by, "comment", "", "", text))
	return nil
}

// saveAlert writes an alert a person changed; repeats look it up again, because a resolved alert takes none.
func (e *edit) saveAlert(ctx context.Context, a *store.Alert) error {
	a.Updated = e.now
	e.w.drop(a.ID)
	e.changed("alert", a.ID, "updated")
	return store.UpdateAlerts(ctx, e.tx, []*store.Alert{a})
}

// UpdateAlert changes an alert and returns it. Name, Severity and ResolvingComment belong to incidents and are refused.
func (s *Scope) UpdateAlert(ctx context.Context, id tenant.ID, by Actor, alert string, p Patch) (*Alert, error) {
	err := s.edit(ctx, id, by, func(e *edit) error {
		row, err := e.alert(ctx, alert)
		if err != nil {
			return err
		}
		if err := e.patchAlert(row, &p); err != nil {
			return err
		}
		if err := e.saveAlert(ctx, row); err != nil {
			return err
		}
		in, err := e.find(ctx, row.IncidentID)
		if err != nil {
			return err
		}
		return e.save(ctx, in)
	})
	if err != nil {
		return nil, err
	}
	return s.Alert(ctx, id, alert)
}

func (e *edit) alert(ctx context.Context, alert string) (*store.Alert, error) {
	row, err := store.FindAlert(ctx, e.tx, e.id, alert)
	if err == nil && row == nil {
		err = noAlert(alert)
	}
	if err != nil {
		return nil, err
	}
	return row, e.scope.mayChange(ctx, e.tx, e.id, []string{row.ID})
}

func (e *edit) patchAlert(row *store.Alert, p *Patch) error {
	for _, f := range []struct {
		set  bool
		name string
	}{{p.Name != nil, "name"}, {p.Severity != nil, "severity"}, {p.ResolvingComment != nil, "resolvingComment"}} {
		if f.set {
			return fault.Newf(fault.Invalid, "%s cannot be changed on an alert", f.name).On(f.name)
		}
	}
	if p.Status != nil {
		n, ok := parseStatus(*p.Status)
		if !ok || n == statusRedirected {
			return fault.Newf(fault.Invalid, "status %q cannot be set: use New, InProgress or Resolved", *p.Status).On("status")
		}
		if n != row.Status {
			e.noteAlert(row.ID, "status", string(alertStatus(row.Status)), string(alertStatus(n)), "Status set to "+string(alertStatus(n)))
			row.Status, row.Resolved = n, 0
			if n == statusResolved {
				row.Resolved = e.now
			}
		}
	}
	c, d, err := classify(row.Classification, row.Determination, p)
	if err != nil {
		return err
	}
	if c != row.Classification || d != row.Determination {
		e.noteAlert(row.ID, "classification", row.Classification+"/"+row.Determination, c+"/"+d, "Classified as "+c+" ("+d+")")
		row.Classification, row.Determination = c, d
	}
	if p.AssignedTo != nil {
		if to := strings.TrimSpace(cut(*p.AssignedTo, maxTitle)); to != row.AssignedTo {
			e.noteAlert(row.ID, "assignedTo", row.AssignedTo, to, assignedText(to))
			row.AssignedTo = to
		}
	}
	if p.Tags != nil {
		list, err := tags(*p.Tags)
		if err != nil {
			return err
		}
		if now := encode(list); now != row.Tags {
			e.noteAlert(row.ID, "tags", strings.Join(decodeStrings(row.Tags), ", "), strings.Join(list, ", "), "Tags set to "+strings.Join(list, ", "))
			row.Tags = now
		}
	}
	return e.comment("alert", row.ID, p)
}

// UpdateAlerts applies one patch to many alerts, each on its own.
func (s *Scope) UpdateAlerts(ctx context.Context, id tenant.ID, by Actor, alerts []string, p Patch) (BulkResult, error) {
	var out BulkResult
	for _, a := range distinct(alerts) {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if _, err := s.UpdateAlert(ctx, id, by, a, p); err != nil {
			out.Failed = append(out.Failed, BulkFailure{a, err})
			continue
		}
		out.Updated++
	}
	return out, nil
}

// CommentAlert adds a comment.
func (s *Scope) CommentAlert(ctx context.Context, id tenant.ID, by Actor, alert, comment string) error {
	_, err := s.UpdateAlert(ctx, id, by, alert, Patch{Comment: &comment})
	return err
}
