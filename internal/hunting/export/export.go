// Package export writes results as files, a row at a time, without holding them: CSV for spreadsheets, JSON lines, and Parquet.
//
//	w, err := export.New(file, export.Parquet, columns)
//	err = w.Row(cells) // for each row
//	err = w.Close()
package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	Parquet Format = "parquet"
)

// ContentType is the format's media type.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case NDJSON:
		return "application/x-ndjson"
	}
	return "application/vnd.apache.parquet"
}

// Column is a column of a result: its name, which may repeat, and its KQL type.
type Column struct{ Name, Type string }

// Writer takes the rows of one result. Cells are as JSON shows them: bool, int64, float64, string, json.RawMessage, json.Number or nil.
type Writer interface {
	Row(cells []any) error
	// Close ends the file; what it was written to stays open.
	Close() error
}

// New returns a writer of the format.
func New(w io.Writer, f Format, columns []Column) (Writer, error) {
	switch f {
	case CSV:
		return newCSV(w, columns)
	case NDJSON:
		return newNDJSON(w, columns)
	case Parquet:
		return newParquet(w, columns)
	}
	return nil, fault.Newf(fault.Invalid, "%q is not a format: csv, ndjson, parquet", string(f)).On("format")
}

// Names are the columns' names made distinct, for formats in which they must be: a name that was there before gets a number, as in a join (Name, Name1).
func Names(columns []Column) []string {
	taken := map[string]bool{}
	for _, c := range columns {
		taken[c.Name] = true
	}
	seen := map[string]bool{}
	out := make([]string, len(columns))
	for i, c := range columns {
		name := c.Name
		for n := 1; seen[name] || n > 1 && taken[name]; n++ {
			name = c.Name + strconv.Itoa(n)
			if !seen[name] && !taken[name] {
				break
			}
		}
		seen[name] = true
		out[i] = name
	}
	return out
}

type csvWriter struct {
	w    *csv.Writer
	line []string
}

func newCSV(w io.Writer, columns []Column) (*csvWriter, error) {
	c := &csvWriter{w: csv.NewWriter(w), line: make([]string, len(columns))}
	for i, col := range columns {
		c.line[i] = guard(col.Name)
	}
	return c, c.w.Write(c.line)
}

func (c *csvWriter) Row(cells []any) error {
	for i := range c.line {
		c.line[i] = ""
		if i < len(cells) {
			c.line[i] = csvCell(cells[i])
		}
	}
	return c.w.Write(c.line)
}

func (c *csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}

// csvCell writes a value for a spreadsheet.
func csvCell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return guard(x)
	case json.RawMessage:
		return string(x)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// guard puts an apostrophe in front of a text that a spreadsheet would take for a formula, since the texts are an attacker's.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

type ndjsonWriter struct {
	w     *bufio.Writer
	names [][]byte // with the colon
	buf   []byte
}

func newNDJSON(w io.Writer, columns []Column) (*ndjsonWriter, error) {
	n := &ndjsonWriter{w: bufio.NewWriterSize(w, 64<<10)}
	for _, name := range Names(columns) {
		b, err := marshal(name)
		if err != nil {
			return nil, err
		}
		n.names = append(n.names, append(b, ':'))
	}
	return n, nil
}

func (n *ndjsonWriter) Row(cells []any) error {
	n.buf = append(n.buf[:0], '{')
	for i, name := range n.names {
		if i > 0 {
			n.buf = append(n.buf, ',')
		}
		n.buf = append(n.buf, name...)
		var v any
		if i < len(cells) {
			v = cells[i]
		}
		b, err := marshal(v)
		if err != nil {
			return err
		}
		n.buf = append(n.buf, b...)
	}
	n.buf = append(n.buf, '}', '\n')
	_, err := n.w.Write(n.buf)
	return err
}

func (n *ndjsonWriter) Close() error { return n.w.Flush() }

// marshal writes a value as JSON and leaves angle brackets as they are.
func marshal(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}
