package access

import (
	"context"
	"fmt"
	"time"

	"postern/shared/store"
)

// AccountSummary is an account as those see it who run the deployment.
type AccountSummary struct {
	AccountID string       `json:"accountId"`
	Name      string       `json:"name"`
	State     AccountState `json:"state"`
	CreatedAt time.Time    `json:"createdAt"`
}

func (a *account) view() AccountSummary {
	return AccountSummary{AccountID: a.ID, Name: a.Settings.Name, State: a.State, CreatedAt: a.CreatedAt.UTC()}
}

// AccountPage is a page of accounts.
type AccountPage struct {
	Items []AccountSummary `json:"items"`
	Next  *string          `json:"next"`
}

// ListAccounts lists the accounts of the deployment by Account ID (behaviour 7.9). limit is 1 to MaxPageSize, 0 for
// DefaultPageSize. [InputError]. Two round trips.
func (s *Service) ListAccounts(ctx context.Context, limit int, cursor string) (AccountPage, error) {
	none := AccountPage{Items: []AccountSummary{}}
	limit, err := pageSize(limit)
	if err != nil {
		return none, err
	}
	position, err := s.openCursor(ctx, cursor, "accounts")
	if err != nil {
		return none, err
	}
	from := ""
	if position != "" {
		from = position + "\x00"
	}
	page, err := s.store.Query(ctx, store.Query{Table: store.Accounts, Partition: accountDirectory, From: from, Limit: limit + 1})
	if err != nil {
		return none, fmt.Errorf("query accounts: %w", unavailable(err))
	}
	entries := page.Items
	more := page.Next != "" || len(entries) > limit
	entries = entries[:min(len(entries), limit)]
	for start := 0; start < len(entries); start += store.MaxGet {
		part := entries[start:min(start+store.MaxGet, len(entries))]
		accounts := make([]*account, len(part))
		records := make([]record, len(part))
		for i, e := range part {
			accounts[i] = &account{ID: e.Sort}
			records[i] = accounts[i]
		}
		if err := s.get(ctx, records...); err != nil {
			return none, fmt.Errorf("load accounts: %w", err)
		}
		for _, a := range accounts {
			if a.exists() {
				none.Items = append(none.Items, a.view())
			}
		}
	}
	if more {
		next, err := s.sealCursor(ctx, entries[len(entries)-1].Sort, "accounts")
		if err != nil {
			return none, err
		}
		none.Next = &next
	}
	return none, nil
}

// GetAccount gives one account. ErrNotFound.
func (s *Service) GetAccount(ctx context.Context, accountID string) (AccountSummary, error) {
	a, err := s.loadAccount(ctx, accountID)
	if err != nil {
		return AccountSummary{}, err
	}
	return a.view(), nil
}
