package linux

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
		"type=A msg=audit(1.000:2): x":           true,
		"Mar  4 09:00:01 h sshd[1]: hello":       true,
		"Mar  4 09:00:01 h thing: hello":         true,
		"<13>1 2031-03-04T09:00:01Z h a - - - x": true,
		`{"hostIdentifier":"h","columns":{}}`:    true,
		`{"a":1}`:                                false,
		"hello":                                  false,
		"":                                       false,
	} {
		if got := Probe([]byte(in)) >= 50; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	seeds, err := os.ReadFile(filepath.Join("testdata", "lines.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	goldentest.Seed(f, seeds)
	for _, name := range []string{"exec.log", "connect.log", "create.log"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	family := New()
	f.Fuzz(func(t *testing.T, data []byte) { goldentest.Check(t, family, data) })
}
