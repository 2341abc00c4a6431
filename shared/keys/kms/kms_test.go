package kms_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"postern/shared/keys"
	"postern/shared/keys/keystest"
	"postern/shared/keys/kms"
	"postern/shared/store"
	"postern/shared/store/bolt"
)

// client asks moto, or skips the test.
func client(t *testing.T, options ...func(*awskms.Options)) *awskms.Client {
	t.Helper()
	endpoint := os.Getenv("POSTERN_MOTO_ENDPOINT")
	if endpoint == "" {
		t.Skip("needs moto: infra/stand/with-moto.sh go test ./shared/keys/kms")
	}
	return awskms.New(awskms.Options{
		BaseEndpoint: &endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, options...)
}

func newKey(t *testing.T, c *awskms.Client, spec types.KeySpec, usage types.KeyUsageType) string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return *out.KeyMetadata.Arn
}

func newStore(t *testing.T) store.Store {
	t.Helper()
	st, err := bolt.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func config(t *testing.T) kms.Config {
	c := client(t)
	return kms.Config{
		Client: kms.ClientOf(c), KeyID: newKey(t, c, types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt), Store: newStore(t),
		Create: true, Random: rand.Reader, Now: time.Now,
	}
}

func TestKeys(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keys.Keys { return kms.New(config(t)) })
}

func TestSigner(t *testing.T) {
	keystest.RunSigner(t, func(t *testing.T) keys.Signer {
		c := client(t)
		return kms.NewSigner(kms.ClientOf(c), newKey(t, c, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify))
	})
}

var here = keys.Context{"test"}

// Many instances that meet an empty store end with the same keys, and only those that may make some.
func TestCreate(t *testing.T) {
	c := config(t)
	reader := c
	reader.Create = false
	if _, err := kms.New(reader).Derive(t.Context(), here); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("without keys: %v", err)
	}
	derived := make([]string, 8)
	var wg sync.WaitGroup
	for i := range derived {
		wg.Go(func() {
			b, err := kms.New(c).Derive(t.Context(), here)
			if err != nil {
				t.Error(err)
			}
			derived[i] = string(b)
		})
	}
	wg.Wait()
	b, err := kms.New(reader).Derive(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range derived {
		if d != string(b) {
			t.Errorf("instance %d has other keys", i)
		}
	}
}

// network is the way to KMS, which can be down.
type network struct{ down atomic.Bool }

func (n *network) Do(r *http.Request) (*http.Response, error) {
	if n.down.Load() {
		return nil, errors.New("no way to the host")
	}
	return http.DefaultClient.Do(r)
}

// KMS is asked once an hour: when it cannot be asked, Postern goes on for what is left of the hour, and then is closed.
func TestCached(t *testing.T) {
	c := config(t)
	n, now := &network{}, time.Now()
	c.Now = func() time.Time { return now }
	c.Client = kms.ClientOf(client(t, func(o *awskms.Options) { o.HTTPClient, o.Retryer = n, aws.NopRetryer{} }))
	k := kms.New(c)
	sealed, err := k.Encrypt(t.Context(), []byte("x"), here)
	if err != nil {
		t.Fatal(err)
	}
	n.down.Store(true)
	now = now.Add(59 * time.Minute)
	if _, err := k.Decrypt(t.Context(), sealed, here); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	now = now.Add(time.Minute)
	if _, err := k.Decrypt(t.Context(), sealed, here); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("after the hour: %v", err)
	}
	n.down.Store(false)
	if _, err := k.Decrypt(t.Context(), sealed, here); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// The keys of another deployment do not open what is in this store.
func TestForeignKey(t *testing.T) {
	c := config(t)
	if _, err := kms.New(c).Derive(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	c.KeyID = newKey(t, client(t), types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt)
	if _, err := kms.New(c).Derive(t.Context(), here); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("with another key: %v", err)
	}
}
