package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"postern/shared/limit"
	"postern/shared/store"
)

// Call is a call of a store, as hooks see it.
type Call struct {
	Method string        // of store.Store: "Commit"
	Tables []store.Table // that it is about, sorted, each once
}

// Faulty is a store whose calls go wrong as its hooks say. Each may be nil, and must be safe for concurrent use.
//
// An error of a hook is what the caller gets, wrapped as store.ErrUnavailable, and nothing else of the answer.
type Faulty struct {
	store.Store
	// Before is called before each call. If it gives an error the call is not made: failed, not stored.
	Before func(Call) error
	// After is called after each call that went well. If it gives an error the reply is lost: failed, but stored.
	After func(Call) error
}

var _ store.Store = (*Faulty)(nil)

// around makes a call between the hooks.
func around[T any](f *Faulty, c Call, do func() (T, error)) (T, error) {
	var none T
	if f.Before != nil {
		if err := f.Before(c); err != nil {
			return none, fmt.Errorf("%w: before %s: %w", store.ErrUnavailable, c.Method, err)
		}
	}
	reply, err := do()
	if err == nil && f.After != nil {
		if err := f.After(c); err != nil {
			return none, fmt.Errorf("%w: after %s: %w", store.ErrUnavailable, c.Method, err)
		}
	}
	return reply, err
}

func call(method string, tables ...store.Table) Call {
	slices.Sort(tables)
	return Call{method, slices.Compact(tables)}
}

// Get implements store.Store.
func (f *Faulty) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	var tables []store.Table
	for _, k := range keys {
		tables = append(tables, k.Table)
	}
	return around(f, call("Get", tables...), func() ([]store.Item, error) { return f.Store.Get(ctx, keys...) })
}

// Query implements store.Store.
func (f *Faulty) Query(ctx context.Context, q store.Query) (store.Page, error) {
	return around(f, call("Query", q.Table), func() (store.Page, error) { return f.Store.Query(ctx, q) })
}

// Due implements store.Store.
func (f *Faulty) Due(
	ctx context.Context, t store.Table, shard int, until time.Time, limit int, cursor string,
) (store.Page, error) {
	return around(f, call("Due", t), func() (store.Page, error) { return f.Store.Due(ctx, t, shard, until, limit, cursor) })
}

// Commit implements store.Store.
func (f *Faulty) Commit(ctx context.Context, id string, changes ...store.Change) error {
	var tables []store.Table
	for _, c := range changes {
		tables = append(tables, c.Item.Table)
	}
	_, err := around(f, call("Commit", tables...), func() (struct{}, error) {
		return struct{}{}, f.Store.Commit(ctx, id, changes...)
	})
	return err
}

// Take implements store.Store.
func (f *Faulty) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (store.Taken, error) {
	return around(f, call("Take", store.Limits), func() (store.Taken, error) { return f.Store.Take(ctx, b, n, at) })
}

// Give implements store.Store.
func (f *Faulty) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	_, err := around(f, call("Give", store.Limits), func() (struct{}, error) { return struct{}{}, f.Store.Give(ctx, b, n, at) })
	return err
}

// Counting is a store that counts its calls. Make it with [Count].
type Counting struct {
	*Faulty
	mu    sync.Mutex
	calls map[string]int
}

// Count counts the calls of s. before, if it is not nil, is called before each. In a synctest bubble it can sleep for a
// millisecond: then the milliseconds that a use case takes are its sequential round trips, since calls that are made
// beside each other sleep beside each other.
func Count(s store.Store, before func(Call)) *Counting {
	c := &Counting{calls: map[string]int{}}
	c.Faulty = &Faulty{Store: s, Before: func(call Call) error {
		c.mu.Lock()
		c.calls[call.Method]++
		c.mu.Unlock()
		if before != nil {
			before(call)
		}
		return nil
	}}
	return c
}

// Calls gives the number of calls of each method, such as "Get", since Count or the Calls before.
func (c *Counting) Calls() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = map[string]int{}
	return calls
}
