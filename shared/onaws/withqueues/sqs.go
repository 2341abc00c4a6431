// Package withqueues gives a function queues to send to.
package withqueues

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"postern/shared/access"
	"postern/shared/onaws"
	queuesqs "postern/shared/queue/sqs"
)

// SQS is the adapter.
func SQS(p *onaws.Parts, c *access.Config) {
	c.Queue = queuesqs.New(queuesqs.Config{Client: queuesqs.ClientOf(sqs.NewFromConfig(p.AWS)), URLs: p.Settings.Queues})
}
