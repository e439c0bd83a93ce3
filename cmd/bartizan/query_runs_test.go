package main

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Runs of rules and of the command line stand in the query resources report, and both call shared functions.
func TestRunsAreKept(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	n, err := openNode(ctx, targetFlags{data: dir}, "test")
	if err != nil {
		t.Fatal(err)
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ann := hunting.Owner{ID: "1", Name: "ann"}
	for name, shared := range map[string]bool{"Ours": true, "Mine": false} {
		_, err := n.queries.CreateFunction(ctx, tenant.Default, ann, hunting.FunctionDraft{Name: name, Body: "print x = 1", Shared: shared}, nil)
		ok(err)
	}
	now := time.Now()
	ask := func(query string) error {
		_, err := n.hunter("").Hunt(ctx, tenant.Default, custom.Question{Query: query, Now: now, From: now.Add(-time.Hour), To: now, Limit: 10, Rule: "r1", Title: "A rule"})
		return err
	}
	ok(ask("Ours()"))
	if err := ask("Mine()"); err == nil {
		t.Error("a rule called a private function")
	}
	n.Close()

	f := &huntFlags{targetFlags: targetFlags{data: dir, tenant: "default"}}
	target, err := f.target(ctx)
	ok(err)
	for range maxRunLog + 1 {
		ok(target.answer(ctx, huntRequest{query: "Ours()", timeout: time.Minute, limit: 5, timespan: "P1D"}, &collector{}))
	}
	target.close()

	n, err = openNode(ctx, targetFlags{data: dir}, "test")
	ok(err)
	defer n.Close()
	got := map[string]int{}
	runs, count, err := n.queries.Usage(ctx, tenant.Default, hunting.UsageQuery{Top: 1000})
	ok(err)
	for _, r := range runs {
		key := string(r.Interface) + " " + string(r.State) + " " + r.Query
		if r.Interface == hunting.Rule {
			key += " " + r.User
		}
		got[key]++
	}
	want := map[string]int{"rule completed Ours() A rule": 1, "rule failed Mine() A rule": 1, "command completed Ours()": maxRunLog + 1}
	if diff := cmp.Diff(want, got); diff != "" || count != int64(maxRunLog+3) {
		t.Error(count, diff)
	}
}

// What a person links is found by hunting at once, under the name that the tables use.
func TestLinkedAlertsCanBeHunted(t *testing.T) {
	ctx := context.Background()
	n, err := openNode(ctx, targetFlags{data: t.TempDir()}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	d := incident.Detection{
		RuleID: "manual/1", Title: "By hand", Category: "Execution", ServiceSource: "endpoint", DetectionSource: "manual", Time: time.Now(), FoldKey: "0",
		Evidence: []incident.Evidence{{Type: "device", HostName: "pc-7"}}, Hit: incident.Hit{ExternalID: "manual/1/0"},
	}
	number, alerts, err := links{n}.Link(ctx, &n.incidents.Scope, tenant.Default, incident.Actor{Name: "ann"}, 0, incident.LinkSource{Query: "print 1"}, []incident.Linked{{Detections: []incident.Detection{d}, Columns: []byte("[]"), Rows: nil}})
	if err != nil || number == 0 || len(alerts) != 1 {
		t.Fatal(number, alerts, err)
	}
	store, err := n.lakes.Open(ctx, tenant.Default)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := everything(ctx, store, "AlertInfo | join kind=inner AlertEvidence on AlertId | project AlertId, DetectionSource, DeviceName")
	if diff := cmp.Diff([][]any{{alerts[0], "Manual", "pc-7"}}, rows); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
