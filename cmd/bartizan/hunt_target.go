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
	"time"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// huntTarget answers queries: a data folder or a running server.
type huntTarget interface {
	answer(ctx context.Context, q huntRequest, s sink) error
	// export writes a result as a file and says whether a limit cut it.
	export(ctx context.Context, q huntRequest, f export.Format, w io.Writer) (cut bool, err error)
	explain(ctx context.Context, q huntRequest) (*lake.Explanation, error)
	// tables are the tables that may be seen, with their columns.
	tables(ctx context.Context) ([]huntTable, error)
	save(ctx context.Context, name, query string) error
	close()
}

// huntTable is a table as the shell shows it.
type huntTable struct {
	Name    string
	Summary string
	Rows    int64
	Columns []lake.Column
}

// target opens what the flags name.
func (f *huntFlags) target(ctx context.Context) (huntTarget, error) {
	if f.server != "" {
		c, err := f.client()
		if err != nil {
			return nil, err
		}
		return &remoteHunt{client: c}, nil
	}
	n, err := openNode(ctx, f.targetFlags, "hunt")
	if err != nil {
		return nil, err
	}
	t := &localHunt{node: n}
	if t.id, err = n.tenant(ctx, f.tenant); err == nil {
		t.store, err = n.lakes.Open(ctx, t.id)
	}
	if err == nil {
		t.outside, err = openExternals(n.cfg.Hunt, n.dir.Blobs())
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	t.queries = n.queries
	t.runs = &runLog{queries: n.queries, tenant: t.id}
	return t, nil
}

// localHunt answers from a data folder.
type localHunt struct {
	node    *node
	id      tenant.ID
	store   lake.Store
	outside *externals
	queries *hunting.Service
	runs    *runLog
}

func (t *localHunt) close() {
	t.runs.flush(context.Background())
	_ = t.outside.Close() // nothing is written through it
	t.node.Close()
}

func (t *localHunt) query(ctx context.Context, r huntRequest) (lake.Query, error) {
	q := lake.Query{Text: r.query, Limit: r.limit, Timeout: r.timeout, Now: time.Now(), External: t.outside.forTenant(t.id)}
	var err error
	if r.now != "" {
		if q.Now, err = lake.ParseTime(r.now); err != nil {
			return q, err
		}
	}
	if q.From, q.To, err = lake.ParseTimespan(r.timespan, q.Now); err != nil {
		return q, err
	}
	q.Functions, err = t.queries.Functions(ctx, t.id, hunting.Owner{}, r.query)
	return q, err
}

func (t *localHunt) answer(ctx context.Context, r huntRequest, s sink) error {
	q, err := t.query(ctx, r)
	if err != nil {
		return err
	}
	if q.Limit < 0 {
		q.Large, q.Bytes = true, -1
	}
	start := time.Now()
	res, err := lake.Stream(ctx, t.store, q, func(r *lake.Result) error { return s.start(r.Schema) }, s.row)
	t.runs.add(ctx, runOf(hunting.Command, r.query, r.timespan, start, res, err))
	if err != nil {
		return err
	}
	return s.end(res.Stats)
}

func (t *localHunt) export(ctx context.Context, r huntRequest, f export.Format, w io.Writer) (bool, error) {
	q, err := t.query(ctx, r)
	if err != nil {
		return false, err
	}
	q.Large, q.Bytes = true, -1
	var out export.Writer
	start := time.Now()
	res, err := lake.Stream(ctx, t.store, q, func(r *lake.Result) (err error) {
		out, err = export.New(w, f, exportColumns(r.Schema))
		return err
	}, func(row []any) error { return out.Row(row) })
	t.runs.add(ctx, runOf(hunting.Command, r.query, r.timespan, start, res, err))
	if err != nil {
		return false, err
	}
	return res.Stats.Truncated, out.Close()
}

func exportColumns(cols []lake.Column) []export.Column {
	out := make([]export.Column, len(cols))
	for i, c := range cols {
		out[i] = export.Column{Name: c.Name, Type: c.Type}
	}
	return out
}

func (t *localHunt) explain(ctx context.Context, r huntRequest) (*lake.Explanation, error) {
	q, err := t.query(ctx, r)
	if err != nil {
		return nil, err
	}
	return lake.Explain(ctx, t.store, q)
}

func (t *localHunt) tables(ctx context.Context) ([]huntTable, error) {
	counts, err := t.store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	custom, err := t.store.CustomTables(ctx)
	if err != nil {
		return nil, err
	}
	var out []huntTable
	built := schema.Load().Tables()
	for _, s := range append(built[:len(built):len(built)], custom...) {
		h := huntTable{Name: s.Name, Summary: s.Summary, Rows: counts[s.Name]}
		for _, c := range s.Columns {
			if !c.Hidden {
				h.Columns = append(h.Columns, lake.Column{Name: c.Name, Type: string(c.Type)})
			}
		}
		out = append(out, h)
	}
	return out, nil
}

func (t *localHunt) save(ctx context.Context, name, query string) error {
	_, err := t.queries.Save(ctx, t.id, hunting.Owner{ID: "console", Name: "console"}, hunting.Draft{Name: name, Query: query, Shared: true})
	return err
}

// remoteHunt answers through a server. Closing the connection, as the end of the context does, cancels the query there.
type remoteHunt struct{ client *client }

func (t *remoteHunt) close() {}

func (r huntRequest) body() map[string]any {
	b := map[string]any{"query": r.query}
	if r.limit > 0 {
		b["limit"] = r.limit
	}
	if r.timespan != "" {
		b["timespan"] = r.timespan
	}
	if r.now != "" {
		b["now"] = r.now
	}
	return b
}

func (t *remoteHunt) answer(ctx context.Context, r huntRequest, s sink) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	raw, err := json.Marshal(r.body())
	if err != nil {
		return err
	}
	resp, err := t.client.sendAs(ctx, http.MethodPost, "/api/hunting/run", "application/json", "application/x-ndjson", bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return readStream(resp.Body, s)
}

// huntLine is any line of a streamed answer.
type huntLine struct {
	Schema []lake.Column
	Rows   [][]json.RawMessage
	Stats  *lake.Stats
	Error  *struct {
		Code    fault.Code
		Message string
		Target  string
		Details map[string]any
	}
}

// readStream gives a streamed answer to s. Numbers stay as the server wrote them: longs do not fit a float.
func readStream(body io.Reader, s sink) error {
	lines := json.NewDecoder(bufio.NewReaderSize(body, 256<<10))
	started := false
	for {
		var l huntLine
		if err := lines.Decode(&l); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fault.Newf(fault.Unavailable, "the server's answer broke off: %w", err)
		}
		if l.Error != nil {
			return &fault.Error{Code: l.Error.Code, Message: l.Error.Message, Target: l.Error.Target, Details: l.Error.Details}
		}
		if !started {
			started = true
			if err := s.start(l.Schema); err != nil {
				return err
			}
		}
		for _, row := range l.Rows {
			if err := s.row(cellsOf(row)); err != nil {
				return err
			}
		}
		if l.Stats != nil {
			return s.end(*l.Stats)
		}
	}
}

func cellsOf(row []json.RawMessage) []any {
	cells := make([]any, len(row))
	for i, raw := range row {
		var text string
		switch {
		case string(raw) == "null":
		case string(raw) == "true":
			cells[i] = true
		case string(raw) == "false":
			cells[i] = false
		case json.Unmarshal(raw, &text) == nil:
			cells[i] = text
		default:
			cells[i] = raw
		}
	}
	return cells
}

func (t *remoteHunt) export(ctx context.Context, r huntRequest, f export.Format, w io.Writer) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	body := r.body()
	body["format"] = f
	raw, err := json.Marshal(body)
	if err != nil {
		return false, err
	}
	resp, err := t.client.send(ctx, http.MethodPost, "/api/hunting/export", "application/json", bytes.NewReader(raw))
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return false, fault.Newf(fault.Unavailable, "the export broke off: %w", err)
	}
	return resp.Trailer.Get("X-Bartizan-Truncated") != "", nil
}

func (t *remoteHunt) explain(ctx context.Context, r huntRequest) (*lake.Explanation, error) {
	x := new(lake.Explanation)
	body := r.body()
	delete(body, "limit")
	return x, t.client.call(ctx, http.MethodPost, "/api/hunting/explain", body, x)
}

func (t *remoteHunt) tables(ctx context.Context) ([]huntTable, error) {
	var got struct{ Tables []huntTable }
	return got.Tables, t.client.call(ctx, http.MethodGet, "/api/hunting/schema", nil, &got)
}

func (t *remoteHunt) save(ctx context.Context, name, query string) error {
	return t.client.call(ctx, http.MethodPost, "/api/hunting/queries", map[string]any{"name": name, "query": query}, nil)
}

// printExplanation writes how a query would run.
func printExplanation(w io.Writer, x *lake.Explanation) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "engine   %s\nplan     %s\ncolumns ", x.Engine, x.Plan)
	for _, c := range x.Columns {
		fmt.Fprintf(out, " %s:%s", plainCell(c.Name), c.Type)
	}
	fmt.Fprintln(out)
	for i, s := range x.Steps {
		fmt.Fprintf(out, "\nstep %d   %s: %s\n", i+1, s.Where, s.What)
		if s.SQL != "" {
			fmt.Fprintln(out, s.SQL)
		}
	}
	for _, d := range x.Warnings {
		fmt.Fprintf(out, "\nwarning  line %d, column %d: %s\n", d.Line, d.Column, d.Message)
	}
	return out.Flush()
}
