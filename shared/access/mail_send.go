package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/shared/languages"
	"postern/shared/mail"
	"postern/shared/secret"
	"postern/shared/shortcode"
)

// Mailer sends the mails that stand in the outbox: it leases one, sends it, and marks it. It is apart from Service so that only
// who may send mail links the templates.
type Mailer struct {
	*Service
	sender mail.Sender
	from   string
}

// NewMailer makes a Mailer that sends as the address from.
func NewMailer(s *Service, sender mail.Sender, from string) *Mailer { return &Mailer{s, sender, from} }

const (
	// mailLease is how long one delivery has to send a mail before another may.
	mailLease = 2 * time.Minute
	// maxMailAttempts is how often a mail is tried: over about two days, with mailBackOff.
	maxMailAttempts = 14
)

// throttledWait is how long a mail waits that was turned away because the provider is busy; one that is urgent waits for the sweep only,
// and so goes out before the others.
const throttledWait = 5 * time.Minute

// mailBackOff is how long to wait after the n-th attempt, the first being 1: from 30 seconds, doubled, up to 6 hours.
func mailBackOff(n int) time.Duration { return min(30*time.Second<<min(n-1, 20), 6*time.Hour) }

// SendMail sends one mail of the outbox, unless it was sent, is being sent, or is not due yet. However often it is called,
// the mail goes out once, and once more at the worst if the sender was cut off after it was sent and before it was marked.
// A failure to send is not an error: it is noted, and tried again when it is due.
func (m *Mailer) SendMail(ctx context.Context, accountID, id string) error {
	delivery, err := newID(m.random)
	if err != nil {
		return err
	}
	job, err := commit(ctx, m.Service, func(now time.Time) (*mailJob, changes, error) {
		st := &mailState{item: outboxItem{AccountID: accountID, ID: id}, account: account{ID: accountID}}
		if err := m.get(ctx, &st.item, &st.account); err != nil {
			return nil, nil, fmt.Errorf("load mail: %w", err)
		}
		if st.item.exists() && st.item.OperatorID != "" {
			st.operator = operator{AccountID: accountID, ID: st.item.OperatorID}
			load := []record{&st.operator}
			if st.item.CodeKind != "" {
				st.code = &mailedCode{AccountID: accountID, OperatorID: st.item.OperatorID, Kind: st.item.CodeKind}
				load = append(load, st.code)
			}
			if err := m.get(ctx, load...); err != nil {
				return nil, nil, fmt.Errorf("load operator: %w", err)
			}
		}
		return decideLeaseMail(st, delivery, now)
	})
	if err != nil || job == nil {
		return err
	}
	message, err := m.render(ctx, job)
	if err != nil {
		return fmt.Errorf("render mail: %w", err)
	}
	sent := m.sender.Send(ctx, message)
	_, err = commit(ctx, m.Service, func(now time.Time) (struct{}, changes, error) {
		item := &outboxItem{AccountID: accountID, ID: id}
		if err := m.get(ctx, item); err != nil {
			return struct{}{}, nil, fmt.Errorf("load mail: %w", err)
		}
		return decideMarkMail(item, delivery, sent, now, m.random)
	})
	return err
}

// mailState is what the sending of a mail decides on.
type mailState struct {
	item     outboxItem
	account  account
	operator operator
	code     *mailedCode // the code that the mail carries
}

// mailJob is a mail that this delivery may send.
type mailJob struct {
	item    outboxItem
	account account
}

func decideLeaseMail(st *mailState, delivery string, now time.Time) (*mailJob, changes, error) {
	i := &st.item
	switch {
	case !i.exists(), i.Kind != outboxMail, i.Status != MailQueued:
		return nil, nil, nil
	case now.Before(i.LeasedTil), !i.announceable(now):
		return nil, nil, nil // somebody is at it, or its time has not come: the sweep will bring it again
	case i.OperatorID != "" && !st.operator.exists(): // deleted meanwhile: what it tells is nobody's business any more
		i.finish(MailExpired, now)
		return nil, changes{put(i)}, nil
	case !st.account.active():
		i.due = now.Add(expiryRetry) // no mail goes out of a suspended account (details 45)
		return nil, changes{put(i)}, nil
	}
	if i.pointless(&st.operator, st.code, now) {
		i.finish(MailExpired, now)
		return nil, changes{put(i)}, nil
	}
	if st.operator.unreachable(i.To) {
		i.finish(MailFailed, now)
		i.LastError = "mail to this address bounced, or was called spam, before"
		return nil, changes{put(i)}, nil
	}
	i.LeasedBy, i.LeasedTil = delivery, now.Add(mailLease)
	i.Attempts++
	i.due = i.LeasedTil
	return &mailJob{*i, st.account}, changes{put(i)}, nil
}

// pointless reports whether there is no use in the mail any more: its time is over, its code is dead, or it holds a secret for an
// address that is the operator's no more. code is the one of the mail's kind, if it has one.
func (o *outboxItem) pointless(to *operator, code *mailedCode, now time.Time) bool {
	switch {
	case !o.GoodUntil.IsZero() && !now.Before(o.GoodUntil),
		o.CodeKind != "" && (code.ID != o.CodeID || !code.live(to, now)),
		o.urgent() && o.To != to.Email:
		return true
	}
	return false
}

// announceable reports whether the item may be done now: at once when it is new, later only when it is due. A digest of logins
// and a mail that failed wait.
func (o *outboxItem) announceable(now time.Time) bool {
	return o.Attempts == 0 && !strings.HasPrefix(o.ID, digestID("")) || !now.Before(o.due)
}

// urgent reports whether somebody waits for the secret in the mail.
func (o *outboxItem) urgent() bool { return o.CodeKind != "" || o.Password.Reveal() != "" }

// finish takes a mail out of the queue. What it carried goes with it.
func (o *outboxItem) finish(s MailStatus, now time.Time) {
	o.Status, o.Password, o.LeasedBy, o.LeasedTil = s, secret.Text{}, "", time.Time{}
	o.due, o.expires = time.Time{}, now.Add(outboxKept)
	if s == MailSent {
		o.SentAt = now
	}
}

// decideMarkMail notes how a delivery ended.
func decideMarkMail(i *outboxItem, delivery string, sent error, now time.Time, random io.Reader) (struct{}, changes, error) {
	none := struct{}{}
	if !i.exists() || i.Status != MailQueued || i.LeasedBy != delivery {
		return none, nil, nil // another delivery took over when the lease ran out
	}
	i.LeasedBy, i.LeasedTil = "", time.Time{}
	if sent == nil {
		i.LastError = ""
		i.finish(MailSent, now)
		return none, changes{put(i)}, nil
	}
	i.LastError = errorText(sent)
	if errors.Is(sent, mail.ErrThrottled) { // no fault of the mail: it waits, and is not given up for that
		i.Attempts--
		i.due = now.Add(throttledWait)
		if i.urgent() {
			i.due = now
		}
		return none, changes{put(i)}, nil
	}
	if errors.Is(sent, mail.ErrRejected) || i.Attempts >= maxMailAttempts {
		i.finish(MailFailed, now)
		n, err := newNotice(NoticeMailFailed, System, i.AccountID, i.OperatorID, now, random,
			detail{"template", string(i.Template)}, detail{"error", i.LastError})
		if err != nil {
			return none, nil, err
		}
		return none, changes{put(i), put(n)}, nil
	}
	i.due = now.Add(mailBackOff(i.Attempts))
	return none, changes{put(i)}, nil
}

// maxErrorText is how much of a sender's error is kept, in bytes.
const maxErrorText = 300

func errorText(err error) string { return shortText(err.Error()) }

// shortText makes one line of valid UTF-8 of what somebody else says, without what a terminal would obey.
func shortText(s string) string {
	text := strings.Map(func(r rune) rune {
		if breaksLine(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "")
}

// render makes the message of a job. The secret that it carries is computed here, and nowhere kept.
func (m *Mailer) render(ctx context.Context, job *mailJob) (mail.Message, error) {
	i, a := &job.item, &job.account
	d := mail.Data{
		FirstName: i.FirstName, AccountID: a.ID, AccountName: a.Settings.Name, LoginURL: m.origin + "/login",
		SupportContact: a.Settings.SupportContact, At: i.QueuedAt, Minutes: i.Minutes, Days: i.Days, TemporaryPassword: i.Password,
	}
	for _, b := range i.Browsers {
		d.Logins = append(d.Logins, mail.Login{At: b.At, Address: b.Address, UserAgent: b.UserAgent})
	}
	if i.CodeKind != "" {
		secrets, err := m.derive(ctx, i.CodeKind, i.AccountID, i.OperatorID, i.CodeID)
		if err != nil {
			return mail.Message{}, err
		}
		d.Code = secret.New(shortcode.Format(secrets.code.Reveal()))
		if i.CodeKind == resetCode {
			d.Link = secret.New(m.origin + "/reset-confirm#" + secrets.link.Reveal())
		}
	}
	subject, text, html, err := mail.Render(languages.For(a.Settings.Language), i.Template, d)
	if err != nil {
		return mail.Message{}, err
	}
	name := a.Settings.MailFromName
	if name == "" {
		name = a.Settings.Name
	}
	return mail.Message{
		ID: a.ID + "." + i.ID, From: m.from, FromName: name, To: i.To, Subject: subject, Text: text, HTML: html,
		Tags: map[string]string{"template": string(i.Template), "account": a.ID}, Urgent: i.urgent(),
	}, nil
}
