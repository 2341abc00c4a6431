package access

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"postern/shared/keys"
	"postern/shared/secret"
	"postern/shared/shortcode"
	"postern/shared/store"
)

// mailedCode is a secret that was mailed to an operator: a single-use code, or a reset, whose code and link are two forms of
// one secret. There is at most one live one of each kind for an operator.
//
// Nothing of the secret is stored: code and link token are derived from the id under a key outside the store, so that the
// worker that mails them, and whoever checks them, computes them again.
type mailedCode struct {
	stored
	AccountID, OperatorID string
	Kind                  codeKind
	ID                    string // of the request; what the secret is derived from
	CredentialVersion     int64
	ExpiresAt             time.Time
	Wrong                 int  // wrong short codes; CodeTries end the short code, never the link
	Used                  bool // kept until it expires, so that a repeat of the request is told apart from none
}

type codeKind string

const (
	singleUseCode codeKind = "single_use_code"
	resetCode     codeKind = "reset"
)

func (m *mailedCode) key() store.Key {
	return store.Key{Table: store.Codes, Partition: partition(m.AccountID, m.OperatorID), Sort: string(m.Kind)}
}

func (m *mailedCode) fields(c *codec) {
	text(c, "id", &m.ID)
	number(c, "credentialVersion", &m.CredentialVersion)
	c.time("expiresAt", &m.ExpiresAt)
	number(c, "wrong", &m.Wrong)
	c.bool("used", &m.Used)
}

// live reports whether the secret could still open something for o.
func (m *mailedCode) live(o *operator, now time.Time) bool {
	return m.exists() && !m.Used && now.Before(m.ExpiresAt) && m.CredentialVersion == o.CredentialVersion
}

// derived is a mailed secret in its two forms.
type derived struct {
	code secret.Text // ten characters, as shortcode.Parse gives them
	link secret.Text // token of the link; resets only
}

// derive computes the secret of the code with that id (design.md, "State"). It is bound to purpose, account and operator.
func (s *Service) derive(ctx context.Context, kind codeKind, accountID, operatorID, id string) (derived, error) {
	code, err := s.keys.Derive(ctx, keys.Context{"code", string(kind), accountID, operatorID, id})
	if err != nil {
		return derived{}, unavailable(err)
	}
	link, err := s.keys.Derive(ctx, keys.Context{"link", string(kind), accountID, operatorID, id})
	if err != nil {
		return derived{}, unavailable(err)
	}
	return derived{
		code: secret.New(shortcode.FromBytes(code)),
		link: secret.New(strings.Join([]string{accountID, operatorID, base64.RawURLEncoding.EncodeToString(link)}, ".")),
	}, nil
}

// parseLink reads whose link token it is. The token itself is compared whole.
func parseLink(token secret.Text) (accountID, operatorID string, ok bool) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 || len(parts[2]) != 43 || !isID(parts[1]) {
		return "", "", false
	}
	account, ok := canonicalAccountID(parts[0])
	return account, parts[1], ok && account == parts[0]
}

// usedCaptcha remembers a solved challenge until it would have expired: each works once.
type usedCaptcha struct {
	stored
	ID string
}

func (u *usedCaptcha) key() store.Key {
	return store.Key{Table: store.Codes, Partition: "#captcha/" + u.ID, Sort: "used"}
}
func (u *usedCaptcha) fields(*codec) {}
