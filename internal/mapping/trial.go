package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql/fn"
)

// Bounds of a trial.
const (
	MaxSamples     = 100
	MaxSampleBytes = 256 << 10
)

// Outcome is what became of a sample.
type Outcome struct {
	Sample   string
	Family   string
	Matched  bool
	Rows     []Row
	Unmapped string // what the family calls the record, when the mapping left it alone and no table takes it
	Err      *fault.Error
}

// Row is a row with its cells as JSON values; cells without a value are left out.
type Row struct {
	Table  string
	Values map[string]any
}

// one is a set of one mapping that tells whether it took the record.
type one struct {
	set   Set
	taken bool
}

func (o *one) Map(rec *normalise.Record, out *normalise.Batch, rows, events int) (bool, error) {
	ok, err := o.set.Map(rec, out, rows, events)
	o.taken = ok
	return ok, err
}

// Try shows samples to the families and to one mapping, and keeps nothing. received is the time of their arrival.
func Try(families []ingest.Family, m *Mapping, received time.Time, samples ...string) []Outcome {
	out := make([]Outcome, len(samples))
	for i, s := range samples {
		out[i] = try(families, m, received, "", s)
	}
	return out
}

func try(families []ingest.Family, m *Mapping, received time.Time, host, sample string) Outcome {
	o := Outcome{Sample: sample}
	rec := &normalise.Record{Tenant: tenant.Default, Source: ingest.Auto, Host: host, Number: 1, Received: received, Data: []byte(sample)}
	mapper := &one{set: Set{[]*Mapping{m}}}
	batch, err := ingest.Try(families, mapper, rec)
	o.Family, o.Matched = rec.Source, mapper.taken
	if err != nil {
		if !errors.As(err, &o.Err) {
			o.Err = fault.Newf(fault.Invalid, "%v", err)
		}
		return o
	}
	if o.Unmapped = batch.Unmapped; o.Matched {
		o.Unmapped = ""
	}
	for _, r := range batch.Rows {
		o.Rows = append(o.Rows, rowOf(r))
	}
	return o
}

// rowOf shows a row as hunting would.
func rowOf(r *schema.Row) Row {
	out := Row{Table: r.Table.Name, Values: map[string]any{}}
	for i, v := range r.Values {
		if v == nil {
			continue
		}
		c := r.Table.Columns[i]
		switch x := v.(type) {
		case int64:
			if c.Type == schema.DateTime {
				v = fn.FormatDateTime(x)
			}
		case string:
			if x == "" {
				continue
			}
			var tree any
			if c.Type == schema.Dynamic && json.Unmarshal([]byte(x), &tree) == nil {
				v = tree
			}
		}
		out.Values[c.Name] = v
	}
	return out
}

// Result is the outcome of a mapping's own test.
type Result struct {
	Mapping string
	Test    int // from 1
	Line    int
	OK      bool
	Message string
}

// testTime is when the samples of tests arrive.
var testTime = time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)

// RunTests runs a mapping's own tests.
func (s *Service) RunTests(m *Mapping) []Result { return RunTests(s.opt.Families(), m) }

// Try shows samples to a mapping that is not kept.
func (s *Service) Try(text string, samples ...string) ([]Outcome, error) {
	if len(samples) > MaxSamples {
		return nil, fault.Newf(fault.TooLarge, "at most %d samples are tried at once", MaxSamples).On("samples")
	}
	for _, x := range samples {
		if len(x) > MaxSampleBytes {
			return nil, fault.Newf(fault.TooLarge, "a sample has at most %d bytes", MaxSampleBytes).On("samples")
		}
	}
	m, err := Compile(text)
	if err != nil {
		return nil, on(err, "text")
	}
	return Try(s.opt.Families(), m, s.opt.Now().UTC(), samples...), nil
}

// RunTests runs a mapping's own tests on the families.
func RunTests(families []ingest.Family, m *Mapping) []Result {
	var out []Result
	for i, t := range m.Tests {
		r := Result{Mapping: m.Name, Test: i + 1, Line: t.Line}
		r.Message = check(t, try(families, m, testTime, t.Host, strings.TrimRight(t.Sample, "\n")))
		r.OK = r.Message == ""
		out = append(out, r)
	}
	return out
}

func check(t Test, o Outcome) string {
	switch {
	case o.Err != nil:
		return o.Err.Error()
	case len(t.Rows) == 0 && o.Matched:
		return "the mapping takes a record that it should leave alone"
	case len(t.Rows) == 0:
		return ""
	case !o.Matched:
		return fmt.Sprintf("the mapping leaves the record alone (family %s, kind %q)", o.Family, o.Unmapped)
	case len(t.Rows) != len(o.Rows):
		return fmt.Sprintf("%d rows, expected %d", len(o.Rows), len(t.Rows))
	}
	for i, want := range t.Rows {
		names := make([]string, 0, len(want))
		for name := range want {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if got := o.Rows[i].Values[name]; !alike(want[name], got) {
				return fmt.Sprintf("%s is %s, expected %s", name, asJSON(got), asJSON(want[name]))
			}
		}
	}
	return ""
}

// alike compares what a test expects with a cell; times and guids may be written in any form that reads the same.
func alike(want, got any) bool {
	if t, ok := want.(time.Time); ok {
		want = fn.FormatDateTime(schema.Ticks(t.UTC()))
	}
	if want == nil || want == "" {
		return got == nil
	}
	if asJSON(want) == asJSON(got) {
		return true
	}
	a, ok1 := want.(string)
	b, ok2 := got.(string)
	if ok1 && ok2 {
		x, ok1 := normalise.ParseTime(a)
		y, ok2 := normalise.ParseTime(b)
		return ok1 && ok2 && len(a) > 10 && x.Equal(y)
	}
	return false
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// TestFiles compiles the mapping files of a folder and runs their tests. A file without a test fails.
func TestFiles(families func() []ingest.Family, files fs.FS) ([]Result, error) {
	all, err := Files(files)
	if err != nil {
		return nil, err
	}
	var out []Result
	seen := map[string]string{}
	for _, f := range all {
		m, err := Compile(f.Text)
		if err != nil {
			r := Result{Mapping: f.Name, Message: err.Error()}
			var e *fault.Error
			if errors.As(err, &e) {
				r.Line, _ = e.Details["line"].(int)
			}
			out = append(out, r)
			continue
		}
		if other := seen[m.Name]; other != "" {
			out = append(out, Result{Mapping: f.Name, Message: fmt.Sprintf("%s has the same name %s", other, m.Name)})
		}
		seen[m.Name] = f.Name
		if len(m.Tests) == 0 || m.Description == "" {
			out = append(out, Result{Mapping: m.Name, Message: "a mapping has a description and at least one test"})
		}
		out = append(out, RunTests(families(), m)...)
	}
	return out, nil
}
