package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/mail"
	"postern/shared/secret"
	"postern/shared/totp"
)

// AssignToken gives a hardware token to an operator.
type AssignToken struct {
	Serial string
	Code   secret.Text // a current code, as typed; empty: it is asked for at the operator's next login
}

// assignTokenState is what assigning a hardware token decides on.
type assignTokenState struct {
	account  account
	operator operator
	activity activity
	token    hardwareToken
}

// AssignToken assigns a hardware token (behaviour 6.5). With a current code it is the operator's second factor at once, and everything
// that was open ends; without, from the next login on, which asks for a code. The operator is told by mail. Assigning the token that
// waits already changes nothing, or with a code activates it.
//
// ErrNotFound; ErrInvalidCode; [InputError] about "serial"; [ConflictError] "oneself", "totp_enabled", "token_waits" (another one does),
// "token_assigned" (to somebody else).
func (s *Service) AssignToken(ctx context.Context, by Actor, accountID, operatorID string, c AssignToken) (OperatorView, error) {
	if !isID(operatorID) {
		return OperatorView{}, ErrNotFound
	}
	if bad := checkSerial("serial", c.Serial); bad != nil {
		return OperatorView{}, &InputError{bad}
	}
	return commit(ctx, s, func(now time.Time) (OperatorView, changes, error) {
		st := &assignTokenState{
			account: account{ID: accountID}, operator: operator{AccountID: accountID, ID: operatorID},
			activity: activity{AccountID: accountID, OperatorID: operatorID}, token: hardwareToken{AccountID: accountID, Serial: c.Serial},
		}
		if err := s.get(ctx, &st.account, &st.operator, &st.activity, &st.token); err != nil {
			return OperatorView{}, nil, fmt.Errorf("load operator and hardware token: %w", err)
		}
		return decideAssignToken(st, by, c, now, s.random)
	})
}

func decideAssignToken(st *assignTokenState, by Actor, c AssignToken, now time.Time, random io.Reader) (OperatorView, changes, error) {
	none := OperatorView{}
	o, t := &st.operator, &st.token
	waits := o.TOTP.Serial == t.Serial && o.tokenWaits()
	switch {
	case !st.account.exists() || !o.exists():
		return none, nil, ErrNotFound
	case by.OperatorID == o.ID:
		return none, nil, &ConflictError{Reason: "oneself"}
	case !t.exists():
		return none, nil, &InputError{[]FieldError{{Field: "serial", Code: "unknown_serial"}}}
	case t.AssignedTo != "" && t.AssignedTo != o.ID:
		return none, nil, &ConflictError{"token_assigned", "serial"}
	case o.TOTP.Enabled:
		return none, nil, &ConflictError{Reason: "totp_enabled"}
	case o.tokenWaits() && !waits:
		return none, nil, &ConflictError{Reason: "token_waits"}
	}
	details := []detail{{"username", o.Username}, {"serial", t.Serial}}
	var done changes
	if !waits {
		o.hold(t)
		n, err := newNotice(NoticeTokenAssigned, by, o.AccountID, o.ID, now, random, details...)
		if err != nil {
			return none, nil, err
		}
		done.add(put(o), put(t), put(n))
		if c.Code.Empty() {
			m, err := newMail(mail.TokenAssigned, o, now, random)
			if err != nil {
				return none, nil, err
			}
			done.add(put(m))
		}
	}
	if !c.Code.Empty() {
		step, ok := o.credential().Resync(totp.Clean(c.Code.Reveal()), now)
		if !ok {
			return none, nil, ErrInvalidCode // an administrator needs no guesses, so they are not counted
		}
		o.activate(step, now)
		told, err := tell(mail.TOTPEnabled, NoticeTOTPEnabled, by, o, now, random, details...)
		if err != nil {
			return none, nil, err
		}
		done.add(put(o))
		done.add(told...)
	}
	return o.view(&st.activity), done, nil
}
