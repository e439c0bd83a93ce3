package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
)

// Fetcher makes requests to one service and turns what goes wrong into errors that say what to do.
type Fetcher struct {
	HTTP    *http.Client
	Now     func() time.Time
	Service string // name for people: "Okta"
	Login   string // what its credentials are called: "API token"
	Base    string // requests and the links of answers stay at this scheme and host
	// Sign adds the credentials. Renew, which may be nil, drops a token that the service takes no more, and reports whether another try makes sense.
	Sign  func(ctx context.Context, r *http.Request) error
	Renew func() bool
	// Explain may know more about a refusal than the general rules.
	Explain func(a *Answer, needs string) *Error
	Limit   int64 // largest body; 0: 64 MiB
}

// Answer is what a service answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Clock  time.Time // the service's clock
}

const bodyLimit = 64 << 20

// Get fetches an address. needs names the permission that the request takes, for the case that it is missing.
func (f *Fetcher) Get(ctx context.Context, address, needs string) (*Answer, error) {
	return f.Do(ctx, http.MethodGet, address, needs)
}

// Do makes a request without a body.
func (f *Fetcher) Do(ctx context.Context, method, address, needs string) (*Answer, error) {
	if err := f.stays(address); err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		a, err := f.once(ctx, method, address)
		if err != nil {
			return nil, err
		}
		if a.Status/100 == 2 {
			return a, nil
		}
		if a.Status == http.StatusUnauthorized && !again && f.Renew != nil && f.Renew() {
			continue
		}
		err = f.refused(a, needs)
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Status = a.Status
		}
		return nil, err
	}
}

// stays refuses to carry credentials to another host than the service's.
func (f *Fetcher) stays(address string) error {
	base, err := url.Parse(f.Base)
	if err != nil {
		return failure(fault.Invalid, "%q is not an address", f.Base)
	}
	u, err := base.Parse(address)
	if err != nil || u.Scheme != base.Scheme || !strings.EqualFold(u.Host, base.Host) || u.User != nil {
		return failure(fault.Unavailable, "%s sent a link that leads away from %s; it is not followed", f.Service, base.Host)
	}
	return nil
}

func (f *Fetcher) once(ctx context.Context, method, address string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, failure(fault.Invalid, "%s: the address is not one", f.Service)
	}
	req.Header.Set("Accept", "application/json")
	if f.Sign != nil {
		if err := f.Sign(ctx, req); err != nil {
			return nil, f.Trouble(err)
		}
	}
	client := *f.HTTP
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if err := f.stays(r.URL.String()); err != nil {
			return err
		}
		if f.HTTP.CheckRedirect != nil {
			return f.HTTP.CheckRedirect(r, via)
		}
		if len(via) > 3 {
			return failure(fault.Unavailable, "%s redirects too often", f.Service)
		}
		return nil
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, f.Trouble(err)
	}
	defer res.Body.Close()
	limit := f.Limit
	if limit == 0 {
		limit = bodyLimit
	}
	a := &Answer{Status: res.StatusCode, Header: res.Header, Clock: f.Now()}
	if t, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		a.Clock = t
	}
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		var slow net.Error
		late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
		err = f.Trouble(err)
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Broken = a.Status/100 == 2 && !late
		}
		return nil, err
	}
	if int64(len(a.Body)) > limit {
		e := failure(fault.TooLarge, "%s sent more than %d MiB in one answer", f.Service, limit>>20)
		e.Broken = true
		return nil, e
	}
	return a, nil
}

// Decode reads the body as JSON; a body that ends too early, or is none, is the service's trouble and is asked for again later.
func (f *Fetcher) Decode(a *Answer, into any) error {
	if err := json.Unmarshal(a.Body, into); err != nil {
		e := failure(fault.Unavailable, "%s sent an answer that is not whole or no JSON; it is asked again", f.Service)
		e.Broken = true
		return e
	}
	return nil
}

// Trouble says why no answer came.
func (f *Fetcher) Trouble(err error) error {
	var own *Error
	var refused *outbound.RefusedError
	var token *oauth2.RetrieveError
	var timeout net.Error
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &own):
		return own
	case errors.As(err, &refused):
		return failure(fault.Invalid, "%s", refused.Error())
	case errors.As(err, &token):
		return f.login(token)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return failure(fault.Unavailable, "%s did not answer in time", f.Service)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return failure(fault.Unavailable, "the answer of %s broke off", f.Service)
	case errors.As(err, &wrapped):
		return failure(fault.Unavailable, "%s cannot be reached: %s", f.Service, tidy(wrapped.Err.Error()))
	}
	return failure(fault.Unavailable, "%s cannot be reached: %s", f.Service, tidy(err.Error()))
}

// login says why there is no token.
func (f *Fetcher) login(e *oauth2.RetrieveError) error {
	if e.Response != nil && (e.Response.StatusCode == http.StatusTooManyRequests || e.Response.StatusCode >= 500) {
		a := &Answer{Status: e.Response.StatusCode, Header: e.Response.Header, Clock: f.Now()}
		return f.refused(a, "")
	}
	said := e.ErrorDescription
	if said == "" {
		said = e.ErrorCode
	}
	if said == "" && e.Response != nil {
		said = e.Response.Status
	}
	said, _, _ = strings.Cut(said, "Trace ID:")
	return failure(fault.Unauthorized, "%s does not accept the %s: %s; check it, and whether it has expired", f.Service, f.Login, tidy(said))
}

func (f *Fetcher) refused(a *Answer, needs string) error {
	if f.Explain != nil {
		if e := f.Explain(a, needs); e != nil {
			return e
		}
	}
	said := Said(a.Body)
	if said == "" {
		said = http.StatusText(a.Status)
	}
	switch s := a.Status; {
	case s == http.StatusUnauthorized:
		return failure(fault.Unauthorized, "%s does not accept the %s: %s; check it, and whether it has expired", f.Service, f.Login, said)
	case s == http.StatusTooManyRequests, (s == http.StatusServiceUnavailable || s == http.StatusForbidden) && a.Header.Get("Retry-After") != "":
		e := failure(fault.Busy, "%s asks for fewer requests", f.Service)
		e.After = a.Later(f.Now())
		return e
	case s == http.StatusForbidden:
		e := failure(fault.Permission, "%s refuses: %s", f.Service, said)
		if needs != "" {
			e.Message = "the permission is missing: " + needs + " (" + f.Service + " says: " + said + ")"
		}
		return e
	case s == http.StatusNotFound:
		return failure(fault.NotFound, "%s does not know this address: %s", f.Service, said)
	case s >= 500:
		e := failure(fault.Unavailable, "%s has trouble: %d %s", f.Service, s, said)
		return e
	}
	return failure(fault.Invalid, "%s refuses the request: %d %s", f.Service, a.Status, said)
}

// longestWait bounds what a service can ask for.
const longestWait = 6 * time.Hour

// Later is when a service wants to be asked again, by our clock: from Retry-After, or the headers that tell when the allowance is renewed. Without any, a minute
// from now.
func (a *Answer) Later(now time.Time) time.Time {
	wait := time.Minute
	if v := a.Header.Get("Retry-After"); v != "" {
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			wait = time.Duration(n * float64(time.Second))
		} else if t, err := http.ParseTime(v); err == nil {
			wait = t.Sub(a.Clock)
		}
	} else {
		for _, name := range []string{"X-Rate-Limit-Reset", "X-RateLimit-Reset"} {
			if n, err := strconv.ParseInt(a.Header.Get(name), 10, 64); err == nil {
				wait = time.Unix(n, 0).Sub(a.Clock) + time.Second
			}
		}
	}
	return now.Add(min(max(wait, time.Second), longestWait))
}

// Link finds the address of a relation in the Link headers (RFC 8288).
func (a *Answer) Link(rel string) string {
	for _, line := range a.Header.Values("Link") {
		for line != "" {
			open := strings.IndexByte(line, '<')
			end := strings.IndexByte(line, '>')
			if open < 0 || end < open {
				break
			}
			target, rest := line[open+1:end], line[end+1:]
			params := rest
			if next := strings.Index(rest, ", <"); next >= 0 {
				params, rest = rest[:next], rest[next+2:]
			} else if next := strings.Index(rest, ",<"); next >= 0 {
				params, rest = rest[:next], rest[next+1:]
			} else {
				rest = ""
			}
			for _, p := range strings.Split(params, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(name, "rel") && strings.Trim(value, `"`) == rel {
					return target
				}
			}
			line = rest
		}
	}
	return ""
}

// Said finds what a service says about an error, in the shapes that services use.
func Said(body []byte) string {
	var shape struct {
		Error            json.RawMessage `json:"error"`
		Message          string          `json:"message"`
		ErrorSummary     string          `json:"errorSummary"`
		ErrorDescription string          `json:"error_description"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return ""
	}
	var inner struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	var word string
	switch {
	case shape.ErrorSummary != "":
		return tidy(shape.ErrorSummary)
	case shape.ErrorDescription != "":
		return tidy(shape.ErrorDescription)
	case json.Unmarshal(shape.Error, &inner) == nil && inner.Message != "":
		return tidy(inner.Message)
	case shape.Message != "":
		return tidy(shape.Message)
	case json.Unmarshal(shape.Error, &word) == nil:
		return tidy(word)
	}
	return ""
}

// tidy makes foreign text fit for one line of a message.
func tidy(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s), "")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return strings.TrimRight(s, ". ")
}

// Compact returns a JSON value on one line.
func Compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return bytes.ReplaceAll(raw, []byte("\n"), []byte(" "))
	}
	return b.Bytes()
}

// Tokens gives bearer tokens and fetches a new one when the old one is no longer taken.
type Tokens struct {
	make   func() oauth2.TokenSource
	source oauth2.TokenSource
}

// NewTokens returns tokens of the sources that make gives.
func NewTokens(make func() oauth2.TokenSource) *Tokens { return &Tokens{make: make, source: make()} }

// Sign puts a token on the request.
func (t *Tokens) Sign(_ context.Context, r *http.Request) error {
	token, err := t.source.Token()
	if err != nil {
		return err
	}
	token.SetAuthHeader(r)
	return nil
}

// Renew forgets the token.
func (t *Tokens) Renew() bool {
	t.source = t.make()
	return true
}
