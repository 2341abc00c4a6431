// Command mailevents notes what became of mails: bounces, complaints, rejects and delays that SES publishes.
package main

import (
	"context"

	"postern/shared/mail/sesevents"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/worker"
)

func main() {
	p := worker.Load("mailevents", withkeys.KMS)
	worker.StartEvents(p, func(ctx context.Context, body string) error {
		e, ok, err := sesevents.Parse(body)
		if err != nil || !ok {
			return err
		}
		return p.Service.RecordMailEvent(ctx, e)
	})
}
