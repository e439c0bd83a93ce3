package network

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
		`{"_path":"conn","ts":1}`:                                  true,
		`{"ts":1,"id.orig_h":"10.0.0.1"}`:                          true,
		`{"event_type":"flow","src_ip":"10.0.0.1","dest_ip":"x"}`:  true,
		`1.2.3.4 - - [04/Mar/2031:10:20:11 +0100] "GET / X" 200 1`: true,
		`{"event_type":"x"}`:                                       false,
		`Mar  4 09:00:01 h sshd[1]: hello`:                         false,
		``:                                                         false,
	} {
		if got := Probe([]byte(in)) >= 50; got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
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

func TestLogName(t *testing.T) {
	for in, want := range map[string]string{
		"conn.log": "conn", "a.tar.gz#day1/NASHUA_smb_mapping.log": "smb_mapping", "dir/dns.2031-03-04.log.gz": "dns", "zeek-x-ssl.jsonl.gz": "ssl", "other.log": "", "": "",
	} {
		if got := logName(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}
