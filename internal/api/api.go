// Package api is the HTTP surface of the product: the portal's API under /api with its OpenAPI description, the receivers under /ingest, health and metrics,
// and the portal's files. The portal has no private endpoint.
//
//	handler := api.New(api.Deps{…})
//	server := api.NewServer(handler)
//
// Every operation is registered with the permission and the token scope it takes (see operation); the guard refuses before a body is read. There is one file
// per noun, named like the area behind it.
package api

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/connect"
	"github.com/bartizan-sec/bartizan/internal/device"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/osquery"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Deps are the areas behind the surface. All are needed but Portal.
type Deps struct {
	Access     *access.Service
	Incidents  *incident.Service
	Devices    *device.Service
	Hunting    Hunter
	Queries    *hunting.Service
	Links      Linker
	Rules      Rules
	Lab        *simulate.Service
	Receiver   Receiver
	Osquery    *osquery.Service
	Sources    Sources
	Traffic    Traffic
	Mappings   Mappings
	Customs    Customs
	Settings   *setting.Service
	Connectors *connect.Service
	Lake       LakeCare
	Live       *live.Hub
	Metrics    *telemetry.Metrics
	System     System
	Portal     fs.FS // the built portal; nil serves the API only
	Log        *slog.Logger

	NoIngest bool // this process is not for receivers …
	NoPortal bool // … not for the API

	Version        string
	Secure         bool // served by TLS
	MaxBody        int64
	MaxIngest      int64
	Hold           time.Duration // how long a bulk delivery waits for what is away; 0: not at all
	TrustedProxies []string
}

// Receiver keeps what senders deliver; ingest.Receiver does.
type Receiver interface {
	Accept(ctx context.Context, d ingest.Delivery, body io.Reader) (ingest.Receipt, error)
	Take(ctx context.Context, d ingest.Delivery, records []ingest.WireRecord) (ingest.Taken, error)
	Replay(ctx context.Context, id tenant.ID, ids []string) (ingest.Replayed, error)
}

// Sources knows what arrived; ingest.Records does.
type Sources interface {
	DeadLetters(ctx context.Context, id tenant.ID, skip, top int64) ([]ingest.DeadLetter, int64, error)
	Drop(ctx context.Context, id tenant.ID, ids []string) (int64, error)
}

// Traffic knows who delivers, how the sources are doing, and what a sender may still deliver; ingest.Traffic does.
type Traffic interface {
	Sources(ctx context.Context, id tenant.ID) ([]ingest.SourceHealth, error)
	Senders(ctx context.Context, id tenant.ID) ([]ingest.SenderSeen, error)
	Clocks(ctx context.Context, id tenant.ID) ([]ingest.DeviceClock, error)
	Silent(ctx context.Context, id tenant.ID) ([]ingest.SourceHealth, error)
	Admit(ctx context.Context, id tenant.ID, s ingest.Sender, q ingest.Quota, announced int64) (*ingest.Grant, error)
}

// System is the running program as the surface sees it.
type System interface {
	// Ready returns an error while requests cannot be served: a store or the bus is away.
	Ready(ctx context.Context) error
	// Health describes the parts of the program and the queues of the tenant.
	Health(ctx context.Context, id tenant.ID) Health
	// Backup writes a consistent copy of everything into the folder, which exists and is empty.
	Backup(ctx context.Context, folder string) error
	// Backups is a folder on the disk of the data folder in which Backup may be asked to write.
	Backups() string
}

// server is the state that handlers share.
type server struct {
	Deps
	api     huma.API
	mux     *http.ServeMux
	cross   *http.CrossOriginProtection
	proxies []netip.Prefix
	started time.Time
	exports chan struct{} // exports of the lake that run

	deliveries *deliveries
	pace       pace // of receivers' bodies
}

// New returns the whole surface.
func New(d Deps) http.Handler {
	s := newServer(d)
	return s.outer()
}

func newServer(d Deps) *server {
	if d.Log == nil {
		d.Log = telemetry.Discard()
	}
	if d.Metrics == nil {
		d.Metrics = telemetry.NewMetrics()
	}
	if d.MaxBody <= 0 {
		d.MaxBody = 8 << 20
	}
	if d.MaxIngest <= 0 {
		d.MaxIngest = 64 << 20
	}
	s := &server{Deps: d, mux: http.NewServeMux(), deliveries: newDeliveries(d.MaxIngest), pace: pace{bodyPause, bodyGrace}, cross: http.NewCrossOriginProtection(), started: time.Now(), exports: make(chan struct{}, exporting)}
	for _, p := range d.TrustedProxies {
		if prefix, err := netip.ParsePrefix(p); err == nil {
			s.proxies = append(s.proxies, prefix)
		} else if a, err := netip.ParseAddr(p); err == nil {
			s.proxies = append(s.proxies, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	s.api = humago.New(s.mux, describe(d.Version))
	s.registerSession()
	s.registerIncidents()
	s.registerRoles()
	s.registerGroups()
	s.registerDevices()
	s.registerAlerts()
	s.registerHunting()
	s.registerRules()
	s.registerUsers()
	s.registerTokens()
	s.registerTenants()
	s.registerEntities()
	s.registerEvents()
	s.registerLab()
	s.registerSources()
	s.registerLake()
	s.registerMappings()
	s.registerSenders()
	s.registerConnectors()
	s.registerSettings()
	s.registerAudit()
	s.registerHealth()
	s.registerBackup()
	s.registerIngest()
	s.registerBulk()
	s.registerHEC()
	s.registerOTLP()
	s.registerOsquery()
	s.registerPortal()
	return s
}

func describe(version string) huma.Config {
	cfg := huma.DefaultConfig("Bartizan", version)
	cfg.Info.Description = "Everything the portal does, it does through this API. Sign in by POST /api/session, or send an API token as a bearer token."
	cfg.OpenAPIPath = "/api/openapi"
	cfg.DocsPath = ""
	cfg.SchemasPath = ""
	cfg.CreateHooks = nil // no $schema member in answers
	cfg.Transformers = []huma.Transformer{transformError}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: access.CookieName, Description: "changing requests also carry " + access.CSRFHeader},
		"token":   {Type: "http", Scheme: "bearer"},
	}
	return cfg
}

// NewServer returns an HTTP server with the limits that belong to the handler. It has no write timeout, since event streams and exports stay open; handlers
// bound their own time.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// clientAddress returns where a request came from: the peer, or what trusted proxies say stood before them.
func (s *server) clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	forwarded := r.Header.Values("X-Forwarded-For")
	if len(s.proxies) == 0 || len(forwarded) == 0 || !s.trusted(host) {
		return host
	}
	hops := splitHops(forwarded)
	for i := len(hops) - 1; i >= 0; i-- {
		if _, err := netip.ParseAddr(hops[i]); err != nil {
			return host
		}
		host = hops[i]
		if !s.trusted(host) {
			break
		}
	}
	return host
}

func (s *server) trusted(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	a = a.Unmap()
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
