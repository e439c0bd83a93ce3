package incident

import (
	"context"
	"slices"
	"sort"

	"github.com/bartizan-sec/bartizan/internal/entity"
	"github.com/bartizan-sec/bartizan/internal/incident/store"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// maxNodes bounds the graph of an incident.
const maxNodes = 300

// IncidentGraph returns the alerts and entities of an incident, at most 300 nodes: all alerts that fit, then the entities with most ties.
func (s *Scope) IncidentGraph(ctx context.Context, id tenant.ID, incident int64) (*Graph, error) {
	c, row, err := s.contents(ctx, id, incident)
	if err != nil {
		return nil, err
	}
	edges, err := store.EdgesOf(ctx, s.db, id, []int64{row.ID})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(c.alerts))
	for i, a := range c.alerts {
		ids[i] = a.ID
	}
	ties, err := store.AlertEntitiesOf(ctx, s.db, id, ids)
	if err != nil {
		return nil, err
	}
	hidden, err := store.Hidden(ctx, s.db, id, s.sight(), deviceKeys(ties))
	if err != nil {
		return nil, err
	}
	ties = slices.DeleteFunc(ties, func(t *store.AlertEntity) bool { return hidden[t.Entity] })
	g := &Graph{Nodes: []GraphNode{}, Edges: []GraphEdge{}}
	shown := map[string]bool{}
	for _, a := range c.alerts {
		if len(g.Nodes) >= maxNodes*2/3 {
			g.Truncated = true
			break
		}
		shown[a.ID] = true
		g.Nodes = append(g.Nodes, GraphNode{ID: a.ID, Kind: "alert", Label: a.Title, AlertID: a.ID, Severity: SeverityOf(int(a.Severity))})
	}
	if err := s.graphEntities(ctx, id, g, ties, shown); err != nil {
		return nil, err
	}
	for _, e := range edges {
		if shown[e.AlertID] && shown[e.ToAlertID] {
			g.Edges = append(g.Edges, GraphEdge{Source: e.AlertID, Target: e.ToAlertID, Kind: e.Kind, Text: e.Text})
		}
	}
	return g, nil
}

// graphEntities adds entities, those named by most alerts first, and what ties alerts to them.
func (s *Scope) graphEntities(ctx context.Context, id tenant.ID, g *Graph, ties []*store.AlertEntity, shown map[string]bool) error {
	degree := map[string]int{}
	for _, t := range ties {
		if graphKind(entity.Key(t.Entity).Kind()) != "" && t.Derived == 0 && shown[t.AlertID] {
			degree[t.Entity]++
		}
	}
	list := make([]string, 0, len(degree))
	for k := range degree {
		list = append(list, k)
	}
	sort.Slice(list, func(i, j int) bool {
		if degree[list[i]] != degree[list[j]] {
			return degree[list[i]] > degree[list[j]]
		}
		return list[i] < list[j]
	})
	if room := maxNodes - len(g.Nodes); len(list) > room {
		list = list[:room]
		g.Truncated = true
	}
	names, err := store.EntitiesByKey(ctx, s.db, id, list)
	if err != nil {
		return err
	}
	for _, k := range list {
		label := entity.Key(k).Value()
		if n := names[k]; n != nil {
			label = n.Name
		}
		shown[k] = true
		g.Nodes = append(g.Nodes, GraphNode{ID: k, Kind: graphKind(entity.Key(k).Kind()), Label: label, EntityKey: k})
	}
	for _, t := range ties {
		if shown[t.AlertID] && shown[t.Entity] && t.Derived == 0 {
			role := t.Role
			if role == "" {
				role = "names"
			}
			g.Edges = append(g.Edges, GraphEdge{Source: t.AlertID, Target: t.Entity, Kind: role, Text: ""})
		}
	}
	sort.Slice(g.Edges, func(i, j int) bool {
		if g.Edges[i].Source != g.Edges[j].Source {
			return g.Edges[i].Source < g.Edges[j].Source
		}
		return g.Edges[i].Target < g.Edges[j].Target
	})
	return nil
}

// graphKind is the node kind of an entity, "" for those the graph leaves out.
func graphKind(k entity.Kind) string {
	switch k {
	case entity.Device, entity.User, entity.Mailbox, entity.IP, entity.File, entity.Process, entity.URL, entity.Message, entity.App:
		return string(k)
	case entity.Domain:
		return "url"
	}
	return ""
}
