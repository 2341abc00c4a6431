// Command sendmail sends the mails of the outbox through SES. It is the only function that may.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"postern/shared/access"
	"postern/shared/mail/ses"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/worker"
	"postern/shared/queue"
)

func main() {
	p := worker.Load("sendmail", withkeys.KMS)
	sender := ses.New(ses.Config{
		Client: ses.ClientOf(sesv2.NewFromConfig(p.AWS)), ConfigurationSet: p.Settings.MailSet, ReplyTo: p.Settings.MailReplyTo,
	})
	mailer := access.NewMailer(p.Service, sender, p.Settings.MailFrom)
	worker.StartQueue(p, func(ctx context.Context, m queue.Message) error { return mailer.SendMail(ctx, m.AccountID, m.ID) })
}
