package fn

import (
	"math"
	"sort"
)

func seriesFunctions() map[string]impl {
	m := map[string]impl{}
	for name, f := range map[string]func(a, b float64) float64{
		"series_add": func(a, b float64) float64 { return a + b }, "series_subtract": func(a, b float64) float64 { return a - b },
		"series_multiply": func(a, b float64) float64 { return a * b }, "series_divide": func(a, b float64) float64 { return a / b },
		"series_pow": math.Pow,
	} {
		whole := name != "series_divide" && name != "series_pow"
		m[name] = func(c *call) any { return c.pairwise(func(a, b float64) any { return f(a, b) }, whole) }
	}
	for name, f := range map[string]func(a, b float64) bool{
		"series_equals": func(a, b float64) bool { return a == b }, "series_not_equals": func(a, b float64) bool { return a != b },
		"series_less": func(a, b float64) bool { return a < b }, "series_less_equals": func(a, b float64) bool { return a <= b },
		"series_greater": func(a, b float64) bool { return a > b }, "series_greater_equals": func(a, b float64) bool { return a >= b },
	} {
		m[name] = func(c *call) any { return c.pairwise(func(a, b float64) any { return f(a, b) }, false) }
	}
	for name, f := range map[string]func(float64) float64{
		"series_abs": math.Abs, "series_exp": math.Exp, "series_log": math.Log, "series_sin": math.Sin, "series_cos": math.Cos, "series_tan": math.Tan,
		"series_asin": math.Asin, "series_acos": math.Acos, "series_atan": math.Atan, "series_ceiling": math.Ceil, "series_floor": math.Floor, "series_sign": sign,
	} {
		m[name] = func(c *call) any {
			l, ok := c.list(0)
			if !ok {
				return nil
			}
			out := make([]any, len(l))
			for i, e := range l {
				if x, ok := number(e); ok {
					out[i] = f(x)
					if _, isLong := e.(int64); isLong && (name == "series_abs" || name == "series_sign") {
						out[i] = int64(f(x))
					}
				}
			}
			return tree{out}
		}
	}
	m["series_fill_const"] = func(c *call) any {
		return c.fill(func(l []any, gap func(any) bool) {
			for i, e := range l {
				if gap(e) {
					l[i] = c.dyn(1)
				}
			}
		}, 2)
	}
	m["series_fill_forward"] = func(c *call) any {
		return c.fill(func(l []any, gap func(any) bool) {
			for i := 1; i < len(l); i++ {
				if gap(l[i]) {
					l[i] = l[i-1]
				}
			}
		}, 1)
	}
	m["series_fill_backward"] = func(c *call) any {
		return c.fill(func(l []any, gap func(any) bool) {
			for i := len(l) - 2; i >= 0; i-- {
				if gap(l[i]) {
					l[i] = l[i+1]
				}
			}
		}, 1)
	}
	m["series_fill_linear"] = fillLinear
	m["series_sum"] = seriesFold(func(a, x float64) float64 { return a + x }, 0)
	m["series_product"] = seriesFold(func(a, x float64) float64 { return a * x }, 1)
	m["series_stats"], m["series_stats_dynamic"] = seriesStats(false), seriesStats(true)
	m["series_dot_product"] = func(c *call) any {
		a, b, ok := c.vectors()
		if !ok {
			return nil
		}
		return dot(a, b)
	}
	m["series_magnitude"] = func(c *call) any {
		a, ok := numbers(c.dyn(0))
		if !ok {
			return nil
		}
		return math.Sqrt(dot(a, a))
	}
	m["series_cosine_similarity"] = func(c *call) any {
		a, b, ok := c.vectors()
		if !ok {
			return nil
		}
		return dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b))
	}
	m["series_pearson_correlation"] = func(c *call) any {
		a, b, ok := c.vectors()
		if !ok {
			return nil
		}
		ma, mb := mean(a), mean(b)
		var sab, saa, sbb float64
		for i := range a {
			sab += (a[i] - ma) * (b[i] - mb)
			saa += (a[i] - ma) * (a[i] - ma)
			sbb += (b[i] - mb) * (b[i] - mb)
		}
		return sab / math.Sqrt(saa*sbb)
	}
	m["series_iir"] = seriesIIR
	m["series_fir"] = seriesFIR
	return m
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func mean(a []float64) float64 {
	s := 0.0
	for _, x := range a {
		s += x
	}
	return s / float64(len(a))
}

// numbers is an array's elements as reals; it fails when one is none.
func numbers(v any) ([]float64, bool) {
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]float64, len(l))
	for i, e := range l {
		x, ok := number(e)
		if !ok {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

func (c *call) vectors() (a, b []float64, ok bool) {
	a, ok1 := numbers(c.dyn(0))
	b, ok2 := numbers(c.dyn(1))
	return a, b, ok1 && ok2 && len(a) == len(b)
}

func reals(a []float64) []any {
	out := make([]any, len(a))
	for i, x := range a {
		out[i] = x
	}
	return out
}

// pairwise applies f element by element; a scalar stands for an array of it. whole keeps longs long.
func (c *call) pairwise(f func(a, b float64) any, whole bool) any {
	x, okx := c.dyn(0).([]any)
	y, oky := c.dyn(1).([]any)
	if !okx && !oky {
		return nil
	}
	at := func(l []any, ok bool, i, pos int) any {
		if !ok {
			return c.dyn(i)
		}
		if pos < len(l) {
			return l[pos]
		}
		return nil
	}
	out := make([]any, max(len(x), len(y)))
	for i := range out {
		p, q := at(x, okx, 0, i), at(y, oky, 1, i)
		a, ok1 := number(p)
		b, ok2 := number(q)
		if !ok1 || !ok2 {
			continue
		}
		v := f(a, b)
		_, longA := p.(int64)
		_, longB := q.(int64)
		if r, isReal := v.(float64); isReal && whole && longA && longB && math.Abs(r) < 1<<53 {
			v = int64(r)
		}
		out[i] = v
	}
	return tree{out}
}

func (c *call) fill(f func(l []any, gap func(any) bool), missing int) any {
	l, ok := c.list(0)
	if !ok {
		return nil
	}
	f(l, c.gap(missing))
	return tree{l}
}

// gap tells which elements count as missing: nulls, or those equal to the argument.
func (c *call) gap(i int) func(any) bool {
	var marker any
	if !c.null(i) {
		marker = c.dyn(i)
	}
	return func(v any) bool {
		if v == nil {
			return true
		}
		f, isReal := v.(float64)
		return isReal && math.IsNaN(f) || marker != nil && sameTree(v, marker)
	}
}

// series_fill_linear(series, missing, fill edges, constant)
func fillLinear(c *call) any {
	l, ok := c.list(0)
	if !ok {
		return nil
	}
	gap := c.gap(1)
	edges := c.n() < 3 || c.boolean(2)
	var known []int
	for i, e := range l {
		if !gap(e) {
			if _, ok := number(e); ok {
				known = append(known, i)
			}
		}
	}
	if len(known) == 0 {
		fill := any(0.0)
		if c.n() > 3 {
			fill = c.dyn(3)
		}
		for i := range l {
			l[i] = fill
		}
		return tree{l}
	}
	for i := range l {
		if !gap(l[i]) {
			continue
		}
		k := sort.SearchInts(known, i)
		switch {
		case k == 0:
			if edges {
				l[i] = l[known[0]]
			} else {
				l[i] = nil
			}
		case k == len(known):
			if edges {
				l[i] = l[known[k-1]]
			} else {
				l[i] = nil
			}
		default:
			a, b := known[k-1], known[k]
			x, _ := number(l[a])
			y, _ := number(l[b])
			v := x + (y-x)*float64(i-a)/float64(b-a)
			_, longA := l[a].(int64)
			_, longB := l[b].(int64)
			if longA && longB { // a series of whole numbers stays one
				l[i] = int64(v)
			} else {
				l[i] = v
			}
		}
	}
	return tree{l}
}

func seriesFold(f func(a, x float64) float64, start float64) impl {
	return func(c *call) any {
		a, ok := numbers(c.dyn(0))
		if !ok {
			return nil
		}
		v := start
		for _, x := range a {
			v = f(v, x)
		}
		return v
	}
}

// seriesStats gives min, min_idx, max, max_idx, avg, stdev, variance (and sum, len) as a bag or an array.
func seriesStats(named bool) impl {
	return func(c *call) any {
		l, ok := c.list(0)
		if !ok {
			return nil
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		var iLo, iHi, n int
		sum := 0.0
		for i, e := range l {
			x, ok := number(e)
			if !ok {
				continue
			}
			n++
			sum += x
			if x < lo {
				lo, iLo = x, i
			}
			if x > hi {
				hi, iHi = x, i
			}
		}
		if n == 0 {
			return nil
		}
		avg, sq := sum/float64(n), 0.0
		for _, e := range l {
			if x, ok := number(e); ok {
				sq += (x - avg) * (x - avg)
			}
		}
		variance := 0.0
		if n > 1 {
			variance = sq / float64(n-1)
		}
		if !named {
			return tree{[]any{lo, int64(iLo), hi, int64(iHi), avg, math.Sqrt(variance), variance}}
		}
		b := newBag(9)
		b.set("min", lo)
		b.set("min_idx", int64(iLo))
		b.set("max", hi)
		b.set("max_idx", int64(iHi))
		b.set("avg", avg)
		b.set("stdev", math.Sqrt(variance))
		b.set("variance", variance)
		b.set("sum", sum)
		b.set("len", int64(len(l)))
		return tree{b}
	}
}

// series_iir(x, b, a): a[0] y[i] = sum b[j] x[i-j] - sum a[j] y[i-j]
func seriesIIR(c *call) any {
	x, ok1 := numbers(c.dyn(0))
	b, ok2 := numbers(c.dyn(1))
	a, ok3 := numbers(c.dyn(2))
	if !ok1 || !ok2 || !ok3 || len(a) == 0 || a[0] == 0 {
		return nil
	}
	y := make([]float64, len(x))
	for i := range x {
		v := 0.0
		for j := 0; j < len(b) && j <= i; j++ {
			v += b[j] * x[i-j]
		}
		for j := 1; j < len(a) && j <= i; j++ {
			v -= a[j] * y[i-j]
		}
		y[i] = v / a[0]
	}
	return tree{reals(y)}
}

// series_fir(x, filter [, normalise [, centre]])
func seriesFIR(c *call) any {
	x, ok1 := numbers(c.dyn(0))
	f, ok2 := numbers(c.dyn(1))
	if !ok1 || !ok2 || len(f) == 0 || len(f) > 1024 {
		return nil
	}
	sum, plus := 0.0, true
	for _, v := range f {
		sum += v
		plus = plus && v >= 0
	}
	normalise := plus
	if c.n() > 2 {
		normalise = c.boolean(2)
	}
	shift := 0
	if c.boolean(3) {
		shift = len(f) / 2
	}
	y := make([]float64, len(x))
	for i := range x {
		for j, v := range f {
			if k := i - j + shift; k >= 0 && k < len(x) {
				y[i] += v * x[k]
			}
		}
		if normalise && sum != 0 {
			y[i] /= sum
		}
	}
	return tree{reals(y)}
}
