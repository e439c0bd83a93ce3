package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

const (
	dayTicks = "864000000000"
	// The calendar repeats itself every 146,097 days. ClickHouse knows dates from 1900 on, so years are counted in the cycle that begins there.
	cycleDays = "146097"
	// cycleStart is the day number of 1900-01-01 less five cycles, counted from 0001-01-01.
	cycleStart = "36890" // 5*146097 - 693595
)

// day is the date in the cycle from 1900 on that has the month, day and weekday of a datetime.
func (d *clickhouse) day(x string) string {
	return "CAST(toInt32((intDiv(" + x + ", " + dayTicks + ") + " + cycleStart + ") % " + cycleDays + " - 25567) AS Date32)"
}

// years is what to add to the year of day().
func (d *clickhouse) years(x string) string {
	return "400 * (intDiv(intDiv(" + x + ", " + dayTicks + ") + " + cycleStart + ", " + cycleDays + ") - 5)"
}

func (d *clickhouse) times() {
	d.call["bin"], d.call["floor"] = d.bin, d.bin
	d.call["bin_at"] = d.binAt
	on := func(f func(g *Emitter, x string) string) func(*Emitter, *plan.Call) string {
		return func(g *Emitter, c *plan.Call) string {
			if len(c.Args) != 1 || c.Args[0].Type() != plan.DateTime {
				return ""
			}
			return d.let(g, g.Expr(c.Args[0]), func(x string) string { return f(g, x) })
		}
	}
	midnight := func(x string) string { return x + " - " + x + " % " + dayTicks }
	for name, f := range map[string]func(x string) string{
		"startofday": midnight,
		"endofday":   func(x string) string { return midnight(x) + " + 863999999999" },
		"startofweek": func(x string) string {
			// The first day of year 1 is a Monday: its week begins before time does.
			return "if(" + x + " < 6 * " + dayTicks + ", NULL, " + midnight(x) + " - (intDiv(" + x + ", " + dayTicks + ") + 1) % 7 * " + dayTicks + ")"
		},
		"endofweek": func(x string) string {
			return midnight(x) + " + (7 - (intDiv(" + x + ", " + dayTicks + ") + 1) % 7) * " + dayTicks + " - 1"
		},
		"startofmonth": func(x string) string { return midnight(x) + " - (toDayOfMonth(" + d.day(x) + ") - 1) * " + dayTicks },
		"endofmonth": func(x string) string {
			return midnight(x) + " + (toInt64(toDayOfMonth(toLastDayOfMonth(" + d.day(x) + "))) - toDayOfMonth(" + d.day(x) + ") + 1) * " + dayTicks + " - 1"
		},
		"startofyear": func(x string) string { return midnight(x) + " - (toDayOfYear(" + d.day(x) + ") - 1) * " + dayTicks },
		"endofyear": func(x string) string {
			year := "toYear(" + d.day(x) + ")"
			leap := "(" + year + " % 4 = 0 AND " + year + " % 100 <> 0 OR " + year + " % 400 = 0)"
			return midnight(x) + " + (toInt64(366) + " + leap + " - toDayOfYear(" + d.day(x) + ")) * " + dayTicks + " - 1"
		},
		"dayofweek": func(x string) string { return "(intDiv(" + x + ", " + dayTicks + ") + 1) % 7 * " + dayTicks },
	} {
		d.call[name] = on(func(_ *Emitter, x string) string { return "toInt64(" + f(x) + ")" })
	}
	parts := map[string]func(x string) string{
		"year":         func(x string) string { return "toYear(" + d.day(x) + ") + " + d.years(x) },
		"quarter":      func(x string) string { return "toQuarter(" + d.day(x) + ")" },
		"month":        func(x string) string { return "toMonth(" + d.day(x) + ")" },
		"week_of_year": func(x string) string { return "toISOWeek(" + d.day(x) + ")" },
		"weekofyear":   func(x string) string { return "toISOWeek(" + d.day(x) + ")" },
		"day":          func(x string) string { return "toDayOfMonth(" + d.day(x) + ")" },
		"dayofyear":    func(x string) string { return "toDayOfYear(" + d.day(x) + ")" },
		"hour":         func(x string) string { return "intDiv(" + x + ", 36000000000) % 24" },
		"minute":       func(x string) string { return "intDiv(" + x + ", 600000000) % 60" },
		"second":       func(x string) string { return "intDiv(" + x + ", 10000000) % 60" },
		"millisecond":  func(x string) string { return "intDiv(" + x + ", 10000) % 1000" },
		"microsecond":  func(x string) string { return "intDiv(" + x + ", 10) % 1000000" },
		"nanosecond":   func(x string) string { return x + " % 10000000 * 100" },
	}
	part := func(g *Emitter, name string, c *plan.Call, e plan.Expr) string {
		f := parts[name]
		if f == nil || e.Type() != plan.DateTime {
			return ""
		}
		to := "toInt64("
		if c.T == plan.Int {
			to = "toInt32("
		}
		return d.let(g, g.Expr(e), func(x string) string { return to + f(x) + ")" })
	}
	for name, p := range map[string]string{
		"getyear": "year", "getmonth": "month", "monthofyear": "month", "dayofmonth": "day", "dayofyear": "dayofyear", "hourofday": "hour", "week_of_year": "week_of_year",
		"weekofyear": "week_of_year",
	} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if len(c.Args) != 1 {
				return ""
			}
			return part(g, p, c, c.Args[0])
		}
	}
	d.call["datetime_part"] = func(g *Emitter, c *plan.Call) string {
		name, ok := constText(c.Args[0])
		if !ok {
			return ""
		}
		return part(g, strings.ToLower(name), c, c.Args[1])
	}
	units := map[string]int64{
		"week": 7 * ticksPerDay, "day": ticksPerDay, "hour": 3600 * ticksPerSecond, "minute": 60 * ticksPerSecond, "second": ticksPerSecond, "millisecond": ticksPerSecond / 1000,
		"microsecond": ticksPerSecond / 1_000_000,
	}
	d.call["datetime_diff"] = func(g *Emitter, c *plan.Call) string {
		unit, ok := constText(c.Args[0])
		unit = strings.ToLower(unit)
		if !ok || c.Args[1].Type() != plan.DateTime || c.Args[2].Type() != plan.DateTime {
			return ""
		}
		x, y := g.Expr(c.Args[1]), g.Expr(c.Args[2])
		switch unit {
		case "year":
			return "toInt64(" + parts["year"](x) + " - (" + parts["year"](y) + "))"
		case "quarter":
			return "toInt64((" + parts["year"](x) + " - (" + parts["year"](y) + ")) * 4 + toQuarter(" + d.day(x) + ") - toQuarter(" + d.day(y) + "))"
		case "month":
			return "toInt64((" + parts["year"](x) + " - (" + parts["year"](y) + ")) * 12 + toMonth(" + d.day(x) + ") - toMonth(" + d.day(y) + "))"
		case "week":
			return "(intDiv(intDiv(" + x + ", " + dayTicks + ") + 1, 7) - intDiv(intDiv(" + y + ", " + dayTicks + ") + 1, 7))"
		case "nanosecond":
			return "((" + x + " - " + y + ") * 100)"
		}
		n := units[unit]
		if n == 0 {
			return ""
		}
		return "(intDiv(" + x + ", " + ticksText(n) + ") - intDiv(" + y + ", " + ticksText(n) + "))"
	}
	d.call["datetime_add"] = func(g *Emitter, c *plan.Call) string {
		unit, ok := constText(c.Args[0])
		n, okn := constLong(c.Args[1])
		per := units[strings.ToLower(unit)]
		if !ok || !okn || per == 0 || n > 9_000_000 || n < -9_000_000 || c.Args[2].Type() != plan.DateTime || n*per/per != n {
			return ""
		}
		return d.Convert(g, "("+g.Expr(c.Args[2])+" + "+ticksText(n*per)+")", plan.Long, plan.DateTime)
	}
	for name, n := range map[string]int64{
		"unixtime_seconds_todatetime": ticksPerSecond, "unixtime_milliseconds_todatetime": ticksPerSecond / 1000, "unixtime_microseconds_todatetime": 10,
	} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if t := c.Args[0].Type(); t != plan.Long && t != plan.Int {
				return ""
			}
			return d.Convert(g, d.fits("(toInt128("+g.Expr(c.Args[0])+") * "+ticksText(n)+" + "+ticksText(unixEpochTicks)+")", plan.Long), plan.Long, plan.DateTime)
		}
	}
	d.call["format_datetime"] = d.formatDate
}

// bin rounds toward minus infinity; a datetime is never negative.
func (d *clickhouse) bin(g *Emitter, c *plan.Call) string {
	if len(c.Args) != 2 {
		return ""
	}
	n, whole := constWhole(c.Args[1])
	t := c.Args[0].Type()
	switch {
	case !whole:
		f, ok := constReal(c.Args[1])
		if !ok || f <= 0 || c.T != plan.Real || t != plan.Real && t != plan.Long && t != plan.Int {
			return ""
		}
		return "(floor(" + g.As(c.Args[0], plan.Real) + " / " + chReal(f) + ") * " + chReal(f) + ")"
	case n <= 0:
		return ""
	case t == plan.DateTime:
		x := g.Expr(c.Args[0])
		return "(intDiv(" + x + ", " + ticksText(n) + ") * " + ticksText(n) + ")"
	case (t == plan.Long || t == plan.Int || t == plan.TimeSpan) && c.T != plan.Real:
		x := g.Expr(c.Args[0])
		return d.fits("(toInt128("+x+") - positiveModulo("+x+", toInt64("+ticksText(n)+")))", c.T)
	}
	return ""
}

// binAt is bin() with bins that begin at a point.
func (d *clickhouse) binAt(g *Emitter, c *plan.Call) string {
	if len(c.Args) != 3 {
		return ""
	}
	n, ok := constWhole(c.Args[1])
	at, okAt := constWhole(c.Args[2])
	t := c.Args[0].Type()
	if !ok || !okAt || n <= 0 || c.T != t {
		return ""
	}
	first := at % n
	if first < 0 {
		first += n
	}
	x := g.Expr(c.Args[0])
	switch t {
	case plan.DateTime:
		// The bin before the first that begins in time is none.
		return "if(" + x + " < " + ticksText(first) + ", NULL, " + x + " - (" + x + " - " + ticksText(first) + ") % " + ticksText(n) + ")"
	case plan.Long, plan.Int, plan.TimeSpan:
		return d.fits("(toInt128("+x+") - positiveModulo(toInt128("+x+") - "+ticksText(first)+", toInt128("+ticksText(n)+")))", c.T)
	}
	return ""
}

// formatDate is format_datetime() with a constant format.
func (d *clickhouse) formatDate(g *Emitter, c *plan.Call) string {
	format, ok := constText(c.Args[1])
	if !ok || c.Args[0].Type() != plan.DateTime || len(format) > 60 || strings.Contains(format, "F") || strings.Contains(format, "ffffffff") {
		return ""
	}
	return d.let(g, g.Expr(c.Args[0]), func(x string) string {
		day := d.day(x)
		parts := []string{"''"}
		for i := 0; i < len(format); {
			j := i
			for j < len(format) && format[j] == format[i] {
				j++
			}
			w := j - i
			number := func(s string) {
				parts = append(parts, "leftPad(toString("+s+"), greatest("+itoa(w)+", length(toString("+s+"))), '0')")
			}
			switch format[i] {
			case 'y':
				year := "toYear(" + day + ") + " + d.years(x)
				if w <= 2 {
					year = "(" + year + ") % 100"
				}
				number(year)
			case 'M':
				number("toMonth(" + day + ")")
			case 'd':
				number("toDayOfMonth(" + day + ")")
			case 'H':
				number("intDiv(" + x + ", 36000000000) % 24")
			case 'h':
				number("(intDiv(" + x + ", 36000000000) + 11) % 12 + 1")
			case 'm':
				number("intDiv(" + x + ", 600000000) % 60")
			case 's':
				number("intDiv(" + x + ", 10000000) % 60")
			case 'f':
				parts = append(parts, "substring("+digits(x+" % 10000000", 7)+", 1, "+itoa(w)+")")
			case 't':
				parts = append(parts, "substring(if(intDiv("+x+", 36000000000) % 24 < 12, 'AM', 'PM'), 1, "+itoa(min(w, 2))+")")
			default:
				parts = append(parts, chQuote(format[i:j]))
			}
			i = j
		}
		return "ifNull(concat(" + strings.Join(parts, ", ") + ", ''), '')"
	})
}
