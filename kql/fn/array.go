package fn

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func arrayFunctions() map[string]impl {
	return map[string]impl{
		"pack_array": func(c *call) any {
			out := make([]any, len(c.args))
			for i := range c.args {
				out[i] = c.dyn(i)
			}
			return tree{out}
		},
		"array_length": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			return int64(len(l))
		},
		"array_concat": func(c *call) any {
			out := []any{}
			for i := range c.args {
				v := c.dyn(i)
				if l, ok := v.([]any); ok {
					out = append(out, l...)
				} else if v != nil {
					out = append(out, v)
				}
			}
			if len(out) > maxArray {
				return fmtLimit("array")
			}
			return tree{out}
		},
		"array_slice": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			n := int64(len(l))
			from, to := c.longOr(1, 0), c.longOr(2, -1)
			if from < 0 {
				from = max(from+n, 0)
			}
			if to < 0 {
				to += n
			}
			if to = min(to, n-1); from > to {
				return tree{[]any{}}
			}
			return tree{l[from : to+1]}
		},
		"array_split": arraySplit,
		"array_reverse": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			l = slices.Clone(l)
			slices.Reverse(l)
			return tree{l}
		},
		"array_sum": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			sum := 0.0
			for _, e := range l {
				f, ok := number(e)
				if !ok {
					return nil
				}
				sum += f
			}
			return sum
		},
		"array_index_of": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			n := int64(len(l))
			from, length, nth := c.longOr(2, 0), c.longOr(3, -1), c.longOr(4, 1)
			if from < 0 {
				from = max(from+n, 0)
			}
			end := n
			if length >= 0 && from+length < n {
				end = from + length
			}
			want := c.dyn(1)
			for i := from; i < end; i++ {
				if sameTree(l[i], want) {
					if nth--; nth <= 0 {
						return i
					}
				}
			}
			return int64(-1)
		},
		"array_iff": arrayIff, "array_iif": arrayIff,
		"array_rotate_left":  rotate(1),
		"array_rotate_right": rotate(-1),
		"array_shift_left":   shiftArray(1),
		"array_shift_right":  shiftArray(-1),
		"array_sort_asc":     sortArrays(false),
		"array_sort_desc":    sortArrays(true),
		"range":              rangeArray,
		"zip":                zip,
	}
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	case bool:
		return float64(boolOrder(x)), true
	}
	return 0, false
}

func arraySplit(c *call) any {
	l, ok := c.list(0)
	if !ok {
		return nil
	}
	var at []int64
	switch x := c.dyn(1).(type) {
	case int64:
		at = []int64{x}
	case []any:
		for _, e := range x {
			if n, ok := e.(int64); ok {
				at = append(at, n)
			}
		}
	default:
		return nil
	}
	n, prev := int64(len(l)), int64(0)
	out := []any{}
	for _, i := range at {
		if i < 0 {
			i = max(i+n, 0)
		}
		i = min(max(i, prev), n)
		out = append(out, slices.Clone(l[prev:i]))
		prev = i
	}
	return tree{append(out, slices.Clone(l[prev:]))}
}

func arrayIff(c *call) any {
	l, ok := c.list(0)
	if !ok {
		return nil
	}
	pick := func(i, pos int) any {
		v := c.dyn(i)
		if x, ok := v.([]any); ok {
			if pos < len(x) {
				return x[pos]
			}
			return nil
		}
		return v
	}
	out := make([]any, len(l))
	for i, e := range l {
		switch x := e.(type) {
		case bool:
			if x {
				out[i] = pick(1, i)
			} else {
				out[i] = pick(2, i)
			}
		case int64, float64:
			if f, _ := number(x); f != 0 {
				out[i] = pick(1, i)
			} else {
				out[i] = pick(2, i)
			}
		}
	}
	return tree{out}
}

func rotate(sign int64) impl {
	return func(c *call) any {
		l, ok := c.list(0)
		if !ok {
			return nil
		}
		n := int64(len(l))
		if n == 0 {
			return tree{l}
		}
		k := (c.longOr(1, 0)%n*sign%n + n) % n
		return tree{append(slices.Clone(l[k:]), l[:k]...)}
	}
}

func shiftArray(sign int64) impl {
	return func(c *call) any {
		l, ok := c.list(0)
		if !ok {
			return nil
		}
		n, k, fill := int64(len(l)), c.longOr(1, 0)*sign, c.dyn(2)
		out := make([]any, n)
		for i := range n {
			if j := i + k; j >= 0 && j < n {
				out[i] = l[j]
			} else {
				out[i] = fill
			}
		}
		return tree{out}
	}
}

// compareTrees orders elements of an array: nulls apart, numbers before text, text by code points.
func compareTrees(a, b any) int {
	x, okx := number(a)
	y, oky := number(b)
	switch {
	case okx && oky:
		return cmp.Compare(x, y)
	case okx:
		return -1
	case oky:
		return 1
	}
	return strings.Compare(treeText(a), treeText(b))
}

// sortArrays sorts the first array and gives the others the same order. A last boolean says whether nulls come last. With more than one array the
// result is an array of arrays.
func sortArrays(desc bool) impl {
	return func(c *call) any {
		nullsLast := true
		n := c.n()
		if n > 1 && c.args[n-1].T == plan.Bool {
			nullsLast = c.boolean(n - 1)
			n--
		}
		first, ok := c.list(0)
		if !ok {
			return nil
		}
		order := make([]int, len(first))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			a, b := first[i], first[j]
			switch {
			case a == nil && b == nil:
				return 0
			case a == nil:
				if nullsLast {
					return 1
				}
				return -1
			case b == nil:
				if nullsLast {
					return -1
				}
				return 1
			}
			if desc {
				return compareTrees(b, a)
			}
			return compareTrees(a, b)
		})
		out := make([]any, 0, n)
		for k := range n {
			l, ok := c.list(k)
			if !ok || len(l) != len(first) {
				out = append(out, nil)
				continue
			}
			sorted := make([]any, len(order))
			for i, j := range order {
				sorted[i] = l[j]
			}
			out = append(out, sorted)
		}
		if len(out) == 1 {
			return tree{out[0]}
		}
		return tree{out}
	}
}

// rangeArray(start, stop [, step]); longer than the limit it is cut.
func rangeArray(c *call) any {
	if c.anyNull() || c.n() < 2 {
		return nil
	}
	t := c.arg(0).T
	a, b := c.scalar(0), c.scalar(1)
	step := Value{T: plan.Long, V: int64(1)}
	if c.n() > 2 {
		step = c.scalar(2)
	} else if t == plan.DateTime || t == plan.TimeSpan {
		step = Value{T: plan.TimeSpan, V: int64(tickHour)}
	}
	out := []any{}
	x, okx := a.V.(int64)
	y, oky := b.V.(int64)
	s, oks := step.V.(int64)
	if okx && oky && oks {
		if s == 0 {
			return nil
		}
		for ; (s > 0 && x <= y || s < 0 && x >= y) && len(out) < maxArray; x += s {
			out = append(out, treeOf(Value{T: t, V: x}))
		}
		return tree{out}
	}
	f, ok1 := c.real(0)
	g, ok2 := c.real(1)
	h, ok3 := Convert(step, plan.Real).V.(float64)
	if !ok1 || !ok2 || !ok3 || h == 0 {
		return nil
	}
	for i := 0; len(out) < maxArray; i++ {
		v := f + float64(i)*h
		if h > 0 && v > g || h < 0 && v < g {
			break
		}
		out = append(out, v)
	}
	return tree{out}
}

func zip(c *call) any {
	lists := make([][]any, c.n())
	longest := 0
	for i := range lists {
		l, ok := c.list(i)
		if !ok {
			l = []any{c.dyn(i)}
		}
		lists[i] = l
		longest = max(longest, len(l))
	}
	out := make([]any, longest)
	for i := range out {
		row := make([]any, len(lists))
		for j, l := range lists {
			if i < len(l) {
				row[j] = l[i]
			}
		}
		out[i] = row
	}
	return tree{out}
}
