package sqlgen

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

const (
	ticksPerSecond = 10_000_000
	ticksPerDay    = 86_400 * ticksPerSecond
	unixEpochTicks = 62_135_596_800 * ticksPerSecond
)

func (d *duck) times() {
	d.call["bin"], d.call["floor"], d.call["bin_at"] = d.bin, d.bin, d.binAt
	day := func(f func(s string) string) func(*Emitter, *plan.Call) string {
		return func(g *Emitter, c *plan.Call) string {
			if len(c.Args) > 1 || c.Args[0].Type() != plan.DateTime {
				return ""
			}
			return f(g.Expr(c.Args[0]))
		}
	}
	ticks := strconv.Itoa(ticksPerDay)
	d.call["startofday"] = day(func(s string) string { return "(" + s + " - " + s + " % " + ticks + ")" })
	d.call["endofday"] = day(func(s string) string {
		return "(" + s + " - " + s + " % " + ticks + " + " + strconv.Itoa(ticksPerDay-1) + ")"
	})
	d.call["startofweek"] = day(func(s string) string {
		// The first day of year 1 is a Monday: its week begins before time does.
		return "nullif(greatest(" + s + " - " + s + " % " + ticks + " - (" + s + " // " + ticks + " + 1) % 7 * " + ticks + ", -1), -1)"
	})
	d.call["dayofweek"] = day(func(s string) string { return "((" + s + " // " + ticks + " + 1) % 7 * " + ticks + ")" })
	d.call["hourofday"] = day(func(s string) string { return "CAST(" + s + " // 36000000000 % 24 AS INTEGER)" })
	d.call["datetime_diff"] = func(g *Emitter, c *plan.Call) string {
		unit, ok := constText(c.Args[0])
		n := map[string]int{
			"day": ticksPerDay, "hour": 3600 * ticksPerSecond, "minute": 60 * ticksPerSecond, "second": ticksPerSecond, "millisecond": ticksPerSecond / 1000,
			"microsecond": ticksPerSecond / 1_000_000,
		}[strings.ToLower(unit)]
		if !ok || n == 0 || c.Args[1].Type() != plan.DateTime || c.Args[2].Type() != plan.DateTime {
			return ""
		}
		return "(" + g.Expr(c.Args[1]) + " // " + itoa(n) + " - " + g.Expr(c.Args[2]) + " // " + itoa(n) + ")"
	}
	for name, n := range map[string]int{
		"unixtime_seconds_todatetime": ticksPerSecond, "unixtime_milliseconds_todatetime": ticksPerSecond / 1000, "unixtime_microseconds_todatetime": 10,
	} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if t := c.Args[0].Type(); t != plan.Long && t != plan.Int || hasSubquery(c.Args[0]) || volatile(c.Args[0]) {
				return ""
			}
			return "TRY(CAST(" + g.Expr(c.Args[0]) + " AS BIGINT) * " + itoa(n) + " + " + strconv.Itoa(unixEpochTicks) + ")"
		}
	}
}

// bin rounds toward minus infinity; a datetime is never negative.
func (d *duck) bin(g *Emitter, c *plan.Call) string {
	if len(c.Args) != 2 {
		return ""
	}
	k, ok := c.Args[1].(*plan.Const)
	if !ok {
		return ""
	}
	n, whole := constant(k).(int64)
	t := c.Args[0].Type()
	switch {
	case whole && n <= 0:
		return ""
	case whole && t == plan.DateTime:
		s := g.Expr(c.Args[0])
		return "(" + s + " - " + s + " % " + strconv.FormatInt(n, 10) + ")"
	case whole && (t == plan.Long || t == plan.Int || t == plan.TimeSpan) && c.T != plan.Real:
		s, m := g.As(c.Args[0], c.T), strconv.FormatInt(n, 10)
		return tried("("+s+" - ("+s+" % "+m+" + "+m+") % "+m+")", c.Args[0])
	}
	return ""
}

// binAt is bin with a fixed point that a bin begins at.
func (d *duck) binAt(g *Emitter, c *plan.Call) string {
	if len(c.Args) != 3 || c.Args[0].Type() != c.T || c.T != plan.DateTime {
		return ""
	}
	size, ok := c.Args[1].(*plan.Const)
	at, okAt := c.Args[2].(*plan.Const)
	if !ok || !okAt || at.T != plan.DateTime {
		return ""
	}
	n, whole := constant(size).(int64)
	from, wholeAt := constant(at).(int64)
	if !whole || !wholeAt || n <= 0 || n > 1<<60 {
		return ""
	}
	s, m := g.Expr(c.Args[0]), strconv.FormatInt(n, 10)
	return "(" + s + " - ((" + s + " - " + g.d.Literal(plan.DateTime, from) + ") % " + m + " + " + m + ") % " + m + ")"
}

// jsonStrings reads a JSON array whose elements are all strings.
func jsonStrings(s string) ([]string, bool) {
	var out []string
	var raw []any
	if json.Unmarshal([]byte(s), &raw) != nil {
		return nil, false
	}
	for _, e := range raw {
		t, ok := e.(string)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}
