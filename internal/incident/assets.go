package incident

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// IncidentDevices lists the devices of an incident, those with most alerts first.
func (s *Scope) IncidentDevices(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return s.assets(ctx, id, incident, entity.Device, top, skip)
}

// IncidentUsers lists the users of an incident, those with most alerts first.
func (s *Scope) IncidentUsers(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return s.assets(ctx, id, incident, entity.User, top, skip)
}

// IncidentMailboxes lists the mailboxes of an incident, those with most alerts first.
func (s *Scope) IncidentMailboxes(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Asset], error) {
	return s.assets(ctx, id, incident, entity.Mailbox, top, skip)
}

// contents is what an incident's tabs are made of.
type contents struct {
	alerts   []*store.Alert
	evidence []*store.Evidence
	byID     map[string]*store.Alert
}

func (s *Scope) contents(ctx context.Context, id tenant.ID, incident int64) (*contents, *store.Incident, error) {
	row, _, err := s.find(ctx, id, incident)
	if err != nil {
		return nil, nil, err
	}
	c := &contents{byID: map[string]*store.Alert{}}
	if c.alerts, err = s.seenAlerts(ctx, id, s.sight(), []int64{row.ID}); err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(c.alerts))
	for i, a := range c.alerts {
		ids[i] = a.ID
		c.byID[a.ID] = a
	}
	c.evidence, err = s.evidence(ctx, id, ids)
	return c, row, err
}

func (s *Scope) assets(ctx context.Context, id tenant.ID, incident int64, kind entity.Kind, top, skip int) (Page[Asset], error) {
	c, _, err := s.contents(ctx, id, incident)
	if err != nil {
		return Page[Asset]{}, err
	}
	found := map[string]*Asset{}
	for _, a := range c.alerts {
		var sum summary
		decode(a.Summary, &sum)
		list := sum.Devices
		switch kind {
		case entity.User:
			list = sum.Users
		case entity.Mailbox:
			list = sum.Mailboxes
		}
		for _, r := range list {
			x := found[r.Key]
			if x == nil {
				x = &Asset{Key: r.Key, Name: r.Name, Kind: string(kind), Severity: Informational, FirstSeen: at(a.FirstActivity), LastSeen: at(a.LastActivity)}
				found[r.Key] = x
			}
			x.Alerts++
			x.Severity = SeverityOf(max(x.Severity.Rank(), int(a.Severity)))
			if t := at(a.FirstActivity); t.Before(x.FirstSeen) {
				x.FirstSeen = t
			}
			if t := at(a.LastActivity); t.After(x.LastSeen) {
				x.LastSeen = t
			}
		}
	}
	for _, e := range c.evidence {
		if x := found[e.Entity]; x != nil && entity.Key(e.Entity).Kind() == kind {
			x.Facts.merge(evidenceOf(e))
		}
	}
	out := make([]Asset, 0, len(found))
	for _, x := range found {
		x.Facts.Type, x.Facts.EntityKey = string(kind), x.Key
		out = append(out, *x)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Alerts != out[j].Alerts {
			return out[i].Alerts > out[j].Alerts
		}
		return out[i].Key < out[j].Key
	})
	return cutPage(out, top, skip), nil
}

func cutPage[T any](list []T, top, skip int) Page[T] {
	p := Page[T]{Value: []T{}, Count: int64(len(list))}
	if skip < len(list) {
		p.Value = list[max(skip, 0):]
	}
	if top > 0 && len(p.Value) > top {
		p.Value = p.Value[:top]
	}
	return p
}

// merge takes the facts that are not known yet from another piece of evidence about the same thing.
func (e *Evidence) merge(o Evidence) {
	for _, f := range [][2]*string{
		{&e.DeviceID, &o.DeviceID},
		{&e.HostName, &o.HostName},
		{&e.OSPlatform, &o.OSPlatform},
		{&e.AccountName, &o.AccountName},
		{&e.AccountDomain, &o.AccountDomain},
		{&e.AccountSID, &o.AccountSID},
		{&e.AccountUPN, &o.AccountUPN},
		{&e.AccountID, &o.AccountID},
		{&e.DisplayName, &o.DisplayName},
		{&e.Mailbox, &o.Mailbox},
		{&e.Verdict, &o.Verdict},
		{&e.RemediationStatus, &o.RemediationStatus},
	} {
		if *f[0] == "" {
			*f[0] = *f[1]
		}
	}
	for _, r := range o.Roles {
		has := false
		for _, x := range e.Roles {
			has = has || x == r
		}
		if !has {
			e.Roles = append(e.Roles, r)
		}
	}
}

// IncidentEvidence lists the distinct entities of an incident's alerts, grouped by type, the first seen first.
func (s *Scope) IncidentEvidence(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[EvidenceItem], error) {
	c, _, err := s.contents(ctx, id, incident)
	if err != nil {
		return Page[EvidenceItem]{}, err
	}
	found := map[string]*EvidenceItem{}
	var order []*EvidenceItem
	for _, e := range c.evidence {
		a := c.byID[e.AlertID]
		key := e.Entity
		if key == "" {
			key = e.Type + "\x00" + e.Body
		}
		x := found[key]
		if x == nil {
			x = &EvidenceItem{Evidence: evidenceOf(e), FirstSeen: at(a.FirstActivity), LastSeen: at(a.LastActivity), AlertIDs: []string{}}
			found[key] = x
			order = append(order, x)
		} else {
			x.merge(evidenceOf(e))
		}
		if t := at(a.FirstActivity); t.Before(x.FirstSeen) {
			x.FirstSeen = t
		}
		if t := at(a.LastActivity); t.After(x.LastSeen) {
			x.LastSeen = t
		}
		addDistinct(&x.AlertIDs, a.ID)
	}
	sort.SliceStable(order, func(i, j int) bool {
		if a, b := strings.ToLower(order[i].Type), strings.ToLower(order[j].Type); a != b {
			return a < b
		}
		return order[i].FirstSeen.Before(order[j].FirstSeen)
	})
	out := make([]EvidenceItem, len(order))
	for i, x := range order {
		out[i] = *x
	}
	return cutPage(out, top, skip), nil
}

// IncidentActivities lists the log of an incident, newest first, comments among it.
func (s *Scope) IncidentActivities(ctx context.Context, id tenant.ID, incident int64, top, skip int) (Page[Activity], error) {
	row, _, err := s.find(ctx, id, incident)
	if err != nil {
		return Page[Activity]{}, err
	}
	return s.activities(ctx, id, "incident", strconv.FormatInt(row.ID, 10), top, skip)
}

// AlertActivities lists the log of an alert, newest first.
func (s *Scope) AlertActivities(ctx context.Context, id tenant.ID, alert string, top, skip int) (Page[Activity], error) {
	row, err := store.FindAlert(ctx, s.db, id, alert)
	if err != nil {
		return Page[Activity]{}, err
	}
	shown, err := s.Shows(ctx, id, "alert", alert)
	if err != nil {
		return Page[Activity]{}, err
	}
	if row == nil || !shown {
		return Page[Activity]{}, noAlert(alert)
	}
	return s.activities(ctx, id, "alert", alert, top, skip)
}

// told are the kinds of log entries that speak of nothing but the incident or alert itself. The others name alerts that may not be seen.
func told(kind string) bool {
	switch kind {
	case "comment", "status", "assignedTo", "classification", "determination", "severity", "tags", "resolvingComment", "created":
		return true
	}
	return false
}

func (s *Scope) activities(ctx context.Context, id tenant.ID, target, name string, top, skip int) (Page[Activity], error) {
	if s.sight() != nil {
		whole := &Scope{shared: s.shared, see: access.Everything()}
		p, err := whole.activities(ctx, id, target, name, 0, 0)
		return cutPage(slices.DeleteFunc(p.Value, func(a Activity) bool { return !told(a.Type) }), top, skip), err
	}
	rows, n, err := store.Activities(ctx, s.db, id, target, name, "", top, skip)
	out := Page[Activity]{Value: make([]Activity, len(rows)), Count: n}
	for i, r := range rows {
		out.Value[i] = Activity{
			Time: at(r.Time), Actor: r.Actor, ActorKind: ActorKind(r.ActorKind), Type: r.Type, TargetType: r.TargetType, TargetID: r.TargetID, Old: r.Old, New: r.New,
			Text: r.Text, MergedFrom: r.MergedFrom,
		}
	}
	return out, err
}

// SearchEntities finds entities of alerts by part of their name, most recently seen first.
func (s *Scope) SearchEntities(ctx context.Context, id tenant.ID, text string, top int) ([]Asset, error) {
	text = strings.TrimSpace(cut(text, 200))
	if text == "" {
		return []Asset{}, nil
	}
	if top <= 0 || top > 200 {
		top = 20
	}
	rows, err := store.SearchEntities(ctx, s.db, id, s.sight(), text, top)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Entity
	}
	counts, err := store.AlertCounts(ctx, s.db, id, s.sight(), keys)
	out := make([]Asset, len(rows))
	for i, r := range rows {
		out[i] = Asset{Key: r.Entity, Name: r.Name, Kind: r.Kind, Alerts: counts[r.Entity], Severity: Informational, FirstSeen: at(r.FirstSeen), LastSeen: at(r.LastSeen), Facts: Evidence{Type: r.Kind, EntityKey: r.Entity}}
	}
	return out, err
}
