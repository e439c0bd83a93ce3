package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/connect"
)

// ConnectorKind is a service that can be pulled from.
type ConnectorKind struct {
	Kind        string          `json:"kind"`
	Name        string          `json:"name"`
	Family      string          `json:"family"`
	Description string          `json:"description"`
	Interval    int             `json:"interval" doc:"seconds between runs unless a connector says otherwise"`
	Fields      []connect.Field `json:"fields" nullable:"false"`
	Steps       string          `json:"steps" doc:"Markdown: how to get the credentials"`
}

// ViewConnectorKinds shows the kinds.
func ViewConnectorKinds(kinds []connect.Kind) []ConnectorKind {
	out := make([]ConnectorKind, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, ConnectorKind{
			Kind: k.Name, Name: k.Label, Family: k.Family, Description: k.Description, Interval: int(k.Interval / time.Second), Fields: k.Fields, Steps: k.Steps,
		})
	}
	return out
}

// ConnectorPath names a connector.
type ConnectorPath struct {
	ID string `path:"id" maxLength:"200" doc:"id or name"`
}

func (i *ConnectorPath) audited() (string, map[string]any) { return i.ID, nil }

// ConnectorDraft is a connector as it is made or changed.
type ConnectorDraft struct {
	Kind     string         `json:"kind,omitempty" maxLength:"40" doc:"cannot change"`
	Name     string         `json:"name" maxLength:"400"`
	Enabled  *bool          `json:"enabled,omitempty" doc:"left out: true"`
	Config   map[string]any `json:"config" doc:"values by field; a secret is a text when it is given, and stays as it is when it is left out or {\"set\":true}"`
	Interval int            `json:"interval,omitempty" minimum:"0" maximum:"604800" doc:"seconds between runs; 0: the kind's"`
}

// draft is what the body asks for.
func (b *ConnectorDraft) draft() connect.Draft {
	return connect.Draft{Kind: b.Kind, Name: b.Name, Enabled: b.Enabled == nil || *b.Enabled, Config: b.Config, Interval: b.Interval}
}

type connectorCreate struct {
	Body struct {
		ConnectorDraft
		Since *time.Time `json:"since,omitempty" doc:"where to begin; left out: a day ago"`
	}
}

// audited names what was given, never the values: they may be secrets.
func (i *connectorCreate) audited() (string, map[string]any) {
	return i.Body.Name, i.Body.changes()
}

func (b *ConnectorDraft) changes() map[string]any {
	fields := make([]string, 0, len(b.Config))
	for name := range b.Config {
		fields = append(fields, name)
	}
	slices.Sort(fields)
	return map[string]any{"kind": b.Kind, "name": b.Name, "interval": b.Interval, "enabled": b.Enabled == nil || *b.Enabled, "fields": fields}
}

type connectorUpdate struct {
	ConnectorPath
	Body ConnectorDraft
}

func (i *connectorUpdate) audited() (string, map[string]any) { return i.ID, i.Body.changes() }

type connectorTest struct {
	Body struct {
		Kind   string         `json:"kind" maxLength:"40"`
		Config map[string]any `json:"config"`
	}
}

func (i *connectorTest) audited() (string, map[string]any) { return i.Body.Kind, nil }

type connectorReset struct {
	ConnectorPath
	Body struct {
		Since time.Time `json:"since" doc:"where to begin anew; what was delivered since then is delivered again"`
	}
}

func (i *connectorReset) audited() (string, map[string]any) {
	return i.ID, map[string]any{"since": i.Body.Since}
}

type connectorRuns struct {
	ConnectorPath
	Paging
}

func (s *server) registerConnectors() {
	const tag, base = "connectors", "/api/connectors"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.CoreRead, scope: access.ScopeRead}
	}
	change := func(method, path, id, summary string) operation {
		return operation{method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.CoreManage, scope: access.ScopeAdmin}
	}
	handle(s, read("/kinds", "listConnectorKinds", "Services that can be pulled from, and what they need"), func(ctx context.Context, _ *call, in *Paging) (*pageOutput[ConnectorKind], error) {
		return slice(ViewConnectorKinds(s.Connectors.Kinds()), *in, requestURL(ctx)), nil
	})
	handle(s, read("", "listConnectors", "The tenant's connectors"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[connect.Connector], error) {
		all, err := s.Connectors.List(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		return slice(all, *in, requestURL(ctx)), nil
	})
	handle(s, read("/{id}", "getConnector", "One connector"), func(ctx context.Context, c *call, in *ConnectorPath) (*output[*connect.Connector], error) {
		return connector(s.Connectors.Get(ctx, c.tenant, in.ID))
	})
	handle(s, read("/{id}/runs", "listConnectorRuns", "What a connector did, newest first"), func(ctx context.Context, c *call, in *connectorRuns) (*pageOutput[connect.PullRun], error) {
		runs, n, err := s.Connectors.Runs(ctx, c.tenant, in.ID, in.Skip, in.Top)
		if err != nil {
			return nil, err
		}
		return pageOf(runs, n, in.Paging, requestURL(ctx)), nil
	})
	create := change(http.MethodPost, "", "createConnector", "Connect a service")
	create.status = http.StatusCreated
	handle(s, create, func(ctx context.Context, c *call, in *connectorCreate) (*output[*connect.Connector], error) {
		d := in.Body.draft()
		if in.Body.Since != nil {
			d.Since = *in.Body.Since
		}
		return connector(s.Connectors.Create(ctx, c.tenant, c.actorName(), d))
	})
	handle(s, change(http.MethodPut, "/{id}", "updateConnector", "Change a connector; its cursor stays"), func(ctx context.Context, c *call, in *connectorUpdate) (*output[*connect.Connector], error) {
		return connector(s.Connectors.Update(ctx, c.tenant, c.actorName(), in.ID, in.Body.draft()))
	})
	remove := change(http.MethodDelete, "/{id}", "deleteConnector", "Remove a connector and its secrets; what it delivered stays")
	remove.status = http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *ConnectorPath) (*nothing, error) {
		return &nothing{}, s.Connectors.Delete(ctx, c.tenant, in.ID)
	})
	handle(s, change(http.MethodPost, "/test", "testConnectorConfig", "Try settings that are not yet kept"), func(ctx context.Context, _ *call, in *connectorTest) (*output[*connect.Tested], error) {
		t, err := s.Connectors.Test(ctx, in.Body.Kind, in.Body.Config)
		return answer(t), err
	})
	handle(s, change(http.MethodPost, "/{id}/test", "testConnector", "Try a connector as it is kept"), func(ctx context.Context, c *call, in *ConnectorPath) (*output[*connect.Tested], error) {
		t, err := s.Connectors.TestKept(ctx, c.tenant, in.ID)
		return answer(t), err
	})
	handle(s, change(http.MethodPost, "/{id}/run", "runConnector", "Run a connector now"), func(ctx context.Context, c *call, in *ConnectorPath) (*output[*connect.Connector], error) {
		return connector(s.Connectors.Start(ctx, c.tenant, c.actorName(), in.ID))
	})
	for _, x := range []struct {
		path, id, summary string
		paused            bool
	}{{"/{id}/pause", "pauseConnector", "Stop running a connector", true}, {"/{id}/resume", "resumeConnector", "Run a paused connector again", false}} {
		handle(s, change(http.MethodPost, x.path, x.id, x.summary), func(ctx context.Context, c *call, in *ConnectorPath) (*output[*connect.Connector], error) {
			return connector(s.Connectors.Pause(ctx, c.tenant, c.actorName(), in.ID, x.paused))
		})
	}
	handle(s, change(http.MethodPost, "/{id}/reset", "resetConnector", "Begin anew at a time"), func(ctx context.Context, c *call, in *connectorReset) (*output[*connect.Connector], error) {
		return connector(s.Connectors.Reset(ctx, c.tenant, c.actorName(), in.ID, in.Body.Since))
	})
}

func connector(c *connect.Connector, err error) (*output[*connect.Connector], error) {
	if err != nil {
		return nil, err
	}
	return answer(c), nil
}
