package fn

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func operatorFunctions() map[string]impl {
	return map[string]impl{
		"+": arithmetic, "-": arithmetic, "*": arithmetic, "/": arithmetic, "%": arithmetic,
		"neg": func(c *call) any {
			switch x := c.scalar(0).V.(type) {
			case int64:
				return fits(-x, x == math.MinInt64, c.t)
			case float64:
				return -x
			case string:
				if r, ok := ratOf(x); ok {
					return formatDecimal(r.Neg(r))
				}
			}
			return nil
		},
		"==": func(c *call) any { return c.equal() },
		"!=": func(c *call) any {
			switch b := c.equal().(type) {
			case bool:
				return !b
			default:
				return nil
			}
		},
		"<":  ordering(func(n int) bool { return n < 0 }),
		"<=": ordering(func(n int) bool { return n <= 0 }),
		">":  ordering(func(n int) bool { return n > 0 }),
		">=": ordering(func(n int) bool { return n >= 0 }),
		"and": func(c *call) any {
			null := false
			for i := range c.args {
				switch v := c.args[i].V.(type) {
				case bool:
					if !v {
						return false
					}
				default:
					null = true
				}
			}
			if null {
				return nil
			}
			return true
		},
		"or": func(c *call) any {
			null := false
			for i := range c.args {
				switch v := c.args[i].V.(type) {
				case bool:
					if v {
						return true
					}
				default:
					null = true
				}
			}
			if null {
				return nil
			}
			return false
		},
		"not": func(c *call) any {
			if b, ok := Convert(c.arg(0), plan.Bool).V.(bool); ok {
				return !b
			}
			return nil
		},
		"between":  func(c *call) any { return c.between(true) },
		"!between": func(c *call) any { return c.between(false) },
		"index":    index,
		"coalesce": func(c *call) any {
			for i := range c.args {
				if !c.empty(i) {
					return Convert(c.args[i], c.t).V
				}
			}
			return nil
		},
		"iff": choose, "iif": choose,
		"case": func(c *call) any {
			for i := 0; i+1 < len(c.args); i += 2 {
				if b, _ := c.args[i].V.(bool); b {
					return Convert(c.args[i+1], c.t).V
				}
			}
			return Convert(c.args[len(c.args)-1], c.t).V
		},
		"max_of": extreme(1), "min_of": extreme(-1),
	}
}

func choose(c *call) any {
	if c.boolean(0) {
		return Convert(c.arg(1), c.t).V
	}
	return Convert(c.arg(2), c.t).V
}

// scalar is the argument with a dynamic scalar taken out of its wrapping.
func (c *call) scalar(i int) Value { return unwrap(c.arg(i)) }

func unwrap(v Value) Value {
	if v.T == plan.Dynamic && v.V != nil {
		if s, ok := v.V.(string); ok {
			return scalarOf(decode(s))
		}
	}
	return v
}

func arithmetic(c *call) any {
	a, b := c.scalar(0), c.scalar(1)
	if a.V == nil || b.V == nil {
		return nil
	}
	if c.t == plan.Decimal || a.T == plan.Decimal || b.T == plan.Decimal {
		return decimalArithmetic(c, a, b)
	}
	x, okx := a.V.(int64)
	y, oky := b.V.(int64)
	spans := a.T == plan.TimeSpan && b.T == plan.TimeSpan
	if c.name == "/" && spans {
		return float64(x) / float64(y)
	}
	if okx && oky {
		return longArithmetic(c.name, x, y)
	}
	f, okf := c.real(0)
	g, okg := c.real(1)
	if !okf || !okg {
		return nil
	}
	switch c.name {
	case "+":
		return f + g
	case "-":
		return f - g
	case "*":
		return f * g
	case "/":
		return f / g
	}
	m := math.Mod(f, g)
	if m < 0 {
		m += math.Abs(g)
	}
	return m
}

// fits is a whole number, null where it overflowed.
func fits(n int64, overflow bool, t plan.Type) any {
	if overflow || t == plan.Int && n != int64(int32(n)) {
		return nil
	}
	return n
}

func longArithmetic(op string, x, y int64) any {
	switch op {
	case "+":
		return fits(x+y, (x+y > x) != (y > 0) && y != 0, plan.Long)
	case "-":
		return fits(x-y, (x-y < x) != (y > 0) && y != 0, plan.Long)
	case "*":
		hi, lo := bits.Mul64(uint64(max(x, -x)), uint64(max(y, -y)))
		over := x == math.MinInt64 && y != 0 && y != 1 || y == math.MinInt64 && x != 0 && x != 1 || hi != 0 || lo > math.MaxInt64
		return fits(x*y, over && !(x*y == math.MinInt64 && hi == 0 && lo == 1<<63 && (x < 0) != (y < 0)), plan.Long)
	case "/":
		if y == 0 {
			return nil
		}
		if y == -1 {
			return fits(-x, x == math.MinInt64, plan.Long)
		}
		return x / y
	}
	if y == 0 {
		return nil
	}
	if y == -1 {
		return int64(0)
	}
	m := x % y
	if m < 0 { // the remainder has no sign
		if y < 0 {
			m -= y
		} else {
			m += y
		}
	}
	return m
}

func decimalArithmetic(c *call, a, b Value) any {
	x, okx := ratOf(decimalText(a))
	y, oky := ratOf(decimalText(b))
	if !okx || !oky {
		return nil
	}
	switch c.name {
	case "+":
		x.Add(x, y)
	case "-":
		x.Sub(x, y)
	case "*":
		x.Mul(x, y)
	case "/":
		if y.Sign() == 0 {
			return nil
		}
		x.Quo(x, y)
	default:
		if y.Sign() == 0 {
			return nil
		}
		q := new(big.Rat).Quo(x, y)
		whole := new(big.Int).Quo(q.Num(), q.Denom())
		x.Sub(x, new(big.Rat).Mul(y, new(big.Rat).SetInt(whole)))
	}
	return formatDecimal(x)
}

func decimalText(v Value) string {
	s, _ := Convert(v, plan.Decimal).V.(string)
	return s
}

// equal is == with KQL's nulls: unknown when both are null, false when one is.
func (c *call) equal() any {
	a, b := c.arg(0), c.arg(1)
	if a.T == plan.Dynamic && b.T == plan.Dynamic {
		x, y := c.dyn(0), c.dyn(1)
		if x == nil && y == nil {
			return nil
		}
		return sameTree(x, y)
	}
	a, b = unwrap(a), unwrap(b)
	switch {
	case a.Null() && b.Null():
		return nil
	case a.Null() || b.Null():
		return false
	}
	n, ok := compare(a, b)
	return ok && n == 0
}

func ordering(test func(int) bool) impl {
	return func(c *call) any {
		a, b := c.scalar(0), c.scalar(1)
		if a.Null() || b.Null() {
			return nil
		}
		n, ok := compare(a, b)
		return ok && test(n)
	}
}

// compare orders two scalars that are not null; it fails for values that have no order, NaN among them.
func compare(a, b Value) (int, bool) {
	if a.T == plan.Decimal || b.T == plan.Decimal {
		x, okx := ratOf(decimalText(a))
		y, oky := ratOf(decimalText(b))
		if !okx || !oky {
			return 0, false
		}
		return x.Cmp(y), true
	}
	switch x := a.V.(type) {
	case string:
		switch y := b.V.(type) {
		case string:
			return strings.Compare(x, y), true
		case nil:
			return strings.Compare(x, ""), true
		}
		if a.T == plan.String {
			return compareConverted(a, b)
		}
	case bool:
		if y, ok := b.V.(bool); ok {
			return boolOrder(x) - boolOrder(y), true
		}
		if b.T == plan.String {
			return strings.Compare(text(a), text(b)), true
		}
		if y, ok := b.V.(int64); ok {
			return cmp.Compare(int64(boolOrder(x)), y), true
		}
	case int64:
		switch y := b.V.(type) {
		case int64:
			return cmp.Compare(x, y), true
		case float64:
			return cmp.Compare(float64(x), y), !math.IsNaN(y)
		case bool:
			return cmp.Compare(x, int64(boolOrder(y))), true
		case string:
			n, ok := compareConverted(b, a)
			return -n, ok
		}
	case float64:
		y, ok := b.V.(float64)
		if n, whole := b.V.(int64); whole {
			y, ok = float64(n), true
		}
		if !ok {
			if b.T == plan.String {
				n, ok := compareConverted(b, a)
				return -n, ok
			}
			return 0, false
		}
		return cmp.Compare(x, y), !math.IsNaN(x) && !math.IsNaN(y)
	case nil:
		if a.T == plan.String {
			return strings.Compare("", text(b)), true
		}
	}
	return 0, false
}

// compareConverted compares a string with a value of another type by reading the string as that type.
func compareConverted(s, other Value) (int, bool) {
	v := Convert(s, other.T)
	if v.V == nil {
		return 0, false
	}
	return compare(v, other)
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *call) between(want bool) any {
	x, lo, hi := c.scalar(0), c.scalar(1), c.scalar(2)
	if x.Null() || lo.Null() || hi.Null() {
		return nil
	}
	a, ok1 := compare(x, lo)
	b, ok2 := compare(x, hi)
	return (ok1 && ok2 && a >= 0 && b <= 0) == want
}

func index(c *call) any {
	v := c.dyn(0)
	if s, ok := v.(string); ok && c.arg(0).T == plan.String {
		v = decode(s)
	}
	return tree{member(v, c.dyn(1))}
}

// member is v[key]: an element by number, counted from the end when negative, or a slot by name.
func member(v, key any) any {
	switch x := v.(type) {
	case []any:
		n, ok := key.(int64)
		if !ok {
			return nil
		}
		if n < 0 {
			n += int64(len(x))
		}
		if n < 0 || n >= int64(len(x)) {
			return nil
		}
		return x[n]
	case *bag:
		if k, ok := key.(string); ok {
			return x.vals[k]
		}
	}
	return nil
}

func extreme(sign int) impl {
	return func(c *call) any {
		var best Value
		for i := range c.args {
			v := unwrap(c.args[i])
			if v.Null() {
				continue
			}
			if best.V == nil {
				best = v
				continue
			}
			if n, ok := compare(v, best); ok && n*sign > 0 {
				best = v
			}
		}
		return Convert(best, c.t).V
	}
}
