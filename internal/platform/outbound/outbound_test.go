package outbound_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/outbound"
)

func client(t *testing.T, resolve outbound.Resolver, hosts ...string) *http.Client {
	t.Helper()
	rules, err := outbound.ParseRules(hosts, "connect.hosts")
	if err != nil {
		t.Fatal(err)
	}
	c := outbound.New(outbound.Options{Rules: rules, Setting: "connect.hosts", Timeout: 5 * time.Second, UserAgent: "bartizan/1", Resolve: resolve})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestOnlyWhatIsAllowed(t *testing.T) {
	called := 0
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		_, _ = io.WriteString(w, r.UserAgent())
	}))
	defer inner.Close()
	u, _ := url.Parse(inner.URL)
	evil := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")}, nil
	}
	get := func(c *http.Client, address string) error {
		res, err := c.Get(address)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	for _, address := range []string{
		inner.URL, "https://127.0.0.1:" + u.Port(), "https://[::1]:" + u.Port(), "https://public.example:" + u.Port(), "http://public.example", "https://169.254.169.254/latest", "https://10.0.0.1",
		"ftp://public.example/x", "https://[::ffff:127.0.0.1]:" + u.Port(),
	} {
		err := get(client(t, evil), address)
		var refused *outbound.RefusedError
		if !errors.As(err, &refused) && !strings.Contains(err.Error(), "unsupported protocol") {
			t.Errorf("%s: %v", address, err)
		}
	}
	// A redirect into the inner network is refused too.
	outer := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusFound))
	defer outer.Close()
	if err := get(client(t, nil, outer.URL), outer.URL); err == nil || !strings.Contains(err.Error(), "connect.hosts") {
		t.Errorf("a redirect leads inside: %v", err)
	}
	// What was sent with a body is not sent on to another host, though both are allowed.
	onward := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	defer onward.Close()
	if res, err := client(t, nil, onward.URL, inner.URL).Post(onward.URL, "text/plain", strings.NewReader("secret=1")); err == nil {
		res.Body.Close()
		t.Error("a body is sent on to another host")
	}
	if called != 0 {
		t.Errorf("the inner server was called %d times", called)
	}
	res, err := client(t, nil, inner.URL).Get(inner.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, _ := io.ReadAll(res.Body); string(raw) != "bartizan/1" {
		t.Errorf("it calls itself %q", raw)
	}
	// TLS is verified, also for a host that is listed.
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	defer secure.Close()
	if err := get(client(t, nil, strings.TrimPrefix(secure.URL, "https://")), secure.URL); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
}

// The proxy of the environment may stand at an inner address; names and addresses that are plainly inside are not asked of it.
func TestThroughAProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusBadGateway)
	})}
	go func() { _ = proxy.Serve(l) }()
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", "http://"+l.Addr().String())
	t.Setenv("NO_PROXY", "")
	c := client(t, nil)
	if res, err := c.Get("https://public.example/x"); err == nil {
		res.Body.Close()
		t.Error("the proxy refused, and it was not told")
	}
	if got := <-asked; got != "CONNECT public.example:443" {
		t.Errorf("the proxy was asked %q", got)
	}
	for _, inside := range []string{"https://10.0.0.1/", "https://printer/", "https://x.localhost/"} {
		res, err := c.Get(inside)
		if err == nil {
			res.Body.Close()
		}
		var refused *outbound.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", inside, err)
		}
	}
	// The proxy itself is no public address for those who name it.
	t.Setenv("NO_PROXY", "127.0.0.1")
	var refused *outbound.RefusedError
	if res, err := client(t, nil).Get("https://" + l.Addr().String()); !errors.As(err, &refused) {
		if err == nil {
			res.Body.Close()
		}
		t.Errorf("the proxy is called for itself: %v", err)
	}
	if len(asked) != 0 {
		t.Errorf("the proxy was asked %q", <-asked)
	}
}

func TestRules(t *testing.T) {
	for _, bad := range []string{"", "*", "*.example:443", "a/b", "host:"} {
		if _, err := outbound.ParseRule(bad, "x.y"); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "x.y") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	rules, err := outbound.ParseRules([]string{"*.example.org", "http://files.local:8080"}, "x")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"https://a.example.org/": true, "https://example.org/": false, "http://a.example.org/": false, "https://a.example.org:8443/": false, "http://files.local:8080/": true, "http://FILES.local.:8080/": true,
		"http://files.local/": false,
	} {
		u, _ := url.Parse(address)
		if _, ok := rules.Match(u); ok != want {
			t.Errorf("%s: %v", address, ok)
		}
	}
}
