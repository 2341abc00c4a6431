package keys

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	ringHeader = "postern-keys 1"
	keySize    = 32
	// ringVersion begins every ciphertext; then one byte with the length of the key id, the id, the nonce, and what was sealed.
	ringVersion = 1
)

// Ring is the keys of a deployment, in memory. It implements [Keys]. As text it is
//
//	postern-keys 1
//	derive <64 hex digits>
//	data <id> <64 hex digits>
//
// The first data key encrypts; the others still decrypt what they encrypted. To rotate, put a new line above them. Adapters
// say where the text is kept, and how it is protected. It is safe for concurrent use.
type Ring struct {
	random  io.Reader
	derive  []byte
	current string
	data    map[string]cipher.AEAD
}

var _ Keys = (*Ring)(nil)

// NewRing makes the text of a ring of new keys.
func NewRing(random io.Reader) ([]byte, error) {
	raw := make([]byte, 2*keySize+4)
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return fmt.Appendf(nil, "%s\nderive %x\ndata %x %x\n", ringHeader, raw[:keySize], raw[2*keySize:], raw[keySize:2*keySize]), nil
}

// ParseRing reads the text of a ring. random gives nonces and must be safe for concurrent use.
func ParseRing(text []byte, random io.Reader) (*Ring, error) {
	k := &Ring{random: random, data: map[string]cipher.AEAD{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		var err error
		switch {
		case n == 1:
			if lines.Text() != ringHeader {
				return nil, fmt.Errorf("line 1 is not %q: these are no keys of this version", ringHeader)
			}
		case len(f) == 0:
		case len(f) == 2 && f[0] == "derive" && k.derive == nil:
			k.derive, err = parseKey(f[1])
		case len(f) == 3 && f[0] == "data" && k.data[f[1]] == nil && len(f[1]) <= 64:
			var key []byte
			var block cipher.Block
			if key, err = parseKey(f[2]); err != nil {
				break
			}
			if block, err = aes.NewCipher(key); err != nil {
				break
			}
			if k.data[f[1]], err = cipher.NewGCM(block); err == nil && k.current == "" {
				k.current = f[1]
			}
		default:
			err = errors.New("not understood")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if k.derive == nil || k.current == "" {
		return nil, errors.New("a derive line or a data line is missing: restore it from its backup")
	}
	return k, nil
}

func parseKey(s string) ([]byte, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("a key is %d hex digits", 2*keySize)
	}
	return key, nil
}

// Encrypt implements Keys.
func (k *Ring) Encrypt(_ context.Context, plaintext []byte, c Context) ([]byte, error) {
	aead := k.data[k.current]
	out := make([]byte, 0, 2+len(k.current)+aead.NonceSize()+len(plaintext)+aead.Overhead())
	out = append(out, ringVersion, byte(len(k.current)))
	out = append(out, k.current...)
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(k.random, nonce); err != nil {
		return nil, fmt.Errorf("%w: read randomness: %w", ErrUnavailable, err)
	}
	out = append(out, nonce...)
	return aead.Seal(out, nonce, plaintext, delimited(c)), nil
}

// Decrypt implements Keys.
func (k *Ring) Decrypt(_ context.Context, ciphertext []byte, c Context) ([]byte, error) {
	id, rest, ok := split(ciphertext)
	aead := k.data[id]
	if !ok || aead == nil || len(rest) < aead.NonceSize() {
		return nil, ErrWrong
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], delimited(c))
	if err != nil {
		return nil, ErrWrong
	}
	return plain, nil
}

// Derive implements Keys.
func (k *Ring) Derive(_ context.Context, c Context) ([]byte, error) {
	h := hmac.New(sha256.New, k.derive)
	h.Write(delimited(c))
	return h.Sum(nil), nil
}

// delimited joins the parts of a context so that no other context gives the same bytes.
func delimited(c Context) []byte {
	var b []byte
	for _, part := range c {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// Knows reports whether the ring has the key that a ciphertext names.
func (k *Ring) Knows(ciphertext []byte) bool {
	id, _, ok := split(ciphertext)
	return ok && k.data[id] != nil
}

// split reads the key id that a ciphertext names, and what comes after it.
func split(ciphertext []byte) (id string, rest []byte, ok bool) {
	if len(ciphertext) < 2 || ciphertext[0] != ringVersion || len(ciphertext) < 2+int(ciphertext[1]) {
		return "", nil, false
	}
	n := 2 + int(ciphertext[1])
	return string(ciphertext[2:n]), ciphertext[n:], true
}
