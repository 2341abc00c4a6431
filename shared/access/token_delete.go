package access

import (
	"context"
	"fmt"
	"io"
	"time"
)

// DeleteToken deletes a hardware token that is assigned to nobody (details 28).
//
// ErrNotFound; [ConflictError] "token_assigned".
func (s *Service) DeleteToken(ctx context.Context, by Actor, accountID, serial string) error {
	if checkSerial("serial", serial) != nil {
		return ErrNotFound
	}
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		t := &hardwareToken{AccountID: accountID, Serial: serial}
		if err := s.get(ctx, t); err != nil {
			return struct{}{}, nil, fmt.Errorf("load hardware token: %w", err)
		}
		return decideDeleteToken(t, by, now, s.random)
	})
	return err
}

func decideDeleteToken(t *hardwareToken, by Actor, now time.Time, random io.Reader) (struct{}, changes, error) {
	none := struct{}{}
	switch {
	case !t.exists():
		return none, nil, ErrNotFound
	case t.AssignedTo != "":
		return none, nil, &ConflictError{Reason: "token_assigned"}
	}
	n, err := newNotice(NoticeTokenDeleted, by, t.AccountID, "", now, random, detail{"serial", t.Serial})
	if err != nil {
		return none, nil, err
	}
	return none, changes{remove(t), put(n)}, nil
}
