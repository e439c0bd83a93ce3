package kql_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

func shared(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "shared"}, parts...)...)
}

// tables is a catalog in memory.
type tables map[string]*kql.Table

func (t tables) Table(name string) *kql.Table { return t[name] }

func (t tables) Names() []string {
	out := make([]string, 0, len(t))
	for n := range t {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func typeNamed(name string) plan.Type {
	for t := plan.Unknown; t <= plan.GUID; t++ {
		if t.String() == name {
			return t
		}
	}
	return plan.Unknown
}

// huntingTables reads the schema of the hunting tables; the test is skipped where it is absent.
func huntingTables(t testing.TB) tables {
	t.Helper()
	data, err := os.ReadFile(shared("schema", "tables.json"))
	if err != nil {
		t.Skip("no hunting schema beside the tree:", err)
	}
	var file struct {
		Tables []struct {
			Name    string
			Columns []struct{ Name, Type string }
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	out := tables{}
	for _, x := range file.Tables {
		table := &kql.Table{Name: x.Name}
		for _, c := range x.Columns {
			table.Columns = append(table.Columns, kql.TableColumn{Name: c.Name, Type: typeNamed(c.Type)})
			if c.Name == "Timestamp" {
				table.TimeColumn = c.Name
			}
		}
		// columns of the store's own must not show, whatever their names
		for _, h := range []kql.TableColumn{{Name: "AdditionalFields", Type: plan.Dynamic, Hidden: true}, {Name: "RecordOrigin", Type: plan.String, Hidden: true}} {
			have := false
			for _, c := range table.Columns {
				have = have || c.Name == h.Name
			}
			if !have {
				table.Columns = append(table.Columns, h)
			}
		}
		if table.TimeColumn != "" {
			table.Columns = append(table.Columns, kql.TableColumn{Name: "TimeGenerated", Type: plan.DateTime, Physical: "Timestamp", Hidden: true})
		}
		out[x.Name] = table
	}
	return out
}

type corpusCase struct {
	ID, Query, Binds, Area string
	Columns                []struct{ Name, Type string }
}

func corpus(t testing.TB, name string) []corpusCase {
	t.Helper()
	f, err := os.Open(shared("corpus", "kql", name))
	if err != nil {
		t.Skip("no query corpus beside the tree:", err)
	}
	defer f.Close()
	var out []corpusCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var c corpusCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func header(cols []plan.Column) string {
	var b strings.Builder
	for _, c := range cols {
		b.WriteString(c.Name + ":" + c.Type.String() + " ")
	}
	return b.String()
}

func wanted(c corpusCase) string {
	var b strings.Builder
	for _, x := range c.Columns {
		b.WriteString(x.Name + ":" + x.Type + " ")
	}
	return b.String()
}

// TestHuntingQueriesBind holds the binder to the columns that the language defines for public hunting queries.
func TestHuntingQueriesBind(t *testing.T) {
	catalog := huntingTables(t)
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	bound, binds, right, known := 0, 0, 0, 0
	for _, c := range corpus(t, "hunting_m365d.jsonl") {
		if c.Binds == "no" {
			continue
		}
		binds++
		p, err := kql.Compile(c.Query, catalog, kql.Options{Now: now})
		if err != nil {
			var e *kql.Error
			errors.As(err, &e)
			t.Logf("%s: %s %v (%s)", c.ID, e.Code, e, e.Hint)
			continue
		}
		bound++
		for _, r := range p.Results {
			if err := verify(r.Root); err != nil {
				t.Errorf("%s: the plan is not well formed: %v", c.ID, err)
			}
		}
		if c.Binds != "yes" || len(c.Columns) == 0 {
			continue
		}
		known++
		if got, want := header(p.Columns), wanted(c); got == want {
			right++
		} else {
			t.Logf("%s: columns\n got  %s\n want %s", c.ID, difference(got, want), difference(want, got))
		}
	}
	t.Logf("%d of %d bind, %d of %d have the defined columns", bound, binds, right, known)
	if share := float64(bound) / float64(binds); share < 0.97 {
		t.Errorf("only %.3f bind", share)
	}
	if share := float64(right) / float64(known); share < 0.97 {
		t.Errorf("only %.3f have the defined columns", share)
	}
}

// difference lists the columns of a that b lacks, or all when only the order differs.
func difference(a, b string) string {
	have := map[string]bool{}
	for _, c := range strings.Fields(b) {
		have[c] = true
	}
	var out []string
	for _, c := range strings.Fields(a) {
		if !have[c] {
			out = append(out, c)
		}
	}
	if len(out) == 0 { // the same columns in another order: show where it begins
		x, y := strings.Fields(a), strings.Fields(b)
		for i := range x {
			if i >= len(y) || x[i] != y[i] {
				return "(order) … " + strings.Join(x[i:min(i+4, len(x))], " ")
			}
		}
	}
	return strings.Join(out, " ")
}

// TestDocumentationExamplesBind does the same for the examples of the language's documentation.
func TestDocumentationExamplesBind(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	bound, right, all := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range corpus(t, "doc_examples.jsonl") {
		all[c.Area]++
		p, err := kql.Compile(c.Query, tables{}, kql.Options{Now: now})
		if err != nil {
			var e *kql.Error
			errors.As(err, &e)
			t.Logf("%s %s: %s %v (%s)", c.Area, c.ID, e.Code, e, e.Hint)
			continue
		}
		bound[c.Area]++
		for _, r := range p.Results {
			if err := verify(r.Root); err != nil {
				t.Errorf("%s: the plan is not well formed: %v", c.ID, err)
			}
		}
		if got, want := header(p.Columns), wanted(c); got == want {
			right[c.Area]++
		} else {
			t.Logf("%s %s: columns\n got  %s\n want %s", c.Area, c.ID, got, want)
		}
	}
	for area, n := range all {
		t.Logf("%s: %d of %d bind, %d have the documented columns", area, bound[area], n, right[area])
	}
	if share := float64(right["core"]) / float64(all["core"]); share < 0.95 {
		t.Errorf("only %.3f of core have the documented columns", share)
	}
}
