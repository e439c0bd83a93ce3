// Package external fetches the rows of externaldata: files of the tenant's own store (tenant://NAME), and addresses on hosts that the operator has listed.
//
// What a query names is an attacker's word. Only listed hosts are read, over https unless the list says otherwise, never at an address within the operator's
// own network unless host and port are listed, with bounds on size, rows and time. Names are resolved once and the address that was checked is the one that
// is dialled; redirects obey the same rules.
package external

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Scheme is the scheme of addresses of the tenant's own files.
const Scheme = "tenant"

// Options say what may be read, and how much.
type Options struct {
	// Hosts lists what may be read: "example.org" and "*.example.org" over https at public addresses, "http://example.org" also without TLS, and
	// "10.1.2.3:8443" or "http://files.local:8080" also at a private address.
	Hosts   []string
	Bytes   int64 // of one address, after decompression
	Rows    int   // of one externaldata
	Timeout time.Duration
	// Resolve finds the addresses of a host; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Files opens a file of the tenant's.
type Files func(ctx context.Context, name string) (io.ReadCloser, error)

// Reader reads outside tables. It is safe for concurrent use.
type Reader struct {
	opt    Options
	hosts  []rule
	client *http.Client
}

// rule is one line of the list.
type rule struct {
	host    string // without the "*."
	below   bool   // the hosts below it
	port    string // "" for the scheme's own
	plain   bool   // also without TLS
	private bool   // also at private addresses
}

// New returns a reader. A host that makes no sense is fault.Invalid.
func New(o Options) (*Reader, error) {
	r := &Reader{opt: o}
	for _, h := range o.Hosts {
		parsed, err := parseHost(h)
		if err != nil {
			return nil, err
		}
		r.hosts = append(r.hosts, parsed)
	}
	if r.opt.Resolve == nil {
		r.opt.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	r.client = &http.Client{
		Transport: &http.Transport{
			DialContext: r.dial, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: o.Timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return &engine.OutboundError{URIs: []string{via[0].URL.String()}, Why: "it redirects too often"}
			}
			if _, err := r.allowed(req.URL); err != nil {
				return &engine.OutboundError{URIs: []string{via[0].URL.String()}, Why: "it redirects to an address that is not on the list"}
			}
			return nil
		},
	}
	return r, nil
}

func parseHost(s string) (rule, error) {
	bad := func() (rule, error) {
		return rule{}, fault.Newf(fault.Invalid, "setting hunt.external-hosts: %q is not a host such as example.org, *.example.org or http://files.local:8080", s).On("hunt.external-hosts")
	}
	var r rule
	rest := strings.ToLower(strings.TrimSpace(s))
	if after, ok := strings.CutPrefix(rest, "http://"); ok {
		r.plain, rest = true, after
	} else {
		rest = strings.TrimPrefix(rest, "https://")
	}
	rest = strings.TrimSuffix(rest, "/")
	if host, port, err := net.SplitHostPort(rest); err == nil {
		if port == "" {
			return bad()
		}
		r.port, r.private, rest = port, true, host
	}
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		r.below, rest = true, after
	}
	r.host = strings.Trim(rest, "[]")
	if r.host == "" || strings.ContainsAny(r.host, "/*@ ?#") || r.below && r.private {
		return bad()
	}
	return r, nil
}

// Allow says whether an address may be read, without reading it. The error is an engine.OutboundError.
func (r *Reader) Allow(uri string) error {
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil {
		return &engine.OutboundError{URIs: []string{uri}, Why: "it is not an address"}
	}
	if u.Scheme == Scheme {
		_, err := fileName(u)
		return err
	}
	_, err = r.allowed(u)
	return err
}

// allowed finds the rule by which an address may be read.
func (r *Reader) allowed(u *url.URL) (rule, error) {
	refuse := func(why string) (rule, error) {
		return rule{}, &engine.OutboundError{URIs: []string{u.Redacted()}, Why: why}
	}
	if len(r.hosts) == 0 {
		return refuse("reading outside addresses is off")
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "" {
		return refuse("only https addresses, and tenant://NAME, can be read")
	}
	if u.User != nil {
		return refuse("an address with a password is not read")
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	for _, h := range r.hosts {
		same := host == h.host
		if h.below {
			same = strings.HasSuffix(host, "."+h.host)
		}
		standard := port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80"
		if same && (u.Scheme == "https" || h.plain) && (h.port == "" && standard || h.port != "" && port == h.port) {
			return h, nil
		}
	}
	return refuse("the host is not on the list of those that may be read (hunt.external-hosts)")
}

// dial connects to an address that was looked up and checked here, so that no second answer of a name server can lead elsewhere.
func (r *Reader) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	private := false
	for _, h := range r.hosts {
		private = private || h.private && h.port == port && h.host == strings.TrimSuffix(strings.ToLower(host), ".")
	}
	var addresses []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{a}
	} else if addresses, err = r.opt.Resolve(ctx, host); err != nil {
		return nil, err
	}
	var last error
	for _, a := range addresses {
		a = a.Unmap()
		if !private && !public(a) {
			last = &engine.OutboundError{URIs: []string{host}, Why: "it is at an address that is not public"}
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

// public says whether an address is one of the open Internet: not of this machine, a private network, a provider's inner network, or a special purpose.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() || a.IsMulticast() || a.IsUnspecified() || a.Zone() != "" {
		return false
	}
	for _, special := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		if netip.MustParsePrefix(special).Contains(a) {
			return false
		}
	}
	return true
}

// Fetch reads the rows of an externaldata. files opens the tenant's own.
func (r *Reader) Fetch(ctx context.Context, x *plan.External, files Files) ([][]any, error) {
	var out [][]any
	for _, uri := range x.URIs {
		rows, err := r.fetch(ctx, x, strings.TrimSpace(uri), files, r.opt.Rows-len(out))
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func (r *Reader) fetch(ctx context.Context, x *plan.External, uri string, files Files, rows int) ([][]any, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	u, err := url.Parse(uri)
	if err != nil {
		return nil, &engine.OutboundError{URIs: []string{uri}, Why: "it is not an address"}
	}
	body, name, err := r.open(ctx, u, files)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, r.opt.Bytes+1))
	if err != nil {
		return nil, unreachable(u, err)
	}
	if int64(len(raw)) > r.opt.Bytes {
		return nil, tooLarge(r.opt.Bytes)
	}
	text, name, err := unpack(raw, name, r.opt.Bytes)
	if err != nil {
		return nil, err
	}
	return decode(ctx, text, formatOf(x.Format, name), x, rows)
}

func tooLarge(n int64) error {
	return fault.Newf(fault.Limit, "what externaldata reads is larger than %d bytes", n).On("hunt.external-bytes")
}

func unreachable(u *url.URL, err error) error {
	why := err
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // its text repeats the address
		why = e.Err
	}
	return &engine.OutboundError{URIs: []string{u.Redacted()}, Why: "it could not be read: " + why.Error()}
}

func (r *Reader) open(ctx context.Context, u *url.URL, files Files) (io.ReadCloser, string, error) {
	if u.Scheme == Scheme {
		name, err := fileName(u)
		if err != nil {
			return nil, "", err
		}
		if files == nil {
			return nil, "", &engine.OutboundError{URIs: []string{u.String()}, Why: "there are no files here"}
		}
		body, err := files(ctx, name)
		if fault.CodeOf(err) == fault.NotFound {
			return nil, "", &engine.OutboundError{URIs: []string{u.String()}, Why: "there is no such file"}
		}
		return body, name, err
	}
	if _, err := r.allowed(u); err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", unreachable(u, err)
	}
	req.Header.Set("User-Agent", "bartizan-externaldata")
	res, err := r.client.Do(req)
	if err != nil {
		var refused *engine.OutboundError
		if asOutbound(err, &refused) {
			return nil, "", refused
		}
		return nil, "", unreachable(u, err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, "", &engine.OutboundError{URIs: []string{u.Redacted()}, Why: "it answered " + res.Status}
	}
	return res.Body, path.Base(u.Path), nil
}

// fileName is the name of a tenant's file: tenant://lists/vip.csv is lists/vip.csv.
func fileName(u *url.URL) (string, error) {
	name := strings.Trim(u.Host+u.Path, "/")
	return name, CheckName(name)
}

// CheckName refuses names of files that are no plain relative paths.
func CheckName(name string) error {
	ok := name != "" && len(name) <= 200 && path.Clean(name) == name && !strings.HasPrefix(name, ".")
	for _, c := range name {
		ok = ok && (c == '.' || c == '-' || c == '_' || c == '/' || c == ' ' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !ok || strings.Contains(name, "..") {
		return fault.Newf(fault.Invalid, "a file's name has up to 200 letters, digits, dots, dashes, underscores and slashes: %q", name).On("name")
	}
	return nil
}
