package fn

import (
	"strconv"
	"strings"
	"time"
)

// ParseDateTime reads the date formats that todatetime() takes and returns ticks: ISO 8601 in its usual shapes, RFC 822 and 850, month names, and
// month/day/year with slashes.
func ParseDateTime(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 4 || len(s) > 64 {
		return 0, false
	}
	if t, ok := parseISO(s); ok {
		return t, true
	}
	return parseWords(s)
}

// parseISO reads 2014-05-25[(T| )08:20[:03[.1234567]]][Z|+01:00| GMT], and the date as 20140525 too.
func parseISO(s string) (int64, bool) {
	digits := func(from, n int) (int, bool) {
		if from+n > len(s) {
			return 0, false
		}
		v := 0
		for _, c := range []byte(s[from : from+n]) {
			if c < '0' || c > '9' {
				return 0, false
			}
			v = v*10 + int(c-'0')
		}
		return v, true
	}
	y, ok := digits(0, 4)
	if !ok {
		return 0, false
	}
	month, day, i := 1, 1, 4
	switch {
	case len(s) == 4:
		return 0, false
	case s[4] == '-' || s[4] == '/':
		sep := s[4]
		n := 2
		if month, ok = digits(5, 2); !ok {
			n = 1
			if month, ok = digits(5, 1); !ok {
				return 0, false
			}
		}
		i = 5 + n
		if i < len(s) && s[i] == sep {
			i++
			n = 2
			if day, ok = digits(i, 2); !ok {
				n = 1
				if day, ok = digits(i, 1); !ok {
					return 0, false
				}
			}
			i += n
		} else if i != len(s) {
			return 0, false
		}
	default:
		var ok1, ok2 bool
		month, ok1 = digits(4, 2)
		day, ok2 = digits(6, 2)
		if !ok1 || !ok2 || len(s) > 8 && s[8] != 'T' && s[8] != ' ' {
			return 0, false
		}
		i = 8
	}
	var ticks int64
	if i < len(s) && (s[i] == 'T' || s[i] == 't' || s[i] == ' ') && i+1 < len(s) {
		rest := strings.TrimLeft(s[i+1:], " ")
		var ok bool
		if ticks, ok = clockAndZone(rest); !ok {
			return 0, false
		}
		i = len(s)
	} else if i < len(s) && (s[i:] == "Z" || s[i:] == "z") {
		i = len(s)
	}
	if i != len(s) {
		return 0, false
	}
	return dateTicks(y, month, day, ticks)
}

func dateTicks(y, month, day int, rest int64) (int64, bool) {
	if y < 1 || y > 9999 || month < 1 || month > 12 || day < 1 || day > daysIn(y, month) {
		return 0, false
	}
	t := Ticks(time.Date(y, time.Month(month), day, 0, 0, 0, 0, time.UTC)) + rest
	return t, t >= 0 && t <= maxTicks
}

func daysIn(y, month int) int {
	return time.Date(y, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// clockAndZone reads "08:20[:03[.123]][ AM][ zone]" as ticks after midnight UTC (an offset is taken off).
func clockAndZone(s string) (int64, bool) {
	j := 0
	for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == ':' || s[j] == '.' || s[j] == ',') {
		j++
	}
	parts := strings.Split(s[:j], ":")
	if len(parts) > 3 || parts[0] == "" || len(parts[0]) > 2 {
		return 0, false
	}
	h, err := strconv.Atoi(parts[0])
	if err != nil || h > 24 {
		return 0, false
	}
	var m int
	var sec, frac int64
	if len(parts) > 1 {
		if m, err = strconv.Atoi(parts[1]); err != nil || m > 59 || len(parts[1]) != 2 {
			return 0, false
		}
	}
	if len(parts) > 2 {
		whole, f, _ := strings.Cut(strings.ReplaceAll(parts[2], ",", "."), ".")
		n, err := strconv.Atoi(whole)
		if err != nil || n > 59 {
			return 0, false
		}
		sec = int64(n)
		var ok bool
		if frac, ok = fraction(f); !ok {
			return 0, false
		}
	}
	rest := strings.TrimSpace(s[j:])
	if len(parts) == 1 && rest == "" {
		return 0, false
	}
	switch up := strings.ToUpper(rest); {
	case strings.HasPrefix(up, "AM"):
		if h == 12 {
			h = 0
		}
		rest = strings.TrimSpace(rest[2:])
	case strings.HasPrefix(up, "PM"):
		if h < 12 {
			h += 12
		}
		rest = strings.TrimSpace(rest[2:])
	}
	t := int64(h)*tickHour + int64(m)*tickMinute + sec*tickSecond + frac
	off, ok := zoneOffset(rest)
	return t - off, ok && (h < 24 || t == tickDay)
}

func zoneOffset(s string) (int64, bool) {
	switch strings.ToUpper(s) {
	case "", "Z", "GMT", "UTC":
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	d := strings.ReplaceAll(s[1:], ":", "")
	if len(d) != 2 && len(d) != 4 {
		return 0, false
	}
	n, err := strconv.Atoi(d)
	if err != nil {
		return 0, false
	}
	if len(d) == 2 {
		n *= 100
	}
	off := int64(n/100)*tickHour + int64(n%100)*tickMinute
	if s[0] == '-' {
		off = -off
	}
	return off, off <= 14*tickHour && off >= -14*tickHour
}

// parseWords reads formats with month names and with slashes.
func parseWords(s string) (int64, bool) {
	f := strings.Fields(strings.NewReplacer(",", " ").Replace(s))
	if len(f) > 0 && isWeekday(f[0]) {
		f = f[1:]
	}
	if len(f) == 0 {
		return 0, false
	}
	var y, m, d int
	var ok bool
	rest := f
	if parts := strings.FieldsFunc(f[0], func(r rune) bool { return r == '/' || r == '-' || r == '.' }); len(parts) == 3 {
		if name := monthNumber(parts[1]); name > 0 { // 08-Nov-14
			d, _ = strconv.Atoi(parts[0])
			m = name
			y, ok = year(parts[2])
		} else if strings.Contains(f[0], "/") { // 02/17/2016
			var err1, err2 error
			m, err1 = strconv.Atoi(parts[0])
			d, err2 = strconv.Atoi(parts[1])
			y, ok = year(parts[2])
			ok = ok && err1 == nil && err2 == nil
		}
		rest = f[1:]
	} else if len(f) >= 3 {
		if name := monthNumber(f[1]); name > 0 { // 8 Nov 14
			d, _ = strconv.Atoi(f[0])
			m = name
			y, ok = year(f[2])
			rest = f[3:]
		} else if name := monthNumber(f[0]); name > 0 { // Nov 8 2014, or Nov 8 15:05:02 2014
			d, _ = strconv.Atoi(f[1])
			m = name
			if y, ok = year(f[2]); ok {
				rest = f[3:]
			} else if len(f) == 4 {
				y, ok = year(f[3])
				rest = f[2:3]
			}
		}
	}
	if !ok {
		return 0, false
	}
	var ticks int64
	if len(rest) > 0 {
		if ticks, ok = clockAndZone(strings.Join(rest, " ")); !ok {
			return 0, false
		}
	}
	return dateTicks(y, m, d, ticks)
}

func year(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || (len(s) != 2 && len(s) != 4) {
		return 0, false
	}
	if len(s) == 2 {
		if n < 50 {
			return 2000 + n, true
		}
		return 1900 + n, true
	}
	return n, true
}

func isWeekday(s string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(s, d.String()) || strings.EqualFold(s, d.String()[:3]) {
			return true
		}
	}
	return false
}

func monthNumber(s string) int {
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(s, m.String()) || strings.EqualFold(s, m.String()[:3]) {
			return int(m)
		}
	}
	return 0
}
