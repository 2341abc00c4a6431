// Package onaws puts Postern together as functions of AWS Lambda: settings, clients and adapters. Its packages gateway and worker
// start what is asked over HTTP, and what queues, SES and the clock wake; withkeys and withqueues hold adapters that only some link.
//
// A function gets what the table in functions.go says that it needs and no more. What is missing or wrong in its settings it
// names, and does not start.
package onaws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"postern/shared/access"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/store/dynamo"
)

// Parts are what a function works with.
type Parts struct {
	Name     string
	Needs    Needs
	Settings Settings
	Service  *access.Service
	Log      *slog.Logger
	// AWS is for the clients that a function has besides: that of SES.
	AWS aws.Config
}

// Bounds of one request to an AWS service, which together stay well inside the gateway's 29 seconds.
const (
	tryTimeout = 3 * time.Second
	tries      = 3
	maxBackoff = 500 * time.Millisecond
)

// hashQueue is how many requests of one environment wait for a core: Lambda gives an environment one request at a time.
const hashQueue = 1

// Adapter adds to a Service what only some functions have: withkeys.KMS, withqueues.SQS. A function's main names it, so that no other
// links it.
type Adapter func(*Parts, *access.Config)

// Load reads the environment and makes the parts of the function of this name, with the adapters that it needs.
func Load(name string, adapters ...Adapter) (*Parts, error) {
	return load(name, os.Getenv, adapters...)
}

func load(name string, getenv func(string) string, adapters ...Adapter) (*Parts, error) {
	needs, ok := Functions()[name]
	if !ok {
		return nil, fmt.Errorf("no function %s in the table of functions", name)
	}
	s, err := needs.Read(getenv)
	if err != nil {
		return nil, err
	}
	p := &Parts{Name: name, Needs: needs, Settings: s, Log: slog.New(lambdacontext.NewLogHandler()), AWS: configuration(getenv)}
	slog.SetDefault(p.Log)
	c := access.Config{
		Store: dynamo.New(dynamo.Config{Client: dynamo.ClientOf(dynamodb.NewFromConfig(p.AWS)), Tables: s.Tables}),
		Queue: noQueue{}, Now: clock(getenv), Log: p.Log, Origin: s.Origin,
	}
	for _, add := range adapters {
		add(p, &c)
	}
	if needs.Keys && c.Keys == nil || (needs.Signs || needs.Verifies) && c.Signer == nil || len(needs.Queues) > 0 && c.Queue == queue.Sender(noQueue{}) {
		return nil, fmt.Errorf("functions/%s/main.go lacks an adapter that the table of functions says it needs", name)
	}
	if needs.Hashing {
		if c.Hasher, err = password.New(password.DefaultParams, runtime.GOMAXPROCS(0), hashQueue, rand.Reader); err != nil {
			return nil, err
		}
	}
	p.Service = access.New(c)
	return p, nil
}

// configuration is what clients need in a function, whose credentials and region Lambda puts into the environment. The SDK's
// own way of finding out would link, and start, those for SSO, EC2 and profiles as well.
func configuration(getenv func(string) string) aws.Config {
	c := aws.Config{
		Region: getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")),
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(tryTimeout),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = tries, maxBackoff })
		},
	}
	// The SDK's own name for a stand's endpoint.
	if at := getenv("AWS_ENDPOINT_URL"); at != "" {
		c.BaseEndpoint = &at
	}
	return c
}

// noQueue is the queue of a function that has none.
type noQueue struct{}

func (noQueue) Send(_ context.Context, q queue.Queue, _ queue.Message) error {
	return fmt.Errorf("this function sends nothing to the queue %s", q)
}

// Fail says why a function does not start, one line for each reason, and ends the program.
func Fail(err error) {
	log := slog.New(lambdacontext.NewLogHandler())
	reasons := []error{err}
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		reasons = joined.Unwrap()
	}
	for _, e := range reasons {
		log.Error("the function cannot start", "reason", e.Error())
	}
	os.Exit(1)
}
