package access

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"postern/shared/queue"
	"postern/shared/store"
)

// maxDecisions is how often a use case decides before it gives up with ErrUnavailable. Ten, because that is how many wrong
// tries at one name run at the same time at the most (its budget's burst): each of them may lose to each other once, and
// none of them should be told "unavailable" (docs/decisions/0003).
const maxDecisions = 10

// change is what a decision wants done to one record.
type change struct {
	op store.Op
	r  record
	// any: expect nothing. For records that many would fight over and whose loss is harmless (see activity).
	any bool
}

// changes is the change set of one decision. An item stands once in it.
type changes []change

// add adds changes; one of a record that is in the set already, edited further since, is in it.
func (c *changes) add(more ...change) {
	for _, m := range more {
		if !slices.ContainsFunc(*c, func(have change) bool { return have.r == m.r }) {
			*c = append(*c, m)
		}
	}
}

// put writes r as it is now, if nobody wrote it since it was loaded; a new record, if there is none yet.
func put(r record) change { return change{op: store.OpPut, r: r} }

// putAny writes r whatever is there.
func putAny(r record) change { return change{op: store.OpPut, r: r, any: true} }

// remove deletes r if nobody wrote it since it was loaded.
func remove(r record) change { return change{op: store.OpDelete, r: r} }

// removeAny deletes r whatever is there.
func removeAny(r record) change { return change{op: store.OpDelete, r: r, any: true} }

// unchanged writes nothing, but requires that nobody wrote r since it was loaded.
func unchanged(r record) change { return change{op: store.OpCheck, r: r} }

// attempt loads and decides at the time now. Its error is the refusal, or what went wrong while loading: then there are no
// changes.
type attempt[R any] func(now time.Time) (reply R, c changes, refusal error)

// commit runs a use case: load, decide, commit once. It is the only place in which this package commits.
//
// When somebody else was faster it loads and decides again. When the store's answer was lost the same commit is sent again
// under its id, and finds itself if it had happened. After the commit the queue is told of what stands in the outbox; if
// that fails the outbox sweep makes up for it.
func commit[R any](ctx context.Context, s *Service, try attempt[R]) (R, error) {
	return commitBeside(ctx, s, func(error) {}, try)
}

// commitBeside is commit with something done at the same time as each commit, which is told of the refusal.
func commitBeside[R any](ctx context.Context, s *Service, beside func(refusal error), try attempt[R]) (R, error) {
	var none R
	for range maxDecisions {
		reply, c, refusal := try(s.now())
		if len(c) == 0 {
			beside(refusal)
			return reply, refusal
		}
		err := parallel(
			func() error { return s.apply(ctx, c) },
			func() error { beside(refusal); return nil },
		)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return none, fmt.Errorf("commit: %w", unavailable(err))
		}
		s.announce(ctx, c)
		return reply, refusal
	}
	return none, fmt.Errorf("%w: lost %d races", ErrUnavailable, maxDecisions)
}

// apply commits a change set under an id of its own, twice if the first answer was lost.
func (s *Service) apply(ctx context.Context, c changes) error {
	list := make([]store.Change, len(c))
	for i, ch := range c {
		list[i] = store.Change{Op: ch.op, Item: store.Item{Key: ch.r.key()}, Expect: ch.r.base().expect()}
		if ch.any {
			list[i].Expect = store.Any
		}
		if ch.op == store.OpPut {
			item, err := s.encode(ctx, ch.r)
			if err != nil {
				return err
			}
			list[i].Item = item
		}
	}
	id, err := newID(s.random)
	if err != nil {
		return err
	}
	err = s.store.Commit(ctx, id, list...)
	if errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		err = s.store.Commit(ctx, id, list...)
	}
	return err
}

// announce tells the queue of outbox items that were just written and are due now.
func (s *Service) announce(ctx context.Context, c changes) {
	for _, ch := range c {
		o, ok := ch.r.(*outboxItem)
		if !ok || ch.op != store.OpPut || !o.announce {
			continue
		}
		if err := s.queue.Send(ctx, o.queue(), queue.Message{AccountID: o.AccountID, ID: o.ID}); err != nil {
			s.log.WarnContext(ctx, "outbox item left to the sweep", "kind", o.Kind, "error", err)
		}
	}
}

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID gives an identifier of 128 random bits: 26 characters of a-z and 2-7.
func newID(random io.Reader) (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("%w: read randomness: %w", ErrUnavailable, err)
	}
	return idEncoding.EncodeToString(b), nil
}

// timeKey makes a sort key that orders by time: 13 digits of milliseconds, good until the year 2286.
func timeKey(t time.Time, id string) string { return fmt.Sprintf("%013d-%s", t.UnixMilli(), id) }

// partition joins parts that hold no slash themselves.
func partition(parts ...string) string { return strings.Join(parts, "/") }
