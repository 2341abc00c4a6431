// Package kms protects the keys of a deployment with AWS KMS.
//
// The deployment's keys ([keys.Ring]) stand in its store as one item, encrypted by a customer key of KMS under an encryption
// context that names the deployment: whoever has the store has nothing, and the item of another deployment does not open. A
// function reads and opens it once (one read, one request to KMS) and keeps it in memory for an hour; then it asks again, so
// that a customer key that was disabled closes Postern within the hour.
package kms

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"postern/shared/keys"
	"postern/shared/store"
)

const (
	// kept is how long opened keys are used before KMS is asked again.
	kept = time.Hour
	// renewal is how often, at the most, an unknown key id makes the keys be read again: they may have been rotated.
	renewal = time.Minute
)

// ringKey is where the encrypted keys stand; ringField holds them. No Account ID begins with '#'.
var ringKey = store.Key{Table: store.Accounts, Partition: "#keys", Sort: "ring"}

const ringField = "sealed"

// Client is the requests to KMS that Keys and Signer make: those of [ClientOf]. Why it is no kms.Client: see dynamo.Client.
type Client struct {
	Decrypt      operation[kms.DecryptInput, kms.DecryptOutput]
	Encrypt      operation[kms.EncryptInput, kms.EncryptOutput]
	Sign         operation[kms.SignInput, kms.SignOutput]
	GetPublicKey operation[kms.GetPublicKeyInput, kms.GetPublicKeyOutput]
}

type operation[In, Out any] = func(context.Context, *In, ...func(*kms.Options)) (*Out, error)

// ClientOf gives the requests of the SDK's client.
func ClientOf(c *kms.Client) Client { return Client{c.Decrypt, c.Encrypt, c.Sign, c.GetPublicKey} }

// Config is what Keys works with.
type Config struct {
	Client Client
	KeyID  string // ARN of the customer key, symmetric
	Store  store.Store
	// Create has keys made where there are none yet. For the one function that makes the first account.
	Create bool
	Random io.Reader
	Now    func() time.Time
}

// Keys implements keys.Keys. It is safe for concurrent use.
type Keys struct {
	c    Config
	mu   sync.Mutex
	ring *keys.Ring
	read time.Time // when ring was opened
}

var _ keys.Keys = (*Keys)(nil)

// New makes Keys. Nothing is asked yet.
func New(c Config) *Keys { return &Keys{c: c} }

// opened gives the keys, which are at most maxAge old. Of many that ask at once one reads them.
func (k *Keys) opened(ctx context.Context, maxAge time.Duration) (*keys.Ring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.c.Now()
	if k.ring != nil && now.Sub(k.read) < maxAge {
		return k.ring, nil
	}
	ring, err := k.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", keys.ErrUnavailable, err)
	}
	k.ring, k.read = ring, now
	return ring, nil
}

func (k *Keys) open(ctx context.Context) (*keys.Ring, error) {
	items, err := k.c.Store.Get(ctx, ringKey)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if !items[0].Exists() {
		if !k.c.Create {
			return nil, errors.New("this deployment has no keys yet: they are made with its first account")
		}
		if err := k.create(ctx); err != nil && !errors.Is(err, store.ErrConflict) { // else somebody was faster
			return nil, fmt.Errorf("make keys: %w", err)
		}
		if items, err = k.c.Store.Get(ctx, ringKey); err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
	}
	sealed, _ := items[0].Fields[ringField].(store.Bytes)
	out, err := k.c.Client.Decrypt(ctx, &kms.DecryptInput{
		CiphertextBlob: sealed, KeyId: &k.c.KeyID, EncryptionContext: encryptionContext(),
	})
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	ring, err := keys.ParseRing(out.Plaintext, k.c.Random)
	clear(out.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("parse keys: %w", err)
	}
	return ring, nil
}

func (k *Keys) create(ctx context.Context) error {
	text, err := keys.NewRing(k.c.Random)
	if err != nil {
		return err
	}
	out, err := k.c.Client.Encrypt(ctx, &kms.EncryptInput{Plaintext: text, KeyId: &k.c.KeyID, EncryptionContext: encryptionContext()})
	clear(text)
	if err != nil {
		return fmt.Errorf("seal keys: %w", err)
	}
	id := sha256.Sum256(out.CiphertextBlob)
	item := store.Item{Key: ringKey, Fields: store.Fields{ringField: store.Bytes(out.CiphertextBlob)}}
	return k.c.Store.Commit(ctx, fmt.Sprintf("%x", id[:16]), store.Put(item, store.Absent))
}

// encryptionContext says what is encrypted; permissions in template.yaml demand it. (The customer key is the deployment's own.)
func encryptionContext() map[string]string { return map[string]string{"postern": "keys"} }

// Encrypt implements keys.Keys.
func (k *Keys) Encrypt(ctx context.Context, plaintext []byte, c keys.Context) ([]byte, error) {
	ring, err := k.opened(ctx, kept)
	if err != nil {
		return nil, err
	}
	return ring.Encrypt(ctx, plaintext, c)
}

// Decrypt implements keys.Keys.
func (k *Keys) Decrypt(ctx context.Context, ciphertext []byte, c keys.Context) ([]byte, error) {
	ring, err := k.opened(ctx, kept)
	if err != nil {
		return nil, err
	}
	if !ring.Knows(ciphertext) {
		if ring, err = k.opened(ctx, renewal); err != nil {
			return nil, err
		}
	}
	return ring.Decrypt(ctx, ciphertext, c)
}

// Derive implements keys.Keys.
func (k *Keys) Derive(ctx context.Context, c keys.Context) ([]byte, error) {
	ring, err := k.opened(ctx, kept)
	if err != nil {
		return nil, err
	}
	return ring.Derive(ctx, c)
}

// Signer implements keys.Signer with a key of KMS, ECC_NIST_P256. It is safe for concurrent use.
type Signer struct {
	client Client
	id     string
	mu     sync.Mutex
	public []byte
}

var _ keys.Signer = (*Signer)(nil)

// NewSigner makes a Signer of the key with this ARN.
func NewSigner(client Client, keyID string) *Signer { return &Signer{client: client, id: keyID} }

// Sign implements keys.Signer.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	out, err := s.client.Sign(ctx, &kms.SignInput{
		KeyId: &s.id, Message: message, MessageType: types.MessageTypeRaw, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: sign: %w", keys.ErrUnavailable, err)
	}
	return out.Signature, nil
}

// PublicKey implements keys.Signer. KMS is asked once.
func (s *Signer) PublicKey(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.public == nil {
		out, err := s.client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &s.id})
		if err != nil {
			return nil, fmt.Errorf("%w: get public key: %w", keys.ErrUnavailable, err)
		}
		s.public = out.PublicKey
	}
	return s.public, nil
}
