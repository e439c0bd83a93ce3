package normalise

import (
	"net/netip"
	"strconv"
	"strings"
)

// CleanIP returns the address in s in its canonical text: port, brackets, zone and an IPv4-in-IPv6 prefix are stripped. It returns ""
// for "-", "LOCAL", names and anything else that is not an address.
func CleanIP(s string) string {
	ip, _ := CleanIPPort(s)
	return ip
}

// CleanIPPort is CleanIP that also returns the port when s carries one ("192.0.2.1:443", "[2001:db8::1]:443"), else 0.
func CleanIPPort(s string) (ip string, port int) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || len(s) > 80 {
		return "", 0
	}
	if plainIPv4(s) {
		return s, 0
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return canonical(a), 0
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return canonical(a.Addr()), int(a.Port())
	}
	if s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil {
			return canonical(a), 0
		}
	}
	return "", 0
}

func canonical(a netip.Addr) string { return a.WithZone("").Unmap().String() }

// plainIPv4 spares the common case an allocation: four groups of one to three digits without leading zeros, each at most 255.
func plainIPv4(s string) bool {
	if len(s) > 15 {
		return false
	}
	groups, digits, n := 1, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if digits == 0 {
				return false
			}
			groups, digits, n = groups+1, 0, 0
		case c >= '0' && c <= '9':
			if digits > 0 && n == 0 {
				return false
			}
			digits++
			if n = n*10 + int(c-'0'); n > 255 {
				return false
			}
		default:
			return false
		}
	}
	return groups == 4 && digits > 0
}

// Port reads a port number; anything outside 1..65535 gives false.
func Port(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && n > 0
}

// IPType classifies a clean address for the columns LocalIPType and RemoteIPType. It returns "" when ip is not an address.
func IPType(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	a = a.Unmap()
	if a.Is4() {
		return ipv4Type(a.As4())
	}
	switch b := a.As16(); {
	case a.IsLoopback():
		return "Loopback"
	case a.IsLinkLocalUnicast():
		return "LinkLocal"
	case a.IsMulticast():
		return "Multicast"
	case a.IsPrivate():
		return "Private"
	case a.IsUnspecified():
		return "Reserved"
	case b[0] == 0x20 && b[1] == 0x02:
		return "FourToSixMapping"
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0:
		return "Teredo"
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8, b[0]&0xe0 != 0x20:
		return "Reserved"
	}
	return "Public"
}

func ipv4Type(b [4]byte) string {
	switch {
	case b == [4]byte{255, 255, 255, 255}:
		return "Broadcast"
	case b[0] == 127:
		return "Loopback"
	case b[0] == 10, b[0] == 172 && b[1]&0xf0 == 16, b[0] == 192 && b[1] == 168:
		return "Private"
	case b[0] == 169 && b[1] == 254:
		return "LinkLocal"
	case b[0]&0xf0 == 224:
		return "Multicast"
	case b[0] == 0, b[0] >= 240, b[0] == 100 && b[1]&0xc0 == 64:
		return "Reserved"
	}
	return "Public"
}
