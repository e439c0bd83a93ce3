package generic

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

func FuzzNormalise(f *testing.F) {
	seeds, err := os.ReadFile(filepath.Join("testdata", "records.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	goldentest.Seed(f, seeds)
	family := New()
	f.Fuzz(func(t *testing.T, data []byte) { goldentest.Check(t, family, data) })
}
