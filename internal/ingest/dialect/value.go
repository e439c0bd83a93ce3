package dialect

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxNesting bounds the depth of a document; parsers that recurse would otherwise use up the stack.
const maxNesting = 256

var errDeep = errors.New("it is nested deeper than 256")

// shape scans JSON byte by byte for where a value ends and how deep it goes, without telling whether it is well formed.
type shape struct {
	depth    int
	deepest  int
	parts    int // objects, lists, and what is separated in them
	inString bool
	escaped  bool
}

// next takes one byte and reports whether an object or list ends with it.
func (s *shape) next(c byte) bool {
	if s.inString {
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.inString = false
		}
		return false
	}
	switch c {
	case '"':
		s.inString = true
	case '{', '[':
		s.parts++
		s.depth++
		s.deepest = max(s.deepest, s.depth)
	case ',':
		s.parts++
	case '}', ']':
		s.depth--
		return s.depth <= 0
	}
	return false
}

// measure scans a whole document. Texts, most of what documents are made of, are jumped over.
func measure(data []byte) (s shape) {
	for i := 0; i < len(data); i++ {
		c := data[i]
		if c != '"' {
			s.next(c)
			continue
		}
		end := textEnd(data[i+1:])
		if end < 0 {
			s.inString = true
			return s
		}
		i += 1 + end
	}
	return s
}

// textEnd returns where the quote stands that ends a text, -1 when none does. data begins behind the opening quote.
func textEnd(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		slashes := 0
		for at-slashes > 0 && data[at-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return at
		}
		at++
	}
}

var (
	errLongValue = errors.New("the value is too long")
	errNoValue   = errors.New("there is no object")
)

// skipSpace discards white space, and returns the next byte without taking it.
func skipSpace(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, r.UnreadByte()
		}
	}
}

// object reads the object that comes next, of at most longest bytes. Its text is valid until the next call with the same buffer.
func object(r *bufio.Reader, buf []byte, longest int) ([]byte, error) {
	buf = buf[:0]
	var s shape
	for {
		c, err := r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
		if len(buf) == 0 && c != '{' {
			return buf, errNoValue
		}
		if len(buf) == longest {
			return buf, errLongValue
		}
		buf = append(buf, c)
		if s.next(c) {
			return buf, nil
		}
		if s.deepest > maxNesting {
			return buf, errDeep
		}
	}
}
