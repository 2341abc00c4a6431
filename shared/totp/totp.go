// Package totp is about time-based one-time passwords (RFC 6238): which time step a code belongs to, and what an app is told.
package totp

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Algorithm is the hash of a credential.
type Algorithm string

// The algorithms (RFC 6238, section 1.2).
const (
	SHA1   Algorithm = "SHA1"
	SHA256 Algorithm = "SHA256"
	SHA512 Algorithm = "SHA512"
)

// Tolerance is how far an operator's clock may be off, each way (behaviour 6.2).
const Tolerance = 30 * time.Second

// SecretSize is the size of a new secret, in bytes (RFC 4226, section 4, R6: 160 bits recommended).
const SecretSize = 20

// Credential is what codes are computed from. It is a value; nothing of it changes.
type Credential struct {
	Secret    []byte
	Period    time.Duration // 30 s or 60 s
	Digits    int           // 6 to 8
	Algorithm Algorithm     // empty: SHA1
	LastStep  int64         // the last step that was accepted
}

// Match reports which time step code belongs to, of those that the interval from now-Tolerance to now+Tolerance touches:
// two steps of 60 s, three of 30 s (RFC 6238, section 5.2). code is c.Digits ASCII digits, spaces already removed; anything
// else matches nothing. A step not after c.LastStep never matches: a code is good once. The time taken depends on neither
// code nor outcome. Match changes nothing; whoever lets the operator in stores step in the same commit. It is safe for
// concurrent use.
func (c Credential) Match(code string, now time.Time) (step int64, ok bool) {
	step, ok = c.find(code, now)
	return step, ok && step > c.LastStep
}

// Replayed reports whether code is right, but of a step that is not after the last accepted one: nobody guessed it.
func (c Credential) Replayed(code string, now time.Time) bool {
	step, ok := c.find(code, now)
	return ok && step <= c.LastStep
}

// find compares with every live step, later ones last, so that the latest step that fits is the one.
func (c Credential) find(code string, now time.Time) (step int64, ok bool) {
	period := int64(c.Period / time.Second)
	if period <= 0 || len(c.Secret) == 0 {
		return 0, false
	}
	first := floor(now.Add(-Tolerance).Unix(), period)
	last := floor(now.Add(Tolerance).Unix(), period)
	for s := first; s <= last; s++ {
		want := c.Code(s)
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && want != "" {
			step, ok = s, true
		}
	}
	return step, ok
}

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Code computes the code of a step; "" for a credential that can have none.
func (c Credential) Code(step int64) string {
	algorithm, ok := map[Algorithm]otp.Algorithm{
		"": otp.AlgorithmSHA1, SHA1: otp.AlgorithmSHA1, SHA256: otp.AlgorithmSHA256, SHA512: otp.AlgorithmSHA512,
	}[c.Algorithm]
	if !ok || step < 0 || c.Digits < 6 || c.Digits > 8 {
		return ""
	}
	code, err := hotp.GenerateCodeCustom(Base32(c.Secret), uint64(step), hotp.ValidateOpts{Digits: otp.Digits(c.Digits), Algorithm: algorithm})
	if err != nil {
		return ""
	}
	return code
}

// Clean removes the spaces around and inside a typed code (api.md "Login names and codes").
func Clean(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, typed)
}

// NewSecret makes a secret of SecretSize random bytes.
func NewSecret(random io.Reader) ([]byte, error) {
	s := make([]byte, SecretSize)
	if _, err := io.ReadFull(random, s); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return s, nil
}

// Detect finds out which period the app counts in: 60 seconds as it was told, or 30 as some do whatever they are told
// (behaviour 6.2).
func Detect(secret []byte, code string, now time.Time) (period time.Duration, step int64, ok bool) {
	for _, period := range []time.Duration{time.Minute, 30 * time.Second} {
		if step, ok := (Credential{Secret: secret, Period: period, Digits: 6}).Match(code, now); ok {
			return period, step, true
		}
	}
	return 0, 0, false
}

// Base32 writes a secret as apps take it (RFC 4648, section 6), without padding.
func Base32(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// URI is the provisioning URI that apps read from a QR code. issuer and label are shown by the app.
func URI(issuer, label string, c Credential) string {
	escape := func(s string) string {
		return strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(s, ":", " ")), "+", "%20")
	}
	algorithm := c.Algorithm
	if algorithm == "" {
		algorithm = SHA1
	}
	return "otpauth://totp/" + escape(issuer) + ":" + escape(label) + "?secret=" + Base32(c.Secret) + "&issuer=" + escape(issuer) +
		"&algorithm=" + string(algorithm) + "&digits=" + strconv.Itoa(c.Digits) + "&period=" + strconv.Itoa(int(c.Period/time.Second))
}

// QR draws a URI as an SVG of one path on white, with the quiet zone of four modules that readers need.
func QR(uri string) (svg string, err error) {
	code, err := qr.Encode(uri, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("encode QR code: %w", err)
	}
	const quiet = 4
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && dark(code.At(x+run, y).RGBA()) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	full := size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="QR code" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`, full, full, full, full, path.String()), nil
}

func dark(r, _, _, _ uint32) bool { return r < 0x8000 }
