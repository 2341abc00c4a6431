// Command resetconfirm serves the routes of web.ResetConfirm behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.ResetConfirm(), withkeys.KMS, withqueues.SQS) }
