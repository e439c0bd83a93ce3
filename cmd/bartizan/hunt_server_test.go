package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endless is a query that takes an hour.
const endless = "range a from 1 to 30000000 step 1 | extend k = a % 7 | join kind=inner (range b from 1 to 30000000 step 1 | extend k = b % 7) on k | summarize sum(a * b)"

type runSeen struct {
	ID, By, Interface, Query string
	MS                       int64
}

func (c caller) running(t *testing.T) []runSeen {
	t.Helper()
	return ask[struct{ Value []runSeen }](t, c, http.MethodGet, "/api/hunting/runs", "").Value
}

// asJSON is a call's JSON.
func asJSON(pairs ...any) string {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// TestHuntOnServer has one server with tight bounds and hunts in it.
func TestHuntOnServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	admin := caller{token: makeToken(t, data, "default", "read", "hunt", "write", "ingest", "admin")}
	ann, bob, cid := caller{token: makeToken(t, data, "default", "hunt")}, caller{token: makeToken(t, data, "default", "hunt")}, caller{token: makeToken(t, data, "default", "hunt")}
	server := startServer(t, data, "127.0.0.1:0", "--hunt-cpu-budget", "4s", "--hunt-cpu-window", "2400h" /* no window ends while the test runs */, "--hunt-concurrency", "2",
		"--hunt-concurrency-principal", "1", "--hunt-queue", "300ms", "--lake-memory", "100MiB")
	for _, c := range []*caller{&admin, &ann, &bob, &cid} {
		c.url = server.url
	}
	t.Run("streams", func(t *testing.T) { resultsStream(t, admin) })
	t.Run("exports", func(t *testing.T) { exportsAreWhole(t, admin) })
	t.Run("files", func(t *testing.T) { filesAreRead(t, admin, ann) })
	t.Run("memory", func(t *testing.T) { memoryEnds(t, admin) })
	t.Run("cancel", func(t *testing.T) { queriesEnd(t, admin, ann, bob) })
	t.Run("budget", func(t *testing.T) { budgetsHold(t, cid, bob) })
}

func resultsStream(t *testing.T, c caller) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/api/hunting/run", strings.NewReader(asJSON("query", "range x from 1 to 50000 step 1 | extend s = strcat('row ', x)", "id", "my-run")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var all []string
	rows := 0
	for lines.Scan() {
		all = append(all, lines.Text())
		var l struct{ Rows [][]any }
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		rows += len(l.Rows)
	}
	if lines.Err() != nil || rows != 50_000 || len(all) < 5 || !strings.HasPrefix(all[0], `{"id":"my-run","schema":[{"name":"x","type":"long"}`) {
		t.Errorf("%d rows in %d lines, %v: %.100s", rows, len(all), lines.Err(), all[0])
	}
	var tail struct {
		Stats struct {
			Rows, CPUMS, Bytes int64
			Grade              string
		}
	}
	if err := json.Unmarshal([]byte(all[len(all)-1]), &tail); err != nil || tail.Stats.Rows != 50_000 || tail.Stats.Grade != "Low" || tail.Stats.Bytes < 500_000 || tail.Stats.CPUMS < 1 {
		t.Errorf("the tail is %s (%v)", all[len(all)-1], err)
	}
}

func exportsAreWhole(t *testing.T, c caller) {
	// More rows and bytes than a run returns.
	resp, err := c.request(t.Context(), http.MethodPost, "/api/hunting/export", asJSON("query", "range x from 1 to 120000 step 1 | extend s = strrep('abcdefghij', 70)", "format", "csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || n < 120_000*700 {
		t.Errorf("an export of %d bytes, status %d, %v", n, resp.StatusCode, err)
	}
	ordered, err := c.request(t.Context(), http.MethodPost, "/api/hunting/export", asJSON("query", "range x from 1 to 120000 step 1 | sort by x desc", "format", "ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer ordered.Body.Close()
	lines, next := bufio.NewScanner(ordered.Body), 120_000
	for lines.Scan() {
		if lines.Text() != fmt.Sprintf(`{"x":%d}`, next) {
			t.Fatalf("%s comes where %d should", lines.Text(), next)
		}
		next--
	}
	if next != 0 {
		t.Errorf("%d rows are missing", next)
	}
	if code, text := c.status(t.Context(), http.MethodPost, "/api/hunting/export", asJSON("query", "Nothing", "format", "parquet")); code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong query: %d %s", code, text)
	}
}

func filesAreRead(t *testing.T, admin, other caller) {
	put := func(c caller, name, text string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.url+"/api/hunting/files/"+name, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(raw)
	}
	if code, text := put(admin, "lists%2Fvip.csv", "name,level\nann,7\nbob,9\n"); code != http.StatusNoContent {
		t.Fatalf("storing a file: %d %s", code, text)
	}
	rows := admin.hunt(t, `externaldata(name:string, level:long)["tenant://lists/vip.csv"] with (ignoreFirstRecord=true) | where level > 8`)
	if fmt.Sprint(rows) != "[[bob 9]]" {
		t.Errorf("externaldata gives %v", rows)
	}
	if code, _ := put(other, "x.csv", "1"); code != http.StatusForbidden {
		t.Errorf("a token that may only hunt stored a file: %d", code)
	}
	for _, name := range []string{"..%2F..%2Fx", ".x", "a%00b"} {
		if code, _ := put(admin, name, "1"); code != http.StatusBadRequest {
			t.Errorf("the name %s: %d", name, code)
		}
	}
	if code, text := admin.status(t.Context(), http.MethodPost, "/api/hunting/run", asJSON("query", `externaldata(a:string)["http://169.254.169.254/latest"]`)); code != http.StatusUnprocessableEntity || !strings.Contains(text, `"outbound"`) {
		t.Errorf("an outside address: %d %s", code, text)
	}
	if code, _ := admin.status(t.Context(), http.MethodDelete, "/api/hunting/files/lists%2Fvip.csv", ""); code != http.StatusNoContent {
		t.Errorf("deleting a file: %d", code)
	}
}

// A query that needs more memory than there is ends; the server goes on.
func memoryEnds(t *testing.T, c caller) {
	code, text := c.status(t.Context(), http.MethodPost, "/api/hunting/run", asJSON("query", "range x from 1 to 3000000 step 1 | extend s = strcat(strrep('abcdefghij', 10), x) | summarize array_length(make_list(s, 3000000))"))
	if code != http.StatusUnprocessableEntity || !strings.Contains(text, `"limit"`) {
		t.Errorf("%d %.200s", code, text)
	}
	if n := c.number(t, "range x from 1 to 10 step 1 | count"); n != 10 {
		t.Errorf("afterwards: %d", n)
	}
}

func queriesEnd(t *testing.T, admin, ann, bob caller) {
	type ended struct {
		code int
		text string
		at   time.Time
	}
	start := func(c caller, ctx context.Context, id string) chan ended {
		out := make(chan ended, 1)
		go func() {
			code, text := c.status(ctx, http.MethodPost, "/api/hunting/run", asJSON("query", endless, "id", id))
			out <- ended{code, text, time.Now()}
		}()
		eventually(t, "the start of "+id, func() bool {
			for _, r := range admin.running(t) {
				if r.ID == id && r.MS > 50 {
					return true
				}
			}
			return false
		})
		return out
	}
	one := start(ann, t.Context(), "one")
	if seen := bob.running(t); len(seen) != 0 {
		t.Errorf("bob sees the queries of others: %+v", seen)
	}
	if seen := ann.running(t); len(seen) != 1 || seen[0].Query != endless || seen[0].Interface != "api" {
		t.Errorf("ann sees %+v", seen)
	}
	if code, text := ann.status(t.Context(), http.MethodPost, "/api/hunting/run", asJSON("query", "print 1")); code != http.StatusTooManyRequests {
		t.Errorf("a second query of ann's: %d %s", code, text)
	}
	if code, text := ann.status(t.Context(), http.MethodPost, "/api/hunting/explain", asJSON("query", "print 1")); code != http.StatusTooManyRequests {
		t.Errorf("explaining, which may read data, takes no turn: %d %s", code, text)
	}
	if n := bob.number(t, "print 1"); n != 1 {
		t.Errorf("a query of bob's gives %d", n)
	}
	if code, _ := bob.status(t.Context(), http.MethodDelete, "/api/hunting/runs/one", ""); code != http.StatusNotFound {
		t.Errorf("bob cancels ann's query: %d", code)
	}
	at := time.Now()
	if code, text := ann.status(t.Context(), http.MethodDelete, "/api/hunting/runs/one", ""); code != http.StatusNoContent {
		t.Fatalf("cancelling: %d %s", code, text)
	}
	e := <-one
	t.Logf("cancelled after %s", e.at.Sub(at))
	if e.code != http.StatusUnprocessableEntity || !strings.Contains(e.text, `"cancelled"`) || e.at.Sub(at) > 5*time.Second {
		t.Errorf("the cancelled query ended after %s with %d %s", e.at.Sub(at), e.code, e.text)
	}
	if code, _ := ann.status(t.Context(), http.MethodDelete, "/api/hunting/runs/one", ""); code != http.StatusNotFound {
		t.Errorf("cancelling twice: %d", code)
	}

	// A closed connection is as good.
	ctx, hangUp := context.WithCancel(t.Context())
	two := start(bob, ctx, "two")
	hangUp()
	<-two
	at = time.Now()
	eventually(t, "the end of the query whose client went", func() bool { return len(admin.running(t)) == 0 })
	t.Logf("ended %s after the client went", time.Since(at))
	three := start(bob, t.Context(), "three")
	if code, _ := admin.status(t.Context(), http.MethodDelete, "/api/hunting/runs/three", ""); code != http.StatusNoContent {
		t.Errorf("an administrator cancels bob's query: %d", code)
	}
	<-three
}

func budgetsHold(t *testing.T, c, other caller) {
	heavy := asJSON("query", "range a from 1 to 10000 step 1 | extend k = a % 2 | join kind=inner (range b from 1 to 10000 step 1 | extend k = b % 2) on k | summarize sum(a * b % 7)")
	warned := false
	for range 60 {
		code, text := c.status(t.Context(), http.MethodPost, "/api/hunting/run", heavy)
		if code == http.StatusTooManyRequests {
			var p struct {
				Error struct {
					Code    string
					Target  string
					Details struct{ RetryAfter int }
				}
			}
			if err := json.Unmarshal([]byte(text), &p); err != nil || p.Error.Code != "busy" || p.Error.Target != "hunt.cpu-budget" || p.Error.Details.RetryAfter < 1 {
				t.Errorf("the refusal is %s", text)
			}
			if !warned {
				t.Error("there was no warning before the refusal")
			}
			resp, err := c.request(t.Context(), http.MethodPost, "/api/hunting/run", heavy)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.Header.Get("Retry-After") != fmt.Sprint(p.Error.Details.RetryAfter) && resp.Header.Get("Retry-After") == "" {
				t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
			}
			if code, text := c.status(t.Context(), http.MethodPost, "/api/hunting/export", asJSON("query", "print 1", "format", "csv")); code != http.StatusTooManyRequests {
				t.Errorf("an export is not refused: %d %s", code, text)
			}
			return
		}
		if code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		warned = warned || strings.Contains(text, `"hunt.cpu"`)
	}
	t.Error("no query was refused")
}
