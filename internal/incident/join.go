package incident

import (
	"context"
	"fmt"
	"sort"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxEdges is how many joins of one alert are kept per look, strongest first.
const maxEdges = 24

// group is an incident while a batch decides: a stored one or one about to be opened.
type group struct {
	id     int64 // 0 until a new group gets its number
	row    *store.Incident
	size   int64
	lab    string
	fresh  bool
	full   bool   // its alerts or entities changed: name, severity, counts are to be worked out again
	into   *group // absorbed
	first  string // the alert that opened it
	moved  []*group
	joined []joined
}

type joined struct{ alert, title, text string }

// joiner decides where the alerts of a batch go.
type joiner struct {
	s   *shared
	tx  bun.Tx
	w   *working
	id  tenant.ID
	now int64

	placed *placement // by hand; nil: by correlation

	groups map[int64]*group
	of     map[string]*group // alert -> group
	fresh  []*group
	apart  map[string]map[string]bool // pairs that a person took apart
	edges  []*correlation.Edge
	log    []*store.Activity
	hit    map[*group]bool // groups with alerts of the batch

	created, updated []int64
	merged           int
}

// resolve follows absorptions.
func (g *group) resolve() *group {
	for g.into != nil {
		g = g.into
	}
	return g
}

// run places every touched alert in a group and numbers the new groups.
func (j *joiner) run(ctx context.Context, touched []*fold) error {
	if j.placed != nil {
		return j.put(ctx, touched)
	}
	j.groups, j.of, j.hit = map[int64]*group{}, map[string]*group{}, map[*group]bool{}
	looking := make([]*fold, 0, len(touched))
	ids := []string{}
	edges := map[string][]correlation.Edge{}
	for _, f := range touched {
		if !f.fresh {
			ids = append(ids, f.row.ID)
		}
		if !f.fresh && !f.unusual {
			continue
		}
		looking = append(looking, f)
		list := j.w.engine.Edges(f.alert)
		n := 0
		for n < len(list) && list[n].Weight >= 1 && n < 4*maxEdges {
			ids = append(ids, list[n].To)
			n++
		}
		edges[f.row.ID] = list[:n]
	}
	if err := j.load(ctx, ids); err != nil {
		return err
	}
	sort.Slice(looking, func(a, b int) bool {
		x, y := looking[a], looking[b]
		if t, u := firstPulse(x), firstPulse(y); t != u {
			return t < u
		}
		return x.row.ID < y.row.ID
	})
	for _, f := range looking {
		j.join(f, edges[f.row.ID])
	}
	for _, f := range touched {
		g := j.of[f.row.ID]
		if g == nil {
			continue
		}
		g = g.resolve()
		j.hit[g] = true
		g.full = g.full || f.fresh || len(f.found) > 0 || g.row != nil && f.row.Severity > g.row.Severity
		if g.row != nil {
			g.row.FirstActivity, g.row.LastActivity = min(g.row.FirstActivity, f.row.FirstActivity), max(g.row.LastActivity, f.row.LastActivity)
		}
	}
	return j.number(ctx, touched)
}

func firstPulse(f *fold) int64 {
	if len(f.alert.Pulses) > 0 {
		return f.alert.Pulses[0].Start
	}
	return floorSecond(f.row.FirstActivity)
}

// load reads where alerts stand, their incidents, and what people took apart.
func (j *joiner) load(ctx context.Context, alerts []string) error {
	places, err := store.Places(ctx, j.tx, j.id, distinct(alerts))
	if err != nil {
		return err
	}
	want := map[int64]bool{}
	list := []int64{}
	for _, p := range places {
		if !want[p.IncidentID] {
			want[p.IncidentID] = true
			list = append(list, p.IncidentID)
		}
	}
	rows, err := store.IncidentsByID(ctx, j.tx, j.id, list)
	if err != nil {
		return err
	}
	for _, r := range rows {
		j.groups[r.ID] = &group{id: r.ID, row: r, size: r.AlertCount}
	}
	for id, p := range places {
		if g := j.groups[p.IncidentID]; g != nil {
			j.of[id] = g
			g.lab = p.Lab
		}
	}
	unlinked, err := store.AllUnlinks(ctx, j.tx, j.id)
	if err != nil || len(unlinked) == 0 {
		return err
	}
	j.apart = map[string]map[string]bool{}
	for _, u := range unlinked {
		for _, p := range [][2]string{{u.AlertID, u.OtherID}, {u.OtherID, u.AlertID}} {
			if j.apart[p[0]] == nil {
				j.apart[p[0]] = map[string]bool{}
			}
			j.apart[p[0]][p[1]] = true
		}
	}
	return j.loadMembers(ctx)
}

// loadMembers reads all alerts of the loaded incidents: needed only when some pairs must stay apart.
func (j *joiner) loadMembers(ctx context.Context) error {
	ids := make([]int64, 0, len(j.groups))
	for id := range j.groups {
		ids = append(ids, id)
	}
	members, err := store.Members(ctx, j.tx, j.id, ids)
	if err != nil {
		return err
	}
	for alert, incident := range members {
		j.of[alert] = j.groups[incident]
	}
	return nil
}

// apartFrom reports that a person took some alert of one group away from some alert of the other.
func (j *joiner) apartFrom(alert string, own, other *group) bool {
	if len(j.apart) == 0 {
		return false
	}
	for a, g := range j.of {
		if a != alert && (own == nil || g.resolve() != own) {
			continue
		}
		for b := range j.apart[a] {
			if h := j.of[b]; h != nil && h.resolve() == other {
				return true
			}
		}
	}
	for b := range j.apart[alert] {
		if h := j.of[b]; h != nil && h.resolve() == other {
			return true
		}
	}
	return false
}

// join attaches an alert to the incidents that its edges lead to, merging them when there are several.
func (j *joiner) join(f *fold, edges []correlation.Edge) {
	own := j.of[f.row.ID]
	if own != nil {
		own = own.resolve()
	}
	refused := map[*group]bool{}
	for i := range edges {
		e := &edges[i]
		to := j.of[e.To]
		if to == nil {
			continue // not placed yet: it will look for this one in its turn
		}
		if to = to.resolve(); to == own || refused[to] {
			continue
		}
		if !j.mayJoin(f, own, to) {
			refused[to] = true
			continue
		}
		if own == nil {
			own = to
			j.of[f.row.ID] = own
			own.size++
			own.full = true
			own.joined = append(own.joined, joined{f.row.ID, f.row.Title, e.Text})
		} else {
			own = j.absorb(own, to, e)
		}
	}
	if own == nil {
		own = &group{fresh: true, full: true, size: 1, lab: f.row.Lab, first: f.row.ID}
		j.of[f.row.ID] = own
		j.fresh = append(j.fresh, own)
	}
	j.keep(f, own, edges)
}

// keep notes the edges that lie within the alert's incident.
func (j *joiner) keep(f *fold, own *group, edges []correlation.Edge) {
	n := 0
	for i := range edges {
		if to := j.of[edges[i].To]; to != nil && to.resolve() == own {
			j.edges = append(j.edges, &edges[i])
			f.summary.reason(edges[i].Kind)
			if n++; n == maxEdges {
				return
			}
		}
	}
}

// mayJoin applies the rules of refusal to an alert (own nil) or its incident and another incident.
func (j *joiner) mayJoin(f *fold, own, to *group) bool {
	if f.row.Lab != to.lab {
		return false
	}
	if to.row != nil && to.row.Status >= statusResolved || own != nil && own.row != nil && own.row.Status >= statusResolved {
		return false
	}
	if own != nil && own.row != nil && to.row != nil && conflictField(own.row, to.row) != "" {
		return false
	}
	size := int64(1)
	if own != nil {
		size = own.size
	}
	if to.size+size > int64(j.s.opt.MaxAlerts) {
		for _, g := range []*group{own, to} {
			if g != nil && g.row != nil && g.row.AtBound == 0 && g.size >= size {
				g.row.AtBound = 1
				g.full = true
				j.note(g, "growthBound", "", "", fmt.Sprintf("The incident reached the bound of %d alerts; related alerts open incidents of their own (first: %s)", j.s.opt.MaxAlerts, f.row.Title))
			}
		}
		return false
	}
	return !j.apartFrom(f.row.ID, own, to)
}

// conflictField names the field in which two incidents differ so that they must not be merged, "" when they may.
func conflictField(a, b *store.Incident) string {
	differ := func(x, y, none string) bool { return x != y && x != none && y != none }
	switch {
	case (a.Status == statusResolved) != (b.Status == statusResolved):
		return "status"
	case differ(a.AssignedTo, b.AssignedTo, ""):
		return "assignedTo"
	case differ(a.Classification, b.Classification, "Unknown"):
		return "classification"
	case differ(a.Determination, b.Determination, "NotAvailable"):
		return "determination"
	}
	return ""
}

// absorb merges two groups; the one with an owner, more alerts or the lower number stays.
func (j *joiner) absorb(a, b *group, why *correlation.Edge) *group {
	keep, gone := a, b
	if better(b, a) {
		keep, gone = b, a
	}
	gone.into = keep
	keep.size += gone.size
	keep.full = true
	keep.joined = append(keep.joined, gone.joined...)
	if gone.fresh {
		keep.joined = append(keep.joined, joined{gone.first, "", why.Text})
		return keep
	}
	keep.moved = append(append(keep.moved, gone), gone.moved...)
	j.merged++
	j.note(keep, "merged", "", strconv.FormatInt(gone.id, 10), fmt.Sprintf("Incident %d merged into this one: %s", gone.id, why.Text))
	return keep
}

func better(a, b *group) bool {
	if a.fresh != b.fresh {
		return !a.fresh
	}
	if a.row != nil && b.row != nil {
		if x, y := a.row.AssignedTo != "", b.row.AssignedTo != ""; x != y {
			return x
		}
	}
	if a.size != b.size {
		return a.size > b.size
	}
	return a.id < b.id
}

// note adds to the log of a stored incident.
func (j *joiner) note(g *group, kind, old, now, text string) {
	by := System
	if j.placed != nil {
		by = j.placed.by
	}
	if g.row != nil {
		j.log = append(j.log, activity("incident", strconv.FormatInt(g.id, 10), j.now, by, kind, old, now, text))
	}
}

func activity(target, id string, now int64, by Actor, kind, old, value, text string) *store.Activity {
	return &store.Activity{TargetType: target, TargetID: id, Time: now, Actor: by.Name, ActorKind: string(by.Kind), Type: kind, Old: old, New: value, Text: text}
}

// number gives new groups their ids in the order they were opened, and new alerts their incidents.
func (j *joiner) number(ctx context.Context, touched []*fold) error {
	open := j.fresh[:0]
	for _, g := range j.fresh {
		if g.into == nil {
			open = append(open, g)
		}
	}
	j.fresh = open
	if len(open) > 0 {
		next, err := state.Reserve(ctx, j.tx, j.id, "incident", int64(len(open)))
		if err != nil {
			return err
		}
		for _, g := range open {
			g.id = next
			next++
			g.row = newIncident(j.id, g.id, j.now)
			j.created = append(j.created, g.id)
			j.opened(g)
		}
	}
	for _, f := range touched {
		if g := j.of[f.row.ID]; g != nil {
			f.row.IncidentID = g.resolve().id
		}
	}
	return nil
}

func newIncident(id tenant.ID, number, now int64) *store.Incident {
	return &store.Incident{TenantID: id, ID: number, Classification: "Unknown", Determination: "NotAvailable", Created: now, Updated: now, Summary: "{}"}
}

// write stores edges, merges and incidents. The alerts of the batch are stored already.
func (j *joiner) write(ctx context.Context) error {
	live := map[int64]*group{}
	for _, g := range j.of {
		if g = g.resolve(); g.id != 0 {
			live[g.id] = g
		}
	}
	for _, g := range live {
		for _, m := range g.moved {
			if err := mergeRows(ctx, j.tx, j.id, m.row, g.row, j.now, &j.log); err != nil {
				return err
			}
			j.w.changes = append(j.w.changes, Change{Tenant: j.id, Kind: "incident", ID: strconv.FormatInt(m.id, 10), Change: "merged", Time: at(j.now)})
		}
		for _, x := range g.joined {
			j.note(g, "alertJoined", "", x.alert, x.text)
		}
	}
	rows := make([]*store.Edge, 0, len(j.edges))
	for _, e := range j.edges {
		g := j.of[e.Alert].resolve()
		rows = append(rows, &store.Edge{
			TenantID: j.id, AlertID: e.Alert, ToAlertID: e.To, Kind: string(e.Kind), Entity: cut(e.Entity, 600), IncidentID: g.id, Weight: round(e.Weight),
			GapSeconds: e.GapSeconds, Rarity: round(e.Rarity), Text: cut(e.Text, 1000), Created: j.now,
		})
	}
	if err := store.InsertEdges(ctx, j.tx, rows); err != nil {
		return err
	}
	ids := make([]int64, 0, len(live))
	for id := range live {
		ids = append(ids, id)
	}
	sortInts(ids)
	return j.refresh(ctx, ids, live)
}

func (j *joiner) refresh(ctx context.Context, ids []int64, live map[int64]*group) error {
	var work []int64
	for _, id := range ids {
		if live[id].full {
			work = append(work, id)
		}
	}
	alerts, err := store.AlertsOf(ctx, j.tx, j.id, nil, work)
	if err != nil {
		return err
	}
	members := map[int64][]*store.Alert{}
	for _, a := range alerts {
		members[a.IncidentID] = append(members[a.IncidentID], a)
	}
	var fresh []*store.Incident
	for _, id := range ids {
		g := live[id]
		if !g.full && !j.touches(g) {
			continue
		}
		g.row.Updated = j.now
		if g.full {
			summarise(g.row, members[id])
		}
		what := "updated"
		if g.fresh {
			what = "created"
			fresh = append(fresh, g.row)
		} else {
			j.updated = append(j.updated, id)
			if err := store.UpdateIncident(ctx, j.tx, g.row); err != nil {
				return err
			}
		}
		j.w.changes = append(j.w.changes, Change{Tenant: j.id, Kind: "incident", ID: strconv.FormatInt(id, 10), Change: what, Time: at(j.now)})
	}
	return store.InsertIncidents(ctx, j.tx, fresh)
}

// touches reports whether some alert of the batch lies in the group (others were loaded only to look at).
func (j *joiner) touches(g *group) bool { return j.hit[g] }

func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	out := list[:0:0]
	for _, x := range list {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}

func round(x float64) float64 { return float64(int64(x*1000+0.5)) / 1000 }
