package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/shared/store"
)

// ListOperators asks for a page of an account's operators. Empty fields filter nothing; an unknown value is an [InputError].
type ListOperators struct {
	Query        string // prefix of username, email, first or last name; case aside
	Role         string // a Role
	State        string // an OperatorState
	TOTP         string // "enabled", "disabled" or "blocked"
	PasswordKind string // a PasswordKind
	Limit        int    // 1 to MaxPageSize; 0: DefaultPageSize
	Cursor       string
}

// OperatorPage is a page of operators.
type OperatorPage struct {
	Items []OperatorView `json:"items"`
	Next  *string        `json:"next"`
}

// Filters of a list: the API's names and values, in the order in which errors are told.
func (c ListOperators) check() error {
	var bad []FieldError
	for _, f := range []struct {
		field, value string
		of           []string
	}{
		{"role", c.Role, []string{string(RoleOperator), string(RoleAdministrator)}},
		{"state", c.State, []string{string(StateActive), string(StateDisabled)}},
		{"totp", c.TOTP, []string{"enabled", "disabled", "blocked"}},
		{"passwordKind", c.PasswordKind, []string{string(PasswordPermanent), string(PasswordTemporary), string(PasswordNone)}},
	} {
		if f.value != "" && !slices.Contains(f.of, f.value) {
			bad = append(bad, FieldError{Field: f.field, Code: "unknown_value"})
		}
	}
	if !utf8.ValidString(c.Query) || utf8.RuneCountInString(c.Query) > MaxEmail {
		bad = append(bad, tooLong("query", MaxEmail))
	}
	if len(bad) > 0 {
		return &InputError{bad}
	}
	return nil
}

func (c ListOperators) matches(o *operator) bool {
	switch {
	case c.Role != "" && string(o.Role) != c.Role,
		c.State != "" && string(o.State) != c.State,
		c.TOTP == "enabled" && !o.TOTP.Enabled,
		c.TOTP == "disabled" && o.TOTP.Enabled,
		c.TOTP == "blocked" && !o.totpBlocked(),
		c.PasswordKind != "" && string(o.Password.Kind) != c.PasswordKind:
		return false
	}
	return true
}

// maxListReads bounds how many names one page reads when a filter lets few of them through; the page is then short, and
// has a next.
const maxListReads = 2000

// filtered reports whether some operators are left out.
func (c ListOperators) filtered() bool {
	return c.Role != "" || c.State != "" || c.TOTP != "" || c.PasswordKind != ""
}

// listOrder is the kinds of name that a list goes through, in order, and what names of that kind begin with.
type listOrder []listedNames

type listedNames struct {
	kind   nameKind
	prefix string // with the kind: of sort keys
}

func (c ListOperators) order() listOrder {
	word := searchWord(c.Query)
	if word == "" {
		return listOrder{{nameUsername, string(nameUsername)}}
	}
	name, ok := canonicalName(c.Query)
	if !ok {
		name = word
	}
	return listOrder{{nameUsername, string(nameUsername) + name}, {nameEmail, string(nameEmail) + name}, {nameWord, string(nameWord) + word}}
}

// first is the name by which the list comes to o first.
func (l listOrder) first(o *operator) string {
	names := o.names()
	slices.SortFunc(names, func(a, b *name) int { return strings.Compare(a.Canonical, b.Canonical) })
	for _, of := range l {
		for _, n := range names {
			if n.Kind == of.kind && strings.HasPrefix(n.key().Sort, of.prefix) {
				return n.key().Sort
			}
		}
	}
	return ""
}

// ListOperators lists operators by username. A search goes through the names in their order: usernames that begin with the
// query, then addresses, then first and last names, each operator once (docs/decisions/0004). It costs the same
// however many operators there are. [InputError].
func (s *Service) ListOperators(ctx context.Context, accountID string, c ListOperators) (OperatorPage, error) {
	none := OperatorPage{Items: []OperatorView{}}
	if err := c.check(); err != nil {
		return none, err
	}
	limit, err := pageSize(c.Limit)
	if err != nil {
		return none, err
	}
	seal := []string{"operators", accountID, c.Query, c.Role, c.State, c.TOTP, c.PasswordKind}
	position, err := s.openCursor(ctx, c.Cursor, seal...)
	if err != nil {
		return none, err
	}
	found, position, err := s.findOperators(ctx, accountID, c, limit, position)
	if err != nil {
		return none, err
	}
	if none.Items, err = s.operatorViews(ctx, found); err != nil {
		return none, err
	}
	if position != "" {
		next, err := s.sealCursor(ctx, position, seal...)
		if err != nil {
			return none, err
		}
		none.Next = &next
	}
	return none, nil
}

// findOperators finds up to limit operators behind position, the last name that was looked at before, and gives the one that was looked
// at last now; "": there is no more.
func (s *Service) findOperators(ctx context.Context, accountID string, c ListOperators, limit int, position string) ([]*operator, string, error) {
	size := limit + 1
	if c.filtered() {
		size = max(size, 200) // a small page must not ask a thousand times
	}
	order := c.order()
	rest := order
	// Kinds of name before that of the position are done.
	if i := slices.IndexFunc(order, func(l listedNames) bool { return strings.HasPrefix(position, string(l.kind)) }); i > 0 {
		rest = order[i:]
	}
	var found []*operator
	read := 0
	for _, names := range rest {
		q := store.Query{Table: store.Operators, Partition: accountID, From: names.prefix, To: prefixEnd(names.prefix), Limit: size}
		if strings.HasPrefix(position, string(names.kind)) {
			q.From = position + "\x00"
		}
		for {
			page, err := s.store.Query(ctx, q)
			if err != nil {
				return nil, "", fmt.Errorf("query names: %w", unavailable(err))
			}
			operators, err := s.operatorsOf(ctx, accountID, page.Items)
			if err != nil {
				return nil, "", err
			}
			for i, o := range operators {
				if len(found) == limit {
					return found, position, nil
				}
				position = page.Items[i].Sort
				// Each once: by the first of its names that the search comes to.
				if o.exists() && c.matches(o) && order.first(o) == position {
					found = append(found, o)
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
			if read += len(page.Items); read >= maxListReads {
				return found, position, nil
			}
		}
	}
	return found, "", nil
}

// prefixEnd is the first text after all that begin with prefix, in the order of their bytes. It is UTF-8 as well: stores take
// nothing else for a key. "": there is none.
func prefixEnd(prefix string) string {
	for end := len(prefix); end > 0; {
		last, n := utf8.DecodeLastRuneInString(prefix[:end])
		end -= n
		switch {
		case last == surrogates-1:
			last = surrogatesEnd
		case last == utf8.MaxRune:
			continue
		default:
			last++
		}
		return prefix[:end] + string(last)
	}
	return ""
}

// What UTF-8 leaves out in the middle.
const surrogates, surrogatesEnd = 0xD800, 0xE000

// operatorsOf reads the operators that names point to, parallel to them.
func (s *Service) operatorsOf(ctx context.Context, accountID string, names []store.Item) ([]*operator, error) {
	found := make([]*operator, len(names))
	records := make([]record, len(names))
	for i, n := range names {
		id, _ := n.Fields["operatorId"].(store.Text)
		found[i] = &operator{AccountID: accountID, ID: string(id)}
		records[i] = found[i]
	}
	if err := s.getAll(ctx, records); err != nil {
		return nil, fmt.Errorf("load operators: %w", err)
	}
	return found, nil
}

// Usernames gives the usernames of operators of an account, by their ids. Those who are there no more are left out, and so is
// what is no id.
func (s *Service) Usernames(ctx context.Context, accountID string, operatorIDs []string) (map[string]string, error) {
	ids := slices.DeleteFunc(slices.Clone(operatorIDs), func(id string) bool { return !isID(id) })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	operators, records := make([]operator, len(ids)), make([]record, len(ids))
	for i, id := range ids {
		operators[i] = operator{AccountID: accountID, ID: id}
		records[i] = &operators[i]
	}
	if err := s.getAll(ctx, records); err != nil {
		return nil, fmt.Errorf("load operators: %w", err)
	}
	names := map[string]string{}
	for _, o := range operators {
		if o.exists() {
			names[o.ID] = o.Username
		}
	}
	return names, nil
}

// operatorViews gives the operators as administrators see them.
func (s *Service) operatorViews(ctx context.Context, operators []*operator) ([]OperatorView, error) {
	activities := make([]*activity, len(operators))
	records := make([]record, len(operators))
	for i, o := range operators {
		activities[i] = &activity{AccountID: o.AccountID, OperatorID: o.ID}
		records[i] = activities[i]
	}
	if err := s.getAll(ctx, records); err != nil {
		return nil, fmt.Errorf("load activity: %w", err)
	}
	views := make([]OperatorView, len(operators))
	for i, o := range operators {
		views[i] = o.view(activities[i])
	}
	return views, nil
}

// getAll loads any number of records, in as many round trips as that takes, at the same time.
func (s *Service) getAll(ctx context.Context, records []record) error {
	if len(records) == 0 {
		return nil
	}
	var parts []func() error
	for part := range slices.Chunk(records, store.MaxGet) {
		parts = append(parts, func() error { return s.get(ctx, part...) })
	}
	return parallel(parts...)
}

// GetOperator gives one operator of an account. ErrNotFound.
func (s *Service) GetOperator(ctx context.Context, accountID, operatorID string) (OperatorView, error) {
	if !isID(operatorID) {
		return OperatorView{}, ErrNotFound
	}
	o := &operator{AccountID: accountID, ID: operatorID}
	a := &activity{AccountID: accountID, OperatorID: operatorID}
	if err := s.get(ctx, o, a); err != nil {
		return OperatorView{}, fmt.Errorf("load operator: %w", err)
	}
	if !o.exists() {
		return OperatorView{}, ErrNotFound
	}
	return o.view(a), nil
}
