package mapping_test

import (
	"testing"

	"github.com/bartizan-sec/bartizan/content"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/mapping"
	"github.com/bartizan-sec/bartizan/internal/normalise/generic"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/normalise/network"
)

func families() []ingest.Family {
	return []ingest.Family{{Family: linux.New(), Probe: linux.Probe}, {Family: network.New(), Probe: network.Probe}, {Family: generic.New(), Probe: generic.Probe}}
}

func TestShipped(t *testing.T) {
	results, err := mapping.TestFiles(families, content.Mappings())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 10 {
		t.Errorf("only %d tests", len(results))
	}
	for _, r := range results {
		if !r.OK {
			t.Errorf("%s, test %d, line %d: %s", r.Mapping, r.Test, r.Line, r.Message)
		}
	}
}
