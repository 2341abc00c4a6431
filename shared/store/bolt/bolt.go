// Package bolt keeps Postern's state in one file on one machine, with bbolt. It imitates what DynamoDB does, so that the same domain
// runs on both. What Commit, Take and Give have returned from is on the disk.
package bolt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"postern/shared/limit"
	"postern/shared/store"
)

// ErrLocked says that another process has the file open.
var ErrLocked = errors.New("bolt: file is in use by another process")

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = 500 * time.Millisecond

// Buckets: one of the items of each table, by partition and sort key; one of each table's due index, by shard, time and item;
// one of all that expires, by time, table and item.
func itemBucket(t store.Table) []byte { return []byte("items/" + string(t)) }
func dueBucket(t store.Table) []byte  { return []byte("due/" + string(t)) }

var expiryBucket = []byte("expiry")

// Store implements store.Store. It is safe for concurrent use.
type Store struct {
	db *bbolt.DB

	mu      sync.Mutex
	pending []*write
	leading bool
	closed  bool
	idle    *sync.Cond // pending is empty and nobody leads
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, and makes it if it is not there. ErrLocked if another process has it.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, t := range store.Tables() {
			for _, b := range [][]byte{itemBucket(t), dueBucket(t)} {
				if _, err := tx.CreateBucketIfNotExists(b); err != nil {
					return err
				}
			}
		}
		_, err := tx.CreateBucketIfNotExists(expiryBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	s := &Store{db: db}
	s.idle = sync.NewCond(&s.mu)
	return s, nil
}

// Close waits for what is being written and closes the file. What comes later fails with store.ErrUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	for s.leading || len(s.pending) > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	return s.db.Close()
}

// write is one request to write. apply judges everything before it writes anything, so that a refusal leaves the
// transaction, which it shares with others, as it was.
type write struct {
	apply func(tx *bbolt.Tx) error
	err   error
	done  chan bool // true: it is done; false: lead the next transaction
}

// update has apply run in a transaction, which all that wait at the same moment share: a sync to disk is what a commit costs.
// Whoever finds nobody writing leads: writes for all that wait, its own included, and hands the lead to the next.
func (s *Store) update(ctx context.Context, apply func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	w := &write{apply: apply, done: make(chan bool, 1)}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("%w: closed", store.ErrUnavailable)
	}
	s.pending = append(s.pending, w)
	lead := !s.leading
	s.leading = true
	s.mu.Unlock()
	if lead || !<-w.done {
		s.lead()
	}
	return w.err
}

// lead writes for all that wait. The leader is the first of them.
func (s *Store) lead() {
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	s.mu.Unlock()
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, w := range batch {
			w.err = w.apply(tx)
		}
		return nil
	})
	for _, w := range batch {
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("%w: write: %w", store.ErrUnavailable, err)
		}
		w.done <- true // the leader's own is never read
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 {
		s.pending[0].done <- false
		return
	}
	s.leading = false
	s.idle.Broadcast()
}

// view runs a read.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	err := s.db.View(f)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: closed", store.ErrUnavailable)
	}
	return err
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
	return items, err
}

// read reads one item; an absent one has version -1.
func read(tx *bbolt.Tx, k store.Key) (store.Item, error) {
	b := tx.Bucket(itemBucket(k.Table))
	if b == nil {
		return store.Item{}, fmt.Errorf("%w: no table %s", store.ErrInvalid, k.Table)
	}
	raw := b.Get(itemKey(k))
	if raw == nil {
		return store.Item{Key: k, Version: -1}, nil
	}
	return decode(k, raw)
}

// itemKey is where an item stands in its bucket: the partition, behind its length, then the sort key. So a partition is one
// run, ordered by sort key.
func itemKey(k store.Key) []byte { return append(partitionKey(k.Partition), k.Sort...) }

func partitionKey(partition string) []byte {
	b := make([]byte, 2, 2+len(partition)+32)
	binary.BigEndian.PutUint16(b, uint16(len(partition)))
	return append(b, partition...)
}

func keyOf(t store.Table, raw []byte) (store.Key, error) {
	if len(raw) < 2 {
		return store.Key{}, errCorrupt
	}
	n := int(binary.BigEndian.Uint16(raw))
	if len(raw) < 2+n {
		return store.Key{}, errCorrupt
	}
	return store.Key{Table: t, Partition: string(raw[2 : 2+n]), Sort: string(raw[2+n:])}, nil
}

// Query implements store.Store.
func (s *Store) Query(ctx context.Context, q store.Query) (store.Page, error) {
	if err := store.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	after, err := openCursor(q.Cursor)
	if err != nil {
		return store.Page{}, err
	}
	partition := partitionKey(q.Partition)
	from, to := slices.Concat(partition, []byte(q.From)), next(partition)
	if q.To != "" {
		to = slices.Concat(partition, []byte(q.To))
	}
	if q.Prefix != "" {
		from = slices.Concat(partition, []byte(q.Prefix))
		to = next(from)
	}
	if after != nil {
		at := slices.Concat(partition, after)
		if q.Reverse {
			to = least(to, at)
		} else if at = append(at, 0); bytes.Compare(at, from) > 0 {
			from = at
		}
	}
	var page store.Page
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(itemBucket(q.Table))
		if b == nil {
			return fmt.Errorf("%w: no table %s", store.ErrInvalid, q.Table)
		}
		c := b.Cursor()
		var k, v []byte
		step := c.Next
		if q.Reverse {
			step = c.Prev
			if k, v = c.Seek(to); k == nil {
				k, v = c.Last()
			}
			for k != nil && bytes.Compare(k, to) >= 0 {
				k, v = c.Prev()
			}
		} else {
			k, v = c.Seek(from)
		}
		for ; k != nil && bytes.Compare(k, from) >= 0 && bytes.Compare(k, to) < 0; k, v = step() {
			if len(page.Items) == q.Limit {
				page.Next = sealCursor([]byte(page.Items[q.Limit-1].Sort))
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
	return page, err
}

// next is the first key after all that begin with prefix. Prefixes here begin with a length below 0xffff, so there is one.
func next(prefix []byte) []byte {
	p := bytes.Clone(prefix)
	for i := len(p) - 1; i >= 0; i-- {
		if p[i]++; p[i] != 0 {
			return p[:i+1]
		}
	}
	return nil
}

func least(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return a
	}
	return b
}

const cursorVersion = 'b'

func sealCursor(position []byte) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion}, position...))
}

func openCursor(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) < 2 || raw[0] != cursorVersion {
		return nil, fmt.Errorf("%w: malformed cursor", store.ErrInvalid)
	}
	return raw[1:], nil
}

// Due implements store.Store. It is never stale here.
func (s *Store) Due(ctx context.Context, table store.Table, shard int, until time.Time, limit int, cursor string) (store.Page, error) {
	if err := store.CheckDue(table, shard, limit); err != nil {
		return store.Page{}, err
	}
	after, err := openCursor(cursor)
	if err != nil {
		return store.Page{}, err
	}
	from := []byte{byte(shard)}
	to := timeKey(from, until.UnixMilli()+1)
	if after != nil {
		if len(after) < 9 || after[0] != byte(shard) {
			return store.Page{}, fmt.Errorf("%w: malformed cursor", store.ErrInvalid)
		}
		from = append(after, 0)
	}
	var page store.Page
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(dueBucket(table))
		if b == nil {
			return fmt.Errorf("%w: no table %s", store.ErrInvalid, table)
		}
		c := b.Cursor()
		var last []byte
		for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, _ = c.Next() {
			if len(page.Items) == limit {
				page.Next = sealCursor(last)
				return nil
			}
			key, err := keyOf(table, k[9:])
			if err != nil {
				return err
			}
			item, err := read(tx, key)
			if err != nil {
				return err
			}
			page.Items, last = append(page.Items, item), k
		}
		return nil
	})
	return page, err
}

// timeKey appends a time so that it orders as a number does.
func timeKey(prefix []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(prefix), uint64(t)^1<<63)
}

func dueKey(i store.Item) []byte {
	return append(timeKey([]byte{byte(i.Shard())}, i.Due.UnixMilli()), itemKey(i.Key)...)
}

func expiryKey(i store.Item) []byte {
	k := timeKey(nil, i.Expires.Unix())
	k = append(k, byte(len(i.Table)))
	return append(append(k, i.Table...), itemKey(i.Key)...)
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, id string, changes ...store.Change) error {
	if err := store.CheckCommit(id, changes); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		before := make([]store.Item, len(changes))
		conflict := false
		for i, c := range changes {
			var err error
			if before[i], err = read(tx, c.Item.Key); err != nil {
				return err
			}
			if c.Op == store.OpPut && before[i].CommitID == id {
				return nil // this commit has happened
			}
			if !holds(c.Expect, before[i]) {
				conflict = true
			}
		}
		if conflict {
			return store.ErrConflict
		}
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
				return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
		}
		return nil
	})
}

func holds(e store.Expect, i store.Item) bool {
	switch e {
	case store.Any:
		return true
	case store.Absent:
		return !i.Exists()
	}
	return i.Exists() && i.Version == int64(e)
}

// replace writes an item in place of what was there, in the indexes too.
func replace(tx *bbolt.Tx, before, item store.Item) error {
	if err := unindex(tx, before); err != nil {
		return err
	}
	if !item.Due.IsZero() {
		if err := tx.Bucket(dueBucket(item.Table)).Put(dueKey(item), nil); err != nil {
			return err
		}
	}
	if !item.Expires.IsZero() {
		if err := tx.Bucket(expiryBucket).Put(expiryKey(item), nil); err != nil {
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
		if err := tx.Bucket(dueBucket(before.Table)).Delete(dueKey(before)); err != nil {
			return err
		}
	}
	if !before.Expires.IsZero() {
		return tx.Bucket(expiryBucket).Delete(expiryKey(before))
	}
	return nil
}

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (store.Taken, error) {
	if n < 1 || n > b.Burst || b.Key == "" || b.Every <= 0 {
		return store.Taken{}, fmt.Errorf("%w: take %d of a budget of %d", store.ErrInvalid, n, b.Burst)
	}
	var taken store.Taken
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		before, err := read(tx, store.Counter(b))
		if err != nil {
			return err
		}
		tat, wait, ok := b.Take(store.TAT(before), at, n)
		taken = store.Taken{OK: ok, Wait: wait}
		if !ok {
			return nil
		}
		return putCounter(tx, before, b, tat)
	})
	if err != nil {
		return store.Taken{}, err
	}
	return taken, nil
}

// Give implements store.Store.
func (s *Store) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	if n < 1 || b.Key == "" || b.Every <= 0 {
		return fmt.Errorf("%w: give %d", store.ErrInvalid, n)
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		before, err := read(tx, store.Counter(b))
		if err != nil || !before.Exists() {
			return err
		}
		return putCounter(tx, before, b, b.Give(store.TAT(before), at, n))
	})
}

func putCounter(tx *bbolt.Tx, before store.Item, b limit.Budget, tat time.Time) error {
	err := replace(tx, before, store.Item{
		Key: store.Counter(b), Expires: tat.Add(time.Second), Fields: store.Fields{store.TATField: store.Number(tat.UnixNano())},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Sweep removes items that have expired at now, at most limit of them, and tells how many.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		removed = 0
		to := timeKey(nil, now.Unix()+1)
		var due [][]byte
		c := tx.Bucket(expiryBucket).Cursor()
		for k, _ := c.First(); k != nil && bytes.Compare(k, to) < 0 && len(due) < limit; k, _ = c.Next() {
			due = append(due, bytes.Clone(k))
		}
		for _, k := range due {
			if len(k) < 9 || len(k) < 9+int(k[8]) {
				return errCorrupt
			}
			key, err := keyOf(store.Table(k[9:9+k[8]]), k[9+k[8]:])
			if err != nil {
				return err
			}
			item, err := read(tx, key)
			if err != nil {
				return err
			}
			if err := remove(tx, item); err != nil {
				return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
			removed++
		}
		return nil
	})
	return removed, err
}
