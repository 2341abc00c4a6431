// Package storetest is the contract of package store in executable form: every adapter passes it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/shared/limit"
	"postern/shared/store"
)

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// Run runs the suite. open gives an empty store for each test, which the test leaves to it to close.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"PutAndGet", testPutAndGet}, {"FieldTypes", testFieldTypes}, {"Versions", testVersions}, {"Expectations", testExpectations},
		{"AllOrNothing", testAllOrNothing}, {"LostRaces", testLostRaces}, {"RepeatAfterLostReply", testRepeat},
		{"InvalidCommits", testInvalidCommits}, {"ManyChanges", testManyChanges}, {"LargeItems", testLargeItems},
		{"Query", testQuery}, {"QueryCursors", testQueryCursors}, {"Due", testDue}, {"Expiry", testExpiry}, {"Take", testTake},
		{"TakeInParallel", testTakeInParallel}, {"Give", testGive}, {"BudgetsAreApart", testBudgetsApart},
		{"NoSharedMemory", testNoSharedMemory}, {"Context", testContext},
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
		"text": store.Text("grüße, 世界\x00\n"), "empty": store.Text(""), "least": store.Number(math.MinInt64),
		"most": store.Number(math.MaxInt64), "zero": store.Number(0), "bytes": store.Bytes{0, 255, 1}, "none": store.Bytes{},
		"yes": store.Bool(true), "no": store.Bool(false), "dotted.name-1_x": store.Text("x"), "pk": store.Text("mine"), "ttl": store.Number(7),
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
	wantError(t, "put that expects a version of an item that has none", s.Commit(t.Context(), "c4", store.Put(item(key("a"), "4"), 1)), store.ErrConflict)
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
		wantError(t, what+", beside another", s.Commit(ctx, "n2-"+what, change, store.Put(item(key("z"), "x"), store.Any)), store.ErrConflict)
	}
	wantText(t, s, key("a"), "A")
	wantText(t, s, key("z"), "")
	commit(t, s, "c2", store.Check(key("a"), 1), store.Check(key("b"), store.Absent), store.Put(item(key("d"), "D"), store.Absent))
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
	err := s.Commit(t.Context(), "c2", store.Put(item(key("a"), "A2"), 1), store.Delete(key("b"), 1), store.Put(item(key("c"), "C"), store.Absent),
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
			return []store.Change{store.Put(item(key("new"), fmt.Sprint(i)), store.Absent), store.Put(item(key(fmt.Sprint("own", i)), "x"), store.Any)}
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
	many := []store.Change{store.Put(item(key("a"), "A2"), 1), store.Put(item(key("b"), "B"), store.Absent), store.Check(key("none"), store.Absent)}
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
	commit(t, s, "c6", store.Put(item(key("any"), "1"), store.Any))
	commit(t, s, "c6", store.Put(item(key("any"), "1"), store.Any))
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
	large := item(key("large"), strings.Repeat("x", store.MaxItemBytes-1024))
	commit(t, s, "c1", store.Put(large, store.Absent))
	if d := cmp.Diff(large, get(t, s, key("large")), cmpopts.IgnoreFields(store.Item{}, "Version", "CommitID")); d != "" {
		t.Error("a large item did not come back as it was")
	}
	err := s.Commit(t.Context(), "c2", store.Put(item(key("larger"), strings.Repeat("x", store.MaxItemBytes)), store.Absent))
	wantError(t, "an item over 400 KB", err, store.ErrInvalid)
}

func sorts(p store.Page) string {
	var all []string
	for _, i := range p.Items {
		all = append(all, i.Sort)
	}
	return strings.Join(all, " ")
}

func testQuery(t *testing.T, s store.Store) {
	for i, sort := range []string{"e#a", "n#x", "u#a", "u#ab", "u#b", "u#ü", "v#"} {
		commit(t, s, fmt.Sprint("c", i), store.Put(item(key(sort), sort), store.Absent))
	}
	// Neighbours: another partition that begins alike, another table.
	commit(t, s, "n1", store.Put(item(store.Key{Table: store.Operators, Partition: "acme2", Sort: "u#no"}, ""), store.Absent))
	commit(t, s, "n2", store.Put(item(store.Key{Table: store.Operators, Partition: "acm", Sort: "u#no"}, ""), store.Absent))
	commit(t, s, "n3", store.Put(item(store.Key{Table: store.Codes, Partition: "acme", Sort: "u#no"}, ""), store.Absent))
	for _, c := range []struct {
		q    store.Query
		want string
	}{
		{store.Query{}, "e#a n#x u#a u#ab u#b u#ü v#"},
		{store.Query{Reverse: true}, "v# u#ü u#b u#ab u#a n#x e#a"},
		{store.Query{Prefix: "u#"}, "u#a u#ab u#b u#ü"},
		{store.Query{Prefix: "u#a"}, "u#a u#ab"},
		{store.Query{Prefix: "u#", Reverse: true}, "u#ü u#b u#ab u#a"},
		{store.Query{Prefix: "none"}, ""},
		{store.Query{From: "n#x", To: "u#b"}, "n#x u#a u#ab"},
		{store.Query{From: "n#x", To: "u#b", Reverse: true}, "u#ab u#a n#x"},
		{store.Query{From: "u#b"}, "u#b u#ü v#"},
		{store.Query{To: "u#a"}, "e#a n#x"},
		{store.Query{To: "u#a", Reverse: true}, "n#x e#a"},
		{store.Query{From: "w", To: "z"}, ""},
		{store.Query{From: "z", To: "a"}, ""},
		{store.Query{Limit: 2}, "e#a n#x"},
		{store.Query{Limit: 2, Reverse: true}, "v# u#ü"},
	} {
		c.q.Table, c.q.Partition = store.Operators, "acme"
		if c.q.Limit == 0 {
			c.q.Limit = 100
		}
		p, err := s.Query(t.Context(), c.q)
		if err != nil {
			t.Errorf("%+v: %v", c.q, err)
		} else if got := sorts(p); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.q, got, c.want)
		}
	}
	for what, q := range map[string]store.Query{
		"no partition": {Table: store.Operators, Limit: 1}, "no limit": {Table: store.Operators, Partition: "a"},
		"large limit":      {Table: store.Operators, Partition: "a", Limit: 1001},
		"prefix and range": {Table: store.Operators, Partition: "a", Limit: 1, Prefix: "a", From: "b"},
		"garbage cursor":   {Table: store.Operators, Partition: "a", Limit: 1, Cursor: "%%%"},
		"foreign cursor":   {Table: store.Operators, Partition: "a", Limit: 1, Cursor: "Z2FyYmFnZQ"},
	} {
		_, err := s.Query(t.Context(), q)
		wantError(t, what, err, store.ErrInvalid)
	}
}

// Pages of every size, in both directions, with writes in between, show each item that stays once.
func testQueryCursors(t *testing.T, s store.Store) {
	var all []string
	for i := range 25 {
		all = append(all, fmt.Sprintf("s%02d", i))
		commit(t, s, fmt.Sprint("c", i), store.Put(item(key(all[i]), "x"), store.Absent))
	}
	for _, limit := range []int{1, 7, 25, 26} {
		for _, reverse := range []bool{false, true} {
			var got []string
			q := store.Query{Table: store.Operators, Partition: "acme", Prefix: "s", Limit: limit, Reverse: reverse}
			for pages := 0; ; pages++ {
				p, err := s.Query(t.Context(), q)
				if err != nil || pages > 30 {
					t.Fatalf("page %d: %v", pages, err)
				}
				for _, i := range p.Items {
					got = append(got, i.Sort)
				}
				if q.Cursor = p.Next; q.Cursor == "" {
					break
				}
			}
			want := slices.Clone(all)
			if reverse {
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("limit %d, reverse %t: got %v", limit, reverse, got)
			}
		}
	}
	q := store.Query{Table: store.Operators, Partition: "acme", Limit: 10}
	p, err := s.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, "gone", store.Delete(key("s09"), store.Any), store.Put(item(key("s095"), "new"), store.Absent))
	q.Cursor = p.Next
	if p, err = s.Query(t.Context(), q); err != nil || p.Items[0].Sort != "s095" {
		t.Errorf("after the item at the cursor is gone: %v, %v", sorts(p), err)
	}
}

func due(t *testing.T, s store.Store, until time.Time, limit int) map[string]int {
	t.Helper()
	found := map[string]int{}
	for shard := range store.DueShards {
		last := time.Time{}
		for cursor := ""; ; {
			p, err := s.Due(t.Context(), store.Outbox, shard, until, limit, cursor)
			if err != nil {
				t.Fatalf("Due: %v", err)
			}
			for _, i := range p.Items {
				if i.Due.Before(last) {
					t.Errorf("shard %d is out of order", shard)
				}
				last = i.Due
				if i.Shard() != shard {
					t.Errorf("%s stands in shard %d, want %d", i.Key, shard, i.Shard())
				}
				found[i.Sort]++
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
	}
	return found
}

func testDue(t *testing.T, s store.Store) {
	at := func(sort string, due time.Time) store.Item {
		return store.Item{Key: store.Key{Table: store.Outbox, Partition: "acme", Sort: sort}, Due: due, Fields: store.Fields{"x": store.Number(1)}}
	}
	want := map[string]int{}
	for i := range 60 {
		sort := fmt.Sprintf("m%02d", i)
		commit(t, s, "c"+sort, store.Put(at(sort, now.Add(time.Duration(i)*time.Millisecond)), store.Absent))
		want[sort] = 1
	}
	commit(t, s, "later", store.Put(at("later", now.Add(time.Hour)), store.Absent))
	commit(t, s, "never", store.Put(at("never", time.Time{}), store.Absent))
	commit(t, s, "elsewhere", store.Put(store.Item{Key: store.Key{Table: store.Notices, Partition: "acme", Sort: "n"}, Due: now}, store.Absent))
	for _, limit := range []int{1, 3, 100} {
		if d := cmp.Diff(want, due(t, s, now.Add(59*time.Millisecond), limit)); d != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, d)
		}
	}
	if got := due(t, s, now.Add(-time.Millisecond), 10); len(got) != 0 {
		t.Errorf("%v are due too early", got)
	}
	// It leaves the index with its date, with the item, or for another date.
	commit(t, s, "u1", store.Put(at("m00", time.Time{}), 1))
	commit(t, s, "u2", store.Delete(at("m01", now).Key, 1))
	commit(t, s, "u3", store.Put(at("m02", now.Add(2*time.Hour)), store.Any))
	delete(want, "m00")
	delete(want, "m01")
	delete(want, "m02")
	if d := cmp.Diff(want, due(t, s, now.Add(time.Minute), 100)); d != "" {
		t.Errorf("after changes (-want +got):\n%s", d)
	}
	if got := get(t, s, at("m02", now).Key); !got.Due.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("due at %s", got.Due)
	}
	for what, f := range map[string]func() error{
		"shard 16":  func() error { _, err := s.Due(t.Context(), store.Outbox, 16, now, 1, ""); return err },
		"shard -1":  func() error { _, err := s.Due(t.Context(), store.Outbox, -1, now, 1, ""); return err },
		"limit 0":   func() error { _, err := s.Due(t.Context(), store.Outbox, 0, now, 0, ""); return err },
		"no cursor": func() error { _, err := s.Due(t.Context(), store.Outbox, 0, now, 1, "???"); return err },
	} {
		wantError(t, what, f(), store.ErrInvalid)
	}
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

var patience = limit.Budget{Key: "test/patience", Burst: 3, Every: time.Minute}

func take(t *testing.T, s store.Store, b limit.Budget, n int, at time.Time) store.Taken {
	t.Helper()
	taken, err := s.Take(t.Context(), b, n, at)
	if err != nil {
		t.Fatalf("Take %d at %s: %v", n, at, err)
	}
	return taken
}

func testTake(t *testing.T, s store.Store) {
	for i := range 3 {
		if got := take(t, s, patience, 1, now); !got.OK {
			t.Fatalf("take %d is refused: %v", i, got)
		}
	}
	if got := take(t, s, patience, 1, now); got.OK || got.Wait != time.Minute {
		t.Errorf("fourth take: %+v, want to wait a minute", got)
	}
	if got := take(t, s, patience, 2, now.Add(30*time.Second)); got.OK || got.Wait != 90*time.Second {
		t.Errorf("two half a minute later: %+v, want to wait 90 s", got)
	}
	if got := take(t, s, patience, 1, now.Add(time.Minute)); !got.OK {
		t.Errorf("a minute later: %+v", got)
	}
	if got := take(t, s, patience, 3, now.Add(time.Hour)); !got.OK {
		t.Errorf("all, an hour later: %+v", got)
	}
	counter := get(t, s, store.Counter(patience))
	if want := now.Add(time.Hour + 3*time.Minute); !store.TAT(counter).Equal(want) {
		t.Errorf("the counter stands at %s, want %s", store.TAT(counter), want)
	}
	if e := counter.Expires; e.Before(store.TAT(counter)) || e.After(store.TAT(counter).Add(time.Minute)) {
		t.Errorf("the counter expires %s, want when it is full", e)
	}
	for _, n := range []int{0, -1, 4} {
		_, err := s.Take(t.Context(), patience, n, now)
		wantError(t, fmt.Sprintf("take of %d", n), err, store.ErrInvalid)
	}
}

// However many ask at the same moment, as many get one as there are.
func testTakeInParallel(t *testing.T, s store.Store) {
	b := limit.Budget{Key: "test/parallel", Burst: 10, Every: time.Minute}
	for round, at := range []time.Time{now, now.Add(5 * time.Minute)} {
		const takers = 60
		got := make([]store.Taken, takers)
		errs := make([]error, takers)
		var wg sync.WaitGroup
		for i := range takers {
			wg.Go(func() { got[i], errs[i] = s.Take(t.Context(), b, 1, at) })
		}
		wg.Wait()
		ok := 0
		for i := range takers {
			if errs[i] != nil {
				t.Errorf("taker %d: %v", i, errs[i])
			} else if got[i].OK {
				ok++
			}
		}
		if want := []int{10, 5}[round]; ok != want {
			t.Errorf("round %d: %d of %d got one, want %d", round, ok, takers, want)
		}
	}
}

func testGive(t *testing.T, s store.Store) {
	give := func(n int, at time.Time) {
		t.Helper()
		if err := s.Give(t.Context(), patience, n, at); err != nil {
			t.Fatalf("Give %d: %v", n, err)
		}
	}
	give(1, now) // nothing was taken
	if got := take(t, s, patience, 3, now); !got.OK {
		t.Fatalf("take after a gift to a full budget: %+v", got)
	}
	if got := take(t, s, patience, 1, now); got.OK {
		t.Error("a gift made the budget more than full")
	}
	give(1, now)
	if got := take(t, s, patience, 1, now); !got.OK {
		t.Errorf("take of what was given back: %+v", got)
	}
	give(3, now.Add(2*time.Minute)) // two are earned back, one is owed: full, and no more
	if got := take(t, s, patience, 3, now.Add(2*time.Minute)); !got.OK {
		t.Errorf("take of all: %+v", got)
	}
	if got := take(t, s, patience, 1, now.Add(2*time.Minute)); got.OK {
		t.Error("more than full")
	}
	wantError(t, "gift of nothing", s.Give(t.Context(), patience, 0, now), store.ErrInvalid)
}

// Spending other budgets, any number of them, changes nothing of one.
func testBudgetsApart(t *testing.T, s store.Store) {
	take(t, s, patience, 3, now)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				if _, err := s.Take(t.Context(), limit.Budget{Key: fmt.Sprintf("test/other/%d/%d", w, i), Burst: 1, Every: time.Minute}, 1, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := take(t, s, patience, 1, now); got.OK {
		t.Error("the budget was forgotten")
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
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range map[string]error{
		"Get":    second(s.Get(ctx, key("a"))),
		"Query":  second(s.Query(ctx, store.Query{Table: store.Operators, Partition: "acme", Limit: 1})),
		"Due":    second(s.Due(ctx, store.Outbox, 0, now, 1, "")),
		"Commit": s.Commit(ctx, "c1", store.Put(item(key("a"), "A"), store.Any)),
		"Take":   second(s.Take(ctx, patience, 1, now)),
		"Give":   s.Give(ctx, patience, 1, now),
	} {
		wantError(t, what+" with an ended context", err, store.ErrUnavailable)
	}
	wantText(t, s, key("a"), "")
}

func second[T any](_ T, err error) error { return err }
