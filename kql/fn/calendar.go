package fn

import (
	"fmt"
	"strings"
	"time"

	// Zone names must resolve on machines without a zone database.
	_ "time/tzdata"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func calendarFunctions() map[string]impl {
	part := func(name string) impl {
		return func(c *call) any {
			n, ok := c.long(0)
			if !ok {
				return nil
			}
			return datePart(name, n)
		}
	}
	start := func(unit string, last bool) impl {
		return func(c *call) any {
			n, ok := c.long(0)
			if !ok || c.n() > 1 && c.null(1) {
				return nil
			}
			off := c.longOr(1, 0)
			if off > 400_000 || off < -400_000 {
				return nil
			}
			if last {
				off++
			}
			t := startOf(unit, n, int(off))
			if last {
				t--
			}
			return inRange(t)
		}
	}
	return map[string]impl{
		"startofday": start("day", false), "startofweek": start("week", false), "startofmonth": start("month", false), "startofyear": start("year", false),
		"endofday": start("day", true), "endofweek": start("week", true), "endofmonth": start("month", true), "endofyear": start("year", true),
		"getyear": part("year"), "getmonth": part("month"), "monthofyear": part("month"), "dayofmonth": part("day"), "dayofyear": part("dayofyear"),
		"hourofday": part("hour"), "week_of_year": part("week_of_year"), "weekofyear": part("week_of_year"),
		"dayofweek": func(c *call) any {
			n, ok := c.long(0)
			if !ok {
				return nil
			}
			return weekday(n) * tickDay
		},
		"datetime_part": func(c *call) any {
			n, ok := c.long(1)
			if !ok {
				return nil
			}
			return datePart(strings.ToLower(c.str(0)), n)
		},
		"datetime_add": func(c *call) any {
			n, ok1 := c.long(1)
			t, ok2 := c.long(2)
			if !ok1 || !ok2 {
				return nil
			}
			return dateAdd(strings.ToLower(c.str(0)), n, t)
		},
		"datetime_diff": func(c *call) any {
			a, ok1 := c.long(1)
			b, ok2 := c.long(2)
			if !ok1 || !ok2 {
				return nil
			}
			return dateDiff(strings.ToLower(c.str(0)), a, b)
		},
		"make_datetime":   makeDateTime,
		"format_datetime": formatDateTimeCall,
		"datetime_utc_to_local": func(c *call) any {
			n, ok := c.long(0)
			zone, err := time.LoadLocation(c.str(1))
			if !ok || err != nil || c.str(1) == "" {
				return nil
			}
			_, off := Time(n).In(zone).Zone()
			return inRange(n + int64(off)*tickSecond)
		},
		"datetime_local_to_utc": func(c *call) any {
			n, ok := c.long(0)
			zone, err := time.LoadLocation(c.str(1))
			if !ok || err != nil || c.str(1) == "" {
				return nil
			}
			return inRange(localToUTC(n, zone))
		},
		"datetime_list_timezones": func(*call) any { return nil },
	}
}

// localToUTC takes the offset that was in force before a gap, so a local time that never was moves on.
func localToUTC(n int64, zone *time.Location) int64 {
	_, before := Time(n - tickDay).In(zone).Zone()
	guess := n - int64(before)*tickSecond
	_, off := Time(guess).In(zone).Zone()
	if utc := n - int64(off)*tickSecond; off != before {
		if _, check := Time(utc).In(zone).Zone(); check == off {
			return utc
		}
		return n - int64(off)*tickSecond
	}
	return guess
}

// weekday counts from Sunday; tick zero was a Monday.
func weekday(n int64) int64 { return (n/tickDay + 1) % 7 }

func startOf(unit string, n int64, off int) int64 {
	t := Time(n)
	y, m, d := t.Date()
	switch unit {
	case "day":
		return n - n%tickDay + int64(off)*tickDay
	case "week":
		return n - n%tickDay + (int64(off)*7-weekday(n))*tickDay
	case "month":
		return Ticks(time.Date(y, m+time.Month(off), 1, 0, 0, 0, 0, time.UTC))
	}
	_ = d
	return Ticks(time.Date(y+off, 1, 1, 0, 0, 0, 0, time.UTC))
}

func datePart(name string, n int64) any {
	t := Time(n)
	switch name {
	case "year":
		return int64(t.Year())
	case "quarter":
		return int64(t.Month()-1)/3 + 1
	case "month":
		return int64(t.Month())
	case "week_of_year", "weekofyear":
		_, w := t.ISOWeek()
		return int64(w)
	case "day":
		return int64(t.Day())
	case "dayofyear":
		return int64(t.YearDay())
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "second":
		return int64(t.Second())
	case "millisecond":
		return n % tickSecond / tickMilli
	case "microsecond":
		return n % tickSecond / tickMicro
	case "nanosecond":
		return n % tickSecond * 100
	}
	return nil
}

func unitTicks(name string) (int64, bool) {
	u, ok := map[string]int64{
		"week": 7 * tickDay, "day": tickDay, "hour": tickHour, "minute": tickMinute, "second": tickSecond, "millisecond": tickMilli, "microsecond": tickMicro,
	}[name]
	return u, ok
}

func dateAdd(unit string, n, t int64) any {
	if n > 400_000_000 || n < -400_000_000 {
		switch unit {
		case "millisecond", "microsecond", "nanosecond", "second", "minute":
		default:
			return nil
		}
	}
	months := 0
	switch unit {
	case "year":
		months = int(n) * 12
	case "quarter":
		months = int(n) * 3
	case "month":
		months = int(n)
	case "nanosecond":
		return inRange(t + n/100)
	default:
		u, ok := unitTicks(unit)
		if !ok || n > maxTicks/u || n < -maxTicks/u {
			return nil
		}
		return inRange(t + n*u)
	}
	x := Time(t)
	y, m, d := x.Date()
	total := y*12 + int(m) - 1 + months
	if total < 12 || total > 9999*12+11 {
		return nil
	}
	ny, nm := total/12, total%12+1
	d = min(d, daysIn(ny, nm))
	return Ticks(time.Date(ny, time.Month(nm), d, 0, 0, 0, 0, time.UTC)) + t%tickDay
}

// dateDiff counts the boundaries of the period between b and a.
func dateDiff(unit string, a, b int64) any {
	x, y := Time(a), Time(b)
	months := func() int64 { return int64(x.Year()-y.Year())*12 + int64(x.Month()) - int64(y.Month()) }
	switch unit {
	case "year":
		return int64(x.Year() - y.Year())
	case "quarter":
		q := func(t time.Time) int64 { return int64(t.Year())*4 + int64(t.Month()-1)/3 }
		return q(x) - q(y)
	case "month":
		return months()
	case "week":
		return (startOf("week", a, 0) - startOf("week", b, 0)) / (7 * tickDay)
	case "nanosecond":
		return (a - b) * 100
	}
	u, ok := unitTicks(unit)
	if !ok {
		return nil
	}
	return a/u - b/u
}

// makeDateTime(year, month, day [, hour, minute [, second]]), or a text.
func makeDateTime(c *call) any {
	if c.anyNull() {
		return nil
	}
	if c.n() == 1 {
		return Convert(c.arg(0), plan.DateTime).V
	}
	v := make([]int64, 5)
	for i := range v {
		n, ok := c.long(i)
		if !ok && i < c.n() || n < 0 || n > 9999 {
			return nil
		}
		v[i] = n
	}
	s, _ := c.real(5)
	if v[3] > 23 || v[4] > 59 || s < 0 || s >= 60 {
		return nil
	}
	t, ok := dateTicks(int(v[0]), int(v[1]), int(v[2]), v[3]*tickHour+v[4]*tickMinute+int64(s*tickSecond+0.5))
	if !ok {
		return nil
	}
	return t
}

func formatDateTimeCall(c *call) any {
	n, ok := c.arg(0).V.(int64)
	if !ok {
		return ""
	}
	t := Time(n)
	var b strings.Builder
	f := c.str(1)
	for i := 0; i < len(f); {
		ch := f[i]
		j := i
		for j < len(f) && f[j] == ch {
			j++
		}
		w := j - i
		hour12 := (t.Hour()+11)%12 + 1
		switch ch {
		case 'y':
			y := t.Year()
			if w <= 2 {
				y %= 100
			}
			fmt.Fprintf(&b, "%0*d", w, y)
		case 'M':
			fmt.Fprintf(&b, "%0*d", w, int(t.Month()))
		case 'd':
			fmt.Fprintf(&b, "%0*d", w, t.Day())
		case 'H':
			fmt.Fprintf(&b, "%0*d", w, t.Hour())
		case 'h':
			fmt.Fprintf(&b, "%0*d", w, hour12)
		case 'm':
			fmt.Fprintf(&b, "%0*d", w, t.Minute())
		case 's':
			fmt.Fprintf(&b, "%0*d", w, t.Second())
		case 'f', 'F':
			b.WriteString(fractionText(n%tickSecond, w, ch == 'F'))
		case 't':
			half := "AM"
			if t.Hour() >= 12 {
				half = "PM"
			}
			b.WriteString(half[:min(w, 2)])
		default:
			b.WriteString(f[i:j])
		}
		i = j
	}
	return b.String()
}
