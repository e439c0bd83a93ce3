package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/alerts"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

func record(data string) *normalise.Record {
	return &normalise.Record{Tenant: "default", Source: alerts.Name, File: "a.jsonl", Number: 3, Data: []byte(data)}
}

func TestParse(t *testing.T) {
	d, err := alerts.Parse(record(`{"id":"42","time":"2023-05-06T07:08:09.5Z","title":"Beacon","severity":"critical","product":"NIDS","techniques":["t1071.001","junk"],
		"evidence":[{"type":"host","hostName":"pc-7"},{"type":"ip","address":"203.0.113.9","role":"destination"},{"type":"process","processId":"77","name":"a.exe"},{"no":"type"},7]}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.RuleID != "NIDS/Beacon" || d.Severity != incident.High || d.Category != "CommandAndControl" || d.ServiceSource != "endpoint" || d.DetectionSource != "thirdPartySensor" {
		t.Errorf("detection = %+v", d)
	}
	if want := time.Date(2023, 5, 6, 7, 8, 9, 500_000_000, time.UTC); !d.Time.Equal(want) || d.Hit != (incident.Hit{File: "a.jsonl", Record: 3, ExternalID: "42", Time: d.Time}) {
		t.Errorf("time %v, hit %+v", d.Time, d.Hit)
	}
	if len(d.Techniques) != 1 || d.Techniques[0] != "T1071.001" {
		t.Errorf("techniques = %q", d.Techniques)
	}
	if len(d.Evidence) != 3 || d.Evidence[0].Type != "device" || d.Evidence[1].Roles[0] != incident.Destination || d.Evidence[2].ProcessID != 77 || d.Evidence[2].FileName != "a.exe" {
		t.Errorf("evidence = %+v", d.Evidence)
	}
}

func TestParseInfers(t *testing.T) {
	for _, c := range []struct {
		name, extra string
		severity    incident.Severity
		category    string
		service     string
	}{
		{"nothing", ``, incident.Medium, "SuspiciousActivity", "siem"},
		{"level of 15", `,"severity":12`, incident.High, "SuspiciousActivity", "siem"},
		{"low level", `,"severity":"3"`, incident.Informational, "SuspiciousActivity", "siem"},
		{"percent", `,"severity":45`, incident.Low, "SuspiciousActivity", "siem"},
		{"spelled tactic", `,"category":"credential access"`, incident.Medium, "CredentialAccess", "siem"},
		{"mail", `,"evidence":[{"type":"mailMessage","subject":"x"},{"type":"device","hostName":"h"}]`, incident.Medium, "SuspiciousActivity", "email"},
		{"user", `,"evidence":[{"type":"user","accountName":"x"}]`, incident.Medium, "SuspiciousActivity", "identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := alerts.Parse(record(`{"id":"1","time":1683356889,"title":"T","product":"P"` + c.extra + `}`))
			if err != nil || d.Severity != c.severity || d.Category != c.category || d.ServiceSource != c.service {
				t.Errorf("got %s %s %s, %v", d.Severity, d.Category, d.ServiceSource, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, bad := range []string{
		``, `[]`, `{`, `{"title":"x"}`, `{"time":"2023-05-06T07:08:09Z"}`, `{"title":"x","time":"soon"}`, `{"title":"x","time":"99999-01-01T00:00:00Z"}`,
		strings.Repeat("[", 100_000),
	} {
		if _, err := alerts.Parse(record(bad)); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%.40q: %v, want code invalid", bad, err)
		}
	}
}

func TestProbe(t *testing.T) {
	if n := alerts.Probe([]byte(` {"id":"1","time":"x","title":"y","product":"z","evidence":[]}`)); n < 90 {
		t.Errorf("an alert probes %d", n)
	}
	for _, other := range []string{``, `{"EventID":1,"title":"x"}`, `From: a@b.example`, `[{"id":1}]`} {
		if n := alerts.Probe([]byte(other)); n != 0 {
			t.Errorf("%q probes %d", other, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"42","time":"2023-05-06T07:08:09.5Z","title":"Beacon","severity":"critical","product":"NIDS","techniques":["T1071"],"evidence":[{"type":"ip","address":"::1"}]}`))
	f.Add([]byte(`{"id":1,"time":1683356889.25,"title":{"a":1},"product":null,"evidence":[[],{"type":"process","processId":1e99}]}`))
	f.Add([]byte("{\"title\":\"\\u0000\xff\",\"time\":1683356889}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := alerts.Parse(record(string(data)))
		if err != nil {
			if fault.CodeOf(err) == fault.Internal {
				t.Errorf("error without a code: %v", err)
			}
			return
		}
		if d.Title == "" || d.Time.IsZero() || d.Category == "" || d.Severity == "" || d.ServiceSource == "" || len(d.Evidence) > 100 {
			t.Errorf("accepted a half-empty alert: %+v", d)
		}
	})
}
