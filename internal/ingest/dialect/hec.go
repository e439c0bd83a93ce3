package dialect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// HECError is a body that Splunk's HTTP event collector would refuse, in its own terms: Code 5 no data, 6 invalid data format, 12 no event field, 13
// blank event. Event is the position of the event, from 0.
type HECError struct {
	Code  int
	Text  string
	Event int
}

func (e *HECError) Error() string { return "event " + strconv.Itoa(e.Event) + ": " + e.Text }

// hecEvent is what is used of the envelope of one event. The time of a record is the one that it tells itself.
type hecEvent struct {
	Host   string          `json:"host"`
	Source string          `json:"source"`
	Event  json.RawMessage `json:"event"`
}

// maxEnvelope is what the envelope of an event may have beside the event.
const maxEnvelope = 64 << 10

// HEC reads the events of a /services/collector/event body: JSON objects one after the other, or lists of them, and gives each to f. One event is held at a
// time. Events before one that cannot be read were given already; the *HECError tells which it was.
func HEC(r io.Reader, f func(Record) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var buf []byte
	n, inList := 0, false
	for {
		c, err := skipSpace(in)
		switch {
		case errors.Is(err, io.EOF) && !inList && n > 0:
			return nil
		case errors.Is(err, io.EOF) && !inList:
			return &HECError{5, "No data", 0}
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return &HECError{6, "Invalid data format", n}
		case err != nil:
			return err
		}
		switch {
		case c == '[' && !inList, c == ']' && inList:
			inList = c == '['
			_, _ = in.Discard(1)
			continue
		case c == ',' && inList && n > 0:
			_, _ = in.Discard(1)
			continue
		}
		buf, err = object(in, buf, MaxRecord+maxEnvelope)
		switch {
		case errors.Is(err, errLongValue):
			return fault.Newf(fault.TooLarge, "event %d is longer than %d bytes", n, MaxRecord)
		case errors.Is(err, errNoValue), errors.Is(err, errDeep), errors.Is(err, io.ErrUnexpectedEOF):
			return &HECError{6, "Invalid data format", n}
		case err != nil:
			return err
		}
		var e hecEvent
		if json.Unmarshal(buf, &e) != nil {
			return &HECError{6, "Invalid data format", n}
		}
		rec, err := e.record(n)
		if err != nil {
			return err
		}
		n++
		if err := f(rec); err != nil {
			return err
		}
	}
}

// record takes the event out of its envelope.
func (e *hecEvent) record(n int) (Record, error) {
	out := Record{Host: e.Host, File: e.Source}
	switch {
	case len(e.Event) == 0 || bytes.Equal(e.Event, []byte("null")):
		return out, &HECError{12, "Event field is required", n}
	case bytes.Equal(e.Event, []byte(`""`)) || bytes.Equal(e.Event, []byte("{}")):
		return out, &HECError{13, "Event field cannot be blank", n}
	case len(e.Event) > MaxRecord:
		return out, fault.Newf(fault.TooLarge, "event %d is longer than %d bytes", n, MaxRecord)
	case e.Event[0] == '"':
		var s string
		if json.Unmarshal(e.Event, &s) != nil {
			return out, &HECError{6, "Invalid data format", n}
		}
		out.Data = []byte(s)
	default:
		out.Data = bytes.Clone(e.Event)
	}
	return out, nil
}
