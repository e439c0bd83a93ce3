package fn

import (
	"math"
	"math/rand/v2"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func floorReal(f float64) float64 { return math.Floor(f) }

func mathFunctions() map[string]impl {
	m := map[string]impl{}
	for name, f := range map[string]func(float64) float64{
		"sqrt": math.Sqrt, "exp": math.Exp, "exp2": math.Exp2, "log": math.Log, "log10": math.Log10, "log2": math.Log2,
		"sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin, "acos": math.Acos, "atan": math.Atan,
		"exp10":   func(x float64) float64 { return math.Pow(10, x) },
		"cot":     func(x float64) float64 { return 1 / math.Tan(x) },
		"degrees": func(x float64) float64 { return x * 180 / math.Pi }, "radians": func(x float64) float64 { return x * math.Pi / 180 },
		"gamma": math.Gamma, "loggamma": func(x float64) float64 { v, _ := math.Lgamma(x); return v }, "erf": math.Erf, "erfc": math.Erfc,
	} {
		m[name] = func(c *call) any {
			x, ok := c.real(0)
			if !ok {
				return nil
			}
			return f(x)
		}
	}
	m["pi"] = func(*call) any { return math.Pi }
	two := func(f func(x, y float64) float64) impl {
		return func(c *call) any {
			x, ok1 := c.real(0)
			y, ok2 := c.real(1)
			if !ok1 || !ok2 {
				return nil
			}
			return f(x, y)
		}
	}
	m["pow"], m["atan2"] = two(math.Pow), two(math.Atan2)
	m["abs"] = func(c *call) any {
		switch x := c.scalar(0).V.(type) {
		case int64:
			return fits(max(x, -x), x == math.MinInt64, c.arg(0).T)
		case float64:
			return math.Abs(x)
		case string:
			if r, ok := ratOf(x); ok {
				return formatDecimal(r.Abs(r))
			}
		}
		return nil
	}
	m["sign"] = func(c *call) any {
		f, ok := c.real(0)
		switch {
		case !ok:
			return nil
		case f > 0:
			return 1.0
		case f < 0:
			return -1.0
		}
		return 0.0
	}
	m["ceiling"] = func(c *call) any {
		switch x := c.scalar(0).V.(type) {
		case int64:
			return x
		case float64:
			return math.Ceil(x)
		}
		f, ok := c.real(0)
		if !ok {
			return nil
		}
		return math.Ceil(f)
	}
	m["round"] = round
	finite := func(f func(float64) bool) impl {
		return func(c *call) any {
			x, ok := c.real(0)
			return ok && f(x)
		}
	}
	m["isnan"] = finite(math.IsNaN)
	m["isinf"] = finite(func(f float64) bool { return math.IsInf(f, 0) })
	m["isfinite"] = finite(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) })
	m["beta_cdf"] = beta(func(x, a, b float64) float64 { return regularBeta(x, a, b) })
	m["beta_pdf"] = beta(func(x, a, b float64) float64 {
		return math.Exp((a-1)*math.Log(x) + (b-1)*math.Log(1-x) - lnBeta(a, b))
	})
	m["beta_inv"] = beta(inverseBeta)
	m["rand"] = func(c *call) any {
		if n, ok := c.long(0); ok && n > 1 {
			return float64(rand.Int64N(n))
		}
		return rand.Float64()
	}
	m["welch_test"] = welch
	return m
}

// round takes halves of decimals away from zero, and halves of whole numbers to even.
func round(c *call) any {
	if x, ok := c.scalar(0).V.(int64); ok {
		if c.t == plan.Real {
			return float64(x)
		}
		return x
	}
	f, ok := c.real(0)
	if !ok {
		return nil
	}
	p := c.longOr(1, 0)
	if p == 0 {
		return math.RoundToEven(f)
	}
	if p > 15 || p < -300 {
		return f
	}
	scale := math.Pow(10, float64(p))
	v := f * scale
	// The product of a decimal half is often a hair below it.
	r := math.Round(v)
	if d := math.Abs(v - math.Trunc(v)); math.Abs(v) < 1e14 && math.Abs(d-0.5) < 1e-15*math.Max(1, math.Abs(v)) {
		r = math.Trunc(v) + math.Copysign(1, v)
	}
	return r / scale
}

func beta(f func(x, a, b float64) float64) impl {
	return func(c *call) any {
		x, ok1 := c.real(0)
		a, ok2 := c.real(1)
		b, ok3 := c.real(2)
		if !ok1 || !ok2 || !ok3 {
			return nil
		}
		if x < 0 || x > 1 || a <= 0 || b <= 0 {
			return math.NaN()
		}
		return f(x, a, b)
	}
}

func lnBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// regularBeta is the regularised incomplete beta function by its continued fraction (Lentz).
func regularBeta(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	front := math.Exp(a*math.Log(x) + b*math.Log(1-x) - lnBeta(a, b))
	if x > (a+1)/(a+b+2) {
		return 1 - math.Exp(b*math.Log(1-x)+a*math.Log(x)-lnBeta(a, b))*betaFraction(1-x, b, a)/b
	}
	return front * betaFraction(x, a, b) / a
}

func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for m := 1.0; m <= 300; m++ {
		for _, n := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 + n*d
			if math.Abs(d) < tiny {
				d = tiny
			}
			c = 1 + n/c
			if math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			h *= d * c
		}
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return h
}

func inverseBeta(p, a, b float64) float64 {
	lo, hi := 0.0, 1.0
	for range 200 {
		mid := (lo + hi) / 2
		if regularBeta(mid, a, b) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// welch(mean1, variance1, count1, mean2, variance2, count2) is the two-sided p-value of Welch's t-test.
func welch(c *call) any {
	v := make([]float64, 6)
	for i := range v {
		f, ok := c.real(i)
		if !ok {
			return nil
		}
		v[i] = f
	}
	a, b := v[1]/v[2], v[4]/v[5]
	t := (v[0] - v[3]) / math.Sqrt(a+b)
	df := (a + b) * (a + b) / (a*a/(v[2]-1) + b*b/(v[5]-1))
	return regularBeta(df/(df+t*t), df/2, 0.5)
}
