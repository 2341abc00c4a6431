package file

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"postern/shared/keys"
)

// Signer implements [keys.Signer] with a private key in a file of its own, mode 0600, in PEM (PKCS #8), which is made when it is
// needed for the first time. It is safe for concurrent use.
type Signer struct {
	path string

	mu      sync.Mutex
	private *ecdsa.PrivateKey // nil until it was read
	public  []byte
}

var _ keys.Signer = (*Signer)(nil)

// pemType is the label of the file's PEM block (RFC 7468, section 10).
const pemType = "PRIVATE KEY"

// OpenSigner gives the signer of the key file at path. A file that is there is read, so that one which cannot be used is refused
// now: others can read it, or it holds no such key.
func OpenSigner(path string) (*Signer, error) {
	s := &Signer{path: path}
	if err := s.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// key gives the private key, and makes it on the first use.
func (s *Signer) key() (*ecdsa.PrivateKey, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.private != nil {
		return s.private, s.public, nil
	}
	err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.create(); err == nil {
			err = s.read()
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", keys.ErrUnavailable, err)
	}
	return s.private, s.public, nil
}

func (s *Signer) create() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("make signing key: %w", err)
	}
	if err := writeNew(s.path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: raw})); err != nil {
		return fmt.Errorf("make signing key file: %w", err)
	}
	return nil
}

func (s *Signer) read() error {
	if err := private(s.path); err != nil {
		return fmt.Errorf("signing key file: %w", err)
	}
	raw, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("read signing key file: %w", err)
	}
	refused := fmt.Errorf("signing key file %s holds no private key of the curve P-256: restore it from its backup", s.path)
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != pemType {
		return refused
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return refused
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("signing key file %s: %w", s.path, err)
	}
	s.private, s.public = key, public
	return nil
}

// Sign implements keys.Signer.
func (s *Signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	private, _, err := s.key()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", keys.ErrUnavailable, err)
	}
	return signature, nil
}

// PublicKey implements keys.Signer.
func (s *Signer) PublicKey(context.Context) ([]byte, error) {
	_, public, err := s.key()
	return append([]byte(nil), public...), err
}
