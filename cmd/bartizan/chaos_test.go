package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The chaos tests break an installation at random while senders deliver, and expect that everything that was acknowledged is there once. BARTIZAN_TEST_CHAOS says for
// how long (make chaos: ten minutes), BARTIZAN_TEST_SEED repeats the order of an earlier run.

func chaosTime(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	text := os.Getenv("BARTIZAN_TEST_CHAOS")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func chaosRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	if text := os.Getenv("BARTIZAN_TEST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("BARTIZAN_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // moments of a test
}

// breakage is one way to break an installation; it returns when the part is mended.
type breakage struct {
	name   string
	weight int
	do     func(t *testing.T)
}

// rage breaks at random for so long, and tells how often what was broken.
func rage(t *testing.T, rng *rand.Rand, span time.Duration, l *load, ways []breakage) {
	t.Helper()
	var all []breakage
	for _, b := range ways {
		for range b.weight {
			all = append(all, b)
		}
	}
	counts := map[string]int{}
	longest := time.Duration(0)
	end := time.Now().Add(span)
	deck := []breakage{} // each way comes before one comes again
	for time.Now().Before(end) {
		time.Sleep(time.Duration(200+rng.IntN(1500)) * time.Millisecond)
		if len(deck) == 0 {
			deck = append(deck, all...)
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		b := deck[0]
		deck = deck[1:]
		t.Logf("%s %s", time.Now().UTC().Format("15:04:05.000"), b.name)
		b.do(t)
		counts[b.name]++
		// Senders get on again within bounds.
		before, start := l.acked.Load(), time.Now()
		for l.acked.Load() < before+4 {
			if time.Since(start) > patience {
				t.Fatalf("nothing was acknowledged for %s after %s; answers %v", patience, b.name, l.answers())
			}
			time.Sleep(10 * time.Millisecond)
		}
		longest = max(longest, time.Since(start))
	}
	l.end()
	t.Logf("broken: %v; senders waited %s at most after a repair", counts, longest.Round(time.Millisecond))
}

// TestChaosOfNodes breaks an installation of six nodes with the parts that they share.
func TestChaosOfNodes(t *testing.T) {
	span := chaosTime(t, 40*time.Second)
	rng := chaosRand(t)
	in := install(t)
	token := in.token(t, "ingest", "read", "hunt", "admin")
	roles := in.whole(t)
	roles["detect2"] = "detect"
	in.node(t, "detect2", "detect")
	l := startLoad(token, 10*time.Millisecond, in.get("ingest1").url, in.get("ingest2").url)
	nap := func(most int) { time.Sleep(time.Duration(rng.IntN(most)) * time.Millisecond) }
	var ways []breakage
	for name, role := range roles {
		ways = append(ways, breakage{"kill " + name, 1, func(t *testing.T) {
			in.get(name).kill()
			nap(3000)
			in.node(t, name, role)
		}})
	}
	ways = append(ways,
		breakage{"a sleeping detect", 2, func(t *testing.T) { // long enough to lose its lease without knowing
			name := []string{"detect", "detect2"}[rng.IntN(2)]
			p := in.get(name).cmd.Process
			_ = p.Signal(syscall.SIGSTOP)
			time.Sleep(5 * time.Second)
			_ = p.Signal(syscall.SIGCONT)
		}},
		breakage{"kill the bus", 1, func(t *testing.T) { in.killBus(); nap(3000); in.startBus(t) }},
		breakage{"crash PostgreSQL", 1, func(t *testing.T) {
			in.pg.Stop()
			nap(3000)
			if err := in.pg.Run(); err != nil {
				t.Fatal(err)
			}
		}},
		breakage{"kill a shard", 1, func(t *testing.T) {
			_ = in.lake.Shards[rng.IntN(2)].Kill() // keepLake starts it again
			nap(2000)
		}},
	)
	sortWays(ways)
	rage(t, rng, span, l, ways)
	for name, role := range roles { // whoever gave up while a part was away is started again, as a service manager does
		select {
		case err := <-in.get(name).ended:
			in.get(name).ended <- err
			t.Errorf("%s ended by itself: %v\n%s", name, err, in.get(name).log)
			in.node(t, name, role)
		default:
		}
	}
	l.verify(t, caller{url: in.get("portal").url, token: token})
	if t.Failed() { // what the nodes are at goes to their logs
		for name := range roles {
			_ = in.get(name).cmd.Process.Signal(syscall.SIGQUIT)
		}
	}
}

// sortWays makes the order independent of maps, so that a seed repeats a run.
func sortWays(ways []breakage) {
	for i := range ways {
		for j := i; j > 0 && ways[j].name < ways[j-1].name; j-- {
			ways[j], ways[j-1] = ways[j-1], ways[j]
		}
	}
}

// TestChaosOfOne breaks the one process that has everything in its data folder, which is on a file system of its own where that can be had, and fills up.
func TestChaosOfOne(t *testing.T) {
	span := chaosTime(t, 30*time.Second)
	rng := chaosRand(t)
	work := t.TempDir()
	disk := smallDisk(t, work)
	data := filepath.Join(work, "data")
	if disk {
		data = filepath.Join(work, "disk", "data")
	}
	token := makeToken(t, data, "default", "ingest", "read", "hunt")
	server := startServer(t, data, "127.0.0.1:0")
	listen := strings.TrimPrefix(server.url, "http://")
	l := startLoad(token, 10*time.Millisecond, server.url)
	start := func(t *testing.T) {
		t.Helper()
		server = startServer(t, data, listen)
	}
	ways := []breakage{
		{"kill", 3, func(t *testing.T) { server.kill(); start(t) }},
		{"kill twice", 1, func(t *testing.T) {
			server.kill()
			r, out := launch(t, data, listen)
			go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process, which could not end while nobody reads what it prints
			time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
			r.kill()
			start(t)
		}},
		{"stop", 1, func(t *testing.T) { server.stop(t); start(t) }},
	}
	if disk {
		ways = append(ways, breakage{"fill the disk", 2, func(t *testing.T) {
			fill := filepath.Join(work, "disk", "fill")
			full(t, fill)
			refused := l.answers()[http.StatusServiceUnavailable]
			for start := time.Now(); time.Since(start) < 4*time.Second && l.answers()[http.StatusServiceUnavailable] == refused; {
				time.Sleep(20 * time.Millisecond)
			}
			if rng.IntN(2) == 0 {
				server.kill()
			}
			if err := os.Remove(fill); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-server.ended:
				server.ended <- err
				start(t)
			default:
			}
		}})
	} else {
		t.Log("no file system of its own can be mounted here: the disk is not filled")
	}
	rage(t, rng, span, l, ways)
	l.verify(t, caller{url: server.url, token: token})
}

// smallDisk mounts a small file system at disk below the folder.
func smallDisk(t *testing.T, work string) bool {
	t.Helper()
	at := filepath.Join(work, "disk")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", at).CombinedOutput(); err != nil {
		t.Logf("mount: %v %s", err, out)
		return false
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", at).Run() })
	return true
}

// full writes the file until nothing more fits.
func full(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		return // already so full that not even that is possible
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096} {
		block := make([]byte, size)
		for {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
}

// TestNoAnswer loses answers on the way and expects that a body which is sent again under its name is stored once, and one without a name as often as it was
// sent at most.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	token := makeToken(t, data, "default", "ingest", "read", "hunt")
	server := startServer(t, data, "127.0.0.1:0")
	c := caller{url: server.url, token: token}
	send := func(key, text string) {
		t.Helper()
		// The request is whole, and whoever sent it is gone when the answer comes.
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if key != "" {
			key = "Idempotency-Key: " + key + "\r\n"
		}
		fmt.Fprintf(conn, "POST /ingest/v1/winlog HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", token, key, len(text), text)
		one := make([]byte, 1)
		_, _ = conn.Read(one)
	}
	for range 3 {
		send("first", body(1, 1))
		send("", body(2, 2))
	}
	send("second", body(3, 3))
	server.kill()
	server = startServer(t, data, strings.TrimPrefix(server.url, "http://"))
	send("second", body(3, 3))                        // also after a restart
	send("first", body(4, 4))                         // a name that was used for another body
	for _, id := range []string{"a", "a", "b", "b"} { // documents with ids
		var text strings.Builder
		for i, line := range strings.Split(strings.TrimSpace(body(6, 6)), "\n") {
			fmt.Fprintf(&text, `{"index":{"_index":"x","_id":"%s%d"}}`+"\n%s\n", id, i, line)
		}
		if code, answer := c.status(t.Context(), http.MethodPost, "/_bulk", text.String()); code != http.StatusOK {
			t.Fatalf("%d %s", code, answer)
		}
	}
	const jobs = "DeviceProcessEvents | where ProcessCommandLine startswith 'job "
	for _, want := range []struct {
		name string
		rows int
	}{
		{"1-1 ", bodyOfRecords}, {"2-2 ", 3 * bodyOfRecords}, {"3-3 ", bodyOfRecords}, {"4-4 ", bodyOfRecords}, {"6-6 ", 2 * bodyOfRecords},
	} {
		eventually(t, want.name, func() bool { return c.number(t, jobs+want.name+"' | count") >= want.rows })
		if n := c.number(t, jobs+want.name+"' | count"); n != want.rows {
			t.Errorf("body %s: %d rows, want %d", want.name, n, want.rows)
		}
	}
	if code, text := c.status(t.Context(), http.MethodPost, "/ingest/v1/winlog", body(5, 5)); code != http.StatusOK {
		t.Errorf("%d %s", code, text)
	}
	server.stop(t)
}
