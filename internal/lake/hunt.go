package lake

import (
	"context"
	"errors"
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
	CodeOutbound  fault.Code = "outbound"  // externaldata that is not allowed or not reachable
	CodeRuntime   fault.Code = "runtime"   // the query was right and failed while it ran
	CodeCancelled fault.Code = "cancelled" // somebody stopped the query, or whoever asked has gone
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
	// Limit is the greatest number of rows, Bytes of result bytes; what is cut is said in Stats. A negative one is none.
	Limit   int
	Bytes   int64
	Timeout time.Duration
	// Only keeps, of every table, the rows whose named column has exactly this value; the query cannot undo it.
	Only map[string]string
	// Visible says which tables exist for whoever asks; nil means all.
	Visible func(t *schema.Table) bool
	// Rows gives the condition, in KQL, that the rows of a table meet which exist for whoever asks; "" is all of them. It may read every hunting table and those
	// of the house. nil means all rows of all tables.
	Rows func(t *schema.Table) string
	// Functions are the stored functions that the query may call.
	Functions []kql.StoredFunction
	// Custom are the tenant's custom tables; Check takes them from here, what runs a query asks the store.
	Custom []*schema.Table
	// External fetches the rows of externaldata; nil refuses.
	External External
	// Large says that the result may be larger than memory (an export).
	Large bool
}

// External reads what externaldata names. Refusals are engine.OutboundError.
type External interface {
	// Allow says whether an address may be read, before anything of the query runs.
	Allow(uri string) error
	Fetch(ctx context.Context, x *plan.External) ([][]any, error)
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
	CPUMS     int64    `json:"cpuMs"`
	Bytes     int64    `json:"bytes"`
	Grade     Grade    `json:"grade"`
	Truncated bool     `json:"truncated"`
	Partial   bool     `json:"partial"`
	Limits    []string `json:"limits"`
}

// Grade says how much of the engine a run took.
type Grade string

// The grades, by processor time.
const (
	Low    Grade = "Low"    // less than mediumCPU
	Medium Grade = "Medium" // less than highCPU
	High   Grade = "High"
)

const (
	mediumCPU = 5 * time.Second
	highCPU   = time.Minute
)

// GradeOf grades a run by the processor time that it took.
func GradeOf(cpu time.Duration) Grade {
	switch {
	case cpu < mediumCPU:
		return Low
	case cpu < highCPU:
		return Medium
	}
	return High
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
		return meta, err
	}
	res.Schema, res.Stats, res.Render, res.Warnings = meta.Schema, meta.Stats, meta.Render, meta.Warnings
	return res, nil
}

// Stream is Run with a callback per row, for exports. start, when it is not nil, is told what is known before the first row: columns, render and warnings.
// The row slice is reused. The Result has no rows; when a run fails it has the statistics up to there, or is nil when nothing ran.
func Stream(ctx context.Context, store Store, q Query, start func(*Result) error, f func(row []any) error) (*Result, error) {
	begun := time.Now()
	q = q.withDefaults(begun)
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	var err error
	if q.Custom, err = store.CustomTables(ctx); err != nil {
		return nil, err
	}
	session, err := store.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()

	program, probing, err := compile(ctx, session, q)
	if err != nil {
		return failed(begun, probing), err
	}
	res := resultOf(program)
	if err := q.allow(program.Outbound); err != nil {
		return failed(begun, probing), queryError(ctx, err, res.Schema)
	}
	if start != nil {
		if err := start(res); err != nil {
			return failed(begun, probing), err
		}
	}
	types := make([]plan.Type, len(program.Columns))
	for i, c := range program.Columns {
		types[i] = c.Type
	}
	opt := engine.Options{Now: fn.Ticks(q.Now.UTC()), Limit: int64(max(q.Limit, 0)), External: q.fetch(), Large: q.Large}
	stats, err := session.Run(ctx, program.Root, opt, func(row []any) error {
		size := int64(0)
		for i, t := range types {
			row[i] = cell(t, row[i])
			size += sizeOf(row[i])
		}
		if q.Bytes > 0 && res.Stats.Bytes+size > q.Bytes && res.Stats.Rows > 0 {
			res.Stats.Truncated, res.Stats.Partial = true, true
			res.Stats.Limits = append(res.Stats.Limits, "hunt.bytes")
			return errEnough
		}
		res.Stats.Rows++
		res.Stats.Bytes += size
		return f(row)
	})
	cpu := stats.CPU + probing
	res.Stats.CPUMS, res.Stats.Grade, res.Stats.MS = cpu.Milliseconds(), GradeOf(cpu), time.Since(begun).Milliseconds()
	if err != nil && !errors.Is(err, errEnough) {
		return res, queryError(ctx, err, res.Schema)
	}
	if stats.Truncated {
		res.Stats.Truncated = true
		res.Stats.Limits = append(res.Stats.Limits, "hunt.rows")
	}
	return res, nil
}

func (q Query) withDefaults(now time.Time) Query {
	if q.Now.IsZero() {
		q.Now = now
	}
	if q.Limit == 0 {
		q.Limit = DefaultRows
	}
	if q.Bytes == 0 {
		q.Bytes = DefaultBytes
	}
	if q.Timeout <= 0 {
		q.Timeout = DefaultTimeout
	}
	return q
}

func resultOf(program *kql.Program) *Result {
	res := &Result{Schema: columnsOf(program.Columns), Render: program.Render, Warnings: program.Warnings}
	res.Stats.Limits = []string{}
	return res
}

// failed is the result of a run that ended before it gave anything.
func failed(begun time.Time, cpu time.Duration) *Result {
	return &Result{Stats: Stats{Limits: []string{}, CPUMS: cpu.Milliseconds(), Grade: GradeOf(cpu), MS: time.Since(begun).Milliseconds()}}
}

var errEnough = errors.New("enough bytes")

// Columns compiles a query and tells its columns without running it.
func Columns(ctx context.Context, store Store, q Query) ([]Column, error) {
	var err error
	if q.Custom, err = store.CustomTables(ctx); err != nil {
		return nil, err
	}
	session, err := store.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	program, _, err := compile(ctx, session, q)
	if err != nil {
		return nil, err
	}
	return columnsOf(program.Columns), nil
}

// Explanation is how a query would run.
type Explanation struct {
	Engine   string           `json:"engine"`
	Plan     string           `json:"plan"`
	Columns  []Column         `json:"columns"`
	Steps    []engine.Step    `json:"steps"`
	Warnings []kql.Diagnostic `json:"warnings"`
	// CPU is the processor time of the probes.
	CPU time.Duration `json:"-"`
}

// Explain compiles a query and says how the engine would run it, without reading rows but those that decide which columns there are. When it fails, the
// explanation has the processor time up to there, or is nil.
func Explain(ctx context.Context, store Store, q Query) (*Explanation, error) {
	q = q.withDefaults(time.Now())
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	var err error
	if q.Custom, err = store.CustomTables(ctx); err != nil {
		return nil, err
	}
	session, err := store.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	program, took, err := compile(ctx, session, q)
	if err != nil {
		return &Explanation{CPU: took}, err
	}
	cols := columnsOf(program.Columns)
	x, err := session.Explain(ctx, program.Root, engine.Options{Now: fn.Ticks(q.Now.UTC()), Limit: int64(max(q.Limit, 0)), External: q.fetch()})
	if err != nil {
		return &Explanation{CPU: took}, queryError(ctx, err, cols)
	}
	return &Explanation{Engine: x.Engine, Plan: plan.Outline(program.Root), Columns: cols, Steps: x.Steps, Warnings: append([]kql.Diagnostic{}, program.Warnings...), CPU: took}, nil
}

// Check gives everything there is to say about the text of a query, without running any of it.
func Check(q Query) []kql.Diagnostic {
	return kql.Check(q.Text, q.catalog(), q.options())
}

func (q Query) catalog() kql.Catalog {
	c := newCatalog(schema.Load(), q.Visible, q.Custom...)
	c.rows = q.Rows
	return c
}

func (q Query) options() kql.Options {
	return kql.Options{Now: q.Now, From: q.From, To: q.To, Only: q.Only, Functions: q.Functions, Enrich: Enrichments(q.Visible)}
}

// compile also tells the processor time that its probes of the data took.
func compile(ctx context.Context, session engine.Session, q Query) (*kql.Program, time.Duration, error) {
	opt := q.options()
	var took time.Duration
	opt.Probe = func(n plan.Node) ([][]any, error) {
		var rows [][]any
		stats, err := session.Run(ctx, n, engine.Options{Now: fn.Ticks(q.Now.UTC()), Limit: maxProbe, External: q.fetch()}, func(row []any) error {
			rows = append(rows, append([]any(nil), row...))
			return nil
		})
		took += stats.CPU
		return rows, err
	}
	program, err := kql.Compile(q.Text, q.catalog(), opt)
	if err == nil {
		return program, took, nil
	}
	if ctx.Err() != nil {
		return nil, took, queryError(ctx, err, nil)
	}
	var e *kql.Error
	if !errors.As(err, &e) {
		return nil, took, fault.Newf(fault.Internal, "%w", err)
	}
	details := map[string]any{"line": e.Line, "column": e.Column}
	if e.Hint != "" {
		details["hint"] = e.Hint
	}
	if len(e.Diagnostics) > 1 {
		details["diagnostics"] = e.Diagnostics
	}
	return nil, took, &fault.Error{Code: fault.Code(e.Code), Message: e.Message, Details: details}
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

// allow refuses a query that names an address which may not be read.
func (q Query) allow(uris []string) error {
	for _, uri := range uris {
		if q.External == nil {
			return &engine.OutboundError{URIs: uris, Why: "reading outside addresses is off"}
		}
		if err := q.External.Allow(uri); err != nil {
			return err
		}
	}
	return nil
}

func (q Query) fetch() func(context.Context, *plan.External) ([][]any, error) {
	if q.External == nil {
		return nil
	}
	return q.External.Fetch
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
		eval        *sqlgen.EvalError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Newf(fault.Limit, "the query ran longer than it may: filter earlier or over a shorter time").On("hunt.timeout")
	case ctx.Err() != nil:
		return fault.Newf(CodeCancelled, "the query was cancelled")
	case errors.As(err, &refused):
		return &fault.Error{Code: CodeOutbound, Message: refused.Error() + "; put the list into the query as a datatable, or store it as a file (tenant://NAME)", Details: map[string]any{"schema": cols}}
	case errors.As(err, &unsupported):
		return fault.Newf("unsupported", "%s", unsupported.Error())
	case errors.As(err, &unknown):
		return fault.Newf("unsupported", "%s", unknown.Error())
	case errors.As(err, &limit):
		return fault.Newf(fault.Limit, "%s", limit.Error())
	case errors.As(err, &eval):
		return &fault.Error{Code: CodeRuntime, Message: runtimeText(eval.Error())}
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
