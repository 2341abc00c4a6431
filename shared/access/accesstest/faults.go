package accesstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/shared/keys"
	"postern/shared/limit"
	"postern/shared/mail"
	"postern/shared/queue"
	"postern/shared/store"
)

// Mode is what goes wrong with a call that leaves the process.
type Mode string

// The modes. After a kill every further call fails as well: nobody is there to make it.
const (
	KilledBefore Mode = "killed before"    // failed, and not done
	KilledAfter  Mode = "killed after"     // done, and nobody learns of it
	ReplyLost    Mode = "reply lost"       // done, but reported as failed; the process goes on
	NotDone      Mode = "failed, not done" // failed; the process goes on
)

// Modes lists all modes.
func Modes() []Mode { return []Mode{KilledBefore, KilledAfter, ReplyLost, NotDone} }

// Call names one outbound call of a use case: method and what it is about, and which of those that read the same it is. So a
// call has the same name in every run, whatever ran beside it.
type Call struct {
	Label string
	Nth   int // from 0
}

func (c Call) String() string { return fmt.Sprintf("%s #%d", c.Label, c.Nth) }

// Faults stands before everything outside: store, keys, queue and mail. It notes every call, and has one of them go wrong.
type Faults struct {
	mu     sync.Mutex
	calls  []Call
	counts map[string]int
	at     Call
	nth    int  // the number of the call that goes wrong, from 1; 0: the one named by at
	mode   Mode // empty: nothing goes wrong
	dead   bool
	hit    bool
	before func(label string)
}

// ErrKilled is what calls of a killed process end in. Adapters would report such a thing as store.ErrUnavailable, which it wraps.
var ErrKilled = fmt.Errorf("killed: %w", store.ErrUnavailable)

// Fail lets the call at go wrong from now on; counting starts anew.
func (f *Faults) Fail(at Call, mode Mode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.counts, f.at, f.nth, f.mode, f.dead, f.hit = nil, nil, at, 0, mode, false, false
}

// FailNth lets the n-th call go wrong from now on, whichever it is; counting starts anew.
func (f *Faults) FailNth(n int, mode Mode) {
	f.Fail(Call{}, mode)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth = n
}

// Heal lets everything work again; counting starts anew.
func (f *Faults) Heal() { f.Fail(Call{}, "") }

// Calls lists the calls since Fail or Heal.
func (f *Faults) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Hit reports whether the call that was to go wrong was made.
func (f *Faults) Hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// Before has something done before each call, such as sleeping in a synctest bubble, to measure sequential round trips.
func (f *Faults) Before(do func(label string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = do
}

func (f *Faults) call(label string, do func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return ErrKilled
	}
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	c := Call{label, f.counts[label]}
	f.counts[label]++
	f.calls = append(f.calls, c)
	mode := f.mode
	if f.nth > 0 && len(f.calls) != f.nth || f.nth == 0 && c != f.at {
		mode = ""
	}
	if mode != "" {
		f.hit = true
	}
	f.dead = mode == KilledBefore || mode == KilledAfter
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(label)
	}
	if mode == KilledBefore || mode == NotDone {
		return ErrKilled
	}
	err := do()
	if mode != "" {
		return ErrKilled
	}
	return err
}

// faultyStore is a store behind faults.
type faultyStore struct {
	store.Store
	f *Faults
}

func tablesOf(keys []store.Key) string {
	var names []string
	for _, k := range keys {
		names = append(names, string(k.Table))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

func (s *faultyStore) Get(ctx context.Context, keys ...store.Key) (items []store.Item, err error) {
	err = s.f.call("store.Get "+tablesOf(keys), func() error { items, err = s.Store.Get(ctx, keys...); return err })
	if err != nil {
		return nil, err
	}
	return items, nil
}

func (s *faultyStore) Query(ctx context.Context, q store.Query) (page store.Page, err error) {
	kind, _, _ := strings.Cut(q.Partition, "/")
	if q.Table != store.Limits {
		kind = ""
	}
	label := fmt.Sprintf("store.Query %s %s", q.Table, kind)
	if strings.HasPrefix(q.Partition, "failures//") {
		label += " of network"
	}
	err = s.f.call(label, func() error { page, err = s.Store.Query(ctx, q); return err })
	return page, err
}

func (s *faultyStore) Due(ctx context.Context, t store.Table, shard int, until time.Time, limit int, cursor string) (page store.Page, err error) {
	err = s.f.call(fmt.Sprintf("store.Due %s %d", t, shard), func() error {
		page, err = s.Store.Due(ctx, t, shard, until, limit, cursor)
		return err
	})
	return page, err
}

// ErrNoticesStay is what a commit ends in that deletes a notice, or changes one but to seal it: nothing ever does (behaviour 7.7).
var ErrNoticesStay = errors.New("accesstest: a notice was to be deleted or changed")

// noticesStay looks at a commit before it is done. The head of a chain, which is no notice, may be written again.
func (s *faultyStore) noticesStay(ctx context.Context, changes []store.Change) error {
	for _, c := range changes {
		if c.Item.Table != store.Notices || c.Op == store.OpCheck {
			continue
		}
		if c.Op == store.OpDelete || c.Expect == store.Any {
			return fmt.Errorf("%w: %s", ErrNoticesStay, c.Item.Key)
		}
		if c.Expect == store.Absent || c.Item.Sort == "head" {
			continue
		}
		was, err := s.Store.Get(ctx, c.Item.Key)
		if err != nil {
			return err
		}
		before, after := maps.Clone(was[0].Fields), maps.Clone(c.Item.Fields)
		if was[0].Seen() != c.Expect {
			continue // lost a race, or happened already: the store tells
		}
		if before["seq"] != nil {
			return fmt.Errorf("%w: %s is sealed", ErrNoticesStay, c.Item.Key)
		}
		for _, seal := range []string{"seq", "sealVersion", "prev", "hash"} {
			delete(after, seal)
		}
		if !reflect.DeepEqual(before, after) {
			return fmt.Errorf("%w: %s from %v to %v", ErrNoticesStay, c.Item.Key, before, after)
		}
	}
	return nil
}

func (s *faultyStore) Commit(ctx context.Context, id string, changes ...store.Change) error {
	if err := s.noticesStay(ctx, changes); err != nil {
		return err
	}
	var keys []store.Key
	for _, c := range changes {
		keys = append(keys, c.Item.Key)
	}
	return s.f.call("store.Commit "+tablesOf(keys), func() error { return s.Store.Commit(ctx, id, changes...) })
}

func budgetKind(b limit.Budget) string {
	kind, _, _ := strings.Cut(b.Key, "/")
	return kind
}

func (s *faultyStore) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (taken store.Taken, err error) {
	err = s.f.call("store.Take "+budgetKind(b), func() error { taken, err = s.Store.Take(ctx, b, n, at); return err })
	return taken, err
}

func (s *faultyStore) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	return s.f.call("store.Give "+budgetKind(b), func() error { return s.Store.Give(ctx, b, n, at) })
}

// faultyKeys are keys behind faults.
type faultyKeys struct {
	keys.Keys
	f *Faults
}

func (k *faultyKeys) call(label string, do func() error) error {
	err := k.f.call(label, do)
	if errors.Is(err, ErrKilled) {
		return fmt.Errorf("%w: %w", keys.ErrUnavailable, err)
	}
	return err
}

func (k *faultyKeys) Encrypt(ctx context.Context, plain []byte, c keys.Context) (out []byte, err error) {
	err = k.call("keys.Encrypt", func() error { out, err = k.Keys.Encrypt(ctx, plain, c); return err })
	return out, err
}

func (k *faultyKeys) Decrypt(ctx context.Context, sealed []byte, c keys.Context) (out []byte, err error) {
	err = k.call("keys.Decrypt", func() error { out, err = k.Keys.Decrypt(ctx, sealed, c); return err })
	return out, err
}

func (k *faultyKeys) Derive(ctx context.Context, c keys.Context) (out []byte, err error) {
	err = k.call("keys.Derive "+c[0], func() error { out, err = k.Keys.Derive(ctx, c); return err })
	return out, err
}

// faultySigner signs behind faults.
type faultySigner struct {
	keys.Signer
	f *Faults
}

func (s *faultySigner) call(label string, do func() error) error {
	return (&faultyKeys{f: s.f}).call(label, do)
}

func (s *faultySigner) Sign(ctx context.Context, message []byte) (signature []byte, err error) {
	err = s.call("keys.Sign", func() error { signature, err = s.Signer.Sign(ctx, message); return err })
	return signature, err
}

func (s *faultySigner) PublicKey(ctx context.Context) (public []byte, err error) {
	err = s.call("keys.PublicKey", func() error { public, err = s.Signer.PublicKey(ctx); return err })
	return public, err
}

// faultyQueue is a queue behind faults.
type faultyQueue struct {
	queue.Sender
	f *Faults
}

func (q *faultyQueue) Send(ctx context.Context, name queue.Queue, m queue.Message) error {
	return q.f.call("queue.Send "+string(name), func() error { return q.Sender.Send(ctx, name, m) })
}

// faultyMail is where mail goes, behind faults.
type faultyMail struct {
	mail.Sender
	f *Faults
}

func (s *faultyMail) Send(ctx context.Context, m mail.Message) error {
	return s.f.call("mail.Send", func() error { return s.Sender.Send(ctx, m) })
}
