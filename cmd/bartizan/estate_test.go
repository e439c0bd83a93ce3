package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/kql/clickhouse/clickhousetest"
)

// natsMain is a NATS server with JetStream in a process of its own: ADDRESS FOLDER.
func natsMain() {
	host, port, err := net.SplitHostPort(os.Args[1])
	number := 0
	if err == nil {
		_, err = fmt.Sscan(port, &number)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	s, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "test", Host: host, Port: number, NoSigs: true, JetStream: true, StoreDir: os.Args[2], SyncAlways: true, MaxPayload: 8 << 20, MaxPending: 64 << 20,
		JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 64 << 20,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	s.Start()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	s.Shutdown()
	s.WaitForShutdown()
}

// installation is a number of nodes on loopback with the parts that they share.
type installation struct {
	work   string
	config string // file of settings that all nodes share
	pg     *statetest.Server
	lake   *clickhousetest.Server
	bus    *exec.Cmd
	ends   atomic.Int64 // of shards

	mu    sync.Mutex
	nodes map[string]*running
	at    map[string]string // node -> address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// install starts PostgreSQL, NATS and a ClickHouse of two shards.
func install(t *testing.T) *installation {
	t.Helper()
	in := &installation{work: t.TempDir(), nodes: map[string]*running{}, at: map[string]string{}}
	in.lake = clickhousetest.Start(t, 2)
	in.keepLake(t)
	in.pg = statetest.Start(t)
	state := in.pg.Database(t, "bartizan")
	nats := freeAddress(t)
	in.at["bus"] = nats
	in.startBus(t)
	t.Cleanup(func() { in.killBus() })
	in.config = filepath.Join(in.work, "bartizan.yaml")
	// The sample of the manual with the addresses of here.
	text := read(t, "../../docs/examples/cluster/bartizan.yaml")
	for _, change := range [][2]string{
		{"postgres://bartizan:PASSWORD@db1:5432/bartizan", state},
		{"nats://bartizan:PASSWORD@nats1:4222,nats://bartizan:PASSWORD@nats2:4222,nats://bartizan:PASSWORD@nats3:4222", "nats://" + nats},
		{"clickhouse://bartizan:PASSWORD@ch1:9000,ch2:9000/?cluster=bartizan", "clickhouse://default@" + strings.Join(in.lake.Addresses(), ",") + "/?cluster=" + clickhousetest.Cluster},
		{"lease: 5s", "lease: 3s"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the sample has no %s", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	if err := os.WriteFile(in.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

// keepLake starts shards again that end by themselves, which the library of the tests does when a client is killed at an unlucky moment.
func (in *installation) keepLake(t *testing.T) {
	t.Helper()
	over := make(chan struct{})
	var wg sync.WaitGroup
	for _, shard := range in.lake.Shards {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-over:
					return
				case <-shard.Ended():
				}
				select {
				case <-over:
					return
				case <-time.After(300 * time.Millisecond):
				}
				in.ends.Add(1)
				for try := 0; try < 5 && shard.Restart() != nil; try++ {
					time.Sleep(time.Second)
				}
			}
		}()
	}
	t.Cleanup(func() { close(over); wg.Wait() })
}

func (in *installation) startBus(t *testing.T) {
	t.Helper()
	in.bus = exec.Command("bartizan-test-nats", in.at["bus"], filepath.Join(in.work, "nats"))
	in.bus.Stderr = os.Stderr
	if err := in.bus.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < patience; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", in.at["bus"]); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Fatal("the bus did not start")
}

func (in *installation) killBus() {
	_ = in.bus.Process.Kill()
	_ = in.bus.Wait()
}

// node starts a node with the roles, at the address that it had before.
func (in *installation) node(t *testing.T, name, roles string) *running {
	t.Helper()
	in.mu.Lock()
	if in.at[name] == "" {
		in.at[name] = freeAddress(t)
	}
	listen := in.at[name]
	in.mu.Unlock()
	r := startServer(t, filepath.Join(in.work, name), listen, "--config", in.config, "--roles", roles, "--node-name", name, "--log-level", "info")
	in.mu.Lock()
	in.nodes[name] = r
	in.mu.Unlock()
	return r
}

func (in *installation) get(name string) *running {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.nodes[name]
}

// token makes a token in the shared state.
func (in *installation) token(t *testing.T, scopes ...string) string {
	t.Helper()
	return in.tokenOf(t, "default", scopes...)
}

func (in *installation) tokenOf(t *testing.T, tenant string, scopes ...string) string {
	t.Helper()
	args := []string{"token", "create", "--json", "--tenant", tenant, "--name", "test"}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	_, rest, _ := strings.Cut(in.command(t, args...), `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// command runs a command on the shared state and returns what it prints.
func (in *installation) command(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bartizan", append(args, "--data", filepath.Join(in.work, "desk"))...)
	cmd.Env = append(os.Environ(), "BARTIZAN_SERVER_CONFIG="+in.config)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// load is senders that deliver until they are told to stop. Each body goes to one of the addresses until somebody acknowledges it, with one Idempotency-Key,
// so that every record is to be stored once whatever breaks. Every tenth body has what raises an alert on a device of its own.
type load struct {
	token string
	to    []string // addresses of nodes that take records
	stop  atomic.Bool
	wg    sync.WaitGroup

	acked, alerts, again atomic.Int64
	last                 atomic.Int64 // when the latest body was acknowledged, unix milliseconds

	mu      sync.Mutex
	refused map[int]int // answers that were no success, by status
}

const (
	loadSenders = 4
	loadRecords = 25
)

func startLoad(token string, pause time.Duration, to ...string) *load {
	l := &load{token: token, to: to, refused: map[int]int{}}
	l.last.Store(time.Now().UnixMilli())
	for s := range loadSenders {
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			for b := 0; !l.stop.Load(); b++ {
				alert := b%10 == 3
				text := body(s, b)
				if alert {
					text += download(fmt.Sprintf("dl-%d-%d.corp.example", s, b)) + "\n"
				}
				l.deliver(s, fmt.Sprintf("%d-%d", s, b), text)
				l.acked.Add(1)
				if alert {
					l.alerts.Add(1)
				}
				l.last.Store(time.Now().UnixMilli())
				time.Sleep(pause)
			}
		}()
	}
	return l
}

// deliver sends until it is acknowledged.
func (l *load) deliver(sender int, key, text string) {
	client := &http.Client{Timeout: 20 * time.Second}
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, l.to[(sender+try)%len(l.to)]+"/ingest/v1/winlog", strings.NewReader(text))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "Bearer "+l.token)
		req.Header.Set("Idempotency-Key", key)
		resp, err := client.Do(req)
		status := 0
		if err == nil {
			status = resp.StatusCode
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if status == http.StatusOK {
			return
		}
		l.mu.Lock()
		l.refused[status]++
		l.mu.Unlock()
		l.again.Add(1)
		time.Sleep(time.Duration(min(20*(try+1), 500)) * time.Millisecond)
	}
}

// reach waits until n more bodies are acknowledged.
func (l *load) reach(t *testing.T, n int64) {
	t.Helper()
	want := l.acked.Load() + n
	for start := time.Now(); l.acked.Load() < want; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("%d more bodies were not acknowledged within %s: %d; answers %v", n, patience, l.acked.Load(), l.answers())
		}
	}
}

func (l *load) answers() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int]int{}
	for k, v := range l.refused {
		out[k] = v
	}
	return out
}

func (l *load) end() {
	l.stop.Store(true)
	l.wg.Wait()
}

// verify asks the portal for everything that was acknowledged: each record once, each alert once, and each alert's hunting rows once.
func (l *load) verify(t *testing.T, c caller) {
	t.Helper()
	const jobs = "DeviceProcessEvents | where ProcessCommandLine startswith 'job '"
	want, alerts := int(l.acked.Load())*loadRecords, int(l.alerts.Load())
	number := func(query string) int {
		rows, ok := c.tryHunt(query)
		if !ok || len(rows) != 1 {
			return -1
		}
		n, _ := rows[0][0].(float64)
		return int(n)
	}
	count := 0
	for start := time.Now(); time.Since(start) < patience; time.Sleep(100 * time.Millisecond) {
		if count = number(jobs + " | count"); count >= want && number("AlertInfo | count") >= alerts && number("DeviceProcessEvents | where FileName =~ 'certutil.exe' | count") >= alerts {
			break
		}
	}
	distinct := number(jobs + " | distinct ProcessCommandLine | count")
	if count != want || distinct != want {
		t.Errorf("%d records were acknowledged, %d are stored, %d different ones", want, count, distinct)
	}
	if n := number("DeviceProcessEvents | where FileName =~ 'certutil.exe' | count"); n != alerts {
		t.Errorf("%d records that raise alerts were acknowledged, %d are stored", alerts, n)
	}
	total := ask[struct{ Count int }](t, c, http.MethodGet, "/api/alerts?$count=true&$top=1", "").Count
	rows, different := number("AlertInfo | count"), number("AlertInfo | distinct AlertId | count")
	perRule := number("AlertInfo | summarize n = count() by Title | summarize max(n)")
	if rows != total || different != total || perRule != alerts {
		t.Errorf("%d records raise an alert: there are %d alerts (of the most frequent title %d), %d rows of %d alerts for hunting", alerts, total, perRule, rows, different)
	}
	if n := number("AlertEvidence | summarize n = count() by AlertId, EntityType, EvidenceRole, Title, DeviceName, FileName, AccountName, ProcessCommandLine, RemoteIP, RemoteUrl, SHA256, FolderPath, AdditionalFields | where n > 1 | count"); n != 0 {
		t.Errorf("%d pieces of evidence are there for hunting more than once", n)
	}
	t.Logf("%d bodies with %d records and %d alerts were acknowledged, %d tries were not: %v", l.acked.Load(), want, alerts, l.again.Load(), l.answers())
}

// tryHunt returns the rows of a query, or false when it is not answered.
func (c caller) tryHunt(query string) ([][]any, bool) {
	body := fmt.Sprintf(`{"query":%q}`, query)
	code, text := c.status(context.Background(), http.MethodPost, "/api/hunting/run", body)
	if code != http.StatusOK {
		return nil, false
	}
	return rowsOf(text)
}
