package duckdb

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// writer appends rows over the engine's C interface: rows are laid into the engine's vectors without a call per cell, and a statement that another thread of
// the engine works on is waited for asleep (the driver asks again and again, which costs a core for as long as a commit takes).
type writer struct{ texts arena }

// native gives f the engine's own handle of the connection, which the driver keeps to itself.
func native(conn *sql.Conn, f func(c mapping.Connection) error) error {
	return conn.Raw(func(raw any) error {
		v := reflect.ValueOf(raw)
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			return fmt.Errorf("%T is no connection of the engine's driver", raw)
		}
		field := v.Elem().FieldByName("conn")
		if !field.IsValid() || field.Type() != reflect.TypeFor[mapping.Connection]() {
			return fmt.Errorf("%T has no handle", raw)
		}
		return f(*(*mapping.Connection)(field.Addr().UnsafePointer()))
	})
}

// exec runs statements one after the other.
func exec(conn *sql.Conn, statements string) error {
	return native(conn, func(c mapping.Connection) error {
		var list mapping.ExtractedStatements
		n := mapping.ExtractStatements(c, statements, &list)
		defer mapping.DestroyExtracted(&list)
		if n == 0 {
			return errors.New(mapping.ExtractStatementsError(list))
		}
		for i := range n {
			if err := execOne(c, list, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func execOne(c mapping.Connection, list mapping.ExtractedStatements, i mapping.IdxT) error {
	var statement mapping.PreparedStatement
	state := mapping.PrepareExtractedStatement(c, list, i, &statement)
	defer mapping.DestroyPrepare(&statement)
	if state == mapping.StateError {
		return errors.New(mapping.PrepareError(statement))
	}
	var pending mapping.PendingResult
	state = mapping.PendingPrepared(statement, &pending)
	defer mapping.DestroyPending(&pending)
	if state == mapping.StateError {
		return errors.New(mapping.PendingError(pending))
	}
	for pause := 20 * time.Microsecond; ; {
		state := mapping.PendingExecuteTask(pending)
		if state == mapping.PendingStateError {
			return errors.New(mapping.PendingError(pending))
		}
		if mapping.PendingExecutionIsFinished(state) {
			break
		}
		if state == mapping.PendingStateNoTasksAvailable { // another thread has the work
			time.Sleep(pause)
			pause = min(2*pause, time.Millisecond)
		}
	}
	var result mapping.Result
	state = mapping.ExecutePending(pending, &result)
	defer mapping.DestroyResult(&result)
	if state == mapping.StateError {
		return errors.New(mapping.ResultError(&result))
	}
	return nil
}

// append writes rows of one table of the catalog ("": the lake's own file) within the connection's open transaction.
func (w *writer) append(c mapping.Connection, catalog string, table *schema.Table, plan *writePlan, rows []*schema.Row) (err error) {
	var out mapping.Appender
	if mapping.AppenderCreateExt(c, catalog, "", table.Name, &out) == mapping.StateError {
		err := appenderError(out)
		mapping.AppenderDestroy(&out)
		return err
	}
	types := make([]mapping.LogicalType, len(plan.cells))
	for i, t := range plan.types {
		types[i] = mapping.CreateLogicalType(physical(t))
	}
	chunk := mapping.CreateDataChunk(types)
	defer w.texts.release()
	defer func() {
		mapping.DestroyDataChunk(&chunk)
		for i := range types {
			mapping.DestroyLogicalType(&types[i])
		}
		if mapping.AppenderDestroy(&out) == mapping.StateError && err == nil {
			err = errors.New("the rows could not be written")
		}
	}()
	size := int(mapping.VectorSize())
	columns := make([]column, len(types))
	for len(rows) > 0 {
		part := rows[:min(size, len(rows))]
		rows = rows[len(part):]
		mapping.DataChunkReset(chunk)
		mapping.DataChunkSetSize(chunk, mapping.IdxT(len(part)))
		for i := range columns {
			columns[i] = newColumn(mapping.DataChunkGetVector(chunk, mapping.IdxT(i)), plan.types[i], len(part))
		}
		for n, row := range part {
			for i, cell := range plan.cells {
				if v := row.Values[cell]; v != nil && !columns[i].set(n, v, &w.texts) {
					return fmt.Errorf("column %s takes %s, not %T", table.Columns[cell].Name, plan.types[i], v)
				}
			}
		}
		state := mapping.AppendDataChunk(out, chunk)
		w.texts.reset()
		if state == mapping.StateError {
			return appenderError(out)
		}
	}
	if mapping.AppenderFlush(out) == mapping.StateError {
		err := appenderError(out)
		mapping.AppenderClear(out)
		return err
	}
	return nil
}

func appenderError(a mapping.Appender) error {
	data := mapping.AppenderErrorData(a)
	defer mapping.DestroyErrorData(&data)
	return errors.New(mapping.ErrorDataMessage(data))
}

// physical is the engine's type for a KQL type; it belongs with sqlType.
func physical(t schema.Type) mapping.Type {
	switch t {
	case schema.Bool:
		return mapping.TypeBoolean
	case schema.Int:
		return mapping.TypeInteger
	case schema.Long, schema.DateTime:
		return mapping.TypeBigInt
	case schema.Real:
		return mapping.TypeDouble
	}
	return mapping.TypeVarchar
}

// column is one vector of a chunk that is being filled. All cells begin as null, those of text as the empty text if nulls are not stored as such.
type column struct {
	kind  mapping.Type
	data  unsafe.Pointer
	valid []uint64 // a bit for each row; nil: every cell has a value
}

func newColumn(v mapping.Vector, t schema.Type, rows int) column {
	c := column{kind: physical(t), data: mapping.VectorGetData(v)}
	if c.kind == mapping.TypeVarchar {
		clear(unsafe.Slice((*text)(c.data), rows))
	}
	if t == schema.String { // KQL strings are never null
		return c
	}
	mapping.VectorEnsureValidityWritable(v)
	c.valid = unsafe.Slice((*uint64)(mapping.VectorGetValidity(v)), (rows+63)/64)
	clear(c.valid)
	return c
}

// set writes a cell and reports whether the value is of a type that the column takes.
func (c *column) set(row int, value any, texts *arena) bool {
	if c.valid != nil {
		c.valid[row>>6] |= 1 << (row & 63)
	}
	if c.kind == mapping.TypeVarchar {
		s, ok := value.(string)
		if ok {
			texts.put((*text)(unsafe.Add(c.data, row*textSize)), s)
		}
		return ok
	}
	switch c.kind {
	case mapping.TypeBoolean:
		v, ok := value.(bool)
		*(*bool)(unsafe.Add(c.data, row)) = v
		return ok
	case mapping.TypeDouble:
		v, ok := value.(float64)
		if n, whole := integer(value); whole {
			v, ok = float64(n), true
		}
		*(*float64)(unsafe.Add(c.data, row*8)) = v
		return ok
	}
	n, ok := integer(value)
	if c.kind == mapping.TypeInteger {
		*(*int32)(unsafe.Add(c.data, row*4)) = int32(n) //nolint:gosec // checked below
		return ok && int64(int32(n)) == n               //nolint:gosec // that is the check
	}
	*(*int64)(unsafe.Add(c.data, row*8)) = n
	return ok
}

func integer(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int:
		return int64(v), true
	}
	return 0, false
}

// text is the engine's form of a string: up to twelve bytes lie in it, of longer ones the first four and the address.
type text struct {
	length uint32
	prefix [4]byte
	rest   [8]byte
}

const (
	textSize   = 16
	inlineText = 12
)

// arena holds the long texts of a chunk until the engine has copied them. Its memory is pinned meanwhile: the engine gets its addresses.
type arena struct {
	blocks [][]byte
	pins   runtime.Pinner
	pinned int // blocks, from the first
	block  int // the one in use
	used   int // of it
}

const (
	arenaBlock = 1 << 20
	keptBlocks = 16 // more are given back after a batch
)

func (a *arena) put(to *text, s string) {
	if !ascii(s) && !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	to.length = uint32(len(s)) //nolint:gosec // records have at most 64 MiB
	if len(s) <= inlineText {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&to.prefix)), inlineText), s)
		return
	}
	copy(to.prefix[:], s)
	*(*uintptr)(unsafe.Pointer(&to.rest)) = uintptr(unsafe.Pointer(unsafe.SliceData(a.copy(s))))
}

func (a *arena) copy(s string) []byte {
	if len(s) > arenaBlock/4 {
		b := []byte(s)
		a.pins.Pin(unsafe.SliceData(b)) // which keeps it, too
		return b
	}
	if a.used+len(s) > arenaBlock {
		a.block, a.used = a.block+1, 0
	}
	if a.block == len(a.blocks) {
		a.blocks = append(a.blocks, make([]byte, arenaBlock))
	}
	if a.block == a.pinned {
		a.pins.Pin(unsafe.SliceData(a.blocks[a.block]))
		a.pinned++
	}
	at := a.blocks[a.block][a.used : a.used+len(s)]
	copy(at, s)
	a.used += len(s)
	return at
}

// ascii reports whether a text has ASCII characters only, eight bytes at a time.
func ascii(s string) bool {
	const high = 0x8080808080808080
	p, n := unsafe.Pointer(unsafe.StringData(s)), len(s)
	if n < 8 {
		var bits byte
		for i := range n {
			bits |= s[i]
		}
		return bits < 0x80
	}
	bits := *(*uint64)(unsafe.Add(p, n-8))
	for i := 0; i+8 <= n; i += 8 {
		bits |= *(*uint64)(unsafe.Add(p, i))
	}
	return bits&high == 0
}

// reset frees the texts for the next chunk.
func (a *arena) reset() { a.block, a.used = 0, 0 }

// release ends a batch.
func (a *arena) release() {
	a.reset()
	a.pins.Unpin()
	a.pinned = 0
	if len(a.blocks) > keptBlocks {
		a.blocks = nil
	}
}
