package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

// Problem is the body of every answer that is not a success.
type Problem struct {
	Error ProblemError `json:"error"`

	status int
}

// ProblemError says what went wrong.
type ProblemError struct {
	Code    fault.Code     `json:"code"`
	Message string         `json:"message"`
	Target  string         `json:"target,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

// problemError is a Problem as the error of a handler.
type problemError struct{ Problem }

func (p *problemError) Error() string  { return p.Problem.Error.Message }
func (p *problemError) GetStatus() int { return p.status }

// MarshalJSON leaves the shape of Problem.
func (p *problemError) MarshalJSON() ([]byte, error) { return json.Marshal(p.Problem) }

// GetHeaders tells the client when to come back.
func (p *problemError) GetHeaders() http.Header {
	h := http.Header{}
	if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
		after := "5"
		if v, ok := p.Problem.Error.Details["retryAfter"]; ok {
			after = fmt.Sprint(v)
		}
		h.Set("Retry-After", after)
	}
	return h
}

// problem turns a fault into an answer. What is not a fault is a defect of ours: it is logged with the request's id, and the client learns the id only.
func (s *server) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var done *problemError
	if errors.As(err, &done) {
		return done
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = s.defect(ctx, err)
	}
	p := &problemError{Problem{Error: ProblemError{Code: f.Code, Message: f.Message, Target: f.Target, Details: f.Details}, status: fault.Status(f.Code)}}
	if f.Code == fault.Internal {
		p.Problem.Error.Message, p.Problem.Error.Details = s.defect(ctx, err).Message, nil
	}
	return p
}

func (s *server) defect(ctx context.Context, err error) *fault.Error {
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Newf(fault.Unavailable, "the request was given up")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Newf(fault.Busy, "the request took too long")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.Newf(fault.TooLarge, "the body is larger than %d bytes", large.Limit)
	}
	id := requestID(ctx)
	if state.Away(err) {
		s.Log.Warn("a request came while the state database is away", "request", id, "error", err)
		return fault.Newf(fault.Unavailable, "the state database does not answer; try again")
	}
	s.Log.Error("a request failed", "request", id, "error", err)
	return fault.Newf(fault.Internal, "something went wrong on our side; the log has more under request %s", id)
}

// fail writes the error of a request that no typed handler answers.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *problemError
	errors.As(s.problem(r.Context(), err), &p)
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p.Problem) // a client that has gone needs no answer
}

// transformError brings the errors that the framework makes itself (bodies that do not fit their schema) into our shape.
func transformError(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := Problem{Error: ProblemError{Code: codeOfStatus(m.Status), Message: m.Detail}, status: m.Status}
	var all []string
	for _, e := range m.Errors {
		if e == nil {
			continue
		}
		if p.Error.Target == "" {
			p.Error.Target = strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.")
		}
		all = append(all, strings.TrimSpace(e.Location+" "+e.Message))
	}
	if len(all) > 0 {
		p.Error.Message += ": " + all[0]
		p.Error.Details = map[string]any{"errors": all}
	}
	return p, nil
}

func codeOfStatus(status int) fault.Code {
	switch status {
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Permission
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge:
		return fault.TooLarge
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return fault.Busy
	case http.StatusServiceUnavailable:
		return fault.Unavailable
	}
	if status >= 500 {
		return fault.Internal
	}
	return fault.Invalid
}

func (s *server) errorResponse() *huma.Response {
	registry := s.api.OpenAPI().Components.Schemas
	schema := registry.Schema(reflect.TypeOf(Problem{}), true, "Problem")
	return &huma.Response{Description: "what went wrong", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// limitHit notes that a limit cut or refused something.
func (s *server) limitHit(name, detail string) { s.Metrics.Limits.Hit(name, detail) }
