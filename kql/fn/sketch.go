package fn

import (
	"cmp"
	"math"
	"slices"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// sketchFunctions are aggregates over the JSON array of a group's values ("agg_…") and the functions on the sketches that some of them make.
//
// A digest is an array of [value, weight] sorted by value; an hll is a bag {"hll": sorted hashes}, the least 4096 of them, which counts exactly below
// that number and estimates from the greatest kept hash above it.
func sketchFunctions() map[string]impl {
	return map[string]impl{
		"agg_make_bag": func(c *call) any {
			out := newBag(8)
			l, _ := c.list(0)
			for _, e := range l {
				b, ok := e.(*bag)
				if !ok {
					continue
				}
				for _, k := range b.keys {
					if _, has := out.get(k); !has {
						out.set(k, b.vals[k])
					}
				}
			}
			return tree{out}
		},
		"agg_buildschema": func(c *call) any {
			l, _ := c.list(0)
			return tree{schemaOf(l)}
		},
		"agg_make_set": func(c *call) any {
			l, _ := c.list(0)
			limit := c.longOr(1, maxArray)
			seen := map[string]bool{}
			out := []any{}
			add := func(v any) {
				if k := treeKey(v); v != nil && !seen[k] && int64(len(out)) < limit {
					seen[k] = true
					out = append(out, v)
				}
			}
			for _, e := range l {
				if inner, ok := e.([]any); ok {
					for _, x := range inner {
						add(x)
					}
					continue
				}
				add(e)
			}
			return tree{out}
		},
		"agg_sum_decimal": func(c *call) any {
			l, _ := c.list(0)
			sum := "0"
			for _, e := range l {
				s, _ := decimalArithmetic(&call{name: "+"}, Value{T: plan.Decimal, V: sum}, Value{T: plan.Decimal, V: treeText(e)}).(string)
				if s != "" {
					sum = s
				}
			}
			return sum
		},
		"agg_tdigest": func(c *call) any {
			l, _ := c.list(0)
			return digestTree(compress(digestOf(l)))
		},
		"agg_tdigest_merge": func(c *call) any {
			l, _ := c.list(0)
			return mergeDigests(l)
		},
		"tdigest_merge": mergeDigestCall, "merge_tdigest": mergeDigestCall,
		"percentile_tdigest": func(c *call) any {
			l, ok := c.list(0)
			p, okp := c.real(1)
			if !ok || !okp {
				return nil
			}
			v := rankAt(digestOf(l), p)
			if c.t == plan.Dynamic || c.t == plan.Unknown {
				return tree{v}
			}
			return Convert(scalarOf(v), c.t).V
		},
		"percentiles_array_tdigest": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			d := digestOf(l)
			out := []any{}
			for _, p := range c.operands(1) {
				f, _ := number(p)
				out = append(out, rankAt(d, f))
			}
			return tree{out}
		},
		"rank_tdigest": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			want := c.dyn(1)
			sum := 0.0
			for _, x := range digestOf(l) {
				if compareTrees(x.v, want) <= 0 {
					sum += x.w
				}
			}
			return sum
		},
		"percentrank_tdigest": func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			want, below, total := c.dyn(1), 0.0, 0.0
			for _, x := range digestOf(l) {
				total += x.w
				if compareTrees(x.v, want) <= 0 {
					below += x.w
				}
			}
			if total == 0 {
				return nil
			}
			return below / total * 100
		},
		"tdigest_isvalid": func(c *call) any { _, ok := c.list(0); return ok },
		"hll_isvalid":     func(c *call) any { _, ok := hashes(c.dyn(0)); return ok },
		"agg_percentilew": func(c *call) any {
			l, _ := c.list(0)
			p, ok := c.real(1)
			d := digestOf(l)
			if !ok || len(d) == 0 {
				return nil
			}
			return Convert(scalarOf(rankAt(d, p)), c.t).V
		},
		"agg_percentiles_array": func(c *call) any {
			l, _ := c.list(0)
			d := digestOf(l)
			if len(d) == 0 {
				return nil
			}
			out := []any{}
			for _, p := range c.operands(1) {
				f, _ := number(p)
				out = append(out, rankAt(d, f))
			}
			return tree{out}
		},
		"agg_hll": func(c *call) any {
			l, _ := c.list(0)
			h := make([]int64, 0, len(l))
			for _, e := range l {
				h = append(h, hashOf(Value{T: plan.String, V: treeKey(e)}))
			}
			return hllTree(h)
		},
		"agg_hll_merge": func(c *call) any {
			l, _ := c.list(0)
			return mergeHLL(l)
		},
		"hll_merge": func(c *call) any {
			l := make([]any, c.n())
			for i := range l {
				l[i] = c.dyn(i)
			}
			return mergeHLL(l)
		},
		"dcount_hll": func(c *call) any {
			h, ok := hashes(c.dyn(0))
			if !ok {
				return nil
			}
			return countHLL(h)
		},
		"row_window_sessions": rowWindowSessions,
	}
}

func schemaOf(l []any) any {
	var order []string
	kinds := map[string]bool{}
	props := newBag(4)
	var elements []any
	for _, v := range l {
		switch x := v.(type) {
		case nil:
			continue
		case *bag:
			kinds["{"] = true
			for _, k := range x.keys {
				old, _ := props.get(k)
				list, _ := old.([]any)
				props.set(k, append(list, x.vals[k]))
			}
			continue
		case []any:
			kinds["["] = true
			elements = append(elements, x...)
			continue
		}
		if t := treeType(v); !kinds[t] {
			kinds[t] = true
			order = append(order, t)
		}
	}
	out := strs(order)
	if kinds["{"] || kinds["["] {
		b := newBag(len(props.keys))
		if kinds["["] {
			b.set("`indexer`", schemaOf(elements))
		}
		for _, k := range props.keys {
			b.set(k, schemaOf(props.vals[k].([]any)))
		}
		out = append(out, b)
	}
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	}
	return out
}

type centroid struct {
	v any
	w float64
}

// digestOf reads plain values and [value, weight] pairs, sorted.
func digestOf(l []any) []centroid {
	d := make([]centroid, 0, len(l))
	for _, e := range l {
		if pair, ok := e.([]any); ok && len(pair) == 2 {
			if w, ok := number(pair[1]); ok && w > 0 && pair[0] != nil {
				d = append(d, centroid{v: pair[0], w: w})
			}
			continue
		}
		if e != nil {
			d = append(d, centroid{v: e, w: 1})
		}
	}
	slices.SortStableFunc(d, func(a, b centroid) int { return compareTrees(a.v, b.v) })
	return d
}

const maxCentroids = 4096

// compress joins equal values, and neighbours while there are too many.
func compress(d []centroid) []centroid {
	out := d[:0:0]
	for _, x := range d {
		if n := len(out); n > 0 && compareTrees(out[n-1].v, x.v) == 0 {
			out[n-1].w += x.w
			continue
		}
		out = append(out, x)
	}
	for len(out) > maxCentroids {
		half := out[:0:0]
		for i := 0; i < len(out); i += 2 {
			x := out[i]
			if i+1 < len(out) {
				x = centroid{v: out[i+1].v, w: x.w + out[i+1].w}
			}
			half = append(half, x)
		}
		out = half
	}
	return out
}

func digestTree(d []centroid) any {
	out := make([]any, len(d))
	for i, x := range d {
		w := any(x.w)
		if x.w == math.Trunc(x.w) && x.w < 1e15 {
			w = int64(x.w)
		}
		out[i] = []any{x.v, w}
	}
	return tree{out}
}

func mergeDigests(l []any) any {
	var all []any
	for _, e := range l {
		if d, ok := e.([]any); ok {
			all = append(all, d...)
		}
	}
	return digestTree(compress(digestOf(all)))
}

func mergeDigestCall(c *call) any {
	l := make([]any, c.n())
	for i := range l {
		l[i] = c.dyn(i)
	}
	return mergeDigests(l)
}

// rankAt is the nearest-rank percentile: the least value that p per cent of the weight is at or below.
func rankAt(d []centroid, p float64) any {
	total := 0.0
	for _, x := range d {
		total += x.w
	}
	need := total * p / 100
	sum := 0.0
	for _, x := range d {
		sum += x.w
		if sum >= need-1e-9*math.Max(1, total) {
			return x.v
		}
	}
	if len(d) == 0 {
		return nil
	}
	return d[len(d)-1].v
}

const maxHashes = 4096

func hllTree(h []int64) any {
	slices.SortFunc(h, func(a, b int64) int { return cmp.Compare(uint64(a), uint64(b)) })
	h = slices.Compact(h)
	if len(h) > maxHashes {
		h = h[:maxHashes]
	}
	l := make([]any, len(h))
	for i, x := range h {
		l[i] = x
	}
	b := newBag(1)
	b.set("hll", l)
	return tree{b}
}

func hashes(v any) ([]int64, bool) {
	b, ok := v.(*bag)
	if !ok {
		return nil, false
	}
	l, ok := b.vals["hll"].([]any)
	h := make([]int64, 0, len(l))
	for _, e := range l {
		if n, ok := e.(int64); ok {
			h = append(h, n)
		}
	}
	return h, ok
}

func countHLL(h []int64) int64 {
	if len(h) < maxHashes {
		return int64(len(h))
	}
	return int64(math.Round(float64(maxHashes-1) / (float64(uint64(h[maxHashes-1])) / math.Pow(2, 64))))
}

func mergeHLL(l []any) any {
	var all []int64
	for _, e := range l {
		h, _ := hashes(e)
		all = append(all, h...)
	}
	return hllTree(all)
}

// row_window_sessions(array of [ticks, restart], maxFromFirst, maxBetween) gives the start of each row's session.
func rowWindowSessions(c *call) any {
	l, ok := c.list(0)
	if !ok {
		return nil
	}
	fromFirst, between := c.longOr(1, math.MaxInt64), c.longOr(2, math.MaxInt64)
	out := make([]any, len(l))
	var start, prev int64
	open := false
	for i, e := range l {
		row, ok := e.([]any)
		if !ok || len(row) != 2 {
			continue
		}
		t, ok := row[0].(int64)
		if !ok {
			continue
		}
		restart, _ := row[1].(bool)
		if !open || restart || t-start > fromFirst || t-prev > between {
			start, open = t, true
		}
		prev = t
		out[i] = start
	}
	return tree{out}
}
