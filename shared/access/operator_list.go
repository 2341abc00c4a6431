package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

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

// ListOperators lists operators by username. A search goes through the names in their order: usernames that begin with the
// query, then addresses, then first and last names, each operator once (docs/decisions/0004). It costs the same
// however many operators there are.
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
	query := searchWord(c.Query)
	kinds, done := []nameKind{nameUsername}, []nameKind(nil)
	if query != "" {
		if canonical, ok := canonicalName(c.Query); ok {
			query = canonical
		}
		kinds = []nameKind{nameUsername, nameEmail, nameWord}
	}
	// The position is the last name that was looked at: kinds of name before its own are done.
	if i := slices.IndexFunc(kinds, func(k nameKind) bool { return strings.HasPrefix(position, string(k)) }); i > 0 {
		kinds, done = kinds[i:], kinds[:i]
	}
	read := 0
	for _, kind := range kinds {
		for {
			from := string(kind) + query
			if strings.HasPrefix(position, string(kind)) {
				from = position + "\x00"
			}
			page, err := s.store.Query(ctx, store.Query{
				Table: store.Operators, Partition: accountID, From: from, To: prefixEnd(string(kind) + query), Limit: limit + 1,
			})
			if err != nil {
				return none, fmt.Errorf("query names: %w", unavailable(err))
			}
			found, err := s.operatorsOf(ctx, accountID, page.Items)
			if err != nil {
				return none, err
			}
			for i, f := range found {
				if len(none.Items) == limit {
					return s.listPage(ctx, none.Items, position, seal)
				}
				position = page.Items[i].Sort
				// Each once: by the first of its names that the search comes to.
				if f.operator.exists() && c.matches(&f.operator) && firstMatch(&f.operator, query, slices.Concat(done, kinds)) == position {
					none.Items = append(none.Items, f.operator.view(&f.activity))
				}
			}
			read += len(page.Items)
			if page.Next == "" && len(page.Items) <= limit {
				break
			}
			if read >= maxListReads {
				return s.listPage(ctx, none.Items, position, seal)
			}
		}
	}
	return none, nil
}

func (s *Service) listPage(ctx context.Context, items []OperatorView, position string, seal []string) (OperatorPage, error) {
	next, err := s.sealCursor(ctx, position, seal...)
	if err != nil {
		return OperatorPage{}, err
	}
	return OperatorPage{Items: items, Next: &next}, nil
}

// firstMatch is the name by which a search finds o first.
func firstMatch(o *operator, query string, kinds []nameKind) string {
	names := o.names()
	slices.SortStableFunc(names, func(a, b *name) int {
		if a.Kind != b.Kind {
			return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
		}
		return strings.Compare(a.Canonical, b.Canonical)
	})
	for _, n := range names {
		if slices.Contains(kinds, n.Kind) && strings.HasPrefix(n.Canonical, query) {
			return n.key().Sort
		}
	}
	return ""
}

// prefixEnd is the first key after all that begin with prefix.
func prefixEnd(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return ""
}

// foundOperator is an operator as lists read them.
type foundOperator struct {
	operator operator
	activity activity
}

// operatorsOf reads the operators that names point to, parallel to them.
func (s *Service) operatorsOf(ctx context.Context, accountID string, names []store.Item) ([]foundOperator, error) {
	found := make([]foundOperator, len(names))
	const atOnce = store.MaxGet / 2 // two items each
	for start := 0; start < len(names); start += atOnce {
		var records []record
		for i := start; i < min(start+atOnce, len(names)); i++ {
			id, _ := names[i].Fields["operatorId"].(store.Text)
			found[i].operator = operator{AccountID: accountID, ID: string(id)}
			found[i].activity = activity{AccountID: accountID, OperatorID: string(id)}
			records = append(records, &found[i].operator, &found[i].activity)
		}
		if err := s.get(ctx, records...); err != nil {
			return nil, fmt.Errorf("load operators: %w", err)
		}
	}
	return found, nil
}

// Usernames gives the usernames of operators of an account, by their ids. Those who are there no more are left out, and so is
// what is no id.
func (s *Service) Usernames(ctx context.Context, accountID string, operatorIDs []string) (map[string]string, error) {
	ids := slices.DeleteFunc(slices.Clone(operatorIDs), func(id string) bool { return !isID(id) })
	slices.Sort(ids)
	names := map[string]string{}
	for some := range slices.Chunk(slices.Compact(ids), store.MaxGet) {
		operators, records := make([]operator, len(some)), make([]record, len(some))
		for i, id := range some {
			operators[i] = operator{AccountID: accountID, ID: id}
			records[i] = &operators[i]
		}
		if err := s.get(ctx, records...); err != nil {
			return nil, fmt.Errorf("load operators: %w", err)
		}
		for _, o := range operators {
			if o.exists() {
				names[o.ID] = o.Username
			}
		}
	}
	return names, nil
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
