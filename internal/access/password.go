package access

import (
	"context"
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// Passwords have 12 to 256 characters. Length is what makes guessing hard, so no kinds of characters are asked for.
const (
	minPassword = 12
	maxPassword = 256
)

func checkPassword(name, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return fault.Newf(fault.Invalid, "the password is not text").On("password")
	case n < minPassword:
		return fault.Newf(fault.Invalid, "the password needs at least %d characters", minPassword).On("password")
	case n > maxPassword:
		return fault.Newf(fault.Invalid, "the password may have at most %d characters", maxPassword).On("password")
	case strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return fault.Newf(fault.Invalid, "the password must not contain the sign-in name").On("password")
	case distinct(password) < 5:
		return fault.Newf(fault.Invalid, "the password repeats the same few characters").On("password")
	}
	for _, r := range password {
		if unicode.IsControl(r) {
			return fault.Newf(fault.Invalid, "the password must not contain control characters").On("password")
		}
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// alphabet of generated passwords leaves out characters that are easily taken for each other. It has 32, so a random byte maps without bias.
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// randomPassword returns 20 characters (100 bits) in groups of five.
func randomPassword() string {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw) // never fails
	var b strings.Builder
	for i, r := range raw {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[int(r)%len(alphabet)])
	}
	return b.String()
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	if err := s.enterHashing(ctx); err != nil {
		return "", err
	}
	defer func() { <-s.hashing }()
	return argon2id.CreateHash(password, s.opt.Hash)
}

func (s *Service) matches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > 4*maxPassword {
		password = "" // cannot be right; compare all the same
	}
	if err := s.enterHashing(ctx); err != nil {
		return false, err
	}
	defer func() { <-s.hashing }()
	return argon2id.ComparePasswordAndHash(password, hash)
}

func (s *Service) enterHashing(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
