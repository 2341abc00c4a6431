package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/mail"
	"postern/shared/queue"
)

func mailStatus(p *accesstest.Place, o *accesstest.Operator) string {
	p.T.Helper()
	v, err := p.Service.GetOperator(p.T.Context(), accesstest.Account, o.ID)
	if err != nil {
		p.T.Fatal(err)
	}
	return v.Mail.Status
}

func mails(p *accesstest.Place, status access.MailStatus) []access.QueuedMail {
	p.T.Helper()
	page, err := p.Service.ListMail(p.T.Context(), accesstest.Account, access.ListMail{Status: string(status)})
	if err != nil {
		p.T.Fatal(err)
	}
	return page.Items
}

func countNotices(p *accesstest.Place, t access.NoticeType) int {
	n := 0
	for _, v := range p.Notices() {
		if v.Type == t {
			n++
		}
	}
	return n
}

// Whatever order events come in, and however often, the mail, its operator and the notices end up the same (security.md 30).
func TestMailEvents(t *testing.T) {
	kinds := []mail.EventKind{
		mail.Delayed, mail.NotDelivered, mail.Bounced, mail.Complained, mail.Bounced, "opened",
	}
	for first := range kinds {
		p := accesstest.New(t)
		o := p.Operator("alice")
		id := p.RequestReset(o).ID
		order := append(slices.Clone(kinds[first:]), kinds[:first]...)
		for range 2 {
			for _, k := range order {
				if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: id, Kind: k, Reason: string(k) + "\n550 5.1.1"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := mails(p, access.MailComplained)
		if len(got) != 1 || got[0].LastError != "complained 550 5.1.1" || got[0].To != o.Email || got[0].Template != "reset" {
			t.Errorf("%v: mails %+v", order, got)
		}
		if s := mailStatus(p, o); s != "complained" {
			t.Errorf("%v: the operator's mail is %s", order, s)
		}
		if n := countNotices(p, access.NoticeMailComplained); n != 1 {
			t.Errorf("%v: %d notices of the complaint", order, n)
		}
		if n := countNotices(p, access.NoticeMailBounced); n > 1 {
			t.Errorf("%v: %d notices of the bounce", order, n)
		}
	}
}

// An event that comes before the mail is marked as sent is not lost, and the mark does not undo it.
func TestEventBeforeTheMark(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	m := queuedReset(p, o)
	p.Faults.Before(func(label string) {
		if label == "mail.Send" {
			e := mail.Event{MessageID: m.AccountID + "." + m.ID, Kind: mail.Bounced, Reason: "no such user"}
			if err := p.Service.RecordMailEvent(t.Context(), e); err != nil {
				t.Error(err)
			}
		}
	})
	if err := p.Mailer.SendMail(t.Context(), m.AccountID, m.ID); err != nil {
		t.Fatal(err)
	}
	if got := mails(p, access.MailBounced); len(got) != 1 || mailStatus(p, o) != "bounced" {
		t.Errorf("mails %+v, operator %s", got, mailStatus(p, o))
	}
}

// A bounce stops what else would go to that address; what people ask for is answered as always. A corrected address, or an
// administrator's retry, opens the way again.
func TestBouncedAddress(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	id := p.RequestReset(o).ID
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: id, Kind: mail.Bounced, Reason: "no such user"}); err != nil {
		t.Fatal(err)
	}
	before := len(p.Mails(o.Email))
	ask := func(email string, want int) {
		t.Helper()
		if err := p.Service.RequestReset(t.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client}); err != nil {
			t.Fatal(err)
		}
		p.Work()
		if n := len(p.Mails(email)); n != want {
			t.Errorf("%d mails to %s, want %d", n, email, want)
		}
	}
	ask(o.Email, before)
	if failed := mails(p, access.MailFailed); len(failed) != 1 || failed[0].Attempts != 0 || failed[0].LastError == "" {
		t.Errorf("failed mails: %+v", failed)
	}
	if n := countNotices(p, access.NoticeMailFailed); n != 0 {
		t.Errorf("%d notices of mails that were not sent", n)
	}
	other := "alice@other.example"
	if _, err := p.Service.UpdateOperator(t.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{Email: &other}); err != nil {
		t.Fatal(err)
	}
	if s := mailStatus(p, o); s != "ok" {
		t.Errorf("with a new address mail is %s", s)
	}
	ask(other, 1)
	// Late news of the old address do not stop the new one.
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: id, Kind: mail.Complained}); err != nil {
		t.Fatal(err)
	}
	if s := mailStatus(p, o); s != "ok" {
		t.Errorf("after an event about the old address mail is %s", s)
	}
}

func TestRetryMail(t *testing.T) {
	p := accesstest.New(t)
	o := p.Operator("alice")
	m := p.RequestReset(o)
	id := strings.TrimPrefix(m.ID, accesstest.Account+".")
	conflict := func(what, reason string) {
		t.Helper()
		_, err := p.Service.RetryMail(t.Context(), accesstest.Account, id)
		if c, ok := errors.AsType[*access.ConflictError](err); !ok || c.Reason != reason {
			t.Errorf("%s: %v, want a conflict %s", what, err, reason)
		}
	}
	conflict("a mail that went out", "mail_sent")
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: m.ID, Kind: mail.Bounced}); err != nil {
		t.Fatal(err)
	}
	before := len(p.Mails(o.Email))
	got, err := p.Service.RetryMail(t.Context(), accesstest.Account, id)
	if err != nil || got.Status != access.MailQueued || mailStatus(p, o) != "ok" {
		t.Fatalf("%+v, %v, operator %s", got, err, mailStatus(p, o))
	}
	if again, err := p.Service.RetryMail(t.Context(), accesstest.Account, id); err != nil || again.Status != access.MailQueued {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	p.Work()
	if all := p.Mails(o.Email); len(all) != before+1 || all[len(all)-1].Text != m.Text {
		t.Errorf("%d mails, there were %d", len(all), before)
	}
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: m.ID, Kind: mail.Bounced}); err != nil {
		t.Fatal(err)
	}
	p.Advance(time.Hour)
	conflict("a mail whose code is dead", "mail_without_secret")
	for _, foreign := range []string{"", "x", string(make([]byte, 300))} {
		if _, err := p.Service.RetryMail(t.Context(), accesstest.Account, foreign); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("mail %.10q: %v", foreign, err)
		}
	}
}

// What a mail server gives as its reason is one line, and nothing that a terminal would obey.
func TestReasonsAreLines(t *testing.T) {
	p := accesstest.New(t)
	m := p.RequestReset(p.Operator("alice"))
	reason := "550\r\nno\u009b31m such\u0085user\u2028here\x1b]0;x\x07\xff" + strings.Repeat("ä", 300)
	if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: m.ID, Kind: mail.Bounced, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	if got := mails(p, access.MailBounced)[0].LastError; !strings.HasPrefix(got, "550  no 31m such user here ]0;x ?ä") || len(got) > 300 || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// What is no event about a mail of ours does nothing.
func TestForeignMailEvents(t *testing.T) {
	p := accesstest.New(t)
	p.RequestReset(p.Operator("alice"))
	request := p.Queued(queue.Mail)
	for _, id := range []string{"", ".", "acme", "acme.", ".x", "acme.gone", "\xff.x", string(make([]byte, 300))} {
		if err := p.Service.RecordMailEvent(t.Context(), mail.Event{MessageID: id, Kind: mail.Bounced}); err != nil {
			t.Errorf("%.10q: %v", id, err)
		}
	}
	if n := countNotices(p, access.NoticeMailBounced); n != 0 || len(request) != 0 {
		t.Errorf("%d notices, %d messages", n, len(request))
	}
}

// A provider that is busy costs a mail time, and nothing else: no attempt is counted, and codes come back before notices.
func TestBusyProvider(t *testing.T) {
	p := accesstest.New(t)
	busy := senderFunc(func(m mail.Message) error { return fmt.Errorf("%w: quota", mail.ErrThrottled) })
	o := p.Operator("alice")
	code := queuedReset(p, o)
	if _, err := p.Service.ResetOperatorPassword(t.Context(), access.System, accesstest.Account, p.Operator("bob").ID); err != nil {
		t.Fatal(err)
	}
	notice := p.Queued(queue.Mail)[len(p.Queued(queue.Mail))-1]
	p.Restart()
	mailer := access.NewMailer(p.Service, busy, "postern@acme.example")
	for range 30 {
		for _, m := range []queue.Message{code, notice} {
			if err := mailer.SendMail(t.Context(), m.AccountID, m.ID); err != nil {
				t.Fatal(err)
			}
		}
		p.Advance(10 * time.Second)
	}
	if waiting := mails(p, access.MailQueued); len(waiting) != 2 || waiting[0].Attempts+waiting[1].Attempts != 0 || waiting[0].LastError == "" {
		t.Fatalf("waiting: %+v", waiting)
	}
	due := func() (ids []string) {
		if err := p.Service.SweepOutbox(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Queued(queue.Mail) {
			ids = append(ids, m.ID)
		}
		p.Restart()
		return ids
	}
	if got := due(); !slices.Equal(got, []string{code.ID}) {
		t.Errorf("due are %v, want the code alone: %s", got, code.ID)
	}
	p.Advance(5 * time.Minute)
	if got := due(); len(got) != 2 {
		t.Errorf("later due are %v, want both", got)
	}
}

type senderFunc func(mail.Message) error

func (f senderFunc) Send(_ context.Context, m mail.Message) error { return f(m) }
