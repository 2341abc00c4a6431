// Command sealnotices numbers, chains and signs what was noted since its last run. The clock wakes it.
package main

import (
	"context"

	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/worker"
)

func main() {
	p := worker.Load("sealnotices", withkeys.KMS)
	worker.StartTimer(func(ctx context.Context) error {
		_, err := p.Service.SealNotices(ctx, 0)
		return err
	})
}
