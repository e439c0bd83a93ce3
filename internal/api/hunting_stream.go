package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// How rows are gathered before they are sent. A client that takes longer than slowClient for one batch is cut off, and its query with it.
const (
	batchBytes = 64 << 10
	batchTime  = 200 * time.Millisecond
	slowClient = time.Minute
)

// streamed answers a run as lines of JSON where the client accepts that (application/x-ndjson): a head {"id","schema","render"}, batches {"rows"}, and a tail
// {"stats","warnings"} or {"error"}. What fails before the head is an ordinary error.
func (s *server) streamed() func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		if !acceptsType(r, "application/x-ndjson") {
			next(hc)
			return
		}
		ctx := hc.Context()
		body, err := s.huntBody(w, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		c := callOf(ctx)
		q, err := s.asked(ctx, c, body.hunt())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		out := &lineStream{w: w, control: http.NewResponseController(w), id: q.ID}
		start := time.Now()
		a, err := s.Hunting.Stream(ctx, q, out)
		s.remember(ctx, c, q, start, a, err)
		if err != nil && !out.started {
			s.fail(w, r, err)
			return
		}
		if err := out.end(s, ctx, a, err); err != nil {
			s.Log.Debug("an answer broke off", "request", requestID(ctx), "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

func acceptsType(r *http.Request, kind string) bool {
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		if m, _, err := mime.ParseMediaType(part); err == nil && m == kind {
			return true
		}
	}
	return false
}

// huntBody reads the body of a run that the framework does not see, by the same rules.
func (s *server) huntBody(w http.ResponseWriter, r *http.Request) (*huntBody, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, fault.Newf(fault.Invalid, "the body could not be read")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	b := new(huntBody)
	if err := d.Decode(b); err != nil {
		return nil, fault.Newf(fault.Invalid, "the body is not what this operation takes: %s", err.Error()).On("body")
	}
	tooLong := func(field string) error { return fault.Newf(fault.Invalid, "%s is too long", field).On(field) }
	switch {
	case len(b.Query) > 65536:
		return nil, tooLong("query")
	case len(b.Timespan) > 200:
		return nil, tooLong("timespan")
	case len(b.Now) > 60:
		return nil, tooLong("now")
	case b.Limit < 0 || b.Limit > 1_000_000:
		return nil, fault.Newf(fault.Invalid, "limit is from 0 to 1000000").On("limit")
	case len(b.ID) > 64 || strings.ContainsFunc(b.ID, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}):
		return nil, fault.Newf(fault.Invalid, "an id has up to 64 letters, digits and dashes").On("id")
	}
	return b, nil
}

// lineStream writes a result as lines of JSON.
type lineStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	id      string
	started bool
	batch   bytes.Buffer
	rows    int
	sent    time.Time
}

// Start implements HuntSink.
func (l *lineStream) Start(a *HuntAnswer) error {
	l.started, l.sent = true, time.Now()
	l.w.Header().Set("Content-Type", "application/x-ndjson")
	l.w.Header().Set("X-Content-Type-Options", "nosniff")
	return l.line(struct {
		ID     string       `json:"id"`
		Schema []HuntColumn `json:"schema"`
		Render *HuntRender  `json:"render,omitempty"`
	}{l.id, a.filled().Schema, a.Render})
}

// Row implements HuntSink.
func (l *lineStream) Row(cells []any) error {
	if l.rows == 0 {
		l.batch.WriteString(`{"rows":[`)
	} else {
		l.batch.WriteByte(',')
	}
	raw, err := json.Marshal(cells)
	if err != nil {
		return err
	}
	l.batch.Write(raw)
	l.rows++
	if l.batch.Len() < batchBytes && (l.rows&63 != 0 || time.Since(l.sent) < batchTime) {
		return nil
	}
	return l.flush()
}

func (l *lineStream) flush() error {
	if l.rows == 0 {
		return nil
	}
	l.batch.WriteString("]}\n")
	err := l.write(l.batch.Bytes())
	l.batch.Reset()
	l.rows, l.sent = 0, time.Now()
	return err
}

func (l *lineStream) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return l.write(append(raw, '\n'))
}

func (l *lineStream) write(raw []byte) error {
	_ = l.control.SetWriteDeadline(time.Now().Add(slowClient)) // not every connection has one
	if _, err := l.w.Write(raw); err != nil {
		return err
	}
	if err := l.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = l.control.SetWriteDeadline(time.Time{})
	return nil
}

func (l *lineStream) end(s *server, ctx context.Context, a *HuntAnswer, failed error) error {
	if err := l.flush(); err != nil {
		return err
	}
	if failed != nil {
		var p *problemError
		errors.As(s.problem(ctx, failed), &p)
		return l.line(p.Problem)
	}
	return l.line(struct {
		Stats    HuntStats        `json:"stats"`
		Warnings []HuntDiagnostic `json:"warnings"`
	}{a.filled().Stats, a.Warnings})
}
