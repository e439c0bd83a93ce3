package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// CookieName is the session cookie. CSRFHeader is the header that every changing request of a session has to carry with the session's token.
const (
	CookieName = "bartizan_session"
	CSRFHeader = "X-Bartizan-Csrf"
)

const (
	keyUser  = "user"
	keyEpoch = "epoch"
	keyCSRF  = "csrf"
)

func (s *Service) newSessions() *scs.SessionManager {
	// Not scs.New, which starts a goroutine for a store that is not used here.
	return &scs.SessionManager{
		Store: &sessionStore{db: s.db, now: s.now, idle: s.opt.Idle}, IdleTimeout: s.opt.Idle, Lifetime: s.opt.Absolute, HashTokenInStore: true,
		Codec: scs.GobCodec{},
		Cookie: scs.SessionCookie{
			Name: CookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.opt.Secure, Persist: true,
		},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			s.opt.Log.Error("session", "error", err)
			http.Error(w, `{"error":{"code":"unavailable","message":"the session store is not available"}}`, http.StatusServiceUnavailable)
		},
	}
}

// Sessions wraps a handler so that the other session functions work on its requests' contexts. It reads and writes the cookie.
func (s *Service) Sessions(next http.Handler) http.Handler { return s.sessions.LoadAndSave(next) }

// BeginSession signs the user in on this browser, under a new session token.
func (s *Service) BeginSession(ctx context.Context, u *User) error {
	p, err := s.principalOf(ctx, u.ID)
	if err != nil {
		return err
	}
	return s.begin(ctx, p)
}

func (s *Service) begin(ctx context.Context, p *Principal) error {
	if err := s.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	s.sessions.Put(ctx, keyUser, p.UserID)
	s.sessions.Put(ctx, keyEpoch, p.epoch)
	s.sessions.Put(ctx, keyCSRF, base64.RawURLEncoding.EncodeToString(raw))
	return nil
}

// RenewSession keeps this browser signed in after the user's own change of password, which ends all sessions, under a new token.
func (s *Service) RenewSession(ctx context.Context, p *Principal) error {
	fresh, err := s.principalOf(ctx, p.UserID)
	if err != nil {
		return err
	}
	return s.begin(ctx, fresh)
}

// EndSession signs this browser out.
func (s *Service) EndSession(ctx context.Context) error { return s.sessions.Destroy(ctx) }

// SessionPrincipal returns who is signed in with the request's cookie, with grants as they are now, or fault.Unauthorized.
func (s *Service) SessionPrincipal(ctx context.Context) (*Principal, error) {
	user := s.sessions.GetString(ctx, keyUser)
	if user == "" {
		return nil, errSignedOut()
	}
	p, err := s.principalOf(ctx, user)
	if err != nil {
		return nil, err
	}
	if p.epoch != s.sessions.GetInt64(ctx, keyEpoch) {
		return nil, errSignedOut() // the password changed since
	}
	return p, nil
}

// Fresh returns the principal with grants as they are now, or fault.Unauthorized when its user may no longer sign in or its token no longer counts. Streams
// that stay open for long ask now and then.
func (s *Service) Fresh(ctx context.Context, p *Principal) (*Principal, error) {
	if p.Kind == KindToken {
		return s.tokenPrincipal(ctx, "id = ? AND tenant_id = ?", p.TokenID, p.Home)
	}
	now, err := s.principalOf(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	if now.epoch != p.epoch {
		return nil, errSignedOut()
	}
	now.Address = p.Address
	return now, nil
}

// SessionExpires returns when the session ends in any case.
func (s *Service) SessionExpires(ctx context.Context) time.Time {
	return s.sessions.Deadline(ctx).UTC()
}

// CSRF returns the token that the session's changing requests have to carry.
func (s *Service) CSRF(ctx context.Context) string { return s.sessions.GetString(ctx, keyCSRF) }

// CheckCSRF compares the header of a changing request with the session's token.
func (s *Service) CheckCSRF(ctx context.Context, header string) error {
	want := s.CSRF(ctx)
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(header)) != 1 {
		return fault.Newf(fault.Permission, "the header %s is missing or wrong; read it from GET /api/session", CSRFHeader).On(CSRFHeader)
	}
	return nil
}

// sessionStore keeps sessions in the state database.
type sessionStore struct {
	db   *bun.DB
	now  func() time.Time
	idle time.Duration
}

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions"`
	Token         string `bun:"token,pk"`
	Data          string `bun:"data"`
	Expires       int64  `bun:"expires"`
}

// touch is how far the stored end of a session may lag behind: without it every request would be a write.
const touch = time.Minute

func (st *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var row sessionRow
	err := st.db.NewSelect().Model(&row).Where("token = ? AND expires > ? AND data <> ''", token, st.now().UnixMicro()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	data, err := base64.StdEncoding.DecodeString(row.Data)
	if err != nil {
		return nil, false, nil //nolint:nilerr // a damaged row is no session
	}
	return data, true, nil
}

func (st *sessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	// Most requests change nothing. Reading first keeps them from waiting for the database's one writer.
	var old sessionRow
	err := st.db.NewSelect().Model(&old).Where("token = ?", token).Scan(ctx)
	switch {
	case err == nil && (old.Data == "" || old.Data == base64.StdEncoding.EncodeToString(b) && old.Expires >= expiry.Add(-touch).UnixMicro()):
		return nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	}
	row := &sessionRow{Token: token, Data: base64.StdEncoding.EncodeToString(b), Expires: expiry.UnixMicro()}
	_, err = st.db.NewInsert().Model(row).On("CONFLICT (token) DO UPDATE").Set("data = EXCLUDED.data").Set("expires = EXCLUDED.expires").
		Where("session_row.data <> ''").
		Where("session_row.data <> EXCLUDED.data OR session_row.expires < EXCLUDED.expires - ?", touch.Microseconds()).Exec(ctx)
	return err
}

func (st *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	// An ended session stays for a while as an empty row, so that a request that is still under way cannot bring it back.
	_, err := st.db.NewRaw("UPDATE sessions SET data = '', expires = ? WHERE token = ?", st.now().Add(time.Hour).UnixMicro(), token).Exec(ctx)
	return err
}

// The forms without a context belong to the interface of scs, which calls the others.

func (st *sessionStore) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

func (st *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, b, expiry)
}

func (st *sessionStore) Delete(token string) error { return st.DeleteCtx(context.Background(), token) }
