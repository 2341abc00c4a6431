package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"postern/shared/secret"
	"postern/shared/store"
)

// A bearer is what a cookie stands for: a session, a pending login or a replacement prompt. The cookie names account,
// operator and bearer, so that all is found by key in one round trip, and holds a secret of 256 bits, of which only the
// SHA-256 is stored.
type bearer struct {
	kind                      bearerKind
	AccountID, OperatorID, ID string
	hash                      []byte
	// CredentialVersion is the operator's when the bearer was made; it is dead as soon as the two differ.
	CredentialVersion int64
	CreatedAt         time.Time
	ExpiresAt         time.Time
}

type bearerKind string

const (
	bearerSession     bearerKind = "s#"
	bearerPending     bearerKind = "p#"
	bearerReplacement bearerKind = "r#"
)

func (b *bearer) key() store.Key {
	return store.Key{Table: store.Sessions, Partition: partition(b.AccountID, b.OperatorID), Sort: string(b.kind) + b.ID}
}

func (b *bearer) bearerFields(c *codec) {
	c.bytes("secretHash", &b.hash)
	number(c, "credentialVersion", &b.CredentialVersion)
	c.time("createdAt", &b.CreatedAt)
	c.time("expiresAt", &b.ExpiresAt)
}

// issue gives b an id, a secret and its dates, and returns the cookie's value.
func (b *bearer) issue(o *operator, lifetime time.Duration, now time.Time, random io.Reader) (secret.Text, error) {
	id, err := newID(random)
	if err != nil {
		return secret.Text{}, err
	}
	b.AccountID, b.OperatorID, b.ID = o.AccountID, o.ID, id
	b.CredentialVersion = o.CredentialVersion
	b.CreatedAt, b.ExpiresAt = now, now.Add(lifetime)
	return b.renew(random)
}

// renew gives b a new secret; the one before is dead with the commit.
func (b *bearer) renew(random io.Reader) (secret.Text, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return secret.Text{}, fmt.Errorf("%w: read randomness: %w", ErrUnavailable, err)
	}
	value := base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(value))
	b.hash = sum[:]
	return secret.New(strings.Join([]string{b.AccountID, b.OperatorID, b.ID, value}, ".")), nil
}

// parseBearer reads a cookie's value. ok is false for what cannot be one.
func parseBearer(kind bearerKind, cookie secret.Text) (b bearer, value secret.Text, ok bool) {
	parts := strings.Split(cookie.Reveal(), ".")
	if len(parts) != 4 || len(parts[3]) != 43 {
		return b, value, false
	}
	account, ok := canonicalAccountID(parts[0])
	if !ok || account != parts[0] || !isID(parts[1]) || !isID(parts[2]) {
		return b, value, false
	}
	return bearer{kind: kind, AccountID: account, OperatorID: parts[1], ID: parts[2]}, secret.New(parts[3]), true
}

// isID reports whether s has the form of newID.
func isID(s string) bool {
	return len(s) == 26 && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '2' <= r && r <= '7')
	})
}

// holds reports whether value is the bearer's secret.
func (b *bearer) holds(value secret.Text) bool {
	sum := sha256.Sum256([]byte(value.Reveal()))
	return subtle.ConstantTimeCompare(sum[:], b.hash) == 1
}

// opens reports whether value is the bearer's secret and the bearer is live for the operator as loaded.
func (b *bearer) opens(value secret.Text, o *operator, a *account, now time.Time) bool {
	return b.holds(value) && now.Before(b.ExpiresAt) && o.active() && a.active() && b.CredentialVersion == o.CredentialVersion &&
		!b.CreatedAt.Before(a.ResumedAt)
}

// SessionKind says what a session may do.
type SessionKind string

// The kinds of session.
const (
	SessionFull       SessionKind = "full"
	SessionSingleUse  SessionKind = "single_use"  // came from a single-use code: changes no credential
	SessionChangeOnly SessionKind = "change_only" // may do the one thing that is owed, or log out
)

// session is an operator's way in, until it is ended, expires or goes unused for too long.
type session struct {
	stored
	bearer
	Kind            SessionKind
	Next            Next         // what is owed, with SessionChangeOnly
	Reason          ChangeReason // why, with NextNewPassword
	Chosen          bool         // a new password was chosen in it: a mailed code that opened it is no limit any more
	AMR             string       // RFC 8176 values, separated by spaces
	AuthenticatedAt time.Time
	LastUsedAt      time.Time
	Address         string
	UserAgent       string
}

func (s *session) key() store.Key { return s.bearer.key() }

func (s *session) fields(c *codec) {
	s.bearerFields(c)
	text(c, "kind", &s.Kind)
	text(c, "next", &s.Next)
	text(c, "reason", &s.Reason)
	c.bool("chosen", &s.Chosen)
	text(c, "amr", &s.AMR)
	c.time("authenticatedAt", &s.AuthenticatedAt)
	c.time("lastUsedAt", &s.LastUsedAt)
	text(c, "address", &s.Address)
	text(c, "userAgent", &s.UserAgent)
}

// pendingLogin is a login that waits for its second step. It can do nothing else (behaviour 1.4).
type pendingLogin struct {
	stored
	bearer
	AMR string // of the first step
}

func (p *pendingLogin) key() store.Key { return p.bearer.key() }
func (p *pendingLogin) fields(c *codec) {
	p.bearerFields(c)
	text(c, "amr", &p.AMR)
}

// replacement is the right to choose one new password, after a reset (behaviour 3.3).
type replacement struct {
	stored
	bearer
}

func (r *replacement) key() store.Key  { return r.bearer.key() }
func (r *replacement) fields(c *codec) { r.bearerFields(c) }

// touchAfter is how old lastUsedAt may be before a session check writes it again.
const touchAfter = time.Minute

// newSession makes the session that a completed login, or a completed forced change, opens.
func newSession(o *operator, a *account, amr []string, client Client, now time.Time, random io.Reader) (*session, secret.Text, error) {
	s := &session{
		bearer: bearer{kind: bearerSession}, AMR: strings.Join(amr, " "),
		AuthenticatedAt: now, LastUsedAt: now, Address: client.address(), UserAgent: client.userAgent(),
	}
	lifetime := a.Policy.sessionLifetime()
	s.owe(o, a, now)
	if s.Reason == ReasonTemporary && o.Password.FromReset {
		lifetime = min(lifetime, ReplacementLifetime) // details 10
	}
	token, err := s.issue(o, lifetime, now, random)
	s.expires = s.ExpiresAt
	return s, token, err
}

// owe sets the session's kind by what the operator owes, and by how the session came to be (behaviour 1.5, 2.3).
func (s *session) owe(o *operator, a *account, now time.Time) {
	s.Next, s.Reason = o.owed(a, now)
	switch {
	case s.Next != NextDone:
		s.Kind = SessionChangeOnly
		return
	case slices.Contains(strings.Fields(s.AMR), amrEmail) && !s.Chosen:
		s.Kind = SessionSingleUse
	default:
		s.Kind = SessionFull
	}
	s.Next = ""
}

// addAMR notes one more method that the session's operator used.
func (s *session) addAMR(method string) {
	if all := strings.Fields(s.AMR); !slices.Contains(all, method) {
		s.AMR = strings.Join(append(all, method), " ")
	}
}

// Values of amr: RFC 8176, section 2, and "email" for a mailed code.
const (
	amrPassword = "pwd"
	amrOTP      = "otp"
	amrEmail    = "email"
)

// SessionView is S of the API: what applications learn of a session.
type SessionView struct {
	OperatorID      string       `json:"operatorId"`
	AccountID       string       `json:"accountId"`
	Username        string       `json:"username"`
	FirstName       string       `json:"firstName"`
	Role            Role         `json:"role"`
	Kind            SessionKind  `json:"kind"`
	AMR             []string     `json:"amr"`
	AuthenticatedAt time.Time    `json:"authenticatedAt"`
	ExpiresAt       time.Time    `json:"expiresAt"`
	Next            Next         `json:"next,omitempty"`   // of a change_only session: what it owes (details 4)
	Reason          ChangeReason `json:"reason,omitempty"` // with next new_password
}

func (s *session) view(o *operator) *SessionView {
	return &SessionView{
		OperatorID: o.ID, AccountID: o.AccountID, Username: o.Username, FirstName: o.FirstName, Role: o.Role,
		Kind: s.Kind, AMR: strings.Fields(s.AMR), AuthenticatedAt: s.AuthenticatedAt, ExpiresAt: s.ExpiresAt,
		Next: s.Next, Reason: s.Reason,
	}
}

// Identity is a session that was checked: who asks, and what they may do. [Service.Authenticate] gives it; it is good for
// the one request that it was asked for.
type Identity struct {
	View      SessionView
	SessionID string

	token    secret.Text
	session  *session
	operator *operator
	account  *account
}

// Actor is the identity as notices name it.
func (id *Identity) Actor() Actor {
	return Actor{Name: "operator:" + id.View.OperatorID, OperatorID: id.View.OperatorID}
}

// Authenticate checks a session's cookie, in one store round trip; once a minute it notes in another that the session is in
// use. change_only sessions are returned too: whoever serves something that they do not owe refuses them with a
// [ChangeRequiredError].
//
// ErrNotSignedIn: no session, or one that has ended, expired, or went unused for too long (behaviour 1.7).
func (s *Service) Authenticate(ctx context.Context, token secret.Text) (*Identity, error) {
	now := s.now()
	id, err := s.loadSession(ctx, token, now)
	if err != nil {
		return nil, err
	}
	if now.Sub(id.session.LastUsedAt) >= touchAfter {
		touched := *id.session
		touched.LastUsedAt = now
		// Best effort: who loses the race against another request of the same session, or an end of it, leaves it as it is.
		if err := s.apply(ctx, changes{put(&touched)}); err != nil {
			s.log.DebugContext(ctx, "session not touched", "error", err)
		}
	}
	return id, nil
}

// loadSession loads a session with its operator and account, in one round trip, and checks that it is live at now.
func (s *Service) loadSession(ctx context.Context, token secret.Text, now time.Time) (*Identity, error) {
	b, value, ok := parseBearer(bearerSession, token)
	if !ok {
		return nil, ErrNotSignedIn
	}
	id := &Identity{
		SessionID: b.ID, token: token,
		session:  &session{bearer: b},
		operator: &operator{AccountID: b.AccountID, ID: b.OperatorID},
		account:  &account{ID: b.AccountID},
	}
	if err := s.get(ctx, id.session, id.operator, id.account); err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	if !id.session.exists() || !id.session.opens(value, id.operator, id.account, now) ||
		!now.Before(id.session.LastUsedAt.Add(id.account.Policy.sessionIdle())) {
		return nil, ErrNotSignedIn
	}
	id.View = *id.session.view(id.operator)
	return id, nil
}

// address is the client's address as it is shown to the operator.
func (c Client) address() string {
	if !c.Address.IsValid() {
		return ""
	}
	return c.Address.Unmap().String()
}

// maxUserAgent is how many bytes of a user agent are kept.
const maxUserAgent = 256

// userAgent is the client's user agent as it is kept: printable ASCII, shortened.
func (c Client) userAgent() string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, c.UserAgent)
	return clean[:min(len(clean), maxUserAgent)]
}
