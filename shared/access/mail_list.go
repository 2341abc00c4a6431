package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/shared/mail"
	"postern/shared/store"
)

// MailStatuses lists the states of a mail.
func MailStatuses() []MailStatus {
	return []MailStatus{MailQueued, MailSent, MailBounced, MailComplained, MailExpired, MailFailed}
}

// QueuedMail is a mail as administrators see it: what became of it, never what stands in it.
type QueuedMail struct {
	ID         string     `json:"id"`
	OperatorID string     `json:"operatorId"`
	To         string     `json:"to"`
	Template   string     `json:"template"`
	Status     MailStatus `json:"status"`
	Attempts   int        `json:"attempts"`
	LastError  string     `json:"lastError"`
	QueuedAt   time.Time  `json:"queuedAt"`
	SentAt     *time.Time `json:"sentAt"`
}

func (o *outboxItem) view() QueuedMail {
	v := QueuedMail{
		ID: o.ID, OperatorID: o.OperatorID, To: o.To, Template: string(o.Template), Status: o.Status, Attempts: o.Attempts,
		LastError: o.LastError, QueuedAt: o.QueuedAt,
	}
	if !o.SentAt.IsZero() {
		v.SentAt = &o.SentAt
	}
	return v
}

// ListMail asks for a page of an account's mails. Empty fields filter nothing.
type ListMail struct {
	Status string // a MailStatus
	Limit  int    // 1 to MaxPageSize; 0: DefaultPageSize
	Cursor string
}

// MailPage is a page of mails.
type MailPage struct {
	Items []QueuedMail `json:"items"`
	Next  *string      `json:"next"`
}

// ListMail lists the mails that wait and those of the last 30 days, the newest first. [InputError].
func (s *Service) ListMail(ctx context.Context, accountID string, c ListMail) (MailPage, error) {
	found := MailPage{Items: []QueuedMail{}}
	if c.Status != "" && !slices.Contains(MailStatuses(), MailStatus(c.Status)) {
		return found, &InputError{[]FieldError{{Field: "status", Code: "unknown_value"}}}
	}
	limit, err := pageSize(c.Limit)
	if err != nil {
		return found, err
	}
	seal := []string{"mail", accountID, c.Status}
	position, err := s.openCursor(ctx, c.Cursor, seal...)
	if err != nil {
		return found, err
	}
	more := func() (MailPage, error) {
		next, err := s.sealCursor(ctx, position, seal...)
		found.Next = &next
		return found, err
	}
	q := store.Query{Table: store.Outbox, Partition: accountID, To: position, Reverse: true, Limit: 200}
	for read := 0; ; {
		page, err := s.store.Query(ctx, q)
		if err != nil {
			return found, fmt.Errorf("query mails: %w", unavailable(err))
		}
		for _, item := range page.Items {
			m := &outboxItem{AccountID: accountID, ID: item.Sort}
			if err := s.decode(ctx, item, m); err != nil {
				return found, err
			}
			if m.Kind == outboxMail && (c.Status == "" || string(m.Status) == c.Status) {
				if len(found.Items) == limit {
					return more()
				}
				found.Items = append(found.Items, m.view())
			}
			position = m.ID
		}
		if page.Next == "" {
			return found, nil
		}
		if read += len(page.Items); read >= maxListReads {
			return more()
		}
		q.Cursor = page.Next
	}
}

// RetryMail has a mail sent again that waits for its next attempt, bounced, was complained about or was given up. That is also an
// administrator's word that its address may be written to again.
//
// ErrNotFound; [ConflictError] "mail_sent": it went out; "mail_address_changed": the operator has another address now, and what it
// tells is nobody else's business; "mail_without_secret": what it carried is no more, so that there is
// nothing to send: ask for a new code, or give a new temporary password.
func (s *Service) RetryMail(ctx context.Context, accountID, id string) (QueuedMail, error) {
	return commit(ctx, s, func(now time.Time) (QueuedMail, changes, error) {
		if id == "" || len(id) > maxMailID {
			return QueuedMail{}, nil, ErrNotFound
		}
		item := outboxItem{AccountID: accountID, ID: id}
		if err := s.get(ctx, &item); err != nil {
			return QueuedMail{}, nil, fmt.Errorf("load mail: %w", err)
		}
		if !item.exists() || item.Kind != outboxMail {
			return QueuedMail{}, nil, ErrNotFound
		}
		o := operator{AccountID: accountID, ID: item.OperatorID}
		code := mailedCode{AccountID: accountID, OperatorID: item.OperatorID, Kind: item.CodeKind}
		load := []record{&o}
		if item.CodeKind != "" {
			load = append(load, &code)
		}
		if err := s.get(ctx, load...); err != nil {
			return QueuedMail{}, nil, fmt.Errorf("load operator: %w", err)
		}
		return decideRetryMail(&item, &o, &code, now)
	})
}

// withoutPassword reports whether the temporary password that the mail is about went with an earlier delivery.
func (o *outboxItem) withoutPassword() bool {
	return (o.Template == mail.TemporaryPassword || o.Template == mail.Welcome) && o.Password.Reveal() == ""
}

func decideRetryMail(i *outboxItem, o *operator, code *mailedCode, now time.Time) (QueuedMail, changes, error) {
	switch {
	case i.Status == MailSent:
		return QueuedMail{}, nil, &ConflictError{Reason: "mail_sent"}
	case o.exists() && o.Email != i.To && i.Template != mail.EmailChanged && i.Template != mail.UsernameChanged:
		return QueuedMail{}, nil, &ConflictError{Reason: "mail_address_changed"}
	case i.pointless(o, code, now), i.Status == MailExpired, i.withoutPassword():
		return QueuedMail{}, nil, &ConflictError{Reason: "mail_without_secret"}
	}
	var done changes
	if i.Status != MailQueued || !now.Before(i.LeasedTil) { // else it is being sent at this moment
		i.Status, i.Attempts, i.LeasedBy, i.LeasedTil = MailQueued, 0, "", time.Time{}
		i.due, i.expires, i.announce = now.Add(outboxPatience), time.Time{}, true
		done.add(put(i))
	}
	if o.unreachable(i.To) {
		o.MailStatus = ""
		done.add(put(o))
	}
	return i.view(), done, nil
}
