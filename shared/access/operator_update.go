package access

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"postern/shared/mail"
)

// UpdateOperator changes an operator. Fields that are nil stay as they are.
type UpdateOperator struct {
	Username, Email, FirstName, LastName *string
	Role                                 *Role
	State                                *OperatorState
}

func (c UpdateOperator) check() error {
	var bad []FieldError
	if c.Username != nil {
		bad = append(bad, checkUsername(*c.Username)...)
	}
	if c.Email != nil {
		bad = append(bad, checkEmail(*c.Email)...)
	}
	if c.FirstName != nil {
		bad = append(bad, checkName("firstName", *c.FirstName, MaxName, true)...)
	}
	if c.LastName != nil {
		bad = append(bad, checkName("lastName", *c.LastName, MaxName, true)...)
	}
	if c.Role != nil {
		bad = append(bad, checkRole(*c.Role)...)
	}
	if c.State != nil && *c.State != StateActive && *c.State != StateDisabled {
		bad = append(bad, FieldError{Field: "state", Code: "unknown_value"})
	}
	if len(bad) > 0 {
		return &InputError{bad}
	}
	return nil
}

// UpdateOperator edits, disables, enables an operator, or changes the role (behaviour 7.3). A new username or address holds
// everywhere at once, and the old address is told of it; what was mailed there opens nothing any more. Disabling, and another role,
// end every session.
//
// [InputError]; ErrNotFound; [ConflictError] "username_taken", "email_taken", "oneself" (role and state; details 27),
// "last_administrator".
func (s *Service) UpdateOperator(ctx context.Context, by Actor, accountID, operatorID string, c UpdateOperator) (OperatorView, error) {
	if err := c.check(); err != nil {
		return OperatorView{}, err
	}
	return commit(ctx, s, func(now time.Time) (OperatorView, changes, error) {
		st, err := s.loadUpdateOperator(ctx, accountID, operatorID, c)
		if err != nil {
			return OperatorView{}, nil, err
		}
		return decideUpdateOperator(st, by, c, now, s.random)
	})
}

// updateOperatorState is what an edit decides on.
type updateOperatorState struct {
	account        account
	administrators administrators
	operator       operator
	activity       activity
	before, after  []*name       // names as they are and as they will be, as stored
	codes          []*mailedCode // with a new address: what was mailed to the old one
}

func (s *Service) loadUpdateOperator(ctx context.Context, accountID, operatorID string, c UpdateOperator) (*updateOperatorState, error) {
	if !isID(operatorID) {
		return nil, ErrNotFound
	}
	st := &updateOperatorState{
		account: account{ID: accountID}, administrators: administrators{AccountID: accountID},
		operator: operator{AccountID: accountID, ID: operatorID}, activity: activity{AccountID: accountID, OperatorID: operatorID},
	}
	if err := s.get(ctx, &st.operator, &st.activity, &st.account, &st.administrators); err != nil {
		return nil, fmt.Errorf("load operator: %w", err)
	}
	if !st.operator.exists() {
		return nil, ErrNotFound
	}
	st.before = st.operator.names()
	edited := st.operator
	c.apply(&edited)
	st.after = edited.names()
	var records []record
	for _, n := range slices.Concat(st.before, st.after) {
		records = append(records, n)
	}
	if edited.Email != st.operator.Email {
		for _, kind := range []codeKind{singleUseCode, resetCode} {
			code := &mailedCode{AccountID: accountID, OperatorID: operatorID, Kind: kind}
			st.codes, records = append(st.codes, code), append(records, code)
		}
	}
	if err := s.get(ctx, records...); err != nil {
		return nil, fmt.Errorf("load names and codes: %w", err)
	}
	return st, nil
}

// apply edits o, and names what changed.
func (c UpdateOperator) apply(o *operator) (changed []string) {
	for _, f := range []struct {
		name string
		to   *string
		of   *string
	}{
		{"username", c.Username, &o.Username}, {"email", c.Email, &o.Email}, {"firstName", c.FirstName, &o.FirstName},
		{"lastName", c.LastName, &o.LastName}, {"role", (*string)(c.Role), (*string)(&o.Role)},
		{"state", (*string)(c.State), (*string)(&o.State)},
	} {
		if f.to != nil && *f.to != *f.of {
			*f.of = *f.to
			changed = append(changed, f.name)
		}
	}
	return changed
}

func decideUpdateOperator(st *updateOperatorState, by Actor, c UpdateOperator, now time.Time, random io.Reader) (OperatorView, changes, error) {
	none := OperatorView{}
	o := &st.operator
	was := *o
	changed := c.apply(o)
	if len(changed) == 0 {
		return o.view(&st.activity), nil, nil
	}
	if by.OperatorID == o.ID && (slices.Contains(changed, "role") || slices.Contains(changed, "state")) {
		return none, nil, &ConflictError{Reason: "oneself"}
	}
	done := changes{put(o)}
	// Names: those that are new must be free, those that are gone go, in the same commit.
	keys := func(names []*name) (sorts []string) {
		for _, n := range names {
			sorts = append(sorts, n.key().Sort)
		}
		return sorts
	}
	before, after := keys(st.before), keys(st.after)
	for i, n := range st.after {
		if slices.Contains(before, after[i]) {
			continue
		}
		if n.exists() && n.Kind != nameWord {
			field := map[nameKind]string{nameUsername: "username", nameEmail: "email"}[n.Kind]
			return none, nil, &ConflictError{field + "_taken", field}
		}
		n.OperatorID = o.ID
		done.add(put(n))
	}
	done.add(removeNames(slices.DeleteFunc(slices.Clone(st.before), func(n *name) bool { return slices.Contains(after, n.key().Sort) }))...)
	// The last active administrator stays (behaviour 7.3).
	counts := func(o *operator) int {
		if o.Role == RoleAdministrator && o.State == StateActive {
			return 1
		}
		return 0
	}
	if d := counts(o) - counts(&was); d != 0 {
		st.administrators.Active += d
		if st.administrators.Active < 1 {
			return none, nil, &ConflictError{Reason: "last_administrator"}
		}
		done.add(put(&st.administrators))
	}
	if o.State != was.State || o.Role != was.Role {
		o.CredentialVersion++
	}
	if o.Email != was.Email {
		o.MailStatus = ""
		// Codes and links that were mailed to the old address are dead: whoever reads that mailbox may be somebody else.
		for _, code := range st.codes {
			if code.live(o, now) {
				code.ExpiresAt, code.expires = now, now
				done.add(put(code))
			}
		}
	}
	told, err := o.tellOfNames(&was, now, random)
	if err != nil {
		return none, nil, err
	}
	done.add(told...)
	notes := func(t NoticeType, details ...detail) error {
		n, err := newNotice(t, by, o.AccountID, o.ID, now, random, details...)
		done.add(put(n))
		return err
	}
	edited := slices.DeleteFunc(slices.Clone(changed), func(f string) bool { return f == "state" })
	if len(edited) > 0 {
		details := []detail{{"username", o.Username}, {"changed", strings.Join(edited, ", ")}}
		if o.Username != was.Username {
			details = append(details, detail{"formerly", was.Username})
		}
		if o.Role != was.Role {
			details = append(details, detail{"role", string(was.Role) + " -> " + string(o.Role)})
		}
		if err := notes(NoticeOperatorUpdated, details...); err != nil {
			return none, nil, err
		}
	}
	if o.State != was.State {
		t := NoticeOperatorDisabled
		if o.State == StateActive {
			t = NoticeOperatorEnabled
		}
		if err := notes(t, detail{"username", o.Username}); err != nil {
			return none, nil, err
		}
	}
	return o.view(&st.activity), done, nil
}

// removeNames removes names, but for those that are not there: they were stored in an older form.
func removeNames(names []*name) (done changes) {
	for _, n := range names {
		if n.exists() {
			done.add(remove(n))
		}
	}
	return done
}

// tellOfNames tells the address that was the operator's until now that it is so no more, and that the username is another one. To an
// address that mail does not reach, or whose owner wants none, nothing goes.
func (o *operator) tellOfNames(was *operator, now time.Time, random io.Reader) (done changes, err error) {
	if was.unreachable(was.Email) {
		return nil, nil
	}
	var templates []mail.Template
	before, _ := canonicalName(was.Username)
	if after, _ := canonicalName(o.Username); after != before { // else the old spelling signs in as well
		templates = append(templates, mail.UsernameChanged)
	}
	if o.Email != was.Email {
		templates = append(templates, mail.EmailChanged)
	}
	for _, t := range templates {
		m, err := newMail(t, was, now, random)
		if err != nil {
			return nil, err
		}
		done.add(put(m))
	}
	return done, nil
}
