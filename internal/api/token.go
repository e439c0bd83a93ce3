package api

import (
	"context"
	"net/http"
	"time"

	"github.com/bartizan-sec/bartizan/internal/access"
)

// TokenView is an API token as the API shows it.
type TokenView struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Scopes   []access.Scope `json:"scopes" nullable:"false"`
	User     string         `json:"userId,omitempty"`
	Creator  string         `json:"createdBy"`
	Created  *time.Time     `json:"createdTime,omitempty"`
	Expires  *time.Time     `json:"expires,omitempty"`
	LastUsed *time.Time     `json:"lastUsed,omitempty"`
	Quota    *TokenQuota    `json:"quota,omitempty" doc:"left out: none"`
	Token    string         `json:"token,omitempty" doc:"the secret, once, when the token is made"`
}

// TokenQuota bounds what a token delivers.
type TokenQuota struct {
	RecordsPerMinute int64 `json:"recordsPerMinute,omitempty" minimum:"0" maximum:"1125899906842624" doc:"0 or left out: no bound"`
	BytesPerDay      int64 `json:"bytesPerDay,omitempty" minimum:"0" maximum:"1125899906842624" doc:"of records after decompression, per day of UTC; 0 or left out: no bound"`
}

func viewQuota(q access.Quota) *TokenQuota {
	if q == (access.Quota{}) {
		return nil
	}
	return &TokenQuota{RecordsPerMinute: q.RecordsPerMinute, BytesPerDay: q.BytesPerDay}
}

// ViewToken shows a token; secret is given when it was just made.
func ViewToken(t *access.Token, secret string) TokenView {
	return TokenView{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, User: t.User, Creator: t.Creator, Created: moment(t.Created.Time), Expires: moment(t.Expires.Time),
		LastUsed: moment(t.LastUsed.Time), Quota: viewQuota(t.Quota), Token: secret,
	}
}

type tokenCreate struct {
	Body struct {
		Name    string         `json:"name" maxLength:"400"`
		Scopes  []access.Scope `json:"scopes" minItems:"1" maxItems:"5" nullable:"false"`
		Expires *time.Time     `json:"expires,omitempty" doc:"left out: in 90 days"`
		Quota   *TokenQuota    `json:"quota,omitempty" doc:"bounds what the token delivers"`
	}
}

// tokenLife is how long a token lasts when nothing else is asked for.
const tokenLife = 90 * 24 * time.Hour

type TokenPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *server) registerTokens() {
	const tag = "tokens"
	handle(s, operation{
		method: http.MethodGet, path: "/api/tokens", id: "listTokens", summary: "One's own API tokens; all of the tenant's for administrators", tag: tag, door: bySignIn, scope: access.ScopeAdmin,
	}, func(ctx context.Context, c *call, in *Paging) (*pageOutput[TokenView], error) {
		tokens, err := s.Access.Tokens(ctx, c.who, c.tenant)
		if err != nil {
			return nil, err
		}
		views := make([]TokenView, 0, len(tokens))
		for _, t := range tokens {
			views = append(views, ViewToken(t, ""))
		}
		return slice(views, *in, requestURL(ctx)), nil
	})
	handle(s, operation{
		method: http.MethodPost, path: "/api/tokens", id: "createToken", summary: "Make an API token that can do what oneself can, within its scopes", tag: tag, door: bySignIn,
		scope: access.ScopeAdmin, status: http.StatusCreated, quiet: true,
	}, func(ctx context.Context, c *call, in *tokenCreate) (*output[TokenView], error) {
		n := access.NewToken{Name: in.Body.Name, Scopes: in.Body.Scopes, User: c.who.UserID, Expires: time.Now().Add(tokenLife)}
		if in.Body.Expires != nil {
			n.Expires = *in.Body.Expires
		}
		if q := in.Body.Quota; q != nil {
			n.Quota = access.Quota{RecordsPerMinute: q.RecordsPerMinute, BytesPerDay: q.BytesPerDay}
		}
		t, secret, err := s.Access.CreateToken(ctx, c.who, c.tenant, n)
		if err != nil {
			return nil, err
		}
		return answer(ViewToken(t, secret)), nil
	})
	handle(s, operation{
		method: http.MethodDelete, path: "/api/tokens/{id}", id: "revokeToken", summary: "Revoke an API token", tag: tag, door: bySignIn, scope: access.ScopeAdmin,
		status: http.StatusNoContent, quiet: true,
	}, func(ctx context.Context, c *call, in *TokenPath) (*nothing, error) {
		return &nothing{}, s.Access.RevokeToken(ctx, c.who, c.tenant, in.ID)
	})
}
