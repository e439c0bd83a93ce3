package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// picked are the rows about some assets, an hour apart, as a person links them under a name of the link.
func picked(link string, hours int, assets ...incident.Evidence) []incident.Linked {
	var out []incident.Linked
	for i, e := range assets {
		l := incident.Linked{Columns: json.RawMessage(`[{"name":"DeviceName","type":"string"}]`)}
		for h := range hours {
			at := noon.Add(time.Duration(h) * time.Hour)
			l.Detections = append(l.Detections, incident.Detection{
				RuleID: link, Title: "Found by hand", Severity: incident.Low, Category: "Discovery", ServiceSource: "endpoint", DetectionSource: "manual", Time: at, Evidence: []incident.Evidence{e},
				FoldKey: fmt.Sprint(i), Hit: incident.Hit{ExternalID: fmt.Sprintf("%s/%d/%d", link, i, h), Time: at},
			})
			l.Rows = append(l.Rows, json.RawMessage(fmt.Sprintf(`["%s",%d]`, e.HostName, h)))
		}
		out = append(out, l)
	}
	return out
}

func TestLink(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		src := incident.LinkSource{Query: "DeviceEvents | take 5", Timespan: "P7D", Tables: []string{"DeviceEvents"}}

		// The chosen incident gets the alerts, although the second device is another incident's.
		into, alerts, err := f.Link(ctx, "default", anna, a.ID, src, picked("manual/1", 50, device("pc-2"), device("pc-9")))
		if err != nil || into != a.ID || len(alerts) != 2 {
			t.Fatalf("linked %v into %d, %v", alerts, into, err)
		}
		got, err := f.Incident(ctx, "default", a.ID)
		if err != nil || got.AlertCount != 3 || got.DeviceCount != 3 || !slices.Contains(got.DetectionSources, "manual") {
			t.Errorf("incident %+v, %v", got, err)
		}
		if other, _ := f.Incident(ctx, "default", b.ID); other.AlertCount != 1 || other.Status == incident.StatusRedirected {
			t.Errorf("the other incident is %+v", other)
		}
		why := map[string]string{}
		for _, j := range got.Joins {
			if j.Kind == "manual" {
				why[j.AlertID] = j.ToAlertID + ": " + j.Text
			}
		}
		want := a.AlertIDs[0] + ": Linked by anna from the results of a query"
		if diff := cmp.Diff(map[string]string{alerts[0]: want, alerts[1]: want}, why); diff != "" {
			t.Error(diff)
		}
		alert, err := f.Alert(ctx, "default", alerts[0])
		if err != nil || alert.HitCount != 50 || alert.DetectionSource != "manual" || alert.Evidence[0].EntityKey == "" || !slices.Contains(alert.LinkReasons, "ManualAssociation") {
			t.Errorf("alert %+v, %v", alert, err)
		}
		rows, err := f.AlertResult(ctx, "default", alerts[1])
		if err != nil || len(rows.Rows) != 50 || string(rows.Rows[49]) != `["pc-9",49]` || cmp.Diff(src, rows.LinkSource) != "" {
			t.Errorf("rows %+v, %v", rows, err)
		}
		_, err = f.AlertResult(ctx, "default", a.AlertIDs[0])
		wantCode(t, err, fault.NotFound, "")
		_, err = f.AlertResult(ctx, "other", alerts[1])
		wantCode(t, err, fault.NotFound, "")
		log, err := f.IncidentActivities(ctx, "default", a.ID, 0, 0)
		if err != nil || !slices.ContainsFunc(log.Value, func(x incident.Activity) bool {
			return x.Type == "alertJoined" && strings.Contains(x.Text, "Linked by anna")
		}) {
			t.Errorf("the log says nothing: %+v, %v", log, err)
		}

		// It is undone like any join.
		own, err := f.UnlinkAlert(ctx, "default", anna, alerts[0], "")
		if err != nil || own.AlertCount != 1 || own.ID == a.ID {
			t.Errorf("unlinked into %+v, %v", own, err)
		}
		if got, _ = f.Incident(ctx, "default", a.ID); got.AlertCount != 2 {
			t.Errorf("%d alerts are left", got.AlertCount)
		}

		// A new incident, with the alerts of one link together.
		f.open(incident.Options{})
		into, alerts, err = f.Link(ctx, "default", anna, 0, src, picked("manual/2", 1, device("pc-1"), device("pc-7"), device("pc-8")))
		if err != nil || len(alerts) != 3 || into == a.ID || into == b.ID || into == own.ID {
			t.Fatalf("linked %v into %d, %v", alerts, into, err)
		}
		if got, err = f.Incident(ctx, "default", into); err != nil || got.AlertCount != 3 || len(got.Joins) < 2 {
			t.Errorf("incident %+v, %v", got, err)
		}
		if log, _ := f.IncidentActivities(ctx, "default", into, 0, 0); log.Value[len(log.Value)-1].Actor != "anna" {
			t.Errorf("opened by %+v", log.Value)
		}
	})
}

func TestLinkRefusals(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		link := func(into int64, list []incident.Linked) error {
			_, _, err := f.Link(ctx, "default", anna, into, incident.LinkSource{}, list)
			return err
		}
		wantCode(t, link(a.ID, nil), fault.Invalid, "rows")
		wantCode(t, link(99, picked("m/2", 1, device("pc-1"))), fault.NotFound, "")
		wantCode(t, link(a.ID, picked("m/3", 1001, device("pc-1"))), fault.Limit, "rows")
		wantCode(t, link(a.ID, picked("m/4", 1, make([]incident.Evidence, 101)...)), fault.Limit, "rows")
		_, _, err := f.Link(ctx, "other", anna, a.ID, incident.LinkSource{}, picked("m/5", 1, device("pc-1")))
		wantCode(t, err, fault.NotFound, "")
		if _, err := f.UpdateIncident(ctx, "default", anna, a.ID, incident.Patch{Status: ptr(incident.StatusResolved)}); err != nil {
			t.Fatal(err)
		}
		wantCode(t, link(a.ID, picked("m/6", 1, device("pc-1"))), fault.Conflict, "incidentId")
		if n := len(f.alerts()); n != 2 {
			t.Errorf("refused links left %d alerts", n)
		}
	})
}
