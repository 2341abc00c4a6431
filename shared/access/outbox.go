package access

import (
	"io"
	"time"

	"postern/shared/mail"
	"postern/shared/queue"
	"postern/shared/secret"
	"postern/shared/store"
)

// outboxItem is work that a commit leaves to be done after it: a mail to send, or a request for a code to resolve. It is
// written in the commit of what it belongs to, and names everything that the worker needs; the queue carries its id alone.
type outboxItem struct {
	stored
	AccountID  string
	ID         string // orders by time: see timeKey
	Kind       outboxKind
	QueuedAt   time.Time
	OperatorID string // mails

	Login string // requests: the login name as typed

	Template  mail.Template
	To        string // byte for byte as stored with the operator
	FirstName string
	CodeKind  codeKind       // mails that hold a code or link: its kind, and
	CodeID    string         // what it is derived from
	Password  secret.Text    // mails that hold a temporary password
	Minutes   int            // lifetime of the secret that the mail holds
	Days      int            // until a password expires
	Browsers  []browserLogin // logins from new browsers
	// GoodUntil is when the mail has no use any more: it is then dropped and recorded as expired. Zero: never.
	GoodUntil time.Time

	Status    MailStatus
	Attempts  int
	LastError string
	LeasedBy  string    // the delivery that is sending it
	LeasedTil time.Time // until when nobody else may
	SentAt    time.Time

	// announce says that the queue is to be told once this is committed. Not stored.
	announce bool
}

// browserLogin is a login from a browser not seen before.
type browserLogin struct {
	At                 time.Time
	Address, UserAgent string
}

type outboxKind string

const (
	outboxMail          outboxKind = "mail"
	outboxSingleUseCode outboxKind = "single_use_code" // a request
	outboxReset         outboxKind = "reset"           // a request
)

// MailStatus is where a mail stands.
type MailStatus string

// The states of a mail.
const (
	MailQueued     MailStatus = "queued"
	MailSent       MailStatus = "sent"
	MailBounced    MailStatus = "bounced"
	MailComplained MailStatus = "complained"
	MailExpired    MailStatus = "expired" // its secret died before it could be sent
	MailFailed     MailStatus = "failed"  // given up
)

const (
	// outboxPatience is how long the queue has to do an item before the sweep sends it again.
	outboxPatience = time.Minute
	// outboxKept is how long a mail that went out, or was given up, is remembered.
	outboxKept = 30 * 24 * time.Hour
)

func (o *outboxItem) key() store.Key {
	return store.Key{Table: store.Outbox, Partition: o.AccountID, Sort: o.ID}
}

// outboxKindField holds an item's kind.
const outboxKindField = "kind"

func (o *outboxItem) queue() queue.Queue {
	if o.Kind == outboxMail {
		return queue.Mail
	}
	return queue.Codes
}

func (o *outboxItem) fields(c *codec) {
	text(c, outboxKindField, &o.Kind)
	c.time("queuedAt", &o.QueuedAt)
	text(c, "operatorId", &o.OperatorID)
	text(c, "login", &o.Login)
	text(c, "template", &o.Template)
	text(c, "to", &o.To)
	text(c, "firstName", &o.FirstName)
	text(c, "codeKind", &o.CodeKind)
	text(c, "codeId", &o.CodeID)
	c.secret("password", &o.Password)
	number(c, "minutes", &o.Minutes)
	number(c, "days", &o.Days)
	list(c, "browsers", &o.Browsers, func(prefix string, b *browserLogin) {
		c.time(prefix+"at", &b.At)
		text(c, prefix+"address", &b.Address)
		text(c, prefix+"userAgent", &b.UserAgent)
	})
	c.time("goodUntil", &o.GoodUntil)
	text(c, "status", &o.Status)
	number(c, "attempts", &o.Attempts)
	text(c, "lastError", &o.LastError)
	text(c, "leasedBy", &o.LeasedBy)
	c.time("leasedUntil", &o.LeasedTil)
	c.time("sentAt", &o.SentAt)
}

// newOutboxItem makes an item that is due: the queue is told at the commit, and the sweep a minute later.
func newOutboxItem(kind outboxKind, accountID string, now time.Time, random io.Reader) (*outboxItem, error) {
	id, err := newID(random)
	if err != nil {
		return nil, err
	}
	return &outboxItem{
		stored: stored{due: now.Add(outboxPatience)}, AccountID: accountID, ID: timeKey(now, id), Kind: kind, QueuedAt: now,
		announce: true,
	}, nil
}

// newMail makes a mail to an operator.
func newMail(t mail.Template, o *operator, now time.Time, random io.Reader) (*outboxItem, error) {
	m, err := newOutboxItem(outboxMail, o.AccountID, now, random)
	if err != nil {
		return nil, err
	}
	m.OperatorID, m.To, m.FirstName, m.Template, m.Status = o.ID, o.Email, o.FirstName, t, MailQueued
	return m, nil
}
