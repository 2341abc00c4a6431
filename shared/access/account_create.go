package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/shared/secret"
)

// CreateAccount makes an account and, if given, its first administrator (behaviour 7.9).
type CreateAccount struct {
	AccountID     string
	Name          string          // empty: the Account ID
	State         AccountState    // empty: AccountActive
	Administrator *CreateOperator // Role is ignored: an administrator; Deliver: DeliverDisplay
}

// AccountCreated is a new account.
type AccountCreated struct {
	Account           AccountSummary
	Operator          *OperatorView
	TemporaryPassword secret.Text // of the first administrator, shown this once
	ExpiresAt         *time.Time
}

// CreateAccount makes an account under the default policy. [InputError]; [ConflictError] "account_exists".
func (s *Service) CreateAccount(ctx context.Context, by Actor, c CreateAccount) (AccountCreated, error) {
	id, ok := canonicalAccountID(c.AccountID)
	if !ok {
		return AccountCreated{}, &InputError{[]FieldError{{Field: "accountId", Code: "invalid_account_id"}}}
	}
	c.AccountID = id
	if c.Name == "" {
		c.Name = id
	}
	if c.State == "" {
		c.State = AccountActive
	}
	if err := (UpdateAccount{Name: &c.Name, State: &c.State}).check(); err != nil {
		return AccountCreated{}, err
	}
	if c.Administrator != nil {
		first := *c.Administrator
		first.Role, first.Deliver = RoleAdministrator, DeliverDisplay
		c.Administrator = &first
		if err := first.check(); err != nil {
			return AccountCreated{}, within("administrator", err)
		}
	}
	var temporary generated
	return commit(ctx, s, func(now time.Time) (AccountCreated, changes, error) {
		a := &account{ID: id}
		if err := s.get(ctx, a); err != nil {
			return AccountCreated{}, nil, fmt.Errorf("load account: %w", err)
		}
		if c.Administrator != nil && !a.exists() {
			if err := temporary.make(s.random); err != nil {
				return AccountCreated{}, nil, err
			}
		}
		return decideCreateAccount(a, by, c, temporary, now, s.random)
	})
}

func decideCreateAccount(a *account, by Actor, c CreateAccount, temporary generated, now time.Time, random io.Reader) (AccountCreated, changes, error) {
	none := AccountCreated{}
	if a.exists() {
		return none, nil, &ConflictError{"account_exists", "accountId"}
	}
	a.State, a.CreatedAt, a.Policy, a.PolicyVersion = c.State, now, DefaultPolicy(), 1
	a.Settings = Settings{Name: c.Name, Language: "en"}
	entry, err := newNotice(NoticeAccountCreated, by, a.ID, "", now, random, detail{"name", c.Name})
	if err != nil {
		return none, nil, err
	}
	done := changes{put(a), put(&accountEntry{ID: a.ID}), put(entry)}
	if a.State == AccountSuspended {
		suspended, err := newNotice(NoticeAccountSuspended, by, a.ID, "", now, random)
		if err != nil {
			return none, nil, err
		}
		done.add(put(suspended))
	}
	reply := AccountCreated{Account: a.view()}
	if c.Administrator == nil {
		return reply, done, nil
	}
	// The first administrator is made as any operator is, in an account that is about to be there.
	names := (&operator{AccountID: a.ID, Username: c.Administrator.Username, Email: c.Administrator.Email}).names()
	st := &createOperatorState{account: *a, administrators: administrators{AccountID: a.ID}, username: names[0], email: names[1]}
	created, operators, err := decideCreateOperator(st, by, *c.Administrator, temporary, now, random)
	if err != nil {
		return none, nil, err
	}
	done.add(operators...)
	reply.Operator, reply.TemporaryPassword, reply.ExpiresAt = &created.Operator, created.TemporaryPassword, created.ExpiresAt
	return reply, done, nil
}

// within says of an [InputError] which part of a request its fields are in.
func within(part string, err error) error {
	input, ok := errors.AsType[*InputError](err)
	if !ok {
		return err
	}
	bad := slices.Clone(input.Fields)
	for i := range bad {
		bad[i].Field = part + "." + bad[i].Field
	}
	return &InputError{bad}
}
