package duckdb

import (
	"math"
	"sort"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// periods cuts a time range into windows: a number or timespan, or "week", "month", "year" of the calendar. It gives the beginnings.
func (c *pluginCall) periods(start, end int64, arg int) ([]int64, error) {
	v, err := c.constant(arg)
	if err != nil {
		return nil, err
	}
	name, ok := v.V.(string)
	if !ok {
		step, err := c.span(arg)
		if err != nil {
			return nil, err
		}
		return windows(start, end, step)
	}
	unit := map[string]string{"week": "startofweek", "month": "startofmonth", "year": "startofyear"}[name]
	if unit == "" {
		return nil, &fn.ArgumentError{What: c.p.Name + "() takes a timespan, a number, 'week', 'month' or 'year' as its window, not '" + name + "'"}
	}
	var out []int64
	for k := int64(0); ; k++ {
		t, err := c.lib.Call(unit, plan.DateTime, []fn.Value{{T: plan.DateTime, V: start}, {T: plan.Long, V: k}})
		if err != nil {
			return nil, err
		}
		n, ok := t.V.(int64)
		if !ok || n > end {
			return out, nil
		}
		if len(out) >= maxWindows {
			return nil, &fn.LimitError{What: "number of windows"}
		}
		out = append(out, n)
	}
}

// newActivity(id, time, start, end, window, cohort, dims…, earlier identities) follows those who were new in one window through the later ones.
func (c *pluginCall) newActivity() ([][]any, error) {
	a, err := c.spans(2, 2)
	if err != nil {
		return nil, err
	}
	start, end := a[0], a[1]
	at, err := c.periods(start, end, 4)
	if err != nil {
		return nil, err
	}
	from := 5
	var cohort *int64
	if c.p.Conditions > 0 { // an argument for the cohort is there
		from = 6
		if n, err := c.span(5); err != nil {
			return nil, err
		} else if n != 0 {
			cohort = &n
		}
	}
	dims := c.p.Args
	known := map[string]bool{} // seen before the range
	if len(c.more) > 0 {
		dims = dims[:len(dims)-1] // the table
		for _, row := range c.more[0].rows {
			if len(row) > 0 {
				known[fn.Text(fn.Value{T: c.more[0].cols[0].Type, V: row[0]})] = true
			}
		}
	}
	events, err := c.eventsOf(from, len(dims))
	if err != nil {
		return nil, err
	}
	if len(at) > 2000 {
		return nil, &fn.LimitError{What: "number of windows"}
	}
	var out [][]any
	for _, group := range byDimension(events) {
		users := make([]map[string]bool, len(at))
		for i := range users {
			users[i] = map[string]bool{}
		}
		for _, e := range group {
			if e.at < start || e.at > end {
				continue
			}
			if i := sort.Search(len(at), func(i int) bool { return at[i] > e.at }) - 1; i >= 0 {
				users[i][e.id] = true
			}
		}
		before := map[string]bool{} // seen up to and including the cohort's window
		for id := range known {
			before[id] = true
		}
		for i := range at {
			if c.ctx.Err() != nil {
				return nil, c.ctx.Err()
			}
			fresh := map[string]bool{}
			for id := range users[i] {
				if !before[id] {
					fresh[id], before[id] = true, true
				}
			}
			if cohort != nil && *cohort != at[i] || len(fresh) == 0 {
				continue
			}
			for j := i; j < len(at); j++ {
				if err := c.room(len(out)); err != nil {
					return nil, err
				}
				added, retained := int64(0), int64(0)
				for id := range users[j] {
					if !before[id] {
						added++
					}
					if fresh[id] {
						retained++
					}
				}
				all := float64(len(fresh))
				rate := float64(retained) / math.Max(all, 1)
				row := append([]any{at[i], at[j]}, group[0].dims...)
				out = append(out, append(row, added, retained, int64(len(fresh))-retained, rate, 1-rate))
			}
		}
	}
	return out, nil
}
