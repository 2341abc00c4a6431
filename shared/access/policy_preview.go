package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/shared/store"
)

// PreviewPolicy asks what a change of policy would mean, before it is made.
type PreviewPolicy struct {
	SetPolicy        // IfMatch may be empty
	Cursor    string // Next of the part before
}

// PolicyPreview is what a change of policy would change, and for how many.
type PolicyPreview struct {
	Changes []PolicyChange `json:"changes"` // by field; empty when nothing differs
	Impact  PolicyImpact   `json:"impact"`
	// Next goes on counting where this part stopped; nil when all operators were looked at. The sums of all parts count.
	Next *string `json:"next"`
}

// PolicyChange is one field of a policy that changes. From and To are its values in the API's JSON.
type PolicyChange struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

// PolicyImpact counts the active operators that a change of policy touches. Whether a password that stands keeps new rules for
// its length or characters cannot be known from its hash, so nothing here says so.
type PolicyImpact struct {
	Operators int `json:"operators"` // active ones that were looked at
	// OldPasswords: their password is older than the new maxAgeDays, if that changes. It expires at once with enforce=next_login
	// only; otherwise its age counts anew from the change on (details 8).
	OldPasswords int `json:"oldPasswords"`
	// MustChange: they would have to choose a new password at the next login, and do not have to now.
	MustChange int `json:"mustChange"`
	// MustSetUpTOTP: they have no TOTP, and would have to set it up at the next login, as they do not have to now.
	MustSetUpTOTP int `json:"mustSetUpTotp"`
}

// One request looks at so many operators, and looks for so long, at the most; the answer then has a Next.
const (
	maxPreviewReads = 5000
	maxPreviewTime  = 5 * time.Second
)

// PreviewPolicy tells what SetPolicy would change, and counts whom it would touch, by going through the account's usernames
// in their order (docs/decisions/0016). It changes nothing.
//
// [InputError]; ErrNotFound; [ConflictError] "stale": IfMatch is given and is not the present policy's.
func (s *Service) PreviewPolicy(ctx context.Context, accountID string, c PreviewPolicy) (PolicyPreview, error) {
	if bad := c.Policy.check(); len(bad) > 0 {
		return PolicyPreview{}, &InputError{bad}
	}
	a, err := s.loadAccount(ctx, accountID)
	if err != nil {
		return PolicyPreview{}, err
	}
	if c.IfMatch != "" && c.IfMatch != a.policyVersion().ETag {
		return PolicyPreview{}, &ConflictError{Reason: "stale"}
	}
	p := PolicyPreview{}
	if p.Changes, err = policyChanges(a.Policy, c.Policy); err != nil {
		return PolicyPreview{}, err
	}
	now := s.now()
	after := *a
	after.setPolicy(c.SetPolicy, now)
	next, err := s.countImpact(ctx, a, &after, c.Cursor, now, &p.Impact)
	if next != "" {
		p.Next = &next
	}
	return p, err
}

// countImpact looks at operators from where cursor points, and gives the cursor to go on with; "" after the last.
func (s *Service) countImpact(ctx context.Context, before, after *account, cursor string, now time.Time, impact *PolicyImpact) (next string, err error) {
	position, err := s.openCursor(ctx, cursor, "policy preview", before.ID)
	if err != nil {
		return "", err
	}
	looking, done := context.WithTimeout(ctx, maxPreviewTime)
	defer done()
	from := string(nameUsername)
	if position != "" {
		from = position + "\x00"
	}
	for read := 0; ; {
		page, err := s.store.Query(looking, store.Query{
			Table: store.Operators, Partition: before.ID, From: from, To: prefixEnd(string(nameUsername)), Limit: store.MaxGet,
		})
		var found []*operator
		if err == nil {
			found, err = s.operatorsOf(looking, before.ID, page.Items)
		}
		switch {
		case err != nil && position != "" && ctx.Err() == nil && looking.Err() != nil: // time is up, and something was counted
			return s.sealCursor(ctx, position, "policy preview", before.ID)
		case err != nil:
			return "", fmt.Errorf("count operators: %w", unavailable(err))
		}
		for _, o := range found {
			impact.count(o, before, after, now)
		}
		read += len(page.Items)
		if n := len(page.Items); n > 0 {
			position = page.Items[n-1].Sort
			from = position + "\x00"
		}
		if page.Next == "" {
			return "", nil
		}
		if read >= maxPreviewReads {
			return s.sealCursor(ctx, position, "policy preview", before.ID)
		}
	}
}

// count adds o, if it is touched, with the account as it is before a change of policy and as it would be after it.
func (i *PolicyImpact) count(o *operator, before, after *account, now time.Time) {
	if !o.active() {
		return
	}
	i.Operators++
	days := after.Policy.MaxAgeDays
	if days > 0 && days != before.Policy.MaxAgeDays && o.Password.Kind == PasswordPermanent && o.Password.ChangedAt.AddDate(0, 0, days).Before(now) {
		i.OldPasswords++
	}
	owedNow, _ := o.owed(before, now)
	if owed, _ := o.owed(after, now); owed == NextNewPassword && owedNow != NextNewPassword {
		i.MustChange++
	}
	if !o.asksForCode() && after.Policy.requiresTOTP(o.Role) && !before.Policy.requiresTOTP(o.Role) {
		i.MustSetUpTOTP++
	}
}

// Add adds the counts of another part.
func (i *PolicyImpact) Add(part PolicyImpact) {
	i.Operators += part.Operators
	i.OldPasswords += part.OldPasswords
	i.MustChange += part.MustChange
	i.MustSetUpTOTP += part.MustSetUpTOTP
}

// Fields gives the policy field by field: names as in behaviour 5, nested ones dotted, values as in the API's JSON.
func (p Policy) Fields() (map[string]json.RawMessage, error) {
	if p.WarnDays == nil {
		p.WarnDays = []int{} // in JSON [], not null
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	fields := map[string]json.RawMessage{}
	return fields, flatten(fields, "", raw)
}

// flatten adds the members of a JSON object to fields, those of objects in it under dotted names.
func flatten(fields map[string]json.RawMessage, prefix string, raw []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	for name, v := range object {
		if bytes.HasPrefix(v, []byte("{")) {
			if err := flatten(fields, prefix+name+".", v); err != nil {
				return err
			}
			continue
		}
		fields[prefix+name] = v
	}
	return nil
}

// policyChanges lists the fields that differ, by name.
func policyChanges(from, to Policy) ([]PolicyChange, error) {
	before, err := from.Fields()
	if err != nil {
		return nil, err
	}
	after, err := to.Fields()
	if err != nil {
		return nil, err
	}
	changes := []PolicyChange{}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if !bytes.Equal(before[name], after[name]) {
			changes = append(changes, PolicyChange{name, before[name], after[name]})
		}
	}
	return changes, nil
}

// PolicyText is a value of a policy as forms hold it: words without quotes, lists separated by commas.
func PolicyText(v json.RawMessage) string {
	return strings.ReplaceAll(strings.Trim(string(v), `[]"`), ",", ", ")
}
