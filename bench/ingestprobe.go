package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const probeRuleID = "0b6a1f5e-6f0e-4c59-9a1e-0f1f6f1b7a11"

// probeRule is the rule that every probe meets.
const probeRule = `title: Probe of the ingest measure
id: ` + probeRuleID + `
status: test
level: high
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    CommandLine|contains: bartizan-measure-probe
  condition: selection
`

// probeEvery is the pause between two probes, and between two looks for them.
const probeEvery = 200 * time.Millisecond

// prober sends one process start after the other, each of a program, device and account of its own, so that each gives an alert of its own, in the middle of the load. It notes
// the time before a probe is sent, and asks a hunting query and the list of alerts, one after the other all the time, which probes they have: the time from
// sending to the end of the first answer that has the probe is the delay. So delays hold everything: the request, the sync, the pipeline, the commit, up to
// one pause between two looks, and the run of the query.
type prober struct {
	s      *server
	token  string
	client *http.Client
	sent   atomic.Int64

	mu        sync.Mutex
	at        map[int]time.Time
	waiting   map[string]map[int]bool // "query", "alert" -> probes not seen yet
	queryable []time.Duration
	alerted   []time.Duration
	err       error

	begun   time.Time
	sending chan struct{} // closed when the last probe is sent
	done    chan struct{}
}

func newProber(s *server, token string) *prober {
	return &prober{
		s: s, token: token, client: &http.Client{Timeout: time.Minute}, at: map[int]time.Time{}, waiting: map[string]map[int]bool{"query": {}, "alert": {}},
		sending: make(chan struct{}), done: make(chan struct{}),
	}
}

// start sends probes until ctx ends, and looks for them until all are seen.
func (p *prober) start(ctx context.Context) {
	p.begun = time.Now()
	looking := context.WithoutCancel(ctx)
	go func() {
		defer close(p.sending)
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := p.send(looking, n); err != nil {
				p.fail(err)
				return
			}
		}
	}()
	go func() {
		defer close(p.done)
		var wg sync.WaitGroup
		for kind, look := range map[string]func(context.Context) ([]int, error){"query": p.inLake, "alert": p.inAlerts} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				p.watch(looking, kind, look)
			}()
		}
		wg.Wait()
	}()
}

// wait returns when every probe was seen.
func (p *prober) wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && (len(p.queryable) == 0 || len(p.alerted) == 0) {
		return errors.New("the run was too short for a probe")
	}
	return p.err
}

func (p *prober) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *prober) send(ctx context.Context, n int) error {
	now := time.Now().UTC()
	image := fmt.Sprintf(`C:\Measure\probe-%d.exe`, n)
	body, err := json.Marshal(map[string]any{"@timestamp": now.Format(time.RFC3339Nano), "winlog": map[string]any{
		"channel": "Microsoft-Windows-Sysmon/Operational", "provider_name": "Microsoft-Windows-Sysmon", "event_id": "1", "computer_name": fmt.Sprintf("probe-%d.corp.example", n), "record_id": n,
		"event_data": map[string]any{
			"UtcTime": now.Format("2006-01-02 15:04:05.000"), "ProcessGuid": fmt.Sprintf("{0e1d0000-0000-0000-0000-%012x}", n), "ProcessId": strconv.Itoa(1000 + n),
			"Image": image, "CommandLine": image + " bartizan-measure-probe", "User": fmt.Sprintf(`CORP\probe%d`, n),
		},
	}})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.at[n] = time.Now()
	p.waiting["query"][n], p.waiting["alert"][n] = true, true
	p.mu.Unlock()
	for {
		status, answer, err := post(ctx, p.client, p.s.base+"/ingest/v1/winlog", p.token, body)
		switch {
		case err != nil:
			return err
		case status == http.StatusOK:
			p.sent.Add(1)
			return nil
		case status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable:
			return fmt.Errorf("probe: %d %s", status, answer)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// watch looks until no more probes come and all were seen.
func (p *prober) watch(ctx context.Context, kind string, look func(context.Context) ([]int, error)) {
	last := time.Now()
	for {
		ended := false
		select {
		case <-p.sending:
			ended = true
		default:
		}
		seen, err := look(ctx)
		now := time.Now()
		p.mu.Lock()
		for _, n := range seen {
			if !p.waiting[kind][n] {
				continue
			}
			delete(p.waiting[kind], n)
			if took := now.Sub(p.at[n]); kind == "query" {
				p.queryable = append(p.queryable, took)
			} else {
				p.alerted = append(p.alerted, took)
			}
			last = now
		}
		left, failed := len(p.waiting[kind]), p.err != nil
		p.mu.Unlock()
		switch {
		case err != nil:
			p.fail(err)
			return
		case failed, ended && left == 0:
			return
		case now.Sub(last) > 2*time.Minute:
			p.fail(fmt.Errorf("%d probes were not seen in the %s", left, kind))
			return
		}
		time.Sleep(probeEvery)
	}
}

// inLake lists the probes that a query sees.
func (p *prober) inLake(ctx context.Context) ([]int, error) {
	p.mu.Lock()
	oldest := time.Now()
	for n := range p.waiting["query"] {
		if p.at[n].Before(oldest) {
			oldest = p.at[n]
		}
	}
	p.mu.Unlock()
	rows, err := p.s.query(ctx, p.token, fmt.Sprintf(`DeviceProcessEvents | where Timestamp >= datetime(%s) | where DeviceName startswith "probe-" | project FileName`,
		oldest.Add(-time.Second).UTC().Format(time.RFC3339Nano)))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, row := range rows {
		out = append(out, probeNumber(fmt.Sprint(row[0])))
	}
	return out, nil
}

// inAlerts lists the probes among the newest alerts.
func (p *prober) inAlerts(ctx context.Context) ([]int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.s.base+"/api/alerts?%24top=50&orderby=createdTime:desc&ruleId="+probeRuleID, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
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
		return nil, fmt.Errorf("GET /api/alerts: %d %s", resp.StatusCode, answer[:min(len(answer), 300)])
	}
	var out []int
	for rest := string(answer); ; {
		_, after, found := strings.Cut(rest, "probe-")
		if !found {
			return out, nil
		}
		rest = after
		out = append(out, probeNumber("probe-"+after[:min(len(after), 20)]))
	}
}

// probeNumber reads the number in probe-17.exe, 0 when there is none.
func probeNumber(name string) int {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "probe-"), ".")
	n, _ := strconv.Atoi(digits)
	return n
}
