package fn

import (
	"math"
	"math/cmplx"
	"sort"
)

func seriesFitFunctions() map[string]impl {
	return map[string]impl{
		"series_seasonal": func(c *call) any {
			x, ok := numbers(c.dyn(0))
			if !ok {
				return nil
			}
			period := int(c.longOr(1, -1))
			if period < 0 {
				period = detectPeriod(x)
			}
			return tree{reals(seasonal(x, period))}
		},
		"series_periods_detect":      periodsDetect,
		"series_fit_line":            fitLineCall(false),
		"series_fit_line_dynamic":    fitLineCall(true),
		"series_fit_2lines":          fitTwoLines(false),
		"series_fit_2lines_dynamic":  fitTwoLines(true),
		"series_fit_poly":            fitPoly,
		"series_outliers":            func(c *call) any { return seriesOutliers(c) },
		"series_decompose":           func(c *call) any { return decomposeCall(c) },
		"series_decompose_anomalies": func(c *call) any { return anomaliesCall(c) },
		"series_decompose_forecast":  func(c *call) any { return forecastCall(c) },
	}
}

// seasonal is the median of each phase of the period, zeros without a period.
func seasonal(x []float64, period int) []float64 {
	out := make([]float64, len(x))
	if period <= 1 || period > len(x) {
		return out
	}
	phases := make([]float64, period)
	for p := range phases {
		var at []float64
		for i := p; i < len(x); i += period {
			at = append(at, x[i])
		}
		sort.Float64s(at)
		m := len(at) / 2
		phases[p] = at[m]
		if len(at)%2 == 0 {
			phases[p] = (at[m-1] + at[m]) / 2
		}
	}
	for i := range x {
		out[i] = phases[i%period]
	}
	return out
}

// autocorrelation at a lag, of the series without its mean.
func autocorrelation(x []float64, lag int) float64 {
	m := mean(x)
	var num, d1, d2 float64
	for i := lag; i < len(x); i++ {
		a, b := x[i]-m, x[i-lag]-m
		num += a * b
		d1 += a * a
		d2 += b * b
	}
	if d1 == 0 || d2 == 0 {
		return 0
	}
	return num / math.Sqrt(d1*d2)
}

// autocorrelations are those of the lags 0..most, by way of the power spectrum so that long series take no quadratic time.
func autocorrelations(x []float64, most int) []float64 {
	n := len(x)
	size := 1
	for size < 2*n {
		size *= 2
	}
	f := make([]complex128, size)
	m := mean(x)
	squares := make([]float64, n+1) // sums of squares of the first elements
	for i, v := range x {
		f[i] = complex(v-m, 0)
		squares[i+1] = squares[i] + (v-m)*(v-m)
	}
	transform(f, false)
	for i, v := range f {
		f[i] = complex(real(v)*real(v)+imag(v)*imag(v), 0)
	}
	transform(f, true)
	out := make([]float64, most+1)
	for lag := range out {
		late, early := squares[n]-squares[lag], squares[n-lag]
		if d := math.Sqrt(late * early); d > 1e-12*math.Max(1, squares[n]) {
			out[lag] = real(f[lag]) / d
		}
	}
	return out
}

// transform is the fast Fourier transform in place; the length is a power of two.
func transform(f []complex128, inverse bool) {
	n := len(f)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			f[i], f[j] = f[j], f[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		angle := -2 * math.Pi / float64(size)
		if inverse {
			angle = -angle
		}
		step := cmplx.Exp(complex(0, angle))
		for i := 0; i < n; i += size {
			w := complex(1, 0)
			for k := range size / 2 {
				a, b := f[i+k], f[i+k+size/2]*w
				f[i+k], f[i+k+size/2] = a+b, a-b
				w *= step
			}
		}
	}
	if inverse {
		for i := range f {
			f[i] /= complex(float64(n), 0)
		}
	}
}

// detectPeriod is the lag of the best autocorrelation; 0 when none reaches 0.7, and when the series is too short to show the best period three times.
func detectPeriod(x []float64) int {
	if len(x) < 4 {
		return 0
	}
	best, at := 0.7, 0
	for lag, r := range autocorrelations(x, min(len(x)/2, 2048)) {
		if lag >= 2 && r > best+1e-9 {
			best, at = r, lag
		}
	}
	if 3*at > len(x) {
		return 0
	}
	return at
}

func periodsDetect(c *call) any {
	x, ok := numbers(c.dyn(0))
	lo, ok1 := c.real(1)
	hi, ok2 := c.real(2)
	if !ok || !ok1 || !ok2 {
		return nil
	}
	type peak struct {
		lag   int
		score float64
	}
	var peaks []peak
	if len(x) < 6 {
		return tree{[]any{[]any{}, []any{}}}
	}
	all := autocorrelations(x, min(len(x)/2, 4096)+1)
	for lag := max(2, int(lo)); lag <= min(int(hi), len(all)-2); lag++ {
		if r := all[lag]; r > 0.1 && r >= all[lag-1] && r >= all[lag+1] {
			peaks = append(peaks, peak{lag, r})
		}
	}
	sort.SliceStable(peaks, func(i, j int) bool { return peaks[i].score > peaks[j].score })
	n := int(min(max(c.longOr(3, 2), 0), int64(len(peaks))))
	periods, scores := []any{}, []any{}
	for _, p := range peaks[:n] {
		periods = append(periods, float64(p.lag))
		scores = append(scores, p.score)
	}
	return tree{[]any{periods, scores}}
}

// fitLine is the least-squares line over positions from..to (exclusive).
func fitLine(x []float64, from, to int) (slope, intercept, rss float64) {
	n := float64(to - from)
	var sx, sy, sxx, sxy float64
	for i := from; i < to; i++ {
		t := float64(i)
		sx += t
		sy += x[i]
		sxx += t * t
		sxy += t * x[i]
	}
	if d := n*sxx - sx*sx; d != 0 {
		slope = (n*sxy - sx*sy) / d
	}
	intercept = (sy - slope*sx) / n
	for i := from; i < to; i++ {
		e := x[i] - intercept - slope*float64(i)
		rss += e * e
	}
	return slope, intercept, rss
}

func variance(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	m, s := mean(x), 0.0
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return s / float64(len(x)-1)
}

func rSquare(x []float64, rss float64) float64 {
	total := variance(x) * float64(len(x)-1)
	if total == 0 {
		return 1
	}
	return 1 - rss/total
}

// fitLineCall gives rsquare, slope, variance, rvariance, interception, line_fit.
func fitLineCall(named bool) impl {
	return func(c *call) any {
		x, ok := numbers(c.dyn(0))
		if !ok || len(x) < 2 {
			return nil
		}
		slope, icept, rss := fitLine(x, 0, len(x))
		line := make([]float64, len(x))
		for i := range line {
			line[i] = icept + slope*float64(i)
		}
		rv := rss / float64(len(x)-1)
		if !named {
			return tree{[]any{rSquare(x, rss), slope, variance(x), rv, icept, reals(line)}}
		}
		b := newBag(6)
		b.set("rsquare", rSquare(x, rss))
		b.set("slope", slope)
		b.set("variance", variance(x))
		b.set("rvariance", rv)
		b.set("interception", icept)
		b.set("line_fit", reals(line))
		return tree{b}
	}
}

// fitTwoLines gives rsquare, split_idx, variance, rvariance, line_fit, right_rsquare, right_slope, right_interception, right_variance, right_rvariance,
// and the same five for the left line.
func fitTwoLines(named bool) impl {
	return func(c *call) any {
		x, ok := numbers(c.dyn(0))
		if !ok || len(x) < 4 || len(x) > 100_000 {
			return nil
		}
		best, at := math.Inf(1), 2
		step := max(1, len(x)/2000)
		for s := 2; s <= len(x)-2; s += step {
			_, _, l := fitLine(x, 0, s)
			_, _, r := fitLine(x, s, len(x))
			if l+r < best {
				best, at = l+r, s
			}
		}
		ls, li, lr := fitLine(x, 0, at)
		rs, ri, rr := fitLine(x, at, len(x))
		line := make([]float64, len(x))
		for i := range line {
			if i < at {
				line[i] = li + ls*float64(i)
			} else {
				line[i] = ri + rs*float64(i)
			}
		}
		left, right := x[:at], x[at:]
		vals := []any{
			rSquare(x, best), int64(at), variance(x), best / float64(len(x)-1), reals(line),
			rSquare(right, rr), rs, ri, variance(right), rr / math.Max(1, float64(len(right)-1)),
			rSquare(left, lr), ls, li, variance(left), lr / math.Max(1, float64(len(left)-1)),
		}
		if !named {
			return tree{vals}
		}
		b := newBag(len(vals))
		for i, k := range []string{
			"rsquare", "split_idx", "variance", "rvariance", "line_fit", "right_rsquare", "right_slope", "right_interception", "right_variance", "right_rvariance",
			"left_rsquare", "left_slope", "left_interception", "left_variance", "left_rvariance",
		} {
			b.set(k, vals[i])
		}
		return tree{b}
	}
}

// tukey scores each point by its distance from the quartile fence, in units of the range between the quantiles.
func tukey(x []float64, lo, hi float64) []float64 {
	s := append([]float64(nil), x...)
	sort.Float64s(s)
	q := func(p float64) float64 {
		if len(s) == 0 {
			return 0
		}
		at := p * float64(len(s)-1)
		i := int(at)
		if i+1 >= len(s) {
			return s[len(s)-1]
		}
		return s[i] + (at-float64(i))*(s[i+1]-s[i])
	}
	a, b := q(lo), q(hi)
	width := b - a
	out := make([]float64, len(x))
	for i, v := range x {
		if width == 0 {
			if v != a {
				out[i] = math.Copysign(10, v-a)
			}
			continue
		}
		switch {
		case v > b:
			out[i] = (v - b) / width
		case v < a:
			out[i] = (v - a) / width
		}
	}
	return out
}

func quantiles(kind string) (lo, hi float64) {
	if kind == "ctukey" || kind == "" {
		return 0.1, 0.9
	}
	return 0.25, 0.75
}

// series_outliers(series [, kind [, ignore [, low, high]]])
func seriesOutliers(c *call) any {
	x, ok := numbers(c.dyn(0))
	if !ok {
		return nil
	}
	lo, hi := quantiles(c.str(1))
	if f, ok := c.real(3); ok {
		lo = f / 100
	}
	if f, ok := c.real(4); ok {
		hi = f / 100
	}
	return tree{reals(tukey(x, lo, hi))}
}

// decomposed is a series as seasonal + trend + residual; baseline is the first two.
type decomposed struct{ baseline, seasonal, trend, residual []float64 }

// decompose takes the seasonal means off and fits the trend: "avg" (or none) a constant, "linefit" a line. test points at the end do not take part.
func decompose(x []float64, period int, trend string, test int) decomposed {
	n := len(x)
	train := max(n-test, 1)
	if period < 0 {
		period = detectPeriod(x[:train])
	}
	d := decomposed{baseline: make([]float64, n), seasonal: make([]float64, n), trend: make([]float64, n), residual: make([]float64, n)}
	if trend == "linefit" {
		slope, icept, _ := fitLine(x, 0, train)
		for i := range d.trend {
			d.trend[i] = icept + slope*float64(i)
		}
	} else if trend != "none" || period > 1 {
		m := mean(x[:train])
		for i := range d.trend {
			d.trend[i] = m
		}
	}
	if period > 1 && period <= train {
		flat := make([]float64, train)
		for i := range flat {
			flat[i] = x[i] - d.trend[i]
		}
		s := seasonal(flat, period)
		for i := range d.seasonal {
			d.seasonal[i] = s[i%period]
		}
	}
	for i := range x {
		d.baseline[i] = d.seasonal[i] + d.trend[i]
		d.residual[i] = x[i] - d.baseline[i]
	}
	return d
}

func zeroNulls(v any) ([]float64, bool) {
	l, ok := v.([]any)
	if !ok || len(l) == 0 {
		return nil, false
	}
	out := make([]float64, len(l))
	for i, e := range l {
		out[i], _ = number(e)
	}
	return out, true
}

// series_decompose(series [, seasonality [, trend [, test points]]]) gives baseline, seasonal, trend, residual.
func decomposeCall(c *call) any {
	x, ok := zeroNulls(c.dyn(0))
	if !ok {
		return nil
	}
	d := decompose(x, int(c.longOr(1, -1)), trendKind(c.str(2)), int(c.longOr(3, 0)))
	return tree{[]any{reals(d.baseline), reals(d.seasonal), reals(d.trend), reals(d.residual)}}
}

func trendKind(s string) string {
	if s == "" {
		return "avg"
	}
	return s
}

// series_decompose_anomalies(series [, threshold [, seasonality [, trend [, test points [, method]]]]]) gives flags, scores and the baseline.
func anomaliesCall(c *call) any {
	x, ok := zeroNulls(c.dyn(0))
	if !ok {
		return nil
	}
	threshold := 1.5
	if f, ok := c.real(1); ok {
		threshold = f
	}
	d := decompose(x, int(c.longOr(2, -1)), trendKind(c.str(3)), int(c.longOr(4, 0)))
	lo, hi := quantiles(c.str(5))
	scores := tukey(d.residual, lo, hi)
	flags := make([]any, len(x))
	for i, s := range scores {
		switch {
		case s > threshold:
			flags[i] = int64(1)
		case s < -threshold:
			flags[i] = int64(-1)
		default:
			flags[i] = int64(0)
		}
	}
	return tree{[]any{flags, reals(scores), reals(d.baseline)}}
}

// series_decompose_forecast(series, points [, seasonality [, trend]]) gives the baseline with the last points forecast.
func forecastCall(c *call) any {
	x, ok := zeroNulls(c.dyn(0))
	if !ok {
		return nil
	}
	trend := c.str(3)
	if trend == "" {
		trend = "linefit"
	}
	d := decompose(x, int(c.longOr(2, -1)), trend, int(c.longOr(1, 0)))
	return tree{reals(d.baseline)}
}
