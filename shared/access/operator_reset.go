package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/secret"
)

// TemporaryPassword is a generated password, shown this once.
type TemporaryPassword struct {
	Password  secret.Text
	ExpiresAt time.Time
}

// administeredState is what an administrator's action on one operator decides on.
type administeredState struct {
	account  account
	operator operator
}

func (s *Service) loadAdministered(ctx context.Context, accountID, operatorID string) (*administeredState, error) {
	if !isID(operatorID) {
		return nil, ErrNotFound
	}
	st := &administeredState{account: account{ID: accountID}, operator: operator{AccountID: accountID, ID: operatorID}}
	if err := s.get(ctx, &st.account, &st.operator); err != nil {
		return nil, fmt.Errorf("load operator: %w", err)
	}
	if !st.account.exists() || !st.operator.exists() {
		return nil, ErrNotFound
	}
	return st, nil
}

// ResetOperatorPassword gives an operator a temporary password, which must be changed at the next login (behaviour 7.4). Every
// session, code and pending login ends; the operator is told by mail.
//
// ErrNotFound; [ConflictError] "oneself".
func (s *Service) ResetOperatorPassword(ctx context.Context, by Actor, accountID, operatorID string) (TemporaryPassword, error) {
	var temporary generated
	return commit(ctx, s, func(now time.Time) (TemporaryPassword, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if err != nil {
			return TemporaryPassword{}, nil, err
		}
		if by.OperatorID != operatorID {
			if err := temporary.make(s.random); err != nil {
				return TemporaryPassword{}, nil, err
			}
		}
		return decideResetOperatorPassword(st, by, temporary, now, s.random)
	})
}

func decideResetOperatorPassword(st *administeredState, by Actor, temporary generated, now time.Time, random io.Reader) (TemporaryPassword, changes, error) {
	o, a := &st.operator, &st.account
	if by.OperatorID == o.ID {
		return TemporaryPassword{}, nil, &ConflictError{Reason: "oneself"}
	}
	expires := now.Add(time.Duration(a.Policy.TemporaryPasswordHours) * time.Hour)
	o.setTemporary(temporary.hash, false, expires, a.Policy, now)
	o.LimitedToldAt = time.Time{}
	told, err := tell(mail.PasswordResetByAdministrator, NoticePasswordResetByAdmin, by, o, now, random, detail{"username", o.Username})
	if err != nil {
		return TemporaryPassword{}, nil, err
	}
	// Whoever has the new password gets in from any browser: earlier guesses were at another one.
	done := changes{put(o), removeAny(&counter{budget: limit.FailuresInRow(o.AccountID, o.ID)})}
	done.add(told...)
	return TemporaryPassword{temporary.password, expires}, done, nil
}

// MaxReason is the longest reason, in characters.
const MaxReason = 500

// DisableTOTP switches an operator's second factor off (behaviour 6.6), or takes a hardware token back that waits for its first code.
// Flag, mail and notice happen together or not at all; a hardware token is nobody's again in the same moment (details 28).
//
// ErrNotFound; [ConflictError] "oneself" or "no_totp"; [InputError] about reason.
func (s *Service) DisableTOTP(ctx context.Context, by Actor, accountID, operatorID, reason string) error {
	if bad := checkName("reason", reason, MaxReason, false); bad != nil {
		return &InputError{bad}
	}
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if err != nil {
			return struct{}{}, nil, err
		}
		held, err := s.heldToken(ctx, &st.operator)
		if err != nil {
			return struct{}{}, nil, err
		}
		return decideDisableTOTP(st, held, by, reason, now, s.random)
	})
	return err
}

func decideDisableTOTP(st *administeredState, held *hardwareToken, by Actor, reason string, now time.Time, random io.Reader) (struct{}, changes, error) {
	o := &st.operator
	if by.OperatorID == o.ID {
		return struct{}{}, nil, &ConflictError{Reason: "oneself"}
	}
	if !o.asksForCode() {
		return struct{}{}, nil, &ConflictError{Reason: "no_totp"}
	}
	details := []detail{{"username", o.Username}}
	if o.TOTP.Serial != "" {
		details = append(details, detail{"serial", o.TOTP.Serial})
	}
	back := o.removeTOTP(held)
	if reason != "" {
		details = append(details, detail{"reason", reason})
	}
	told, err := tell(mail.TOTPDisabledByAdministrator, NoticeTOTPDisabledByAdmin, by, o, now, random, details...)
	if err != nil {
		return struct{}{}, nil, err
	}
	done := changes{put(o)}
	done.add(back...)
	done.add(told...)
	return struct{}{}, done, nil
}
