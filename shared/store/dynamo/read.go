package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/shared/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := store.CheckGet(keys); err != nil {
		return nil, err
	}
	get := s.getBatch
	if len(keys) == 1 {
		get = s.getOne
	}
	found, err := get(ctx, keys)
	if err != nil {
		return nil, err
	}
	items := make([]store.Item, len(keys))
	for i, k := range keys {
		a, ok := found[k]
		if !ok {
			items[i] = store.Item{Key: k, Version: -1}
			continue
		}
		// Decoded once for each time that it was asked for: the answers share no memory.
		if items[i], err = decode(k.Table, a); err != nil {
			return nil, fmt.Errorf("get from %s: %w", k.Table, err)
		}
	}
	return items, nil
}

func (s *Store) getOne(ctx context.Context, keys []store.Key) (map[store.Key]attributes, error) {
	table, err := s.table(keys[0].Table)
	if err != nil {
		return nil, err
	}
	out, err := s.c.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: table, Key: keyOf(keys[0]), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, explain("get item", err)
	}
	if len(out.Item) == 0 {
		return nil, nil
	}
	return map[store.Key]attributes{keys[0]: out.Item}, nil
}

func (s *Store) getBatch(ctx context.Context, keys []store.Key) (map[store.Key]attributes, error) {
	ask := map[string]types.KeysAndAttributes{}
	tables := map[string]store.Table{}
	seen := map[store.Key]bool{}
	for _, k := range keys {
		name, err := s.table(k.Table)
		if err != nil {
			return nil, err
		}
		if seen[k] {
			continue
		}
		seen[k] = true
		tables[*name] = k.Table
		ask[*name] = types.KeysAndAttributes{ConsistentRead: aws.Bool(true), Keys: append(ask[*name].Keys, keyOf(k))}
	}
	found := make(map[store.Key]attributes, len(keys))
	for try := 1; ; try++ {
		out, err := s.c.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: ask})
		if err != nil {
			return nil, explain("get items", err)
		}
		for name, items := range out.Responses {
			for _, a := range items {
				r := reader{a: a}
				found[store.Key{Table: tables[name], Partition: r.text(attrPartition), Sort: r.text(attrSort)}] = a
			}
		}
		if len(out.UnprocessedKeys) == 0 {
			return found, nil
		}
		if try == maxTries {
			return nil, fmt.Errorf("%w: get items: keys were left out %d times", store.ErrUnavailable, try)
		}
		if err := s.pause(ctx, try); err != nil {
			return nil, fmt.Errorf("%w: get items: %w", store.ErrUnavailable, err)
		}
		ask = map[string]types.KeysAndAttributes{}
		for name, left := range out.UnprocessedKeys {
			ask[name] = types.KeysAndAttributes{ConsistentRead: aws.Bool(true), Keys: left.Keys}
		}
	}
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
	table, err := s.table(q.Table)
	if err != nil {
		return store.Page{}, err
	}
	if q.From != "" && q.To != "" && q.From >= q.To {
		return store.Page{}, nil // DynamoDB refuses such a range
	}
	in := &dynamodb.QueryInput{
		TableName: table, ConsistentRead: aws.Bool(true),
		ScanIndexForward: aws.Bool(!q.Reverse), Limit: aws.Int32(int32(q.Limit)),
		ExpressionAttributeValues: attributes{":p": textOf(q.Partition)},
	}
	condition := "pk = :p"
	with := func(more, name, value string) {
		condition += more
		in.ExpressionAttributeValues[name] = textOf(value)
	}
	switch {
	case q.Prefix != "":
		with(" AND begins_with(sk, :from)", ":from", q.Prefix)
	case q.From != "" && q.To != "":
		// A key takes one condition, and this one includes To, which is left out below.
		with(" AND sk BETWEEN :from", ":from", q.From)
		with(" AND :to", ":to", q.To)
	case q.From != "":
		with(" AND sk >= :from", ":from", q.From)
	case q.To != "":
		with(" AND sk < :to", ":to", q.To)
	}
	in.KeyConditionExpression = &condition
	if after != "" {
		in.ExclusiveStartKey = keyOf(store.Key{Partition: q.Partition, Sort: after})
	}
	out, err := s.c.Client.Query(ctx, in)
	if err != nil {
		return store.Page{}, explain("query", err)
	}
	items, err := decodeAll(q.Table, out.Items)
	if err != nil {
		return store.Page{}, err
	}
	page := store.Page{Items: items}
	if n := len(items) - 1; n >= 0 && q.To != "" && items[n].Sort == q.To {
		page.Items = items[:n]
	} else if n >= 0 && q.To != "" && items[0].Sort == q.To {
		page.Items = items[1:]
	}
	if len(out.LastEvaluatedKey) > 0 {
		last, err := decode(q.Table, out.LastEvaluatedKey)
		if err != nil {
			return store.Page{}, fmt.Errorf("query %s: %w", q.Table, err)
		}
		page.Next = store.QueryCursor(last.Sort)
	}
	return page, nil
}

// Due implements store.Store.
func (s *Store) Due(
	ctx context.Context, t store.Table, shard int, until time.Time, limit int, cursor string,
) (store.Page, error) {
	if err := store.CheckDue(t, shard, limit); err != nil {
		return store.Page{}, err
	}
	table, err := s.table(t)
	if err != nil {
		return store.Page{}, err
	}
	in := &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String(dueIndex),
		KeyConditionExpression:    aws.String("#shard = :shard AND due <= :until"),
		ExpressionAttributeNames:  map[string]string{"#shard": attrShard}, // a reserved word
		ExpressionAttributeValues: attributes{":shard": numberOf(int64(shard)), ":until": numberOf(until.UnixMilli())},
		Limit:                     aws.Int32(int32(limit)),
	}
	if cursor != "" {
		k, due, err := store.OpenDueCursor(cursor, t, shard, until)
		if err != nil {
			return store.Page{}, err
		}
		in.ExclusiveStartKey = dueKeyOf(k, due)
	}
	out, err := s.c.Client.Query(ctx, in)
	if err != nil {
		return store.Page{}, explain("query due index", err)
	}
	var page store.Page
	if page.Items, err = decodeAll(t, out.Items); err != nil {
		return store.Page{}, err
	}
	if len(out.LastEvaluatedKey) > 0 {
		last, err := decode(t, out.LastEvaluatedKey)
		if err != nil {
			return store.Page{}, fmt.Errorf("due index of %s: %w", t, err)
		}
		page.Next = store.DueCursor(last.Key, last.Due)
	}
	return page, nil
}

func decodeAll(t store.Table, all []attributes) ([]store.Item, error) {
	var items []store.Item
	for _, a := range all {
		i, err := decode(t, a)
		if err != nil {
			return nil, fmt.Errorf("read from %s: %w", t, err)
		}
		items = append(items, i)
	}
	return items, nil
}
