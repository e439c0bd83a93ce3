// Package entity gives devices, people, mailboxes, files, addresses and the other things that alerts name one canonical key each, whatever way a source
// spells them: short host name or FQDN, SID, object id, UPN or DOMAIN\name. Key functions are pure; Resolver adds what evidence has taught about aliases.
//
// A key is "kind:value" in lower case: device:pc-7.corp.example, user:anna@corp.example, mailbox:anna@corp.example, ip:203.0.113.7, file:SHA256,
// process:DEVICE/GUID, url:https://…, domain:evil.example, message:NETWORK-MESSAGE-ID, app:NAME, registry:KEY, resource:NAME.
package entity

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Kind is the sort of thing a key names.
type Kind string

// The kinds of keys.
const (
	Device   Kind = "device"
	User     Kind = "user"
	Mailbox  Kind = "mailbox"
	IP       Kind = "ip"
	File     Kind = "file"
	Process  Kind = "process"
	URL      Kind = "url"
	Domain   Kind = "domain"
	Message  Kind = "message"
	App      Kind = "app"
	Registry Kind = "registry"
	Resource Kind = "resource"
)

// maxKey bounds a key; longer values are cut, which may make two of them one. No real name is that long.
const maxKey = 512

// Key is a canonical entity key.
type Key string

// Make joins a kind and a value, "" when the value is empty.
func Make(kind Kind, value string) Key {
	value = strings.ToLower(strings.TrimSpace(value))
	if value == "" {
		return ""
	}
	k := string(kind) + ":" + value
	if len(k) > maxKey {
		k = strings.ToValidUTF8(k[:maxKey], "")
	}
	return Key(k)
}

// Kind returns the part before the colon.
func (k Key) Kind() Kind {
	kind, _, _ := strings.Cut(string(k), ":")
	return Kind(kind)
}

// Value returns the part after the colon.
func (k Key) Value() string {
	_, v, _ := strings.Cut(string(k), ":")
	return v
}

// HostName cleans a host name: lower case, no leading backslashes, no trailing dot. Names that say nothing ("-", "localhost", an address) give "".
func HostName(name string) string {
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `\.`))
	name = strings.TrimSuffix(name, "$")
	switch name {
	case "", "-", "localhost", "localhost.localdomain", "unknown", "workstation", "n/a", "null":
		return ""
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}

// ShortHost returns the first label of a host name.
func ShortHost(name string) string {
	short, _, _ := strings.Cut(name, ".")
	return short
}

// Address parses an IP address as sources write it: with a zone, in brackets, with a port, IPv4 in IPv6. ok is false for anything else.
func Address(text string) (addr netip.Addr, ok bool) {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().WithZone("").Unmap(), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.WithZone("").Unmap(), true
}

// AddressClass says how far an address identifies something.
type AddressClass int

// The classes of addresses. NoAddress is text that is none; Local means loopback, link-local, multicast, unspecified and broadcast, which identify nothing.
const (
	NoAddress AddressClass = iota
	Local
	Private
	Public
)

var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// ClassOf classifies an address.
func ClassOf(text string) AddressClass {
	a, ok := Address(text)
	switch {
	case !ok:
		return NoAddress
	case a.IsLoopback(), a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return Local
	case a.IsPrivate(), carrierNAT.Contains(a):
		return Private
	}
	return Public
}

// IPKey returns the key of an address, "" for text that is none.
func IPKey(text string) Key {
	a, ok := Address(text)
	if !ok {
		return ""
	}
	return Make(IP, a.String())
}

// FileKey prefers the strongest hash; without one the name alone identifies nothing and "" is returned.
func FileKey(sha256, sha1, md5 string) Key {
	for _, h := range []struct {
		text string
		size int
	}{{sha256, 64}, {sha1, 40}, {md5, 32}} {
		if t := strings.ToLower(strings.TrimSpace(h.text)); len(t) == h.size && isHex(t) && !emptyHash(t) {
			return Make(File, t)
		}
	}
	return ""
}

func isHex(t string) bool {
	for i := 0; i < len(t); i++ {
		if c := t[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// emptyHash reports hashes of no bytes and all-zero ones, which sources write for "not computed".
func emptyHash(t string) bool {
	switch t {
	case "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "d41d8cd98f00b204e9800998ecf8427e":
		return true
	}
	return strings.Trim(t, "0") == ""
}

// ProcessKey names a process of a device by its GUID, or by id and creation time (100 ns or coarser text) when there is none.
func ProcessKey(device Key, guid string, pid int64, created string) Key {
	guid = strings.ToLower(strings.Trim(strings.TrimSpace(guid), "{}"))
	if strings.Trim(guid, "0-") == "" {
		guid = ""
	}
	switch {
	case guid != "":
		return Make(Process, device.Value()+"/"+guid)
	case device != "" && pid > 0 && created != "":
		return Make(Process, device.Value()+"/"+strconv.FormatInt(pid, 10)+"@"+created)
	}
	return ""
}

// URLKey and URLDomain read a URL; scheme and host are folded to lower case, default ports, fragments and a bare "/" are dropped.
func URLKey(text string) Key {
	u, ok := parseURL(text)
	if !ok {
		return ""
	}
	path := u.EscapedPath()
	if path == "/" {
		path = ""
	}
	out := u.Scheme + "://" + u.Host + path
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	k := string(URL) + ":" + out
	if len(k) > maxKey {
		k = strings.ToValidUTF8(k[:maxKey], "")
	}
	return Key(k)
}

// URLDomain returns the key of a URL's host: a domain key, or an ip key when the host is an address.
func URLDomain(text string) Key {
	u, ok := parseURL(text)
	if !ok {
		return ""
	}
	return DomainKey(u.Hostname())
}

// DomainKey returns the key of a domain name, an ip key for an address.
func DomainKey(name string) Key {
	name = strings.Trim(strings.TrimSpace(name), ".")
	if k := IPKey(name); k != "" {
		return k
	}
	if !strings.Contains(name, ".") || strings.ContainsAny(name, " /\\@") {
		return ""
	}
	return Make(Domain, name)
}

func parseURL(text string) (*url.URL, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 8192 {
		return nil, false
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, false
	}
	u.Scheme = strings.ToLower(u.Scheme)
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return nil, false
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" && !(u.Scheme == "http" && p == "80") && !(u.Scheme == "https" && p == "443") {
		host += ":" + p
	}
	u.Host = host
	return u, true
}

// MailAddress cleans a mail address: lower case, no display name or brackets. Text without @ gives "".
func MailAddress(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if i, j := strings.LastIndexByte(text, '<'), strings.LastIndexByte(text, '>'); i >= 0 && j > i {
		text = text[i+1 : j]
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "smtp:")
	if at := strings.IndexByte(text, '@'); at <= 0 || at == len(text)-1 || strings.ContainsAny(text, " \t\r\n") {
		return ""
	}
	return text
}
