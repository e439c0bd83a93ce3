package fn

import "math"

// maxPolyDegree bounds series_fit_poly, as the language does.
const maxPolyDegree = 5

// fitPoly gives rsquare, coefficients (lowest power first), variance, rvariance, poly_fit: the least-squares polynomial of a series over its x values,
// which are 1, 2, 3, … when none are given. Arguments: y, x or degree, degree.
func fitPoly(c *call) any {
	y, ok := numbers(c.dyn(0))
	if !ok || len(y) < 2 {
		return nil
	}
	x, degree := make([]float64, len(y)), int64(2)
	for i := range x {
		x[i] = float64(i + 1)
	}
	if c.n() > 1 && !c.null(1) {
		if x, ok = axis(c.dyn(1)); !ok || len(x) != len(y) {
			return nil
		}
	}
	if c.n() > 2 {
		degree = c.longOr(2, 2)
	}
	if degree < 1 || degree > maxPolyDegree || int(degree) >= len(y) {
		return nil
	}
	coefficients, ok := leastSquares(x, y, int(degree))
	if !ok {
		return nil
	}
	fit := make([]float64, len(y))
	rss := 0.0
	for i := range fit {
		for k := len(coefficients) - 1; k >= 0; k-- {
			fit[i] = fit[i]*x[i] + coefficients[k]
		}
		rss += (y[i] - fit[i]) * (y[i] - fit[i])
	}
	return tree{[]any{rSquare(y, rss), reals(coefficients), variance(y), rss / float64(len(y)-1), reals(fit)}}
}

// axis is an array of numbers or times as reals; times count in days from the first one.
func axis(v any) ([]float64, bool) {
	if x, ok := numbers(v); ok {
		return x, true
	}
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]float64, len(l))
	var first int64
	for i, e := range l {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		t, ok := ParseDateTime(s)
		if !ok {
			return nil, false
		}
		if i == 0 {
			first = t
		}
		out[i] = float64(t-first) / (24 * 3600 * 1e7)
	}
	return out, true
}

// leastSquares solves for the coefficients of a polynomial by Householder reflections over centred and scaled x values, which stays exact enough where
// the normal equations would not.
func leastSquares(x, y []float64, degree int) ([]float64, bool) {
	lo, hi := x[0], x[0]
	for _, v := range x {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	centre, scale := (lo+hi)/2, (hi-lo)/2
	if scale == 0 || math.IsNaN(scale) || math.IsInf(scale, 0) {
		return nil, false
	}
	n, m := len(x), degree+1
	a := make([][]float64, m) // by columns
	for k := range a {
		a[k] = make([]float64, n)
		for i, v := range x {
			a[k][i] = math.Pow((v-centre)/scale, float64(k))
		}
	}
	b := append([]float64(nil), y...)
	for k := range m {
		norm := 0.0
		for i := k; i < n; i++ {
			norm += a[k][i] * a[k][i]
		}
		if norm = math.Sqrt(norm); norm < 1e-12 {
			return nil, false
		}
		if a[k][k] > 0 {
			norm = -norm
		}
		v := append([]float64(nil), a[k][k:]...)
		v[0] -= norm
		vv := dot(v, v)
		for _, col := range append(append([][]float64(nil), a[k:]...), b) {
			f := 2 * dot(v, col[k:]) / vv
			for i := range v {
				col[k+i] -= f * v[i]
			}
		}
	}
	scaled := make([]float64, m)
	for k := m - 1; k >= 0; k-- {
		s := b[k]
		for j := k + 1; j < m; j++ {
			s -= a[j][k] * scaled[j]
		}
		scaled[k] = s / a[k][k]
	}
	// p(x) = sum scaled[k] * ((x-centre)/scale)^k, multiplied out
	out := make([]float64, m)
	power := []float64{1} // of (x-centre)/scale
	for k := range m {
		for i, c := range power {
			out[i] += scaled[k] * c
		}
		next := make([]float64, len(power)+1)
		for i, c := range power {
			next[i] -= c * centre / scale
			next[i+1] += c / scale
		}
		power = next
	}
	return out, true
}
