// Command sweepoutbox sends again what stands in the outbox undone. The clock wakes it.
package main

import (
	"postern/shared/onaws/withqueues"
	"postern/shared/onaws/worker"
)

func main() {
	p := worker.Load("sweepoutbox", withqueues.SQS)
	worker.StartTimer(p.Service.SweepOutbox)
}
