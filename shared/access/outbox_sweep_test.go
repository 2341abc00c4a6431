package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/mail"
	"postern/shared/queue"
)

// The sweep opens no secret, not even in a mail that holds a temporary password: the function that runs it has no keys.
func TestSweepNeedsNoKeys(t *testing.T) {
	p := accesstest.New(t)
	p.SetPolicy(func(policy *access.Policy) { policy.Reset.Delivery = access.ResetByTemporaryPassword }, false)
	o := p.Operator("alice")
	if _, err := p.Service.ConfirmReset(t.Context(), p.ByLink(o, p.RequestReset(o))); err != nil {
		t.Fatal(err)
	}
	p.Restart() // the queue forgets
	p.Advance(10 * time.Minute)
	p.Faults.Heal()
	if err := p.Service.SweepOutbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Faults.Calls() {
		if strings.HasPrefix(c.Label, "keys.") {
			t.Errorf("the sweep asks for keys: %s", c)
		}
	}
	if len(p.Queued(queue.Mail)) == 0 {
		t.Fatal("nothing was sent to the queue again")
	}
	before := len(p.Mails(o.Email))
	p.Work()
	if !slices.ContainsFunc(p.Mails(o.Email)[before:], func(m mail.Message) bool { return strings.Contains(m.Text, "temporary password") }) {
		t.Errorf("no mail with a temporary password came: %d mails, before %d", len(p.Mails(o.Email)), before)
	}
}
