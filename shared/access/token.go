package access

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/shared/secret"
	"postern/shared/store"
	"postern/shared/totp"
)

// hardwareToken is a device that shows TOTP codes. An administrator puts it into the account by its serial number, and assigns it to an
// operator, whose record then holds a copy of its secret: a login reads the operator alone. The copy is what lives: which code was
// accepted last, and by how much the clock is off, come back here when the token is taken back.
type hardwareToken struct {
	stored
	AccountID, Serial string
	Secret            secret.Text // raw bytes
	Digits            int
	Period            int // seconds
	Algorithm         totp.Algorithm
	LastStep          int64         // last accepted, so that nobody's code opens the next holder's account
	Drift             time.Duration // see totp.Credential
	AssignedTo        string        // operatorId; empty: nobody
}

// sortOfTokens begins the sort key of every hardware token.
const sortOfTokens = "t#"

func (t *hardwareToken) key() store.Key {
	return store.Key{Table: store.Tokens, Partition: t.AccountID, Sort: sortOfTokens + t.Serial}
}

func (t *hardwareToken) fields(c *codec) {
	c.secret("secret", &t.Secret)
	number(c, "digits", &t.Digits)
	number(c, "period", &t.Period)
	text(c, "algorithm", &t.Algorithm)
	number(c, "lastStep", &t.LastStep)
	number(c, "drift", &t.Drift) // nanoseconds
	text(c, "assignedTo", &t.AssignedTo)
}

// Limits of what a token may be (details 29).
const (
	MaxSerial          = 64 // characters
	MinTokenSecretSize = totp.MinSecretSize
	MaxTokenSecretSize = 64 // bytes
)

// TokenAlgorithms lists the hashes that a hardware token may use.
func TokenAlgorithms() []string {
	return []string{string(totp.SHA1), string(totp.SHA256), string(totp.SHA512)}
}

// TokenView is a hardware token as administrators see it: never its secret.
type TokenView struct {
	Serial     string         `json:"serial"`
	Digits     int            `json:"digits"`
	Period     int            `json:"period"` // seconds
	Algorithm  totp.Algorithm `json:"algorithm"`
	AssignedTo string         `json:"assignedTo,omitempty"` // operatorId
}

func (t *hardwareToken) view() TokenView {
	return TokenView{Serial: t.Serial, Digits: t.Digits, Period: t.Period, Algorithm: t.Algorithm, AssignedTo: t.AssignedTo}
}

// newHardwareToken makes the token of a seed that checkSeed found nothing wrong with.
func newHardwareToken(accountID string, s totp.Seed) *hardwareToken {
	return &hardwareToken{
		AccountID: accountID, Serial: s.Serial, Secret: secret.New(string(s.Secret)), Digits: s.Digits, Period: s.Period,
		Algorithm: s.Algorithm, Drift: s.Drift,
	}
}

// sameAs reports whether t is the token of a seed already.
func (t *hardwareToken) sameAs(s totp.Seed) bool {
	return t.Secret.Equal(secret.New(string(s.Secret))) && t.Digits == s.Digits && t.Period == s.Period && t.Algorithm == s.Algorithm
}

// checkSerial lists what is wrong with a serial number. It stands in addresses, so that it is of letters, digits and a few other
// characters that need no encoding there; "new" and "import" are the names of pages.
func checkSerial(field, s string) []FieldError {
	if s == "" {
		return []FieldError{{Field: field, Code: "missing"}}
	}
	other := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.:", r)
	}
	if len(s) > MaxSerial || strings.ContainsFunc(s, other) || strings.Trim(s, ".") == "" || s == "new" || s == "import" {
		return []FieldError{{Field: field, Code: "invalid_serial"}}
	}
	return nil
}

// checkSeed lists what is wrong with a seed that could be read.
func checkSeed(s totp.Seed) []FieldError {
	bad := checkSerial("serial", s.Serial)
	between := func(field, code string, n, low, high int) {
		if n < low || n > high {
			bad = append(bad, FieldError{field, code, map[string]string{"min": strconv.Itoa(low), "max": strconv.Itoa(high)}})
		}
	}
	between("secret", "token_secret_size", len(s.Secret), MinTokenSecretSize, MaxTokenSecretSize)
	between("digits", "out_of_range", s.Digits, 6, 8)
	if s.Period != 30 && s.Period != 60 {
		bad = append(bad, FieldError{Field: "period", Code: "invalid_period"})
	}
	if !slices.Contains(TokenAlgorithms(), string(s.Algorithm)) {
		bad = append(bad, FieldError{"algorithm", "not_one_of", map[string]string{"values": strings.Join(TokenAlgorithms(), ", ")}})
	}
	return bad
}

// ---- on the operator's record

// sourceHardware is the source of a credential that came from a hardware token.
const sourceHardware = "hardware"

// tokenWaits reports whether a hardware token is assigned that has not shown a code yet. It is asked for at the next login, and
// from then on is the second factor.
func (o *operator) tokenWaits() bool { return o.TOTP.Serial != "" && !o.TOTP.Enabled }

// asksForCode reports whether a login of the operator has a second step: there is a factor, or a token that waits.
func (o *operator) asksForCode() bool { return o.TOTP.Enabled || o.tokenWaits() }

// hold gives the token to the operator: copy and mark.
func (o *operator) hold(t *hardwareToken) {
	t.AssignedTo = o.ID
	o.Pending = pendingTOTP{}
	o.TOTP = ownTOTP{
		Secret: t.Secret, Period: t.Period, Digits: t.Digits, Algorithm: t.Algorithm, Source: sourceHardware, Serial: t.Serial,
		LastStep: t.LastStep, Drift: t.Drift,
	}
}

// activate makes the token that waits the second factor, by a code of that step, and ends everything that was open.
func (o *operator) activate(step int64, now time.Time) {
	o.acceptStep(step, now)
	o.TOTP.Enabled = true
	o.CredentialVersion++
}

// heldToken loads the hardware token that o holds, nil if none.
func (s *Service) heldToken(ctx context.Context, o *operator) (*hardwareToken, error) {
	if o.TOTP.Serial == "" {
		return nil, nil
	}
	t := &hardwareToken{AccountID: o.AccountID, Serial: o.TOTP.Serial}
	if err := s.get(ctx, t); err != nil {
		return nil, fmt.Errorf("load hardware token: %w", err)
	}
	return t, nil
}

// giveBack is pure: t, which o holds, is nobody's again. It comes in the commit in which o's credential goes. t is nil if o holds none.
func (o *operator) giveBack(t *hardwareToken) changes {
	if t == nil || !t.exists() || t.AssignedTo != o.ID {
		return nil
	}
	t.AssignedTo, t.LastStep, t.Drift = "", o.TOTP.LastStep, o.TOTP.Drift
	return changes{put(t)}
}
