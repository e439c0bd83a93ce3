package fn

import (
	"crypto/rand"
	"math"
	"math/cmplx"
)

func miscFunctions() map[string]impl {
	return map[string]impl{
		"new_guid": func(*call) any {
			var b [16]byte
			if _, err := rand.Read(b[:]); err != nil {
				return err
			}
			b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
			return toGUID(hexOf(b[:]))
		},
		// Nothing is looked up outside: without a location database an address has no known place.
		"geo_info_from_ip_address": func(c *call) any {
			if _, ok := parseIP(c.str(0)); !ok {
				return nil
			}
			return tree{newBag(0)}
		},
		"estimate_data_size": func(c *call) any {
			n := int64(0)
			for i := range c.args {
				switch x := c.args[i].V.(type) {
				case string:
					n += int64(len(x))
				case bool:
					n++
				case nil:
				default:
					n += 8
				}
			}
			return n
		},
		"around": func(c *call) any {
			x, ok1 := c.real(0)
			at, ok2 := c.real(1)
			d, ok3 := c.real(2)
			if !ok1 || !ok2 || !ok3 {
				return nil
			}
			return math.Abs(x-at) <= d
		},
		"assert": func(c *call) any {
			if !c.boolean(0) {
				return &AssertError{Message: c.str(1)}
			}
			return true
		},
		"current_database": func(*call) any { return "hunting" }, "current_cluster_endpoint": func(*call) any { return "" },
		"current_principal": func(*call) any { return "" }, "current_node_id": func(*call) any { return "" }, "cursor_current": func(*call) any { return "" },
		"series_fft":  func(c *call) any { return fourier(c, false) },
		"series_ifft": func(c *call) any { return fourier(c, true) },
		"series_periods_validate": func(c *call) any {
			x, ok := numbers(c.dyn(0))
			if !ok {
				return nil
			}
			periods, scores := []any{}, []any{}
			for _, p := range c.operands(1) {
				f, _ := number(p)
				score := 0.0
				if lag := int(math.Round(f)); lag >= 1 && lag < len(x) {
					score = math.Max(autocorrelation(x, lag), 0)
				}
				periods, scores = append(periods, f), append(scores, score)
			}
			return tree{[]any{periods, scores}}
		},
	}
}

// AssertError is a failed assert().
type AssertError struct{ Message string }

func (e *AssertError) Error() string { return "assert failed: " + e.Message }

// fourier is the plain transform: series are short.
func fourier(c *call, inverse bool) any {
	re, ok := numbers(c.dyn(0))
	if !ok || len(re) > 1<<13 {
		return nil
	}
	im, ok := numbers(c.dyn(1))
	if !ok || len(im) != len(re) {
		im = make([]float64, len(re))
	}
	n := len(re)
	dir := -2 * math.Pi / float64(max(n, 1))
	if inverse {
		dir = -dir
	}
	outRe, outIm := make([]any, n), make([]any, n)
	for k := range n {
		sum := complex(0, 0)
		for t := range n {
			sum += complex(re[t], im[t]) * cmplx.Exp(complex(0, dir*float64(k*t%n)))
		}
		if inverse {
			sum /= complex(float64(n), 0)
		}
		outRe[k], outIm[k] = real(sum), imag(sum)
	}
	return tree{[]any{outRe, outIm}}
}
