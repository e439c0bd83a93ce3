package ingest

import (
	"bytes"
	"context"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/ingest/dialect"
	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Taken says what became of the records given to Take: Refused[i] is nil where record i is kept.
type Taken struct {
	Refused []error
	Receipt
}

// maxName bounds host and file names that carriers tell.
const maxName = 1024

// Take keeps records that a wire dialect decoded, one by one, and returns after they are synced to the bus. Envelopes of shippers are taken off, lines of
// one audit event that follow each other are joined, and each record goes to the family that knows it, unless the delivery names one. An error means that
// the sender must send everything again.
func (r *Receiver) Take(ctx context.Context, d Delivery, records []dialect.Record) (Taken, error) {
	if d.Source == "" {
		d.Source = Auto
	}
	if d.Source != Auto && !known(r.families, d.Source) {
		return Taken{}, fault.Newf(fault.Invalid, "no source family is called %q; known: %s", d.Source, names(r.families)).On("source")
	}
	probes := Probes(r.families)
	choice := chooser{probes: probes, last: -1}
	knows := func(data []byte) bool { return choice.family(data) != "" }
	sink := &receiverSink{ctx: ctx, r: r, d: d, now: r.now().UTC()}
	out := Taken{Refused: make([]error, len(records))}
	var joined *normalise.Record // an audit event whose lines are still coming
	var key []byte
	var peer string // of joined
	flush := func() error {
		rec := joined
		joined = nil
		if rec == nil {
			return nil
		}
		sink.peer = peer
		return sink.Record(rec)
	}
	for i, raw := range records {
		rec := dialect.Record{Data: raw.Data, Host: raw.Host, File: raw.File}
		if inner := dialect.Unwrap(raw.Data, knows); inner.Data != nil {
			rec.Data, rec.Host, rec.File = inner.Data, either(raw.Host, inner.Host), either(raw.File, inner.File)
		}
		sink.peer = raw.Peer
		if err := r.usable(rec.Data); err != nil {
			out.Refused[i] = err
			sink.Refuse("", int64(i+1), string(codeOf(err)), err.Error())
			continue
		}
		if k := reader.AuditKey(rec.Data); k != nil && rec.Data[0] != '{' && !bytes.ContainsRune(rec.Data, '\n') {
			if joined != nil && bytes.Equal(k, key) && joined.Host == name(rec.Host) && peer == raw.Peer && len(joined.Data)+len(rec.Data) < dialect.MaxRecord {
				joined.Data = append(append(joined.Data, '\n'), rec.Data...)
				continue
			}
			if err := flush(); err != nil {
				return Taken{}, err
			}
			joined, key, peer = r.record(d, &choice, rec), bytes.Clone(k), raw.Peer
			joined.Data = bytes.Clone(joined.Data)
			continue
		}
		if err := flush(); err != nil {
			return Taken{}, err
		}
		sink.peer = raw.Peer
		if err := sink.Record(r.record(d, &choice, rec)); err != nil {
			return Taken{}, err
		}
	}
	err := flush()
	if err == nil {
		err = sink.publish()
	}
	if err == nil {
		out.Receipt, err = sink.finish()
	}
	return out, err
}

// usable says why a record cannot be taken.
func (r *Receiver) usable(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return fault.Newf(fault.Invalid, "the record is empty")
	}
	if int64(len(data)) > r.bus.MaxMessage()-4*maxName {
		return fault.Newf(fault.TooLarge, "the record has %d bytes; the bus takes at most %d", len(data), r.bus.MaxMessage()-4*maxName)
	}
	return nil
}

func (r *Receiver) record(d Delivery, choice *chooser, rec dialect.Record) *normalise.Record {
	source := d.Source
	if source == Auto {
		if found := choice.family(rec.Data); found != "" {
			source = found
		}
	}
	return &normalise.Record{Tenant: d.Tenant, Source: source, Host: name(rec.Host), Lab: d.Lab, Data: rec.Data}
}

// name makes a carrier's name fit for a header of the bus.
func name(s string) string {
	if len(s) > maxName || strings.ContainsAny(s, "\r\n\x00") {
		return ""
	}
	return s
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// chooser tells the families of the records of one delivery. The family of the record before is asked first, and only it when it is certain: what a shipper
// sends in one go is mostly of one kind, and there are many families to ask.
type chooser struct {
	probes []reader.Probe
	last   int
	asked  []byte // the record asked about last, and what came of it
	answer string
}

// certain is the score of a probe that no other exceeds but by naming the same records more closely.
const certain = 95

// family returns the name of the family that knows the record best, "" when none does.
func (c *chooser) family(data []byte) string {
	if len(data) > 0 && len(data) == len(c.asked) && &data[0] == &c.asked[0] {
		return c.answer
	}
	c.asked, c.answer = data, ""
	if c.last >= 0 && c.probes[c.last].Score(data) >= certain {
		c.answer = c.probes[c.last].Name
		return c.answer
	}
	best := 0
	c.last = -1
	for i := range c.probes {
		if s := c.probes[i].Score(data); s > best {
			best, c.last, c.answer = s, i, c.probes[i].Name
		}
	}
	return c.answer
}
