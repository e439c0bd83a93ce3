package fn

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

func ipFunctions() map[string]impl {
	return map[string]impl{
		"parse_ipv4": func(c *call) any {
			a, ok := parseIPv4(c.str(0))
			if !ok {
				return nil
			}
			return int64(a.masked())
		},
		"parse_ipv4_mask": func(c *call) any {
			a, ok := parseIPv4(c.str(0))
			n, okn := c.long(1)
			if !ok || !okn || n < 0 || n > 32 {
				return nil
			}
			a.bits = int(n)
			return int64(a.masked())
		},
		"parse_ipv6": func(c *call) any {
			a, ok := parseIP(c.str(0))
			if !ok {
				return ""
			}
			return a.canonical(a.bits)
		},
		"parse_ipv6_mask": func(c *call) any {
			a, ok := parseIP(c.str(0))
			n, okn := c.long(1)
			if !ok || !okn || n < 0 || n > 128 {
				return ""
			}
			return a.canonical(min(a.bits, int(n)))
		},
		"format_ipv4":      formatIPv4(false),
		"format_ipv4_mask": formatIPv4(true),
		"ipv4_netmask_suffix": func(c *call) any {
			a, ok := parseIPv4(c.str(0))
			if !ok {
				return nil
			}
			return int64(a.bits)
		},
		"ipv4_is_private": func(c *call) any {
			a, ok := parseIPv4(c.str(0))
			if !ok {
				return nil
			}
			return a.v>>24 == 10 || a.v>>20 == 0xac1 || a.v>>16 == 0xc0a8
		},
		"ipv4_range_to_cidr_list": cidrList,
	}
}

// ipv4 is an address with its prefix length, 32 when none is written.
type ipv4 struct {
	v    uint32
	bits int
}

func (a ipv4) masked() uint32 { return a.v & mask32(a.bits) }

func mask32(n int) uint32 {
	if n <= 0 {
		return 0
	}
	return ^uint32(0) << (32 - min(n, 32))
}

func parseIPv4(s string) (ipv4, bool) {
	s = strings.TrimSpace(s)
	addr, suffix, has := strings.Cut(s, "/")
	n := 32
	if has {
		x, err := strconv.Atoi(suffix)
		if err != nil || x < 0 || x > 32 {
			return ipv4{}, false
		}
		n = x
	}
	var v uint32
	parts := 0
	for i := 0; i <= len(addr); parts++ {
		j := i
		octet := 0
		for j < len(addr) && addr[j] != '.' {
			if addr[j] < '0' || addr[j] > '9' || j-i > 2 {
				return ipv4{}, false
			}
			octet = octet*10 + int(addr[j]-'0')
			j++
		}
		if j == i || octet > 255 || parts > 3 {
			return ipv4{}, false
		}
		v = v<<8 | uint32(octet)
		i = j + 1
	}
	return ipv4{v: v, bits: n}, parts == 4
}

func (a ipv4) String() string {
	return fmt.Sprintf("%d.%d.%d.%d", a.v>>24, a.v>>16&255, a.v>>8&255, a.v&255)
}

// ip is an address as IPv6, IPv4 ones mapped, with the prefix length in IPv6 terms.
type ip struct {
	b    [16]byte
	bits int
}

func parseIP(s string) (ip, bool) {
	s = strings.TrimSpace(s)
	addr, suffix, has := strings.Cut(s, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		if four, ok := parseIPv4(s); ok {
			a = netip.AddrFrom4([4]byte{byte(four.v >> 24), byte(four.v >> 16), byte(four.v >> 8), byte(four.v)})
		} else {
			return ip{}, false
		}
	}
	dotted := strings.Contains(addr, ".")
	limit, n := 128, 128
	if dotted {
		limit, n = 32, 32
	}
	if has {
		x, err := strconv.Atoi(suffix)
		if err != nil || x < 0 || x > 128 {
			return ip{}, false
		}
		n = x
		if dotted && x > 32 {
			limit = 128
		}
	}
	if dotted && limit == 32 {
		n += 96
	}
	b := a.As16()
	if dotted && a.Is6() && !a.Is4In6() { // ::192.168.0.1 stands for the mapped address
		copy(b[10:12], []byte{0xff, 0xff})
	}
	return ip{b: b, bits: n}, true
}

func (a ip) mask(n int) [16]byte {
	b := a.b
	for i := range b {
		switch keep := n - i*8; {
		case keep <= 0:
			b[i] = 0
		case keep < 8:
			b[i] &= ^byte(0) << (8 - keep)
		}
	}
	return b
}

func (a ip) canonical(n int) string {
	b := a.mask(n)
	parts := make([]string, 8)
	for i := range parts {
		parts[i] = fmt.Sprintf("%02x%02x", b[2*i], b[2*i+1])
	}
	return strings.Join(parts, ":")
}

func formatIPv4(withMask bool) impl {
	return func(c *call) any {
		var a ipv4
		n, isNumber := c.scalar(0).V.(int64)
		if isNumber {
			if n < 0 || n > 1<<32-1 {
				return ""
			}
			a = ipv4{v: uint32(n), bits: 32}
		} else {
			var ok bool
			if a, ok = parseIPv4(c.str(0)); !ok {
				return ""
			}
		}
		if c.n() > 1 {
			p, ok := c.long(1)
			if !ok || p < 0 || p > 32 {
				return ""
			}
			a.bits = int(p)
		}
		out := ipv4{v: a.masked()}.String()
		if withMask {
			out += "/" + strconv.Itoa(a.bits)
		}
		return out
	}
}

func cidrList(c *call) any {
	a, ok1 := parseIPv4(c.str(0))
	b, ok2 := parseIPv4(c.str(1))
	if !ok1 || !ok2 || a.v > b.v {
		return nil
	}
	out := []any{}
	for at, end := uint64(a.v), uint64(b.v); at <= end; {
		size := 32
		if at != 0 {
			size = bits.TrailingZeros64(at)
		}
		size = min(size, 32)
		for uint64(1)<<size > end-at+1 {
			size--
		}
		out = append(out, fmt.Sprintf("%s/%d", ipv4{v: uint32(at)}, 32-size))
		at += uint64(1) << size
	}
	return tree{out}
}
