// Package bolt keeps Postern's state in one file on one machine, with bbolt. It imitates what DynamoDB does, so that the
// same domain runs on both. What Commit, Take and Give have returned from is on the disk.
package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"postern/shared/store"
)

// ErrLocked says that another process has the file open.
var ErrLocked = errors.New("bolt: file is in use by another process")

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = 500 * time.Millisecond

// Store implements store.Store. It is safe for concurrent use, and has no goroutine of its own.
type Store struct {
	db *bbolt.DB

	// What waits to be written: see update.
	mu      sync.Mutex
	pending []*write
	leading bool       // somebody writes
	closed  bool       // nothing more is taken on
	idle    *sync.Cond // leading became false
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, and makes it (mode 0600) if it is not there. ErrLocked if another process has it open, after
// half a second.
func Open(path string) (*Store, error) {
	db, err := open(path, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, err
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
	return newStore(db), nil
}

// OpenToRead opens the file at path, which must be there, and changes nothing in it: writing fails. ErrLocked as for [Open].
func OpenToRead(path string) (*Store, error) {
	db, err := open(path, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return newStore(db), nil
}

func open(path string, o *bbolt.Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, o)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

func newStore(db *bbolt.DB) *Store {
	s := &Store{db: db}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// Close waits for what is being read and written and closes the file. What comes later fails with store.ErrUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	for s.leading {
		s.idle.Wait()
	}
	s.mu.Unlock()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// The buckets: one of the items of each table, one of each table's due index, and one of all that expires.
func itemBucket(t store.Table) []byte { return []byte("items/" + string(t)) }
func dueBucket(t store.Table) []byte  { return []byte("due/" + string(t)) }

var expiryBucket = []byte("expiry")

// itemKey is where an item stands in its bucket: the partition, behind its length, then the sort key. So a partition is
// one run, ordered by sort key.
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
	n, rest := int(binary.BigEndian.Uint16(raw)), raw[2:]
	if len(rest) < n {
		return store.Key{}, errCorrupt
	}
	return store.Key{Table: t, Partition: string(rest[:n]), Sort: string(rest[n:])}, nil
}

// dueKey is where an item stands in its table's due index: shard, time, item.
func dueKey(k store.Key, due time.Time) []byte {
	return append(appendOrdered([]byte{byte(k.Shard())}, due.UnixMilli()), itemKey(k)...)
}

const dueKeyItem = 1 + 8 // where the item begins in it

// expiryKey is where an item stands among all that expires: time, table behind its length, item.
func expiryKey(k store.Key, expires time.Time) []byte {
	b := append(appendOrdered(nil, expires.Unix()), byte(len(k.Table)))
	return append(append(b, k.Table...), itemKey(k)...)
}

func expiryKeyOf(raw []byte) (store.Key, error) {
	if len(raw) < 9 || len(raw) < 9+int(raw[8]) {
		return store.Key{}, errCorrupt
	}
	n := 9 + int(raw[8])
	return keyOf(store.Table(raw[9:n]), raw[n:])
}

// appendOrdered appends a number so that bytes order as numbers do, those below zero too.
func appendOrdered(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)^1<<63)
}
