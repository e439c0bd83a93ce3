package lake

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// A dump is a whole lake as one compressed stream, for backups of engines whose files are not ours to copy. It belongs to no engine: what one wrote, another
// can take. It begins with dumpMagic; then, each after a byte that says which: tables ('T', a length and JSON), rows of the last table ('R', a cell for each of
// its columns), and at the end the positions ('P', a length and JSON).
const dumpMagic = "bartizan rows 1\n"

// The kinds of cells.
const (
	cellNull = iota
	cellFalse
	cellTrue
	cellInt
	cellReal
	cellText
)

// Bounds of what a dump may hold.
const (
	maxDumpHead = 16 << 20
	maxDumpText = 256 << 20
)

type dumpTable struct {
	Name    string       `json:"name"`
	Columns []dumpColumn `json:"columns"`
	Custom  bool         `json:"custom,omitempty"`
	Source  string       `json:"source,omitempty"`
}

type dumpColumn struct {
	Name string      `json:"name"`
	Type schema.Type `json:"type"`
}

// DumpWriter writes a dump.
type DumpWriter struct {
	z    *zstd.Encoder
	w    *bufio.Writer
	cell []byte
}

// NewDumpWriter begins a dump.
func NewDumpWriter(w io.Writer) (*DumpWriter, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	d := &DumpWriter{z: z, w: bufio.NewWriterSize(z, 256<<10)}
	_, err = d.w.WriteString(dumpMagic)
	return d, err
}

// Table says that the rows that follow are of the table.
func (d *DumpWriter) Table(t *schema.Table) error {
	head := dumpTable{Name: t.Name, Custom: t.Custom, Source: t.Source}
	for _, c := range t.Stored() {
		head.Columns = append(head.Columns, dumpColumn{c.Name, c.Type})
	}
	return d.block('T', head)
}

func (d *DumpWriter) block(kind byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d.cell = append(binary.AppendUvarint(append(d.cell[:0], kind), uint64(len(raw))), raw...)
	_, err = d.w.Write(d.cell)
	return err
}

// Row writes a row, with the table's stored columns in the forms of schema.Row.
func (d *DumpWriter) Row(values []any) error {
	b := append(d.cell[:0], 'R')
	for _, v := range values {
		switch x := v.(type) {
		case nil:
			b = append(b, cellNull)
		case bool:
			if x {
				b = append(b, cellTrue)
			} else {
				b = append(b, cellFalse)
			}
		case int32:
			b = binary.AppendVarint(append(b, cellInt), int64(x))
		case int64:
			b = binary.AppendVarint(append(b, cellInt), x)
		case float64:
			b = binary.LittleEndian.AppendUint64(append(b, cellReal), math.Float64bits(x))
		case string:
			b = append(binary.AppendUvarint(append(b, cellText), uint64(len(x))), x...)
		default:
			return fmt.Errorf("lake: a cell is a %T", v)
		}
	}
	d.cell = b
	_, err := d.w.Write(b)
	return err
}

// Close ends the dump with the positions; what it was written to stays open.
func (d *DumpWriter) Close(positions map[string]int64) error {
	return errors.Join(d.block('P', positions), d.w.Flush(), d.z.Close())
}

// Abort lets go of a dump that is not to be finished.
func (d *DumpWriter) Abort() { _ = d.z.Close() }

// loadRows is how many rows are appended at a time.
const loadRows = 10_000

// Load appends a dump to an empty lake, the positions with the last rows.
func Load(ctx context.Context, s Store, r io.Reader) error {
	counts, err := s.Counts(ctx)
	if err != nil {
		return err
	}
	if len(counts) > 0 {
		return fault.Newf(fault.Conflict, "the lake of tenant %s is not empty; restore into a new one", s.Tenant())
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return err
	}
	defer z.Close()
	err = load(ctx, s, bufio.NewReaderSize(z, 256<<10))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Newf(fault.Invalid, "the copy of the lake of tenant %s ends too early", s.Tenant())
	}
	return err
}

func load(ctx context.Context, s Store, r *bufio.Reader) error {
	magic := make([]byte, len(dumpMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return err
	}
	if string(magic) != dumpMagic {
		return fault.Newf(fault.Invalid, "this is not a copy of a lake that this version reads")
	}
	var t *schema.Table
	var cells []int
	var rows []*schema.Row
	flush := func(positions map[string]int64) error {
		err := s.Append(ctx, rows, positions)
		rows = rows[:0]
		return err
	}
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return err
		}
		switch {
		case kind == 'T':
			var head dumpTable
			if err := readBlock(r, &head); err != nil {
				return err
			}
			if t, cells, err = head.table(); err != nil {
				return err
			}
		case kind == 'R' && t != nil:
			row := &schema.Row{Table: t, Values: make([]any, len(t.Columns))}
			for _, i := range cells {
				if row.Values[i], err = readCell(r, t.Columns[i].Type); err != nil {
					return err
				}
			}
			if rows = append(rows, row); len(rows) == loadRows {
				if err := flush(nil); err != nil {
					return err
				}
			}
		case kind == 'P':
			positions := map[string]int64{}
			if err := readBlock(r, &positions); err != nil {
				return err
			}
			return flush(positions)
		default:
			return fault.Newf(fault.Invalid, "the copy of the lake is damaged")
		}
	}
}

// table finds or makes the table that a dump speaks of, and where its columns are.
func (d dumpTable) table() (*schema.Table, []int, error) {
	t := schema.Load().Table(d.Name)
	if d.Custom {
		columns := make([]schema.Column, len(d.Columns))
		for i, c := range d.Columns {
			columns[i] = schema.Column{Name: c.Name, Type: c.Type}
		}
		t = schema.NewCustom(d.Name, columns)
		t.Source = d.Source
	}
	if t == nil {
		return nil, nil, fault.Newf(fault.Unavailable, "the copy of the lake has a table %q that this version does not know: it was made by a newer version", d.Name)
	}
	cells := make([]int, len(d.Columns))
	for i, c := range d.Columns {
		cells[i] = t.Column(c.Name)
		if cells[i] < 0 || t.Columns[cells[i]].Type != c.Type || t.Columns[cells[i]].AliasOf != "" {
			return nil, nil, fault.Newf(fault.Unavailable, "the copy of the lake has a column %s.%s of type %s that this version does not know: it was made by another version", d.Name, c.Name, c.Type)
		}
	}
	return t, cells, nil
}

func readBlock(r *bufio.Reader, into any) error {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if n > maxDumpHead {
		return fault.Newf(fault.Invalid, "the copy of the lake is damaged")
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.Newf(fault.Invalid, "the copy of the lake is damaged: %w", err)
	}
	return nil
}

func readCell(r *bufio.Reader, t schema.Type) (any, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	switch {
	case kind == cellNull:
		return nil, nil
	case (kind == cellFalse || kind == cellTrue) && t == schema.Bool:
		return kind == cellTrue, nil
	case kind == cellInt && t == schema.Int:
		n, err := binary.ReadVarint(r)
		return int32(n), err //nolint:gosec // it was one
	case kind == cellInt && (t == schema.Long || t == schema.DateTime):
		n, err := binary.ReadVarint(r)
		return n, err
	case kind == cellReal && t == schema.Real:
		var raw [8]byte
		_, err := io.ReadFull(r, raw[:])
		return math.Float64frombits(binary.LittleEndian.Uint64(raw[:])), err
	case kind == cellText && (t == schema.String || t == schema.Dynamic || t == schema.GUID):
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, err
		}
		if n > maxDumpText {
			break
		}
		raw := make([]byte, n)
		_, err = io.ReadFull(r, raw)
		return string(raw), err
	}
	return nil, fault.Newf(fault.Invalid, "the copy of the lake is damaged: a cell of kind %d in a column of type %s", kind, t)
}
