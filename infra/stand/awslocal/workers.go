package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// workers wake the functions of queues and schedules, as Lambda's pollers and EventBridge Scheduler do.
type workers struct {
	stand     *stand
	queues    []poller
	schedules map[string]schedule // by the name of the folder under functions/
}

// poller is an event source mapping: a queue, and the function that gets its messages.
type poller struct {
	function, arn, url string
	batch              int32
}

type schedule struct {
	function string
	every    time.Duration
}

// newWorkers reads from the template who is woken by what.
func newWorkers(s *stand) (*workers, error) {
	w := &workers{stand: s, schedules: map[string]schedule{}}
	for _, r := range s.template.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var f struct {
			Events map[string]struct {
				Type       string `yaml:"Type"`
				Properties struct {
					Queue      string `yaml:"Queue"`
					Batch      int32  `yaml:"BatchSize"`
					Expression string `yaml:"ScheduleExpression"`
				} `yaml:"Properties"`
			} `yaml:"Events"`
		}
		if err := r.Properties.Decode(&f); err != nil {
			return nil, fmt.Errorf("read events of %s: %w", r.Name, err)
		}
		for _, e := range f.Events {
			switch e.Type {
			case "SQS":
				name := e.Properties.Queue
				url, ok := s.services.queues[name]
				if !ok {
					return nil, fmt.Errorf("%s is woken by the queue %s, which the stand has not", r.Name, name)
				}
				w.queues = append(w.queues, poller{r.Name, s.services.values[name], url, max(e.Properties.Batch, 1)})
			case "ScheduleV2":
				every, err := rate(e.Properties.Expression)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", r.Name, err)
				}
				w.schedules[strings.ToLower(strings.TrimSuffix(r.Name, "Function"))] = schedule{r.Name, every}
			}
		}
	}
	return w, nil
}

// rate reads rate(5 minutes).
func rate(expression string) (time.Duration, error) {
	var n int
	var unit string
	if _, err := fmt.Sscanf(strings.TrimSuffix(expression, ")"), "rate(%d %s", &n, &unit); err != nil {
		return 0, fmt.Errorf("schedule %q: %w", expression, err)
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	d, ok := units[strings.TrimSuffix(unit, "s")]
	if !ok || n < 1 {
		return 0, fmt.Errorf("schedule %q is no rate", expression)
	}
	return time.Duration(n) * d, nil
}

// run wakes functions until ctx ends.
func (w *workers) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range w.queues {
		all.Go(func() { w.poll(ctx, p) })
	}
	for _, s := range w.schedules {
		all.Go(func() {
			tick := time.NewTicker(s.every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					if err := w.wake(ctx, s); err != nil && ctx.Err() == nil {
						w.stand.log.Error("a scheduled function failed, the clock wakes it again", "error", err)
					}
				}
			}
		})
	}
	all.Wait()
}

// wake sends a function what EventBridge Scheduler sends when the schedule names no input.
func (w *workers) wake(ctx context.Context, s schedule) error {
	_, err := w.stand.functions.invoke(ctx, s.function, map[string]any{
		"version": "0", "id": rand.Text(), "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "000000000000",
		"time": time.Now().UTC().Format(time.RFC3339), "region": region,
		"resources": []string{"arn:aws:scheduler:" + region + ":000000000000:schedule/default/" + s.function}, "detail": "{}",
	})
	return err
}

// poll brings messages to a function until ctx ends. What the function does not report as failed is deleted; the rest becomes
// visible again after the queue's timeout, and in the end goes to the dead-letter queue.
func (w *workers) poll(ctx context.Context, p poller) {
	client := w.stand.services.sqs
	for ctx.Err() == nil {
		got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &p.url, MaxNumberOfMessages: min(p.batch, 10), WaitTimeSeconds: 5,
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			if ctx.Err() == nil {
				w.stand.log.Error("receive", "queue", p.url, "error", err)
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
			continue
		}
		if len(got.Messages) == 0 {
			continue
		}
		if err := w.deliver(ctx, p, got.Messages); err != nil && ctx.Err() == nil {
			w.stand.log.Error("a batch failed, it is delivered again", "queue", p.url, "error", err)
		}
	}
}

func (w *workers) deliver(ctx context.Context, p poller, messages []sqstypes.Message) error {
	var e events.SQSEvent
	for _, m := range messages {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Md5OfBody: *m.MD5OfBody, Attributes: m.Attributes,
			EventSource: "aws:sqs", EventSourceARN: p.arn, AWSRegion: region,
		})
	}
	answer, err := w.stand.functions.invoke(ctx, p.function, e)
	if err != nil {
		return err
	}
	var said events.SQSEventResponse
	if err := json.Unmarshal(answer, &said); err != nil {
		return fmt.Errorf("read answer of %s: %w", p.function, err)
	}
	failed := map[string]bool{}
	for _, f := range said.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	for _, m := range messages {
		if !failed[*m.MessageId] {
			_, e := w.stand.services.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &p.url, ReceiptHandle: m.ReceiptHandle})
			err = errors.Join(err, e)
		}
	}
	return err
}

// job runs a scheduled function now, and returns when what waits in the queues, or is being worked on, is done.
func (w *workers) job(ctx context.Context, name string) error {
	if err := w.wake(ctx, w.schedules[name]); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := w.waiting(ctx)
		if err != nil || !waiting {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// waiting reports whether a message waits, or is with a function.
func (w *workers) waiting(ctx context.Context) (bool, error) {
	for _, p := range w.queues {
		got, err := w.stand.services.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &p.url, AttributeNames: []sqstypes.QueueAttributeName{
				sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			},
		})
		if err != nil {
			return false, fmt.Errorf("look at queue: %w", err)
		}
		for _, n := range got.Attributes {
			if n != "0" {
				return true, nil
			}
		}
	}
	return false, nil
}
