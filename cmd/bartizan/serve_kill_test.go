package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// delivery is one body and what became of it.
type delivery struct {
	sends int
	acked bool
}

const (
	senders       = 4
	bodies        = 120 // of each sender
	bodyOfRecords = 25
)

// TestAServerThatIsKilledKeepsWhatItAcknowledged kills a server while it starts and while several senders deliver, and stops it once in good order. Senders
// send a body again until it is acknowledged.
func TestAServerThatIsKilledKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, delay := range []time.Duration{15, 60, 200, 500} {
		r, out := launch(t, data, "127.0.0.1:0")
		time.AfterFunc(delay*time.Millisecond, func() { _ = r.cmd.Process.Kill() })
		_, _ = io.Copy(io.Discard, out)
	}
	token := makeToken(t, data, "default", "ingest", "read", "hunt")
	server := startServer(t, data, "127.0.0.1:0")
	c := caller{url: server.url, token: token}
	listen := strings.TrimPrefix(server.url, "http://")

	var acked atomic.Int64
	reached := make(chan struct{}, senders*bodies) // a token for each acknowledgement
	results := make([][]delivery, senders)
	var wg sync.WaitGroup
	for s := range senders {
		results[s] = make([]delivery, bodies)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for b := range results[s] {
				c.deliver(t, &results[s][b], body(s, b))
				acked.Add(1)
				reached <- struct{}{}
			}
		}()
	}
	wait := func(n int64) {
		t.Helper()
		end := time.After(patience)
		for acked.Load() < n {
			select {
			case <-reached:
			case <-end:
				t.Fatalf("%d of %d bodies were acknowledged", acked.Load(), n)
			}
		}
	}
	const all = senders * bodies
	for _, n := range []int64{all / 8, all / 4, all / 2} {
		wait(n)
		server.kill()
		server = startServer(t, data, listen)
	}
	wait(all * 3 / 4)
	if took := server.stop(t); took > 15*time.Second {
		t.Errorf("the server took %s to end", took)
	}
	server = startServer(t, data, listen)
	wait(all)
	wg.Wait()

	const jobs = "DeviceProcessEvents | where ProcessCommandLine startswith 'job '"
	eventually(t, "every record", func() bool { return c.number(t, jobs+" | distinct ProcessCommandLine | count") >= all*bodyOfRecords })
	eventually(t, "an empty bus", func() bool {
		return ask[struct{ Queues []struct{ Waiting int } }](t, c, http.MethodGet, "/api/health", "").Queues[0].Waiting == 0
	})
	kept := map[string][3]int{} // body -> different records, rows of the rarest and of the most frequent one
	for _, row := range c.hunt(t, jobs+" | summarize n = count() by ProcessCommandLine | extend body = tostring(split(ProcessCommandLine, ' ')[1]) | summarize count(), min(n), max(n) by body") {
		kept[row[0].(string)] = [3]int{int(row[1].(float64)), int(row[2].(float64)), int(row[3].(float64))}
	}
	again := 0
	for s := range results {
		for b, d := range results[s] {
			got := kept[name(s, b)]
			switch {
			case !d.acked || got[0] != bodyOfRecords || got[1] < 1:
				t.Errorf("body %s, sent %d times: %v", name(s, b), d.sends, got)
			case d.sends == 1 && got[2] != 1:
				t.Errorf("body %s was acknowledged at once and is stored %d times", name(s, b), got[2])
			case got[2] > d.sends:
				t.Errorf("body %s was sent %d times and is stored %d times", name(s, b), d.sends, got[2])
			}
			if d.sends > 1 {
				again++
			}
		}
	}
	if again == 0 {
		t.Error("no body had to be sent again: the server was never killed in the middle of one")
	}
	server.stop(t)
}

// deliver sends the body until it is acknowledged.
func (c caller) deliver(t *testing.T, d *delivery, body string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < patience; <-tick.C {
		d.sends++
		if code, _ := c.status(t.Context(), http.MethodPost, "/ingest/v1/winlog", body); code == http.StatusOK {
			d.acked = true
			return
		}
	}
}

func name(sender, body int) string { return fmt.Sprintf("%d-%d", sender, body) }

func body(sender, body int) string {
	var b strings.Builder
	for r := range bodyOfRecords {
		fmt.Fprintf(&b, `{"EventTime":"2024-05-06 07:08:09","Hostname":"ws%d.corp.example","EventID":1,"SourceName":"Microsoft-Windows-Sysmon","Channel":"Microsoft-Windows-Sysmon/Operational",`+
			`"UtcTime":"2024-05-06 07:08:09.000","ProcessGuid":"{7a1f0c2e-%04x-%04x-%04x-000000000100}","ProcessId":4001,"Image":"C:\\Tools\\acme.exe","CommandLine":"job %s %d","User":"CORP\\mira"}`+"\n",
			sender, sender, body, r, name(sender, body), r)
	}
	return b.String()
}
