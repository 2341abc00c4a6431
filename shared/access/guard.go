package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"postern/shared/captcha"
	"postern/shared/keys"
	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/secret"
	"postern/shared/store"
)

// A guard stands before every comparison of a secret (behaviour 1.8). It takes from the budget of the name, or of the browser if
// that is known, before anything is compared, and settles afterwards: gives back when the secret was right, charges
// network and account when it was wrong. It also keeps the record of failures by which a CAPTCHA is asked for.
//
// It is the one thing that outlives a decision which has to be made again: a try is paid for once.
type guard struct {
	s         *Service
	purpose   CaptchaPurpose // empty: never asks for a CAPTCHA
	accountID string         // as typed
	login     string         // as typed
	answer    string         // the solved challenge
	client    Client

	taken   limit.Budget // what was taken, if paid
	paid    bool
	unknown bool // the failure counts against strangers: network, account, failures in a row
	row     limit.Budget
	settled outcome
}

// outcome is how a guarded try ended.
type outcome int

const (
	open   outcome = iota // not compared: nothing is spent
	passed                // the secret was right
	failed                // it was wrong
)

// guarded is what a guard loads, for the decision.
type guarded struct {
	account  account
	name     *name // as typed
	operator operator
	activity activity
	digest   outboxItem // the mail that collects logins from new browsers, once they are too many for a mail each
	rowLeft  int        // how many failures from unknown browsers are left of FailuresInRowMax
	known    bool       // the operator has logged in from this browser before
	failures int        // of the name, within limit.CaptchaWindow
	network  int        // of the network, likewise
	captcha  *usedCaptcha
	counters []store.Item // network's and account's budget
}

// accountRef is the canonical Account ID, or a stand-in that no account can have for what cannot be one: an unknown account
// costs what a known one does.
func accountRef(typed string) string {
	if id, ok := canonicalAccountID(typed); ok {
		return id
	}
	sum := sha256.Sum256([]byte(typed))
	return "?" + hex.EncodeToString(sum[:16])
}

// nobody is the operator that an unknown name stands for. There never is one of that id.
const nobody = "-"

// begin is the first round trip: account, name, the network's and the account's budget, recent failures.
func (g *guard) begin(ctx context.Context, st *guarded, now time.Time) error {
	ref := accountRef(g.accountID)
	st.account = account{ID: ref}
	st.name = loginName(ref, g.login)
	st.captcha = nil
	records := []record{&st.account, st.name}
	used, err := g.s.checkCaptcha(ctx, g.answer, g.purpose, g.accountID, now)
	if err != nil {
		return err
	}
	if used != nil {
		records = append(records, used)
	}
	err = parallel(
		func() error { return g.s.getWith(ctx, g.shared(ref), &st.counters, records...) },
		func() error {
			n, err := g.s.recentFailures(ctx, failuresOfName(ref, st.name.Canonical), limit.CaptchaNameFailures, now)
			st.failures = n
			return err
		},
		func() error {
			n, err := g.s.recentFailures(ctx, failuresOfNetwork(g.client), limit.CaptchaNetworkFailures, now)
			st.network = n
			return err
		},
	)
	if err != nil {
		return fmt.Errorf("load account and name: %w", err)
	}
	if used != nil && !used.exists() {
		st.captcha = used
	}
	st.operator = operator{AccountID: ref, ID: nobody}
	if st.name.exists() {
		st.operator.ID = st.name.OperatorID
	}
	return nil
}

// shared are the counters of the budgets that many share: the network's and the account's.
func (g *guard) shared(accountID string) []store.Key {
	return []store.Key{store.Counter(limit.Network(g.client.Address)), store.Counter(limit.Account(accountID))}
}

// enter is the second round trip: the operator and what stands beside it, and the budget. It refuses before anything secret
// is compared. st.operator names whom it is about. For those who are known without a name that was typed (a session, a pending login, a
// link) it is the first.
func (g *guard) enter(ctx context.Context, st *guarded, now time.Time, beside ...record) error {
	o := &st.operator
	st.activity = activity{AccountID: o.AccountID, OperatorID: o.ID}
	st.digest = outboxItem{AccountID: o.AccountID, ID: digestID(o.ID)}
	subject := o.ID
	if subject == nobody {
		subject = "?" + st.name.Canonical
	}
	g.row = limit.FailuresInRow(o.AccountID, subject)
	byName := limit.Name(o.AccountID, subject)
	first, hash := byName, ""
	if validBrowser(g.client.Browser) {
		hash = browserHash(o.AccountID, subject, g.client.Browser)
		first = limit.Browser(o.AccountID, subject, hash)
	}
	var row []store.Item
	var took store.Taken
	if g.paid {
		took.OK = true
	}
	err := parallel(
		func() error {
			records := append([]record{o, &st.activity, &st.digest}, beside...)
			counters := []store.Key{store.Counter(g.row)}
			if st.counters == nil {
				counters = append(counters, g.shared(o.AccountID)...)
			}
			return g.s.getWith(ctx, counters, &row, records...)
		},
		func() error {
			if g.paid {
				return nil
			}
			var err error
			took, err = g.take(ctx, first, now)
			return err
		},
	)
	if err != nil {
		return fmt.Errorf("load operator: %w", err)
	}
	if st.counters == nil {
		st.counters = row[1:]
	}
	st.known = hash != "" && st.activity.knows(hash, now)
	g.unknown = !st.known
	st.rowLeft, _ = g.row.Left(store.TAT(row[0]), now)
	if hash != "" && !st.known && g.taken.Key != byName.Key {
		// A browser that logged in as somebody else, or too long ago: it counts as unknown after all.
		if g.paid {
			g.give(ctx, g.taken, now)
			g.paid = false
		}
		if took, err = g.take(ctx, byName, now); err != nil {
			return err
		}
	}
	if g.asks(st) {
		return &CaptchaRequiredError{g.purpose, g.accountID}
	}
	if !took.OK {
		return &TooManyAttemptsError{took.Wait}
	}
	if !st.known {
		for i, b := range []limit.Budget{limit.Network(g.client.Address), limit.Account(o.AccountID)} {
			if left, wait := b.Left(store.TAT(st.counters[i]), now); left == 0 {
				return &TooManyAttemptsError{wait}
			}
		}
	}
	return nil
}

// asks reports whether a CAPTCHA is missing (behaviour 5; details 1).
func (g *guard) asks(st *guarded) bool {
	if g.purpose == "" || st.captcha != nil {
		return false
	}
	switch st.account.policy().Captcha {
	case CaptchaAlways:
		return true
	case CaptchaAfterFailures:
		return !st.known && (st.failures >= limit.CaptchaNameFailures || st.network >= limit.CaptchaNetworkFailures)
	}
	return false
}

func (g *guard) take(ctx context.Context, b limit.Budget, now time.Time) (store.Taken, error) {
	took, err := g.s.store.Take(ctx, b, 1, now)
	if err != nil {
		return took, fmt.Errorf("take from budget: %w", unavailable(err)) // closed for secrets when the limiter is down
	}
	if took.OK {
		g.taken, g.paid = b, true
	}
	return took, nil
}

func (g *guard) give(ctx context.Context, b limit.Budget, now time.Time) {
	if err := g.s.store.Give(ctx, b, 1, now); err != nil {
		g.s.log.WarnContext(ctx, "budget not given back", "error", err)
	}
}

// settle makes the budgets agree with how a decision ended. A decision that lost its race may end otherwise the next time.
func (g *guard) settle(ctx context.Context, refusal error) {
	end := open
	switch {
	case refusal == nil:
		end = passed
	case errors.Is(refusal, ErrInvalidCredentials), errors.Is(refusal, ErrInvalidCode):
		end = failed
	}
	if end == g.settled || !g.paid {
		return
	}
	now := g.s.now()
	charged := []limit.Budget{limit.Network(g.client.Address), limit.Account(accountRef(g.accountID)), g.row}
	if !g.unknown {
		charged = charged[:2]
	}
	var all []func() error
	each := func(f func(limit.Budget), bs ...limit.Budget) {
		for _, b := range bs {
			all = append(all, func() error { f(b); return nil })
		}
	}
	give := func(b limit.Budget) { g.give(ctx, b, now) }
	take := func(b limit.Budget) {
		if _, err := g.s.store.Take(ctx, b, 1, now); err != nil {
			g.s.log.WarnContext(ctx, "failure not charged", "error", err)
		}
	}
	switch {
	case g.settled == failed:
		each(give, charged...)
		each(give, g.taken)
	case end == failed:
		each(take, charged...)
		if g.settled == passed {
			each(take, g.taken)
		}
	default:
		each(give, g.taken)
	}
	_ = parallel(all...)
	g.settled = end
}

// leave gives back what was taken if it never came to a comparison.
func (g *guard) leave(ctx context.Context) {
	if g.paid && g.settled == open {
		g.give(context.WithoutCancel(ctx), g.taken, g.s.now())
	}
}

// commitGuarded is commit for use cases that compare a secret: the budgets are settled beside the commit.
func commitGuarded[R any](ctx context.Context, g *guard, try attempt[R]) (R, error) {
	defer g.leave(ctx)
	return commitBeside(ctx, g.s, func(refusal error) { g.settle(context.WithoutCancel(ctx), refusal) }, try)
}

// limited reports whether the password works from known browsers only (details 14).
func (st *guarded) limited() bool { return st.rowLeft <= 0 }

// failed is pure: the changes that every failure leaves behind. It counts for each of the operator's names, since whoever asks
// for a code later is not looked up; for an unknown name twice as well, so that it costs the same.
func (st *guarded) failed(client Client, now time.Time, random io.Reader) (changes, error) {
	o := &st.operator
	var aliases []string
	if o.exists() {
		username, _ := canonicalName(o.Username)
		email, _ := canonicalName(o.Email)
		aliases = []string{username, email}
	} else {
		aliases = []string{st.name.Canonical, st.name.Canonical + " "}
	}
	var left changes
	for _, p := range []string{failuresOfName(o.AccountID, aliases[0]), failuresOfName(o.AccountID, aliases[1]), failuresOfNetwork(client)} {
		f, err := newFailure(p, false, now, random)
		if err != nil {
			return nil, err
		}
		left = append(left, put(f))
	}
	if st.captcha != nil {
		left = append(left, put(st.captcha))
	}
	// The last failure that counted: from now on the password works from known browsers only, and the operator is told once.
	if !st.known && st.rowLeft <= 1 && o.active() && o.LimitedToldAt.IsZero() {
		o.LimitedToldAt = now
		m, err := newMail(mail.LoginLimited, o, now, random)
		if err != nil {
			return nil, err
		}
		n, err := newNotice(NoticeLoginLimited, Actor{Name: "anonymous"}, o.AccountID, o.ID, now, random)
		if err != nil {
			return nil, err
		}
		left.add(put(o), put(m), put(n))
	}
	return left, nil
}

// cleared is pure: what a login clears. The failures of its names count no more, nor those in a row.
func (st *guarded) cleared(now time.Time, random io.Reader) (changes, error) {
	var done changes
	o := &st.operator
	if st.failures > 0 {
		username, _ := canonicalName(o.Username)
		email, _ := canonicalName(o.Email)
		for _, alias := range []string{username, email} {
			f, err := newFailure(failuresOfName(o.AccountID, alias), true, now, random)
			if err != nil {
				return nil, err
			}
			done = append(done, put(f))
		}
	}
	if st.rowLeft < limit.FailuresInRowMax {
		done = append(done, removeAny(&counter{budget: limit.FailuresInRow(o.AccountID, o.ID)}))
	}
	return done, nil
}

// counter is a budget's counter as a record, to be removed.
type counter struct {
	stored
	budget limit.Budget
}

func (c *counter) key() store.Key { return store.Counter(c.budget) }
func (c *counter) fields(*codec)  {}

// failure records one refused secret, or, as cleared, that those before it count no more.
type failure struct {
	stored
	Of      string
	ID      string
	Cleared bool
}

func (f *failure) key() store.Key {
	return store.Key{Table: store.Limits, Partition: f.Of, Sort: f.ID}
}
func (f *failure) fields(c *codec) { c.bool("cleared", &f.Cleared) }

func newFailure(of string, cleared bool, now time.Time, random io.Reader) (*failure, error) {
	id, err := newID(random)
	if err != nil {
		return nil, err
	}
	return &failure{stored: stored{expires: now.Add(limit.CaptchaWindow)}, Of: of, ID: timeKey(now, id), Cleared: cleared}, nil
}

func failuresOfName(accountID, canonical string) string {
	return "failures/" + accountID + "/" + canonical
}
func failuresOfNetwork(c Client) string { return "failures//" + limit.NetworkKey(c.Address) }

// recentFailures counts failures within limit.CaptchaWindow, up to enough.
func (s *Service) recentFailures(ctx context.Context, of string, enough int, now time.Time) (int, error) {
	page, err := s.store.Query(ctx, store.Query{
		Table: store.Limits, Partition: of, From: timeKey(now.Add(time.Millisecond-limit.CaptchaWindow), ""), Reverse: true, Limit: enough,
	})
	if err != nil {
		return 0, fmt.Errorf("query failures: %w", unavailable(err))
	}
	for i, item := range page.Items {
		if item.Fields["cleared"] == store.Bool(true) {
			return i, nil
		}
	}
	return len(page.Items), nil
}

// validBrowser reports whether token has the form of newBrowser.
func validBrowser(token secret.Text) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token.Reveal())
	return err == nil && len(raw) == 32
}

// newBrowser makes the token by which a browser is known.
func newBrowser(random io.Reader) (secret.Text, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return secret.Text{}, fmt.Errorf("%w: read randomness: %w", ErrUnavailable, err)
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(raw)), nil
}

// CaptchaPurpose is what a challenge is for.
type CaptchaPurpose string

// The purposes.
const (
	CaptchaLogin         CaptchaPurpose = "login"
	CaptchaReset         CaptchaPurpose = "reset"
	CaptchaSingleUseCode CaptchaPurpose = "single_use_code"
)

// NewCaptcha gives a challenge for a purpose in an account; an unknown account gets one all the same (details 12).
func (s *Service) NewCaptcha(ctx context.Context, p CaptchaPurpose, accountID string) (captcha.Challenge, error) {
	key, err := s.captchaKey(ctx)
	if err != nil {
		return captcha.Challenge{}, err
	}
	return captcha.New(key, string(p), accountRef(accountID), s.random, s.now())
}

// checkCaptcha gives the record of a solved challenge's use, or nil if answer is none, or not a right one.
func (s *Service) checkCaptcha(ctx context.Context, answer string, p CaptchaPurpose, accountID string, now time.Time) (*usedCaptcha, error) {
	if answer == "" || p == "" {
		return nil, nil
	}
	key, err := s.captchaKey(ctx)
	if err != nil {
		return nil, err
	}
	id, expires, err := captcha.Verify(key, answer, string(p), accountRef(accountID), now)
	if errors.Is(err, captcha.ErrWrong) {
		return nil, nil // as good as none: the caller is asked again
	}
	if err != nil {
		return nil, fmt.Errorf("verify captcha: %w", err)
	}
	return &usedCaptcha{stored: stored{expires: expires}, ID: id}, nil
}

func (s *Service) captchaKey(ctx context.Context) ([]byte, error) {
	key, err := s.keys.Derive(ctx, keys.Context{"captcha"})
	if err != nil {
		return nil, fmt.Errorf("derive captcha key: %w", unavailable(err))
	}
	return key, nil
}

// parallel runs all at the same time, and gives the errors of all.
func parallel(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs[1:] {
		wg.Go(func() { errs[i+1] = f() })
	}
	errs[0] = fs[0]()
	wg.Wait()
	return errors.Join(errs...)
}
