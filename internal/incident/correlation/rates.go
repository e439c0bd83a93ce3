package correlation

import "math"

// Base rates are counted in occupied quarter hours, not in hits: a scanner's 400,000 alarms in twenty minutes are two occupied quarters, an alarm every five
// minutes occupies all of them. The last two hours stay out of the history, so that an attack does not make itself look ordinary.
const (
	quarter = 15 * 60 // seconds per bucket
	lag     = 8       // buckets that do not count as history yet
	classes = 12      // magnitudes: class m holds buckets of at least 4^m hits
	fading  = 14 * 24 // hours after which an old bucket counts for 1/e
)

func bucketOf(second int64) int64 {
	if second < 0 {
		return (second - quarter + 1) / quarter
	}
	return second / quarter
}

// class is the magnitude of a count: 1-3 hits are class 0, 4-15 class 1, 16-63 class 2 …
func class(count int64) int {
	c := 0
	for count >= 4 && c < classes-1 {
		count /= 4
		c++
	}
	return c
}

type slot struct{ bucket, count int64 }

// history counts the occupied buckets of one series of events by magnitude, fading with time.
type history struct {
	n      [classes]float64 // buckets of at least this magnitude, as of bucket at
	at     int64
	recent []slot // buckets within the lag, by time
	old    int64  // last bucket that was counted behind the lag
}

func fade(buckets int64) float64 {
	if buckets <= 0 {
		return 1
	}
	return math.Exp(-float64(buckets) * quarter / 3600 / fading)
}

// add counts hits in a bucket and returns how many the bucket holds then.
func (h *history) add(bucket, count int64) int64 {
	h.settle(bucket)
	for i := range h.recent {
		if h.recent[i].bucket == bucket {
			h.recent[i].count += count
			return h.recent[i].count
		}
	}
	if len(h.recent) > 0 && bucket < h.recent[len(h.recent)-1].bucket-lag {
		if bucket != h.old {
			h.old = bucket
			h.count(slot{bucket, count})
		}
		return count
	}
	i := len(h.recent)
	h.recent = append(h.recent, slot{})
	for i > 0 && h.recent[i-1].bucket > bucket {
		h.recent[i] = h.recent[i-1]
		i--
	}
	h.recent[i] = slot{bucket, count}
	return count
}

// settle moves buckets that the lag has passed into the counts.
func (h *history) settle(now int64) {
	k := 0
	for k < len(h.recent) && h.recent[k].bucket < now-lag {
		h.count(h.recent[k])
		k++
	}
	if k > 0 {
		h.recent = append(h.recent[:0], h.recent[k:]...)
	}
}

func (h *history) count(s slot) {
	if s.bucket > h.at {
		f := fade(s.bucket - h.at)
		if h.at == 0 {
			f = 1
		}
		for i := range h.n {
			h.n[i] *= f
		}
		h.at = s.bucket
	}
	f := fade(h.at - s.bucket)
	for m := class(s.count); m >= 0; m-- {
		h.n[m] += f
	}
}

// seen returns the faded number of settled buckets of at least the magnitude.
func (h *history) seen(magnitude int) float64 {
	if h == nil {
		return 0
	}
	return h.n[magnitude]
}

// clock measures how many hours of the stream have been watched: gaps of more than a day count as a day, so that one record with a wild date does not
// make everything look rare.
type clock struct {
	hours []int64 // distinct hours seen, sorted, at most keepHours
	sum   float64
}

const keepHours = 90 * 24

func gapHours(from, to int64) float64 { return float64(min(to-from, 24)) }

func (c *clock) see(hour int64) {
	n := len(c.hours)
	if n > 0 && c.hours[n-1] == hour {
		return
	}
	i := n
	for i > 0 && c.hours[i-1] > hour {
		i--
	}
	if i > 0 && c.hours[i-1] == hour {
		return
	}
	switch {
	case n == 0:
	case i == n:
		c.sum += gapHours(c.hours[n-1], hour)
	case i == 0:
		c.sum += gapHours(hour, c.hours[0])
	default:
		c.sum += gapHours(c.hours[i-1], hour) + gapHours(hour, c.hours[i]) - gapHours(c.hours[i-1], c.hours[i])
	}
	c.hours = append(c.hours, 0)
	copy(c.hours[i+1:], c.hours[i:])
	c.hours[i] = hour
	if len(c.hours) > keepHours {
		c.sum -= gapHours(c.hours[0], c.hours[1])
		c.hours = append(c.hours[:0], c.hours[1:]...)
	}
}

// watched returns the hours of history that rates are over, no more than what fading leaves.
func (c *clock) watched() float64 {
	return fading * (1 - math.Exp(-c.sum/fading))
}
