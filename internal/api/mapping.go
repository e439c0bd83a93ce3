package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Mappings keeps declared mappings; mapping.Service does.
type Mappings interface {
	List(ctx context.Context, id tenant.ID) ([]mapping.Entry, error)
	Get(ctx context.Context, id tenant.ID, name string) (*mapping.Entry, error)
	Save(ctx context.Context, id tenant.ID, by string, d mapping.Draft) (*mapping.Entry, error)
	Delete(ctx context.Context, id tenant.ID, name string) error
	Try(text string, samples ...string) ([]mapping.Outcome, error)
}

// Customs knows a tenant's custom tables.
type Customs interface {
	CustomTables(ctx context.Context, id tenant.ID) ([]*schema.Table, error)
	DropCustom(ctx context.Context, id tenant.ID, table string) error
}

// MappingView is a mapping.
type MappingView struct {
	Name        string           `json:"name"`
	Origin      string           `json:"origin" enum:"builtin,operator,user" doc:"builtin and operator: can only be turned on and off"`
	Enabled     bool             `json:"enabled"`
	Description string           `json:"description"`
	Table       string           `json:"table"`
	Families    []string         `json:"families" nullable:"false" doc:"only records of these; empty: of all"`
	Logsource   MappingLogsource `json:"logsource"`
	References  []string         `json:"references" nullable:"false"`
	Override    bool             `json:"override" doc:"it also takes records that a family has a table for"`
	Tests       int              `json:"tests" doc:"how many tests it carries"`
	Text        string           `json:"text" doc:"the file, YAML"`
	Issue       string           `json:"issue,omitempty" doc:"why it does not run"`
	Created     *time.Time       `json:"created,omitempty"`
	CreatedBy   string           `json:"createdBy,omitempty"`
	Changed     *time.Time       `json:"changed,omitempty"`
	ChangedBy   string           `json:"changedBy,omitempty"`
}

// MappingLogsource is how rules address the records of a mapping.
type MappingLogsource struct {
	Product  string `json:"product,omitempty"`
	Category string `json:"category,omitempty"`
	Service  string `json:"service,omitempty"`
}

// ViewOfMapping is a mapping as the surface shows it.
func ViewOfMapping(e *mapping.Entry) *MappingView {
	if e == nil {
		return nil
	}
	return &MappingView{
		Name: e.Name, Origin: e.Origin, Enabled: e.Enabled, Description: e.Description, Table: e.Table, Families: append([]string{}, e.Families...),
		Logsource: MappingLogsource{e.Logsource.Product, e.Logsource.Category, e.Logsource.Service}, References: append([]string{}, e.References...), Override: e.Override,
		Tests: e.Tests, Text: e.Text, Issue: e.Issue, Created: moment(e.Created), CreatedBy: e.CreatedBy, Changed: moment(e.Changed), ChangedBy: e.ChangedBy,
	}
}

type mappingBody struct {
	Name    string `json:"name,omitempty" maxLength:"64" doc:"as in the text"`
	Text    string `json:"text,omitempty" maxLength:"65536" doc:"the file, YAML; left out when only enabled changes"`
	Enabled *bool  `json:"enabled,omitempty" doc:"left out: on"`
}

func (b *mappingBody) draft(name string) mapping.Draft {
	return mapping.Draft{Name: name, Text: b.Text, Enabled: b.Enabled == nil || *b.Enabled}
}

// MappingPath names a mapping.
type MappingPath struct {
	Name string `path:"name" maxLength:"64"`
}

type mappingInput struct{ Body mappingBody }

func (i *mappingInput) audited() (string, map[string]any) {
	return i.Body.Name, map[string]any{"text": cutText(i.Body.Text, 4000), "enabled": i.Body.Enabled}
}

type mappingReplace struct {
	MappingPath
	Body mappingBody
}

func (i *mappingReplace) audited() (string, map[string]any) {
	return i.Name, map[string]any{"text": cutText(i.Body.Text, 4000), "enabled": i.Body.Enabled}
}

type mappingTrial struct {
	Body struct {
		Text    string   `json:"text" maxLength:"65536" doc:"the mapping, YAML"`
		Samples []string `json:"samples" maxItems:"100" nullable:"false" doc:"records as they arrive, each as text"`
	}
}

// MappingOutcome is what a mapping made of a sample.
type MappingOutcome struct {
	Sample   string          `json:"sample"`
	Family   string          `json:"family" doc:"the family that reads the sample"`
	Matched  bool            `json:"matched" doc:"the mapping takes it"`
	Rows     []MappingRow    `json:"rows" nullable:"false" doc:"rows it becomes, by the mapping or else by the family or its custom table"`
	Unmapped string          `json:"unmapped,omitempty" doc:"what the family calls the record when it has no table for it"`
	Error    *MappingProblem `json:"error,omitempty" doc:"the record would be refused"`
}

// MappingRow is a row.
type MappingRow struct {
	Table  string         `json:"table"`
	Values map[string]any `json:"values" nullable:"false" doc:"cells that have a value"`
}

// MappingProblem says what is wrong.
type MappingProblem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty" doc:"of the mapping's text, from 1"`
	Column  int    `json:"column,omitempty"`
}

// CustomTable is a table that was made at run time.
type CustomTable struct {
	Name    string              `json:"name"`
	Columns []CustomTableColumn `json:"columns" nullable:"false" doc:"those that records or mappings made"`
	Rows    int64               `json:"rows"`
	Source  string              `json:"source" doc:"the kind of record or the mapping that made it"`
	Created *time.Time          `json:"created,omitempty"`
	Full    bool                `json:"full" doc:"it has all the columns it may have; more fields go into AdditionalFields"`
}

// CustomTableColumn is a column of a custom table.
type CustomTableColumn struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	FirstSeen *time.Time `json:"firstSeen,omitempty"`
	Conflicts int        `json:"conflicts" doc:"how many other columns hold values of the same field in another type"`
}

func (s *server) registerMappings() {
	const tag = "mappings"
	read := func(path, id, summary string) operation {
		return operation{method: http.MethodGet, path: path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.CoreRead, scope: access.ScopeRead}
	}
	change := func(method, path, id, summary string) operation {
		return operation{method: method, path: path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.CoreManage, scope: access.ScopeAdmin}
	}
	handle(s, read("/api/mappings", "listMappings", "Declared mappings in the order in which they are tried: one's own, then those that are shipped"), func(ctx context.Context, c *call, in *Paging) (*pageOutput[*MappingView], error) {
		all, err := s.Mappings.List(ctx, c.tenant)
		out := make([]*MappingView, 0, len(all))
		for i := range all {
			out = append(out, ViewOfMapping(&all[i]))
		}
		return slice(out, *in, requestURL(ctx)), err
	})
	handle(s, read("/api/mappings/{name}", "getMapping", "A mapping"), func(ctx context.Context, c *call, in *MappingPath) (*output[*MappingView], error) {
		e, err := s.Mappings.Get(ctx, c.tenant, in.Name)
		return answer(ViewOfMapping(e)), err
	})
	create := change(http.MethodPost, "/api/mappings", "createMapping", "Keep a new mapping; it takes effect with the next record")
	create.status = http.StatusCreated
	handle(s, create, func(ctx context.Context, c *call, in *mappingInput) (*output[*MappingView], error) {
		e, err := s.Mappings.Save(ctx, c.tenant, c.actorName(), in.Body.draft(""))
		return answer(ViewOfMapping(e)), err
	})
	handle(s, change(http.MethodPut, "/api/mappings/{name}", "changeMapping", "Change a mapping, or turn it on or off"), func(ctx context.Context, c *call, in *mappingReplace) (*output[*MappingView], error) {
		e, err := s.Mappings.Save(ctx, c.tenant, c.actorName(), in.Body.draft(in.Name))
		return answer(ViewOfMapping(e)), err
	})
	remove := change(http.MethodDelete, "/api/mappings/{name}", "deleteMapping", "Remove a mapping; rows stay")
	remove.status = http.StatusNoContent
	handle(s, remove, func(ctx context.Context, c *call, in *MappingPath) (*nothing, error) {
		return &nothing{}, s.Mappings.Delete(ctx, c.tenant, in.Name)
	})
	try := change(http.MethodPost, "/api/mappings/test", "testMapping", "Show samples to a mapping without keeping anything")
	try.quiet = true
	handle(s, try, func(_ context.Context, _ *call, in *mappingTrial) (*output[struct {
		Value []MappingOutcome `json:"value" nullable:"false"`
	}], error,
	) {
		all, err := s.Mappings.Try(in.Body.Text, in.Body.Samples...)
		out := make([]MappingOutcome, 0, len(all))
		for _, o := range all {
			out = append(out, ViewOfOutcome(o))
		}
		return answer(struct {
			Value []MappingOutcome `json:"value" nullable:"false"`
		}{out}), err
	})
	s.registerCustomTables()
}

// ViewOfOutcome is what became of a sample as the surface shows it.
func ViewOfOutcome(o mapping.Outcome) MappingOutcome {
	v := MappingOutcome{Sample: o.Sample, Family: o.Family, Matched: o.Matched, Rows: []MappingRow{}, Unmapped: o.Unmapped}
	for _, r := range o.Rows {
		v.Rows = append(v.Rows, MappingRow{r.Table, r.Values})
	}
	if o.Err != nil {
		v.Error = &MappingProblem{Code: string(o.Err.Code), Message: o.Err.Message}
		v.Error.Line, _ = o.Err.Details["line"].(int)
		v.Error.Column, _ = o.Err.Details["column"].(int)
	}
	return v
}

func (s *server) registerCustomTables() {
	handle(s, operation{
		method: http.MethodGet, path: "/api/custom-tables", id: "listCustomTables", summary: "Tables made for records that no hunting table takes", tag: "mappings", door: byPermission,
		permission: access.DataRead, scope: access.ScopeHunt,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[CustomTable], error) {
		tables, err := s.customTables(ctx, c)
		if err != nil {
			return nil, err
		}
		counts, err := s.Hunting.Counts(ctx, c.tenant)
		out := make([]CustomTable, 0, len(tables))
		for _, t := range tables {
			v := CustomTable{Name: t.Name, Columns: []CustomTableColumn{}, Rows: counts[t.Name], Source: t.Source, Created: moment(t.Created), Full: len(t.Columns) >= schema.MaxCustomColumns}
			conflicts := t.Conflicts()
			for _, col := range t.Made() {
				v.Columns = append(v.Columns, CustomTableColumn{Name: col.Name, Type: string(col.Type), FirstSeen: moment(col.Seen), Conflicts: conflicts[col.Name]})
			}
			out = append(out, v)
		}
		return slice(out, *in, requestURL(ctx)), err
	})
	handle(s, operation{
		method: http.MethodDelete, path: "/api/custom-tables/{name}", id: "deleteCustomTable", summary: "Remove a custom table with its rows; it comes back with the next such record", tag: "mappings",
		door: byPermission, permission: access.CoreManage, scope: access.ScopeAdmin, status: http.StatusNoContent,
	}, func(ctx context.Context, c *call, in *customTablePath) (*nothing, error) {
		tables, err := s.customTables(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			if t.Name == in.Name {
				return &nothing{}, s.Customs.DropCustom(ctx, c.tenant, t.Name)
			}
		}
		return nil, fault.Newf(fault.NotFound, "there is no custom table %q", in.Name)
	})
}

type customTablePath struct {
	Name string `path:"name" maxLength:"100"`
}

func (p *customTablePath) audited() (string, map[string]any) { return p.Name, nil }

// customTables are the custom tables that the principal may read.
func (s *server) customTables(ctx context.Context, c *call) ([]*schema.Table, error) {
	if s.Customs == nil {
		return nil, nil
	}
	all, err := s.Customs.CustomTables(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	visible := c.visible()
	var out []*schema.Table
	for _, t := range all {
		if visible(t) {
			out = append(out, t)
		}
	}
	return out, nil
}
