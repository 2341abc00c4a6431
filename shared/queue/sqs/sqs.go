// Package sqs puts messages into queues of Amazon SQS.
//
// Delivery is at least once and in no order (standard queues). What fails again and again SQS moves to the queue's
// dead-letter queue; [Queue.Redrive] brings it back.
package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"postern/shared/queue"
)

// Client is the request to SQS that a Queue makes: that of [ClientOf]. Why it is no sqs.Client: see dynamo.Client.
type Client struct {
	SendMessage func(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// ClientOf gives the request of the SDK's client.
func ClientOf(c *sqs.Client) Client { return Client{c.SendMessage} }

// Config is what a Queue works with.
type Config struct {
	Client Client
	URLs   map[queue.Queue]string // where each queue is; one that is missing cannot be sent to
	// Timeout is how long a Send may take: it stands at the end of a request, and what it cannot hand over the outbox sweep
	// does. 0: 2 s.
	Timeout time.Duration
}

// Queue implements queue.Sender. It is safe for concurrent use.
type Queue struct{ c Config }

var _ queue.Sender = (*Queue)(nil)

// New makes a Queue.
func New(c Config) *Queue {
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Second
	}
	return &Queue{c}
}

// Send implements queue.Sender.
func (q *Queue) Send(ctx context.Context, name queue.Queue, m queue.Message) error {
	url, ok := q.c.URLs[name]
	if !ok {
		return fmt.Errorf("no queue %s", name)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, q.c.Timeout)
	defer cancel()
	text := string(body)
	if _, err := q.c.Client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &text}); err != nil {
		return fmt.Errorf("send to queue %s: %w", name, err)
	}
	return nil
}

// Redrive moves what stands in a dead-letter queue back to where it came from, and returns how many messages that were. It
// ends when the queue gives no more; one that is cut off loses nothing: a message is deleted after it was sent, so the worst
// is that one is delivered twice.
func Redrive(ctx context.Context, client *sqs.Client, deadLetters, to string) (int, error) {
	moved := 0
	for {
		got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &deadLetters, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
		})
		if err != nil {
			return moved, fmt.Errorf("receive from dead-letter queue: %w", err)
		}
		if len(got.Messages) == 0 {
			return moved, nil
		}
		for _, m := range got.Messages {
			if err := move(ctx, client, m, deadLetters, to); err != nil {
				return moved, err
			}
			moved++
		}
	}
}

func move(ctx context.Context, client *sqs.Client, m types.Message, from, to string) error {
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &to, MessageBody: m.Body, MessageAttributes: m.MessageAttributes,
	}); err != nil {
		return fmt.Errorf("send to queue: %w", err)
	}
	if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: m.ReceiptHandle}); err != nil {
		return fmt.Errorf("delete from dead-letter queue: %w", err)
	}
	return nil
}
