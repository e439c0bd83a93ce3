package kqltest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/kqltest"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// scriptNow is the time of now() in all scripts.
var scriptNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// load stores a table under physical names of its own, so that a test fails when a query's name reaches SQL.
func (e *script) load(table kqltest.Table) {
	e.t.Helper()
	p, err := e.compile("datatable " + table.Source)
	if err != nil {
		e.t.Fatalf("line %d: %v", table.Line, err)
	}
	rows, err := e.rows(p.Root)
	if err != nil {
		e.t.Fatalf("line %d: %v", table.Line, err)
	}
	t := &kql.Table{Name: table.Name}
	physical := make([]string, len(p.Columns))
	for i, c := range p.Columns {
		physical[i] = "p " + c.Name
		if c.Name == "Timestamp" {
			t.TimeColumn = c.Name
		}
		t.Columns = append(t.Columns, kql.TableColumn{Name: c.Name, Type: c.Type, Physical: physical[i]})
	}
	e.store.create(e.t, table.Name, p.Root.Columns(), physical, rows)
	e.tables[table.Name] = t
}

func (e *script) run(query string) ([]kqltest.Column, [][]any, error) {
	p, err := e.compile(query)
	if err != nil {
		return nil, nil, err
	}
	cols := make([]kqltest.Column, len(p.Columns))
	for i, c := range p.Columns {
		cols[i] = kqltest.Column{Name: c.Name, Type: c.Type.String()}
	}
	rows, err := e.rows(p.Root)
	if err != nil {
		return nil, nil, err
	}
	out := make([][]any, len(rows))
	for i, row := range rows {
		out[i] = make([]any, len(row))
		for j, v := range row {
			if out[i][j], err = decoded(p.Columns[j].Type, v); err != nil {
				return nil, nil, err
			}
		}
	}
	return cols, out, nil
}

// decoded is a cell as the JSON of a script would decode.
func decoded(t plan.Type, v any) (any, error) {
	switch {
	case v == nil:
		return nil, nil
	case t == plan.DateTime || t == plan.TimeSpan:
		return fn.Text(fn.Value{T: t, V: v}), nil
	}
	var text []byte
	var err error
	if s, ok := v.(string); ok && t == plan.Dynamic {
		text = []byte(s)
	} else if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return fn.Text(fn.Value{T: t, V: v}), nil
	} else if text, err = json.Marshal(v); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	return out, d.Decode(&out)
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.kqltest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	total, stores := 0, engines(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		script, err := kqltest.Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		total += len(script.Cases)
		for name, open := range stores {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".kqltest")+"/"+name, func(t *testing.T) {
				e := newScript(t, open(t))
				for _, table := range script.Tables {
					e.load(table)
				}
				for _, c := range script.Cases {
					cols, rows, err := e.run(c.Query)
					if problem := check(c, cols, rows, err); problem != "" {
						t.Errorf("%s:%d: %s\n%s\n  %s", file, c.Line, c.Title, c.Query, problem)
					}
				}
			})
		}
	}
	if total < 150 {
		t.Errorf("the scripts hold %d cases, fewer than 150", total)
	}
}

func check(c kqltest.Case, cols []kqltest.Column, rows [][]any, err error) string {
	if c.Error == nil {
		if err != nil {
			return "error: " + err.Error()
		}
		return c.Compare(cols, rows)
	}
	if err == nil {
		return "no error"
	}
	code, line, column := "runtime", 0, 0
	var e *kql.Error
	var unsupported *sqlgen.UnsupportedError
	var limit *fn.LimitError
	switch {
	case errors.As(err, &e):
		code, line, column = e.Code, e.Line, e.Column
	case errors.As(err, &unsupported):
		code = "unsupported"
	case errors.As(err, &limit):
		code = "limit"
	}
	if code != c.Error.Code || c.Error.Line != 0 && (line != c.Error.Line || column != c.Error.Column) || !strings.Contains(err.Error(), c.Error.Text) {
		return "error " + code + ": " + err.Error()
	}
	return ""
}
