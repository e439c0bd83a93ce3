package dialect

import (
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

// HEC reads the events of a /services/collector/event body: JSON objects one after the other, or one array of them, and gives each to f. Events before
// one that cannot be read were given already; the *HECError tells which it was.
func HEC(r io.Reader, f func(Record) error) error {
	dec := json.NewDecoder(r)
	n := 0
	one := func(raw hecEvent) error {
		rec, err := raw.record(n)
		if err != nil {
			return err
		}
		n++
		return f(rec)
	}
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
				return &HECError{6, "Invalid data format", n}
			}
			return err
		}
		raw = bytes.TrimSpace(raw)
		if len(raw) > 0 && raw[0] == '[' {
			var list []hecEvent
			if json.Unmarshal(raw, &list) != nil {
				return &HECError{6, "Invalid data format", n}
			}
			for _, e := range list {
				if err := one(e); err != nil {
					return err
				}
			}
			continue
		}
		var e hecEvent
		if json.Unmarshal(raw, &e) != nil {
			return &HECError{6, "Invalid data format", n}
		}
		if err := one(e); err != nil {
			return err
		}
	}
	if n == 0 {
		return &HECError{5, "No data", 0}
	}
	return nil
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
