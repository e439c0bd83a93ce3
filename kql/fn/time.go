package fn

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Ticks per unit of time.
const (
	tickMicro  = 10
	tickMilli  = 10_000
	tickSecond = 10_000_000
	tickMinute = 60 * tickSecond
	tickHour   = 60 * tickMinute
	tickDay    = 24 * tickHour
	// maxTicks is 9999-12-31T23:59:59.9999999.
	maxTicks = 3_155_378_975_999_999_999
	// unixTicks is 1970-01-01.
	unixTicks = 62_135_596_800 * tickSecond
)

// Ticks gives t as 100 ns ticks since year 1.
func Ticks(t time.Time) int64 { return t.Unix()*tickSecond + int64(t.Nanosecond()/100) + unixTicks }

// Time is the inverse of Ticks, in UTC.
func Time(ticks int64) time.Time {
	ticks -= unixTicks
	sec, rest := ticks/tickSecond, ticks%tickSecond
	if rest < 0 {
		sec, rest = sec-1, rest+tickSecond
	}
	return time.Unix(sec, rest*100).UTC()
}

// FormatDateTime writes 2017-01-29T09:00:05.0000000Z.
func FormatDateTime(ticks int64) string {
	t := Time(ticks)
	b := make([]byte, 0, 28)
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	b = pad(b, y, 4)
	b = append(b, '-')
	b = pad(b, int(mo), 2)
	b = append(b, '-')
	b = pad(b, d, 2)
	b = append(b, 'T')
	b = pad(b, h, 2)
	b = append(b, ':')
	b = pad(b, mi, 2)
	b = append(b, ':')
	b = pad(b, s, 2)
	b = append(b, '.')
	b = pad(b, t.Nanosecond()/100, 7)
	return string(append(b, 'Z'))
}

func pad(b []byte, n, width int) []byte {
	s := strconv.Itoa(n)
	for i := len(s); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}

// FormatTimeSpan writes [-][d.]hh:mm:ss[.fffffff].
func FormatTimeSpan(ticks int64) string {
	var b []byte
	u := uint64(ticks)
	if ticks < 0 {
		b = append(b, '-')
		u = -u
	}
	if d := u / tickDay; d > 0 {
		b = strconv.AppendUint(b, d, 10)
		b = append(b, '.')
	}
	b = pad(b, int(u%tickDay/tickHour), 2)
	b = append(b, ':')
	b = pad(b, int(u%tickHour/tickMinute), 2)
	b = append(b, ':')
	b = pad(b, int(u%tickMinute/tickSecond), 2)
	if f := u % tickSecond; f > 0 {
		b = append(b, '.')
		b = pad(b, int(f), 7)
	}
	return string(b)
}

// ParseTimeSpan reads 1.02:03:04.5, a number with a unit (3d, 1.5h, 100ms, 2 seconds), or a bare number of days.
func ParseTimeSpan(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	sign := int64(1)
	if r, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, r
	}
	if s == "" {
		return 0, false
	}
	if !strings.Contains(s, ":") {
		i := 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		f, err := strconv.ParseFloat(s[:i], 64)
		unit, ok := spanUnits()[strings.ToLower(strings.TrimSpace(s[i:]))]
		if err != nil || !ok {
			return 0, false
		}
		if n, err := strconv.ParseInt(s[:i], 10, 64); err == nil {
			if n > 1<<62/unit {
				return 0, false
			}
			return sign * n * unit, true
		}
		n, ok := realToLong(f * float64(unit)).(int64)
		return sign * n, ok
	}
	days := int64(0)
	colon := strings.Index(s, ":")
	if dot := strings.Index(s, "."); dot >= 0 && dot < colon {
		n, err := strconv.ParseInt(s[:dot], 10, 64)
		if err != nil || n > 10_675_199 {
			return 0, false
		}
		days, s = n, s[dot+1:]
	}
	parts := strings.Split(s, ":")
	if len(parts) > 4 {
		return 0, false
	}
	if len(parts) == 4 {
		n, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil || n > 10_675_199 {
			return 0, false
		}
		days, parts = n, parts[1:]
	}
	h, err1 := strconv.ParseUint(parts[0], 10, 16)
	m, err2 := strconv.ParseUint(parts[1], 10, 16)
	if err1 != nil || err2 != nil || h > 23 || m > 59 {
		return 0, false
	}
	total := days*tickDay + int64(h)*tickHour + int64(m)*tickMinute
	if len(parts) == 3 {
		sec, frac, _ := strings.Cut(parts[2], ".")
		n, err := strconv.ParseUint(sec, 10, 16)
		if err != nil || n > 59 {
			return 0, false
		}
		f, ok := fraction(frac)
		if !ok {
			return 0, false
		}
		total += int64(n)*tickSecond + f
	}
	return sign * total, true
}

// fraction reads the digits behind the point of a second as ticks.
func fraction(s string) (int64, bool) {
	if len(s) > 20 {
		return 0, false
	}
	n := int64(0)
	for i := 0; i < 7; i++ {
		d := byte('0')
		if i < len(s) {
			d = s[i]
		}
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, true
}

var spanUnits = sync1(func() map[string]int64 {
	m := map[string]int64{}
	for unit, names := range map[int64]string{
		tickDay: " d day days", tickHour: "h hr hrs hour hours", tickMinute: "m min minute minutes", tickSecond: "s sec second seconds",
		tickMilli: "ms milli millis millisec millisecond milliseconds", tickMicro: "micro micros microsec microsecond microseconds",
		1: "tick ticks",
	} {
		for _, n := range strings.Split(names, " ") {
			m[n] = unit
		}
	}
	return m
})

func timeFunctions() map[string]impl {
	unix := func(perUnit float64) impl {
		return func(c *call) any {
			if n, ok := c.arg(0).V.(int64); ok && perUnit >= 1 {
				if n > maxTicks/int64(perUnit) || n < -unixTicks/int64(perUnit) {
					return nil
				}
				return inRange(n*int64(perUnit) + unixTicks)
			}
			f, ok := c.real(0)
			if !ok || f*perUnit > maxTicks || f*perUnit < -unixTicks {
				return nil
			}
			return inRange(int64(f*perUnit) + unixTicks)
		}
	}
	return map[string]impl{
		"now": func(c *call) any {
			return c.lib.opt.Now + c.longOr(0, 0)
		},
		"ago": func(c *call) any {
			n, ok := c.long(0)
			if !ok {
				return nil
			}
			return c.lib.opt.Now - n
		},
		"bin": bin, "floor": bin, "bin_at": binAt,
		"unixtime_seconds_todatetime":      unix(tickSecond),
		"unixtime_milliseconds_todatetime": unix(tickMilli),
		"unixtime_microseconds_todatetime": unix(tickMicro),
		"unixtime_nanoseconds_todatetime":  unix(0.01),
		"make_timespan":                    makeTimeSpan,
		"format_timespan":                  formatTimeSpanCall,
	}
}

func inRange(ticks int64) any {
	if ticks < 0 || ticks > maxTicks {
		return nil
	}
	return ticks
}

// bin rounds toward minus infinity to a multiple of the second argument.
func bin(c *call) any {
	if c.null(0) || c.n() > 1 && c.null(1) {
		return nil
	}
	if c.n() == 1 {
		f, ok := c.real(0)
		if !ok {
			return nil
		}
		return floorReal(f)
	}
	a, b := c.scalar(0), c.scalar(1)
	if x, ok := a.V.(int64); ok {
		if y, ok := b.V.(int64); ok {
			return floorTo(x, y)
		}
	}
	f, ok1 := c.real(0)
	g, ok2 := c.real(1)
	if !ok1 || !ok2 || g <= 0 {
		return nil
	}
	return floorReal(f/g) * g
}

func floorTo(x, y int64) any {
	if y <= 0 {
		return nil
	}
	m := x % y
	if m < 0 {
		m += y
	}
	return fits(x-m, x-m > x, plan.Long)
}

func binAt(c *call) any {
	if c.anyNull() {
		return nil
	}
	x, okx := c.arg(0).V.(int64)
	y, oky := c.arg(1).V.(int64)
	at, okat := c.arg(2).V.(int64)
	if okx && oky && okat {
		n, ok := floorTo(x-at, y).(int64)
		if !ok {
			return nil
		}
		return n + at
	}
	f, ok1 := c.real(0)
	g, ok2 := c.real(1)
	h, ok3 := c.real(2)
	if !ok1 || !ok2 || !ok3 || g <= 0 {
		return nil
	}
	return floorReal((f-h)/g)*g + h
}

// make_timespan(hours, minutes [, seconds]) or (days, hours, minutes, seconds)
func makeTimeSpan(c *call) any {
	if c.anyNull() {
		return nil
	}
	var d, h, m int64
	var s float64
	switch c.n() {
	case 2, 3:
		h, m = c.longOr(0, 0), c.longOr(1, 0)
		s, _ = c.real(2)
	case 4:
		d, h, m = c.longOr(0, 0), c.longOr(1, 0), c.longOr(2, 0)
		s, _ = c.real(3)
	default:
		return nil
	}
	if d < 0 || d > 10_675_198 || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s >= 60 {
		return nil
	}
	return d*tickDay + h*tickHour + m*tickMinute + int64(s*tickSecond+0.5)
}

func formatTimeSpanCall(c *call) any {
	n, ok := c.long(0)
	if !ok || c.arg(0).T == plan.String {
		return ""
	}
	return formatSpan(n, c.str(1))
}

func formatSpan(n int64, format string) string {
	neg := n < 0
	if neg {
		n = -n
	}
	var b strings.Builder
	for i := 0; i < len(format); {
		ch := format[i]
		j := i
		for j < len(format) && format[j] == ch {
			j++
		}
		w := j - i
		switch ch {
		case 'd':
			fmt.Fprintf(&b, "%0*d", w, n/tickDay)
		case 'h', 'H':
			fmt.Fprintf(&b, "%0*d", w, n%tickDay/tickHour)
		case 'm':
			fmt.Fprintf(&b, "%0*d", w, n%tickHour/tickMinute)
		case 's':
			fmt.Fprintf(&b, "%0*d", w, n%tickMinute/tickSecond)
		case 'f', 'F':
			b.WriteString(fractionText(n%tickSecond, w, ch == 'F'))
		default:
			b.WriteString(format[i:j])
		}
		i = j
	}
	if neg {
		return "-" + b.String()
	}
	return b.String()
}

// fractionText is the first w digits of a second's fraction; with trim, trailing zeros go.
func fractionText(ticks int64, w int, trim bool) string {
	s := fmt.Sprintf("%07d", ticks)
	if w < 7 {
		s = s[:w]
	}
	if trim {
		s = strings.TrimRight(s, "0")
	}
	return s
}
