package syslog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/ingest/syslog"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
)

// kept remembers what is taken; it refuses the first deliveries while full is positive.
type kept struct {
	mu   sync.Mutex
	full int
	got  []string
	more chan struct{}
}

func (k *kept) Take(_ context.Context, d ingest.Delivery, records []dialect.Record) (ingest.Taken, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.full > 0 {
		k.full--
		return ingest.Taken{}, fault.Newf(fault.Unavailable, "the bus is full")
	}
	for _, r := range records {
		k.got = append(k.got, string(d.Tenant)+" "+r.Host+" "+string(r.Data))
	}
	select {
	case k.more <- struct{}{}:
	default:
	}
	return ingest.Taken{}, nil
}

// wait returns everything once n messages are there.
func (k *kept) wait(t *testing.T, n int) []string {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		k.mu.Lock()
		got := slices.Clone(k.got)
		k.mu.Unlock()
		if len(got) >= n {
			slices.Sort(got)
			return got
		}
		select {
		case <-k.more:
		case <-timeout:
			t.Fatalf("%d of %d messages came: %q", len(got), n, got)
		}
	}
}

func start(t *testing.T, cfg syslog.Config) (*syslog.Server, *kept) {
	t.Helper()
	k := &kept{more: make(chan struct{}, 1)}
	cfg.Taker, cfg.Tenant, cfg.Log = k, "t2", telemetry.Discard()
	s, err := syslog.Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	return s, k
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestStream(t *testing.T) {
	s, k := start(t, syslog.Config{TCP: "127.0.0.1:0", Connections: 1})
	k.full = 2 // the connection waits, nothing is lost
	c := dial(t, s.Addrs()[0])
	fmt.Fprint(c, "<34>one\n10 <34>t\nwo!!<34>three")
	_ = c.Close()
	if got := k.wait(t, 3); strings.Join(got, "|") != "t2 127.0.0.1 <34>one|t2 127.0.0.1 <34>t\nwo!!|t2 127.0.0.1 <34>three" {
		t.Errorf("got %q", got)
	}
	// A broken frame ends its connection only; what came before it is kept.
	bad := dial(t, s.Addrs()[0])
	fmt.Fprint(bad, "<1>good\n12x")
	good := dial(t, s.Addrs()[0])
	fmt.Fprint(good, "<1>after\n")
	if got := k.wait(t, 5); !slices.Contains(got, "t2 127.0.0.1 <1>good") || !slices.Contains(got, "t2 127.0.0.1 <1>after") {
		t.Errorf("got %q", got)
	}
}

func TestDatagrams(t *testing.T) {
	s, k := start(t, syslog.Config{UDP: "127.0.0.1:0"})
	c := dial(t, s.Addrs()[0])
	for i := range 50 {
		fmt.Fprintf(c, "<34>message %02d", i)
	}
	if got := k.wait(t, 50); got[49] != "t2 127.0.0.1 <34>message 49" {
		t.Errorf("got %q", got)
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "logs"}, DNSNames: []string{"logs"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	s, k := start(t, syslog.Config{TLS: "127.0.0.1:0", Certificate: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}})
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	c, err := tls.Dial("tcp", s.Addrs()[0].String(), &tls.Config{RootCAs: roots, ServerName: "logs", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "8 <1>secure\n")
	k.wait(t, 1)
	if _, err := syslog.Start(context.Background(), syslog.Config{TLS: "127.0.0.1:0"}); err == nil {
		t.Error("TLS without a certificate starts")
	}
}
