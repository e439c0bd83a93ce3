package access_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
)

// session gives a context as the handlers behind Sessions have it, for a browser with that cookie. end finishes the request and returns the cookie that it set.
func session(t *testing.T, h *house, cookie string) (ctx context.Context, end func() *http.Cookie) {
	t.Helper()
	ready, finish, done := make(chan context.Context), make(chan struct{}), make(chan struct{})
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/", nil)
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: access.CookieName, Value: cookie})
	}
	go func() {
		defer close(done)
		h.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ready <- r.Context()
			<-finish
		})).ServeHTTP(rec, req)
	}()
	ctx = <-ready
	ended := false
	end = func() *http.Cookie {
		if !ended {
			ended = true
			close(finish)
			<-done
		}
		for _, c := range rec.Result().Cookies() {
			return c
		}
		return nil
	}
	t.Cleanup(func() { end() })
	return ctx, end
}

// signedIn returns the cookie of a browser on which the user has signed in.
func signedIn(t *testing.T, h *house, name string) string {
	t.Helper()
	u, err := h.SignIn(h.ctx, name, password+name[:1], "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := session(t, h, "")
	if err := h.BeginSession(ctx, u); err != nil {
		t.Fatal(err)
	}
	c := end()
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Value == "" {
		t.Fatalf("cookie is %+v", c)
	}
	return c.Value
}

func whoIs(t *testing.T, h *house, cookie string) error {
	t.Helper()
	ctx, end := session(t, h, cookie)
	defer end()
	_, err := h.SessionPrincipal(ctx)
	return err
}

func TestSessions(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		h := open(t, location)
		h.at = time.Now() // the session store reads the wall clock when it dates a session
		h.tenant(t, "t1")
		h.user(t, "t1", "ann", access.SecurityReader)
		cookie := signedIn(t, h, "ann")
		if err := whoIs(t, h, cookie); err != nil {
			t.Fatal(err)
		}
		code(t, whoIs(t, h, ""), fault.Unauthorized, "no cookie")
		code(t, whoIs(t, h, cookie[:20]+"AAAA"), fault.Unauthorized, "a made-up cookie")
		var stored string
		if err := h.db.NewRaw("SELECT token FROM sessions").Scan(h.ctx, &stored); err != nil || stored == cookie {
			t.Errorf("the session's token is stored as it is (%v)", err)
		}

		// A second sign-in on the same browser gets another token, and the first one ends.
		u, err := h.SignIn(h.ctx, "ann", password+"a", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := session(t, h, cookie)
		csrf := h.CSRF(ctx)
		if err := h.CheckCSRF(ctx, csrf); err != nil || csrf == "" {
			t.Fatalf("the session's own token %q: %v", csrf, err)
		}
		code(t, h.CheckCSRF(ctx, ""), fault.Permission, "no CSRF header")
		code(t, h.CheckCSRF(ctx, csrf[1:]+"A"), fault.Permission, "a wrong CSRF header")
		if err := h.BeginSession(ctx, u); err != nil {
			t.Fatal(err)
		}
		code(t, h.CheckCSRF(ctx, csrf), fault.Permission, "the CSRF token of before the sign-in")
		second := end().Value
		if second == cookie {
			t.Error("the sign-in kept the session's token")
		}
		code(t, whoIs(t, h, cookie), fault.Unauthorized, "the token of before the sign-in")

		// A request that is under way while the session ends does not bring it back.
		slow, finish := session(t, h, second)
		if _, err := h.SessionPrincipal(slow); err != nil {
			t.Fatal(err)
		}
		out, outEnd := session(t, h, second)
		if err := h.EndSession(out); err != nil {
			t.Fatal(err)
		}
		if c := outEnd(); c == nil || c.MaxAge >= 0 {
			t.Errorf("signing out leaves cookie %+v", c)
		}
		finish()
		code(t, whoIs(t, h, second), fault.Unauthorized, "a session that was ended")

		third := signedIn(t, h, "ann")
		h.pass(9 * time.Hour)
		code(t, whoIs(t, h, third), fault.Unauthorized, "a session idle for nine hours")
		if err := h.Sweep(h.ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := h.db.NewSelect().Table("sessions").Count(h.ctx); err != nil || n != 0 {
			t.Errorf("after Sweep %d sessions are left, %v", n, err)
		}
	})
}

func TestOwnPasswordChangeKeepsThisBrowserOnly(t *testing.T) {
	h := open(t, t.TempDir()+"/state.db")
	h.at = time.Now()
	h.tenant(t, "t1")
	h.user(t, "t1", "ann", access.SecurityReader)
	here, there := signedIn(t, h, "ann"), signedIn(t, h, "ann")
	ctx, end := session(t, h, here)
	p, err := h.SessionPrincipal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ChangePassword(ctx, p, password+"a", "another pass phrase"); err != nil {
		t.Fatal(err)
	}
	if err := h.RenewSession(ctx, p); err != nil {
		t.Fatal(err)
	}
	renewed := end().Value
	if renewed == here {
		t.Error("the session's token stayed")
	}
	if err := whoIs(t, h, renewed); err != nil {
		t.Errorf("this browser: %v", err)
	}
	code(t, whoIs(t, h, here), fault.Unauthorized, "the token of before")
	code(t, whoIs(t, h, there), fault.Unauthorized, "the other browser")
}
