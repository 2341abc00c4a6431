// Package captcha is the built-in CAPTCHA: a signed proof of work in the form of ALTCHA, version 1. A challenge is bound to a
// purpose and an account, lives for Lifetime, and is for the caller to accept only once.
package captcha

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// Lifetime is how long a challenge can be answered.
	Lifetime = 10 * time.Minute
	// MaxNumber is how many numbers there are to try. Half of them on average: about 25,000 hashes, which takes a phone
	// around a second in script.
	MaxNumber = 50_000

	algorithm = "SHA-256"
	maxAnswer = 2048 // bytes of base64
)

// ErrWrong says that an answer is not the solution of a live challenge for that purpose and account.
var ErrWrong = errors.New("captcha: wrong answer")

// Challenge asks for the number whose hash behind Salt is Challenge.
type Challenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"` // hex SHA-256 of Salt and the number in decimal
	Salt      string `json:"salt"`      // random, expiry, purpose and account; ends in "&", so that no digit can move into it
	MaxNumber int    `json:"maxnumber"`
	Signature string `json:"signature"` // hex HMAC-SHA-256 over all other fields, each length-delimited
}

type answer struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	Number    int    `json:"number"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// New makes a challenge.
func New(key []byte, purpose, accountID string, random io.Reader, now time.Time) (Challenge, error) {
	nonce := make([]byte, 16)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return Challenge{}, fmt.Errorf("read randomness: %w", err)
	}
	number, err := rand.Int(random, big.NewInt(MaxNumber+1))
	if err != nil {
		return Challenge{}, fmt.Errorf("read randomness: %w", err)
	}
	c := Challenge{Algorithm: algorithm, MaxNumber: MaxNumber}
	c.Salt = hex.EncodeToString(nonce) + "?" + url.Values{
		"account": {accountID}, "expires": {strconv.FormatInt(now.Add(Lifetime).Unix(), 10)}, "purpose": {purpose},
	}.Encode() + "&"
	c.Challenge = hash(c.Salt, int(number.Int64()))
	c.Signature = sign(key, c.Algorithm, c.Challenge, c.Salt, strconv.Itoa(c.MaxNumber))
	return c, nil
}

// Verify checks an answer: base64 of JSON. id names the challenge, for the record that it was used, which is to be kept
// until expires. ErrWrong is all that it tells of a wrong one.
func Verify(key []byte, typed, purpose, accountID string, now time.Time) (id string, expires time.Time, err error) {
	if len(typed) > maxAnswer {
		return "", time.Time{}, ErrWrong
	}
	raw, err := base64.StdEncoding.DecodeString(typed)
	if err != nil {
		return "", time.Time{}, ErrWrong
	}
	var a answer
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&a); err != nil || d.More() {
		return "", time.Time{}, ErrWrong
	}
	want := sign(key, a.Algorithm, a.Challenge, a.Salt, strconv.Itoa(MaxNumber))
	if a.Algorithm != algorithm || !hmac.Equal([]byte(want), []byte(a.Signature)) || hash(a.Salt, a.Number) != a.Challenge {
		return "", time.Time{}, ErrWrong
	}
	nonce, query, _ := strings.Cut(strings.TrimSuffix(a.Salt, "&"), "?")
	v, err := url.ParseQuery(query)
	if err != nil || v.Get("purpose") != purpose || v.Get("account") != accountID {
		return "", time.Time{}, ErrWrong
	}
	at, err := strconv.ParseInt(v.Get("expires"), 10, 64)
	expires = time.Unix(at, 0).UTC()
	if err != nil || !now.Before(expires) {
		return "", time.Time{}, ErrWrong
	}
	return nonce, expires, nil
}

// Solve finds the answer to a challenge: the client's side. It gives "" if there is none.
func Solve(c Challenge) string {
	for n := range c.MaxNumber + 1 {
		if hash(c.Salt, n) == c.Challenge {
			raw, err := json.Marshal(answer{c.Algorithm, c.Challenge, n, c.Salt, c.Signature})
			if err != nil {
				return ""
			}
			return base64.StdEncoding.EncodeToString(raw)
		}
	}
	return ""
}

func hash(salt string, n int) string {
	sum := sha256.Sum256([]byte(salt + strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

func sign(key []byte, fields ...string) string {
	h := hmac.New(sha256.New, key)
	for _, f := range fields {
		fmt.Fprintf(h, "%d:%s", len(f), f)
	}
	return hex.EncodeToString(h.Sum(nil))
}
