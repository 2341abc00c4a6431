package dynamo_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"postern/infra/template"
	"postern/shared/store"
	"postern/shared/store/dynamo"
)

// endpoint is where DynamoDB Local is, or skips the test.
func endpoint(t *testing.T) string {
	t.Helper()
	endpoint := os.Getenv("POSTERN_DYNAMODB_ENDPOINT")
	if endpoint == "" {
		t.Skip("needs DynamoDB Local: infra/stand/with-dynamodb.sh go test ./shared/store/dynamo")
	}
	return endpoint
}

func client(endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "local", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		DisableValidateResponseChecksum: true, // it sends none, and each 4xx would log a warning
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	}, options...)
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
		if _, err := client.CreateTable(t.Context(), d.Create(name)); err != nil {
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

// onLocal is a store on DynamoDB Local whose requests run through faults, which may be nil.
func onLocal(t *testing.T, f *faults) store.Store {
	t.Helper()
	at := endpoint(t)
	names := tables(t, client(at))
	return dynamo.New(dynamo.Config{Client: dynamo.ClientOf(client(at, f.install)), Tables: names})
}

// scripted is a store that nobody stands behind: answer says what each request gets. It also counts requests and waits.
func scripted(t *testing.T, answer func(operation string, try int) (any, error)) (s *dynamo.Store, f *faults, waits *int) {
	f = &faults{instead: func(operation string, try int, _ any) (any, error) { return answer(operation, try) }}
	waits = new(int)
	return dynamo.New(dynamo.Config{
		Client: dynamo.ClientOf(client("http://nobody.invalid", f.install)),
		Tables: map[store.Table]string{store.Operators: "operators", store.Limits: "limits"},
		Jitter: func() float64 { return 0.5 },
		Sleep: func(ctx context.Context, d time.Duration) error {
			if want := 8 * time.Millisecond << *waits; d != want {
				t.Errorf("wait %d takes %s, want %s", *waits, d, want)
			}
			*waits++
			return ctx.Err()
		},
	}), f, waits
}

// faults stands between the SDK's retryer and the network: what it does happens to each try.
type faults struct {
	mu       sync.Mutex
	requests []any // the inputs, one for each try
	tries    map[string]int

	// instead answers in place of DynamoDB, from try 1 of an operation on; nil: DynamoDB is asked.
	instead func(operation string, try int, in any) (any, error)
	// lose has the reply to the first try of a request lost, after it was done, so that the SDK repeats it.
	lose func(operation string) bool
	// change edits a request before it is sent.
	change func(in any)
}

type lostReply struct{}

func (lostReply) Error() string        { return "connection was reset" }
func (lostReply) RetryableError() bool { return true }

type callKey struct{}

// call is one call of the SDK, which may take several tries.
type call struct {
	input any
	tries int
}

func (f *faults) install(o *dynamodb.Options) {
	if f == nil {
		return
	}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		keep := middleware.InitializeMiddlewareFunc("KeepInput",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				if f.change != nil {
					f.change(in.Parameters)
				}
				return next.HandleInitialize(context.WithValue(ctx, callKey{}, &call{input: in.Parameters}), in)
			})
		fault := middleware.FinalizeMiddlewareFunc("Faults", f.try)
		if err := stack.Initialize.Add(keep, middleware.After); err != nil {
			return err
		}
		return stack.Finalize.Insert(fault, "Retry", middleware.After)
	})
}

func (f *faults) try(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
) {
	operation, c := awsmiddleware.GetOperationName(ctx), ctx.Value(callKey{}).(*call)
	c.tries++
	f.mu.Lock()
	if f.tries == nil {
		f.tries = map[string]int{}
	}
	f.tries[operation]++
	try := f.tries[operation]
	f.requests = append(f.requests, c.input)
	f.mu.Unlock()
	if f.instead != nil {
		out.Result, err = f.instead(operation, try, c.input)
		return out, metadata, err
	}
	out, metadata, err = next.HandleFinalize(ctx, in)
	if err == nil && c.tries == 1 && f.lose != nil && f.lose(operation) {
		return middleware.FinalizeOutput{}, metadata, lostReply{}
	}
	return out, metadata, err
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c)})
	}
	return e
}
