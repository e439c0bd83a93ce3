package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// huntFlags are the flags of `bartizan hunt`.
type huntFlags struct {
	targetFlags
	timespan string
	now      string
	format   string
	limit    int
	file     string
	rows     bool
	batch    bool
	timeout  time.Duration
}

// batchTimeout bounds each query of a batch, so that one of them cannot hold up the rest.
const batchTimeout = 20 * time.Second

func newHunt() *cobra.Command {
	f := &huntFlags{}
	cmd := &cobra.Command{
		Use:   "hunt [flags] QUERY | -f FILE",
		Short: "Run a KQL query over the hunting tables",
		Long: "Runs a KQL query over the hunting tables and prints its result. With --jsonl it reads lines {\"id\",\"query\"[,\"now\"]} from standard input and\n" +
			"writes a line for each, in order.",
		Example: "  bartizan hunt --data ./data 'DeviceProcessEvents | summarize count() by FileName | top 10 by count_'\n" +
			"  bartizan hunt --data ./data --timespan P7D --format csv -f query.kql",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.targetFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.timespan, "timespan", "", "bounds event time where the query does not: P30D, or START/END")
	fl.StringVar(&f.now, "now", "", "the time that now() and ago() go by")
	fl.StringVar(&f.format, "format", "table", "table, json, csv or ndjson")
	fl.IntVar(&f.limit, "limit", lake.DefaultRows, "most rows to return")
	fl.StringVarP(&f.file, "file", "f", "", "read the query from a file; - is standard input")
	fl.BoolVar(&f.rows, "rows", false, "with --format json: rows as arrays too, for results with repeated names")
	fl.BoolVar(&f.batch, "jsonl", false, "answer queries from standard input, a JSON line each")
	fl.DurationVar(&f.timeout, "timeout", lake.DefaultTimeout, "longest run time of the query")
	return cmd
}

func (f *huntFlags) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	switch f.format {
	case "table", "json", "csv", "ndjson":
	default:
		return usageError{fmt.Errorf("--format %q is not table, json, csv or ndjson", f.format)}
	}
	if f.limit < 1 {
		return usageError{errors.New("--limit must be at least 1")}
	}
	if f.now != "" {
		if _, err := lake.ParseTime(f.now); err != nil {
			return usageError{fmt.Errorf("--now: %w", err)}
		}
	}
	if _, _, err := lake.ParseTimespan(f.timespan, time.Now()); err != nil {
		return usageError{fmt.Errorf("--timespan: %w", err)}
	}
	if f.batch {
		if len(args) > 0 || f.file != "" {
			return usageError{errors.New("--jsonl reads queries from standard input: give no query")}
		}
		answer, done, err := f.answerer(ctx)
		if err != nil {
			return err
		}
		defer done()
		return runBatch(ctx, cmd.InOrStdin(), cmd.OutOrStdout(), answer)
	}
	text, err := f.query(cmd.InOrStdin(), args)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	answer, done, err := f.answerer(ctx)
	if err != nil {
		return err
	}
	defer done()
	p := newPrinter(out, f.format, f.rows)
	if err := answer(ctx, huntRequest{query: text, now: f.now, timeout: f.timeout, limit: f.limit}, p); err != nil {
		return withPlace(err)
	}
	return out.Flush()
}

// query is the text to run.
func (f *huntFlags) query(stdin io.Reader, args []string) (string, error) {
	switch {
	case f.file != "" && len(args) > 0:
		return "", usageError{errors.New("give a query or -f FILE, not both")}
	case f.file == "-":
		b, err := io.ReadAll(stdin)
		return string(b), err
	case f.file != "":
		b, err := os.ReadFile(f.file)
		if err != nil {
			return "", fault.Newf(fault.NotFound, "the query file cannot be read: %w", err)
		}
		return string(b), nil
	case len(args) == 1:
		return args[0], nil
	}
	return "", usageError{errors.New("give a query, or -f FILE")}
}

// withPlace puts line and column in front of the message of a query error.
func withPlace(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Details["line"] == nil {
		return err
	}
	c := *e
	c.Message = fmt.Sprintf("line %v, column %v: %s", e.Details["line"], e.Details["column"], e.Message)
	if hint, ok := e.Details["hint"].(string); ok && hint != "" {
		c.Message += " (" + hint + ")"
	}
	return &c
}

// huntRequest is one query to answer.
type huntRequest struct {
	query   string
	now     string
	timeout time.Duration
	limit   int
}

// sink takes a result as it comes.
type sink interface {
	start(cols []lake.Column) error
	row(cells []any) error
	end(stats lake.Stats) error
}

// answerer returns the function that answers queries, from the data folder or from a server, and one that closes what it uses.
func (f *huntFlags) answerer(ctx context.Context) (func(context.Context, huntRequest, sink) error, func(), error) {
	if f.server != "" {
		c, err := f.client()
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, q huntRequest, s sink) error { return f.ask(ctx, c, q, s) }, func() {}, nil
	}
	n, err := openNode(ctx, f.targetFlags, "hunt")
	if err != nil {
		return nil, nil, err
	}
	id, err := n.tenant(ctx, f.tenant)
	if err != nil {
		n.Close()
		return nil, nil, err
	}
	store, err := n.lakes.Open(ctx, id)
	if err != nil {
		n.Close()
		return nil, nil, err
	}
	return func(ctx context.Context, r huntRequest, s sink) error {
		q := lake.Query{Text: r.query, Limit: r.limit, Timeout: r.timeout, Now: time.Now()}
		var err error
		if r.now != "" {
			if q.Now, err = lake.ParseTime(r.now); err != nil {
				return err
			}
		}
		if q.From, q.To, err = lake.ParseTimespan(f.timespan, q.Now); err != nil {
			return err
		}
		res, err := lake.Stream(ctx, store, q, func(r *lake.Result) error { return s.start(r.Schema) }, s.row)
		if err != nil {
			return err
		}
		return s.end(res.Stats)
	}, n.Close, nil
}

// ask sends the query to a server.
func (f *huntFlags) ask(ctx context.Context, c *client, q huntRequest, s sink) error {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	body := map[string]any{"query": q.query, "limit": q.limit}
	if f.timespan != "" {
		body["timespan"] = f.timespan
	}
	if q.now != "" {
		body["now"] = q.now
	}
	// Numbers stay as the server wrote them: longs do not fit a float.
	var res struct {
		Schema []lake.Column
		Rows   [][]json.RawMessage
		Stats  lake.Stats
	}
	if err := c.call(ctx, http.MethodPost, "/api/hunting/run", body, &res); err != nil {
		return err
	}
	if err := s.start(res.Schema); err != nil {
		return err
	}
	for _, row := range res.Rows {
		cells := make([]any, len(row))
		for i, raw := range row {
			var text string
			switch {
			case string(raw) == "null":
			case json.Unmarshal(raw, &text) == nil:
				cells[i] = text
			default:
				cells[i] = raw
			}
		}
		if err := s.row(cells); err != nil {
			return err
		}
	}
	return s.end(res.Stats)
}

// maxBatchLine bounds one line of a batch.
const maxBatchLine = 16 << 20

// batchAnswer is the line written for one line of a batch.
type batchAnswer struct {
	ID     json.RawMessage `json:"id"`
	Schema []lake.Column   `json:"schema,omitempty"`
	Rows   *[][]any        `json:"rows,omitempty"`
	MS     *int64          `json:"ms,omitempty"`
	Cut    *bool           `json:"truncated,omitempty"`
	Error  *batchError     `json:"error,omitempty"`
}

type batchError struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Line    any        `json:"line,omitempty"`
	Column  any        `json:"column,omitempty"`
	Hint    any        `json:"hint,omitempty"`
}

// runBatch answers line by line. An error, even a defect, costs its own line only.
func runBatch(ctx context.Context, in io.Reader, out io.Writer, answer func(context.Context, huntRequest, sink) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxBatchLine)
	w := bufio.NewWriter(out)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		a := answerLine(ctx, lines.Bytes(), answer)
		b, err := line(a)
		if err != nil {
			b, err = line(batchAnswer{ID: a.ID, Error: &batchError{Code: fault.Internal, Message: err.Error()}})
			if err != nil {
				return err
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return lines.Err()
}

// line is an answer with its line end. Angle brackets stay as they are.
func line(a batchAnswer) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return b.Bytes(), err
}

func answerLine(ctx context.Context, line []byte, answer func(context.Context, huntRequest, sink) error) (a batchAnswer) {
	var req struct {
		ID    json.RawMessage `json:"id"`
		Query string          `json:"query"`
		Now   string          `json:"now"`
	}
	a.ID = json.RawMessage("null")
	defer func() {
		if r := recover(); r != nil {
			a = batchAnswer{ID: a.ID, Error: &batchError{Code: fault.Internal, Message: fmt.Sprintf("the query met a defect: %v", r)}}
		}
	}()
	if err := json.Unmarshal(line, &req); err != nil {
		a.Error = &batchError{Code: fault.Invalid, Message: "the line is not a JSON object: " + err.Error()}
		return a
	}
	if req.ID != nil {
		a.ID = req.ID
	}
	got := &collector{}
	err := answer(ctx, huntRequest{query: req.Query, now: req.Now, timeout: batchTimeout, limit: lake.DefaultRows}, got)
	if err != nil {
		e := &batchError{Code: fault.CodeOf(err), Message: err.Error()}
		var known *fault.Error
		if errors.As(err, &known) {
			e.Message = known.Message
			e.Line, e.Column, e.Hint = known.Details["line"], known.Details["column"], known.Details["hint"]
			if cols, ok := known.Details["schema"].([]lake.Column); ok {
				a.Schema = cols
			}
		}
		a.Error = e
		return a
	}
	a.Schema, a.Rows, a.MS, a.Cut = got.cols, &got.rows, &got.stats.MS, &got.stats.Truncated
	return a
}

// collector keeps a result.
type collector struct {
	cols  []lake.Column
	rows  [][]any
	stats lake.Stats
}

func (c *collector) start(cols []lake.Column) error {
	c.cols, c.rows = cols, [][]any{}
	return nil
}

func (c *collector) row(cells []any) error {
	c.rows = append(c.rows, append([]any(nil), cells...))
	return nil
}

func (c *collector) end(stats lake.Stats) error {
	c.stats = stats
	return nil
}
