package access

import (
	"context"
	"io"
	"strings"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/secret"
	"postern/shared/totp"
)

// LoginTOTP is the second step of a login (behaviour 1.4).
type LoginTOTP struct {
	Pending secret.Text // the cookie __Host-pending
	Code    secret.Text // as typed
	Client  Client
}

// LoginTOTP lets an operator in whose first step was right.
//
// ErrNotSignedIn: no first step, or one that is older than PendingLoginLifetime, or dead. ErrInvalidCode: wrong, or accepted
// before. ErrTOTPBlocked: ten wrong codes in a row (behaviour 6.3).
func (s *Service) LoginTOTP(ctx context.Context, c LoginTOTP) (LoggedIn, error) {
	b, value, ok := parseBearer(bearerPending, c.Pending)
	if !ok {
		return LoggedIn{}, ErrNotSignedIn
	}
	g := &guard{s: s, accountID: b.AccountID, client: c.Client}
	return commitGuarded(ctx, g, func(now time.Time) (LoggedIn, changes, error) {
		st := &loginTOTPState{pending: pendingLogin{bearer: b}}
		st.account = account{ID: b.AccountID}
		st.operator = operator{AccountID: b.AccountID, ID: b.OperatorID}
		if err := g.enter(ctx, &st.guarded, now, &st.account, &st.pending); err != nil {
			return LoggedIn{}, nil, err
		}
		st.live = st.pending.exists() && st.pending.opens(value, &st.operator, &st.account, now)
		return decideLoginTOTP(st, c, now, s.random)
	})
}

type loginTOTPState struct {
	guarded
	pending pendingLogin
	live    bool
}

func decideLoginTOTP(st *loginTOTPState, c LoginTOTP, now time.Time, random io.Reader) (LoggedIn, changes, error) {
	if !st.live || !st.operator.TOTP.Enabled {
		return LoggedIn{}, nil, ErrNotSignedIn
	}
	if left, err := requireTOTP(&st.guarded, c.Code, c.Client, now, random); err != nil {
		return LoggedIn{}, left, err
	}
	amr := append(strings.Fields(st.pending.AMR), amrOTP)
	in, done, err := openSession(&st.guarded, amr, true, c.Client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(remove(&st.pending))
	return in, done, nil
}

// requireTOTP is pure: it accepts a current code, once, and notes its step in the operator's record, which the caller puts. Else
// it gives the refusal and what that leaves behind: a wrong code counts, and the tenth in a row blocks the factor.
func requireTOTP(st *guarded, typed secret.Text, client Client, now time.Time, random io.Reader) (changes, error) {
	o := &st.operator
	if o.totpBlocked() {
		return nil, ErrTOTPBlocked
	}
	code := totp.Clean(typed.Reveal())
	if step, ok := o.credential().Match(code, now); ok {
		o.TOTP.LastStep, o.TOTP.WrongInRow = step, 0
		return nil, nil
	}
	left, err := st.failed(client, now, random)
	if err != nil {
		return nil, err
	}
	if o.credential().Replayed(code, now) {
		return left, ErrInvalidCode // right, but used: nobody guessed, so it is not one of the ten
	}
	o.TOTP.WrongInRow++
	left.add(put(o))
	if o.totpBlocked() {
		m, err := newMail(mail.TOTPBlocked, o, now, random)
		if err != nil {
			return nil, err
		}
		n, err := newNotice(NoticeTOTPBlocked, System, o.AccountID, o.ID, now, random)
		if err != nil {
			return nil, err
		}
		left.add(put(m), put(n))
	}
	return left, ErrInvalidCode
}

// totpBlocked reports whether the factor is blocked (behaviour 6.3).
func (o *operator) totpBlocked() bool {
	return o.TOTP.Enabled && o.TOTP.WrongInRow >= limit.TOTPWrongInRow
}

// credential is the operator's TOTP credential.
func (o *operator) credential() totp.Credential {
	return totp.Credential{
		Secret: []byte(o.TOTP.Secret.Reveal()), Period: time.Duration(o.TOTP.Period) * time.Second, Digits: o.TOTP.Digits,
		Algorithm: o.TOTP.Algorithm, LastStep: o.TOTP.LastStep,
	}
}
