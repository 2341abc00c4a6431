// Command resetrequest serves the routes of web.ResetRequest behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.ResetRequest(), withkeys.KMS, withqueues.SQS) }
