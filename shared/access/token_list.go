package access

import (
	"context"
	"fmt"
	"strings"

	"postern/shared/store"
)

// TokenPage is a page of hardware tokens.
type TokenPage struct {
	Items []TokenView `json:"items"`
	Next  *string     `json:"next"`
}

// ListTokens lists the hardware tokens of an account by serial number, in pages of limit (0: DefaultPageSize; up to MaxPageSize).
func (s *Service) ListTokens(ctx context.Context, accountID string, limit int, cursor string) (TokenPage, error) {
	found := TokenPage{Items: []TokenView{}}
	limit, err := pageSize(limit)
	if err != nil {
		return found, err
	}
	seal := []string{"tokens", accountID}
	after, err := s.openCursor(ctx, cursor, seal...)
	if err != nil {
		return found, err
	}
	q := store.Query{Table: store.Tokens, Partition: accountID, From: sortOfTokens, To: prefixEnd(sortOfTokens), Limit: limit + 1}
	if after != "" {
		q.From = sortOfTokens + after + "\x00"
	}
	for len(found.Items) <= limit {
		page, err := s.store.Query(ctx, q)
		if err != nil {
			return found, fmt.Errorf("query hardware tokens: %w", unavailable(err))
		}
		for _, item := range page.Items {
			t := &hardwareToken{AccountID: accountID, Serial: strings.TrimPrefix(item.Sort, sortOfTokens)}
			if err := s.decode(ctx, item, t); err != nil {
				return found, err
			}
			found.Items = append(found.Items, t.view())
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if len(found.Items) > limit {
		found.Items = found.Items[:limit]
		next, err := s.sealCursor(ctx, found.Items[limit-1].Serial, seal...)
		if err != nil {
			return found, err
		}
		found.Next = &next
	}
	return found, nil
}

// GetToken gives one hardware token. ErrNotFound.
func (s *Service) GetToken(ctx context.Context, accountID, serial string) (TokenView, error) {
	if checkSerial("serial", serial) != nil {
		return TokenView{}, ErrNotFound
	}
	t := &hardwareToken{AccountID: accountID, Serial: serial}
	if err := s.get(ctx, t); err != nil {
		return TokenView{}, fmt.Errorf("load hardware token: %w", err)
	}
	if !t.exists() {
		return TokenView{}, ErrNotFound
	}
	return t.view(), nil
}
