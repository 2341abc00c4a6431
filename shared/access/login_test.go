package access_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/captcha"
	"postern/shared/limit"
	"postern/shared/password"
	"postern/shared/secret"
)

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// stranger is a browser that nobody has logged in from, in a network of its own.
func stranger(n int) access.Client {
	return access.Client{Address: netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), UserAgent: "Stranger/1.0"}
}

func try(p *accesstest.Place, name, password string, c access.Client) (access.LoggedIn, error) {
	return p.Service.Login(p.T.Context(), access.Login{AccountID: accesstest.Account, Login: name, Password: secret.New(password), Client: c})
}

// Every form of account, name and password that names the same lets in; every other is refused alike (behaviour 1.1 to 1.3).
func TestLoginForms(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	right := o.Password.Reveal()
	for _, c := range []struct {
		account, name, password string
		ok                      bool
	}{
		{"acme", "alice", right, true}, {"ACME", "Alice", right, true}, {"ａｃｍｅ", "ＡＬＩＣＥ", right, true}, {" acme ", " alice ", right, true},
		{"acme", "alice@acme.example", right, true}, {"acme", "ALICE@ACME.EXAMPLE", right, true},
		{"acme", "alice", right + " ", false}, {"acme", "alice", " " + right, false}, {"acme", "alice", strings.ToUpper(right), false},
		{"acme", "alice", "", false}, {"acme", "аlice", right, false}, {"acme", "alice\x00", right, false}, {"acme", "bob", right, false},
		{"other", "alice", right, false}, {"", "alice", right, false}, {"acme", "", right, false}, {"acme", strings.Repeat("a", 5000), right, false},
	} {
		_, err := p.Service.Login(t.Context(), access.Login{AccountID: c.account, Login: c.name, Password: secret.New(c.password), Client: o.Client})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, access.ErrInvalidCredentials) {
			t.Errorf("%q, %.20q, %q: %v, want to get in: %t", c.account, c.name, c.password, err, c.ok)
		}
		p.Advance(20 * time.Minute) // budgets are full again, failures forgotten
	}
}

// Passwords are taken as typed but for NFC: composed or not, nothing cut off (details 7, security.md 10).
func TestPasswordsAreTakenAsTyped(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice", accesstest.StillNew)
	in := p.Login(o)
	long := strings.Repeat("x", 240) + " é"
	if _, err := p.Service.NewPassword(t.Context(), access.NewPassword{Session: in.SessionToken, Password: secret.New(long)}); err != nil {
		t.Fatal(err)
	}
	if _, err := try(p, "alice", strings.Repeat("x", 240)+" e\u0301", o.Client); err != nil {
		t.Errorf("the same password in another normal form: %v", err)
	}
	_, err := try(p, "alice", long[:len(long)-2]+"e", o.Client)
	wantErr(t, "a password that differs at its end", err, access.ErrInvalidCredentials)
}

// A temporary password works until it is replaced or expires, also typed as codes are (details 9, 10, 20).
func TestTemporaryPassword(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice", accesstest.StillNew)
	forgiving := strings.ToLower(strings.ReplaceAll(o.Password.Reveal(), "-", " "))
	for _, typed := range []string{o.Password.Reveal(), forgiving} {
		in, err := try(p, "alice", typed, o.Client)
		if err != nil || in.Next != access.NextNewPassword || in.Reason != access.ReasonNewOperator {
			t.Fatalf("login with %q: %+v, %v", typed, in, err)
		}
	}
	p.Advance(72 * time.Hour)
	_, err := try(p, "alice", o.Password.Reveal(), o.Client)
	wantErr(t, "an expired temporary password", err, access.ErrInvalidCredentials)
}

// A disabled operator is refused as an unknown one is, and every session is over.
func TestDisabled(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	disabled, active := access.StateDisabled, access.StateActive
	if _, err := p.Service.UpdateOperator(t.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{State: &disabled}); err != nil {
		t.Fatal(err)
	}
	_, err := p.Service.Authenticate(t.Context(), o.Session)
	wantErr(t, "a session of a disabled operator", err, access.ErrNotSignedIn)
	_, err = try(p, "alice", o.Password.Reveal(), o.Client)
	wantErr(t, "login", err, access.ErrInvalidCredentials)
	if _, err := p.Service.UpdateOperator(t.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{State: &active}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Service.Authenticate(t.Context(), o.Session)
	wantErr(t, "the old session, after enabling again", err, access.ErrNotSignedIn)
	p.Login(o)
}

// Of two hundred guesses at the same moment as many are compared as the name's budget holds; the aliases of an operator
// share it (security.md 4, 12).
func TestNameBudget(t *testing.T) {
	p := accesstest.New(t)
	p.SetPolicy(func(policy *access.Policy) { policy.Captcha = access.CaptchaOff }, false)
	p.Operator("alice")
	for _, names := range [][]string{{"alice", "ALICE", "alice@acme.example"}, {"nobody", "NOBODY"}} {
		var mu sync.Mutex
		count := map[string]int{}
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				_, err := try(p, names[i%len(names)], "wrong", stranger(i))
				many := (*access.TooManyAttemptsError)(nil)
				kind := fmt.Sprint(err)
				switch {
				case errors.Is(err, access.ErrInvalidCredentials):
					kind = "refused"
				case errors.As(err, &many):
					kind = "too many"
					if many.RetryAfter <= 0 || many.RetryAfter > time.Minute {
						kind = "too many, wait " + many.RetryAfter.String()
					}
				}
				mu.Lock()
				defer mu.Unlock()
				count[kind]++
			})
		}
		wg.Wait()
		if count["refused"] != 10 || count["too many"] != 190 {
			t.Errorf("%v: %v, want 10 refused and 190 too many", names, count)
		}
	}
}

// What strangers spend does not keep the owner out, who has logged in from this browser before (behaviour 1.8).
func TestKnownBrowserHasItsOwnBudget(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	for i := range 500 {
		if _, err := try(p, "alice", "wrong", stranger(i)); err == nil {
			t.Fatal("a guess let in")
		}
	}
	if _, err := try(p, "alice", o.Password.Reveal(), o.Client); err != nil {
		t.Errorf("the owner, from a known browser: %v", err)
	}
	many := (*access.TooManyAttemptsError)(nil)
	for range 10 {
		_, err := try(p, "alice", "wrong", o.Client)
		wantErr(t, "a guess from the known browser", err, access.ErrInvalidCredentials)
	}
	if _, err := try(p, "alice", o.Password.Reveal(), o.Client); !errors.As(err, &many) {
		t.Errorf("the eleventh from the known browser: %v, want to wait", err)
	}
	forged := o.Client
	forged.Browser = secret.New(strings.Repeat("A", 43))
	if _, err := try(p, "alice", "wrong", forged); err == nil || errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("a made-up browser has a budget of its own: %v", err)
	}
}

// The right password costs nothing: a busy office is never slowed, and a name's budget is given back.
func TestSuccessIsFree(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	for i := range 150 {
		c := o.Client
		if i%2 == 0 {
			c.Browser = secret.Text{}
		}
		if _, err := try(p, "alice", o.Password.Reveal(), c); err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
	}
}

// After three failures of a name within 15 minutes a CAPTCHA is asked for, until somebody logs in or time has passed; each solution
// works once (behaviour 5, details 1).
func TestCaptchaAfterFailures(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	ask := func(c access.Client, password, answer string) error {
		_, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: o.Username, Password: secret.New(password), Captcha: answer, Client: c})
		return err
	}
	asked := func(err error) bool { c := (*access.CaptchaRequiredError)(nil); return errors.As(err, &c) }
	for i := range 3 {
		wantErr(t, fmt.Sprint("failure ", i), ask(stranger(i), "wrong", ""), access.ErrInvalidCredentials)
		p.Advance(4 * time.Minute)
	}
	if err := ask(stranger(9), o.Password.Reveal(), ""); !asked(err) {
		t.Fatalf("the fourth, from a stranger: %v, want a CAPTCHA", err)
	}
	if err := ask(o.Client, "wrong", ""); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("from a known browser: %v, want no CAPTCHA", err)
	}
	challenge, err := p.Service.NewCaptcha(t.Context(), access.CaptchaLogin, "ACME")
	if err != nil {
		t.Fatal(err)
	}
	answer := captcha.Solve(challenge)
	wantErr(t, "with a solution", ask(stranger(9), "wrong", answer), access.ErrInvalidCredentials)
	if err := ask(stranger(9), o.Password.Reveal(), answer); !asked(err) {
		t.Errorf("with the same solution again: %v, want a CAPTCHA", err)
	}
	other, err := p.Service.NewCaptcha(t.Context(), access.CaptchaReset, accesstest.Account)
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(stranger(9), o.Password.Reveal(), captcha.Solve(other)); !asked(err) {
		t.Errorf("with a solution for another purpose: %v, want a CAPTCHA", err)
	}
	// A request for a code counts the same failures, by whatever name they happened.
	err = p.Service.RequestReset(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Email, Client: stranger(10)})
	if !asked(err) {
		t.Errorf("request of a reset: %v, want a CAPTCHA", err)
	}
	p.Login(o)
	if err := ask(stranger(11), "wrong", ""); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("after a login under that name: %v, want no CAPTCHA", err)
	}
	for i := range 2 {
		_ = ask(stranger(12+i), "wrong", "")
	}
	p.Advance(limit.CaptchaWindow)
	if err := ask(stranger(20), "wrong", ""); asked(err) {
		t.Error("15 minutes later a CAPTCHA is still asked for")
	}
}

func TestCaptchaByNetwork(t *testing.T) {
	p := accesstest.New(t)
	for i := range limit.CaptchaNetworkFailures {
		if _, err := try(p, fmt.Sprint("name", i), "wrong", stranger(1)); !errors.Is(err, access.ErrInvalidCredentials) {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	asked := (*access.CaptchaRequiredError)(nil)
	if _, err := try(p, "another", "wrong", stranger(1)); !errors.As(err, &asked) {
		t.Errorf("after ten failures of a network: %v, want a CAPTCHA", err)
	}
	if _, err := try(p, "another", "wrong", stranger(2)); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("from another network: %v", err)
	}
}

// After a hundred failures in a row the password works in known browsers only, and the owner is told once; getting in from
// one, by a mailed code or a reset, ends it (details 14).
func TestHundredFailures(t *testing.T) {
	for name, rescue := range map[string]func(*accesstest.Place, *accesstest.Operator){
		"known browser": func(p *accesstest.Place, o *accesstest.Operator) { p.Login(o) },
		"mailed code": func(p *accesstest.Place, o *accesstest.Operator) {
			if _, err := try(p, "alice", p.Code(p.RequestSingleUseCode(o)).Reveal(), stranger(7777)); err != nil {
				p.T.Fatalf("login by code: %v", err)
			}
		},
		"reset": func(p *accesstest.Place, o *accesstest.Operator) {
			done, err := p.Service.ConfirmReset(p.T.Context(), p.ByLink(o, p.RequestReset(o)))
			if err == nil {
				_, err = p.Service.NewPassword(p.T.Context(), access.NewPassword{Replacement: done.Replacement, Password: o.Password})
			}
			if err != nil {
				p.T.Fatalf("reset: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := accesstest.New(t)
			p.SetPolicy(func(policy *access.Policy) { policy.Captcha = access.CaptchaOff }, false)
			o := p.Operator("alice")
			for i := range limit.FailuresInRowMax {
				if _, err := try(p, "alice", "wrong", stranger(i)); !errors.Is(err, access.ErrInvalidCredentials) {
					t.Fatalf("failure %d: %v", i, err)
				}
				p.Advance(time.Minute)
			}
			for i := range 2 {
				_, err := try(p, "alice", o.Password.Reveal(), stranger(5000+i))
				wantErr(t, "the right password in a new browser", err, access.ErrInvalidCredentials)
				p.Advance(time.Minute)
			}
			p.Work()
			told := 0
			for _, m := range p.Mails(o.Email) {
				if strings.Contains(m.Subject, "guessing") {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times, want once", told)
			}
			rescue(p, o)
			p.Advance(time.Hour)
			if _, err := try(p, "alice", o.Password.Reveal(), stranger(9000)); err != nil {
				t.Errorf("a new browser afterwards: %v", err)
			}
		})
	}
}

// A login from a browser not seen before is told by mail; after five a day they are put together in one (details 5).
func TestNewBrowserMails(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	before := len(p.Mails(o.Email))
	for i := range 9 {
		if _, err := try(p, "alice", o.Password.Reveal(), stranger(i)); err != nil {
			t.Fatal(err)
		}
		p.Work()
	}
	if got := len(p.Mails(o.Email)) - before; got != 5 {
		t.Fatalf("%d mails about nine new browsers, want 5 at once", got)
	}
	p.Advance(5 * time.Hour)
	if err := p.Service.SweepOutbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Work()
	all := p.Mails(o.Email)[before:]
	if len(all) != 6 {
		t.Fatalf("%d mails in the end, want 6", len(all))
	}
	for i := 5; i < 9; i++ {
		if from := stranger(i).Address.String(); !strings.Contains(all[5].Text, from) {
			t.Errorf("the last mail does not tell of %s:\n%s", from, all[5].Text)
		}
	}
	p.Login(o)
	p.Work()
	if got := len(p.Mails(o.Email)) - before; got != 6 {
		t.Error("a login from a known browser was told by mail")
	}
}

// The hash is made again under today's parameters at the next login, and only if nobody changed the password meanwhile.
func TestRehash(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	p.SetHash(password.Params{MemoryKiB: 16, Passes: 2, Lanes: 1})
	p.Login(o)
	commits := func() (n int) {
		p.Faults.Heal()
		p.Login(o)
		for _, c := range p.Faults.Calls() {
			if strings.HasPrefix(c.Label, "store.Commit") && strings.Contains(c.Label, "Operators") && c.Label != "store.Commit Operators,Sessions" {
				n++
			}
		}
		return n
	}
	if n := commits(); n != 0 {
		t.Errorf("the second login writes more than session and activity")
	}
}

// The gate in front of hashing refuses what it cannot hold, and nothing is spent on it.
func TestSuspendedOrUnknownAccountsTakeTheSameTrips(t *testing.T) {
	p := accesstest.New(t)
	count := func(do func()) int {
		p.Faults.Heal()
		do()
		return len(p.Faults.Calls())
	}
	p.Operator("alice")
	known := count(func() { _, _ = try(p, "alice", "wrong", stranger(1)) })
	unknown := count(func() { _, _ = try(p, "nobody", "wrong", stranger(2)) })
	nowhere := count(func() {
		_, _ = p.Service.Login(t.Context(), access.Login{AccountID: "nowhere", Login: "alice", Password: secret.New("wrong"), Client: stranger(3)})
	})
	// Encrypted fields of a known operator are opened with a key that is at hand: no trip.
	trips := func(n int) string { return fmt.Sprint(n) }
	if trips(unknown) != trips(nowhere) || known < unknown {
		t.Errorf("calls: known %d, unknown %d, unknown account %d", known, unknown, nowhere)
	}
}
