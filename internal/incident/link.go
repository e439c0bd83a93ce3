package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/incident/correlation"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// MaxLinked is how many alerts one link makes at most, MaxLinkedRows of how many rows.
const (
	MaxLinked     = 100
	MaxLinkedRows = 1000
)

// byHand is the kind of the edge of an alert that a person put into an incident.
const byHand correlation.Kind = "manual"

// Linked are rows of a query's result that a person makes an alert of. The detections, one for each row, have a fold key of their own.
type Linked struct {
	Detections []Detection
	Columns    json.RawMessage // [{name, type}]
	Rows       []json.RawMessage
}

// LinkSource is the query whose result is linked. Tables are those it reads, directly or through functions.
type LinkSource struct {
	Query, Timespan string
	Tables          []string
}

// ResultRows is the part of a query's result that an alert was made of.
type ResultRows struct {
	LinkSource
	Columns json.RawMessage   `json:"columns"`
	Rows    []json.RawMessage `json:"rows"`
}

// Link makes alerts of results that a person picked, one for each Linked, and puts all of them into an incident (0 opens a new one) whatever else they might
// be joined with. Each is tied to the incident by an edge that names the person, and taking it out again works as with any other. It returns the
// incident and the alerts in order.
func (s *Scope) Link(ctx context.Context, id tenant.ID, by Actor, into int64, src LinkSource, list []Linked) (int64, []string, error) {
	if len(list) == 0 {
		return 0, nil, fault.Newf(fault.Invalid, "there is nothing to link").On("rows")
	}
	rows := 0
	for i := range list {
		rows += len(list[i].Detections)
	}
	if len(list) > MaxLinked || rows > MaxLinkedRows {
		return 0, nil, fault.Newf(fault.Limit, "%d alerts of %d rows are more than one link makes (%d of %d); choose fewer", len(list), rows, MaxLinked, MaxLinkedRows).On("rows")
	}
	if by.Kind == "" {
		by.Kind = ByUser
	}
	target, alerts := int64(0), []string(nil)
	err := s.change(ctx, id, func(tx bun.Tx, w *working) error {
		b := &batch{s: s.shared, tx: tx, w: w, now: s.now(), placed: &placement{by: by}}
		if into != 0 {
			e := &edit{scope: s, tx: tx, w: w, id: id, by: by, now: b.now}
			var err error
			if b.placed.row, err = e.target(ctx, into); err != nil {
				return err
			}
			if b.placed.members, err = store.MemberList(ctx, tx, id, nil, []int64{b.placed.row.ID}); err != nil {
				return err
			}
		}
		var found []Detection
		of := map[int64]int{} // hash of the fold -> place in the list
		for i := range list {
			for _, d := range list[i].Detections {
				d.Tenant, d.Lab = id, b.placed.lab()
				found = append(found, d)
				of[foldHash(d.RuleID, d.FoldKey, d.Lab)] = i
			}
		}
		if err := b.accept(ctx, found); err != nil {
			return err
		}
		alerts = make([]string, len(list))
		var kept []*store.Result
		for _, f := range b.touched {
			i := of[f.row.Fold]
			alerts[i] = f.row.ID
			target = f.row.IncidentID
			kept = append(kept, &store.Result{
				TenantID: id, AlertID: f.row.ID, Query: cut(src.Query, 64<<10), Timespan: cut(src.Timespan, 200), Tables: encode(nonNil(src.Tables)),
				Columns: string(list[i].Columns), Rows: encode(list[i].Rows), Created: b.now,
			})
		}
		if len(kept) != len(list) {
			return fault.Newf(fault.Internal, "%d alerts were made of %d results", len(kept), len(list))
		}
		return store.InsertResults(ctx, tx, kept)
	})
	if err != nil {
		return 0, nil, err
	}
	return target, alerts, nil
}

// AlertResult returns the rows that an alert was made of by hand. fault.NotFound when it was made otherwise.
func (s *Scope) AlertResult(ctx context.Context, id tenant.ID, alert string) (*ResultRows, error) {
	if shown, err := s.Shows(ctx, id, "alert", alert); err != nil || !shown {
		return nil, errors.Join(err, noAlert(alert))
	}
	row, err := store.FindResult(ctx, s.db, id, alert)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault.Newf(fault.NotFound, "alert %s was not made of a query's result", alert)
	}
	out := &ResultRows{LinkSource: LinkSource{row.Query, row.Timespan, decodeStrings(row.Tables)}, Columns: json.RawMessage(row.Columns), Rows: []json.RawMessage{}}
	decode(row.Rows, &out.Rows)
	return out, nil
}

// placement says where the alerts of a batch go because a person says so.
type placement struct {
	by      Actor
	row     *store.Incident // nil opens one
	members []store.Place   // what the incident has, oldest first
}

// lab is the lab run that the incident belongs to, so that what is linked to it goes with it.
func (p *placement) lab() string {
	if len(p.members) > 0 {
		return p.members[0].Lab
	}
	return ""
}

// foldWindow is how far apart repeats of one alert may lie. What a person makes one alert of is one, whenever it happened.
func (b *batch) foldWindow() int64 {
	if b.placed != nil {
		return math.MaxInt64
	}
	return b.s.opt.FoldWindow.Microseconds()
}

// put places every alert of the batch in the incident that the person chose, with an edge to the alert that was there first.
func (j *joiner) put(ctx context.Context, touched []*fold) error {
	j.groups, j.of, j.hit = map[int64]*group{}, map[string]*group{}, map[*group]bool{}
	p := j.placed
	g := &group{fresh: p.row == nil, full: true, lab: p.lab(), row: p.row}
	anchor := ""
	if p.row != nil {
		g.id, g.size = p.row.ID, p.row.AlertCount
		j.groups[g.id] = g
		for _, m := range p.members {
			j.of[m.ID] = g
		}
		if len(p.members) > 0 {
			anchor = p.members[0].ID
		}
	} else {
		j.fresh = append(j.fresh, g)
	}
	j.hit[g] = true
	text := fmt.Sprintf("Linked by %s from the results of a query", p.by.Name)
	for _, f := range touched {
		j.of[f.row.ID] = g
		g.size++
		if p.row != nil {
			g.joined = append(g.joined, joined{f.row.ID, f.row.Title, text})
		}
		j.log = append(j.log, activity("alert", f.row.ID, j.now, p.by, "linked", "", "", text))
		f.summary.reason(byHand)
		if anchor == "" {
			g.first, anchor = f.row.ID, f.row.ID
		} else {
			j.edges = append(j.edges, &correlation.Edge{Alert: f.row.ID, To: anchor, Kind: byHand, Weight: 1, Text: text})
		}
		j.keep(f, g, j.w.engine.Edges(f.alert))
	}
	return j.number(ctx, touched)
}

// opened is the log's line of a new incident.
func (j *joiner) opened(g *group) {
	text := "Opened by correlation"
	if j.placed != nil {
		text = "Opened for results of a query"
	}
	j.note(g, "created", "", "", text)
}
