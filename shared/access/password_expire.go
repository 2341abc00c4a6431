package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/shared/mail"
	"postern/shared/store"
)

// ExpirePasswords is the scheduled sweep: it mails the warnings of warnDays and the expiry, and writes the notices
// (behaviour 8.1). It finds what falls due through the index, so its cost follows what falls due. Running twice, late or in
// parts does no harm: each operator is decided on in a commit of its own, and login decides by the stored date anyway.
func (s *Service) ExpirePasswords(ctx context.Context) error {
	return s.sweep(ctx, store.Operators, func(item store.Item) error {
		o := &operator{}
		o.AccountID, o.ID = operatorOfPartition(item.Partition)
		return s.expirePassword(ctx, o.AccountID, o.ID)
	})
}

// operatorOfPartition splits what partition(accountID, operatorID) joined.
func operatorOfPartition(p string) (accountID, operatorID string) {
	for i := range len(p) {
		if p[i] == '/' {
			return p[:i], p[i+1:]
		}
	}
	return p, ""
}

// sweep calls each for every item that is due now, in all shards. What fails is left for the next sweep, and reported at
// the end.
func (s *Service) sweep(ctx context.Context, table store.Table, each func(store.Item) error) error {
	now := s.now()
	var errs []error
	for shard := range store.DueShards {
		cursor := ""
		for {
			page, err := s.store.Due(ctx, table, shard, now, 100, cursor)
			if err != nil {
				errs = append(errs, fmt.Errorf("due in shard %d: %w", shard, unavailable(err)))
				break
			}
			for _, item := range page.Items {
				if err := each(item); err != nil {
					errs = append(errs, err)
				}
			}
			if cursor = page.Next; cursor == "" || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Service) expirePassword(ctx context.Context, accountID, operatorID string) error {
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if errors.Is(err, ErrNotFound) {
			return struct{}{}, nil, nil // deleted meanwhile
		}
		if err != nil {
			return struct{}{}, nil, err
		}
		return decideExpirePassword(st, now, s.random)
	})
	if err != nil {
		return fmt.Errorf("expire password: %w", err)
	}
	return nil
}

// expiryRetry is when the sweep looks again at an operator of a suspended account, or a disabled one.
const expiryRetry = 24 * time.Hour

func decideExpirePassword(st *administeredState, now time.Time, random io.Reader) (struct{}, changes, error) {
	o, a := &st.operator, &st.account
	none := struct{}{}
	if o.due.IsZero() || o.due.After(now) {
		return none, nil, nil // done by another run
	}
	if !a.active() || !o.active() {
		o.due = now.Add(expiryRetry) // left alone (details 45), but not forgotten
		return none, changes{put(o)}, nil
	}
	if moved := o.expiresAt(a); !moved.Equal(o.Password.ExpiresAt) { // details 8: the date is moved at the next login
		from := o.Password.ExpiresAt
		o.Password.ExpiresAt = moved
		o.plan(a.Policy)
		o.Password.ExpiresAt = from
		if moved.IsZero() || o.due.After(now) {
			return none, changes{put(o)}, nil
		}
		o.Password.ExpiresAt = moved
	}
	expires := o.Password.ExpiresAt
	done := changes{put(o)}
	if !now.Before(expires) {
		o.Warned = -1
		o.plan(a.Policy)
		told, err := tell(mail.PasswordExpired, NoticePasswordExpired, System, o, now, random, detail{"username", o.Username})
		if err != nil {
			return none, nil, err
		}
		done.add(told...)
		return none, done, nil
	}
	// One mail for the nearest threshold that has passed; those before it are done with it (details 34).
	nearest := 0
	for _, days := range a.Policy.WarnDays {
		if !now.Before(expires.AddDate(0, 0, -days)) && (o.Warned == 0 || days < o.Warned) {
			nearest = days
		}
	}
	if nearest > 0 {
		o.Warned = nearest
		m, err := newMail(mail.PasswordExpiresSoon, o, now, random)
		if err != nil {
			return none, nil, err
		}
		m.Days = int((expires.Sub(now) + 24*time.Hour - 1) / (24 * time.Hour))
		m.GoodUntil = expires
		done.add(put(m))
	}
	o.plan(a.Policy)
	if !o.due.IsZero() && !o.due.After(now) {
		o.due = expires // no threshold is left that could be due: the policy changed meanwhile
	}
	return none, done, nil
}
