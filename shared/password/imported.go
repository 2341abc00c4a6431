package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	stdhash "hash"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// Hashes that other programs made are read so that operators can be imported with them (details 30). None is ever made
// here: each counts as weaker than ours, so it is replaced when its operator next logs in.

// Limits on their cost, for the reason given at maxMemoryKiB. Each is about a second's work at most, and allows what OWASP's
// Password Storage Cheat Sheet recommends.
const (
	maxBcryptCost  = 14
	maxScryptBytes = 128 << 20 // of memory, all lanes one after another: 128 N r p
	maxScryptLanes = 16
	maxIterations  = 2_000_000 // of PBKDF2
)

// CheckHash reports whether encoded is a hash of a chosen password that [Verify] can read: argon2id as ours, argon2i, bcrypt ($2a$,
// $2b$, $2y$), scrypt ("$scrypt$ln=16,r=8,p=1$salt$key") or PBKDF2 ("$pbkdf2-sha256$iterations$salt$key", and -sha512; base64
// without padding). It spends nothing. The error is [ErrMalformed] or [ErrTooCostly].
func CheckHash(encoded string) error {
	h, err := parse(encoded)
	if _, fast := h.(generatedHash); fast {
		return ErrMalformed // no slow hash: nobody may bring one
	}
	return err
}

// bcryptHash is a bcrypt hash as it stands. bcrypt knows the first 72 bytes of a password only, so until it is replaced a
// longer one matches by its beginning, as it did where it comes from.
type bcryptHash string

// bcryptForm is compiled when a hash is first looked at: programs that never do start without it.
var bcryptForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$2[aby]\$[0-3][0-9]\$[./A-Za-z0-9]{53}$`) })

func parseBcrypt(encoded string) (hash, error) {
	if !bcryptForm().MatchString(encoded) {
		return nil, ErrMalformed
	}
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil {
		return nil, ErrMalformed
	}
	if cost > maxBcryptCost {
		return nil, ErrTooCostly
	}
	return bcryptHash(encoded), nil
}

func (h bcryptHash) String() string { return string(h) }

func (h bcryptHash) matches(pw string, _ Params) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), []byte(pw)) == nil
}

func (bcryptHash) weakerThan(Params) bool { return true }

// scryptHash is as passlib writes it.
type scryptHash struct {
	logN, r, p int
	salt, key  []byte
}

func parseScrypt(encoded string) (hash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 5 {
		return nil, ErrMalformed
	}
	var h scryptHash
	if _, err := fmt.Sscanf(fields[2], "ln=%d,r=%d,p=%d", &h.logN, &h.r, &h.p); err != nil {
		return nil, ErrMalformed
	}
	var err error
	if h.salt, h.key, err = saltAndKey(fields[3], fields[4], maxKey, b64); err != nil {
		return nil, err
	}
	if h.String() != encoded || h.logN < 1 || h.r < 1 || h.p < 1 {
		return nil, ErrMalformed
	}
	// Each factor is bounded first, so that the product cannot overflow.
	if h.logN > 20 || h.r > 1024 || h.p > maxScryptLanes || (128*h.r*h.p)<<h.logN > maxScryptBytes {
		return nil, ErrTooCostly
	}
	return h, nil
}

func (h scryptHash) String() string {
	return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s", h.logN, h.r, h.p, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

func (h scryptHash) matches(pw string, _ Params) bool {
	key, err := scrypt.Key([]byte(pw), h.salt, 1<<h.logN, h.r, h.p, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

func (scryptHash) weakerThan(Params) bool { return true }

// pbkdf2Hash is as passlib writes it, which has '.' for base64's '+', or with '+'.
type pbkdf2Hash struct {
	id         string
	iterations int
	salt, key  []byte
	encoding   *base64.Encoding
}

var pbkdf2Hashes = map[string]func() stdhash.Hash{"pbkdf2-sha256": sha256.New, "pbkdf2-sha512": sha512.New}

var passlib64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").
	WithPadding(base64.NoPadding).Strict()

func parsePBKDF2(encoded string) (hash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 5 {
		return nil, ErrMalformed
	}
	h := pbkdf2Hash{id: fields[1], encoding: b64}
	if strings.Contains(fields[3]+fields[4], ".") {
		h.encoding = passlib64
	}
	if _, err := fmt.Sscanf(fields[2], "%d", &h.iterations); err != nil {
		return nil, ErrMalformed
	}
	// A key longer than the hash would cost once more for each part.
	var err error
	if h.salt, h.key, err = saltAndKey(fields[3], fields[4], pbkdf2Hashes[h.id]().Size(), h.encoding); err != nil {
		return nil, err
	}
	if h.String() != encoded || h.iterations < 1 {
		return nil, ErrMalformed
	}
	if h.iterations > maxIterations {
		return nil, ErrTooCostly
	}
	return h, nil
}

func (h pbkdf2Hash) String() string {
	return fmt.Sprintf("$%s$%d$%s$%s", h.id, h.iterations, h.encoding.EncodeToString(h.salt), h.encoding.EncodeToString(h.key))
}

func (h pbkdf2Hash) matches(pw string, _ Params) bool {
	key, err := pbkdf2.Key(pbkdf2Hashes[h.id], pw, h.salt, h.iterations, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

func (pbkdf2Hash) weakerThan(Params) bool { return true }

// saltAndKey decodes both and checks their lengths.
func saltAndKey(salt, key string, longestKey int, encoding *base64.Encoding) (s, k []byte, err error) {
	s, errSalt := encoding.DecodeString(salt)
	k, errKey := encoding.DecodeString(key)
	if errSalt != nil || errKey != nil ||
		len(s) < minSalt || len(s) > maxSalt || len(k) < minKey || len(k) > longestKey {
		return nil, nil, ErrMalformed
	}
	return s, k, nil
}
