package sqlgen

import (
	"math"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (d *clickhouse) numbers() {
	real := func(g *Emitter, e plan.Expr) (string, bool) {
		switch e.Type() {
		case plan.Int, plan.Long, plan.Real:
			return g.As(e, plan.Real), true
		}
		return "", false
	}
	for _, name := range []string{"sqrt", "exp", "exp2", "exp10", "log", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "degrees", "radians"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			x, ok := real(g, c.Args[0])
			if !ok || c.T != plan.Real {
				return ""
			}
			return name + "(" + x + ")"
		}
	}
	for _, name := range []string{"pow", "atan2"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			x, ok1 := real(g, c.Args[0])
			y, ok2 := real(g, c.Args[1])
			if !ok1 || !ok2 || c.T != plan.Real {
				return ""
			}
			return name + "(" + x + ", " + y + ")"
		}
	}
	for name, test := range map[string]string{"isnan": "isNaN(X)", "isinf": "isInfinite(X)", "isfinite": "isFinite(X)"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			x, ok := real(g, c.Args[0])
			if !ok {
				return ""
			}
			return "ifNull(" + strings.ReplaceAll(test, "X", x) + ", false)"
		}
	}
	d.call["sign"] = func(g *Emitter, c *plan.Call) string {
		x, ok := real(g, c.Args[0])
		if !ok || c.T != plan.Real {
			return ""
		}
		return "toFloat64(sign(" + x + "))"
	}
	d.call["abs"] = func(g *Emitter, c *plan.Call) string {
		switch t := c.Args[0].Type(); t {
		case plan.Real:
			return "abs(" + g.Expr(c.Args[0]) + ")"
		case plan.Int, plan.Long, plan.TimeSpan:
			if c.T == t {
				return d.fits("abs(toInt128("+g.Expr(c.Args[0])+"))", t)
			}
		}
		return ""
	}
	d.call["ceiling"] = func(g *Emitter, c *plan.Call) string {
		if c.Args[0].Type() == plan.Real && c.T == plan.Real {
			return "ceil(" + g.Expr(c.Args[0]) + ")"
		}
		return ""
	}
	d.call["round"] = func(g *Emitter, c *plan.Call) string {
		if c.T != plan.Real {
			return ""
		}
		switch c.Args[0].Type() {
		case plan.Int, plan.Long:
			return g.As(c.Args[0], plan.Real)
		case plan.Real:
		default:
			return ""
		}
		p := int64(0)
		if len(c.Args) > 1 {
			var ok bool
			if p, ok = constLong(c.Args[1]); !ok || p < -15 || p > 15 {
				return ""
			}
		}
		if p == 0 {
			return "roundBankers(" + g.Expr(c.Args[0]) + ")"
		}
		// Halves go away from zero, and so does what a product made a hair less than a half.
		scale := chReal(math.Pow(10, float64(p)))
		return d.let(g, g.Expr(c.Args[0]), func(x string) string {
			v := "abs(" + x + " * " + scale + ")"
			rest := "(" + v + " - trunc(" + v + "))"
			return "(sign(" + x + ") * (trunc(" + v + ") + (" + rest + " >= 0.5 OR " + v + " < 1e14 AND " + rest + " > 0.5 - 1e-15 * greatest(1, " + v + "))) / " + scale + ")"
		})
	}
	d.call["tohex"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) > 1 {
			return ""
		}
		switch c.Args[0].Type() {
		case plan.Long:
			return "ifNull(lower(if(" + g.Expr(c.Args[0]) + " = 0, '0', trim(LEADING '0' FROM hex(" + g.Expr(c.Args[0]) + ")))), '')"
		}
		return ""
	}
	for name, op := range map[string]string{"binary_and": "bitAnd", "binary_or": "bitOr", "binary_xor": "bitXor"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			for _, a := range c.Args {
				if t := a.Type(); t != plan.Long && t != plan.Int {
					return ""
				}
			}
			return op + "(" + g.As(c.Args[0], c.T) + ", " + g.As(c.Args[1], c.T) + ")"
		}
	}
	d.addresses()
}
