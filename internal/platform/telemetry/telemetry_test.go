package telemetry

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, "warn", "json")
	log.Info("quiet")
	log.Warn("loud", "tenant", "t1")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, b.String())
	}
	if line["msg"] != "loud" || line["tenant"] != "t1" || !strings.HasSuffix(line["time"].(string), "Z") {
		t.Errorf("line is %v", line)
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics()
	m.Request("/api/incidents/{id}", "GET", "200", 3*time.Millisecond)
	m.Limits.Hit("hunt.rows", "100000 of more rows")
	m.Limits.Hit("hunt.rows", "again")
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`bartizan_http_requests_total{method="GET",route="/api/incidents/{id}",status="200"} 1`,
		`bartizan_limits_hit_total{limit="hunt.rows"} 2`, "go_goroutines",
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if l := m.Limits.List(); len(l) != 1 || l[0].Count != 2 || l[0].Detail != "again" {
		t.Errorf("limits are %+v", l)
	}
}
