package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
)

// Hunter runs queries over a tenant's lake.
type Hunter interface {
	// Hunt runs a query. What is wrong with it is a fault whose code is one of the query language (syntax, name, type, unsupported, limit, outbound, runtime,
	// cancelled) with the details line, column and hint, or busy when it was refused. The answer is not nil when a failed query ran: it has statistics.
	Hunt(ctx context.Context, q Hunt) (*HuntAnswer, error)
	// Stream is Hunt with the result given to out as it comes; the answer has no rows.
	Stream(ctx context.Context, q Hunt, out HuntSink) (*HuntAnswer, error)
	// Explain says how a query would run.
	Explain(ctx context.Context, q Hunt) (*HuntExplanation, error)
	// Running lists the principal's queries that run, or everybody's in the tenant; Cancel ends one and says whether there was one.
	Running(id tenant.ID, principal string, everybody bool) []HuntRunning
	Cancel(id tenant.ID, principal string, everybody bool, run string) bool
	// Check says what is wrong with a query without running it.
	Check(ctx context.Context, q Hunt) ([]HuntDiagnostic, error)
	// Counts returns rows per table.
	Counts(ctx context.Context, id tenant.ID) (map[string]int64, error)
}

// HuntSink takes a result as it comes.
type HuntSink interface {
	// Start is told what is known before the first row: ID, Schema, Render.
	Start(a *HuntAnswer) error
	// Row is given each row; the slice is reused.
	Row(cells []any) error
}

// Hunt is one query and who asks.
type Hunt struct {
	Tenant    tenant.ID
	ID        string // chosen by the client, or made
	By        string // name of the principal
	Principal string // whose budget it uses; By when it is empty
	Interface hunting.Interface
	Query     string
	Timespan  string // ISO 8601 duration or START/END; bounds the time column where the query does not
	Now       string // time of now() and ago(); empty is the clock
	Limit     int    // most rows; 0 for the setting, and none for an export
	// Export lifts the bounds of rows and bytes.
	Export bool
	// Visible says whether the principal may see a table; others do not exist for it.
	Visible func(t *schema.Table) bool
	// Rows gives the condition that the rows of a table meet which the principal may see; "" is all.
	Rows func(t *schema.Table) string
	// Functions are the tenant's functions that the principal may call.
	Functions []kql.StoredFunction
}

// HuntColumn is a column of a result.
type HuntColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// HuntAnswer is the result of a query. Rows hold values that JSON shows in the way of the contracts.
type HuntAnswer struct {
	ID       string           `json:"id"`
	Schema   []HuntColumn     `json:"schema" nullable:"false"`
	Rows     [][]any          `json:"rows" nullable:"false"`
	Stats    HuntStats        `json:"stats"`
	Render   *HuntRender      `json:"render,omitempty"`
	Warnings []HuntDiagnostic `json:"warnings" nullable:"false"`
}

// HuntStats tells how the run went.
type HuntStats struct {
	Rows      int      `json:"rows"`
	MS        float64  `json:"ms"`
	CPUMS     int64    `json:"cpuMs" doc:"processor time"`
	Bytes     int64    `json:"bytes" doc:"size of the values"`
	Grade     string   `json:"grade" doc:"how much of the engine it took: Low, Medium, High"`
	Truncated bool     `json:"truncated" doc:"a limit cut the result"`
	Partial   bool     `json:"partial" doc:"a source did not answer in full"`
	Limits    []string `json:"limits" nullable:"false" doc:"the limits that were reached"`
}

// HuntExplanation is how a query would run.
type HuntExplanation struct {
	Engine   string           `json:"engine" doc:"duckdb or clickhouse"`
	Plan     string           `json:"plan" doc:"the operators from the stored tables up"`
	Columns  []HuntColumn     `json:"columns" nullable:"false"`
	Steps    []HuntStep       `json:"steps" nullable:"false"`
	Warnings []HuntDiagnostic `json:"warnings" nullable:"false"`
}

// HuntStep is one statement of a run.
type HuntStep struct {
	Where string `json:"where" doc:"the engine, or host for an operator that the server computes itself"`
	What  string `json:"what"`
	SQL   string `json:"sql"`
}

// HuntRunning is a query that runs now.
type HuntRunning struct {
	ID        string    `json:"id"`
	Started   time.Time `json:"started"`
	By        string    `json:"by"`
	Interface string    `json:"interface"`
	Query     string    `json:"query"`
	MS        int64     `json:"ms"`
}

// HuntRender is what the query says about how to draw its result.
type HuntRender struct {
	Kind     string   `json:"kind"`
	Title    string   `json:"title,omitempty"`
	XColumn  string   `json:"xcolumn,omitempty"`
	YColumns []string `json:"ycolumns,omitempty"`
	Series   []string `json:"series,omitempty"`
	// Properties are all properties of render as they were written: kind, legend, ymin, xtitle, …
	Properties map[string]string `json:"properties,omitempty"`
}

// HuntDiagnostic is a complaint about a place of a query. Lines and columns start at 1.
type HuntDiagnostic struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Severity  string `json:"severity" enum:"error,warning,info"`
	Hint      string `json:"hint,omitempty"`
}

// HuntTable is a table of the hunting schema.
type HuntTable struct {
	Name          string            `json:"name"`
	Group         string            `json:"group"`
	Workload      string            `json:"workload"`
	Summary       string            `json:"summary"`
	Kind          string            `json:"kind" enum:"event,snapshot,state,custom"`
	TimeColumn    string            `json:"timeColumn"`
	RetentionDays int               `json:"retentionDays" doc:"0: rows have no time and are kept"`
	Columns       []HuntTableColumn `json:"columns" nullable:"false"`
	ActionTypes   []string          `json:"actionTypes" nullable:"false"`
	Rows          int64             `json:"rows"`
}

// HuntTableColumn is a column of a table.
type HuntTableColumn struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Summary string `json:"summary,omitempty"`
}

type huntInput struct {
	Body huntBody
}

type huntBody struct {
	Query    string `json:"query" maxLength:"65536"`
	Timespan string `json:"timespan,omitempty" maxLength:"200" doc:"ISO 8601 duration (P30D) or START/END"`
	Now      string `json:"now,omitempty" maxLength:"60" doc:"the time that now() and ago() go by; left out: the clock"`
	Limit    int    `json:"limit,omitempty" minimum:"0" maximum:"1000000"`
	ID       string `json:"id,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9-]*$" doc:"a name for this run, to cancel it by: a UUID of the client's; left out: made"`
}

type huntRunPath struct {
	ID string `path:"id" maxLength:"64"`
}

type explainInput struct {
	Body struct {
		Query    string `json:"query" maxLength:"65536"`
		Timespan string `json:"timespan,omitempty" maxLength:"200"`
		Now      string `json:"now,omitempty" maxLength:"60"`
	}
}

type checkInput struct {
	Body struct {
		Query string `json:"query" maxLength:"65536"`
	}
}

func cutText(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// asked completes a query with who asks.
func (s *server) asked(ctx context.Context, c *call, q Hunt) (Hunt, error) {
	if strings.TrimSpace(q.Query) == "" {
		return q, fault.Newf(fault.Invalid, "there is no query").On("query")
	}
	q.Tenant, q.By, q.Principal, q.Visible, q.Rows = c.tenant, c.actorName(), c.owner().ID, c.visible(), c.rows()
	q.Interface = hunting.Portal
	if c.who.Kind != access.KindUser {
		q.Interface = hunting.API
	}
	var err error
	if q.Functions, err = s.Queries.Functions(ctx, c.tenant, c.owner(), q.Query); err != nil {
		return q, err
	}
	if q.ID == "" {
		q.ID = ulid.Make().String()
	}
	return q, nil
}

func (s *server) registerHunting() {
	const tag, base = "hunting", "/api/hunting"
	op := func(method, path, id, summary string) operation {
		return operation{
			method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeHunt, quiet: true,
		}
	}
	handle(s, op(http.MethodPost, "/run", "hunt", "Run a query"), func(ctx context.Context, c *call, in *huntInput) (*output[*HuntAnswer], error) {
		a, err := s.hunt(ctx, c, in.Body.hunt())
		return answer(a), err
	}, s.streamed())
	handle(s, op(http.MethodGet, "/runs", "getRuns", "The queries that run now: one's own, or all for those who manage the tenant"), func(_ context.Context, c *call, _ *struct{}) (*output[struct {
		Value []HuntRunning `json:"value" nullable:"false"`
	}], error,
	) {
		runs := s.Hunting.Running(c.tenant, c.owner().ID, c.who.Can(c.tenant, access.CoreManage))
		return answer(struct {
			Value []HuntRunning `json:"value" nullable:"false"`
		}{append([]HuntRunning{}, runs...)}), nil
	})
	cancel := op(http.MethodDelete, "/runs/{id}", "cancelRun", "Cancel a query that runs")
	cancel.status = http.StatusNoContent
	handle(s, cancel, func(_ context.Context, c *call, in *huntRunPath) (*nothing, error) {
		if !s.Hunting.Cancel(c.tenant, c.owner().ID, c.who.Can(c.tenant, access.CoreManage), in.ID) {
			return nil, fault.Newf(fault.NotFound, "no query %s runs; it may be over", in.ID)
		}
		return &nothing{}, nil
	})
	handle(s, op(http.MethodPost, "/explain", "explainQuery", "Say how a query would run, without running it"), func(ctx context.Context, c *call, in *explainInput) (*output[*HuntExplanation], error) {
		q, err := s.asked(ctx, c, Hunt{Query: in.Body.Query, Timespan: in.Body.Timespan, Now: in.Body.Now})
		if err != nil {
			return nil, err
		}
		x, err := s.Hunting.Explain(ctx, q)
		return answer(x), err
	})
	handle(s, op(http.MethodPost, "/check", "checkQuery", "Say what is wrong with a query"), func(ctx context.Context, c *call, in *checkInput) (*output[struct {
		Diagnostics []HuntDiagnostic `json:"diagnostics" nullable:"false"`
	}], error,
	) {
		q, err := s.asked(ctx, c, Hunt{Query: in.Body.Query + " "}) // an empty query is checked too
		if err != nil {
			return nil, err
		}
		q.Query = in.Body.Query
		d, err := s.Hunting.Check(ctx, q)
		if d == nil {
			d = []HuntDiagnostic{}
		}
		return answer(struct {
			Diagnostics []HuntDiagnostic `json:"diagnostics" nullable:"false"`
		}{d}), err
	})
	s.registerHuntingFormat(op)
	s.registerFiles(op)
	handle(s, op(http.MethodGet, "/schema", "getHuntingSchema", "The hunting tables"), func(ctx context.Context, c *call, _ *struct{}) (*output[struct {
		Tables []HuntTable `json:"tables" nullable:"false"`
	}], error,
	) {
		t, err := s.huntTables(ctx, c)
		return answer(struct {
			Tables []HuntTable `json:"tables" nullable:"false"`
		}{t}), err
	})
	export := op(http.MethodPost, "/export", "exportQuery", "Run a query and download its result")
	export.quiet = false
	handle(s, export, s.exportQuery)
	s.registerQueries(op)
	s.registerLineage()
}

func (b *huntBody) hunt() Hunt {
	return Hunt{ID: b.ID, Query: b.Query, Timespan: b.Timespan, Now: b.Now, Limit: b.Limit}
}

// hunt runs a query and keeps it in the history.
func (s *server) hunt(ctx context.Context, c *call, q Hunt) (*HuntAnswer, error) {
	q, err := s.asked(ctx, c, q)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	a, err := s.Hunting.Hunt(ctx, q)
	s.remember(ctx, c, q, start, a, err)
	if err != nil {
		return nil, err
	}
	a.ID = q.ID
	if a.Rows == nil {
		a.Rows = [][]any{}
	}
	return a.filled(), nil
}

// filled replaces lists that are not there by empty ones.
func (a *HuntAnswer) filled() *HuntAnswer {
	if a.Schema == nil {
		a.Schema = []HuntColumn{}
	}
	if a.Stats.Limits == nil {
		a.Stats.Limits = []string{}
	}
	if a.Warnings == nil {
		a.Warnings = []HuntDiagnostic{}
	}
	return a
}

// remember keeps a run for the history and the query resources report, and notes which limits it met.
func (s *server) remember(ctx context.Context, c *call, q Hunt, start time.Time, a *HuntAnswer, err error) {
	run := hunting.Run{
		ID: q.ID, Time: start, Interface: q.Interface, User: q.By, Query: q.Query, Timespan: q.Timespan, MS: time.Since(start).Milliseconds(),
		State: hunting.StateOf(err), Grade: "Low",
	}
	if a != nil {
		run.CPUMS, run.Rows, run.Bytes = a.Stats.CPUMS, int64(a.Stats.Rows), a.Stats.Bytes
		if a.Stats.Grade != "" {
			run.Grade = a.Stats.Grade
		}
		for _, l := range a.Stats.Limits {
			s.limitHit(l, "a query of "+c.actorName())
		}
	}
	if err != nil {
		run.Error = err.Error()
		var f *fault.Error
		if errors.As(err, &f) {
			run.Error = f.Message
			if (f.Code == fault.Limit || f.Code == fault.Busy) && f.Target != "" {
				s.limitHit(f.Target, "a query of "+c.actorName())
			}
		}
	}
	// The history is kept also when the client has gone, but never at the price of the answer.
	if kept := s.Queries.Remember(context.WithoutCancel(ctx), c.tenant, c.owner(), run); kept != nil {
		s.Log.Warn("a query was not kept in the history", "error", kept)
	}
}

func (s *server) huntTables(ctx context.Context, c *call) ([]HuntTable, error) {
	counts, err := s.Hunting.Counts(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	keep, err := s.Settings.Retention(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	visible, rows := c.visible(), c.rows()
	custom, err := s.customTables(ctx, c)
	if err != nil {
		return nil, err
	}
	out := []HuntTable{}
	built := schema.Load().Tables()
	for _, t := range append(built[:len(built):len(built)], custom...) {
		if !visible(t) {
			continue
		}
		h := HuntTable{
			Name: t.Name, Group: t.Workload, Workload: t.Workload, Summary: t.Summary, Kind: tableKind(t), TimeColumn: t.TimeColumn,
			Columns: []HuntTableColumn{}, ActionTypes: append([]string{}, schema.ActionTypes(t.Name)...), Rows: counts[t.Name],
		}
		if rows(t) != "" {
			h.Rows = notTold
		}
		if t.TimeColumn != "" {
			h.RetentionDays = int(keep / (24 * time.Hour))
		}
		for _, col := range t.Columns {
			if !col.Hidden {
				h.Columns = append(h.Columns, HuntTableColumn{Name: col.Name, Type: string(col.Type)})
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// tableKind says whether rows of a table are events, repeated states of something (the newest counts), just what is so now, or records of a custom table.
func tableKind(t *schema.Table) string {
	if t.Custom {
		return "custom"
	}
	switch t.Name {
	case "DeviceInfo", "DeviceNetworkInfo", "IdentityInfo", "IdentityAccountInfo":
		return "snapshot"
	}
	switch {
	case t.TimeColumn == "":
		return "state"
	case strings.HasPrefix(t.Name, "DeviceTvm"):
		return "snapshot"
	}
	return "event"
}
