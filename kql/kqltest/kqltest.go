// Package kqltest is the definition of the language as implemented here: small scripts that load rows, run queries and expect rows or an error at a
// place. Any engine can run them.
//
// A script is a text file of blocks. A line that starts with # is a comment.
//
//	table Events (At:datetime, Name:string, N:long) [
//	    datetime(2026-01-01), "a", 1,
//	]
//
// stores a table for the cases that follow; the form is that of datatable.
//
//	=== has matches whole terms
//	print r = "a.exe" has "exe"
//	--- r:bool
//	[true]
//
// is a case: a title, the query, the columns with their types, and a JSON array per row. Rows may come in any order unless the line begins with
// "--- ordered". Reals are equal within 1e-9 of the larger value. A datetime is written as 2026-01-01T00:00:00.0000000Z, a timespan as
// [-][d.]hh:mm:ss[.fffffff], a real that is not finite as "NaN", "Infinity" or "-Infinity". "--- error CODE [LINE:COLUMN] [text]" expects an error whose
// message contains the text.
package kqltest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Table is a stored table of a script; Source is its datatable expression without the name.
type Table struct {
	Name   string
	Source string
	Line   int
}

// Case is one query with what it must give.
type Case struct {
	Title   string
	Query   string
	Line    int
	Columns []Column
	Rows    [][]any
	Ordered bool
	Error   *Expected
}

// Column is a result column.
type Column struct{ Name, Type string }

// Expected is the error that a case must end with. Line 0 is any place.
type Expected struct {
	Code         string
	Line, Column int
	Text         string
}

// Script is a parsed file.
type Script struct {
	Tables []Table
	Cases  []Case
}

// Parse reads a script.
func Parse(r io.Reader) (*Script, error) {
	s := &Script{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	n := 0
	var c *Case
	var t *Table
	inRows := false
	var query strings.Builder
	finish := func() {
		if c != nil {
			c.Query = strings.TrimRight(query.String(), "\n ")
			s.Cases = append(s.Cases, *c)
		}
		c, inRows = nil, false
		query.Reset()
	}
	for in.Scan() {
		n++
		line := in.Text()
		switch {
		case t != nil:
			t.Source += line + "\n"
			if strings.TrimSpace(line) == "]" {
				s.Tables = append(s.Tables, *t)
				t = nil
			}
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "=== "):
			finish()
			c = &Case{Title: strings.TrimSpace(line[4:]), Line: n}
		case strings.HasPrefix(line, "table ") && (c == nil || inRows):
			finish()
			name, rest, ok := strings.Cut(line[6:], " (")
			if !ok {
				return nil, fmt.Errorf("line %d: table NAME (columns) [", n)
			}
			t = &Table{Name: strings.TrimSpace(name), Source: "(" + rest + "\n", Line: n}
			if strings.HasSuffix(strings.TrimSpace(line), "]") {
				s.Tables = append(s.Tables, *t)
				t = nil
			}
		case c == nil:
			if strings.TrimSpace(line) != "" {
				return nil, fmt.Errorf("line %d: a block begins with === or table", n)
			}
		case strings.HasPrefix(line, "---"):
			if err := c.head(strings.Fields(line[3:])); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			inRows = true
		case inRows:
			if strings.TrimSpace(line) == "" {
				continue
			}
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			var row []any
			if err := d.Decode(&row); err != nil || len(row) != len(c.Columns) {
				return nil, fmt.Errorf("line %d: a row is a JSON array of %d cells", n, len(c.Columns))
			}
			c.Rows = append(c.Rows, row)
		default:
			query.WriteString(line + "\n")
		}
	}
	finish()
	if t != nil {
		return nil, fmt.Errorf("line %d: the table has no end", t.Line)
	}
	return s, in.Err()
}

func (c *Case) head(words []string) error {
	if len(words) > 0 && words[0] == "error" {
		if len(words) < 2 {
			return fmt.Errorf("--- error CODE [LINE:COLUMN] [text]")
		}
		e := &Expected{Code: words[1]}
		rest := words[2:]
		if len(rest) > 0 {
			line, column, ok := strings.Cut(rest[0], ":")
			l, err1 := strconv.Atoi(line)
			k, err2 := strconv.Atoi(column)
			if ok && err1 == nil && err2 == nil {
				e.Line, e.Column, rest = l, k, rest[1:]
			}
		}
		e.Text = strings.Join(rest, " ")
		c.Error = e
		return nil
	}
	if len(words) > 0 && words[0] == "ordered" {
		c.Ordered, words = true, words[1:]
	}
	for _, w := range words {
		i := strings.LastIndexByte(w, ':')
		if i < 0 {
			return fmt.Errorf("a column is name:type, not %q", w)
		}
		c.Columns = append(c.Columns, Column{Name: w[:i], Type: w[i+1:]})
	}
	return nil
}

// Compare tells how a result differs from what the case expects; "" when it does not. Cells are as JSON decodes them, with json.Number for numbers.
func (c *Case) Compare(cols []Column, rows [][]any) string {
	if fmt.Sprint(cols) != fmt.Sprint(c.Columns) {
		return fmt.Sprintf("columns are %v, not %v", cols, c.Columns)
	}
	if len(rows) != len(c.Rows) {
		return fmt.Sprintf("%d rows, not %d: %v", len(rows), len(c.Rows), rows)
	}
	if c.Ordered {
		for i := range rows {
			if !same(c.Rows[i], rows[i]) {
				return fmt.Sprintf("row %d is %v, not %v", i+1, rows[i], c.Rows[i])
			}
		}
		return ""
	}
	left := append([][]any(nil), rows...)
next:
	for _, want := range c.Rows {
		for i, got := range left {
			if same(want, got) {
				left = append(left[:i], left[i+1:]...)
				continue next
			}
		}
		return fmt.Sprintf("the row %v is missing from %v", want, rows)
	}
	return ""
}

func same(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !same(v, w) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		if x == y {
			return true
		}
		f, err1 := x.Float64()
		g, err2 := y.Float64()
		return err1 == nil && err2 == nil && math.Abs(f-g) <= 1e-9*math.Max(1, math.Abs(f))
	}
	return a == b
}
