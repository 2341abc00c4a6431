package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"postern/shared/secret"
)

// CreateAccount makes an account and, if given, its first administrator (behaviour 7.9).
type CreateAccount struct {
	AccountID     string
	Name          string          // empty: the Account ID
	Administrator *CreateOperator // Role is ignored: an administrator; Deliver: DeliverDisplay
}

// AccountCreated is a new account.
type AccountCreated struct {
	AccountID         string
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
	if bad := checkName("name", c.Name, MaxName, true); bad != nil {
		return AccountCreated{}, &InputError{bad}
	}
	if c.Administrator != nil {
		first := *c.Administrator
		first.Role, first.Deliver = RoleAdministrator, DeliverDisplay
		c.Administrator = &first
		if err := first.check(); err != nil {
			return AccountCreated{}, err
		}
	}
	var temporary generated
	return commit(ctx, s, func(now time.Time) (AccountCreated, changes, error) {
		a := &account{ID: id}
		if err := s.get(ctx, a); err != nil {
			return AccountCreated{}, nil, fmt.Errorf("load account: %w", err)
		}
		if c.Administrator != nil && !a.exists() {
			if err := temporary.make(ctx, s); err != nil {
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
	a.State, a.CreatedAt, a.Policy, a.PolicyVersion = AccountActive, now, DefaultPolicy(), 1
	a.Settings = Settings{Name: c.Name, Language: "en"}
	entry, err := newNotice(NoticeAccountCreated, by, a.ID, "", now, random, detail{"name", c.Name})
	if err != nil {
		return none, nil, err
	}
	done := changes{put(a), put(&accountEntry{ID: a.ID}), put(entry)}
	reply := AccountCreated{AccountID: a.ID}
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
