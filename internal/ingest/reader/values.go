package reader

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// envelopeKeys are the members under which exports and event hubs put an array of records.
var envelopeKeys = map[string]bool{"records": true, "Records": true, "value": true, "items": true}

// besideKeys may stand before the array of an envelope.
var besideKeys = map[string]bool{
	"kind": true, "etag": true, "nextPageToken": true, "count": true, "total": true, "odata.metadata": true, "odata.nextLink": true,
	"@odata.context": true, "@odata.count": true, "@odata.nextLink": true, "nextLink": true,
}

// envelopeArray returns the length of the prefix of an envelope object up to and with the "[" of its records, 0 when body is no envelope.
func envelopeArray(body []byte) int {
	i := 1
	skip := func() {
		for i < len(body) && (body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r') {
			i++
		}
	}
	if len(body) == 0 || body[0] != '{' {
		return 0
	}
	for n := 0; n < 8; n++ {
		skip()
		if i >= len(body) || body[i] != '"' {
			return 0
		}
		end := bytes.IndexByte(body[i+1:], '"')
		if end < 0 {
			return 0
		}
		key := body[i+1 : i+1+end]
		i += end + 2
		skip()
		if i >= len(body) || body[i] != ':' {
			return 0
		}
		i++
		skip()
		if i >= len(body) {
			return 0
		}
		if envelopeKeys[string(key)] {
			if body[i] != '[' {
				return 0
			}
			i++
			at := i
			skip()
			if i < len(body) && (body[i] == '{' || body[i] == ']') {
				return at
			}
			return 0
		}
		if !besideKeys[string(key)] {
			return 0
		}
		var m valueScan
		used, done := m.scan(body[i:])
		if !done {
			return 0
		}
		i += used
		skip()
		if i >= len(body) || body[i] != ',' {
			return 0
		}
		i++
	}
	return 0
}

// valueScan finds the end of one JSON value, over any number of pieces.
type valueScan struct {
	depth           int
	inString        bool
	escaped, scalar bool
}

// scan takes the next piece and returns how much of it belongs to the value and whether the value is complete.
func (m *valueScan) scan(p []byte) (int, bool) {
	for i, c := range p {
		if m.inString {
			switch {
			case m.escaped:
				m.escaped = false
			case c == '\\':
				m.escaped = true
			case c == '"':
				m.inString = false
				if m.depth == 0 {
					return i + 1, true
				}
			}
			continue
		}
		switch c {
		case '"':
			m.inString = true
		case '{', '[':
			m.depth++
		case '}', ']':
			if m.depth == 0 { // the end of what a bare scalar stands in
				return i, true
			}
			m.depth--
			if m.depth == 0 {
				return i + 1, true
			}
		case ',', ' ', '\t', '\r', '\n':
			if m.depth == 0 && m.scalar {
				return i, true
			}
		default:
			if m.depth == 0 {
				m.scalar = true
			}
		}
	}
	return len(p), false
}

// splitter takes JSON objects out of a stream of values, arrays and envelopes. Objects are numbered from 1 in the order of the stream.
type splitter struct {
	r      *bufio.Reader
	max    int
	number int64
	emit   func(number int64, data []byte) error
	refuse func(number int64, code, message string)
}

// values emits the objects of a file that is not one object per line.
func (s *source) values() error {
	sp := &splitter{r: s.r, max: s.w.opt.MaxRecord, emit: s.emitText, refuse: s.refuse}
	err := sp.run()
	if err != nil && !isStop(err) {
		s.w.refuseErr(s.name, sp.number+1, err)
		return nil
	}
	return err
}

// SplitJSON emits the objects in data, a body as receivers get it: JSON Lines, arrays, or envelopes with a list of records. The pieces are copies.
func SplitJSON(data []byte, max int, emit func(number int64, data []byte) error, refuse func(number int64, code, message string)) error {
	sp := &splitter{r: bufio.NewReaderSize(bytes.NewReader(data), bufBytes), max: max, emit: emit, refuse: refuse}
	return sp.run()
}

func (sp *splitter) run() error {
	inArray, inEnvelope := false, false
	for {
		c, err := sp.space()
		if errors.Is(err, io.EOF) {
			if inArray {
				sp.refuse(sp.number+1, Truncated, "the list of records has no end; what came before is kept")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case c == '[' && !inArray:
			_, _ = sp.r.Discard(1)
			inArray = true
		case c == ']' && inArray:
			_, _ = sp.r.Discard(1)
			if inEnvelope {
				if err := sp.value(&valueScan{depth: 1}, nil); err != nil {
					return sp.broken(err)
				}
			}
			inArray, inEnvelope = false, false
		case c == '{':
			if !inArray {
				head, _ := sp.r.Peek(headBytes)
				if n := envelopeArray(head); n > 0 {
					_, _ = sp.r.Discard(n)
					inArray, inEnvelope = true, true
					continue
				}
			}
			if err := sp.object(); err != nil {
				return sp.broken(err)
			}
		case inArray:
			sp.number++
			sp.refuse(sp.number, Invalid, "the list holds something that is not a JSON object")
			if c == '}' {
				_, _ = sp.r.Discard(1)
			} else if err := sp.value(&valueScan{}, nil); err != nil {
				return sp.broken(err)
			}
		default:
			sp.number++
			sp.refuse(sp.number, Invalid, fmt.Sprintf("expected a JSON object, found %q", c))
			if err := sp.skipLine(); err != nil {
				return sp.broken(err)
			}
		}
	}
}

// broken turns the end of the input inside a value into a refusal.
func (sp *splitter) broken(err error) error {
	if errors.Is(err, io.EOF) {
		sp.refuse(sp.number, Truncated, "the file ends in the middle of a JSON value")
		return nil
	}
	return err
}

func (sp *splitter) object() error {
	sp.number++
	data := make([]byte, 0, 512)
	err := sp.value(&valueScan{}, &data)
	if errors.Is(err, errTooLong) {
		sp.refuse(sp.number, TooLarge, tooLong(sp.max))
		return nil
	}
	if err != nil {
		return err
	}
	if !json.Valid(data) {
		sp.refuse(sp.number, Invalid, "not valid JSON")
		return nil
	}
	return sp.emit(sp.number, data)
}

// value reads one value into data (nil: to nowhere). A value over the bound is read to its end and gives errTooLong.
func (sp *splitter) value(m *valueScan, data *[]byte) error {
	over := false
	for {
		if _, err := sp.r.Peek(1); err != nil {
			return err
		}
		p, _ := sp.r.Peek(sp.r.Buffered())
		n, done := m.scan(p)
		if data != nil && !over {
			if len(*data)+n > sp.max {
				over, *data = true, nil
			} else {
				*data = append(*data, p[:n]...)
			}
		}
		_, _ = sp.r.Discard(n)
		if done {
			if over {
				return errTooLong
			}
			return nil
		}
	}
}

// space skips what may stand between values and returns the next byte without taking it.
func (sp *splitter) space() (byte, error) {
	for {
		p, err := sp.r.Peek(1)
		if err != nil {
			return 0, err
		}
		switch p[0] {
		case ' ', '\t', '\r', '\n', ',', 0x1e:
			_, _ = sp.r.Discard(1)
		default:
			return p[0], nil
		}
	}
}

func (sp *splitter) skipLine() error {
	for {
		_, err := sp.r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func tooLong(max int) string { return fmt.Sprintf("the record is longer than %d bytes", max) }
