package password

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
)

// generatedName stands where others have the name of a slow hash.
const generatedName = "sha256"

// generatedHash is the hash of a password that was drawn by chance, not chosen: of 80 bits and more there are too many to be
// guessed from any hash, so it need not be slow (docs/decisions/0014). It is "$sha256$salt$key", key being SHA-256 over
// salt and password.
type generatedHash struct {
	salt, key []byte
}

// HashGenerated hashes a password that was generated with at least 80 random bits, with a salt from random. It takes next to no
// time: it must never be given a password that somebody chose. Verifying takes as long as for any other (see [Verify]). The error is
// random's.
func HashGenerated(pw string, random io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("read salt: %w", err)
	}
	h := generatedHash{salt: salt}
	h.key = h.derive(pw)
	return h.String(), nil
}

func parseGenerated(encoded string) (hash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 4 {
		return nil, ErrMalformed
	}
	salt, key, err := saltAndKey(fields[2], fields[3], sha256.Size, b64)
	if err != nil {
		return nil, err
	}
	if len(key) != sha256.Size {
		return nil, ErrMalformed
	}
	return generatedHash{salt, key}, nil
}

func (h generatedHash) String() string {
	return "$" + generatedName + "$" + b64.EncodeToString(h.salt) + "$" + b64.EncodeToString(h.key)
}

func (h generatedHash) derive(pw string) []byte {
	sum := sha256.New()
	sum.Write(h.salt)
	sum.Write([]byte(pw))
	return sum.Sum(nil)
}

// matches takes the time of a hash under p for nothing, so that nobody learns from it who has a generated password.
func (h generatedHash) matches(pw string, p Params) bool {
	argon2Hash{id: argon2id, params: p, salt: h.salt}.derive(pw, keySize)
	return subtle.ConstantTimeCompare(h.derive(pw), h.key) == 1
}

// IsGenerated reports whether encoded is the hash that [HashGenerated] made of pw, at once. It is for a password that the program itself
// knows, never for one that somebody typed.
func IsGenerated(encoded, pw string) bool {
	h, err := parse(encoded)
	g, ok := h.(generatedHash)
	return err == nil && ok && subtle.ConstantTimeCompare(g.derive(pw), g.key) == 1
}

// weakerThan: another hash of it would be no harder to guess from.
func (generatedHash) weakerThan(Params) bool { return false }
