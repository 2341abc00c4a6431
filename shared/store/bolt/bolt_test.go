package bolt_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/shared/limit"
	"postern/shared/store"
	"postern/shared/store/bolt"
	"postern/shared/store/storetest"
)

func open(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "db")) })
}

func TestCrowd(t *testing.T) {
	storetest.RunCrowd(t, open(t, filepath.Join(t.TempDir(), "db")), 100_000)
}

func key(sort string) store.Key {
	return store.Key{Table: store.Sessions, Partition: "p", Sort: sort}
}

func put(k string, expires time.Time) store.Change {
	return store.Put(store.Item{Key: key(k), Expires: expires, Fields: store.Fields{"x": store.Text(k)}}, store.Any)
}

// What was committed is there when the file is opened again.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	if err := s.Commit(t.Context(), "c1", put("a", time.Time{})); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	items, err := open(t, path).Get(t.Context(), key("a"))
	if err != nil || !items[0].Exists() {
		t.Errorf("after opening again: %+v, %v", items, err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	open(t, path)
	if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("second Open: got %v, want %v", err, bolt.ErrLocked)
	}
}

// A closed store does nothing and says so; what was under way is done or refused, and nothing hangs.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	var wg sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		wg.Go(func() { errs[i] = s.Commit(t.Context(), fmt.Sprint("c", i), put(fmt.Sprint(i), time.Time{})) })
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wg.Wait()
	s = open(t, path)
	for i, err := range errs {
		items, getErr := s.Get(t.Context(), key(fmt.Sprint(i)))
		if getErr != nil {
			t.Fatal(getErr)
		}
		if err != nil && !errors.Is(err, store.ErrUnavailable) || (err == nil) != items[0].Exists() {
			t.Errorf("commit %d: %v, and there: %t", i, err, items[0].Exists())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), key("1")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Get after Close: got %v, want %v", err, store.ErrUnavailable)
	}
}

// Housekeeping removes what has expired, in portions, and nothing else.
func TestSweep(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for i := range 10 {
		expires := now.Add(time.Duration(i-5) * time.Second)
		if err := s.Commit(t.Context(), fmt.Sprint("c", i), put(fmt.Sprint(i), expires)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context(), "never", put("never", time.Time{})); err != nil {
		t.Fatal(err)
	}
	past := limit.Budget{Key: "b", Burst: 1, Every: time.Second}
	if _, err := s.Take(t.Context(), past, 1, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{4, 3, 0} {
		if n, err := s.Sweep(t.Context(), now, 4); err != nil || n != want {
			t.Errorf("Sweep: %d, %v, want %d", n, err, want)
		}
	}
	page, err := s.Query(t.Context(), store.Query{Table: store.Sessions, Partition: "p", Limit: 100})
	if err != nil || len(page.Items) != 5 {
		t.Errorf("left: %d items, %v, want 5", len(page.Items), err)
	}
}

// What a commit costs, made durable: alone, and when sixteen share what a sync costs.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint(writers, " writers"), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "db"))
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						id := fmt.Sprint(i)
						if err := s.Commit(b.Context(), id, put(id, time.Time{})); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
