package telemetry

import (
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits remembers which limits were hit, so that no cap is silent: each hit counts in the metrics and shows in the health page.
type Limits struct {
	total *prometheus.CounterVec

	mu   sync.Mutex
	seen map[string]*LimitHit
}

// LimitHit is one limit that was reached at least once since the start.
type LimitHit struct {
	Name   string    `json:"name"`   // setting or constant, "hunt.rows"
	Detail string    `json:"detail"` // what was cut or refused the last time
	Count  int64     `json:"count"`
	Last   time.Time `json:"last"`
}

// maxLimits bounds the table: names come from the program, so more than this is a defect.
const maxLimits = 200

func newLimits() *Limits {
	return &Limits{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bartizan_limits_hit_total", Help: "How often each limit cut or refused something."}, []string{"limit"}),
		seen:  map[string]*LimitHit{},
	}
}

// Hit records that the named limit cut or refused something. name must be a constant, detail is for people.
func (l *Limits) Hit(name, detail string) {
	l.total.WithLabelValues(name).Inc()
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.seen[name]
	if h == nil {
		if len(l.seen) >= maxLimits {
			return
		}
		h = &LimitHit{Name: name}
		l.seen[name] = h
	}
	h.Count++
	h.Detail = detail
	h.Last = time.Now().UTC()
}

// List returns the limits that were hit, by name.
func (l *Limits) List() []LimitHit {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]LimitHit, 0, len(l.seen))
	for _, h := range l.seen {
		out = append(out, *h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
