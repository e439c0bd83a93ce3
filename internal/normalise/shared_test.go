package normalise_test

import (
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/cloudtrail"
	"github.com/bartizan-sec/bartizan/internal/normalise/entra"
	"github.com/bartizan-sec/bartizan/internal/normalise/generic"
	"github.com/bartizan-sec/bartizan/internal/normalise/github"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
	"github.com/bartizan-sec/bartizan/internal/normalise/google"
	"github.com/bartizan-sec/bartizan/internal/normalise/hunting"
	"github.com/bartizan-sec/bartizan/internal/normalise/linux"
	"github.com/bartizan-sec/bartizan/internal/normalise/m365"
	"github.com/bartizan-sec/bartizan/internal/normalise/network"
	"github.com/bartizan-sec/bartizan/internal/normalise/okta"
)

// sharedData is a folder of public sample data beside the working copy; the test is skipped where it is absent.
const sharedData = "../../../shared/data"

// TestSharedSamples brings public cloud, identity, Linux and network samples through the families: every record becomes rows, a named kind or a named
// refusal, and refusals are rare.
func TestSharedSamples(t *testing.T) {
	if _, err := os.Stat(sharedData); err != nil {
		t.Skip("no sample data beside the working copy")
	}
	families := map[string]normalise.Family{}
	var probes []reader.Probe
	for _, f := range []struct {
		family normalise.Family
		probe  func([]byte) int
	}{
		{m365.New(), m365.Probe},
		{entra.New(), entra.Probe},
		{hunting.New(), hunting.Probe},
		{cloudtrail.New(), cloudtrail.Probe},
		{okta.New(), okta.Probe},
		{github.New(), github.Probe},
		{google.New(), google.Probe},
		{linux.New(), linux.Probe},
		{network.New(), network.Probe},
		{generic.New(), generic.Probe},
	} {
		families[f.family.Name()] = f.family
		probes = append(probes, reader.Probe{Name: f.family.Name(), Score: f.probe})
	}
	for _, set := range []struct {
		path    string
		refused int // of 1,000 records at most
	}{
		{"cloud/o365-unified-audit.jsonl.gz", 0},
		{"identity/entra-signinlogs.jsonl.gz", 0},
		{"cloud/cloudtrail-attack-simulation.jsonl.gz", 0},
		{"cloud/cloudtrail-detonations.jsonl.gz", 0},
		{"endpoint/otrf-compound/GoldenSAMLADFSMailAccess/AADAuditEvents.jsonl.gz", 0},
		{"endpoint/otrf-compound/GoldenSAMLADFSMailAccess/Microsoft365DefenderEvents.jsonl.gz", 0},
		{"endpoint/otrf-compound/GoldenSAMLADFSMailAccess/OfficeActivityEvents.jsonl.gz", 0},
		{"endpoint/mde-deviceprocessevents.jsonl.gz", 0},
		{"cloud/panther-labelled-events.jsonl.gz", 5},
		{"identity/panther-labelled-events.jsonl.gz", 5},
		{"identity/sekoia-parser-tests.jsonl.gz", 20},
		{"cloud/sekoia-parser-tests.jsonl.gz", 20},
		{"linux", 5},
		{"network", 1},
	} {
		t.Run(filepath.Base(set.path), func(t *testing.T) {
			s := &samples{t: t, families: families, rows: map[string]int{}, unmapped: map[string]int{}}
			start := time.Now()
			if err := reader.Walk(t.Context(), []string{filepath.Join(sharedData, set.path)}, reader.Options{Probes: probes}, s); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d records in %v: rows %v, refused %d, without a table %v", s.records, time.Since(start).Round(time.Millisecond), s.rows, s.refused, sorted(s.unmapped))
			if s.refused*1000 > s.records*set.refused {
				t.Errorf("%d of %d records refused", s.refused, s.records)
			}
			if s.records == 0 || s.lost > 0 {
				t.Errorf("%d records, %d lost", s.records, s.lost)
			}
		})
	}
}

type samples struct {
	t                      *testing.T
	families               map[string]normalise.Family
	rows, unmapped         map[string]int
	records, refused, lost int
}

func (s *samples) Begin(*reader.File) error { return nil }
func (s *samples) End(*reader.File) error   { return nil }

func (s *samples) Refuse(file string, number int64, code, message string) {
	s.refused++
	s.t.Logf("refused %s:%d %s %s", file, number, code, message)
}

func (s *samples) Record(rec *normalise.Record) error {
	s.records++
	f := s.families[rec.Source]
	if f == nil {
		f = s.families[generic.Name]
	}
	var out normalise.Batch
	if err := f.Normalise(rec, &out); err != nil {
		s.refused++
		if s.refused < 10 {
			s.t.Logf("refused %s:%d %v", rec.File, rec.Number, err)
		}
		return nil
	}
	if len(out.Rows) == 0 && out.Unmapped == "" {
		s.lost++
	}
	if out.Unmapped != "" {
		s.unmapped[out.Unmapped]++
	}
	for _, r := range out.Rows {
		s.rows[r.Table.Name]++
	}
	if s.records%50 == 0 {
		goldentest.Describe(&out, nil)
	}
	return nil
}

func sorted(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
