package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/secret"
	"postern/shared/shortcode"
)

// Login is the first step of a login (behaviour 1).
type Login struct {
	AccountID, Login string      // as typed
	Password         secret.Text // permanent or temporary password, or a live single-use code
	Captcha          string      // a solved challenge, if one was asked for
	Client           Client
}

// Login lets an operator in, or to the second step, or to what is owed first (behaviour 1.2, 1.4, 1.5, 1.6).
//
// [ErrInvalidCredentials] says the same, in the same time, for an unknown account or name, a wrong password and a disabled
// operator (behaviour 1.3). [CaptchaRequiredError] and [TooManyAttemptsError] come before anything secret is compared.
func (s *Service) Login(ctx context.Context, c Login) (LoggedIn, error) {
	typed, err := password.Normalize(c.Password.Reveal())
	if err != nil {
		return LoggedIn{}, &InputError{[]FieldError{{Field: "password", Code: "invalid_text"}}}
	}
	in := &loginAttempt{
		guard: guard{s: s, purpose: CaptchaLogin, accountID: c.AccountID, login: c.Login, answer: c.Captcha, client: c.Client},
		typed: secret.New(typed),
	}
	return commitGuarded(ctx, &in.guard, func(now time.Time) (LoggedIn, changes, error) {
		st, err := s.loadLogin(ctx, in, now)
		if err != nil {
			return LoggedIn{}, nil, err
		}
		return decideLogin(st, c, now, s.random)
	})
}

// loginAttempt is what stays the same while a login is decided again: the budget that it took, the hash that it checked.
type loginAttempt struct {
	guard
	typed   secret.Text // normalised
	verdict verdict
}

// verdict is what hashing said. It holds for the hash that it was made for, so deciding again hashes again only if that
// has changed (design.md, "State").
type verdict struct {
	made   bool
	hash   secret.Text // that was compared; empty: the dummy
	ok     bool
	rehash string // the same password under today's parameters, if the hash was weaker
}

// loginState is what a login decides on.
type loginState struct {
	guarded
	code      mailedCode // single-use code
	codeRight bool
	codeTried bool // what was typed has the form of a code
	password  verdict
}

// loadLogin reads, in two round trips, all that a login decides on, takes the budget and has the password compared.
func (s *Service) loadLogin(ctx context.Context, in *loginAttempt, now time.Time) (*loginState, error) {
	st := &loginState{}
	if err := in.begin(ctx, &st.guarded, now); err != nil {
		return nil, err
	}
	st.code = mailedCode{AccountID: st.operator.AccountID, OperatorID: st.operator.ID, Kind: singleUseCode}
	if err := in.enter(ctx, &st.guarded, now, &st.code); err != nil {
		return nil, err
	}
	if typed, ok := shortcode.Parse(in.typed.Reveal()); ok {
		st.codeTried = true
		right, err := s.derive(ctx, singleUseCode, st.operator.AccountID, st.operator.ID, st.code.ID)
		if err != nil {
			return nil, err
		}
		st.codeRight = right.code.Equal(secret.New(typed)) && st.code.live(&st.operator, now)
	}
	if err := s.checkPassword(ctx, &in.verdict, &st.operator, in.typed); err != nil {
		return nil, err
	}
	st.password = in.verdict
	return st, nil
}

// checkPassword compares a typed password with the operator's, behind the gate, unless v already did so for the same hash.
// For an operator who does not exist, or has none, a dummy hash takes as long. If the hash is weaker than today's
// parameters the verdict carries a new one.
func (s *Service) checkPassword(ctx context.Context, v *verdict, o *operator, typed secret.Text) error {
	hash := o.Password.Hash
	if v.made && v.hash.Equal(hash) {
		return nil
	}
	text := typed.Reveal()
	if o.Password.Kind == PasswordTemporary {
		// Temporary passwords may be typed as codes are (details 20). One form is compared, so that the time is the same.
		if canonical, ok := shortcode.ParseTemporary(text); ok {
			text = canonical
		}
	}
	ok, weak, err := s.hasher.Verify(ctx, hash.Reveal(), text)
	if err != nil {
		return busy(err)
	}
	*v = verdict{made: true, hash: hash, ok: ok}
	if ok && weak {
		if v.rehash, err = s.hasher.Hash(ctx, text); err != nil {
			return busy(err)
		}
	}
	return nil
}

// busy turns a full gate into ErrUnavailable.
func busy(err error) error {
	if errors.Is(err, password.ErrBusy) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("hash: %w", err)
}

// decideLogin is pure. A right single-use code wins over a password that reads the same.
func decideLogin(st *loginState, c Login, now time.Time, random io.Reader) (LoggedIn, changes, error) {
	o, a := &st.operator, &st.account
	byCode := st.codeRight && a.Policy.SingleUseCode && st.code.Wrong < limit.CodeTries
	byPassword := st.password.ok && passwordLive(o, now) && (st.known || !st.limited())
	if !o.active() || !a.active() || !byCode && !byPassword {
		return refuseLogin(st, c, now, random)
	}
	amr := amrPassword
	var done changes
	edited := false
	if byCode {
		amr = amrEmail
		st.code.Used = true
		done = append(done, put(&st.code))
	} else if st.password.rehash != "" {
		o.Password.Hash = secret.New(st.password.rehash)
		edited = true
	}
	if st.captcha != nil {
		done = append(done, put(st.captcha))
	}
	if o.asksForCode() {
		p := &pendingLogin{bearer: bearer{kind: bearerPending}, AMR: amr}
		token, err := p.issue(o, PendingLoginLifetime, now, random)
		if err != nil {
			return LoggedIn{}, nil, err
		}
		p.expires = p.ExpiresAt
		done.add(put(p))
		if edited {
			done.add(put(o))
		}
		return LoggedIn{Next: NextTOTP, PendingToken: token}, done, nil
	}
	in, opened, err := openSession(&st.guarded, []string{amr}, edited, c.Client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(opened...)
	return in, done, nil
}

// passwordLive reports whether the operator's password can be logged in with: a temporary one past its date is a wrong
// password (details 9); an expired permanent one is not, it leads to a forced change.
func passwordLive(o *operator, now time.Time) bool {
	return o.Password.Kind == PasswordPermanent || o.Password.Kind == PasswordTemporary && now.Before(o.Password.ExpiresAt)
}

// refuseLogin is pure: what a refused login leaves behind.
func refuseLogin(st *loginState, c Login, now time.Time, random io.Reader) (LoggedIn, changes, error) {
	left, err := st.failed(c.Client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	// A refused password is a try at a live single-use code only if it reads as one (details 6).
	if st.codeTried && !st.codeRight && st.code.live(&st.operator, now) && st.code.Wrong < limit.CodeTries {
		st.code.Wrong++
		left.add(put(&st.code))
	}
	return LoggedIn{}, left, ErrInvalidCredentials
}

// openSession is pure: it opens a session after the last step of a login, and notes the login and the browser. edited says that the
// operator's record has changed already and is to be written.
func openSession(g *guarded, amr []string, edited bool, client Client, now time.Time, random io.Reader) (LoggedIn, changes, error) {
	o, a := &g.operator, &g.account
	in := LoggedIn{BrowserToken: client.Browser}
	var done changes
	if !validBrowser(client.Browser) {
		token, err := newBrowser(random)
		if err != nil {
			return LoggedIn{}, nil, err
		}
		in.BrowserToken = token
	}
	told, err := newBrowserMail(g, client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(told...)
	g.activity.used(browserHash(o.AccountID, o.ID, in.BrowserToken), now)
	done.add(putAny(&g.activity))

	s, token, err := newSession(o, a, amr, client, now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(put(s))
	in.SessionToken = token
	if s.Kind == SessionChangeOnly {
		in.Next, in.Reason = s.Next, s.Reason
	} else {
		in.Next, in.Session = NextDone, s.view(o)
	}
	if o.Password.Kind == PasswordTemporary && o.Password.FromReset && s.Reason != "" {
		o.Password.Hash, o.Password.Kind = secret.Text{}, PasswordNone // dies at its first login (details 10)
		edited = true
	}
	if moved := o.expiresAt(a); !moved.Equal(o.Password.ExpiresAt) { // details 8
		o.Password.ExpiresAt = moved
		o.Warned = 0
		o.plan(a.Policy)
		edited = true
	}
	if !o.LimitedToldAt.IsZero() {
		o.LimitedToldAt = time.Time{}
		edited = true
	}
	if edited {
		done.add(put(o))
	}
	cleared, err := g.cleared(now, random)
	if err != nil {
		return LoggedIn{}, nil, err
	}
	done.add(cleared...)
	return in, done, nil
}

// digestID names the mail that collects an operator's logins from new browsers.
func digestID(operatorID string) string { return "new-browsers-" + operatorID }

// maxDigest is how many logins one mail lists.
const maxDigest = 50

// newBrowserMail is pure: it tells the operator of a login from a browser not seen before (behaviour 1.9), unless it is the very first.
// Mails beyond the budget are put together in one, which goes out when the budget allows (details 5).
func newBrowserMail(g *guarded, client Client, now time.Time, random io.Reader) (changes, error) {
	o, a := &g.operator, &g.account
	if g.known || !a.Policy.NewBrowserMail || len(g.activity.Browsers) == 0 {
		return nil, nil
	}
	seen := browserLogin{At: now, Address: client.address(), UserAgent: client.userAgent()}
	if g.digest.exists() && g.digest.Status == MailQueued && g.digest.LeasedTil.IsZero() {
		if len(g.digest.Browsers) < maxDigest {
			g.digest.Browsers = append(g.digest.Browsers, seen)
		}
		return changes{put(&g.digest)}, nil
	}
	m, err := newMail(mail.NewBrowser, o, now, random)
	if err != nil {
		return nil, err
	}
	m.Browsers = []browserLogin{seen}
	next, wait, ok := limit.NewBrowserMail(o.AccountID, o.ID).Take(g.activity.NewBrowserTAT, now, 1)
	if ok {
		g.activity.NewBrowserTAT = next
		return changes{put(m)}, nil
	}
	m.ID, m.announce, m.due = g.digest.ID, false, now.Add(wait)
	m.stored.item, m.stored.known = g.digest.item, g.digest.known
	return changes{put(m)}, nil
}
