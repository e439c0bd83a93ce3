package duckdb

import (
	"sort"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxSamples is how many identities the funnel tables show.
const maxSamples = 128

// step is a row as the sequence plugins see it.
type step struct {
	event
	state string
	index int // of the row
}

// steps reads identity, time and state of the rows between two times, by identity and in order of time.
func (c *pluginCall) steps(state int, start, end int64) (ids []string, byID map[string][]step, err error) {
	byID = map[string][]step{}
	for i, row := range c.in.rows {
		if i%4096 == 0 && c.ctx.Err() != nil {
			return nil, nil, c.ctx.Err()
		}
		id, err := c.value(0, row)
		if err != nil {
			return nil, nil, err
		}
		at, err := c.value(1, row)
		if err != nil {
			return nil, nil, err
		}
		s, err := c.value(state, row)
		if err != nil {
			return nil, nil, err
		}
		n, ok := fn.Convert(at, plan.Long).V.(int64)
		if !ok || n < start || n > end {
			continue
		}
		name := fn.Text(id)
		if _, ok := byID[name]; !ok {
			ids = append(ids, name)
		}
		byID[name] = append(byID[name], step{event: event{id: name, at: n}, state: fn.Text(s), index: i})
	}
	for _, list := range byID {
		sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
	}
	return ids, byID, nil
}

// texts is a constant array of texts.
func (c *pluginCall) texts(i int) ([]string, error) {
	v, err := c.constant(i)
	if err != nil {
		return nil, err
	}
	list, _ := fn.Elements(v)
	if len(list) == 0 {
		return nil, &fn.ArgumentError{What: c.p.Name + "() needs an array with at least one state"}
	}
	out := make([]string, len(list))
	for k, e := range list {
		out[k] = fn.Text(e)
	}
	return out, nil
}

// runs finds the places where the states follow each other, each within the window of the one before: the positions of the first and the last.
// A run ends at the first step that completes it, and begins as late as it can.
func runs(list []step, states []string, window int64) [][2]int {
	var out [][2]int
	start := make([]int, len(states)) // where the run began whose last step was the k-th
	last := make([]int, len(states))
	for k := range start {
		start[k] = -1
	}
	for i, s := range list {
		for k := len(states) - 1; k >= 0; k-- {
			if s.state != states[k] {
				continue
			}
			switch {
			case k == 0:
				start[0], last[0] = i, i
			case start[k-1] >= 0 && last[k-1] < i && s.at-list[last[k-1]].at <= window:
				start[k], last[k] = start[k-1], i
			default:
				continue
			}
			if k == len(states)-1 {
				out = append(out, [2]int{start[k], i})
				if k > 0 {
					start[k] = -1
				}
			}
		}
	}
	return out
}

// funnel(id, time, start, end, window between steps, bin, state, sequence) counts who came from which state before the sequence and went to which after it.
// The plugin has three results: by both (which 0), by the state before (1), by the state after (2).
func (c *pluginCall) funnel(which int) ([][]any, error) {
	a, err := c.spans(2, 4)
	if err != nil {
		return nil, err
	}
	start, end, window, bin := a[0], a[1], a[2], a[3]
	states, err := c.texts(7)
	if err != nil {
		return nil, err
	}
	ids, byID, err := c.steps(6, start, end)
	if err != nil || bin <= 0 {
		return nil, err
	}
	type key struct {
		at           int64
		before, next string
	}
	groups := map[key][]string{}
	var order []key
	for _, id := range ids {
		list := byID[id]
		seen := map[key]bool{}
		for _, r := range runs(list, states, window) {
			k := key{at: list[r[0]].at - mod(list[r[0]].at-start, bin)}
			if i := r[0] - 1; which != 2 && i >= 0 && list[r[0]].at-list[i].at <= window {
				k.before = list[i].state
			}
			if i := r[1] + 1; which != 1 && i < len(list) && list[i].at-list[r[1]].at <= window {
				k.next = list[i].state
			}
			if seen[k] {
				continue
			}
			seen[k] = true
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], id)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return order[i].at < order[j].at })
	var out [][]any
	for _, k := range order {
		row := []any{k.at}
		if which != 2 {
			row = append(row, k.before)
		}
		if which != 1 {
			row = append(row, k.next)
		}
		var samples []fn.Value
		for _, id := range groups[k][:min(len(groups[k]), maxSamples)] {
			samples = append(samples, fn.Value{T: plan.String, V: id})
		}
		out = append(out, append(row, int64(len(groups[k])), fn.Array(samples)))
	}
	return out, nil
}

// completion(id, time, start, end, bin, state, sequence, windows) counts, for each window, who reached each state of the sequence within it, from the first
// state on.
func (c *pluginCall) completion() ([][]any, error) {
	a, err := c.spans(2, 3)
	if err != nil {
		return nil, err
	}
	start, end, bin := a[0], a[1], a[2]
	states, err := c.texts(6)
	if err != nil {
		return nil, err
	}
	v, err := c.constant(7)
	if err != nil {
		return nil, err
	}
	var windows []int64
	list, _ := fn.Elements(v)
	for _, e := range list {
		if n, ok := fn.Convert(fn.Convert(e, plan.TimeSpan), plan.Long).V.(int64); ok && e.T == plan.String {
			windows = append(windows, n)
		} else if n, ok := fn.Convert(e, plan.Long).V.(int64); ok {
			windows = append(windows, n)
		}
	}
	ids, byID, err := c.steps(5, start, end)
	if err != nil || bin <= 0 {
		return nil, err
	}
	reached := map[[3]int64]int64{} // bin, window, state
	bins := map[int64]bool{}
	for _, id := range ids {
		list := byID[id]
		seen := map[[3]int64]bool{}
		for i, first := range list {
			if first.state != states[0] {
				continue
			}
			t := first.at - mod(first.at-start, bin)
			bins[t] = true
			for w, window := range windows {
				if err := c.room(len(seen)); err != nil {
					return nil, err
				}
				k := 0
				for _, s := range list[i:] {
					if s.at-first.at > window || k == len(states) {
						break
					}
					if s.state == states[k] {
						seen[[3]int64{t, int64(w), int64(k)}] = true
						k++
					}
				}
			}
		}
		for k := range seen {
			reached[k]++
		}
		if err := c.room(len(reached)); err != nil {
			return nil, err
		}
	}
	times := make([]int64, 0, len(bins))
	for t := range bins {
		times = append(times, t)
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	var out [][]any
	for _, t := range times {
		for w, window := range windows {
			if err := c.room(len(out) + len(states)); err != nil {
				return nil, err
			}
			for k, state := range states {
				out = append(out, []any{t, state, window, reached[[3]int64{t, int64(w), int64(k)}]})
			}
		}
	}
	return out, nil
}

// sequences(time, step window, whole window, conditions…, dimensions…) lists the times at which rows fulfilled the conditions one after the other. A
// row that fulfils the first condition begins anew.
func (c *pluginCall) sequences() ([][]any, error) {
	a, err := c.spans(1, 2)
	if err != nil {
		return nil, err
	}
	n := c.p.Conditions
	groups, err := c.in.groups(c.lib, c.p.Args[3+n:])
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, rows := range groups {
		type timed struct {
			at  int64
			row []any
		}
		list := make([]timed, 0, len(rows))
		for _, row := range rows {
			v, err := c.value(0, row)
			if err != nil {
				return nil, err
			}
			if at, ok := fn.Convert(v, plan.Long).V.(int64); ok {
				list = append(list, timed{at, row})
			}
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].at < list[j].at })
		waiting := make([][]int64, n) // the times of a sequence whose last condition was the k-th
		for i, t := range list {
			if i%4096 == 0 && c.ctx.Err() != nil {
				return nil, c.ctx.Err()
			}
			for k := n - 1; k >= 0; k-- {
				if k > 0 && (waiting[k-1] == nil || t.at-waiting[k-1][k-1] > a[0] || t.at-waiting[k-1][0] > a[1]) {
					continue
				}
				v, err := c.value(3+k, t.row)
				if err != nil {
					return nil, err
				}
				if yes, _ := v.V.(bool); !yes {
					continue
				}
				var times []int64
				if k > 0 {
					times = append(times, waiting[k-1]...)
					waiting[k-1] = nil
				}
				times = append(times, t.at)
				if k < n-1 {
					waiting[k] = times
					if k > 0 {
						break
					}
					continue
				}
				var row []any
				for d := 3 + n; d < len(c.p.Args); d++ {
					v, err := c.value(d, t.row)
					if err != nil {
						return nil, err
					}
					row = append(row, v.V)
				}
				for _, at := range times {
					row = append(row, at)
				}
				out = append(out, append(row, t.at-times[0]))
				break
			}
		}
	}
	return out, nil
}
