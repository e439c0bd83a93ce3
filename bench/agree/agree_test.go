package agree_test

import (
	"context"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/bartizan-sec/bartizan/bench/agree"
	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cef"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudtrail"
	"github.com/bartizan-sec/bartizan/internal/normalise/entra"
	"github.com/bartizan-sec/bartizan/internal/normalise/github"
	"github.com/bartizan-sec/bartizan/internal/normalise/google"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/normalise/m365"
	"github.com/bartizan-sec/bartizan/internal/normalise/network"
	"github.com/bartizan-sec/bartizan/internal/normalise/okta"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
)

func families() []ingest.Family {
	return []ingest.Family{
		{Family: winlog.New(normalise.NewProcessCache(1000)), Probe: winlog.Probe},
		{Family: entra.New(), Probe: entra.Probe},
		{Family: m365.New(), Probe: m365.Probe},
		{Family: cloudtrail.New(), Probe: cloudtrail.Probe},
		{Family: okta.New(), Probe: okta.Probe},
		{Family: github.New(), Probe: github.Probe},
		{Family: google.New(), Probe: google.Probe},
		{Family: cef.New(), Probe: cef.Probe},
		{Family: network.New(), Probe: network.Probe},
		{Family: linux.New(), Probe: linux.Probe},
	}
}

// floor is the share of fields that must agree. CEF stands below it: the parsers of its many products read the same keys differently.
const floor = 0.95

var floors = map[string]float64{"cef": 0.9}

func TestFamilies(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("the parsers' expectations are not there: %v", err)
	}
	scores, err := agree.Run(context.Background(), folder, families)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scores {
		t.Logf("%-10s %.3f: %d of %d fields agree, in %d of %d documents with rows", s.Family, s.Share(), s.Agree, s.Comparable, s.Rows, s.Documents)
		least := floor
		if own, ok := floors[s.Family]; ok {
			least = own
		}
		if s.Share() < least {
			t.Errorf("%s: %.3f of the fields agree; at least %.2f must", s.Family, s.Share(), least)
		}
		fields := make([]string, 0, len(s.Wrong))
		for f := range s.Wrong {
			fields = append(fields, f)
		}
		sort.Slice(fields, func(i, j int) bool { return s.Wrong[fields[i]] > s.Wrong[fields[j]] })
		for _, f := range fields[:min(len(fields), 12)] {
			t.Logf("    %s: %d; %s", f, s.Wrong[f], s.Examples[f])
		}
	}
}
