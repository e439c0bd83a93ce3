package incident

import (
	"context"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Scope is the service as somebody sees it: what their workloads and device groups do not show is not there. An incident is there when one of its alerts is,
// and everything that is said about it, from its severity to its counts, is worked out from those that are. The scope of Service itself is everything.
type Scope struct {
	*shared
	see, manage access.View
}

// For returns the service as somebody sees it who sees one view and may change what another shows. Changing an incident takes both for all its alerts, those
// that are not shown included: it touches every one.
func (s *Service) For(see, manage access.View) *Scope {
	return &Scope{shared: s.shared, see: see, manage: manage}
}

// WorkloadsOf tells whose an alert is by its service source. One of several workloads, or of none that is known, is for those who read all.
func WorkloadsOf(source string) access.Workloads {
	switch source {
	case "endpoint":
		return access.Endpoint
	case "email":
		return access.Email
	case "identity":
		return access.Identity
	case "cloudapps":
		return access.CloudApps
	}
	return 0
}

// sight is a view in the terms of the store, nil when it shows everything.
func sight(v access.View) *store.Sight {
	if v.Whole() {
		return nil
	}
	out := &store.Sight{Groups: v.Groups, None: access.Ungrouped}
	if v.Workloads != access.AllWorkloads {
		out.Sources = []string{}
		for _, source := range []string{"endpoint", "email", "identity", "cloudapps"} {
			if v.Workloads&WorkloadsOf(source) != 0 {
				out.Sources = append(out.Sources, source)
			}
		}
	}
	return out
}

func (s *Scope) sight() *store.Sight { return sight(s.see) }

// narrow works an incident out anew from the alerts that are seen; nil when none is.
func (s *Scope) narrow(ctx context.Context, id tenant.ID, rows []*store.Incident) ([]*store.Incident, error) {
	v := s.sight()
	if v == nil {
		return rows, nil
	}
	numbers := make([]int64, len(rows))
	for i, r := range rows {
		numbers[i] = r.ID
	}
	alerts, err := s.seenAlerts(ctx, id, v, numbers)
	if err != nil {
		return nil, err
	}
	of := map[int64][]*store.Alert{}
	for _, a := range alerts {
		of[a.IncidentID] = append(of[a.IncidentID], a)
	}
	out := make([]*store.Incident, 0, len(rows))
	for _, r := range rows {
		if list := of[r.ID]; len(list) > 0 {
			c := *r
			summarise(&c, list)
			out = append(out, &c)
		}
	}
	return out, nil
}

// seenAlerts returns the alerts of incidents that are seen, without the devices that are not.
func (s *Scope) seenAlerts(ctx context.Context, id tenant.ID, v *store.Sight, incidents []int64) ([]*store.Alert, error) {
	alerts, err := store.AlertsOf(ctx, s.db, id, v, incidents)
	if err != nil {
		return nil, err
	}
	return alerts, s.cover(ctx, id, v, alerts)
}

// cover takes devices that are not seen out of the alerts' assets.
func (s *Scope) cover(ctx context.Context, id tenant.ID, v *store.Sight, alerts []*store.Alert) error {
	if v == nil || v.Groups == nil {
		return nil
	}
	sums := make([]summary, len(alerts))
	var devices []string
	for i, a := range alerts {
		decode(a.Summary, &sums[i])
		for _, d := range sums[i].Devices {
			devices = append(devices, d.Key)
		}
	}
	hidden, err := store.Hidden(ctx, s.db, id, v, distinct(devices))
	if err != nil || len(hidden) == 0 {
		return err
	}
	for i, a := range alerts {
		n := len(sums[i].Devices)
		if sums[i].Devices = slices.DeleteFunc(sums[i].Devices, func(r EntityRef) bool { return hidden[r.Key] }); len(sums[i].Devices) < n {
			a.Summary = encode(&sums[i])
		}
	}
	return nil
}

// evidence returns the evidence of alerts without what concerns devices that are not seen.
func (s *Scope) evidence(ctx context.Context, id tenant.ID, alerts []string) ([]*store.Evidence, error) {
	rows, err := store.EvidenceOf(ctx, s.db, id, alerts)
	v := s.sight()
	if err != nil || v == nil || v.Groups == nil {
		return rows, err
	}
	ties, err := store.AlertEntitiesOf(ctx, s.db, id, alerts)
	if err != nil {
		return nil, err
	}
	hidden, err := store.Hidden(ctx, s.db, id, v, deviceKeys(ties))
	if err != nil || len(hidden) == 0 {
		return rows, err
	}
	// Evidence of other kinds names its device by id or name, as the evidence of the device itself does.
	names := map[string]bool{}
	for _, r := range rows {
		if e := evidenceOf(r); hidden[r.Entity] {
			names[e.DeviceID], names[e.HostName] = true, true
		}
	}
	delete(names, "")
	return slices.DeleteFunc(rows, func(r *store.Evidence) bool {
		e := evidenceOf(r)
		return hidden[r.Entity] || names[e.DeviceID] || names[e.HostName]
	}), nil
}

func deviceKeys(ties []*store.AlertEntity) []string {
	var out []string
	for _, t := range ties {
		if isDevice(t.Entity) {
			out = append(out, t.Entity)
		}
	}
	return distinct(out)
}

func isDevice(key string) bool { return len(key) > 7 && key[:7] == "device:" }

// Shows reports whether an incident or alert is seen, for those who pass on that something changed. Other kinds always are.
func (s *Scope) Shows(ctx context.Context, id tenant.ID, kind, what string) (bool, error) {
	v := s.sight()
	if v == nil {
		return true, nil
	}
	switch kind {
	case "alert":
		seen, err := store.Seen(ctx, s.db, id, v, []string{what})
		return seen[what], err
	case "incident":
		n, err := strconv.ParseInt(what, 10, 64)
		if err != nil {
			return false, nil //nolint:nilerr // no incident has such a number
		}
		seen, err := store.MemberList(ctx, s.db, id, v, []int64{n})
		return len(seen) > 0, err
	}
	return true, nil
}

// mayChange reports fault.NotFound for alerts that are not seen, fault.Permission for those that may not be managed.
func (s *Scope) mayChange(ctx context.Context, tx bun.IDB, id tenant.ID, alerts []string) error {
	for _, v := range []*store.Sight{s.sight(), sight(s.manage)} {
		if v == nil {
			continue
		}
		seen, err := store.Seen(ctx, tx, id, v, alerts)
		if err != nil {
			return err
		}
		for _, a := range alerts {
			if !seen[a] {
				return s.unmanaged(ctx, tx, id, a)
			}
		}
	}
	return nil
}

// unmanaged is the error about an alert that may not be changed: it does not exist for those who do not see it.
func (s *Scope) unmanaged(ctx context.Context, tx bun.IDB, id tenant.ID, alert string) error {
	seen, err := store.Seen(ctx, tx, id, s.sight(), []string{alert})
	if err != nil {
		return err
	}
	if !seen[alert] {
		return noAlert(alert)
	}
	return fault.Newf(fault.Permission, "alert %s is of a product or device that you may not manage alerts of", cut(alert, 100)).On(string(access.AlertsManage))
}

// mayChangeIncident is mayChange for all alerts of an incident.
func (s *Scope) mayChangeIncident(ctx context.Context, tx bun.IDB, id tenant.ID, incident int64) error {
	see, manage := s.sight(), sight(s.manage)
	if see == nil && manage == nil {
		return nil
	}
	all, err := store.MemberList(ctx, tx, id, nil, []int64{incident})
	if err != nil {
		return err
	}
	for _, v := range []*store.Sight{see, manage} {
		seen, err := store.MemberList(ctx, tx, id, v, []int64{incident})
		if err != nil {
			return err
		}
		if len(seen) == 0 && v == see && see != nil {
			return fault.Newf(fault.NotFound, "incident %d does not exist", incident)
		}
		if len(seen) < len(all) {
			return fault.Newf(fault.Permission, "incident %d has alerts of products or devices that you may not manage: it can be changed by those who manage the alerts of all of them", incident).
				On(string(access.AlertsManage))
		}
	}
	return nil
}
