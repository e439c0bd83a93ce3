package api

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/live"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// The interfaces of this package are what the areas give.
var (
	_ Sources  = (*ingest.Records)(nil)
	_ Receiver = (*ingest.Receiver)(nil)
)

func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

func TestSecurityHeadersAndPortal(t *testing.T) {
	h := open2(t)
	get := func(path string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest("GET", h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "identity")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return res, string(raw)
	}
	for path, want := range map[string]struct {
		status         int
		body, caching  string
		encoding, kind string
	}{
		"/":                        {200, "<title>portal</title>", "no-cache", "", "text/html; charset=utf-8"},
		"/incidents/7":             {200, "<title>portal</title>", "no-cache", "", "text/html; charset=utf-8"},
		"/mark.svg":                {200, "<svg/>", "no-cache", "", "image/svg+xml"},
		"/assets/app-1234.js":      {200, "plain", "public, max-age=31536000, immutable", "", "text/javascript; charset=utf-8"},
		"/assets/gone.js":          {404, "", "", "", "application/json"},
		"/favicon.ico":             {404, "", "", "", "application/json"},
		"/assets":                  {404, "", "", "", "application/json"},
		"/api/no/such":             {404, "", "no-store", "", "application/json"},
		"/ingest/v2/x":             {404, "", "", "", "application/json"},
		"/%2e%2e/%2e%2e/etc/hosts": {200, "<title>portal</title>", "no-cache", "", "text/html; charset=utf-8"},
	} {
		res, body := get(path)
		if res.StatusCode != want.status || want.body != "" && body != want.body || res.Header.Get("Content-Type") != want.kind || res.Header.Get("Cache-Control") != want.caching {
			t.Errorf("%s = %d %q %v; want %+v", path, res.StatusCode, body, res.Header, want)
		}
		csp := res.Header.Get("Content-Security-Policy")
		for _, part := range []string{"script-src 'self';", "worker-src 'self' blob:", "style-src 'self' 'unsafe-inline'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the content policy %q lacks %s", path, csp, part)
			}
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s lacks headers: %v", path, res.Header)
		}
	}
	for accept, want := range map[string]string{"gzip, br": "brotli", "gzip": "zipped", "br;q=0, gzip;q=0.5": "zipped", "deflate": "plain"} {
		if res, body := get("/assets/app-1234.js", "Accept-Encoding", accept); body != want || res.Header.Get("Vary") == "" || (want != "plain") != (res.Header.Get("Content-Encoding") != "") {
			t.Errorf("with %q: %q %v", accept, body, res.Header)
		}
	}
	if res, body := get("/api/openapi.json", "Accept-Encoding", "gzip"); res.Header.Get("Content-Encoding") != "gzip" || len(body) > 60_000 {
		t.Errorf("the description is %d bytes, encoding %q", len(body), res.Header.Get("Content-Encoding"))
	}
}

func TestHealth(t *testing.T) {
	h := open1(t, t.TempDir()+"/state.db", func(d *Deps) { d.System = &fakeSystem{ready: fault.Newf(fault.Unavailable, "the lake is opening")} })
	b := h.browser()
	b.must("GET", "/healthz", nil, 200)
	b.refused("GET", "/readyz", nil, 503, fault.Unavailable)
	if !strings.Contains(string(b.must("GET", "/metrics", nil, 200)), `bartizan_http_requests_total{method="GET",route="/healthz",status="200"} 1`) {
		t.Error("the metrics do not count requests")
	}
	b.refused("GET", "/metrics", nil, 401, fault.Unauthorized, "X-Forwarded-For", "203.0.113.9")
	reader, _ := h.token("default", access.ScopeRead)
	reader.must("GET", "/metrics", nil, 200, "X-Forwarded-For", "203.0.113.9")
	ingester, _ := h.token("default", access.ScopeIngest)
	ingester.refused("GET", "/metrics", nil, 403, fault.Permission, "X-Forwarded-For", "203.0.113.9")
	var health Health
	if err := json.Unmarshal(h.person("default", "ann", access.GlobalAdministrator).must("GET", "/api/health", nil, 200), &health); err != nil {
		t.Fatal(err)
	}
	h.server.limitHit("hunt.rows", "a query of ann")
	for _, c := range []struct {
		tenant tenant.ID
		name   string
		limits int
	}{{"default", "bea", 1}, {"t2", "cid", 0}} {
		var health Health
		if err := json.Unmarshal(h.person(c.tenant, c.name, access.GlobalAdministrator).must("GET", "/api/health", nil, 200), &health); err != nil || len(health.Limits) != c.limits {
			t.Errorf("%s of tenant %s sees the limits %+v, %v", c.name, c.tenant, health.Limits, err)
		}
	}
	other, _ := h.token("t2", access.ScopeRead)
	other.refused("GET", "/metrics", nil, 403, fault.Permission, "X-Forwarded-For", "203.0.113.9")
	if health.Status != "incident" || len(health.Components) != 2 || health.Components[1].Error != "broken" || health.Version != "1.2.3" || health.Queues == nil {
		t.Errorf("health is %+v", health)
	}
}

func TestBodiesAreChecked(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.GlobalAdministrator)
	p := b.refused("PATCH", "/api/rules/r1", map[string]any{"enabled": "maybe"}, 422, fault.Invalid)
	if p.Error.Target != "enabled" || !strings.Contains(p.Error.Message, "boolean") {
		t.Errorf("problem is %+v", p)
	}
	b.refused("PATCH", "/api/rules/r1", map[string]any{"enabled": true, "more": 1}, 422, fault.Invalid)
	b.refused("GET", "/api/incidents?$top=1001", nil, 422, fault.Invalid)
	b.refused("GET", "/api/incidents?$top=x", nil, 422, fault.Invalid)
	b.refused("GET", "/api/incidents?from=yesterday", nil, 422, fault.Invalid)
	b.refused("GET", "/api/incidents/zero", nil, 422, fault.Invalid)
	b.refused("POST", "/api/rules", map[string]any{"text": strings.Repeat("x", 70_000)}, 413, fault.TooLarge)
	b.refused("POST", "/api/lab/runs", map[string]any{}, 400, fault.Invalid)
}

func TestPaging(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.GlobalAdministrator)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b.must("POST", "/api/hunting/queries", map[string]any{"name": name, "query": "print 1"}, 201)
	}
	var names []string
	path := "/api/hunting/queries?$top=2"
	for range 10 {
		var page Page[hunting.SavedQuery]
		if err := json.Unmarshal(b.must("GET", path, nil, 200), &page); err != nil {
			t.Fatal(err)
		}
		if page.Count == nil || *page.Count != 5 {
			t.Errorf("count is %v", page.Count)
		}
		for _, q := range page.Value {
			names = append(names, q.Name)
		}
		if path = page.NextLink; path == "" {
			break
		}
	}
	if strings.Join(names, "") != "abcde" {
		t.Errorf("following nextLink gives %v", names)
	}
	var letters Page[RefusedRecord]
	if err := json.Unmarshal(b.must("GET", "/api/sources/refused?$top=1", nil, 200), &letters); err != nil || len(letters.Value) != 1 || letters.NextLink == "" || letters.Value[0].Sample == "" {
		t.Errorf("refused records: %+v, %v", letters, err)
	}
}

func TestHunting(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.SecurityReader)
	h.hunter.answer = &HuntAnswer{
		Schema: []HuntColumn{{"Name", "string"}, {"N", "long"}, {"D", "dynamic"}},
		Rows:   [][]any{{"=cmd|' /C calc'!A1", int64(7), map[string]any{"a": 1}}, {`say "hi", there`, nil, nil}}, Stats: HuntStats{Rows: 2, Truncated: true, Limits: []string{"hunt.rows"}},
	}
	var got HuntAnswer
	raw := b.must("POST", "/api/hunting/run", map[string]any{"query": "T | take 2", "timespan": "P1D", "now": "2024-05-01", "limit": 2}, 200)
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Rows) != 2 || !got.Stats.Truncated {
		t.Errorf("answer %s, %v", raw, err)
	}
	asked := h.hunter.asked[0]
	if asked.Query != "T | take 2" || asked.Timespan != "P1D" || asked.Now != "2024-05-01" || asked.Limit != 2 || asked.Tenant != "default" || asked.By != "ann" {
		t.Errorf("asked %+v", asked)
	}
	if !asked.Visible(schema.Load().Table("EmailEvents")) || !asked.Visible(schema.Load().Table("DeviceProcessEvents")) {
		t.Error("a security reader may see mail tables")
	}
	csv := string(b.must("POST", "/api/hunting/export", map[string]any{"query": "T", "format": "csv"}, 200))
	if want := "Name,N,D\n'=cmd|' /C calc'!A1,7,\"{\"\"a\"\":1}\"\n\"say \"\"hi\"\", there\",,\n"; csv != want {
		t.Errorf("csv is %q; want %q", csv, want)
	}
	if !strings.HasPrefix(b.last.Get("Content-Disposition"), "attachment") {
		t.Errorf("export headers %v", b.last)
	}
	lines := string(b.must("POST", "/api/hunting/export", map[string]any{"query": "T", "format": "ndjson"}, 200))
	if want := `{"Name":"say \"hi\", there","N":null,"D":null}`; !strings.Contains(lines, want) {
		t.Errorf("ndjson is %q", lines)
	}
	h.hunter.answer, h.hunter.err = nil, &fault.Error{Code: "syntax", Message: "a pipe is missing", Details: map[string]any{"line": 1, "column": 3, "hint": "|"}}
	if p := b.refused("POST", "/api/hunting/run", map[string]any{"query": "bad"}, 422, "syntax"); p.Error.Details["column"] != 3.0 {
		t.Errorf("problem is %+v", p)
	}
	h.hunter.err = errors.New("secret path /var/lib/x")
	if p := b.refused("POST", "/api/hunting/run", map[string]any{"query": "bad"}, 500, fault.Internal); strings.Contains(p.Error.Message, "secret") {
		t.Errorf("an error of ours is shown: %+v", p)
	}
	var history Page[hunting.Run]
	if err := json.Unmarshal(b.must("GET", "/api/hunting/history", nil, 200), &history); err != nil || len(history.Value) != 5 || history.Value[0].State != "failed" || history.Value[4].Rows != 2 {
		t.Errorf("history is %+v, %v", history, err)
	}

	mailless := h.person("default", "carl", "complianceDataAdministrator")
	h.hunter.answer, h.hunter.err = &HuntAnswer{}, nil
	mailless.must("POST", "/api/hunting/run", map[string]any{"query": "EmailEvents"}, 200)
	if last := h.hunter.asked[len(h.hunter.asked)-1]; last.Visible(schema.Load().Table("EmailEvents")) {
		t.Error("without secops.raw.mailmeta.read mail tables are visible")
	}
	var tables struct{ Tables []HuntTable }
	for b, want := range map[*browser]bool{b: true, mailless: false} {
		if err := json.Unmarshal(b.must("GET", "/api/hunting/schema", nil, 200), &tables); err != nil {
			t.Fatal(err)
		}
		seen := false
		for _, table := range tables.Tables {
			seen = seen || table.Name == "EmailEvents"
			if table.Name == "DeviceProcessEvents" && (table.Rows != 7 || table.TimeColumn != "Timestamp" || len(table.Columns) < 20) {
				t.Errorf("table is %+v", table)
			}
		}
		if seen != want {
			t.Errorf("the schema shows mail tables: %v; want %v", seen, want)
		}
	}
}

func squeeze(t *testing.T, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	switch kind {
	case "gzip":
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		z.Write(data)
		z.Close()
	default:
		b.Write(data)
	}
	return b.Bytes()
}

func TestReceiver(t *testing.T) {
	h := open2(t)
	sender, _ := h.token("t2", access.ScopeIngest)
	send := func(path, encoding string, body []byte) (int, string) {
		t.Helper()
		req, err := http.NewRequest("POST", h.url+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		res, err := sender.c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(raw)
	}
	lines := []byte("{\"a\":1}\nnonsense\n")
	for _, encoding := range []string{"", "gzip", "zstd"} {
		status, body := send("/ingest/v1/winlog?file=host-"+encoding, encoding, squeeze(t, encoding, lines))
		if status != 200 || !strings.Contains(body, `"accepted":2`) || !strings.Contains(body, `"refused":[{"number":2,"code":"invalid","message":"not JSON"}]`) {
			t.Errorf("encoding %q: %d %s", encoding, status, body)
		}
		if got := h.ingest.got["t2/winlog/host-"+encoding]; got != string(lines) {
			t.Errorf("encoding %q: the receiver got %q", encoding, got)
		}
	}
	bomb := make([]byte, 4<<20)
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		status   int
	}{
		"plain over the limit": {"", make([]byte, 70_000), 413},
		"gzip bomb":            {"gzip", squeeze(t, "gzip", bomb), 413},
		"zstd bomb":            {"zstd", squeeze(t, "zstd", bomb), 413},
		"not gzip":             {"gzip", lines, 400},
		"unknown encoding":     {"br", lines, 400},
		"at the limit":         {"", make([]byte, 1<<16), 200},
	} {
		if status, body := send("/ingest/v1/auto", c.encoding, c.body); status != c.status {
			t.Errorf("%s: %d %s; want %d", name, status, body, c.status)
		}
	}
	h.ingest.fail = fault.Newf(fault.Unavailable, "the bus is full")
	if status, body := send("/ingest/v1/auto", "", lines); status != 503 || !strings.Contains(body, "unavailable") {
		t.Errorf("with a full bus: %d %s", status, body)
	}
}

func TestEvents(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.SecurityReader)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", h.url+"/api/events?tid=default", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	if got := next(); got != "retry: 3000" {
		t.Errorf("first line is %q", got)
	}
	at := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	h.hub.Publish(live.Change{Tenant: "t2", Kind: "incident", ID: "1", Change: "created", Time: at})
	h.hub.Publish(live.Change{Tenant: "default", Kind: "incident", ID: "2", Change: "created", Time: at})
	if got := next() + " " + next(); got != `event: incident data: {"id":"2","change":"created","time":"2024-05-01T00:00:00Z"}` {
		t.Errorf("got %q", got)
	}
	h.hub.Close() // the server stops
	if lines.Scan() && lines.Text() != "" {
		t.Errorf("after the stop: %q", lines.Text())
	}
	b.refused("GET", "/api/events", nil, 503, fault.Unavailable)
	if n := h.hub.Subscribers(); n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
}

func TestBackupStream(t *testing.T) {
	h := open2(t)
	b, _ := h.token("default", access.ScopeAdmin)
	archive := tar.NewReader(bytes.NewReader(b.must("POST", "/api/backups", nil, 200)))
	head, err := archive.Next()
	if err != nil || head.Name != "manifest.json" {
		t.Fatalf("first member %+v, %v", head, err)
	}
	if raw, err := io.ReadAll(archive); err != nil || string(raw) != `{"format":1}` {
		t.Errorf("manifest is %q, %v", raw, err)
	}
	if _, err := archive.Next(); err != io.EOF {
		t.Errorf("after the manifest: %v", err)
	}
	other, _ := h.token("t2", access.ScopeAdmin)
	other.refused("POST", "/api/backups", nil, 403, fault.Permission)
}
