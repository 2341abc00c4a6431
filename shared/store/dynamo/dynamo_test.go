package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"postern/shared/limit"
	"postern/shared/store"
	"postern/shared/store/dynamo"
	"postern/shared/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return onLocal(t, nil) })
}

// DynamoDB remembers a request's token for ten minutes. The contract holds after that as well.
func TestStoreWhenTokensAreForgotten(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return onLocal(t, &faults{change: func(in any) {
			if in, ok := in.(*dynamodb.TransactWriteItemsInput); ok {
				in.ClientRequestToken = aws.String(rand.Text())
			}
		}})
	})
}

// The contract holds when the first reply to every request is lost, and the SDK asks again.
func TestStoreWhenRepliesAreLost(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return onLocal(t, &faults{lose: func(operation string) bool {
			// The one case that is left (see budget.go) is a counter that others update in between.
			return operation != "UpdateItem" || !strings.Contains(t.Name(), "InParallel")
		}})
	})
}

func TestCrowd(t *testing.T) { storetest.RunCrowd(t, onLocal(t, nil), 3_000) }

func key(sort string) store.Key {
	return store.Key{Table: store.Operators, Partition: "p", Sort: sort}
}

func two() []store.Change {
	return []store.Change{
		store.Put(store.Item{Key: key("a")}, store.Absent), store.Put(store.Item{Key: key("b")}, store.Absent),
	}
}

var budget = limit.Budget{Key: "test", Burst: 2, Every: time.Minute}

// What DynamoDB Local never answers. What met another transaction wrote nothing: it is tried again, under the same token, and
// told as a conflict in the end. What was throttled, unlike it, says nothing about what is stored.
func TestTransactionsThatAreCancelled(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  int // so many tries
		err   error
		want  error
		tries int
	}{
		{"meets another once", 1, cancelled("TransactionConflict", "None"), nil, 2},
		{"meets another always", 100, cancelled("None", "TransactionConflict"), store.ErrConflict, 6},
		{"throttled", 100, cancelled("ThrottlingError", "None"), store.ErrUnavailable, 6},
		{"throttled once", 1, cancelled("ProvisionedThroughputExceeded", "None"), nil, 2},
		{"a condition failed", 100, cancelled("None", "ConditionalCheckFailed"), store.ErrConflict, 1},
		{"a condition failed, and an item is held", 1, cancelled("TransactionConflict", "ConditionalCheckFailed"), nil, 2},
		{"invalid", 100, cancelled("ValidationError", "None"), store.ErrInvalid, 1},
		{"something new", 100, cancelled("TideIsOut", "None"), store.ErrUnavailable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, f, waits := scripted(t, func(_ string, try int) (any, error) {
				if try <= c.fail {
					return nil, c.err
				}
				return &dynamodb.TransactWriteItemsOutput{}, nil
			})
			if err := s.Commit(t.Context(), "id", two()...); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if len(f.requests) != c.tries || *waits != c.tries-1 {
				t.Errorf("%d tries and %d waits, want %d and %d", len(f.requests), *waits, c.tries, c.tries-1)
			}
			first := *f.requests[0].(*dynamodb.TransactWriteItemsInput).ClientRequestToken
			for _, in := range f.requests {
				token := *in.(*dynamodb.TransactWriteItemsInput).ClientRequestToken
				if token != first || len(token) > 36 {
					t.Errorf("tokens %s and %s", first, token)
				}
			}
		})
	}
}

// A commit has happened if any of its puts has, also when that is not the first condition that fails.
func TestCommitThatHasHappened(t *testing.T) {
	for _, c := range []struct {
		name string
		by   string
		want error
	}{{"ours", "id", nil}, {"another's", "other", store.ErrConflict}} {
		t.Run(c.name, func(t *testing.T) {
			s, _, _ := scripted(t, func(string, int) (any, error) {
				err := &types.TransactionCanceledException{}
				for _, by := range []string{"somebody", c.by} {
					err.CancellationReasons = append(err.CancellationReasons, types.CancellationReason{
						Code: aws.String("ConditionalCheckFailed"),
						Item: map[string]types.AttributeValue{"c": &types.AttributeValueMemberS{Value: by}},
					})
				}
				return nil, err
			})
			if err := s.Commit(t.Context(), "id", two()...); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Two commits that are not the same have two tokens, though they were given one id.
func TestTokensTellCommitsApart(t *testing.T) {
	s, f, _ := scripted(t, func(operation string, _ int) (any, error) {
		if operation == "PutItem" {
			return &dynamodb.PutItemOutput{}, nil
		}
		return &dynamodb.TransactWriteItemsOutput{}, nil
	})
	one := store.Item{Key: key("a"), Fields: store.Fields{"x": store.Number(1)}}
	other := store.Item{Key: key("a"), Fields: store.Fields{"x": store.Text("1")}}
	dated := store.Item{Key: key("a"), Fields: store.Fields{"x": store.Number(1)}, Due: time.UnixMilli(1)}
	check := store.Check(key("b"), 1)
	for _, changes := range [][]store.Change{
		{store.Put(one, 1), check}, {store.Put(other, 1), check}, {store.Put(one, 2), check}, {store.Put(dated, 1), check},
		{store.Put(one, 1)}, {store.Delete(key("a"), 1)}, {check, store.Put(one, 1)}, {store.Put(one, 1), check},
	} {
		if err := s.Commit(t.Context(), "id", changes...); err != nil {
			t.Fatal(err)
		}
	}
	tokens := map[string]int{}
	for _, in := range f.requests {
		if in, ok := in.(*dynamodb.TransactWriteItemsInput); ok {
			tokens[*in.ClientRequestToken]++
		}
	}
	if len(tokens) != 6 || len(f.requests) != 8 { // the first and the last are the same, and the put alone has none
		t.Errorf("%d requests with %d tokens, want 8 with 6", len(f.requests), len(tokens))
	}
}

// Requests about one item meet transactions too.
func TestSingleRequestsThatMeetATransaction(t *testing.T) {
	ctx, at := t.Context(), time.Unix(1e9, 0)
	put := func(s *dynamo.Store) error { return s.Commit(ctx, "id", two()[0]) }
	del := func(s *dynamo.Store) error { return s.Commit(ctx, "id", store.Delete(key("a"), store.Any)) }
	take := func(s *dynamo.Store) error { _, err := s.Take(ctx, budget, 1, at); return err }
	give := func(s *dynamo.Store) error { return s.Give(ctx, budget, 1, at) }
	for name, c := range map[string]struct {
		call func(s *dynamo.Store) error
		want error
	}{
		"put":    {put, store.ErrConflict},
		"delete": {del, store.ErrConflict},
		"take":   {take, store.ErrUnavailable},
		"give":   {give, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			meet := 2
			s, f, waits := scripted(t, func(operation string, try int) (any, error) {
				if try <= meet {
					return nil, &types.TransactionConflictException{}
				}
				switch operation {
				case "PutItem":
					return &dynamodb.PutItemOutput{}, nil
				case "DeleteItem":
					return &dynamodb.DeleteItemOutput{}, nil
				default:
					return &dynamodb.UpdateItemOutput{}, nil
				}
			})
			if err := c.call(s); err != nil || len(f.requests) != 3 {
				t.Errorf("met two: got %v after %d tries, want success after 3", err, len(f.requests))
			}
			meet, f.requests, f.tries, *waits = 100, nil, nil, 0
			err := c.call(s)
			if !errors.Is(err, c.want) || len(f.requests) != 6 {
				t.Errorf("met them always: got %v after %d tries, want %v after 6", err, len(f.requests), c.want)
			}
			if errors.Is(err, store.ErrConflict) && errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%v is of two kinds", err)
			}
		})
	}
}

// Nothing is tried again when the context has no time for it.
func TestTriesEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faults{instead: func(string, int, any) (any, error) { return nil, cancelled("TransactionConflict") }}
		s := dynamo.New(dynamo.Config{
			Client: dynamo.ClientOf(client("http://nobody.invalid", f.install)), Tables: map[store.Table]string{store.Operators: "operators"},
			Jitter: func() float64 { return 1 },
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := s.Commit(ctx, "id", two()...); !errors.Is(err, store.ErrConflict) {
			t.Errorf("got %v, want %v", err, store.ErrConflict)
		}
		// 16 and 32 ms fit in, 64 more would not: it does not wait for a time that will not come.
		if took := time.Since(start); took != 48*time.Millisecond || len(f.requests) != 3 {
			t.Errorf("%d tries in %s, want 3 in 48ms", len(f.requests), took)
		}
	})
}

// What a batch leaves out is asked for again, as consistently as before, and not for ever.
func TestUnprocessedKeys(t *testing.T) {
	stubborn := false
	s, f, _ := scripted(t, nil)
	f.instead = func(_ string, _ int, in any) (any, error) {
		ask := in.(*dynamodb.BatchGetItemInput).RequestItems["operators"]
		if !aws.ToBool(ask.ConsistentRead) {
			t.Error("a read that is not consistent")
		}
		out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
		if !stubborn {
			item := map[string]types.AttributeValue{"v": &types.AttributeValueMemberN{Value: "1"}}
			for k, v := range ask.Keys[0] {
				item[k] = v
			}
			out.Responses["operators"] = append(out.Responses["operators"], item)
			ask.Keys = ask.Keys[1:]
		}
		if len(ask.Keys) > 0 {
			out.UnprocessedKeys = map[string]types.KeysAndAttributes{"operators": {Keys: ask.Keys}}
		}
		return out, nil
	}
	items, err := s.Get(t.Context(), key("a"), key("b"), key("c"))
	if err != nil || len(f.requests) != 3 {
		t.Fatalf("got %v after %d tries", err, len(f.requests))
	}
	for _, i := range items {
		if !i.Exists() {
			t.Errorf("%s is missing", i.Key)
		}
	}
	stubborn, f.requests = true, nil
	s, g, _ := scripted(t, nil)
	g.instead = f.instead
	if _, err := s.Get(t.Context(), key("a"), key("b")); !errors.Is(err, store.ErrUnavailable) || len(g.requests) != 6 {
		t.Errorf("got %v after %d tries, want %v after 6", err, len(g.requests), store.ErrUnavailable)
	}
}

// Counters take no read: one update where the budget is full, two where it is not.
func TestTakeTakesNoRead(t *testing.T) {
	f := &faults{}
	s := onLocal(t, f)
	for i, want := range []int{1, 2, 1} { // full; one left; none left, which the refusal tells
		f.requests = nil
		taken, err := s.Take(t.Context(), budget, 1, time.Unix(1e9, 0))
		if err != nil || taken.OK != (i < 2) {
			t.Errorf("take %d: %+v, %v", i, taken, err)
		}
		if len(f.requests) != want {
			t.Errorf("take %d: %d requests, want %d", i, len(f.requests), want)
		}
		for _, in := range f.requests {
			if _, ok := in.(*dynamodb.UpdateItemInput); !ok {
				t.Errorf("take %d asks with %T", i, in)
			}
		}
	}
}

// A counter that stands elsewhere each time it is looked at is given up at some time.
func TestTakeLosesForEver(t *testing.T) {
	s, f, _ := scripted(t, func(_ string, try int) (any, error) {
		return nil, &types.ConditionalCheckFailedException{Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "test"}, "sk": &types.AttributeValueMemberS{Value: "budget"},
			"f.tat": &types.AttributeValueMemberN{Value: fmt.Sprint(int64(1e18) + int64(try%2)*int64(2*time.Second))},
		}}
	})
	if _, err := s.Take(t.Context(), budget, 1, time.Unix(1e9+1, 0)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("take: got %v, want %v", err, store.ErrUnavailable)
	}
	if n := len(f.requests); n < 20 || n > 30 {
		t.Errorf("%d tries", n)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{&types.ProvisionedThroughputExceededException{}, store.ErrUnavailable},
		{&types.InternalServerError{}, store.ErrUnavailable},
		{&types.ResourceNotFoundException{}, store.ErrUnavailable},
		{&smithy.GenericAPIError{Code: "ValidationException"}, store.ErrInvalid},
		{&types.ConditionalCheckFailedException{}, store.ErrConflict},
		{lostReply{}, store.ErrUnavailable},
	} {
		s, _, _ := scripted(t, func(string, int) (any, error) { return nil, c.err })
		if err := s.Commit(t.Context(), "id", two()[0]); !errors.Is(err, c.want) {
			t.Errorf("%v: got %v, want %v", c.err, err, c.want)
		}
	}
}

// The old item, which comes with a condition that failed, is in no error.
func TestErrorsHoldNoItem(t *testing.T) {
	item := map[string]types.AttributeValue{"f.hash": &types.AttributeValueMemberS{Value: "canary"}}
	single := &types.ConditionalCheckFailedException{Item: item}
	several := &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
		{Code: aws.String("ConditionalCheckFailed"), Item: item},
	}}
	for _, c := range []struct {
		err     error
		changes []store.Change
	}{{single, two()[:1]}, {several, two()}} {
		s, _, _ := scripted(t, func(string, int) (any, error) { return nil, c.err })
		err := s.Commit(t.Context(), "id", c.changes...)
		if !errors.Is(err, store.ErrConflict) || errors.As(err, &single) || errors.As(err, &several) {
			t.Errorf("got %v with %T, want %v alone", err, c.err, store.ErrConflict)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "canary") {
			t.Errorf("%v holds the item", err)
		}
	}
}

// Attributes that newer code, or AWS, adds to an item are left alone; those that make no sense are refused.
func TestStoredItems(t *testing.T) {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for _, c := range []struct {
		name, attribute string
		value           types.AttributeValue
		ok              bool
	}{
		{"as we write it", "v", &types.AttributeValueMemberN{Value: "1"}, true},
		{"of a global table", "aws:rep:deleting", &types.AttributeValueMemberBOOL{}, true},
		{"version as text", "v", text("1"), false},
		{"version with a fraction", "v", &types.AttributeValueMemberN{Value: "1.5"}, false},
		{"commit id as number", "c", &types.AttributeValueMemberN{Value: "1"}, false},
		{"field of lists", "f.x", &types.AttributeValueMemberL{}, false},
		{"field beyond 64 bits", "f.x", &types.AttributeValueMemberN{Value: "9223372036854775808"}, false},
		{"no sort key", "sk", nil, false},
	} {
		s, _, _ := scripted(t, func(string, int) (any, error) {
			one := &types.AttributeValueMemberN{Value: "1"}
			a := map[string]types.AttributeValue{"pk": text("p"), "sk": text("a"), "v": one}
			if a[c.attribute] = c.value; c.value == nil {
				delete(a, c.attribute)
			}
			return &dynamodb.GetItemOutput{Item: a}, nil
		})
		items, err := s.Get(t.Context(), key("a"))
		if (err == nil) != c.ok || c.ok && (items[0].Version != 1 || len(items[0].Fields) != 0) {
			t.Errorf("%s: got %+v, %v", c.name, items, err)
		}
	}
}

func TestTableThatWasNotGiven(t *testing.T) {
	s, f, _ := scripted(t, nil)
	k := store.Key{Table: store.Notices, Partition: "p", Sort: "s"}
	_, get := s.Get(t.Context(), k)
	_, many := s.Get(t.Context(), k, key("a"))
	_, query := s.Query(t.Context(), store.Query{Table: store.Notices, Partition: "p", Limit: 1})
	_, due := s.Due(t.Context(), store.Notices, 0, time.Unix(0, 0), 1, "")
	commit := s.Commit(t.Context(), "id", store.Delete(k, store.Any))
	for what, err := range map[string]error{"Get": get, "Get of two": many, "Query": query, "Due": due, "Commit": commit} {
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "Notices") {
			t.Errorf("%s: got %v, want %v naming the table", what, err, store.ErrInvalid)
		}
	}
	if len(f.requests) != 0 {
		t.Errorf("%d requests", len(f.requests))
	}
}
