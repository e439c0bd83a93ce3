package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// shipper sends requests with an Authorization header of its own.
type shipper struct {
	t   *testing.T
	url string
}

func (w shipper) send(method, path, auth, kind, body string) (int, http.Header, string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(raw)
}

func (h *house) shipper() shipper { return shipper{h.t, h.url} }

func TestBulkDelivery(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	body := `{"create":{"_index":"logs","_id":"a"}}` + "\n" + `{"n":1}` + "\n" + `{"index":{}}` + "\n" + `{"n":"bad"}` + "\n" + `{"delete":{"_index":"logs","_id":"a"}}` + "\n"
	status, header, got := h.shipper().send("POST", "/beats/_bulk", "ApiKey "+base64.StdEncoding.EncodeToString([]byte("id:"+secret)), "application/x-ndjson", body)
	for _, want := range []string{
		`"errors":true`, `{"create":{"_index":"logs","_id":"a","status":201,"result":"created"}}`,
		`{"index":{"_index":"beats","status":400,"error":{"type":"document_parsing_exception","reason":"bad record"}}}`, `{"delete":{"_index":"logs","_id":"a","status":400`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if status != 200 || header.Get("X-Elastic-Product") != "Elasticsearch" || !slices.Equal(h.ingest.took, []string{`t2  {"n":1}`}) {
		t.Errorf("%d %v %v", status, header, h.ingest.took)
	}
	for name, c := range map[string]struct {
		method, path, auth, body string
		status                   int
		want                     string
	}{
		"basic authentication": {"PUT", "/_bulk", "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+secret)), `{"index":{}}` + "\n{}\n", 200, `"errors":false`},
		"no token":             {"POST", "/_bulk", "", body, 401, "security_exception"},
		"a wrong token":        {"POST", "/_bulk", "ApiKey " + secret + "x", body, 401, "security_exception"},
		"no action":            {"POST", "/_bulk", "Bearer " + secret, `{"n":1}` + "\n", 400, "action 1 is none of create and index"},
		"over the limit":       {"POST", "/_bulk", "Bearer " + secret, `{"index":{}}` + "\n" + `{"x":"` + strings.Repeat("x", 70_000) + `"}` + "\n", 413, "http.max-ingest"},
		"the root":             {"GET", "/", "Bearer " + secret, "", 200, `"tagline":"You Know, for Search"`},
		"licence":              {"GET", "/_license", "Bearer " + secret, "", 200, `"status":"active"`},
		"an unknown template":  {"HEAD", "/_index_template/logs", "Bearer " + secret, "", 404, ""},
		"a template":           {"PUT", "/_index_template/logs", "Bearer " + secret, `{}`, 200, `"acknowledged":true`},
		"a question untold":    {"GET", "/_license", "", "", 401, "security_exception"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, got := h.shipper().send(c.method, c.path, c.auth, "application/json", c.body)
			if status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%d %s; want %d %s", status, got, c.status, c.want)
			}
		})
	}
	reader, _ := h.token("t2", access.ScopeRead)
	if status, _ := reader.do("POST", "/_bulk", nil); status != 403 {
		t.Errorf("a token without the scope: %d", status)
	}
}

func TestHECDelivery(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	auth := "Splunk " + secret
	for name, c := range map[string]struct {
		path, auth, body string
		status           int
		want             string
	}{
		"events":         {"/services/collector/event", auth, `{"host":"h1","event":{"n":1}}{"host":"h2","event":"a line"}`, 200, `{"text":"Success","code":0}`},
		"one broken":     {"/services/collector", auth, `{"event":"first"}{"host":"x"}`, 400, `{"text":"Event field is required","code":12,"invalid-event-number":1}`},
		"a refused one":  {"/services/collector", auth, `{"event":"good"}{"event":"bad"}`, 400, `"invalid-event-number":1`},
		"nothing":        {"/services/collector", auth, ``, 400, `"code":5`},
		"lines":          {"/services/collector/raw?host=h3", auth, "one\n\ntwo\n", 200, `"code":0`},
		"an odd source":  {"/services/collector/raw?source=a%0Ab", auth, "one\n", 400, "cannot be used"},
		"no token":       {"/services/collector", "", `{"event":"x"}`, 401, `"code":2`},
		"over the limit": {"/services/collector", auth, `{"event":"` + strings.Repeat("x", 70_000) + `"}`, 413, "http.max-ingest"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, got := h.shipper().send("POST", c.path, c.auth, "application/json", c.body)
			if status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%d %s; want %d %s", status, got, c.status, c.want)
			}
		})
	}
	slices.Sort(h.ingest.took)
	want := []string{"t2  first", "t2  good", "t2 h1 {\"n\":1}", "t2 h2 a line", "t2 h3 one", "t2 h3 two"}
	if !slices.Equal(h.ingest.took, want) {
		t.Errorf("got %q", h.ingest.took)
	}
	h.ingest.fail = fault.Newf(fault.Unavailable, "the bus is full")
	if status, header, got := h.shipper().send("POST", "/services/collector", auth, "", `{"event":"x"}`); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(got, `"code":9`) {
		t.Errorf("with a full bus: %d %v %s", status, header, got)
	}
}

func TestOTLPDelivery(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	body := `{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h9"}}]},"scopeLogs":[{"logRecords":[
		{"timeUnixNano":"1700000000000000000","body":{"stringValue":"hello"}},{"body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"bad"}}]}}}]}]}]}`
	status, _, got := h.shipper().send("POST", "/v1/logs", "Bearer "+secret, "application/json", body)
	if status != 200 || got != `{"partialSuccess":{"errorMessage":"bad record","rejectedLogRecords":"1"}}` {
		t.Errorf("%d %s", status, got)
	}
	if len(h.ingest.took) != 1 || !strings.HasPrefix(h.ingest.took[0], `t2 h9 {"@timestamp":"2023-11-14T22:13:20Z","host":{"name":"h9"},"message":"hello"`) {
		t.Errorf("got %q", h.ingest.took)
	}
	for name, c := range map[string]struct {
		kind, body string
		status     int
	}{"no OTLP": {"application/json", "[]", 400}, "another type": {"text/plain", body, 400}, "broken protobuf": {"application/x-protobuf", "\xff\xff", 400}, "empty protobuf": {"application/x-protobuf", "", 200}} {
		if status, _, got := h.shipper().send("POST", "/v1/logs", "Bearer "+secret, c.kind, c.body); status != c.status {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
}

func TestRefusedAgain(t *testing.T) {
	h := open2(t)
	admin := h.person("default", "ada", access.GlobalAdministrator)
	raw := admin.must("POST", "/api/sources/refused/replay", map[string]any{"ids": []string{"1", "2"}}, 200)
	if string(raw) != `{"sent":2,"left":[{"number":3,"code":"invalid","message":"nothing is kept"}]}`+"\n" || !slices.Equal(h.ingest.took, []string{"default again 1,2"}) {
		t.Errorf("%s, %q", raw, h.ingest.took)
	}
	admin.must("POST", "/api/sources/refused/delete", map[string]any{"ids": []string{"1"}}, 204)
	admin.refused("POST", "/api/sources/refused/replay", map[string]any{"ids": []string{}}, 422, fault.Invalid)
	reader := h.person("default", "rita", access.SecurityReader)
	reader.refused("POST", "/api/sources/refused/replay", map[string]any{"ids": []string{"1"}}, 403, fault.Permission)
	reader.refused("POST", "/api/sources/refused/delete", map[string]any{"ids": []string{"1"}}, 403, fault.Permission)
}

func TestOsquery(t *testing.T) {
	h := open2(t)
	_, secret := h.token("t2", access.ScopeIngest)
	ask := func(path, body string) (int, map[string]any) {
		t.Helper()
		status, _, raw := h.shipper().send("POST", "/osquery/"+path, "", "application/json", body)
		var out map[string]any
		if err := json.Unmarshal([]byte(raw), &out); err != nil {
			t.Fatalf("%s: %s", path, raw)
		}
		return status, out
	}
	enroll := `{"enroll_secret":"` + secret + `","host_identifier":"web1","platform_type":"9","host_details":{"os_version":{"platform":"debian"},"osquery_info":{"version":"5.9.1"}}}`
	_, first := ask("enroll", enroll)
	_, second := ask("enroll", enroll) // the agent was installed anew
	old, _ := first["node_key"].(string)
	key, _ := second["node_key"].(string)
	if key == "" || key == old {
		t.Fatalf("%v %v", first, second)
	}
	for name, body := range map[string]string{
		"a wrong secret": `{"enroll_secret":"` + secret + `x","host_identifier":"web1"}`, "a token that may not": `{"enroll_secret":"` + h.secret("t2", access.ScopeRead) + `","host_identifier":"web1"}`,
	} {
		if _, out := ask("enroll", body); out["node_invalid"] != true || out["node_key"] != nil {
			t.Errorf("%s: %v", name, out)
		}
	}
	if status, _ := ask("enroll", `{"enroll_secret":"`+secret+`"}`); status != 400 {
		t.Errorf("an agent without a name: %d", status)
	}
	for _, path := range []string{"config", "log", "distributed/read", "distributed/write"} {
		for _, bad := range []string{old, "", "x"} {
			if _, out := ask(path, `{"node_key":"`+bad+`","log_type":"result","data":[{"x":1}]}`); out["node_invalid"] != true {
				t.Errorf("%s with key %q: %v", path, bad, out)
			}
		}
	}
	_, config := ask("config", `{"node_key":"`+key+`"}`)
	if schedule, _ := config["schedule"].(map[string]any); schedule["process_events"] == nil || schedule["process_events_darwin"] == nil {
		t.Errorf("the configuration is %v", config)
	}
	if status, out := ask("log", `{"node_key":"`+key+`","log_type":"result","data":[{"name":"process_events"},{"name":"socket_events"}]}`); status != 200 || len(out) != 0 {
		t.Errorf("%d %v", status, out)
	}
	if !slices.Equal(h.ingest.took, []string{`t2 web1 {"name":"process_events"}`, `t2 web1 {"name":"socket_events"}`}) {
		t.Errorf("got %q", h.ingest.took)
	}
	h.ingest.fail = fault.Newf(fault.Unavailable, "the bus is full")
	if status, _ := ask("log", `{"node_key":"`+key+`","log_type":"status","data":[{}]}`); status != 503 {
		t.Errorf("with a full bus: %d", status)
	}
	if status, _ := ask("log", `{"node_key":"`+key+`","data":["`+strings.Repeat("x", 70_000)+`"]}`); status != 413 {
		t.Errorf("over the limit: %d", status)
	}
	if status, _ := ask("log", `{"node_key":"`+key+`","data":{"x":1}}`); status != 400 {
		t.Errorf("data that is no list: %d", status)
	}
	h.ingest.took = nil
	if _, out := ask("log", `{"node_key":"`+old+`","data":{"x":1}}`); out["node_invalid"] != true || len(h.ingest.took) > 0 {
		t.Errorf("what a stranger sends is looked at: %v", out)
	}
	admin := h.person("t2", "ada", access.GlobalAdministrator)
	if raw := admin.must("GET", "/api/sources/osquery", nil, 200, "X-Tenant", "t2"); !strings.Contains(string(raw), `"host":"web1","platform":"debian","version":"5.9.1"`) || strings.Contains(string(raw), "hash") {
		t.Errorf("agents: %s", raw)
	}
	other := h.person("default", "olga", access.GlobalAdministrator)
	if raw := other.must("GET", "/api/sources/osquery", nil, 200); strings.Contains(string(raw), "web1") {
		t.Errorf("another tenant sees %s", raw)
	}
	// The end of the token is the end of its agents.
	for _, tk := range h.tokens("t2") {
		if err := h.access.RevokeToken(context.Background(), h.console, "t2", tk); err != nil {
			t.Fatal(err)
		}
	}
	if _, out := ask("config", `{"node_key":"`+key+`"}`); out["node_invalid"] != true {
		t.Errorf("after the token was revoked: %v", out)
	}
}

func (h *house) secret(id tenant.ID, scope access.Scope) string {
	_, secret := h.token(id, scope)
	return secret
}

func (h *house) tokens(id tenant.ID) []string {
	h.t.Helper()
	list, err := h.access.Tokens(context.Background(), h.console, id)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, tk := range list {
		out = append(out, tk.ID)
	}
	return out
}

func TestRecordsOfADelivery(t *testing.T) {
	h := open2(t)
	if err := h.server.room(&call{tenant: "t2"}, maxWireRecords-1); err != nil {
		t.Error(err)
	}
	if err := h.server.room(&call{tenant: "t2"}, maxWireRecords); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("one record too many: %v", err)
	}
}

// counted is a house whose receiver is counted as the real one is.
func counted(t *testing.T) (h *house, traffic *ingest.Traffic) {
	t.Helper()
	h = open1(t, t.TempDir()+"/state.db", func(d *Deps) { traffic = d.Traffic.(*ingest.Traffic) })
	h.ingest.traffic = traffic
	return h, traffic
}

func TestQuotaOfDeliveries(t *testing.T) {
	h, traffic := counted(t)
	admin := h.person("t2", "ada", access.GlobalAdministrator)
	tk, secret, err := h.access.CreateToken(context.Background(), h.console, "t2", access.NewToken{Name: "beats", Scopes: []access.Scope{access.ScopeIngest}})
	if err != nil {
		t.Fatal(err)
	}
	quota := "/api/tokens/" + tk.ID + "/quota"
	admin.must("PUT", quota, map[string]any{"recordsPerMinute": 3}, 204, "X-Tenant", "t2")
	bulk := func(n int) string { return strings.Repeat(`{"create":{}}`+"\n"+`{"n":1}`+"\n", n) }
	ship := h.shipper()

	// Of a bulk request, the items that fit are taken, and the others are to be sent again.
	status, _, got := ship.send("POST", "/_bulk", "ApiKey "+secret, "application/x-ndjson", bulk(5))
	if status != 200 || strings.Count(got, `"status":201`) != 3 || strings.Count(got, `"status":429,"error":{"type":"es_rejected_execution_exception"`) != 2 || len(h.ingest.took) != 3 {
		t.Errorf("%d %s, took %q", status, got, h.ingest.took)
	}
	for name, c := range map[string]struct{ path, kind, body, want string }{
		"bulk":  {"/_bulk", "", bulk(1), `"type":"es_rejected_execution_exception"`},
		"HEC":   {"/services/collector", "", `{"event":"x"}`, `"code":9`},
		"lines": {"/services/collector/raw", "", "x\n", `Server is busy`},
		"OTLP":  {"/v1/logs", "application/json", `{}`, `"@type":"type.googleapis.com/google.rpc.RetryInfo"`},
		"own":   {"/ingest/v1/auto", "", "{}\n", `"code":"busy"`},
	} {
		status, header, got := ship.send("POST", c.path, "Bearer "+secret, c.kind, c.body)
		if after, _ := strconv.Atoi(header.Get("Retry-After")); status != 429 || after < 1 || after > 60 || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %v %s", name, status, header, got)
		}
	}
	if len(h.ingest.took) != 3 || len(h.ingest.got) != 0 {
		t.Errorf("over the quota, %q and %v were taken", h.ingest.took, h.ingest.got)
	}

	// An agent counts against the token that it enrolled with.
	status, _, got = ship.send("POST", "/osquery/enroll", "", "application/json", `{"enroll_secret":"`+secret+`","host_identifier":"web1"}`)
	var node struct {
		Key string `json:"node_key"`
	}
	if err := json.Unmarshal([]byte(got), &node); err != nil || status != 200 {
		t.Fatalf("%d %s", status, got)
	}
	log := `{"node_key":"` + node.Key + `","log_type":"result","data":[{"name":"process_events"}]}`
	if status, header, got := ship.send("POST", "/osquery/log", "", "application/json", log); status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("osquery: %d %s", status, got)
	}
	admin.must("PUT", quota, map[string]any{}, 204, "X-Tenant", "t2")
	if status, _, got := ship.send("POST", "/osquery/log", "", "application/json", log); status != 200 {
		t.Errorf("osquery without a quota: %d %s", status, got)
	}

	// A day's bytes: a body is refused by its length, and one that does not tell it as soon as it is too long.
	admin.must("PUT", quota, map[string]any{"bytesPerDay": 100}, 204, "X-Tenant", "t2")
	before := len(h.ingest.took)
	if status, _, got := ship.send("POST", "/_bulk", "Bearer "+secret, "", bulk(6)); status != 413 {
		t.Errorf("more than a day's: %d %s", status, got)
	}
	req, err := http.NewRequest("POST", h.url+"/_bulk", io.MultiReader(strings.NewReader(bulk(5)))) // of unknown length
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || len(h.ingest.took) != before {
		t.Errorf("a body without a length: %d %v", res.StatusCode, res.Header)
	}

	// What it looks like.
	if err := traffic.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	raw := string(admin.must("GET", "/api/sources/senders", nil, 200, "X-Tenant", "t2"))
	for _, want := range []string{`"id":"token:` + tk.ID + `","kind":"token","name":"beats","address":"127.0.0.1"`, `"records":3,`, `"quota":{"bytesPerDay":100}`, `"kind":"osquery","name":"web1"`} {
		if !strings.Contains(raw, want) {
			t.Errorf("%s lacks %s", raw, want)
		}
	}
	if other := h.person("default", "olga", access.GlobalAdministrator); strings.Contains(string(other.must("GET", "/api/sources/senders", nil, 200)), "beats") {
		t.Error("another tenant sees the sender")
	} else {
		other.refused("PUT", quota, map[string]any{}, 404, fault.NotFound)
	}
	reader := h.person("t2", "rita", access.SecurityReader)
	reader.refused("PUT", quota, map[string]any{}, 403, fault.Permission, "X-Tenant", "t2")
	reader.must("GET", "/api/sources/senders", nil, 200, "X-Tenant", "t2")
	reader.must("GET", "/api/sources/clocks", nil, 200, "X-Tenant", "t2")
	admin.refused("PUT", quota, map[string]any{"bytesPerDay": -1}, 422, fault.Invalid, "X-Tenant", "t2")
}

func TestSilentSourceIsANotice(t *testing.T) {
	h := open2(t)
	admin := h.person("default", "ada", access.GlobalAdministrator)
	if raw := admin.must("GET", "/api/health", nil, 200); strings.Contains(string(raw), "source ") {
		t.Errorf("%s", raw)
	}
	_, err := h.db.NewRaw("INSERT INTO sources (tenant_id, family, first_seen, last_seen, records, refused, steady) VALUES ('default', 'linux', ?, ?, 10, 0, 60)",
		state.At(time.Now().Add(-3*time.Hour)), state.At(time.Now().Add(-time.Hour))).Exec(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	raw := string(admin.must("GET", "/api/health", nil, 200))
	if !strings.Contains(raw, `"name":"source linux","ok":true,"status":"advisory","detail":"silent: it delivered regularly until`) {
		t.Errorf("%s", raw)
	}
	if raw := string(admin.must("GET", "/api/sources", nil, 200)); !strings.Contains(raw, `"state":"silent"`) || !strings.Contains(raw, `"recent":[0,0,`) {
		t.Errorf("%s", raw)
	}
}
