package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/uptrace/bun"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// Token is an API token without its secret, which is shown once when it is made and kept as a hash only.
type Token struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Tenant   tenant.ID  `json:"tenant"`
	User     string     `json:"user,omitempty"` // id of the owner; empty for service tokens
	Scopes   []Scope    `json:"scopes"`
	Created  state.Time `json:"created"`
	Creator  string     `json:"createdBy"`
	Expires  state.Time `json:"expires"`
	LastUsed state.Time `json:"lastUsed"`
	Quota    Quota      `json:"quota"`
}

// Quota bounds what a token delivers; 0 means no bound.
type Quota struct {
	RecordsPerMinute int64 `json:"recordsPerMinute,omitempty"`
	BytesPerDay      int64 `json:"bytesPerDay,omitempty"`
}

// maxQuota is beyond what any quota needs, and far from where numbers end.
const maxQuota = 1 << 50

func (q Quota) check() error {
	if q.RecordsPerMinute < 0 || q.RecordsPerMinute > maxQuota {
		return fault.Newf(fault.Invalid, "the records per minute are between 0 (no bound) and %d", int64(maxQuota)).On("recordsPerMinute")
	}
	if q.BytesPerDay < 0 || q.BytesPerDay > maxQuota {
		return fault.Newf(fault.Invalid, "the bytes per day are between 0 (no bound) and %d", int64(maxQuota)).On("bytesPerDay")
	}
	return nil
}

type tokenRow struct {
	bun.BaseModel `bun:"table:api_tokens"`
	Tenant        tenant.ID  `bun:"tenant_id,pk"`
	ID            string     `bun:"id,pk"`
	Hash          string     `bun:"hash"`
	Name          string     `bun:"name"`
	UserID        string     `bun:"user_id"`
	Scopes        string     `bun:"scopes"`
	Created       state.Time `bun:"created"`
	CreatedBy     string     `bun:"created_by"`
	Expires       state.Time `bun:"expires"`
	LastUsed      state.Time `bun:"last_used"`
	QuotaRecords  int64      `bun:"quota_records"`
	QuotaBytes    int64      `bun:"quota_bytes"`
}

func (r *tokenRow) quota() Quota {
	return Quota{RecordsPerMinute: r.QuotaRecords, BytesPerDay: r.QuotaBytes}
}

func (r *tokenRow) token() *Token {
	t := &Token{
		ID: r.ID, Name: r.Name, Tenant: r.Tenant, User: r.UserID, Created: r.Created, Creator: r.CreatedBy, Expires: r.Expires, LastUsed: r.LastUsed,
		Scopes: []Scope{}, Quota: r.quota(),
	}
	for _, s := range strings.Fields(r.Scopes) {
		t.Scopes = append(t.Scopes, Scope(s))
	}
	return t
}

// TokenPrefix starts every token, so that leaked ones are found by scanners.
const TokenPrefix = "bztn_"

const maxTokenLife = 366 * 24 * time.Hour

// NewToken describes a token to be made.
type NewToken struct {
	Name    string
	Scopes  []Scope
	Expires time.Time // zero: never, which only service tokens may have
	User    string    // id or sign-in name of the owner; empty makes a service token, which only the console can
	Quota   Quota
}

// CreateToken makes a token for the tenant and returns its secret, which is not kept. A user makes tokens for themself only: they can do what the user can, at
// most, at the time they are used. An administrator's token makes tokens of its own kind. The scope ingest takes settings.core.manage, since it feeds the lake.
func (s *Service) CreateToken(ctx context.Context, by *Principal, id tenant.ID, n NewToken) (*Token, string, error) {
	if err := s.checkTenant(ctx, id); err != nil {
		return nil, "", err
	}
	if n.Name = strings.TrimSpace(n.Name); n.Name == "" || utf8.RuneCountInString(n.Name) > 100 || !utf8.ValidString(n.Name) {
		return nil, "", fault.Newf(fault.Invalid, "a token needs a name of at most 100 characters").On("name")
	}
	if len(n.Scopes) == 0 {
		return nil, "", fault.Newf(fault.Invalid, "a token needs at least one scope: read, write, hunt, ingest or admin").On("scopes")
	}
	names := make([]string, 0, len(n.Scopes))
	for _, scope := range n.Scopes {
		if scope.bit() == 0 {
			return nil, "", fault.Newf(fault.Invalid, "there is no scope %q: read, write, hunt, ingest or admin", scope).On("scopes")
		}
		names = append(names, string(scope))
	}
	if err := n.Quota.check(); err != nil {
		return nil, "", err
	}
	now := s.now()
	if !n.Expires.IsZero() && !n.Expires.After(now) {
		return nil, "", fault.Newf(fault.Invalid, "the token would have expired already").On("expires")
	}
	owner, err := s.owner(ctx, by, id, n)
	if err != nil {
		return nil, "", err
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	secret := TokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	row := &tokenRow{
		Tenant: id, ID: ulid.Make().String(), Hash: hashToken(secret), Name: n.Name, UserID: owner, Scopes: strings.Join(names, " "),
		Created: state.At(now), CreatedBy: by.Name, Expires: state.At(n.Expires),
		QuotaRecords: n.Quota.RecordsPerMinute, QuotaBytes: n.Quota.BytesPerDay,
	}
	if n.Expires.IsZero() {
		row.Expires = state.Time{}
	}
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "token.create", Target: row.ID, Details: map[string]any{"name": n.Name, "scopes": names, "user": owner}})
	})
	if err != nil {
		return nil, "", err
	}
	return row.token(), secret, nil
}

// owner checks that by may make the token and returns the id of the user it belongs to.
func (s *Service) owner(ctx context.Context, by *Principal, id tenant.ID, n NewToken) (string, error) {
	if by == nil || by.Kind == KindNobody || by.MustChange || !by.Member(id) {
		return "", fault.Newf(fault.Permission, "you may not make tokens for tenant %s", id)
	}
	if by.Kind == KindConsole {
		if n.User == "" {
			return "", nil
		}
		row, _, err := s.member(ctx, id, n.User)
		if err != nil {
			return "", err
		}
		return row.ID, nil
	}
	if by.Kind != KindUser {
		if !by.HasScope(ScopeAdmin) {
			return "", fault.Newf(fault.Permission, "a token makes tokens only with the scope admin").On("scope")
		}
		if err := by.Require(id, RolesManage); err != nil {
			return "", err
		}
	}
	switch {
	case n.User != "" && n.User != by.UserID && normalName(n.User) != by.Name:
		return "", fault.Newf(fault.Permission, "a token can be made for oneself only").On("user")
	case n.Expires.IsZero() || n.Expires.After(s.now().Add(maxTokenLife)):
		return "", fault.Newf(fault.Invalid, "a token has to expire within a year").On("expires")
	}
	for _, scope := range n.Scopes {
		if scope == ScopeIngest {
			if err := by.Require(id, CoreManage); err != nil {
				return "", err
			}
		}
	}
	return by.UserID, nil
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Tokens lists the principal's own tokens of the tenant; whoever reads authorization sees those of all, service tokens included. Newest first.
func (s *Service) Tokens(ctx context.Context, by *Principal, id tenant.ID) ([]*Token, error) {
	if !by.Member(id) || by.MustChange {
		return nil, by.Require(id, RolesRead)
	}
	var rows []tokenRow
	q := s.db.NewSelect().Model(&rows).Where("tenant_id = ?", id).Order("id DESC")
	if !by.Can(id, RolesRead) {
		if by.UserID == "" {
			return nil, by.Require(id, RolesRead)
		}
		q = q.Where("user_id = ?", by.UserID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]*Token, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].token())
	}
	return out, nil
}

// RevokeToken removes a token: one's own, or any of the tenant for whoever manages authorization.
func (s *Service) RevokeToken(ctx context.Context, by *Principal, id tenant.ID, token string) error {
	if !by.Member(id) || by.MustChange {
		return by.Require(id, RolesManage)
	}
	q := s.db.NewDelete().Model((*tokenRow)(nil)).Where("tenant_id = ? AND id = ?", id, token)
	if !by.Can(id, RolesManage) {
		if by.UserID == "" {
			return by.Require(id, RolesManage)
		}
		q = q.Where("user_id = ?", by.UserID)
	}
	res, err := q.Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fault.Newf(fault.NotFound, "there is no token %s", token))
	}
	return s.Audit(ctx, id, by, Entry{Action: "token.revoke", Target: token})
}

// SetQuota bounds what a token delivers. Whoever manages the core settings sets quotas; the zero Quota takes the bounds away.
func (s *Service) SetQuota(ctx context.Context, by *Principal, id tenant.ID, token string, q Quota) error {
	if err := by.Require(id, CoreManage); err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return err
	}
	return s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewUpdate().Model((*tokenRow)(nil)).Set("quota_records = ?", q.RecordsPerMinute).Set("quota_bytes = ?", q.BytesPerDay).
			Where("tenant_id = ? AND id = ?", id, token).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.Newf(fault.NotFound, "there is no token %s", token))
		}
		return s.AuditTx(ctx, tx, id, by, Entry{Action: "token.quota", Target: token, Details: map[string]any{"recordsPerMinute": q.RecordsPerMinute, "bytesPerDay": q.BytesPerDay}})
	})
}

// TokenQuotas are the quotas of the tenant's tokens that have one, by token.
func (s *Service) TokenQuotas(ctx context.Context, id tenant.ID) (map[string]Quota, error) {
	var rows []tokenRow
	if err := s.db.NewSelect().Model(&rows).Where("tenant_id = ? AND (quota_records > 0 OR quota_bytes > 0)", id).Scan(ctx); err != nil {
		return nil, err
	}
	out := make(map[string]Quota, len(rows))
	for i := range rows {
		out[rows[i].ID] = rows[i].quota()
	}
	return out, nil
}

// TokenQuota is the quota of one token, the zero Quota when there is none.
func (s *Service) TokenQuota(ctx context.Context, id tenant.ID, token string) (Quota, error) {
	row := new(tokenRow)
	err := s.db.NewSelect().Model(row).Where("tenant_id = ? AND id = ?", id, token).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Quota{}, nil
	}
	return row.quota(), err
}

// TokenPrincipal returns who acts with the token, or fault.Unauthorized when there is no such token, it expired, or its owner is gone, disabled or no longer a
// member of the tenant.
func (s *Service) TokenPrincipal(ctx context.Context, secret string) (*Principal, error) {
	if !strings.HasPrefix(secret, TokenPrefix) || len(secret) > 100 {
		return nil, errToken()
	}
	return s.tokenPrincipal(ctx, "hash = ?", hashToken(secret))
}

// TokenMayDeliver reports whether the token exists, has not expired, and has the scope ingest.
func (s *Service) TokenMayDeliver(ctx context.Context, id tenant.ID, token string) bool {
	p, err := s.tokenPrincipal(ctx, "tenant_id = ? AND id = ?", id, token)
	return err == nil && p.HasScope(ScopeIngest)
}

func errToken() error {
	return fault.Newf(fault.Unauthorized, "the token is not valid, or has expired")
}

func (s *Service) tokenPrincipal(ctx context.Context, where string, args ...any) (*Principal, error) {
	row := new(tokenRow)
	err := s.db.NewSelect().Model(row).Where(where, args...).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errToken()
	}
	if err != nil {
		return nil, err
	}
	now := s.now()
	if !row.Expires.IsZero() && !row.Expires.After(now) {
		return nil, errToken()
	}
	p := &Principal{Kind: KindToken, Name: "token " + row.Name, TokenID: row.ID, TokenName: row.Name, Quota: row.quota(), Home: row.Tenant}
	for _, scope := range strings.Fields(row.Scopes) {
		p.scopes |= Scope(scope).bit()
	}
	if row.UserID == "" {
		p.grants = map[tenant.ID]Grants{row.Tenant: scopeGrants()}
	} else {
		owner, err := s.principalOf(ctx, row.UserID)
		if err != nil {
			return nil, err
		}
		if owner.MustChange || !owner.Member(row.Tenant) {
			return nil, errToken()
		}
		p.UserID, p.DisplayName, p.Name = owner.UserID, owner.DisplayName, owner.Name
		p.roles = map[tenant.ID][]string{row.Tenant: owner.roles[row.Tenant]}
		p.grants = map[tenant.ID]Grants{row.Tenant: owner.grants[row.Tenant]} // never beyond the token's tenant
		if devices, ok := owner.devices[row.Tenant]; ok {
			p.devices = map[tenant.ID][]string{row.Tenant: devices}
		}
	}
	if now.Sub(row.LastUsed.Time) > touch {
		if _, err := s.db.NewRaw("UPDATE api_tokens SET last_used = ? WHERE tenant_id = ? AND id = ?", state.At(now), row.Tenant, row.ID).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}
