package access

import (
	"context"
	"io"
	"strconv"
	"time"
)

// UpdateAccount changes an account; nil leaves a thing as it is.
type UpdateAccount struct {
	Name  *string
	State *AccountState
}

func (c UpdateAccount) check() error {
	var bad []FieldError
	if c.Name != nil {
		bad = checkName("name", *c.Name, MaxName, true)
	}
	if c.State != nil && *c.State != AccountActive && *c.State != AccountSuspended {
		bad = append(bad, FieldError{Field: "state", Code: "unknown_value"})
	}
	if len(bad) > 0 {
		return &InputError{bad}
	}
	return nil
}

// UpdateAccount renames, suspends or resumes an account (behaviour 7.9). While it is suspended nobody gets in, no session, code
// or link of it works, and no mail goes out; resuming gives nobody an old session back (details 45). [InputError]; ErrNotFound.
func (s *Service) UpdateAccount(ctx context.Context, by Actor, accountID string, c UpdateAccount) (AccountSummary, error) {
	if err := c.check(); err != nil {
		return AccountSummary{}, err
	}
	return commit(ctx, s, func(now time.Time) (AccountSummary, changes, error) {
		a, err := s.loadAccount(ctx, accountID)
		if err != nil {
			return AccountSummary{}, nil, err
		}
		return decideUpdateAccount(a, by, c, now, s.random)
	})
}

func decideUpdateAccount(a *account, by Actor, c UpdateAccount, now time.Time, random io.Reader) (AccountSummary, changes, error) {
	done := changes{put(a)}
	note := func(t NoticeType, details ...detail) error {
		n, err := newNotice(t, by, a.ID, "", now, random, details...)
		done.add(put(n))
		return err
	}
	if c.Name != nil && *c.Name != a.Settings.Name {
		from := a.Settings.Name
		a.Settings.Name = *c.Name
		if err := note(NoticeSettingsChanged, detail{"name", strconv.Quote(from) + " -> " + strconv.Quote(*c.Name)}); err != nil {
			return AccountSummary{}, nil, err
		}
	}
	if c.State != nil && *c.State != a.State {
		a.State = *c.State
		what := NoticeAccountSuspended
		if a.State == AccountActive {
			what, a.ResumedAt = NoticeAccountResumed, now
		}
		if err := note(what); err != nil {
			return AccountSummary{}, nil, err
		}
	}
	if len(done) == 1 {
		return a.view(), nil, nil // it is so already
	}
	return a.view(), done, nil
}
