package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// What a sender has to keep up with, and what all senders together may hold. A body that comes slower than this holds memory and a connection for nothing.
const (
	bodyPause      = 20 * time.Second // longest wait for the next byte
	bodyGrace      = 30 * time.Second // after which the mean rate counts
	bodyRate       = 1 << 10          // bytes a second
	deliveryPlaces = 256              // deliveries that are read at a time
	senderPlaces   = 64               // …, of one token
	heldTimes      = 8                // bytes of all deliveries that are held until they are decoded, as a multiple of http.max-ingest
)

// deliveries bounds what is being received at a time.
type deliveries struct {
	mu     sync.Mutex
	total  int
	places map[string]int // by token
	held   int64
	most   int64
}

func newDeliveries(maxIngest int64) *deliveries {
	return &deliveries{places: map[string]int{}, most: heldTimes * maxIngest}
}

// enter takes a place; it is given back by leave.
func (d *deliveries) enter(token string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.total >= deliveryPlaces:
		return busy("%d deliveries are being received already", deliveryPlaces)
	case d.places[token] >= senderPlaces:
		return busy("%d deliveries of this sender are being received already", senderPlaces)
	}
	d.total++
	d.places[token]++
	return nil
}

func (d *deliveries) leave(token string, held int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total--
	d.held -= held
	if d.places[token]--; d.places[token] == 0 {
		delete(d.places, token)
	}
}

// hold accounts for bytes that were read.
func (d *deliveries) hold(n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held+n > d.most {
		return busy("deliveries of %d bytes are being received already", d.held)
	}
	d.held += n
	return nil
}

func busy(format string, args ...any) error {
	e := fault.Newf(fault.Unavailable, format+"; send this one again in a few seconds", args...)
	e.Details = map[string]any{"retryAfter": 2}
	return e
}

var errSlow = fault.Newf(fault.Busy, "the body came too slowly: at least %d bytes a second, and never nothing for %d s; nothing of what is missing was taken", bodyRate, int(bodyPause/time.Second)).On("body")

// paced reads a request's body and gives up on one that does not come on.
type paced struct {
	r       io.ReadCloser
	control *http.ResponseController
	start   time.Time
	read    int64
	pace    pace
}

// pace are the bounds of a paced body; tests have shorter ones.
type pace struct{ pause, grace time.Duration }

func newPaced(w http.ResponseWriter, r *http.Request, p pace) *paced {
	return &paced{r: r.Body, control: http.NewResponseController(w), start: time.Now(), pace: p}
}

func (p *paced) Read(b []byte) (int, error) {
	now := time.Now()
	deadline := now.Add(p.pace.pause)
	if last := p.start.Add(ingestTime); last.Before(deadline) {
		deadline = last
	}
	_ = p.control.SetReadDeadline(deadline) // not every connection has one
	n, err := p.r.Read(b)
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, errSlow
	}
	if took := time.Since(p.start); err == nil && took > p.pace.grace && float64(p.read) < took.Seconds()*bodyRate {
		return n, errSlow
	}
	return n, err
}

func (p *paced) Close() error { return p.r.Close() }
