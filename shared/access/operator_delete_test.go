package access_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/queue"
)

// A deleted operator is gone everywhere at once: sessions, codes and waiting mail are dead, the names are free, the notices stay.
func TestDeleteOperator(t *testing.T) {
	p := accesstest.New(t)
	alice := p.Operator("alice", accesstest.Administrator)
	bob := p.Operator("bob")
	code := p.ByCode(bob, p.RequestReset(bob))
	waiting := queuedReset(p, bob)
	before := len(p.Mails(bob.Email))
	del := func(by access.Actor, id string) error {
		return p.Service.DeleteOperator(t.Context(), by, accesstest.Account, id)
	}
	if err := del(access.Actor{Name: "operator:" + alice.ID, OperatorID: alice.ID}, bob.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Service.Authenticate(t.Context(), bob.Session); !errors.Is(err, access.ErrNotSignedIn) {
		t.Errorf("the session: %v", err)
	}
	if _, err := p.Service.ConfirmReset(t.Context(), code); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("the code: %v", err)
	}
	if err := refused(loginAs(p, bob, bob.Username, bob.Password)); err != nil {
		t.Errorf("login: %v", err)
	}
	if err := p.Mailer.SendMail(t.Context(), waiting.AccountID, waiting.ID); err != nil || len(p.Mails(bob.Email)) != before {
		t.Errorf("the mail that waited: %v, %d mails, there were %d", err, len(p.Mails(bob.Email)), before)
	}
	if err := del(access.System, bob.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a second time: %v", err)
	}
	noted := slices.ContainsFunc(p.Notices(), func(n access.NoticeView) bool {
		return n.Type == access.NoticeOperatorDeleted && n.OperatorID == bob.ID && n.Actor == "operator:"+alice.ID && n.Detail["username"] == "bob"
	})
	if !noted {
		t.Errorf("notices %+v", p.Notices())
	}
	again := p.Operator("bob")
	if again.ID == bob.ID {
		t.Error("the new bob is the old one")
	}
	if err := p.Service.RequestReset(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: "bob", Client: bob.Client}); err != nil {
		t.Fatal(err)
	}
	if m := p.Queued(queue.Codes); len(m) != 1 {
		t.Errorf("%d requests", len(m))
	}
	for by, reason := range map[access.Actor]string{{Name: "operator:" + alice.ID, OperatorID: alice.ID}: "oneself", access.System: "last_administrator"} {
		if c, ok := errors.AsType[*access.ConflictError](del(by, alice.ID)); !ok || c.Reason != reason {
			t.Errorf("by %s: %v, want %s", by.Name, c, reason)
		}
	}
}

// Of administrators who delete or disable each other at the same moment, one stays.
func TestTheLastAdministratorStays(t *testing.T) {
	for range 10 {
		p := accesstest.New(t)
		var all []*accesstest.Operator
		for _, name := range []string{"alice", "bob", "carol"} {
			all = append(all, p.Operator(name, accesstest.Administrator))
		}
		var wg sync.WaitGroup
		for i, o := range all {
			victim := all[(i+1)%len(all)]
			by := access.Actor{Name: "operator:" + o.ID, OperatorID: o.ID}
			wg.Go(func() {
				if i == 0 {
					state := access.StateDisabled
					_, _ = p.Service.UpdateOperator(t.Context(), by, accesstest.Account, victim.ID, access.UpdateOperator{State: &state})
					return
				}
				_ = p.Service.DeleteOperator(t.Context(), by, accesstest.Account, victim.ID)
			})
		}
		wg.Wait()
		page, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Role: "administrator", State: "active"})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%d active administrators are left, %v", len(page.Items), err)
		}
	}
}

func TestEndOperatorSessions(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	list := func() []access.SessionInfo {
		t.Helper()
		all, _, err := p.Service.ListOperatorSessions(t.Context(), accesstest.Account, o.ID, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := list(); len(got) == 0 || got[0].Current || got[0].Address != "192.0.2.1" {
		t.Errorf("sessions: %+v", got)
	}
	if err := p.Service.EndOperatorSessions(t.Context(), access.System, accesstest.Account, o.ID); err != nil {
		t.Fatal(err)
	}
	if got := list(); len(got) != 0 {
		t.Errorf("sessions after the end: %+v", got)
	}
	if _, err := p.Service.Authenticate(t.Context(), o.Session); !errors.Is(err, access.ErrNotSignedIn) {
		t.Errorf("the session: %v", err)
	}
	if err := loginAs(p, o, o.Username, o.Password); err != nil {
		t.Errorf("login: %v", err)
	}
	if n := countNotices(p, access.NoticeSessionsEndedByAdmin); n != 1 {
		t.Errorf("%d notices", n)
	}
	for _, id := range []string{"", "x", "abcdefghijklmnopqrstuvwx23"} {
		if err := p.Service.EndOperatorSessions(t.Context(), access.System, accesstest.Account, id); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("operator %q: %v", id, err)
		}
	}
}
