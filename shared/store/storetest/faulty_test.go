package storetest_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/limit"
	"postern/shared/store"
	"postern/shared/store/bolt"
	"postern/shared/store/storetest"
)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var (
	noon   = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	key    = store.Key{Table: store.Codes, Partition: "p", Sort: "s"}
	put    = store.Put(store.Item{Key: key}, store.Any)
	budget = limit.Budget{Key: "test", Burst: 5, Every: time.Minute}
)

// everything calls each method once, and gives the errors.
func everything(t *testing.T, s store.Store) map[string]error {
	_, get := s.Get(t.Context(), key, store.Key{Table: store.Accounts, Partition: "p", Sort: "s"}, key)
	_, query := s.Query(t.Context(), store.Query{Table: store.Notices, Partition: "p", Limit: 1})
	_, due := s.Due(t.Context(), store.Outbox, 0, noon, 1, "")
	commit := s.Commit(t.Context(), "c1", put)
	_, take := s.Take(t.Context(), budget, 2, noon)
	give := s.Give(t.Context(), budget, 1, noon)
	return map[string]error{"Get": get, "Query": query, "Due": due, "Commit": commit, "Take": take, "Give": give}
}

// stored tells what everything leaves behind.
func stored(t *testing.T, s store.Store) (item, counter bool) {
	items, err := s.Get(t.Context(), key, store.Counter(budget))
	if err != nil {
		t.Fatal(err)
	}
	return items[0].Exists(), items[1].Exists()
}

// A wrapper that has nothing to do is a store like any other.
func TestWrappersKeepTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return storetest.Count(&storetest.Faulty{Store: open(t)}, nil)
	})
}

func TestFaulty(t *testing.T) {
	broken := errors.New("cable is cut")
	for _, c := range []struct {
		name   string
		faulty func(seen func(storetest.Call) error) storetest.Faulty
		stored bool
	}{
		{"not stored", func(f func(storetest.Call) error) storetest.Faulty { return storetest.Faulty{Before: f} }, false},
		{"but stored", func(f func(storetest.Call) error) storetest.Faulty { return storetest.Faulty{After: f} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls []storetest.Call
			f := c.faulty(func(call storetest.Call) error { calls = append(calls, call); return broken })
			f.Store = open(t)
			for method, err := range everything(t, &f) {
				if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, broken) {
					t.Errorf("%s: got %v, want %v of %v", method, err, store.ErrUnavailable, broken)
				}
			}
			want := []storetest.Call{
				{"Get", []store.Table{store.Accounts, store.Codes}}, {"Query", []store.Table{store.Notices}},
				{"Due", []store.Table{store.Outbox}}, {"Commit", []store.Table{store.Codes}},
				{"Take", []store.Table{store.Limits}}, {"Give", []store.Table{store.Limits}},
			}
			if d := cmp.Diff(want, calls); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if item, counter := stored(t, f.Store); item != c.stored || counter != c.stored {
				t.Errorf("stored: item %t, counter %t, want %t", item, counter, c.stored)
			}
		})
	}
}

// What a store refuses by itself is no lost reply.
func TestFaultyLeavesRefusalsAlone(t *testing.T) {
	f := &storetest.Faulty{Store: open(t), After: func(storetest.Call) error { return errors.New("cable is cut") }}
	err := f.Commit(t.Context(), "c1", store.Delete(key, 1))
	if !errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrConflict)
	}
}

// Calls beside each other are one round trip, calls behind each other are several.
func TestCountingRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Count(open(t), func(storetest.Call) { time.Sleep(time.Millisecond) })
		start := time.Now()
		for method, err := range everything(t, s) {
			if err != nil {
				t.Errorf("%s: %v", method, err)
			}
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { stored(t, s) })
		}
		wg.Wait()
		if trips := time.Since(start) / time.Millisecond; trips != 7 {
			t.Errorf("%d round trips, want 6 behind each other and 5 beside each other: 7", trips)
		}
		want := map[string]int{"Get": 6, "Query": 1, "Due": 1, "Commit": 1, "Take": 1, "Give": 1}
		if d := cmp.Diff(want, s.Calls()); d != "" {
			t.Errorf("calls (-want +got):\n%s", d)
		}
		if again := s.Calls(); len(again) != 0 {
			t.Errorf("calls were counted twice: %v", again)
		}
	})
}
