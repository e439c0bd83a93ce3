package fn

import "math/bits"

func binaryFunctions() map[string]impl {
	two := func(f func(a, b int64) any) impl {
		return func(c *call) any {
			a, ok1 := c.long(0)
			b, ok2 := c.long(1)
			if !ok1 || !ok2 {
				return nil
			}
			return f(a, b)
		}
	}
	one := func(f func(a int64) int64) impl {
		return func(c *call) any {
			a, ok := c.long(0)
			if !ok {
				return nil
			}
			return f(a)
		}
	}
	shift := func(f func(a int64, n uint) int64) impl {
		return two(func(a, b int64) any {
			if b < 0 {
				return nil
			}
			return f(a, uint(b%64))
		})
	}
	return map[string]impl{
		"binary_and":         two(func(a, b int64) any { return a & b }),
		"binary_or":          two(func(a, b int64) any { return a | b }),
		"binary_xor":         two(func(a, b int64) any { return a ^ b }),
		"binary_not":         one(func(a int64) int64 { return ^a }),
		"binary_shift_left":  shift(func(a int64, n uint) int64 { return a << n }),
		"binary_shift_right": shift(func(a int64, n uint) int64 { return a >> n }),
		"bitset_count_ones":  one(func(a int64) int64 { return int64(bits.OnesCount64(uint64(a))) }),
	}
}
