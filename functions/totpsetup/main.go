// Command totpsetup serves the routes of web.TOTPSetup behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.TOTPSetup(), withkeys.KMS, withqueues.SQS) }
