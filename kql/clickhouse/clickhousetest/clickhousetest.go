// Package clickhousetest runs genuine ClickHouse servers for tests, one process per shard on loopback ports. The server is the library of the npm
// package named in package.json, which scripts/setup.sh clickhouse installs; without it tests are skipped. A server ends with the test, or with the
// process of the test however that ends.
package clickhousetest

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"text/template"
	"time"
)

// Cluster is the name of the cluster of all shards in <remote_servers>.
const Cluster = "bartizan"

// The memory that one process and one of its queries may use.
const (
	serverMemory = 2_500_000_000
	queryMemory  = 1_500_000_000
)

const library = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

var (
	//go:embed server/server.c
	program string
	//go:embed server/config.xml
	configuration string
)

// Server is one or more running shards.
type Server struct {
	Shards []*Shard
}

// Shard is one server process. User "default" has no password.
type Shard struct {
	TCP  string // host:port of the native protocol
	HTTP string // http://host:port

	dir     string
	program string
	library string
	process *exec.Cmd
	held    *os.File      // the pipe whose closing ends the process
	ended   chan struct{} // closed when the process has ended
}

// shared is the server that Shared gives, started by the first test that asks and ended with the process.
var shared = sync.OnceValues(func() (*Server, error) { return start(1) })

// Shared returns the one-shard server that all tests of the binary have in common; each makes databases of its own names. It skips the test when the
// library is not installed.
func Shared(t testing.TB) *Server {
	t.Helper()
	installed(t)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Start starts a server of so many shards that ends with the test. It skips the test when the library is not installed.
func Start(t testing.TB, shards int) *Server {
	t.Helper()
	installed(t)
	s, err := start(shards)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// Addresses are the native addresses of all shards.
func (s *Server) Addresses() []string {
	out := make([]string, len(s.Shards))
	for i, shard := range s.Shards {
		out[i] = shard.TCP
	}
	return out
}

func (s *Server) stop() {
	for _, shard := range s.Shards {
		shard.stop()
	}
}

// folder is where this package's source is, which is where the library gets installed.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// libraryPath is BARTIZAN_TEST_CLICKHOUSE, or where scripts/setup.sh puts the library.
func libraryPath() string {
	if p := os.Getenv("BARTIZAN_TEST_CLICKHOUSE"); p != "" {
		return p
	}
	return filepath.Join(folder(), library)
}

// installed skips the test when there is no library; where tests must be complete (CI=true), that is a failure.
func installed(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(libraryPath()); err == nil {
		return
	}
	const why = "ClickHouse's library is not installed: scripts/setup.sh clickhouse"
	if os.Getenv("CI") == "true" && runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// attempts is how often new ports are tried: between choosing and using one, somebody else may take it.
const attempts = 3

func start(shards int) (s *Server, err error) {
	for range attempts {
		if s, err = tryStart(shards); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func tryStart(shards int) (_ *Server, err error) {
	ports, err := freePorts(2 * shards)
	if err != nil {
		return nil, err
	}
	s := &Server{}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	for i := range shards {
		dir, err := os.MkdirTemp("", "bartizan-clickhouse-")
		if err != nil {
			return nil, err
		}
		shard := &Shard{
			TCP: "127.0.0.1:" + strconv.Itoa(ports[i]), HTTP: "http://127.0.0.1:" + strconv.Itoa(ports[shards+i]),
			dir: dir, program: filepath.Join(dir, "server"), library: libraryPath(),
		}
		s.Shards = append(s.Shards, shard)
		if err := compile(shard.program); err != nil {
			return nil, err
		}
		var text bytes.Buffer
		values := struct {
			TCP, HTTP, Memory, Query int
			Cluster                  []int
		}{ports[i], ports[shards+i], serverMemory, queryMemory, ports[:shards]}
		if err := template.Must(template.New("config").Parse(configuration)).Execute(&text, values); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "config.xml"), text.Bytes(), 0o600); err != nil {
			return nil, err
		}
		if err := shard.run(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// compile makes the program that loads the library.
func compile(to string) error {
	gcc := exec.Command("gcc", "-x", "c", "-O1", "-o", to, "-", "-ldl", "-lpthread")
	gcc.Stdin = bytes.NewBufferString(program)
	if out, err := gcc.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling the server: %w\n%s", err, out)
	}
	return nil
}

// serve is what the process executes: it listens, and then does nothing for ever.
const serve = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT sleep(3) FROM system.numbers SETTINGS max_block_size = 1, max_threads = 1 FORMAT Null"

// startTime is how long a server may take to answer on a busy machine.
const startTime = 60 * time.Second

// run starts the process and waits until it answers.
func (s *Shard) run() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.process = exec.Command(s.program, s.library, s.dir, "-C", filepath.Join(s.dir, "config.xml"), "--path", filepath.Join(s.dir, "data"), "--query", serve)
	s.process.Dir = s.dir
	s.process.Stdout, s.process.Stderr = log, log
	s.process.ExtraFiles = []*os.File{read}
	s.held = write
	err = s.process.Start()
	_ = read.Close()
	if err != nil {
		return err
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); {
		select {
		case <-ended:
			out, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the ClickHouse server ended: %s", out)
		case <-time.After(20 * time.Millisecond):
		}
		if res, err := client.Get(s.HTTP + "/ping"); err == nil {
			_ = res.Body.Close()
			if conn, err := net.DialTimeout("tcp", s.TCP, time.Second); err == nil {
				return conn.Close()
			}
		}
	}
	return fmt.Errorf("the ClickHouse server did not answer within %v", startTime)
}

// Kill ends the process at once, as a crash does; its data stay for Restart.
func (s *Shard) Kill() error {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// Ended is closed when the process has ended, which the library also does when a client resets its connection at an unlucky moment.
func (s *Shard) Ended() <-chan struct{} { return s.ended }

// Restart starts the shard again over the same data and ports.
func (s *Shard) Restart() error {
	_ = s.held.Close()
	return s.run()
}

func (s *Shard) stop() {
	if s.ended != nil {
		_ = s.Kill()
	}
	if s.held != nil {
		_ = s.held.Close()
	}
	_ = os.RemoveAll(s.dir)
}

// freePorts returns loopback ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	out := make([]int, n)
	for i := range out {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out[i] = l.Addr().(*net.TCPAddr).Port
	}
	return out, nil
}
