package dialect

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// BulkItem is one action of an Elasticsearch bulk body. Err says why it is refused; the others go on.
type BulkItem struct {
	Op        string // create or index; update and delete are refused
	Index, ID string
	Doc       []byte
	Err       error
}

// maxAction bounds the action line of a bulk body.
const maxAction = 64 << 10

// Bulk reads an Elasticsearch bulk body (action line, document line, …) and gives each item to f. index is the one of the address, used where an action
// names none. An error means that the rest of the body cannot be read; an error of f ends the reading and comes back as it is.
func Bulk(r io.Reader, index string, f func(BulkItem) error) error {
	lines := newLines(r, MaxRecord)
	var p fastjson.Parser
	for n := 1; ; n++ {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Newf(fault.Invalid, "bulk: action %d: %w", n, err)
		}
		if len(line) == 0 {
			continue
		}
		item := BulkItem{Index: index}
		if len(line) > maxAction {
			return fault.Newf(fault.Invalid, "bulk: action %d: the action line is longer than %d bytes", n, maxAction)
		}
		v, err := p.ParseBytes(line)
		if err != nil || v.Type() != fastjson.TypeObject {
			return fault.Newf(fault.Invalid, "bulk: action %d is no JSON object: the body is lines of an action and a document in turn", n)
		}
		for _, op := range []string{"create", "index", "update", "delete"} {
			if a := v.Get(op); a != nil {
				item.Op = op
				if s := a.GetStringBytes("_index"); len(s) > 0 {
					item.Index = string(s)
				}
				item.ID = string(a.GetStringBytes("_id"))
			}
		}
		switch item.Op {
		case "":
			return fault.Newf(fault.Invalid, "bulk: action %d is none of create and index", n)
		case "delete":
			item.Err = fault.Newf(fault.Invalid, "records cannot be deleted: a log is written once")
		default:
			doc, err := lines.next()
			switch {
			case errors.Is(err, errLong):
				item.Err = fault.Newf(fault.TooLarge, "the document is longer than %d bytes", MaxRecord)
			case err != nil:
				return fault.Newf(fault.Invalid, "bulk: action %d has no document: %w", n, err)
			case item.Op == "update":
				item.Err = fault.Newf(fault.Invalid, "records cannot be changed: a log is written once")
			default:
				item.Doc = bytes.Clone(doc)
				if measure(item.Doc).deepest > maxNesting {
					item.Err = fault.Newf(fault.Invalid, "the document cannot be read: %w", errDeep)
				} else if err := fastjson.ValidateBytes(item.Doc); err != nil {
					item.Err = fault.Newf(fault.Invalid, "the document is no JSON: %w", err)
				}
			}
		}
		if err := f(item); err != nil {
			return err
		}
	}
}

var errLong = errors.New("the line is too long")

// lines reads lines up to a length; longer ones are skipped and told by errLong.
type lines struct {
	r   *bufio.Reader
	max int
	buf []byte
}

func newLines(r io.Reader, longest int) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), max: longest}
}

// next returns the next line without its end, valid until the next call. At the end of the input it returns io.EOF.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > l.max {
			long = true
		} else {
			l.buf = append(l.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLong
		case errors.Is(err, io.EOF) && len(l.buf) > 0, err == nil:
			return bytes.TrimRight(l.buf, "\r\n"), nil
		}
		return nil, err
	}
}
