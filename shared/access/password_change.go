package access

import (
	"context"
	"io"
	"time"

	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/secret"
)

// ChangePassword replaces one's own password (behaviour 4).
type ChangePassword struct{ Current, New secret.Text }

// ChangePassword sets a new permanent password, ends all other sessions, and gives the present one a new token, which it
// returns.
//
// ErrInvalidCredentials: the current password is wrong. [PolicyError]. ErrForbidden: from a single_use session. ErrNotSignedIn: the
// session ended meanwhile. [TooManyAttemptsError] comes before anything is compared.
func (s *Service) ChangePassword(ctx context.Context, id *Identity, c ChangePassword, client Client) (secret.Text, error) {
	current, err := password.Normalize(c.Current.Reveal())
	if err != nil {
		return secret.Text{}, &InputError{[]FieldError{{Field: "currentPassword", Code: "invalid_text"}}}
	}
	in := &reauthentication{guard: guard{s: s, accountID: id.View.AccountID, client: client}, typed: secret.New(current)}
	var chosen chosenPassword
	return commitGuarded(ctx, &in.guard, func(now time.Time) (secret.Text, changes, error) {
		st, err := s.reauthenticate(ctx, id, in, now)
		if err != nil {
			return secret.Text{}, nil, err
		}
		if st.password.ok {
			if err := chosen.check(ctx, s, c.New, "newPassword", &st.operator, &st.account, false, now); err != nil {
				return secret.Text{}, nil, err
			}
		}
		return decideChangePassword(st, chosen.hash, client, now, s.random)
	})
}

func decideChangePassword(st *reauthenticated, hash string, client Client, now time.Time, random io.Reader) (secret.Text, changes, error) {
	if left, err := st.require(client, now, random); err != nil {
		return secret.Text{}, left, err
	}
	o, a := &st.operator, &st.account
	o.setPermanent(hash, a.Policy, now)
	token, err := st.session.carryOn(o, a, now, random)
	if err != nil {
		return secret.Text{}, nil, err
	}
	told, err := tell(mail.PasswordChanged, NoticePasswordChanged, Actor{Name: "operator:" + o.ID}, o, now, random)
	if err != nil {
		return secret.Text{}, nil, err
	}
	done := changes{put(o), put(&st.session)}
	done.add(told...)
	return token, done, nil
}

// reauthentication is a password that a signed-in operator types again, before something that matters.
type reauthentication struct {
	guard
	typed   secret.Text // normalised
	verdict verdict
}

// reauthenticated is the state of a signed-in operator who typed the password again.
type reauthenticated struct {
	guarded
	session  session
	password verdict
}

// reauthenticate loads session, operator and account afresh, takes the budget, and has the password compared.
func (s *Service) reauthenticate(ctx context.Context, id *Identity, in *reauthentication, now time.Time) (*reauthenticated, error) {
	if id.session.Kind == SessionSingleUse {
		return nil, ErrForbidden
	}
	st, err := s.reload(ctx, id, &in.guard, now)
	if err != nil {
		return nil, err
	}
	if st.session.Kind != SessionFull {
		return nil, &ChangeRequiredError{st.session.Next}
	}
	if err := s.checkPassword(ctx, &in.verdict, &st.operator, in.typed); err != nil {
		return nil, err
	}
	st.password = in.verdict
	return st, nil
}

// reload loads what an identity stands for afresh, for a use case that decides on it, and takes from the budget for its try.
func (s *Service) reload(ctx context.Context, id *Identity, g *guard, now time.Time) (*reauthenticated, error) {
	b, value, ok := parseBearer(bearerSession, id.token)
	if !ok {
		return nil, ErrNotSignedIn
	}
	st := &reauthenticated{session: session{bearer: b}}
	st.account = account{ID: b.AccountID}
	st.operator = operator{AccountID: b.AccountID, ID: b.OperatorID}
	if err := g.enter(ctx, &st.guarded, now, &st.account, &st.session); err != nil {
		return nil, err
	}
	if !st.session.exists() || !st.session.opens(value, &st.operator, &st.account, now) {
		return nil, ErrNotSignedIn
	}
	return st, nil
}

// require is pure: it refuses a wrong password, and says what that leaves behind.
func (st *reauthenticated) require(client Client, now time.Time, random io.Reader) (changes, error) {
	if st.password.ok && passwordLive(&st.operator, now) {
		return nil, nil
	}
	left, err := st.failed(client, now, random)
	if err != nil {
		return nil, err
	}
	return left, ErrInvalidCredentials
}
