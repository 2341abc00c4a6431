// Package dynamo keeps Postern's state in DynamoDB.
package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"postern/shared/store"
)

// Client is the requests to DynamoDB that a Store makes: those of [ClientOf].
//
// It holds methods, not the SDK's client: html/template has the linker keep every method of what an interface can lead to, and
// the client has a hundred.
type Client struct {
	GetItem            operation[dynamodb.GetItemInput, dynamodb.GetItemOutput]
	BatchGetItem       operation[dynamodb.BatchGetItemInput, dynamodb.BatchGetItemOutput]
	Query              operation[dynamodb.QueryInput, dynamodb.QueryOutput]
	PutItem            operation[dynamodb.PutItemInput, dynamodb.PutItemOutput]
	UpdateItem         operation[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput]
	DeleteItem         operation[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput]
	TransactWriteItems operation[dynamodb.TransactWriteItemsInput, dynamodb.TransactWriteItemsOutput]
}

type operation[In, Out any] = func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error)

// ClientOf gives the requests of the SDK's client.
func ClientOf(c *dynamodb.Client) Client {
	return Client{c.GetItem, c.BatchGetItem, c.Query, c.PutItem, c.UpdateItem, c.DeleteItem, c.TransactWriteItems}
}

// Config is what a Store works with.
type Config struct {
	// Client asks DynamoDB. Its retryer is what repeats requests that were throttled or got lost: give it as many attempts,
	// and as little time, as a request of the whole has.
	Client Client
	// Tables gives the names that the tables have in the deployment. A table that is missing cannot be asked: so a function
	// that has no business with one does not even know its name.
	Tables map[store.Table]string
	// Jitter gives numbers from 0 to below 1 that spread repeats over time. Unset: random.
	Jitter func() float64
	// Sleep waits, and gives an error as soon as it sees that the context ends first. Unset: a timer.
	Sleep func(context.Context, time.Duration) error
}

// Store implements store.Store. It is safe for concurrent use. What the SDK does not repeat is repeated here, a few times
// with growing waits, as long as the context has time: what met a transaction, and keys that a batch left out.
type Store struct{ c Config }

var _ store.Store = (*Store)(nil)

// New makes a Store.
func New(c Config) *Store {
	if c.Jitter == nil {
		c.Jitter = jitter
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	return &Store{c}
}

func jitter() float64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
}

func sleep(ctx context.Context, d time.Duration) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// maxTries is how often a request is made that met a transaction or was answered in part: with the waits between them, most
// take half a second at the very most.
const maxTries = 6

// pause waits before the n-th repeat, the first being 1: up to 16 ms, doubled each time, with full jitter.
func (s *Store) pause(ctx context.Context, n int) error {
	most := 16 * time.Millisecond << (n - 1)
	return s.c.Sleep(ctx, time.Duration(float64(most)*s.c.Jitter()))
}

// retry makes a request until it meets no transaction.
func (s *Store) retry(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		var met *types.TransactionConflictException
		var same *types.TransactionInProgressException // this one, at an earlier try
		if !errors.As(err, &met) && !errors.As(err, &same) || try == maxTries || s.pause(ctx, try) != nil {
			return err
		}
	}
}

func (s *Store) table(t store.Table) (*string, error) {
	name, ok := s.c.Tables[t]
	if !ok {
		return nil, fmt.Errorf("%w: no table %s", store.ErrInvalid, t)
	}
	return &name, nil
}

// explain maps DynamoDB's errors to the port's. Of a condition that failed it keeps nothing: the error holds the item.
func explain(what string, err error) error {
	var failed *types.ConditionalCheckFailedException
	var met *types.TransactionConflictException
	var api smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return fmt.Errorf("%w: %s", store.ErrConflict, what)
	case errors.As(err, &met):
		return fmt.Errorf("%w: %s: %w", store.ErrConflict, what, err)
	case errors.As(err, &api) && invalid(api.ErrorCode()):
		return fmt.Errorf("%w: %s: %w", store.ErrInvalid, what, err)
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, what, err)
}

func invalid(code string) bool {
	switch code {
	case "ValidationException", "ItemCollectionSizeLimitExceededException", // of requests
		"ValidationError", "ItemCollectionSizeLimitExceeded": // of items in transactions
		return true
	}
	return false
}
