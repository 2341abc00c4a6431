package password

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Params say what a hash costs. They stand in the hash itself, so that they can be raised at any time.
type Params struct {
	MemoryKiB uint32 // working memory of one hash, in KiB; at least 8 for each lane
	Passes    uint32 // passes over that memory; at least 1
	Lanes     uint8  // threads that one hash may keep busy; at least 1
}

// DefaultParams is the least that OWASP's Password Storage Cheat Sheet recommends for argon2id. More memory would not
// help as much as it costs: it is what a function or a small machine has least of, and the gate lets as many run at once
// as there are cores.
var DefaultParams = Params{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

// Limits on the cost of a hash that is read. A stored or imported hash says itself what it costs to verify, so whoever
// can write one could otherwise ask for any amount of memory or time. RFC 9106's second recommendation (64 MiB, 3 passes,
// 4 lanes) is well within.
const (
	maxMemoryKiB = 128 * 1024 // 128 MiB
	maxWorkKiB   = 512 * 1024 // memory times passes: about half a second
	maxLanes     = 16
)

var (
	// ErrMalformed means that a hash is of no known form. Its text is not in the error.
	ErrMalformed = errors.New("malformed password hash")
	// ErrTooCostly means that a hash asks for more memory or time than is allowed here. Nothing was spent on it.
	ErrTooCostly = errors.New("password hash costs too much")
)

// Check reports whether p can be used: [ErrTooCostly] or [ErrMalformed] if not.
func (p Params) Check() error {
	switch {
	case p.Lanes < 1 || p.Passes < 1 || p.MemoryKiB < 8*uint32(p.Lanes):
		return ErrMalformed
	case p.Lanes > maxLanes || p.MemoryKiB > maxMemoryKiB || p.Passes > maxWorkKiB/p.MemoryKiB:
		return ErrTooCostly
	}
	return nil
}

// Hash hashes pw under p with a salt from random and gives it in the PHC string format,
// "$argon2id$v=19$m=19456,t=2,p=1$salt$key" (argon2id: RFC 9106). It takes the whole cost of p: a program that answers
// requests calls [Hasher.Hash] instead. The error is p's, or random's.
func Hash(pw string, p Params, random io.Reader) (string, error) {
	if err := p.Check(); err != nil {
		return "", fmt.Errorf("hash parameters: %w", err)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("read salt: %w", err)
	}
	h := argon2Hash{id: argon2id, params: p, salt: salt}
	h.key = h.derive(pw, keySize)
	return h.String(), nil
}

// Verify reports whether encoded, a hash of ours or of a kind that [CheckHash] names, is one of pw, comparing in time that
// does not depend on the outcome, and whether it is weaker than p, so that it should be made anew now that the password is
// at hand. It takes the whole cost of encoded, which for one of [HashGenerated] is made up to that of p: a program that answers
// requests calls [Hasher.Verify] instead.
//
// The error is [ErrMalformed] or [ErrTooCostly], both before anything was spent.
func Verify(encoded, pw string, p Params) (ok, weak bool, err error) {
	h, err := parse(encoded)
	if err != nil {
		return false, false, err
	}
	return h.matches(pw, p), h.weakerThan(p), nil
}

// hash is a stored password hash that was read and is within the limits.
type hash interface {
	// matches spends the cost of the hash, or of p if it has none, and compares in constant time.
	matches(pw string, p Params) bool
	// weakerThan reports whether the hash should be replaced by one under p.
	weakerThan(p Params) bool
}

// maxEncoded is longer than any hash that we accept, so that parsing is cheap whatever comes.
const maxEncoded = 512 // bytes

// parse reads a hash of any kind that we know by the name between its first two dollar signs.
func parse(encoded string) (hash, error) {
	if len(encoded) > maxEncoded || !strings.HasPrefix(encoded, "$") {
		return nil, ErrMalformed
	}
	id, _, _ := strings.Cut(encoded[1:], "$")
	switch id {
	case argon2id, argon2i:
		return parseArgon2(encoded)
	case "2a", "2b", "2y":
		return parseBcrypt(encoded)
	case generatedName:
		return parseGenerated(encoded)
	case "scrypt":
		return parseScrypt(encoded)
	case "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2(encoded)
	}
	return nil, ErrMalformed
}
