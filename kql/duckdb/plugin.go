package duckdb

import (
	"context"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// pluginCall is one call of an evaluate plugin over its rows.
type pluginCall struct {
	ctx  context.Context
	lib  *fn.Library
	p    *plan.Plugin
	in   table
	more []table // the arguments that are tables
	cols []plan.Column
}

func plugin(ctx context.Context, lib *fn.Library, p *plan.Plugin, in []table, cols []plan.Column) ([][]any, error) {
	c := &pluginCall{ctx: ctx, lib: lib, p: p, in: in[0], more: in[1:], cols: cols}
	switch p.Name {
	case "preview":
		n, err := c.constant(0)
		if err != nil {
			return nil, err
		}
		k, _ := n.V.(int64)
		return c.in.rows[:min(max(int(k), 0), len(c.in.rows))], nil
	case "rows_near":
		return c.rowsNear()
	case "dcount_intersect":
		return c.dcountIntersect()
	case "active_users_count":
		return c.activeUsers()
	case "activity_counts_metrics":
		return c.activityCounts()
	case "sliding_window_counts":
		return c.slidingCounts()
	case "rolling_percentile":
		return c.rollingPercentile()
	case "session_count":
		return c.sessionCount()
	case "activity_engagement":
		return c.engagement()
	case "activity_metrics":
		return c.activityMetrics()
	case "new_activity_metrics":
		return c.newActivity()
	case "funnel_sequence":
		return c.funnel(p.Part)
	case "funnel_sequence_completion":
		return c.completion()
	case "sequence_detect":
		return c.sequences()
	case "basket":
		return c.basket()
	case "autocluster":
		return c.autocluster()
	case "diffpatterns":
		return c.diffpatterns()
	}
	return nil, &sqlgen.UnsupportedError{What: "plugin " + p.Name + "()"}
}

// room refuses to make more rows than an operator may, and ends a cancelled call.
func (c *pluginCall) room(made int) error {
	if int64(made) > engine.DefaultIntermediate {
		return &fn.LimitError{What: "number of rows that " + c.p.Name + "() makes (" + strconv.FormatInt(engine.DefaultIntermediate, 10) + ")"}
	}
	return c.ctx.Err()
}

func (c *pluginCall) constant(i int) (fn.Value, error) {
	if i >= len(c.p.Args) || c.p.Args[i] == nil {
		return fn.Value{}, nil
	}
	return c.lib.Eval(c.p.Args[i], nil)
}

// span is a constant argument as a number of ticks or a plain number.
func (c *pluginCall) span(i int) (int64, error) {
	v, err := c.constant(i)
	if err != nil {
		return 0, err
	}
	n, _ := fn.Convert(v, plan.Long).V.(int64)
	return n, nil
}

func (c *pluginCall) value(i int, row []any) (fn.Value, error) {
	return c.lib.Eval(c.p.Args[i], c.in.env(row))
}

// event is a row as the user-behaviour plugins see it: who, when, and the dimensions.
type event struct {
	id   string
	at   int64
	dims []any
	key  string
}

// events reads identity, time and dimensions (arguments from dims on), ordered by time.
func (c *pluginCall) events(dims int) ([]event, error) { return c.eventsOf(dims, len(c.p.Args)) }

// eventsOf does so where the dimensions end before other arguments.
func (c *pluginCall) eventsOf(dims, end int) ([]event, error) {
	out := make([]event, 0, len(c.in.rows))
	for i, row := range c.in.rows {
		if i%4096 == 0 && c.ctx.Err() != nil {
			return nil, c.ctx.Err()
		}
		id, err := c.value(0, row)
		if err != nil {
			return nil, err
		}
		at, err := c.value(1, row)
		if err != nil {
			return nil, err
		}
		n, ok := fn.Convert(at, plan.Long).V.(int64)
		if !ok {
			continue
		}
		e := event{id: fn.Text(id), at: n}
		for k := dims; k < end; k++ {
			v, err := c.value(k, row)
			if err != nil {
				return nil, err
			}
			e.dims = append(e.dims, v.V)
			e.key += strconv.Quote(fn.Text(v))
		}
		out = append(out, e)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at < out[j].at })
	return out, nil
}

// byDimension groups events, in order of appearance.
func byDimension(events []event) [][]event {
	at := map[string]int{}
	var out [][]event
	for _, e := range events {
		i, ok := at[e.key]
		if !ok {
			i = len(out)
			at[e.key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

const maxWindows = 100_000

func windows(start, end, step int64) ([]int64, error) {
	if step <= 0 || end < start {
		return nil, nil
	}
	if (end-start)/step > maxWindows {
		return nil, &fn.LimitError{What: "number of windows"}
	}
	var out []int64
	for t := start; t <= end; t += step {
		out = append(out, t)
	}
	return out, nil
}

func (c *pluginCall) spans(from, n int) ([]int64, error) {
	out := make([]int64, n)
	for i := range out {
		v, err := c.span(from + i)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// activeUsers(id, time, start, end, lookback, period, active periods, bin, dims…) counts, for each bin, the users seen in at least so many periods of the
// lookback that ends with it.
func (c *pluginCall) activeUsers() ([][]any, error) {
	a, err := c.spans(2, 6)
	if err != nil {
		return nil, err
	}
	start, end, lookback, period, want, bin := a[0], a[1], a[2], a[3], a[4], a[5]
	events, err := c.events(8)
	if err != nil {
		return nil, err
	}
	at, err := windows(start, end, bin)
	if err != nil || period <= 0 {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		for _, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			seen := map[string]map[int64]bool{}
			for _, e := range group {
				if e.at < t+bin-lookback || e.at > t+bin {
					continue
				}
				if seen[e.id] == nil {
					seen[e.id] = map[int64]bool{}
				}
				seen[e.id][e.at-mod(e.at-start, period)] = true
			}
			n := int64(0)
			for _, periods := range seen {
				if int64(len(periods)) >= want {
					n++
				}
			}
			if n > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), n))
			}
		}
	}
	return out, nil
}

// activityCounts(id, time, start, end, window, dims…) gives per window the events, the users, those never seen before, and all so far.
func (c *pluginCall) activityCounts() ([][]any, error) {
	a, err := c.spans(2, 3)
	if err != nil {
		return nil, err
	}
	events, err := c.events(5)
	if err != nil {
		return nil, err
	}
	at, err := windows(a[0], a[1], a[2])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		ever := map[string]bool{}
		for _, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			now := map[string]bool{}
			count, fresh := int64(0), int64(0)
			for _, e := range group {
				if e.at < t || e.at >= t+a[2] || e.at < a[0] || e.at > a[1] {
					continue
				}
				count++
				if !now[e.id] && !ever[e.id] {
					fresh++
				}
				now[e.id] = true
			}
			for id := range now {
				ever[id] = true
			}
			if count > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), count, int64(len(now)), fresh, int64(len(ever))))
			}
		}
	}
	return out, nil
}

// slidingCounts(id, time, start, end, lookback, bin, dims…) counts events and users in the time before each bin's end.
func (c *pluginCall) slidingCounts() ([][]any, error) {
	a, err := c.spans(2, 4)
	if err != nil {
		return nil, err
	}
	events, err := c.events(6)
	if err != nil {
		return nil, err
	}
	at, err := windows(a[0], a[1], a[3])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		for _, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			ids := map[string]bool{}
			n := int64(0)
			for _, e := range group {
				if bin := e.at - mod(e.at-a[0], a[3]); bin > t-a[2] && bin <= t {
					n++
					ids[e.id] = true
				}
			}
			if n > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), n, int64(len(ids))))
			}
		}
	}
	return out, nil
}

func mod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// sessionCount(id, time, start, end, bin, lookback, dims…) counts, per bin, the users that had not been seen for the lookback.
func (c *pluginCall) sessionCount() ([][]any, error) {
	a, err := c.spans(2, 4)
	if err != nil {
		return nil, err
	}
	events, err := c.events(6)
	if err != nil {
		return nil, err
	}
	at, err := windows(a[0], a[1], a[2])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		last := map[string]int64{}
		counts := map[int64]int64{}
		for _, e := range group {
			if e.at < a[0] || e.at > a[1] {
				continue
			}
			if prev, ok := last[e.id]; !ok || e.at-prev > a[3] {
				counts[e.at-mod(e.at-a[0], a[2])]++
			}
			last[e.id] = e.at
		}
		for _, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			if n := counts[t]; n > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), n))
			}
		}
	}
	return out, nil
}

// engagement(id, time, [start, end,] inner, outer, dims…) is the share of a period's users that were active in each shorter window.
func (c *pluginCall) engagement() ([][]any, error) {
	from := 2
	if len(c.p.Args) > 4 {
		from = 4
	}
	a, err := c.spans(from, 2)
	if err != nil {
		return nil, err
	}
	events, err := c.events(max(from+2, 4))
	if err != nil || len(events) == 0 {
		return nil, err
	}
	start, end := events[0].at-mod(events[0].at, a[0]), events[len(events)-1].at
	if from == 4 {
		b, err := c.spans(2, 2)
		if err != nil {
			return nil, err
		}
		start, end = b[0], b[1]
	}
	at, err := windows(start, end, a[0])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		for _, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			inner, outer := map[string]bool{}, map[string]bool{}
			for _, e := range group {
				if e.at >= t && e.at < t+a[0] {
					inner[e.id] = true
				}
				if e.at >= t+a[0]-a[1] && e.at < t+a[0] {
					outer[e.id] = true
				}
			}
			if len(outer) > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), int64(len(inner)), int64(len(outer)), float64(len(inner))/float64(len(outer))))
			}
		}
	}
	return out, nil
}

// activityMetrics(id, time, start, end, window, dims…) gives per window the users, the new ones, and the rates of those that stayed and went.
func (c *pluginCall) activityMetrics() ([][]any, error) {
	a, err := c.spans(2, 3)
	if err != nil {
		return nil, err
	}
	events, err := c.events(5)
	if err != nil {
		return nil, err
	}
	at, err := windows(a[0], a[1], a[2])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, group := range byDimension(events) {
		ever, before := map[string]bool{}, map[string]bool{}
		for i, t := range at {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			now := map[string]bool{}
			fresh, stayed := int64(0), 0
			for _, e := range group {
				if e.at < t || e.at >= t+a[2] || now[e.id] {
					continue
				}
				now[e.id] = true
				if !ever[e.id] {
					fresh++
				}
				if before[e.id] {
					stayed++
				}
			}
			retention, churn := math.NaN(), math.NaN()
			if i > 0 && len(before) > 0 {
				retention = float64(stayed) / float64(len(before))
				churn = 1 - retention
			}
			for id := range now {
				ever[id] = true
			}
			if len(now) > 0 {
				out = append(out, append(append([]any{t}, group[0].dims...), int64(len(now)), fresh, retention, churn))
			}
			before = now
		}
	}
	return out, nil
}

// rowsNear keeps the rows for which the condition holds and those around them.
func (c *pluginCall) rowsNear() ([][]any, error) {
	before, err := c.span(1)
	if err != nil {
		return nil, err
	}
	after := before
	if len(c.p.Args) > 2 {
		if after, err = c.span(2); err != nil {
			return nil, err
		}
	}
	n := int64(len(c.in.rows))
	before, after = min(max(before, 0), n), min(max(after, 0), n)
	opened := make([]int64, n+1) // how many neighbourhoods begin at a row, less those that ended before it
	for i, row := range c.in.rows {
		v, err := c.value(0, row)
		if err != nil {
			return nil, err
		}
		if b, _ := v.V.(bool); b {
			opened[max(0, int64(i)-before)]++
			opened[min(n, int64(i)+after+1)]--
		}
	}
	var out [][]any
	open := int64(0)
	for i, row := range c.in.rows {
		if open += opened[i]; open > 0 {
			out = append(out, row)
		}
	}
	return out, nil
}

// dcountIntersect adds, for the sketches in their order, how many values the first has, the first two share, and so on.
func (c *pluginCall) dcountIntersect() ([][]any, error) {
	var out [][]any
	for _, row := range c.in.rows {
		r := append([]any(nil), row...)
		var common map[string]bool
		for i := range c.p.Args {
			v, err := c.value(i, row)
			if err != nil {
				return nil, err
			}
			hll, err := c.lib.Call("index", plan.Dynamic, []fn.Value{v, {T: plan.String, V: "hll"}})
			if err != nil {
				return nil, err
			}
			list, _ := fn.Elements(hll)
			have := map[string]bool{}
			for _, e := range list {
				have[fn.Text(e)] = common == nil || common[fn.Text(e)]
			}
			n := int64(0)
			for k, ok := range have {
				if ok {
					n++
				} else {
					delete(have, k)
				}
			}
			common = have
			r = append(r, n)
		}
		out = append(out, r)
	}
	return out, nil
}

// rollingPercentile(value, percentile, index, bin, bins per window, dims…) is the percentile over the bins up to each one.
func (c *pluginCall) rollingPercentile() ([][]any, error) {
	p, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	percent, _ := number(p)
	bin, err := c.span(3)
	if err != nil {
		return nil, err
	}
	window, err := c.span(4)
	if err != nil || bin <= 0 {
		return nil, err
	}
	type point struct {
		bin int64
		v   fn.Value
	}
	groups := map[string][]point{}
	dims := map[string][]any{}
	var order []string
	for _, row := range c.in.rows {
		v, err := c.value(0, row)
		if err != nil {
			return nil, err
		}
		at, err := c.value(2, row)
		if err != nil {
			return nil, err
		}
		n, ok := fn.Convert(at, plan.Long).V.(int64)
		if !ok || v.V == nil {
			continue
		}
		var d []any
		var key strings.Builder
		for k := 5; k < len(c.p.Args); k++ {
			x, err := c.value(k, row)
			if err != nil {
				return nil, err
			}
			d = append(d, x.V)
			key.WriteString(strconv.Quote(fn.Text(x)))
		}
		if _, ok := dims[key.String()]; !ok {
			dims[key.String()] = d
			order = append(order, key.String())
		}
		groups[key.String()] = append(groups[key.String()], point{bin: n - mod(n, bin), v: v})
	}
	var out [][]any
	for _, key := range order {
		points := groups[key]
		seen := map[int64]bool{}
		var bins []int64
		for _, pt := range points {
			if !seen[pt.bin] {
				seen[pt.bin] = true
				bins = append(bins, pt.bin)
			}
		}
		sort.Slice(bins, func(i, j int) bool { return bins[i] < bins[j] })
		for _, b := range bins {
			if err := c.room(len(out)); err != nil {
				return nil, err
			}
			var vals []fn.Value
			for _, pt := range points {
				if pt.bin <= b && pt.bin > b-window*bin {
					vals = append(vals, pt.v)
				}
			}
			sort.SliceStable(vals, func(i, j int) bool { return fn.Compare(vals[i], vals[j]) < 0 })
			rank := int(math.Ceil(percent/100*float64(len(vals)))) - 1
			out = append(out, append(append([]any{b}, dims[key]...), vals[min(max(rank, 0), len(vals)-1)].V))
		}
	}
	return out, nil
}
