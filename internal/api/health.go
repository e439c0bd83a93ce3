package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Health describes the running program.
type Health struct {
	Status     string               `json:"status" enum:"healthy,advisory,incident"`
	Version    string               `json:"version"`
	Uptime     int64                `json:"uptimeSeconds"`
	Components []HealthComponent    `json:"components" nullable:"false"`
	Queues     []HealthQueue        `json:"queues" nullable:"false"`
	Nodes      []HealthNode         `json:"nodes" nullable:"false" doc:"processes of the installation; for readers of the system only"`
	Limits     []telemetry.LimitHit `json:"limits" nullable:"false" doc:"limits that cut or refused something since the start"`
}

// HealthComponent is one part of the program.
type HealthComponent struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Status string `json:"status" enum:"healthy,advisory,incident"`
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

// HealthQueue is work that waits.
type HealthQueue struct {
	Name     string  `json:"name"`
	Waiting  int64   `json:"waiting"`
	Failed   int64   `json:"failed"`
	Bytes    int64   `json:"bytes,omitempty"`
	MaxBytes int64   `json:"maxBytes,omitempty" doc:"-1: no limit"`
	Age      float64 `json:"oldestSeconds,omitempty" doc:"age of the oldest waiting item"`
}

// HealthNode is one process of the installation.
type HealthNode struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles" nullable:"false" enum:"ingest,detect,portal,jobs"`
	Version string    `json:"version"`
	Address string    `json:"address"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"lastSeen" doc:"last heartbeat"`
	Status  string    `json:"status" enum:"healthy,incident"`
	Self    bool      `json:"self" doc:"the node that answers"`
	Tenants []string  `json:"tenants" nullable:"false" doc:"tenants whose records it brings into the lake"`
}

// Component makes one part of a health answer out of the outcome of its check.
func Component(name, detail string, err error) HealthComponent {
	c := HealthComponent{Name: name, OK: err == nil, Status: "healthy", Detail: detail}
	if err != nil {
		c.Status, c.Error = "incident", err.Error()
	}
	return c
}

func (s *server) registerHealth() {
	handle(s, operation{
		method: http.MethodGet, path: "/api/health", id: "getHealth", summary: "Components, queues and limits that were hit", tag: "health", door: bySignIn, scope: access.ScopeRead,
	}, func(ctx context.Context, c *call, _ *struct{}) (*output[Health], error) {
		h := s.System.Health(ctx, c.tenant)
		h.Version, h.Uptime, h.Limits = s.Version, int64(time.Since(s.started).Seconds()), s.Metrics.Limits.List()
		if h.Components == nil {
			h.Components = []HealthComponent{}
		}
		if h.Nodes == nil {
			h.Nodes = []HealthNode{}
		}
		if h.Queues == nil {
			h.Queues = []HealthQueue{}
		}
		if !c.who.Can(tenant.Default, access.SystemRead) {
			h.Nodes = []HealthNode{}
			h.Limits = []telemetry.LimitHit{} // they name people and deliveries of every tenant
		}
		h.Status = "healthy"
		silent, err := s.Traffic.Silent(ctx, c.tenant)
		if err != nil {
			return nil, err
		}
		for _, source := range silent {
			h.Components = append(h.Components, HealthComponent{
				Name: "source " + source.Family, OK: true, Status: "advisory",
				Detail: "silent: it delivered regularly until " + source.LastSeen.UTC().Format(time.RFC3339) + ", and nothing since",
			})
		}
		if len(h.Limits)+len(silent) > 0 {
			h.Status = "advisory"
		}
		for _, n := range h.Nodes {
			if n.Status != "healthy" {
				h.Status = "advisory"
			}
		}
		for _, part := range h.Components {
			if !part.OK {
				h.Status = "incident"
			}
		}
		return answer(h), nil
	})
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := s.System.Ready(ctx); err != nil {
			s.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	metrics := s.Metrics.Handler()
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		// Numbers tell about the organisation too: from another machine they take a token.
		if !fromHere(r) {
			op := operation{method: http.MethodGet, path: "/metrics", id: "getMetrics", door: byPermission, permission: access.SystemRead, scope: access.ScopeRead}
			who, err := s.Access.TokenPrincipal(r.Context(), bearer(r))
			if err == nil && !who.HasScope(op.scope) {
				err = who.Require("", op.permission)
			}
			if err == nil {
				err = who.Require(tenant.Default, op.permission) // the numbers are those of the installation
			}
			if err != nil {
				s.fail(w, r, err)
				return
			}
		}
		metrics.ServeHTTP(w, r)
	})
}

// fromHere reports whether a request comes from this machine, without a proxy in between.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}
