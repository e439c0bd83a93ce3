package cef

import (
	"regexp"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

var (
	iso = regexp.MustCompile(`\b(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)`)
	bsd = regexp.MustCompile(`\b([A-Z][a-z]{2}\s{1,2}\d{1,2}(?: \d{4})? \d{2}:\d{2}:\d{2})`)
)

// carrier reads what stands before the message: a syslog header with its time and host.
func (m *message) carrier(s string) {
	if strings.HasPrefix(s, "<") {
		if end := strings.IndexByte(s, '>'); end > 0 && end <= 4 {
			s = s[end+1:]
		}
	}
	after := ""
	if at := iso.FindStringSubmatchIndex(s); at != nil {
		if t, ok := normalise.ParseTime(s[at[2]:at[3]]); ok {
			m.carrierTime, after = t, s[at[3]:]
		}
	} else if at := bsd.FindStringSubmatchIndex(s); at != nil {
		if t, yearless, ok := written(s[at[2]:at[3]], ""); ok {
			m.carrierTime, m.carrierYearless, after = t, yearless, s[at[3]:]
		}
	}
	if words := strings.Fields(after); len(words) > 0 && !strings.HasSuffix(words[0], ":") {
		m.carrierHost = normalise.CleanText(words[0])
	}
}

// readTime finds when the event happened: in the message, else in its carrier's header, else it is the time of arrival.
func (m *message) readTime(rec *normalise.Record) {
	format := m.first("devTimeFormat")
	zone := m.first("dtz", "deviceTimeZone")
	yearless := false
	for _, key := range []string{"rt", "deviceReceiptTime", "devTime", "eventtime", "start", "startTime", "end", "timestamp", "deviceCustomDate1"} {
		v := m.first(key)
		if key == "eventtime" {
			v = m.ownTime()
		}
		if v == "" {
			continue
		}
		if t, noYear, ok := m.oneTime(v, format, zone); ok {
			m.at, yearless, m.timeGiven = t, noYear, true
			break
		}
	}
	if m.at.IsZero() {
		m.at, yearless = m.carrierTime, m.carrierYearless
		m.timeGiven = !m.at.IsZero()
	}
	if m.at.IsZero() {
		m.at = rec.Received.UTC()
		return
	}
	if yearless { // the latest such day that is not after the arrival
		at := rec.Received.UTC()
		t := time.Date(at.Year(), m.at.Month(), m.at.Day(), m.at.Hour(), m.at.Minute(), m.at.Second(), m.at.Nanosecond(), time.UTC)
		if t.After(at.Add(24 * time.Hour)) {
			t = t.AddDate(-1, 0, 0)
		}
		m.at = t
	}
}

// ownTime is the value of a product's own field for the event's time: its name ends so, behind the product's.
func (m *message) ownTime() string {
	for _, k := range m.keys {
		if name := strings.ToLower(strings.ReplaceAll(k, "_", "")); strings.HasSuffix(name, "eventtime") || strings.HasSuffix(name, "eventtimestamp") || strings.HasSuffix(name, "detectiontime") || strings.HasSuffix(name, "eventdatetime") {
			if v := m.first(k); v != "" {
				return v
			}
		}
	}
	return ""
}

func (m *message) oneTime(v, format, zone string) (t time.Time, yearless, ok bool) {
	if format != "" {
		if layout := javaLayout(format); layout != "" {
			if t, err := time.Parse(layout, plainZone(v)); err == nil && t.Year() > 1970 {
				return t.UTC(), false, true
			}
		}
	}
	if t, ok := normalise.ParseTime(v); ok {
		return t, false, true
	}
	return written(v, zone)
}

// writtenLayouts are the forms that CEF knows, and some that products write instead.
var writtenLayouts = []struct {
	layout   string
	yearless bool
}{
	{"Jan 2 2006 15:04:05.999999999 -0700", false},
	{"Jan 2 2006 15:04:05.999999999", false},
	{"Jan 2 15:04:05.999999999 2006", false},
	{"Jan 2 15:04:05.999999999 -0700", true},
	{"Jan 2 15:04:05.999999999", true},
	{"Mon Jan 2 15:04:05 2006", false},
	{"Mon Jan 2 15:04:05 -0700 2006", false},
	{"Mon, 2 Jan 2006 15:04:05 -0700", false},
	{"Jan 2, 2006 15:04:05", false},
	{"2 Jan 2006 15:04:05", false},
	{"1/2/2006 3:04:05 PM", false},
	{"01/02/2006 15:04:05", false},
}

// written reads a time with a month's name. zone is an offset that counts when the text has none.
func written(s, zone string) (t time.Time, yearless, ok bool) {
	s = plainZone(strings.Join(strings.Fields(s), " "))
	if len(s) > 64 {
		return time.Time{}, false, false
	}
	for _, l := range writtenLayouts {
		t, err := time.Parse(l.layout, s)
		if err != nil {
			continue
		}
		if offset, ok := offsetOf(zone); ok && !strings.Contains(l.layout, "-0700") {
			t = t.Add(-offset)
		}
		return t.UTC(), l.yearless, true
	}
	return time.Time{}, false, false
}

// zones are the names that senders use most, as offsets. A name that two zones share is left out.
var zones = map[string]string{
	"UTC": "+0000", "GMT": "+0000", "Z": "+0000", "WET": "+0000", "CET": "+0100", "WEST": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300",
	"EST": "-0500", "EDT": "-0400", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700", "JST": "+0900", "AEST": "+1000", "AEDT": "+1100",
}

// plainZone puts an offset in the place of a zone's name at the end of a time, and takes the colon out of one.
func plainZone(s string) string {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s
	}
	last := strings.TrimPrefix(strings.TrimPrefix(s[i+1:], "GMT"), "UTC")
	if last == "" {
		last = "UTC"
	}
	if offset, ok := zones[last]; ok {
		return s[:i+1] + offset
	}
	if len(last) == 6 && (last[0] == '+' || last[0] == '-') && last[3] == ':' {
		return s[:i+1] + last[:3] + last[4:]
	}
	return s
}

func offsetOf(zone string) (time.Duration, bool) {
	if zone == "" {
		return 0, false
	}
	t, err := time.Parse("x -0700", plainZone("x "+zone))
	if err != nil {
		return 0, false
	}
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second, true
}

// javaParts are the parts of the date patterns that LEEF's devTimeFormat uses, longest first.
var javaParts = []struct{ java, layout string }{
	{"yyyy", "2006"},
	{"yy", "06"},
	{"MMMM", "January"},
	{"MMM", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"dd", "02"},
	{"d", "2"},
	{"HH", "15"},
	{"hh", "03"},
	{"h", "3"},
	{"mm", "04"},
	{"ss", "05"},
	{"SSSSSS", "000000"},
	{"SSS", "000"},
	{"EEE", "Mon"},
	{"XXX", "-0700"},
	{"XX", "-0700"},
	{"X", "-07"},
	{"zzz", "-0700"},
	{"z", "-0700"},
	{"Z", "-0700"},
	{"a", "PM"},
}

// javaLayout turns a date pattern into a layout, "" when it has parts that are not known.
func javaLayout(pattern string) string {
	if len(pattern) > 64 {
		return ""
	}
	var b strings.Builder
next:
	for s := pattern; s != ""; {
		if s[0] == '\'' {
			end := strings.IndexByte(s[1:], '\'')
			if end < 0 {
				return ""
			}
			b.WriteString(s[1 : 1+end])
			s = s[end+2:]
			continue
		}
		for _, p := range javaParts {
			if strings.HasPrefix(s, p.java) {
				b.WriteString(p.layout)
				s = s[len(p.java):]
				continue next
			}
		}
		if letter(s[0]) && s[0] != 'T' {
			return ""
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
