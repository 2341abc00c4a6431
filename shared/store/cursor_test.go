package store

import (
	"errors"
	"testing"
	"time"
)

func FuzzQueryCursor(f *testing.F) {
	f.Add(QueryCursor("s"), "", "", "")
	f.Add(QueryCursor("grüße"), "gr", "", "")
	f.Add(DueCursor(Key{Outbox, "p", "s"}, time.UnixMilli(5)), "", "a", "z")
	f.Add("c", "", "", "")
	f.Fuzz(func(t *testing.T, cursor, prefix, from, to string) {
		q := Query{Table: Operators, Partition: "p", Limit: 1, Cursor: cursor, Prefix: prefix, From: from, To: to}
		sort, err := OpenQueryCursor(q)
		switch {
		case err != nil && !errors.Is(err, ErrInvalid):
			t.Errorf("got %v, want %v", err, ErrInvalid)
		case err == nil && cursor != "" && QueryCursor(sort) != cursor:
			t.Errorf("%q opens to %q, whose cursor is %q", cursor, sort, QueryCursor(sort))
		}
	})
}

func FuzzDueCursor(f *testing.F) {
	k := Key{Outbox, "p", "s"}
	f.Add(DueCursor(k, time.UnixMilli(5)), k.Shard())
	f.Add(DueCursor(Key{Outbox, "grüße", "s"}, time.UnixMilli(-5)), 3)
	f.Add(QueryCursor("s"), 0)
	f.Add("ZAAAAAAAAAAF_____w", 0)
	f.Fuzz(func(t *testing.T, cursor string, shard int) {
		k, due, err := OpenDueCursor(cursor, Outbox, shard, time.UnixMilli(1000))
		switch {
		case err != nil && !errors.Is(err, ErrInvalid):
			t.Errorf("got %v, want %v", err, ErrInvalid)
		case err == nil && (DueCursor(k, due) != cursor || k.Shard() != shard || due.UnixMilli() > 1000):
			t.Errorf("%q opens to %s at %s, whose cursor is %q", cursor, k, due, DueCursor(k, due))
		}
	})
}

// Where an item stands in the due index is stored with it: code that computed another shard would look for it in vain.
func TestShardsStayWhatTheyAre(t *testing.T) {
	for k, want := range map[Key]int{
		{Outbox, "acme", "m1"}:    3,
		{Outbox, "acme", "m2"}:    6,
		{Notices, "acme", "m1"}:   3,
		{Outbox, "ac", "mem1"}:    15,
		{Operators, "ü", "grüße"}: 9,
	} {
		if got := k.Shard(); got != want {
			t.Errorf("%s stands in shard %d, want %d", k, got, want)
		}
	}
}
