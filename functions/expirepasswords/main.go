// Command expirepasswords mails warnings before passwords expire, and the expiry. The clock wakes it.
package main

import (
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/onaws/worker"
)

func main() {
	p := worker.Load("expirepasswords", withkeys.KMS, withqueues.SQS)
	worker.StartTimer(p.Service.ExpirePasswords)
}
