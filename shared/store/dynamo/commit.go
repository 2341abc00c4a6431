package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/shared/store"
)

const allOld = types.ReturnValuesOnConditionCheckFailureAllOld

// Commit implements store.Store. A single put is that, and costs that; so is a delete that expects nothing. All else is a
// transaction: also the delete of a version, which the SDK could not repeat otherwise without finding its own work.
func (s *Store) Commit(ctx context.Context, id string, changes ...store.Change) error {
	if err := store.CheckCommit(id, changes); err != nil {
		return err
	}
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: aws.String(s.requestToken(id, changes))}
	for _, c := range changes {
		table, err := s.table(c.Item.Table)
		if err != nil {
			return err
		}
		in.TransactItems = append(in.TransactItems, transactItem(table, id, c))
	}
	if only := in.TransactItems[0]; len(changes) == 1 {
		switch {
		case only.Put != nil:
			return s.put(ctx, id, only.Put)
		case only.Delete != nil && changes[0].Expect == store.Any:
			return s.delete(ctx, only.Delete)
		}
	}
	return s.transact(ctx, id, in)
}

func transactItem(table *string, id string, c store.Change) types.TransactWriteItem {
	var condition *string
	var values attributes
	version := int64(0)
	switch c.Expect {
	case store.Absent:
		condition, version = aws.String("attribute_not_exists(pk)"), 1
	case store.Any:
		if c.Op == store.OpPut { // fails where this commit has happened: that is how it is told
			condition, values = aws.String("attribute_not_exists(pk) OR c <> :c"), attributes{":c": textOf(id)}
		}
	default:
		condition, values = aws.String("v = :v"), attributes{":v": numberOf(int64(c.Expect))}
		version = int64(c.Expect) + 1
	}
	switch c.Op {
	case store.OpPut:
		return types.TransactWriteItem{Put: &types.Put{
			TableName: table, Item: encode(c.Item, version, id), ConditionExpression: condition,
			ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: allOld,
		}}
	case store.OpDelete:
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: table, Key: keyOf(c.Item.Key), ConditionExpression: condition, ExpressionAttributeValues: values,
		}}
	default:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: table, Key: keyOf(c.Item.Key), ConditionExpression: condition, ExpressionAttributeValues: values,
		}}
	}
}

func (s *Store) put(ctx context.Context, id string, p *types.Put) error {
	err := s.retry(ctx, func() error {
		_, err := s.c.Client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: p.TableName, Item: p.Item, ConditionExpression: p.ConditionExpression,
			ExpressionAttributeValues: p.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: allOld,
		})
		return err
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) && wroteBy(failed.Item, id) {
		return nil
	}
	return explain("put", err)
}

func (s *Store) delete(ctx context.Context, d *types.Delete) error {
	return explain("delete", s.retry(ctx, func() error {
		_, err := s.c.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: d.TableName, Key: d.Key})
		return err
	}))
}

func (s *Store) transact(ctx context.Context, id string, in *dynamodb.TransactWriteItemsInput) error {
	for try := 1; ; try++ {
		err := s.retry(ctx, func() error {
			_, err := s.c.Client.TransactWriteItems(ctx, in)
			return err
		})
		var cancelled *types.TransactionCanceledException
		if !errors.As(err, &cancelled) {
			return explain("transaction", err)
		}
		happened, again, kind := judge(cancelled.CancellationReasons, id)
		if happened {
			return nil
		}
		if !again || try == maxTries || s.pause(ctx, try) != nil {
			return fmt.Errorf("%w: transaction was cancelled: %s", kind, codes(cancelled.CancellationReasons))
		}
	}
}

// judge reads why a transaction was cancelled: this commit has happened before; or it met another, or was throttled, and
// may go well when it is made again; or neither, and kind says what it is.
//
// An item that another transaction holds may be one that this commit wrote, so as long as there is one, a condition that
// failed elsewhere is not yet the last word.
func judge(reasons []types.CancellationReason, id string) (happened, again bool, kind error) {
	conflict := false
	for _, r := range reasons {
		if wroteBy(r.Item, id) {
			return true, false, nil
		}
		switch code := aws.ToString(r.Code); {
		case code == "TransactionConflict":
			conflict, again = true, true
		case code == "ConditionalCheckFailed":
			conflict = true
		case invalid(code):
			return false, false, store.ErrInvalid
		case code == "ThrottlingError", code == "ProvisionedThroughputExceeded":
			again = true
		}
	}
	if conflict {
		return false, again, store.ErrConflict
	}
	return false, again, store.ErrUnavailable
}

// codes lists the reasons without the items in them.
func codes(reasons []types.CancellationReason) []string {
	var all []string
	for _, r := range reasons {
		all = append(all, aws.ToString(r.Code))
	}
	return all
}

// requestToken makes repeats of one request one, for ten minutes: those of the SDK after a lost reply, above all. It
// differs where anything in the changes does, since DynamoDB refuses two requests with one token.
func (s *Store) requestToken(id string, changes []store.Change) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", id)
	for _, c := range changes {
		i := c.Item
		fmt.Fprintf(h, "%d %q %q %q %d", c.Op, s.c.Tables[i.Table], i.Partition, i.Sort, c.Expect)
		fmt.Fprintf(h, "%d %d %#v", i.Expires.Unix(), i.Due.UnixMilli(), i.Fields) // maps are printed in order
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:24])
}
