// Command sweepoutbox sends again what stands in the outbox undone. The clock wakes it.
package main

import "postern/shared/onaws/worker"

func main() {
	p := worker.Load("sweepoutbox")
	worker.StartTimer(p.Service.SweepOutbox)
}
