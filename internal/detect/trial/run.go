package trial

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"testing/fstest"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/detect/custom"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Bench is what tests run on.
type Bench struct {
	// Families makes fresh source families, by name: each test starts without memory of another.
	Families func() map[string]normalise.Family
	// Lake stores rows in an empty lake and returns who answers queries over it, and how to drop it again. Nil leaves out the tests of KQL rules.
	Lake func(ctx context.Context, rows []*schema.Row) (custom.Hunter, func(), error)
}

// Result is the outcome of one test, or of the checks of a file's form (Test empty).
type Result struct {
	File    string `json:"file"`
	Rule    string `json:"rule"`
	Kind    string `json:"kind"`
	Test    string `json:"test,omitempty"`
	OK      bool   `json:"ok"`
	Skipped bool   `json:"skipped,omitempty"`
	Message string `json:"message,omitempty"`
}

// Run checks and tests every rule file below root.
func (b *Bench) Run(ctx context.Context, root fs.FS) ([]Result, error) {
	names, err := ruleFiles(root)
	if err != nil {
		return nil, err
	}
	var out []Result
	firstFile := map[string]string{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return out, err
		}
		results := b.file(ctx, name, data)
		for i := range results {
			if r := &results[i]; r.Rule != "" && r.Test == "" && r.OK {
				if other := firstFile[r.Rule]; other != "" {
					r.OK, r.Message = false, "the id is taken by "+other
				}
				firstFile[r.Rule] = name
			}
		}
		out = append(out, results...)
	}
	return out, nil
}

// file checks the form of one file and runs its tests.
func (b *Bench) file(ctx context.Context, name string, data []byte) []Result {
	form := Result{File: name, OK: true}
	fail := func(text string) []Result {
		form.OK, form.Message = false, text
		return []Result{form}
	}
	rules, issues, err := detect.ReadRules(ctx, fstest.MapFS{path.Base(name): {Data: data}}, detect.Builtin)
	if err != nil {
		return fail(err.Error())
	}
	if len(issues) > 0 {
		return fail(issues[0].Error())
	}
	if len(rules) != 1 {
		return fail(fmt.Sprintf("the file holds %d rules; one is wanted", len(rules)))
	}
	rule := rules[0]
	form.Rule, form.Kind = rule.ID, string(rule.Kind)
	tests, err := readTests(data)
	if err != nil {
		return fail(err.Error())
	}
	out := []Result{form}
	for i, message := range lint(name, data, tests) {
		if i == 0 {
			out[0].OK, out[0].Message = false, message
			continue
		}
		out = append(out, Result{File: name, Rule: rule.ID, Kind: form.Kind, Message: message})
	}
	for i := range tests {
		out = append(out, b.test(ctx, form, rule, &tests[i]))
	}
	return out
}

func (b *Bench) test(ctx context.Context, form Result, rule *detect.Rule, t *Test) Result {
	r := Result{File: form.File, Rule: form.Rule, Kind: form.Kind, Test: t.Name}
	if rule.Kind == detect.KQL && b.Lake == nil {
		r.OK, r.Skipped, r.Message = true, true, "no lake to ask"
		return r
	}
	found, err := b.detections(ctx, rule, t)
	switch {
	case err != nil:
		r.Message = err.Error()
	case t.Match && len(found) == 0:
		r.Message = "the rule must fire on these records and does not"
	case !t.Match && len(found) > 0:
		r.Message = fmt.Sprintf("the rule must not fire on these records: %s matched %v", found[0].Title, found[0].Matched)
	case t.Match && !hasAsset(found[0].Evidence):
		r.Message = "the alert names no device, user or mailbox"
	default:
		r.OK = true
	}
	return r
}

func hasAsset(list []incident.Evidence) bool {
	for _, e := range list {
		if e.Type == "device" || e.Type == "user" || e.Type == "mailbox" {
			return true
		}
	}
	return false
}

// detections sends the test's records through their families and the rule over what they become.
func (b *Bench) detections(ctx context.Context, rule *detect.Rule, t *Test) ([]incident.Detection, error) {
	records, err := t.records()
	if err != nil {
		return nil, err
	}
	families := b.Families()
	var out normalise.Batch
	for i, rec := range records {
		family := families[rec.family]
		if family == nil {
			return nil, fmt.Errorf("record %d: there is no family %q", i+1, rec.family)
		}
		first := len(out.Rows)
		err := family.Normalise(&normalise.Record{Tenant: tenant.Default, Source: rec.family, File: "test", Number: int64(i + 1), Received: rec.time, Data: rec.data}, &out)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i+1, err)
		}
		for _, row := range out.Rows[first:] {
			row.Set("RecordOrigin", "test")
			row.Set("RecordNumber", int64(i+1))
		}
	}
	for _, ev := range out.Events {
		ev.Tenant = tenant.Default
	}
	if rule.Kind == detect.Sigma {
		d, _ := detect.NewDetector([]*detect.Rule{rule})
		return d.Evaluate(out.Events), nil
	}
	hunter, drop, err := b.Lake(ctx, out.Rows)
	if err != nil {
		return nil, err
	}
	defer drop()
	to := records[len(records)-1].time.Add(time.Minute)
	outcome, err := custom.Run(ctx, hunter, tenant.Default, rule.Custom(), to, start.Add(-time.Hour), to)
	if err != nil {
		return nil, err
	}
	return outcome.Detections, nil
}
