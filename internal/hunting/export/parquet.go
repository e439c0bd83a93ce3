package export

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Bounds of a row group, which is what a Parquet file is written by.
const (
	groupRows  = 50_000
	groupBytes = 16 << 20
)

// parquetWriter collects a row group by columns and writes it when it is full. Every column is optional. Times are microseconds (UTC), so that readers know
// them as times; timespans, decimals and dynamic values are text as in JSON.
type parquetWriter struct {
	out     *file.Writer
	columns []parquetColumn
	rows    int
	bytes   int
}

type parquetColumn struct {
	kind   parquet.Type
	levels []int16
	bools  []bool
	ints   []int32
	longs  []int64
	reals  []float64
	texts  []parquet.ByteArray
	time   bool
}

func newParquet(w io.Writer, columns []Column) (*parquetWriter, error) {
	p := &parquetWriter{columns: make([]parquetColumn, len(columns))}
	fields := make(schema.FieldList, len(columns))
	names := Names(columns)
	for i, c := range columns {
		kind, logical := parquetType(c.Type)
		p.columns[i].kind, p.columns[i].time = kind, c.Type == "datetime"
		node, err := schema.NewPrimitiveNodeLogical(names[i], parquet.Repetitions.Optional, logical, kind, 0, -1)
		if err != nil {
			return nil, fmt.Errorf("parquet column %q: %w", names[i], err)
		}
		fields[i] = node
	}
	root, err := schema.NewGroupNode("result", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	p.out = file.NewParquetWriter(keepOpen{w}, root, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithCreatedBy("bartizan"))))
	return p, nil
}

// keepOpen hides Close, which the writer would call.
type keepOpen struct{ io.Writer }

func parquetType(t string) (parquet.Type, schema.LogicalType) {
	switch t {
	case "bool":
		return parquet.Types.Boolean, schema.NoLogicalType{}
	case "int":
		return parquet.Types.Int32, schema.NewIntLogicalType(32, true)
	case "long":
		return parquet.Types.Int64, schema.NewIntLogicalType(64, true)
	case "real":
		return parquet.Types.Double, schema.NoLogicalType{}
	case "datetime":
		return parquet.Types.Int64, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	}
	return parquet.Types.ByteArray, schema.StringLogicalType{}
}

func (p *parquetWriter) Row(cells []any) error {
	for i := range p.columns {
		var v any
		if i < len(cells) {
			v = cells[i]
		}
		p.bytes += p.columns[i].add(v) + 2
	}
	if p.rows++; p.rows >= groupRows || p.bytes >= groupBytes {
		return p.group()
	}
	return nil
}

// add keeps a value and returns its size. What does not fit the column's type is null.
func (c *parquetColumn) add(v any) int {
	level, size := int16(1), 8
	switch c.kind {
	case parquet.Types.Boolean:
		if x, ok := v.(bool); ok {
			c.bools = append(c.bools, x)
		} else {
			level = 0
		}
	case parquet.Types.Int32, parquet.Types.Int64:
		n, ok := whole(v)
		if s, text := v.(string); c.time && text {
			t, err := time.Parse(time.RFC3339Nano, s)
			n, ok = t.UnixMicro(), err == nil
		}
		switch {
		case !ok || c.kind == parquet.Types.Int32 && (n < math.MinInt32 || n > math.MaxInt32):
			level = 0
		case c.kind == parquet.Types.Int32:
			c.ints = append(c.ints, int32(n)) //nolint:gosec // checked
		default:
			c.longs = append(c.longs, n)
		}
	case parquet.Types.Double:
		if x, ok := real(v); ok {
			c.reals = append(c.reals, x)
		} else {
			level = 0
		}
	default:
		switch x := v.(type) {
		case nil:
			level = 0
		case string:
			c.texts = append(c.texts, parquet.ByteArray(x))
			size = len(x)
		default:
			b, err := marshal(v)
			if err != nil {
				level = 0
				break
			}
			c.texts = append(c.texts, append(parquet.ByteArray(nil), b...))
			size = len(b)
		}
	}
	c.levels = append(c.levels, level)
	return size
}

func whole(v any) (int64, bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case int:
		return int64(x), true
	case int32:
		return int64(x), true
	case json.RawMessage:
		n, err := strconv.ParseInt(string(x), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func real(v any) (float64, bool) {
	var text string
	switch x := v.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	case json.RawMessage:
		text = string(x)
	case string: // "NaN", "Infinity"
		text = x
	default:
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// group writes the rows collected so far.
func (p *parquetWriter) group() error {
	if p.rows == 0 {
		return nil
	}
	g := p.out.AppendRowGroup()
	for i := range p.columns {
		chunk, err := g.NextColumn()
		if err != nil {
			return err
		}
		if err := p.columns[i].write(chunk); err != nil {
			return err
		}
		if err := chunk.Close(); err != nil {
			return err
		}
	}
	p.rows, p.bytes = 0, 0
	return g.Close()
}

func (c *parquetColumn) write(w file.ColumnChunkWriter) (err error) {
	switch w := w.(type) {
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(c.bools, c.levels, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(c.ints, c.levels, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(c.longs, c.levels, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(c.reals, c.levels, nil)
	case *file.ByteArrayColumnChunkWriter:
		_, err = w.WriteBatch(c.texts, c.levels, nil)
	default:
		err = fmt.Errorf("parquet: no writer for %T", w)
	}
	clear(c.texts)
	c.levels, c.bools, c.ints, c.longs, c.reals, c.texts = c.levels[:0], c.bools[:0], c.ints[:0], c.longs[:0], c.reals[:0], c.texts[:0]
	return err
}

func (p *parquetWriter) Close() error {
	if err := p.group(); err != nil {
		return err
	}
	return p.out.Close()
}
