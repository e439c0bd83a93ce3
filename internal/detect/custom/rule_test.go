package custom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

const good = `id: many-failures
title: Many failures
severity: Medium
category: credential-access
techniques: [T1110]
workload: identity
frequency: 1h
lookback: 1d
impactedEntities: {user: AccountUpn, device: DeviceName}
alert: {title: "{Failures} failures of {AccountUpn}", description: "{Missing} stays"}
query: AADSignInEventsBeta
`

func TestParse(t *testing.T) {
	r, err := custom.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if time.Duration(r.Lookback) != 24*time.Hour || time.Duration(r.Frequency) != time.Hour || r.Level() != "Medium" {
		t.Errorf("parsed as %+v", r)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"id", "id: many-failures", "id: '../x'", "id"},
		{"title", "title: Many failures", "title: ''", "title is missing"},
		{"query", "query: AADSignInEventsBeta", "query: ''", "query is missing"},
		{"severity", "severity: Medium", "severity: huge", `severity "huge"`},
		{"frequency", "frequency: 1h", "frequency: 1s", "shorter than 5m"},
		{"no length", "frequency: 1h", "frequency: soon", "not a length of time"},
		{"lookback", "lookback: 1d", "lookback: 30m", "events would be missed"},
		{"long lookback", "lookback: 1d", "lookback: 300d", "longer than"},
		{"entities", "impactedEntities: {user: AccountUpn, device: DeviceName}", "impactedEntities: {}", "impactedEntities"},
		{"workload", "workload: identity", "workload: moon", `workload "moon"`},
		{"technique", "[T1110]", "[110]", `technique "110"`},
		{"not YAML", "id:", "id: [", "not a KQL rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := custom.Parse([]byte(strings.Replace(good, c.from, c.to, 1)))
			if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// answer is a Hunter that always gives the same table.
type answer custom.Answer

func (a *answer) Hunt(context.Context, tenant.ID, custom.Question) (*custom.Answer, error) {
	if a == nil {
		return nil, errors.New("no lake")
	}
	return (*custom.Answer)(a), nil
}

func TestRun(t *testing.T) {
	r, err := custom.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	to := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	run := func(a *answer) (*custom.Outcome, error) {
		return custom.Run(context.Background(), a, "default", r, to, to.Add(-24*time.Hour), to)
	}
	a := &answer{Columns: []string{"Timestamp", "AccountUpn", "DeviceName", "Failures", "Names", "RecordOrigin", "RecordNumber"}}
	a.Rows = [][]any{{"2024-05-01T11:00:00Z", "mia@corp.example", "pc-7", int64(40), json.RawMessage(`["a","b"]`), "logs/a.json", int64(12)}}
	out, err := run(a)
	if err != nil || len(out.Detections) != 1 || out.Truncated {
		t.Fatalf("%+v, %v", out, err)
	}
	d := out.Detections[0]
	if d.Title != "40 failures of mia@corp.example" || d.Description != "{Missing} stays" || d.Hit.File != "logs/a.json" || d.Hit.Record != 12 ||
		d.Time.Hour() != 11 || d.Evidence[0].HostName != "pc-7" || d.Evidence[1].AccountUPN != "mia@corp.example" {
		t.Errorf("detection %+v", d)
	}
	for _, m := range d.Matched {
		if m.Field == "Names" && m.Value != `["a","b"]` || m.Field == "RecordOrigin" {
			t.Errorf("matched %+v", m)
		}
	}
	// More rows than a run may raise.
	a.Rows = nil
	for i := range custom.MaxDetections + 20 {
		a.Rows = append(a.Rows, []any{to, fmt.Sprintf("user%d@corp.example", i), "", int64(40), nil, "", nil})
	}
	if out, err = run(a); err != nil || len(out.Detections) != custom.MaxDetections || !out.Truncated {
		t.Errorf("%d detections, truncated %v, %v", len(out.Detections), out.Truncated, err)
	}
	// The same answer in another order raises the same alerts in the same order, the oldest first.
	first := out.Detections
	slices.Reverse(a.Rows)
	a.Rows = append(a.Rows, []any{to.Add(-time.Hour), "old@corp.example", "", int64(40), nil, "", nil})
	if out, err = run(a); err != nil || out.Detections[0].Time.Equal(to) || out.Detections[1].Hit.ExternalID != first[0].Hit.ExternalID || out.Detections[99].Hit.ExternalID != first[98].Hit.ExternalID {
		t.Errorf("rows in another order raise other alerts: %v", err)
	}
	a.Columns[2] = "Device"
	if _, err = run(a); err == nil || !strings.Contains(err.Error(), `no column "DeviceName"`) {
		t.Errorf("a missing entity column gives %v", err)
	}
	if _, err = run(nil); err == nil {
		t.Error("a failing lake gives no error")
	}
}

// FuzzRule holds the reading of any file to an error or a rule that can be scheduled.
func FuzzRule(f *testing.F) {
	f.Add(good)
	f.Add("id: x\nquery: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := custom.Parse([]byte(text))
		if err == nil && (r.Lookback < r.Frequency || r.Frequency <= 0 || r.Level() == "" || r.Query == "") {
			t.Fatalf("accepted %+v", r)
		}
	})
}
