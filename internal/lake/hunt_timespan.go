package lake

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

var isoDuration = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:\.\d+)?S)?)?$`)
})

// ParseTimespan reads an ISO 8601 range: a duration back from now (P30D), start/end, start/duration, duration/end, or a single start. An empty text is
// no bound at all. Times without a zone are UTC.
func ParseTimespan(s string, now time.Time) (from, to time.Time, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return from, to, nil
	}
	bad := func() (time.Time, time.Time, error) {
		return time.Time{}, time.Time{}, fault.Newf(fault.Invalid, "timespan %q is neither a duration such as P30D nor a range such as 2026-01-01/2026-01-31", s).On("timespan")
	}
	first, second, both := strings.Cut(s, "/")
	if !both {
		if back, ok := before(now, first); ok {
			return back, now, nil
		}
		if t, ok := parseTime(first); ok {
			return t, time.Time{}, nil
		}
		return bad()
	}
	start, isStart := parseTime(first)
	end, isEnd := parseTime(second)
	switch {
	case isStart && isEnd:
	case isStart:
		// start/duration: as far after the start as the duration reaches.
		back, ok := before(start, second)
		if !ok {
			return bad()
		}
		end = start.Add(start.Sub(back))
	case isEnd:
		back, ok := before(end, first)
		if !ok {
			return bad()
		}
		start = back
	default:
		return bad()
	}
	if end.Before(start) {
		return bad()
	}
	return start, end, nil
}

// before is t less an ISO 8601 duration.
func before(t time.Time, s string) (time.Time, bool) {
	m := isoDuration().FindStringSubmatch(strings.ToUpper(s))
	if m == nil || len(s) < 3 || strings.HasSuffix(strings.ToUpper(s), "T") {
		return time.Time{}, false
	}
	n := make([]int, 8)
	for i := 1; i < len(n); i++ {
		n[i], _ = strconv.Atoi(m[i])
	}
	t = t.AddDate(-n[1], -n[2], -n[3]*7-n[4])
	return t.Add(-time.Duration(n[5])*time.Hour - time.Duration(n[6])*time.Minute - time.Duration(n[7])*time.Second), true
}

func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// ParseTime reads the time given with --now: RFC 3339, or a date with or without a time, in UTC.
func ParseTime(s string) (time.Time, error) {
	t, ok := parseTime(s)
	if !ok {
		return time.Time{}, fault.Newf(fault.Invalid, "%q is not a time such as 2026-01-15T12:00:00Z", s)
	}
	return t, nil
}
