package main

import (
	"context"
	"testing"

	"github.com/bartizan-sec/bartizan/content"
)

// TestShippedContent runs all tests of the shipped detections, those of KQL rules on a real lake.
func TestShippedContent(t *testing.T) {
	bench, drop, err := newBench()
	if err != nil {
		t.Fatal(err)
	}
	defer drop()
	results, err := bench.Run(context.Background(), content.Detections())
	if err != nil {
		t.Fatal(err)
	}
	kql := map[string]bool{}
	for _, r := range results {
		if !r.OK || r.Skipped {
			t.Errorf("%s: %s: %s", r.File, r.Test, r.Message)
		}
		if r.Kind == "kql" {
			kql[r.Rule] = true
		}
	}
	if len(kql) < 10 {
		t.Errorf("%d KQL rules are shipped, want 10 or more", len(kql))
	}
}
