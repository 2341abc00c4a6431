// Package store is the port to where Postern's state is kept. It is small, and exactly what DynamoDB can do.
//
// The adapters are store/dynamo (DynamoDB) and store/bolt (one file on one machine). Both pass the suite in
// store/storetest, which is this contract in executable form.
//
// # Rules
//
//   - Every method is safe for concurrent use and honours its context's cancellation and deadline.
//   - Reads by key and [Store.Query] are strongly consistent; [Store.Due] may be stale: whoever decides on it reads the
//     item again by key.
//   - Expired items may still be returned (time to live is housekeeping): readers compare dates themselves.
//   - Errors: [ErrConflict] means that nothing was written because an expectation did not hold; [ErrInvalid] that the
//     caller asked for something no store can do; [ErrUnavailable] wraps everything that may pass (throttled, network,
//     timeout): a Commit that ended so may or may not have happened, and is repeated with the same id.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/shared/limit"
)

// Table names one kind of data, so that permissions can be given by kind. The names are logical; an adapter maps them.
type Table string

// The tables. They are declared once more, with their capacity, keys and permissions, in template.yaml.
const (
	Accounts  Table = "Accounts"  // accounts with settings and policy
	Operators Table = "Operators" // operators and their names
	Codes     Table = "Codes"     // single-use codes, resets, used CAPTCHA challenges; expire
	Sessions  Table = "Sessions"  // sessions, pending logins, replacement prompts; expire
	Limits    Table = "Limits"    // budgets and recent failures; expire
	Notices   Table = "Notices"   // the permanent log
	Outbox    Table = "Outbox"    // work to be done: mails to send, requests to resolve; expire once done
	Tokens    Table = "Tokens"    // hardware tokens
)

// Tables lists all tables.
func Tables() []Table {
	return []Table{Accounts, Operators, Codes, Sessions, Limits, Notices, Outbox, Tokens}
}

var (
	// ErrConflict says that an expectation of a Commit did not hold and that nothing was written.
	ErrConflict = errors.New("store: conflict")
	// ErrInvalid says that the request itself is wrong, whatever is stored: an item twice in one commit, more than
	// MaxChanges, an item over MaxItemBytes, an empty key, a malformed cursor.
	ErrInvalid = errors.New("store: invalid request")
	// ErrUnavailable says that the store could not be asked, or that its answer was lost. It may pass.
	ErrUnavailable = errors.New("store: unavailable")
)

const (
	// MaxChanges is how many changes one Commit may hold (DynamoDB TransactWriteItems).
	MaxChanges = 100
	// MaxGet is how many keys one Get may name (DynamoDB BatchGetItem).
	MaxGet = 100
	// MaxItemBytes is how large an item may be: names and values, encoded as DynamoDB counts them.
	MaxItemBytes = 400 << 10
	// DueShards is in how many shards the due index of a table stands, so that none is hot.
	DueShards = 16
)

// Key names an item. Partition and Sort are non-empty UTF-8 of at most 1,024 bytes each; items of a partition are
// ordered by the bytes of Sort.
type Key struct {
	Table     Table
	Partition string
	Sort      string
}

func (k Key) String() string { return fmt.Sprintf("%s/%s/%s", k.Table, k.Partition, k.Sort) }

// Value is what a field holds: [Text], [Number], [Bytes] or [Bool].
type Value interface{ isValue() }

type (
	// Text is a string of UTF-8; it may be empty.
	Text string
	// Number is a whole number.
	Number int64
	// Bytes is binary; it may be empty, and nil is stored as empty.
	Bytes []byte
	// Bool is true or false.
	Bool bool
)

func (Text) isValue()   {}
func (Number) isValue() {}
func (Bytes) isValue()  {}
func (Bool) isValue()   {}

// Fields are the named values of an item. Names are of letters, digits, '.', '-' and '_'; adapters keep their own attributes
// apart from them.
type Fields map[string]Value

// Item is what is stored under a key.
type Item struct {
	Key
	// Version counts the writes that expected a version: 1 after a put that expected Absent, n+1 after one that expected
	// n, and 0 after a put that expected nothing (Any). Set by the store; ignored in a Put.
	Version int64
	// CommitID is the id of the commit that wrote the item. Set by the store; ignored in a Put.
	CommitID string
	// Expires is when the store may remove the item, in whole seconds; zero is never.
	Expires time.Time
	// Due puts the item into its table's due index at that time, in whole milliseconds; zero keeps it out.
	Due time.Time
	// Fields is the content. The caller owns what it passed in and what it got out: stores share no memory with either.
	Fields Fields
}

// Expect says what must be true of an item when a change is applied.
type Expect int64

const (
	// Any expects nothing.
	Any Expect = -1
	// Absent expects that there is no item. An expired item is there until it is removed.
	Absent Expect = 0
	// Any number above 0 is the version that the item must have.
)

// Op is what a change does.
type Op int

// The operations.
const (
	OpPut    Op = iota + 1 // write the item whole
	OpDelete               // remove the item; with Any or a version
	OpCheck                // write nothing, but require the expectation; with Absent or a version
)

// Change is one operation on one item.
type Change struct {
	Op     Op
	Item   Item // for OpDelete and OpCheck the Key alone
	Expect Expect
}

// Put writes item whole if expect holds.
func Put(item Item, expect Expect) Change { return Change{OpPut, item, expect} }

// Delete removes the item under k if expect holds; with Any it is no error if there is none.
func Delete(k Key, expect Expect) Change { return Change{OpDelete, Item{Key: k}, expect} }

// Check requires that expect holds for the item under k.
func Check(k Key, expect Expect) Change { return Change{OpCheck, Item{Key: k}, expect} }

// Query asks for items of one partition in the order of their sort keys.
type Query struct {
	Table     Table
	Partition string
	Prefix    string // sort keys that begin with it; empty: all
	From, To  string // sort keys from From (inclusive) to To (exclusive); either may be empty; not together with Prefix
	Reverse   bool   // falling order
	Limit     int    // at most so many items, 1 to 1,000
	Cursor    string // Next of the page before; empty: from the start
}

// Page is an answer to [Store.Query] or [Store.Due].
type Page struct {
	Items []Item
	// Next continues after the last item; empty when there is certainly no more. A page may be short, even empty, and
	// have a Next. It is not secret, and bound to nothing: who hands it to clients signs it.
	Next string
}

// BudgetSort is the sort key of every counter; its partition is the budget's key, its table Limits.
const BudgetSort = "budget"

// TATField is the field of a counter that holds its theoretical arrival time, a Number of nanoseconds since 1970: the
// counter is full again at that time. So a counter can be read together with other items: see [Counter] and [TAT].
const TATField = "tat"

// Counter is the key of the item that holds a budget's counter.
func Counter(b limit.Budget) Key { return Key{Limits, b.Key, BudgetSort} }

// TAT is the time that the item of a counter holds: its budget is full at that time. The zero time when there is none.
func TAT(counter Item) time.Time {
	tat, ok := counter.Fields[TATField].(Number)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, int64(tat)).UTC()
}

// Taken is the answer of [Store.Take].
type Taken struct {
	OK   bool
	Wait time.Duration // if not OK: how long until the same could be taken
}

// Store keeps items.
type Store interface {
	// Get reads the items under keys, consistently, in one round trip (1 to MaxGet keys; one asked for twice is answered
	// twice). The answer is parallel to keys; an absent item is the zero Item but for its Key, with Version -1.
	//
	// Each item is consistent in itself; all together are not a snapshot.
	Get(ctx context.Context, keys ...Key) ([]Item, error)

	// Query reads a page of one partition, consistently.
	Query(ctx context.Context, q Query) (Page, error)

	// Due reads, from one shard (0 to DueShards-1) of a table's due index, items that are due at until or before, the
	// earliest first. An item stands in the shard that its key hashes to.
	Due(ctx context.Context, table Table, shard int, until time.Time, limit int, cursor string) (Page, error)

	// Commit applies all changes, or none: then the error is ErrConflict, ErrInvalid or ErrUnavailable, wrapped. An item
	// may stand once in it. id is random and names this commit; it is stored in what is put. A Commit whose id is found
	// in an item that it would put has already happened, and succeeds without doing anything: so a caller whose answer was
	// lost calls again with the same id and changes.
	Commit(ctx context.Context, id string, changes ...Change) error

	// Take takes n (1 to Burst) from b at the time at, atomically, if that many are left. The counter expires when it is
	// full again. A retry inside the adapter does not take twice.
	Take(ctx context.Context, b limit.Budget, n int, at time.Time) (Taken, error)

	// Give gives n back to b, never above full.
	Give(ctx context.Context, b limit.Budget, n int, at time.Time) error
}

// Exists reports whether the item was found.
func (i Item) Exists() bool { return i.Version >= 0 }

// Seen is what a change expects that relies on the item as it was read: Absent, its version, or Any for an item that is
// written without a version.
func (i Item) Seen() Expect {
	switch {
	case i.Version < 0:
		return Absent
	case i.Version == 0:
		return Any
	default:
		return Expect(i.Version)
	}
}
