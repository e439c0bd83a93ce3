package lake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Codes of query errors beside those of package fault.
const (
	CodeOutbound fault.Code = "outbound" // externaldata that is not allowed or not reachable
	CodeRuntime  fault.Code = "runtime"  // the query was right and failed while it ran
)

// Defaults of a query's bounds.
const (
	DefaultRows    = 100_000
	DefaultBytes   = 64 << 20
	DefaultTimeout = 10 * time.Minute
)

// Query is a KQL query and its bounds. Zero bounds are the defaults.
type Query struct {
	Text string
	// Now is the time of now() and ago(); zero is the clock.
	Now time.Time
	// From and To bound the time column of event tables where the query itself does not. Zero means unbounded.
	From, To time.Time
	// Limit is the greatest number of rows, Bytes of result bytes; what is cut is said in Stats. A negative Limit is none.
	Limit   int
	Bytes   int64
	Timeout time.Duration
	// Only keeps, of every table, the rows whose named column has exactly this value; the query cannot undo it.
	Only map[string]string
	// Visible says which tables exist for whoever asks; nil means all.
	Visible func(t *schema.Table) bool
}

// Column is a result column. Names may repeat; Type is a KQL scalar type, or unknown where only data could tell (a member of an unpacked bag).
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Stats say how a run went. Limits names the limits that cut something.
type Stats struct {
	Rows      int64    `json:"rows"`
	MS        int64    `json:"ms"`
	Truncated bool     `json:"truncated"`
	Partial   bool     `json:"partial"`
	Limits    []string `json:"limits"`
}

// Result is the table that a query gives. Cells are ready for JSON: bool, int64, float64, string, json.RawMessage or nil.
type Result struct {
	Schema   []Column         `json:"schema"`
	Rows     [][]any          `json:"rows"`
	Stats    Stats            `json:"stats"`
	Render   *kql.RenderHint  `json:"render,omitempty"`
	Warnings []kql.Diagnostic `json:"warnings,omitempty"`
}

// Run evaluates a query on a tenant's lake. Errors are faults: syntax, name, type, unsupported with line and column in Details; limit, outbound (with the
// schema in Details), runtime.
func Run(ctx context.Context, store Store, q Query) (*Result, error) {
	res := &Result{Rows: [][]any{}}
	meta, err := Stream(ctx, store, q, nil, func(row []any) error {
		res.Rows = append(res.Rows, append([]any(nil), row...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	res.Schema, res.Stats, res.Render, res.Warnings = meta.Schema, meta.Stats, meta.Render, meta.Warnings
	return res, nil
}

// Stream is Run with a callback per row, for exports. start, when it is not nil, is told the columns before the first row. The row slice is reused.
// The Result has no rows.
func Stream(ctx context.Context, store Store, q Query, start func([]Column) error, f func(row []any) error) (_ *Result, err error) {
	begun := time.Now()
	if q.Now.IsZero() {
		q.Now = begun
	}
	if q.Limit == 0 {
		q.Limit = DefaultRows
	}
	if q.Bytes <= 0 {
		q.Bytes = DefaultBytes
	}
	if q.Timeout <= 0 {
		q.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	session, err := store.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()

	program, err := compile(ctx, session, q)
	if err != nil {
		return nil, err
	}
	res := &Result{Schema: columnsOf(program.Columns), Render: program.Render, Warnings: program.Warnings}
	res.Stats.Limits = []string{}
	if len(program.Outbound) > 0 {
		return nil, outbound(program.Outbound, res.Schema)
	}
	if start != nil {
		if err := start(res.Schema); err != nil {
			return nil, err
		}
	}
	types := make([]plan.Type, len(program.Columns))
	for i, c := range program.Columns {
		types[i] = c.Type
	}
	opt := engine.Options{Now: fn.Ticks(q.Now.UTC()), Limit: int64(max(q.Limit, 0))}
	size := int64(0)
	stats, err := session.Run(ctx, program.Root, opt, func(row []any) error {
		for i, t := range types {
			row[i] = cell(t, row[i])
			size += sizeOf(row[i])
		}
		if size > q.Bytes && res.Stats.Rows > 0 {
			res.Stats.Truncated, res.Stats.Partial = true, true
			res.Stats.Limits = append(res.Stats.Limits, "hunt.bytes")
			return errEnough
		}
		res.Stats.Rows++
		return f(row)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, queryError(ctx, err, res.Schema)
	}
	if stats.Truncated {
		res.Stats.Truncated = true
		res.Stats.Limits = append(res.Stats.Limits, "hunt.rows")
	}
	res.Stats.MS = time.Since(begun).Milliseconds()
	return res, nil
}

var errEnough = errors.New("enough bytes")

// Columns compiles a query and tells its columns without running it.
func Columns(ctx context.Context, store Store, q Query) ([]Column, error) {
	session, err := store.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	program, err := compile(ctx, session, q)
	if err != nil {
		return nil, err
	}
	return columnsOf(program.Columns), nil
}

// Check gives everything there is to say about the text of a query over the visible tables (nil: all).
func Check(text string, now time.Time, visible func(t *schema.Table) bool) []kql.Diagnostic {
	return kql.Check(text, Catalog(schema.Load(), visible), kql.Options{Now: now})
}

func compile(ctx context.Context, session engine.Session, q Query) (*kql.Program, error) {
	opt := kql.Options{Now: q.Now, From: q.From, To: q.To, Only: q.Only}
	opt.Probe = func(n plan.Node) ([][]any, error) {
		var rows [][]any
		_, err := session.Run(ctx, n, engine.Options{Now: fn.Ticks(q.Now.UTC()), Limit: maxProbe}, func(row []any) error {
			rows = append(rows, append([]any(nil), row...))
			return nil
		})
		return rows, err
	}
	program, err := kql.Compile(q.Text, Catalog(schema.Load(), q.Visible), opt)
	if err == nil {
		return program, nil
	}
	var e *kql.Error
	if !errors.As(err, &e) {
		return nil, fault.Newf(fault.Internal, "%w", err)
	}
	details := map[string]any{"line": e.Line, "column": e.Column}
	if e.Hint != "" {
		details["hint"] = e.Hint
	}
	if len(e.Diagnostics) > 1 {
		details["diagnostics"] = e.Diagnostics
	}
	return nil, &fault.Error{Code: fault.Code(e.Code), Message: e.Message, Details: details}
}

// maxProbe bounds the values that decide which columns a result has.
const maxProbe = 5000

func columnsOf(cols []plan.Column) []Column {
	out := make([]Column, len(cols))
	for i, c := range cols {
		out[i] = Column{Name: c.Name, Type: c.Type.String()}
	}
	return out
}

func outbound(uris []string, cols []Column) error {
	what := "externaldata"
	if len(uris) > 0 {
		what = fmt.Sprintf("externaldata may not read %s", uris[0])
	}
	return &fault.Error{
		Code: CodeOutbound, Message: what + ": reading outside addresses is off; put the list into the query as a datatable", Details: map[string]any{"schema": cols},
	}
}

// queryError gives a failed run its code.
func queryError(ctx context.Context, err error, cols []Column) error {
	var (
		refused     *engine.OutboundError
		unsupported *sqlgen.UnsupportedError
		unknown     *fn.UnknownError
		limit       *fn.LimitError
		failed      *engine.Error
		known       *fault.Error
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Newf(fault.Limit, "the query ran longer than it may: filter earlier or over a shorter time").On("hunt.timeout")
	case ctx.Err() != nil:
		return fault.Newf(fault.Limit, "the query was cancelled")
	case errors.As(err, &refused):
		return outbound(refused.URIs, cols)
	case errors.As(err, &unsupported):
		return fault.Newf("unsupported", "%s", unsupported.Error())
	case errors.As(err, &unknown):
		return fault.Newf("unsupported", "%s", unknown.Error())
	case errors.As(err, &limit):
		return fault.Newf(fault.Limit, "%s", limit.Error())
	case errors.As(err, &failed):
		text := failed.Err.Error()
		if failed.Memory {
			return &fault.Error{Code: fault.Limit, Message: "the query needs more memory than it may use: filter earlier, or summarize fewer keys", Target: "lake.memory", Err: err}
		}
		return &fault.Error{Code: CodeRuntime, Message: runtimeText(text), Err: errors.New(failed.SQL)}
	}
	return &fault.Error{Code: CodeRuntime, Message: err.Error()}
}

// runtimeText is the engine's message without its SQL: what a function of ours said, or the first line.
func runtimeText(s string) string {
	if i := strings.Index(s, "database/sql/driver: API error: "); i >= 0 {
		s = s[i+len("database/sql/driver: API error: "):]
	}
	for _, prefix := range []string{"Invalid Input Error: ", "Conversion Error: ", "Binder Error: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	if i := strings.IndexAny(s, "\n\r"); i >= 0 {
		s = s[:i]
	}
	if i := strings.Index(s, "LINE "); i > 0 {
		s = s[:i]
	}
	return "the query failed while it ran: " + strings.TrimSpace(s)
}
