package osquery_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/osquery"
)

func TestSchedule(t *testing.T) {
	plan, err := osquery.Schedule(content.Osquery())
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range plan["schedule"].(map[string]any) {
		// The linux family tells a result's table by the name of its query.
		if !strings.Contains(name, "_events") || q.(map[string]any)["interval"] == 0 {
			t.Errorf("%s: %v is not one of the tables that are mapped", name, q)
		}
	}
	for name, text := range map[string]string{
		"no file":          "",
		"nothing asked":    "schedule: []",
		"no query":         "schedule: [{name: a, interval: 1}]",
		"no interval":      "schedule: [{name: a, query: SELECT 1}]",
		"the same twice":   "schedule: [{name: a, query: SELECT 1, interval: 1, platform: x}, {name: a, query: SELECT 2, interval: 1, platform: y}, {name: a, query: SELECT 3, interval: 1, platform: y}]",
		"no YAML":          "schedule: [",
		"what is no value": "schedule: [{name: a, query: SELECT 1, interval: 1}]\noptions: {x: .inf}",
	} {
		folder := fstest.MapFS{}
		if text != "" {
			folder["schedule.yml"] = &fstest.MapFile{Data: []byte(text)}
		}
		if plan, err := osquery.Schedule(folder); err == nil {
			t.Errorf("%s: taken as %v", name, plan)
		}
	}
}
