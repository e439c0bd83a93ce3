package trial_test

import (
	"context"
	"sort"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/simulate"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// TestScenarios holds the shipped rules to the evaluation lab: each attack is seen by several rules of its workloads, and an ordinary day raises nothing
// that would wake somebody up.
func TestScenarios(t *testing.T) {
	rules, issues, err := detect.ReadRules(context.Background(), content.Detections(), detect.Builtin)
	if err != nil || len(issues) > 0 {
		t.Fatal(err, issues)
	}
	d, _ := detect.NewDetector(rules)
	scenarios, err := simulate.Load(content.Scenarios())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.ID, func(t *testing.T) {
			records, err := s.Generate("run", time.Date(2024, 5, 1, 18, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			kinds := families()
			found, loud, sources := map[string]int{}, 0, map[string]bool{}
			for i, r := range records {
				var out normalise.Batch
				if err := kinds[r.Source].Normalise(&normalise.Record{Tenant: tenant.Default, Source: r.Source, Number: int64(i + 1), Data: r.Data}, &out); err != nil {
					t.Fatalf("record %d of %s: %v", i, r.Source, err)
				}
				for _, f := range d.Evaluate(out.Events) {
					found[f.RuleID]++
					sources[f.ServiceSource] = true
					if f.Severity == incident.High || f.Severity == incident.Medium {
						loud++
					}
				}
			}
			var ids []string
			for id := range found {
				ids = append(ids, id)
			}
			sort.Strings(ids)
			t.Logf("%d records, %d rules: %v", len(records), len(ids), ids)
			if len(s.Techniques) == 0 {
				if loud > 0 {
					t.Errorf("%d alerts of medium severity or higher on an ordinary day: %v", loud, found)
				}
				return
			}
			if len(ids) < 3 {
				t.Errorf("the attack is seen by %v only", ids)
			}
		})
	}
}
