package bolt

import (
	"bytes"
	"context"
	"time"

	"go.etcd.io/bbolt"

	"postern/shared/limit"
	"postern/shared/store"
)

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, id string, changes ...store.Change) error {
	if err := store.CheckCommit(id, changes); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) (func() error, error) {
		before := make([]store.Item, len(changes))
		conflict := false
		for i, c := range changes {
			var err error
			if before[i], err = read(tx, c.Item.Key); err != nil {
				return nil, err
			}
			if c.Op == store.OpPut && before[i].CommitID == id {
				return nil, nil // this commit has happened
			}
			conflict = conflict || !holds(c.Expect, before[i])
		}
		if conflict {
			return nil, store.ErrConflict
		}
		return func() error {
			for i, c := range changes {
				var err error
				switch c.Op {
				case store.OpPut:
					item := c.Item
					item.CommitID, item.Version = id, 0
					if c.Expect != store.Any {
						item.Version = int64(c.Expect) + 1
					}
					err = replace(tx, before[i], item)
				case store.OpDelete:
					err = remove(tx, before[i])
				}
				if err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
}

func holds(e store.Expect, i store.Item) bool {
	switch e {
	case store.Any:
		return true
	case store.Absent:
		return !i.Exists()
	}
	return i.Version == int64(e)
}

// replace writes an item in place of what was there, in the indexes too.
func replace(tx *bbolt.Tx, before, item store.Item) error {
	if err := unindex(tx, before); err != nil {
		return err
	}
	if !item.Due.IsZero() {
		if err := tx.Bucket(dueBucket(item.Table)).Put(dueKey(item.Key, item.Due), nil); err != nil {
			return err
		}
	}
	if !item.Expires.IsZero() {
		if err := tx.Bucket(expiryBucket).Put(expiryKey(item.Key, item.Expires), nil); err != nil {
			return err
		}
	}
	return tx.Bucket(itemBucket(item.Table)).Put(itemKey(item.Key), encode(item))
}

func remove(tx *bbolt.Tx, before store.Item) error {
	if !before.Exists() {
		return nil
	}
	if err := unindex(tx, before); err != nil {
		return err
	}
	return tx.Bucket(itemBucket(before.Table)).Delete(itemKey(before.Key))
}

func unindex(tx *bbolt.Tx, before store.Item) error {
	if !before.Due.IsZero() {
		if err := tx.Bucket(dueBucket(before.Table)).Delete(dueKey(before.Key, before.Due)); err != nil {
			return err
		}
	}
	if !before.Expires.IsZero() {
		return tx.Bucket(expiryBucket).Delete(expiryKey(before.Key, before.Expires))
	}
	return nil
}

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (store.Taken, error) {
	if err := store.CheckTake(b, n); err != nil {
		return store.Taken{}, err
	}
	var taken store.Taken
	err := s.update(ctx, func(tx *bbolt.Tx) (func() error, error) {
		before, err := read(tx, store.Counter(b))
		if err != nil {
			return nil, err
		}
		tat, wait, ok := b.Take(store.TAT(before), at, n)
		if taken = (store.Taken{OK: ok, Wait: wait}); !ok {
			return nil, nil
		}
		return func() error { return putCounter(tx, before, tat) }, nil
	})
	if err != nil {
		return store.Taken{}, err
	}
	return taken, nil
}

// Give implements store.Store.
func (s *Store) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	if err := store.CheckGive(b, n); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) (func() error, error) {
		before, err := read(tx, store.Counter(b))
		if err != nil || !store.TAT(before).After(at) { // full
			return nil, err
		}
		return func() error { return putCounter(tx, before, b.Give(store.TAT(before), at, n)) }, nil
	})
}

// putCounter writes a counter, which expires in the second after it is full.
func putCounter(tx *bbolt.Tx, before store.Item, tat time.Time) error {
	return replace(tx, before, store.Item{
		Key: before.Key, Expires: tat.Add(time.Second),
		Fields: store.Fields{store.TATField: store.Number(tat.UnixNano())},
	})
}

// Sweep removes items that have expired at now, at most limit of them, and tells how many. It is housekeeping: nobody need
// call it but for space. The errors are those of Commit.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.update(ctx, func(tx *bbolt.Tx) (func() error, error) {
		var expired []store.Item
		to := appendOrdered(nil, now.Unix()+1)
		c := tx.Bucket(expiryBucket).Cursor()
		for k, _ := c.First(); k != nil && bytes.Compare(k, to) < 0 && len(expired) < limit; k, _ = c.Next() {
			key, err := expiryKeyOf(k)
			if err != nil {
				return nil, err
			}
			item, err := read(tx, key)
			if err != nil {
				return nil, err
			}
			expired = append(expired, item)
		}
		return func() error {
			for _, item := range expired {
				if err := remove(tx, item); err != nil {
					return err
				}
			}
			removed = len(expired)
			return nil
		}, nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
