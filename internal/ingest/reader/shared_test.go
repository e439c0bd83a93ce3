package reader

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// sharedData is a folder of public sample data beside the working copy; tests over it are skipped where it is absent.
const sharedData = "../../../../shared/data"

// TestSharedData walks the sample data: every file gives records, and refusals are rare and named.
func TestSharedData(t *testing.T) {
	if _, err := os.Stat(sharedData); err != nil {
		t.Skip("no sample data beside the working copy")
	}
	if testing.Short() {
		t.Skip("reads megabytes of archives")
	}
	records, refusals, empty := map[string]int{}, map[string]int{}, map[string]bool{}
	var bytes int64
	start := time.Now()
	sink := &sharedSink{funcSink: funcSink{
		record: func(r *normalise.Record) error {
			folder, _ := filepath.Rel(sharedData, r.File)
			records[strings.SplitN(filepath.ToSlash(folder), "/", 2)[0]]++
			bytes += int64(len(r.Data))
			return nil
		},
		refuse: func(file string, number int64, code, message string) {
			refusals[code]++
			if refusals[code] <= 20 {
				t.Logf("refused %s:%d %s: %s", file, number, code, message)
			}
		},
	}, empty: empty, records: records}
	var paths []string
	for _, folder := range []string{"cloud", "email", "identity", "linux", "sigma", "endpoint/evtx-ordinary-and-odd.tar.gz", "endpoint/splunk-T1552.004-certutil-sysmon.xml.gz", "endpoint/otrf-atomic/schtask_create.jsonl.gz"} {
		paths = append(paths, filepath.Join(sharedData, folder))
	}
	if err := Walk(t.Context(), paths, Options{}, sink); err != nil {
		t.Fatal(err)
	}
	t.Logf("records %v, refusals %v, %d MB in %v", records, refusals, bytes>>20, time.Since(start).Round(time.Millisecond))
	var names []string
	for n := range empty {
		names = append(names, n)
	}
	sort.Strings(names)
	t.Logf("files without a record: %q", names)
	if len(records) < 5 {
		t.Errorf("too few folders gave records: %v", records)
	}
}

type sharedSink struct {
	funcSink
	records map[string]int
	before  int
	empty   map[string]bool
}

func (s *sharedSink) total() int {
	n := 0
	for _, v := range s.records {
		n += v
	}
	return n
}

func (s *sharedSink) Begin(*File) error { s.before = s.total(); return nil }

func (s *sharedSink) End(f *File) error {
	if s.total() == s.before {
		s.empty[f.Path] = true
	}
	return nil
}
