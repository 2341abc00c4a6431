package access_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/store"
)

// preview asks what an edit of the present policy would mean, through all parts.
func preview(t *testing.T, p *accesstest.Place, enforce bool, edit func(*access.Policy)) (access.PolicyPreview, int) {
	t.Helper()
	v, err := p.Service.Policy(t.Context(), accesstest.Account)
	if err != nil {
		t.Fatal(err)
	}
	edit(&v.Policy)
	c := access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: v.Policy, IfMatch: v.ETag, EnforceNextLogin: enforce}}
	whole := access.PolicyPreview{}
	for parts := 1; ; parts++ {
		part, err := p.Service.PreviewPolicy(t.Context(), accesstest.Account, c)
		if err != nil {
			t.Fatalf("PreviewPolicy, part %d: %v", parts, err)
		}
		whole.Changes = part.Changes
		whole.Impact.Add(part.Impact)
		if part.Next == nil {
			return whole, parts
		}
		c.Cursor = *part.Next
	}
}

// What a change would mean is told before it is made, and is what then happens.
func TestPreviewPolicy(t *testing.T) {
	p := accesstest.New(t)
	p.Operator("alice", accesstest.WithTOTP)
	bob := p.Operator("bob")
	p.Operator("carol", accesstest.StillNew) // owes a new password already
	dora := p.Operator("dora")
	if _, err := p.Service.UpdateOperator(t.Context(), access.System, accesstest.Account, dora.ID, access.UpdateOperator{State: new(access.StateDisabled)}); err != nil {
		t.Fatal(err)
	}
	p.Advance(100 * 24 * time.Hour)
	p.Operator("erik")
	p.Advance(time.Minute)
	before := len(p.Notices())

	for what, c := range map[string]struct {
		enforce bool
		edit    func(*access.Policy)
		changes string
		want    access.PolicyImpact
	}{
		"nothing": {false, func(*access.Policy) {}, "", access.PolicyImpact{Operators: 4}},
		"an age": {false, func(x *access.Policy) { x.MaxAgeDays = 90 }, "maxAgeDays 0 -> 90",
			access.PolicyImpact{Operators: 4, OldPasswords: 2}},
		"an age that nobody has": {false, func(x *access.Policy) { x.MaxAgeDays = 101 }, "maxAgeDays 0 -> 101", access.PolicyImpact{Operators: 4}},
		"an age, enforced": {true, func(x *access.Policy) { x.MaxAgeDays = 90 }, "maxAgeDays 0 -> 90",
			access.PolicyImpact{Operators: 4, OldPasswords: 2, MustChange: 3}},
		"TOTP for all": {false, func(x *access.Policy) { x.TOTP = access.TOTPRequired }, `totp "optional" -> "required"`,
			access.PolicyImpact{Operators: 4, MustSetUpTOTP: 3}},
		"TOTP for administrators": {false, func(x *access.Policy) { x.TOTP = access.TOTPRequiredAdministrators },
			`totp "optional" -> "required_for_administrators"`, access.PolicyImpact{Operators: 4}},
		"a list and a nested field": {false, func(x *access.Policy) { x.WarnDays, x.Reset.Minutes = []int{7}, 60 },
			"reset.minutes 30 -> 60, warnDays [14,3,1] -> [7]", access.PolicyImpact{Operators: 4}},
	} {
		got, _ := preview(t, p, c.enforce, c.edit)
		var changes []string
		for _, ch := range got.Changes {
			changes = append(changes, fmt.Sprintf("%s %s -> %s", ch.Field, ch.From, ch.To))
		}
		if s := strings.Join(changes, ", "); s != c.changes || got.Impact != c.want {
			t.Errorf("%s: %q, %+v; want %q, %+v", what, s, got.Impact, c.changes, c.want)
		}
	}
	if n := len(p.Notices()); n != before {
		t.Errorf("previews wrote %d notices", n-before)
	}
	p.SetPolicy(func(x *access.Policy) { x.MaxAgeDays = 90 }, true)
	if in, err := try(p, "bob", bob.Password.Reveal(), bob.Client); err != nil || in.Next != access.NextNewPassword {
		t.Errorf("bob, whom the preview counted: %+v, %v", in, err)
	}
}

// However many operators there are, one request looks at some of them, and the parts add up.
func TestPreviewPolicyInParts(t *testing.T) {
	p := accesstest.New(t)
	names(t, p, 5100)
	p.Operator("alice")
	p.Operator("zelda")
	p.Advance(time.Minute)
	got, parts := preview(t, p, true, func(*access.Policy) {})
	if want := (access.PolicyImpact{Operators: 2, MustChange: 2}); parts != 2 || got.Impact != want {
		t.Errorf("%d parts, %+v; want 2, %+v", parts, got.Impact, want)
	}
}

// When the store is slow, a request ends in time with what it has counted until then.
func TestPreviewPolicyInTime(t *testing.T) {
	p := accesstest.New(t)
	names(t, p, 1000)
	p.Operator("alice")
	synctest.Test(t, func(t *testing.T) {
		p.Faults.Before(func(string) { time.Sleep(time.Second) })
		begun := time.Now()
		part, err := p.Service.PreviewPolicy(t.Context(), accesstest.Account, access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: access.DefaultPolicy()}})
		if err != nil || part.Next == nil || part.Impact.Operators != 1 {
			t.Errorf("PreviewPolicy: %+v, %v; want alice, and more to come", part, err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	p.Faults.Before(nil)
}

// names fills the account with usernames of operators that were deleted meanwhile.
func names(t *testing.T, p *accesstest.Place, n int) {
	t.Helper()
	for i := range n / 100 {
		var names []store.Change
		for j := range 100 {
			names = append(names, store.Put(store.Item{
				Key:    store.Key{Table: store.Operators, Partition: accesstest.Account, Sort: fmt.Sprintf("u#gone-%02d-%02d", i, j)},
				Fields: store.Fields{"operatorId": store.Text("abcdefghijklmnopqrstuvwxyz")}, // deleted meanwhile
			}, store.Absent))
		}
		if err := p.Store.Commit(t.Context(), fmt.Sprint("names", i), names...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPreviewPolicyRefuses(t *testing.T) {
	p := accesstest.New(t)
	ask := func(account string, c access.PreviewPolicy) error {
		_, err := p.Service.PreviewPolicy(t.Context(), account, c)
		return err
	}
	policy := access.DefaultPolicy()
	input, conflict := (*access.InputError)(nil), (*access.ConflictError)(nil)
	if err := ask(accesstest.Account, access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: policy, IfMatch: `"7"`}}); !errors.As(err, &conflict) {
		t.Errorf("a stale ETag: %v", err)
	}
	if err := ask(accesstest.Account, access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: policy}, Cursor: "forged"}); !errors.As(err, &input) {
		t.Errorf("a forged cursor: %v", err)
	}
	if err := ask("nowhere", access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: policy}}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("no such account: %v", err)
	}
	policy.MinLength = 7
	if err := ask(accesstest.Account, access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: policy}}); !errors.As(err, &input) {
		t.Errorf("a policy out of range: %v", err)
	}
}

// What says the same as the present policy is no change.
func TestSetPolicyTwice(t *testing.T) {
	p := accesstest.New(t)
	for _, none := range [][]int{{}, nil, {}} {
		p.SetPolicy(func(x *access.Policy) { x.WarnDays = none }, false)
	}
	v, err := p.Service.Policy(t.Context(), accesstest.Account)
	if err != nil || v.ETag != `"2"` {
		t.Errorf("ETag %s after one change and its repeats, %v", v.ETag, err)
	}
}
