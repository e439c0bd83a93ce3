package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/lake"
)

// newPrinter writes a result in the format.
func newPrinter(w io.Writer, format string, rows bool) sink {
	switch format {
	case "json":
		return &jsonPrinter{w: w, rows: rows}
	case "csv", "ndjson", "parquet":
		return &filePrinter{w: w, format: export.Format(format)}
	}
	return &tablePrinter{out: w, w: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)}
}

// jsonPrinter writes one document. It holds the rows: the document's statistics come after them but count them.
type jsonPrinter struct {
	collector
	w    io.Writer
	rows bool
}

func (p *jsonPrinter) end(stats lake.Stats) error {
	results := make([]json.RawMessage, len(p.collector.rows))
	for i, row := range p.collector.rows {
		b, err := object(p.cols, row)
		if err != nil {
			return err
		}
		results[i] = b
	}
	doc := struct {
		Schema  []lake.Column     `json:"schema"`
		Results []json.RawMessage `json:"results"`
		Rows    [][]any           `json:"rows,omitempty"`
		Stats   lake.Stats        `json:"stats"`
	}{Schema: p.cols, Results: results, Stats: stats}
	if p.rows {
		doc.Rows = p.collector.rows
	}
	return json.NewEncoder(p.w).Encode(doc)
}

// object writes a row with its columns in order. Of columns with one name the first counts.
func object(cols []lake.Column, row []any) (json.RawMessage, error) {
	var b strings.Builder
	b.WriteByte('{')
	seen := make(map[string]bool, len(cols))
	for i, c := range cols {
		if seen[c.Name] {
			continue
		}
		if len(seen) > 0 {
			b.WriteByte(',')
		}
		seen[c.Name] = true
		k, err := json.Marshal(c.Name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(row[i])
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return json.RawMessage(b.String()), nil
}

// filePrinter writes a result as a file of export does.
type filePrinter struct {
	w      io.Writer
	format export.Format
	out    export.Writer
}

func (p *filePrinter) start(cols []lake.Column) (err error) {
	p.out, err = export.New(p.w, p.format, exportColumns(cols))
	return err
}

func (p *filePrinter) row(cells []any) error { return p.out.Row(cells) }

func (p *filePrinter) end(lake.Stats) error { return p.out.Close() }

func cellText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case json.RawMessage:
		return string(x)
	}
	return fmt.Sprint(v)
}

// maxCell is how many characters of a cell the table shows.
const maxCell = 80

type tablePrinter struct {
	out io.Writer
	w   *tabwriter.Writer
}

func (p *tablePrinter) start(cols []lake.Column) error {
	head, line := make([]string, len(cols)), make([]string, len(cols))
	for i, c := range cols {
		head[i] = plainCell(c.Name)
		line[i] = strings.Repeat("-", max(utf8.RuneCountInString(head[i]), 1))
	}
	_, err := fmt.Fprintf(p.w, "%s\n%s\n", strings.Join(head, "\t"), strings.Join(line, "\t"))
	return err
}

func (p *tablePrinter) row(cells []any) error {
	out := make([]string, len(cells))
	for i, v := range cells {
		out[i] = plainCell(cellText(v))
	}
	_, err := fmt.Fprintln(p.w, strings.Join(out, "\t"))
	return err
}

func (p *tablePrinter) end(stats lake.Stats) error {
	if err := p.w.Flush(); err != nil {
		return err
	}
	note := ""
	if stats.Truncated {
		note = ", more were cut (" + strings.Join(stats.Limits, ", ") + ")"
	}
	_, err := fmt.Fprintf(p.out, "%d rows in %d ms%s\n", stats.Rows, stats.MS, note)
	return err
}

// plainCell keeps control characters, which a terminal would obey, out of the table, and long text short.
func plainCell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxCell {
		return string([]rune(s)[:maxCell-1]) + "…"
	}
	return s
}
