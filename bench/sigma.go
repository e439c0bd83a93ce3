package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

// sigma evaluates decoded Windows events on one core against growing parts of the rule set.
func (b *bench) sigma(ctx context.Context) error {
	rules, _, err := detect.ReadRules(ctx, content.Detections(), detect.Builtin)
	if err != nil {
		return err
	}
	if dir := os.Getenv("BARTIZAN_TEST_RULES"); dir != "" {
		more, _, err := detect.ReadRules(ctx, os.DirFS(dir), detect.Imported)
		if err != nil {
			return err
		}
		rules = append(rules, more...)
	}
	var events []*normalise.Event
	e := newEvents()
	family := winlog.New(normalise.NewProcessCache(100_000))
	for i := range 50_000 {
		var out normalise.Batch
		if err := family.Normalise(&normalise.Record{Tenant: "default", Source: "winlog", Number: int64(i + 1), Received: e.start, Data: e.record(i)}, &out); err != nil {
			return err
		}
		events = append(events, out.Events...)
	}
	print("sigma_rules", float64(len(rules)), "rules")
	for _, size := range []int{500, 1000, 2000, len(rules)} {
		if size > len(rules) {
			continue
		}
		d, _ := detect.NewDetector(rules[:size])
		start := time.Now()
		for part := events; len(part) > 0; {
			n := min(512, len(part))
			d.Evaluate(part[:n])
			part = part[n:]
		}
		rate := float64(len(events)) / time.Since(start).Seconds()
		if size == len(rules) {
			print("sigma_scaling_all", rate, "events/s")
			print("sigma_events_per_second_per_core", rate, "events/s")
		} else {
			print(fmt.Sprintf("sigma_scaling_%d", size), rate, "events/s")
		}
	}
	return nil
}
