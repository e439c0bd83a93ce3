package api

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/oklog/ulid/v2"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// bodyTime is how long a client may take to send the body of an API request, ingestTime that of a receiver request.
const (
	bodyTime   = 30 * time.Second
	ingestTime = 5 * time.Minute
)

type requestKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// outer wraps the routes with what all requests share, from the outside in: request id and log, security headers, compression, sessions.
func (s *server) outer() http.Handler {
	routes := s.routes()
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1400), gzhttp.ContentTypes([]string{"application/json", "application/openapi+json", "application/x-ndjson", "text/csv", "text/plain", "text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"}))
	if err != nil {
		panic(err) // the options above are constants
	}
	return s.logged(s.secured(compress(routes)))
}

// routes sends /api through the sessions and everything else past them.
func (s *server) routes() http.Handler {
	withSession := s.Access.Sessions(s.mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			w.Header().Set("Cache-Control", "no-store")
			if r.Header.Get("Authorization") == "" || strings.HasPrefix(r.URL.Path, "/api/session") {
				withSession.ServeHTTP(w, r)
				return
			}
		}
		s.mux.ServeHTTP(w, r)
	})
}

// contentPolicy lets nothing run that does not come from this server. Styles are the exception: the components of the portal write them as they are needed.
const contentPolicy = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (s *server) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// logged gives each request an id, counts it, and catches panics.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := ulid.Make().String()
		w.Header().Set("X-Request-Id", id)
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if caught := recover(); caught != nil {
				if err, ok := caught.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(caught)
				}
				s.Log.Error("a handler panicked", "request", id, "panic", caught, "stack", string(debug.Stack()))
				if !rec.wrote {
					s.fail(rec, r, fault.Newf(fault.Internal, "something went wrong on our side"))
				}
			}
			s.finish(rec, r, id, time.Since(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *server) finish(rec *recorder, r *http.Request, id string, took time.Duration) {
	_, route := s.mux.Handler(r)
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	if route == "" {
		route = "none"
	}
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	s.Metrics.Request(route, r.Method, strconv.Itoa(status), took)
	s.Log.Debug("request", "request", id, "method", r.Method, "path", r.URL.Path, "status", status, "took", took.Round(time.Microsecond), "client", s.clientAddress(r))
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, status >= 200
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *recorder) Flush() {
	w.wrote = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func splitHops(values []string) []string {
	var out []string
	for _, v := range values {
		for _, hop := range strings.Split(v, ",") {
			out = append(out, strings.TrimSpace(hop))
		}
	}
	return out
}
