package access

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"
)

// PolicyVersion is a policy and the ETag, quotes included, that changes with it.
type PolicyVersion struct {
	Policy Policy
	ETag   string
}

// Policy gives an account's policy. ErrNotFound.
func (s *Service) Policy(ctx context.Context, accountID string) (PolicyVersion, error) {
	a, err := s.loadAccount(ctx, accountID)
	if err != nil {
		return PolicyVersion{}, err
	}
	return a.policyVersion(), nil
}

func (a *account) policyVersion() PolicyVersion {
	return PolicyVersion{a.Policy, strconv.Quote(strconv.FormatInt(a.PolicyVersion, 10))}
}

// loadAccount loads an account by its canonical ID. ErrNotFound.
func (s *Service) loadAccount(ctx context.Context, accountID string) (*account, error) {
	a := &account{ID: accountID}
	if id, ok := canonicalAccountID(accountID); !ok || id != accountID { // in one spelling: IAM policies go by it
		return nil, ErrNotFound
	}
	if err := s.get(ctx, a); err != nil {
		return nil, fmt.Errorf("load account: %w", err)
	}
	if !a.exists() {
		return nil, ErrNotFound
	}
	return a, nil
}

// SetPolicy replaces an account's policy.
type SetPolicy struct {
	Policy  Policy
	IfMatch string // the ETag that was read
	// EnforceNextLogin forces a change at the next login of everybody (behaviour 5): the rules apply then, to all.
	EnforceNextLogin bool
}

// SetPolicy replaces the policy as a whole. A stricter one locks nobody out: it applies at the next change.
//
// [InputError]; ErrNotFound; [ConflictError] "stale": somebody changed it since it was read.
func (s *Service) SetPolicy(ctx context.Context, by Actor, accountID string, c SetPolicy) (PolicyVersion, error) {
	if bad := c.Policy.check(); len(bad) > 0 {
		return PolicyVersion{}, &InputError{bad}
	}
	return commit(ctx, s, func(now time.Time) (PolicyVersion, changes, error) {
		a, err := s.loadAccount(ctx, accountID)
		if err != nil {
			return PolicyVersion{}, nil, err
		}
		return decideSetPolicy(a, by, c, now, s.random)
	})
}

func decideSetPolicy(a *account, by Actor, c SetPolicy, now time.Time, random io.Reader) (PolicyVersion, changes, error) {
	if a.policyVersion().ETag != c.IfMatch {
		return PolicyVersion{}, nil, &ConflictError{Reason: "stale"}
	}
	differ, err := policyChanges(a.Policy, c.Policy)
	if err != nil {
		return PolicyVersion{}, nil, err
	}
	if len(differ) == 0 && !c.EnforceNextLogin {
		return a.policyVersion(), nil, nil
	}
	var details []detail
	for _, d := range differ {
		details = append(details, detail{d.Field, string(d.From) + " -> " + string(d.To)})
	}
	if c.EnforceNextLogin {
		details = append(details, detail{"enforce", "next_login"})
	}
	a.setPolicy(c, now)
	a.PolicyVersion++
	n, err := newNotice(NoticePolicyChanged, by, a.ID, "", now, random, details...)
	if err != nil {
		return PolicyVersion{}, nil, err
	}
	return a.policyVersion(), changes{put(a), put(n)}, nil
}

// setPolicy is what a change of policy does to the account, but for its version.
func (a *account) setPolicy(c SetPolicy, now time.Time) {
	if c.Policy.MaxAgeDays != a.Policy.MaxAgeDays {
		a.MaxAgeChangedAt = now
	}
	if c.EnforceNextLogin {
		a.EnforcedAt = now
	}
	a.Policy = c.Policy
}
