// Package worker starts the functions that queues and the clock wake.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"postern/shared/onaws"
	"postern/shared/queue"
)

// margin is what is kept of a function's time, so that it ends by itself: what is not done then is delivered, or found, again.
const margin = 3 * time.Second

// atOnce is how many messages of a batch are worked on at the same time.
const atOnce = 5

// Load gives the parts of the function of this name, or says what is wrong with its configuration and ends the program.
func Load(name string, adapters ...onaws.Adapter) *onaws.Parts {
	p, err := onaws.Load(name, adapters...)
	if err != nil {
		onaws.Fail(err)
	}
	return p
}

// StartQueue handles messages of a queue until the environment is taken away. It does not return.
func StartQueue(p *onaws.Parts, handle queue.Handler) { lambda.Start(QueueHandler(p.Log, handle)) }

// StartEvents handles messages whose body is somebody else's: events of an AWS service. It does not return.
func StartEvents(p *onaws.Parts, handle func(ctx context.Context, body string) error) {
	lambda.Start(batchHandler(p.Log, handle))
}

// QueueHandler makes the handler of a queue's events.
func QueueHandler(log *slog.Logger, handle queue.Handler) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return batchHandler(log, func(ctx context.Context, body string) error {
		m, err := queue.Parse(body)
		if err != nil {
			return err
		}
		return handle(ctx, m)
	})
}

// batchHandler takes batches of messages apart. Each message succeeds or fails by itself: what failed, what is no message
// of ours, and what there was no time for is reported, delivered again, and in the end stands in the dead-letter queue.
func batchHandler(log *slog.Logger, handle func(context.Context, string) error) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		ctx, cancel := withMargin(ctx)
		defer cancel()
		if len(e.Records) == 0 {
			return events.SQSEventResponse{}, errors.New("not an event of a queue: it holds no messages")
		}
		failed := make([]bool, len(e.Records))
		slots := make(chan struct{}, atOnce)
		var wg sync.WaitGroup
		for i, r := range e.Records {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := work(ctx, handle, r.Body); err != nil {
					failed[i] = true
					log.ErrorContext(ctx, "message failed", "messageId", r.MessageId, "receives", r.Attributes["ApproximateReceiveCount"], "error", err)
				}
			})
		}
		wg.Wait()
		answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for i, r := range e.Records {
			if failed[i] {
				answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			}
		}
		return answer, nil
	}
}

func work(ctx context.Context, handle func(context.Context, string) error, body string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return handle(ctx, body)
}

// StartTimer runs a job each time the clock wakes the function. It does not return. What wakes it says nothing that matters:
// the job finds out by itself what there is to do.
func StartTimer(job func(context.Context) error) {
	lambda.Start(func(ctx context.Context) error {
		ctx, cancel := withMargin(ctx)
		defer cancel()
		return job(ctx)
	})
}

func withMargin(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, end.Add(-margin))
	}
	return context.WithCancel(ctx)
}
