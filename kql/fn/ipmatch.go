package fn

import (
	"bytes"
	"cmp"
	"strings"
)

func ipMatchFunctions() map[string]impl {
	four := func(f func(a, b ipv4, n int) any) impl {
		return func(c *call) any {
			a, ok1 := parseIPv4(c.str(0))
			b, ok2 := parseIPv4(c.str(1))
			p := c.longOr(2, 32)
			if !ok1 || !ok2 || p < 0 || p > 32 {
				return nil
			}
			return f(a, b, min(a.bits, b.bits, int(p)))
		}
	}
	six := func(f func(a, b ip, n int) any) impl {
		return func(c *call) any {
			a, ok1 := parseIP(c.str(0))
			b, ok2 := parseIP(c.str(1))
			p := int(c.longOr(2, 128))
			if !ok1 || !ok2 || p < 0 || p > 128 {
				return nil
			}
			if p <= 32 && strings.Contains(c.str(0), ".") && strings.Contains(c.str(1), ".") {
				p += 96
			}
			return f(a, b, min(a.bits, b.bits, p))
		}
	}
	return map[string]impl{
		"ipv4_compare":  four(func(a, b ipv4, n int) any { return int64(cmp.Compare(a.v&mask32(n), b.v&mask32(n))) }),
		"ipv4_is_match": four(func(a, b ipv4, n int) any { return a.v&mask32(n) == b.v&mask32(n) }),
		"ipv6_compare": six(func(a, b ip, n int) any {
			x, y := a.mask(n), b.mask(n)
			return int64(bytes.Compare(x[:], y[:]))
		}),
		"ipv6_is_match":        six(func(a, b ip, n int) any { return a.mask(n) == b.mask(n) }),
		"ipv4_is_in_range":     func(c *call) any { return inRange4(c.str(0), c.str(1)) },
		"ipv6_is_in_range":     func(c *call) any { return inRange6(c.str(0), c.str(1)) },
		"ipv4_is_in_any_range": anyRange(inRange4), "ipv6_is_in_any_range": anyRange(inRange6),
		"has_ipv4":            func(c *call) any { return hasIPv4(c.str(0), c.str(1)) },
		"has_any_ipv4":        c4any(hasIPv4),
		"has_ipv4_prefix":     func(c *call) any { return hasIPv4Prefix(c.str(0), c.str(1)) },
		"has_any_ipv4_prefix": c4any(hasIPv4Prefix),
	}
}

func inRange4(s, r string) any {
	a, ok1 := parseIPv4(s)
	b, ok2 := parseIPv4(r)
	if !ok1 || !ok2 {
		return nil
	}
	n := min(a.bits, b.bits)
	return a.v&mask32(n) == b.v&mask32(n)
}

func inRange6(s, r string) any {
	a, ok1 := parseIP(s)
	b, ok2 := parseIP(r)
	if !ok1 || !ok2 {
		return nil
	}
	n := min(a.bits, b.bits)
	return a.mask(n) == b.mask(n)
}

func anyRange(test func(s, r string) any) impl {
	return func(c *call) any {
		s := c.str(0)
		if test(s, s) == nil {
			return nil
		}
		known := false
		for _, r := range c.operands(1) {
			switch b := test(s, treeText(r)).(type) {
			case bool:
				if b {
					return true
				}
				known = true
			}
		}
		if !known {
			return nil
		}
		return false
	}
}

func c4any(test func(s, p string) bool) impl {
	return func(c *call) any {
		for _, p := range c.operands(1) {
			if test(c.str(0), treeText(p)) {
				return true
			}
		}
		return false
	}
}

// hasIPv4 looks for the address standing alone in the text: no letter, digit or point of an address on either side.
func hasIPv4(s, addr string) bool {
	if _, ok := parseIPv4(addr); !ok || strings.Contains(addr, "/") {
		return false
	}
	found := false
	eachIPv4(s, func(a string) bool {
		found = a == addr
		return !found
	})
	return found
}

// hasIPv4Prefix takes a prefix that ends with a point, or a whole address.
func hasIPv4Prefix(s, prefix string) bool {
	if !strings.HasSuffix(prefix, ".") {
		return hasIPv4(s, prefix)
	}
	found := false
	eachIPv4(s, func(a string) bool {
		found = strings.HasPrefix(a, prefix)
		return !found
	})
	return found
}

// eachIPv4 calls f for each well-formed address that stands alone in s until f says false.
func eachIPv4(s string, f func(string) bool) {
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' || i > 0 && wordByte(s[i-1]) {
			i++
			continue
		}
		j := i
		for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == '.') {
			j++
		}
		t := strings.TrimRight(s[i:j], ".")
		if _, ok := parseIPv4(t); ok && (i+len(t) == len(s) || s[i+len(t)] == '.' || !wordByte(s[i+len(t)])) {
			if !f(t) {
				return
			}
		}
		i = j
	}
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.'
}
