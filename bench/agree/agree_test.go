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

// floor is the share of fields that must agree.
const floor = 0.95

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
		if s.Comparable == 0 {
			t.Logf("%-10s -    : nothing to compare: the fields that the %d expected documents have (%d of whose records became rows) have no columns of hunting tables", s.Family, s.Documents, s.Rows)
			continue
		}
		t.Logf("%-10s %.3f: %d of %d fields agree, in %d of %d documents with rows", s.Family, s.Share(), s.Agree, s.Comparable, s.Rows, s.Documents)
		if s.Share() < floor {
			t.Errorf("%s: %.3f of the fields agree; at least %.2f must", s.Family, s.Share(), floor)
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
