package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/secret"
	"postern/shared/totp"
)

// CreateToken puts one hardware token into an account.
type CreateToken struct {
	Serial    string
	Secret    secret.Text // as its maker prints it
	Encoding  string      // "base32" or "hex"
	Digits    int         // 0: 6
	Period    int         // seconds; 0: 60
	Algorithm string      // empty: SHA1
}

// CreateToken puts a hardware token into an account, assigned to nobody (behaviour 6.5).
//
// [InputError]; ErrNotFound: no such account; [ConflictError] "token_exists".
func (s *Service) CreateToken(ctx context.Context, by Actor, accountID string, c CreateToken) (TokenView, error) {
	seed, err := c.seed()
	if err != nil {
		return TokenView{}, err
	}
	return commit(ctx, s, func(now time.Time) (TokenView, changes, error) {
		a, t := &account{ID: accountID}, &hardwareToken{AccountID: accountID, Serial: seed.Serial}
		if err := s.get(ctx, a, t); err != nil {
			return TokenView{}, nil, fmt.Errorf("load account and hardware token: %w", err)
		}
		if !a.exists() {
			return TokenView{}, nil, ErrNotFound
		}
		return decideCreateToken(t, by, seed, now, s.random)
	})
}

func decideCreateToken(t *hardwareToken, by Actor, seed totp.Seed, now time.Time, random io.Reader) (TokenView, changes, error) {
	if t.exists() {
		return TokenView{}, nil, &ConflictError{"token_exists", "serial"}
	}
	made, done, err := importToken(t, by, seed, now, random)
	return made.view(), done, err
}

// importToken is pure: a new token in the place of t, and the notice of it.
func importToken(t *hardwareToken, by Actor, seed totp.Seed, now time.Time, random io.Reader) (*hardwareToken, changes, error) {
	made := newHardwareToken(t.AccountID, seed)
	made.stored = t.stored
	n, err := newNotice(NoticeTokenImported, by, t.AccountID, "", now, random, detail{"serial", seed.Serial})
	return made, changes{put(made), put(n)}, err
}

// seed reads and checks what was given.
func (c CreateToken) seed() (totp.Seed, error) {
	s := totp.Seed{Serial: c.Serial, Digits: totp.SeedDigits, Period: totp.SeedPeriod, Algorithm: totp.SHA1}
	if c.Digits != 0 {
		s.Digits = c.Digits
	}
	if c.Period != 0 {
		s.Period = c.Period
	}
	if c.Algorithm != "" {
		s.Algorithm = totp.Algorithm(c.Algorithm)
	}
	if c.Encoding != totp.EncodingBase32 && c.Encoding != totp.EncodingHex {
		return s, &InputError{[]FieldError{{Field: "encoding", Code: "unknown_value"}}}
	}
	var ok bool
	switch s.Secret, ok = totp.DecodeSecret(c.Encoding, c.Secret.Reveal()); {
	case !ok && c.Encoding == totp.EncodingHex:
		return s, &InputError{[]FieldError{{Field: "secret", Code: "not_hex"}}}
	case !ok:
		return s, &InputError{[]FieldError{{Field: "secret", Code: "not_base32"}}}
	}
	if bad := checkSeed(s); len(bad) > 0 {
		return s, &InputError{bad}
	}
	return s, nil
}
