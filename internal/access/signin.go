package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state"
	"github.com/bartizan-sec/bartizan/internal/tenant"
)

// SignIn checks a name and a password and returns the user. What was wrong is not said. Each try counts before the password is looked at, by name and address
// together, by name, and by address (tenfold), so that tries at the same time do not slip through; too many are fault.Busy with "retryAfter" in seconds.
func (s *Service) SignIn(ctx context.Context, name, password, address string) (*User, error) {
	name = normalName(name)
	from := addressKey(address)
	if !nameShape.MatchString(name) {
		name = "?" // counts, and matches nobody
	}
	counters := []struct {
		subject string
		limit   int
	}{
		{"name " + name + " from " + from, s.opt.Attempts}, {"name " + name, 10 * s.opt.Attempts}, {"from " + from, 10 * s.opt.Attempts},
	}
	for _, c := range counters {
		if err := s.count(ctx, c.subject, c.limit); err != nil {
			return nil, err
		}
	}
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("name = ?", name).Scan(ctx)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	hash, err := s.decoy()
	if err != nil {
		return nil, err
	}
	if known {
		hash = row.Password
	}
	right, err := s.matches(ctx, password, hash)
	if err != nil {
		return nil, err
	}
	who := &Principal{Kind: KindNobody, Name: name, Address: address}
	if !known || !right || row.Disabled != 0 {
		home := tenant.Default
		if known {
			home = row.HomeTenant
		}
		if err := s.Audit(ctx, home, who, Entry{Action: "user.signIn", Target: name, Failed: true}); err != nil {
			return nil, err
		}
		return nil, fault.Newf(fault.Unauthorized, "the name or the password is wrong, or the account is disabled")
	}
	// The address stays counted: whoever owns one account must not get unlimited tries at others.
	if _, err := s.db.NewRaw("DELETE FROM sign_in_failures WHERE subject IN (?, ?)", counters[0].subject, counters[1].subject).Exec(ctx); err != nil {
		return nil, err
	}
	row.LastSignIn = state.At(s.now())
	if _, err := s.db.NewUpdate().Model(row).Column("last_sign_in").WherePK().Exec(ctx); err != nil {
		return nil, err
	}
	who.Kind, who.UserID = KindUser, row.ID
	return row.user(nil), s.Audit(ctx, row.HomeTenant, who, Entry{Action: "user.signIn", Target: name})
}

// count adds one try and fails when the subject has had more than limit within the window.
func (s *Service) count(ctx context.Context, subject string, limit int) error {
	now := s.now()
	old := now.Add(-s.opt.Window).UnixMicro()
	var failures, since int64
	err := s.db.NewRaw(`INSERT INTO sign_in_failures (subject, failures, since) VALUES (?, 1, ?)
		ON CONFLICT (subject) DO UPDATE SET
			failures = CASE WHEN sign_in_failures.since < ? THEN 1 ELSE sign_in_failures.failures + 1 END,
			since = CASE WHEN sign_in_failures.since < ? THEN excluded.since ELSE sign_in_failures.since END
		RETURNING failures, since`, subject, now.UnixMicro(), old, old).Scan(ctx, &failures, &since)
	if err != nil {
		return err
	}
	if failures <= int64(limit) {
		return nil
	}
	wait := time.UnixMicro(since).Add(s.opt.Window).Sub(now).Round(time.Second)
	e := fault.Newf(fault.Busy, "too many failed sign-ins; try again in %s", wait)
	e.Details = map[string]any{"retryAfter": max(1, int(wait.Seconds()))}
	return e
}

// ChangePassword changes a user's own password. The current one has to be given; of two changes at the same time one wins. All other sessions of the user end.
func (s *Service) ChangePassword(ctx context.Context, p *Principal, current, password string) error {
	if p == nil || p.Kind != KindUser {
		return fault.Newf(fault.Permission, "only a signed-in user can change the password")
	}
	if err := s.count(ctx, "password of "+p.Name, s.opt.Attempts); err != nil {
		return err
	}
	row := new(userRow)
	if err := s.db.NewSelect().Model(row).Where("id = ?", p.UserID).Scan(ctx); err != nil {
		return err
	}
	right, err := s.matches(ctx, current, row.Password)
	if err != nil {
		return err
	}
	if !right {
		return fault.Newf(fault.Invalid, "the current password is wrong").On("current")
	}
	if current == password {
		return fault.Newf(fault.Invalid, "the new password is the old one").On("password")
	}
	if err := checkPassword(row.Name, password); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	res, err := s.db.NewRaw("UPDATE users SET password = ?, must_change = 0, epoch = epoch + 1, changed = ? WHERE id = ? AND password = ?",
		hash, state.At(s.now()), row.ID, row.Password).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, fault.Newf(fault.Conflict, "the password was changed by somebody else in the meantime"))
	}
	if _, err := s.db.NewRaw("DELETE FROM sign_in_failures WHERE subject = ?", "password of "+p.Name).Exec(ctx); err != nil {
		return err
	}
	return s.Audit(ctx, row.HomeTenant, p, Entry{Action: "user.changePassword", Target: row.Name})
}

// ResetPassword gives an account a random password that has to be changed at the next sign-in and enables it again: the way back in for whoever has the data
// folder.
func (s *Service) ResetPassword(ctx context.Context, by *Principal, name string) (string, error) {
	if by == nil || by.Kind != KindConsole {
		return "", fault.Newf(fault.Permission, "a password can be reset on the console only")
	}
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("name = ?", normalName(name)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.Newf(fault.NotFound, "there is no user %s", name)
	}
	if err != nil {
		return "", err
	}
	password := randomPassword()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	_, err = s.db.NewRaw("UPDATE users SET password = ?, must_change = 1, disabled = 0, epoch = epoch + 1, changed = ? WHERE id = ?",
		hash, state.At(s.now()), row.ID).Exec(ctx)
	if err != nil {
		return "", err
	}
	for _, subject := range []string{"name " + row.Name, "password of " + row.Name} {
		if _, err := s.db.NewRaw("DELETE FROM sign_in_failures WHERE subject = ? OR subject LIKE ?", subject, subject+" from %").Exec(ctx); err != nil {
			return "", err
		}
	}
	if err := s.Audit(ctx, row.HomeTenant, by, Entry{Action: "user.resetPassword", Target: row.Name}); err != nil {
		return "", fmt.Errorf("the password was reset, but: %w", err)
	}
	return password, nil
}

// principalOf reads the user and its grants as they are now.
func (s *Service) principalOf(ctx context.Context, user string) (*Principal, error) {
	row := new(userRow)
	err := s.db.NewSelect().Model(row).Where("id = ?", user).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.Disabled != 0 {
		return nil, errSignedOut()
	}
	if err != nil {
		return nil, err
	}
	h, err := s.held(ctx, user)
	if err != nil {
		return nil, err
	}
	p := &Principal{
		Kind: KindUser, UserID: row.ID, Name: row.Name, DisplayName: row.DisplayName, Home: row.HomeTenant, MustChange: row.MustChange != 0,
		roles: h.roles, grants: h.grants, devices: h.devices, scopes: AllScopes, epoch: row.Epoch,
	}
	return p, nil
}

func errSignedOut() error {
	return fault.Newf(fault.Unauthorized, "nobody is signed in, or the sign-in has ended")
}
