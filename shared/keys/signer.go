package keys

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
)

// Signer signs with a private key that does not leave it: ECDSA on the curve P-256 over SHA-256 (FIPS 186-5, section 6; AWS KMS:
// ECC_NIST_P256 with ECDSA_SHA_256). It is a port apart from [Keys], because few may sign and anybody may verify. The adapter
// is keys/file; every adapter passes keystest.RunSigner. All methods are safe for concurrent use.
type Signer interface {
	// Sign signs a message of up to 4,096 bytes (what KMS takes). The signature is ASN.1 DER (RFC 3279, section 2.2.3), and
	// differs each time. ErrUnavailable.
	Sign(ctx context.Context, message []byte) ([]byte, error)

	// PublicKey gives the public key in PKIX, ASN.1 DER (RFC 5280, section 4.1.2.7). It is always the same. ErrUnavailable.
	PublicKey(ctx context.Context) ([]byte, error)
}

// MaxMessage is how long a message to sign may be, in bytes.
const MaxMessage = 4096

// ErrPublicKey says that something is no public key of a [Signer].
var ErrPublicKey = errors.New("keys: not a public key of the curve P-256")

// ParsePublicKey reads what [Signer.PublicKey] gives. ErrPublicKey.
func ParsePublicKey(pkix []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(pkix)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, ErrPublicKey
	}
	return public, nil
}

// VerifySignature reports whether signature is one of message by the holder of the private key of public.
func VerifySignature(public *ecdsa.PublicKey, message, signature []byte) bool {
	sum := sha256.Sum256(message)
	return ecdsa.VerifyASN1(public, sum[:], signature)
}
