package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/secret"
	"postern/shared/shortcode"
)

// ConfirmReset is what an operator shows after a reset mail: Code as typed, or Token from the link, not both.
type ConfirmReset struct {
	AccountID, Login string // as typed; with Code only
	Code, Token      secret.Text
	TOTP             secret.Text // current code; empty as long as it was not asked for
	Client           Client
}

// ResetConfirmed is what a confirmed reset leads to.
type ResetConfirmed struct {
	Next        Next        // NextNewPassword, or NextLogin where a temporary password was mailed
	Replacement secret.Text // the cookie __Host-reset, with NextNewPassword
}

// ConfirmReset uses up a reset secret and clears the operator's password (behaviour 3.3), or mails a temporary one
// (behaviour 3.4). It opens no session: the reply is the right to choose one new password, for ReplacementLifetime.
//
// ErrInvalidCode means wrong, used, expired or another operator's: the caller is never told which. ErrTOTPRequired uses
// nothing up; the same secret may be sent again with TOTP. [TooManyAttemptsError] comes before anything is compared.
func (s *Service) ConfirmReset(ctx context.Context, c ConfirmReset) (ResetConfirmed, error) {
	g := &guard{s: s, accountID: c.AccountID, login: c.Login, client: c.Client}
	var linkAccount, linkOperator string
	if !c.Token.Empty() {
		var ok bool
		if linkAccount, linkOperator, ok = parseLink(c.Token); ok {
			g.accountID = linkAccount
		} else {
			g.accountID, g.login = "", "\x00"+c.Token.Reveal() // nobody's link
			linkOperator = ""
		}
	}
	var temporary generated
	return commitGuarded(ctx, g, func(now time.Time) (ResetConfirmed, changes, error) {
		st := &resetState{}
		if linkOperator == "" {
			if err := g.begin(ctx, &st.guarded, now); err != nil {
				return ResetConfirmed{}, nil, err
			}
			st.reset = mailedCode{AccountID: st.operator.AccountID, OperatorID: st.operator.ID, Kind: resetCode}
			if err := g.enter(ctx, &st.guarded, now, &st.reset); err != nil {
				return ResetConfirmed{}, nil, err
			}
		} else {
			st.account = account{ID: linkAccount}
			st.operator = operator{AccountID: linkAccount, ID: linkOperator}
			st.name = loginName(linkAccount, "?"+linkOperator)
			st.reset = mailedCode{AccountID: linkAccount, OperatorID: linkOperator, Kind: resetCode}
			if err := g.enter(ctx, &st.guarded, now, &st.account, &st.reset); err != nil {
				return ResetConfirmed{}, nil, err
			}
		}
		want, err := s.derive(ctx, resetCode, st.operator.AccountID, st.operator.ID, st.reset.ID)
		if err != nil {
			return ResetConfirmed{}, nil, err
		}
		if c.Token.Empty() {
			typed, ok := shortcode.Parse(c.Code.Reveal())
			st.codeTried = ok
			st.right = ok && want.code.Equal(secret.New(typed)) && st.reset.Wrong < limit.CodeTries
		} else {
			st.right = want.link.Equal(c.Token)
		}
		if st.right && st.account.active() && st.account.Policy.Reset.Delivery == ResetByTemporaryPassword {
			// The password that will be mailed is made here, once, however often the decision is made again.
			if err := temporary.make(s.random); err != nil {
				return ResetConfirmed{}, nil, err
			}
			st.temporary = temporary
		}
		return decideConfirmReset(st, c, now, s.random)
	})
}

// resetState is what the confirmation of a reset decides on.
type resetState struct {
	guarded
	reset     mailedCode
	right     bool // the code or link is the reset's
	codeTried bool // what was typed has the form of a code
	temporary generated
}

func decideConfirmReset(st *resetState, c ConfirmReset, now time.Time, random io.Reader) (ResetConfirmed, changes, error) {
	none := ResetConfirmed{}
	o, a := &st.operator, &st.account
	live := o.active() && a.active() && st.reset.live(o, now)
	if !live || !st.right {
		left, err := st.failed(c.Client, now, random)
		if err != nil {
			return none, nil, err
		}
		if live && st.codeTried && st.reset.Wrong < limit.CodeTries {
			st.reset.Wrong++ // ends the code after five; never the link
			left.add(put(&st.reset))
		}
		return none, left, ErrInvalidCode
	}
	if o.TOTP.Enabled {
		if c.TOTP.Empty() {
			if o.totpBlocked() {
				return none, nil, ErrTOTPBlocked
			}
			return none, nil, ErrTOTPRequired
		}
		if left, err := requireTOTP(&st.guarded, c.TOTP, c.Client, now, random); err != nil {
			return none, left, err
		}
	}
	st.reset.Used = true
	done := changes{put(&st.reset), put(o)}
	o.LimitedToldAt = time.Time{}

	reply := ResetConfirmed{Next: NextNewPassword}
	if a.Policy.Reset.Delivery == ResetByTemporaryPassword {
		expires := now.Add(ResetTemporaryPasswordLifetime)
		o.setTemporary(st.temporary.hash, true, expires, a.Policy, now)
		m, err := newMail(mail.TemporaryPassword, o, now, random)
		if err != nil {
			return none, nil, err
		}
		m.Password, m.GoodUntil, m.Minutes = st.temporary.password, expires, int(ResetTemporaryPasswordLifetime/time.Minute)
		done.add(put(m))
		reply.Next = NextLogin
	} else {
		o.clearPassword(a.Policy, now)
		r := &replacement{bearer: bearer{kind: bearerReplacement}}
		var err error
		if reply.Replacement, err = r.issue(o, ReplacementLifetime, now, random); err != nil {
			return none, nil, err
		}
		r.expires = r.ExpiresAt
		done.add(put(r))
	}
	told, err := tell(mail.PasswordWasReset, NoticePasswordReset, Actor{Name: "operator:" + o.ID}, o, now, random)
	if err != nil {
		return none, nil, err
	}
	done.add(told...)
	cleared, err := st.cleared(now, random)
	if err != nil {
		return none, nil, err
	}
	done.add(cleared...)
	return reply, done, nil
}

// generated is a temporary password and its hash. It is made between loading and deciding, once, however often it is decided.
type generated struct {
	password secret.Text
	hash     string
}

func (g *generated) make(random io.Reader) error {
	if g.hash != "" {
		return nil
	}
	text, err := shortcode.NewTemporary(random)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return g.set(text, random)
}

// set is make with a password of 80 bits that is there already.
func (g *generated) set(text string, random io.Reader) error {
	hash, err := password.HashGenerated(text, random)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	*g = generated{secret.New(text), hash}
	return nil
}

// tell is pure: a mail to the operator and a notice of the same thing.
func tell(t mail.Template, n NoticeType, by Actor, o *operator, now time.Time, random io.Reader, details ...detail) (changes, error) {
	m, err := newMail(t, o, now, random)
	if err != nil {
		return nil, err
	}
	entry, err := newNotice(n, by, o.AccountID, o.ID, now, random, details...)
	if err != nil {
		return nil, err
	}
	return changes{put(m), put(entry)}, nil
}
