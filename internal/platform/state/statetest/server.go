package statetest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL server of one test's own, which may be ended and started again.
type Server struct {
	URL string // of the database "postgres"

	bin, dir string
	port     int
	process  *exec.Cmd
	ended    chan struct{}
}

// Start starts the installed PostgreSQL for the test; without one the test is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed: scripts/setup.sh postgres")
	}
	slices.Sort(found)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{bin: filepath.Dir(found[len(found)-1]), port: l.Addr().(*net.TCPAddr).Port}
	_ = l.Close()
	if s.dir, err = os.MkdirTemp("", "bartizan-pg-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(); _ = os.RemoveAll(s.dir) })
	if attr := identity(); attr != nil {
		if err := os.Chown(s.dir, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	init := s.command("initdb", "-D", s.dir+"/db", "-U", "bartizan", "--auth=trust")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.URL = fmt.Sprintf("postgres://bartizan@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// identity is the account of the server: it refuses to run as root.
func identity() *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil
	}
	uid, _ := strconv.ParseUint(account.Uid, 10, 32)
	gid, _ := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}} //nolint:gosec // parsed with 32 bits
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, identity()
	return cmd
}

// Run starts the server over the data that are there, and returns when it answers.
func (s *Server) Run() error {
	s.process = s.command("postgres", "-D", s.dir+"/db", "-p", strconv.Itoa(s.port), "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "full_page_writes=off")
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() { _ = process.Wait(); close(ended) }()
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if db.PingContext(context.Background()) == nil {
			return nil
		}
		select {
		case <-ended:
			out, _ := os.ReadFile(log.Name())
			return fmt.Errorf("PostgreSQL ended: %s", out)
		default:
		}
	}
	return fmt.Errorf("PostgreSQL did not answer within a minute")
}

// Stop ends the server as a crash does, but for the processes it leaves behind; its data stay for Run.
func (s *Server) Stop() {
	if s.ended == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGQUIT)
	<-s.ended
}

// Database makes a database and returns its URL.
func (s *Server) Database(t testing.TB, name string) string {
	t.Helper()
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://bartizan@127.0.0.1:%d/%s?sslmode=disable", s.port, name)
}
