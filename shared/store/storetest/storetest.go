// Package storetest is the contract of package store in executable form: every adapter passes [Run] and [RunCrowd]. Stores
// whose calls go wrong, or are counted, for the tests of those who use one, are in access/accesstest.
package storetest

import (
	"errors"
	"testing"
	"time"

	"postern/shared/store"
)

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// Run runs the suite. open gives an empty store for each test, and has it closed by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"PutAndGet", testPutAndGet},
		{"FieldTypes", testFieldTypes},
		{"Versions", testVersions},
		{"Expectations", testExpectations},
		{"AllOrNothing", testAllOrNothing},
		{"LostRaces", testLostRaces},
		{"RepeatAfterLostReply", testRepeat},
		{"InvalidCommits", testInvalidCommits},
		{"ManyChanges", testManyChanges},
		{"LargeItems", testLargeItems},
		{"Expiry", testExpiry},
		{"NoSharedMemory", testNoSharedMemory},
		{"Context", testContext},
		{"Query", testQuery},
		{"InvalidQueries", testInvalidQueries},
		{"QueryCursors", testQueryCursors},
		{"Due", testDue},
		{"DueBefore1970", testDueBefore1970},
		{"DueCursors", testDueCursors},
		{"Take", testTake},
		{"TakeOfFractions", testTakeOfFractions},
		{"TakeInParallel", testTakeInParallel},
		{"Give", testGive},
		{"GiveInParallel", testGiveInParallel},
		{"CounterExpiry", testCounterExpiry},
		{"InvalidBudgets", testInvalidBudgets},
		{"BudgetsAreApart", testBudgetsApart},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func key(sort string) store.Key {
	return store.Key{Table: store.Operators, Partition: "acme", Sort: sort}
}

func item(k store.Key, text string) store.Item {
	return store.Item{Key: k, Fields: store.Fields{"text": store.Text(text)}}
}

func commit(t *testing.T, s store.Store, id string, changes ...store.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), id, changes...); err != nil {
		t.Fatalf("Commit %s: %v", id, err)
	}
}

func get(t *testing.T, s store.Store, k store.Key) store.Item {
	t.Helper()
	items, err := s.Get(t.Context(), k)
	if err != nil {
		t.Fatalf("Get %s: %v", k, err)
	}
	return items[0]
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func wantText(t *testing.T, s store.Store, k store.Key, want string) {
	t.Helper()
	got := get(t, s, k)
	text, _ := got.Fields["text"].(store.Text)
	if !got.Exists() && want != "" || string(text) != want {
		t.Errorf("%s holds %q (version %d), want %q", k, text, got.Version, want)
	}
}

func second[T any](_ T, err error) error { return err }
