package ingest

import (
	"sync"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Lag tells how far a tenant's lake is behind what was received. A nil Lag tells nothing. It is safe for concurrent use.
type Lag struct {
	mu      sync.Mutex
	pending int64         // records taken and not yet committed
	oldest  time.Time     // no later than the oldest of them was received
	last    time.Duration // of the oldest record of the last commit
	records int64
}

// Seconds is the age of the oldest record that is on its way into the lake; when there is none, how long the oldest record of the last commit had waited.
func (l *Lag) Seconds(now time.Time) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending > 0 {
		return max(now.Sub(l.oldest), 0).Seconds()
	}
	return l.last.Seconds()
}

// Records counts what was committed.
func (l *Lag) Records() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records
}

// taken notes records that came in, in order of arrival.
func (l *Lag) taken(records []*normalise.Record) {
	if l == nil || len(records) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == 0 {
		l.oldest = records[0].Received
	}
	l.pending += int64(len(records))
}

// committed notes that n records are in the lake, of which the first and the last were received at those times. What is left came after the last.
func (l *Lag) committed(n int, first, last, now time.Time) {
	if l == nil || n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(now.Sub(first), 0)
	l.pending -= int64(n)
	l.records += int64(n)
	l.oldest = last
}

// restart notes that what was taken and not committed will be taken again.
func (l *Lag) restart() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = 0
}
