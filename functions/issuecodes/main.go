// Command issuecodes resolves queued requests for codes, and puts the mails into the outbox.
package main

import (
	"context"

	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/onaws/worker"
	"postern/shared/queue"
)

func main() {
	p := worker.Load("issuecodes", withkeys.KMS, withqueues.SQS)
	worker.StartQueue(p, func(ctx context.Context, m queue.Message) error { return p.Service.IssueCode(ctx, m.AccountID, m.ID) })
}
