package hunting

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/goldentest"
)

func TestGolden(t *testing.T) {
	goldentest.Run(t, "testdata", func() normalise.Family { return New() })
}

func TestProbe(t *testing.T) {
	for in, want := range map[string]bool{
		`{"category":"AdvancedHunting-X","properties":{}}`:   true,
		`{"Timestamp":"x","ActionType":"y","DeviceId":"z"}`:  true,
		`{"Timestamp":"x","ReportId":"y","ApplicationId":1}`: true,
		`{"Timestamp":"x","EventID":1,"DeviceId":"z"}`:       false,
		`{"eventName":"x"}`: false,
		``:                  false,
	} {
		if got := Probe([]byte(in)) >= 50; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	seeds, err := os.ReadFile(filepath.Join("testdata", "rows.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	goldentest.Seed(f, seeds)
	family := New()
	f.Fuzz(func(t *testing.T, data []byte) { goldentest.Check(t, family, data) })
}
