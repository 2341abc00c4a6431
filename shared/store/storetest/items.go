package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/shared/store"
)

func testPutAndGet(t *testing.T, s store.Store) {
	commit(t, s, "c1", store.Put(item(key("a"), "A"), store.Absent))
	other := store.Key{Table: store.Sessions, Partition: "acme", Sort: "a"}
	items, err := s.Get(t.Context(), key("b"), key("a"), other, key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 4 {
		t.Fatalf("got %d items for four keys", len(items))
	}
	for i, exists := range []bool{false, true, false, true} {
		if items[i].Exists() != exists {
			t.Errorf("item %d: exists %t, want %t", i, items[i].Exists(), exists)
		}
	}
	if items[0].Key != key("b") || items[2].Key != other {
		t.Errorf("absent items have keys %s and %s", items[0].Key, items[2].Key)
	}
	want := store.Item{Key: key("a"), Version: 1, CommitID: "c1", Fields: store.Fields{"text": store.Text("A")}}
	if d := cmp.Diff(want, items[1]); d != "" {
		t.Errorf("item (-want +got):\n%s", d)
	}
	_, err = s.Get(t.Context())
	wantError(t, "Get of nothing", err, store.ErrInvalid)
	_, err = s.Get(t.Context(), store.Key{Table: store.Operators, Partition: "acme"})
	wantError(t, "Get without sort key", err, store.ErrInvalid)
}

func testFieldTypes(t *testing.T, s store.Store) {
	fields := store.Fields{
		"text": store.Text("grüße, 世界\x00\n"), "empty": store.Text(""),
		"least": store.Number(math.MinInt64), "most": store.Number(math.MaxInt64), "zero": store.Number(0),
		"bytes": store.Bytes{0, 255, 1}, "none": store.Bytes{}, "yes": store.Bool(true), "no": store.Bool(false),
		"dotted.name-1_x": store.Text("x"),
		// Names that adapters use themselves.
		"pk": store.Text("mine"), "v": store.Number(-1), "c": store.Text("mine"),
		"ttl": store.Number(7), "shard": store.Text(""),
	}
	commit(t, s, "c1", store.Put(store.Item{Key: key("a"), Fields: fields}, store.Absent))
	if d := cmp.Diff(fields, get(t, s, key("a")).Fields); d != "" {
		t.Errorf("fields (-want +got):\n%s", d)
	}
	commit(t, s, "c2", store.Put(store.Item{Key: key("nil"), Fields: store.Fields{"b": store.Bytes(nil)}}, store.Absent))
	if b, ok := get(t, s, key("nil")).Fields["b"].(store.Bytes); !ok || len(b) != 0 {
		t.Errorf("nil bytes are %#v, want empty ones", b)
	}
	commit(t, s, "c3", store.Put(store.Item{Key: key("bare")}, store.Absent))
	if got := get(t, s, key("bare")); !got.Exists() || len(got.Fields) != 0 {
		t.Errorf("item without fields: %+v", got)
	}
}

func testVersions(t *testing.T, s store.Store) {
	commit(t, s, "c1", store.Put(item(key("a"), "1"), store.Absent))
	commit(t, s, "c2", store.Put(item(key("a"), "2"), 1))
	if got := get(t, s, key("a")); got.Version != 2 || got.CommitID != "c2" {
		t.Errorf("version %d by %s, want 2 by c2", got.Version, got.CommitID)
	}
	commit(t, s, "c3", store.Put(item(key("a"), "3"), store.Any))
	if got := get(t, s, key("a")); got.Version != 0 {
		t.Errorf("version %d after a put that expected nothing, want 0", got.Version)
	}
	err := s.Commit(t.Context(), "c4", store.Put(item(key("a"), "4"), 1))
	wantError(t, "put that expects a version of an item that has none", err, store.ErrConflict)
	commit(t, s, "c5", store.Put(item(key("b"), "1"), store.Absent), store.Put(item(key("c"), "1"), store.Any))
	if b, c := get(t, s, key("b")), get(t, s, key("c")); b.Version != 1 || c.Version != 0 {
		t.Errorf("versions %d and %d, want 1 and 0", b.Version, c.Version)
	}
}

func testExpectations(t *testing.T, s store.Store) {
	ctx := t.Context()
	commit(t, s, "c1", store.Put(item(key("a"), "A"), store.Absent))
	for what, change := range map[string]store.Change{
		"put that expects absent":    store.Put(item(key("a"), "x"), store.Absent),
		"put that expects another":   store.Put(item(key("a"), "x"), 2),
		"put that expects a ghost":   store.Put(item(key("b"), "x"), 1),
		"delete of another version":  store.Delete(key("a"), 2),
		"delete of a ghost":          store.Delete(key("b"), 1),
		"check of another version":   store.Check(key("a"), 2),
		"check that it is absent":    store.Check(key("a"), store.Absent),
		"check of a ghost's version": store.Check(key("b"), 1),
	} {
		wantError(t, what, s.Commit(ctx, "no-"+what, change), store.ErrConflict)
		err := s.Commit(ctx, "n2-"+what, change, store.Put(item(key("z"), "x"), store.Any))
		wantError(t, what+", beside another", err, store.ErrConflict)
	}
	wantText(t, s, key("a"), "A")
	wantText(t, s, key("z"), "")
	commit(t, s, "c2", store.Check(key("a"), 1), store.Check(key("b"), store.Absent),
		store.Put(item(key("d"), "D"), store.Absent))
	commit(t, s, "c3", store.Check(key("a"), 1))
	commit(t, s, "c4", store.Delete(key("none"), store.Any))
	commit(t, s, "c5", store.Delete(key("a"), 1), store.Delete(key("d"), store.Any))
	wantText(t, s, key("a"), "")
	wantText(t, s, key("d"), "")
	commit(t, s, "c6", store.Put(item(key("a"), "again"), store.Absent))
	if v := get(t, s, key("a")).Version; v != 1 {
		t.Errorf("version %d of an item that was deleted and put again, want 1", v)
	}
}

func testAllOrNothing(t *testing.T, s store.Store) {
	commit(t, s, "c1", store.Put(item(key("a"), "A"), store.Absent), store.Put(item(key("b"), "B"), store.Absent))
	err := s.Commit(t.Context(), "c2", store.Put(item(key("a"), "A2"), 1), store.Delete(key("b"), 1),
		store.Put(item(key("c"), "C"), store.Absent),
		store.Put(item(store.Key{Table: store.Codes, Partition: "p", Sort: "s"}, "x"), 5))
	wantError(t, "commit with one expectation that fails", err, store.ErrConflict)
	wantText(t, s, key("a"), "A")
	wantText(t, s, key("b"), "B")
	wantText(t, s, key("c"), "")
}

// Of fifty who expect the same version, or that nothing is there, one wins.
func testLostRaces(t *testing.T, s store.Store) {
	commit(t, s, "c1", store.Put(item(key("a"), "A"), store.Absent))
	for what, changes := range map[string]func(i int) []store.Change{
		"one item": func(i int) []store.Change { return []store.Change{store.Put(item(key("a"), fmt.Sprint(i)), 1)} },
		"two items": func(i int) []store.Change {
			own := store.Put(item(key(fmt.Sprint("own", i)), "x"), store.Any)
			return []store.Change{store.Put(item(key("new"), fmt.Sprint(i)), store.Absent), own}
		},
	} {
		const racers = 50
		errs := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			wg.Go(func() { errs[i] = s.Commit(t.Context(), fmt.Sprint(what, i), changes(i)...) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("%s: %v, want %v", what, err, store.ErrConflict)
			}
		}
		if won != 1 {
			t.Errorf("%s: %d won, want 1", what, won)
		}
	}
}

// Who repeats a commit under its id because the answer was lost finds that it has happened.
func testRepeat(t *testing.T, s store.Store) {
	one := store.Put(item(key("a"), "A"), store.Absent)
	commit(t, s, "c1", one)
	commit(t, s, "c1", one)
	if v := get(t, s, key("a")).Version; v != 1 {
		t.Errorf("version %d after a repeated put, want 1", v)
	}
	many := []store.Change{
		store.Put(item(key("a"), "A2"), 1), store.Put(item(key("b"), "B"), store.Absent),
		store.Check(key("none"), store.Absent),
	}
	commit(t, s, "c2", many...)
	commit(t, s, "c2", many...)
	if a, b := get(t, s, key("a")).Version, get(t, s, key("b")).Version; a != 2 || b != 1 {
		t.Errorf("versions %d and %d after a repeated commit, want 2 and 1", a, b)
	}
	// Somebody else wrote one of the items in between: it has happened all the same, and what came after stays.
	commit(t, s, "c3", store.Put(item(key("b"), "B3"), 1))
	commit(t, s, "c2", many...)
	wantText(t, s, key("b"), "B3")
	withDelete := []store.Change{store.Delete(key("b"), 2), store.Put(item(key("d"), "D"), store.Absent)}
	commit(t, s, "c4", withDelete...)
	commit(t, s, "c4", withDelete...)
	wantError(t, "the same changes under another id", s.Commit(t.Context(), "c5", withDelete...), store.ErrConflict)
	// What is written without a version tells as well, and is not written again over what came after.
	free := []store.Change{
		store.Put(item(key("x"), "X6"), store.Any), store.Put(item(key("y"), "Y6"), store.Any), store.Delete(key("d"), 1),
	}
	commit(t, s, "c6", free...)
	commit(t, s, "c7", store.Put(item(key("y"), "Y7"), store.Any))
	commit(t, s, "c6", free...)
	wantText(t, s, key("x"), "X6")
	wantText(t, s, key("y"), "Y7")
	alone := store.Put(item(key("z"), "Z"), store.Any)
	commit(t, s, "c8", alone)
	commit(t, s, "c8", alone)
}

func testInvalidCommits(t *testing.T, s store.Store) {
	long := strings.Repeat("x", 2000)
	for what, changes := range map[string][]store.Change{
		"nothing":               nil,
		"an item twice":         {store.Put(item(key("a"), "1"), store.Any), store.Put(item(key("a"), "2"), store.Any)},
		"an item put and gone":  {store.Put(item(key("a"), "1"), store.Any), store.Delete(key("a"), store.Any)},
		"an item put and check": {store.Put(item(key("a"), "1"), store.Any), store.Check(key("a"), store.Absent)},
		"no sort key":           {store.Put(item(key(""), "1"), store.Any)},
		"long key":              {store.Put(item(key(long), "1"), store.Any)},
		"bad UTF-8 key":         {store.Put(item(key("\xff"), "1"), store.Any)},
		"no table":              {store.Put(item(store.Key{Partition: "a", Sort: "b"}, "1"), store.Any)},
		"check of anything":     {store.Check(key("a"), store.Any)},
		"delete of the absent":  {store.Delete(key("a"), store.Absent)},
		"nil value":             {store.Put(store.Item{Key: key("a"), Fields: store.Fields{"x": nil}}, store.Any)},
		"bad field name":        {store.Put(store.Item{Key: key("a"), Fields: store.Fields{"a b": store.Text("")}}, store.Any)},
		"bad UTF-8":             {store.Put(item(key("a"), "\xff"), store.Any)},
		"pointer to a value":    {store.Put(store.Item{Key: key("a"), Fields: store.Fields{"x": new(store.Text)}}, store.Any)},
		"expectation below Any": {store.Put(item(key("a"), "1"), -2)},
		"no operation":          {{Item: item(key("a"), "1")}},
	} {
		wantError(t, what, s.Commit(t.Context(), "c1", changes...), store.ErrInvalid)
	}
	wantError(t, "no id", s.Commit(t.Context(), "", store.Put(item(key("a"), "1"), store.Any)), store.ErrInvalid)
	wantText(t, s, key("a"), "")
}

func testManyChanges(t *testing.T, s store.Store) {
	changes := make([]store.Change, store.MaxChanges)
	for i := range changes {
		changes[i] = store.Put(item(key(fmt.Sprintf("%03d", i)), "x"), store.Absent)
	}
	commit(t, s, "c1", changes...)
	var keys []store.Key
	for _, c := range changes {
		keys = append(keys, c.Item.Key)
	}
	items, err := s.Get(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Version != 1 {
			t.Errorf("%s has version %d", i.Key, i.Version)
		}
	}
	more := append(changes, store.Put(item(key("more"), "x"), store.Absent))
	wantError(t, "101 changes", s.Commit(t.Context(), "c2", more...), store.ErrInvalid)
	_, err = s.Get(t.Context(), append(keys, key("more"))...)
	wantError(t, "Get of 101 keys", err, store.ErrInvalid)
}

func testLargeItems(t *testing.T, s store.Store) {
	large := item(key("large"), "")
	large.Fields["text"] = store.Text(strings.Repeat("x", store.MaxItemBytes-large.Size()))
	// Long numbers: a store counts them in its own way, and must not find more than Size does.
	numbers := store.Item{Key: key("numbers"), Fields: store.Fields{"n00000": store.Number(math.MinInt64)}}
	one := numbers.Size() - store.Item{Key: numbers.Key}.Size()
	for i := range (store.MaxItemBytes - numbers.Size()) / one {
		numbers.Fields[fmt.Sprintf("n%05d", i+1)] = store.Number(math.MinInt64 + i)
	}
	for _, i := range []store.Item{large, numbers} {
		commit(t, s, "c-"+i.Sort, store.Put(i, store.Absent))
		if d := cmp.Diff(i, get(t, s, i.Key), cmpopts.IgnoreFields(store.Item{}, "Version", "CommitID")); d != "" {
			t.Errorf("item %s of %d bytes did not come back as it was", i.Sort, i.Size())
		}
	}
	large.Fields["text"] = large.Fields["text"].(store.Text) + "x"
	wantError(t, "an item over 400 KB", s.Commit(t.Context(), "c2", store.Put(large, store.Any)), store.ErrInvalid)
}

func testExpiry(t *testing.T, s store.Store) {
	i := item(key("a"), "A")
	i.Expires, i.Due = now.Add(1500*time.Millisecond), now.Add(1500*time.Microsecond)
	commit(t, s, "c1", store.Put(i, store.Absent))
	got := get(t, s, key("a"))
	if !got.Expires.Equal(now.Add(time.Second)) || got.Expires.Location() != time.UTC {
		t.Errorf("expires %s, want whole seconds in UTC", got.Expires)
	}
	if !got.Due.Equal(now.Add(time.Millisecond)) {
		t.Errorf("due %s, want whole milliseconds", got.Due)
	}
	commit(t, s, "c2", store.Put(item(key("a"), "B"), 1))
	if got := get(t, s, key("a")); !got.Expires.IsZero() || !got.Due.IsZero() {
		t.Errorf("dates %s and %s stay after a put without", got.Expires, got.Due)
	}
}

func testNoSharedMemory(t *testing.T, s store.Store) {
	b := store.Bytes("before")
	mine := store.Item{Key: key("a"), Fields: store.Fields{"b": b}}
	commit(t, s, "c1", store.Put(mine, store.Absent))
	copy(b, "AFTER!")
	mine.Fields["more"] = store.Text("x")
	first := get(t, s, key("a"))
	if got := string(first.Fields["b"].(store.Bytes)); got != "before" || len(first.Fields) != 1 {
		t.Errorf("the store saw what its caller did later: %q, %v", got, first.Fields)
	}
	copy(first.Fields["b"].(store.Bytes), "AFTER!")
	if got := string(get(t, s, key("a")).Fields["b"].(store.Bytes)); got != "before" {
		t.Errorf("a reader changed what is stored: %q", got)
	}
}

func testContext(t *testing.T, s store.Store) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		for what, err := range map[string]error{
			"Get":         second(s.Get(ctx, key("a"))),
			"Get of many": second(s.Get(ctx, key("a"), key("b"))),
			"Query":       second(s.Query(ctx, store.Query{Table: store.Operators, Partition: "acme", Limit: 1})),
			"Due":         second(s.Due(ctx, store.Outbox, 0, now, 1, "")),
			"Commit":      s.Commit(ctx, "c1", store.Put(item(key("a"), "A"), store.Any)),
			"Commit of two": s.Commit(ctx, "c1", store.Put(item(key("a"), "A"), store.Any),
				store.Put(item(key("b"), "B"), store.Any)),
			"Take": second(s.Take(ctx, patience, 1, now)),
			"Give": s.Give(ctx, patience, 1, now),
		} {
			wantError(t, what+" with an ended context", err, store.ErrUnavailable)
			wantError(t, what+" with an ended context", err, ctx.Err())
		}
	}
	wantText(t, s, key("a"), "")
}
