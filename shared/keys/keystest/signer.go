package keystest

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"sync"
	"testing"

	"postern/shared/keys"
)

// RunSigner runs the suite of [keys.Signer]. open gives a signer with a key of its own each time.
func RunSigner(t *testing.T, open func(t *testing.T) keys.Signer) {
	t.Run("Signs", func(t *testing.T) {
		s := open(t)
		public := publicKey(t, s)
		longest := bytes.Repeat([]byte("x"), keys.MaxMessage)
		for _, message := range [][]byte{[]byte("message"), {0}, longest} {
			signature := sign(t, s, message)
			if !keys.VerifySignature(public, message, signature) {
				t.Errorf("the signature of %d bytes does not verify", len(message))
			}
			for i := range signature {
				altered := bytes.Clone(signature)
				altered[i] ^= 1
				if keys.VerifySignature(public, message, altered) {
					t.Errorf("byte %d of the signature altered: it verifies", i)
				}
			}
			if keys.VerifySignature(public, append(bytes.Clone(message), 0), signature) {
				t.Errorf("another message verifies")
			}
		}
		if keys.VerifySignature(public, []byte("message"), nil) {
			t.Error("no signature verifies")
		}
	})
	t.Run("SamePublicKey", func(t *testing.T) {
		s := open(t)
		first, second := publicKey(t, s), publicKey(t, s)
		if !first.Equal(second) {
			t.Error("the public key differs the second time")
		}
		other := open(t)
		if publicKey(t, other).Equal(first) {
			t.Error("another signer has the same key")
		}
		if keys.VerifySignature(publicKey(t, other), []byte("message"), sign(t, s, []byte("message"))) {
			t.Error("a signature verifies under another key")
		}
	})
	t.Run("Parallel", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				message := []byte{byte(i)}
				signature, err := s.Sign(t.Context(), message)
				raw, keyErr := s.PublicKey(t.Context())
				public, parseErr := keys.ParsePublicKey(raw)
				if err := errors.Join(err, keyErr, parseErr); err != nil {
					t.Error(err)
				} else if !keys.VerifySignature(public, message, signature) {
					t.Errorf("signature %d does not verify", i)
				}
			})
		}
		wg.Wait()
	})
}

func sign(t *testing.T, s keys.Signer, message []byte) []byte {
	t.Helper()
	signature, err := s.Sign(t.Context(), message)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	return signature
}

func publicKey(t *testing.T, s keys.Signer) *ecdsa.PublicKey {
	t.Helper()
	raw, err := s.PublicKey(t.Context())
	if err != nil {
		t.Fatalf("PublicKey: %v", err)
	}
	public, err := keys.ParsePublicKey(raw)
	if err != nil {
		t.Fatalf("ParsePublicKey: %v", err)
	}
	return public
}
