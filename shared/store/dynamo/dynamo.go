// Package dynamo keeps Postern's state in DynamoDB.
//
// An item has the key attributes pk and sk; v, its version; c, the id of the commit that wrote it; ttl, in seconds, and due,
// in milliseconds, with shard, if it has them; and its fields, each under "f." and its name.
package dynamo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/shared/limit"
	"postern/shared/store"
)

// API is what of DynamoDB is used: *dynamodb.Client has it.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Config is what a Store works with.
type Config struct {
	Client API
	// Tables gives the names that the tables have in the deployment. A table that is missing cannot be asked: that is how a
	// function gets none that it has no business with.
	Tables map[store.Table]string
	// Sleep waits between two tries, and gives an error when the context ends first. Unset: a timer.
	Sleep func(context.Context, time.Duration) error
}

// Store implements store.Store. It is safe for concurrent use. What the SDK does not retry (a transaction that met another, keys
// of a batch that were left out) is retried here, a few times with growing waits, as long as the context has time.
type Store struct{ c Config }

var _ store.Store = (*Store)(nil)

// New makes a Store.
func New(c Config) *Store {
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	return &Store{c}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// maxTries is how often a request is made that lost to another transaction or was cut short.
const maxTries = 6

// wait waits before the n-th repeat, the first being 1: up to 20 ms, doubled each time, with full jitter.
func (s *Store) wait(ctx context.Context, n int) error {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	most := 20 * time.Millisecond << (n - 1)
	d := most * time.Duration(binary.BigEndian.Uint16(b[:])) / (1 << 16)
	if err := s.c.Sleep(ctx, d); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

func (s *Store) table(t store.Table) (*string, error) {
	name, ok := s.c.Tables[t]
	if !ok {
		return nil, fmt.Errorf("%w: no table %s", store.ErrInvalid, t)
	}
	return &name, nil
}

// Attribute names of our own.
const (
	attrPartition = "pk"
	attrSort      = "sk"
	attrVersion   = "v"
	attrCommit    = "c"
	attrExpires   = "ttl"
	attrDue       = "due"
	attrShard     = "shard"
	fieldPrefix   = "f."
	dueIndex      = "due"
)

type attributes = map[string]types.AttributeValue

func textOf(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func numberOf(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func keyOf(k store.Key) attributes {
	return attributes{attrPartition: textOf(k.Partition), attrSort: textOf(k.Sort)}
}

func encode(i store.Item, version int64, commit string) attributes {
	a := keyOf(i.Key)
	a[attrVersion], a[attrCommit] = numberOf(version), textOf(commit)
	if !i.Expires.IsZero() {
		a[attrExpires] = numberOf(i.Expires.Unix())
	}
	if !i.Due.IsZero() {
		a[attrDue], a[attrShard] = numberOf(i.Due.UnixMilli()), numberOf(int64(i.Shard()))
	}
	for name, v := range i.Fields {
		switch v := v.(type) {
		case store.Text:
			a[fieldPrefix+name] = textOf(string(v))
		case store.Number:
			a[fieldPrefix+name] = numberOf(int64(v))
		case store.Bytes:
			a[fieldPrefix+name] = &types.AttributeValueMemberB{Value: append([]byte{}, v...)}
		case store.Bool:
			a[fieldPrefix+name] = &types.AttributeValueMemberBOOL{Value: bool(v)}
		}
	}
	return a
}

var errForeign = errors.New("dynamo: item is not one of ours")

func number(v types.AttributeValue) (int64, error) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, errForeign
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, errForeign
	}
	return i, nil
}

func decode(t store.Table, a attributes) (store.Item, error) {
	i := store.Item{Key: store.Key{Table: t}, Fields: store.Fields{}}
	for name, v := range a {
		var err error
		var n int64
		switch name {
		case attrPartition, attrSort, attrCommit:
			s, ok := v.(*types.AttributeValueMemberS)
			if !ok {
				return i, errForeign
			}
			*map[string]*string{attrPartition: &i.Partition, attrSort: &i.Sort, attrCommit: &i.CommitID}[name] = s.Value
		case attrVersion:
			i.Version, err = number(v)
		case attrExpires:
			n, err = number(v)
			i.Expires = time.Unix(n, 0).UTC()
		case attrDue:
			n, err = number(v)
			i.Due = time.UnixMilli(n).UTC()
		case attrShard:
		default:
			field, ok := strings.CutPrefix(name, fieldPrefix)
			if !ok {
				return i, errForeign
			}
			switch v := v.(type) {
			case *types.AttributeValueMemberS:
				i.Fields[field] = store.Text(v.Value)
			case *types.AttributeValueMemberN:
				n, err = number(v)
				i.Fields[field] = store.Number(n)
			case *types.AttributeValueMemberB:
				i.Fields[field] = store.Bytes(append([]byte{}, v.Value...))
			case *types.AttributeValueMemberBOOL:
				i.Fields[field] = store.Bool(v.Value)
			default:
				err = errForeign
			}
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

// explain maps DynamoDB's errors to the port's.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	kind := store.ErrUnavailable
	var failed *types.ConditionalCheckFailedException
	var api interface{ ErrorCode() string }
	switch {
	case errors.As(err, &failed):
		kind = store.ErrConflict
	case errors.As(err, &api) && (api.ErrorCode() == "ValidationException" || api.ErrorCode() == "ItemCollectionSizeLimitExceededException"):
		kind = store.ErrInvalid
	}
	return fmt.Errorf("%w: %s: %w", kind, what, err)
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := store.CheckGet(keys); err != nil {
		return nil, err
	}
	found := make(map[store.Key]store.Item, len(keys))
	if len(keys) == 1 {
		table, err := s.table(keys[0].Table)
		if err != nil {
			return nil, err
		}
		out, err := s.c.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: table, Key: keyOf(keys[0]), ConsistentRead: aws.Bool(true)})
		if err != nil {
			return nil, explain("get item", err)
		}
		if err := s.collect(found, keys[0].Table, out.Item); err != nil {
			return nil, err
		}
	} else if err := s.batchGet(ctx, keys, found); err != nil {
		return nil, err
	}
	items := make([]store.Item, len(keys))
	for i, k := range keys {
		var ok bool
		if items[i], ok = found[k]; !ok {
			items[i] = store.Item{Key: k, Version: -1}
		}
	}
	return items, nil
}

func (s *Store) collect(found map[store.Key]store.Item, t store.Table, a attributes) error {
	if len(a) == 0 {
		return nil
	}
	i, err := decode(t, a)
	if err != nil {
		return err
	}
	found[i.Key] = i
	return nil
}

func (s *Store) batchGet(ctx context.Context, keys []store.Key, found map[store.Key]store.Item) error {
	ask := map[string]types.KeysAndAttributes{}
	tables := map[string]store.Table{}
	seen := map[store.Key]bool{}
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		name, err := s.table(k.Table)
		if err != nil {
			return err
		}
		tables[*name] = k.Table
		ka := ask[*name]
		ka.ConsistentRead = aws.Bool(true)
		ka.Keys = append(ka.Keys, keyOf(k))
		ask[*name] = ka
	}
	for try := 1; ; try++ {
		out, err := s.c.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: ask})
		if err != nil {
			return explain("batch get", err)
		}
		for name, items := range out.Responses {
			for _, a := range items {
				if err := s.collect(found, tables[name], a); err != nil {
					return err
				}
			}
		}
		if ask = out.UnprocessedKeys; len(ask) == 0 {
			return nil
		}
		if try == maxTries {
			return fmt.Errorf("%w: batch get left keys out %d times", store.ErrUnavailable, try)
		}
		if err := s.wait(ctx, try); err != nil {
			return err
		}
	}
}

// Query implements store.Store.
func (s *Store) Query(ctx context.Context, q store.Query) (store.Page, error) {
	if err := store.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	table, err := s.table(q.Table)
	if err != nil {
		return store.Page{}, err
	}
	start, err := openCursor(q.Cursor)
	if err != nil {
		return store.Page{}, err
	}
	if q.From != "" && q.To != "" && q.From >= q.To {
		return store.Page{}, nil
	}
	condition := "pk = :p"
	values := attributes{":p": textOf(q.Partition)}
	switch {
	case q.Prefix != "":
		condition += " AND begins_with(sk, :a)"
		values[":a"] = textOf(q.Prefix)
	case q.From != "" && q.To != "":
		condition += " AND sk BETWEEN :a AND :b" // To is left out below: a key takes one condition, and this one includes it
		values[":a"], values[":b"] = textOf(q.From), textOf(q.To)
	case q.From != "":
		condition += " AND sk >= :a"
		values[":a"] = textOf(q.From)
	case q.To != "":
		condition += " AND sk < :b"
		values[":b"] = textOf(q.To)
	}
	out, err := s.c.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: table, ConsistentRead: aws.Bool(true), KeyConditionExpression: &condition, ExpressionAttributeValues: values,
		ScanIndexForward: aws.Bool(!q.Reverse), Limit: aws.Int32(int32(q.Limit)), ExclusiveStartKey: start,
	})
	if err != nil {
		return store.Page{}, explain("query", err)
	}
	p, err := page(q.Table, out.Items, out.LastEvaluatedKey)
	if err != nil {
		return store.Page{}, err
	}
	if q.To != "" {
		kept := p.Items[:0]
		for _, i := range p.Items {
			if i.Sort < q.To {
				kept = append(kept, i)
			}
		}
		p.Items = kept
	}
	return p, nil
}

func page(t store.Table, items []attributes, last attributes) (store.Page, error) {
	var p store.Page
	for _, a := range items {
		i, err := decode(t, a)
		if err != nil {
			return store.Page{}, err
		}
		p.Items = append(p.Items, i)
	}
	var err error
	p.Next, err = sealCursor(last)
	return p, err
}

// Due implements store.Store.
func (s *Store) Due(ctx context.Context, t store.Table, shard int, until time.Time, limit int, cursor string) (store.Page, error) {
	if err := store.CheckDue(t, shard, limit); err != nil {
		return store.Page{}, err
	}
	table, err := s.table(t)
	if err != nil {
		return store.Page{}, err
	}
	start, err := openCursor(cursor)
	if err != nil {
		return store.Page{}, err
	}
	out, err := s.c.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: table, IndexName: aws.String(dueIndex), KeyConditionExpression: aws.String("#s = :s AND due <= :u"),
		ExpressionAttributeNames:  map[string]string{"#s": attrShard}, // a reserved word
		ExpressionAttributeValues: attributes{":s": numberOf(int64(shard)), ":u": numberOf(until.UnixMilli())},
		Limit:                     aws.Int32(int32(limit)), ExclusiveStartKey: start,
	})
	if err != nil {
		return store.Page{}, explain("query due index", err)
	}
	return page(t, out.Items, out.LastEvaluatedKey)
}

// A cursor is the key that DynamoDB stopped at, as JSON of its texts and numbers.
func sealCursor(last attributes) (string, error) {
	if len(last) == 0 {
		return "", nil
	}
	flat := map[string]string{}
	for name, v := range last {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			flat[name] = "S" + v.Value
		case *types.AttributeValueMemberN:
			flat[name] = "N" + v.Value
		default:
			return "", errForeign
		}
	}
	raw, err := json.Marshal(flat)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func openCursor(cursor string) (attributes, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	var flat map[string]string
	if err != nil || json.Unmarshal(raw, &flat) != nil || flat[attrPartition] == "" || flat[attrSort] == "" {
		return nil, fmt.Errorf("%w: malformed cursor", store.ErrInvalid)
	}
	a := attributes{}
	for name, v := range flat {
		switch {
		case strings.HasPrefix(v, "S"):
			a[name] = textOf(v[1:])
		case strings.HasPrefix(v, "N"):
			a[name] = &types.AttributeValueMemberN{Value: v[1:]}
		default:
			return nil, fmt.Errorf("%w: malformed cursor", store.ErrInvalid)
		}
	}
	return a, nil
}

// expectation is a condition on an item.
type expectation struct {
	expression *string
	values     attributes
}

func expect(e store.Expect) expectation {
	switch e {
	case store.Any:
		return expectation{}
	case store.Absent:
		return expectation{expression: aws.String("attribute_not_exists(pk)")}
	}
	return expectation{expression: aws.String("v = :v"), values: attributes{":v": numberOf(int64(e))}}
}

func version(e store.Expect) int64 {
	if e == store.Any {
		return 0
	}
	return int64(e) + 1
}

func wroteBy(a attributes, id string) bool {
	c, ok := a[attrCommit].(*types.AttributeValueMemberS)
	return ok && c.Value == id
}

// Commit implements store.Store. One put or delete is that; more are a transaction.
func (s *Store) Commit(ctx context.Context, id string, changes ...store.Change) error {
	if err := store.CheckCommit(id, changes); err != nil {
		return err
	}
	if len(changes) == 1 && changes[0].Op != store.OpCheck {
		return s.commitOne(ctx, id, changes[0])
	}
	items := make([]types.TransactWriteItem, len(changes))
	for i, c := range changes {
		table, err := s.table(c.Item.Table)
		if err != nil {
			return err
		}
		e := expect(c.Expect)
		const old = types.ReturnValuesOnConditionCheckFailureAllOld
		switch c.Op {
		case store.OpPut:
			items[i].Put = &types.Put{TableName: table, Item: encode(c.Item, version(c.Expect), id), ConditionExpression: e.expression,
				ExpressionAttributeValues: e.values, ReturnValuesOnConditionCheckFailure: old}
		case store.OpDelete:
			items[i].Delete = &types.Delete{TableName: table, Key: keyOf(c.Item.Key), ConditionExpression: e.expression,
				ExpressionAttributeValues: e.values}
		case store.OpCheck:
			items[i].ConditionCheck = &types.ConditionCheck{TableName: table, Key: keyOf(c.Item.Key), ConditionExpression: e.expression,
				ExpressionAttributeValues: e.values}
		}
	}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: aws.String(requestToken(id, changes))}
	for try := 1; ; try++ {
		_, err := s.c.Client.TransactWriteItems(ctx, in)
		if err == nil {
			return nil
		}
		var cancelled *types.TransactionCanceledException
		var inProgress *types.TransactionInProgressException
		again := errors.As(err, &inProgress)
		kind := store.ErrUnavailable
		if errors.As(err, &cancelled) {
			var happened bool
			if happened, again, kind = judge(cancelled.CancellationReasons, id); happened {
				return nil
			}
		} else if !again {
			return explain("transaction", err)
		}
		if !again || try == maxTries {
			return fmt.Errorf("%w: transaction: %w", kind, err)
		}
		if err := s.wait(ctx, try); err != nil {
			return err
		}
	}
}

// judge reads why a transaction was cancelled: it lost to another (again: nothing was written, and the same may succeed), an
// expectation did not hold, or this commit has happened before.
func judge(reasons []types.CancellationReason, id string) (happened, again bool, kind error) {
	kind, again = store.ErrUnavailable, true
	for _, r := range reasons {
		if wroteBy(r.Item, id) {
			return true, false, nil
		}
		switch aws.ToString(r.Code) {
		case "ConditionalCheckFailed":
			kind, again = store.ErrConflict, false
		case "ValidationError", "ItemCollectionSizeLimitExceeded":
			if again {
				kind, again = store.ErrInvalid, false
			}
		case "TransactionConflict":
			if again {
				kind = store.ErrConflict
			}
		}
	}
	return false, again, kind
}

// requestToken makes the SDK's and DynamoDB's own repeats of one request one (they are remembered for ten minutes). It differs
// where the changes do, so that two commits that were given one id by mistake are not taken for each other.
func requestToken(id string, changes []store.Change) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", id)
	for _, c := range changes {
		fmt.Fprintf(h, "%d %q %d;", c.Op, c.Item.Key.String(), c.Expect)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:24])
}

func (s *Store) commitOne(ctx context.Context, id string, c store.Change) error {
	table, err := s.table(c.Item.Table)
	if err != nil {
		return err
	}
	e := expect(c.Expect)
	if c.Op == store.OpPut {
		_, err = s.c.Client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: table, Item: encode(c.Item, version(c.Expect), id), ConditionExpression: e.expression,
			ExpressionAttributeValues: e.values, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
	} else {
		_, err = s.c.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: table, Key: keyOf(c.Item.Key), ConditionExpression: e.expression, ExpressionAttributeValues: e.values,
		})
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) && wroteBy(failed.Item, id) {
		return nil
	}
	return explain("commit", err)
}

// Take implements store.Store: conditional updates, no read. The first try takes the counter for full, as it mostly is; if it is
// not, the refusal shows how it stands, and the second adds to it. Each update leaves the take's id, by which a repeat after
// a lost answer sees that it was done; only if somebody else took in between does such a repeat take twice.
func (s *Store) Take(ctx context.Context, b limit.Budget, n int, at time.Time) (store.Taken, error) {
	if n < 1 || n > b.Burst || b.Key == "" || b.Every <= 0 {
		return store.Taken{}, fmt.Errorf("%w: take %d of a budget of %d", store.ErrInvalid, n, b.Burst)
	}
	id := rand.Text()
	cost := int64(n) * int64(b.Every)
	window := time.Duration(b.Burst) * b.Every
	now := numberOf(at.UnixNano())
	full := update{
		"SET #t = :next, c = :id, v = :zero, #ttl = :ttl", "attribute_not_exists(pk) OR #t <= :now",
		attributes{":next": numberOf(at.UnixNano() + cost), ":id": textOf(id), ":zero": numberOf(0), ":ttl": numberOf(at.Add(window).Unix() + 1), ":now": now},
	}
	partly := update{
		"SET #t = #t + :cost, c = :id, #ttl = :ttl", "#t > :now AND #t <= :most",
		attributes{":cost": numberOf(cost), ":id": textOf(id), ":ttl": numberOf(at.Add(window).Unix() + 1), ":now": now,
			":most": numberOf(at.UnixNano() + int64(window) - cost)},
	}
	next := full
	for try := 1; ; try++ {
		old, err := s.update(ctx, b, next)
		if err == nil || wroteBy(old.attributes, id) {
			return store.Taken{OK: true}, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return store.Taken{}, err
		}
		tat := store.TAT(old.item)
		if _, wait, ok := b.Take(tat, at, n); !ok {
			return store.Taken{Wait: wait}, nil
		}
		next = partly
		if !tat.After(at) {
			next = full
		}
		if try == 4*maxTries { // each repeat means that somebody else has taken: this many never do in a burst
			return store.Taken{}, fmt.Errorf("%w: take: others were faster %d times", store.ErrUnavailable, try)
		}
	}
}

// Give implements store.Store.
func (s *Store) Give(ctx context.Context, b limit.Budget, n int, at time.Time) error {
	if n < 1 || b.Key == "" || b.Every <= 0 {
		return fmt.Errorf("%w: give %d", store.ErrInvalid, n)
	}
	id := rand.Text()
	gift := int64(n) * int64(b.Every)
	next := update{
		"SET #t = #t - :gift, c = :id", "#t >= :enough",
		attributes{":gift": numberOf(gift), ":id": textOf(id), ":enough": numberOf(at.UnixNano() + gift)},
	}
	for try := 1; ; try++ {
		old, err := s.update(ctx, b, next)
		if err == nil || wroteBy(old.attributes, id) {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		tat := store.TAT(old.item)
		if !tat.After(at) {
			return nil // full
		}
		if try == 4*maxTries {
			return fmt.Errorf("%w: give: others were faster %d times", store.ErrUnavailable, try)
		}
		if tat.UnixNano() >= at.UnixNano()+gift {
			continue
		}
		next = update{
			"SET #t = :now, c = :id", "#t = :old",
			attributes{":now": numberOf(at.UnixNano()), ":id": textOf(id), ":old": numberOf(tat.UnixNano())},
		}
	}
}

// update is a conditional update of a counter; #t is its time, #ttl its expiry.
type update struct {
	expression, condition string
	values                attributes
}

// before is how a counter stood when a condition did not hold.
type before struct {
	attributes attributes
	item       store.Item
}

func (s *Store) update(ctx context.Context, b limit.Budget, u update) (before, error) {
	k := store.Counter(b)
	if err := store.CheckKey(k); err != nil {
		return before{}, err
	}
	table, err := s.table(k.Table)
	if err != nil {
		return before{}, err
	}
	names := map[string]string{"#t": fieldPrefix + store.TATField}
	if strings.Contains(u.expression, "#ttl") {
		names["#ttl"] = attrExpires
	}
	_, err = s.c.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: table, Key: keyOf(k), UpdateExpression: &u.expression, ConditionExpression: &u.condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: u.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		was := before{attributes: failed.Item}
		if len(failed.Item) > 0 {
			item, decodeErr := decode(k.Table, failed.Item)
			if decodeErr != nil {
				return before{}, decodeErr
			}
			was.item = item
		}
		return was, explain("update counter", err)
	}
	return before{}, explain("update counter", err)
}
