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
	o := &st.operator
	waits := o.tokenWaits()
	if !st.live || !o.asksForCode() {
		return LoggedIn{}, nil, ErrNotSignedIn
	}
	if left, err := requireTOTP(&st.guarded, c.Code, c.Client, now, random); err != nil {
		return LoggedIn{}, left, err
	}
	var told changes
	if waits { // by that code, requireTOTP made it the second factor (behaviour 6.5)
		var err error
		told, err = tell(mail.TOTPEnabled, NoticeTOTPEnabled, Actor{Name: "operator:" + o.ID}, o, now, random, detail{"serial", o.TOTP.Serial})
		if err != nil {
			return LoggedIn{}, nil, err
		}
	}
	amr := append(strings.Fields(st.pending.AMR), amrOTP)
	in, done, err := openSession(&st.guarded, amr, true, c.Client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(remove(&st.pending))
	done.add(told...)
	return in, done, nil
}

// requireTOTP is pure: it accepts a current code, once, and notes its step in the operator's record, which the caller puts. The first
// code of a hardware token that waits activates it. Else it gives the refusal and what that leaves behind: a wrong code counts, and the
// tenth in a row blocks the factor.
func requireTOTP(st *guarded, typed secret.Text, client Client, now time.Time, random io.Reader) (changes, error) {
	o := &st.operator
	if o.totpBlocked() {
		return nil, ErrTOTPBlocked
	}
	code := totp.Clean(typed.Reveal())
	match, replayed := o.credential().Match, o.credential().Replayed
	if o.tokenWaits() {
		match, replayed = o.credential().Resync, o.credential().ReplayedResync
	}
	if step, ok := match(code, now); ok {
		if o.tokenWaits() {
			o.activate(step, now)
		} else {
			o.acceptStep(step, now)
		}
		return nil, nil
	}
	left, err := st.failed(client, now, random)
	if err != nil {
		return nil, err
	}
	if replayed(code, now) {
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
	return o.asksForCode() && o.TOTP.WrongInRow >= limit.TOTPWrongInRow
}

// acceptStep notes that a code of that step was right. The clock of a hardware token is followed; apps have the time from a network.
func (o *operator) acceptStep(step int64, now time.Time) {
	if o.TOTP.Source == sourceHardware {
		o.TOTP.Drift = o.credential().Follow(step, now)
	}
	o.TOTP.LastStep, o.TOTP.WrongInRow = step, 0
}

// credential is the operator's TOTP credential.
func (o *operator) credential() totp.Credential {
	return totp.Credential{
		Secret: []byte(o.TOTP.Secret.Reveal()), Period: time.Duration(o.TOTP.Period) * time.Second, Digits: o.TOTP.Digits,
		Algorithm: o.TOTP.Algorithm, LastStep: o.TOTP.LastStep, Drift: o.TOTP.Drift,
	}
}
