package access

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/shared/mail"
	"postern/shared/secret"
)

// How a new operator gets the first secret (behaviour 7.2).
const (
	DeliverDisplay = "display" // a temporary password, shown once to the administrator
	DeliverEmail   = "email"   // a single-use code, mailed
)

// CreateOperator describes a new operator.
type CreateOperator struct {
	Username, Email, FirstName, LastName string
	Role                                 Role
	Deliver                              string // DeliverDisplay (also when empty) or DeliverEmail
}

// OperatorCreated is a new operator, with the temporary password that is shown this once.
type OperatorCreated struct {
	Operator          OperatorView
	TemporaryPassword secret.Text // empty with DeliverEmail
	ExpiresAt         *time.Time  // of the temporary password
}

// check says what is wrong with the fields, all at once.
func (c CreateOperator) check() error {
	bad := slices.Concat(checkUsername(c.Username), checkEmail(c.Email), checkName("firstName", c.FirstName, MaxName, true),
		checkName("lastName", c.LastName, MaxName, true), checkRole(c.Role))
	if !slices.Contains([]string{"", DeliverDisplay, DeliverEmail}, c.Deliver) {
		bad = append(bad, FieldError{Field: "deliver", Code: "unknown_value"})
	}
	if len(bad) > 0 {
		return &InputError{bad}
	}
	return nil
}

func checkRole(r Role) []FieldError {
	if r != RoleOperator && r != RoleAdministrator {
		return []FieldError{{Field: "role", Code: "unknown_value"}}
	}
	return nil
}

// CreateOperator makes an operator in an account (behaviour 7.2).
//
// [InputError]; [ConflictError] "username_taken" or "email_taken"; ErrNotFound: no such account.
func (s *Service) CreateOperator(ctx context.Context, by Actor, accountID string, c CreateOperator) (OperatorCreated, error) {
	if err := c.check(); err != nil {
		return OperatorCreated{}, err
	}
	var temporary generated
	return commit(ctx, s, func(now time.Time) (OperatorCreated, changes, error) {
		st, err := s.loadCreateOperator(ctx, accountID, c)
		if err != nil {
			return OperatorCreated{}, nil, err
		}
		if !st.account.exists() {
			return OperatorCreated{}, nil, ErrNotFound
		}
		if c.Deliver != DeliverEmail && st.taken() == nil {
			if err := temporary.make(s.random); err != nil {
				return OperatorCreated{}, nil, err
			}
		}
		return decideCreateOperator(st, by, c, temporary, now, s.random)
	})
}

// createOperatorState is what the making of an operator decides on.
type createOperatorState struct {
	account        account
	administrators administrators
	username       *name
	email          *name
}

func (s *Service) loadCreateOperator(ctx context.Context, accountID string, c CreateOperator) (*createOperatorState, error) {
	names := (&operator{AccountID: accountID, Username: c.Username, Email: c.Email}).names()
	st := &createOperatorState{
		account: account{ID: accountID}, administrators: administrators{AccountID: accountID}, username: names[0], email: names[1],
	}
	if err := s.get(ctx, &st.account, &st.administrators, st.username, st.email); err != nil {
		return nil, fmt.Errorf("load account and names: %w", err)
	}
	return st, nil
}

// taken says which of the names somebody has.
func (st *createOperatorState) taken() error {
	if st.username.exists() {
		return &ConflictError{"username_taken", "username"}
	}
	if st.email.exists() {
		return &ConflictError{"email_taken", "email"}
	}
	return nil
}

func decideCreateOperator(st *createOperatorState, by Actor, c CreateOperator, temporary generated, now time.Time, random io.Reader) (OperatorCreated, changes, error) {
	none := OperatorCreated{}
	if err := st.taken(); err != nil {
		return none, nil, err
	}
	if c.Deliver == DeliverEmail && !st.account.Policy.SingleUseCode {
		return none, nil, &InputError{[]FieldError{{Field: "deliver", Code: "single_use_code_off"}}}
	}
	id, err := newID(random)
	if err != nil {
		return none, nil, err
	}
	o, done := c.join(st.account.ID, id, st.username, st.email, &st.administrators, now)
	reply := OperatorCreated{}
	if c.Deliver == DeliverEmail {
		code := &mailedCode{AccountID: o.AccountID, OperatorID: o.ID, Kind: singleUseCode, CredentialVersion: o.CredentialVersion, ExpiresAt: now.Add(SingleUseCodeLifetime)}
		if code.ID, err = newID(random); err != nil {
			return none, nil, err
		}
		code.expires = code.ExpiresAt
		m, err := newMail(mail.Welcome, o, now, random)
		if err != nil {
			return none, nil, err
		}
		m.carry(code, now)
		done.add(put(code), put(m))
	} else {
		expires := now.Add(time.Duration(st.account.Policy.TemporaryPasswordHours) * time.Hour)
		o.setTemporary(temporary.hash, false, expires, st.account.Policy, now)
		reply.TemporaryPassword, reply.ExpiresAt = temporary.password, &expires
	}
	entry, err := newNotice(NoticeOperatorCreated, by, o.AccountID, o.ID, now, random,
		detail{"username", o.Username}, detail{"role", string(o.Role)})
	if err != nil {
		return none, nil, err
	}
	done.add(put(entry))
	reply.Operator = o.view(nil)
	return reply, done, nil
}

// join is pure: a new operator, who has no password yet, under names that were found to be free.
func (c CreateOperator) join(accountID, id string, username, email *name, admins *administrators, now time.Time) (*operator, changes) {
	o := &operator{
		AccountID: accountID, ID: id, Username: c.Username, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName,
		Role: c.Role, State: StateActive, CreatedAt: now, CredentialVersion: 1, Password: ownPassword{Kind: PasswordNone},
	}
	done := changes{put(o)}
	for _, n := range o.names() {
		switch n.Kind {
		case nameUsername:
			username.OperatorID = id
			done.add(put(username))
		case nameEmail:
			email.OperatorID = id
			done.add(put(email))
		default:
			done.add(put(n))
		}
	}
	if o.Role == RoleAdministrator {
		admins.Active++
		done.add(put(admins))
	}
	return o, done
}
