package access_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/secret"
)

func setState(t *testing.T, p *accesstest.Place, state access.AccountState) {
	t.Helper()
	if _, err := p.Service.UpdateAccount(t.Context(), access.System, accesstest.Account, access.UpdateAccount{State: &state}); err != nil {
		t.Fatal(err)
	}
}

// A suspended account is closed at once, whatever stood open; resumed, it lets people in again, with new sessions only (details 45).
func TestSuspendedAccounts(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	reset, code := p.RequestReset(o), p.Code(p.RequestSingleUseCode(o))
	mails := len(p.Mails(o.Email))
	setState(t, p, access.AccountSuspended)
	setState(t, p, access.AccountSuspended) // the second time changes nothing

	if err := p.Service.RequestReset(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Email, Client: o.Client}); err != nil {
		t.Errorf("a request for a reset: %v", err)
	}
	if err := login(p, o, o.Password); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("login: %v", err)
	}
	if err := login(p, o, code); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("login by code: %v", err)
	}
	if _, err := p.Service.ConfirmReset(t.Context(), p.ByLink(o, reset)); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("reset by link: %v", err)
	}
	if _, err := p.Service.Authenticate(t.Context(), o.Session); !errors.Is(err, access.ErrNotSignedIn) {
		t.Errorf("session: %v", err)
	}
	p.Work()
	if got := len(p.Mails(o.Email)); got != mails {
		t.Errorf("%d mails went out of a suspended account", got-mails)
	}

	p.Advance(20 * time.Minute)
	setState(t, p, access.AccountActive)
	if _, err := p.Service.Authenticate(t.Context(), o.Session); !errors.Is(err, access.ErrNotSignedIn) {
		t.Errorf("a session from before: %v", err)
	}
	o.Session = secret.Text{}
	p.Login(o)
	if _, err := p.Service.Authenticate(t.Context(), o.Session); err != nil {
		t.Errorf("a session from after: %v", err)
	}
	var seen []access.NoticeType
	for _, n := range p.Notices() {
		if n.Type == access.NoticeAccountSuspended || n.Type == access.NoticeAccountResumed {
			seen = append(seen, n.Type)
		}
	}
	if fmt.Sprint(seen) != "[account.resumed account.suspended]" {
		t.Errorf("notices: %v", seen)
	}
}

// Accounts are listed in pages, each once, by Account ID.
func TestListAccounts(t *testing.T) {
	p := accesstest.New(t)
	for i := range 120 {
		if _, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: fmt.Sprintf("n%03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 50, 121, 200} {
		var got []string
		cursor := ""
		for {
			page, err := p.Service.ListAccounts(t.Context(), limit, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Items {
				got = append(got, a.AccountID)
			}
			if page.Next == nil {
				break
			}
			cursor = *page.Next
		}
		if len(got) != 121 || got[0] != accesstest.Account || got[1] != "n000" || got[120] != "n119" {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
	if _, err := p.Service.ListAccounts(t.Context(), 0, "AAAA"); !errors.As(err, new(*access.InputError)) {
		t.Errorf("a made-up cursor: %v", err)
	}
}

func TestUpdateAccountRefusals(t *testing.T) {
	p := accesstest.New(t)
	before := len(p.Notices())
	if _, err := p.Service.UpdateAccount(t.Context(), access.System, "nobody", access.UpdateAccount{Name: new("x")}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("unknown account: %v", err)
	}
	for _, c := range []access.UpdateAccount{{Name: new("")}, {State: new(access.AccountState("asleep"))}} {
		if _, err := p.Service.UpdateAccount(t.Context(), access.System, accesstest.Account, c); !errors.As(err, new(*access.InputError)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	_, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "new", Administrator: &access.CreateOperator{Username: "a b"}})
	input, ok := errors.AsType[*access.InputError](err)
	if !ok || input.Fields[0].Field != "administrator.username" {
		t.Errorf("wrong administrator: %v", err)
	}
	if got := len(p.Notices()); got != before {
		t.Errorf("%d notices of what was refused", got-before)
	}
}
