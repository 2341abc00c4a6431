// Command expirepasswords mails warnings before passwords expire, and the expiry. The clock wakes it.
package main

import "postern/shared/onaws/worker"

func main() {
	p := worker.Load("expirepasswords")
	worker.StartTimer(p.Service.ExpirePasswords)
}
