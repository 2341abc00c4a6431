package access

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"postern/shared/mail"
)

// RecordMailEvent notes what became of a mail, on the mail and on its operator. Events may come twice, late and in any order,
// also before the mail is marked as sent: of several the gravest stays, and one notice tells of each grade. An event about a
// mail that is no more (they are kept for 30 days), or never was, does nothing.
func (s *Service) RecordMailEvent(ctx context.Context, e mail.Event) error {
	at := strings.LastIndexByte(e.MessageID, '.') // ids of mails hold no dot
	if at < 1 || at == len(e.MessageID)-1 || len(e.MessageID) > maxMailID || !utf8.ValidString(e.MessageID) {
		return nil
	}
	accountID, id := e.MessageID[:at], e.MessageID[at+1:]
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		item := outboxItem{AccountID: accountID, ID: id}
		if err := s.get(ctx, &item); err != nil {
			return struct{}{}, nil, fmt.Errorf("load mail: %w", err)
		}
		if !item.exists() || item.Kind != outboxMail {
			return struct{}{}, nil, nil
		}
		o := operator{AccountID: accountID, ID: item.OperatorID}
		if err := s.get(ctx, &o); err != nil {
			return struct{}{}, nil, fmt.Errorf("load operator: %w", err)
		}
		return decideMailEvent(&item, &o, e, now, s.random)
	})
	if err != nil {
		return fmt.Errorf("record mail event: %w", err)
	}
	return nil
}

// maxMailID is how long the id of a mail may be, in bytes.
const maxMailID = 256

// gravity orders what can become of a mail, so that events in any order lead to the same end.
var gravity = map[MailStatus]int{MailQueued: 0, MailSent: 1, MailExpired: 2, MailFailed: 3, MailBounced: 4, MailComplained: 5}

func decideMailEvent(i *outboxItem, o *operator, e mail.Event, now time.Time, random io.Reader) (struct{}, changes, error) {
	none := struct{}{}
	reason := shortText(e.Reason)
	var status MailStatus
	var notice NoticeType
	switch e.Kind {
	case mail.Bounced, mail.NotDelivered:
		status, notice = MailBounced, NoticeMailBounced
	case mail.Complained:
		status, notice = MailComplained, NoticeMailComplained
	case mail.Rejected:
		status, notice = MailFailed, NoticeMailFailed
	case mail.Delayed:
		if gravity[i.Status] > gravity[MailSent] || i.LastError == reason {
			return none, nil, nil
		}
		i.LastError = reason
		return none, changes{put(i)}, nil
	default:
		return none, nil, nil
	}
	var done changes
	if gravity[status] > gravity[i.Status] {
		i.finish(status, now)
		i.LastError = reason
		n, err := newNotice(notice, System, i.AccountID, i.OperatorID, now, random, detail{"template", string(i.Template)}, detail{"error", reason})
		if err != nil {
			return none, nil, err
		}
		done.add(put(i), put(n))
	}
	// Whoever was given another address since is not concerned.
	final := e.Kind == mail.Bounced || e.Kind == mail.Complained
	if final && o.exists() && o.Email == i.To && gravity[status] > gravity[o.MailStatus] {
		o.MailStatus = status
		done.add(put(o))
	}
	return none, done, nil
}

// unreachable reports whether mail to that address has bounced, or its owner called it spam. What else is there to tell goes
// nowhere then, until an administrator corrects the address or has a mail sent again.
func (o *operator) unreachable(to string) bool {
	return o.exists() && o.MailStatus != "" && o.Email == to
}
