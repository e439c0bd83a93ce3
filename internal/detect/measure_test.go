package detect_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bartizan-sec/bartizan/internal/detect"
	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// sampleData is where public sample data and rules lie beside a checkout; measures are skipped where they do not.
func sampleData(t testing.TB) string {
	dir := os.Getenv("BARTIZAN_SAMPLES")
	if dir == "" {
		dir = "../../../shared/data"
	}
	if _, err := os.Stat(filepath.Join(dir, "sigma")); err != nil {
		t.Skip("no sample data at " + dir)
	}
	return dir
}

// untar reads a packed archive into memory.
func untar(t testing.TB, path string) fstest.MapFS {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(h.Name, "./")] = &fstest.MapFile{Data: data}
	}
}

// publicRules compiles the public rule set as an import would.
func publicRules(t testing.TB) *detect.Detector {
	t.Helper()
	start := time.Now()
	rules, issues, err := detect.ReadRules(t.Context(), untar(t, filepath.Join(sampleData(t), "sigma/sigma-rules.tar.gz")), detect.Imported)
	if err != nil {
		t.Fatal(err)
	}
	read := time.Since(start)
	d, more := detect.NewDetector(rules)
	t.Logf("%d rules, %d issues, %d compiled; read in %s, compiled in %s", len(rules), len(issues)+len(more), d.Len(), read.Round(time.Millisecond), (time.Since(start) - read).Round(time.Millisecond))
	return d
}

// TestPublicRegression fires each public rule on the JSON form of its own recorded event, through the Windows family.
func TestPublicRegression(t *testing.T) {
	d := publicRules(t)
	cases, fired := 0, 0
	for name, file := range untar(t, filepath.Join(sampleData(t), "sigma/sigma-regression.tar.gz")) {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		cases++
		want := strings.TrimSuffix(filepath.Base(name), ".json")
		family := winlog.New(normalise.NewProcessCache(1000))
		ids := map[string]bool{}
		dec := json.NewDecoder(strings.NewReader(string(file.Data)))
		for dec.More() {
			var doc json.RawMessage
			if err := dec.Decode(&doc); err != nil {
				t.Log(name, err)
				break
			}
			records := []json.RawMessage{doc}
			if strings.HasPrefix(string(doc), "[") {
				records = nil
				if err := json.Unmarshal(doc, &records); err != nil {
					t.Fatal(err)
				}
			}
			for i, rec := range records {
				var out normalise.Batch
				if err := family.Normalise(&normalise.Record{Tenant: tenant.Default, Number: int64(i + 1), Data: rec}, &out); err != nil {
					t.Log(name, err)
					continue
				}
				for _, f := range d.Evaluate(out.Events) {
					ids[f.RuleID] = true
				}
			}
		}
		if ids[want] {
			fired++
		} else {
			t.Log("missed", name)
		}
	}
	t.Logf("%d of %d cases fired", fired, cases)
	if fired*100 < cases*95 {
		t.Errorf("%d of %d cases fired, want 95 %%", fired, cases)
	}
}

// TestRecordedAttacks wants an alert in nearly each of the recorded attacks, and shows which rules make the most hits.
func TestRecordedAttacks(t *testing.T) {
	if os.Getenv("BARTIZAN_SAMPLES") == "" {
		t.Skip("takes a minute: set BARTIZAN_SAMPLES to the folder of sample data")
	}
	d := publicRules(t)
	base := sampleData(t)
	files, _ := filepath.Glob(filepath.Join(base, "endpoint/otrf-atomic/*.jsonl.gz"))
	more, _ := filepath.Glob(filepath.Join(base, "endpoint/otrf-compound/*.jsonl.gz"))
	files = append(files, more...)
	hits, titles := map[string]int{}, map[string]string{}
	records, alerted := 0, 0
	var normalising, evaluating time.Duration
	for _, path := range files {
		found := map[string]bool{}
		family := winlog.New(normalise.NewProcessCache(20_000))
		batch := new(normalise.Batch)
		flush := func() {
			start := time.Now()
			for _, f := range d.Evaluate(batch.Events) {
				found[f.RuleID] = true
				hits[f.RuleID]++
				titles[f.RuleID] = string(f.Severity) + " " + f.Title
				if f.Severity == incident.High && f.FoldKey == "" {
					t.Errorf("%s: %s has no fold key", path, f.Title)
				}
			}
			evaluating += time.Since(start)
			*batch = normalise.Batch{}
		}
		eachLine(t, path, func(n int64, line []byte) {
			start := time.Now()
			records++
			_ = family.Normalise(&normalise.Record{Tenant: tenant.Default, File: path, Number: n, Data: line}, batch) // refusals are counted elsewhere
			normalising += time.Since(start)
			if len(batch.Events) >= 500 {
				flush()
			}
		})
		flush()
		if len(found) > 0 {
			alerted++
		} else {
			t.Log("no alert:", path)
		}
	}
	t.Logf("%d of %d sets have an alert; %d records, normalised %.0f/s, evaluated %.0f/s", alerted, len(files), records,
		float64(records)/normalising.Seconds(), float64(records)/evaluating.Seconds())
	ids := make([]string, 0, len(hits))
	for id := range hits {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return hits[ids[i]] > hits[ids[j]] })
	for _, id := range ids[:min(25, len(ids))] {
		t.Logf("%7d %s %s", hits[id], id, titles[id])
	}
	if alerted*100 < len(files)*95 {
		t.Errorf("%d of %d sets have an alert, want 95 %%", alerted, len(files))
	}
}

func eachLine(t testing.TB, path string, fn func(n int64, line []byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	for n := int64(1); lines.Scan(); n++ {
		fn(n, append([]byte(nil), lines.Bytes()...))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
