package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
)

const portalIncidents = 100_000

// portal measures what people feel: start, memory at rest, size of the first download, and lists at 100,000 incidents on each database.
func (b *bench) portal(ctx context.Context) error {
	if err := b.empty(ctx); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "node", "web/scripts/size.mjs").Output(); err == nil {
		for _, line := range strings.Split(string(out), "\n") {
			if strings.HasPrefix(line, "javascript_initial_kb") {
				fmt.Println(line)
			}
		}
	}
	if err := b.lists(ctx, "sqlite", b.path("portal", "state.db")); err != nil {
		return err
	}
	if server := os.Getenv("BARTIZAN_TEST_POSTGRES"); server != "" {
		return b.lists(ctx, "postgres", server)
	}
	fmt.Fprintln(os.Stderr, "bench: BARTIZAN_TEST_POSTGRES is not set; lists are measured on SQLite only")
	return nil
}

func (b *bench) empty(ctx context.Context) error {
	s, err := startServer(ctx, b.path("empty"), "")
	if err != nil {
		return err
	}
	defer s.stop()
	print("start_empty_ms", float64(s.took.Milliseconds()), "ms")
	select {
	case <-time.After(5 * time.Second): // let it come to rest
	case <-ctx.Done():
		return ctx.Err()
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return nil // no such file elsewhere
	}
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			print("memory_rest_mb", kb/1024, "MB")
		}
	}
	return nil
}

func (b *bench) lists(ctx context.Context, kind, location string) error {
	db, err := state.Open(ctx, location)
	if err != nil {
		return err
	}
	service := incident.New(db, incident.Options{})
	next := detections(portalIncidents * 12 / 10)
	for made, i := int64(0), 0; made < portalIncidents; {
		list := make([]incident.Detection, 2000)
		for j := range list {
			list[j] = next(i)
			i++
		}
		if _, err := service.Accept(ctx, list); err != nil {
			return errors.Join(err, db.Close())
		}
		page, err := service.Incidents(ctx, "default", incident.Query{Top: 1, Count: true})
		if err != nil {
			return errors.Join(err, db.Close())
		}
		if made = page.Count; i > portalIncidents*3 {
			break
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	data, url := filepath.Dir(location), ""
	if kind != "sqlite" {
		data, url = b.path("portal-"+kind), location
	}
	token, err := makeToken(ctx, data, url, "read")
	if err != nil {
		return err
	}
	s, err := startServer(ctx, data, url)
	if err != nil {
		return err
	}
	defer s.stop()
	return s.measure(ctx, kind, token)
}

// queries are what the queue asks for: first page, filters, search, deep page, other orders.
var queries = []string{
	"$top=50&$count=true", "$top=50&$count=true&status=Active", "$top=50&$count=true&severity=High&severity=Medium", "$top=50&$count=true&search=pc-00123",
	"$top=50&$count=true&orderby=severity:desc", "$top=50&$count=true&orderby=firstActivity:asc", "$top=50&$skip=50000&$count=true", "$top=50&$count=true&category=Impact&serviceSource=endpoint",
}

func (s *server) measure(ctx context.Context, kind, token string) error {
	var took []time.Duration
	for round := range 25 {
		for _, q := range queries {
			d, err := s.get(ctx, "/api/incidents?"+strings.ReplaceAll(q, "$", "%24"), token)
			if err != nil {
				return err
			}
			if round > 0 { // the first round warms caches, as the first user of the day does
				took = append(took, d)
			}
		}
	}
	print("list_incidents_p95_ms."+kind, percentile(took, 0.95), "ms")
	took = took[:0]
	for range 25 {
		for _, q := range []string{"$top=50&$count=true", "$top=50&$count=true&severity=High", "$top=50&$count=true&search=Detection"} {
			d, err := s.get(ctx, "/api/alerts?"+strings.ReplaceAll(q, "$", "%24"), token)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
	}
	print("list_alerts_p95_ms."+kind, percentile(took, 0.95), "ms")
	took = took[:0]
	for i := range 100 {
		for _, part := range []string{"", "/alerts", "/evidence"} {
			d, err := s.get(ctx, fmt.Sprintf("/api/incidents/%d%s", 1+i*37, part), token)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
	}
	print("incident_page_p95_ms."+kind, percentile(took, 0.95), "ms")
	return nil
}

// server is a running product.
type server struct {
	cmd  *exec.Cmd
	base string
	took time.Duration // until it was ready
}

func startServer(ctx context.Context, data, state string, more ...string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--data", data, "--listen", address, "--log-level", "error"}, more...)
	if state != "" {
		args = append(args, "--state", state)
	}
	s := &server{cmd: exec.CommandContext(ctx, binary, args...), base: "http://" + address}
	s.cmd.Stderr = os.Stderr
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		resp, err := http.Get(s.base + "/readyz") //nolint:noctx // bounded by the deadline below
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.took = time.Since(start)
				return s, nil
			}
		}
		if time.Since(start) > time.Minute {
			s.stop()
			return nil, errors.New("the server was not ready within a minute")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

func (s *server) get(ctx context.Context, path, token string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		return 0, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return time.Since(start), nil
}

func makeToken(ctx context.Context, data, state string, scopes ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, "token", "create", "--data", data, "--scope", strings.Join(scopes, ","), "--json", "--name", "bench")
	if state != "" {
		cmd.Env = append(os.Environ(), "BARTIZAN_STATE="+state)
	}
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	var token struct{ Secret, Token string }
	if err := json.Unmarshal(out, &token); err != nil {
		return "", err
	}
	if token.Secret != "" {
		return token.Secret, nil
	}
	return token.Token, nil
}
