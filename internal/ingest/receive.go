package ingest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bartizan-sec/bartizan/internal/ingest/reader"
	"github.com/bartizan-sec/bartizan/internal/normalise"
	"github.com/bartizan-sec/bartizan/internal/platform/bus"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Header names of bus messages.
const (
	headerFile     = "Bartizan-File"
	headerLab      = "Bartizan-Lab"
	headerReceived = "Bartizan-Received"
	headerHost     = "Bartizan-Host"
)

const (
	messageBytes   = 512 << 10 // a message is closed when it has this many bytes …
	messageRecords = 1000      // … or this many records
	publishBytes   = 8 << 20   // messages are published in groups of about this size
	maxLetters     = 10_000    // refused records of one delivery that are kept; one more says how many are not
	maxExpansion   = 2 << 30   // bytes that the archives in one delivery may unpack to
	maxMembers     = 10_000    // members of the archives in one delivery
)

// Receiver takes bodies from the network and keeps them on the bus before it answers.
type Receiver struct {
	bus      *bus.Bus
	records  *Records
	families []Family
	traffic  *Traffic
	now      func() time.Time
}

// NewReceiver returns a receiver that publishes to b; bodies that cannot be read are kept as dead letters in records.
func NewReceiver(b *bus.Bus, records *Records, families []Family) *Receiver {
	return &Receiver{bus: b, records: records, families: families, now: time.Now}
}

// Count has the receiver tell t who delivers what. It is called before the first delivery.
func (r *Receiver) Count(t *Traffic) { r.traffic = t }

// Delivery labels what is received.
type Delivery struct {
	Tenant tenant.ID
	Sender Sender
	Source string // family name or Auto
	File   string // name the sender gives the data, optional
	Lab    string
	Batch  Batch
}

// Batch names a delivery whose sender repeats it, unchanged, until it knows that it arrived: what is on the bus already is not put there again.
type Batch struct {
	Name  string // "" for deliveries that are not repeated
	After uint64 // the bus's last sequence number before the first try
	Again bool   // this is not the first try
}

// sender is who delivers; the evaluation lab needs no name.
func (d Delivery) sender() Sender {
	if d.Sender.Kind == "" && d.Lab != "" {
		return Sender{Kind: SenderLab, Name: "evaluation lab"}
	}
	return d.Sender
}

// Receipt says what was kept. Refused lists the first 100 records that could not be read; RefusedCount counts all of them.
type Receipt struct {
	Accepted     int
	Refused      []Refusal
	RefusedCount int
}

// Accept reads the body (anything that import reads: JSON Lines, arrays, EVTX, mail, also compressed) and returns after all its records are synced
// to the bus. An error means that the sender must send everything again; records that reached the bus before it are then stored twice at most.
func (r *Receiver) Accept(ctx context.Context, d Delivery, body io.Reader) (Receipt, error) {
	if d.Source == "" {
		d.Source = Auto
	}
	if d.Source != Auto && !known(r.families, d.Source) {
		return Receipt{}, fault.Newf(fault.Invalid, "no source family is called %q; known: %s", d.Source, names(r.families)).On("source")
	}
	s := &receiverSink{ctx: ctx, r: r, d: d, now: r.now().UTC()}
	opt := reader.Options{Tenant: d.Tenant, Source: d.Source, Probes: Probes(r.families), Lab: d.Lab, Stdin: body, MaxExpansion: maxExpansion, MaxMembers: maxMembers}
	err := reader.Walk(ctx, []string{reader.Stdin}, opt, s)
	if err == nil {
		err = s.publish()
	}
	if err != nil {
		return Receipt{}, err
	}
	return s.finish()
}

// finish keeps the refused records and gives the receipt.
func (s *receiverSink) finish() (Receipt, error) {
	if n := s.receipt.RefusedCount - len(s.all); n > 0 {
		s.all = append(s.all, s.refusal("", 0, string(fault.Limit), fmt.Sprintf("%d more refused records of this delivery are counted and not kept", n)))
	}
	if len(s.all) > 0 {
		if err := s.r.records.Keep(s.ctx, s.d.Tenant, s.all, nil); err != nil {
			return Receipt{}, wrap("refused records", err)
		}
	}
	for peer, tally := range s.tallies {
		sender := s.d.sender()
		if peer != "" {
			sender.ID, sender.Name, sender.Address = peer, peer, peer
		}
		s.r.traffic.Delivered(s.d.Tenant, sender, tally.families, tally.refused, tally.bytes)
	}
	return s.receipt, nil
}

// receiverSink groups records into bus messages.
type receiverSink struct {
	ctx     context.Context
	r       *Receiver
	d       Delivery
	now     time.Time
	receipt Receipt
	all     []Refusal

	peer    string                // of the record at hand; empty: the delivery's sender
	tallies map[string]*delivered // by peer

	open     *bus.Outgoing
	host     string // of the records in open
	records  int
	group    []bus.Outgoing
	messages int // closed so far
	bytes    int

	parts int             // messages of the batch so far
	there map[string]bool // those that are on the bus
}

// delivered is what one sender brought.
type delivered struct {
	families       map[string]int64 // records of each family
	refused, bytes int64
}

func (s *receiverSink) tally() *delivered {
	t := s.tallies[s.peer]
	if t == nil {
		if s.tallies == nil {
			s.tallies = map[string]*delivered{}
		}
		t = &delivered{families: map[string]int64{}}
		s.tallies[s.peer] = t
	}
	return t
}

func (s *receiverSink) Begin(*reader.File) error { return nil }
func (s *receiverSink) End(*reader.File) error   { return nil }

func (s *receiverSink) Record(rec *normalise.Record) error {
	if int64(len(rec.Data)) > s.r.bus.MaxMessage()-1024 {
		s.Refuse(rec.File, rec.Number, string(fault.TooLarge), "the record is larger than the bus takes")
		return nil
	}
	if s.open != nil && (s.open.Source != rec.Source || s.host != rec.Host || s.records >= messageRecords || len(s.open.Data)+len(rec.Data) > messageBytes) {
		s.close()
	}
	if s.open == nil {
		s.open = &bus.Outgoing{Source: rec.Source, Header: map[string]string{headerReceived: s.now.Format(time.RFC3339Nano)}}
		if s.d.File != "" {
			s.open.Header[headerFile] = s.d.File
		}
		if s.d.Lab != "" {
			s.open.Header[headerLab] = s.d.Lab
		}
		if s.host = rec.Host; s.host != "" {
			s.open.Header[headerHost] = s.host
		}
	}
	s.open.Data = appendFrame(s.open.Data, rec.Data)
	s.records++
	s.receipt.Accepted++
	tally := s.tally()
	if rec.Source == Auto {
		tally.families[generic]++
	} else {
		tally.families[rec.Source]++
	}
	tally.bytes += int64(len(rec.Data))
	if s.bytes+len(s.open.Data) >= publishBytes {
		return s.publish()
	}
	return nil
}

func (s *receiverSink) Refuse(file string, number int64, code, message string) {
	s.receipt.RefusedCount++
	s.tally().refused++
	if len(s.all) >= maxLetters {
		return
	}
	f := s.refusal(file, number, code, message)
	if len(s.receipt.Refused) < 100 {
		s.receipt.Refused = append(s.receipt.Refused, f)
	}
	s.all = append(s.all, f)
}

func (s *receiverSink) refusal(file string, number int64, code, message string) Refusal {
	name := s.d.File
	if name == "" {
		name = s.d.Source
	}
	if file != reader.Stdin && file != "" {
		name += file[min(len(reader.Stdin), len(file)):] // members of an archive keep their part of the name
	}
	return Refusal{Source: s.d.Source, File: name, Lab: s.d.Lab, Number: number, Code: code, Message: message, Time: s.now}
}

func (s *receiverSink) close() {
	identify(s.ctx, s.open, s.messages)
	s.messages++
	s.bytes += len(s.open.Data)
	s.group = append(s.group, *s.open)
	s.open, s.records = nil, 0
}

func (s *receiverSink) publish() error {
	if s.open != nil {
		s.close()
	}
	if len(s.group) == 0 {
		return nil
	}
	group, err := s.named(s.group)
	if err == nil {
		_, err = s.r.bus.PublishAll(s.ctx, s.d.Tenant, group)
	}
	s.group, s.bytes = nil, 0
	return err
}

// named gives the messages of a repeatable delivery their ids and leaves out those that are on the bus. A body is always divided into messages in the same way.
func (s *receiverSink) named(group []bus.Outgoing) ([]bus.Outgoing, error) {
	b := s.d.Batch
	if b.Name == "" {
		return group, nil
	}
	if b.Again && s.there == nil {
		var err error
		if s.there, err = s.r.bus.Published(s.ctx, s.d.Tenant, b.After, b.Name+"/"); err != nil {
			return nil, err
		}
	}
	left := group[:0]
	for _, m := range group {
		m.ID = fmt.Sprintf("%s/%d", b.Name, s.parts)
		s.parts++
		if !s.there[m.ID] {
			left = append(left, m)
		}
	}
	return left, nil
}

func known(families []Family, name string) bool {
	for _, f := range families {
		if f.Name() == name {
			return true
		}
	}
	return false
}

// Probes lists how the families recognise their records, for the reader.
func Probes(families []Family) []reader.Probe {
	out := make([]reader.Probe, 0, len(families))
	for _, f := range families {
		if f.Probe != nil {
			out = append(out, reader.Probe{Name: f.Name(), Score: f.Probe})
		}
	}
	return out
}
