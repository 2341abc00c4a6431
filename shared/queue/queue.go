// Package queue is the port to work that is done later: a message names an outbox item, and nothing else, so that no queue
// and no dead-letter queue ever holds a secret or anything personal. The adapters are queue/inproc (one machine) and
// queue/sqs; both pass the suite in queue/queuetest.
//
// Delivery is at least once and in no order: receivers are prepared to see a message again.
package queue

import "context"

// Queue names a queue.
type Queue string

// The queues.
const (
	Mail  Queue = "mail"  // outbox items that are mails to send
	Codes Queue = "codes" // outbox items that are requests for codes to be resolved
)

// Message is what is sent: the key of an outbox item.
type Message struct {
	AccountID string `json:"accountId"`
	ID        string `json:"id"`
}

// Sender puts messages into a queue.
type Sender interface {
	// Send hands m over, best effort: the outbox sweep sends again what was never done. Safe for concurrent use.
	Send(ctx context.Context, q Queue, m Message) error
}

// Handler does the work that a message names. An error means: deliver it again later. It must be safe for concurrent use.
type Handler func(ctx context.Context, m Message) error
