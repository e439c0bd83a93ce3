package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/api"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/cluster"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/jobs"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
	"github.com/bartizan-sec/bartizan/internal/setting"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/web"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: portal, API, receivers and everything behind them",
		Long: `Serve opens the data folder, starts the portal, the API and the receivers, and works until it is told to stop (SIGINT, SIGTERM), when it finishes what it has
accepted. Every setting is a flag, an environment variable (BARTIZAN_…) or a line of the file given by --config.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(cmd.Flags(), file)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", os.Getenv("BARTIZAN_SERVER_CONFIG"), "YAML file of settings (default $BARTIZAN_SERVER_CONFIG)")
	cmd.Flags().Lookup("config").DefValue = ""
	return cmd
}

// server is the running program.
type server struct {
	*node
	bus     *bus.Bus
	live    *live.Hub
	jobs    *jobs.Queue
	metrics *telemetry.Metrics
	intake  *intake
	traffic *ingest.Traffic
	members *cluster.Members
	beating sync.WaitGroup
	lab     *simulate.Service

	traces sync.Mutex // held while rules look at a lab run and while runs are removed, so that nothing found before a removal arrives after it
}

func serve(ctx context.Context, cfg *config.Config, stdout, stderr io.Writer) (err error) {
	log := telemetry.NewLogger(stderr, cfg.Log.Level, cfg.Log.Format)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	defer listener.Close()
	relay := &relay{}
	n, err := openNodeWith(ctx, cfg.Data, "serve", nodeOptions{cfg: cfg, log: log, address: listener.Addr().String(), publisher: relay, server: true})
	if err != nil {
		return err
	}
	defer n.Close()
	s := &server{node: n, metrics: telemetry.NewMetrics()}
	if err := s.join(ctx, listener.Addr().String()); err != nil {
		return err
	}
	if s.bus, err = bus.Open(ctx, bus.Options{URL: cfg.Bus.URL, Dir: n.dir.Bus(), MaxBytes: uint64(cfg.Bus.MaxBytes), Room: s.room(), Log: log}); err != nil {
		return err
	}
	defer s.bus.Close()
	if s.live, err = live.New(s.bus, log); err != nil {
		return err
	}
	defer s.live.Close()
	relay.hub.Store(s.live)
	location := n.dir.Jobs()
	if cfg.State != "" {
		location = cfg.State
	}
	if s.jobs, err = jobs.Open(ctx, location, s.members.Self().ID, cfg.Jobs.Workers, log); err != nil {
		return err
	}
	password, err := n.access.Bootstrap(ctx)
	if err != nil {
		return err
	}
	scenarios, err := simulate.Load(content.Scenarios())
	if err != nil {
		return err
	}
	receiver := ingest.NewReceiver(s.bus, n.records, sourceFamilies())
	s.traffic = ingest.NewTraffic(n.db, log)
	receiver.Count(s.traffic)
	defer s.traffic.Start(context.WithoutCancel(ctx))()
	s.lab = simulate.NewService(n.db, scenarios, deliver(receiver), s.removeLab, s.labChanged)
	if err := s.recoverLab(ctx); err != nil {
		return err
	}

	s.intake = newIntake(s)
	background, endBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer s.beating.Wait()
	defer s.intake.Wait()
	defer endBackground()
	s.beat(background)
	s.register()
	if err := s.intake.Start(background); err != nil {
		return err
	}
	connectors, err := openConnectors(cfg, n.dir.Layout, n.db)
	if err != nil {
		return err
	}
	if cfg.Has(config.RoleJobs) {
		pulled := s.runConnectors(background, connectors, receiver)
		defer func() {
			endBackground()
			pulled()
		}()
	}
	if cfg.Has(config.RolePortal) {
		go s.importQueries(background)
	}
	go s.mappings.Watch(background)
	if err := s.schedule(background); err != nil {
		return err
	}
	defer func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.HTTP.Grace)
		defer cancel()
		err = errors.Join(err, s.jobs.Stop(grace))
	}()

	outside, err := openExternals(cfg.Hunt, n.dir.Blobs())
	if err != nil {
		return err
	}
	defer outside.Close()
	agents, err := s.osquery(receiver)
	if err != nil {
		return err
	}
	queries := newHunts(s, outside)
	handler := api.New(api.Deps{
		Access: n.access, Incidents: n.incidents, Devices: n.devices, Hunting: queries, Queries: n.queries, Links: links{n}, Rules: n.rules, Lab: s.lab, Receiver: receiver, Osquery: agents, Sources: n.records, Traffic: s.traffic,
		Mappings: n.mappings, Customs: queries, Lake: s.lakeCare(), Settings: setting.New(n.db, cfg.Lake.Retention), Connectors: connectors, Live: s.live, Metrics: s.metrics, System: s, Portal: s.portal(), Log: log,
		NoIngest: !cfg.Has(config.RoleIngest), NoPortal: !cfg.Has(config.RolePortal),
		Version: version, Secure: secure(cfg), MaxBody: int64(cfg.HTTP.MaxBody), MaxIngest: int64(cfg.HTTP.MaxIngest), Hold: cfg.HTTP.Hold, TrustedProxies: cfg.HTTP.TrustedProxies, //nolint:gosec // sizes are checked by config
	})
	messages, err := s.listenSyslog(background, receiver)
	if err != nil {
		return err
	}
	defer messages.Close()
	announce(stdout, cfg, listener.Addr(), password)
	if cfg.Lab && cfg.Has(config.RolePortal) {
		go s.loadLab(background)
	}
	return s.listen(ctx, api.NewServer(handler, log), listener)
}

// listen serves until ctx ends, then lets requests finish within the grace time.
func (s *server) listen(ctx context.Context, h *http.Server, l net.Listener) error {
	done := make(chan error, 1)
	go func() {
		if s.cfg.TLS.Cert != "" {
			done <- h.ServeTLS(l, s.cfg.TLS.Cert, s.cfg.TLS.Key)
			return
		}
		done <- h.Serve(l)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping", "grace", s.cfg.HTTP.Grace)
	s.live.Close() // ends the event streams, which would otherwise use up the grace time
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.HTTP.Grace)
	defer cancel()
	if err := h.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), h.Close())
	}
	return nil
}

// announce prints where to go and, once, how to sign in.
func announce(w io.Writer, cfg *config.Config, address net.Addr, password string) {
	url := cfg.URL
	if url == "" {
		url = "http://" + address.String()
		if cfg.TLS.Cert != "" {
			url = "https://" + address.String()
		}
	}
	fmt.Fprintf(w, "Bartizan %s is at %s\n", version, url)
	if password != "" {
		fmt.Fprintf(w, "\nSign in at %s as %s with the one-time password\n\n    %s\n\nIt is shown this once and has to be changed at the first sign-in.\n", url, access.FirstAdministrator, password)
	}
	if roles := cfg.HasRoles(); len(roles) < len(config.Roles()) {
		fmt.Fprintf(w, "It does %s.\n", strings.Join(roles, ", "))
	} else if web.Portal() == nil {
		fmt.Fprintln(w, "The portal was not built into this binary; the API works. Build with: make build")
	}
}

// relay passes changes of alerts and incidents on to open portals once the hub exists.
type relay struct{ hub hubPointer }

// Publish implements incident.Publisher.
func (r *relay) Publish(_ context.Context, changes []incident.Change) {
	hub := r.hub.Load()
	if hub == nil {
		return
	}
	for _, c := range changes {
		hub.Publish(live.Change{Tenant: c.Tenant, Kind: c.Kind, ID: c.ID, Change: c.Change, Time: c.Time})
	}
}

// loadLab runs every scenario once, at the first start with --lab.
func (s *server) loadLab(ctx context.Context) {
	id := defaultTenant
	runs, err := s.lab.Runs(ctx, id)
	if err == nil && len(runs) == 0 {
		start := time.Now()
		if runs, err = s.lab.Start(ctx, id, "", "first start"); err == nil {
			s.log.Info("the evaluation lab is loaded", "scenarios", len(runs), "took", time.Since(start).Round(time.Millisecond))
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("the evaluation lab could not be loaded", "error", err)
	}
}

func logFailure(log *slog.Logger, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Error(what, "error", err)
	}
}
