package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/store"
)

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
		{store.Query{Prefix: "v#"}, "v#"},
		{store.Query{Prefix: "zz", Reverse: true}, ""},
		{store.Query{To: "zz", Reverse: true}, "v# u#ü u#b u#ab u#a n#x e#a"},
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
}

func testInvalidQueries(t *testing.T, s store.Store) {
	commit(t, s, "c1", store.Put(item(key("a"), ""), store.Any), store.Put(item(key("b"), ""), store.Any))
	p, err := s.Query(t.Context(), store.Query{Table: store.Operators, Partition: "acme", Limit: 1})
	if err != nil || p.Next == "" {
		t.Fatalf("first page: %+v, %v", p, err)
	}
	for what, change := range map[string]func(*store.Query){
		"no table":               func(q *store.Query) { q.Table = "" },
		"no partition":           func(q *store.Query) { q.Partition = "" },
		"long partition":         func(q *store.Query) { q.Partition = strings.Repeat("x", 2000) },
		"long prefix":            func(q *store.Query) { q.Prefix = strings.Repeat("x", 2000) },
		"bad UTF-8":              func(q *store.Query) { q.From = "\xff" },
		"no limit":               func(q *store.Query) { q.Limit = 0 },
		"large limit":            func(q *store.Query) { q.Limit = 1001 },
		"prefix and range":       func(q *store.Query) { q.Prefix, q.From = "a", "b" },
		"garbage cursor":         func(q *store.Query) { q.Cursor = "%%%" },
		"foreign cursor":         func(q *store.Query) { q.Cursor = "Z2FyYmFnZQ" },
		"cut cursor":             func(q *store.Query) { q.Cursor = p.Next[:1] },
		"cursor outside prefix":  func(q *store.Query) { q.Prefix, q.Cursor = "b", p.Next },
		"cursor before range":    func(q *store.Query) { q.From, q.Cursor = "b", p.Next },
		"cursor behind range":    func(q *store.Query) { q.To, q.Cursor = "A", p.Next },
		"cursor of a due index":  func(q *store.Query) { q.Cursor = store.DueCursor(key("a"), now) },
		"cursor to no sort key":  func(q *store.Query) { q.Cursor = store.QueryCursor("") },
		"cursor to a broken key": func(q *store.Query) { q.Cursor = store.QueryCursor("\xff") },
	} {
		q := store.Query{Table: store.Operators, Partition: "acme", Limit: 1}
		change(&q)
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
	queries := []store.Query{{}, {Prefix: "s"}, {Prefix: "s1"}, {From: "s03", To: "s20"}, {To: "s11"}, {From: "s07"}}
	for _, limit := range []int{1, 7, 25, 26} {
		for _, q := range queries {
			for _, reverse := range []bool{false, true} {
				q.Table, q.Partition, q.Limit, q.Reverse, q.Cursor = store.Operators, "acme", limit, reverse, ""
				want := slices.DeleteFunc(slices.Clone(all), func(s string) bool {
					return !strings.HasPrefix(s, q.Prefix) || s < q.From || q.To != "" && s >= q.To
				})
				if reverse {
					slices.Reverse(want)
				}
				if got := allPages(t, s, q); !slices.Equal(got, want) {
					t.Errorf("limit %d, reverse %t: got %v, want %v", limit, reverse, got, want)
				}
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
	if p, err = s.Query(t.Context(), q); err != nil || !strings.HasPrefix(sorts(p), "s095 s10") {
		t.Errorf("after the item at the cursor is gone: %v, %v", sorts(p), err)
	}
}

// allPages follows the cursors to the end.
func allPages(t *testing.T, s store.Store, q store.Query) (got []string) {
	t.Helper()
	for range 40 {
		p, err := s.Query(t.Context(), q)
		if err != nil || len(p.Items) > q.Limit {
			t.Fatalf("%+v: %d items, %v", q, len(p.Items), err)
		}
		for _, i := range p.Items {
			got = append(got, i.Sort)
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return got
		}
	}
	t.Fatalf("%+v: no end", q)
	return nil
}

func sorts(p store.Page) string {
	var all []string
	for _, i := range p.Items {
		all = append(all, i.Sort)
	}
	return strings.Join(all, " ")
}

func testDue(t *testing.T, s store.Store) {
	at := func(sort string, due time.Time) store.Item {
		k := store.Key{Table: store.Outbox, Partition: "acme", Sort: sort}
		return store.Item{Key: k, Due: due, Fields: store.Fields{"x": store.Number(1)}}
	}
	want := map[string]int{}
	for i := range 60 {
		sort := fmt.Sprintf("m%02d", i)
		commit(t, s, "c"+sort, store.Put(at(sort, now.Add(time.Duration(i)*time.Millisecond)), store.Absent))
		want[sort] = 1
	}
	commit(t, s, "later", store.Put(at("later", now.Add(time.Hour)), store.Absent))
	commit(t, s, "never", store.Put(at("never", time.Time{}), store.Absent))
	notice := store.Key{Table: store.Notices, Partition: "acme", Sort: "n"}
	commit(t, s, "elsewhere", store.Put(store.Item{Key: notice, Due: now}, store.Absent))
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
}

// Times are ordered as such, whatever a store makes of them.
func testDueBefore1970(t *testing.T, s store.Store) {
	first := store.Key{Table: store.Outbox, Partition: "acme", Sort: "first"}
	then := store.Key{Table: store.Outbox, Partition: "acme"}
	for i := 0; then.Sort == "" || then.Shard() != first.Shard(); i++ {
		then.Sort = fmt.Sprint(i)
	}
	commit(t, s, "c1", store.Put(store.Item{Key: first, Due: time.UnixMilli(-5)}, store.Absent),
		store.Put(store.Item{Key: then, Due: time.UnixMilli(5)}, store.Absent))
	for until, want := range map[int64]string{-6: "", -5: "first", 4: "first", 5: "first " + then.Sort} {
		p, err := s.Due(t.Context(), store.Outbox, first.Shard(), time.UnixMilli(until), 10, "")
		if err != nil || sorts(p) != want {
			t.Errorf("due until %d ms: got %q, %v, want %q", until, sorts(p), err, want)
		}
	}
}

func testDueCursors(t *testing.T, s store.Store) {
	k := store.Key{Table: store.Outbox, Partition: "acme", Sort: "m"}
	shard, other := k.Shard(), (k.Shard()+1)%store.DueShards
	cursor := store.DueCursor(k, now)
	// The item that a page ended at need not be there any more.
	if _, err := s.Due(t.Context(), store.Outbox, shard, now, 1, cursor); err != nil {
		t.Errorf("Due behind an item that is gone: %v", err)
	}
	for what, err := range map[string]error{
		"no table":                second(s.Due(t.Context(), "", 0, now, 1, "")),
		"shard 16":                second(s.Due(t.Context(), store.Outbox, 16, now, 1, "")),
		"shard -1":                second(s.Due(t.Context(), store.Outbox, -1, now, 1, "")),
		"no limit":                second(s.Due(t.Context(), store.Outbox, 0, now, 0, "")),
		"large limit":             second(s.Due(t.Context(), store.Outbox, 0, now, 1001, "")),
		"garbage cursor":          second(s.Due(t.Context(), store.Outbox, shard, now, 1, "???")),
		"cut cursor":              second(s.Due(t.Context(), store.Outbox, shard, now, 1, cursor[:8])),
		"cursor of another shard": second(s.Due(t.Context(), store.Outbox, other, now, 1, cursor)),
		"cursor of later":         second(s.Due(t.Context(), store.Outbox, shard, now.Add(-time.Second), 1, cursor)),
		"cursor of a query":       second(s.Due(t.Context(), store.Outbox, shard, now, 1, store.QueryCursor("m"))),
	} {
		wantError(t, what, err, store.ErrInvalid)
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
