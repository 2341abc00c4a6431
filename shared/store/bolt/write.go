package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"postern/shared/store"
)

// judge decides on a request by what is stored, and gives what to write, or nil for nothing. It writes nothing itself, so
// a refusal leaves the transaction, which it shares with others, as it was.
type judge func(tx *bbolt.Tx) (apply func() error, err error)

// write is a request that waits.
type write struct {
	judge judge
	err   error
	ready chan bool // true: it is done, err says how; false: lead the next transaction, in which it is
}

// update has a request judged and written, durably when it returns. A sync to the disk is what a write costs, so all that
// wait at one moment share one: who finds nobody writing leads, which is to write for all that wait, and to hand the lead
// to one of those that came meanwhile. Nobody waits for company.
//
// Requests are judged in the order in which they came, each seeing what those before it wrote.
func (s *Store) update(ctx context.Context, j judge) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	w := &write{judge: j, ready: make(chan bool, 1)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.pending = append(s.pending, w)
	lead := !s.leading
	s.leading = true
	s.mu.Unlock()
	if lead || !s.await(ctx, w) {
		s.lead()
	}
	return w.err
}

// await waits until w is done, or has to lead. If ctx ends while w is not begun, it is withdrawn; what is begun is
// finished, which takes no longer than the disk does.
func (s *Store) await(ctx context.Context, w *write) (done bool) {
	select {
	case done = <-w.ready:
		return done
	case <-ctx.Done():
	}
	s.mu.Lock()
	if i := slices.Index(s.pending, w); i >= 0 && len(w.ready) == 0 {
		s.pending = slices.Delete(s.pending, i, i+1)
		s.mu.Unlock()
		w.err = unavailable(ctx.Err())
		return true
	}
	s.mu.Unlock()
	return <-w.ready
}

// lead writes for all that wait, the leader among them, in one transaction.
func (s *Store) lead() {
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	s.mu.Unlock()
	err := errors.New("write was cut short") // by a panic, if nothing else is told
	defer func() {
		for _, w := range batch {
			// Nothing of the transaction is kept: nor is what was decided by what others wrote in it.
			if err != nil && !errors.Is(w.err, store.ErrInvalid) {
				w.err = unavailable(err)
			}
			w.ready <- true // the leader's own is never read
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.pending) > 0 {
			s.pending[0].ready <- false
			return
		}
		s.leading = false
		s.idle.Broadcast()
	}()
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for _, w := range batch {
			apply, err := w.judge(tx)
			if w.err = err; err != nil || apply == nil {
				continue
			}
			if err := apply(); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		return nil
	})
}

var errClosed = fmt.Errorf("%w: closed", store.ErrUnavailable)

func unavailable(err error) error { return fmt.Errorf("%w: %w", store.ErrUnavailable, err) }
