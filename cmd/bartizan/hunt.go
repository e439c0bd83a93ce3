package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// huntFlags are the flags of `bartizan hunt`.
type huntFlags struct {
	targetFlags
	timespan string
	now      string
	format   string
	output   string
	history  string
	limit    int
	file     string
	rows     bool
	batch    bool
	explain  bool
	shell    bool
	timeout  time.Duration
}

// batchTimeout bounds each query of a batch unless --timeout says otherwise, so that one of them cannot hold up the rest.
const batchTimeout = 20 * time.Second

func newHunt() *cobra.Command {
	f := &huntFlags{}
	cmd := &cobra.Command{
		Use:   "hunt [flags] [QUERY | -f FILE]",
		Short: "Run a KQL query over the hunting tables",
		Long: "Runs a KQL query over the hunting tables and prints its result. Without a query, at a terminal, it is a shell in which to hunt: .help there says how.\n" +
			"With --jsonl it reads lines {\"id\",\"query\"[,\"now\"]} from standard input and writes a line for each, in order.",
		Example: "  bartizan hunt --data ./data 'DeviceProcessEvents | summarize count() by FileName | top 10 by count_'\n" +
			"  bartizan hunt --data ./data --timespan P7D --format csv -f query.kql\n" +
			"  bartizan hunt --data ./data --format parquet --limit 0 -o events.parquet 'DeviceEvents'\n" +
			"  bartizan hunt --server http://127.0.0.1:8420",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.targetFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.timespan, "timespan", "", "bounds event time where the query does not: P30D, or START/END")
	fl.StringVar(&f.now, "now", "", "the time that now() and ago() go by")
	fl.StringVar(&f.format, "format", "table", "table, json, csv, ndjson or parquet")
	fl.StringVarP(&f.output, "output", "o", "", "write the result to a file, which appears when it is complete")
	fl.IntVar(&f.limit, "limit", lake.DefaultRows, "most rows to return; 0: all, for csv, ndjson and parquet")
	fl.StringVarP(&f.file, "file", "f", "", "read the query from a file; - is standard input")
	fl.BoolVar(&f.rows, "rows", false, "with --format json: rows as arrays too, for results with repeated names")
	fl.BoolVar(&f.batch, "jsonl", false, "answer queries from standard input, a JSON line each")
	fl.BoolVar(&f.explain, "explain", false, "say how the query would run instead of running it")
	fl.BoolVar(&f.shell, "shell", false, "read queries one after another, also when standard input is no terminal")
	fl.StringVar(&f.history, "history", defaultHistory(), "file of the shell's history; empty: none is kept")
	fl.DurationVar(&f.timeout, "timeout", lake.DefaultTimeout, "longest run time of the query (20s for each of --jsonl)")
	cmd.Flags().Lookup("history").DefValue = ""
	return cmd
}

// fileFormat is the format as that of a file, "" for those that are for people or one document.
func fileFormat(format string) export.Format {
	switch f := export.Format(format); f {
	case export.CSV, export.NDJSON, export.Parquet:
		return f
	}
	return ""
}

func (f *huntFlags) check(cmd *cobra.Command) error {
	switch f.format {
	case "table", "json", "csv", "ndjson", "parquet":
	default:
		return usageError{fmt.Errorf("--format %q is not table, json, csv, ndjson or parquet", f.format)}
	}
	if f.limit < 0 || f.limit == 0 && fileFormat(f.format) == "" {
		return usageError{errors.New("--limit must be at least 1, or 0 (all) with --format csv, ndjson or parquet")}
	}
	if f.format == "parquet" && f.output == "" && isTerminal(cmd.OutOrStdout()) {
		return usageError{errors.New("--format parquet is not for a terminal: give -o FILE")}
	}
	if f.now != "" {
		if _, err := lake.ParseTime(f.now); err != nil {
			return usageError{fmt.Errorf("--now: %w", err)}
		}
	}
	if _, _, err := lake.ParseTimespan(f.timespan, time.Now()); err != nil {
		return usageError{fmt.Errorf("--timespan: %w", err)}
	}
	return nil
}

func (f *huntFlags) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	if err := f.check(cmd); err != nil {
		return err
	}
	noQuery := len(args) == 0 && f.file == ""
	if f.batch && !noQuery {
		return usageError{errors.New("--jsonl reads queries from standard input: give no query")}
	}
	shell := !f.batch && noQuery && (f.shell || isTerminal(cmd.InOrStdin()) && isTerminal(cmd.OutOrStdout()))
	var text string
	var err error
	if !f.batch && !shell {
		if text, err = f.query(cmd.InOrStdin(), args); err != nil {
			return err
		}
	}
	target, err := f.target(ctx)
	if err != nil {
		return err
	}
	defer target.close()
	request := huntRequest{query: text, now: f.now, timespan: f.timespan, timeout: f.timeout, limit: f.limit}
	if f.limit == 0 {
		request.limit = -1
	}
	switch {
	case f.batch:
		answer := func(ctx context.Context, q huntRequest, s sink) error {
			q.timespan = f.timespan
			return target.answer(ctx, q, s)
		}
		limit := batchTimeout
		if cmd.Flags().Changed("timeout") {
			limit = f.timeout
		}
		bounded := func(ctx context.Context, req huntRequest, to sink) error {
			req.timeout = limit
			return answer(ctx, req, to)
		}
		return runBatch(ctx, cmd.InOrStdin(), cmd.OutOrStdout(), bounded)
	case shell:
		return runShell(ctx, f, target, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	case f.explain:
		x, err := target.explain(ctx, request)
		if err != nil {
			return withPlace(err)
		}
		if f.format == "json" {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(x)
		}
		return printExplanation(cmd.OutOrStdout(), x)
	}
	cut, err := f.write(ctx, cmd.OutOrStdout(), target, request)
	if cut {
		fmt.Fprintf(cmd.ErrOrStderr(), "the result was cut after %d rows; --limit 0 gives all\n", f.limit)
	}
	return withPlace(err)
}

// write gives the result to the file, or to stdout. A file appears only when it is whole.
func (f *huntFlags) write(ctx context.Context, stdout io.Writer, target huntTarget, r huntRequest) (cut bool, err error) {
	if f.output != "" {
		file, err := os.CreateTemp(filepath.Dir(f.output), ".hunt-*")
		if err != nil {
			return false, fault.Newf(fault.Invalid, "the result cannot be written: %w", err)
		}
		defer func() {
			_ = file.Close()
			_ = os.Remove(file.Name()) // it is gone when all went well
		}()
		if cut, err = f.print(ctx, file, target, r); err != nil {
			return cut, err
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return cut, err
		}
		return cut, os.Rename(file.Name(), f.output)
	}
	return f.print(ctx, stdout, target, r)
}

func (f *huntFlags) print(ctx context.Context, w io.Writer, target huntTarget, r huntRequest) (cut bool, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	if kind := fileFormat(f.format); kind != "" {
		cut, err = target.export(ctx, r, kind, out)
	} else {
		err = target.answer(ctx, r, newPrinter(out, f.format, f.rows))
	}
	if err != nil {
		return cut, err
	}
	return cut, out.Flush()
}

// isTerminal says whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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
	query    string
	now      string
	timespan string
	timeout  time.Duration
	limit    int // negative: none
}

// sink takes a result as it comes.
type sink interface {
	start(cols []lake.Column) error
	row(cells []any) error
	end(stats lake.Stats) error
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
	err := answer(ctx, huntRequest{query: req.Query, now: req.Now, limit: lake.DefaultRows}, got)
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
