package normalise

import (
	"strconv"
	"strings"
	"time"
)

// layouts are tried by what the text looks like after "T" has been put between date and time.
var layouts = [...]string{
	"2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999-0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// Years outside this range are clock nonsense and refused, so that they cannot overflow a column.
const firstYear, lastYear = 1601, 9998

// ParseTime reads the time forms of JSON sources: ISO 8601 with "T" or a blank, with or without zone (then UTC), with 0 to 9 digits of
// fraction, "/" between date parts, Microsoft's /Date(ms)/, and Unix time in seconds, milliseconds, microseconds or nanoseconds.
func ParseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 8 || len(s) > 64 {
		return time.Time{}, false
	}
	if t, ok := isoUTC(s); ok {
		return t, true
	}
	if strings.HasPrefix(s, "/Date(") {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "/Date("), ")/")
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil { // seconds with a fraction, or an integer
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return UnixTime(i)
		}
		if !(n > 0 && n < 1e11) {
			return time.Time{}, false
		}
		return sane(time.UnixMicro(int64(n * 1e6)))
	}
	if len(s) >= 10 && s[4] == '/' && s[7] == '/' {
		s = s[:4] + "-" + s[5:7] + "-" + s[8:]
	}
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	s = strings.TrimSuffix(s, " UTC")
	if i := strings.LastIndexByte(s, ' '); i > 11 {
		s = s[:i] + s[i+1:] // blank before a zone
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return sane(t)
		}
	}
	return time.Time{}, false
}

// UnixTime reads Unix time; the unit follows from the size of the number.
func UnixTime(n int64) (time.Time, bool) {
	switch {
	case n < 0:
		return time.Time{}, false
	case n < 1e11:
		return sane(time.Unix(n, 0))
	case n < 1e14:
		return sane(time.UnixMilli(n))
	case n < 1e17:
		return sane(time.UnixMicro(n))
	}
	return sane(time.Unix(0, n))
}

func sane(t time.Time) (time.Time, bool) {
	t = t.UTC()
	if y := t.Year(); y < firstYear || y > lastYear {
		return time.Time{}, false
	}
	return t, true
}

// isoUTC is the fast path for "2006-01-02T15:04:05[.fraction][Z]" and the same with a blank.
func isoUTC(s string) (time.Time, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	hour, ok4 := digits(s[11:13])
	minute, ok5 := digits(s[14:16])
	sec, ok6 := digits(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || sec > 59 {
		return time.Time{}, false
	}
	rest := strings.TrimSuffix(s[19:], "Z")
	nanos := 0
	if rest != "" {
		if rest[0] != '.' || len(rest) < 2 || len(rest) > 10 {
			return time.Time{}, false
		}
		n, ok := digits(rest[1:])
		if !ok {
			return time.Time{}, false
		}
		for i := len(rest); i < 10; i++ {
			n *= 10
		}
		nanos = n
	}
	t := time.Date(year, time.Month(month), day, hour, minute, sec, nanos, time.UTC)
	if t.Day() != day {
		return time.Time{}, false
	}
	return sane(t)
}

func digits(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
