package access_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/mail"
	"postern/shared/secret"
)

func updateOperator(p *accesstest.Place, o *accesstest.Operator, c access.UpdateOperator) error {
	_, err := p.Service.UpdateOperator(p.T.Context(), access.System, accesstest.Account, o.ID, c)
	return err
}

// A new username and address hold everywhere at once; the old address is told, and what was mailed there opens nothing any more.
func TestChangedNames(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	code, reset := p.Code(p.RequestSingleUseCode(o)), p.RequestReset(o)
	waiting := queuedReset(p, o) // to the old address
	old, username, email := *o, "alicia", "alicia@new.example"
	if err := updateOperator(p, o, access.UpdateOperator{Username: &username, Email: &email}); err != nil {
		t.Fatal(err)
	}
	before := len(p.Mails(old.Email))
	p.Work()
	if err := p.Mailer.SendMail(t.Context(), waiting.AccountID, waiting.ID); err != nil {
		t.Fatal(err)
	}
	if told := subjects(p.Mails(old.Email)[before:]); !slices.Equal(told, []string{"Your username was changed", "Your address was changed"}) {
		t.Errorf("the old address got %q", told)
	}
	if got := p.Mails(email); len(got) != 0 {
		t.Errorf("the new address got %d mails", len(got))
	}
	for _, name := range []string{old.Username, old.Email} {
		if err := refused(loginAs(p, o, name, o.Password)); err != nil {
			t.Errorf("login as %s: %v", name, err)
		}
	}
	if v := p.Identity(o).View; v.Username != username {
		t.Errorf("the session says %s", v.Username)
	}
	if err := refused(loginAs(p, o, username, code)); err != nil {
		t.Errorf("login by the code that the old address has: %v", err)
	}
	for _, c := range []access.ConfirmReset{
		p.ByLink(&old, reset), {AccountID: accesstest.Account, Login: username, Code: p.Code(reset), Client: o.Client},
	} {
		if _, err := p.Service.ConfirmReset(t.Context(), c); !errors.Is(err, access.ErrInvalidCode) {
			t.Errorf("reset by what the old address has: %v", err)
		}
	}
	o.Username, o.Email = username, email
	p.Advance(time.Second) // so that a login comes after the failures, which it has forgotten
	for _, name := range []string{username, strings.ToUpper(email)} {
		if err := loginAs(p, o, name, o.Password); err != nil {
			t.Errorf("login as %s: %v", name, err)
		}
	}
	if next := p.RequestReset(o); p.Link(next).Reveal() == p.Link(reset).Reveal() {
		t.Error("the new address got the secret of the old one")
	}
	if _, err := p.Service.RetryMail(t.Context(), accesstest.Account, waiting.ID); conflictReason(err) != "mail_address_changed" {
		t.Errorf("retry of a mail to the old address: %v", err)
	}
}

func conflictReason(err error) string {
	if c, ok := errors.AsType[*access.ConflictError](err); ok {
		return c.Reason
	}
	return ""
}

// Other spellings of the same names are no other names.
func TestChangedSpelling(t *testing.T) {
	p := accesstest.New(t)
	o, bob := p.Operator("alice"), p.Operator("bob")
	before := len(p.Mails(o.Email))
	if err := updateOperator(p, o, access.UpdateOperator{Username: new("ALICE"), FirstName: new("ALICE")}); err != nil {
		t.Fatal(err)
	}
	p.Work()
	if got := subjects(p.Mails(o.Email)[before:]); len(got) != 0 {
		t.Errorf("mails: %q", got)
	}
	if err := loginAs(p, o, "alice", o.Password); err != nil {
		t.Errorf("login under the spelling of before: %v", err)
	}
	if p.Identity(o).View.Username != "ALICE" {
		t.Errorf("the session says %s", p.Identity(o).View.Username)
	}
	for name, c := range map[string]access.UpdateOperator{
		"username_taken": {Username: new("Ａlice")}, "email_taken": {Email: new("ALICE@Acme.Example")},
	} {
		if got := conflictReason(updateOperator(p, bob, c)); got != name {
			t.Errorf("bob as alice: %q, want %s", got, name)
		}
	}
	if err := updateOperator(p, o, access.UpdateOperator{Username: new("alice"), FirstName: new("Alice")}); err != nil {
		t.Errorf("back again: %v", err)
	}
	// Nobody takes a name that is somebody's, not even in exchange; by way of a third one it goes.
	for _, step := range []struct {
		who  *accesstest.Operator
		name string
		want string
	}{{o, "bob", "username_taken"}, {o, "third", ""}, {bob, "alice", ""}, {o, "bob", ""}, {bob, "bob", "username_taken"}} {
		if got := conflictReason(updateOperator(p, step.who, access.UpdateOperator{Username: &step.name})); got != step.want {
			t.Errorf("%s as %s: %q, want %q", step.who.Username, step.name, got, step.want)
		}
	}
	if err := loginAs(p, bob, "alice", bob.Password); err != nil {
		t.Errorf("bob as alice: %v", err)
	}
	if bad := access.Violations(t.Context(), p.Service, p.Store, accesstest.Account); len(bad) > 0 {
		t.Errorf("%q", bad)
	}
}

// Of two who want one name at the same moment, one gets it, and the other is told that it is taken.
func TestRaceForAName(t *testing.T) {
	for range 10 {
		p := accesstest.New(t)
		var wg sync.WaitGroup
		results := make([]string, 4)
		for i, name := range []string{"alice", "bob", "carol"} {
			o := p.Operator(name)
			wg.Go(func() {
				results[i] = conflictReason(updateOperator(p, o, access.UpdateOperator{Username: new("wanted")}))
			})
		}
		wg.Go(func() {
			_, err := p.Service.CreateOperator(t.Context(), access.System, accesstest.Account, access.CreateOperator{
				Username: "WANTED", Email: "wanted@x.example", FirstName: "W", LastName: "W", Role: access.RoleOperator})
			results[3] = conflictReason(err)
		})
		wg.Wait()
		slices.Sort(results)
		if !slices.Equal(results, []string{"", "username_taken", "username_taken", "username_taken"}) {
			t.Fatalf("%q", results)
		}
		if bad := access.Violations(t.Context(), p.Service, p.Store, accesstest.Account); len(bad) > 0 {
			t.Fatalf("%q", bad)
		}
	}
}

// An address that bounced gets no more, not even that it was replaced.
func TestNothingToldToABouncedAddress(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	m := p.RequestReset(o)
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: m.ID, Kind: mail.Bounced}); err != nil {
		t.Fatal(err)
	}
	before := len(p.Mails(o.Email))
	if err := updateOperator(p, o, access.UpdateOperator{Email: new("right@acme.example"), Username: new("right")}); err != nil {
		t.Fatal(err)
	}
	p.Work()
	if got := subjects(p.Mails(o.Email)[before:]); len(got) != 0 || mailStatus(p, o) != "ok" {
		t.Errorf("the bounced address got %q; mail is %s", got, mailStatus(p, o))
	}
}

// Whoever is demoted while signed in is no administrator in the next request, nor is a session of before when they are promoted again.
func TestDemotionHoldsAtOnce(t *testing.T) {
	p := accesstest.New(t)
	p.Operator("alice", accesstest.Administrator)
	bob := p.Operator("bob", accesstest.Administrator)
	for _, role := range []access.Role{access.RoleOperator, access.RoleAdministrator} {
		if err := updateOperator(p, bob, access.UpdateOperator{Role: &role}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Service.Authenticate(t.Context(), bob.Session); !errors.Is(err, access.ErrNotSignedIn) {
			t.Errorf("as %s: %v", role, err)
		}
	}
	for _, change := range []string{"administrator -> operator", "operator -> administrator"} {
		if !slices.ContainsFunc(p.Notices(), func(n access.NoticeView) bool {
			return n.Type == access.NoticeOperatorUpdated && n.OperatorID == bob.ID && n.Detail["role"] == change && n.Detail["changed"] == "role"
		}) {
			t.Errorf("the log does not say %s: %+v", change, p.Notices())
		}
	}
	p.Login(bob)
	if v := p.Identity(bob).View; v.Role != access.RoleAdministrator {
		t.Errorf("role %s", v.Role)
	}
}

// However administrators take each other's rights at the same moment, while the account is closed and opened as well, one stays.
func TestTheLastAdministratorStaysWhateverIsDone(t *testing.T) {
	for range 10 {
		p := accesstest.New(t)
		var all []*accesstest.Operator
		for _, name := range []string{"alice", "bob", "carol", "dave"} {
			all = append(all, p.Operator(name, accesstest.Administrator))
		}
		var wg sync.WaitGroup
		for i, o := range all {
			victim := all[(i+1)%len(all)]
			by := access.Actor{Name: "operator:" + o.ID, OperatorID: o.ID}
			wg.Go(func() {
				switch i {
				case 0:
					_ = p.Service.DeleteOperator(t.Context(), by, accesstest.Account, victim.ID)
				case 1:
					_, _ = p.Service.UpdateOperator(t.Context(), by, accesstest.Account, victim.ID, access.UpdateOperator{State: new(access.StateDisabled)})
				default:
					_, _ = p.Service.UpdateOperator(t.Context(), by, accesstest.Account, victim.ID, access.UpdateOperator{Role: new(access.RoleOperator)})
				}
			})
		}
		wg.Go(func() {
			for _, state := range []access.AccountState{access.AccountSuspended, access.AccountActive} {
				_, _ = p.Service.UpdateAccount(t.Context(), access.System, accesstest.Account, access.UpdateAccount{State: &state})
			}
		})
		wg.Wait()
		page, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Role: "administrator", State: "active"})
		if err != nil || len(page.Items) < 1 {
			t.Fatalf("%d active administrators are left, %v", len(page.Items), err)
		}
		if bad := access.Violations(t.Context(), p.Service, p.Store, accesstest.Account); len(bad) > 0 {
			t.Fatalf("%q", bad)
		}
	}
}

// Whatever was half done when an account is suspended goes no further, and is not taken up again when it is resumed.
func TestSuspensionEndsWhatIsHalfDone(t *testing.T) {
	p := accesstest.New(t)
	alice, bob, carol, dave := p.Operator("alice", accesstest.WithTOTP), p.Operator("bob"), p.Operator("carol", accesstest.StillNew), p.Operator("dave")
	pending := firstStep(p, alice)
	replaced, err := p.Service.ConfirmReset(t.Context(), p.ByLink(bob, p.RequestReset(bob)))
	if err != nil {
		t.Fatal(err)
	}
	owes := p.Login(carol).SessionToken
	code := p.RequestReset(dave)
	for _, state := range []access.AccountState{access.AccountSuspended, access.AccountActive} {
		p.Advance(time.Second)
		setState(t, p, state)
		if _, err := p.Service.LoginTOTP(t.Context(), access.LoginTOTP{Pending: pending, Code: p.TOTP(alice), Client: alice.Client}); !errors.Is(err, access.ErrNotSignedIn) {
			t.Errorf("%s: second step: %v", state, err)
		}
		fresh := secret.New("a fresh passphrase 123")
		if _, err := p.Service.NewPassword(t.Context(), access.NewPassword{Replacement: replaced.Replacement, Password: fresh, Client: bob.Client}); !errors.Is(err, access.ErrNotSignedIn) {
			t.Errorf("%s: replacement: %v", state, err)
		}
		if _, err := p.Service.NewPassword(t.Context(), access.NewPassword{Session: owes, Password: fresh, Client: carol.Client}); !errors.Is(err, access.ErrNotSignedIn) {
			t.Errorf("%s: forced change: %v", state, err)
		}
		if state == access.AccountSuspended {
			if _, err := p.Service.ConfirmReset(t.Context(), p.ByCode(dave, code)); !errors.Is(err, access.ErrInvalidCode) {
				t.Errorf("reset by code: %v", err)
			}
			if _, err := p.Service.NewPasswordPrompt(t.Context(), replaced.Replacement, secret.Text{}); !errors.Is(err, access.ErrNotSignedIn) {
				t.Errorf("prompt: %v", err)
			}
		}
	}
	if got, _, err := p.Service.ListOperatorSessions(t.Context(), accesstest.Account, dave.ID, 0, ""); err != nil || len(got) != 0 {
		t.Errorf("sessions from before are listed: %+v, %v", got, err)
	}
}

// A code that is being issued at the moment at which the address changes does not reach the old one.
func TestCodeForAnAddressThatChanges(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	if err := p.Service.RequestReset(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client}); err != nil {
		t.Fatal(err)
	}
	before, changed := len(p.Mails(o.Email)), false
	p.Faults.Before(func(label string) {
		if strings.HasPrefix(label, "store.Commit") && strings.Contains(label, "Codes") && !changed {
			changed = true
			if err := updateOperator(p, o, access.UpdateOperator{Email: new("alice@new.example")}); err != nil {
				t.Error(err)
			}
		}
	})
	p.Work()
	p.Faults.Before(nil)
	if got := subjects(p.Mails(o.Email)[before:]); !changed || !slices.Equal(got, []string{"Your address was changed"}) {
		t.Errorf("changed %t, and the old address got %q", changed, got)
	}
	o.Email = "alice@new.example"
	if m := p.RequestReset(o); p.Code(m).Empty() {
		t.Error("no code for the new address")
	}
}

// Of two who make one account at the same moment, one does.
func TestRaceForAnAccount(t *testing.T) {
	for range 5 {
		p := accesstest.New(t)
		var wg sync.WaitGroup
		results := make([]string, 4)
		for i := range results {
			wg.Go(func() {
				made, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "Race", Administrator: &access.CreateOperator{
					Username: "root", Email: "root@race.example", FirstName: "R", LastName: "R"}})
				if results[i] = conflictReason(err); err == nil && (made.Operator == nil || made.TemporaryPassword.Empty()) {
					t.Errorf("made %+v", made)
				}
			})
		}
		wg.Wait()
		slices.Sort(results)
		if !slices.Equal(results, []string{"", "account_exists", "account_exists", "account_exists"}) {
			t.Fatalf("%q", results)
		}
		if bad := access.Violations(t.Context(), p.Service, p.Store, "race"); len(bad) > 0 {
			t.Fatalf("%q", bad)
		}
	}
}

// An account with its first administrator is made whole, or not at all.
func TestAccountWithAWrongAdministrator(t *testing.T) {
	p := accesstest.New(t)
	for _, c := range []access.CreateOperator{
		{Username: "a b", Email: "a@x.example", FirstName: "A", LastName: "B"}, {Username: "a", Email: "a", FirstName: "A", LastName: "B"},
		{Username: "a", Email: "a@x.example", LastName: "B"}, {Username: "a", Email: "a@x.example", FirstName: "A"},
	} {
		if _, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "new", Administrator: &c}); !errors.As(err, new(*access.InputError)) {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := p.Service.GetAccount(t.Context(), "new"); !errors.Is(err, access.ErrNotFound) {
			t.Fatalf("the account was made: %v", err)
		}
	}
	made, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "new", State: access.AccountSuspended,
		Administrator: &access.CreateOperator{Username: "a", Email: "a@x.example", FirstName: "A", LastName: "B"}})
	if err != nil || made.Account.State != access.AccountSuspended {
		t.Fatalf("%+v, %v", made, err)
	}
	in := access.Login{AccountID: "new", Login: "a", Password: made.TemporaryPassword}
	if _, err := p.Service.Login(t.Context(), in); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("login in an account that was made suspended: %v", err)
	}
	if _, err := p.Service.UpdateAccount(t.Context(), access.System, "new", access.UpdateAccount{State: new(access.AccountActive)}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Service.Login(t.Context(), in); err != nil {
		t.Errorf("login after it was resumed: %v", err)
	}
}
