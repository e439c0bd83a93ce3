package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Ticks of 100 ns.
const (
	TicksPerSecond = 10_000_000
	TicksPerDay    = 864_000_000_000
	// unixEpoch is 1970-01-01 in ticks since the year 1.
	unixEpoch = 621_355_968_000_000_000
	// MaxTicks is the last tick of the year 9999.
	MaxTicks = 3_155_378_975_999_999_999
)

// Ticks converts a time to ticks of 100 ns since the year 1.
func Ticks(t time.Time) int64 {
	return unixEpoch + t.Unix()*TicksPerSecond + int64(t.Nanosecond()/100)
}

// TimeOf converts ticks since the year 1 to a time in UTC.
func TimeOf(ticks int64) time.Time {
	t := ticks - unixEpoch
	sec, rest := t/TicksPerSecond, t%TicksPerSecond
	if rest < 0 {
		sec, rest = sec-1, rest+TicksPerSecond
	}
	return time.Unix(sec, rest*100).UTC()
}

// FormatDateTime writes ticks as 2021-02-03T04:05:06.1234567Z.
func FormatDateTime(ticks int64) string { return TimeOf(ticks).Format("2006-01-02T15:04:05.0000000Z") }

// ParseDateTime reads the content of a datetime literal: ISO 8601 in its usual shapes, month/day/year, and the forms of RFC 822 and RFC 850. Without
// a zone it is UTC.
func ParseDateTime(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "min":
		return 0, true
	case "max":
		return MaxTicks, true
	}
	if s == "" {
		return 0, false
	}
	for _, layout := range []string{
		"2006-1-2T15:4:5Z07:00", "2006-1-2T15:4:5", "2006-1-2T15:4Z07:00", "2006-1-2T15:4", "2006-1-2T15Z07:00", "2006-1-2T15", "2006-1-2Z07:00", "2006-1-2",
		"2006-1-2 15:4:5Z07:00", "2006-1-2 15:4:5 Z07:00", "2006-1-2 15:4:5", "2006-1-2 15:4Z07:00", "2006-1-2 15:4", "2006-1-2 15", "2006-1", "2006",
		"2006-1-2T15:4:5Z0700", "2006-1-2 15:4:5 Z0700",
		"20060102", "20060102T150405Z", "20060102T150405", "20060102150405", "2006/1/2", "2006/1/2 15:4:5", "2006/1/2 15:4", "2006/1/2T15:4:5Z07:00",
		"1/2/2006 3:4:5 PM", "1/2/2006 3:4 PM", "1/2/2006 15:4:5", "1/2/2006 15:4", "1/2/2006", "1/2/2006T15:4:5Z07:00", "2006.1.2", "2006.1.2 15:4:5", "2006, 1, 2", "2006,1,2",
		"Mon, 2 Jan 06 15:4:5", "Mon, 2 Jan 06 15:4:5 MST", "Mon, 2 Jan 06 15:4", "Mon, 2 Jan 06 15:4 MST", "2 Jan 06 15:4:5", "2 Jan 06 15:4:5 MST", "2 Jan 06 15:4", "2 Jan 06 15:4 MST",
		"Mon, 2 Jan 2006 15:4:5 MST", "Mon, 2 Jan 2006 15:4:5 -0700", "Mon, 2 Jan 2006 15:4:5", "2 Jan 2006 15:4:5", "2 Jan 2006", "Jan 2 2006", "January 2, 2006", "2 January 2006",
		"Monday, 2-Jan-06 15:4:5", "Monday, 2-Jan-06 15:4:5 MST", "Monday, 2-Jan-06 15:4", "Monday, 2-Jan-06 15:4 MST", "2-Jan-06 15:4:5", "2-Jan-06 15:4:5 MST", "2-Jan-06 15:4", "2-Jan-06 15:4 MST", "2-Jan-2006",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			ticks := Ticks(t.UTC())
			return ticks, ticks >= 0 && ticks <= MaxTicks
		}
	}
	return 0, false
}

// ParseTimeSpan reads the content of a timespan literal: 1.5h, a number of days, or [-][d.]hh:mm[:ss[.fffffff]].
func ParseTimeSpan(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	neg := false
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		neg, s = true, strings.TrimSpace(rest)
	}
	v, ok := parseTimeSpan(s)
	if neg {
		v = -v
	}
	return v, ok
}

func parseTimeSpan(s string) (int64, bool) {
	switch strings.ToLower(s) {
	case "min":
		return math.MinInt64, true
	case "max":
		return math.MaxInt64, true
	}
	if s == "" {
		return 0, false
	}
	if !strings.Contains(s, ":") {
		i := strings.IndexFunc(s, func(r rune) bool { return r < 128 && isLetter(byte(r)) })
		if i > 0 {
			return unitTimeSpan(strings.TrimSpace(s[:i]) + s[i:])
		}
		if d, err := strconv.ParseInt(s, 10, 64); err == nil {
			return d * TicksPerDay, d < math.MaxInt64/TicksPerDay
		}
		return 0, false
	}
	parts := strings.Split(s, ":")
	if len(parts) > 4 || len(parts) < 2 {
		return 0, false
	}
	var days, hours, minutes int64
	if len(parts) == 4 { // d:hh:mm:ss
		parts = append([]string{parts[0] + "." + parts[1]}, parts[2:]...)
	}
	h := parts[0]
	if d, rest, ok := strings.Cut(h, "."); ok {
		v, err := strconv.ParseInt(d, 10, 32)
		if err != nil || v < 0 {
			return 0, false
		}
		days, h = v, rest
	}
	hours, err1 := strconv.ParseInt(h, 10, 32)
	minutes, err2 := strconv.ParseInt(parts[1], 10, 32)
	if err1 != nil || err2 != nil || hours < 0 || minutes < 0 || hours > 23 || minutes > 59 {
		return 0, false
	}
	ticks := days*TicksPerDay + hours*36_000_000_000 + minutes*600_000_000
	if len(parts) == 3 {
		sec, frac, _ := strings.Cut(parts[2], ".")
		v, err := strconv.ParseInt(sec, 10, 32)
		if err != nil || v < 0 || v > 59 || len(frac) > 9 {
			return 0, false
		}
		ticks += v * TicksPerSecond
		if frac != "" {
			f, err := strconv.ParseInt((frac + "0000000")[:7], 10, 64)
			if err != nil || f < 0 {
				return 0, false
			}
			ticks += f
		}
	}
	return ticks, true
}

// FormatTimeSpan writes ticks as [-][d.]hh:mm:ss[.fffffff].
func FormatTimeSpan(ticks int64) string {
	var b strings.Builder
	u := uint64(ticks)
	if ticks < 0 {
		b.WriteByte('-')
		u = -u
	}
	if d := u / TicksPerDay; d > 0 {
		fmt.Fprintf(&b, "%d.", d)
	}
	u %= TicksPerDay
	sec := u / TicksPerSecond
	fmt.Fprintf(&b, "%02d:%02d:%02d", sec/3600, sec/60%60, sec%60)
	if f := u % TicksPerSecond; f > 0 {
		fmt.Fprintf(&b, ".%07d", f)
	}
	return b.String()
}
