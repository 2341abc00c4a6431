package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/shared/limit"
	"postern/shared/store"
)

// A counter is updated without being read: an update's condition says how it must stand, and if it does not, the refusal
// shows how it does. #t is its time, #ttl its expiry.
//
// Each update leaves a random id, and is refused where its own stands: so a repeat by the SDK, after a lost reply, sees that
// it was done. Only if somebody else took in between is it done twice: one is counted too many, in a case that nobody can
// bring about.
const (
	// The counter is full, as it mostly is, or not there: it begins at :now. :next is behind :now, so its own repeat fails.
	takeFromFull = "SET #t = :next, #ttl = :ttl, c = :id, v = :zero"
	ifFull       = "attribute_not_exists(pk) OR #t <= :now"
	// It is not full, and :cost can be added to it without going beyond :most.
	takeMore = "SET #t = #t + :cost, #ttl = %s, c = :id"
	ifLeft   = "#t > :now AND #t <= :most AND c <> :id"
	// More was taken than is given back.
	giveSome = "SET #t = #t - :cost, #ttl = %s, c = :id"
	ifOwed   = "#t >= :enough AND c <> :id"
	// What is given back fills it.
	giveAll = "SET #t = :now, #ttl = :ttl, c = :id"
	ifStill = "#t = :old"
)

// mostUpdates ends a race over one counter. Each round lost means that somebody else has taken or given, or that the counter
// filled up meanwhile, so only the unluckiest of a great many come here.
const mostUpdates = 24

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (store.Taken, error) {
	if err := store.CheckTake(b, n); err != nil {
		return store.Taken{}, err
	}
	id := rand.Text()
	cost := time.Duration(n) * b.Every
	window := time.Duration(b.Burst) * b.Every
	full := update{takeFromFull, ifFull, attributes{
		":id": textOf(id), ":zero": numberOf(0), ":now": numberOf(at.UnixNano()),
		":next": numberOf(at.Add(cost).UnixNano()), ":ttl": expiry(at.Add(cost)),
	}}
	more := update{takeMore, ifLeft, attributes{
		":id": textOf(id), ":cost": numberOf(int64(cost)), ":now": numberOf(at.UnixNano()),
		":most": numberOf(at.Add(window - cost).UnixNano()),
	}}
	more.moveExpiry("+", cost, at.Add(window))
	next := full
	for range mostUpdates {
		done, tat, err := s.update(ctx, b, id, next)
		if err != nil {
			return store.Taken{}, fmt.Errorf("take: %w", err)
		}
		if done {
			return store.Taken{OK: true}, nil
		}
		if _, wait, ok := b.Take(tat, at, n); !ok {
			return store.Taken{Wait: wait}, nil
		}
		if next = full; tat.After(at) {
			next = more
		}
	}
	return store.Taken{}, fmt.Errorf("%w: take: others were faster %d times", store.ErrUnavailable, mostUpdates)
}

// Give implements store.Store.
func (s *Store) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	if err := store.CheckGive(b, n); err != nil {
		return err
	}
	id := rand.Text()
	gift := time.Duration(n) * b.Every
	some := update{giveSome, ifOwed, attributes{
		":id": textOf(id), ":cost": numberOf(int64(gift)), ":enough": numberOf(at.Add(gift).UnixNano()),
	}}
	some.moveExpiry("-", gift, at.Add(time.Duration(b.Burst)*b.Every))
	next := some
	for range mostUpdates {
		done, tat, err := s.update(ctx, b, id, next)
		if err != nil {
			return fmt.Errorf("give: %w", err)
		}
		if done || !tat.After(at) {
			return nil
		}
		if next = some; tat.Before(at.Add(gift)) {
			next = update{giveAll, ifStill, attributes{
				":id": textOf(id), ":now": numberOf(at.UnixNano()), ":ttl": expiry(at), ":old": numberOf(tat.UnixNano()),
			}}
		}
	}
	return fmt.Errorf("%w: give: others were faster %d times", store.ErrUnavailable, mostUpdates)
}

// update is a conditional update of a counter.
type update struct {
	expression, condition string
	values                attributes
}

// expiry is when a counter may go that is full at tat: whole seconds, after it.
func expiry(tat time.Time) types.AttributeValue { return numberOf(tat.Unix() + 1) }

// moveExpiry has the expiry move as the counter does, by whole seconds. By fractions it cannot, as nobody knows where the
// counter stands when it is moved: then it is when the counter is full at the latest, which is soon in such budgets.
func (u *update) moveExpiry(direction string, by time.Duration, latest time.Time) {
	if by%time.Second == 0 {
		u.expression = fmt.Sprintf(u.expression, "#ttl "+direction+" :seconds")
		u.values[":seconds"] = numberOf(int64(by / time.Second))
		return
	}
	u.expression = fmt.Sprintf(u.expression, ":ttl")
	u.values[":ttl"] = expiry(latest)
}

// update makes an update, and reports whether it is done; if not, how the counter stands.
func (s *Store) update(ctx context.Context, b limit.Budget, id string, u update) (done bool, tat time.Time, err error) {
	table, err := s.table(store.Limits)
	if err != nil {
		return false, time.Time{}, err
	}
	err = s.retry(ctx, func() error {
		_, err := s.c.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: table, Key: keyOf(store.Counter(b)), UpdateExpression: &u.expression, ConditionExpression: &u.condition,
			ExpressionAttributeNames:            map[string]string{"#t": fieldPrefix + store.TATField, "#ttl": attrExpires},
			ExpressionAttributeValues:           u.values,
			ReturnValuesOnConditionCheckFailure: allOld,
		})
		return err
	})
	var failed *types.ConditionalCheckFailedException
	var met *types.TransactionConflictException
	switch {
	case err == nil:
		return true, time.Time{}, nil
	case errors.As(err, &met): // not ours: counters stand in no commit
		return false, time.Time{}, fmt.Errorf("%w: update counter: %w", store.ErrUnavailable, err)
	case !errors.As(err, &failed):
		return false, time.Time{}, explain("update counter", err)
	case len(failed.Item) == 0:
		return false, time.Time{}, nil
	case wroteBy(failed.Item, id):
		return true, time.Time{}, nil
	}
	counter, err := decode(store.Limits, failed.Item)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("counter: %w", err)
	}
	return false, store.TAT(counter), nil
}
