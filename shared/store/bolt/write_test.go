package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"go.etcd.io/bbolt"

	"postern/shared/store"
)

func testKey(sort string) store.Key {
	return store.Key{Table: store.Codes, Partition: "p", Sort: sort}
}

func openIn(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hold keeps somebody writing until the function that it gives is called, which gives that write's error. It needs a
// synctest bubble.
func hold(t *testing.T, s *Store) (release func(outcome error) error) {
	release1, ended := make(chan error), make(chan error, 1)
	go func() {
		ended <- s.update(t.Context(), func(tx *bbolt.Tx) (func() error, error) {
			return func() error { return <-release1 }, nil
		})
	}()
	synctest.Wait()
	return func(outcome error) error {
		release1 <- outcome
		return <-ended
	}
}

// All that wait while somebody writes share the next transaction, whatever comes of each.
func TestWhoWaitsSharesATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openIn(t)
		defer s.Close()
		release := hold(t, s)
		const waiting = 200
		var wg sync.WaitGroup
		errs, transactions := make([]error, waiting), map[int]int{}
		for i := range waiting {
			wg.Go(func() {
				expect := store.Absent
				if i%2 == 1 {
					expect = 7
				}
				errs[i] = s.Commit(t.Context(), fmt.Sprint("c", i), store.Put(store.Item{Key: testKey(fmt.Sprint(i))}, expect))
			})
			wg.Go(func() {
				err := s.update(t.Context(), func(tx *bbolt.Tx) (func() error, error) {
					transactions[tx.ID()]++
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if len(transactions) != 1 {
			t.Errorf("%d writers took %d transactions, want 1", 2*waiting, len(transactions))
		}
		for i, err := range errs {
			if i%2 == 0 && err != nil || i%2 == 1 && !errors.Is(err, store.ErrConflict) {
				t.Errorf("commit %d: %v", i, err)
			}
			items, err := s.Get(t.Context(), testKey(fmt.Sprint(i)))
			if err != nil || items[0].Exists() != (i%2 == 0) {
				t.Errorf("item %d: exists %t, %v", i, items[0].Exists(), err)
			}
		}
	})
}

// When a transaction cannot be written, all who were in it learn so: who was refused because of what another wrote in it
// as well, since nobody wrote that now. Those after it are not touched.
func TestTransactionThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openIn(t)
		defer s.Close()
		release := hold(t, s)
		var wg sync.WaitGroup
		var first, second error
		put := func(id string) error {
			return s.Commit(t.Context(), id, store.Put(store.Item{Key: testKey("a")}, store.Absent))
		}
		wg.Go(func() { first = put("c1") })
		synctest.Wait()
		wg.Go(func() { second = put("c2") })
		synctest.Wait()
		full := errors.New("disk is full")
		wg.Go(func() {
			err := s.update(t.Context(), func(*bbolt.Tx) (func() error, error) { return func() error { return full }, nil })
			if !errors.Is(err, full) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("who could not write: got %v, want %v", err, store.ErrUnavailable)
			}
		})
		synctest.Wait()
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		for _, err := range []error{first, second} {
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) {
				t.Errorf("who shared the transaction: got %v, want %v", err, store.ErrUnavailable)
			}
		}
		if err := put("c3"); err != nil {
			t.Errorf("who came later: %v", err)
		}
	})
}

// A panic in one request ends nobody else's hope.
func TestPanicLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openIn(t)
		defer s.Close()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_ = s.update(t.Context(), func(*bbolt.Tx) (func() error, error) { panic("a bug") })
		}()
		if err := s.Commit(t.Context(), "c", store.Put(store.Item{Key: testKey("a")}, store.Absent)); err != nil {
			t.Errorf("after a panic: %v", err)
		}
	})
}

// Whoever gives up before its turn has written nothing; whoever gives up when it is being written learns what came of it.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openIn(t)
		defer s.Close()
		release := hold(t, s)
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for _, k := range []string{"a", "b"} { // the first of them would have led
			wg.Go(func() {
				err := s.Commit(ctx, k, store.Put(store.Item{Key: testKey(k)}, store.Absent))
				if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
					t.Errorf("%s gave up: got %v, want %v and %v", k, err, store.ErrUnavailable, context.Canceled)
				}
			})
			synctest.Wait()
		}
		wg.Go(func() {
			if err := s.Commit(t.Context(), "c", store.Put(store.Item{Key: testKey("c")}, store.Absent)); err != nil {
				t.Errorf("who did not give up: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		items, err := s.Get(t.Context(), testKey("a"), testKey("b"), testKey("c"))
		if err != nil || items[0].Exists() || items[1].Exists() || !items[2].Exists() {
			t.Errorf("got %v, %v, want only the third", items, err)
		}

		begun, going := make(chan bool), make(chan bool)
		ctx, cancel = context.WithCancel(t.Context())
		release = hold(t, s)
		wg.Go(func() { // leads the next
			err := s.update(t.Context(), func(*bbolt.Tx) (func() error, error) {
				return func() error { close(begun); <-going; return nil }, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := s.Commit(ctx, "d", store.Put(store.Item{Key: testKey("d")}, store.Absent)); err != nil {
				t.Errorf("who gave up too late: got %v, want what came of it", err)
			}
		})
		synctest.Wait()
		if err := release(nil); err != nil {
			t.Fatal(err)
		}
		<-begun
		s.mu.Lock()
		if !s.leading {
			t.Error("the lead was handed on, and is nobody's")
		}
		s.mu.Unlock()
		cancel()
		close(going)
		wg.Wait()
	})
}

// Whoever is handed the lead takes it, though it would rather give up: nobody else has it.
func TestLeadIsNotLost(t *testing.T) {
	s := openIn(t)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // of two things that are ready, select takes any
		w := &write{ready: make(chan bool, 1)}
		w.ready <- false
		s.pending = []*write{w}
		if s.await(ctx, w) {
			t.Fatal("the lead was dropped")
		}
		s.pending = nil
	}
}

// Close waits for whoever writes and whoever waits, and refuses the rest.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openIn(t)
		release := hold(t, s)
		var wg sync.WaitGroup
		put := func(k string) error {
			return s.Commit(t.Context(), k, store.Put(store.Item{Key: testKey(k)}, store.Absent))
		}
		wg.Go(func() {
			if err := put("a"); err != nil {
				t.Errorf("who waited: %v", err)
			}
		})
		synctest.Wait()
		closed := false
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			closed = true
		})
		synctest.Wait()
		if closed {
			t.Error("closed while somebody wrote")
		}
		if err := put("late"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("who came too late: got %v, want %v", err, store.ErrUnavailable)
		}
		if err := release(nil); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}
