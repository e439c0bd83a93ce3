package main

import (
	"context"
	"crypto/tls"
	"os"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/syslog"
	"github.com/bartizan-sec/bartizan/internal/osquery"
	"github.com/bartizan-sec/bartizan/internal/platform/config"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// listenSyslog starts the syslog listeners of the configuration; there may be none.
func (s *server) listenSyslog(ctx context.Context, receiver *ingest.Receiver) (*syslog.Server, error) {
	c := s.cfg.Syslog
	if !s.cfg.Has(config.RoleIngest) {
		c = config.Syslog{Tenant: c.Tenant}
	}
	id, err := tenant.Parse(c.Tenant)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "syslog.tenant: %w", err).On("syslog.tenant")
	}
	out := syslog.Config{
		UDP: c.UDP, TCP: c.TCP, TLS: c.TLS, Tenant: id, Connections: c.Connections, Taker: receiver, Log: s.log,
		Dropped: func(n int64) {
			s.metrics.Limits.Hit("syslog.udp", "datagrams that came faster than the bus takes them")
		},
	}
	if c.TLS != "" {
		pair, err := tls.LoadX509KeyPair(s.cfg.TLS.Cert, s.cfg.TLS.Key)
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "the certificate cannot be read: %w", err).On("tls.cert")
		}
		out.Certificate = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	server, err := syslog.Start(ctx, out)
	if err != nil {
		return nil, err
	}
	for _, a := range server.Addrs() {
		s.log.Info("listening for syslog", "network", a.Network(), "address", a, "tenant", id)
	}
	return server, nil
}

// osquery serves enrolled agents with the shipped schedule, or the operator's own.
func (s *server) osquery(receiver *ingest.Receiver) (*osquery.Service, error) {
	schedule := content.Osquery()
	if own := s.operatorContent("osquery"); own != "" {
		schedule = os.DirFS(own)
	}
	return osquery.New(s.db, receiver, schedule, s.access.TokenMayDeliver)
}
