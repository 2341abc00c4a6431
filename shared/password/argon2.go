package password

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	argon2id = "argon2id"
	argon2i  = "argon2i" // imported only

	saltSize = 16 // bytes; RFC 9106, section 3.1
	keySize  = 32 // bytes

	// What is accepted of hashes made elsewhere (RFC 9106, section 3.1, allows more, but nobody has use for it).
	minSalt, maxSalt = 8, 64
	minKey, maxKey   = 16, 64
)

// argon2Hash is an argon2 hash in the PHC string format. The version is 19 (0x13), the only one since 2016.
type argon2Hash struct {
	id        string
	params    Params
	salt, key []byte
}

// b64 refuses trailing bits, so that a hash has one spelling.
var b64 = base64.RawStdEncoding.Strict()

// String gives h in the PHC string format.
func (h argon2Hash) String() string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", h.id, argon2.Version,
		h.params.MemoryKiB, h.params.Passes, h.params.Lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parseArgon2 is strict: whatever does not read the same when it is written again (leading zeros, signs, line breaks,
// another order) is malformed.
func parseArgon2(encoded string) (hash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 {
		return nil, ErrMalformed
	}
	h := argon2Hash{id: fields[1]}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.params.MemoryKiB, &h.params.Passes, &h.params.Lanes); err != nil {
		return nil, ErrMalformed
	}
	var err error
	if h.salt, h.key, err = saltAndKey(fields[4], fields[5], maxKey, b64); err != nil {
		return nil, err
	}
	if h.String() != encoded {
		return nil, ErrMalformed
	}
	if err := h.params.Check(); err != nil {
		return nil, err
	}
	return h, nil
}

func (h argon2Hash) matches(pw string, _ Params) bool {
	return subtle.ConstantTimeCompare(h.derive(pw, len(h.key)), h.key) == 1
}

func (h argon2Hash) weakerThan(p Params) bool {
	return h.id != argon2id || h.params.MemoryKiB < p.MemoryKiB || h.params.Passes < p.Passes ||
		len(h.salt) < saltSize || len(h.key) < keySize
}

// derive spends the cost: argon2 allocates h.params.MemoryKiB each time and leaves it to the garbage collector.
func (h argon2Hash) derive(pw string, size int) []byte {
	p := h.params
	if h.id == argon2i {
		return argon2.Key([]byte(pw), h.salt, p.Passes, p.MemoryKiB, p.Lanes, uint32(size))
	}
	return argon2.IDKey([]byte(pw), h.salt, p.Passes, p.MemoryKiB, p.Lanes, uint32(size))
}
