package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/store"
)

// IssueCode resolves a queued request for a code: it finds out whom it is for, if anyone, and puts the mail into the outbox.
// It may be called any number of times for one request: once it is done, the request is gone (behaviour 2, 3.1).
func (s *Service) IssueCode(ctx context.Context, accountID, id string) error {
	budgeted := map[string]bool{} // by address: a request pays once, however often it is decided
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st := &issueState{request: outboxItem{AccountID: accountID, ID: id}, account: account{ID: accountID}}
		if err := s.get(ctx, &st.request, &st.account); err != nil {
			return struct{}{}, nil, fmt.Errorf("load request: %w", err)
		}
		if !st.request.exists() {
			return struct{}{}, nil, nil
		}
		kind := resetCode
		switch st.request.Kind {
		case outboxSingleUseCode:
			kind = singleUseCode
		case outboxReset:
		default:
			return struct{}{}, nil, errOutboxKind
		}
		name := loginName(accountID, st.request.Login)
		if err := s.get(ctx, name); err != nil {
			return struct{}{}, nil, fmt.Errorf("load name: %w", err)
		}
		if name.exists() {
			st.operator = operator{AccountID: accountID, ID: name.OperatorID}
			st.code = mailedCode{AccountID: accountID, OperatorID: name.OperatorID, Kind: kind}
			if err := s.get(ctx, &st.operator, &st.code); err != nil {
				return struct{}{}, nil, fmt.Errorf("load operator: %w", err)
			}
		}
		if st.wanted() {
			to := st.operator.Email
			within, seen := budgeted[to]
			if !seen {
				var err error
				if within, err = s.takeMail(ctx, accountID, to, now); err != nil {
					return struct{}{}, nil, err
				}
				budgeted[to] = within
			}
			st.within = within
		}
		return decideIssueCode(st, now, s.random)
	})
	return err
}

// issueState is what the resolving of a request decides on.
type issueState struct {
	request  outboxItem
	account  account
	operator operator
	code     mailedCode // the present one of that kind
	within   bool       // the budgets for mails allow one more
}

// wanted reports whether there is somebody to mail to, who may be.
func (st *issueState) wanted() bool {
	return st.account.active() && st.operator.active() && (st.request.Kind == outboxReset || st.account.Policy.SingleUseCode)
}

func decideIssueCode(st *issueState, now time.Time, random io.Reader) (struct{}, changes, error) {
	done := changes{remove(&st.request)}
	if !st.wanted() || !st.within {
		return struct{}{}, done, nil
	}
	o, p := &st.operator, st.account.Policy
	template, lifetime := mail.SingleUseCode, SingleUseCodeLifetime
	if st.request.Kind == outboxReset {
		template, lifetime = mail.Reset, time.Duration(p.Reset.Minutes)*time.Minute
	}
	// A second request within the lifetime sends the same secret again, and does not renew its tries (behaviour 2.2).
	if !st.code.live(o, now) {
		id, err := newID(random)
		if err != nil {
			return struct{}{}, nil, err
		}
		st.code.ID, st.code.CredentialVersion, st.code.ExpiresAt = id, o.CredentialVersion, now.Add(lifetime)
		st.code.Wrong, st.code.Used = 0, false
		st.code.expires = st.code.ExpiresAt
		done.add(put(&st.code))
	} else {
		done.add(unchanged(&st.code))
	}
	m, err := newMail(template, o, now, random)
	if err != nil {
		return struct{}{}, nil, err
	}
	m.carry(&st.code, now)
	done.add(put(m))
	if st.request.Kind == outboxReset {
		n, err := newNotice(NoticeResetRequested, Actor{Name: "anonymous"}, o.AccountID, o.ID, now, random)
		if err != nil {
			return struct{}{}, nil, err
		}
		done.add(put(n))
	}
	return struct{}{}, done, nil
}

// carry makes a mail hold the secret of a code: by name, not in itself.
func (m *outboxItem) carry(c *mailedCode, now time.Time) {
	m.CodeKind, m.CodeID, m.GoodUntil = c.Kind, c.ID, c.ExpiresAt
	m.Minutes = max(1, int(c.ExpiresAt.Sub(now)/time.Minute))
}

// takeMail takes from the budgets for requested mails to an address, so that nobody can be mail-bombed (details 5).
func (s *Service) takeMail(ctx context.Context, accountID, to string, now time.Time) (bool, error) {
	budgets := []limit.Budget{
		limit.MailHour(accountID, to), limit.MailDay(accountID, to), limit.AccountMail(accountID), limit.DeploymentMail(),
	}
	taken := make([]store.Taken, len(budgets))
	steps := make([]func() error, len(budgets))
	for i, b := range budgets {
		steps[i] = func() (err error) {
			taken[i], err = s.store.Take(ctx, b, 1, now)
			return unavailable(err)
		}
	}
	if err := parallel(steps...); err != nil {
		return false, fmt.Errorf("take mail budget: %w", err)
	}
	for _, t := range taken {
		if t.OK {
			continue
		}
		for i, b := range budgets {
			if taken[i].OK {
				if err := s.store.Give(ctx, b, 1, now); err != nil {
					s.log.WarnContext(ctx, "mail budget not given back", "error", err)
				}
			}
		}
		s.log.InfoContext(ctx, "mail budget spent: request dropped", "account", accountID)
		return false, nil
	}
	return true, nil
}
