package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
)

type huntExport struct {
	Body struct {
		Query    string        `json:"query" maxLength:"65536"`
		Timespan string        `json:"timespan,omitempty" maxLength:"200"`
		Now      string        `json:"now,omitempty" maxLength:"60"`
		Format   export.Format `json:"format" enum:"csv,ndjson,parquet"`
		Limit    int           `json:"limit,omitempty" minimum:"0" doc:"most rows; left out: all"`
		ID       string        `json:"id,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9-]*$" doc:"a name for this run, to cancel it by"`
	}
}

func (i *huntExport) audited() (string, map[string]any) {
	return "query", map[string]any{"query": cutText(i.Body.Query, 4000), "format": i.Body.Format}
}

// exportQuery answers with a file, written as the rows come. What fails before the first byte is an ordinary error; after that the answer ends abnormally, so
// that no client takes a part for the whole. A file that the asked limit cut says so in the trailer X-Bartizan-Truncated.
func (s *server) exportQuery(ctx context.Context, c *call, in *huntExport) (*huma.StreamResponse, error) {
	b := in.Body
	q, err := s.asked(ctx, c, Hunt{ID: b.ID, Query: b.Query, Timespan: b.Timespan, Now: b.Now, Limit: b.Limit, Export: true})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		out := &fileStream{w: w, format: b.Format, control: http.NewResponseController(w)}
		start := time.Now()
		a, err := s.Hunting.Stream(ctx, q, out)
		if err == nil {
			err = out.close()
		}
		s.remember(ctx, c, q, start, a, err)
		switch {
		case err == nil && a.Stats.Truncated:
			w.Header().Set(http.TrailerPrefix+"X-Bartizan-Truncated", strings.Join(a.Stats.Limits, ","))
		case err == nil:
		case out.started:
			s.Log.Debug("an export broke off", "request", requestID(ctx), "error", err)
			panic(http.ErrAbortHandler)
		default:
			s.fail(w, r, err)
		}
	}}, nil
}

// fileStream writes a result as a file. Nothing is sent before the first part is full or the result is complete, so that early failures can still be told.
type fileStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	format  export.Format
	started bool
	buffer  *bufio.Writer
	file    export.Writer
}

// exportPart is how much of a file is gathered before it is sent.
const exportPart = 256 << 10

// Write sends a part. A client that takes longer than slowClient for one is cut off.
func (f *fileStream) Write(p []byte) (int, error) {
	if !f.started {
		f.started = true
		h := f.w.Header()
		h.Set("Content-Type", f.format.ContentType())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="hunt-%s.%s"`, time.Now().UTC().Format("20060102-150405"), f.format))
	}
	_ = f.control.SetWriteDeadline(time.Now().Add(slowClient)) // not every connection has one
	n, err := f.w.Write(p)
	_ = f.control.SetWriteDeadline(time.Time{})
	return n, err
}

// Start implements HuntSink.
func (f *fileStream) Start(a *HuntAnswer) (err error) {
	columns := make([]export.Column, len(a.Schema))
	for i, c := range a.Schema {
		columns[i] = export.Column{Name: c.Name, Type: c.Type}
	}
	f.buffer = bufio.NewWriterSize(f, exportPart)
	f.file, err = export.New(f.buffer, f.format, columns)
	return err
}

// Row implements HuntSink.
func (f *fileStream) Row(cells []any) error { return f.file.Row(cells) }

func (f *fileStream) close() error {
	if err := f.file.Close(); err != nil {
		return err
	}
	return f.buffer.Flush()
}
