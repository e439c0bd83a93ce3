package syslog_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/ingest/syslog"
	"github.com/bartizan-sec/bartizan/internal/platform/telemetry"
)

// shelf keeps what is taken.
type shelf struct {
	mu  sync.Mutex
	got []string
}

func (s *shelf) Take(_ context.Context, d ingest.Delivery, records []dialect.Record) (ingest.Taken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.got = append(s.got, string(r.Data))
	}
	return ingest.Taken{Refused: make([]error, len(records))}, nil
}

func (s *shelf) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// TestRsyslog has a real rsyslogd forward a file's lines by UDP and by TCP in both framings, lines with line feeds and odd bytes among them.
func TestRsyslog(t *testing.T) {
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/rsyslogd"); err != nil {
			t.Skip("rsyslogd is not installed")
		}
	}
	for name, action := range map[string]string{
		"octet counting": `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`,
		"line feeds":     `protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"`,
		"RFC 3164":       `protocol="tcp" template="RSYSLOG_TraditionalForwardFormat"`,
		"UDP":            `protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			taker := &shelf{}
			lines := 300
			cfg := syslog.Config{Tenant: "default", Taker: taker, Log: telemetry.Discard()}
			if strings.Contains(action, "udp") {
				cfg.UDP = "127.0.0.1:0"
				lines = 50 // what comes faster than it is read is lost with UDP
			} else {
				cfg.TCP = "127.0.0.1:0"
			}
			server, err := syslog.Start(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			_, port, _ := strings.Cut(server.Addrs()[0].String(), ":")
			var b strings.Builder
			for i := range lines {
				fmt.Fprintf(&b, "line %d of %s, with \"quotes\" and ünïcode\n", i, name)
			}
			if err := os.WriteFile(filepath.Join(dir, "in.log"), []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			config := fmt.Sprintf(`global(workDirectory=%q)
module(load="imfile" mode="polling" pollingInterval="1")
input(type="imfile" file=%q tag="trial:" severity="info" facility="auth")
action(type="omfwd" target="127.0.0.1" port=%q %s action.resumeRetryCount="-1" queue.type="linkedList")
`, dir, filepath.Join(dir, "in.log"), port, action)
			if err := os.WriteFile(filepath.Join(dir, "rsyslog.conf"), []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			cmd := exec.CommandContext(t.Context(), program, "-n", "-f", filepath.Join(dir, "rsyslog.conf"), "-i", filepath.Join(dir, "pid"))
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(60 * time.Second)
			for len(taker.all()) < lines && time.Now().Before(deadline) {
				time.Sleep(50 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			got := taker.all()
			if len(got) != lines {
				t.Fatalf("%d lines of %d arrived; rsyslogd says %s", len(got), lines, log.String())
			}
			for i, line := range got {
				if !strings.HasPrefix(line, "<38>") || !strings.Contains(line, fmt.Sprintf("line %d of %s, with \"quotes\" and ünïcode", i, name)) {
					t.Fatalf("line %d is %q", i, line)
				}
			}
		})
	}
}
