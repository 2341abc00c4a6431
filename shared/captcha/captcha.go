// Package captcha is the built-in CAPTCHA: a signed proof of work in the form of ALTCHA, version 1 (api.md "CAPTCHA").
// It costs whoever answers a second of work, tracks nobody, and asks nobody to look at pictures.
//
// The server makes a [Challenge] and keeps nothing. The client tries numbers until the SHA-256 of salt and number is
// the challenge ([Solve]), and sends base64 of
//
//	{"algorithm", "challenge", "number", "salt", "signature"}
//
// The salt says what the challenge is for, and until when; it is signed, so [Verify] trusts it. A challenge is good for
// one purpose in one account, for [Lifetime], and once: that last is for the caller to see to, by a record under the id
// that Verify gives, which must be absent.
//
// All of it is safe for concurrent use.
package captcha

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// Lifetime is how long a challenge can be answered (api.md "CAPTCHA").
	Lifetime = 10 * time.Minute

	// MaxNumber is the largest number that a challenge can ask for. On average half of them are tried: 25,000 hashes,
	// which takes about a second in a phone's browser, and 10 ms in a program: it makes guessing dear, not impossible.
	MaxNumber = 50_000

	algorithm  = "SHA-256"
	nonceSize  = 16   // bytes; so many that no id occurs twice
	minKeySize = 32   // bytes (RFC 2104, section 3: not less than the hash)
	maxAnswer  = 2048 // bytes of base64; one that was made here has about 500
)

var (
	// ErrWrong says that an answer is not the solution of a live challenge for that purpose and account. Why, nobody is
	// told.
	ErrWrong = errors.New("captcha: wrong answer")

	errKey = errors.New("captcha: the key is too short")
)

// Challenge asks for the number from 0 to MaxNumber whose SHA-256, written in decimal behind Salt, is Challenge.
type Challenge struct {
	Algorithm string `json:"algorithm"` // "SHA-256"
	Challenge string `json:"challenge"` // hex
	Salt      string `json:"salt"`      // see salt
	MaxNumber int    `json:"maxnumber"`
	Signature string `json:"signature"` // hex; opaque to clients
}

// New makes a challenge for a purpose in an account. key has 32 bytes or more and is used for nothing else. 24 bytes
// are read from random; an error is random's, wrapped, or says that key is too short.
func New(key []byte, purpose, accountID string, random io.Reader, now time.Time) (Challenge, error) {
	if len(key) < minKeySize {
		return Challenge{}, errKey
	}
	b := make([]byte, nonceSize+8)
	if _, err := io.ReadFull(random, b); err != nil {
		return Challenge{}, fmt.Errorf("read randomness: %w", err)
	}
	// The remainder of 64 bits favours small numbers by less than one in 10^14.
	number := int(binary.BigEndian.Uint64(b[nonceSize:]) % (MaxNumber + 1))
	s := salt{
		id: hex.EncodeToString(b[:nonceSize]), purpose: purpose, accountID: accountID,
		expires: now.Add(Lifetime), maxNumber: MaxNumber,
	}.String()
	c := Challenge{Algorithm: algorithm, Challenge: hash(s, number), Salt: s, MaxNumber: MaxNumber}
	c.Signature = sign(key, c.Algorithm, c.Challenge, c.Salt)
	return c, nil
}

// Verify checks an answer to a challenge that New made with the same key, purpose and accountID. id names the
// challenge, for the record that it was used, which is to be kept until expires; answers that differ in form have one
// id if their challenge is one. An error is ErrWrong, or says that key is too short, in which case nothing is right.
func Verify(key []byte, answer, purpose, accountID string, now time.Time) (id string, expires time.Time, err error) {
	if len(key) < minKeySize {
		return "", time.Time{}, errKey
	}
	a, ok := readAnswer(answer)
	if !ok || a.Algorithm != algorithm {
		return "", time.Time{}, ErrWrong
	}
	want := sign(key, a.Algorithm, a.Challenge, a.Salt)
	if subtle.ConstantTimeCompare([]byte(want), []byte(a.Signature)) != 1 {
		return "", time.Time{}, ErrWrong
	}
	// From here on challenge and salt are ours. What they are for, and whether the work was done, remains to be seen.
	s, ok := parseSalt(a.Salt)
	if !ok || s.purpose != purpose || s.accountID != accountID || !now.Before(s.expires) {
		return "", time.Time{}, ErrWrong
	}
	if a.Number < 0 || a.Number > s.maxNumber || hash(a.Salt, a.Number) != a.Challenge {
		return "", time.Time{}, ErrWrong
	}
	return s.id, s.expires, nil
}

// Solve finds the answer to a challenge: the client's side, for programs and tests; pages have it in script. It tries
// up to c.MaxNumber+1 numbers and gives "" if none is right.
func Solve(c Challenge) (answer string) {
	for n := range c.MaxNumber + 1 {
		if hash(c.Salt, n) == c.Challenge {
			return solution{c.Algorithm, c.Challenge, n, c.Salt, c.Signature}.encode()
		}
	}
	return ""
}

// salt is what a challenge says of itself, in the text that is hashed with the number. As text it has the form that
// ALTCHA's clients know, ID?account=…&expires=…&maxnumber=…&purpose=…&, with values escaped as in a URL, so that none
// can be read as two.
//
// It ends in "&", so it is plain where the number begins: without that, the last digit of the expiry could be moved
// into the number, or the number's first into the expiry, and the hash would be the same
// (https://altcha.org/security-advisory, of December 2025). The signature covers the salt besides. The largest number
// stands in it so that challenges which are out outlive a change of MaxNumber.
type salt struct {
	id                 string
	purpose, accountID string
	expires            time.Time // whole seconds
	maxNumber          int
}

func (s salt) String() string {
	return s.id + "?" + url.Values{
		"account":   {s.accountID},
		"expires":   {strconv.FormatInt(s.expires.Unix(), 10)},
		"maxnumber": {strconv.Itoa(s.maxNumber)},
		"purpose":   {s.purpose},
	}.Encode() + "&"
}

// parseSalt reads what String wrote, and nothing else: what it reads would be written the same.
func parseSalt(text string) (salt, bool) {
	id, query, _ := strings.Cut(text, "?")
	v, err := url.ParseQuery(strings.TrimSuffix(query, "&"))
	if err != nil {
		return salt{}, false
	}
	expires, errExpires := strconv.ParseInt(v.Get("expires"), 10, 64)
	maxNumber, errMax := strconv.Atoi(v.Get("maxnumber"))
	s := salt{
		id: id, purpose: v.Get("purpose"), accountID: v.Get("account"),
		expires: time.Unix(expires, 0).UTC(), maxNumber: maxNumber,
	}
	return s, errExpires == nil && errMax == nil && s.String() == text
}

// solution is an answer before it is base64.
type solution struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	Number    int    `json:"number"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

func (a solution) encode() string {
	raw, err := json.Marshal(a)
	if err != nil {
		return "" // strings and a number cannot fail
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// readAnswer reads an answer strictly: standard base64 of one JSON object with each field once, named exactly so. Of
// others it allows "took" alone, the milliseconds that ALTCHA's own widget adds, and ignores it.
func readAnswer(answer string) (a solution, ok bool) {
	if len(answer) > maxAnswer {
		return solution{}, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(answer)
	if err != nil {
		return solution{}, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return solution{}, false
	}
	var took json.Number
	fields := map[string]any{
		"algorithm": &a.Algorithm, "challenge": &a.Challenge, "number": &a.Number, "salt": &a.Salt,
		"signature": &a.Signature, "took": &took,
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return solution{}, false
		}
		key, _ := name.(string)
		into, known := fields[key]
		delete(fields, key) // so that it is unknown the second time
		var value json.RawMessage
		if !known || d.Decode(&value) != nil || string(value) == "null" || json.Unmarshal(value, into) != nil {
			return solution{}, false
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return solution{}, false
	}
	delete(fields, "took")
	_, err = d.Token()
	return a, len(fields) == 0 && err == io.EOF
}

// hash is the work of one try.
func hash(salt string, number int) string {
	sum := sha256.Sum256([]byte(salt + strconv.Itoa(number)))
	return hex.EncodeToString(sum[:])
}

// sign is HMAC-SHA-256 over all fields, each after its length, so that nothing can move from one into the next.
func sign(key []byte, fields ...string) string {
	h := hmac.New(sha256.New, key)
	for _, f := range fields {
		fmt.Fprintf(h, "%d:%s", len(f), f)
	}
	return hex.EncodeToString(h.Sum(nil))
}
