package incident

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxMoved is how many alerts one move takes.
const maxMoved = 1000

// MergeIncidents moves everything of one incident into another, which it returns; the first becomes Redirected. A fault.Conflict names the field that
// forbids it: owner, classification and determination must be equal or not set, and both or neither resolved.
func (s *Scope) MergeIncidents(ctx context.Context, id tenant.ID, by Actor, from, into int64, comment string) (*Incident, error) {
	target := into
	err := s.edit(ctx, id, by, func(e *edit) error {
		a, err := e.incident(ctx, from)
		if err != nil {
			return err
		}
		b, err := e.incident(ctx, into)
		if err != nil {
			return err
		}
		if a.ID == b.ID {
			return fault.Newf(fault.Conflict, "incidents %d and %d are one already", from, into)
		}
		if field := conflictField(a, b); field != "" {
			return fault.Newf(fault.Conflict, "incidents %d and %d differ in %s: make it equal or empty first", a.ID, b.ID, field).On(field)
		}
		target = b.ID
		text := fmt.Sprintf("Incident %d merged into this one", a.ID)
		if comment, err = remark(comment, "comment"); err != nil {
			return err
		}
		if comment != "" {
			text += ": " + comment
		}
		if err := e.forgetUnlinks(ctx, a.ID, b.ID); err != nil {
			return err
		}
		if err := mergeRows(ctx, e.tx, e.id, a, b, e.now, &e.log); err != nil {
			return err
		}
		e.noteIncident(b.ID, "merged", "", strconv.FormatInt(a.ID, 10), text)
		e.changed("incident", strconv.FormatInt(a.ID, 10), "merged")
		return e.save(ctx, b)
	})
	if err != nil {
		return nil, err
	}
	return s.Incident(ctx, id, target)
}

// forgetUnlinks takes back that a person kept alerts of two incidents apart: now a person joins them.
func (e *edit) forgetUnlinks(ctx context.Context, a, b int64) error {
	x, err := memberIDs(ctx, e.tx, e.id, a)
	if err != nil {
		return err
	}
	y, err := memberIDs(ctx, e.tx, e.id, b)
	if err != nil {
		return err
	}
	return store.DeleteUnlinks(ctx, e.tx, e.id, x, y)
}

func memberIDs(ctx context.Context, db bun.IDB, id tenant.ID, incident int64) ([]string, error) {
	list, err := store.MemberList(ctx, db, id, nil, []int64{incident})
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.ID
	}
	return out, err
}

// MoveAlerts moves alerts into an incident (0 opens a new one) and returns it. A source left empty is closed with a redirect to the target.
func (s *Scope) MoveAlerts(ctx context.Context, id tenant.ID, by Actor, alerts []string, into int64, comment string) (*Incident, error) {
	alerts = distinct(alerts)
	if len(alerts) == 0 || len(alerts) > maxMoved {
		return nil, fault.Newf(fault.Invalid, "name 1 to %d alerts to move", maxMoved).On("alertIds")
	}
	target := into
	err := s.edit(ctx, id, by, func(e *edit) error {
		rows, err := store.AlertsByID(ctx, e.tx, e.id, alerts)
		if err != nil {
			return err
		}
		if err := allThere(alerts, rows); err != nil {
			return err
		}
		if err := s.mayChange(ctx, e.tx, e.id, alerts); err != nil {
			return err
		}
		to, err := e.target(ctx, into)
		if err != nil {
			return err
		}
		target = to.ID
		if comment, err = remark(comment, "comment"); err != nil {
			return err
		}
		members, err := memberIDs(ctx, e.tx, e.id, to.ID)
		if err != nil {
			return err
		}
		if err := store.DeleteUnlinks(ctx, e.tx, e.id, alerts, members); err != nil {
			return err
		}
		return e.move(ctx, rows, to, "moved", comment)
	})
	if err != nil {
		return nil, err
	}
	return s.Incident(ctx, id, target)
}

func allThere(asked []string, rows []*store.Alert) error {
	have := map[string]bool{}
	for _, r := range rows {
		have[r.ID] = true
	}
	for _, a := range asked {
		if !have[a] {
			return noAlert(a)
		}
	}
	return nil
}

// target reads the incident to move into, or opens one for 0.
func (e *edit) target(ctx context.Context, into int64) (*store.Incident, error) {
	if into != 0 {
		to, err := e.incident(ctx, into)
		if err == nil && to.Status == statusResolved {
			return nil, fault.Newf(fault.Conflict, "incident %d is resolved: open it again before moving alerts into it", to.ID).On("incidentId")
		}
		return to, err
	}
	number, err := state.Reserve(ctx, e.tx, e.id, "incident", 1)
	if err != nil {
		return nil, err
	}
	row := newIncident(e.id, number, e.now)
	e.noteIncident(number, "created", "", "", "Opened for alerts taken from another incident")
	return row, store.InsertIncidents(ctx, e.tx, []*store.Incident{row})
}

// move changes the incident of alerts, leaves behind the edges that would cross incidents, and summarises both sides.
func (e *edit) move(ctx context.Context, rows []*store.Alert, to *store.Incident, kind, comment string) error {
	sources := map[int64]bool{}
	var moving []string
	for _, r := range rows {
		if r.IncidentID == to.ID {
			continue
		}
		sources[r.IncidentID] = true
		moving = append(moving, r.ID)
		text := fmt.Sprintf("Alert %q moved here from incident %d", r.Title, r.IncidentID)
		if comment != "" {
			text += ": " + comment
		}
		e.noteIncident(to.ID, kind, strconv.FormatInt(r.IncidentID, 10), r.ID, text)
		e.noteIncident(r.IncidentID, kind, r.ID, strconv.FormatInt(to.ID, 10), fmt.Sprintf("Alert %q moved to incident %d", r.Title, to.ID))
		e.noteAlert(r.ID, kind, strconv.FormatInt(r.IncidentID, 10), strconv.FormatInt(to.ID, 10), fmt.Sprintf("Moved from incident %d to %d", r.IncidentID, to.ID))
		var s summary
		decode(r.Summary, &s)
		s.LinkReasons = nil
		s.reason("manual")
		r.Summary, r.IncidentID = encode(&s), to.ID
		if err := e.saveAlert(ctx, r); err != nil {
			return err
		}
	}
	if err := store.SetIncident(ctx, e.tx, e.id, moving, to.ID, e.now); err != nil {
		return err
	}
	if err := store.DeleteCrossEdges(ctx, e.tx, e.id, moving); err != nil {
		return err
	}
	if err := e.save(ctx, to); err != nil {
		return err
	}
	for _, number := range keys(sources) {
		from, err := store.FindIncident(ctx, e.tx, e.id, number)
		if err != nil {
			return err
		}
		left, err := memberIDs(ctx, e.tx, e.id, number)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			if err := e.save(ctx, from); err != nil {
				return err
			}
			continue
		}
		custom, name := to.NameCustom, to.Name
		if err := mergeRows(ctx, e.tx, e.id, from, to, e.now, &e.log); err != nil {
			return err
		}
		to.NameCustom, to.Name = custom, name
		if err := e.save(ctx, to); err != nil {
			return err
		}
		e.changed("incident", strconv.FormatInt(number, 10), "merged")
	}
	return nil
}

func keys(m map[int64]bool) []int64 {
	out := make([]int64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sortInts(out)
	return out
}

// UnlinkAlert takes an alert out of its incident into one of its own, which it returns, and remembers never to join it with those alerts again.
func (s *Scope) UnlinkAlert(ctx context.Context, id tenant.ID, by Actor, alert, comment string) (*Incident, error) {
	target := int64(0)
	err := s.edit(ctx, id, by, func(e *edit) error {
		row, err := e.alert(ctx, alert)
		if err != nil {
			return err
		}
		members, err := memberIDs(ctx, e.tx, e.id, row.IncidentID)
		if err != nil {
			return err
		}
		if len(members) < 2 {
			return fault.Newf(fault.Conflict, "alert %s is alone in incident %d already", alert, row.IncidentID).On("alertId")
		}
		if comment, err = remark(comment, "comment"); err != nil {
			return err
		}
		pairs := make([]*store.Unlink, 0, len(members)-1)
		for _, m := range members {
			if m != alert {
				pairs = append(pairs, &store.Unlink{TenantID: e.id, AlertID: alert, OtherID: m, Created: e.now, CreatedBy: by.Name})
			}
		}
		if err := store.InsertUnlinks(ctx, e.tx, pairs); err != nil {
			return err
		}
		to, err := e.target(ctx, 0)
		if err != nil {
			return err
		}
		target = to.ID
		return e.move(ctx, []*store.Alert{row}, to, "unlinked", comment)
	})
	if err != nil {
		return nil, err
	}
	return s.Incident(ctx, id, target)
}

// Removed counts what RemoveLab took away.
type Removed struct{ Alerts, Incidents int }

// RemoveLab removes the alerts and incidents that evaluation lab runs made, and what they taught about habits. Nothing else changes.
func (s *Service) RemoveLab(ctx context.Context, id tenant.ID) (Removed, error) {
	var out Removed
	err := s.change(ctx, id, func(tx bun.Tx, w *working) error {
		rows, err := store.LabAlerts(ctx, tx, id)
		if err != nil {
			return err
		}
		ids := make([]string, len(rows))
		incidents := map[int64]bool{}
		for i, r := range rows {
			ids[i] = r.ID
			incidents[r.IncidentID] = true
		}
		if err := store.DeleteAlerts(ctx, tx, id, ids); err != nil {
			return err
		}
		gone, err := s.closeEmpty(ctx, tx, w, id, keys(incidents))
		if err != nil {
			return err
		}
		out = Removed{Alerts: len(rows), Incidents: gone}
		changes := append([]Change(nil), w.changes...)
		w.reset()
		w.changes = changes
		return nil
	})
	return out, err
}

// closeEmpty removes incidents without alerts and everything that redirects to them, and summarises the others. It returns how many had no alerts.
func (s *Service) closeEmpty(ctx context.Context, tx bun.Tx, w *working, id tenant.ID, incidents []int64) (int, error) {
	e := &edit{scope: &s.Scope, tx: tx, w: w, id: id, by: System, now: s.now()}
	empty := 0
	var gone []int64
	var names []string
	for _, n := range incidents {
		row, err := store.FindIncident(ctx, tx, id, n)
		if err != nil {
			return 0, err
		}
		if row == nil {
			continue
		}
		left, err := memberIDs(ctx, tx, id, n)
		if err != nil {
			return 0, err
		}
		if len(left) > 0 {
			if err := e.save(ctx, row); err != nil {
				return 0, err
			}
			continue
		}
		empty++
		redirects, err := store.RedirectsTo(ctx, tx, id, n)
		if err != nil {
			return 0, err
		}
		for _, r := range append(redirects, n) {
			gone = append(gone, r)
			names = append(names, strconv.FormatInt(r, 10))
		}
		e.changed("incident", strconv.FormatInt(n, 10), "updated")
	}
	return empty, store.DeleteIncidents(ctx, tx, id, gone, names)
}
