// Package totp is about time-based one-time passwords (RFC 6238): which time step a code belongs to (this file), and
// what an authenticator app is told (provisioning.go). It keeps nothing and has no clock; all of it is safe for
// concurrent use.
//
// The codes come from the generator of github.com/pquerna/otp, with explicit counters. Its Validate is not used: it
// takes a tolerance in whole steps (three minutes, at a period of 60 s), trims what was typed, accepts an empty secret,
// and does not tell which step matched, so that nobody could see to it that a code is accepted once.
package totp

import (
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Algorithm is the hash function of a credential.
type Algorithm string

// The algorithms (RFC 6238, section 1.2).
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

// Tolerance is how far an operator's clock may be off, each way (behaviour 6.2).
const Tolerance = 30 * time.Second

// Sizes of secrets in bytes.
const (
	SecretSize    = 20 // of a new one (RFC 4226, section 4, R6, recommends 160 bits)
	MinSecretSize = 16 // with less, no code matches (R6 requires 128 bits)
)

// Secret is the key that an app or a token shares with Postern. Printed, logged or marshalled as text or JSON it shows
// "[redacted]"; an unexported field of this type is out of its reach.
type Secret []byte

// Format writes "[redacted]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText gives "[redacted]", which is also what encoding/json and log/slog show.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// NewSecret makes a secret of SecretSize bytes read from random. An error is random's, wrapped.
func NewSecret(random io.Reader) ([]byte, error) {
	s := make([]byte, SecretSize)
	if _, err := io.ReadFull(random, s); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return s, nil
}

// Credential is what codes are computed from and compared with. It is a value: no method changes it. One that is out of
// the ranges below has no codes, so nothing matches.
type Credential struct {
	Secret    Secret        // MinSecretSize bytes or more
	Period    time.Duration // 30 s or 60 s
	Digits    int           // 6 to 8
	Algorithm Algorithm     // empty: SHA1
	LastStep  int64         // the last step that was accepted, counted from 1970 by the device, 0 or above; 0: none yet
	Drift     time.Duration // how far the device's clock is ahead of ours; 0 for apps (see drift.go)
}

// Match reports which time step code belongs to, of those that the interval from now-Tolerance to now+Tolerance, by the
// device's clock, touches: two steps of 60 s, three of 30 s (RFC 6238, section 5.2). code is c.Digits ASCII digits, spaces
// already removed (see [Clean]); anything else matches nothing. A step not after c.LastStep never matches: a code is good once.
//
// The time taken depends on neither code nor outcome. Match changes nothing; whoever lets the operator in stores step
// in the same commit, on condition that LastStep is still what it was.
func (c Credential) Match(code string, now time.Time) (step int64, ok bool) {
	step, ok = c.find(code, now, Tolerance)
	if !ok || step <= c.LastStep {
		return 0, false
	}
	return step, true
}

// Replayed reports whether code would match, but for its step, which is not after c.LastStep. It opens nothing; but
// whoever typed it did not guess, so it is not to be counted among wrong codes (behaviour 6.3): people press a button
// twice.
func (c Credential) Replayed(code string, now time.Time) bool {
	step, ok := c.find(code, now, Tolerance)
	return ok && step <= c.LastStep
}

// find compares code with those of all steps within a tolerance, always all of them. Of two steps that happen to have the same
// code the later one counts.
func (c Credential) find(code string, now time.Time, tolerance time.Duration) (step int64, ok bool) {
	if c.Period != 30*time.Second && c.Period != 60*time.Second {
		return 0, false
	}
	now = now.Add(c.Drift)
	for s := stepAt(now.Add(-tolerance), c.Period); s <= stepAt(now.Add(tolerance), c.Period); s++ {
		want := c.Code(s)
		if want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// stepAt is the step that t stands in.
func stepAt(t time.Time, period time.Duration) int64 { return t.Unix() / int64(period/time.Second) }

// Code computes the code of a step (RFC 6238, section 4). It is "" for a step below 0 and for a credential out of
// range; the period plays no part.
func (c Credential) Code(step int64) string {
	algorithm, known := map[Algorithm]otp.Algorithm{
		"": otp.AlgorithmSHA1, SHA1: otp.AlgorithmSHA1, SHA256: otp.AlgorithmSHA256, SHA512: otp.AlgorithmSHA512,
	}[c.Algorithm]
	if !known || step < 0 || c.Digits < 6 || c.Digits > 8 || len(c.Secret) < MinSecretSize {
		return ""
	}
	code, err := hotp.GenerateCodeCustom(Base32(c.Secret), uint64(step), hotp.ValidateOpts{
		Digits: otp.Digits(c.Digits), Algorithm: algorithm,
	})
	if err != nil {
		return "" // only a secret that is not base32 could fail
	}
	return code
}

// Detect finds out in which period an app counts that was told 60 seconds: in that one, or in 30 as some do whatever
// they are told (behaviour 6.2). secret and code are those of a credential being set up: six digits, SHA1, no step
// accepted yet. ok is false if code is right in neither.
func Detect(secret []byte, code string, now time.Time) (period time.Duration, step int64, ok bool) {
	for _, period := range []time.Duration{60 * time.Second, 30 * time.Second} {
		c := Credential{Secret: secret, Period: period, Digits: 6, Algorithm: SHA1}
		if step, ok := c.Match(code, now); ok {
			return period, step, true
		}
	}
	return 0, 0, false
}

// Clean removes white space around and inside a typed code, as apps show it in groups (api.md "Login names and codes").
// Nothing else is forgiven.
func Clean(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, typed)
}
