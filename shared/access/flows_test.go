package access_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/secret"
)

// fifty does the same fifty times at once, and counts who succeeded; all others must be refused, neutrally.
func fifty(t *testing.T, do func(i int) error) {
	t.Helper()
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		many := (*access.TooManyAttemptsError)(nil)
		asked := (*access.CaptchaRequiredError)(nil)
		switch {
		case err == nil:
			won++
		case errors.Is(err, access.ErrInvalidCredentials), errors.Is(err, access.ErrInvalidCode), errors.Is(err, access.ErrNotSignedIn),
			errors.As(err, &many), errors.As(err, &asked):
		default:
			t.Errorf("one of fifty: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of fifty succeeded, want 1", won)
	}
}

// Of fifty who use a secret at the same moment one succeeds (security.md 3).
func TestOneOfFifty(t *testing.T) {
	p := accesstest.New(t)
	t.Run("single-use code", func(t *testing.T) {
		o := p.Operator("anna")
		code := p.Code(p.RequestSingleUseCode(o)).Reveal()
		fifty(t, func(i int) error { _, err := try(p, "anna", code, stranger(i)); return err })
	})
	t.Run("reset code", func(t *testing.T) {
		o := p.Operator("berta")
		c := p.ByCode(o, p.RequestReset(o))
		fifty(t, func(i int) error {
			c := c
			c.Client = stranger(i)
			_, err := p.Service.ConfirmReset(t.Context(), c)
			return err
		})
	})
	t.Run("reset link", func(t *testing.T) {
		o := p.Operator("clara")
		c := p.ByLink(o, p.RequestReset(o))
		fifty(t, func(i int) error {
			c := c
			c.Client = stranger(i)
			_, err := p.Service.ConfirmReset(t.Context(), c)
			return err
		})
	})
	t.Run("TOTP step", func(t *testing.T) {
		o := p.Operator("dora", accesstest.WithTOTP)
		var pending [50]secret.Text
		for i := range pending {
			pending[i] = firstStep(p, o)
		}
		code := p.TOTP(o)
		fifty(t, func(i int) error {
			_, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: pending[i], Code: code, Client: o.Client})
			return err
		})
	})
}

// Five wrong codes end the code, and not the link; a repeated request renews nothing (behaviour 2.2, 3.2).
func TestCodeTries(t *testing.T) {
	p := accesstest.New(t)
	p.SetPolicy(func(policy *access.Policy) { policy.Captcha = access.CaptchaOff }, false)
	o := p.Operator("alice")
	m := p.RequestReset(o)
	wrong := access.ConfirmReset{AccountID: accesstest.Account, Login: "alice", Code: secret.New("00000-00000"), Client: o.Client}
	for i := range 5 {
		_, err := p.Service.ConfirmReset(t.Context(), wrong)
		wantErr(t, fmt.Sprint("wrong code ", i), err, access.ErrInvalidCode)
	}
	if again := p.RequestReset(o); p.Code(again).Reveal() != p.Code(m).Reveal() || p.Link(again).Reveal() != p.Link(m).Reveal() {
		t.Error("a second request sent another secret")
	}
	_, err := p.Service.ConfirmReset(t.Context(), p.ByCode(o, m))
	wantErr(t, "the right code after five wrong ones", err, access.ErrInvalidCode)
	if _, err := p.Service.ConfirmReset(t.Context(), p.ByLink(o, m)); err != nil {
		t.Errorf("the link: %v", err)
	}
}

// A refused password that does not read as a code is no try at one (details 6).
func TestPasswordsAreNoTriesAtCodes(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	code := p.Code(p.RequestSingleUseCode(o)).Reveal()
	for range 7 {
		_, err := try(p, "alice", "not ten characters", o.Client)
		wantErr(t, "wrong password", err, access.ErrInvalidCredentials)
	}
	if in, err := try(p, "alice", strings.ToLower(code), o.Client); err != nil || in.Session.Kind != access.SessionSingleUse {
		t.Errorf("the code: %+v, %v", in, err)
	}
	_, err := try(p, "alice", code, o.Client)
	wantErr(t, "the code a second time", err, access.ErrInvalidCredentials)
}

// Every secret opens what it is for, and nothing else: of all secrets at all doors, for all operators, the diagonal succeeds
// (security.md 5).
func TestEverySecretIsBound(t *testing.T) {
	base := accesstest.New(t)
	base.SetPolicy(func(policy *access.Policy) { policy.Captcha = access.CaptchaOff }, false)
	people := []*accesstest.Operator{base.Operator("alice"), base.Operator("bob")}
	type held struct {
		owner, purpose string
		text           secret.Text
	}
	var secrets []held
	for _, o := range people {
		m := base.RequestReset(o)
		secrets = append(secrets, held{o.Username, "reset code", base.Code(m)}, held{o.Username, "reset link", base.Link(m)},
			held{o.Username, "single-use code", base.Code(base.RequestSingleUseCode(o))})
	}
	doors := map[string]func(p *accesstest.Place, o *accesstest.Operator, s secret.Text) error{
		"reset code": func(p *accesstest.Place, o *accesstest.Operator, s secret.Text) error {
			_, err := p.Service.ConfirmReset(p.T.Context(), access.ConfirmReset{AccountID: accesstest.Account, Login: o.Username, Code: s, Client: o.Client})
			return err
		},
		"single-use code": func(p *accesstest.Place, o *accesstest.Operator, s secret.Text) error {
			_, err := try(p, o.Username, s.Reveal(), o.Client)
			return err
		},
	}
	for _, s := range secrets {
		for purpose, door := range doors {
			for _, o := range people {
				err := door(base.Copy(t), o, s.text)
				if want := s.owner == o.Username && s.purpose == purpose; (err == nil) != want {
					t.Errorf("%s of %s as %s of %s: %v, want to work: %t", s.purpose, s.owner, purpose, o.Username, err, want)
				}
			}
		}
		p := base.Copy(t)
		_, err := p.Service.ConfirmReset(t.Context(), access.ConfirmReset{Token: s.text, Client: stranger(1)})
		if want := s.purpose == "reset link"; (err == nil) != want {
			t.Errorf("%s of %s as a link: %v, want to work: %t", s.purpose, s.owner, err, want)
		}
		for name, f := range map[string]func() error{
			"session": func() error { _, err := p.Service.Authenticate(t.Context(), s.text); return err },
			"pending": func() error {
				_, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: s.text})
				return err
			},
			"replacement": func() error {
				_, err := p.Service.NewPassword(t.Context(), access.NewPassword{Replacement: s.text, Password: s.text})
				return err
			},
		} {
			if err := f(); !errors.Is(err, access.ErrNotSignedIn) {
				t.Errorf("%s as a %s: %v", s.purpose, name, err)
			}
		}
	}
	// A link token of one operator with another's name in it.
	link := secrets[1].text.Reveal()
	forged := strings.Replace(link, people[0].ID, people[1].ID, 1)
	_, err := base.Service.ConfirmReset(t.Context(), access.ConfirmReset{Token: secret.New(forged), Client: stranger(2)})
	wantErr(t, "a link with another operator's id", err, access.ErrInvalidCode)
	session := strings.Replace(people[0].Session.Reveal(), people[0].ID, people[1].ID, 1)
	_, err = base.Service.Authenticate(t.Context(), secret.New(session))
	wantErr(t, "a session with another operator's id", err, access.ErrNotSignedIn)
}

// After any change of credentials everything that was open is dead (security.md 6).
func TestChangesEndWhatIsOpen(t *testing.T) {
	for name, change := range map[string]func(p *accesstest.Place, o *accesstest.Operator) error{
		"password change": func(p *accesstest.Place, o *accesstest.Operator) error {
			p.Login(o)
			_, err := p.Service.ChangePassword(p.T.Context(), p.Identity(o), access.ChangePassword{Current: o.Password, New: secret.New("quite another passphrase")}, o.Client)
			return err
		},
		"reset by administrator": func(p *accesstest.Place, o *accesstest.Operator) error {
			_, err := p.Service.ResetOperatorPassword(p.T.Context(), access.System, accesstest.Account, o.ID)
			return err
		},
		"TOTP enabled": func(p *accesstest.Place, o *accesstest.Operator) error { p.Login(o); p.EnableTOTP(o); return nil },
		"end other sessions": func(p *accesstest.Place, o *accesstest.Operator) error {
			p.Login(o)
			return p.Service.EndOtherSessions(p.T.Context(), p.Identity(o))
		},
		"disabled": func(p *accesstest.Place, o *accesstest.Operator) error {
			s := access.StateDisabled
			_, err := p.Service.UpdateOperator(p.T.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{State: &s})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := accesstest.New(t)
			o := p.Operator("alice")
			old := o.Session
			reset, single := p.RequestReset(o), p.RequestSingleUseCode(o)
			if err := change(p, o); err != nil {
				t.Fatal(err)
			}
			_, err := p.Service.Authenticate(t.Context(), old)
			wantErr(t, "the old session", err, access.ErrNotSignedIn)
			_, err = p.Service.ConfirmReset(t.Context(), access.ConfirmReset{Token: p.Link(reset), Client: o.Client})
			wantErr(t, "the old link", err, access.ErrInvalidCode)
			_, err = try(p, "alice", p.Code(single).Reveal(), o.Client)
			wantErr(t, "the old code", err, access.ErrInvalidCredentials)
		})
	}
}

// Ten wrong TOTP codes in a row block the factor, at every door; replays are none of them (behaviour 6.3).
func TestTOTPBlocks(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice", accesstest.WithTOTP)
	wrong := func() error {
		_, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: firstStep(p, o), Code: secret.New("000000"), Client: o.Client})
		p.Advance(2 * time.Minute)
		return err
	}
	for i := range 9 {
		wantErr(t, fmt.Sprint("wrong code ", i), wrong(), access.ErrInvalidCode)
	}
	p.Login(o)
	for range 3 { // the code that was just used
		_, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: firstStep(p, o), Code: p.TOTP(o), Client: o.Client})
		wantErr(t, "a replay", err, access.ErrInvalidCode)
	}
	p.Advance(5 * time.Minute)
	for i := range 10 {
		wantErr(t, fmt.Sprint("wrong code after a right one, ", i), wrong(), access.ErrInvalidCode)
	}
	_, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: firstStep(p, o), Code: p.TOTP(o), Client: o.Client})
	wantErr(t, "the right code, blocked", err, access.ErrTOTPBlocked)
	p.Advance(time.Hour)
	m := p.RequestReset(o)
	_, err = p.Service.ConfirmReset(t.Context(), p.ByLink(o, m))
	wantErr(t, "a reset, blocked", err, access.ErrTOTPBlocked)
	if s := p.Mails(o.Email); !strings.Contains(fmt.Sprint(subjects(s)), "blocked") {
		t.Errorf("the operator was not told: %v", subjects(s))
	}
	if err := p.Service.DisableTOTP(t.Context(), access.System, accesstest.Account, o.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	o.TOTPSecret = nil
	if in := p.Login(o); in.Next != access.NextDone {
		t.Errorf("after it was disabled: %v", in.Next)
	}
}

func subjects(all []mail.Message) (s []string) {
	for _, m := range all {
		s = append(s, m.Subject)
	}
	return s
}

// Every broken rule is told at once, and nothing is changed (behaviour 5).
func TestPolicyTellsEverything(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	p.SetPolicy(func(policy *access.Policy) {
		*policy = access.PolicyPresets()["classic"]
		policy.MinLength, policy.History, policy.MinAgeHours = 12, 3, 24
	}, false)
	broken := func(next string) []password.Rule {
		t.Helper()
		_, err := p.Service.ChangePassword(t.Context(), p.Identity(o), access.ChangePassword{Current: o.Password, New: secret.New(next)}, o.Client)
		policy := (*access.PolicyError)(nil)
		if !errors.As(err, &policy) {
			t.Fatalf("%q: %v, want a policy error", next, err)
		}
		return policy.Broken
	}
	want := []password.Rule{password.RuleMinLength, password.RuleUpper, password.RuleDigit, password.RuleSymbol, password.RuleMinAge}
	got := broken("qzvkmrtw")
	for _, r := range want {
		if !strings.Contains(fmt.Sprint(got), string(r)) {
			t.Errorf("rules %v, want %s among them", got, r)
		}
	}
	got = broken(o.Password.Reveal())
	if !strings.Contains(fmt.Sprint(got), string(password.RuleHistory)) {
		t.Errorf("the present password again: %v, want %s among them", got, password.RuleHistory)
	}
	if id := p.Identity(o); id == nil {
		t.Error("the session ended")
	}
}

// The sweep's cost follows what falls due, not how many there are; twice does no harm (behaviour 8.1).
func TestExpirySweep(t *testing.T) {
	p := accesstest.New(t)
	p.SetPolicy(func(policy *access.Policy) { policy.MaxAgeDays = 90 }, false)
	first := p.Operator("first")
	p.Advance(30 * 24 * time.Hour)
	calls := func() int {
		p.Faults.Heal()
		if err := p.Service.ExpirePasswords(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := len(p.Faults.Calls())
		p.Work()
		return n
	}
	idle := calls()
	for i := range 20 {
		p.Operator(fmt.Sprint("later", i))
	}
	if n := calls(); n != idle {
		t.Errorf("%d calls with twenty more operators and nothing due, want %d", n, idle)
	}
	p.Advance(47 * 24 * time.Hour) // 77 days: within the first warning of `first` alone
	if n := calls(); n == idle {
		t.Error("nothing was done for what is due")
	}
	if n := calls(); n != idle {
		t.Errorf("a second run makes %d calls, want %d", n, idle)
	}
	if s := subjects(p.Mails(first.Email)); s[len(s)-1] != "Your password expires soon" {
		t.Errorf("mails: %v", s)
	}
	p.Advance(13 * 24 * time.Hour)
	calls()
	calls()
	expired := 0
	for _, s := range subjects(p.Mails(first.Email)) {
		if s == "Your password has expired" {
			expired++
		}
	}
	if expired != 1 {
		t.Errorf("the expiry was told %d times", expired)
	}
	in, err := try(p, "first", first.Password.Reveal(), first.Client)
	if err != nil || in.Next != access.NextNewPassword || in.Reason != access.ReasonExpired {
		t.Errorf("login afterwards: %+v, %v", in, err)
	}
}

// A change of maxAgeDays gives existing passwords the new age from the change on (details 8).
func TestNewMaxAge(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	p.Advance(400 * 24 * time.Hour)
	p.SetPolicy(func(policy *access.Policy) { policy.MaxAgeDays = 30 }, false)
	if in := p.Login(o); in.Next != access.NextDone {
		t.Errorf("just after the change: %v", in.Next)
	}
	p.Advance(29 * 24 * time.Hour)
	if in := p.Login(o); in.Next != access.NextDone {
		t.Errorf("29 days after: %v", in.Next)
	}
	p.Advance(24 * time.Hour)
	if in := p.Login(o); in.Next != access.NextNewPassword || in.Reason != access.ReasonExpired {
		t.Errorf("30 days after: %v %v", in.Next, in.Reason)
	}
}

// An enforced policy forces a change at the next login, once (behaviour 5).
func TestEnforcedPolicy(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	p.Advance(time.Hour)
	p.SetPolicy(func(policy *access.Policy) { policy.MinLength = 16 }, true)
	in := p.Login(o)
	if in.Next != access.NextNewPassword || in.Reason != access.ReasonPolicy {
		t.Fatalf("login: %v %v", in.Next, in.Reason)
	}
	o.Password = secret.New("quite another passphrase")
	if _, err := p.Service.NewPassword(t.Context(), access.NewPassword{Session: in.SessionToken, Password: o.Password}); err != nil {
		t.Fatal(err)
	}
	if in := p.Login(o); in.Next != access.NextDone {
		t.Errorf("the login after that: %v", in.Next)
	}
}

// Who must have TOTP sets it up at the next login, after the password if that is owed too (details 11).
func TestRequiredTOTP(t *testing.T) {
	p := accesstest.New(t)
	p.SetPolicy(func(policy *access.Policy) { policy.TOTP = access.TOTPRequired }, false)
	o := p.Operator("alice", accesstest.StillNew)
	in := p.Login(o)
	if in.Next != access.NextNewPassword {
		t.Fatalf("first: %v", in.Next)
	}
	o.Password = secret.New("quite another passphrase")
	in, err := p.Service.NewPassword(t.Context(), access.NewPassword{Session: in.SessionToken, Password: o.Password})
	if err != nil || in.Next != access.NextTOTPSetup {
		t.Fatalf("then: %v, %v", in.Next, err)
	}
	o.Session = in.SessionToken
	id := p.Identity(o)
	if id.View.Kind != access.SessionChangeOnly || id.View.Next != access.NextTOTPSetup {
		t.Errorf("session %v, next %v", id.View.Kind, id.View.Next)
	}
	p.EnableTOTP(o)
	if id := p.Identity(o); id.View.Kind != access.SessionFull {
		t.Errorf("session %v, want full", id.View.Kind)
	}
	_, err = p.Service.RemoveTOTP(t.Context(), p.Identity(o), access.SetUpTOTP{Password: o.Password, Code: p.TOTP(o)}, o.Client)
	wantErr(t, "removing what is required", err, access.ErrForbidden)
}

// Thirty deliveries of one mail at once send it once (security.md 29).
func TestOneMailOfThirtyDeliveries(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	before := len(p.Mails(o.Email))
	m := queuedReset(p, o)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if err := p.Mailer.SendMail(t.Context(), m.AccountID, m.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(p.Mails(o.Email)) - before; got != 1 {
		t.Errorf("%d mails, want 1", got)
	}
}

// A mail that the server will not take now is tried again with growing waits, and in the end given up with a notice; one whose
// secret died meanwhile is dropped.
func TestMailIsTriedAgain(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	if _, err := p.Service.ResetOperatorPassword(t.Context(), access.System, accesstest.Account, o.ID); err != nil {
		t.Fatal(err)
	}
	m := p.Queued(queue.Mail)[0]
	before := len(p.Mails(o.Email))
	tries := 0
	for range 40 {
		p.Faults.Fail(accesstest.Call{Label: "mail.Send"}, accesstest.NotDone)
		if err := p.Mailer.SendMail(t.Context(), m.AccountID, m.ID); err != nil {
			t.Fatal(err)
		}
		if p.Faults.Hit() {
			tries++
		}
		p.Advance(6 * time.Hour)
	}
	p.Faults.Heal()
	if tries != 14 || len(p.Mails(o.Email)) != before {
		t.Errorf("%d tries and %d mails, want 14 and none", tries, len(p.Mails(o.Email))-before)
	}
	if n := p.Notices(); n[0].Type != access.NoticeMailFailed {
		t.Errorf("the newest notice is %s", n[0].Type)
	}
	reset := queuedReset(p, o)
	p.Advance(time.Hour)
	if err := p.Mailer.SendMail(t.Context(), reset.AccountID, reset.ID); err != nil {
		t.Fatal(err)
	}
	if len(p.Mails(o.Email)) != before {
		t.Error("a mail whose secret has died went out")
	}
}

// Requests beyond five an hour send no mail, and say nothing of it (details 5).
func TestMailBudget(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	before := len(p.Mails(o.Email))
	for range 5 {
		p.RequestReset(o)
	}
	if err := p.Service.RequestSingleUseCode(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Email, Client: stranger(1)}); err != nil {
		t.Errorf("a sixth request, under another name: %v", err)
	}
	p.Work()
	if got := len(p.Mails(o.Email)) - before; got != 5 {
		t.Errorf("%d mails, want 5", got)
	}
}

// What a policy holds comes back as it was.
func TestPolicyIsStoredWhole(t *testing.T) {
	p := accesstest.New(t)
	want := access.Policy{
		MinLength: 9, MaxLength: 65, RequireLower: true, RequireUpper: true, RequireDigit: true, RequireSymbol: true, History: 3, HistoryDays: 4,
		MaxAgeDays: 5, WarnDays: []int{9, 2}, MinAgeHours: 6, Blocklist: false, Captcha: access.CaptchaAlways, TOTP: access.TOTPRequired,
		SingleUseCode: false, Reset: access.ResetPolicy{Delivery: access.ResetByTemporaryPassword, Minutes: 7}, NewBrowserMail: false,
		TemporaryPasswordHours: 8, SessionIdleMinutes: 10, SessionHours: 11,
	}
	for _, policy := range []access.Policy{want, access.DefaultPolicy()} {
		p.SetPolicy(func(to *access.Policy) { *to = policy }, false)
		got, err := p.Service.Policy(t.Context(), accesstest.Account)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(policy, got.Policy); d != "" {
			t.Errorf("policy (-want +got):\n%s", d)
		}
	}
	stale := access.SetPolicy{Policy: want, IfMatch: `"1"`}
	conflict := (*access.ConflictError)(nil)
	if _, err := p.Service.SetPolicy(t.Context(), access.System, accesstest.Account, stale); !errors.As(err, &conflict) || conflict.Reason != "stale" {
		t.Errorf("a stale policy: %v", err)
	}
}

// The last active administrator stays, also when two demote each other at the same moment (behaviour 7.3).
func TestLastAdministratorStays(t *testing.T) {
	p := accesstest.New(t)
	a, b := p.Operator("anna", accesstest.Administrator), p.Operator("berta", accesstest.Administrator)
	role := access.RoleOperator
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, who := range []*accesstest.Operator{a, b} {
		by := access.Actor{Name: "operator:other", OperatorID: []string{b.ID, a.ID}[i]}
		wg.Go(func() {
			_, errs[i] = p.Service.UpdateOperator(t.Context(), by, accesstest.Account, who.ID, access.UpdateOperator{Role: &role})
		})
	}
	wg.Wait()
	conflict := (*access.ConflictError)(nil)
	if err := errors.Join(errs...); errs[0] == nil == (errs[1] == nil) || !errors.As(err, &conflict) || conflict.Reason != "last_administrator" {
		t.Errorf("errors %v, want one of the two to be the last", errs)
	}
}

// Names are free again, and taken, in the same commit (behaviour 7.3); lists find operators by every name, in pages.
func TestRenameAndSearch(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	p.Operator("bob")
	rename := func(username, email string) error {
		_, err := p.Service.UpdateOperator(t.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{Username: &username, Email: &email})
		return err
	}
	conflict := (*access.ConflictError)(nil)
	if err := rename("BOB", "alice@acme.example"); !errors.As(err, &conflict) || conflict.Field != "username" {
		t.Errorf("a taken username: %v", err)
	}
	if err := rename("alice", "Bob@acme.example"); !errors.As(err, &conflict) || conflict.Field != "email" {
		t.Errorf("a taken address: %v", err)
	}
	if err := rename("ALICE", "alice@acme.example"); err != nil {
		t.Errorf("another spelling of one's own: %v", err)
	}
	if err := rename("zelda", "zelda@acme.example"); err != nil {
		t.Fatal(err)
	}
	p.Work()
	if s := subjects(p.Mails("alice@acme.example")); s[len(s)-1] != "Your address was changed" {
		t.Errorf("the old address got %v", s)
	}
	if _, err := try(p, "alice", o.Password.Reveal(), o.Client); err == nil {
		t.Error("the old name still lets in")
	}
	if _, err := try(p, "zelda@acme.example", o.Password.Reveal(), o.Client); err != nil {
		t.Errorf("the new address: %v", err)
	}
	p.Operator("alice")
	for i := range 12 {
		p.Operator(fmt.Sprintf("x%02d", i), accesstest.StillNew)
	}
	for query, want := range map[string]string{
		"": "15", "zel": "zelda", "ZELDA@": "zelda", "alice": "alice zelda", "exam": "15", "x": "12", "nobody": "", "x0": "10",
	} {
		var names []string
		c := access.ListOperators{Query: query, Limit: 4}
		for pages := 0; pages < 20; pages++ {
			page, err := p.Service.ListOperators(t.Context(), accesstest.Account, c)
			if err != nil {
				t.Fatalf("%q: %v", query, err)
			}
			for _, o := range page.Items {
				names = append(names, o.Username)
			}
			if page.Next == nil {
				break
			}
			c.Cursor = *page.Next
		}
		got := strings.Join(names, " ")
		if len(names) > 9 {
			got = fmt.Sprint(len(names))
		}
		if got != want {
			t.Errorf("query %q: got %q (%v), want %q", query, got, names, want)
		}
	}
	page, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	input := (*access.InputError)(nil)
	for _, c := range []access.ListOperators{{Cursor: *page.Next, Query: "x"}, {Cursor: *page.Next + "A"}, {Cursor: "x"}, {Role: "boss"}, {Limit: 201}, {Limit: -1}} {
		if _, err := p.Service.ListOperators(t.Context(), accesstest.Account, c); !errors.As(err, &input) {
			t.Errorf("%+v: %v, want an input error", c, err)
		}
	}
}
