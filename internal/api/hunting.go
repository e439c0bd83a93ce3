package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Hunter runs queries over a tenant's lake.
type Hunter interface {
	// Hunt runs a query. What is wrong with it is a fault whose code is one of the query language (syntax, name, type, unsupported, limit, outbound, runtime)
	// with the details line, column and hint.
	Hunt(ctx context.Context, q Hunt) (*HuntAnswer, error)
	// Check says what is wrong with a query without running it.
	Check(ctx context.Context, q Hunt) ([]HuntDiagnostic, error)
	// Counts returns rows per table.
	Counts(ctx context.Context, id tenant.ID) (map[string]int64, error)
}

// Hunt is one query and who asks.
type Hunt struct {
	Tenant   tenant.ID
	By       string // principal
	Query    string
	Timespan string // ISO 8601 duration or START/END; bounds the time column where the query does not
	Now      string // time of now() and ago(); empty is the clock
	Limit    int    // most rows; 0 for the setting
	// Visible says whether the principal may see a table; others do not exist for it.
	Visible func(t *schema.Table) bool
}

// HuntColumn is a column of a result.
type HuntColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// HuntAnswer is the result of a query. Rows hold values that JSON shows in the way of the contracts.
type HuntAnswer struct {
	Schema []HuntColumn `json:"schema" nullable:"false"`
	Rows   [][]any      `json:"rows" nullable:"false"`
	Stats  HuntStats    `json:"stats"`
	Render *HuntRender  `json:"render,omitempty"`
}

// HuntStats tells how the run went.
type HuntStats struct {
	Rows      int      `json:"rows"`
	MS        float64  `json:"ms"`
	Truncated bool     `json:"truncated" doc:"a limit cut the result"`
	Partial   bool     `json:"partial" doc:"a source did not answer in full"`
	Limits    []string `json:"limits" nullable:"false" doc:"the limits that were reached"`
}

// HuntRender is what the query says about how to draw its result.
type HuntRender struct {
	Kind     string   `json:"kind"`
	Title    string   `json:"title,omitempty"`
	XColumn  string   `json:"xcolumn,omitempty"`
	YColumns []string `json:"ycolumns,omitempty"`
	Series   []string `json:"series,omitempty"`
}

// HuntDiagnostic is a complaint about a place of a query. Lines and columns start at 1.
type HuntDiagnostic struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Severity  string `json:"severity" enum:"error,warning"`
	Hint      string `json:"hint,omitempty"`
}

// HuntTable is a table of the hunting schema.
type HuntTable struct {
	Name       string       `json:"name"`
	Workload   string       `json:"workload"`
	Summary    string       `json:"summary"`
	TimeColumn string       `json:"timeColumn"`
	Columns    []HuntColumn `json:"columns" nullable:"false"`
	Rows       int64        `json:"rows"`
}

type huntInput struct {
	Body struct {
		Query    string `json:"query" maxLength:"65536"`
		Timespan string `json:"timespan,omitempty" maxLength:"200" doc:"ISO 8601 duration (P30D) or START/END"`
		Now      string `json:"now,omitempty" maxLength:"60" doc:"the time that now() and ago() go by; left out: the clock"`
		Limit    int    `json:"limit,omitempty" minimum:"0" maximum:"1000000"`
	}
}

type huntExport struct {
	Body struct {
		Query    string `json:"query" maxLength:"65536"`
		Timespan string `json:"timespan,omitempty" maxLength:"200"`
		Format   string `json:"format" enum:"csv,ndjson"`
	}
}

func (i *huntExport) audited() (string, map[string]any) {
	return "query", map[string]any{"query": cutText(i.Body.Query, 4000), "format": i.Body.Format}
}

func cutText(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

type checkInput struct {
	Body struct {
		Query string `json:"query" maxLength:"65536"`
	}
}

// emailWorkload is the workload of tables that show mail, which takes a permission of its own.
const emailWorkload = "Email & collaboration"

func (c *call) visible() func(*schema.Table) bool {
	mail := c.who.Can(c.tenant, access.MailMetaRead)
	return func(t *schema.Table) bool { return mail || t.Workload != emailWorkload }
}

func (s *server) registerHunting() {
	const tag, base = "hunting", "/api/hunting"
	op := func(method, path, id, summary string) operation {
		return operation{
			method: method, path: base + path, id: id, summary: summary, tag: tag, door: byPermission, permission: access.DataRead, scope: access.ScopeHunt, quiet: true,
		}
	}
	handle(s, op(http.MethodPost, "/run", "hunt", "Run a query"), func(ctx context.Context, c *call, in *huntInput) (*output[*HuntAnswer], error) {
		a, err := s.hunt(ctx, c, Hunt{Query: in.Body.Query, Timespan: in.Body.Timespan, Now: in.Body.Now, Limit: in.Body.Limit})
		return answer(a), err
	})
	handle(s, op(http.MethodPost, "/check", "checkQuery", "Say what is wrong with a query"), func(ctx context.Context, c *call, in *checkInput) (*output[struct {
		Diagnostics []HuntDiagnostic `json:"diagnostics" nullable:"false"`
	}], error,
	) {
		d, err := s.Hunting.Check(ctx, Hunt{Tenant: c.tenant, By: c.actorName(), Query: in.Body.Query, Visible: c.visible()})
		if d == nil {
			d = []HuntDiagnostic{}
		}
		return answer(struct {
			Diagnostics []HuntDiagnostic `json:"diagnostics" nullable:"false"`
		}{d}), err
	})
	s.registerHuntingFormat(op)
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
}

// hunt runs a query and keeps it in the history.
func (s *server) hunt(ctx context.Context, c *call, q Hunt) (*HuntAnswer, error) {
	if strings.TrimSpace(q.Query) == "" {
		return nil, fault.Newf(fault.Invalid, "there is no query").On("query")
	}
	start := time.Now()
	q.Tenant, q.By, q.Visible = c.tenant, c.actorName(), c.visible()
	a, err := s.Hunting.Hunt(ctx, q)
	run := hunting.Run{Time: start, Query: q.Query, MS: time.Since(start).Milliseconds(), State: "done"}
	if err != nil {
		run.State, run.Error = "failed", err.Error()
	} else {
		run.Rows = int64(len(a.Rows))
		for _, l := range a.Stats.Limits {
			s.limitHit(l, "a query of "+c.actorName())
		}
	}
	// The history is kept also when the client has gone, but never at the price of the answer.
	if kept := s.Queries.Remember(context.WithoutCancel(ctx), c.tenant, c.owner(), run); kept != nil {
		s.Log.Warn("a query was not kept in the history", "error", kept)
	}
	if err != nil {
		return nil, err
	}
	if a.Rows == nil {
		a.Rows = [][]any{}
	}
	if a.Stats.Limits == nil {
		a.Stats.Limits = []string{}
	}
	return a, nil
}

func (s *server) huntTables(ctx context.Context, c *call) ([]HuntTable, error) {
	counts, err := s.Hunting.Counts(ctx, c.tenant)
	if err != nil {
		return nil, err
	}
	visible := c.visible()
	out := []HuntTable{}
	for _, t := range schema.Load().Tables() {
		if !visible(t) {
			continue
		}
		h := HuntTable{Name: t.Name, Workload: t.Workload, Summary: t.Summary, TimeColumn: t.TimeColumn, Columns: []HuntColumn{}, Rows: counts[t.Name]}
		for _, col := range t.Columns {
			if !col.Hidden {
				h.Columns = append(h.Columns, HuntColumn{Name: col.Name, Type: string(col.Type)})
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// exportQuery answers with a file. A result that a limit cut says so in the header X-Bartizan-Truncated.
func (s *server) exportQuery(ctx context.Context, c *call, in *huntExport) (*huma.StreamResponse, error) {
	a, err := s.hunt(ctx, c, Hunt{Query: in.Body.Query, Timespan: in.Body.Timespan})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		kind, write := "text/csv; charset=utf-8", writeCSV
		if in.Body.Format == "ndjson" {
			kind, write = "application/x-ndjson", writeNDJSON
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="hunt-%s.%s"`, time.Now().UTC().Format("20060102-150405"), in.Body.Format))
		if a.Stats.Truncated || a.Stats.Partial {
			w.Header().Set("X-Bartizan-Truncated", strings.Join(a.Stats.Limits, ","))
		}
		if err := write(w, a); err != nil {
			s.Log.Debug("an export broke off", "request", requestID(ctx), "error", err)
		}
	}}, nil
}

func writeCSV(w io.Writer, a *HuntAnswer) error {
	out := csv.NewWriter(w)
	line := make([]string, len(a.Schema))
	for i, c := range a.Schema {
		line[i] = c.Name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for _, row := range a.Rows {
		for i := range line {
			line[i] = ""
			if i < len(row) {
				line[i] = csvCell(row[i])
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvCell writes a value for a spreadsheet: one that a spreadsheet would take for a formula gets an apostrophe in front, since the values are an attacker's.
func csvCell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		if x != "" && strings.ContainsRune("=+-@\t\r", rune(x[0])) {
			return "'" + x
		}
		return x
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

func writeNDJSON(w io.Writer, a *HuntAnswer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, row := range a.Rows {
		line := orderedRow{columns: a.Schema, values: row}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// orderedRow is a row as a JSON object with the columns in their order.
type orderedRow struct {
	columns []HuntColumn
	values  []any
}

// MarshalJSON implements json.Marshaler.
func (r orderedRow) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, c := range r.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(c.Name)
		if err != nil {
			return nil, err
		}
		var v any
		if i < len(r.values) {
			v = r.values[i]
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}
