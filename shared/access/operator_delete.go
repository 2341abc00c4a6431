package access

import (
	"context"
	"fmt"
	"io"
	"time"
)

// DeleteOperator deletes an operator (behaviour 7.3). Their names are free again, and whatever was theirs is dead in the same moment,
// since it is good only together with them: sessions, codes, pending logins, mails that wait. A hardware token is nobody's again. The
// notices about them stay.
//
// ErrNotFound; [ConflictError] "oneself", "last_administrator".
func (s *Service) DeleteOperator(ctx context.Context, by Actor, accountID, operatorID string) error {
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st, err := s.loadUpdateOperator(ctx, accountID, operatorID, UpdateOperator{})
		if err != nil {
			return struct{}{}, nil, err
		}
		held, err := s.heldToken(ctx, &st.operator)
		if err != nil {
			return struct{}{}, nil, err
		}
		return decideDeleteOperator(st, held, by, now, s.random)
	})
	return err
}

func decideDeleteOperator(st *updateOperatorState, held *hardwareToken, by Actor, now time.Time, random io.Reader) (struct{}, changes, error) {
	none := struct{}{}
	o := &st.operator
	if by.OperatorID == o.ID {
		return none, nil, &ConflictError{Reason: "oneself"}
	}
	done := changes{remove(o), removeAny(&st.activity)}
	done.add(o.giveBack(held)...)
	done.add(removeNames(st.before)...)
	if o.Role == RoleAdministrator && o.State == StateActive {
		if st.administrators.Active--; st.administrators.Active < 1 {
			return none, nil, &ConflictError{Reason: "last_administrator"}
		}
		done.add(put(&st.administrators))
	}
	n, err := newNotice(NoticeOperatorDeleted, by, o.AccountID, o.ID, now, random,
		detail{"username", o.Username}, detail{"role", string(o.Role)})
	if err != nil {
		return none, nil, err
	}
	done.add(put(n))
	return none, done, nil
}

// ListOperatorSessions lists an operator's live sessions to an administrator, as [Service.ListSessions] does to the operator.
// ErrNotFound.
func (s *Service) ListOperatorSessions(ctx context.Context, accountID, operatorID string, limit int, cursor string) ([]SessionInfo, string, error) {
	st, err := s.loadAdministered(ctx, accountID, operatorID)
	if err != nil {
		return nil, "", err
	}
	return s.listSessions(ctx, &st.operator, &st.account, "", limit, cursor)
}

// EndOperatorSessions ends all sessions of an operator, and whatever code or pending login is open, in one commit however many
// there are: it raises the credential version. A temporary password stays good. ErrNotFound.
func (s *Service) EndOperatorSessions(ctx context.Context, by Actor, accountID, operatorID string) error {
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if err != nil {
			return struct{}{}, nil, err
		}
		o := &st.operator
		o.CredentialVersion++
		n, err := newNotice(NoticeSessionsEndedByAdmin, by, o.AccountID, o.ID, now, s.random, detail{"username", o.Username})
		if err != nil {
			return struct{}{}, nil, fmt.Errorf("note the end of sessions: %w", err)
		}
		return struct{}{}, changes{put(o), put(n)}, nil
	})
	return err
}
