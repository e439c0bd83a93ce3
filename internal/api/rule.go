package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Rules keeps detection rules; detect.Service does.
type Rules interface {
	List(ctx context.Context, id tenant.ID, q detect.Query) ([]*detect.Rule, int64, error)
	Get(ctx context.Context, id tenant.ID, rule string) (*detect.Rule, error)
	SetEnabled(ctx context.Context, id tenant.ID, rule string, enabled bool) error
	Create(ctx context.Context, id tenant.ID, kind detect.Kind, text string) (*detect.Rule, error)
	Delete(ctx context.Context, id tenant.ID, rule string) error
}

// RuleView is a rule as the API shows it.
type RuleView struct {
	ID          string            `json:"id"`
	Kind        detect.Kind       `json:"kind" enum:"sigma,kql"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Severity    incident.Severity `json:"severity"`
	Level       string            `json:"level"`
	Enabled     bool              `json:"enabled"`
	Category    string            `json:"category"`
	Techniques  []string          `json:"techniques" nullable:"false"`
	Tags        []string          `json:"tags" nullable:"false"`
	Origin      detect.Origin     `json:"origin" enum:"builtin,import,user"`
	Status      string            `json:"status"`
	Author      string            `json:"author"`
	Logsource   string            `json:"logsource"`
	Path        string            `json:"path,omitempty"`
	Text        string            `json:"text,omitempty" doc:"source of the rule; single rules only"`
	Error       string            `json:"error,omitempty" doc:"why the rule cannot run"`
	AlertCount  *int64            `json:"alertCount,omitempty" doc:"alerts the rule raised; single rules only"`
	LastHit     *time.Time        `json:"lastHit,omitempty" doc:"last activity of its alerts; single rules only"`
	Created     *time.Time        `json:"createdTime,omitempty"`
	Modified    *time.Time        `json:"modifiedTime,omitempty"`
	LastRun     *detect.LastRun   `json:"lastRun,omitempty" doc:"of a scheduled rule"`
}

func ruleView(r *detect.Rule) RuleView {
	v := RuleView{
		ID: r.ID, Kind: r.Kind, Title: r.Title, Description: r.Description, Severity: r.Severity, Level: r.Level, Enabled: r.Enabled, Category: r.Category,
		Techniques: r.Techniques, Tags: r.Tags, Origin: r.Origin, Status: r.Status, Author: r.Author, Logsource: r.Logsource, Path: r.Path, Text: r.Source,
		Error: r.Issue, Created: moment(r.Created), Modified: moment(r.Changed), LastRun: r.LastRun,
	}
	if v.Techniques == nil {
		v.Techniques = []string{}
	}
	if v.Tags == nil {
		v.Tags = []string{}
	}
	return v
}

type rulesInput struct {
	Paging
	Kind     []string `query:"kind,explode" maxItems:"5"`
	Severity []string `query:"severity,explode" maxItems:"10"`
	Origin   []string `query:"origin,explode" maxItems:"5"`
	Enabled  string   `query:"enabled" enum:"true,false"`
	Search   string   `query:"search" maxLength:"200"`
	Count    bool     `query:"$count"`
	OrderBy  string   `query:"orderby" maxLength:"60" doc:"rules are always in order of title"`
}

type RulePath struct {
	ID string `path:"id" maxLength:"500"`
}

func (i *RulePath) audited() (string, map[string]any) { return i.ID, nil }

type rulePatch struct {
	RulePath
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

func (i *rulePatch) audited() (string, map[string]any) {
	return i.ID, map[string]any{"enabled": i.Body.Enabled}
}

type ruleCreate struct {
	Body struct {
		Kind detect.Kind `json:"kind,omitempty" enum:"sigma,kql" doc:"left out: the text shows it"`
		Text string      `json:"text" maxLength:"262144"`
	}
}

func (s *server) registerRules() {
	const tag, base = "rules", "/api/rules"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeRead}
	}
	change := func(method, path, id, summary string) operation {
		return operation{method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DetectionManage, scope: access.ScopeWrite}
	}
	handle(s, read("", "listRules", "List detection rules"), func(ctx context.Context, c *call, in *rulesInput) (*pageOutput[RuleView], error) {
		q := detect.Query{Kinds: in.Kind, Severities: in.Severity, Origins: in.Origin, Search: in.Search, Top: in.Top, Skip: in.Skip}
		if in.Enabled != "" {
			on := in.Enabled == "true"
			q.Enabled = &on
		}
		list, n, err := s.Rules.List(ctx, c.tenant, q)
		if err != nil {
			return nil, err
		}
		views := make([]RuleView, 0, len(list))
		for _, r := range list {
			views = append(views, ruleView(r))
		}
		return pageOf(views, n, in.Paging, requestURL(ctx)), nil
	})
	handle(s, read("/{id}", "getRule", "One rule with its text and what it found"), func(ctx context.Context, c *call, in *RulePath) (*output[RuleView], error) {
		return s.rule(ctx, c, in.ID)
	})
	handle(s, change(http.MethodPatch, "/{id}", "updateRule", "Switch a rule on or off"), func(ctx context.Context, c *call, in *rulePatch) (*output[RuleView], error) {
		if err := s.Rules.SetEnabled(ctx, c.tenant, in.ID, in.Body.Enabled); err != nil {
			return nil, err
		}
		return s.rule(ctx, c, in.ID)
	})
	create := change(http.MethodPost, "", "createRule", "Add a rule")
	create.status = http.StatusCreated
	handle(s, create, func(ctx context.Context, c *call, in *ruleCreate) (*output[RuleView], error) {
		r, err := s.Rules.Create(ctx, c.tenant, in.Body.Kind, in.Body.Text)
		if err != nil {
			return nil, err
		}
		return answer(ruleView(r)), nil
	})
	remove := change(http.MethodDelete, "/{id}", "deleteRule", "Remove a rule that is not shipped with the product")
	remove.status = http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *RulePath) (*nothing, error) {
		return &nothing{}, s.Rules.Delete(ctx, c.tenant, in.ID)
	})
}

func (s *server) rule(ctx context.Context, c *call, id string) (*output[RuleView], error) {
	r, err := s.Rules.Get(ctx, c.tenant, id)
	if err != nil {
		return nil, err
	}
	v := ruleView(r)
	alerts, err := s.incidents(c).Alerts(ctx, c.tenant, incident.Query{RuleID: id, Top: 1, Count: true, OrderBy: "lastActivity:desc"})
	if err != nil {
		return nil, err
	}
	v.AlertCount = &alerts.Count
	if len(alerts.Value) > 0 {
		v.LastHit = moment(alerts.Value[0].LastActivity)
	}
	return answer(v), nil
}
