// Package mail is the port to where mail goes, and the mails themselves: which there are, and how they read (render.go). The
// adapters are mail/ses, mail/smtp and mail/inbox (the local inbox of one machine); all pass the suite in mail/mailtest.
package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrRejected says that this mail will never be taken (the address is refused, the message is malformed): trying again is
// useless. Every other error of a Sender may pass.
var ErrRejected = errors.New("mail: rejected")

// ErrThrottled says that the provider takes no more mails for now: its rate or its daily quota is used up. The mail itself is good.
var ErrThrottled = errors.New("mail: the provider takes no more for now")

// Message is a mail ready to go.
type Message struct {
	ID       string            // stable over retries; becomes part of the Message-ID
	From     string            // address, RFC 5322 addr-spec
	FromName string            // display name, UTF-8, no line breaks
	ReplyTo  string            // address; empty: none
	To       string            // address, byte for byte as stored
	Subject  string            // UTF-8, one line
	Text     string            // plain text part, lines ended by \n
	HTML     string            // HTML part
	Tags     map[string]string // for the provider's statistics: template and account; nothing personal
	// Urgent mails carry a secret that somebody waits for, and that expires: when a provider is busy, they are worth waiting for.
	Urgent bool
}

// Check refuses a message that could break out of a header: [ErrRejected].
func (m Message) Check() error {
	for _, f := range []string{m.ID, m.From, m.FromName, m.ReplyTo, m.To, m.Subject} {
		if strings.ContainsAny(f, "\r\n\x00") {
			return fmt.Errorf("%w: a header field has more than one line", ErrRejected)
		}
	}
	return nil
}

// Sender hands a mail to whoever delivers it.
type Sender interface {
	// Send returns when the mail was taken over, or why not. Safe for concurrent use.
	Send(ctx context.Context, m Message) error
}
