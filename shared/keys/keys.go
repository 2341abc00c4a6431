// Package keys is the port to the keys that protect what is stored: encryption and derivation, and, apart from them, signing
// (signer.go). The adapter is keys/file (key files on one machine); every adapter passes the suite in keys/keystest.
package keys

import (
	"context"
	"errors"
)

var (
	// ErrUnavailable says that the key service could not be asked. It may pass.
	ErrUnavailable = errors.New("keys: unavailable")
	// ErrWrong says that a ciphertext is not one, was altered, or belongs to another context.
	ErrWrong = errors.New("keys: wrong ciphertext or context")
)

// Context says what a secret belongs to: its purpose first, then account, operator and whatever else. It is bound to the
// ciphertext (associated data, each part length-delimited): a value moved to another place does not decrypt.
type Context []string

// Keys encrypts, decrypts and derives. All methods are safe for concurrent use.
type Keys interface {
	// Encrypt seals plaintext with AES-256-GCM under the current data key; the result names the key that it needs.
	Encrypt(ctx context.Context, plaintext []byte, c Context) ([]byte, error)

	// Decrypt opens what Encrypt made under the same context. ErrWrong or ErrUnavailable.
	Decrypt(ctx context.Context, ciphertext []byte, c Context) ([]byte, error)

	// Derive gives 32 bytes that only who holds the key can compute: HMAC-SHA-256 under a key of its own over the context,
	// each part length-delimited. The same context always gives the same bytes, also after the data key was rotated.
	Derive(ctx context.Context, c Context) ([]byte, error)
}
