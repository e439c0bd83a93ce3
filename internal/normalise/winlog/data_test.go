package winlog_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/normalise/winlog"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// sharedData is where a checkout may have public sample data beside it; tests on it are skipped where it is not.
const sharedData = "../../../../shared/data"

// TestSampleDataLosesNothing sends public recordings through the family: every record gives one event and rows, or a named unmapped kind, or a
// refusal with a code. It takes the first records of each file; with BARTIZAN_SAMPLES_FULL set, all.
func TestSampleDataLosesNothing(t *testing.T) {
	var files []string
	for _, pattern := range []string{"endpoint/otrf-atomic/*.jsonl.gz", "endpoint/otrf-compound/*.jsonl.gz", "endpoint/otrf-compound/*/WindowsEvents.jsonl.gz", "endpoint/splunk-*.jsonl.gz", "endpoint/splunk-*.xml.gz", "identity/windows-dc-security.jsonl.gz"} {
		found, _ := filepath.Glob(filepath.Join(sharedData, pattern))
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("no sample data at " + sharedData)
	}
	total := newTally()
	total.perFile = 400
	if os.Getenv("BARTIZAN_SAMPLES_FULL") != "" {
		total.perFile = 1 << 60
	}
	start := time.Now()
	for _, f := range files {
		family := winlog.New(normalise.NewProcessCache(20_000))
		total.file(t, family, f)
	}
	t.Logf("%d files, %d records, %d rows, %d unmapped, %d refused in %s", len(files), total.records, total.rows, total.unmapped, total.refused, time.Since(start).Round(time.Millisecond))
	t.Log(total.report())
	if total.records == 0 || total.refused*100 > total.records {
		t.Errorf("%d of %d records refused", total.refused, total.records)
	}
}

type tally struct {
	perFile                          int64
	records, rows, unmapped, refused int
	kinds, tables, refusals          map[string]int
}

func newTally() *tally {
	return &tally{kinds: map[string]int{}, tables: map[string]int{}, refusals: map[string]int{}}
}

func (c *tally) file(t *testing.T, family normalise.Family, path string) {
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
	for n := int64(1); n <= c.perFile && lines.Scan(); n++ {
		c.record(t, family, path, n, lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func (c *tally) record(t *testing.T, family normalise.Family, path string, n int64, data []byte) {
	t.Helper()
	if len(strings.TrimSpace(string(data))) == 0 {
		return
	}
	c.records++
	if p := winlog.Probe(data); p < 50 {
		t.Errorf("%s:%d: probe gives %d", path, n, p)
	}
	var out normalise.Batch
	rec := &normalise.Record{Tenant: tenant.Default, Source: winlog.Name, File: path, Number: n, Data: data}
	if err := family.Normalise(rec, &out); err != nil {
		c.refused++
		c.refusals[err.Error()]++
		return
	}
	if len(out.Events) != 1 {
		t.Fatalf("%s:%d: %d events", path, n, len(out.Events))
	}
	e := out.Events[0]
	if len(e.Rows) == 0 {
		if out.Unmapped == "" {
			t.Errorf("%s:%d: neither rows nor a name for the unmapped kind", path, n)
		}
		c.unmapped++
		c.kinds[out.Unmapped]++
	}
	c.rows += len(out.Rows)
	for _, row := range out.Rows {
		c.tables[row.Table.Name+" "+row.Text("ActionType")]++
		if extra := row.Text("AdditionalFields"); extra != "" && !json.Valid([]byte(extra)) {
			t.Errorf("%s:%d: AdditionalFields is not JSON: %s", path, n, extra)
		}
		checkCells(t, row)
	}
	names := map[string]bool{}
	for _, f := range e.Fields {
		if names[f.Name] {
			t.Errorf("%s:%d: field %s twice", path, n, f.Name)
		}
		names[f.Name] = true
	}
}

// checkCells asserts that each cell has the Go type its column promises.
func checkCells(t *testing.T, row *schema.Row) {
	t.Helper()
	for i, v := range row.Values {
		if v == nil {
			continue
		}
		c := row.Table.Columns[i]
		ok := false
		switch v.(type) {
		case bool:
			ok = c.Type == schema.Bool
		case int32:
			ok = c.Type == schema.Int
		case int64:
			ok = c.Type == schema.Long || c.Type == schema.DateTime
		case string:
			ok = c.Type == schema.String || c.Type == schema.Dynamic || c.Type == schema.GUID
		}
		if !ok {
			t.Errorf("%s.%s is %s and got a %T", row.Table.Name, c.Name, c.Type, v)
		}
	}
}

func (c *tally) report() string {
	var b strings.Builder
	for _, m := range []map[string]int{c.tables, c.kinds, c.refusals} {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(i, j int) bool { return m[keys[i]] > m[keys[j]] })
		for _, k := range keys[:min(len(keys), 60)] {
			fmt.Fprintf(&b, "%8d %s\n", m[k], k)
		}
		b.WriteString("--\n")
	}
	return b.String()
}
