package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"postern/shared/store"
)

// view runs a read, which sees what was committed when it began.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	err := s.db.View(f)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	return err
}

// bucket gives the bucket of a table, of its items or its due index.
func bucket(tx *bbolt.Tx, name func(store.Table) []byte, t store.Table) (*bbolt.Bucket, error) {
	b := tx.Bucket(name(t))
	if b == nil {
		return nil, fmt.Errorf("%w: no table %s", store.ErrInvalid, t)
	}
	return b, nil
}

// read reads one item; an absent one has version -1.
func read(tx *bbolt.Tx, k store.Key) (store.Item, error) {
	b, err := bucket(tx, itemBucket, k.Table)
	if err != nil {
		return store.Item{}, err
	}
	raw := b.Get(itemKey(k))
	if raw == nil {
		return store.Item{Key: k, Version: -1}, nil
	}
	return decode(k, raw)
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := store.CheckGet(keys); err != nil {
		return nil, err
	}
	items := make([]store.Item, len(keys))
	err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		for i, k := range keys {
			if items[i], err = read(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Query implements store.Store.
func (s *Store) Query(ctx context.Context, q store.Query) (store.Page, error) {
	if err := store.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	after, err := store.OpenQueryCursor(q)
	if err != nil {
		return store.Page{}, err
	}
	// The answer is what stands at from and behind, before to.
	partition := partitionKey(q.Partition)
	within := func(sort string) []byte { return slices.Concat(partition, []byte(sort)) }
	from, to := within(q.From), behind(partition)
	if q.To != "" {
		to = within(q.To)
	}
	if q.Prefix != "" {
		from, to = within(q.Prefix), behind(within(q.Prefix))
	}
	switch {
	case after == "":
	case q.Reverse:
		to = within(after)
	default:
		from = append(within(after), 0)
	}
	var page store.Page
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := bucket(tx, itemBucket, q.Table)
		if err != nil {
			return err
		}
		c := b.Cursor()
		k, v := c.Seek(from)
		step := c.Next
		if q.Reverse {
			step = c.Prev
			if k, _ = c.Seek(to); k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
		}
		for ; k != nil && bytes.Compare(from, k) <= 0 && bytes.Compare(k, to) < 0; k, v = step() {
			if len(page.Items) == q.Limit {
				page.Next = store.QueryCursor(page.Items[q.Limit-1].Sort)
				return nil
			}
			key, err := keyOf(q.Table, k)
			if err != nil {
				return err
			}
			item, err := decode(key, v)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, item)
		}
		return nil
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// behind is the first key after all that begin with prefix, which ends in UTF-8, and so never in 0xff.
func behind(prefix []byte) []byte {
	p := bytes.Clone(prefix)
	p[len(p)-1]++
	return p
}

// Due implements store.Store. It is never stale here.
func (s *Store) Due(
	ctx context.Context, table store.Table, shard int, until time.Time, limit int, cursor string,
) (store.Page, error) {
	if err := store.CheckDue(table, shard, limit); err != nil {
		return store.Page{}, err
	}
	from := []byte{byte(shard)}
	to := appendOrdered([]byte{byte(shard)}, until.UnixMilli()+1)
	if cursor != "" {
		k, due, err := store.OpenDueCursor(cursor, table, shard, until)
		if err != nil {
			return store.Page{}, err
		}
		from = append(dueKey(k, due), 0)
	}
	var page store.Page
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		b, err := bucket(tx, dueBucket, table)
		if err != nil {
			return err
		}
		c := b.Cursor()
		for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, _ = c.Next() {
			if len(page.Items) == limit {
				last := page.Items[limit-1]
				page.Next = store.DueCursor(last.Key, last.Due)
				return nil
			}
			if len(k) < dueKeyItem {
				return errCorrupt
			}
			key, err := keyOf(table, k[dueKeyItem:])
			if err != nil {
				return err
			}
			item, err := read(tx, key)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, item)
		}
		return nil
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}
