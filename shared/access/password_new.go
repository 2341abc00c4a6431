package access

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/secret"
)

// NewPassword chooses the password that is owed: after a reset (Replacement), or in a change_only session (Session).
type NewPassword struct {
	Replacement secret.Text // the cookie __Host-reset; wins if both are there and it is live
	Session     secret.Text // the cookie __Host-session
	Password    secret.Text
	Client      Client
}

// NewPassword sets a permanent password. After a reset it opens no session: Next is NextLogin (security.md 17). In a change_only
// session Next is NextDone with a full session, or NextTOTPSetup if that is owed as well (details 11); the session has a new
// token either way.
//
// ErrNotSignedIn: neither is live, or the session owes no password. [PolicyError]: nothing was changed, try again.
func (s *Service) NewPassword(ctx context.Context, c NewPassword) (LoggedIn, error) {
	var chosen chosenPassword
	return commit(ctx, s, func(now time.Time) (LoggedIn, changes, error) {
		st, err := s.loadNewPassword(ctx, c.Replacement, c.Session, now)
		if err != nil {
			return LoggedIn{}, nil, err
		}
		if st.replacement == nil && st.session == nil {
			return LoggedIn{}, nil, ErrNotSignedIn
		}
		if err := chosen.check(ctx, s, c.Password, "password", &st.operator, &st.account, true, now); err != nil {
			return LoggedIn{}, nil, err
		}
		return decideNewPassword(st, chosen.hash, now, s.random)
	})
}

// newPasswordState is what the choice of an owed password decides on: one of replacement and session is set.
type newPasswordState struct {
	account     account
	operator    operator
	replacement *replacement
	session     *session
}

// loadNewPassword finds out, in one round trip where only one cookie is there, which of the two is live and owes a password.
func (s *Service) loadNewPassword(ctx context.Context, prompt, token secret.Text, now time.Time) (*newPasswordState, error) {
	if b, value, ok := parseBearer(bearerReplacement, prompt); ok {
		r := &replacement{bearer: b}
		st := &newPasswordState{account: account{ID: b.AccountID}, operator: operator{AccountID: b.AccountID, ID: b.OperatorID}}
		if err := s.get(ctx, r, &st.operator, &st.account); err != nil {
			return nil, fmt.Errorf("load replacement prompt: %w", err)
		}
		if r.exists() && r.opens(value, &st.operator, &st.account, now) {
			st.replacement = r
			return st, nil
		}
	}
	id, err := s.loadSession(ctx, token, now)
	if err != nil {
		return nil, err
	}
	if id.session.Kind != SessionChangeOnly || id.session.Next != NextNewPassword {
		return nil, ErrNotSignedIn
	}
	return &newPasswordState{account: *id.account, operator: *id.operator, session: id.session}, nil
}

func decideNewPassword(st *newPasswordState, hash string, now time.Time, random io.Reader) (LoggedIn, changes, error) {
	o, a := &st.operator, &st.account
	o.setPermanent(hash, a.Policy, now)
	entry, err := newNotice(NoticePasswordChanged, Actor{Name: "operator:" + o.ID}, o.AccountID, o.ID, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done := changes{put(o), put(entry)}
	if st.replacement != nil {
		done.add(remove(st.replacement)) // the mail about the reset has told the operator
		return LoggedIn{Next: NextLogin}, done, nil
	}
	m, err := newMail(mail.PasswordChanged, o, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(put(m), put(st.session))
	st.session.Chosen = true
	token, err := st.session.carryOn(o, a, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	in := LoggedIn{Next: NextDone, SessionToken: token}
	if st.session.Kind == SessionChangeOnly {
		in.Next, in.Reason = st.session.Next, st.session.Reason
	} else {
		in.Session = st.session.view(o)
	}
	return in, done, nil
}

// carryOn lets a session outlive a change of credentials that ends all others, under a new token (security.md 23). A session that was
// cut short because it owed something gets the lifetime of any other, counted from its login.
func (s *session) carryOn(o *operator, a *account, now time.Time, random io.Reader) (secret.Text, error) {
	s.owe(o, a, now)
	s.CredentialVersion = o.CredentialVersion
	s.ExpiresAt = s.AuthenticatedAt.Add(a.Policy.sessionLifetime())
	s.expires = s.ExpiresAt
	s.LastUsedAt = now
	return s.renew(random)
}

// NewPasswordPrompt is what the page for a new password shows.
type NewPasswordPrompt struct {
	AccountID, Username, FirstName string
	Reason                         ChangeReason // empty after a reset
	Policy                         Policy
}

// NewPasswordPrompt tells whose password is to be chosen, and by which rules. ErrNotSignedIn as for [Service.NewPassword].
func (s *Service) NewPasswordPrompt(ctx context.Context, replacement, session secret.Text) (NewPasswordPrompt, error) {
	st, err := s.loadNewPassword(ctx, replacement, session, s.now())
	if err != nil {
		return NewPasswordPrompt{}, err
	}
	p := NewPasswordPrompt{
		AccountID: st.account.ID, Username: st.operator.Username, FirstName: st.operator.FirstName, Policy: st.account.Policy,
	}
	if st.session != nil {
		p.Reason = st.session.Reason
	}
	return p, nil
}

// chosenPassword is a new password that was checked and hashed. It is made between loading and deciding, and made again only if
// what it was checked against has changed.
type chosenPassword struct {
	hash    string
	against []string
	policy  int64
}

// check applies every rule of the policy at once (behaviour 5); forced changes ignore the change-frequency limit
// (behaviour 4.3). A [PolicyError] lists the broken rules; an [InputError] about field says that it is no text.
func (c *chosenPassword) check(ctx context.Context, s *Service, typed secret.Text, field string, o *operator, a *account, forced bool, now time.Time) error {
	text, err := password.Normalize(typed.Reveal())
	if err != nil {
		return &InputError{[]FieldError{{Field: field, Code: "invalid_text"}}}
	}
	remembered := o.remembered(a.Policy, now)
	if c.hash != "" && c.policy == a.PolicyVersion && slices.Equal(c.against, remembered) {
		return nil
	}
	broken := &PolicyError{Policy: a.Policy}
	broken.Broken = a.Policy.rules().Check(text, o.words(a))
	if earliest := o.Password.ChangedAt.Add(time.Duration(a.Policy.MinAgeHours) * time.Hour); !forced &&
		o.Password.Kind == PasswordPermanent && now.Before(earliest) {
		broken.Broken, broken.Until = append(broken.Broken, password.RuleMinAge), earliest
	}
	// A password that is far too long is not hashed: bodies are bounded, but its work is not for nothing.
	if len(remembered) > 0 && !slices.Contains(broken.Broken, password.RuleMaxLength) {
		match, err := s.hasher.Matches(ctx, remembered, text)
		if err != nil {
			return busy(err)
		}
		if match >= 0 {
			broken.Broken = append(broken.Broken, password.RuleHistory)
		}
	}
	if len(broken.Broken) > 0 {
		return broken
	}
	hash, err := s.hasher.Hash(ctx, text)
	if err != nil {
		return busy(err)
	}
	*c = chosenPassword{hash: hash, against: remembered, policy: a.PolicyVersion}
	return nil
}

// rules are what a password is checked against without looking at other passwords.
func (p Policy) rules() password.Rules {
	return password.Rules{
		MinLength: p.MinLength, MaxLength: p.MaxLength, RequireLower: p.RequireLower, RequireUpper: p.RequireUpper,
		RequireDigit: p.RequireDigit, RequireSymbol: p.RequireSymbol, Blocklist: p.Blocklist,
	}
}
