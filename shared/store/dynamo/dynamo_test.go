package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/infra/template"
	"postern/shared/limit"
	"postern/shared/store"
	"postern/shared/store/dynamo"
	"postern/shared/store/storetest"
)

// local gives a client of Amazon's DynamoDB Local, or skips.
func local(t *testing.T) *dynamodb.Client {
	t.Helper()
	endpoint := os.Getenv("POSTERN_DYNAMODB_ENDPOINT")
	if endpoint == "" {
		t.Skip("needs DynamoDB Local: infra/stand/with-dynamodb.sh go test ./shared/store/dynamo")
	}
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "local", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		DisableValidateResponseChecksum: true, // it sends none, and each 4xx would log a warning
	})
}

// tables makes the tables of template.yaml under names of their own, and removes them after the test.
func tables(t *testing.T, client *dynamodb.Client) map[store.Table]string {
	t.Helper()
	declared, err := template.Tables("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[store.Table]string{}
	run := rand.Text()[:8]
	for _, d := range declared {
		name := "test-" + run + "-" + d.Name
		in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(d.Keys)}
		for attribute, kind := range d.Attributes {
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: &attribute, AttributeType: types.ScalarAttributeType(kind),
			})
		}
		for _, i := range d.Indexes {
			in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
				IndexName: &i.Name, KeySchema: keySchema(i.Keys), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
			})
		}
		if _, err := client.CreateTable(t.Context(), in); err != nil {
			t.Fatalf("create table %s: %v", d.Name, err)
		}
		t.Cleanup(func() {
			if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
				t.Errorf("delete table: %v", err)
			}
		})
		names[store.Table(d.Name)] = name
	}
	return names
}

func keySchema(keys []template.Key) (schema []types.KeySchemaElement) {
	for _, k := range keys {
		schema = append(schema, types.KeySchemaElement{AttributeName: &k.Attribute, KeyType: types.KeyType(k.Type)})
	}
	return schema
}

func TestStore(t *testing.T) {
	client := local(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return dynamo.New(dynamo.Config{Client: client, Tables: tables(t, client)})
	})
}

// stub is a DynamoDB whose answers are scripted: what DynamoDB Local never does.
type stub struct {
	dynamo.API
	transact func(try int) error
	batch    func(try int, in *dynamodb.BatchGetItemInput) *dynamodb.BatchGetItemOutput
	tries    int
	tokens   []string
}

func (s *stub) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	s.tries++
	s.tokens = append(s.tokens, aws.ToString(in.ClientRequestToken))
	return nil, s.transact(s.tries)
}

func (s *stub) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	s.tries++
	return s.batch(s.tries, in), nil
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: &c})
	}
	return e
}

func over(s *stub) (*dynamo.Store, *int) {
	waits := 0
	return dynamo.New(dynamo.Config{
		Client: s, Tables: map[store.Table]string{store.Operators: "operators", store.Limits: "limits"},
		Sleep: func(ctx context.Context, d time.Duration) error {
			waits++
			if d < 0 || d > time.Second {
				return fmt.Errorf("waited %s", d)
			}
			return ctx.Err()
		},
	}), &waits
}

func two() []store.Change {
	put := func(sort string) store.Change {
		return store.Put(store.Item{Key: store.Key{Table: store.Operators, Partition: "p", Sort: sort}}, store.Absent)
	}
	return []store.Change{put("a"), put("b")}
}

// A transaction that met another wrote nothing: it is tried again under the same token, and in the end told as a conflict.
func TestTransactionConflict(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  int
		codes []string
		want  error
		tries int
	}{
		{"once", 1, []string{"TransactionConflict", "None"}, nil, 2},
		{"always", 100, []string{"TransactionConflict", "None"}, store.ErrConflict, 6},
		{"throttled", 100, []string{"ThrottlingError", "None"}, store.ErrUnavailable, 6},
		{"with a condition that failed", 100, []string{"TransactionConflict", "ConditionalCheckFailed"}, store.ErrConflict, 1},
		{"invalid", 100, []string{"ValidationError", "None"}, store.ErrInvalid, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stub{transact: func(try int) error {
				if try <= c.fail {
					return cancelled(c.codes...)
				}
				return nil
			}}
			st, waits := over(s)
			if err := st.Commit(t.Context(), "id", two()...); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if s.tries != c.tries || *waits != c.tries-1 {
				t.Errorf("%d tries and %d waits, want %d and %d", s.tries, *waits, c.tries, c.tries-1)
			}
			for _, token := range s.tokens {
				if token != s.tokens[0] || len(token) < 1 || len(token) > 36 {
					t.Errorf("tokens %v", s.tokens)
				}
			}
		})
	}
}

func TestTransactionStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &stub{transact: func(int) error { cancel(); return cancelled("TransactionConflict") }}
	st, _ := over(s)
	if err := st.Commit(ctx, "id", two()...); !errors.Is(err, store.ErrUnavailable) || s.tries != 1 {
		t.Errorf("got %v after %d tries, want %v after one", err, s.tries, store.ErrUnavailable)
	}
}

// What a batch leaves out is asked for again.
func TestUnprocessedKeys(t *testing.T) {
	s := &stub{batch: func(try int, in *dynamodb.BatchGetItemInput) *dynamodb.BatchGetItemOutput {
		keys := in.RequestItems["operators"].Keys
		out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
		first := map[string]types.AttributeValue{"v": &types.AttributeValueMemberN{Value: "1"}, "c": &types.AttributeValueMemberS{Value: "x"}}
		for k, v := range keys[0] {
			first[k] = v
		}
		out.Responses["operators"] = []map[string]types.AttributeValue{first}
		if len(keys) > 1 {
			out.UnprocessedKeys = map[string]types.KeysAndAttributes{"operators": {Keys: keys[1:]}}
		}
		return out
	}}
	st, _ := over(s)
	key := func(sort string) store.Key { return store.Key{Table: store.Operators, Partition: "p", Sort: sort} }
	items, err := st.Get(t.Context(), key("a"), key("b"), key("c"))
	if err != nil || s.tries != 3 {
		t.Fatalf("got %v after %d tries", err, s.tries)
	}
	for _, i := range items {
		if !i.Exists() {
			t.Errorf("%s is missing", i.Key)
		}
	}
}

// A take whose answer was lost, and that the SDK makes again, finds itself.
func TestTakeAgainAfterLostReply(t *testing.T) {
	st := dynamo.New(dynamo.Config{Client: &lostUpdates{}, Tables: map[store.Table]string{store.Limits: "limits"}})
	taken, err := st.Take(t.Context(), limit.Budget{Key: "b", Burst: 1, Every: time.Minute}, 1, time.Unix(1e9, 0))
	if err != nil || !taken.OK {
		t.Errorf("got %+v, %v", taken, err)
	}
}

// lostUpdates answers as DynamoDB does to the second of two same updates: the condition fails, and the old item is the first's.
type lostUpdates struct{ dynamo.API }

func (s *lostUpdates) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	return nil, &types.ConditionalCheckFailedException{Item: map[string]types.AttributeValue{
		"pk": in.Key["pk"], "sk": in.Key["sk"], "v": &types.AttributeValueMemberN{Value: "0"}, "c": in.ExpressionAttributeValues[":id"],
		"f.tat": in.ExpressionAttributeValues[":next"],
	}}
}

func TestTableThatWasNotGiven(t *testing.T) {
	st, _ := over(&stub{})
	_, err := st.Get(t.Context(), store.Key{Table: store.Notices, Partition: "p", Sort: "s"})
	if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "Notices") {
		t.Errorf("got %v, want %v naming the table", err, store.ErrInvalid)
	}
}
