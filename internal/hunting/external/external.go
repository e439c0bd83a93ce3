// Package external fetches the rows of externaldata: files of the tenant's own store (tenant://NAME), and addresses on hosts that the operator has listed.
//
// What a query names is an attacker's word. Only listed hosts are read, over https unless the list says otherwise, never at an address within the operator's
// own network unless host and port are listed, with bounds on size, rows and time. Names are resolved once and the address that was checked is the one that
// is dialled; redirects obey the same rules.
package external

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
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
	hosts  outbound.Rules
	client *http.Client
}

// New returns a reader. A host that makes no sense is fault.Invalid.
func New(o Options) (*Reader, error) {
	hosts, err := outbound.ParseRules(o.Hosts, "hunt.external-hosts")
	if err != nil {
		return nil, err
	}
	r := &Reader{opt: o, hosts: hosts}
	if r.opt.Resolve == nil {
		r.opt.Resolve = outbound.System
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
func (r *Reader) allowed(u *url.URL) (outbound.Rule, error) {
	refuse := func(why string) (outbound.Rule, error) {
		return outbound.Rule{}, &engine.OutboundError{URIs: []string{u.Redacted()}, Why: why}
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
	if h, ok := r.hosts.Match(u); ok {
		return h, nil
	}
	return refuse("the host is not on the list of those that may be read (hunt.external-hosts)")
}

// dial connects to an address that was looked up and checked by package outbound.
func (r *Reader) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := outbound.Dial(ctx, r.hosts, r.opt.Resolve, network, address)
	var private *outbound.PrivateError
	if errors.As(err, &private) {
		return nil, &engine.OutboundError{URIs: []string{private.Host}, Why: private.Error()}
	}
	return conn, err
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
