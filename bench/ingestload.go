package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	loadConnections = 8
	loadBody        = 1000 // records per request
	loadBodies      = 64   // different requests; times and record numbers are set anew at each sending
)

// load sends generated Sysmon records. Bodies are made beforehand; what is different at each sending (times, record numbers) has a fixed width and is
// written over, so that sending costs little beside what is measured.
type load struct {
	base, token string
	client      *http.Client
	bodies      []*loadRequest
	sent        atomic.Int64 // records that were acknowledged
	busy        atomic.Int64 // answers that said "again later"

	mu   sync.Mutex
	acks []time.Duration
	cpu  time.Duration
}

// loadRequest is one body and the places in it that are set at each sending.
type loadRequest struct {
	mu    sync.Mutex // held while it is sent
	path  string
	body  []byte
	times []int // of "2006-01-02T15:04:05.000" with any separator
}

const loadTime = "2006-01-02T15:04:05.000"

func newLoad(base, token string) *load {
	l := &load{base: base, token: token, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadConnections, WriteBufferSize: 64 << 10, DisableCompression: true}}}
	e := newEvents()
	for i := range loadBodies {
		r := &loadRequest{path: "/ingest/v1/winlog"}
		if i%2 == 1 {
			r.path = "/_bulk"
		}
		for n := range loadBody {
			if i%2 == 1 {
				r.body = append(r.body, "{\"create\":{\"_index\":\"winlogbeat\"}}\n"...)
			}
			from := len(r.body)
			line, at := e.at(i*loadBody + n)
			r.body = append(append(r.body, line...), '\n')
			for _, form := range []string{loadTime, "2006-01-02 15:04:05.000"} {
				text := []byte(at.Format(form))
				for place := from; ; place += len(text) {
					next := bytes.Index(r.body[place:], text)
					if next < 0 {
						break
					}
					place += next
					r.times = append(r.times, place)
				}
			}
		}
		l.bodies = append(l.bodies, r)
	}
	return l
}

// stamp gives the records of the request the present time.
func (r *loadRequest) stamp(now time.Time) {
	text := now.UTC().Format(loadTime)
	const day, clock = len("2006-01-02"), len("2006-01-02T")
	for _, at := range r.times {
		copy(r.body[at:], text[:day])
		copy(r.body[at+clock:], text[clock:])
	}
}

// run sends for the length of time, rate records a second (0: as many as are taken).
func (l *load) run(ctx context.Context, length time.Duration, rate int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	used := processTime()
	start := time.Now()
	var next atomic.Int64
	failed := make(chan error, loadConnections)
	var wg sync.WaitGroup
	for range loadConnections {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for ctx.Err() == nil {
				k := next.Add(1) - 1
				if rate > 0 {
					due := time.Duration(float64(k*loadBody) / float64(rate) * float64(time.Second))
					if due >= length {
						return
					}
					select {
					case <-time.After(time.Until(start.Add(due))):
					case <-ctx.Done():
						return
					}
				}
				if time.Since(start) >= length && rate == 0 {
					return
				}
				if err := l.send(ctx, l.bodies[k%loadBodies]); err != nil {
					failed <- err
					cancel()
					return
				}
			}
		}()
	}
	wg.Wait()
	l.cpu += processTime() - used
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

// send delivers one request, again and again while the server says that it is busy.
func (l *load) send(ctx context.Context, r *loadRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stamp(time.Now())
	for {
		start := time.Now()
		status, answer, err := post(ctx, l.client, l.base+r.path, l.token, r.body)
		if err != nil {
			return err
		}
		switch {
		case status == http.StatusOK && acknowledged(r.path, answer):
			l.sent.Add(loadBody)
			l.mu.Lock()
			l.acks = append(l.acks, time.Since(start))
			l.mu.Unlock()
			return nil
		case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
			l.busy.Add(1)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return fmt.Errorf("POST %s: %d %s", r.path, status, answer[:min(len(answer), 300)])
		}
	}
}

// acknowledged reports whether the answer says that every record of a request is kept.
func acknowledged(path string, answer []byte) bool {
	if path == "/_bulk" {
		return bytes.Contains(answer, []byte(`"errors":false`))
	}
	return bytes.Contains(answer, []byte(`"accepted":`+strconv.Itoa(loadBody)+`,"refusedCount":0`))
}

func post(ctx context.Context, client *http.Client, url, token string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// query asks the server for the rows of a hunting query.
func (s *server) query(ctx context.Context, token, text string) ([][]any, error) {
	body, err := json.Marshal(map[string]any{"Query": text})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/hunting/run", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", text, resp.StatusCode, answer[:min(len(answer), 300)])
	}
	var out struct{ Rows [][]any }
	err = json.Unmarshal(answer, &out)
	return out.Rows, err
}

// stored waits until the lake has so many records and returns the time from start until then. More than that many is an error.
func (s *server) stored(ctx context.Context, token string, want int64, start time.Time) (time.Duration, error) {
	const count = `union DeviceProcessEvents, DeviceNetworkEvents, DeviceFileEvents, DeviceRegistryEvents, DeviceImageLoadEvents, DeviceEvents | count`
	last, moved := int64(-1), time.Now()
	for {
		rows, err := s.query(ctx, token, count)
		if err != nil {
			return 0, err
		}
		if len(rows) != 1 {
			return 0, fmt.Errorf("count gave %d rows", len(rows))
		}
		n, _ := rows[0][0].(float64)
		switch have := int64(n); {
		case have == want:
			return time.Since(start), nil
		case have > want:
			return 0, fmt.Errorf("%d records were sent and %d are stored", want, have)
		case have != last:
			last, moved = have, time.Now()
		case time.Since(moved) > time.Minute:
			return 0, fmt.Errorf("%d records were sent, only %d are stored", want, have)
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// cpu is the processor time that the server has used, 0 where the system does not tell.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // the kernel counts in hundredths for every program
}
