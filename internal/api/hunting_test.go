package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func TestHuntingStreams(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.SecurityReader)
	h.hunter.answer = &HuntAnswer{
		Schema: []HuntColumn{{"N", "long"}, {"N", "string"}}, Rows: [][]any{{int64(1), "<a>"}, {nil, "b"}}, Stats: HuntStats{Rows: 2, CPUMS: 12, Grade: "Low"},
		Render: &HuntRender{Kind: "piechart"},
	}
	lines := func(want int, body any) []string {
		t.Helper()
		raw := string(b.must("POST", "/api/hunting/run", body, 200, "Accept", "application/json;q=0.1, application/x-ndjson"))
		got := strings.Split(strings.TrimSuffix(raw, "\n"), "\n")
		if len(got) != want || !strings.HasSuffix(raw, "\n") {
			t.Fatalf("%d lines, want %d:\n%s", len(got), want, raw)
		}
		return got
	}
	got := lines(3, map[string]any{"query": "T", "id": "0b9d-A1"})
	var head struct {
		ID     string
		Schema []HuntColumn
		Render *HuntRender
	}
	var batch struct{ Rows [][]any }
	var tail struct {
		Stats    HuntStats
		Warnings []HuntDiagnostic
	}
	for i, into := range []any{&head, &batch, &tail} {
		if err := json.Unmarshal([]byte(got[i]), into); err != nil {
			t.Fatalf("%s: %v", got[i], err)
		}
	}
	if head.ID != "0b9d-A1" || len(head.Schema) != 2 || head.Render.Kind != "piechart" || len(batch.Rows) != 2 || batch.Rows[0][1] != "<a>" || tail.Stats.CPUMS != 12 || tail.Warnings == nil {
		t.Errorf("head %+v, rows %+v, tail %+v", head, batch, tail)
	}
	if asked := h.hunter.asked[0]; asked.ID != "0b9d-A1" || asked.Interface != hunting.Portal || asked.Principal == "" || asked.Export {
		t.Errorf("asked %+v", asked)
	}
	h.hunter.late = fault.Newf(fault.Limit, "too long").On("hunt.timeout")
	if got := lines(3, map[string]any{"query": "T"}); got[2] != `{"error":{"code":"limit","message":"too long","target":"hunt.timeout"}}` {
		t.Errorf("a failure after rows: %s", got[2])
	}
	h.hunter.late, h.hunter.err = nil, &fault.Error{Code: fault.Busy, Message: "used up", Details: map[string]any{"retryAfter": 77}}
	b.refused("POST", "/api/hunting/run", map[string]any{"query": "T"}, 429, fault.Busy, "Accept", "application/x-ndjson")
	if b.last.Get("Retry-After") != "77" {
		t.Errorf("Retry-After is %q", b.last.Get("Retry-After"))
	}
	h.hunter.err = nil
	for name, body := range map[string]any{
		"no query": map[string]any{"query": " "}, "an id that is none": map[string]any{"query": "T", "id": "a b"}, "a field that there is not": map[string]any{"query": "T", "x": 1},
		"not an object": "text", "too many rows": map[string]any{"query": "T", "limit": 2_000_000}, "a long timespan": map[string]any{"query": "T", "timespan": strings.Repeat("P", 201)},
	} {
		if status, raw := b.do("POST", "/api/hunting/run", body, "Accept", "application/x-ndjson"); status != 400 {
			t.Errorf("%s: %d %s", name, status, raw)
		}
	}
	nobody := h.browser()
	nobody.refused("POST", "/api/hunting/run", map[string]any{"query": "T"}, 401, fault.Unauthorized, "Accept", "application/x-ndjson")
}

func TestHuntingRuns(t *testing.T) {
	h := open2(t)
	reader, admin := h.person("default", "ann", access.SecurityReader), h.person("default", "root", access.GlobalAdministrator)
	for b, everybody := range map[*browser]string{reader: "false", admin: "true"} {
		if raw := string(b.must("GET", "/api/hunting/runs", nil, 200)); !strings.Contains(raw, `"interface":"`+everybody+`"`) {
			t.Errorf("runs: %s", raw)
		}
	}
	reader.must("DELETE", "/api/hunting/runs/own", nil, 204)
	reader.refused("DELETE", "/api/hunting/runs/r1", nil, 404, fault.NotFound)
	admin.must("DELETE", "/api/hunting/runs/r1", nil, 204)
	reader.must("POST", "/api/hunting/explain", map[string]any{"query": "T"}, 200)
	reader.refused("POST", "/api/hunting/explain", map[string]any{"query": ""}, 400, fault.Invalid)
}

// send makes a request by a token and leaves the body to the caller.
func send(t *testing.T, h *house, method, path string, body any) *http.Response {
	t.Helper()
	_, secret := h.token("default", access.ScopeHunt)
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// An export that breaks off must not look complete.
func TestExportBreaksOff(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.SecurityReader)
	rows := make([][]any, 20_000)
	for i := range rows {
		rows[i] = []any{strings.Repeat("x", 100)}
	}
	h.hunter.answer = &HuntAnswer{Schema: []HuntColumn{{"S", "string"}}, Rows: rows}
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		h.hunter.late = errors.New("the disk is gone")
		res := send(t, h, "POST", "/api/hunting/export", map[string]any{"query": "T", "format": format})
		if _, err := io.ReadAll(res.Body); err == nil && res.StatusCode == http.StatusOK {
			t.Errorf("%s: a part looks like the whole: %d, %v", format, res.StatusCode, err)
		}
		res.Body.Close()
		h.hunter.late = nil
		res = send(t, h, "POST", "/api/hunting/export", map[string]any{"query": "T", "format": format})
		if raw, err := io.ReadAll(res.Body); err != nil || len(raw) == 0 {
			t.Errorf("%s: %d bytes, %v", format, len(raw), err)
		}
		res.Body.Close()
	}
	if asked := h.hunter.asked[0]; !asked.Export || asked.Limit != 0 {
		t.Errorf("asked %+v", asked)
	}
	h.hunter.answer = &HuntAnswer{Schema: []HuntColumn{{"S", "string"}}, Rows: rows[:1]}
	h.hunter.late = fault.Newf(fault.Limit, "too long")
	b.refused("POST", "/api/hunting/export", map[string]any{"query": "T", "format": "csv"}, 422, fault.Limit)
	b.refused("POST", "/api/hunting/export", map[string]any{"query": "T", "format": "xlsx"}, 422, fault.Invalid)
}

func TestActionTypesAreShown(t *testing.T) {
	h := open2(t)
	b := h.person("default", "ann", access.SecurityReader)
	var got struct{ Tables []HuntTable }
	if err := json.Unmarshal(b.must("GET", "/api/hunting/schema", nil, 200), &got); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, table := range got.Tables {
		kinds[table.Kind]++
		if table.Name == "DeviceProcessEvents" && (len(table.ActionTypes) == 0 || table.RetentionDays != 180 || table.Group == "") {
			t.Errorf("%+v", table)
		}
		if table.Name == "MessageContents" {
			t.Error("a reader without the permission to read mail sees MessageContents")
		}
	}
	if kinds["event"] == 0 || kinds["snapshot"] == 0 || kinds["state"] == 0 {
		t.Errorf("kinds %v", kinds)
	}
}
