// Package withkeys gives a function keys: those of the deployment, under the customer key of KMS, and the key that signs.
package withkeys

import (
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"postern/shared/access"
	keyskms "postern/shared/keys/kms"
	"postern/shared/onaws"
)

// KMS is the adapter.
func KMS(p *onaws.Parts, c *access.Config) {
	client := keyskms.ClientOf(kms.NewFromConfig(p.AWS))
	if p.Needs.Keys {
		c.Keys = keyskms.New(keyskms.Config{
			Client: client, KeyID: p.Settings.KeyID, Store: c.Store, Create: p.Needs.NewKeys, Random: rand.Reader, Now: c.Now,
		})
	}
	if p.Needs.Signs || p.Needs.Verifies {
		c.Signer = keyskms.NewSigner(client, p.Settings.SigningKeyID)
	}
}
