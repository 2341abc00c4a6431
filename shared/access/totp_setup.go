package access

import (
	"cmp"
	"context"
	"io"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/secret"
	"postern/shared/totp"
)

// SetUpTOTP asks for a new TOTP secret, or for the present one to be removed.
type SetUpTOTP struct {
	Password secret.Text // not asked in a session that must set TOTP up
	Code     secret.Text // a current code, if TOTP is enabled already
}

// TOTPSetup is a new secret, shown once. It is enabled only by a current code ([Service.ConfirmTOTP]).
type TOTPSetup struct {
	Secret    secret.Text // base32
	URI       secret.Text // otpauth://
	QR        secret.Text // SVG of the URI
	ExpiresAt time.Time
}

// SetUpTOTP generates a secret and keeps it pending, in place of an earlier pending one; what is enabled stays so until the new
// one is confirmed (behaviour 6.1, 6.4; details 42).
//
// ErrInvalidCredentials: wrong password. ErrTOTPRequired: TOTP is enabled, and no code was given. ErrInvalidCode, ErrTOTPBlocked,
// ErrForbidden (single_use session).
func (s *Service) SetUpTOTP(ctx context.Context, id *Identity, c SetUpTOTP, client Client) (TOTPSetup, error) {
	typed, err := password.Normalize(c.Password.Reveal())
	if err != nil {
		return TOTPSetup{}, &InputError{[]FieldError{{Field: "password", Code: "invalid_text"}}}
	}
	in := &reauthentication{guard: guard{s: s, accountID: id.View.AccountID, client: client}, typed: secret.New(typed)}
	pending, err := commitGuarded(ctx, &in.guard, func(now time.Time) (pendingTOTP, changes, error) {
		var st *reauthenticated
		var err error
		must := id.session.Kind == SessionChangeOnly && id.session.Next == NextTOTPSetup
		if must {
			st, err = s.reload(ctx, id, &in.guard, now)
		} else {
			st, err = s.reauthenticate(ctx, id, in, now)
		}
		if err != nil {
			return pendingTOTP{}, nil, err
		}
		return decideSetUpTOTP(st, must, c.Code, client, now, s.random)
	})
	if err != nil {
		return TOTPSetup{}, err
	}
	raw := []byte(pending.Secret.Reveal())
	uri := totp.URI(issuer(id.account), id.View.Username, newCredential(raw))
	qr, err := totp.QR(uri)
	if err != nil {
		return TOTPSetup{}, err
	}
	return TOTPSetup{secret.New(totp.Base32(raw)), secret.New(uri), secret.New(qr), pending.Expires}, nil
}

func decideSetUpTOTP(st *reauthenticated, must bool, code secret.Text, client Client, now time.Time, random io.Reader) (pendingTOTP, changes, error) {
	if !must {
		if left, err := st.require(client, now, random); err != nil {
			return pendingTOTP{}, left, err
		}
	}
	o := &st.operator
	if o.TOTP.Enabled {
		if code.Empty() {
			return pendingTOTP{}, nil, ErrTOTPRequired
		}
		if left, err := requireTOTP(&st.guarded, code, client, now, random); err != nil {
			return pendingTOTP{}, left, err
		}
	}
	raw, err := totp.NewSecret(random)
	if err != nil {
		return pendingTOTP{}, nil, err
	}
	o.Pending = pendingTOTP{Secret: secret.New(string(raw)), Expires: now.Add(PendingTOTPLifetime)}
	return o.Pending, changes{put(o)}, nil
}

// maxIssuer keeps the QR code from growing too dense for phones, in characters.
const maxIssuer = 40

// issuer is the name under which apps show the secret.
func issuer(a *account) string {
	name := []rune(cmp.Or(a.Settings.Name, a.ID))
	return string(name[:min(len(name), maxIssuer)])
}

// newCredential is a secret of ours as apps get it: six digits every 60 seconds (behaviour 6.2).
func newCredential(raw []byte) totp.Credential {
	return totp.Credential{Secret: raw, Period: time.Minute, Digits: 6, Algorithm: totp.SHA1}
}

// PendingTOTP reports whether a set-up waits for its confirmation.
func (s *Service) PendingTOTP(_ context.Context, id *Identity) (bool, error) {
	return id.operator.pendingLive(s.now()), nil
}

// pendingLive reports whether a set-up could still be confirmed.
func (o *operator) pendingLive(now time.Time) bool {
	return !o.Pending.Secret.Empty() && now.Before(o.Pending.Expires) && o.Pending.Wrong < limit.PendingTOTPTries
}

// TOTPConfirmed is what a confirmed set-up leads to.
type TOTPConfirmed struct {
	Period       int         // seconds, as the app really counts
	Session      SessionView // the session, full unless more is owed
	SessionToken secret.Text // its new token
}

// ConfirmTOTP enables the pending secret with a current code from it (behaviour 6.1), and stores the period that the app uses
// (behaviour 6.2). All other sessions end. A hardware token that the operator held, active or waiting, is nobody's again.
//
// ErrInvalidCode: wrong; five of those end the pending secret. [ConflictError] "nothing_pending".
func (s *Service) ConfirmTOTP(ctx context.Context, id *Identity, code secret.Text, client Client) (TOTPConfirmed, error) {
	if id.session.Kind == SessionSingleUse {
		return TOTPConfirmed{}, ErrForbidden
	}
	g := &guard{s: s, accountID: id.View.AccountID, client: client}
	return commitGuarded(ctx, g, func(now time.Time) (TOTPConfirmed, changes, error) {
		st, err := s.reload(ctx, id, g, now)
		if err != nil {
			return TOTPConfirmed{}, nil, err
		}
		held, err := s.heldToken(ctx, &st.operator)
		if err != nil {
			return TOTPConfirmed{}, nil, err
		}
		return decideConfirmTOTP(st, held, code, client, now, s.random)
	})
}

func decideConfirmTOTP(st *reauthenticated, held *hardwareToken, typed secret.Text, client Client, now time.Time, random io.Reader) (TOTPConfirmed, changes, error) {
	o := &st.operator
	if !o.pendingLive(now) {
		return TOTPConfirmed{}, nil, &ConflictError{Reason: "nothing_pending"}
	}
	raw := []byte(o.Pending.Secret.Reveal())
	period, step, ok := totp.Detect(raw, totp.Clean(typed.Reveal()), now)
	if !ok {
		left, err := st.failed(client, now, random)
		if err != nil {
			return TOTPConfirmed{}, nil, err
		}
		o.Pending.Wrong++
		left.add(put(o))
		return TOTPConfirmed{}, left, ErrInvalidCode
	}
	back := o.giveBack(held)
	c := newCredential(raw)
	o.TOTP = ownTOTP{
		Enabled: true, Secret: o.Pending.Secret, Period: int(period / time.Second), Digits: c.Digits, Algorithm: c.Algorithm,
		Source: "app", LastStep: step,
	}
	o.Pending = pendingTOTP{}
	o.CredentialVersion++
	st.session.addAMR(amrOTP)
	token, err := st.session.carryOn(o, &st.account, now, random)
	if err != nil {
		return TOTPConfirmed{}, nil, err
	}
	told, err := tell(mail.TOTPEnabled, NoticeTOTPEnabled, Actor{Name: "operator:" + o.ID}, o, now, random)
	if err != nil {
		return TOTPConfirmed{}, nil, err
	}
	done := changes{put(o), put(&st.session)}
	done.add(back...)
	done.add(told...)
	return TOTPConfirmed{o.TOTP.Period, *st.session.view(o), token}, done, nil
}

// RemoveTOTP switches one's own TOTP off (behaviour 6.4), and returns the session's new token. All other sessions end. A hardware token
// is nobody's again.
//
// Errors as [Service.SetUpTOTP]; ErrForbidden also where the policy requires TOTP; [ConflictError] "no_totp".
func (s *Service) RemoveTOTP(ctx context.Context, id *Identity, c SetUpTOTP, client Client) (secret.Text, error) {
	typed, err := password.Normalize(c.Password.Reveal())
	if err != nil {
		return secret.Text{}, &InputError{[]FieldError{{Field: "password", Code: "invalid_text"}}}
	}
	in := &reauthentication{guard: guard{s: s, accountID: id.View.AccountID, client: client}, typed: secret.New(typed)}
	return commitGuarded(ctx, &in.guard, func(now time.Time) (secret.Text, changes, error) {
		st, err := s.reauthenticate(ctx, id, in, now)
		if err != nil {
			return secret.Text{}, nil, err
		}
		held, err := s.heldToken(ctx, &st.operator)
		if err != nil {
			return secret.Text{}, nil, err
		}
		return decideRemoveTOTP(st, held, c.Code, client, now, s.random)
	})
}

func decideRemoveTOTP(st *reauthenticated, held *hardwareToken, code secret.Text, client Client, now time.Time, random io.Reader) (secret.Text, changes, error) {
	o, a := &st.operator, &st.account
	if a.Policy.requiresTOTP(o.Role) {
		return secret.Text{}, nil, ErrForbidden
	}
	if !o.TOTP.Enabled {
		return secret.Text{}, nil, &ConflictError{Reason: "no_totp"}
	}
	if left, err := st.require(client, now, random); err != nil {
		return secret.Text{}, left, err
	}
	if left, err := requireTOTP(&st.guarded, code, client, now, random); err != nil {
		return secret.Text{}, left, err
	}
	back := o.removeTOTP(held)
	token, err := st.session.carryOn(o, a, now, random)
	if err != nil {
		return secret.Text{}, nil, err
	}
	told, err := tell(mail.TOTPRemoved, NoticeTOTPRemoved, Actor{Name: "operator:" + o.ID}, o, now, random)
	if err != nil {
		return secret.Text{}, nil, err
	}
	done := changes{put(o), put(&st.session)}
	done.add(back...)
	done.add(told...)
	return token, done, nil
}

// removeTOTP leaves the operator without a second factor, and ends everything that was open. held is the hardware token that it was,
// if it was one; what is done to it belongs into the same commit.
func (o *operator) removeTOTP(held *hardwareToken) changes {
	back := o.giveBack(held)
	o.TOTP, o.Pending = ownTOTP{}, pendingTOTP{}
	o.CredentialVersion++
	return back
}
