package lake

import (
	"bufio"
	"io"

	"github.com/bartizan-sec/bartizan/internal/hunting/export"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// Parquet writes rows of a table as a Parquet file, in row groups as they come. Columns have their names in hunting; times are timestamps in UTC with
// microseconds (the last digit of the lake's 100 ns is cut), dynamic values JSON text, and what is null is null.
type Parquet struct {
	columns []schema.Column
	buffer  *bufio.Writer
	out     export.Writer
	cells   []any
	rows    int64
}

// NewParquet begins a file for the table's stored columns.
func NewParquet(w io.Writer, t *schema.Table) (*Parquet, error) {
	p := &Parquet{columns: t.Stored(), buffer: bufio.NewWriterSize(w, 256<<10)}
	columns := make([]export.Column, len(p.columns))
	for i, c := range p.columns {
		columns[i] = export.Column{Name: c.Name, Type: string(c.Type)}
	}
	p.cells = make([]any, len(columns))
	var err error
	p.out, err = export.New(p.buffer, export.Parquet, columns)
	return p, err
}

// Row writes a row whose values stand in the order of the table's stored columns, in the forms of schema.Row.
func (p *Parquet) Row(values []any) error {
	for i, v := range values {
		if ticks, ok := v.(int64); ok && p.columns[i].Type == schema.DateTime {
			v = schema.TimeOf(ticks).UnixMicro()
		}
		if v == nil && p.columns[i].Type == schema.String {
			v = ""
		}
		p.cells[i] = v
	}
	p.rows++
	return p.out.Row(p.cells)
}

// Rows is how many rows were written.
func (p *Parquet) Rows() int64 { return p.rows }

// Close ends the file; what it was written to stays open.
func (p *Parquet) Close() error {
	if err := p.out.Close(); err != nil {
		return err
	}
	return p.buffer.Flush()
}
