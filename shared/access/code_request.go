package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"postern/shared/limit"
	"postern/shared/store"
)

// RequestCode asks for a single-use code (behaviour 2.1) or a reset (behaviour 3.1) to be mailed.
type RequestCode struct {
	AccountID, Login string // as typed
	Captcha          string // a solved challenge, if one was asked for
	Client           Client
}

// RequestSingleUseCode queues a request as it was typed; a worker resolves it ([Service.IssueCode]). The operator is never
// looked up here: neither the answer nor its time tells whether there is one. [CaptchaRequiredError], [TooManyAttemptsError].
func (s *Service) RequestSingleUseCode(ctx context.Context, c RequestCode) error {
	return s.requestCode(ctx, outboxSingleUseCode, CaptchaSingleUseCode, c)
}

// RequestReset is RequestSingleUseCode for a reset.
func (s *Service) RequestReset(ctx context.Context, c RequestCode) error {
	return s.requestCode(ctx, outboxReset, CaptchaReset, c)
}

// requestState is what a request for a code decides on. Nothing of it depends on whether the operator exists.
type requestState struct {
	account           account
	failures, network int
	captcha           *usedCaptcha
	wait              time.Duration // above 0: a budget is spent
}

func (s *Service) requestCode(ctx context.Context, kind outboxKind, purpose CaptchaPurpose, c RequestCode) error {
	ref := accountRef(c.AccountID)
	typed := loginName(ref, c.Login).Canonical
	var paid []limit.Budget
	g := &guard{s: s, client: c.Client}
	first := true
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st := &requestState{account: account{ID: ref}}
		used, err := s.checkCaptcha(ctx, c.Captcha, purpose, c.AccountID, now)
		if err != nil {
			return struct{}{}, nil, err
		}
		records := []record{&st.account}
		if used != nil {
			records = append(records, used)
		}
		budgets := []limit.Budget{limit.RequestName(ref, typed), limit.RequestNetwork(c.Client.Address)}
		taken := make([]store.Taken, len(budgets))
		steps := []func() error{
			func() error { return s.get(ctx, records...) },
			func() (err error) {
				st.failures, err = s.recentFailures(ctx, failuresOfName(ref, typed), limit.CaptchaNameFailures, now)
				return err
			},
			func() (err error) {
				st.network, err = s.recentFailures(ctx, failuresOfNetwork(c.Client), limit.CaptchaNetworkFailures, now)
				return err
			},
		}
		if first {
			for i, b := range budgets {
				steps = append(steps, func() (err error) {
					taken[i], err = s.store.Take(ctx, b, 1, now)
					return unavailable(err)
				})
			}
		}
		if err := parallel(steps...); err != nil {
			return struct{}{}, nil, fmt.Errorf("load account: %w", err)
		}
		if used != nil && !used.exists() {
			st.captcha = used
		}
		if first {
			for i, t := range taken {
				if t.OK {
					paid = append(paid, budgets[i])
				}
				st.wait = max(st.wait, t.Wait)
			}
			first = false
		}
		return decideRequestCode(st, kind, purpose, c, now, s.random)
	})
	if err != nil {
		// Nothing was asked for: what was taken goes back, so that a CAPTCHA or a lost race does not cost a request.
		for _, b := range paid {
			g.give(context.WithoutCancel(ctx), b, s.now())
		}
	}
	return err
}

func decideRequestCode(st *requestState, kind outboxKind, purpose CaptchaPurpose, c RequestCode, now time.Time, random io.Reader) (struct{}, changes, error) {
	mode := st.account.policy().Captcha
	many := st.failures >= limit.CaptchaNameFailures || st.network >= limit.CaptchaNetworkFailures
	if st.captcha == nil && (mode == CaptchaAlways || mode == CaptchaAfterFailures && many) {
		return struct{}{}, nil, &CaptchaRequiredError{purpose, c.AccountID}
	}
	if st.wait > 0 {
		return struct{}{}, nil, &TooManyAttemptsError{st.wait}
	}
	request, err := newOutboxItem(kind, st.account.ID, now, random)
	if err != nil {
		return struct{}{}, nil, err
	}
	request.Login = c.Login
	if !utf8.ValidString(c.Login) {
		return struct{}{}, nil, &InputError{[]FieldError{{Field: "login", Code: "invalid_text"}}}
	}
	done := changes{put(request)}
	if st.captcha != nil {
		done.add(put(st.captcha))
	}
	return struct{}{}, done, nil
}

var errOutboxKind = errors.New("outbox item of another kind")
