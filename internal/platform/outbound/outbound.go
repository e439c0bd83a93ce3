// Package outbound is the one way by which the program calls out at somebody else's word: the addresses in queries (externaldata) and those of connectors.
//
// Names are resolved here, once, and the address that was checked is the one that is dialled, so that no second answer of a name server can lead elsewhere.
// Addresses within the operator's own network are refused unless the operator lists host and port. TLS is verified; without TLS nothing is read unless the
// operator lists the host with http://.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Rule is one line of a list of hosts.
type Rule struct {
	Host    string // without the "*."
	Below   bool   // the hosts below it
	Port    string // "" for the scheme's own
	Plain   bool   // also without TLS
	Private bool   // also at private addresses
}

// ParseRule reads a line: "example.org" and "*.example.org" over https at public addresses, "http://example.org" also without TLS, and "10.1.2.3:8443" or
// "http://files.local:8080" also at a private address. setting names the list in errors.
func ParseRule(line, setting string) (Rule, error) {
	bad := func() (Rule, error) {
		return Rule{}, fault.Newf(fault.Invalid, "setting %s: %q is not a host such as example.org, *.example.org or http://files.local:8080", setting, line).On(setting)
	}
	var r Rule
	rest := strings.ToLower(strings.TrimSpace(line))
	if after, ok := strings.CutPrefix(rest, "http://"); ok {
		r.Plain, rest = true, after
	} else {
		rest = strings.TrimPrefix(rest, "https://")
	}
	rest = strings.TrimSuffix(rest, "/")
	if host, port, err := net.SplitHostPort(rest); err == nil {
		if port == "" {
			return bad()
		}
		r.Port, r.Private, rest = port, true, host
	}
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		r.Below, rest = true, after
	}
	r.Host = strings.Trim(rest, "[]")
	if r.Host == "" || strings.ContainsAny(r.Host, "/*@ ?#") || r.Below && r.Private {
		return bad()
	}
	return r, nil
}

// Rules is a list of hosts.
type Rules []Rule

// ParseRules reads a list.
func ParseRules(lines []string, setting string) (Rules, error) {
	var out Rules
	for _, line := range lines {
		r, err := ParseRule(line, setting)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Match finds the rule by which an address is on the list.
func (rs Rules) Match(u *url.URL) (Rule, bool) {
	host, port := plain(u.Hostname()), u.Port()
	for _, r := range rs {
		same := host == r.Host
		if r.Below {
			same = strings.HasSuffix(host, "."+r.Host)
		}
		standard := port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80"
		if same && (u.Scheme == "https" || r.Plain) && (r.Port == "" && standard || r.Port != "" && port == r.Port) {
			return r, true
		}
	}
	return Rule{}, false
}

// private says whether host and port are listed as allowed at private addresses.
func (rs Rules) private(host, port string) bool {
	for _, r := range rs {
		if r.Private && r.Port == port && r.Host == plain(host) {
			return true
		}
	}
	return false
}

func plain(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// Resolver finds the addresses of a host.
type Resolver func(ctx context.Context, host string) ([]netip.Addr, error)

// System asks the system's resolver.
func System(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// PrivateError says that a host is at an address that is not public.
type PrivateError struct{ Host string }

func (e *PrivateError) Error() string { return "it is at an address that is not public" }

// Dial connects to a checked address of host:port.
func Dial(ctx context.Context, rules Rules, resolve Resolver, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return dial(ctx, resolve, network, host, port, rules.private(host, port))
}

func dial(ctx context.Context, resolve Resolver, network, host, port string, private bool) (net.Conn, error) {
	var addresses []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{a}
	} else if addresses, err = resolve(ctx, host); err != nil {
		return nil, err
	}
	var last error
	for _, a := range addresses {
		a = a.Unmap()
		if !private && !Public(a) {
			last = &PrivateError{Host: host}
			continue
		}
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	if last == nil {
		last = fmt.Errorf("%s has no address", host)
	}
	return nil, last
}

// Public says whether an address is one of the open Internet: not of this machine, a private network, a provider's inner network, or a special purpose.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() || a.IsMulticast() || a.IsUnspecified() || a.Zone() != "" {
		return false
	}
	for _, special := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(special).Contains(a) {
			return false
		}
	}
	return true
}

// Options say how a client behaves.
type Options struct {
	Rules     Rules         // exceptions that the operator made
	Setting   string        // name of the list, for errors
	Timeout   time.Duration // of a request, with its body
	UserAgent string
	Resolve   Resolver // nil asks the system
}

// RefusedError says why an address is not called.
type RefusedError struct{ Host, Why string }

func (e *RefusedError) Error() string { return e.Host + " is not called: " + e.Why }

// New returns a client that calls https at public addresses, and what the rules allow besides. It obeys HTTPS_PROXY, HTTP_PROXY and NO_PROXY; the proxy's own
// address is the operator's word and may be private, and where it connects to, it decides. Redirects keep to the same rules and carry no credentials to
// another host.
func New(o Options) *http.Client {
	if o.Resolve == nil {
		o.Resolve = System
	}
	proxies := httpproxy.FromEnvironment()
	proxy := proxies.ProxyFunc()
	own := map[string]bool{}
	for _, address := range []string{proxies.HTTPProxy, proxies.HTTPSProxy} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			own[hostPort(u)] = true
		}
	}
	t := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if own[address] {
				return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
			}
			conn, err := Dial(ctx, o.Rules, o.Resolve, network, address)
			if p := (*PrivateError)(nil); errorAs(err, &p) {
				err = &RefusedError{Host: address, Why: "it is at an address that is not public; the operator can allow it with " + o.Setting + ": " + address}
			}
			return conn, err
		},
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: 256 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		ForceAttemptHTTP2: true,
	}
	guarded := &guard{o: o, next: t, proxy: proxy, own: own}
	return &http.Client{Transport: guarded, Timeout: o.Timeout, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return &RefusedError{Host: via[0].URL.Host, Why: "it redirects too often"}
		}
		if from := via[len(via)-1].URL; req.Method != http.MethodGet && req.Method != http.MethodHead && (req.URL.Scheme != from.Scheme || !strings.EqualFold(req.URL.Host, from.Host)) {
			return &RefusedError{Host: req.URL.Host, Why: from.Host + " redirects to it what was sent to itself alone"} // the body may hold credentials
		}
		return nil
	}}
}

// guard refuses addresses before anything is dialled.
type guard struct {
	o     Options
	next  *http.Transport
	proxy func(*url.URL) (*url.URL, error)
	own   map[string]bool // the proxies' addresses, which are dialled unchecked
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.allowed(r.URL); err != nil {
		return nil, err
	}
	if r.Header.Get("User-Agent") == "" && g.o.UserAgent != "" {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", g.o.UserAgent)
	}
	return g.next.RoundTrip(r)
}

// CloseIdleConnections lets http.Client close what waits.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

func (g *guard) allowed(u *url.URL) error {
	_, listed := g.o.Rules.Match(u)
	if u.Scheme != "https" && !listed {
		return &RefusedError{Host: u.Host, Why: "it is not an https address; the operator can allow it with " + g.o.Setting + ": http://" + u.Host}
	}
	if listed {
		return nil
	}
	through, err := g.proxy(u)
	if err == nil && through == nil && g.own[hostPort(u)] {
		return &RefusedError{Host: u.Host, Why: "it is the address of the proxy; the operator can allow it with " + g.o.Setting + ": " + hostPort(u)}
	}
	if err != nil || through == nil {
		return err
	}
	// A proxy looks names up by itself; what can be told from the name is told here.
	host := plain(u.Hostname())
	if a, err := netip.ParseAddr(host); err == nil && !Public(a.Unmap()) || host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".") && err != nil {
		return &RefusedError{Host: u.Host, Why: "it is not a public name or address; the operator can allow it with " + g.o.Setting}
	}
	return nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func errorAs[T error](err error, target *T) bool { return errors.As(err, target) }
